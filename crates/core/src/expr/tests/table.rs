//! Expressions and their values, worked out by hand from the SQL standard and Trino's manual.

use super::build::*;
use crate::expr::evaluate;
use crate::types::{Type, Value};
use crate::view::{Expr, Scalar, Scalar::*, Width};
use bumpalo::Bump;

const NULL: Value = Value::Null;

fn b(value: bool) -> Value {
    Value::Boolean(value)
}

fn i(value: i64) -> Value {
    Value::BigInt(value)
}

fn d(value: f64) -> Value {
    Value::Double(value)
}

fn u(unscaled: i128) -> Value {
    Value::Decimal(unscaled)
}

fn t(text: &str) -> Value {
    Value::Varchar(text.into())
}

fn at(text: &str) -> Value {
    Value::Timestamp(micros(text))
}

fn cast(x: Expr, to: Type) -> Expr {
    call(Cast, to, [x])
}

fn like(s: &str, pattern: &str, escape: Option<char>) -> Expr {
    call(Like { pattern: pattern.into(), escape }, Boolean, [text(s)])
}

fn substr<const N: usize>(s: &str, range: [i64; N]) -> Expr {
    let args = std::iter::once(text(s)).chain(range.map(int)).collect();
    Expr { kind: crate::view::ExprKind::Call(Substr, args), ty: Varchar }
}

fn part(s: &str, delimiter: &str, index: i64) -> Expr {
    call(SplitPart, Varchar, [text(s), text(delimiter), int(index)])
}

fn field(field: Scalar, t: &str) -> Expr {
    call(field, BigInt, [instant(t)])
}

fn truncate(width: Width, t: &str) -> Expr {
    call(Truncate(width), MILLIS, [instant(t)])
}

fn assert_table(table: Vec<(&str, Expr, Value)>) {
    for (sql, expr, expected) in table {
        let arena = Bump::new();
        let constant = evaluate(&expr, &[], 3, &arena);
        let mut columns = Vec::new();
        let over_columns = literals_as_columns(&expr, 3, &mut columns, &arena);
        let per_row = evaluate(&over_columns, &columns, 3, &arena);
        for row in 0..3 {
            assert_eq!(constant.value(row), expected, "{sql}, of literals");
            assert_eq!(per_row.value(row), expected, "{sql}, of columns");
        }
        assert_eq!((constant.len(), per_row.len()), (3, 3), "{sql}");
    }
}

#[test]
fn logic_and_comparison_by_hand() {
    assert_table(vec![
        ("false AND NULL", call(And, Boolean, [boolean(false), null(Boolean)]), b(false)),
        ("NULL AND true", call(And, Boolean, [null(Boolean), boolean(true)]), NULL),
        ("NULL OR true", call(Or, Boolean, [null(Boolean), boolean(true)]), b(true)),
        ("NULL OR false", call(Or, Boolean, [null(Boolean), boolean(false)]), NULL),
        ("NOT NULL", call(Not, Boolean, [null(Boolean)]), NULL),
        ("NULL IS NULL", call(IsNull, Boolean, [null(BigInt)]), b(true)),
        ("NULL = NULL", call(Equal, Boolean, [null(BigInt), null(BigInt)]), NULL),
        ("1 <> NULL", call(NotEqual, Boolean, [int(1), null(BigInt)]), NULL),
        ("1 = 1", call(Equal, Boolean, [int(1), int(1)]), b(true)),
        ("0.0 = -0.0", call(Equal, Boolean, [double(0.0), double(-0.0)]), b(true)),
        ("'b' > 'ab'", call(Greater, Boolean, [text("b"), text("ab")]), b(true)),
        // By code point, not by UTF-16 unit: U+FFFD comes before U+10000.
        ("U+FFFD < U+10000", call(Less, Boolean, [text("\u{fffd}"), text("\u{10000}")]), b(true)),
        ("false < true", call(Less, Boolean, [boolean(false), boolean(true)]), b(true)),
        ("1.50 >= 1.49", call(GreaterOrEqual, Boolean, [dec("1.50"), dec("1.49")]), b(true)),
        ("1 IS DISTINCT FROM NULL", call(IsDistinctFrom, Boolean, [int(1), null(BigInt)]), b(true)),
        (
            "NULL IS DISTINCT FROM NULL",
            call(IsDistinctFrom, Boolean, [null(Varchar), null(Varchar)]),
            b(false),
        ),
        // A NULL's slot holds 0, which must not be taken for the value 0.
        ("0 IS DISTINCT FROM NULL", call(IsDistinctFrom, Boolean, [int(0), null(BigInt)]), b(true)),
        ("2 IN (1, 2)", call(In, Boolean, [int(2), int(1), int(2)]), b(true)),
        ("3 IN (1, 2)", call(In, Boolean, [int(3), int(1), int(2)]), b(false)),
        ("3 IN (1, NULL)", call(In, Boolean, [int(3), int(1), null(BigInt)]), NULL),
        ("1 IN (1, NULL)", call(In, Boolean, [int(1), int(1), null(BigInt)]), b(true)),
        ("0 IN (1, NULL)", call(In, Boolean, [int(0), int(1), null(BigInt)]), NULL),
        ("NULL IN (1)", call(In, Boolean, [null(BigInt), int(1)]), NULL),
        ("greatest(3, 1, 2)", call(Greatest, BigInt, [int(3), int(1), int(2)]), i(3)),
        ("least('b', 'a')", call(Least, Varchar, [text("b"), text("a")]), t("a")),
        ("greatest(1, NULL)", call(Greatest, BigInt, [int(1), null(BigInt)]), NULL),
        ("coalesce(NULL, 2, 3)", call(Coalesce, BigInt, [null(BigInt), int(2), int(3)]), i(2)),
        ("coalesce(NULL, NULL)", call(Coalesce, BigInt, [null(BigInt), null(BigInt)]), NULL),
        ("nullif(1, 1)", call(NullIf, BigInt, [int(1), int(1)]), NULL),
        ("nullif(1, NULL)", call(NullIf, BigInt, [int(1), null(BigInt)]), i(1)),
        ("nullif(NULL, 1)", call(NullIf, BigInt, [null(BigInt), int(1)]), NULL),
        (
            "CASE WHEN NULL THEN 1 WHEN true THEN 2 WHEN true THEN 3 END",
            case([(null(Boolean), int(1)), (boolean(true), int(2)), (boolean(true), int(3))], None),
            i(2),
        ),
        ("CASE WHEN false THEN 1 END", case([(boolean(false), int(1))], None), NULL),
        (
            "CASE WHEN false THEN 'a' ELSE 'b' END",
            case([(boolean(false), text("a"))], Some(text("b"))),
            t("b"),
        ),
    ]);
}

#[test]
fn arithmetic_by_hand() {
    let int2 = |function, x, y| call(function, BigInt, [int(x), int(y)]);
    let double2 = |function, x, y| call(function, Double, [double(x), double(y)]);
    let double1 = |function, x| call(function, Double, [double(x)]);
    let dec2 = |function, ty, x, y| call(function, ty, [dec(x), dec(y)]);
    assert_table(vec![
        ("7 / 2", int2(Divide, 7, 2), i(3)),
        ("-7 / 2", int2(Divide, -7, 2), i(-3)),
        ("-7 % 2", int2(Modulo, -7, 2), i(-1)),
        ("7 / 0", int2(Divide, 7, 0), NULL),
        ("7 % 0", int2(Modulo, 7, 0), NULL),
        ("max + 1", int2(Add, i64::MAX, 1), NULL),
        ("min - 1", int2(Subtract, i64::MIN, 1), NULL),
        ("max * 2", int2(Multiply, i64::MAX, 2), NULL),
        ("min / -1", int2(Divide, i64::MIN, -1), NULL),
        ("min % -1", int2(Modulo, i64::MIN, -1), i(0)),
        ("-min", call(Negate, BigInt, [int(i64::MIN)]), NULL),
        ("abs(min)", call(Abs, BigInt, [int(i64::MIN)]), NULL),
        ("abs(-3)", call(Abs, BigInt, [int(-3)]), i(3)),
        ("sign(-3)", call(Sign, BigInt, [int(-3)]), i(-1)),
        ("1.5e0 + 2", double2(Add, 1.5, 2.0), d(3.5)),
        ("1e0 / 0", double2(Divide, 1.0, 0.0), NULL),
        ("0e0 / 0", double2(Divide, 0.0, 0.0), NULL),
        ("1e308 * 10", double2(Multiply, 1e308, 10.0), NULL),
        ("5e0 % 0", double2(Modulo, 5.0, 0.0), NULL),
        ("-5.5e0 % 2", double2(Modulo, -5.5, 2.0), d(-1.5)),
        ("sqrt(9)", double1(Sqrt, 9.0), d(3.0)),
        ("sqrt(-1)", double1(Sqrt, -1.0), NULL),
        ("ln(0)", double1(Ln, 0.0), NULL),
        ("ln(-1)", double1(Ln, -1.0), NULL),
        ("log10(1000)", double1(Log10, 1000.0), d(3.0)),
        ("exp(0)", double1(Exp, 0.0), d(1.0)),
        ("exp(1000)", double1(Exp, 1000.0), NULL),
        ("power(2, 10)", double2(Power, 2.0, 10.0), d(1024.0)),
        ("power(-8, 1/3)", double2(Power, -8.0, 1.0 / 3.0), NULL),
        ("power(0, -1)", double2(Power, 0.0, -1.0), NULL),
        ("round(2.5e0)", double1(Round, 2.5), d(3.0)),
        ("round(-2.5e0)", double1(Round, -2.5), d(-3.0)),
        ("ceil(1.2e0)", double1(Ceil, 1.2), d(2.0)),
        ("floor(-1.2e0)", double1(Floor, -1.2), d(-2.0)),
        ("round(1234.567e0, 1)", call(Round, Double, [double(1234.567), int(1)]), d(1234.6)),
        ("round(1250e0, -2)", call(Round, Double, [double(1250.0), int(-2)]), d(1300.0)),
        ("round(1.5e0, 400)", call(Round, Double, [double(1.5), int(400)]), d(1.5)),
        ("round(1.5e300, -400)", call(Round, Double, [double(1.5e300), int(-400)]), d(0.0)),
        (
            "round(1e22 + ½ ulp)",
            double1(Round, 4_503_599_627_370_497.5),
            d(4_503_599_627_370_498.0),
        ),
        ("round(-1250, -2)", call(Round, BigInt, [int(-1250), int(-2)]), i(-1300)),
        ("round(7, 3)", call(Round, BigInt, [int(7), int(3)]), i(7)),
        ("round(max, -19)", call(Round, BigInt, [int(i64::MAX), int(-19)]), NULL),
        ("round(max, -99)", call(Round, BigInt, [int(i64::MAX), int(-99)]), i(0)),
        ("1.10 + 2.25", dec2(Add, decimal(4, 2), "1.10", "2.25"), u(335)),
        ("9.99 + 0.01 in 3 digits", dec2(Add, decimal(3, 2), "9.99", "0.01"), NULL),
        ("-5.50 % 2.00", dec2(Modulo, decimal(3, 2), "-5.50", "2.00"), u(-150)),
        ("5.50 % 0.00", dec2(Modulo, decimal(3, 2), "5.50", "0.00"), NULL),
        ("1.5 * 2.25", dec2(Multiply, decimal(5, 3), "1.5", "2.25"), u(3375)),
        ("1.5 * 2.25, scale 2", dec2(Multiply, decimal(5, 2), "1.5", "2.25"), u(338)),
        ("-1.5 * 2.25, scale 2", dec2(Multiply, decimal(5, 2), "-1.5", "2.25"), u(-338)),
        ("2.00 / 3.00", dec2(Divide, decimal(5, 2), "2.00", "3.00"), u(67)),
        ("-1.00 / 8.00", dec2(Divide, decimal(5, 2), "-1.00", "8.00"), u(-13)),
        ("1.00 / 0.0", dec2(Divide, decimal(5, 2), "1.00", "0.0"), NULL),
        (
            "10^37 * 10 / … through 256 bits",
            dec2(
                Multiply,
                decimal(38, 0),
                "12345678901234567890.1234567890",
                "1000000000000000000.0000000000",
            ),
            u(12_345_678_901_234_567_890_123_456_789_000_000_000),
        ),
        (
            "a product of 39 digits",
            dec2(Multiply, decimal(38, 0), "9999999999999999999999", "99999999999999999"),
            NULL,
        ),
        ("round(2.345, 2)", call(Round, decimal(5, 3), [dec("2.345"), int(2)]), u(2350)),
        ("round(-2.5)", call(Round, decimal(2, 0), [dec("-2.5")]), u(-3)),
        ("ceil(-1.5)", call(Ceil, decimal(2, 0), [dec("-1.5")]), u(-1)),
        ("floor(-1.5), same type", call(Floor, decimal(2, 1), [dec("-1.5")]), u(-20)),
        ("ceil(9.9), same type", call(Ceil, decimal(2, 1), [dec("9.9")]), NULL),
        ("sign(-0.5)", call(Sign, decimal(1, 0), [dec("-0.5")]), u(-1)),
        ("abs(-0.5)", call(Abs, decimal(1, 1), [dec("-0.5")]), u(5)),
    ]);
}

#[test]
fn text_by_hand() {
    let text1 = |function, s| call(function, Varchar, [text(s)]);
    assert_table(vec![
        ("lower('ÄB1')", text1(Lower, "ÄB1"), t("äb1")),
        ("lower('ΑΣ'), no final sigma", text1(Lower, "ΑΣ"), t("ασ")),
        ("lower('İ')", text1(Lower, "İ"), t("i")),
        ("upper('straße')", text1(Upper, "straße"), t("STRAßE")),
        ("upper('abc')", text1(Upper, "abc"), t("ABC")),
        ("trim(' \\t a b \\n')", text1(Trim, " \t a b \n"), t("a b")),
        ("trim of no-break space", text1(Trim, "\u{a0}a\u{2003}"), t("\u{a0}a")),
        ("ltrim('  a ')", text1(Ltrim, "  a "), t("a ")),
        ("rtrim('  a ')", text1(Rtrim, "  a "), t("  a")),
        ("length('añ€😀')", call(Length, BigInt, [text("añ€😀")]), i(4)),
        ("substr('añ€😀z', 2, 2)", substr("añ€😀z", [2, 2]), t("ñ€")),
        ("substr('hello', 2)", substr("hello", [2]), t("ello")),
        ("substr('hello', -3)", substr("hello", [-3]), t("llo")),
        ("substr('hello', -3, 2)", substr("hello", [-3, 2]), t("ll")),
        ("substr('hello', 0)", substr("hello", [0]), t("")),
        ("substr('hello', 6)", substr("hello", [6]), t("")),
        ("substr('hello', -6)", substr("hello", [-6]), t("")),
        ("substr('hello', -5, 99)", substr("hello", [-5, 99]), t("hello")),
        ("substr('hello', 2, -1)", substr("hello", [2, -1]), t("")),
        ("substr('hello', min, max)", substr("hello", [i64::MIN, i64::MAX]), t("")),
        ("concat('a', 'ñ', '')", call(Concat, Varchar, [text("a"), text("ñ"), text("")]), t("añ")),
        ("concat('a', NULL)", call(Concat, Varchar, [text("a"), null(Varchar)]), NULL),
        ("split_part('a,b,,c', ',', 2)", part("a,b,,c", ",", 2), t("b")),
        ("split_part('a,b,,c', ',', 3)", part("a,b,,c", ",", 3), t("")),
        ("split_part('a,b,,c', ',', 5)", part("a,b,,c", ",", 5), NULL),
        ("split_part('a,b', ',', 0)", part("a,b", ",", 0), NULL),
        ("split_part('', ',', 1)", part("", ",", 1), t("")),
        ("split_part('añb', '', 2)", part("añb", "", 2), t("ñ")),
        ("split_part('añb', '', 4)", part("añb", "", 4), NULL),
        (
            "replace('aaa', 'aa', 'b')",
            call(Replace, Varchar, [text("aaa"), text("aa"), text("b")]),
            t("ba"),
        ),
        (
            "replace('ñb', '', '-')",
            call(Replace, Varchar, [text("ñb"), text(""), text("-")]),
            t("-ñ-b-"),
        ),
        (
            "replace('abab', 'b', '')",
            call(Replace, Varchar, [text("abab"), text("b"), text("")]),
            t("aa"),
        ),
        ("starts_with('abc', 'ab')", call(StartsWith, Boolean, [text("abc"), text("ab")]), b(true)),
        ("strpos('añb', 'b')", call(Strpos, BigInt, [text("añb"), text("b")]), i(3)),
        ("strpos('abc', 'x')", call(Strpos, BigInt, [text("abc"), text("x")]), i(0)),
        ("strpos('abc', '')", call(Strpos, BigInt, [text("abc"), text("")]), i(1)),
        ("'hello' LIKE 'h%o'", like("hello", "h%o", None), b(true)),
        ("'hello' LIKE 'h_llo'", like("hello", "h_llo", None), b(true)),
        ("'h€llo' LIKE 'h_llo'", like("h€llo", "h_llo", None), b(true)),
        ("'hello' LIKE 'hell'", like("hello", "hell", None), b(false)),
        ("'' LIKE '%'", like("", "%", None), b(true)),
        ("'' LIKE '_'", like("", "_", None), b(false)),
        ("'100%' LIKE '100#%' ESCAPE '#'", like("100%", "100#%", Some('#')), b(true)),
        ("'100x' LIKE '100#%' ESCAPE '#'", like("100x", "100#%", Some('#')), b(false)),
        ("'a\\b' LIKE 'a\\b', no default escape", like("a\\b", "a\\b", None), b(true)),
        ("'ab' LIKE 'a#b' ESCAPE '#'", like("ab", "a#b", Some('#')), NULL),
    ]);
}

#[test]
fn casts_by_hand() {
    assert_table(vec![
        ("true AS BIGINT", cast(boolean(true), BigInt), i(1)),
        ("true AS DECIMAL(3,2)", cast(boolean(true), decimal(3, 2)), u(100)),
        ("true AS VARCHAR", cast(boolean(true), Varchar), t("true")),
        ("0 AS BOOLEAN", cast(int(0), Boolean), b(false)),
        ("0.5 AS BOOLEAN", cast(dec("0.5"), Boolean), b(true)),
        ("'T' AS BOOLEAN", cast(text("T"), Boolean), b(true)),
        ("'yes' AS BOOLEAN", cast(text("yes"), Boolean), NULL),
        ("123 AS DECIMAL(3,1)", cast(int(123), decimal(3, 1)), NULL),
        ("12 AS DECIMAL(3,1)", cast(int(12), decimal(3, 1)), u(120)),
        ("-12 AS VARCHAR", cast(int(-12), Varchar), t("-12")),
        ("2.5e0 AS BIGINT", cast(double(2.5), BigInt), i(3)),
        ("-2.5e0 AS BIGINT", cast(double(-2.5), BigInt), i(-3)),
        ("2^63 AS BIGINT", cast(double(9_223_372_036_854_775_808.0), BigInt), NULL),
        ("-2^63 AS BIGINT", cast(double(-9_223_372_036_854_775_808.0), BigInt), i(i64::MIN)),
        // 0.285 is a little less in binary; its shortest decimal form decides.
        ("0.285e0 AS DECIMAL(3,2)", cast(double(0.285), decimal(3, 2)), u(29)),
        ("1e20 AS DECIMAL(38,0)", cast(double(1e20), decimal(38, 0)), u(10_i128.pow(20))),
        ("1e300 AS DECIMAL(38,0)", cast(double(1e300), decimal(38, 0)), NULL),
        ("1.5e0 AS VARCHAR", cast(double(1.5), Varchar), t("1.5E0")),
        ("100e0 AS VARCHAR", cast(double(100.0), Varchar), t("1.0E2")),
        ("0e0 AS VARCHAR", cast(double(0.0), Varchar), t("0E0")),
        ("-1e-7 AS VARCHAR", cast(double(-1e-7), Varchar), t("-1.0E-7")),
        ("1.25 AS DECIMAL(2,1)", cast(dec("1.25"), decimal(2, 1)), u(13)),
        ("-1.25 AS DECIMAL(2,1)", cast(dec("-1.25"), decimal(2, 1)), u(-13)),
        ("99.95 AS DECIMAL(3,1)", cast(dec("99.95"), decimal(3, 1)), NULL),
        ("1.5 AS BIGINT", cast(dec("1.5"), BigInt), i(2)),
        ("10^19 AS BIGINT", cast(dec("10000000000000000000"), BigInt), NULL),
        ("0.1 AS DOUBLE", cast(dec("0.1"), Double), d(0.1)),
        ("-0.05 AS VARCHAR", cast(dec("-0.05"), Varchar), t("-0.05")),
        ("1.50 AS VARCHAR", cast(dec("1.50"), Varchar), t("1.50")),
        ("' 42 ' AS BIGINT", cast(text(" 42 "), BigInt), i(42)),
        ("'4.2' AS BIGINT", cast(text("4.2"), BigInt), NULL),
        ("'9223372036854775808' AS BIGINT", cast(text("9223372036854775808"), BigInt), NULL),
        ("'1e3' AS DOUBLE", cast(text("1e3"), Double), d(1000.0)),
        ("'-0' AS DOUBLE", cast(text("-0"), Double), d(0.0)),
        ("'NaN' AS DOUBLE", cast(text("NaN"), Double), NULL),
        ("'1e999' AS DOUBLE", cast(text("1e999"), Double), NULL),
        ("'12.345' AS DECIMAL(4,2)", cast(text("12.345"), decimal(4, 2)), u(1235)),
        ("'1e2' AS DECIMAL(4,1)", cast(text("1e2"), decimal(4, 1)), u(1000)),
        ("'' AS DECIMAL(4,1)", cast(text(""), decimal(4, 1)), NULL),
    ]);
}

#[test]
fn time_by_hand() {
    // A Sunday, in the last ISO week of 2020.
    const SUNDAY: &str = "2021-01-03T23:59:58.987Z";
    // Before 1970, where careless division rounds the wrong way.
    const EARLY: &str = "1969-12-31T23:59:59.999Z";
    const LEAP: &str = "2024-02-29T00:00:00Z";
    let number = |function, ty, x| call(function, ty, [x]);
    assert_table(vec![
        ("year", field(Year, SUNDAY), i(2021)),
        ("quarter", field(Quarter, SUNDAY), i(1)),
        ("quarter of December", field(Quarter, EARLY), i(4)),
        ("month", field(Month, LEAP), i(2)),
        ("day", field(Day, LEAP), i(29)),
        ("week", field(Week, SUNDAY), i(53)),
        ("week of the next day", field(Week, "2021-01-04T00:00:00Z"), i(1)),
        ("week of December", field(Week, "2024-12-30T00:00:00Z"), i(1)),
        ("day_of_week of Sunday", field(DayOfWeek, SUNDAY), i(7)),
        ("day_of_week of Thursday", field(DayOfWeek, LEAP), i(4)),
        ("day_of_year", field(DayOfYear, LEAP), i(60)),
        ("day_of_year before 1970", field(DayOfYear, EARLY), i(365)),
        ("hour", field(Hour, SUNDAY), i(23)),
        ("hour before 1970", field(Hour, EARLY), i(23)),
        ("minute", field(Minute, EARLY), i(59)),
        ("second", field(Second, SUNDAY), i(58)),
        ("millisecond", field(Millisecond, EARLY), i(999)),
        ("year 1", field(Year, "0001-01-01T00:00:00Z"), i(1)),
        ("to_unixtime", number(ToUnixtime, Double, instant(EARLY)), d(-0.001)),
        (
            "from_unixtime",
            number(FromUnixtime, MILLIS, double(1.0006)),
            at("1970-01-01T00:00:01.001Z"),
        ),
        ("from_unixtime(1e12)", number(FromUnixtime, MILLIS, double(1e12)), NULL),
        (
            "TIMESTAMP(3) before 1970 AS TIMESTAMP(0)",
            cast(instant("1969-12-31T23:59:58.999Z"), Type::Timestamp { precision: 0 }),
            at("1969-12-31T23:59:58Z"),
        ),
        ("TIMESTAMP(3) AS TIMESTAMP(6)", cast(instant(SUNDAY), MICROS), at(SUNDAY)),
    ]);
}

#[test]
fn time_texts_and_buckets_by_hand() {
    const SUNDAY: &str = "2021-01-03T23:59:58.987Z";
    const EARLY: &str = "1969-12-31T23:59:59.999Z";
    let five_minutes = Width::Fixed { micros: 300_000_000 };
    assert_table(vec![
        ("five minutes", truncate(five_minutes, SUNDAY), at("2021-01-03T23:55:00Z")),
        ("five minutes before 1970", truncate(five_minutes, EARLY), at("1969-12-31T23:55:00Z")),
        ("week", truncate(Width::Week, SUNDAY), at("2020-12-28T00:00:00Z")),
        ("month", truncate(Width::Month, SUNDAY), at("2021-01-01T00:00:00Z")),
        ("quarter", truncate(Width::Quarter, EARLY), at("1969-10-01T00:00:00Z")),
        ("year", truncate(Width::Year, EARLY), at("1969-01-01T00:00:00Z")),
        (
            "a bucket that starts before year 1",
            truncate(Width::Fixed { micros: 86_400_000_000 * 10_000 }, "0001-01-01T00:00:00Z"),
            NULL,
        ),
        ("TIMESTAMP(3) AS VARCHAR", cast(instant(EARLY), Varchar), t(EARLY)),
        (
            "VARCHAR AS TIMESTAMP(3)",
            cast(text("2010-12-01 08:26:00.12345"), MILLIS),
            at("2010-12-01T08:26:00.123Z"),
        ),
        ("'yesterday' AS TIMESTAMP(3)", cast(text("yesterday"), MILLIS), NULL),
    ]);
}
