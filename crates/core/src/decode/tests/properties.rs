//! The decoder against oracles, over generated payloads.

mod events;
mod json;
mod reference;

use super::*;
use proptest::prelude::*;

/// What serde_json says: whether a payload is JSON without lone surrogates. `None` where it cannot
/// say, because it wants every number to fit a double, also those that nobody reads. Its own limit
/// of nesting (127 levels, ours is 128) is never reached by what is generated here.
fn is_json(payload: &[u8]) -> Option<bool> {
    if std::str::from_utf8(payload).is_err() {
        return Some(false);
    }
    match serde_json::from_slice::<serde_json::Value>(payload) {
        Ok(_) => Some(true),
        Err(error) if error.to_string().starts_with("number out of range") => None,
        Err(error) => {
            assert!(!error.to_string().contains("recursion"), "{error}");
            Some(false)
        }
    }
}

/// Whether the payload as such is right, whatever its columns hold.
fn is_accepted_as_json(verdict: &Result<Vec<Value>, Rejection>) -> bool {
    match verdict {
        Ok(_) => true,
        Err(rejection) => {
            !matches!(rejection.reason, Reason::InvalidJson | Reason::InvalidUtf8 | Reason::TooDeep)
        }
    }
}

#[test]
fn every_changed_byte_of_an_event_is_judged_as_serde_json_judges_it() {
    let payload =
        r#"{"t":-0.5e+1, "text":"\u00e9\ud83d\ude00é\n","x":[null,true,{"y":[]}],"int":10}"#;
    let schema = one_of_each();
    let mut decoder = Decoder::new(&schema, &[]);
    for at in 0..payload.len() {
        for byte in 0..=u8::MAX {
            let mut changed = payload.as_bytes().to_vec();
            changed[at] = byte;
            let verdict = decoder.check(&changed).map(|()| Vec::new());
            if let Some(expected) = is_json(&changed) {
                let text = String::from_utf8_lossy(&changed);
                assert_eq!(is_accepted_as_json(&verdict), expected, "{text}: {verdict:?}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn generated_json_is_accepted_as_serde_json_accepts_it(text in json::documents()) {
        let verdict = decode(&one_of_each(), text.as_bytes());
        if let Some(expected) = is_json(text.as_bytes()) {
            prop_assert_eq!(is_accepted_as_json(&verdict), expected, "{:?}", verdict);
        }
    }

    #[test]
    fn damaged_json_is_accepted_where_serde_json_accepts_it(
        text in json::documents(),
        damage in prop::collection::vec(json::damage(), 1..4),
    ) {
        let mut payload = text.into_bytes();
        for damage in damage {
            damage.apply(&mut payload);
        }
        let verdict = decode(&one_of_each(), &payload);
        if let Some(expected) = is_json(&payload) {
            prop_assert_eq!(is_accepted_as_json(&verdict), expected, "{:?}", verdict);
        }
    }

    #[test]
    fn any_bytes_are_judged_without_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..64),
        tokens in prop::collection::vec(json::token(), 0..24),
    ) {
        // `decode` makes sure, besides, that the verdict is the same whichever columns are needed.
        let _ = decode(&one_of_each(), &bytes);
        let _ = decode(&one_of_each(), tokens.concat().as_bytes());
    }

    #[test]
    fn columns_are_judged_as_the_plain_reference_judges_them(text in json::events()) {
        let verdict = decode(&one_of_each(), text.as_bytes()).map_err(|rejection| rejection.reason);
        let expected = reference::verdict(&one_of_each(), &text);
        prop_assert_eq!(verdict.map(drop), expected, "{}", text);
    }

    #[test]
    fn values_are_those_that_were_written(event in events::event()) {
        let values = decode(&events::schema(), event.text().as_bytes());
        prop_assert_eq!(values.as_ref(), Ok(&event.values), "{}", event.text());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn what_a_decoder_has_learned_never_changes_what_it_reads(
        events in prop::collection::vec(events::event(), 1..12),
        noise in prop::collection::vec((json::events(), prop::option::of(json::damage())), 1..12),
    ) {
        let schema = events::schema();
        let needed: Vec<ColumnId> = (0..schema.columns.len()).collect();
        let arena = Bump::new();
        let mut payloads: Vec<Vec<u8>> = Vec::new();
        // Good events in every order of keys, and between them such as teach the wrong lesson.
        for (event, (text, damage)) in events.iter().zip(noise.iter().cycle()) {
            let mut text = text.clone().into_bytes();
            if let Some(damage) = damage {
                damage.apply(&mut text);
            }
            payloads.extend([event.text().into_bytes(), text, event.text().into_bytes()]);
        }
        let mut experienced = Decoder::new(&schema, &needed);
        for payload in &payloads {
            let mut fresh = Decoder::new(&schema, &needed);
            let (mut left, mut right) = (experienced.batch(1), fresh.batch(1));
            let verdict = experienced.decode(payload, &arena, &mut left);
            prop_assert_eq!(&verdict, &fresh.decode(payload, &arena, &mut right));
            prop_assert_eq!(left.columns, right.columns);
        }
    }

    /// The same key with values of related shapes, which differ in what follows a bracket, a comma
    /// or a key that was seen before.
    #[test]
    fn what_a_decoder_has_learned_of_undeclared_values_never_changes_its_verdict(
        values in prop::collection::vec(json::value(), 1..4),
        changes in prop::collection::vec((0..4usize, json::damage()), 1..24),
    ) {
        let schema = one_of_each();
        let mut experienced = Decoder::new(&schema, &[]);
        for (at, damage) in changes {
            let mut value = values[at % values.len()].clone().into_bytes();
            let whole = value.clone();
            damage.apply(&mut value);
            for value in [value, whole] {
                let payload = [br#"{"t":0,"x":"#.as_slice(), &value, br#","y":0}"#].concat();
                let verdict = experienced.check(&payload);
                prop_assert_eq!(verdict, Decoder::new(&schema, &[]).check(&payload));
            }
        }
    }
}
