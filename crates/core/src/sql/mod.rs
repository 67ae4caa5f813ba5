//! The SQL compiler: `schema.sql` and `views/*.sql` to a [`Schema`] and [`View`]s.
//!
//! ```text
//! text -> lex -> parse -> bind -> query -> plan
//!         tokens,  statements,  typed        keys, bucket,   canonical text,
//!         places   expressions  expressions  measures        fingerprint
//! ```
//!
//! The language is Trino's as far as it can be merged; the guide's view language reference is its
//! description. A compiled view holds no trace of how it was written, so two texts that mean the
//! same give the same fingerprint. Any text whatsoever gives views or a [`CompileError`]: nothing
//! here panics, and nothing recurses deeper than the limits of `lex` allow.

mod aggregate;
mod bind;
mod data_type;
mod dialect;
mod error;
mod function;
mod lex;
mod literal;
mod operator;
mod parse;
mod place;
mod plan;
mod predicate;
mod query;
mod refused;
mod scope;
mod suggest;
mod system;
mod table;
mod width;

use crate::schema::Schema;
use crate::view::View;
use error::{Compiled, Reporter};
use lex::Lexed;

pub use error::{CompileError, Diagnostic};
pub use system::records_view;

/// A source text and the name to show for it in errors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// File name or the like.
    pub name: String,
    /// The SQL.
    pub text: String,
}

/// Compiles the one `CREATE TABLE` of `source`.
pub fn compile_schema(source: &Source) -> Result<Schema, CompileError> {
    let mut reporter = Reporter::new(source);
    let schema = schema(source, &mut reporter);
    finish(schema, reporter)
}

/// Compiles every `CREATE MATERIALIZED VIEW` of `source`, of which there is at least one. None may
/// have a name of `taken`, the views of the project's other sources.
pub fn compile_views(
    schema: &Schema,
    source: &Source,
    taken: &[&str],
) -> Result<Vec<View>, CompileError> {
    compile_all(&query::Context { schema, acceptance: schema, taken, system: false }, source)
}

fn compile_all(context: &query::Context<'_>, source: &Source) -> Result<Vec<View>, CompileError> {
    let mut reporter = Reporter::new(source);
    let views = views(context, source, &mut reporter);
    finish(views, reporter)
}

fn schema(source: &Source, reporter: &mut Reporter<'_>) -> Compiled<Schema> {
    let lexed = Lexed::new(source, reporter)?;
    let statement = table::only_statement(&lexed, reporter)?;
    let table = parse::table(&lexed, statement, reporter)?;
    table::compile(&table, reporter)
}

fn views(
    context: &query::Context<'_>,
    source: &Source,
    reporter: &mut Reporter<'_>,
) -> Compiled<Vec<View>> {
    let lexed = Lexed::new(source, reporter)?;
    let statements = lexed.statements();
    if statements.is_empty() {
        let help = "write CREATE MATERIALIZED VIEW name AS SELECT …";
        return Err(reporter.report(0..0, "the source has no view", help));
    }
    let mut views: Vec<Compiled<View>> = Vec::new();
    for statement in statements {
        let view = parse::view(&lexed, statement, reporter);
        let compiled = view.and_then(|view| {
            let is_taken = |name: &str| name.eq_ignore_ascii_case(&view.name.text);
            let before = views.iter().flatten().map(|view| view.name.as_str());
            if before.chain(context.taken.iter().copied()).any(is_taken) {
                let message = format!("`{}` is the name of two views", view.name.text);
                let help = "give it another name; letter case does not count";
                return Err(reporter.report(view.name.span.clone(), message, help));
            }
            query::compile(context, &lexed, &view, reporter)
        });
        views.push(compiled);
    }
    views.into_iter().collect()
}

/// What was compiled, or every error that was reported on the way.
fn finish<T>(compiled: Compiled<T>, reporter: Reporter<'_>) -> Result<T, CompileError> {
    reporter.finish()?;
    Ok(compiled.expect("whatever fails to compile is reported"))
}
