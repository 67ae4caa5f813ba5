//! `approx_distinct`: how many different values, by a HyperLogLog sketch of 4,096 registers.
//!
//! The standard error is 1.6 %, and there is next to none up to 384 different values. Stored states
//! are Apache DataSketches images (see [`super::hll`]), which Athena, Spark and Druid read, and
//! which merge with theirs: VARCHAR is hashed as its UTF-8 bytes, BIGINT and TIMESTAMP as 8 bytes,
//! DOUBLE as the 8 bytes of its bits, DECIMAL as the 16 of its unscaled value, BOOLEAN as the
//! BIGINT 0 or 1. Those libraries leave out the empty string, which here is a value like any other.
//!
//! Most groups of a view see few values, so a group begins as 16 bytes with room for three coupons,
//! goes on as an open-addressing table that doubles, and ends as 4,096 bytes of registers:
//!
//! ```text
//! group  [ form, count | coupon | coupon | coupon ]    form 0
//!        [ form, count | block  |        |        ]    form 3 to 9: table of 2^form coupons
//!        [ form        | number |        |        ]    form 255: registers
//! ```

use super::blocks::Blocks;
use super::hll::{
    Image, REGISTERS, coupon, estimate, push_coupons, push_registers, raise, take_image,
};
use super::murmur3::{hash, hash_integer};
use super::{Accumulator, CorruptState, for_each_valid};
use crate::column::{Column, Data};
use crate::view::Present;

/// Form of a group with its coupons in place.
const INLINE: u32 = 0;
/// The smallest and greatest tables: 8 and 512 coupons, at most three quarters of them taken.
const MIN_TABLE: u32 = 3;
const MAX_TABLE: u32 = 9;
/// Form of a group with registers.
const DENSE: u32 = 255;

const FORM: u32 = 0xff;
/// One more coupon, in a group's first word.
const ONE: u32 = 1 << 8;

/// A sketch per group.
#[derive(Default)]
pub(super) struct Distinct {
    groups: Vec<[u32; 4]>,
    tables: Blocks<u32>,
    registers: Vec<[u8; REGISTERS]>,
    /// A batch's groups and coupons: all are hashed before the first is inserted, which lets the
    /// processor overlap the cache misses of the insertions.
    batch: Vec<(u32, u32)>,
    /// The coupons of a group that is changing its form.
    moving: Vec<u32>,
}

impl Distinct {
    #[inline]
    fn insert(&mut self, group: usize, coupon: u32) {
        let state = &mut self.groups[group];
        match state[0] & FORM {
            DENSE => raise(&mut self.registers[state[1] as usize], coupon),
            INLINE => {
                if state[1..].contains(&coupon) {
                    return;
                }
                let count = (state[0] / ONE) as usize;
                match state[1..].get_mut(count) {
                    Some(free) => {
                        *free = coupon;
                        state[0] += ONE;
                    }
                    None => self.grow_table(group, coupon),
                }
            }
            form => {
                let table = self.tables.get_mut(form, state[1]);
                if !insert_into(table, coupon) {
                    return;
                }
                state[0] += ONE;
                if (state[0] / ONE) as usize > table.len() / 4 * 3 {
                    self.grow_table(group, coupon);
                }
            }
        }
    }

    /// Moves a group to a table of twice the size, or to registers, with one more coupon, which may
    /// be in its old table already.
    #[cold]
    fn grow_table(&mut self, group: usize, coupon: u32) {
        let mut coupons = std::mem::take(&mut self.moving);
        coupons.clear();
        coupons.extend(self.coupons(group));
        coupons.push(coupon);
        let form = self.groups[group][0] & FORM;
        self.release(group);
        if form == MAX_TABLE {
            self.set_registers(group, &coupons);
        } else {
            self.set_table(group, if form == INLINE { MIN_TABLE } else { form + 1 }, &coupons);
        }
        self.moving = coupons;
    }

    /// Makes a group one with a table, in which the coupons must have room.
    fn set_table(&mut self, group: usize, form: u32, coupons: &[u32]) {
        let block = self.tables.allocate(form);
        let table = self.tables.get_mut(form, block);
        let new = coupons.iter().filter(|coupon| insert_into(table, **coupon)).count();
        self.groups[group] = [form | (new as u32 * ONE), block, 0, 0];
    }

    /// Makes a group of coupons one with registers.
    fn set_registers(&mut self, group: usize, coupons: &[u32]) {
        self.groups[group] = [DENSE, self.registers.len() as u32, 0, 0];
        let mut registers = [0; REGISTERS];
        coupons.iter().for_each(|&coupon| raise(&mut registers, coupon));
        self.registers.push(registers);
    }

    /// Gives a group's table back.
    fn release(&mut self, group: usize) {
        let [form, block, ..] = self.groups[group];
        if form & FORM != INLINE {
            self.tables.release(form & FORM, block);
        }
    }

    /// The coupons of a group that has no registers, in no order.
    fn coupons(&self, group: usize) -> impl Iterator<Item = u32> {
        let state = &self.groups[group];
        let slots = match state[0] & FORM {
            INLINE => &state[1..],
            form => self.tables.get(form, state[1]),
        };
        slots.iter().copied().filter(|&coupon| coupon != 0)
    }

    fn registers_of(&self, group: usize) -> Option<&[u8; REGISTERS]> {
        let [form, number, ..] = self.groups[group];
        (form & FORM == DENSE).then(|| &self.registers[number as usize])
    }

    fn merge_registers(&mut self, group: usize, other: &[u8; REGISTERS]) {
        if self.groups[group][0] & FORM != DENSE {
            let coupons: Vec<u32> = self.coupons(group).collect();
            self.release(group);
            self.set_registers(group, &coupons);
        }
        let registers = &mut self.registers[self.groups[group][1] as usize];
        registers.iter_mut().zip(other).for_each(|(mine, other)| *mine = (*mine).max(*other));
    }

    fn count(&self, group: usize) -> u64 {
        match self.registers_of(group) {
            Some(registers) => estimate(registers).round() as u64,
            // The estimate from n coupons is n, but for a correction below 0.001 at this size.
            None => (self.groups[group][0] / ONE).into(),
        }
    }
}

/// Appends the groups and coupons of the values that are not NULL.
fn hash_all(
    batch: &mut Vec<(u32, u32)>,
    rows: &[u32],
    groups: &[u32],
    column: &Column<'_>,
    hash_row: impl Fn(usize) -> (u64, u64),
) {
    batch.reserve(rows.len());
    for_each_valid(rows, groups, column, |row, group| {
        batch.push((group as u32, coupon(hash_row(row))));
    });
}

/// Inserts a coupon into a table with a free slot (0), and says whether it is new.
#[inline]
fn insert_into(table: &mut [u32], coupon: u32) -> bool {
    let mask = table.len() - 1;
    let mut slot = coupon as usize & mask;
    loop {
        if table[slot] == coupon {
            return false;
        }
        if table[slot] == 0 {
            table[slot] = coupon;
            return true;
        }
        slot = (slot + 1) & mask;
    }
}

impl Accumulator for Distinct {
    fn grow(&mut self, groups: usize) {
        self.groups.resize(groups.max(self.groups.len()), [0; 4]);
    }

    fn update(&mut self, rows: &[u32], groups: &[u32], args: &[Column<'_>]) {
        let mut batch = std::mem::take(&mut self.batch);
        batch.clear();
        let arg = &args[0];
        match &arg.data {
            Data::Varchar(values) => {
                hash_all(&mut batch, rows, groups, arg, |row| hash(values[row].as_bytes()));
            }
            Data::BigInt(values) | Data::Timestamp(values) => {
                hash_all(&mut batch, rows, groups, arg, |row| hash_integer(values[row]));
            }
            Data::Double(values) => {
                hash_all(&mut batch, rows, groups, arg, |row| hash(&values[row].to_le_bytes()));
            }
            Data::Decimal(values) => {
                hash_all(&mut batch, rows, groups, arg, |row| hash(&values[row].to_le_bytes()));
            }
            Data::Boolean(values) => {
                hash_all(&mut batch, rows, groups, arg, |row| hash_integer(values[row].into()));
            }
            Data::Binary(_) | Data::FrequentItems(_) => unreachable!("no argument has this type"),
        }
        batch.iter().for_each(|&(group, coupon)| self.insert(group as usize, coupon));
        self.batch = batch;
    }

    fn encode(&self, group: usize, out: &mut Vec<u8>) {
        let state = &self.groups[group];
        match state[0] & FORM {
            DENSE => push_registers(out, &self.registers[state[1] as usize]),
            INLINE => {
                let mut coupons = [state[1], state[2], state[3]];
                coupons.sort_unstable();
                push_coupons(out, &coupons[3 - (state[0] / ONE) as usize..]);
            }
            _ => {
                let mut coupons = Vec::with_capacity((state[0] / ONE) as usize);
                coupons.extend(self.coupons(group));
                coupons.sort_unstable();
                push_coupons(out, &coupons);
            }
        }
    }

    fn merge(&mut self, group: usize, input: &mut &[u8]) -> Result<(), CorruptState> {
        match take_image(input)? {
            Image::Registers(registers) => self.merge_registers(group, registers),
            Image::Coupons(coupons) if coupons.len() > 3 && self.groups[group] == [0; 4] => {
                // None is there twice, so a table of the right size can be filled at once.
                let table = (coupons.len() * 4).div_ceil(3).next_power_of_two().trailing_zeros();
                let mut all = std::mem::take(&mut self.moving);
                all.clear();
                all.extend(coupons.iter().map(|coupon| u32::from_le_bytes(*coupon)));
                self.set_table(group, table.max(MIN_TABLE), &all);
                self.moving = all;
            }
            Image::Coupons(coupons) => {
                coupons.iter().for_each(|coupon| self.insert(group, u32::from_le_bytes(*coupon)));
            }
        }
        Ok(())
    }

    fn present(&self, _: Present, groups: &[u32]) -> Column<'_> {
        let counts = groups.iter().map(|&group| self.count(group as usize) as i64);
        Column::new(Data::BigInt(counts.collect()))
    }

    fn memory_bytes(&self) -> usize {
        let groups = self.groups.len() * size_of::<[u32; 4]>();
        groups + self.tables.memory_bytes() + self.registers.len() * REGISTERS
    }
}

#[cfg(test)]
mod tests {
    use super::super::laws::{self, value};
    use super::super::{Accumulator, Function};
    use super::*;
    use crate::types::{Type, Value};
    use datasketches::hash::value::{canonical_float, raw_bytes};
    use datasketches::hll::{HllSketch, HllType, HllUnion};

    /// Counts at which a state changes its form, in memory or as an image, and some beyond.
    const COUNTS: [usize; 19] =
        [0, 1, 3, 4, 6, 7, 8, 12, 13, 24, 25, 48, 49, 192, 193, 384, 385, 5000, 60_000];

    fn fold(values: impl Iterator<Item = usize>) -> Box<dyn Accumulator> {
        let events: Vec<_> = values.map(|i| vec![Value::Varchar(format!("visitor {i}"))]).collect();
        laws::fold(Function::ApproxDistinct, &[Type::Varchar], &events)
    }

    /// The library's own sketch of the same values.
    fn library(values: impl Iterator<Item = usize>) -> HllSketch {
        let mut sketch = HllSketch::new(12, HllType::Hll8).unwrap();
        for i in values {
            sketch.update(raw_bytes::from_string(format!("visitor {i}")));
        }
        sketch
    }

    fn read_by_library(states: &dyn Accumulator) -> HllSketch {
        HllSketch::deserialize(&laws::encoded(states)).unwrap()
    }

    #[test]
    fn a_group_grows_from_three_coupons_in_place_through_tables_to_registers() {
        let mut states = Distinct::default();
        states.grow(1);
        for count in 1..=400u32 {
            states.insert(0, (1 << 26) + count * 77);
            states.insert(0, (1 << 26) + count * 77);
            let form = match count {
                0..=3 => INLINE,
                4..=6 => 3,
                7..=12 => 4,
                13..=24 => 5,
                25..=48 => 6,
                49..=96 => 7,
                97..=192 => 8,
                193..=384 => 9,
                _ => DENSE,
            };
            assert_eq!(states.groups[0][0] & FORM, form, "{count} coupons");
            // What is read into an empty group has the form of what was counted there.
            let mut read = Distinct::default();
            read.grow(1);
            read.merge(0, &mut laws::encoded(&states).as_slice()).unwrap();
            assert_eq!(read.groups[0][0], states.groups[0][0], "{count} coupons");
        }
    }

    #[test]
    fn tables_that_were_outgrown_are_used_again() {
        let mut states = Distinct::default();
        states.grow(3);
        let mut held = Vec::new();
        for group in 0..2 {
            (0..385).for_each(|i| states.insert(group, (1 << 26) + i));
            held.push(states.tables.memory_bytes());
        }
        // So too where registers are merged into a table.
        (0..385).for_each(|i| states.insert(2, (1 << 26) + i % 100));
        let registers = *states.registers_of(0).unwrap();
        states.merge_registers(2, &registers);
        held.push(states.tables.memory_bytes());
        assert_eq!(held, [held[0]; 3]);
    }

    #[test]
    fn laws_hold() {
        for ty in [
            Type::Varchar,
            Type::BigInt,
            Type::Double,
            Type::Decimal { precision: 38, scale: 9 },
            Type::Boolean,
            Type::Timestamp { precision: 3 },
        ] {
            laws::check(Function::ApproxDistinct, &[ty]);
        }
    }

    #[test]
    fn bytes_are_the_same_in_any_order_and_however_merged_at_every_size() {
        for count in COUNTS {
            let expected = laws::encoded(&*fold(0..count));
            let again = (0..count).rev().chain(0..count / 2);
            assert_eq!(laws::encoded(&*fold(again)), expected, "{count} values reversed");
            for cut in [0, 1, count / 3, count] {
                let parts = [fold(0..cut.min(count)), fold(cut.min(count) / 2..count)];
                for (into, from) in [(0, 1), (1, 0)] {
                    let mut merged = fold(0..0);
                    merged.merge(0, &mut laws::encoded(&*parts[into]).as_slice()).unwrap();
                    merged.merge(0, &mut laws::encoded(&*parts[from]).as_slice()).unwrap();
                    assert_eq!(laws::encoded(&*merged), expected, "{count} values cut at {cut}");
                }
            }
        }
    }

    #[test]
    fn the_library_reads_every_image_and_estimates_the_same() {
        for count in COUNTS {
            let ours = fold(0..count);
            let estimate = library(0..count).composite_estimate();
            assert_eq!(read_by_library(&*ours).estimate(), estimate, "{count} values");
            assert_eq!(value(&*ours), Value::BigInt(estimate.round() as i64), "{count} values");
        }
    }

    #[test]
    fn images_merge_with_those_of_the_library() {
        for count in COUNTS {
            let mut union = HllUnion::new(12).unwrap();
            union.update(&read_by_library(&*fold(0..count)));
            union.update(&library(count / 2..count + 1000));
            let merged = union.to_sketch(HllType::Hll8).composite_estimate();
            assert_eq!(merged, library(0..count + 1000).composite_estimate());
        }
    }

    #[test]
    fn small_counts_are_exact_and_great_ones_within_five_standard_errors() {
        for count in [1, 100, 384] {
            assert_eq!(value(&*fold(0..count)), Value::BigInt(count as i64));
        }
        for count in [385, 2000, 10_000, 200_000] {
            let Value::BigInt(estimate) = value(&*fold(0..count)) else { panic!("no count") };
            let error = (estimate as f64 / count as f64 - 1.0).abs();
            assert!(error < 5.0 * 1.04 / 64.0, "{count} values are estimated as {estimate}");
        }
    }

    #[test]
    fn every_type_hashes_as_in_the_library() {
        let ours = |ty, value| {
            let event = vec![vec![value]];
            laws::encoded(&*laws::fold(Function::ApproxDistinct, &[ty], &event))
        };
        let library = |update: &dyn Fn(&mut HllSketch)| {
            let mut sketch = HllSketch::new(12, HllType::Hll8).unwrap();
            update(&mut sketch);
            sketch.serialize()
        };
        let text = "fünfundzwanzig Zeichen lang".to_owned();
        let of_text = library(&|sketch| sketch.update(raw_bytes::from_str(&text)));
        assert_eq!(ours(Type::Varchar, Value::Varchar(text.clone())), of_text);
        let of_minus_7 = library(&|sketch| sketch.update(-7i64));
        assert_eq!(ours(Type::BigInt, Value::BigInt(-7)), of_minus_7);
        assert_eq!(ours(Type::Timestamp { precision: 0 }, Value::Timestamp(-7)), of_minus_7);
        let of_double = library(&|sketch| sketch.update(canonical_float::from_f64(-2.75)));
        assert_eq!(ours(Type::Double, Value::Double(-2.75)), of_double);
        let bytes = (-7i128).to_le_bytes();
        let of_decimal = library(&|sketch| sketch.update(raw_bytes::from_slice(&bytes)));
        let ty = Type::Decimal { precision: 9, scale: 2 };
        assert_eq!(ours(ty, Value::Decimal(-7)), of_decimal);
        let of_true = library(&|sketch| sketch.update(1i64));
        assert_eq!(ours(Type::Boolean, Value::Boolean(true)), of_true);
    }

    #[test]
    fn nulls_are_not_counted_and_the_empty_string_is() {
        let events = ["", "", "a"].map(|text| vec![Value::Varchar(text.to_owned())]);
        let events = [&events[..], &[vec![Value::Null]]].concat();
        let folded = laws::fold(Function::ApproxDistinct, &[Type::Varchar], &events);
        assert_eq!(value(&*folded), Value::BigInt(2));
    }

    #[test]
    fn released_encodings_are_read_for_ever() {
        let read = |hex: &str| laws::read(Function::ApproxDistinct, &[Type::Varchar], hex);
        assert_eq!(read("0201070c030c0008"), Value::BigInt(0));
        assert_eq!(read("0201070c03080208 0000000a ffffff0b"), Value::BigInt(2));
        let set = "0301070c05080009 08000000 00000004 01000004 02000004 03000004 \
                   04000004 05000004 06000004 07000004";
        assert_eq!(read(set), Value::BigInt(8));
        let registers = [
            "0a01070c0010000a 0000000000000000 0000000080fdaf40 0000000000000000 fe0f0000 00000000",
            "02 01",
            &"00".repeat(4094),
        ];
        assert_eq!(read(&registers.concat()), Value::BigInt(2));
    }
}
