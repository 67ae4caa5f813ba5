//! `bool_and`, `bool_or`, and the least and greatest BOOLEAN, which are the same.
//!
//! Each group holds the strongest thing seen so far, so that an update is a maximum:
//!
//! | | 0 | 1 | 2 |
//! |---|---|---|---|
//! | bool_and, min | nothing | true | false |
//! | bool_or, max | nothing | false | true |

use super::bytes::{corrupt, take_byte};
use super::scalar::argument;
use super::{Accumulator, CorruptState, for_each_valid, nullable, wrong_column};
use crate::column::{Column, Data};
use crate::types::Type;
use crate::view::Present;

/// One byte per group; see the table above.
pub(super) struct Boolean {
    strongest: Vec<u8>,
    /// The value that decides: false for `bool_and`, true for `bool_or`.
    deciding: bool,
}

impl Boolean {
    pub(super) fn and() -> Self {
        Boolean { strongest: Vec::new(), deciding: false }
    }

    pub(super) fn or() -> Self {
        Boolean { strongest: Vec::new(), deciding: true }
    }

    #[inline]
    fn take(&mut self, group: usize, value: bool) {
        let strength = 1 + u8::from(value == self.deciding);
        self.strongest[group] = strength.max(self.strongest[group]);
    }
}

impl Accumulator for Boolean {
    fn grow(&mut self, groups: usize) {
        self.strongest.resize(groups.max(self.strongest.len()), 0);
    }

    fn update(&mut self, rows: &[u32], groups: &[u32], args: &[Column<'_>]) {
        let values = argument::<bool>(&args[0]);
        for_each_valid(rows, groups, &args[0], |row, group| self.take(group, values[row]));
    }

    fn encode(&self, group: usize, out: &mut Vec<u8>) {
        out.push(self.strongest[group]);
    }

    fn merge(&mut self, group: usize, input: &mut &[u8]) -> Result<(), CorruptState> {
        let strength = take_byte(input)?;
        if strength > 2 {
            return Err(corrupt(format!("a boolean state is {strength}: expected 0, 1 or 2")));
        }
        self.strongest[group] = strength.max(self.strongest[group]);
        Ok(())
    }

    fn store(&self, groups: &[u32]) -> Column<'_> {
        self.present(Present::Value, groups)
    }

    fn load(&mut self, groups: &[u32], column: &Column<'_>) -> Result<(), CorruptState> {
        let Data::Boolean(values) = &column.data else {
            return Err(wrong_column(Type::Boolean, column));
        };
        for (i, (&value, &group)) in values.iter().zip(groups).enumerate() {
            if column.is_valid(i) {
                self.take(group as usize, value);
            }
        }
        Ok(())
    }

    fn stored_type(&self) -> Option<Type> {
        Some(Type::Boolean)
    }

    fn present(&self, _: Present, groups: &[u32]) -> Column<'_> {
        let values = groups.iter().map(|&group| match self.strongest[group as usize] {
            0 => None,
            strength => Some((strength == 2) == self.deciding),
        });
        nullable(values, Data::Boolean)
    }

    fn memory_bytes(&self) -> usize {
        self.strongest.len()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Function;
    use super::super::laws::{self, value};
    use crate::types::{Type, Value};

    const FUNCTIONS: [Function; 4] =
        [Function::BoolAnd, Function::BoolOr, Function::Min, Function::Max];

    #[test]
    fn laws_hold() {
        FUNCTIONS.iter().for_each(|&function| laws::check(function, &[Type::Boolean]));
    }

    #[test]
    fn and_is_all_and_or_is_any_of_what_is_not_null() {
        let [t, f, null] = [Value::Boolean(true), Value::Boolean(false), Value::Null];
        let cases: [(&[&Value], &Value, &Value); 6] = [
            (&[], &null, &null),
            (&[&null], &null, &null),
            (&[&t, &null], &t, &t),
            (&[&f, &null], &f, &f),
            (&[&t, &f], &f, &t),
            (&[&f, &t, &t], &f, &t),
        ];
        for (events, all, any) in cases {
            let events: Vec<_> = events.iter().map(|&value| vec![value.clone()]).collect();
            for (function, expected) in FUNCTIONS.iter().zip([all, any, all, any]) {
                let folded = laws::fold(*function, &[Type::Boolean], &events);
                assert_eq!(value(&*folded), expected.clone(), "{function:?} of {events:?}");
            }
        }
    }

    #[test]
    fn released_encodings_are_read_for_ever() {
        let read = |function, hex| laws::read(function, &[Type::Boolean], hex);
        for function in FUNCTIONS {
            assert_eq!(read(function, "00"), Value::Null);
        }
        assert_eq!(read(Function::BoolAnd, "01"), Value::Boolean(true));
        assert_eq!(read(Function::BoolAnd, "02"), Value::Boolean(false));
        assert_eq!(read(Function::BoolOr, "01"), Value::Boolean(false));
        assert_eq!(read(Function::BoolOr, "02"), Value::Boolean(true));
    }
}
