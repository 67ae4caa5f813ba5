//! The dialect that the tokenizer and the expression parser follow: Trino's, as far as it matters.
//!
//! Every extension of other engines is off, so that a text accepted here can be checked in Athena,
//! and so that no construct is parsed that the binder would have to know only to refuse it.

use sqlparser::dialect::Dialect;
use sqlparser::keywords::Keyword;

/// Trino-like: double quotes make identifiers, single quotes make texts, aggregates take FILTER.
#[derive(Debug)]
pub(super) struct Trino;

impl Dialect for Trino {
    fn is_identifier_start(&self, ch: char) -> bool {
        ch.is_alphabetic() || ch == '_'
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        ch.is_alphanumeric() || ch == '_'
    }

    fn is_delimited_identifier_start(&self, ch: char) -> bool {
        ch == '"'
    }

    /// Words that begin an expression of their own kind. They are no column names unless quoted, so
    /// that an error inside such an expression is reported there.
    fn is_reserved_for_identifier(&self, word: Keyword) -> bool {
        use Keyword as K;
        matches!(
            word,
            K::CASE
                | K::CAST
                | K::TRY_CAST
                | K::EXISTS
                | K::EXTRACT
                | K::INTERVAL
                | K::NOT
                | K::NULL
                | K::TRUE
                | K::FALSE
        )
    }

    fn supports_filter_during_aggregation(&self) -> bool {
        true
    }

    fn supports_unicode_string_literal(&self) -> bool {
        true
    }
}
