//! What a disk and the Parquet library say, as the ports' errors: by what the caller can do about it.

use anabranch_core::port::Error;
use arrow_schema::ArrowError;
use parquet::errors::ParquetError;
use std::error::Error as _;
use std::io::{self, ErrorKind};

/// A failed call on the file or folder `object`.
pub(crate) fn io(object: impl ToString, error: &io::Error) -> Error {
    let (object, reason) = (object.to_string(), error.to_string());
    match error.kind() {
        ErrorKind::NotFound => Error::NotFound { object },
        ErrorKind::UnexpectedEof | ErrorKind::InvalidData => Error::Corrupt { object, reason },
        ErrorKind::Interrupted | ErrorKind::TimedOut | ErrorKind::WouldBlock => {
            Error::Unavailable { object, reason }
        }
        // A full disk, a missing permission, a disk that fails: trying again does not help.
        _ => Error::Refused { object, reason },
    }
}

/// A failed read of the Parquet file `object`.
pub(crate) fn parquet(object: impl ToString, error: &ParquetError) -> Error {
    let cause = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    match cause {
        Some(cause) => io(object, cause),
        None => Error::corrupt(object, error),
    }
}

/// A failed read of a batch of rows from the Parquet file `object`.
pub(crate) fn arrow(object: impl ToString, error: &ArrowError) -> Error {
    match error {
        ArrowError::IoError(_, cause) => io(object, cause),
        _ => Error::corrupt(object, error),
    }
}
