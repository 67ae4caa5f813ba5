//! A histogram over the [logarithmic buckets](super::log_buckets) with a counter per bucket of the
//! ranges in use: the form of a group that has seen many numbers.

use super::log_buckets::{Key, ZERO};

/// Counts per key. Numbers of either sign have a window of counters of their own, because the keys
/// between them, down to 2^-64, are many and mostly unused.
#[derive(Default)]
pub(super) struct Histogram {
    total: u64,
    zeros: u64,
    negative: Window,
    positive: Window,
}

impl Histogram {
    /// Counts `count` more numbers with this key.
    #[inline]
    pub(super) fn add(&mut self, key: Key, count: u64) {
        self.total = self.total.saturating_add(count);
        if self.total > u32::MAX.into() {
            self.negative.widen();
            self.positive.widen();
        }
        match key {
            ..ZERO => self.negative.add(key, count),
            ZERO => self.zeros = self.zeros.saturating_add(count),
            _ => self.positive.add(key, count),
        }
    }

    /// How many numbers were counted.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// The keys in use and their counts, in order.
    pub(super) fn entries(&self) -> impl Iterator<Item = (Key, u64)> {
        let zeros = std::iter::once((ZERO, self.zeros)).filter(|&(_, zeros)| zeros > 0);
        self.negative.entries().chain(zeros).chain(self.positive.entries())
    }

    pub(super) fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.negative.memory_bytes() + self.positive.memory_bytes()
    }

    /// A histogram of these keys, each so many times.
    pub(super) fn of(entries: impl Iterator<Item = (Key, u64)> + Clone) -> Self {
        let [negative, positive] = Self::ranges(entries.clone().map(|(key, _)| key));
        let mut histogram = Histogram {
            negative: Window::holding(negative),
            positive: Window::holding(positive),
            ..Histogram::default()
        };
        entries.for_each(|(key, count)| histogram.add(key, count));
        histogram
    }

    /// What a histogram of these keys will weigh.
    pub(super) fn bytes_for(keys: impl Iterator<Item = Key>) -> usize {
        let bytes = |(low, high)| if low <= high { 4 * Window::around(low, high).1 } else { 0 };
        size_of::<Self>() + Self::ranges(keys).map(bytes).iter().sum::<usize>()
    }

    /// The least and the greatest key below zero, and those above; where there is none, the least
    /// is the greater.
    fn ranges(keys: impl Iterator<Item = Key>) -> [(Key, Key); 2] {
        let (mut negative, mut positive) = ((ZERO, 0), (Key::MAX, ZERO));
        for key in keys {
            let range = match key {
                ..ZERO => &mut negative,
                ZERO => continue,
                _ => &mut positive,
            };
            *range = (range.0.min(key), range.1.max(key));
        }
        [negative, positive]
    }
}

/// Counters of consecutive keys.
#[derive(Default)]
struct Window {
    first: Key,
    counts: Counts,
}

/// Counters take 4 bytes until the total no longer fits into them.
enum Counts {
    Narrow(Vec<u32>),
    Wide(Vec<u64>),
}

impl Default for Counts {
    fn default() -> Self {
        Counts::Narrow(Vec::new())
    }
}

impl Window {
    /// Windows start and end at multiples of this many keys, so that they grow in steps.
    const STEP: Key = 32;

    /// Where a window that holds both keys starts, and how many counters it has.
    fn around(low: Key, high: Key) -> (Key, usize) {
        let first = low - low % Self::STEP;
        (first, (high - first + 1).next_multiple_of(Self::STEP).into())
    }

    /// Room for the keys from `low` to `high`; none if `low` is the greater.
    fn holding((low, high): (Key, Key)) -> Self {
        if low > high {
            return Window::default();
        }
        let (first, length) = Self::around(low, high);
        Window { first, counts: Counts::Narrow(vec![0; length]) }
    }

    #[inline]
    fn add(&mut self, key: Key, count: u64) {
        let at = usize::from(key.wrapping_sub(self.first));
        match &mut self.counts {
            Counts::Narrow(counts) if at < counts.len() => counts[at] += count as u32,
            Counts::Wide(counts) if at < counts.len() => {
                counts[at] = counts[at].saturating_add(count)
            }
            _ => {
                self.grow(key);
                self.add(key, count);
            }
        }
    }

    /// Makes room for a key outside of the window.
    #[cold]
    fn grow(&mut self, key: Key) {
        let (low, high) = match self.len() {
            0 => (key, key),
            length => (key.min(self.first), key.max(self.first + length as Key - 1)),
        };
        let (first, length) = Self::around(low, high);
        let before = if self.len() == 0 { 0 } else { usize::from(self.first - first) };
        match &mut self.counts {
            Counts::Narrow(counts) => move_into(counts, before, length),
            Counts::Wide(counts) => move_into(counts, before, length),
        }
        self.first = first;
    }

    fn widen(&mut self) {
        if let Counts::Narrow(counts) = &self.counts {
            self.counts = Counts::Wide(counts.iter().map(|&count| count.into()).collect());
        }
    }

    fn len(&self) -> usize {
        match &self.counts {
            Counts::Narrow(counts) => counts.len(),
            Counts::Wide(counts) => counts.len(),
        }
    }

    fn entries(&self) -> impl Iterator<Item = (Key, u64)> {
        let count = |at: usize| match &self.counts {
            Counts::Narrow(counts) => u64::from(counts[at]),
            Counts::Wide(counts) => counts[at],
        };
        let all = (0..self.len()).map(move |at| (self.first + at as Key, count(at)));
        all.filter(|&(_, count)| count > 0)
    }

    fn memory_bytes(&self) -> usize {
        match &self.counts {
            Counts::Narrow(counts) => 4 * counts.len(),
            Counts::Wide(counts) => 8 * counts.len(),
        }
    }
}

/// Makes a vector one of `length` zeros with the old items from `before` on.
fn move_into<T: Copy + Default>(items: &mut Vec<T>, before: usize, length: usize) {
    let mut moved = vec![T::default(); length];
    moved[before..before + items.len()].copy_from_slice(items);
    *items = moved;
}

#[cfg(test)]
mod tests {
    use super::super::log_buckets::KEYS;
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn any_key() -> impl Strategy<Value = Key> {
        prop_oneof![0..KEYS, 8190..8195u16, 8700..8800u16, Just(0), Just(KEYS - 1)]
    }

    proptest! {
        #[test]
        fn counts_what_a_map_counts(keys in prop::collection::vec((any_key(), 1..5u64), 0..100)) {
            let mut histogram = Histogram::default();
            let mut map = BTreeMap::new();
            for &(key, count) in &keys {
                histogram.add(key, count);
                *map.entry(key).or_insert(0) += count;
            }
            let of_map = Histogram::of(map.iter().map(|(&key, &count)| (key, count)));
            prop_assert!(histogram.entries().eq(of_map.entries()));
            prop_assert_eq!(of_map.memory_bytes(), histogram.memory_bytes());
            prop_assert_eq!(histogram.total(), map.values().sum::<u64>());
            prop_assert!(histogram.entries().eq(map.clone()));
            let keys: Vec<Key> = map.into_keys().collect();
            prop_assert_eq!(histogram.memory_bytes(), Histogram::bytes_for(keys.into_iter()));
        }
    }

    #[test]
    fn counters_widen_before_they_overflow() {
        let mut histogram = Histogram::default();
        let most = u64::from(u32::MAX);
        histogram.add(9000, most - 1);
        histogram.add(100, 1);
        assert_eq!(histogram.memory_bytes(), Histogram::bytes_for([100, 9000].into_iter()));
        histogram.add(9000, 2);
        histogram.add(100, most);
        assert!(histogram.entries().eq([(100, most + 1), (9000, most + 1)]));
        assert_eq!(histogram.total(), 2 * most + 2);
    }

    #[test]
    fn a_key_right_behind_a_window_makes_it_grow_whatever_its_counters_are() {
        for count in [1, u64::from(u32::MAX)] {
            let mut histogram = Histogram::default();
            let mut map = BTreeMap::new();
            // 8960 begins a window, and each of the others lies right behind the one before or
            // right before it.
            for key in [8960, 8992, 8959, 9024, 8927, 3200, 3232, 3199] {
                histogram.add(key, count);
                histogram.add(key, 1);
                map.insert(key, count + 1);
            }
            assert!(histogram.entries().eq(map));
        }
    }
}
