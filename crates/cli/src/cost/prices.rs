//! Prices: data with a date, of one region.

use crate::failure::invalid;
use anyhow::Context;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// The prices that come with the command.
const US_EAST_1: &str = include_str!("../../prices/us-east-1.json");

/// What a region's services cost.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Prices {
    pub(super) region: String,
    /// The day of which they are known.
    pub(super) as_of: String,
    /// Where they are from, and what they leave out.
    pub(super) source: String,
    prices: BTreeMap<String, Price>,
}

/// The price of something.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Price {
    /// US dollars for `per` of the unit.
    pub(super) usd: f64,
    pub(super) per: f64,
    pub(super) unit: String,
}

impl Price {
    /// What so many cost, in US dollars.
    pub(super) fn of(&self, quantity: f64) -> f64 {
        quantity * self.usd / self.per
    }
}

impl Prices {
    /// Those of a file of the form of ours, or those that come with the command.
    pub(super) fn load(file: Option<&Path>, region: &str) -> anyhow::Result<Self> {
        let (name, text) = match file {
            Some(path) => {
                let name = path.display().to_string();
                let text = std::fs::read_to_string(path).with_context(|| name.clone())?;
                (name, text)
            }
            None => ("the prices that come with the command".to_owned(), US_EAST_1.to_owned()),
        };
        let prices: Prices = serde_json::from_str(&text)
            .map_err(|error| invalid(format!("{name}: not a list of prices: {error}")))?;
        prices.check(&name)?;
        if prices.region != region {
            return Err(invalid(format!(
                "--region {region}: {name} are those of {}; --prices FILE names others, in the form that `--format json` shows",
                prices.region
            )));
        }
        Ok(prices)
    }

    /// Whether every price that ours have is there and can be one.
    fn check(&self, name: &str) -> anyhow::Result<()> {
        let ours: Prices = serde_json::from_str(US_EAST_1).expect("ours are well formed");
        for (item, price) in &ours.prices {
            let Some(given) = self.prices.get(item) else {
                return Err(invalid(format!("{name}: no price of `{item}`")));
            };
            if given.unit != price.unit || !(given.usd >= 0.0 && given.per > 0.0) {
                return Err(invalid(format!(
                    "{name}: `{item}`: expected dollars from 0 on for a number above 0 of {}",
                    price.unit
                )));
            }
        }
        Ok(())
    }

    /// The price of `item`.
    ///
    /// # Panics
    /// If `item` is none of ours.
    pub(super) fn get(&self, item: &str) -> &Price {
        self.prices.get(item).unwrap_or_else(|| panic!("`{item}` is in every list of prices"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_for_so_many_of_a_unit() {
        let prices = Prices::load(None, "us-east-1").unwrap();
        assert!((prices.get("dynamodb.writes").of(3_000_000.0) - 1.875).abs() < 1e-9);
        assert!((prices.get("kinesis.stream-hour").of(730.0) - 29.2).abs() < 1e-9);
    }

    #[test]
    fn another_region_needs_a_file_and_a_file_must_be_whole() {
        let told = |file: Option<&Path>, region: &str| {
            Prices::load(file, region).map(|prices| prices.region).map_err(|e| format!("{e:#}"))
        };
        assert!(told(None, "eu-west-1").unwrap_err().contains("--prices FILE"));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("eu-west-1.json");
        let text = US_EAST_1.replace("\"us-east-1\"", "\"eu-west-1\"");
        std::fs::write(&file, &text).unwrap();
        assert_eq!(told(Some(&file), "eu-west-1").as_deref(), Ok("eu-west-1"));
        std::fs::write(&file, text.replace("\"s3.gets\"", "\"s3.got\"")).unwrap();
        assert!(told(Some(&file), "eu-west-1").unwrap_err().contains("no price of `s3.gets`"));
        std::fs::write(&file, text.replace("0.625, \"per\": 1000000", "0.625, \"per\": 0"))
            .unwrap();
        assert!(told(Some(&file), "eu-west-1").unwrap_err().contains("`dynamodb.writes`"));
    }
}
