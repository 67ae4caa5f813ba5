//! `min_by(x, y)` and `max_by(x, y)`: the x of the row whose y is least or greatest.
//!
//! Of rows with an equal y, the least x is taken, and NULL only if there is no other: without such
//! a rule the answer would depend on the order of events. Rows whose y is NULL are ignored.

use super::bytes::{corrupt, take_byte};
use super::scalar::{Scalar, argument};
use super::{Accumulator, CorruptState, Function, for_each_valid, nullable};
use crate::column::Column;
use crate::types::Type;
use crate::view::Present;
use std::cmp::Ordering;

/// States of `function` ([`Function::MinBy`] or [`Function::MaxBy`]) over x and y of these types.
pub(super) fn extreme_by(function: Function, x: Type, y: Type) -> Box<dyn Accumulator> {
    match y {
        Type::Boolean => with_y::<bool>(function, x),
        Type::BigInt | Type::Timestamp { .. } => with_y::<i64>(function, x),
        Type::Double => with_y::<f64>(function, x),
        Type::Decimal { .. } => with_y::<i128>(function, x),
        Type::Varchar => with_y::<String>(function, x),
        Type::FrequentItems => unreachable!("no argument has this type"),
    }
}

fn with_y<Y: Scalar>(function: Function, x: Type) -> Box<dyn Accumulator> {
    match x {
        Type::Boolean => Box::new(ExtremeBy::<bool, Y>::new(function, x)),
        Type::BigInt | Type::Timestamp { .. } => Box::new(ExtremeBy::<i64, Y>::new(function, x)),
        Type::Double => Box::new(ExtremeBy::<f64, Y>::new(function, x)),
        Type::Decimal { .. } => Box::new(ExtremeBy::<i128, Y>::new(function, x)),
        Type::Varchar => Box::new(ExtremeBy::<String, Y>::new(function, x)),
        Type::FrequentItems => unreachable!("no argument has this type"),
    }
}

/// What a group has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    /// No row with a y.
    Nothing,
    /// A best y, with NULL as its x.
    NullX,
    /// A best y and its x.
    X,
}

/// The best y of each group, and the x that came with it.
struct ExtremeBy<X, Y> {
    seen: Vec<Seen>,
    x: Vec<X>,
    y: Vec<Y>,
    /// How a better y compares with the best so far.
    better: Ordering,
    x_type: Type,
    /// Bytes that texts hold outside the vectors.
    text_bytes: usize,
}

impl<X: Scalar, Y: Scalar> ExtremeBy<X, Y> {
    fn new(function: Function, x_type: Type) -> Self {
        let better = if function == Function::MinBy { Ordering::Less } else { Ordering::Greater };
        let (seen, x, y) = (Vec::new(), Vec::new(), Vec::new());
        ExtremeBy { seen, x, y, better, x_type, text_bytes: 0 }
    }

    #[inline]
    fn take(&mut self, group: usize, x: Option<X::Ref<'_>>, y: Y::Ref<'_>) {
        let seen = self.seen[group];
        if seen != Seen::Nothing {
            match Y::order(y, self.y[group].get()) {
                Ordering::Equal => {
                    let is_less = x.is_some_and(|x| {
                        seen == Seen::NullX || X::order(x, self.x[group].get()).is_lt()
                    });
                    if is_less {
                        self.set_x(group, x);
                    }
                    return;
                }
                order if order != self.better => return,
                _ => {}
            }
        }
        self.text_bytes -= self.y[group].heap_bytes();
        self.y[group].set(y);
        self.text_bytes += self.y[group].heap_bytes();
        self.set_x(group, x);
    }

    fn set_x(&mut self, group: usize, x: Option<X::Ref<'_>>) {
        self.seen[group] = if x.is_some() { Seen::X } else { Seen::NullX };
        if let Some(x) = x {
            self.text_bytes -= self.x[group].heap_bytes();
            self.x[group].set(x);
            self.text_bytes += self.x[group].heap_bytes();
        }
    }
}

impl<X: Scalar, Y: Scalar> Accumulator for ExtremeBy<X, Y> {
    fn grow(&mut self, groups: usize) {
        let groups = groups.max(self.seen.len());
        self.seen.resize(groups, Seen::Nothing);
        self.x.resize_with(groups, X::default);
        self.y.resize_with(groups, Y::default);
    }

    fn update(&mut self, rows: &[u32], groups: &[u32], args: &[Column<'_>]) {
        let (x, y) = (argument::<X>(&args[0]), argument::<Y>(&args[1]));
        for_each_valid(rows, groups, &args[1], |row, group| {
            let x = args[0].is_valid(row).then_some(x[row]);
            self.take(group, x, y[row]);
        });
    }

    /// 0 (nothing seen), 1 and y, or 2 and y and x.
    fn encode(&self, group: usize, out: &mut Vec<u8>) {
        out.push(self.seen[group] as u8);
        if self.seen[group] != Seen::Nothing {
            Y::encode(self.y[group].get(), out);
        }
        if self.seen[group] == Seen::X {
            X::encode(self.x[group].get(), out);
        }
    }

    fn merge(&mut self, group: usize, input: &mut &[u8]) -> Result<(), CorruptState> {
        let has_x = match take_byte(input)? {
            0 => return Ok(()),
            1 => false,
            2 => true,
            byte => return Err(corrupt(format!("a state starts with {byte}: expected 0 to 2"))),
        };
        let y = Y::decode(input)?;
        let x = if has_x { Some(X::decode(input)?) } else { None };
        self.take(group, x, y);
        Ok(())
    }

    fn present(&self, _: Present, groups: &[u32]) -> Column<'_> {
        let x = groups.iter().map(|&group| {
            let group = group as usize;
            (self.seen[group] == Seen::X).then(|| self.x[group].get())
        });
        nullable(x, |values| X::data(values, self.x_type))
    }

    fn memory_bytes(&self) -> usize {
        let per_group = size_of::<Seen>() + size_of::<X>() + size_of::<Y>();
        self.seen.len() * per_group + self.text_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::super::Function;
    use super::super::laws::{self, value};
    use crate::types::{Type, Value};
    use proptest::prelude::*;

    const TYPES: [Type; 6] = [
        Type::Boolean,
        Type::BigInt,
        Type::Double,
        Type::Decimal { precision: 9, scale: 2 },
        Type::Varchar,
        Type::Timestamp { precision: 6 },
    ];

    /// Few different values, so that ties are common.
    fn few_values(ty: Type) -> BoxedStrategy<Value> {
        let value = match ty {
            Type::Boolean => any::<bool>().prop_map(Value::Boolean).boxed(),
            Type::BigInt => (-1..2i64).prop_map(Value::BigInt).boxed(),
            Type::Double => (-1..2i32).prop_map(|v| Value::Double(v.into())).boxed(),
            Type::Decimal { .. } => (-1..2i128).prop_map(Value::Decimal).boxed(),
            Type::Varchar => "[ab]{0,2}".prop_map(Value::Varchar).boxed(),
            Type::Timestamp { .. } => (-1..2i64).prop_map(Value::Timestamp).boxed(),
            Type::FrequentItems => unreachable!("no argument has this type"),
        };
        prop_oneof![1 => Just(Value::Null), 3 => value].boxed()
    }

    #[test]
    fn laws_hold() {
        for (i, x) in TYPES.into_iter().enumerate() {
            let y = TYPES[(i * 5 + 1) % TYPES.len()];
            laws::check(Function::MinBy, &[x, y]);
            laws::check_with(Function::MaxBy, &[x, y], few_values);
            laws::check_with(Function::MinBy, &[y, x], few_values);
        }
    }

    fn text(text: &str) -> Value {
        Value::Varchar(text.to_owned())
    }

    #[test]
    fn x_comes_from_the_row_with_the_extreme_y() {
        let null = Value::Null;
        let row = |x: Value, y: i64| vec![x, Value::BigInt(y)];
        let cases = [
            (vec![], [null.clone(), null.clone()]),
            (vec![vec![text("a"), null.clone()]], [null.clone(), null.clone()]),
            (vec![row(text("a"), 1), row(text("b"), 2)], [text("a"), text("b")]),
            (vec![row(null.clone(), 1), row(text("b"), 2)], [null.clone(), text("b")]),
            (vec![row(text("z"), 1), row(text("y"), 1)], [text("y"), text("y")]),
            (vec![row(null.clone(), 1), row(text("y"), 1)], [text("y"), text("y")]),
            (vec![row(text("y"), 1), row(null.clone(), 1)], [text("y"), text("y")]),
        ];
        for (events, [least, greatest]) in cases {
            let types = [Type::Varchar, Type::BigInt];
            let fold = |function| value(&*laws::fold(function, &types, &events));
            assert_eq!(fold(Function::MinBy), least, "min_by of {events:?}");
            assert_eq!(fold(Function::MaxBy), greatest, "max_by of {events:?}");
        }
    }

    #[test]
    fn released_encodings_are_read_for_ever() {
        let read = |hex| laws::read(Function::MaxBy, &[Type::Varchar, Type::BigInt], hex);
        assert_eq!(read("00"), Value::Null);
        assert_eq!(read("01d804"), Value::Null);
        assert_eq!(read("02d804026f6b"), text("ok"));
    }
}
