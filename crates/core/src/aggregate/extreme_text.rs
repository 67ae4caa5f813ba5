//! `min` and `max` of VARCHAR, in the order of code points (which is the order of UTF-8 bytes).

use super::scalar::{Scalar, argument, take_optional};
use super::{Accumulator, CorruptState, for_each_valid, nullable, wrong_column};
use crate::column::{Column, Data};
use crate::types::Type;
use crate::view::Present;

/// `min` if `MIN`, otherwise `max`. A better text is rare (about `ln n` times in `n` events in
/// random order), so each is kept in a box of its own size.
#[derive(Default)]
pub(super) struct ExtremeText<const MIN: bool> {
    best: Vec<Option<Box<str>>>,
    /// Bytes of all the texts.
    text_bytes: usize,
}

impl<const MIN: bool> ExtremeText<MIN> {
    #[inline]
    fn take(&mut self, group: usize, value: &str) {
        let best = &mut self.best[group];
        let old_bytes = match best {
            None => 0,
            Some(best) if (MIN && value < &**best) || (!MIN && value > &**best) => best.len(),
            _ => return,
        };
        self.text_bytes += value.len();
        self.text_bytes -= old_bytes;
        *best = Some(value.into());
    }
}

impl<const MIN: bool> Accumulator for ExtremeText<MIN> {
    fn grow(&mut self, groups: usize) {
        self.best.resize(groups.max(self.best.len()), None);
    }

    fn update(&mut self, rows: &[u32], groups: &[u32], args: &[Column<'_>]) {
        let values = argument::<String>(&args[0]);
        for_each_valid(rows, groups, &args[0], |row, group| self.take(group, values[row]));
    }

    fn encode(&self, group: usize, out: &mut Vec<u8>) {
        let best = self.best[group].as_deref();
        out.push(best.is_some().into());
        best.inspect(|&value| String::encode(value, out));
    }

    fn merge(&mut self, group: usize, input: &mut &[u8]) -> Result<(), CorruptState> {
        if let Some(value) = take_optional::<String>(input)? {
            self.take(group, value);
        }
        Ok(())
    }

    fn store(&self, groups: &[u32]) -> Column<'_> {
        self.present(Present::Value, groups)
    }

    fn load(&mut self, groups: &[u32], column: &Column<'_>) -> Result<(), CorruptState> {
        let Data::Varchar(values) = &column.data else {
            return Err(wrong_column(Type::Varchar, column));
        };
        for (i, (value, &group)) in values.iter().zip(groups).enumerate() {
            if column.is_valid(i) {
                self.take(group as usize, value);
            }
        }
        Ok(())
    }

    fn stored_type(&self) -> Option<Type> {
        Some(Type::Varchar)
    }

    fn present(&self, _: Present, groups: &[u32]) -> Column<'_> {
        let best = groups.iter().map(|&group| self.best[group as usize].as_deref());
        nullable(best, Data::Varchar)
    }

    fn memory_bytes(&self) -> usize {
        self.best.len() * size_of::<Option<Box<str>>>() + self.text_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::super::Function;
    use super::super::laws::{self, value};
    use crate::types::{Type, Value};

    fn text(text: &str) -> Value {
        Value::Varchar(text.to_owned())
    }

    #[test]
    fn laws_hold() {
        laws::check(Function::Min, &[Type::Varchar]);
        laws::check(Function::Max, &[Type::Varchar]);
    }

    #[test]
    fn texts_are_ordered_by_code_point_and_an_empty_one_is_a_value() {
        let cases: [(&[&str], Value, Value); 4] = [
            (&[], Value::Null, Value::Null),
            (&["", "a"], text(""), text("a")),
            (&["Zoë", "apple", "zebra", "Émile"], text("Zoë"), text("Émile")),
            (&["\u{ffff}", "\u{10000}"], text("\u{ffff}"), text("\u{10000}")),
        ];
        for (events, least, greatest) in cases {
            let events: Vec<_> =
                [vec![vec![Value::Null]], events.iter().map(|t| vec![text(t)]).collect()].concat();
            let fold = |function| value(&*laws::fold(function, &[Type::Varchar], &events));
            assert_eq!(fold(Function::Min), least);
            assert_eq!(fold(Function::Max), greatest);
        }
    }

    #[test]
    fn released_encodings_are_read_for_ever() {
        let read = |hex| laws::read(Function::Max, &[Type::Varchar], hex);
        assert_eq!(read("00"), Value::Null);
        assert_eq!(read("0100"), text(""));
        assert_eq!(read("0103c3a961"), text("éa"));
    }
}
