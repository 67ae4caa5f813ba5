//! The body of `POST /v1/events`: cut into payloads that are the body's own bytes, in order, each
//! where a producer would count it.

use anabranch_http::{Events, lines};
use bytes::Bytes;
use serde_json::value::RawValue;

/// Panics unless the body is refused or cut where it should be.
pub fn check(data: &[u8]) {
    let body = Bytes::copy_from_slice(data);
    check_lines(data, &Events::from_lines(body.clone()));
    let first = data.iter().find(|byte| !byte.is_ascii_whitespace() || **byte == 0x0c);
    let array = || serde_json::from_slice::<Vec<&RawValue>>(data);
    match (first, Events::sniff(body)) {
        (Some(b'['), Ok(events)) => {
            let expected = array().expect("it was taken as an array");
            assert!(events.iter().eq(expected.iter().map(|raw| raw.get().as_bytes())));
        }
        (Some(b'['), Err(_)) => assert!(array().is_err(), "an array is refused"),
        (_, Err(error)) => panic!("what is no array is refused: {error}"),
        (Some(b'{'), Ok(events)) => match serde_json::from_slice::<&RawValue>(data) {
            Ok(raw) => assert!(events.iter().eq([raw.get().as_bytes()])),
            // It may be a value with bytes that are no text: the decoder says so of the payload.
            Err(_) if events.len() == 1 => {}
            Err(_) => check_lines(data, &events),
        },
        (_, Ok(events)) => check_lines(data, &events),
    }
}

/// Against the plainest cut: split at every line feed.
fn check_lines(data: &[u8], events: &Events) {
    let plain = data.split(|&byte| byte == b'\n').enumerate().filter_map(|(index, line)| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let is_white = |byte: &u8| b" \t\r\n".contains(byte);
        (!line.iter().all(is_white)).then_some((index + 1, line))
    });
    let plain: Vec<(usize, &[u8])> = plain.collect();
    assert!(events.iter().eq(plain.iter().map(|(_, line)| *line)));
    let numbered = lines(data).map(|(number, span)| (number, &data[span]));
    assert!(numbered.eq(plain));
}
