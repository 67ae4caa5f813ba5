//! Items as the shipping store makes them, encoded as PutItem requests; and their size as DynamoDB
//! counts it.
//!
//! The store's own requests go through AWS's SDK, which does not give out a request's body. `puts`
//! sends those, and its sink counts the same units.

use anabranch_core::port::PutRow;
use std::io::Write;

/// DynamoDB's write unit.
const UNIT_BYTES: usize = 1024;
const EPOCHS_PER_SPAN: u64 = 16;
/// Nanoseconds, and seconds: as many digits as the store's.
const LIFE: u64 = 1_772_323_200_000_000_000;
const UNTIL: u64 = 1_773_532_800;

/// Appends the request of a put to `out`. Returns the write units that it takes.
pub(crate) fn encode(put: &PutRow, out: &mut Vec<u8>) -> usize {
    let PutRow { id, expected, row } = put;
    let partition =
        format!("{}/{}/{LIFE}/{}", id.fingerprint, id.epoch.0 / EPOCHS_PER_SPAN, id.key.len() % 4);
    let mut sort_key = id.key.clone();
    sort_key.extend_from_slice(&id.epoch.0.to_be_bytes());
    sort_key.extend_from_slice(id.shard.0.as_bytes());
    sort_key.push(id.shard.0.len() as u8);
    let applied = row.applied.to_string();
    let base64 = |bytes: &[u8]| base64_simd::STANDARD.encode_to_string(bytes);
    write!(
        out,
        r##"{{"TableName":"speed","Item":{{"pk":{{"S":"{partition}"}},"sk":{{"B":"{}"}},"applied":{{"S":"{applied}"}},"state":{{"B":"{}"}},"ttl":{{"N":"{UNTIL}"}}}},"ReturnValuesOnConditionCheckFailure":"ALL_OLD","ConditionExpression":"##,
        base64(&sort_key),
        base64(&row.state),
    )
    .expect("memory takes all that is written");
    match expected {
        None => out.extend_from_slice(br#""attribute_not_exists(pk)"}"#),
        Some(expected) => write!(
            out,
            r##""#applied = :expected","ExpressionAttributeNames":{{"#applied":"applied"}},"ExpressionAttributeValues":{{":expected":{{"S":"{expected}"}}}}}}"##
        )
        .expect("memory takes all that is written"),
    }
    let number = 1 + UNTIL.to_string().len().div_ceil(2);
    let names = ["pk", "sk", "applied", "state", "ttl"].concat().len();
    units(names + partition.len() + sort_key.len() + applied.len() + row.state.len() + number)
}

/// The write units of an item of so many bytes.
pub(crate) fn units(bytes: usize) -> usize {
    bytes.div_ceil(UNIT_BYTES)
}
