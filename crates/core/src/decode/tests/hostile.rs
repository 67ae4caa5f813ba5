//! Payloads that mean harm: huge, deep, cut, or made to be slow.

use super::*;
use crate::decode::MAX_DEPTH;

fn check(schema: &Schema, payload: &[u8]) -> Result<(), Rejection> {
    Decoder::new(schema, &[]).check(payload)
}

#[test]
fn a_string_of_100_mb_is_a_value_like_any_other() {
    let text = "x".repeat(100_000_000);
    let payload = format!(r#"{{"t":0,"text":"{text}"}}"#);
    let arena = Bump::new();
    let mut decoder = Decoder::new(&one_of_each(), &[5]);
    let mut batch = decoder.batch(1);
    decoder.decode(payload.as_bytes(), &arena, &mut batch).unwrap();
    assert!(batch.columns[5].value(0) == Value::Varchar(text));
    assert_eq!(arena.allocated_bytes(), 0);
}

#[test]
fn a_message_about_100_mb_stays_short() {
    let payload = format!(r#"{{"t":0,"int":"{}"}}"#, "x".repeat(100_000_000));
    let verdict = check(&one_of_each(), payload.as_bytes());
    assert!(verdict.unwrap_err().detail.len() < 200);
}

#[test]
fn nesting_is_accepted_to_the_limit_and_refused_beyond() {
    let schema = one_of_each();
    for (open, close, inner) in [("[", "]", ""), ("{\"a\":", "}", "1"), ("[", "]", "1")] {
        let nested = |levels| format!("{}{inner}{}", open.repeat(levels), close.repeat(levels));
        for key in ["x", "device"] {
            // One level is the event itself; a declared parent must be an object to be right, but
            // is not read deeper for being wrong.
            let payload = |levels| format!(r#"{{"t":0,"{key}":{}}}"#, nested(levels - 1));
            assert_ne!(reason(&schema, &payload(MAX_DEPTH)), Some(Reason::TooDeep));
            assert_eq!(reason(&schema, &payload(MAX_DEPTH + 1)), Some(Reason::TooDeep));
            assert_eq!(reason(&schema, &payload(10_000)), Some(Reason::TooDeep));
        }
        let unclosed = format!(r#"{{"t":0,"x":{}"#, open.repeat(10_000));
        assert_eq!(reason(&schema, &unclosed), Some(Reason::TooDeep));
        assert_eq!(reason(&schema, &nested(MAX_DEPTH + 1)), Some(Reason::TooDeep));
    }
    let many = format!(r#"{{"t":0,"x":[{}1]}}"#, "[[]],".repeat(10_000));
    assert_eq!(reason(&schema, &many), None);
}

#[test]
fn a_schema_nested_as_deep_as_payloads_may_be_is_read() {
    let path = |levels| vec!["a"; levels].join(".");
    let payload = |levels| format!("{}0{}", "{\"a\":".repeat(levels), "}".repeat(levels));
    let time = Type::Timestamp { precision: 0 };
    for (levels, verdict) in [(MAX_DEPTH, None), (MAX_DEPTH + 1, Some(Reason::TooDeep))] {
        let schema = schema(TimestampFormat::EpochSeconds, &[(&path(levels), time)]);
        assert_eq!(reason(&schema, &payload(levels)), verdict);
    }
}

#[test]
fn no_cut_payload_is_accepted() {
    let payload = r#"{"t":"1449292800","bool":true,"int":-12,"double":1.5e3,"dec":"1.50","text":"a\u00e9\ud83d\ude00é",
        "time":0.5,"x":[null,false,{"y":"z"}],"device":{"os":"b","screen":{"width":1}}}"#;
    let schema = one_of_each();
    assert_eq!(reason(&schema, payload), None);
    for end in 0..payload.len() {
        let rejection = decode(&schema, &payload.as_bytes()[..end]).unwrap_err();
        let expected = [Reason::InvalidJson, Reason::InvalidUtf8];
        assert!(expected.contains(&rejection.reason), "{end}: {rejection:?}");
    }
}

#[test]
fn huge_numbers_are_judged_by_their_columns_alone() {
    let schema = one_of_each();
    let digits = "9".repeat(1_000_000);
    for (field, verdict) in [
        ("x", None),
        ("int", Some(Reason::OutOfRange)),
        ("double", Some(Reason::OutOfRange)),
        ("dec", Some(Reason::OutOfRange)),
        ("time", Some(Reason::OutOfRange)),
        ("text", Some(Reason::WrongType)),
    ] {
        for number in [digits.clone(), format!("-{digits}"), format!("1e{digits}")] {
            let payload = format!(r#"{{"t":0,"{field}":{number}}}"#);
            assert_eq!(reason(&schema, &payload), verdict, "{field}");
        }
    }
    let fraction = format!(r#"{{"t":0.{digits},"double":0.{digits},"dec":0.{digits}e-{digits}}}"#);
    let values = decode(&schema, fraction.as_bytes()).unwrap();
    assert_eq!(values[0], Value::Timestamp(0));
    assert_eq!([&values[3], &values[4]], [&Value::Double(1.0), &Value::Decimal(0)]);
}

/// Anything worse than linear time would take hours for 32 MB; what it takes is not measured here.
#[test]
fn shapes_made_to_be_slow_are_decided_at_32_mb() {
    let schema = one_of_each();
    type Shape = (&'static str, fn(usize) -> String);
    let shapes: [Shape; 9] = [
        ("white space", |n| format!(r#"{{"t":0{}}}"#, " ".repeat(n))),
        ("escapes", |n| format!(r#"{{"t":0,"text":"{}"}}"#, r"\n".repeat(n / 2))),
        ("escaped keys", |n| format!(r#"{{"t":0,"{}":1}}"#, r"\u0061".repeat(n / 6))),
        ("digits", |n| format!(r#"{{"t":0,"dec":0.{}}}"#, "3".repeat(n))),
        ("exponent", |n| format!(r#"{{"t":0,"dec":0e{}}}"#, "3".repeat(n))),
        ("undeclared keys", |n| format!(r#"{{{}"t":0}}"#, r#""x":1,"y":2,"#.repeat(n / 12))),
        ("duplicate keys", |n| format!(r#"{{"t":0{}}}"#, r#","int":"x""#.repeat(n / 10))),
        ("closed brackets", |n| format!(r#"{{"t":0,"x":[{}0]}}"#, "[[[]]],".repeat(n / 7))),
        ("distinct keys", |n| {
            let keys = (0..n / 16).map(|i| format!(r#""k{i:09}":0,"#));
            format!(r#"{{{}"t":0}}"#, keys.collect::<String>())
        }),
    ];
    for (name, shape) in shapes {
        let whole = shape(32_000_000);
        let cut = &whole.as_bytes()[..whole.len() - 1];
        let verdict = check(&schema, cut).expect_err(name);
        assert_eq!(verdict.reason, Reason::InvalidJson, "{name}");
        if let Err(verdict) = check(&schema, whole.as_bytes()) {
            assert_ne!(verdict.reason, Reason::InvalidJson, "{name}");
        }
    }
}
