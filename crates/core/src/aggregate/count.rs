//! `count(*)`, `count(x)` and `count_if(c)`: how many rows, or rows where the argument is not NULL.

use super::bytes::{corrupt, push_varint, take_varint};
use super::{Accumulator, CorruptState, for_each_valid, wrong_column};
use crate::column::{Column, Data};
use crate::types::Type;
use crate::view::Present;

/// One count per group; also part of averages and moments. Merged counts stop at `i64::MAX`, the
/// greatest BIGINT.
#[derive(Default)]
pub(super) struct Counts(Vec<u64>);

const MAX: u64 = i64::MAX as u64;

impl Counts {
    pub(super) fn grow(&mut self, groups: usize) {
        self.0.resize(groups.max(self.0.len()), 0);
    }

    pub(super) fn get(&self, group: usize) -> u64 {
        self.0[group]
    }

    #[inline]
    pub(super) fn increment(&mut self, group: usize) {
        self.0[group] += 1;
    }

    /// Adds a count that [`Counts::decode`] let pass.
    pub(super) fn add(&mut self, group: usize, count: u64) {
        self.0[group] = (self.0[group] + count).min(MAX);
    }

    pub(super) fn decode(input: &mut &[u8]) -> Result<u64, CorruptState> {
        let count = take_varint(input)?;
        if count > MAX {
            return Err(corrupt(format!("a count is {count}: expected at most {MAX}")));
        }
        Ok(count)
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.0.len() * size_of::<u64>()
    }
}

/// The aggregate.
#[derive(Default)]
pub(super) struct Count {
    counts: Counts,
}

impl Accumulator for Count {
    fn grow(&mut self, groups: usize) {
        self.counts.grow(groups);
    }

    fn update(&mut self, rows: &[u32], groups: &[u32], args: &[Column<'_>]) {
        match args.first() {
            None => groups.iter().for_each(|&group| self.counts.increment(group as usize)),
            Some(arg) => for_each_valid(rows, groups, arg, |_, group| self.counts.increment(group)),
        }
    }

    fn encode(&self, group: usize, out: &mut Vec<u8>) {
        push_varint(out, self.counts.get(group));
    }

    fn merge(&mut self, group: usize, input: &mut &[u8]) -> Result<(), CorruptState> {
        let count = Counts::decode(input)?;
        self.counts.add(group, count);
        Ok(())
    }

    fn store(&self, groups: &[u32]) -> Column<'_> {
        self.present(Present::Value, groups)
    }

    fn load(&mut self, groups: &[u32], column: &Column<'_>) -> Result<(), CorruptState> {
        let Data::BigInt(counts) = &column.data else {
            return Err(wrong_column(Type::BigInt, column));
        };
        for (i, (&count, &group)) in counts.iter().zip(groups).enumerate() {
            match u64::try_from(count) {
                Ok(count) if column.is_valid(i) => self.counts.add(group as usize, count),
                Ok(_) => return Err(corrupt("a count is NULL")),
                Err(_) => return Err(corrupt(format!("a count is {count}: expected at least 0"))),
            }
        }
        Ok(())
    }

    fn stored_type(&self) -> Option<Type> {
        Some(Type::BigInt)
    }

    fn present(&self, _: Present, groups: &[u32]) -> Column<'_> {
        let counts = groups.iter().map(|&group| self.counts.get(group as usize) as i64);
        Column::new(Data::BigInt(counts.collect()))
    }

    fn memory_bytes(&self) -> usize {
        self.counts.memory_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::super::laws::{self, value};
    use super::super::{Accumulator, Function};
    use super::Count;
    use crate::column::{Column, Data};
    use crate::types::{Type, Value};

    #[test]
    fn laws_hold() {
        laws::check(Function::Count, &[]);
        laws::check(Function::Count, &[Type::Varchar]);
        laws::check(Function::Count, &[Type::Double]);
    }

    #[test]
    fn nulls_are_not_counted() {
        let events = [vec![Value::BigInt(1)], vec![Value::Null], vec![Value::BigInt(1)]];
        let folded = laws::fold(Function::Count, &[Type::BigInt], &events);
        assert_eq!(value(&*folded), Value::BigInt(2));
    }

    #[test]
    fn a_group_without_rows_counts_0() {
        assert_eq!(value(&*laws::fold(Function::Count, &[], &[])), Value::BigInt(0));
    }

    #[test]
    fn a_stored_count_that_is_null_or_negative_is_corrupt() {
        let mut count = Count::default();
        count.grow(1);
        let column =
            |value, valid| Column { data: Data::BigInt(vec![value]), valid: Some(vec![valid]) };
        assert!(count.load(&[0], &column(7, false)).is_err());
        assert!(count.load(&[0], &column(-1, true)).is_err());
        count.load(&[0], &column(7, true)).unwrap();
        assert_eq!(value(&count), Value::BigInt(7));
    }

    #[test]
    fn merged_counts_stop_at_the_greatest_bigint() {
        let mut count = Count::default();
        count.grow(1);
        let greatest = laws::bytes("ffffffffffffffff7f");
        count.merge(0, &mut greatest.as_slice()).unwrap();
        count.merge(0, &mut greatest.as_slice()).unwrap();
        assert_eq!(laws::encoded(&count), greatest);
        let beyond = laws::bytes("80808080808080808001");
        assert!(count.merge(0, &mut beyond.as_slice()).is_err());
    }

    #[test]
    fn released_encodings_are_read_for_ever() {
        let read = |hex| laws::read(Function::Count, &[], hex);
        assert_eq!(read("00"), Value::BigInt(0));
        assert_eq!(read("ac02"), Value::BigInt(300));
    }
}
