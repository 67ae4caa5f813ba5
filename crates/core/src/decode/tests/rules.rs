//! Every rule of the module's documentation, one by one.

use super::*;
use crate::column::Data;
use TimestampFormat::{EpochMicros, EpochMillis, EpochSeconds, Iso8601};

/// The value of one column of [`one_of_each`] in an event that has nothing else but its time.
fn value(column: &str, json: &str) -> Result<Value, Reason> {
    let schema = one_of_each();
    let values = decode(&schema, format!(r#"{{"t":0,"{column}":{json}}}"#).as_bytes());
    let id = schema.columns.iter().position(|c| c.path == [column]).unwrap();
    values.map(|mut values| values.swap_remove(id)).map_err(|rejection| rejection.reason)
}

fn detail(schema: &Schema, payload: &str) -> String {
    decode(schema, payload.as_bytes()).unwrap_err().to_string()
}

fn text(text: &str) -> Value {
    Value::Varchar(text.to_owned())
}

#[test]
fn booleans_are_true_or_false() {
    assert_eq!(value("bool", "true"), Ok(Value::Boolean(true)));
    assert_eq!(value("bool", "false"), Ok(Value::Boolean(false)));
    for json in ["0", "1", r#""true""#, "[]", "{}"] {
        assert_eq!(value("bool", json), Err(Reason::WrongType), "{json}");
    }
}

#[test]
fn bigints_are_integral_numbers_however_written() {
    assert_eq!(value("int", "-42"), Ok(Value::BigInt(-42)));
    assert_eq!(value("int", "1.0"), Ok(Value::BigInt(1)));
    assert_eq!(value("int", "1e3"), Ok(Value::BigInt(1_000)));
    assert_eq!(value("int", "9223372036854775807"), Ok(Value::BigInt(i64::MAX)));
    assert_eq!(value("int", "9223372036854775808"), Err(Reason::OutOfRange));
    for json in ["1.5", r#""1""#, "true", "[1]", "{}"] {
        assert_eq!(value("int", json), Err(Reason::WrongType), "{json}");
    }
}

#[test]
fn doubles_are_finite_numbers() {
    assert_eq!(value("double", "2.5"), Ok(Value::Double(2.5)));
    assert_eq!(value("double", "1"), Ok(Value::Double(1.0)));
    assert_eq!(value("double", "1e999"), Err(Reason::OutOfRange));
    let Ok(Value::Double(zero)) = value("double", "-0.0") else { panic!("a double") };
    assert!(zero == 0.0 && zero.is_sign_positive());
    for json in [r#""2.5""#, "false", "[]", "{}"] {
        assert_eq!(value("double", json), Err(Reason::WrongType), "{json}");
    }
}

#[test]
fn decimals_are_exact_numbers_or_strings_holding_one() {
    assert_eq!(value("dec", "1234.565"), Ok(Value::Decimal(123_457)));
    assert_eq!(value("dec", r#""-1234.565""#), Ok(Value::Decimal(-123_457)));
    assert_eq!(value("dec", r#""\u0031.5""#), Ok(Value::Decimal(150)));
    assert_eq!(value("dec", "1e3"), Ok(Value::Decimal(100_000)));
    assert_eq!(value("dec", "9999.99"), Ok(Value::Decimal(999_999)));
    for json in ["10000", "9999.995", r#""1e9""#] {
        assert_eq!(value("dec", json), Err(Reason::OutOfRange), "{json}");
    }
    for json in [r#""""#, r#"" 1""#, r#""1,5""#, r#""+1""#, r#""NaN""#, "true", "[1]"] {
        assert_eq!(value("dec", json), Err(Reason::WrongType), "{json}");
    }
}

#[test]
fn texts_are_strings_with_their_escapes_undone() {
    assert_eq!(value("text", r#""""#), Ok(text("")));
    assert_eq!(value("text", r#""Köln""#), Ok(text("Köln")));
    assert_eq!(value("text", r#""\"\\\/\b\f\n\r\t""#), Ok(text("\"\\/\u{8}\u{c}\n\r\t")));
    assert_eq!(value("text", r#""K\u00f6ln \uD83D\ude00!""#), Ok(text("Köln 😀!")));
    assert_eq!(value("text", r#""\u0000""#), Ok(text("\0")));
    assert_eq!(value("text", "\"\u{7f}\u{2028}\u{10ffff}\""), Ok(text("\u{7f}\u{2028}\u{10ffff}")));
    for json in ["1", "true", "[]", "{}"] {
        assert_eq!(value("text", json), Err(Reason::WrongType), "{json}");
    }
}

#[test]
fn timestamps_have_the_declared_format_and_only_that() {
    let instant = Value::Timestamp(1_449_292_800_123_000);
    for (format, right, wrong) in [
        (Iso8601, vec![r#""2015-12-05T05:20:00.123456Z""#], vec!["1449292800", r#""1449292800""#]),
        (
            EpochSeconds,
            vec!["1449292800.123456", r#""1449292800.123456""#, "1.449292800123e9"],
            vec![r#""2015-12-05T05:20:00Z""#, r#""""#],
        ),
        (EpochMillis, vec!["1449292800123", r#""1449292800123.9""#], vec!["true", "{}"]),
        (EpochMicros, vec!["1449292800123456", r#""\u0031449292800123456""#], vec!["[]", "false"]),
    ] {
        let schema = schema(format, &[("t", Type::Timestamp { precision: 3 })]);
        for json in right {
            let values = decode(&schema, format!(r#"{{"t":{json}}}"#).as_bytes());
            assert_eq!(values, Ok(vec![instant.clone()]), "{json}");
        }
        for json in wrong {
            let payload = format!(r#"{{"t":{json}}}"#);
            assert_eq!(reason(&schema, &payload), Some(Reason::WrongType), "{json}");
        }
    }
}

#[test]
fn timestamps_in_year_0_and_10000_are_out_of_range_and_in_year_9999_are_not() {
    let schema = schema(Iso8601, &[("t", Type::Timestamp { precision: 6 })]);
    let out_of_range = Some(Reason::OutOfRange);
    assert_eq!(reason(&schema, r#"{"t":"0000-12-31T23:59:59Z"}"#), out_of_range);
    assert_eq!(reason(&schema, r#"{"t":"0001-01-01T00:00:00Z"}"#), None);
    assert_eq!(reason(&schema, r#"{"t":"9999-12-31T23:59:59.999999Z"}"#), None);
    assert_eq!(reason(&schema, r#"{"t":"10000-01-01T00:00:00Z"}"#), out_of_range);
}

#[test]
fn missing_and_null_fields_are_null() {
    let null = |payload: &str| {
        let values = decode(&one_of_each(), payload.as_bytes()).unwrap();
        assert_eq!(values[0], Value::Timestamp(0));
        values[1..].iter().all(|value| *value == Value::Null)
    };
    assert!(null(r#"{"t":0}"#));
    assert!(null(r#"{"bool":null,"int":null,"double":null,"dec":null,"text":null,"t":0}"#));
    assert!(null(r#"{"t":0,"time":null,"device":null}"#));
    assert!(null(r#"{"t":0,"device":{}}"#));
    assert!(null(r#"{"t":0,"device":{"os":null,"screen":null}}"#));
    assert!(null(r#"{"t":0,"device":{"screen":{"width":null}}}"#));
}

#[test]
fn nested_columns_are_found_by_their_path_only() {
    let payload = r#"{"os":"a","screen":{"width":1},"device":{"screen":{"os":2,"width":3},"os":"b",
        "other":{"os":"c","screen":{"width":4}}},"t":0,"width":5}"#;
    let values = decode(&one_of_each(), payload.as_bytes()).unwrap();
    assert_eq!(values[7..], [text("b"), Value::BigInt(3)]);
}

#[test]
fn a_parent_that_is_neither_object_nor_null_is_of_the_wrong_type() {
    for json in ["1", r#""x""#, "true", "[]", r#"[{"os":"a"}]"#] {
        let payload = format!(r#"{{"t":0,"device":{json}}}"#);
        assert_eq!(reason(&one_of_each(), &payload), Some(Reason::WrongType), "{json}");
        let payload = format!(r#"{{"t":0,"device":{{"screen":{json}}}}}"#);
        assert_eq!(reason(&one_of_each(), &payload), Some(Reason::WrongType), "{json}");
    }
}

#[test]
fn the_event_time_must_be_there() {
    let nested = schema(EpochSeconds, &[("meta.t", Type::Timestamp { precision: 0 })]);
    for (schema, payload) in [
        (&one_of_each(), "{}"),
        (&one_of_each(), r#"{"t":null}"#),
        (&one_of_each(), r#"{"T":0}"#),
        (&one_of_each(), r#"{"device":{"t":0}}"#),
        (&nested, r#"{"t":0}"#),
        (&nested, r#"{"meta":null}"#),
        (&nested, r#"{"meta":{}}"#),
        (&nested, r#"{"meta":{"t":null}}"#),
    ] {
        assert_eq!(reason(schema, payload), Some(Reason::MissingEventTime), "{payload}");
    }
    assert_eq!(reason(&nested, r#"{"meta":{"t":0}}"#), None);
}

#[test]
fn declared_fields_and_their_parents_must_not_occur_twice() {
    for payload in [
        r#"{"t":0,"t":0}"#,
        r#"{"t":0,"int":1,"int":1}"#,
        r#"{"t":0,"int":null,"int":1}"#,
        r#"{"t":0,"int":1,"\u0069nt":1}"#,
        r#"{"t":0,"int":1,"int":"of another type"}"#,
        r#"{"t":0,"device":{"os":"a","os":"a"}}"#,
        r#"{"t":0,"device":{"os":"a"},"device":{}}"#,
        r#"{"t":0,"device":null,"device":null}"#,
        r#"{"t":0,"device":{"screen":{},"screen":7}}"#,
    ] {
        assert_eq!(reason(&one_of_each(), payload), Some(Reason::DuplicateKey), "{payload}");
    }
}

#[test]
fn undeclared_fields_may_repeat_and_hold_anything() {
    let payload = r#"{"x":1,"x":"2","t":0,"x":[{"t":[],"t":1e999}],"device":{"x":1,"x":{"os":1}}}"#;
    assert_eq!(reason(&one_of_each(), payload), None);
}

#[test]
fn keys_match_after_their_escapes_are_undone_and_exactly() {
    let values = decode(&one_of_each(), br#"{"\u0074":0,"te\u0078t":"a","Text":1,"text ":2}"#);
    assert_eq!(values.unwrap()[5], text("a"));
}

#[test]
fn white_space_may_stand_around_every_token() {
    let payload = " \t\r\n{ \"t\" : 0 , \"text\"\n:\t\"a\"\r, \"device\" : { \"os\" : \"b\" } } \n";
    let values = decode(&one_of_each(), payload.as_bytes()).unwrap();
    assert_eq!([&values[5], &values[7]], [&text("a"), &text("b")]);
    let refused = Some(Reason::InvalidJson);
    assert_eq!(reason(&one_of_each(), "{\"t\":0}\u{a0}"), refused);
    assert_eq!(reason(&one_of_each(), "{\"t\":\u{b}0}"), refused);
    assert_eq!(reason(&one_of_each(), "\u{feff}{\"t\":0}"), refused);
}

#[test]
fn json_that_is_no_object_is_told_from_what_is_no_json() {
    for payload in ["null", "true", "7", " -1.5e3 ", r#""{}""#, "[]", r#"[{"t":0}]"#] {
        assert_eq!(reason(&one_of_each(), payload), Some(Reason::NotAnObject), "{payload}");
    }
    for payload in [
        "",
        " ",
        "{",
        "}",
        "[",
        "nul",
        "nulll",
        "NaN",
        "{} {}",
        r#"{"t":0},"#,
        "[1,]",
        "[,1]",
        "[1}",
        r#"{"t":0,}"#,
        r#"{,"t":0}"#,
        r#"{"t":0 "int":1}"#,
        r#"{"t"}"#,
        r#"{"t":}"#,
        r#"{t:0}"#,
        r#"{'t':0}"#,
        r#"{"t":01}"#,
        r#"{"t":-}"#,
        r#"{"t":1.}"#,
        r#"{"t":.5}"#,
        r#"{"t":+1}"#,
        r#"{"t":1e}"#,
        r#"{"t":NaN}"#,
        r#"{"t":Infinity}"#,
        r#"{"t":0,"x":-Infinity}"#,
        r#"{"t":0x10}"#,
        r#"{"t":True}"#,
        r#"{"t":0]"#,
        r#"{"t":0,"x":"\x41"}"#,
        r#"{"t":0,"x":"\u12g4"}"#,
        r#"{"t":0,"x":"\u12"}"#,
        "{\"t\":0,\"x\":\"\n\"}",
        "{\"t\":0,\"x\":\"\0\"}",
        "{\"t\":0,\"x\":\"tab\t\"}",
        r#"{"t":0,"x":"open}"#,
        r#"{"t":0} // comment"#,
        r#"{"t":0,1:2}"#,
    ] {
        assert_eq!(reason(&one_of_each(), payload), Some(Reason::InvalidJson), "{payload}");
    }
}

#[test]
fn lone_surrogates_are_invalid_utf8_in_values_and_keys_declared_or_not() {
    for string in [
        r"\ud800",
        r"\uDFFF",
        r"\ud83d\u0041",
        r"\ude00\ud83d",
        r"\ud83d\ud83d\ude00",
        r"a\ud83d",
        r"\ud83dx",
        r"\ud83d\n",
        r"\uD83D\uDE0",
    ] {
        for payload in [
            format!(r#"{{"t":0,"text":"{string}"}}"#),
            format!(r#"{{"t":0,"x":["{string}"]}}"#),
            format!(r#"{{"t":0,"{string}":1}}"#),
            format!(r#""{string}""#),
        ] {
            assert_eq!(reason(&one_of_each(), &payload), Some(Reason::InvalidUtf8), "{payload}");
        }
    }
}

#[test]
fn bytes_that_are_not_utf8_are_refused_wherever_they_stand() {
    for bytes in [&b"\xff"[..], b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82"] {
        for (before, after) in [
            (r#"{"t":0,"text":""#, r#""}"#),
            (r#"{"t":0,"x":""#, r#""}"#),
            (r#"{"t":0,""#, r#"":1}"#),
            (r#"{"t":0}"#, ""),
            ("", "not JSON either"),
        ] {
            let payload = [before.as_bytes(), bytes, after.as_bytes()].concat();
            let rejection = decode(&one_of_each(), &payload).unwrap_err();
            assert_eq!(rejection.reason, Reason::InvalidUtf8, "{payload:?}");
        }
    }
}

#[test]
fn the_first_fault_of_a_column_in_document_order_is_reported_after_all_others() {
    let schema = one_of_each();
    for (payload, expected) in [
        // Columns among themselves, and before the missing event time.
        (r#"{"int":"a","double":1e999}"#, Reason::WrongType),
        (r#"{"double":1e999,"int":"a"}"#, Reason::OutOfRange),
        (r#"{"int":1,"int":2,"text":3}"#, Reason::DuplicateKey),
        (r#"{"text":3,"int":1,"int":2}"#, Reason::WrongType),
        (r#"{"device":{"screen":{"width":1e40},"os":1}}"#, Reason::OutOfRange),
        // What breaks the payload as such comes first, wherever it stands.
        (r#"{"int":"a","x":[1,]}"#, Reason::InvalidJson),
        (r#"{"int":"a"} x"#, Reason::InvalidJson),
        (r#"{"int":"a","x":"\ud800"}"#, Reason::InvalidUtf8),
        (r#"["\ud800",]"#, Reason::InvalidUtf8),
        (r#"[1,,"\ud800"]"#, Reason::InvalidJson),
    ] {
        assert_eq!(reason(&schema, payload), Some(expected), "{payload}");
    }
    let deep = format!(r#"{{"int":"a","x":{}"#, "[".repeat(200));
    assert_eq!(reason(&schema, &deep), Some(Reason::TooDeep));
    let rejection = decode(&schema, b"{\"int\":\"a\",]\xff").unwrap_err();
    assert_eq!(rejection.reason, Reason::InvalidUtf8);
}

#[test]
fn a_rejected_event_leaves_no_trace_in_the_batch() {
    let schema = one_of_each();
    let all: Vec<ColumnId> = (0..schema.columns.len()).collect();
    let arena = Bump::new();
    let mut decoder = Decoder::new(&schema, &all);
    let full = br#"{"t":0,"bool":true,"int":1,"double":1,"dec":1,"text":"a","time":1,
        "device":{"os":"b","screen":{"width":1}}}"#;
    let mut batch = decoder.batch(4);
    decoder.decode(full, &arena, &mut batch).unwrap();
    let before = batch.columns.clone();
    assert!(before.iter().all(|column| column.valid.is_none()));
    for payload in [
        r#"{"t":1,"bool":false,"int":2,"double":2,"dec":2,"text":"c","time":2,"device":1}"#,
        r#"{"t":1,"bool":false,"int":2,"text":"\n","device":{"os":"d"}"#,
        r#"{"bool":null,"int":2}"#,
    ] {
        assert!(decoder.decode(payload.as_bytes(), &arena, &mut batch).is_err());
        assert_eq!((batch.rows, &batch.columns), (1, &before), "{payload}");
    }
    decoder.decode(br#"{"t":3,"int":3}"#, &arena, &mut batch).unwrap();
    assert_eq!(batch.columns[2], Column::new(Data::BigInt(vec![1, 3])));
    let texts = Column { data: Data::Varchar(vec!["a", ""]), valid: Some(vec![true, false]) };
    assert_eq!(batch.columns[5], texts);
}

#[test]
fn texts_borrow_from_the_payload_unless_they_hold_escapes() {
    let payload = br#"{"t":0,"text":"plain","device":{"os":"esc\u0061ped"}}"#;
    let arena = Bump::new();
    let mut decoder = Decoder::new(&one_of_each(), &[5, 7]);
    let mut batch = decoder.batch(1);
    decoder.decode(payload, &arena, &mut batch).unwrap();
    let within = |id: usize| {
        let Data::Varchar(values) = &batch.columns[id].data else { panic!("texts") };
        payload.as_ptr_range().contains(&values[0].as_ptr())
    };
    assert!(within(5));
    assert!(!within(7));
}

#[test]
fn messages_name_the_column_what_was_found_and_what_is_allowed() {
    let schema = one_of_each();
    for (payload, expected) in [
        (
            r#"{"t":0,"device":{"screen":{"width":"wide"}}}"#,
            r#"column `device.screen.width`: `"wide"` is no BIGINT, expected an integer from -9223372036854775808 to 9223372036854775807"#,
        ),
        (
            r#"{"t":0,"dec":12345.678}"#,
            "column `dec`: `12345.678` is out of range for DECIMAL(6,2), expected a number, or a string holding one, of at most 4 digits before the point",
        ),
        (
            r#"{"t":0,"device":[1, 2]}"#,
            "field `device`: `[1, 2]` is no STRUCT, expected a JSON object or null",
        ),
        (
            r#"{"t":0,"int":1,"int":2}"#,
            "field `int` occurs again at byte 21, expected it once at most",
        ),
        (r#"{"t":0,"int":x}"#, "invalid JSON at byte 13: found `x`, expected a JSON value"),
        (r#"{"t":0"#, "invalid JSON at byte 6: found the end, expected `,` or `}`"),
        ("[1]\n", "the payload is `[1]`, expected a JSON object"),
        (r#"{"t":null}"#, "column `t` is missing or null, expected the event time"),
        (
            r#"{"t":0,"text":"\ud800"}"#,
            r"`\ud800` at byte 15 is half of a surrogate pair without the other",
        ),
    ] {
        assert_eq!(detail(&schema, payload), expected);
    }
    let not_utf8 = decode(&schema, b"{\"t\":0,\"\xe9\":1}").unwrap_err().to_string();
    assert_eq!(not_utf8, "the payload is not UTF-8: unexpected byte 0xe9 at byte 8");
}

#[test]
fn messages_quote_at_most_40_characters_on_one_line() {
    let long = format!(r#"{{"t":0,"int":"{}"}}"#, "é".repeat(1_000));
    let quoted = format!("`\"{}…`", "é".repeat(39));
    assert!(detail(&one_of_each(), &long).contains(&quoted));
    let lines = detail(&one_of_each(), "{\"t\":0,\"int\":[1,\n2]}");
    assert!(lines.contains(r"`[1,\n2]`"), "{lines}");
}

#[test]
#[should_panic(expected = "declared as a column and as a parent")]
fn a_schema_with_a_column_inside_of_another_is_refused() {
    Decoder::new(&schema(Iso8601, &[("a", Type::BigInt), ("a.b", Type::BigInt)]), &[]);
}

/// The keys of the second payload are guessed from those of the first: right, or nearly.
#[test]
fn learned_keys_never_change_the_verdict() {
    let long = "k".repeat(100);
    let many: String = (0..200).map(|i| format!(r#""m{i}":{i},"#)).collect();
    let long_keys = format!(r#"{{"{long}":1,"t":0,"{long}":2}}"#);
    let many_keys = format!(r#"{{{many}"t":0,"int":1}}"#);
    let many_cut = format!(r#"{{{many}"t":0"int":1}}"#);
    let invalid = Some(Reason::InvalidJson);
    for (first, second, expected) in [
        (r#"{"t":0,"int":1}"#, r#"{,"int":1,"t":0}"#, invalid),
        (r#"{"t":0,"int":1}"#, r#"{"t":0"int":1}"#, invalid),
        (r#"{"t":0,"int":1}"#, r#"{"t":0,"int":1"t":0}"#, invalid),
        (r#"{"t":0,"int":1}"#, r#"{"t":0,"int" :1}"#, None),
        (r#"{"t":0,"int":1}"#, r#"{"t":0,"int": 1}"#, None),
        (r#"{"t":0,"int":1}"#, r#"{"t":0,"int":1,"int":1}"#, Some(Reason::DuplicateKey)),
        (r#"{"t":0,"int":1}"#, r#"{"int":1,"t":0,"int":1}"#, Some(Reason::DuplicateKey)),
        (r#"{"t":0,"x":"a"}"#, r#"{"t":0,"int":"a"}"#, Some(Reason::WrongType)),
        (r#"{"t":0,"x":1,"y":2,"int":3}"#, r#"{"t":0,"int":"a"}"#, Some(Reason::WrongType)),
        (r#"{"t":0,"int":1,"x":1}"#, r#"{"t":0,"x":1,"int":"a"}"#, Some(Reason::WrongType)),
        (r#"{"x":{"t":0},"t":0}"#, r#"{"x":0,"t":null}"#, Some(Reason::MissingEventTime)),
        (&long_keys, &long_keys, None),
        (&many_keys, &many_keys, None),
        (&many_keys, &many_cut, invalid),
    ] {
        let schema = one_of_each();
        let mut decoder = Decoder::new(&schema, &[]);
        assert_eq!(decoder.check(first.as_bytes()), Ok(()), "{first}");
        let verdict = decoder.check(second.as_bytes());
        assert_eq!(verdict.clone().err().map(|r| r.reason), expected, "{second}");
        assert_eq!(verdict, Decoder::new(&schema, &[]).check(second.as_bytes()), "{second}");
    }
}

/// What led to a scalar within an undeclared value was taken to lead to some value for ever, so that
/// an event with `[]` was refused once one with `[1]` had been read.
#[test]
fn an_array_may_be_empty_where_the_last_one_was_not() {
    let mut decoder = Decoder::new(&one_of_each(), &[]);
    for value in ["[1]", "[]", "[[1],2]", "[[],2]", "[{}]", r#"{"a":[1]}"#, r#"{"a":[]}"#, "{}"] {
        let payload = format!(r#"{{"t":0,"x":{value}}}"#);
        assert_eq!(decoder.check(payload.as_bytes()), Ok(()), "{payload}");
    }
    for value in ["[1,]", "[", "[,1]", r#"{"a":[1,]}"#, r#"{"a":}"#, r#"{"a":[]]"#] {
        let payload = format!(r#"{{"t":0,"x":{value}}}"#);
        assert!(decoder.check(payload.as_bytes()).is_err(), "{payload}");
    }
}
