//! What was read last, up to so many entries and bytes, so that it is not read again.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};

/// Values by name. Those not used for longest go where there is no room.
#[derive(Debug)]
pub(crate) struct Cache<V> {
    max_entries: usize,
    max_bytes: usize,
    inner: Mutex<Inner<V>>,
}

#[derive(Debug)]
struct Inner<V> {
    entries: HashMap<String, Entry<V>>,
    bytes: usize,
    clock: u64,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    bytes: usize,
    used: u64,
}

impl<V: Clone> Cache<V> {
    /// An empty cache with these limits.
    pub(crate) fn new(max_entries: usize, max_bytes: usize) -> Self {
        let inner = Inner { entries: HashMap::new(), bytes: 0, clock: 0 };
        Cache { max_entries, max_bytes, inner: Mutex::new(inner) }
    }

    /// The value of a name, if it is here.
    pub(crate) fn get(&self, name: &str) -> Option<V> {
        let mut inner = self.lock();
        inner.clock += 1;
        let clock = inner.clock;
        let entry = inner.entries.get_mut(name)?;
        entry.used = clock;
        Some(entry.value.clone())
    }

    /// Keeps a value that takes `bytes` of memory, in the place of one of the same name.
    pub(crate) fn insert(&self, name: &str, value: V, bytes: usize) {
        let mut inner = self.lock();
        inner.remove(name);
        let is_full = |inner: &Inner<V>| {
            inner.entries.len() >= self.max_entries || inner.bytes + bytes > self.max_bytes
        };
        while !inner.entries.is_empty() && is_full(&inner) {
            let oldest = inner.entries.iter().min_by_key(|(_, entry)| entry.used);
            let Some(oldest) = oldest.map(|(name, _)| name.clone()) else { break };
            inner.remove(&oldest);
        }
        inner.bytes += bytes;
        inner.clock += 1;
        let used = inner.clock;
        inner.entries.insert(name.to_owned(), Entry { value, bytes, used });
    }

    /// Lets go of a value.
    pub(crate) fn remove(&self, name: &str) {
        self.lock().remove(name);
    }

    fn lock(&self) -> MutexGuard<'_, Inner<V>> {
        self.inner.lock().expect("no critical section of the cache panics")
    }
}

impl<V> Inner<V> {
    fn remove(&mut self, name: &str) {
        if let Some(entry) = self.entries.remove(name) {
            self.bytes -= entry.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_used_for_longest_goes_first() {
        let cache = Cache::new(3, 10);
        for name in ["a", "b", "c"] {
            cache.insert(name, name.len(), 3);
        }
        cache.get("a");
        cache.insert("d", 1, 3);
        let here = |name: &&str| cache.get(name).is_some();
        assert_eq!(["a", "b", "c", "d"].into_iter().filter(here).collect::<String>(), "acd");
        // Six bytes take the place of two entries of three.
        cache.insert("e", 1, 6);
        assert_eq!(["a", "c", "d", "e"].into_iter().filter(here).count(), 2);
        // What is larger than the cache is kept alone.
        cache.insert("f", 1, 99);
        assert_eq!(["a", "c", "d", "e", "f"].into_iter().filter(here).collect::<String>(), "f");
    }
}
