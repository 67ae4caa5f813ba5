//! Functions of TIMESTAMP, in UTC.
//!
//! Events mostly arrive in the order of time, so neighbouring rows mostly fall into one bucket and
//! one day: what was computed for a row is kept until a row outside it comes.

use super::arithmetic::finite;
use super::lift::{Arg, map1, try_map1};
use crate::column::{Column, Data};
use crate::timestamp::{self, MAX_MICROS, MIN_MICROS};
use crate::view::{Scalar, Width};
use jiff::ToSpan;
use jiff::civil::{Date, date};

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

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
        Scalar::Year => of_date(t, |date| date.year().into()),
        Scalar::Quarter => of_date(t, |date| (i64::from(date.month()) + 2) / 3),
        Scalar::Month => of_date(t, |date| date.month().into()),
        Scalar::Week => of_date(t, |date| date.iso_week_date().week().into()),
        Scalar::Day => of_date(t, |date| date.day().into()),
        Scalar::DayOfWeek => of_date(t, |date| date.weekday().to_monday_one_offset().into()),
        Scalar::DayOfYear => of_date(t, |date| date.day_of_year().into()),
        Scalar::Hour => of_clock(t, |t| t.rem_euclid(DAY) / HOUR),
        Scalar::Minute => of_clock(t, |t| t.rem_euclid(HOUR) / MINUTE),
        Scalar::Second => of_clock(t, |t| t.rem_euclid(MINUTE) / SECOND),
        Scalar::Millisecond => of_clock(t, |t| t.rem_euclid(SECOND) / 1_000),
        other => panic!("{other:?} is no field of a timestamp"),
    }
}

fn of_date<'a>(t: &Arg<'_, 'a>, field: impl Fn(Date) -> i64) -> Column<'a> {
    const EPOCH: Date = date(1970, 1, 1);
    let field_of = |day: i64| {
        field(EPOCH.checked_add(day.days()).expect("a TIMESTAMP lies in years 1 to 9999"))
    };
    let (mut known_day, mut known_field) = (0, field_of(0));
    map1(t.timestamps(), Data::BigInt, |t| {
        let day = t.div_euclid(DAY);
        if day != known_day {
            (known_day, known_field) = (day, field_of(day));
        }
        known_field
    })
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
    try_map1(x.doubles(), Data::Timestamp, |x| {
        let micros = finite((x * 1_000.0).round())? * 1_000.0;
        (MIN_MICROS as f64..=MAX_MICROS as f64).contains(&micros).then_some(micros as i64)
    })
}

/// `t` with no more than `precision` digits of the second, the rest cut.
pub(super) fn cut(t: i64, precision: u8) -> i64 {
    t - t.rem_euclid(10_i64.pow(6 - u32::from(precision)))
}
