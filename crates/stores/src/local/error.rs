//! What the disk and its libraries say, as the ports' errors: by what the caller can do about it.

use anabranch_core::port::Error;
use arrow_schema::ArrowError;
use parquet::errors::ParquetError;
use std::error::Error as _;
use std::io::{self, ErrorKind};
use std::path::Path;

/// A failed call on the file or folder `path`.
pub(super) fn io(path: &Path, error: &io::Error) -> Error {
    let (object, reason) = (path.display().to_string(), error.to_string());
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

/// A failed read of the Parquet file `path`.
pub(super) fn parquet(path: &Path, error: &ParquetError) -> Error {
    let cause = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    match cause {
        Some(cause) => io(path, cause),
        None => Error::corrupt(path.display(), error),
    }
}

/// A failed read of a batch of rows from the Parquet file `path`.
pub(super) fn arrow(path: &Path, error: &ArrowError) -> Error {
    match error {
        ArrowError::IoError(_, cause) => io(path, cause),
        _ => Error::corrupt(path.display(), error),
    }
}

/// A failed call on the database `path`. After a failed write or sync the database refuses
/// everything until it is opened again, because it no longer knows what is on the disk.
pub(super) fn redb(path: &Path, error: impl Into<redb::Error>) -> Error {
    let object = path.display().to_string();
    match error.into() {
        redb::Error::Io(error) => io(path, &error),
        redb::Error::Corrupted(reason) => Error::Corrupt { object, reason },
        error @ (redb::Error::TableTypeMismatch { .. }
        | redb::Error::TypeDefinitionChanged { .. }
        | redb::Error::TableIsMultimap(_)
        | redb::Error::TableDoesNotExist(_)) => Error::corrupt(object, error),
        redb::Error::PreviousIo => Error::Refused {
            object,
            reason: "a write has failed, and no more are taken until the process is started again"
                .to_owned(),
        },
        error => Error::Refused { object, reason: error.to_string() },
    }
}
