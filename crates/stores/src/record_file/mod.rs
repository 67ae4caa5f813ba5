//! One object of the master data set as a file: what both the folder and S3 keep.
//!
//! [`name`] says where it lies, [`write`] makes its bytes, [`read`] gives back its records. Where the
//! bytes come from is the reader's business: anything that Parquet can read from will do.

mod name;
mod read;
mod write;

pub(crate) use name::Name;
pub(crate) use name::partition;
pub(crate) use read::{read_info, scan};
pub(crate) use write::encode;
