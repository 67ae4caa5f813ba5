//! The oracle: plain loops over the list of events, sharing no code with the fold.

use crate::variants::Variant;
use std::collections::BTreeMap;

/// An event as the world made it, before it became JSON.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) site: u8,
    pub(crate) minute: i64,
    pub(crate) amount: i64,
    /// Whether `note` is a text: one schema declares it a number, the others do not declare it.
    pub(crate) noted: bool,
    /// Whether the payload is broken on purpose.
    pub(crate) broken: bool,
}

impl Event {
    /// Its JSON, or what should have been.
    pub(crate) fn payload(&self) -> Vec<u8> {
        let time = self.minute * 60_000 + 7;
        let note = if self.noted { "\"é\"" } else { "12" };
        let text = format!(
            r#"{{"t":{time},"site":"site-{}","amount":{},"note":{note}}}"#,
            self.site, self.amount
        );
        if self.broken { text.replace(':', ";").into_bytes() } else { text.into_bytes() }
    }

    fn is_accepted(&self, variant: &Variant) -> bool {
        !(self.broken || variant.declares_note && self.noted)
    }
}

/// The key columns as text -> (events, sum of amounts).
pub(crate) type Rows = BTreeMap<Vec<String>, (i64, i128)>;

/// What a view of `variant` must hold over `events`, and how many are accepted and rejected.
pub(crate) fn expected<'e>(
    variant: &Variant,
    view: &str,
    events: impl Iterator<Item = &'e Event>,
) -> (Rows, u64, u64) {
    let (mut rows, mut accepted, mut rejected) = (Rows::new(), 0, 0);
    for event in events {
        if !event.is_accepted(variant) {
            rejected += 1;
            continue;
        }
        accepted += 1;
        let minute = (event.minute * 60_000_000).to_string();
        let site = format!("site-{}", event.site);
        let key = match view {
            "totals" => vec![site],
            _ if variant.only_positive && event.amount <= 0 => continue,
            _ if variant.by_site => vec![site, minute],
            _ => vec![minute],
        };
        let row = rows.entry(key).or_default();
        row.0 += 1;
        row.1 += i128::from(event.amount);
    }
    (rows, accepted, rejected)
}
