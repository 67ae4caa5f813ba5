//! Where events go: a server, or a stream of Kinesis.

use crate::server::Address;
use std::fmt;
use std::str::FromStr;

const KINESIS: &str = "kinesis://";
const STREAM_NAME_LENGTH: usize = 128;

/// A value of `--to`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// A server.
    Server(Address),
    /// The name of a stream of Kinesis.
    Stream(String),
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some(name) = text.strip_prefix(KINESIS) else {
            return text
                .parse()
                .map(Target::Server)
                .map_err(|why| format!("{why}, or {KINESIS}STREAM"));
        };
        let allowed = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        if name.is_empty() || name.len() > STREAM_NAME_LENGTH || !name.chars().all(allowed) {
            return Err(format!(
                "`{name}` is no name of a stream: 1 to {STREAM_NAME_LENGTH} letters, digits and _.- make one"
            ));
        }
        Ok(Target::Stream(name.to_owned()))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Server(address) => address.fmt(f),
            Target::Stream(name) => write!(f, "{KINESIS}{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_server_or_a_stream_by_its_name() {
        let target = |text: &str| text.parse::<Target>().map(|target| target.to_string());
        for text in ["http://127.0.0.1:4000", "kinesis://events", "kinesis://a_b-c.D9"] {
            assert_eq!(target(text).as_deref(), Ok(text));
        }
        for text in ["events", "ftp://events", "kinesis:events"] {
            assert!(target(text).unwrap_err().contains("kinesis://STREAM"), "{text}");
        }
        for text in ["kinesis://", "kinesis://a/b", "kinesis://a b", "kinesis://arn:aws:kinesis"] {
            assert!(target(text).unwrap_err().contains("no name of a stream"), "{text}");
        }
    }
}
