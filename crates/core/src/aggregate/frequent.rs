//! `approx_most_frequent`: the most frequent texts, with bounds on how often each came.
//!
//! Per group, `capacity` texts or more are counted. When there are more than twice as many, the
//! counter that is the `capacity + 1`st from the top is taken off every counter, and those that
//! reach zero are dropped: the algorithm of Misra and Gries (1982) with the merge of Agarwal et al.,
//! "Mergeable summaries" (2012). A reduction by `c` takes at least `(capacity + 1) · c` off counters
//! that add up to at most the number of values, so whatever the order and the merges,
//!
//! ```text
//! counter <= true count <= counter + error        error <= values / (capacity + 1)
//! ```
//!
//! and a text without a counter came at most `error` times. Up to `2 · capacity` different texts,
//! the error is 0, and states are as independent of order as those of every other aggregate; beyond,
//! the bounds hold, but which texts near the error are kept depends on the order.

use super::bytes::{corrupt, push_text, push_varint, take_text, take_varint};
use super::scalar::argument;
use super::{Accumulator, CorruptState, for_each_valid, nullable};
use crate::column::{Column, Data};
use crate::types::FrequentItem;
use crate::view::Present;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use std::cmp::Reverse;

/// The aggregate.
pub(super) struct Frequent {
    groups: Vec<Counters>,
    capacity: usize,
}

#[derive(Default)]
struct Counters {
    /// How often each text came at least. Never 0.
    counts: HashMap<Box<str>, u64, FixedState>,
    /// How much has been taken off each counter in reductions.
    error: u64,
}

impl Frequent {
    /// Frequent texts with this many counters, at least 1.
    pub(super) fn new(capacity: u32) -> Self {
        let capacity = capacity.max(1) as usize;
        Frequent { groups: Vec::new(), capacity }
    }

    #[inline]
    fn add(&mut self, group: usize, text: &str, count: u64) {
        let Counters { counts, .. } = &mut self.groups[group];
        if let Some(counter) = counts.get_mut(text) {
            *counter = counter.saturating_add(count);
            return;
        }
        counts.insert(text.into(), count);
        if counts.len() > 2 * self.capacity {
            self.reduce(group);
        }
    }

    /// Drops all but the `capacity` greatest counters of a group, or fewer.
    #[cold]
    fn reduce(&mut self, group: usize) {
        let Counters { counts, error } = &mut self.groups[group];
        let mut values: Vec<u64> = counts.values().copied().collect();
        let (_, &mut cut, _) = values.select_nth_unstable_by(self.capacity, |a, b| b.cmp(a));
        *error = error.saturating_add(cut);
        counts.retain(|_, count| {
            *count = count.saturating_sub(cut);
            *count > 0
        });
    }

    fn most_frequent(&self, group: usize, limit: usize) -> Option<Vec<FrequentItem>> {
        let Counters { counts, error } = &self.groups[group];
        let mut sorted: Vec<_> = counts.iter().map(|(text, &count)| (count, &**text)).collect();
        sorted.sort_unstable_by_key(|&(count, text)| (Reverse(count), text));
        sorted.truncate(limit);
        let item = |(count, text): (u64, &str)| FrequentItem {
            value: text.to_owned(),
            count: count.saturating_add(*error),
            error: *error,
        };
        let is_empty = counts.is_empty() && *error == 0;
        (!is_empty).then(|| sorted.into_iter().map(item).collect())
    }
}

/// Whether two encoded states can be of the same values, folded and merged differently.
///
/// Both bound how often each text came, so the bounds of every text must meet. And each bounds how
/// many values there were: what a reduction takes off comes from `capacity + 1` counters at least
/// and from all `2 * capacity + 1` at most.
///
/// ```text
/// counters + (capacity + 1) * error  <=  values  <=  counters + (2 * capacity + 1) * error
/// ```
pub(super) fn agree(capacity: u32, a: &[u8], b: &[u8]) -> Result<bool, CorruptState> {
    let (a, b) = (read(capacity, a)?, read(capacity, b)?);
    let meet = |text: &str, (a, b): (&Counters, &Counters)| {
        let least = |of: &Counters| of.counts.get(text).copied().unwrap_or(0);
        let most = |of: &Counters| least(of).saturating_add(of.error);
        least(a) <= most(b) && least(b) <= most(a)
    };
    let capacity = u128::from(capacity.max(1));
    let values = |of: &Counters| {
        let counted: u128 = of.counts.values().map(|&count| u128::from(count)).sum();
        let error = u128::from(of.error);
        (counted + (capacity + 1) * error, counted + (2 * capacity + 1) * error)
    };
    let (of_a, of_b) = (values(&a), values(&b));
    let mut texts = a.counts.keys().chain(b.counts.keys());
    Ok(texts.all(|text| meet(text, (&a, &b))) && of_a.0 <= of_b.1 && of_b.0 <= of_a.1)
}

/// The counters of one encoded state.
fn read(capacity: u32, mut state: &[u8]) -> Result<Counters, CorruptState> {
    let mut states = Frequent::new(capacity);
    states.grow(1);
    states.merge(0, &mut state)?;
    Ok(std::mem::take(&mut states.groups[0]))
}

impl Accumulator for Frequent {
    fn grow(&mut self, groups: usize) {
        self.groups.resize_with(groups.max(self.groups.len()), Counters::default);
    }

    fn update(&mut self, rows: &[u32], groups: &[u32], args: &[Column<'_>]) {
        let values = argument::<String>(&args[0]);
        for_each_valid(rows, groups, &args[0], |row, group| self.add(group, values[row], 1));
    }

    /// The error, how many counters, then each text, in order, and its count.
    fn encode(&self, group: usize, out: &mut Vec<u8>) {
        let Counters { counts, error } = &self.groups[group];
        push_varint(out, *error);
        push_varint(out, counts.len() as u64);
        let mut sorted: Vec<_> = counts.iter().collect();
        sorted.sort_unstable();
        for (text, &count) in sorted {
            push_text(out, text);
            push_varint(out, count);
        }
    }

    fn merge(&mut self, group: usize, input: &mut &[u8]) -> Result<(), CorruptState> {
        let (error, length) = (take_varint(input)?, take_varint(input)?);
        if length > 2 * self.capacity as u64 {
            return Err(corrupt(format!(
                "there are {length} frequent items: expected at most {}",
                2 * self.capacity
            )));
        }
        // Texts are at least two bytes with their count, so this allocates no more than the input.
        let mut items = Vec::with_capacity(length.min(input.len() as u64) as usize);
        for _ in 0..length {
            let item = (take_text(input)?, take_varint(input)?);
            if item.1 == 0 || items.last().is_some_and(|&(text, _)| text >= item.0) {
                return Err(corrupt("frequent items are out of order or have no count"));
            }
            items.push(item);
        }
        self.groups[group].error = self.groups[group].error.saturating_add(error);
        items.into_iter().for_each(|(text, count)| self.add(group, text, count));
        Ok(())
    }

    /// The items that a [`Present::MostFrequent`] asks for, otherwise all that are kept; NULL if no
    /// value was seen.
    fn present(&self, present: Present, groups: &[u32]) -> Column<'_> {
        let limit = match present {
            Present::MostFrequent(limit) => limit as usize,
            _ => usize::MAX,
        };
        let items = groups.iter().map(|&group| self.most_frequent(group as usize, limit));
        nullable(items, Data::FrequentItems)
    }

    fn memory_bytes(&self) -> usize {
        // A slot of the map takes a byte more than its entry, and at most 7 of 8 slots are taken.
        let slot = size_of::<(Box<str>, u64)>() + 1;
        let counters = |group: &Counters| {
            let texts = group.counts.keys().map(|text| text.len()).sum::<usize>();
            size_of::<Counters>() + group.counts.len() * slot * 3 / 2 + texts
        };
        self.groups.iter().map(counters).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::super::bytes::take_varint;
    use super::super::laws::{self, value};
    use super::super::{Accumulator, Function};
    use crate::types::{FrequentItem, Type, Value};
    use crate::view::Present;
    use proptest::prelude::*;
    use std::collections::HashMap;

    fn function(capacity: u32) -> Function {
        Function::ApproxMostFrequent { capacity }
    }

    fn fold(capacity: u32, texts: &[String]) -> Box<dyn Accumulator> {
        let events: Vec<_> = texts.iter().map(|t| vec![Value::Varchar(t.clone())]).collect();
        laws::fold(function(capacity), &[Type::Varchar], &events)
    }

    fn items(states: &dyn Accumulator, limit: u32) -> Vec<FrequentItem> {
        match states.present(Present::MostFrequent(limit), &[0]).value(0) {
            Value::FrequentItems(items) => items,
            other => panic!("{other:?} are no frequent items"),
        }
    }

    fn item(value: &str, count: u64, error: u64) -> FrequentItem {
        FrequentItem { value: value.to_owned(), count, error }
    }

    #[test]
    fn laws_hold_up_to_twice_the_capacity() {
        laws::check(function(40), &[Type::Varchar]);
    }

    #[test]
    fn few_texts_are_counted_exactly_and_come_in_order() {
        let texts = ["b", "c", "a", "c", "b", "c", "d"].map(str::to_owned);
        let states = fold(2, &texts);
        assert_eq!(items(&*states, 3), [item("c", 3, 0), item("b", 2, 0), item("a", 1, 0)]);
        assert_eq!(items(&*states, 9).len(), 4);
        assert_eq!(items(&*states, 0), []);
        let null = laws::fold(function(2), &[Type::Varchar], &[vec![Value::Null]]);
        assert_eq!(value(&*null), Value::Null);
    }

    #[test]
    fn one_text_too_many_takes_the_next_counter_off_all() {
        let texts = ["a", "a", "a", "b", "b", "c", "d", "e"].map(str::to_owned);
        assert_eq!(items(&*fold(2, &texts), 9), [item("a", 3, 1), item("b", 2, 1)]);
        let different: Vec<String> = ('a'..'f').map(String::from).collect();
        assert_eq!(items(&*fold(2, &different), 9), []);
    }

    #[test]
    fn items_that_no_state_has_are_refused() {
        let merge = |hex| {
            let mut states = super::Frequent::new(2);
            states.grow(1);
            states.merge(0, &mut laws::bytes(hex).as_slice())
        };
        // Error, number of items, and of each its text and its count.
        assert_eq!(merge("00 04 0161 01 0162 01 0163 01 0164 01"), Ok(()));
        assert!(merge("00 05 0161 01 0162 01 0163 01 0164 01 0165 01").is_err(), "too many");
        assert!(merge("00 01 0161 00").is_err(), "no count");
        assert!(merge("00 02 0161 01 0162 00").is_err(), "no count behind another item");
        assert!(merge("00 02 0162 01 0161 01").is_err(), "out of order");
        assert!(merge("00 02 0161 01 0161 01").is_err(), "twice");
    }

    #[test]
    fn states_of_other_values_do_not_agree() {
        let state = |texts: &[&str]| {
            let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
            laws::encoded(&*fold(2, &texts))
        };
        let agree = |a: &[&str], b: &[&str]| super::agree(2, &state(a), &state(b)).unwrap();
        assert!(agree(&["a", "b", "a"], &["a", "a", "b"]));
        assert!(!agree(&["a", "b", "a"], &["a", "b"]));
        assert!(!agree(&["a", "b"], &["a", "b", "c"]));
        assert!(!agree(&["a"], &[]));
        // With an error of 1, one more or less of a text is within the bounds, and many are not.
        let reduced = ["a", "a", "a", "b", "b", "c", "d", "e"];
        assert!(agree(&reduced, &["e", "d", "c", "b", "b", "a", "a", "a"]));
        assert!(!agree(&reduced, &[&reduced[..], &["a"; 3]].concat()));
        assert!(!agree(&reduced, &[]));
    }

    #[test]
    fn states_agree_where_their_bounds_meet_and_no_further() {
        let state = |error: u64, counts: &[u64]| {
            let mut state = vec![error as u8, counts.len() as u8];
            for (text, &count) in (b'a'..).zip(counts) {
                state.extend([1, text, count as u8]);
            }
            state
        };
        let agree = |a: &[u8], b: &[u8]| {
            let agree = super::agree(3, a, b).unwrap();
            assert_eq!(super::agree(3, b, a), Ok(agree), "whichever comes first");
            agree
        };
        // The same number of values, of other texts.
        assert!(!agree(&state(0, &[5, 3]), &state(0, &[3, 5])));
        // Between 10 + 4 and 10 + 7 values, of which `a` came 10 or 11 times.
        let reduced = state(1, &[10]);
        assert!(!agree(&reduced, &state(0, &[10, 1, 1, 1])));
        assert!(agree(&reduced, &state(0, &[11, 1, 1, 1])));
        assert!(!agree(&reduced, &state(0, &[12, 1, 1, 1])));
        assert!(!agree(&reduced, &state(0, &[9, 1, 1, 1, 1, 1])));
        // At most 60 + 7 values, and at least 63 + 4 or 64 + 4.
        let reduced = state(1, &[10; 6]);
        assert!(agree(&reduced, &state(1, &[11, 11, 11, 10, 10, 10])));
        assert!(!agree(&reduced, &state(1, &[11, 11, 11, 11, 10, 10])));
    }

    #[test]
    fn released_encodings_are_read_for_ever() {
        let read = |hex| laws::read(function(2), &[Type::Varchar], hex);
        assert_eq!(read("0000"), Value::Null);
        let expected = Value::FrequentItems(vec![item("a", 304, 4), item("é", 5, 4)]);
        assert_eq!(read("04 02 0161 ac02 02c3a9 01"), expected);
    }

    proptest! {
        #[test]
        fn bounds_hold_in_any_order_and_however_merged(
            texts in prop::collection::vec("[a-d]|[a-z]|[a-z][a-z]", 1..600),
            capacity in 1..12u32,
            cuts: [prop::sample::Index; 2],
        ) {
            let mut at = cuts.map(|cut| cut.index(texts.len()));
            at.sort_unstable();
            let parts = [&texts[..at[0]], &texts[at[0]..at[1]], &texts[at[1]..]];
            let mut states = fold(capacity, parts[0]);
            for part in &parts[1..] {
                let part = laws::encoded(&*fold(capacity, part));
                states.merge(0, &mut part.as_slice()).unwrap();
            }
            let mut truth = HashMap::new();
            texts.iter().for_each(|text| *truth.entry(text.as_str()).or_insert(0u64) += 1);
            let (once, merged) = (laws::encoded(&*fold(capacity, &texts)), laws::encoded(&*states));
            prop_assert!(super::agree(capacity, &once, &merged).unwrap());
            let items = items(&*states, u32::MAX);
            prop_assert!(items.len() <= 2 * capacity as usize);
            prop_assert!(items.is_sorted_by_key(|item| std::cmp::Reverse(item.count)));
            let error = take_varint(&mut laws::encoded(&*states).as_slice()).unwrap();
            prop_assert!(error <= texts.len() as u64 / (u64::from(capacity) + 1));
            for item in items {
                let count = truth.remove(item.value.as_str()).expect("a text that came");
                prop_assert_eq!(item.error, error);
                prop_assert!((item.count - item.error..=item.count).contains(&count));
            }
            prop_assert!(truth.into_values().all(|count| count <= error));
        }
    }
}
