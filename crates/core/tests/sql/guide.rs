//! The guide's reference of the view language says what the compiler does.

use super::{schema, views};

const GUIDE: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guide/view-language.md"));

/// The guide's blocks of SQL.
fn blocks() -> Vec<&'static str> {
    let blocks = GUIDE.split("```sql\n").skip(1);
    blocks.map(|block| block.split("```").next().unwrap()).collect()
}

#[test]
fn every_example_of_the_guide_compiles() {
    let blocks = blocks();
    let table = blocks.iter().find(|block| block.starts_with("CREATE TABLE")).unwrap();
    let compiled = schema(table).unwrap_or_else(|error| panic!("{error}"));
    let mut examples = 0;
    for block in blocks {
        if block.starts_with("CREATE MATERIALIZED VIEW") {
            views(&compiled, block).unwrap_or_else(|error| panic!("{error}"));
        } else if block.starts_with("CREATE TABLE") {
            schema(block).unwrap_or_else(|error| panic!("{error}"));
        } else {
            panic!("a block of SQL in the guide is no statement:\n{block}");
        }
        examples += 1;
    }
    assert!(examples >= 4, "the guide has {examples} examples");
}
