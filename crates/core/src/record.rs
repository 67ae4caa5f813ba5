//! A record: an event in the stream, with its place there.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// The partition key of heartbeats: records that carry no event and only move a shard's epoch on.
/// Reserved; both layers skip them.
pub const HEARTBEAT: &str = "anabranch.heartbeat";

/// A record's place in its shard: up to 192 bits, as Kinesis gives them (56 decimal digits).
/// Rises along a shard, not without gaps; says nothing across shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SequenceNumber {
    high: u64,
    low: u128,
}

impl SequenceNumber {
    /// The lowest: sorts before every number a stream gives.
    pub const ZERO: SequenceNumber = SequenceNumber { high: 0, low: 0 };

    /// The number right below, which need not be that of a record; zero has none and stays.
    pub fn previous(self) -> Self {
        match self.low.checked_sub(1) {
            Some(low) => SequenceNumber { low, ..self },
            None if self.high == 0 => self,
            None => SequenceNumber { high: self.high - 1, low: u128::MAX },
        }
    }

    /// As 24 bytes, big-endian: byte order is number order.
    pub fn to_be_bytes(self) -> [u8; 24] {
        let mut bytes = [0; 24];
        bytes[..8].copy_from_slice(&self.high.to_be_bytes());
        bytes[8..].copy_from_slice(&self.low.to_be_bytes());
        bytes
    }

    /// The inverse of [`Self::to_be_bytes`].
    pub fn from_be_bytes(bytes: [u8; 24]) -> Self {
        let (high, low) = bytes.split_at(8);
        SequenceNumber {
            high: u64::from_be_bytes(high.try_into().expect("8 bytes")),
            low: u128::from_be_bytes(low.try_into().expect("16 bytes")),
        }
    }

    /// The number as a `u64`, for streams that count that way.
    pub fn to_u64(self) -> Option<u64> {
        if self.high == 0 { u64::try_from(self.low).ok() } else { None }
    }
}

impl From<u64> for SequenceNumber {
    fn from(n: u64) -> Self {
        SequenceNumber { high: 0, low: n.into() }
    }
}

impl fmt::Display for SequenceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.high == 0 {
            return write!(f, "{}", self.low);
        }
        // Long division by 10^19 over 64-bit digits, most significant first.
        const CHUNK: u128 = 10_000_000_000_000_000_000;
        let mut words = [self.high, (self.low >> 64) as u64, self.low as u64];
        let mut chunks = Vec::new();
        while words != [0; 3] {
            let mut rest: u128 = 0;
            for word in &mut words {
                let value = (rest << 64) | u128::from(*word);
                *word = (value / CHUNK) as u64;
                rest = value % CHUNK;
            }
            chunks.push(rest);
        }
        let mut chunks = chunks.into_iter().rev();
        write!(f, "{}", chunks.next().unwrap_or(0))?;
        chunks.try_for_each(|chunk| write!(f, "{chunk:019}"))
    }
}

/// The text is not a sequence number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a sequence number: expected decimal digits, at most 192 bits")]
pub struct ParseSequenceNumberError(String);

impl FromStr for SequenceNumber {
    type Err = ParseSequenceNumberError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParseSequenceNumberError(text.to_owned());
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(error());
        }
        let mut words = [0u64; 3];
        // Multiply and add, eighteen digits at a time: as many as keep a product within 128 bits.
        for chunk in text.as_bytes().chunks(18) {
            let number = |digits: &[u8]| digits.iter().fold(0, |n, d| n * 10 + u64::from(d - b'0'));
            let scale = u128::from(10u64.pow(chunk.len() as u32));
            let mut carry = u128::from(number(chunk));
            for word in words.iter_mut().rev() {
                let value = u128::from(*word) * scale + carry;
                *word = value as u64;
                carry = value >> 64;
            }
            if carry != 0 {
                return Err(error());
            }
        }
        Ok(SequenceNumber {
            high: words[0],
            low: (u128::from(words[1]) << 64) | u128::from(words[2]),
        })
    }
}

impl Serialize for SequenceNumber {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SequenceNumber {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A shard's name. Letters, digits, `-` and `_` only, so that it can stand in a file name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ShardId(pub String);

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An event in the stream, borrowed from whatever delivered it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its place in the shard.
    pub sequence: SequenceNumber,
    /// When the stream took it, in milliseconds since the Unix epoch. Not always rising.
    pub arrival_ms: i64,
    /// The producer's partition key, or [`HEARTBEAT`].
    pub partition_key: &'a str,
    /// The event as the producer sent it; any bytes.
    pub payload: &'a [u8],
}

impl Record<'_> {
    /// Whether this record carries no event.
    pub fn is_heartbeat(&self) -> bool {
        self.partition_key == HEARTBEAT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequence_numbers_of_kinesis_survive_text_and_bytes() {
        for text in [
            "0",
            "18446744073709551616",
            "49590338271490256608559692538361571095921575989136588898",
            "6277101735386680763835789423207666416102355444464034512895",
        ] {
            let number: SequenceNumber = text.parse().unwrap();
            assert_eq!(number.to_string(), text);
            assert_eq!(SequenceNumber::from_be_bytes(number.to_be_bytes()), number);
            let json = serde_json::to_string(&number).unwrap();
            assert_eq!(json, format!("\"{text}\""));
            assert_eq!(serde_json::from_str::<SequenceNumber>(&json).unwrap(), number);
        }
    }

    #[test]
    fn order_of_bytes_is_order_of_numbers() {
        // 2^64 - 1, 2^64, 2^128 - 1, 2^128 and 10^40, which is written with zeros inside.
        let rising = [
            "0",
            "7",
            "18446744073709551615",
            "18446744073709551616",
            "340282366920938463463374607431768211455",
            "340282366920938463463374607431768211456",
            "10000000000000000000000000000000000000000",
        ];
        let numbers = rising.map(|text| text.parse::<SequenceNumber>().unwrap());
        assert!(numbers.is_sorted());
        assert!(numbers.map(SequenceNumber::to_be_bytes).is_sorted());
        assert_eq!(numbers.map(|number| number.to_string()), rising);
        let bytes = |first, at: usize| {
            let mut bytes = [0; 24];
            bytes[at] = first;
            bytes
        };
        assert_eq!(numbers[1].to_be_bytes(), bytes(7, 23));
        assert_eq!(numbers[3].to_be_bytes(), bytes(1, 15));
        assert_eq!(numbers[5].to_be_bytes(), bytes(1, 7));
    }

    #[test]
    fn a_number_of_64_bits_is_that_number() {
        for n in [0, 1, 7, u64::MAX] {
            assert_eq!(SequenceNumber::from(n).to_u64(), Some(n));
            assert_eq!(SequenceNumber::from(n).to_string(), n.to_string());
        }
        for beyond in ["18446744073709551616", "340282366920938463463374607431768211456"] {
            assert_eq!(beyond.parse::<SequenceNumber>().unwrap().to_u64(), None);
        }
        assert_eq!(SequenceNumber::from(0), SequenceNumber::ZERO);
    }

    #[test]
    fn only_the_reserved_partition_key_makes_a_heartbeat() {
        let with = |partition_key| Record {
            sequence: SequenceNumber::ZERO,
            arrival_ms: 0,
            partition_key,
            payload: b"",
        };
        assert!(with(HEARTBEAT).is_heartbeat());
        assert!(!with("").is_heartbeat());
        assert_eq!(ShardId("shard-0001".to_owned()).to_string(), "shard-0001");
    }

    #[test]
    fn between_a_number_and_the_previous_one_there_is_none() {
        let previous = |text: &str| text.parse::<SequenceNumber>().unwrap().previous().to_string();
        assert_eq!(previous("0"), "0");
        assert_eq!(previous("1"), "0");
        // 2^128: the borrow crosses the halves.
        let below = previous("340282366920938463463374607431768211456");
        assert_eq!(below, "340282366920938463463374607431768211455");
    }

    #[test]
    fn what_is_not_a_sequence_number_is_refused() {
        for text in ["", "-1", "1e3", "6277101735386680763835789423207666416102355444464034512896"]
        {
            assert!(text.parse::<SequenceNumber>().is_err(), "{text}");
        }
    }
}
