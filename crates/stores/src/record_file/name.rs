//! Where an object lies: `dt=2026-01-31/hour=12/<epoch>-<shard>-<first>.parquet`.
//!
//! The name is the object's (epoch, shard, first sequence number), zero-padded so that names of one
//! hour sort by epoch, and names of one shard by place in it.

use anabranch_core::epoch::{Epoch, EpochLength};
use anabranch_core::port::ObjectInfo;
use anabranch_core::record::{SequenceNumber, ShardId};
use anabranch_core::timestamp;

/// What an object's name says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) epoch: Epoch,
    pub(crate) shard: ShardId,
    pub(crate) first: SequenceNumber,
}

impl Name {
    /// The name of an object.
    pub(crate) fn of(info: &ObjectInfo) -> Self {
        Name { epoch: info.epoch, shard: info.shard.clone(), first: info.first }
    }

    /// The last part of its path.
    pub(crate) fn to_file_name(&self) -> String {
        let Name { epoch, shard, first } = self;
        format!("{:020}-{shard}-{:0>20}.parquet", epoch.0, first.to_string())
    }

    /// A shard's name may hold dashes; the numbers on both sides of it do not.
    pub(crate) fn parse(file_name: &str) -> Option<Self> {
        let (epoch, rest) = file_name.strip_suffix(".parquet")?.split_once('-')?;
        let (shard, first) = rest.rsplit_once('-')?;
        Some(Name {
            epoch: Epoch(epoch.parse().ok()?),
            shard: ShardId(shard.to_owned()),
            first: first.parse().ok()?,
        })
    }
}

/// The folders of an epoch, by its start: `dt=2026-01-31` and `hour=12`.
pub(crate) fn partition(length: EpochLength, epoch: Epoch) -> (String, String) {
    let micros = length.start_ms(epoch).saturating_mul(1000);
    let text = timestamp::format(micros.min(timestamp::MAX_MICROS), 0);
    (format!("dt={}", &text[..10]), format!("hour={}", &text[11..13]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_text_and_sort() {
        let name = |epoch, shard: &str, first: &str| Name {
            epoch: Epoch(epoch),
            shard: ShardId(shard.to_owned()),
            first: first.parse().unwrap(),
        };
        let names = [
            name(9, "shardId-000000000000", "7"),
            name(10, "a-1", "9"),
            name(10, "a-1", "10"),
            name(u64::MAX, "-", "49590338271490256608559692538361571095921575989136588898"),
        ];
        let texts = names.clone().map(|name| name.to_file_name());
        assert!(texts.is_sorted(), "{texts:?}");
        for (name, text) in names.iter().zip(&texts) {
            assert_eq!(Name::parse(text).as_ref(), Some(name));
        }
        assert_eq!(Name::parse("1-2.parquet"), None);
        assert_eq!(Name::parse("x-shard-2.parquet"), None);
    }
}
