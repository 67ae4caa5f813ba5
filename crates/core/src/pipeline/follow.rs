//! Follow: what a delivery follows, by asking the stream.
//!
//! A stream that numbers its records with gaps does not say whether something lies between the
//! place that a consumer has come to and the first record that it is given. One read from that
//! place tells, if the record there has not left the stream yet:
//!
//! ```text
//! done 40, delivered 57 …     stream from 40 on: 40 57    nothing between: follows 40
//!                             stream from 40 on: 40 43    43 was not delivered: not known
//!                             stream from 40 on: 57 58    40 has left, and what else? not known
//! ```
//!
//! The stream lets go of its oldest records first. So while it has the record at `done`, it has
//! everything behind that one, and no clock has to be asked.

use crate::port::{Result, Retained};
use crate::record::{SequenceNumber, ShardId};

/// What the records from `first` on follow: to be [`super::Delivery::follows`] for a consumer that
/// has come to the record `done`, or to nothing of the shard yet.
///
/// Of a shard's first delivery the stream is asked for its oldest record. What was there before, and
/// left before any consumer took it, nobody can see any more.
///
/// # Errors
/// Those of the port.
pub async fn follows(
    stream: &impl Retained,
    shard: &ShardId,
    done: Option<SequenceNumber>,
    first: SequenceNumber,
) -> Result<Option<SequenceNumber>> {
    match done {
        // Delivered again, or a place right before these records: there is no number between.
        Some(done) if first.previous() <= done => Ok(Some(first.previous())),
        Some(done) => {
            let held = stream.first_two(shard, Some(done)).await?;
            Ok((held == [done, first]).then_some(done))
        }
        None => {
            let held = stream.first_two(shard, None).await?;
            Ok((held.first() == Some(&first)).then_some(SequenceNumber::ZERO))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    /// A stream that has these records still; none of them may be asked for where it panics.
    struct Held(Option<&'static [u64]>);

    impl Retained for Held {
        async fn first_two(
            &self,
            _: &ShardId,
            from: Option<SequenceNumber>,
        ) -> Result<Vec<SequenceNumber>> {
            let held = self.0.expect("the stream need not be asked");
            let held = held.iter().map(|&n| SequenceNumber::from(n));
            Ok(held.filter(|n| Some(*n) >= from).take(2).collect())
        }
    }

    fn ask(held: Option<&'static [u64]>, done: Option<u64>, first: u64) -> Option<u64> {
        let (shard, done) = (ShardId("s".to_owned()), done.map(SequenceNumber::from));
        let stream = Held(held);
        let asked = pin!(follows(&stream, &shard, done, first.into()));
        match asked.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(found) => found.unwrap().and_then(SequenceNumber::to_u64),
            Poll::Pending => panic!("nothing has to be waited for"),
        }
    }

    #[test]
    fn a_delivery_follows_the_record_that_the_stream_has_right_before_it() {
        assert_eq!(ask(Some(&[33, 40, 57, 58]), Some(40), 57), Some(40));
        assert_eq!(ask(Some(&[40, 43, 57]), Some(40), 57), None);
    }

    #[test]
    fn what_a_delivery_follows_is_not_known_once_the_place_has_left_the_stream() {
        assert_eq!(ask(Some(&[57, 58]), Some(40), 57), None);
        assert_eq!(ask(Some(&[]), Some(40), 57), None);
        // Not even its own first record is there any more.
        assert_eq!(ask(Some(&[40]), Some(40), 57), None);
    }

    #[test]
    fn what_was_delivered_before_needs_no_question() {
        assert_eq!(ask(None, Some(57), 57), Some(56));
        assert_eq!(ask(None, Some(99), 57), Some(56));
        assert_eq!(ask(None, Some(56), 57), Some(56));
    }

    #[test]
    fn the_oldest_record_of_the_stream_is_a_shards_first() {
        assert_eq!(ask(Some(&[57, 58]), None, 57), Some(0));
        assert_eq!(ask(Some(&[33, 57]), None, 57), None);
        assert_eq!(ask(Some(&[]), None, 57), None);
    }
}
