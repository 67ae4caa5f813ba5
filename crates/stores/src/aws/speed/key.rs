//! Where a speed row lies in the table.
//!
//! ```text
//! pk = <fingerprint>/<span>/<life>/<bucket>           text; a span is a fixed number of epochs
//! sk = head of the key … digest? … epoch (8) … shard … length of the shard's name (1)      bytes
//! ```
//!
//! A sort key has at most 1,024 bytes, so of a key that is longer than [`HEAD_BYTES`] the head is
//! followed by a digest of the whole, and the item has the whole key as an attribute. The bucket is
//! a hash of the whole key: rows that a batch puts at once spread over partitions, however alike
//! their keys are.

use super::Layout;
use super::spans::Span;
use anabranch_core::epoch::Epoch;
use anabranch_core::port::{Error, Result, RowId};
use anabranch_core::record::ShardId;
use anabranch_core::view::Fingerprint;
use sha2::{Digest, Sha256};

/// Bytes of a key that stand in the sort key as they are.
const HEAD_BYTES: usize = 800;
const DIGEST_BYTES: usize = 32;
const EPOCH_BYTES: usize = 8;
/// Longer than a shard's name in Kinesis, and short enough for the sort key.
const SHARD_BYTES: usize = 180;

/// The partition key of a bucket of a span.
pub(super) fn partition(fingerprint: Fingerprint, span: Span, bucket: u32) -> String {
    format!("{fingerprint}/{}/{}/{bucket}", span.number, span.life)
}

/// The bucket of a key.
pub(super) fn bucket(layout: Layout, key: &[u8]) -> u32 {
    let hash = u64::from(crc32fast::hash(key));
    ((hash * u64::from(layout.buckets)) >> 32) as u32
}

/// What the sort keys of all keys with this prefix begin with. Others' may, too.
pub(super) fn head(prefix: &[u8]) -> &[u8] {
    &prefix[..prefix.len().min(HEAD_BYTES)]
}

/// A row's sort key, and whether the whole key has to stand in the item.
pub(super) fn encode(id: &RowId) -> Result<(Vec<u8>, bool)> {
    let shard = id.shard.0.as_bytes();
    let length = u8::try_from(shard.len()).ok().filter(|_| shard.len() <= SHARD_BYTES);
    let length = length.ok_or_else(|| Error::Refused {
        object: format!("speed row of shard {}", id.shard),
        reason: format!("a shard's name has at most {SHARD_BYTES} bytes"),
    })?;
    let head = head(&id.key);
    let is_cut = head.len() < id.key.len();
    let mut sort_key = head.to_vec();
    if is_cut {
        sort_key.extend_from_slice(&Sha256::digest(&id.key));
    }
    sort_key.extend_from_slice(&id.epoch.0.to_be_bytes());
    sort_key.extend_from_slice(shard);
    sort_key.push(length);
    Ok((sort_key, is_cut))
}

/// What a sort key says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SortKey<'a> {
    /// The row's key, or its head and digest.
    pub(super) key: &'a [u8],
    pub(super) epoch: Epoch,
    pub(super) shard: ShardId,
}

/// The inverse of [`encode`]; `None` if the bytes do not add up.
pub(super) fn decode(sort_key: &[u8]) -> Option<SortKey<'_>> {
    let (length, rest) = sort_key.split_last()?;
    let (rest, shard) = rest.split_at_checked(rest.len().checked_sub(usize::from(*length))?)?;
    let (key, epoch) = rest.split_last_chunk::<EPOCH_BYTES>()?;
    Some(SortKey {
        key,
        epoch: Epoch(u64::from_be_bytes(*epoch)),
        shard: ShardId(std::str::from_utf8(shard).ok()?.to_owned()),
    })
}

/// Whether `whole` is the key that a sort key's `found` stands for.
pub(super) fn is_whole(found: &[u8], whole: &[u8]) -> bool {
    found.len() == HEAD_BYTES + DIGEST_BYTES
        && found[..HEAD_BYTES] == *head(whole)
        && found[HEAD_BYTES..] == *Sha256::digest(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(key: &[u8], shard: &str) -> RowId {
        RowId {
            fingerprint: Fingerprint([7; 16]),
            key: key.to_vec(),
            epoch: Epoch(178_000_000),
            shard: ShardId(shard.to_owned()),
        }
    }

    #[test]
    fn the_longest_sort_key_fits_dynamo_db() {
        let longest = id(&[1; 2000], &"s".repeat(SHARD_BYTES));
        let (sort_key, is_cut) = encode(&longest).unwrap();
        assert!(is_cut && sort_key.len() <= 1024, "{} bytes", sort_key.len());
        assert!(encode(&id(b"k", &"s".repeat(SHARD_BYTES + 1))).is_err());
    }

    #[test]
    fn a_sort_key_gives_back_what_it_was_made_of() {
        for length in [0, 1, 799, 800, 801, 832, 1500] {
            let id = id(&vec![9; length], "shardId-000000000000");
            let (sort_key, is_cut) = encode(&id).unwrap();
            let found = decode(&sort_key).unwrap();
            assert_eq!((found.epoch, &found.shard), (id.epoch, &id.shard));
            assert_eq!(is_cut, length > 800);
            assert!(if is_cut { is_whole(found.key, &id.key) } else { found.key == id.key });
        }
        assert_eq!(decode(b""), None);
        assert_eq!(decode(&[1, 2, 3, 200]), None);
    }

    #[test]
    fn keys_spread_over_all_buckets() {
        let layout = Layout { epochs_per_span: 16, buckets: 8 };
        let mut rows = [0_u32; 8];
        for n in 0..8000_u32 {
            rows[bucket(layout, format!("https://example.com/{n}").as_bytes()) as usize] += 1;
        }
        assert!(rows.iter().all(|rows| (800..1200).contains(rows)), "{rows:?}");
    }
}
