//! Log lines as JSON, one object a line on standard output, where Lambda takes them up.
//!
//! ```text
//! {"timestamp":"2026-01-31T12:00:00.000Z","level":"INFO","requestId":"…","function":"speed","message":"…",…}
//! ```
//!
//! The names of the first fields are Lambda's own, so that its filters by level work on them.

use crate::metrics::Metrics;
use serde_json::{Map, Value, json};
use std::io::Write as _;
use std::sync::Arc;

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// For whoever looks for a fault.
    Debug,
    /// Something worth knowing has happened.
    Info,
    /// Something is not as it should be, and is dealt with.
    Warn,
    /// Something does not work.
    Error,
}

impl Level {
    /// The levels as they are written in settings.
    pub const ALLOWED: &str = "error, warn, info or debug";

    /// A level as it is written in settings.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "error" => Some(Level::Error),
            "warn" => Some(Level::Warn),
            "info" => Some(Level::Info),
            "debug" => Some(Level::Debug),
            _ => None,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Level::Debug => "DEBUG",
            Level::Info => "INFO",
            Level::Warn => "WARN",
            Level::Error => "ERROR",
        }
    }
}

type Sink = Arc<dyn Fn(&str) + Send + Sync>;

/// Where lines go, and what stands in each.
#[derive(Clone)]
pub struct Log {
    function: &'static str,
    least: Level,
    request_id: Option<Arc<str>>,
    sink: Sink,
}

impl Log {
    /// A log of a function on standard output.
    pub fn new(function: &'static str, least: Level) -> Self {
        Self::to(function, least, |line| {
            // One write, so that lines do not mix; nobody is left to tell if it fails.
            let _ = std::io::stdout().lock().write_all(format!("{line}\n").as_bytes());
        })
    }

    /// A log whose lines somebody else takes.
    pub fn to(
        function: &'static str,
        least: Level,
        sink: impl Fn(&str) + Send + Sync + 'static,
    ) -> Self {
        Log { function, least, request_id: None, sink: Arc::new(sink) }
    }

    /// The same log for one invocation.
    pub fn of_request(&self, request_id: &str) -> Self {
        Log { request_id: Some(request_id.into()), ..self.clone() }
    }

    /// Logs for whoever looks for a fault; `fields` is an object.
    pub fn debug(&self, message: &str, fields: Value) {
        self.write(Level::Debug, message, fields);
    }

    /// Logs something worth knowing; `fields` is an object.
    pub fn info(&self, message: &str, fields: Value) {
        self.write(Level::Info, message, fields);
    }

    /// Logs something that is dealt with; `fields` is an object.
    pub fn warn(&self, message: &str, fields: Value) {
        self.write(Level::Warn, message, fields);
    }

    /// Logs something that does not work; `fields` is an object.
    pub fn error(&self, message: &str, fields: Value) {
        self.write(Level::Error, message, fields);
    }

    fn write(&self, level: Level, message: &str, fields: Value) {
        if level < self.least {
            return;
        }
        let mut line = self.head(level);
        line.insert("message".to_owned(), json!(message));
        if let Value::Object(fields) = fields {
            line.extend(fields);
        }
        (self.sink)(&Value::Object(line).to_string());
    }

    /// Writes metrics, whatever the least level is.
    pub fn metrics(&self, metrics: &Metrics) {
        let mut line = self.head(Level::Info);
        line.extend(metrics.fields(self.function, crate::now_ms()));
        (self.sink)(&Value::Object(line).to_string());
    }

    fn head(&self, level: Level) -> Map<String, Value> {
        let now = jiff::Timestamp::from_millisecond(crate::now_ms()).unwrap_or_default();
        let mut line = Map::new();
        line.insert("timestamp".to_owned(), json!(format!("{now:.3}")));
        line.insert("level".to_owned(), json!(level.as_str()));
        if let Some(request_id) = &self.request_id {
            line.insert("requestId".to_owned(), json!(**request_id));
        }
        line.insert("function".to_owned(), json!(self.function));
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[test]
    fn a_line_is_one_object_with_the_request_and_the_fields() {
        let lines: Arc<Mutex<Vec<String>>> = Arc::default();
        let taken = Arc::clone(&lines);
        let log = Log::to("speed", Level::Warn, move |line| {
            taken.lock().unwrap().push(line.to_owned());
        });
        log.info("left out", json!({}));
        log.of_request("r-1").error("not\ntaken", json!({"shard": "s"}));
        let lines = lines.lock().unwrap();
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(!lines[0].contains('\n'));
        let line: Value = serde_json::from_str(&lines[0]).unwrap();
        let fields = ["level", "requestId", "function", "message", "shard"].map(|name| &line[name]);
        assert_eq!(fields, ["ERROR", "r-1", "speed", "not\ntaken", "s"]);
    }
}
