//! What DynamoDB's speed rows promise beyond the suite: layouts, limits, TTL, and whose fault is whose.

use super::spans::Span;
use super::*;
use crate::aws::tests::stub::Stub;
use crate::aws::tests::{connect, dynamo_db_local, ministack, speed_table, wait};
use anabranch_core::port::{RowId, SpeedStore as _};
use anabranch_core::record::ShardId;
use aws_config::retry::RetryConfig;
use std::net::TcpListener;

const VIEW: Fingerprint = Fingerprint([7; 16]);

fn put(key: &[u8], epoch: u64, state: Vec<u8>) -> PutRow {
    PutRow {
        id: RowId {
            fingerprint: VIEW,
            key: key.to_vec(),
            epoch: Epoch(epoch),
            shard: ShardId("s".to_owned()),
        },
        expected: None,
        row: SpeedRow { applied: 1.into(), state },
    }
}

fn scan(speed: &Speed, from: Epoch) -> Result<(usize, Epoch)> {
    let mut rows = 0;
    let mut count = |_: &[u8], _, _: &ShardId, _: &SpeedRow| {
        rows += 1;
        Ok(())
    };
    let floor = wait(speed.scan(VIEW, b"", from, &mut count))?;
    Ok((rows, floor))
}

#[test]
fn a_table_keeps_its_layout() {
    let connection = ministack();
    let table = speed_table(&connection);
    let open = |layout| wait(Speed::open(&connection, &table, layout));
    let layout = Layout { epochs_per_span: 5, buckets: 2 };
    open(layout).unwrap();
    open(layout).unwrap();
    let error = open(Layout { buckets: 4, ..layout }).unwrap_err();
    assert!(matches!(error, Error::Refused { .. }), "{error:?}");
    assert!(error.to_string().contains("5 epochs per span and 2 buckets"), "{error}");
    assert!(open(Layout { buckets: 0, ..layout }).is_err());
}

#[test]
fn who_may_only_read_can_open_a_table_that_has_its_layout() {
    let layout = r#"{"Item":{"pk":{"S":"layout"},"sk":{"B":"bGF5b3V0"},"epochs_per_span":{"N":"16"},"buckets":{"N":"4"}}}"#;
    let denied =
        r#"{"__type":"com.amazon.coral.service#AccessDeniedException","message":"no writes"}"#;
    let stub = Stub::start(vec![(200, layout), (400, denied)]);
    wait(Speed::open(&connect(stub.url), "t", Layout::default())).unwrap();
    assert_eq!(stub.requests.try_iter().count(), 1);
}

#[test]
fn a_state_that_no_item_can_hold_is_refused_before_anything_is_put() {
    for connection in [ministack(), dynamo_db_local()] {
        let table = speed_table(&connection);
        let speed = wait(Speed::open(&connection, &table, Layout::default())).unwrap();
        let puts = vec![put(b"a", 1, vec![1]), put(b"b", 1, vec![1; 400 << 10])];
        let error = wait(speed.put_rows(puts)).unwrap_err();
        assert!(matches!(error, Error::Refused { .. }), "{error:?}");
        assert_eq!(scan(&speed, Epoch::ZERO).unwrap().0, 0);
        let fits = put(b"b", 1, vec![1; (400 << 10) - (2 << 10)]);
        assert_eq!(wait(speed.put_rows(vec![fits])).unwrap(), [RowOutcome::Written]);
    }
}

/// The batch layer stood still for longer than rows are kept. What DynamoDB then removes must not
/// look like what never was: an answer over it would be a part and not say so.
#[test]
fn the_floor_is_above_the_rows_whose_time_has_come() {
    let connection = ministack();
    let table = speed_table(&connection);
    let layout = Layout { epochs_per_span: 10, buckets: 2 };
    let mut speed = wait(Speed::open(&connection, &table, layout)).unwrap();
    speed.spans.keep = Duration::ZERO;
    wait(speed.put_rows(vec![put(b"old", 13, vec![])])).unwrap();
    let mut later = wait(Speed::open(&connection, &table, layout)).unwrap();
    later.spans.keep = Duration::from_secs(24 * 3600);
    // Of the same span, by one that would keep it longer: the span's time is the row's.
    wait(later.put_rows(vec![put(b"same span", 15, vec![]), put(b"new", 21, vec![])])).unwrap();
    assert_eq!(scan(&later, Epoch(13)).unwrap().1, Epoch(20));
    // From there on nothing is gone.
    assert_eq!(scan(&later, Epoch(20)).unwrap(), (1, Epoch::ZERO));
}

#[test]
fn spans_below_the_horizon_are_not_looked_up() {
    let connection = ministack();
    let table = speed_table(&connection);
    let layout = Layout { epochs_per_span: 2, buckets: 1 };
    let speed = wait(Speed::open(&connection, &table, layout)).unwrap();
    wait(speed.put_rows((0..6).map(|epoch| put(b"k", epoch, vec![])).collect())).unwrap();
    wait(speed.expire(VIEW, Epoch(3))).unwrap();
    let known = wait(speed.spans.known(VIEW, 1)).unwrap();
    assert_eq!(known.spans.into_iter().map(|span| span.number).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(known.floor, Epoch(3));
    assert_eq!(scan(&speed, Epoch::ZERO).unwrap(), (3, Epoch(3)));
}

/// It is deployed again, by another process: rows of its earlier life lie in the table still.
#[test]
fn a_view_that_comes_again_does_not_meet_its_old_rows() {
    let connection = ministack();
    let table = speed_table(&connection);
    let open = || wait(Speed::open(&connection, &table, Layout::default())).unwrap();
    let put = || vec![put(b"k", 1, vec![])];
    let old = open();
    wait(old.put_rows(put())).unwrap();
    wait(old.forget(VIEW)).unwrap();
    assert_eq!(scan(&old, Epoch::ZERO).unwrap().0, 0);
    let new = open();
    assert_eq!(wait(new.put_rows(put())).unwrap(), [RowOutcome::Written]);
    assert_eq!(scan(&old, Epoch::ZERO).unwrap().0, 1);
}

/// A function that answers may not write. It failed to start because it tried to put the layout.
#[test]
fn who_may_only_read_sends_no_put() {
    let none = Stub::start(vec![(200, "{}")]);
    let connection = connect(none.url);
    wait(Speed::open_to_read(&connection, "t", Layout::default())).unwrap();
    let requests: Vec<String> = none.requests.try_iter().collect();
    assert_eq!(requests.len(), 1, "{requests:?}");
    assert!(requests[0].contains(r#""ConsistentRead":true"#), "{requests:?}");
}

#[test]
fn who_may_only_read_reads_no_table_of_another_layout() {
    let connection = ministack();
    let table = speed_table(&connection);
    let other = Layout { buckets: 5, ..Layout::default() };
    wait(Speed::open_to_read(&connection, &table, other)).unwrap();
    wait(Speed::open(&connection, &table, Layout::default())).unwrap();
    wait(Speed::open_to_read(&connection, &table, Layout::default())).unwrap();
    let error = wait(Speed::open_to_read(&connection, &table, other)).unwrap_err();
    assert!(error.to_string().contains("buckets, not 16 and 5"), "{error}");
}

/// A store behind `url` whose client tries three times, quickly.
fn speed_at(url: String) -> Speed {
    let connection = connect(url);
    let retry =
        RetryConfig::adaptive().with_max_attempts(3).with_initial_backoff(Duration::from_millis(1));
    let config = aws_sdk_dynamodb::config::Builder::from(connection.sdk()).retry_config(retry);
    let client = Client::from_conf(config.build());
    let (runtime, table) = (connection.runtime(), "t".to_owned());
    let span = Span { number: 0, life: 0, until: u64::MAX };
    let entered = [((VIEW, 0), span)].into_iter().collect::<HashMap<_, _>>().into();
    let spans = Spans {
        client: client.clone(),
        runtime: runtime.clone(),
        table: table.clone(),
        keep: KEEP,
        entered,
    };
    Speed { client, runtime, table, layout: Layout::default(), spans }
}

const THROTTLED: (u16, &str) = (
    400,
    r#"{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"slow down"}"#,
);

#[test]
fn a_throttled_put_is_tried_again() {
    let speed = speed_at(Stub::start(vec![THROTTLED, (500, "{}"), (200, "{}")]).url);
    let outcomes = wait(speed.put_rows(vec![put(b"k", 1, vec![])])).unwrap();
    assert_eq!(outcomes, [RowOutcome::Written]);
}

#[test]
fn errors_say_whether_trying_again_helps() {
    let put_to = |url| wait(speed_at(url).put_rows(vec![put(b"k", 1, vec![])])).unwrap_err();
    let denied = r#"{"__type":"x#AccessDeniedException","message":"not for you"}"#;
    let missing = r#"{"__type":"x#ResourceNotFoundException","message":"no such table"}"#;
    for (reply, words) in [(THROTTLED, "slow down"), ((503, "<html>"), "503")] {
        let error = put_to(Stub::start(vec![reply]).url);
        assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
        assert!(error.to_string().contains(words), "{error}");
    }
    for (body, words) in [(denied, "not for you"), (missing, "no such table")] {
        let error = put_to(Stub::start(vec![(400, body)]).url);
        assert!(matches!(error, Error::Refused { .. }), "{error:?}");
        assert!(error.to_string().contains(words), "{error}");
    }
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = put_to(format!("http://{nobody}"));
    assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
}
