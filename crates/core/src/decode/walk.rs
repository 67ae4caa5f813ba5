//! The one pass over one event.
//!
//! Two kinds of fault are told apart. What breaks the payload as such (bytes, grammar, depth) ends
//! the pass at once. What is wrong with a column is remembered, the first in document order, while
//! the rest of the payload is still read: a verdict must not depend on the order in which a
//! payload's faults are met, nor on the columns that a view happens to need.

use super::batch::Sink;
use super::fault::{self, Fault};
use super::plan::{Meaning, Plan};
use super::scanner::Scanner;
use super::value;
use super::{MAX_DEPTH, Reason};
use crate::schema::{ColumnId, Schema, TimestampFormat};
use crate::types::Type;

/// What a decoder keeps between events.
#[derive(Debug, Clone)]
pub(super) struct Walker {
    plan: Plan,
    columns: Vec<Declared>,
    timestamp_format: TimestampFormat,
    event_time: ColumnId,
    /// The event in which a column, or behind the columns a node, was last seen.
    seen: Vec<u64>,
    /// Counts events, so that `seen` never has to be cleared.
    event: u64,
}

/// A declared column.
#[derive(Debug, Clone)]
struct Declared {
    ty: Type,
    /// Whether its values are wanted; they are checked in any case.
    kept: bool,
    path: Vec<String>,
}

/// One pass.
struct Walk<'w, 's, 'a> {
    walker: &'w mut Walker,
    scanner: Scanner<'a>,
    sink: Option<&'w mut Sink<'s, 'a>>,
    /// The first fault of a column.
    fault: Option<Fault>,
    has_event_time: bool,
}

impl Walker {
    pub(super) fn new(schema: &Schema, needed: &[ColumnId]) -> Self {
        let plan = Plan::new(schema);
        let columns = schema.columns.iter().enumerate().map(|(id, column)| {
            let kept = needed.contains(&id);
            Declared { ty: column.ty, kept, path: column.path.clone() }
        });
        Walker {
            columns: columns.collect(),
            timestamp_format: schema.timestamp_format,
            event_time: schema.event_time,
            seen: vec![0; schema.columns.len() + plan.nodes.len()],
            event: 0,
            plan,
        }
    }

    /// Reads one payload. What the sink has taken by then counts only on success.
    pub(super) fn walk<'a>(
        &mut self,
        payload: &'a [u8],
        sink: Option<&mut Sink<'_, 'a>>,
    ) -> Result<(), Fault> {
        let Ok(text) = simdutf8::basic::from_utf8(payload) else {
            return Err(fault::invalid_utf8(payload));
        };
        self.event += 1;
        let scanner = Scanner::new(text);
        Walk { walker: self, scanner, sink, fault: None, has_event_time: false }.document()
    }
}

impl<'a> Walk<'_, '_, 'a> {
    fn document(mut self) -> Result<(), Fault> {
        let object = self.scanner.token() == b'{';
        if object {
            self.object(0, 1)?;
        } else {
            self.scanner.value(0)?;
        }
        self.scanner.token();
        if self.scanner.pos < self.scanner.bytes().len() {
            return Err(self.scanner.unexpected("nothing after the event"));
        }
        if !object {
            return Err(fault::not_an_object(self.scanner.text()));
        }
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        if !self.has_event_time {
            return Err(fault::missing_event_time(&self.event_time().path));
        }
        Ok(())
    }

    fn event_time(&self) -> &Declared {
        &self.walker.columns[self.walker.event_time]
    }

    /// Reads the object that starts here, the `depth`-th around its members. It calls itself for
    /// declared objects only, so no payload can make it recurse deeper than the schema does.
    fn object(&mut self, node: usize, depth: usize) -> Result<(), Fault> {
        if depth > MAX_DEPTH {
            return Err(fault::too_deep(self.scanner.pos));
        }
        self.scanner.pos += 1;
        let mut place = 0;
        while let Some(meaning) = self.next_key(node, &mut place)? {
            match meaning {
                Meaning::Undeclared => self.scanner.value(depth)?,
                Meaning::Column(id) => self.column(id, depth)?,
                Meaning::Object(child) => self.child(child, depth)?,
            }
        }
        Ok(())
    }

    /// Moves to the value of the next key; what the key means, or `None` behind the object's end.
    #[inline]
    fn next_key(&mut self, node: usize, place: &mut usize) -> Result<Option<Meaning>, Fault> {
        if self.scanner.byte() == b'}' {
            self.scanner.pos += 1;
            return Ok(None);
        }
        let (bytes, pos) = (self.scanner.bytes(), self.scanner.pos);
        let Some((at, length, meaning)) = self.walker.plan.nodes[node].guess(*place, bytes, pos)
        else {
            return self.next_unknown_key(node, place);
        };
        *place = at + 1;
        self.scanner.pos += length;
        Ok(Some(meaning))
    }

    /// The same, by the grammar and the table of keys.
    #[inline(never)]
    fn next_unknown_key(
        &mut self,
        node: usize,
        place: &mut usize,
    ) -> Result<Option<Meaning>, Fault> {
        let start = self.scanner.pos;
        match self.scanner.token() {
            b'}' => {
                self.scanner.pos += 1;
                return Ok(None);
            }
            b',' if *place > 0 => self.scanner.pos += 1,
            _ if *place > 0 => return Err(self.scanner.unexpected("`,` or `}`")),
            _ => {}
        }
        let key = self.scanner.key()?;
        self.scanner.token();
        let key = self.scanner.unescaped(key);
        let node = &mut self.walker.plan.nodes[node];
        let meaning = node.meaning(&key);
        node.learn(*place, &self.scanner.bytes()[start..self.scanner.pos], meaning);
        *place += 1;
        Ok(Some(meaning))
    }

    /// Reads the value of a key that has declared columns below it.
    fn child(&mut self, node: usize, depth: usize) -> Result<(), Fault> {
        let first = self.scanner.token();
        let start = self.scanner.pos;
        if self.seen_before(self.walker.columns.len() + node) {
            self.scanner.value(depth)?;
            let path = &self.walker.plan.nodes[node].path;
            self.fault.get_or_insert_with(|| fault::duplicate_key(path, start));
            return Ok(());
        }
        match first {
            b'{' => self.object(node, depth + 1),
            b'n' => self.scanner.literal("null"),
            _ => {
                self.scanner.value(depth)?;
                let found = &self.scanner.text()[start..self.scanner.pos];
                let path = &self.walker.plan.nodes[node].path;
                self.fault.get_or_insert_with(|| fault::unfit_parent(path, found));
                Ok(())
            }
        }
    }

    /// Reads the value of a declared column.
    fn column(&mut self, id: ColumnId, depth: usize) -> Result<(), Fault> {
        let first = self.scanner.token();
        let start = self.scanner.pos;
        if self.seen_before(id) {
            self.scanner.value(depth)?;
            let path = &self.walker.columns[id].path;
            self.fault.get_or_insert_with(|| fault::duplicate_key(path, start));
            return Ok(());
        }
        if first == b'n' {
            return self.scanner.literal("null");
        }
        let Declared { ty, kept, .. } = self.walker.columns[id];
        match value::read(&mut self.scanner, ty, self.walker.timestamp_format, depth)? {
            Ok(value) => {
                self.has_event_time |= id == self.walker.event_time;
                if let Some(sink) = self.sink.as_deref_mut().filter(|_| kept) {
                    sink.push(id, value);
                }
            }
            Err(reason) => self.unfit_value(id, reason, start),
        }
        Ok(())
    }

    #[cold]
    fn unfit_value(&mut self, id: ColumnId, reason: Reason, start: usize) {
        let found = &self.scanner.text()[start..self.scanner.pos];
        let Declared { ty, ref path, .. } = self.walker.columns[id];
        let format = self.walker.timestamp_format;
        self.fault.get_or_insert_with(|| fault::unfit_value(reason, path, found, ty, format));
    }

    /// Whether the event has had this column or node already; from now on it has.
    #[inline]
    fn seen_before(&mut self, index: usize) -> bool {
        std::mem::replace(&mut self.walker.seen[index], self.walker.event) == self.walker.event
    }
}
