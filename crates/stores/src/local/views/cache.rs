//! Open parts, so that a query neither opens files nor parses footers again.

use super::read::Part;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

/// Open files; a process may have 1,024 of them and needs some for other things.
const PARTS: usize = 256;
/// Memory for footers and page indexes.
const BYTES: usize = 256 << 20;

/// The parts read last, by path.
#[derive(Debug, Default)]
pub(super) struct Cache {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    parts: HashMap<String, Entry>,
    bytes: usize,
    clock: u64,
}

#[derive(Debug)]
struct Entry {
    part: Arc<Part>,
    bytes: usize,
    used: u64,
}

impl Cache {
    /// The part at `path`, if it is here.
    pub(super) fn get(&self, path: &str) -> Option<Arc<Part>> {
        let mut inner = self.lock();
        inner.clock += 1;
        let clock = inner.clock;
        let entry = inner.parts.get_mut(path)?;
        entry.used = clock;
        Some(Arc::clone(&entry.part))
    }

    /// Keeps a part, and lets go of those not used for longest where there is no room.
    pub(super) fn insert(&self, path: &str, part: &Arc<Part>) {
        let bytes = part.memory_bytes();
        let mut inner = self.lock();
        inner.remove(path);
        while !inner.parts.is_empty() && (inner.parts.len() >= PARTS || inner.bytes + bytes > BYTES)
        {
            let oldest = inner.parts.iter().min_by_key(|(_, entry)| entry.used);
            let Some(oldest) = oldest.map(|(path, _)| path.clone()) else { break };
            inner.remove(&oldest);
        }
        let (part, used) = (Arc::clone(part), inner.clock);
        inner.bytes += bytes;
        inner.parts.insert(path.to_owned(), Entry { part, bytes, used });
    }

    /// Lets go of a part.
    pub(super) fn remove(&self, path: &str) {
        self.lock().remove(path);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no critical section of the cache panics")
    }
}

impl Inner {
    fn remove(&mut self, path: &str) {
        if let Some(entry) = self.parts.remove(path) {
            self.bytes -= entry.bytes;
        }
    }
}
