//! The oracle: plain loops over the list of records, sharing no code with the fold.

use std::collections::BTreeMap;

/// An event as the world made it, before it became JSON.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) site: u8,
    pub(crate) minute: i64,
    pub(crate) amount: i64,
    /// Whether the payload is broken on purpose.
    pub(crate) broken: bool,
}

impl Event {
    /// Its JSON, or what should have been.
    pub(crate) fn payload(&self) -> Vec<u8> {
        let time = self.minute * 60_000 + 7;
        let text = format!(
            r#"{{"t":{time},"site":"site-{}","amount":{},"note":"é"}}"#,
            self.site, self.amount
        );
        let text = if self.broken { text.replace(':', ";") } else { text };
        text.into_bytes()
    }
}

/// (site, minute) -> (events, sum of amounts, least amount).
pub(crate) type Expected = BTreeMap<(String, i64), (i64, i128, i64)>;

/// What the view must hold over `events`, and how many were rejected.
pub(crate) fn expected<'e>(events: impl Iterator<Item = &'e Event>) -> (Expected, u64) {
    let mut rows = Expected::new();
    let mut rejected = 0;
    for event in events {
        if event.broken {
            rejected += 1;
            continue;
        }
        let key = (format!("site-{}", event.site), event.minute * 60_000_000);
        let row = rows.entry(key).or_insert((0, 0, i64::MAX));
        row.0 += 1;
        row.1 += i128::from(event.amount);
        row.2 = row.2.min(event.amount);
    }
    (rows, rejected)
}
