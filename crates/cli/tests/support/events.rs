//! Events in numbered requests, and what the project's views must say about a set of requests.

use super::Random;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const SCHEMA: &str = "CREATE TABLE events (
  time TIMESTAMP(3), request BIGINT, site VARCHAR, amount BIGINT
) WITH (format = 'json', event_time = 'time');";

/// One row per request, so that each can be found again; and totals by site and minute.
const VIEWS: &str = "CREATE MATERIALIZED VIEW requests AS
SELECT request, count(*) AS events, sum(amount) AS amount FROM events GROUP BY 1;

CREATE MATERIALIZED VIEW sites AS
SELECT site, date_trunc('minute', time) AS minute, count(*) AS events, sum(amount) AS amount,
       min(amount) AS least, max(request) AS newest
FROM events GROUP BY 1, 2;";

/// Writes the project into `folder`.
pub(crate) fn write_project(folder: &Path) {
    fs::create_dir_all(folder.join("views")).unwrap();
    fs::write(folder.join("schema.sql"), SCHEMA).unwrap();
    fs::write(folder.join("views/all.sql"), VIEWS).unwrap();
}

/// One event.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) request: u64,
    pub(crate) site: u64,
    pub(crate) minute: u64,
    pub(crate) amount: i64,
}

impl Event {
    fn line(&self) -> String {
        let (minute, request, site, amount) = (self.minute, self.request, self.site, self.amount);
        let (hour, minute) = (minute / 60, minute % 60);
        format!(
            r#"{{"time":"2026-03-01T{hour:02}:{minute:02}:07.5Z","request":{request},"site":"site {site}","amount":{amount}}}"#
        )
    }
}

/// Up to `most` events of one request, in random buckets of a day: most of them late.
pub(crate) fn request(random: &mut Random, request: u64, most: u64) -> Vec<Event> {
    let event = |random: &mut Random| Event {
        request,
        site: random.below(5),
        minute: random.below(24 * 60),
        amount: random.below(2_000_001) as i64 - 1_000_000,
    };
    (0..1 + random.below(most)).map(|_| event(random)).collect()
}

/// The body of a request.
pub(crate) fn body(events: &[Event]) -> String {
    events.iter().map(|event| event.line() + "\n").collect()
}

/// What the view `requests` must say: events and amount by request.
pub(crate) type Requests = BTreeMap<u64, (u64, i64)>;

/// What the view `sites` must say: events, amount, least amount and newest request by site and
/// minute.
pub(crate) type Sites = BTreeMap<(String, String), (u64, i64, i64, u64)>;

/// Adds an event up, as a loop would.
pub(crate) fn add(requests: &mut Requests, sites: &mut Sites, event: &Event) {
    let row = requests.entry(event.request).or_default();
    row.0 += 1;
    row.1 += event.amount;
    let minute = format!("2026-03-01T{:02}:{:02}:00Z", event.minute / 60, event.minute % 60);
    let row = sites.entry((format!("site {}", event.site), minute)).or_insert((0, 0, i64::MAX, 0));
    *row = (row.0 + 1, row.1 + event.amount, row.2.min(event.amount), row.3.max(event.request));
}
