//! A part of a batch view as a file: what both the folder and S3 keep.
//!
//! [`write`] makes its bytes, [`read`] finds the rows that a query wants in them, [`pages`] tells
//! where to look, [`columns`] goes between core's columns and Arrow's. Where the bytes come from is
//! the caller's business; which of them were checked, too, and [`read::Chunk`] is what it needs for that.

mod columns;
mod name;
mod pages;
mod read;
mod write;

pub(crate) use name::{corrupt, parse_name};
pub(crate) use read::{Chunk, Part};
pub(crate) use write::encode;
