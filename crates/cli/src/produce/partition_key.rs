//! Partition keys: which shard an event goes to.
//!
//! Events of one key go to one shard. Without a column to choose by, every event has another key,
//! which spreads them as evenly as can be. With one, events of one value stay together: the rows of
//! that value are then written for one shard, and not for each.

use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

/// Chooses partition keys.
#[derive(Debug, Clone)]
pub(super) struct PartitionKeys {
    /// The names that lead to the column, if there is one to choose by.
    column: Option<Vec<String>>,
    /// What the next key is made of that no value decides.
    next: u64,
}

impl PartitionKeys {
    /// Keys by the value of `column`, such as `site` or `device.os`.
    pub(super) fn new(column: Option<&str>) -> Self {
        let column = column.map(|column| column.split('.').map(str::to_owned).collect());
        PartitionKeys { column, next: RandomState::new().hash_one(std::process::id()) }
    }

    /// The key of an event. The same value has the same key in every process; the key is a digest,
    /// because values may be too long for a key, or empty, or none of the stream's business.
    pub(super) fn key(&mut self, payload: &[u8]) -> String {
        let value = self.column.as_ref().and_then(|column| value(payload, column));
        match value {
            Some(value) => {
                let digest = Sha256::digest(value.as_bytes());
                digest[..8].iter().map(|byte| format!("{byte:02x}")).collect()
            }
            None => {
                self.next = self.next.wrapping_add(1);
                format!("{:x}", self.next)
            }
        }
    }
}

/// The JSON text of a column's value; `None` where there is none, or no event.
fn value<'p>(payload: &'p [u8], column: &[String]) -> Option<&'p str> {
    let mut text = std::str::from_utf8(payload).ok()?;
    for name in column {
        let fields: HashMap<Cow<'p, str>, &'p RawValue> = serde_json::from_str(text).ok()?;
        text = fields.get(name.as_str())?.get();
    }
    (text != "null").then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_have_equal_keys_and_others_differ() {
        let mut keys = PartitionKeys::new(Some("device.os"));
        let mut key = |payload: &str| keys.key(payload.as_bytes());
        let ios = key(r#"{"device":{"os":"iOS"},"n":1}"#);
        assert_eq!(ios, key(r#"{"n":2, "device" : {"x":{}, "os" :"iOS" }}"#));
        assert_eq!(ios.len(), 16);
        assert_ne!(ios, key(r#"{"device":{"os":"Android"}}"#));
        // In every process and version: what stays together must go on doing so.
        assert_eq!(ios, "94777e478e257690");
    }

    #[test]
    fn events_without_a_value_are_spread() {
        for column in [None, Some("a.b")] {
            let mut keys = PartitionKeys::new(column);
            let payloads = ["{}", "{}", r#"{"a":1}"#, r#"{"a":{"b":null}}"#, "not json", "\u{7}"];
            let keys: Vec<String> = payloads.map(|payload| keys.key(payload.as_bytes())).into();
            let different: std::collections::BTreeSet<&String> = keys.iter().collect();
            assert_eq!(different.len(), payloads.len(), "{keys:?}");
        }
    }
}
