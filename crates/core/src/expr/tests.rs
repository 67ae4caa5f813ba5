//! What expressions mean: a table of results worked out by hand.

mod build;
mod table;
