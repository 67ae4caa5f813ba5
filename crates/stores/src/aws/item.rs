//! Items of DynamoDB: making attributes, and taking them out again.
//!
//! An attribute that is missing or of another type is damage, and is named.

use anabranch_core::port::{Error, Result};
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use std::collections::HashMap;
use std::str::FromStr;

/// An item's attributes by name.
pub(super) type Item = HashMap<String, AttributeValue>;

/// The name of every table's partition key.
pub(super) const PARTITION_KEY: &str = "pk";
/// The name of every table's sort key.
pub(super) const SORT_KEY: &str = "sk";

/// A text.
pub(super) fn text(value: impl ToString) -> AttributeValue {
    AttributeValue::S(value.to_string())
}

/// A number: at most 38 digits, of which no sequence number of Kinesis is.
pub(super) fn number(value: u64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// Bytes.
pub(super) fn bytes(value: Vec<u8>) -> AttributeValue {
    AttributeValue::B(Blob::new(value))
}

/// An item as it was read, with what it is called in errors.
#[derive(Debug)]
pub(super) struct Read<'a> {
    item: Item,
    object: &'a str,
}

impl<'a> Read<'a> {
    pub(super) fn new(item: Item, object: &'a str) -> Self {
        Read { item, object }
    }

    /// Takes a text.
    pub(super) fn text(&mut self, name: &str) -> Result<String> {
        match self.item.remove(name) {
            Some(AttributeValue::S(text)) => Ok(text),
            _ => Err(self.corrupt(name, "a text")),
        }
    }

    /// Takes a text, and what it says.
    pub(super) fn parse<T: FromStr<Err: ToString>>(&mut self, name: &str) -> Result<T> {
        let text = self.text(name)?;
        text.parse().map_err(|e: T::Err| Error::corrupt(self.object, e.to_string()))
    }

    /// Takes a number.
    pub(super) fn number(&mut self, name: &str) -> Result<u64> {
        let number = match self.item.remove(name) {
            Some(AttributeValue::N(number)) => number.parse().ok(),
            _ => None,
        };
        number.ok_or_else(|| self.corrupt(name, "a number"))
    }

    /// Takes bytes.
    pub(super) fn bytes(&mut self, name: &str) -> Result<Vec<u8>> {
        let bytes = self.bytes_if_any(name);
        bytes.ok_or_else(|| self.corrupt(name, "bytes"))
    }

    /// Takes bytes that an item need not have.
    pub(super) fn bytes_if_any(&mut self, name: &str) -> Option<Vec<u8>> {
        match self.item.remove(name) {
            Some(AttributeValue::B(bytes)) => Some(bytes.into_inner()),
            _ => None,
        }
    }

    fn corrupt(&self, name: &str, what: &str) -> Error {
        Error::corrupt(self.object, format!("its attribute `{name}` is not {what}"))
    }
}
