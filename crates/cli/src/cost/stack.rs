//! The stack as it is deployed by default, and what its parts take: measured, or as AWS documents it.
//!
//! Whoever changes a function's memory in the deployment reads this as an estimate all the more.

/// A function's memory, in GB.
const fn gigabytes(megabytes: f64) -> f64 {
    megabytes / 1024.0
}

pub(super) const ARCHIVE_GB: f64 = gigabytes(1024.0);
pub(super) const SPEED_GB: f64 = gigabytes(1769.0);
pub(super) const BATCH_GB: f64 = gigabytes(3538.0);
pub(super) const QUERY_GB: f64 = gigabytes(1769.0);
pub(super) const INGEST_GB: f64 = gigabytes(512.0);

/// Requests of DynamoDB within the region.
const ITEM_SECONDS: f64 = 0.005;
/// Puts of rows that are under way at once.
const PUTS_AT_ONCE: f64 = 64.0;
/// Requests of S3 that write.
const OBJECT_SECONDS: f64 = 0.05;
/// A processor's time for an event, from Lambda's JSON to its rows, and for a put, with the SDK, its
/// signature and encryption. Measured (bench/README.md) and doubled: a processor of Lambda's is half
/// of what was measured on.
const EVENT_SECONDS: f64 = 6e-6;
const PUT_SECONDS: f64 = 300e-6;
/// The archive's time for an event, on the part of a processor that its memory comes with.
const ARCHIVED_EVENT_SECONDS: f64 = 6e-6;

/// A delivery to the archive: its tail is read, an object put, the tail put.
pub(super) fn archive_seconds(events: f64) -> f64 {
    2.0 * ITEM_SECONDS + OBJECT_SECONDS + events * ARCHIVED_EVENT_SECONDS
}

/// A delivery to the speed layer: the checkpoint is read, rows are put, the checkpoint is put.
pub(super) fn speed_seconds(events: f64, puts: f64) -> f64 {
    let rounds = (puts / PUTS_AT_ONCE).ceil() * ITEM_SECONDS;
    let processor = events * EVENT_SECONDS + puts * PUT_SECONDS;
    2.0 * ITEM_SECONDS + rounds.max(processor)
}

/// Looking what there is to do, each minute: shards, heartbeats, checkpoints, pointers.
pub(super) const TICK_SECONDS: f64 = 0.3;
/// A build inside the function: its start and end, and the fold of each event.
pub(super) fn build_seconds(events: f64) -> f64 {
    3.0 + events * 2e-6
}

/// An answer, and a request with events.
pub(super) const ANSWER_SECONDS: f64 = 0.04;
pub(super) const POST_SECONDS: f64 = 0.03;

/// Consistent reads of an answer: floor and spans, and 4 buckets of 2 or 3 spans (decision 0012).
pub(super) const ANSWER_READS: f64 = 11.0;
/// An answer reads the pointer, and some of a part that is not in memory yet.
pub(super) const ANSWER_GETS: f64 = 2.0;

/// A build beyond this runs on Glue: bytes of the master data set.
pub(super) const NATIVE_MAX_BYTES: f64 = (4_u64 << 30) as f64;
/// Four workers of a DPU each, which take a minute to start and fold some millions a second.
pub(super) const GLUE_DPU: f64 = 4.0;
pub(super) fn glue_seconds(events: f64) -> f64 {
    60.0 + events / 2e6
}

/// What is left of an event's bytes in the master data set: measured on clickstream events of 400
/// bytes (decision 0003).
pub(super) const COMPRESSED: f64 = 0.16;
/// An object's footer and headers.
pub(super) const OBJECT_BYTES: f64 = 6144.0;
/// When objects go to cheaper classes.
pub(super) const STANDARD_DAYS: f64 = 90.0;
pub(super) const INFREQUENT_DAYS: f64 = 275.0;

/// Parts that a build writes of a view, and reads of its last version.
pub(super) const PARTS: f64 = 4.0;

/// How long the stream keeps records beyond the first day, which is free.
pub(super) const EXTENDED_HOURS: f64 = 144.0;

/// What an invocation logs, with its metrics; and what the API logs of a request.
pub(super) const LOG_BYTES: f64 = 1500.0;
pub(super) const ACCESS_LOG_BYTES: f64 = 400.0;
pub(super) const METRICS: f64 = 30.0;
pub(super) const ALARMS: f64 = 12.0;
