//! Metrics in CloudWatch's embedded format: a log line out of which CloudWatch takes numbers.
//!
//! ```text
//! {"_aws":{"Timestamp":…,"CloudWatchMetrics":[{"Namespace":"Anabranch","Dimensions":[["Stream","Function"]],…}]},
//!  "Stream":"events","Function":"speed","Events":5000,…}
//! ```
//!
//! It costs no call and waits for nobody. What has the same name has the same unit everywhere.

use serde_json::{Map, Value, json};

/// The namespace of all metrics.
const NAMESPACE: &str = "Anabranch";

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Things.
    Count,
    /// Milliseconds.
    Milliseconds,
    /// Bytes.
    Bytes,
    /// A place on a scale, such as an epoch.
    None,
}

impl Unit {
    fn as_str(self) -> &'static str {
        match self {
            Unit::Count => "Count",
            Unit::Milliseconds => "Milliseconds",
            Unit::Bytes => "Bytes",
            Unit::None => "None",
        }
    }
}

/// The metrics of one invocation.
#[derive(Debug, Clone)]
pub struct Metrics {
    stream: String,
    values: Vec<(&'static str, Unit, i64)>,
    properties: Map<String, Value>,
}

impl Metrics {
    /// No metrics yet of a deployment, which its stream stands for.
    pub fn new(stream: &str) -> Self {
        Metrics { stream: stream.to_owned(), values: Vec::new(), properties: Map::new() }
    }

    /// The same with a metric.
    #[must_use]
    pub fn with(mut self, name: &'static str, unit: Unit, value: impl TryInto<i64>) -> Self {
        self.values.push((name, unit, value.try_into().unwrap_or(i64::MAX)));
        self
    }

    /// The same with something that stands in the line and is no metric.
    #[must_use]
    pub fn property(mut self, name: &str, value: Value) -> Self {
        self.properties.insert(name.to_owned(), value);
        self
    }

    /// The fields of the line.
    pub(crate) fn fields(&self, function: &str, now_ms: i64) -> Map<String, Value> {
        let definitions: Vec<Value> = self
            .values
            .iter()
            .map(|(name, unit, _)| json!({"Name": name, "Unit": unit.as_str()}))
            .collect();
        let mut fields = self.properties.clone();
        let directive = json!({
            "Namespace": NAMESPACE,
            "Dimensions": [["Stream", "Function"]],
            "Metrics": definitions,
        });
        fields.insert(
            "_aws".to_owned(),
            json!({"Timestamp": now_ms, "CloudWatchMetrics": [directive]}),
        );
        fields.insert("Stream".to_owned(), json!(self.stream));
        fields.insert("Function".to_owned(), json!(function));
        fields
            .extend(self.values.iter().map(|(name, _, value)| ((*name).to_owned(), json!(value))));
        fields
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_defined_and_has_a_value() {
        let metrics = Metrics::new("events")
            .with("Events", Unit::Count, 7u64)
            .with("Lag", Unit::Milliseconds, u64::MAX)
            .property("shard", json!("s"));
        let fields = Value::Object(metrics.fields("speed", 5));
        let expected = json!({
            "_aws": {"Timestamp": 5, "CloudWatchMetrics": [{
                "Namespace": "Anabranch",
                "Dimensions": [["Stream", "Function"]],
                "Metrics": [
                    {"Name": "Events", "Unit": "Count"},
                    {"Name": "Lag", "Unit": "Milliseconds"},
                ],
            }]},
            "Stream": "events", "Function": "speed", "shard": "s", "Events": 7, "Lag": i64::MAX,
        });
        assert_eq!(fields, expected);
    }
}
