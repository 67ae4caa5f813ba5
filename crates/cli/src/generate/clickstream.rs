//! The endless traffic of a group of web shops, for `examples/clickstream`, the benchmarks and the
//! tests.
//!
//! What makes real traffic hard is in it: a few pages take most of the views (Zipf), visitors come
//! back, sessions interleave, events stand out of order and some come hours late, text is not
//! ASCII and holds escapes, and a chosen share is malformed in the ways producers get it wrong.
//!
//! The same [`Options`] make the same bytes (on one platform: logarithms may differ in their last bit
//! between two): no clock and no entropy, only the seed.

use super::catalogue::{BRANDS, CATEGORIES, CITIES, COUNTRIES, DEVICES, PRODUCTS, REFERRERS};
use super::random::{Random, Zipf};
use jiff::Timestamp;
use std::io::{self, Write};

/// What to generate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Options {
    /// Chooses everything that is random.
    pub seed: u64,
    /// When the traffic starts, in milliseconds since the Unix epoch.
    pub start_ms: i64,
    /// Events per second of event time, above zero: how dense the traffic is.
    pub per_second: f64,
    /// How many of a thousand events are malformed.
    pub malformed_per_mille: u32,
}

/// The traffic: call [`Clickstream::next_line`] as often as events are wanted.
pub(crate) struct Clickstream {
    options: Options,
    random: Random,
    events: u64,
    sites: Zipf,
    pages: Zipf,
    cities: Zipf,
    sessions: Vec<Session>,
}

/// A visit that is going on. Events are drawn from many of them in turn.
#[derive(Clone, Copy, Default)]
struct Session {
    id: u64,
    visitor: u64,
    new_visitor: bool,
    site: usize,
    city: usize,
    device: usize,
    /// How many events are still to come.
    left: u32,
    begun: bool,
}

const SITES: usize = BRANDS.len() * COUNTRIES.len();
const PAGES: usize = 20_000;
/// Visitors who are known from before.
const KNOWN_VISITORS: u64 = 1_000_000;
const MEAN_SESSION_EVENTS: f64 = 8.0;
const SECONDS_BETWEEN_CLICKS: f64 = 60.0;

impl Clickstream {
    /// Traffic from its first event on.
    pub(crate) fn new(options: Options) -> Self {
        let sessions = (options.per_second * SECONDS_BETWEEN_CLICKS).clamp(64.0, 1e6) as usize;
        Clickstream {
            options,
            random: Random::new(options.seed),
            events: 0,
            sites: Zipf::new(SITES, 0.5),
            pages: Zipf::new(PAGES, 1.0),
            cities: Zipf::new(CITIES.len(), 0.7),
            sessions: vec![Session::default(); sessions],
        }
    }

    /// Appends the next event and a line feed to `out`.
    pub(crate) fn next_line(&mut self, out: &mut Vec<u8>) {
        let now_ms = self.events as f64 * 1000.0 / self.options.per_second;
        self.events += 1;
        let event_ms = self.options.start_ms + now_ms as i64 - self.delay_ms();
        let slot = self.random.below(self.sessions.len() as u64) as usize;
        if self.sessions[slot].left == 0 {
            self.sessions[slot] = self.begin_session();
        }
        let start = out.len();
        self.write_event(event_ms, self.sessions[slot], out)
            .expect("memory takes all that is written");
        self.sessions[slot].left -= 1;
        self.sessions[slot].begun = true;
        if self.random.below(1000) < self.options.malformed_per_mille.into() {
            spoil(&mut self.random, start, out);
        }
        out.push(b'\n');
    }

    /// How long after its event time an event stands in the stream: mostly the network's jitter,
    /// at times a slow connection, a retry, or a phone that was offline.
    fn delay_ms(&mut self) -> i64 {
        let longest = match self.random.below(1000) {
            0 => 7_200_000,
            1..10 => 600_000,
            10..100 => 30_000,
            _ => 800,
        };
        self.random.below(longest) as i64
    }

    fn begin_session(&mut self) -> Session {
        let new_visitor = self.random.below(10) < 3;
        let visitor = if new_visitor {
            self.random.next()
        } else {
            // Squaring makes some visitors frequent and most of them rare.
            let rank = (self.random.unit().powi(2) * KNOWN_VISITORS as f64) as u64;
            Random::new(rank).next()
        };
        Session {
            id: self.random.next(),
            visitor,
            new_visitor,
            site: self.sites.draw(&mut self.random),
            city: self.cities.draw(&mut self.random),
            device: self.random.below(DEVICES.len() as u64) as usize,
            left: 1 + self.random.exponential(MEAN_SESSION_EVENTS - 1.0) as u32,
            begun: false,
        }
    }

    fn write_event(
        &mut self,
        event_ms: i64,
        session: Session,
        out: &mut Vec<u8>,
    ) -> io::Result<()> {
        let time = Timestamp::from_millisecond(event_ms).expect("a time within jiff's range");
        let page = self.pages.draw(&mut self.random);
        let category = CATEGORIES[page % CATEGORIES.len()];
        let (product, title) = PRODUCTS[page / CATEGORIES.len() % PRODUCTS.len()];
        let (brand, country) = (session.site % BRANDS.len(), session.site / BRANDS.len());
        let (os, browser, width, height) = DEVICES[session.device];
        let (city_country, city) = CITIES[session.city];
        let kind = match self.random.below(100) {
            0..80 => "page_view",
            80..85 => "purchase",
            85..95 => "click",
            _ => "search",
        };
        let latency_ms = (12.0 / (1.0 - self.random.unit()).sqrt()).min(30_000.0);
        write!(
            out,
            r#"{{"event_time":"{time:.3}","event_id":"{:016x}","type":"{kind}","site":"{}-{}.example","page":"/{category}/{product}-{page}","title":"{title} {page}","visitor_id":"v{:016x}","session_id":"{:016x}","latency_ms":{latency_ms:.2}"#,
            self.random.next(),
            BRANDS[brand],
            COUNTRIES[country],
            session.visitor,
            session.id,
        )?;
        if kind == "purchase" {
            let cents = 199 + self.random.exponential(4_000.0) as u64;
            let items = 1 + self.random.exponential(1.5) as u64;
            write!(out, r#","amount":{}.{:02},"items":{items}"#, cents / 100, cents % 100)?;
        }
        write!(out, r#","new_visitor":{}"#, session.new_visitor)?;
        if !session.begun {
            let referrer = REFERRERS[self.random.below(REFERRERS.len() as u64) as usize];
            write!(out, r#","referrer":"{referrer}""#)?;
        }
        write!(
            out,
            r#","device":{{"os":"{os}","browser":"{browser}","screen":{{"width":{width},"height":{height}}}}},"geo":{{"country":"{city_country}","city":"{city}"}}}}"#
        )
    }
}

/// Makes the event at `out[start..]` one that no schema accepts, in one of the usual ways.
fn spoil(random: &mut Random, start: usize, out: &mut Vec<u8>) {
    let place = |out: &[u8], text: &[u8]| {
        let at = out[start..].windows(text.len()).position(|window| window == text);
        start + at.expect("every event has this field") + text.len()
    };
    match random.below(7) {
        // Cut off, as by a full buffer.
        0 => out.truncate(start + (out.len() - start) / 2),
        // Not UTF-8: one byte of another encoding.
        1 => {
            let title = place(out, b"\"title\":\"");
            out[title] = 0xe9;
        }
        // No event time.
        2 => out[start + 2] = b'E',
        // An event time that is none.
        3 => {
            let time = place(out, b"\"event_time\":\"");
            out[time..time + 4].copy_from_slice(b"YYYY");
        }
        // A number as words.
        4 => {
            let latency = place(out, b"\"latency_ms\":");
            let digits = out[latency..].iter().take_while(|b| **b != b',').count();
            out.splice(latency..latency + digits, *b"\"slow\"");
        }
        // JSON, but not an object.
        5 => {
            out.insert(start, b'[');
            out.push(b']');
        }
        // Somebody's log line.
        _ => {
            out.truncate(start);
            out.extend_from_slice(b"GET /health 200");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use std::collections::{HashMap, HashSet};

    const OPTIONS: Options =
        Options { seed: 1, start_ms: 1_772_323_200_000, per_second: 58.0, malformed_per_mille: 0 };

    fn lines(options: Options, count: usize) -> Vec<Vec<u8>> {
        let mut stream = Clickstream::new(options);
        let mut out = Vec::new();
        (0..count).for_each(|_| stream.next_line(&mut out));
        let lines: Vec<_> = out.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        assert_eq!(lines.len(), count + 1, "one line feed per event");
        lines[..count].to_vec()
    }

    fn events(count: usize) -> Vec<Value> {
        let parse = |line: &Vec<u8>| serde_json::from_slice(line).expect("an event is JSON");
        lines(OPTIONS, count).iter().map(parse).collect()
    }

    #[test]
    fn a_seed_decides_every_byte() {
        assert_eq!(lines(OPTIONS, 500), lines(OPTIONS, 500));
        assert_ne!(lines(OPTIONS, 500), lines(Options { seed: 2, ..OPTIONS }, 500));
    }

    #[test]
    fn events_are_about_400_bytes() {
        let bytes: usize = lines(OPTIONS, 10_000).iter().map(Vec::len).sum();
        assert!((380..440).contains(&(bytes / 10_000)), "{}", bytes / 10_000);
    }

    #[test]
    fn a_few_pages_take_most_views() {
        let mut views = HashMap::<String, usize>::new();
        for event in events(50_000) {
            *views.entry(event["page"].to_string()).or_default() += 1;
        }
        let mut counts: Vec<usize> = views.into_values().collect();
        counts.sort_unstable_by(|a, b| b.cmp(a));
        let top: usize = counts[..200].iter().sum();
        // 1 % of 20,000 pages: by the definition of Zipf, the harmonic numbers H(200) / H(20,000).
        assert!((0.54..0.58).contains(&(top as f64 / 50_000.0)), "{top}");
        assert!(counts.len() > 5_000, "{}", counts.len());
    }

    #[test]
    fn events_come_late_and_out_of_order() {
        let mut newest = Timestamp::MIN;
        let (mut behind, mut minutes_late) = (0, 0);
        for event in events(50_000) {
            let time: Timestamp = event["event_time"].as_str().unwrap().parse().unwrap();
            behind += usize::from(time < newest);
            newest = newest.max(time);
            minutes_late += usize::from(newest.as_second() - time.as_second() > 60);
        }
        assert!(behind > 40_000, "{behind}");
        assert!((300..800).contains(&minutes_late), "{minutes_late}");
    }

    #[test]
    fn a_session_has_one_visitor_one_site_and_one_beginning() {
        let mut sessions = HashMap::<String, (HashSet<String>, usize, usize)>::new();
        for event in events(50_000) {
            let session = sessions.entry(event["session_id"].to_string()).or_default();
            session.0.insert(format!("{} {}", event["visitor_id"], event["site"]));
            session.1 += usize::from(event.get("referrer").is_some());
            session.2 += 1;
        }
        assert!(sessions.values().all(|(who, begun, _)| who.len() == 1 && *begun == 1));
        let longest = sessions.values().map(|session| session.2).max().unwrap();
        assert!(longest > 20, "{longest}");
    }

    #[test]
    fn only_purchases_have_amounts_to_the_cent() {
        for line in lines(OPTIONS, 10_000) {
            let event: Value = serde_json::from_slice(&line).unwrap();
            assert_eq!(event.get("amount").is_some(), event["type"] == "purchase");
            if event.get("amount").is_some() {
                let text = String::from_utf8(line).unwrap();
                let amount = text.split_once("\"amount\":").unwrap().1.split_once(',').unwrap().0;
                let (units, cents) = amount.split_once('.').unwrap();
                assert!(units.parse::<u64>().is_ok() && cents.len() == 2, "{amount}");
            }
        }
    }

    #[test]
    fn malformed_events_are_as_many_as_asked_for_and_of_every_kind() {
        let options = Options { malformed_per_mille: 100, ..OPTIONS };
        let mut kinds = HashMap::<&str, usize>::new();
        for line in lines(options, 20_000) {
            let kind = match std::str::from_utf8(&line).map(serde_json::from_str::<Value>) {
                Err(_) => "not UTF-8",
                Ok(Err(_)) if line.starts_with(b"GET") => "a log line",
                Ok(Err(_)) => "cut off",
                Ok(Ok(event)) if !event.is_object() => "not an object",
                Ok(Ok(event)) if event.get("event_time").is_none() => "no event time",
                Ok(Ok(event)) if event["latency_ms"].is_string() => "a number as words",
                Ok(Ok(event)) if event["event_time"].as_str().unwrap().starts_with('Y') => {
                    "a wrong event time"
                }
                Ok(Ok(_)) => continue,
            };
            *kinds.entry(kind).or_default() += 1;
        }
        assert_eq!(kinds.len(), 7, "{kinds:?}");
        let malformed: usize = kinds.values().sum();
        assert!((1_800..2_200).contains(&malformed), "{malformed}");
    }
}
