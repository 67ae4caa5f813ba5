//! Events: a request's body cut into payloads, without copying them.
//!
//! A payload is the bytes of one event as the producer sent them. Whether it is JSON is not asked
//! here: what is not is archived too, and its verdict says so. Only the array around events, which
//! is not part of any, must be right.

use bytes::Bytes;
use memchr::memchr_iter;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::ops::Range;
use std::sync::Arc;

/// Payloads in the body that brought them. Clones share both.
#[derive(Debug, Clone)]
pub struct Events {
    body: Bytes,
    payloads: Arc<[Payload]>,
    layout: Layout,
}

/// Where a payload lies in the body, and its place there as a producer would count it.
#[derive(Debug, Clone)]
struct Payload {
    span: Range<usize>,
    place: usize,
}

/// How payloads lie in a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// One a line; places are line numbers from 1.
    Lines,
    /// The elements of one JSON array; places are indexes from 0.
    Array,
    /// The whole body is one event.
    Single,
}

/// The lines of `text` that hold anything but white space, with their numbers from 1. The line's
/// end (`\n` or `\r\n`) is not part of it; the last one needs none.
pub fn lines(text: &[u8]) -> impl Iterator<Item = (usize, Range<usize>)> {
    let mut ends = memchr_iter(b'\n', text);
    let (mut start, mut number) = (0, 0);
    std::iter::from_fn(move || {
        while start <= text.len() {
            let end = ends.next().unwrap_or(text.len());
            let line = text[start..end].strip_suffix(b"\r").unwrap_or(&text[start..end]);
            let span = start..start + line.len();
            start = end + 1;
            number += 1;
            // The first byte of nearly every line settles it.
            if !line.iter().all(|byte| is_white(*byte)) {
                return Some((number, span));
            }
        }
        None
    })
}

fn is_white(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

impl Events {
    /// Cuts a body of lines.
    pub fn from_lines(body: Bytes) -> Events {
        let payloads = lines(&body).map(|(place, span)| Payload { span, place }).collect();
        Events { payloads, body, layout: Layout::Lines }
    }

    /// Cuts a body whose kind its first byte tells: an array, one object over several lines, or
    /// lines.
    ///
    /// # Errors
    /// If it starts as an array and is not one.
    pub fn sniff(body: Bytes) -> Result<Events, serde_json::Error> {
        let start = body.iter().position(|byte| !is_white(*byte)).unwrap_or(body.len());
        match body.get(start) {
            Some(b'[') => Self::from_array(body),
            Some(b'{') => Ok(match single(&body[start..]) {
                Some(length) => {
                    let payload = Payload { span: start..start + length, place: 0 };
                    Events { payloads: [payload].into(), body, layout: Layout::Single }
                }
                None => Self::from_lines(body),
            }),
            _ => Ok(Self::from_lines(body)),
        }
    }

    fn from_array(body: Bytes) -> Result<Events, serde_json::Error> {
        let mut deserializer = serde_json::Deserializer::from_slice(&body);
        let elements = deserializer.deserialize_seq(Elements { body: &body })?;
        deserializer.end()?;
        let payloads = elements.into_iter().enumerate();
        let payloads = payloads.map(|(place, span)| Payload { span, place }).collect();
        Ok(Events { payloads, body, layout: Layout::Array })
    }

    /// How many events there are.
    pub fn len(&self) -> usize {
        self.payloads.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.payloads.is_empty()
    }

    /// The payloads, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.payloads.iter().map(|payload| &self.body[payload.span.clone()])
    }

    /// The place of payload `index` in the body.
    pub(crate) fn place(&self, index: usize) -> usize {
        self.payloads[index].place
    }

    /// How they lie in the body.
    pub(crate) fn layout(&self) -> Layout {
        self.layout
    }
}

/// The length of the JSON value that `text` starts with, if nothing but white space follows it.
fn single(text: &[u8]) -> Option<usize> {
    let mut values = serde_json::Deserializer::from_slice(text).into_iter::<IgnoredAny>();
    values.next()?.ok()?;
    let length = values.byte_offset();
    text[length..].iter().all(|byte| is_white(*byte)).then_some(length)
}

/// Takes an array's elements as they are written.
struct Elements<'b> {
    body: &'b [u8],
}

impl<'de> Visitor<'de> for Elements<'de> {
    type Value = Vec<Range<usize>>;

    fn expecting(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        formatter.write_str("an array of events")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Self::Value, A::Error> {
        let mut spans = Vec::new();
        while let Some(element) = array.next_element::<&RawValue>()? {
            // The element borrows from the body, so the difference of addresses is its place.
            let text = element.get();
            let start = text.as_ptr().addr() - self.body.as_ptr().addr();
            spans.push(start..start + text.len());
        }
        Ok(spans)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(events: &Events) -> Vec<&str> {
        events.iter().map(|payload| std::str::from_utf8(payload).unwrap()).collect()
    }

    fn sniff(body: &'static str) -> Result<Events, serde_json::Error> {
        Events::sniff(Bytes::from_static(body.as_bytes()))
    }

    #[test]
    fn lines_keep_their_numbers_and_blank_ones_are_skipped() {
        let events = Events::from_lines(Bytes::from_static(b"\n{\"a\":1}\r\n  \t\r\n\nx y \n{}"));
        assert_eq!(texts(&events), ["{\"a\":1}", "x y ", "{}"]);
        assert_eq!([0, 1, 2].map(|i| events.place(i)), [2, 5, 6]);
        assert!(Events::from_lines(Bytes::from_static(b" \n\n")).is_empty());
    }

    #[test]
    fn the_elements_of_an_array_are_events_as_they_are_written() {
        let events = sniff(" [ {\"a\" : 1e400} ,\n[1], \"\\ud800\",{} ] \n").unwrap();
        assert_eq!(texts(&events), ["{\"a\" : 1e400}", "[1]", "\"\\ud800\"", "{}"]);
        assert_eq!((events.layout(), events.place(2)), (Layout::Array, 2));
        assert!(sniff("[]").unwrap().is_empty());
    }

    #[test]
    fn an_element_nested_ten_thousand_levels_deep_is_still_one_event() {
        let deep = format!("[{}{},1]", "[".repeat(10_000), "]".repeat(10_000));
        assert_eq!(Events::sniff(Bytes::from(deep)).unwrap().len(), 2);
    }

    #[test]
    fn what_starts_as_an_array_must_be_one() {
        for body in ["[{}", "[{},]", "[{}] x", "[\n{}\n]\n{}", "[nul]"] {
            assert!(sniff(body).is_err(), "{body}");
        }
        assert!(Events::sniff(Bytes::from_static(b"[\"\xff\"]")).is_err());
    }

    #[test]
    fn one_object_over_several_lines_is_one_event() {
        let events = sniff("\n{\n \"a\": {\n }\n}\n\n").unwrap();
        assert_eq!(texts(&events), ["{\n \"a\": {\n }\n}"]);
        assert_eq!(events.layout(), Layout::Single);
    }

    #[test]
    fn several_objects_are_lines() {
        let events = sniff("{\"a\":1}\n{\"a\":2}\n").unwrap();
        assert_eq!(texts(&events), ["{\"a\":1}", "{\"a\":2}"]);
        assert_eq!(texts(&sniff("{\"a\":1\n{}").unwrap()), ["{\"a\":1", "{}"]);
        assert_eq!(texts(&sniff("hello\n[1]").unwrap()), ["hello", "[1]"]);
    }
}
