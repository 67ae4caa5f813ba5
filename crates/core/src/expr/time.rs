//! Functions of TIMESTAMP, in UTC.
//!
//! Events mostly arrive in the order of time, so neighbouring rows mostly fall into one bucket and
//! one day: what was computed for a row is kept until a row outside it comes.

use super::lift::{Arg, map1, try_map1};
use crate::column::{Column, Data};
use crate::timestamp::civil::{self, MICROS_PER_DAY};
use crate::timestamp::{self, MAX_MICROS, MIN_MICROS};
use crate::view::{Scalar, Width};
use std::ops::RangeInclusive;

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

/// The start of the bucket that holds each timestamp; NULL if it lies before year 1.
pub(super) fn truncate<'a>(t: &Arg<'_, 'a>, width: Width) -> Column<'a> {
    let mut bucket = 0..0;
    try_map1(t.timestamps(), Data::Timestamp, |t| {
        if !bucket.contains(&t) {
            let start = timestamp::truncate(t, width);
            bucket = start..timestamp::next(start, width);
        }
        (bucket.start >= MIN_MICROS).then_some(bucket.start)
    })
}

/// `year(t)` to `millisecond(t)`, as a BIGINT.
///
/// # Panics
/// If `field` is no field of a timestamp.
pub(super) fn extract<'a>(field: &Scalar, t: &Arg<'_, 'a>) -> Column<'a> {
    match field {
        Scalar::Year => of_day(t, |day| civil::date(day).year),
        Scalar::Quarter => of_day(t, |day| i64::from(civil::date(day).month - 1) / 3 + 1),
        Scalar::Month => of_day(t, |day| civil::date(day).month.into()),
        Scalar::Week => of_day(t, iso_week),
        Scalar::Day => of_day(t, |day| civil::date(day).day.into()),
        Scalar::DayOfWeek => of_day(t, day_of_week),
        Scalar::DayOfYear => of_day(t, day_of_year),
        Scalar::Hour => of_clock(t, |t| t.rem_euclid(MICROS_PER_DAY) / HOUR),
        Scalar::Minute => of_clock(t, |t| t.rem_euclid(HOUR) / MINUTE),
        Scalar::Second => of_clock(t, |t| t.rem_euclid(MINUTE) / SECOND),
        Scalar::Millisecond => of_clock(t, |t| t.rem_euclid(SECOND) / 1_000),
        other => panic!("{other:?} is no field of a timestamp"),
    }
}

/// `field` of each timestamp's day, which is counted from 1970-01-01.
fn of_day<'a>(t: &Arg<'_, 'a>, field: impl Fn(i64) -> i64) -> Column<'a> {
    let (mut known_day, mut known_field) = (0, field(0));
    map1(t.timestamps(), Data::BigInt, |t| {
        let day = t.div_euclid(MICROS_PER_DAY);
        if day != known_day {
            (known_day, known_field) = (day, field(day));
        }
        known_field
    })
}

/// 1 for Monday to 7 for Sunday; day 0 was a Thursday.
fn day_of_week(day: i64) -> i64 {
    (day + 3).rem_euclid(7) + 1
}

/// From 1.
fn day_of_year(day: i64) -> i64 {
    day - civil::days(civil::date(day).year, 1, 1) + 1
}

/// The ISO week: the n-th week of a year is the one that holds its n-th Thursday.
fn iso_week(day: i64) -> i64 {
    let thursday = day - day_of_week(day) + 4;
    (day_of_year(thursday) - 1) / 7 + 1
}

fn of_clock<'a>(t: &Arg<'_, 'a>, field: impl Fn(i64) -> i64) -> Column<'a> {
    map1(t.timestamps(), Data::BigInt, field)
}

/// `to_unixtime(t)`: seconds since 1970.
pub(super) fn to_unixtime<'a>(t: &Arg<'_, 'a>) -> Column<'a> {
    map1(t.timestamps(), Data::Double, |t| t as f64 / SECOND as f64)
}

/// `from_unixtime(x)`: to the millisecond; NULL outside years 1 to 9999.
pub(super) fn from_unixtime<'a>(x: &Arg<'_, 'a>) -> Column<'a> {
    // Both limits are exact in a DOUBLE, which the same in microseconds would not be.
    const MILLIS: RangeInclusive<f64> = (MIN_MICROS / 1_000) as f64..=(MAX_MICROS / 1_000) as f64;
    try_map1(x.doubles(), Data::Timestamp, |x| {
        let millis = (x * 1_000.0).round();
        MILLIS.contains(&millis).then(|| millis as i64 * 1_000)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::{Date, date};

    #[test]
    fn fields_of_every_day_are_those_of_jiff() {
        let mut day = civil::days(1, 1, 1);
        let mut expected: Date = date(1, 1, 1);
        loop {
            let of_jiff = (
                i64::from(expected.weekday().to_monday_one_offset()),
                i64::from(expected.day_of_year()),
                i64::from(expected.iso_week_date().week()),
            );
            assert_eq!((day_of_week(day), day_of_year(day), iso_week(day)), of_jiff, "{expected}");
            match expected.tomorrow() {
                Ok(tomorrow) => expected = tomorrow,
                Err(_) => break,
            }
            day += 1;
        }
        assert_eq!(expected, date(9999, 12, 31));
    }
}
