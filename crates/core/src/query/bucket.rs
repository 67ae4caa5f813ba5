//! The buckets of an answer: which one a stored bucket falls into, UTC or by a zone's calendar.

use crate::resolution;
use crate::timestamp;
use crate::view::Width;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use std::collections::HashMap;

/// The width of an answer's buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Every {
    /// A whole number of microseconds below a day, aligned to the Unix epoch.
    Micros(i64),
    /// So many calendar days, counted from 1970-01-01.
    Days(i64),
    /// Monday to Sunday.
    Week,
    /// A calendar month.
    Month,
    /// Three calendar months.
    Quarter,
    /// A calendar year.
    Year,
    /// One bucket for all time: the answer has no time column.
    All,
}

/// The name is not in the time zone database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a time zone: expected an IANA name such as `Europe/Paris` or `UTC`")]
pub struct UnknownTimeZone(pub String);

impl Every {
    /// The width in UTC; `None` for all time.
    pub(crate) fn width(self) -> Option<Width> {
        Some(match self {
            Every::Micros(micros) => Width::Fixed { micros },
            Every::Days(days) => Width::Fixed { micros: days * 86_400_000_000 },
            Every::Week => Width::Week,
            Every::Month => Width::Month,
            Every::Quarter => Width::Quarter,
            Every::Year => Width::Year,
            Every::All => return None,
        })
    }

    /// Whether its starts depend on the time zone.
    pub(crate) fn is_calendar(self) -> bool {
        !matches!(self, Every::Micros(_) | Every::All)
    }

    /// Whether whole buckets of `fine` make up its buckets, given that clocks of the zone are
    /// apart from UTC by multiples of `offset_micros` (0 in UTC).
    pub(crate) fn is_tiled_by(self, fine: Width, offset_micros: i64) -> bool {
        let Some(width) = self.width() else { return true };
        if self.is_calendar() && offset_micros != 0 {
            let Width::Fixed { micros } = fine else { return false };
            return 86_400_000_000 % micros == 0 && offset_micros % micros == 0;
        }
        resolution::tiles(fine, width)
    }
}

/// Maps the starts of stored buckets to those of the answer's, remembering what it has seen.
pub(crate) struct Buckets {
    every: Every,
    zone: Option<TimeZone>,
    seen: HashMap<i64, i64>,
}

impl Buckets {
    pub(crate) fn new(every: Every, zone: Option<TimeZone>) -> Self {
        Buckets { every, zone: zone.filter(|_| every.is_calendar()), seen: HashMap::new() }
    }

    /// The start of the answer's bucket that holds `micros`; `None` for all time.
    pub(crate) fn start(&mut self, micros: i64) -> Option<i64> {
        let width = self.every.width()?;
        let Some(zone) = &self.zone else { return Some(timestamp::truncate(micros, width)) };
        let every = self.every;
        Some(*self.seen.entry(micros).or_insert_with(|| local_start(micros, every, zone)))
    }
}

/// The start of the calendar bucket of `zone` that holds `micros`.
fn local_start(micros: i64, every: Every, zone: &TimeZone) -> i64 {
    let Ok(instant) = Timestamp::from_microsecond(micros) else {
        return last_start(micros, every, zone);
    };
    let date = instant.to_zoned(zone.clone()).date();
    let first = first_date(date, every).unwrap_or(date);
    let start = first.to_zoned(zone.clone()).and_then(|midnight| midnight.start_of_day());
    start.map_or(micros, |start| start.timestamp().as_microsecond())
}

/// As [`local_start`], in the last hours of year 9999: jiff keeps its instants so far from the end
/// that every zone can tell them. No zone changes its clocks there.
fn last_start(micros: i64, every: Every, zone: &TimeZone) -> i64 {
    let offset = i64::from(zone.to_offset(Timestamp::MAX).seconds()) * 1_000_000;
    let start = |width| timestamp::truncate(micros + offset, width) - offset;
    every.width().map_or(micros, start)
}

fn first_date(date: Date, every: Every) -> Result<Date, jiff::Error> {
    let quarter_month = |month: i8| (month - 1) / 3 * 3 + 1;
    match every {
        Every::Days(days) => {
            let since = date.since((jiff::Unit::Day, Date::constant(1970, 1, 1)))?.get_days();
            date.checked_sub(i64::from(since).rem_euclid(days).days())
        }
        Every::Week => date.checked_sub(i64::from(date.weekday().since(Weekday::Monday)).days()),
        Every::Month => Date::new(date.year(), date.month(), 1),
        Every::Quarter => Date::new(date.year(), quarter_month(date.month()), 1),
        Every::Year => Date::new(date.year(), 1, 1),
        Every::Micros(_) | Every::All => Ok(date),
    }
}

/// The greatest number of microseconds of which every offset of `zone` from UTC within the range
/// is a multiple; 0 if they are all zero.
pub(crate) fn offset_grid(zone: &TimeZone, from: Option<i64>, to: Option<i64>) -> i64 {
    let instant = |micros: i64| Timestamp::from_microsecond(micros).ok();
    let from = from.and_then(instant).unwrap_or(Timestamp::UNIX_EPOCH);
    let to = to.and_then(instant).unwrap_or(Timestamp::MAX);
    let mut grid = i64::from(zone.to_offset(from).seconds()).abs();
    // Zones repeat their rules for ever; a century of transitions holds every offset.
    for transition in zone.following(from).take_while(|t| t.timestamp() < to).take(300) {
        grid = greatest_divisor(grid, i64::from(transition.offset().seconds()).abs());
    }
    grid * 1_000_000
}

fn greatest_divisor(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { greatest_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn micros(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_microsecond()
    }

    fn start(text: &str, every: Every, zone: &str) -> String {
        let mut buckets = Buckets::new(every, Some(TimeZone::get(zone).unwrap()));
        let start = buckets.start(micros(text)).unwrap();
        Timestamp::from_microsecond(start).unwrap().to_string()
    }

    #[test]
    fn days_of_a_zone_are_23_and_25_hours_long_when_clocks_change() {
        let paris = "Europe/Paris";
        assert_eq!(start("2026-03-28T23:00:00Z", Every::Days(1), paris), "2026-03-28T23:00:00Z");
        assert_eq!(start("2026-03-29T21:59:00Z", Every::Days(1), paris), "2026-03-28T23:00:00Z");
        assert_eq!(start("2026-03-29T22:00:00Z", Every::Days(1), paris), "2026-03-29T22:00:00Z");
        assert_eq!(start("2026-10-25T22:59:00Z", Every::Days(1), paris), "2026-10-24T22:00:00Z");
    }

    #[test]
    fn weeks_months_quarters_and_years_start_at_local_midnight() {
        let tokyo = "Asia/Tokyo";
        let at = "2026-11-20T16:00:00Z";
        assert_eq!(start(at, Every::Week, tokyo), "2026-11-15T15:00:00Z");
        assert_eq!(start(at, Every::Month, tokyo), "2026-10-31T15:00:00Z");
        assert_eq!(start(at, Every::Quarter, tokyo), "2026-09-30T15:00:00Z");
        assert_eq!(start(at, Every::Year, tokyo), "2025-12-31T15:00:00Z");
    }

    /// They used to be taken for 1970-01-01, and so to count in the answer's bucket of that day.
    #[test]
    fn the_last_hours_of_year_9999_are_in_the_last_buckets() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let last = timestamp::MAX_MICROS;
        let start = |every| {
            let start = Buckets::new(every, Some(berlin.clone())).start(last).unwrap();
            timestamp::format(start, 0)
        };
        // In Berlin it is one in the morning of Saturday, 10000-01-01.
        assert_eq!(start(Every::Days(1)), "9999-12-31T23:00:00Z");
        assert_eq!(start(Every::Week), "9999-12-26T23:00:00Z");
        assert_eq!(start(Every::Year), "9999-12-31T23:00:00Z");
    }

    #[test]
    fn a_day_that_has_no_midnight_starts_when_it_starts() {
        let at = start("2018-11-04T12:00:00Z", Every::Days(1), "America/Sao_Paulo");
        assert_eq!(at, "2018-11-04T03:00:00Z");
    }

    #[test]
    fn the_offsets_of_a_zone_say_which_resolutions_are_exact() {
        let grid = |zone: &str, from| {
            offset_grid(&TimeZone::get(zone).unwrap(), Some(micros(from)), None) / 60_000_000
        };
        assert_eq!(grid("Europe/Paris", "2000-01-01T00:00:00Z"), 60);
        assert_eq!(grid("Asia/Kolkata", "2000-01-01T00:00:00Z"), 330);
        assert_eq!(grid("UTC", "2000-01-01T00:00:00Z"), 0);
        assert!(Every::Days(1).is_tiled_by(resolution::HOUR, 60 * 60_000_000));
        assert!(!Every::Days(1).is_tiled_by(resolution::HOUR, 330 * 60_000_000));
        assert!(!Every::Days(1).is_tiled_by(resolution::DAY, 60 * 60_000_000));
        assert!(Every::Days(1).is_tiled_by(resolution::DAY, 0));
    }
}
