use super::*;
use crate::schema::TimestampFormat::{EpochMicros, EpochMillis, EpochSeconds, Iso8601};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use proptest::prelude::*;

fn iso(text: &str) -> Result<i64, Invalid> {
    parse(text, Iso8601, 6)
}

/// jiff's reading of a civil date and time in UTC. (Its `Timestamp` ends a day before year 10000.)
fn utc(text: &str) -> i64 {
    micros(text.parse().unwrap())
}

fn micros(datetime: DateTime) -> i64 {
    datetime.duration_since(UNIX_EPOCH).as_micros().try_into().unwrap()
}

fn datetime(micros: i64) -> DateTime {
    UNIX_EPOCH + SignedDuration::from_micros(micros)
}

const UNIX_EPOCH: DateTime = jiff::civil::date(1970, 1, 1).at(0, 0, 0, 0);

#[test]
fn the_bounds_are_the_first_and_last_microsecond_of_years_1_to_9999() {
    assert_eq!(utc("0001-01-01T00:00:00"), MIN_MICROS);
    assert_eq!(utc("9999-12-31T23:59:59.999999"), MAX_MICROS);
    assert_eq!(iso("0001-01-01T00:00:00Z"), Ok(MIN_MICROS));
    assert_eq!(iso("9999-12-31T23:59:59.999999999Z"), Ok(MAX_MICROS));
}

#[test]
fn every_written_form_of_one_instant_reads_the_same() {
    let instant = utc("2010-12-01T08:26:00");
    for text in [
        "2010-12-01T08:26:00Z",
        "2010-12-01 08:26:00Z",
        "2010-12-01T08:26:00",
        "2010-12-01 08:26:00",
        "2010-12-01T08:26",
        "2010-12-01T08:26Z",
        "2010-12-01T08:26:00.0Z",
        "2010-12-01T08:26:00.000Z",
        "2010-12-01T08:26:00.000",
        "2010-12-01T08:26:00.000000000Z",
        "2010-12-01T08:26:00+00:00",
        "2010-12-01T08:26:00-00:00",
        "2010-12-01T09:26:00+01",
        "2010-12-01T09:26:00.000+01:00",
        "2010-12-01T13:56:00+0530",
        "2010-12-01T13:56+05:30",
        "2010-11-30T23:26:00-0900",
        "2010-12-02T08:25:00+23:59",
    ] {
        assert_eq!(iso(text), Ok(instant), "{text}");
    }
}

#[test]
fn a_plain_date_means_its_midnight() {
    assert_eq!(iso("2024-02-29"), Ok(utc("2024-02-29T00:00:00")));
    assert_eq!(iso("1969-12-31"), Ok(-MICROS_PER_DAY));
}

#[test]
fn one_to_nine_digits_of_the_second_are_read_and_cut_to_microseconds() {
    let digits = "987654321";
    for length in 1..=9 {
        let micros: i64 = format!("{:0<6}", &digits[..length])[..6].parse().unwrap();
        for second in ["1970-01-01T00:00:00", "1960-01-01T00:00:00"] {
            let text = format!("{second}.{}Z", &digits[..length]);
            assert_eq!(iso(&text), Ok(utc(second) + micros), "{text}");
        }
    }
}

#[test]
fn instants_are_cut_to_the_precision_towards_the_past() {
    for (text, precision, expected) in [
        ("2026-01-31T12:34:56.789999Z", 0, "2026-01-31T12:34:56"),
        ("2026-01-31T12:34:56.789999Z", 3, "2026-01-31T12:34:56.789"),
        ("2026-01-31T12:34:56.789999Z", 6, "2026-01-31T12:34:56.789999"),
        ("1960-01-31T12:34:56.789999Z", 0, "1960-01-31T12:34:56"),
        ("1960-01-31T12:34:56.789999Z", 3, "1960-01-31T12:34:56.789"),
        ("0001-01-01T00:00:00.999999Z", 0, "0001-01-01T00:00:00"),
    ] {
        assert_eq!(parse(text, Iso8601, precision), Ok(utc(expected)), "{text} {precision}");
    }
}

#[test]
fn what_is_not_iso_8601_is_malformed() {
    for text in [
        "",
        "now",
        "2026",
        "2026-01",
        "2026-1-1",
        "20260101",
        "20260101T000000Z",
        "2026-01-01T",
        "2026-01-01T12",
        "2026-01-01T12Z",
        "2026-01-01Z",
        "2026-01-01t12:00:00z",
        "2026-01-01T12:00:00z",
        "2026-01-01_12:00:00",
        "2026-01-01  12:00:00",
        "2026-01-01T12:00:00 Z",
        "2026-01-01T12:00:00 UTC",
        "2026-01-01T12:00:00ZZ",
        "2026-01-01T12:00:00.Z",
        "2026-01-01T12:00:00,5Z",
        "2026-01-01T12:00:00.0000000000Z",
        "2026-01-01T12:00:0.5Z",
        "2026-01-01T1:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-01-32T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T23:60:00Z",
        "2016-12-31T23:59:60Z",
        "2026-01-01T00:00:00+24:00",
        "2026-01-01T00:00:00+00:60",
        "2026-01-01T00:00:00+0:00",
        "2026-01-01T00:00:00+00:",
        "2026-01-01T00:00:00+000",
        "2026-01-01T00:00:00\u{2212}01:00",
        "+2026-01-01T00:00:00Z",
        "02026-01-01T00:00:00Z",
        "1234567890-01-01",
        " 2026-01-01T00:00:00Z",
        "2026-01-01T00:00:00Z ",
        "2026-01-01T00:00:0\u{663}Z",
        "1449292800",
    ] {
        assert_eq!(iso(text), Err(Invalid::Malformed), "{text:?}");
    }
}

#[test]
fn well_formed_instants_outside_years_1_to_9999_are_out_of_range() {
    for text in [
        "0000-12-31T23:59:59Z",
        "0000-02-29",
        "-0001-01-01T00:00:00Z",
        "-000001-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z",
        "+010000-01-01",
        "999999999-12-31",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
    ] {
        assert_eq!(iso(text), Err(Invalid::OutOfRange), "{text}");
    }
}

#[test]
fn epochs_count_their_unit_from_1970() {
    let instant = utc("2015-12-05T05:20:00");
    assert_eq!(parse("1449292800", EpochSeconds, 3), Ok(instant));
    assert_eq!(parse("1.4492928e9", EpochSeconds, 3), Ok(instant));
    assert_eq!(parse("1449292800000", EpochMillis, 3), Ok(instant));
    assert_eq!(parse("1449292800000000", EpochMicros, 3), Ok(instant));
    assert_eq!(parse("0", EpochSeconds, 0), Ok(0));
    assert_eq!(parse("-1", EpochSeconds, 0), Ok(-1_000_000));
}

#[test]
fn fractions_of_epochs_are_exact_and_cut_towards_the_past() {
    assert_eq!(parse("1449292800.123456", EpochSeconds, 6), Ok(1_449_292_800_123_456));
    assert_eq!(parse("1449292800.1234569", EpochSeconds, 6), Ok(1_449_292_800_123_456));
    assert_eq!(parse("1449292800.123456", EpochSeconds, 3), Ok(1_449_292_800_123_000));
    assert_eq!(parse("1449292800.999999", EpochSeconds, 0), Ok(1_449_292_800_000_000));
    assert_eq!(parse("-0.0000001", EpochSeconds, 6), Ok(-1));
    assert_eq!(parse("-0.5", EpochSeconds, 0), Ok(-1_000_000));
    assert_eq!(parse("1.9", EpochMillis, 6), Ok(1_900));
    assert_eq!(parse("-1.9", EpochMicros, 6), Ok(-2));
}

#[test]
fn epochs_outside_years_1_to_9999_are_out_of_range() {
    assert_eq!(parse("-62135596800", EpochSeconds, 6), Ok(MIN_MICROS));
    assert_eq!(parse("253402300799.9999999", EpochSeconds, 6), Ok(MAX_MICROS));
    for (text, format) in [
        ("-62135596800.0000001", EpochSeconds),
        ("253402300800", EpochSeconds),
        ("1449292800000", EpochSeconds),
        ("-62135596800001", EpochMillis),
        ("253402300800000", EpochMillis),
        ("9223372036854775808", EpochMicros),
        ("1e400", EpochMicros),
        ("-1e400", EpochSeconds),
    ] {
        assert_eq!(parse(text, format, 6), Err(Invalid::OutOfRange), "{text}");
    }
}

#[test]
fn epochs_must_be_numbers_as_json_writes_them() {
    for text in ["", "x", "1449292800s", "+1", "01", "1.", ".5", "1e", " 1", "0x10", "NaN", "1_000"]
    {
        assert_eq!(parse(text, EpochSeconds, 6), Err(Invalid::Malformed), "{text:?}");
    }
    assert_eq!(parse("2015-12-05T05:20:00Z", EpochSeconds, 6), Err(Invalid::Malformed));
}

#[test]
fn text_has_exactly_the_digits_of_the_precision() {
    let instant = utc("2026-01-31T12:34:56.789");
    assert_eq!(format(instant, 0), "2026-01-31T12:34:56Z");
    assert_eq!(format(instant, 3), "2026-01-31T12:34:56.789Z");
    assert_eq!(format(instant, 6), "2026-01-31T12:34:56.789000Z");
    assert_eq!(format(-1, 0), "1969-12-31T23:59:59Z");
    assert_eq!(format(-1, 6), "1969-12-31T23:59:59.999999Z");
    assert_eq!(format(MIN_MICROS, 0), "0001-01-01T00:00:00Z");
}

#[test]
fn text_of_ends_past_the_last_year_is_signed() {
    assert_eq!(format(next(utc("9999-01-01T00:00:00"), Width::Year), 0), "+010000-01-01T00:00:00Z");
    assert_eq!(format(MIN_MICROS - 1, 3), "0000-12-31T23:59:59.999Z");
    assert_eq!(format(i64::MAX, 0), "+294247-01-10T04:00:54Z");
    assert_eq!(format(i64::MIN, 0), "-290308-12-21T19:59:05Z");
}

#[test]
fn calendar_buckets_start_where_the_calendar_says() {
    let instant = utc("2024-08-15T13:14:15.161718");
    for (width, start, end) in [
        (Width::Fixed { micros: 60_000_000 }, "2024-08-15T13:14:00", "2024-08-15T13:15:00"),
        (Width::Fixed { micros: 900_000_000 }, "2024-08-15T13:00:00", "2024-08-15T13:15:00"),
        (Width::Fixed { micros: MICROS_PER_DAY }, "2024-08-15T00:00:00", "2024-08-16T00:00:00"),
        (Width::Week, "2024-08-12T00:00:00", "2024-08-19T00:00:00"),
        (Width::Month, "2024-08-01T00:00:00", "2024-09-01T00:00:00"),
        (Width::Quarter, "2024-07-01T00:00:00", "2024-10-01T00:00:00"),
        (Width::Year, "2024-01-01T00:00:00", "2025-01-01T00:00:00"),
    ] {
        assert_eq!(truncate(instant, width), utc(start), "{width:?}");
        assert_eq!(next(utc(start), width), utc(end), "{width:?}");
    }
    assert_eq!(next(utc("2024-12-01T00:00:00"), Width::Month), utc("2025-01-01T00:00:00"));
    assert_eq!(next(utc("2024-10-01T00:00:00"), Width::Quarter), utc("2025-01-01T00:00:00"));
}

#[test]
fn buckets_before_1970_start_in_the_past_as_well() {
    let minute = Width::Fixed { micros: 60_000_000 };
    assert_eq!(truncate(-1, minute), -60_000_000);
    assert_eq!(truncate(-60_000_000, minute), -60_000_000);
    assert_eq!(truncate(-1, Width::Week), utc("1969-12-29T00:00:00"));
    assert_eq!(truncate(MIN_MICROS, Width::Week), MIN_MICROS);
}

#[test]
fn days_and_dates_are_inverse_over_all_days_of_years_1_to_9999() {
    let (first, last) = (MIN_MICROS / MICROS_PER_DAY, MAX_MICROS / MICROS_PER_DAY);
    let mut expected = civil::Date { year: 1, month: 1, day: 1 };
    for day in first..=last {
        let date = civil::date(day);
        assert_eq!(date, expected);
        assert_eq!(civil::days(date.year, date.month, date.day), day);
        expected.day += 1;
        if expected.day > civil::days_in_month(expected.year, expected.month) {
            expected = match expected.month {
                12 => civil::Date { year: expected.year + 1, month: 1, day: 1 },
                month => civil::Date { month: month + 1, day: 1, ..expected },
            };
        }
    }
    assert_eq!(expected, civil::Date { year: 10_000, month: 1, day: 1 });
}

fn instants() -> impl Strategy<Value = i64> {
    prop_oneof![
        4 => MIN_MICROS..=MAX_MICROS,
        2 => -5_000_000_000_000_000..5_000_000_000_000_000_i64,
        1 => prop::sample::select(vec![MIN_MICROS, MAX_MICROS, -1, 0, 1]),
    ]
}

fn widths() -> impl Strategy<Value = Width> {
    prop_oneof![
        (1..=10_000_000_000_i64).prop_map(|micros| Width::Fixed { micros }),
        prop::sample::select(vec![1, 60, 3_600, 86_400])
            .prop_map(|seconds| Width::Fixed { micros: seconds * 1_000_000 }),
        Just(Width::Week),
        Just(Width::Month),
        Just(Width::Quarter),
        Just(Width::Year),
    ]
}

/// The start of a calendar bucket by jiff's civil types.
fn calendar_start(instant: i64, width: Width) -> DateTime {
    let date = datetime(instant).date();
    let start = match width {
        Width::Week => date - i64::from(date.weekday().to_monday_zero_offset()).days(),
        Width::Month => date.first_of_month(),
        Width::Quarter => date.with().month((date.month() - 1) / 3 * 3 + 1).day(1).build().unwrap(),
        _ => date.first_of_year(),
    };
    start.to_datetime(jiff::civil::Time::midnight())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn iso_text_reads_as_jiff_reads_it(
        instant in MIN_MICROS + 2 * MICROS_PER_DAY..MAX_MICROS - 2 * MICROS_PER_DAY,
        nanos in 0..1_000_i64,
        offset_minutes in -1_439..=1_439_i32,
        digits in 0..=9_usize,
        space in any::<bool>(),
    ) {
        let zone = TimeZone::fixed(jiff::tz::Offset::from_seconds(offset_minutes * 60).unwrap());
        let stamp = Timestamp::from_nanosecond(i128::from(instant) * 1_000 + i128::from(nanos));
        let civil = stamp.unwrap().to_zoned(zone).datetime();
        let separator = if space { ' ' } else { 'T' };
        let mut text = civil.strftime(&format!("%Y-%m-%d{separator}%H:%M:%S")).to_string();
        if digits > 0 {
            text += &format!(".{:09}", civil.subsec_nanosecond())[..=digits];
        }
        let (sign, minutes) = (if offset_minutes < 0 { '-' } else { '+' }, offset_minutes.abs());
        text += &format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60);
        let expected: Timestamp = text.parse().unwrap();
        let expected = expected.as_nanosecond().div_euclid(1_000) as i64;
        prop_assert_eq!(iso(&text), Ok(expected), "{}", text);
        prop_assert_eq!(parse(&text, Iso8601, 0), Ok(expected.div_euclid(1_000_000) * 1_000_000));
    }

    #[test]
    fn text_is_what_jiff_writes_and_reads_back(instant in instants()) {
        let text = format(instant, 6);
        prop_assert_eq!(&text, &format!("{:.6}Z", datetime(instant)));
        prop_assert_eq!(iso(&text), Ok(instant));
        for precision in [0, 3] {
            let text = format(instant, precision);
            prop_assert_eq!(iso(&text), parse(&text, Iso8601, precision));
            prop_assert!(iso(&text).unwrap() <= instant);
        }
    }

    #[test]
    fn a_changed_byte_is_never_read_as_another_instant_than_jiff_reads(
        instant in MIN_MICROS + 2 * MICROS_PER_DAY..MAX_MICROS - 2 * MICROS_PER_DAY,
        at in 0..26_usize,
        byte in 0x20..0x7f_u8,
    ) {
        // The zone is left alone, since jiff wants one and a missing one means UTC here.
        let mut text = format(instant, 6).into_bytes();
        text[at] = byte;
        let text = String::from_utf8(text).unwrap();
        if let Ok(read) = iso(&text) {
            let expected: Timestamp = text.parse().unwrap();
            prop_assert_eq!(read, expected.as_nanosecond().div_euclid(1_000) as i64, "{}", text);
        }
    }

    #[test]
    fn buckets_hold_their_instants_and_follow_one_another(
        instant in instants(),
        width in widths(),
    ) {
        let start = truncate(instant, width);
        let end = next(start, width);
        prop_assert!(start <= instant && instant < end, "{} <= {} < {}", start, instant, end);
        prop_assert_eq!(truncate(end - 1, width), start);
        prop_assert_eq!(truncate(start, width), start);
        prop_assert_eq!(truncate(end, width), end);
    }

    #[test]
    fn calendar_buckets_start_where_jiff_says(instant in instants()) {
        for width in [Width::Week, Width::Month, Width::Quarter, Width::Year] {
            prop_assert_eq!(truncate(instant, width), micros(calendar_start(instant, width)));
        }
    }

    #[test]
    fn any_text_is_read_or_refused_without_panic(text in ".{0,40}", digits in "[-+0-9TZ:. ]{0,32}") {
        for format in [Iso8601, EpochSeconds, EpochMillis, EpochMicros] {
            for text in [&text, &digits] {
                if let Ok(micros) = parse(text, format, 6) {
                    prop_assert!((MIN_MICROS..=MAX_MICROS).contains(&micros));
                }
            }
        }
    }
}
