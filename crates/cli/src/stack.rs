//! What a stack on AWS is made of: the names of its tables and buckets, from the outputs of its
//! deployment or from the environment, as its functions have them.

use anabranch_core::duration;
use std::path::PathBuf;
use std::time::Duration;

/// Where a stack is, as the commands that read it take it.
#[derive(Debug, Clone, clap::Args)]
#[cfg_attr(not(feature = "aws"), allow(dead_code, reason = "only a command with AWS reads it"))]
pub(crate) struct Stack {
    /// The stack's outputs, as `cdk deploy --outputs-file FILE` writes them [default: ANABRANCH_RAW_BUCKET, ANABRANCH_VIEWS_BUCKET, ANABRANCH_SPEED_TABLE and ANABRANCH_CONTROL_TABLE]
    #[arg(long, value_name = "FILE", requires = "aws")]
    outputs: Option<PathBuf>,
    /// The length of the stack's epochs [default: its output Epoch, or ANABRANCH_EPOCH]
    #[arg(long, value_name = "TIME", requires = "aws", value_parser = duration::parse)]
    epoch: Option<Duration>,
}

/// The names of what a stack is made of.
#[cfg(feature = "aws")]
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Names {
    pub(crate) raw_bucket: String,
    pub(crate) views_bucket: String,
    pub(crate) speed_table: String,
    pub(crate) control_table: String,
    pub(crate) epoch: Duration,
}

#[cfg(feature = "aws")]
impl Stack {
    /// Every name, or what is missing.
    pub(crate) fn names(&self) -> anyhow::Result<Names> {
        let outputs = self.outputs.as_deref().map(outputs).transpose()?;
        self.names_from(outputs.as_ref(), &|variable| std::env::var(variable).ok())
    }

    fn names_from(
        &self,
        outputs: Option<&serde_json::Map<String, serde_json::Value>>,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> anyhow::Result<Names> {
        use crate::failure::invalid;
        let find = |output: &str, variable: &str| match outputs {
            Some(outputs) => outputs.get(output)?.as_str().map(str::to_owned),
            None => environment(variable).filter(|value| !value.is_empty()),
        };
        let name = |output: &str, variable: &str| {
            find(output, variable).ok_or_else(|| match &self.outputs {
                Some(file) => {
                    invalid(format!("{}: no stack has an output {output}", file.display()))
                }
                None => invalid(format!(
                    "{variable} is not set; --outputs FILE names the stack's outputs"
                )),
            })
        };
        let epoch = || {
            let text = find("Epoch", "ANABRANCH_EPOCH").or_else(|| environment("ANABRANCH_EPOCH"));
            let text = text.ok_or_else(|| {
                invalid("how long are the stack's epochs? --epoch says so, such as --epoch 60s")
            })?;
            duration::parse(&text).map_err(|why| invalid(format!("ANABRANCH_EPOCH: {why}")))
        };
        Ok(Names {
            raw_bucket: name("RawBucket", "ANABRANCH_RAW_BUCKET")?,
            views_bucket: name("ViewsBucket", "ANABRANCH_VIEWS_BUCKET")?,
            speed_table: name("SpeedTable", "ANABRANCH_SPEED_TABLE")?,
            control_table: name("ControlTable", "ANABRANCH_CONTROL_TABLE")?,
            epoch: self.epoch.map_or_else(epoch, Ok)?,
        })
    }
}

/// The outputs of the stack in a file of several stacks' that has a bucket for the master data set.
#[cfg(feature = "aws")]
fn outputs(file: &std::path::Path) -> anyhow::Result<serde_json::Map<String, serde_json::Value>> {
    use crate::failure::invalid;
    use anyhow::Context;
    use serde_json::{Map, Value};
    let name = file.display().to_string();
    let text = std::fs::read_to_string(file).with_context(|| name.clone())?;
    let stacks: Map<String, Value> = serde_json::from_str(&text)
        .map_err(|error| invalid(format!("{name}: not the outputs of stacks: {error}")))?;
    let of_stack = |value: Value| match value {
        Value::Object(outputs) if outputs.contains_key("RawBucket") => Some(outputs),
        _ => None,
    };
    let mut found: Vec<_> = stacks.into_iter().filter_map(|(_, value)| of_stack(value)).collect();
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => Err(invalid(format!("{name}: no stack has an output RawBucket"))),
        count => {
            Err(invalid(format!("{name}: {count} stacks have an output RawBucket; expected one")))
        }
    }
}

#[cfg(all(test, feature = "aws"))]
mod tests {
    use super::*;

    const OUTPUTS: &str = r#"{"other": {"Url": "x"}, "anabranch": {"RawBucket": "r",
        "ViewsBucket": "v", "SpeedTable": "s", "ControlTable": "c"}}"#;

    fn stack(outputs: Option<PathBuf>, epoch: Option<u64>) -> Stack {
        Stack { outputs, epoch: epoch.map(Duration::from_secs) }
    }

    fn names(epoch: u64) -> Names {
        let name = str::to_owned;
        Names {
            raw_bucket: name("r"),
            views_bucket: name("v"),
            speed_table: name("s"),
            control_table: name("c"),
            epoch: Duration::from_secs(epoch),
        }
    }

    #[test]
    fn names_come_from_the_outputs_of_the_one_stack_that_has_them() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("outputs.json");
        let read = |text: &str| {
            std::fs::write(&file, text).unwrap();
            let stack = stack(Some(file.clone()), Some(60));
            stack.names().map_err(|error| error.to_string())
        };
        assert_eq!(read(OUTPUTS), Ok(names(60)));
        assert!(read("{}").unwrap_err().contains("no stack has an output RawBucket"));
        let lacks = OUTPUTS.replace("SpeedTable", "Speed");
        assert!(read(&lacks).unwrap_err().contains("no stack has an output SpeedTable"));
        let twice = OUTPUTS.replace(r#"{"Url": "x"}"#, r#"{"RawBucket": "x"}"#);
        assert!(read(&twice).unwrap_err().contains("2 stacks"));
        assert!(read("[]").unwrap_err().contains("not the outputs of stacks"));
    }

    #[test]
    fn names_come_from_the_environment_as_functions_have_them() {
        let environment = |variable: &str| {
            let value = match variable {
                "ANABRANCH_RAW_BUCKET" => "r",
                "ANABRANCH_VIEWS_BUCKET" => "v",
                "ANABRANCH_SPEED_TABLE" => "s",
                "ANABRANCH_CONTROL_TABLE" => "c",
                "ANABRANCH_EPOCH" => "10s",
                _ => return None,
            };
            Some(value.to_owned())
        };
        let found = |stack: Stack, without: &str| {
            let environment = |name: &str| environment(name).filter(|_| name != without);
            stack.names_from(None, &environment).map_err(|error| error.to_string())
        };
        assert_eq!(found(stack(None, None), ""), Ok(names(10)));
        assert_eq!(found(stack(None, Some(60)), ""), Ok(names(60)));
        for variable in ["ANABRANCH_RAW_BUCKET", "ANABRANCH_CONTROL_TABLE"] {
            let told = found(stack(None, None), variable).unwrap_err();
            assert!(told.contains(variable) && told.contains("--outputs"), "{told}");
        }
        assert!(found(stack(None, None), "ANABRANCH_EPOCH").unwrap_err().contains("--epoch"));
    }
}
