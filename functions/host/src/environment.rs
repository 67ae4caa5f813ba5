//! The environment, read as typed settings: all that is wrong with it is said at once.
//!
//! A value that is there and wrong never falls back to a default.

use std::fmt;

/// Variables, and what was wrong with those that were read.
pub struct Environment {
    look_up: LookUp,
    wrong: Vec<String>,
}

type LookUp = Box<dyn Fn(&str) -> Option<String>>;

/// Everything that is wrong with the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misconfigured(Vec<String>);

impl fmt::Display for Misconfigured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the environment is not as it should be: {}", self.0.join("; "))
    }
}

impl std::error::Error for Misconfigured {}

impl Environment {
    /// That of this process.
    pub fn of_process() -> Self {
        Self::of(|name| std::env::var(name).ok())
    }

    /// One that looks variables up in another way.
    pub fn of(look_up: impl Fn(&str) -> Option<String> + 'static) -> Self {
        Environment { look_up: Box::new(look_up), wrong: Vec::new() }
    }

    /// What `parse` makes of a variable; `None` if it is missing or wrong, which [`Self::check`]
    /// reports. `allowed` says what would be right.
    pub fn required<T>(
        &mut self,
        name: &str,
        allowed: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        if self.value(name).is_none() {
            self.wrong.push(format!("{name} is not set: expected {allowed}"));
            return None;
        }
        self.optional(name, allowed, parse)
    }

    /// The same of a variable that may be missing or empty.
    pub fn optional<T>(
        &mut self,
        name: &str,
        allowed: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let value = self.value(name)?;
        let parsed = parse(&value);
        if parsed.is_none() {
            self.wrong.push(format!("{name} is `{value}`: expected {allowed}"));
        }
        parsed
    }

    fn value(&self, name: &str) -> Option<String> {
        (self.look_up)(name).filter(|value| !value.is_empty())
    }

    /// Settings, if all that they are made of was right. What is `None` was reported before.
    ///
    /// # Errors
    /// Everything that was wrong.
    pub fn check<T>(self, settings: Option<T>) -> Result<T, Misconfigured> {
        match settings {
            Some(settings) if self.wrong.is_empty() => Ok(settings),
            _ => Err(Misconfigured(self.wrong)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &'static [(&'static str, &'static str)]) -> Environment {
        Environment::of(|name| {
            let found = pairs.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let mut environment = environment(&[("A", ""), ("B", "x"), ("C", "y"), ("D", "4")]);
        let number = |text: &str| text.parse::<u32>().ok();
        let a = environment.required("A", "a number", number);
        let b = environment.required("B", "a number", number);
        let c = environment.optional("C", "a number", number);
        let d = environment.required("D", "a number", number);
        assert_eq!((a, b, c, d), (None, None, None, Some(4)));
        assert_eq!(environment.optional("E", "a number", number), None);
        let error = environment.check(a.zip(b)).unwrap_err().to_string();
        let expected = "the environment is not as it should be: A is not set: expected a number; \
                        B is `x`: expected a number; C is `y`: expected a number";
        assert_eq!(error, expected);
    }

    #[test]
    fn a_wrong_optional_value_is_no_missing_one() {
        let mut environment = environment(&[("C", "y")]);
        let c = environment.optional("C", "a number", |text| text.parse::<u32>().ok());
        assert!(environment.check(Some(c)).is_err());
    }
}
