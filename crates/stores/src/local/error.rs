//! What the disk and its libraries say, as the ports' errors: by what the caller can do about it.

use anabranch_core::port::Error;
use parquet::errors::ParquetError;
use std::io;
use std::path::Path;

/// A failed call on the file or folder `path`.
pub(super) fn io(path: &Path, error: &io::Error) -> Error {
    crate::error::io(path.display(), error)
}

/// A failed read of the Parquet file `path`.
pub(super) fn parquet(path: &Path, error: &ParquetError) -> Error {
    crate::error::parquet(path.display(), error)
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
