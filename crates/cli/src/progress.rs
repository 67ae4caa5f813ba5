//! Progress bars on standard error, for work that takes a while; only where a person is looking.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::Duration;

/// A bar over `total` things named `unit`.
pub(crate) fn count(total: u64, unit: &str) -> ProgressBar {
    let template = format!(
        "{{msg}} [{{bar:30}}] {{human_pos}}/{{human_len}} {unit}, {{per_sec}}, {{eta}} left"
    );
    bar(Some(total), &template)
}

/// A bar over `total` bytes.
pub(crate) fn bytes(total: u64) -> ProgressBar {
    bar(Some(total), "{msg} [{bar:30}] {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left")
}

/// A bar over bytes read, of `total` if that is known, beside a message of what became of them.
pub(crate) fn sending(total: Option<u64>) -> ProgressBar {
    let template = match total {
        Some(_) => "[{bar:30}] {bytes}/{total_bytes}, {msg}, {eta} left",
        None => "{spinner} {bytes}, {msg}",
    };
    bar(total, template)
}

fn bar(total: Option<u64>, template: &str) -> ProgressBar {
    // The target hides itself where standard error is not a terminal.
    let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
    let style =
        ProgressStyle::with_template(template).expect("the templates above are well formed");
    bar.set_style(style.progress_chars("=> "));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
