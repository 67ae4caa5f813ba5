//! Log lines on standard error: time, level, part, and what happened as `name=value`.

use crate::clock;
use std::fmt::{Display, Write as _};
use std::io::{self, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};

static ONLY_ERRORS: AtomicBool = AtomicBool::new(false);

/// Leaves out everything but errors from here on.
pub(crate) fn only_errors() {
    ONLY_ERRORS.store(true, Ordering::Relaxed);
}

/// Something worth knowing has happened.
pub(crate) fn info(part: &str, fields: &[(&str, &dyn Display)]) {
    if !ONLY_ERRORS.load(Ordering::Relaxed) {
        write("info", part, fields);
    }
}

/// Something is not as it was left, and has been dealt with.
pub(crate) fn warning(part: &str, fields: &[(&str, &dyn Display)]) {
    write("warn", part, fields);
}

fn write(level: &str, part: &str, fields: &[(&str, &dyn Display)]) {
    let mut text = String::new();
    for (name, value) in fields {
        // Writing to a String does not fail.
        let _ = write!(text, " {}={}", name.replace([' ', ','], "_"), quoted(&value.to_string()));
    }
    line(level, part, &text);
}

/// Something does not work.
pub(crate) fn error(part: &str, error: &dyn Display) {
    line("error", part, &format!(" error={}", quoted(&error.to_string())));
}

fn line(level: &str, part: &str, text: &str) {
    let now = jiff::Timestamp::from_millisecond(clock::now_ms()).unwrap_or_default();
    // One write, so that lines of several threads do not mix; nobody is left to tell if it fails.
    let line = format!("{now:.3} {level:<5} {part}{text}\n");
    let _ = io::stderr().lock().write_all(line.as_bytes());
}

/// Plain words as they are, anything else in quotes.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:/+%".contains(c);
    if !text.is_empty() && text.chars().all(plain) { text.to_owned() } else { format!("{text:?}") }
}
