//! Events as the world makes them, before they become JSON; and payloads that are none.

use crate::random::Random;
use std::fmt::Write as _;

/// A minute in microseconds.
pub(crate) const MINUTE: i64 = 60_000_000;
/// An hour in microseconds.
pub(crate) const HOUR: i64 = 60 * MINUTE;
/// A day in microseconds.
pub(crate) const DAY: i64 = 24 * HOUR;

/// What kinds of event there are.
pub(crate) const KINDS: [&str; 3] = ["view", "buy", "leave"];

/// An event.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Event {
    /// When it happened, in microseconds.
    pub(crate) time: i64,
    pub(crate) site: u8,
    pub(crate) kind: u8,
    pub(crate) visitor: u8,
    pub(crate) amount: Option<i64>,
    /// A DOUBLE, in quarters: plain sums of those are exact.
    pub(crate) quarters: i64,
}

impl Event {
    /// Most events are recent; some are hours or days late, so that roll-ups and old parts change.
    pub(crate) fn random(random: &mut Random, today: i64) -> Event {
        let late = match random.below(8) {
            0 => random.below(4) as i64 * DAY,
            1 | 2 => random.below(30) as i64 * HOUR,
            _ => 0,
        };
        Event {
            time: today - late
                + random.below(3) as i64 * MINUTE
                + random.below(60_000) as i64 * 1000,
            site: random.below(3) as u8,
            kind: random.below(KINDS.len()) as u8,
            visitor: random.below(12) as u8,
            amount: (!random.chance(15)).then(|| random.below(1_000) as i64 - 500),
            quarters: random.below(80) as i64 - 40,
        }
    }

    /// Its JSON.
    pub(crate) fn payload(&self) -> Vec<u8> {
        let Event { time, site, kind, visitor, quarters, .. } = self;
        let mut text = format!(
            r#"{{"t":{},"site":"site-{site}","kind":"{}","visitor":"v{visitor}","ratio":{}"#,
            time / 1000,
            KINDS[usize::from(*kind)],
            *quarters as f64 / 4.0,
        );
        if let Some(amount) = self.amount {
            // Writing to a string cannot fail.
            let _ = write!(text, r#","amount":{amount}"#);
        }
        text.push('}');
        text.into_bytes()
    }
}

/// A payload that the schema rejects, and the reason that it must be counted under.
pub(crate) fn hostile(random: &mut Random, event: &Event) -> (Vec<u8>, &'static str) {
    let text = String::from_utf8(event.payload()).expect("JSON is UTF-8");
    match random.below(8) {
        0 => (text.replace(':', ";").into_bytes(), "invalid_json"),
        1 => (b"\xff\xfe{}".to_vec(), "invalid_utf8"),
        2 => (text.replace("\"t\":", "\"u\":").into_bytes(), "missing_event_time"),
        3 => (text.replace("\"site\":", "\"amount\":\"x\",\"site\":").into_bytes(), "wrong_type"),
        4 => (b"[1,2]".to_vec(), "not_an_object"),
        5 => (Vec::new(), "invalid_json"),
        6 => (format!("{}{}", "[".repeat(200), "]".repeat(200)).into_bytes(), "too_deep"),
        _ => (text.replacen('{', "{\"site\":\"a\",", 1).into_bytes(), "duplicate_key"),
    }
}
