//! Compile errors: each says where it is, what is wrong there, and what is allowed instead.
//!
//! A source is read to its end where that makes sense, so that one run reports every bad column
//! and every bad SELECT item. A diagnostic's place is a byte range of the source; it never lies
//! outside of it and never splits a character, so rendering cannot fail.

use super::Source;
use ariadne::{CharSet, Config, IndexType, Label, Report, ReportKind};
use std::fmt;
use std::ops::Range;

/// One thing that is wrong with a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Name of the source, mostly a file.
    pub source: String,
    /// Line of the first character, from 1.
    pub line: usize,
    /// Column of the first character in its line, from 1, in characters.
    pub column: usize,
    /// The offending text's byte range in the source.
    pub span: Range<usize>,
    /// The offending text.
    pub text: String,
    /// What is wrong; lower case, one line.
    pub message: String,
    /// What is allowed instead; lower case, one line.
    pub help: String,
}

/// Everything that is wrong with one source, in the order of its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompileError {
    source: Source,
    diagnostics: Vec<Diagnostic>,
}

impl CompileError {
    /// What is wrong: at least one thing.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// The errors as text for people: each with its line of source and the offending text marked.
    pub fn render(&self, color: bool) -> String {
        let config = Config::default()
            .with_color(color)
            .with_char_set(CharSet::Ascii)
            .with_index_type(IndexType::Byte);
        let name = self.source.name.as_str();
        let text = ariadne::Source::from(self.source.text.as_str());
        let mut rendered = Vec::new();
        for diagnostic in &self.diagnostics {
            let place = (name, diagnostic.span.clone());
            Report::build(ReportKind::Error, place.clone())
                .with_config(config)
                .with_message(&diagnostic.message)
                // Without a message the renderer leaves the marks out.
                .with_label(Label::new(place).with_message("here"))
                .with_help(&diagnostic.help)
                .finish()
                .write((name, &text), &mut rendered)
                .expect("writing to memory does not fail");
        }
        String::from_utf8_lossy(&rendered).into_owned()
    }
}

impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.render(false).trim_end())
    }
}

impl std::error::Error for CompileError {}

/// Marks that something has been reported: the part it stands in cannot be compiled, and nothing
/// more needs to be said about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reported;

/// What compiling a part gives.
pub(super) type Compiled<T> = Result<T, Reported>;

/// A text that may quote the source, without line breaks and not endless.
fn one_line(text: String) -> String {
    const SHOWN: usize = 400;
    let is_plain = |character: char| !character.is_control();
    if text.len() <= SHOWN && text.chars().all(is_plain) {
        return text;
    }
    let mut line: String =
        text.chars().map(|c| if is_plain(c) { c } else { ' ' }).take(SHOWN).collect();
    if text.chars().nth(SHOWN).is_some() {
        line.push('…');
    }
    line
}

/// Past this many, one mistake is probably behind the rest; the first ones are what helps.
const MAX_DIAGNOSTICS: usize = 50;

/// Collects the diagnostics of one source.
pub(super) struct Reporter<'a> {
    source: &'a Source,
    diagnostics: Vec<Diagnostic>,
}

impl<'a> Reporter<'a> {
    pub(super) fn new(source: &'a Source) -> Self {
        Reporter { source, diagnostics: Vec::new() }
    }

    /// Notes that the bytes at `span` are wrong, and why, and what is allowed.
    pub(super) fn report(
        &mut self,
        span: Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Reported {
        if self.diagnostics.len() < MAX_DIAGNOSTICS {
            let before = &self.source.text[..span.start];
            let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
            self.diagnostics.push(Diagnostic {
                source: self.source.name.clone(),
                line: before.matches('\n').count() + 1,
                column: before[line_start..].chars().count() + 1,
                text: self.source.text[span.clone()].to_owned(),
                span,
                message: one_line(message.into()),
                help: one_line(help.into()),
            });
        }
        Reported
    }

    /// `Ok` if nothing was reported.
    pub(super) fn finish(mut self) -> Result<(), CompileError> {
        if self.diagnostics.is_empty() {
            return Ok(());
        }
        self.diagnostics.sort_by_key(|diagnostic| diagnostic.span.start);
        Err(CompileError { source: self.source.clone(), diagnostics: self.diagnostics })
    }
}
