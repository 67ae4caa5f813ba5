//! JSON texts: right ones, damaged ones, and events whose declared fields hold anything.

use proptest::prelude::*;
use proptest::sample::{Index, select};

/// White space, mostly none.
fn space() -> impl Strategy<Value = String> {
    prop_oneof![6 => Just(String::new()), 1 => "[ \t\r\n]{1,3}"]
}

fn string() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        6 => "[a-z ,:{}\\[\\]0-9]{1,12}",
        2 => "[^\"\\\\\\x00-\\x1f]{1,4}",
        2 => r#"\\["\\/bfnrt]"#,
        1 => r"\\u[0-9a-cA-CeEfF][0-9a-fA-F]{3}",
        1 => r"\\ud[89abAB][0-9a-f]{2}\\ud[c-fC-F][0-9a-f]{2}",
        1 => Just(String::new()),
    ];
    prop::collection::vec(piece, 0..4).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
}

fn number() -> impl Strategy<Value = String> {
    "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,20})?([eE][-+]?[0-9]{1,2})?"
}

fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![string(), number(), select(vec!["true", "false", "null"]).prop_map(str::to_owned)]
}

/// Keys that the schema declares, written with and without escapes, and others.
fn key() -> impl Strategy<Value = String> {
    let declared = ["t", "bool", "int", "double", "dec", "text", "time", "device", "os", "screen"];
    prop_oneof![
        4 => select(declared.to_vec()).prop_map(|key| format!("\"{key}\"")),
        1 => select(vec![r#""\u0074""#, r#""d\u0065vice""#, r#""width""#]).prop_map(str::to_owned),
        1 => string(),
    ]
}

pub(super) fn value() -> impl Strategy<Value = String> {
    scalar().prop_recursive(6, 48, 6, |inner| {
        let items = prop::collection::vec((space(), inner.clone(), space()), 0..6);
        let array = items.prop_map(|items| {
            let items: Vec<String> = items.into_iter().map(|(a, v, b)| a + &v + &b).collect();
            format!("[{}]", items.join(","))
        });
        prop_oneof![array, object(inner)]
    })
}

fn object(value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let member = (space(), key(), space(), space(), value, space());
    prop::collection::vec(member, 0..8).prop_map(|members| {
        let member = |(a, key, b, c, value, d)| format!("{a}{key}{b}:{c}{value}{d}");
        let members: Vec<String> = members.into_iter().map(member).collect();
        format!("{{{}}}", members.join(","))
    })
}

/// Any JSON text, mostly an object.
pub(super) fn documents() -> impl Strategy<Value = String> {
    (space(), prop_oneof![6 => object(value()), 1 => value()], space())
        .prop_map(|(before, value, after)| before + &value + &after)
}

/// Objects of declared and other fields with values of which the reference knows what each type
/// makes of them.
pub(super) fn events() -> impl Strategy<Value = String> {
    let scalar = select(vec![
        "null",
        "null",
        "true",
        "false",
        "0",
        "-0.0",
        "1",
        "-1",
        "1.5",
        "1e3",
        "0.001",
        "9999.99",
        "10000",
        "12345678901234567890",
        "1e30",
        "-3e40",
        "1e300",
        r#""""#,
        r#""a""#,
        r#""1""#,
        r#""1.25""#,
        r#""1e30""#,
        r#""\u0031""#,
        r#""2015-12-05T05:20:00Z""#,
        "[]",
        "[1]",
    ]);
    let value = scalar.prop_map(str::to_owned).prop_recursive(3, 24, 6, object);
    object(value)
}

/// Bytes and words that JSON is made of, or nearly.
pub(super) fn token() -> impl Strategy<Value = &'static str> {
    select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        " ",
        "\"",
        "\\",
        "\"t\":0",
        "\"device\":",
        "\"os\":",
        "\"int\"",
        "1",
        "-",
        "0",
        ".",
        "e",
        "null",
        "true",
        "false",
        r"\u",
        r"\ud83d",
        r"\ude00",
        "é",
        "\n",
        "\0",
        "{\"t\":0",
        ",\"text\":\"",
        "\"a\"",
    ])
}

/// One small change to a text.
#[derive(Debug, Clone)]
pub(super) enum Damage {
    Replace(Index, u8),
    Insert(Index, u8),
    Remove(Index),
    Cut(Index),
    Swap(Index, Index),
}

pub(super) fn damage() -> impl Strategy<Value = Damage> {
    let byte = || {
        let usual = select(b"{}[],:\"\\u0123456789.eE+-truefalsn \t\n\0\x1f\x7f".to_vec());
        prop_oneof![4 => usual, 1 => any::<u8>()]
    };
    let at = any::<Index>;
    prop_oneof![
        4 => (at(), byte()).prop_map(|(at, byte)| Damage::Replace(at, byte)),
        4 => (at(), byte()).prop_map(|(at, byte)| Damage::Insert(at, byte)),
        4 => at().prop_map(Damage::Remove),
        1 => at().prop_map(Damage::Cut),
        1 => (at(), at()).prop_map(|(a, b)| Damage::Swap(a, b)),
    ]
}

impl Damage {
    pub(super) fn apply(&self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let length = bytes.len();
        match *self {
            Damage::Replace(at, byte) => bytes[at.index(length)] = byte,
            Damage::Insert(at, byte) => bytes.insert(at.index(length + 1), byte),
            Damage::Remove(at) => drop(bytes.remove(at.index(length))),
            Damage::Cut(at) => bytes.truncate(at.index(length)),
            Damage::Swap(a, b) => bytes.swap(a.index(length), b.index(length)),
        }
    }
}
