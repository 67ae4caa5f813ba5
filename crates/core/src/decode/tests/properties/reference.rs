//! The verdict on an event by the plainest means: a tree that serde_json makes, with the order and
//! the duplicates of its keys kept, walked member by member.

use super::*;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value as Json;

/// A JSON value; of arrays it is known only that they are some.
enum Tree {
    Object(Vec<(String, Tree)>),
    Array,
    Scalar(Json),
}

/// The verdict on a text that is JSON and an object.
pub(super) fn verdict(schema: &Schema, text: &str) -> Result<(), Reason> {
    let Ok(Tree::Object(members)) = serde_json::from_str(text) else { panic!("an object: {text}") };
    let mut has_event_time = false;
    object(schema, &mut Vec::new(), &members, &mut has_event_time)?;
    if has_event_time { Ok(()) } else { Err(Reason::MissingEventTime) }
}

fn object<'t>(
    schema: &Schema,
    path: &mut Vec<&'t str>,
    members: &'t [(String, Tree)],
    has_event_time: &mut bool,
) -> Result<(), Reason> {
    for (at, (key, value)) in members.iter().enumerate() {
        path.push(key);
        let column = schema.columns.iter().position(|column| column.path == *path);
        let parent = schema.columns.iter().any(|column| {
            column.path.len() > path.len() && column.path.iter().zip(&*path).all(|(a, b)| a == b)
        });
        if column.is_some() || parent {
            if members[..at].iter().any(|(earlier, _)| earlier == key) {
                return Err(Reason::DuplicateKey);
            }
            match (value, column) {
                (Tree::Scalar(Json::Null), _) => {}
                (Tree::Scalar(value), Some(id)) => {
                    scalar(schema.columns[id].ty, value)?;
                    *has_event_time |= id == schema.event_time;
                }
                (Tree::Object(members), None) => object(schema, path, members, has_event_time)?,
                _ => return Err(Reason::WrongType),
            }
        }
        path.pop();
    }
    Ok(())
}

/// The rules over doubles, which are exact enough for the numbers that [`json::events`] holds.
fn scalar(ty: Type, value: &Json) -> Result<(), Reason> {
    let range = |value: f64, below: f64| {
        if value.abs() < below { Ok(()) } else { Err(Reason::OutOfRange) }
    };
    let held = value.as_str().and_then(|text| text.parse::<f64>().ok());
    match (ty, value.as_f64()) {
        (Type::Boolean, _) if value.is_boolean() => Ok(()),
        (Type::Varchar, _) if value.is_string() => Ok(()),
        (Type::Double, Some(_)) => Ok(()),
        (Type::BigInt, Some(value)) if value.fract() == 0.0 => range(value, 9.2e18),
        (Type::Decimal { .. }, number) => {
            range(number.or(held).ok_or(Reason::WrongType)?, 9_999.995)
        }
        (Type::Timestamp { .. }, number) => {
            range(number.or(held).ok_or(Reason::WrongType)?, 6.2e10)
        }
        _ => Err(Reason::WrongType),
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Tree::Object(members))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Tree, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Tree::Array)
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Scalar(Json::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Scalar(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Scalar(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Scalar(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
        Ok(Tree::Scalar(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::Scalar(value.into()))
    }
}
