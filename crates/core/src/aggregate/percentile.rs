//! `approx_percentile`: quantiles from a histogram of [logarithmic buckets](super::log_buckets).
//!
//! The quantile `p` of `n` numbers is the one of rank `max(1, ceil(p · n))` (nearest rank), and
//! what is presented is the middle of its bucket: within 0.542 % of it, or 0 if it is within 2^-64
//! of 0; beyond 2^64 there is no such bound. Merging adds counts, so the answer does not depend on
//! order (the guarantee and the idea are those of DDSketch, C. Masson et al., 2019).
//!
//! Most groups see few numbers. A group begins as a list of keys in place, goes on as a list that
//! doubles, to which a number adds 2 bytes and an update one store, and becomes a [`Histogram`] as
//! soon as that is smaller:
//!
//! ```text
//! group  [ n                | key | key | key | key | key | key | key ]    form 0 to 7
//! group  [ 16 + log2 length | n   | block     |                       ]    form 20 to 27
//! group  [ 255              |     | number    |                       ]
//! ```

use super::blocks::Blocks;
use super::bytes::{corrupt, push_varint, take_varint};
use super::histogram::Histogram;
use super::log_buckets::{KEYS, Key, key, middle};
use super::scalar::argument;
use super::{Accumulator, CorruptState, for_each_valid, nullable};
use crate::column::{Column, Data};
use crate::view::Present;

/// Keys that a group holds in place.
const INLINE: u16 = 7;
/// Added to the class of a list's block.
const LIST: u16 = 16;
/// Classes of the shortest and longest lists.
const SHORTEST: u32 = 4;
const LONGEST: u32 = 11;
/// Form of a group with a histogram.
const DENSE: u16 = 255;

/// A multiset of keys per group.
#[derive(Default)]
pub(super) struct Percentile {
    groups: Vec<[u16; 8]>,
    lists: Blocks<Key>,
    histograms: Vec<Histogram>,
    /// The keys of a group that is changing its form.
    moving: Vec<Key>,
}

impl Percentile {
    #[inline]
    fn add(&mut self, group: usize, key: Key) {
        let state = &mut self.groups[group];
        match state[0] {
            DENSE => self.histograms[number(state)].add(key, 1),
            count @ 0..INLINE => {
                state[1 + usize::from(count)] = key;
                state[0] += 1;
            }
            INLINE => self.grow_list(group, key),
            form => {
                let list = self.lists.get_mut((form - LIST).into(), number(state) as u32);
                match list.get_mut(usize::from(state[1])) {
                    Some(free) => {
                        *free = key;
                        state[1] += 1;
                    }
                    None => self.grow_list(group, key),
                }
            }
        }
    }

    /// Moves a group with a full list to one of twice the length, or to a histogram, with one more
    /// key.
    #[cold]
    fn grow_list(&mut self, group: usize, key: Key) {
        let mut keys = std::mem::take(&mut self.moving);
        keys.clear();
        keys.extend_from_slice(self.keys(group));
        keys.push(key);
        self.set_list(group, &keys);
        self.moving = keys;
    }

    /// Makes a group of a list one of the next longer list, or of a histogram, with these keys.
    fn set_list(&mut self, group: usize, keys: &[Key]) {
        let class = match self.groups[group][0] {
            INLINE => SHORTEST,
            form => u32::from(form - LIST) + 1,
        };
        self.release(group);
        if class > LONGEST || is_smaller_as_histogram(keys.iter().copied(), class) {
            let entries = keys.iter().map(|&key| (key, 1));
            return self.set_histogram(group, Histogram::of(entries));
        }
        let block = self.lists.allocate(class);
        self.lists.get_mut(class, block)[..keys.len()].copy_from_slice(keys);
        self.groups[group] = state(LIST + class as u16, keys.len() as u16, block);
    }

    /// Makes a group that saw no number one with these entries, `total` numbers in all.
    fn set_entries(&mut self, group: usize, entries: &[(Key, u64)], total: u64) {
        let class = total.next_power_of_two().trailing_zeros().max(SHORTEST);
        let keys = entries.iter().map(|&(key, _)| key);
        if class > LONGEST || (total > INLINE.into() && is_smaller_as_histogram(keys, class)) {
            return self.set_histogram(group, Histogram::of(entries.iter().copied()));
        }
        let repeated = entries.iter().flat_map(|&(key, count)| (0..count).map(move |_| key));
        let slots = if total <= INLINE.into() {
            self.groups[group][0] = total as u16;
            &mut self.groups[group][1..]
        } else {
            let block = self.lists.allocate(class);
            self.groups[group] = state(LIST + class as u16, total as u16, block);
            self.lists.get_mut(class, block)
        };
        slots.iter_mut().zip(repeated).for_each(|(slot, key)| *slot = key);
    }

    /// Makes a group of a list one with a histogram.
    fn make_dense(&mut self, group: usize) {
        let histogram = Histogram::of(self.keys(group).iter().map(|&key| (key, 1)));
        self.release(group);
        self.set_histogram(group, histogram);
    }

    fn set_histogram(&mut self, group: usize, histogram: Histogram) {
        self.groups[group] = state(DENSE, 0, self.histograms.len() as u32);
        self.histograms.push(histogram);
    }

    /// Gives a group's block back.
    fn release(&mut self, group: usize) {
        let state = self.groups[group];
        if state[0] > INLINE {
            self.lists.release((state[0] - LIST).into(), number(&state) as u32);
        }
    }

    fn histogram(&self, group: usize) -> Option<&Histogram> {
        let state = &self.groups[group];
        (state[0] == DENSE).then(|| &self.histograms[number(state)])
    }

    /// The keys of a group that has no histogram, in no order.
    fn keys(&self, group: usize) -> &[Key] {
        let state = &self.groups[group];
        match state[0] {
            count @ 0..=INLINE => &state[1..][..count.into()],
            form => {
                let list = self.lists.get((form - LIST).into(), number(state) as u32);
                &list[..state[1].into()]
            }
        }
    }

    /// The keys of a group and their counts, in order.
    fn entries(&self, group: usize) -> Vec<(Key, u64)> {
        if let Some(histogram) = self.histogram(group) {
            return histogram.entries().collect();
        }
        let mut keys = self.keys(group).to_vec();
        keys.sort_unstable();
        keys.chunk_by(|a, b| a == b).map(|run| (run[0], run.len() as u64)).collect()
    }

    fn quantile(&self, group: usize, quantile: &Quantile) -> Option<f64> {
        let Some(histogram) = self.histogram(group) else {
            let mut keys = self.keys(group).to_vec();
            let rank = quantile.rank(keys.len() as u64)?;
            return Some(middle(*keys.select_nth_unstable(rank as usize - 1).1));
        };
        let mut rank = quantile.rank(histogram.total())?;
        let mut entries = histogram.entries();
        let key = entries.find_map(|(key, count)| match rank <= count {
            true => Some(key),
            false => {
                rank -= count;
                None
            }
        });
        key.map(middle)
    }
}

/// Whether a histogram of these keys weighs no more than a list of this class.
fn is_smaller_as_histogram(keys: impl Iterator<Item = Key>, class: u32) -> bool {
    Histogram::bytes_for(keys) <= size_of::<Key>() << class
}

/// Builds the words of a group.
fn state(form: u16, count: u16, number: u32) -> [u16; 8] {
    [form, count, number as u16, (number >> 16) as u16, 0, 0, 0, 0]
}

/// The number of a group's block or histogram.
#[inline]
fn number(state: &[u16; 8]) -> usize {
    (u32::from(state[2]) | u32::from(state[3]) << 16) as usize
}

/// A fraction from 0 to 1 as the decimal that was written, so that the rank of 0.07 among 100 is 7
/// and not 8, which the nearest double above 0.07 would give.
struct Quantile {
    numerator: u128,
    denominator: u128,
}

impl Quantile {
    fn new(fraction: f64) -> Self {
        // The shortest decimal that reads back as the double: at most 17 digits after the zeros.
        let decimal = fraction.to_string();
        let digits = decimal.split_once('.').map_or("", |(_, digits)| digits);
        if digits.len() > 38 {
            // So small that its rank is 1 among all the numbers there can be.
            return Quantile { numerator: 0, denominator: 1 };
        }
        let denominator = 10u128.pow(digits.len() as u32);
        let digits = digits.parse().unwrap_or(0);
        Quantile { numerator: digits + if fraction < 1.0 { 0 } else { denominator }, denominator }
    }

    /// The rank of the quantile among `count` numbers, from 1; none among none.
    fn rank(&self, count: u64) -> Option<u64> {
        let rank = (self.numerator * u128::from(count)).div_ceil(self.denominator);
        (count > 0).then(|| (rank as u64).clamp(1, count))
    }
}

impl Accumulator for Percentile {
    fn grow(&mut self, groups: usize) {
        self.groups.resize(groups.max(self.groups.len()), [0; 8]);
    }

    fn update(&mut self, rows: &[u32], groups: &[u32], args: &[Column<'_>]) {
        let values = argument::<f64>(&args[0]);
        for_each_valid(rows, groups, &args[0], |row, group| self.add(group, key(values[row])));
    }

    /// How many entries, then for each the keys skipped before it, doubled, plus 1 if its count is
    /// more than 1, in which case the count less 2 follows.
    fn encode(&self, group: usize, out: &mut Vec<u8>) {
        let entries = self.entries(group);
        push_varint(out, entries.len() as u64);
        let mut next = 0;
        for (key, count) in entries {
            push_varint(out, u64::from(key - next) << 1 | u64::from(count > 1));
            if count > 1 {
                push_varint(out, count - 2);
            }
            next = key + 1;
        }
    }

    fn merge(&mut self, group: usize, input: &mut &[u8]) -> Result<(), CorruptState> {
        let (entries, total) = take_entries(input)?;
        if self.groups[group] == [0; 8] {
            self.set_entries(group, &entries, total);
            return Ok(());
        }
        if total >= 1 << LONGEST && self.groups[group][0] != DENSE {
            self.make_dense(group);
        }
        for (key, count) in entries {
            match self.groups[group] {
                state if state[0] == DENSE => self.histograms[number(&state)].add(key, count),
                _ => (0..count).for_each(|_| self.add(group, key)),
            }
        }
        Ok(())
    }

    /// The median, unless a [`Present::Percentile`] is asked for.
    fn present(&self, present: Present, groups: &[u32]) -> Column<'_> {
        let quantile = Quantile::new(match present {
            Present::Percentile(fraction) => fraction,
            _ => 0.5,
        });
        let quantiles = groups.iter().map(|&group| self.quantile(group as usize, &quantile));
        nullable(quantiles, Data::Double)
    }

    fn memory_bytes(&self) -> usize {
        let histograms = self.histograms.iter().map(Histogram::memory_bytes).sum::<usize>();
        self.groups.len() * size_of::<[u16; 8]>() + self.lists.memory_bytes() + histograms
    }
}

/// Reads the entries of a state and the sum of their counts.
fn take_entries(input: &mut &[u8]) -> Result<(Vec<(Key, u64)>, u64), CorruptState> {
    let length = take_varint(input)?;
    // An entry is at least a byte, so this allocates no more than the input.
    let mut entries = Vec::with_capacity(length.min(input.len() as u64) as usize);
    let (mut next, mut total) = (0u64, 0u64);
    for _ in 0..length {
        let header = take_varint(input)?;
        let extra = if header % 2 == 1 { take_varint(input)?.saturating_add(1) } else { 0 };
        let key = header / 2 + next;
        next = key + 1;
        total = total.saturating_add(extra).saturating_add(1);
        if key >= KEYS.into() || total > i64::MAX as u64 {
            return Err(corrupt(format!("a histogram has key {key}, total {total}")));
        }
        entries.push((key as Key, extra + 1));
    }
    Ok((entries, total))
}

#[cfg(test)]
mod tests {
    use super::super::laws;
    use super::super::{Accumulator, Function};
    use super::*;
    use crate::types::{Type, Value};
    use proptest::prelude::*;

    fn fold(numbers: &[f64]) -> Box<dyn Accumulator> {
        let events: Vec<_> = numbers.iter().map(|&v| vec![Value::Double(v)]).collect();
        laws::fold(Function::ApproxPercentile, &[Type::Double], &events)
    }

    fn quantile(states: &dyn Accumulator, fraction: f64) -> Value {
        states.present(Present::Percentile(fraction), &[0]).value(0)
    }

    #[test]
    fn laws_hold() {
        laws::check(Function::ApproxPercentile, &[Type::Double]);
        laws::check_with(Function::ApproxPercentile, &[Type::Double], |_| {
            (-4i32..20).prop_map(|v| Value::Double(f64::from(v))).boxed()
        });
    }

    #[test]
    fn bytes_are_the_same_in_any_order_and_however_merged_at_every_size() {
        // Narrow, wide and two-sided distributions, through lists of all lengths to histograms.
        for spread in [1.0f64, 30.0, 1e12] {
            for count in [0, 7, 8, 16, 17, 33, 64, 100, 500, 2048, 2049, 5000] {
                let number = |i: usize| {
                    let uniform = (i as u32).wrapping_mul(2_654_435_761) as f64 / 2f64.powi(32);
                    (uniform - 0.2) * spread.powf(uniform * 2.0) + 0.0
                };
                let numbers: Vec<f64> = (0..count).map(number).collect();
                let expected = laws::encoded(&*fold(&numbers));
                let reversed: Vec<f64> = numbers.iter().rev().copied().collect();
                assert_eq!(laws::encoded(&*fold(&reversed)), expected);
                for cut in [0, 3, count / 2, count - count / 10] {
                    let (left, right) = numbers.split_at(cut.min(count));
                    let mut merged = fold(left);
                    merged.merge(0, &mut laws::encoded(&*fold(right)).as_slice()).unwrap();
                    assert_eq!(laws::encoded(&*merged), expected, "{count} cut at {cut}");
                }
            }
        }
    }

    /// A state per kind of distribution: keys far apart, in a narrow range, and all the same.
    fn keys_of(kind: usize, count: usize) -> Vec<Key> {
        let key = |i: usize| match kind {
            0 => (i * 7919 % usize::from(KEYS)) as Key,
            1 => 9000 + (i * 7919 % 300) as Key,
            _ => 5,
        };
        (0..count).map(key).collect()
    }

    fn one_by_one(keys: &[Key]) -> Percentile {
        let mut states = Percentile::default();
        states.grow(1);
        keys.iter().for_each(|&key| states.add(0, key));
        states
    }

    fn merged(state: &[u8]) -> Percentile {
        let mut states = Percentile::default();
        states.grow(1);
        states.merge(0, &mut &*state).unwrap();
        states
    }

    #[test]
    fn a_list_doubles_until_a_histogram_weighs_no_more() {
        for kind in 0..3 {
            let mut is_dense = false;
            for count in 1..2200 {
                let keys = keys_of(kind, count);
                let class = (count as u32).next_power_of_two().trailing_zeros().max(SHORTEST);
                let list = size_of::<Key>() << class;
                let histogram = Histogram::bytes_for(keys.iter().copied());
                // A list that has room is gone on with, whatever a histogram would weigh by now.
                let is_full = count == 8 || count > 16 && (count - 1).is_power_of_two();
                is_dense |= is_full && (histogram <= list || class > LONGEST);
                let expected = match count {
                    0..=7 => count as u16,
                    _ if is_dense => DENSE,
                    _ => LIST + class as u16,
                };
                let states = one_by_one(&keys);
                assert_eq!(states.groups[0][0], expected, "{count} of kind {kind}");
                // At once, the form is chosen by the numbers that there are.
                let is_dense = count > 7 && (histogram <= list || class > LONGEST);
                let expected = if is_dense { DENSE } else { expected.min(LIST + class as u16) };
                let expected = if count <= 7 { count as u16 } else { expected };
                let at_once = merged(&laws::encoded(&states)).groups[0][0];
                assert_eq!(at_once, expected, "{count} of kind {kind} at once");
            }
        }
    }

    #[test]
    fn lists_that_were_outgrown_are_used_again() {
        let mut states = Percentile::default();
        states.grow(2);
        let mut held = Vec::new();
        for group in 0..2 {
            keys_of(0, 3000).iter().for_each(|&key| states.add(group, key));
            held.push(states.lists.memory_bytes());
        }
        assert_eq!(held[0], held[1]);
    }

    #[test]
    fn a_group_knows_its_block_among_more_than_16_bits_count() {
        for block in [0, 1, 0xffff, 0x1_0000, 0x1234_5678, u32::MAX] {
            assert_eq!(number(&state(LIST + 4, 9, block)), block as usize);
        }
    }

    #[test]
    fn every_rank_of_every_form_has_the_key_that_sorting_gives_it() {
        for kind in 0..3 {
            for count in [1, 7, 8, 100, 3000] {
                let mut keys = keys_of(kind, count);
                let states = one_by_one(&keys);
                keys.sort_unstable();
                for percent in 0..=100usize {
                    let rank = (percent * count).div_ceil(100).max(1);
                    let presented = quantile(&states, percent as f64 / 100.0);
                    let expected = Value::Double(middle(keys[rank - 1]));
                    assert_eq!(presented, expected, "{percent} % of {count}, kind {kind}");
                }
            }
        }
    }

    /// More than there could be time for one by one.
    #[test]
    fn a_count_of_any_size_is_merged_at_once() {
        let mut many = Vec::new();
        [1, 2 * 9000 + 1].iter().for_each(|&n| push_varint(&mut many, n));
        push_varint(&mut many, 1 << 50);
        for count in [0, 1, 7, 8, 100, 3000] {
            let mut states = one_by_one(&keys_of(0, count));
            states.merge(0, &mut many.as_slice()).unwrap();
            states.merge(0, &mut many.as_slice()).unwrap();
            let total = states.entries(0).iter().map(|(_, count)| count).sum::<u64>();
            assert_eq!(total, 2 * ((1 << 50) + 2) + count as u64);
        }
        // What a list has room for stays one.
        let mut states = one_by_one(&keys_of(0, 100));
        states.merge(0, &mut laws::encoded(&one_by_one(&keys_of(0, 20))).as_slice()).unwrap();
        assert_eq!(states.groups[0][0], LIST + 7);
    }

    #[test]
    fn entries_that_no_state_has_are_refused() {
        let take = |numbers: &[u64]| {
            let mut state = Vec::new();
            numbers.iter().for_each(|&n| push_varint(&mut state, n));
            take_entries(&mut state.as_slice())
        };
        let last = u64::from(KEYS) - 1;
        assert_eq!(take(&[1, 2 * last]), Ok((vec![(KEYS - 1, 1)], 1)));
        assert!(take(&[1, 2 * (last + 1)]).is_err(), "a key above the greatest");
        assert!(take(&[2, 2 * last, 0]).is_err(), "a key behind the greatest");
        let most = i64::MAX as u64;
        assert_eq!(take(&[1, 1, most - 2]), Ok((vec![(0, most)], most)));
        assert!(take(&[1, 1, most - 1]).is_err(), "more numbers than can be counted");
        assert!(take(&[2, 1, most - 2, 0]).is_err(), "more numbers than can be counted together");
        assert!(take(&[1, 1, u64::MAX]).is_err());
        // All keys, and one more entry than there are bytes for.
        let keys = u64::from(KEYS);
        let all = [vec![keys], vec![0; usize::from(KEYS)]].concat();
        assert_eq!(take(&all).unwrap().1, keys);
        for length in [2, keys + 1, u64::MAX] {
            assert!(take(&[length, 0]).is_err(), "{length} entries");
        }
    }

    #[test]
    fn a_quantile_is_a_decimal() {
        let rank = |fraction, count| Quantile::new(fraction).rank(count);
        assert_eq!(rank(0.5, 0), None);
        assert_eq!(rank(0.0, 10), Some(1));
        assert_eq!(rank(1.0, 10), Some(10));
        assert_eq!(rank(0.07, 100), Some(7));
        assert_eq!(rank(0.29, 100), Some(29));
        assert_eq!(rank(0.95, 20), Some(19));
        assert_eq!(rank(0.95, 21), Some(20));
        assert_eq!(rank(0.999, 1_000_000_000), Some(999_000_000));
        assert_eq!(rank(1e-300, u64::MAX), Some(1));
        assert_eq!(rank(0.12345678901234568, u64::MAX), Some(2277375791072698161));
    }

    #[test]
    fn released_encodings_are_read_for_ever() {
        let read = |hex| {
            let states = laws::decoded(Function::ApproxPercentile, &[Type::Double], hex);
            [0.0, 0.5, 1.0].map(|fraction| quantile(&*states, fraction))
        };
        assert_eq!(read("00"), [const { Value::Null }; 3]);
        // Zero three times, then 1 and 2.
        let states = fold(&[0.0, 1.0, 0.0, 2.0, 0.0]);
        assert_eq!(laws::encoded(&*states), laws::bytes("03 818001 01 fe3f 7e"));
        let [least, median, greatest] = read("03 818001 01 fe3f 7e");
        assert_eq!([least, median], [0.0, 0.0].map(Value::Double));
        assert_eq!(greatest, Value::Double(1.989169681168195));
    }

    proptest! {
        #[test]
        fn a_quantile_is_within_its_error_of_the_number_of_that_rank(
            mut numbers in prop::collection::vec(
                prop_oneof![-1e3..1e3f64, -1e-9..1e-9f64, -1e15..1e15f64, Just(0.0)],
                1..400,
            ),
            percent in 0..=100u32,
        ) {
            let presented = quantile(&*fold(&numbers), f64::from(percent) / 100.0);
            numbers.sort_unstable_by(f64::total_cmp);
            let rank = (percent as usize * numbers.len()).div_ceil(100).max(1);
            let (exact, Value::Double(presented)) = (numbers[rank - 1], presented) else {
                panic!("no quantile")
            };
            prop_assert!((presented - exact).abs() <= exact.abs() * 0.00542, "{presented} {exact}");
        }
    }
}
