//! Deliver: the records of an invocation, step by step, and a word on what was not taken.
//!
//! ```text
//! records  1 2 3 │ 4 5 6 │ 7 8 (bad 9)
//! steps    taken   failed                  -> deliver again from 4
//!          taken   taken   taken           -> deliver again from 9
//! ```
//!
//! What is reported is the first record of the first step that was not taken whole. It may have been
//! taken in part: both layers take what is delivered again as it is meant.

use crate::run::Invocation;
use anabranch_core::port;
use anabranch_core::record::{Record, ShardId};
use anabranch_envelope::{Batch, Fault, Response};
use serde_json::json;

/// The invocation fails as a whole, and is delivered again as a whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is no Kinesis event of one shard.
    #[error(transparent)]
    Envelope(#[from] anabranch_envelope::Error),
    /// A record cannot be read, its number included.
    #[error(transparent)]
    Fault(Fault),
}

/// Hands the records of `event` to `take` in steps of up to `step`, until one fails or the deadline
/// comes.
///
/// # Errors
/// If nothing can be said about which record failed.
pub async fn deliver(
    invocation: &Invocation,
    event: &[u8],
    step: usize,
    mut take: impl AsyncFnMut(&ShardId, &[Record<'_>]) -> port::Result<()>,
) -> Result<Response, Error> {
    let log = &invocation.log;
    let batch = Batch::read(event)?;
    let records: Vec<Record<'_>> = batch.records().collect();
    if let Some(shard) = batch.shard() {
        for step in records.chunks(step) {
            let first = step[0].sequence;
            let fields = |reason: String| json!({"shard": shard, "from": first, "records": records.len(), "reason": reason});
            match invocation.deadline.limit(take(shard, step)).await {
                Some(Ok(())) => {}
                Some(Err(error)) => {
                    log.error("records were not taken", fields(error.to_string()));
                    return Ok(Response::failed_from(first));
                }
                None => {
                    log.warn("stopped before the function times out", fields("deadline".into()));
                    return Ok(Response::failed_from(first));
                }
            }
        }
    }
    let Some(fault) = batch.fault() else { return Ok(Response::success()) };
    log.error(
        "a record cannot be read",
        json!({"shard": batch.shard(), "reason": fault.to_string()}),
    );
    match fault.sequence {
        Some(sequence) => Ok(Response::failed_from(sequence)),
        None => Err(Error::Fault(fault.clone())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Deadline, Level, Log};
    use anabranch_core::record::SequenceNumber;
    use std::time::Duration;

    const ARN: &str = "arn:aws:kinesis:eu-central-1:000000000000:stream/events";

    fn invocation(left: Duration) -> Invocation {
        let log = Log::to("test", Level::Error, |_| {});
        Invocation { log, deadline: Deadline::within(left) }
    }

    fn event(numbers: &[u64]) -> Vec<u8> {
        let record = |&n: &u64| Record {
            sequence: n.into(),
            arrival_ms: 1,
            partition_key: "k",
            payload: b"{}",
        };
        anabranch_envelope::event(ARN, &ShardId("s".to_owned()), numbers.iter().map(record))
    }

    fn failed(response: &Response) -> Option<u64> {
        let first = response.batch_item_failures.first();
        first.and_then(|failure| failure.item_identifier.to_u64())
    }

    #[tokio::test]
    async fn records_come_in_order_and_in_steps() {
        let mut taken = Vec::new();
        let take = async |_: &ShardId, records: &[Record<'_>]| {
            taken.push(records.iter().map(|record| record.sequence).collect::<Vec<_>>());
            Ok(())
        };
        let invocation = invocation(Duration::from_secs(60));
        let response = deliver(&invocation, &event(&[1, 5, 6]), 2, take).await.unwrap();
        assert_eq!(failed(&response), None);
        let numbers =
            |numbers: &[u64]| numbers.iter().map(|&n| SequenceNumber::from(n)).collect::<Vec<_>>();
        assert_eq!(taken, [numbers(&[1, 5]), numbers(&[6])]);
    }

    #[tokio::test]
    async fn the_first_record_of_the_step_that_fails_is_reported_and_nothing_behind_it_is_taken() {
        let mut steps = 0;
        let take = async |_: &ShardId, _: &[Record<'_>]| {
            steps += 1;
            if steps == 2 { Err(port::Error::corrupt("row", "bad")) } else { Ok(()) }
        };
        let invocation = invocation(Duration::from_secs(60));
        let response = deliver(&invocation, &event(&[1, 5, 6, 9, 12]), 2, take).await.unwrap();
        assert_eq!((failed(&response), steps), (Some(6), 2));
    }

    #[tokio::test]
    async fn the_deadline_leaves_the_rest_to_the_next_delivery() {
        let mut steps = 0;
        let take = async |_: &ShardId, _: &[Record<'_>]| {
            steps += 1;
            if steps == 2 {
                std::future::pending::<()>().await;
            }
            Ok(())
        };
        let invocation = invocation(Duration::from_millis(30));
        let response = deliver(&invocation, &event(&[1, 5, 6, 9, 12]), 2, take).await.unwrap();
        assert_eq!(failed(&response), Some(6));
        let take = async |_: &ShardId, _: &[Record<'_>]| Ok(());
        let response = deliver(&invocation, &event(&[6, 9, 12]), 2, take).await.unwrap();
        assert_eq!(failed(&response), Some(6), "nothing is begun behind the deadline");
    }

    #[tokio::test]
    async fn what_is_before_a_bad_record_is_taken_and_the_bad_one_is_reported() {
        let mut broken: serde_json::Value = serde_json::from_slice(&event(&[1, 5, 6])).unwrap();
        broken["Records"][1]["kinesis"]["data"] = json!("%%%");
        let mut taken = 0;
        let take = async |_: &ShardId, records: &[Record<'_>]| {
            taken += records.len();
            Ok(())
        };
        let invocation = invocation(Duration::from_secs(60));
        let event = broken.to_string().into_bytes();
        let response = deliver(&invocation, &event, 10, take).await.unwrap();
        assert_eq!((failed(&response), taken), (Some(5), 1));
        broken["Records"][1]["kinesis"]["sequenceNumber"] = json!("?");
        let take = async |_: &ShardId, _: &[Record<'_>]| Ok(());
        let error = deliver(&invocation, broken.to_string().as_bytes(), 10, take).await;
        assert!(matches!(error, Err(Error::Fault(_))), "{error:?}");
        let take = async |_: &ShardId, _: &[Record<'_>]| Ok(());
        assert!(matches!(deliver(&invocation, b"{}", 10, take).await, Err(Error::Envelope(_))));
    }
}
