//! What expressions mean: a table of results worked out by hand, and a naive interpreter of single
//! rows that random expressions over random columns are compared with.

pub(super) mod build;
mod random;
mod reference;
mod table;
