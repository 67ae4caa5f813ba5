//! Any text gives views or an error: no panic, no overflow of the stack, no endless work. And what
//! compiles, however odd, can be evaluated.

use super::golden::File;
use super::{schema, typed, views};
use anabranch_core::sql::CompileError;
use proptest::prelude::*;
use proptest::sample::Index;
use std::time::{Duration, Instant};

const SCHEMA: &str = "CREATE TABLE events (t TIMESTAMP(3), a BIGINT, b BOOLEAN, s VARCHAR, \
                      d DECIMAL(12,2), o STRUCT<s VARCHAR>) \
                      WITH (format = 'json', event_time = 't')";

/// Checks what holds for every error, whatever was compiled.
fn check(error: &CompileError, text: &str) {
    assert!(!error.diagnostics().is_empty());
    for diagnostic in error.diagnostics() {
        assert_eq!(diagnostic.text, text[diagnostic.span.clone()]);
        assert!(!diagnostic.message.is_empty() && !diagnostic.help.is_empty());
        assert!(!diagnostic.message.contains('\n') && !diagnostic.help.contains('\n'));
        assert!(diagnostic.line >= 1 && diagnostic.column >= 1);
    }
    assert!(error.render(false).contains(&error.diagnostics()[0].message));
    assert!(!error.render(true).is_empty());
}

/// Compiles `text` as a schema and as views.
fn compile(text: &str) {
    if let Err(error) = schema(text) {
        check(&error, text);
    }
    if let Err(error) = views(&schema(SCHEMA).unwrap(), text) {
        check(&error, text);
    }
}

/// Runs `work` with half the stack that a worker thread of a server has.
fn on_a_small_stack(work: impl FnOnce() + Send) {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(1 << 20);
        thread.spawn_scoped(scope, work).unwrap().join().unwrap();
    });
}

/// A view that selects `expression`.
fn view_of(expression: &str) -> String {
    format!(
        "CREATE MATERIALIZED VIEW v AS SELECT {expression} AS x, count(*) AS n FROM events GROUP BY 1"
    )
}

#[test]
fn deep_nesting_is_an_error_and_not_a_crash() {
    const MANY: usize = 20_000;
    let around = |open: &str, inner: &str, close: &str| {
        format!("{}{inner}{}", open.repeat(MANY), close.repeat(MANY))
    };
    let mut texts: Vec<String> = [
        around("(", "a", ")"),
        around("(", "a", ""),
        around("abs(", "a", ")"),
        around("CASE WHEN b THEN ", "a", " END"),
        around("CASE ", "a", ""),
        around("NOT ", "b", ""),
        around("- ", "a", ""),
        around("a + ", "a", ""),
        around("a = ", "a", ""),
        around("b OR ", "b", ""),
        around("s || ", "s", ""),
        around("b", "", " IS NULL"),
        around("a", "", "::BIGINT"),
        around("a", "", "[1]"),
        around("a", "", ".a"),
        around("CAST(", "a", " AS BIGINT)"),
        around("CAST(a AS ARRAY<", "a", ">"),
        around("ARRAY<", "a", ">"),
        around("STRUCT<a ", "a", ">"),
        around("INTERVAL ", "'1'", " DAY"),
        around("a BETWEEN 1 AND ", "2", ""),
        around("a IN (", "1", ")"),
        around("EXISTS (SELECT ", "1", ")"),
        around("(SELECT ", "1", ")"),
        around("end + (", "a", ")"),
        around("f(a, ", "a", ")"),
    ]
    .iter()
    .map(|expression| view_of(expression))
    .collect();
    let nested = around("STRUCT<a ", "BIGINT", ">");
    let rows = around("ROW(a BIGINT, a ", "BIGINT", ")");
    let arrays = around("ARRAY<", "BIGINT", ">");
    for ty in [nested, rows, arrays] {
        texts.push(format!("CREATE TABLE t (a {ty}) WITH (format = 'json')"));
    }
    texts.push(around("EXPLAIN ", "SELECT 1", ""));
    texts.push(around("SELECT 1 UNION ", "SELECT 1", ""));
    on_a_small_stack(|| {
        for text in &texts {
            compile(text);
            let error = views(&schema(SCHEMA).unwrap(), text).unwrap_err();
            check(&error, text);
        }
    });
}

/// As deep as the limits allow, everything that recurses over the result must do with little stack.
#[test]
fn the_deepest_allowed_expression_compiles_on_a_small_stack() {
    on_a_small_stack(|| {
        let schema = schema(SCHEMA).unwrap();
        let chain = vec!["a"; 240].join(" + ");
        let nested = format!("{}a{}", "abs(".repeat(31), ")".repeat(31));
        for expression in [chain, nested] {
            let views = views(&schema, &view_of(&expression)).unwrap();
            assert!(views[0].plan.contains("key x BIGINT"));
        }
    });
}

#[test]
fn operands_that_are_copied_cannot_blow_up() {
    let start = Instant::now();
    let between = (0..28).fold("b".to_owned(), |x, _| format!("({x} BETWEEN b AND b)"));
    let case = (0..28).fold("a".to_owned(), |x, _| format!("CASE ({x}) WHEN 1 THEN 2 ELSE 3 END"));
    let wide = format!("a IN ({})", vec!["a + a"; 20_000].join(", "));
    let branches = format!("CASE a + 1 {} END", "WHEN 1 THEN 2 ".repeat(20_000));
    let parens = format!("{}a{}", "(".repeat(31), ")".repeat(31));
    for expression in [between, case, wide, branches, parens] {
        compile(&view_of(&expression));
    }
    assert!(start.elapsed() < Duration::from_secs(10), "took {:?}", start.elapsed());
}

#[test]
fn a_source_of_the_greatest_size_is_compiled_in_reasonable_time() {
    let start = Instant::now();
    let items = "sum(a) AS x, ".repeat(70_000);
    compile(&format!("CREATE MATERIALIZED VIEW v AS SELECT {items} count(*) AS n FROM events"));
    compile(&"CREATE MATERIALIZED VIEW v AS SELECT count(*) AS n FROM events;\n".repeat(16_000));
    let list = vec!["'a text'"; 90_000].join(", ");
    compile(&view_of(&format!("s IN ({list})")));
    compile(&"a".repeat(2 << 20));
    compile(&"'".repeat((1 << 20) - 1));
    compile(&"(".repeat(1 << 20));
    assert!(start.elapsed() < Duration::from_secs(30), "took {:?}", start.elapsed());
}

/// Found by counting allocations: every column's name was compared with every one before, and put in
/// small letters each time. What a source of the greatest size declares took many minutes.
#[test]
fn as_many_columns_as_a_source_holds_are_declared() {
    const COLUMNS: usize = 60_000;
    let columns: String = (0..COLUMNS).map(|i| format!("c{i:05} BIGINT, ")).collect();
    let text = format!(
        "CREATE TABLE t ({columns} t TIMESTAMP(3)) WITH (format = 'json', event_time = 't')"
    );
    assert_eq!(schema(&text).unwrap().columns.len(), COLUMNS + 1);
}

/// Pieces to write into a text where they do not belong.
const PIECES: [&str; 40] = [
    "(",
    ")",
    ",",
    ";",
    "'",
    "\"",
    ".",
    "*",
    "-",
    "--",
    "/*",
    "*/",
    "<",
    ">",
    ">>",
    "=",
    "||",
    "::",
    " NULL ",
    " NOT ",
    " AND ",
    " IN ",
    " FROM ",
    " GROUP BY ",
    " AS ",
    " CASE ",
    " WHEN ",
    " END ",
    " FILTER ",
    " OVER ",
    " INTERVAL ",
    " DISTINCT ",
    " 9223372036854775808 ",
    " 1e999 ",
    "\n",
    "\r",
    "\u{2028}",
    "é",
    "\0",
    "𝄞",
];

#[derive(Debug, Clone)]
enum Mutation {
    Insert(Index, usize),
    Delete(Index, usize),
    Copy(Index, Index, usize),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    prop_oneof![
        (any::<Index>(), 0..PIECES.len()).prop_map(|(at, piece)| Mutation::Insert(at, piece)),
        (any::<Index>(), 1..20usize).prop_map(|(at, length)| Mutation::Delete(at, length)),
        (any::<Index>(), any::<Index>(), 1..40usize)
            .prop_map(|(from, to, length)| Mutation::Copy(from, to, length)),
    ]
}

fn mutate(text: &str, mutations: &[Mutation]) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    for mutation in mutations {
        let places = characters.len() + 1;
        match mutation {
            Mutation::Insert(at, piece) => {
                let at = at.index(places);
                characters.splice(at..at, PIECES[*piece].chars());
            }
            Mutation::Delete(at, length) => {
                let at = at.index(places);
                characters.drain(at..(at + length).min(characters.len()));
            }
            Mutation::Copy(from, to, length) => {
                let (from, to) = (from.index(places), to.index(places));
                let end = (from + length).min(characters.len());
                let copied: Vec<char> = characters[from..end].to_vec();
                characters.splice(to..to, copied);
            }
        }
    }
    characters.into_iter().collect()
}

#[test]
fn no_mutation_of_a_golden_text_makes_the_compiler_panic() {
    let files = File::read_all();
    let texts: Vec<&str> =
        files.iter().flat_map(|file| &file.cases).map(|case| case.sql.as_str()).collect();
    let schema = files.iter().find_map(|file| file.schema.as_ref()).unwrap();
    let config = ProptestConfig { cases: 4_000, failure_persistence: None, ..Default::default() };
    let strategy = (any::<Index>(), prop::collection::vec(mutation(), 1..4));
    proptest!(config, |((text, mutations) in strategy)| {
        let text = mutate(texts[text.index(texts.len())], &mutations);
        if let Err(error) = super::schema(&text) {
            check(&error, &text);
        }
        match views(schema, &text) {
            Ok(views) => views.iter().for_each(|view| typed::check(schema, view)),
            Err(error) => check(&error, &text),
        }
    });
}

proptest! {
    #[test]
    fn no_text_at_all_makes_the_compiler_panic(text in "\\PC{0,200}") {
        compile(&text);
        compile(&view_of(&text));
    }
}
