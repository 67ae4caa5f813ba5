//! The one pass over one event.
//!
//! Two kinds of fault are told apart. What breaks the payload as such (bytes, grammar, depth) ends
//! the pass at once. What is wrong with a column is remembered, the first in document order, while
//! the rest of the payload is still read: a verdict must not depend on the order in which a
//! payload's faults are met, nor on the columns that a view happens to need.

use super::batch::{Sink, Slot};
use super::fault::{self, Fault};
use super::plan::{Leads, Meaning, Plan};
use super::scanner::Scanner;
use super::value::{self, Other};
use super::{MAX_DEPTH, Reason};
use crate::schema::{ColumnDef, ColumnId, Schema};
use crate::timestamp::LastDate;
use crate::types::Type;

/// What a decoder keeps between events.
#[derive(Debug, Clone)]
pub(super) struct Walker {
    schema: Schema,
    plan: Plan,
    leaves: Vec<Leaf>,
    /// Counts events, so that what was seen in one never has to be cleared.
    event: u64,
}

/// A declared column, as far as reading its values goes.
#[derive(Debug, Clone)]
struct Leaf {
    ty: Type,
    /// Whether its values are wanted; they are checked in any case.
    kept: bool,
    /// The last event that had it.
    seen: u64,
    /// The last event in which it was null.
    seen_null: u64,
    last_date: LastDate,
}

/// One pass.
struct Walk<'w, 's, 'a> {
    walker: &'w mut Walker,
    scanner: Scanner<'a>,
    sink: Option<&'w mut Sink<'s, 'a>>,
    /// How many values the sink has taken.
    kept: usize,
    /// The first fault of a column.
    fault: Option<Fault>,
}

impl Walker {
    pub(super) fn new(schema: &Schema, needed: &[ColumnId]) -> Self {
        let leaves = schema.columns.iter().enumerate();
        let leaves = leaves.map(|(id, column)| Leaf {
            ty: column.ty,
            kept: needed.contains(&id),
            seen: 0,
            seen_null: 0,
            last_date: LastDate::default(),
        });
        Walker {
            schema: schema.clone(),
            plan: Plan::new(schema),
            leaves: leaves.collect(),
            event: 0,
        }
    }

    pub(super) fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Reads one payload. What the sink has taken by then counts only on success; how many values
    /// that is, is returned.
    pub(super) fn walk<'a>(
        &mut self,
        payload: &'a [u8],
        sink: Option<&mut Sink<'_, 'a>>,
    ) -> Result<usize, Fault> {
        let Ok(text) = simdutf8::basic::from_utf8(payload) else {
            return Err(fault::invalid_utf8(payload));
        };
        self.event += 1;
        let scanner = Scanner { text };
        Walk { walker: self, scanner, sink, kept: 0, fault: None }.document()
    }
}

impl<'a> Walk<'_, '_, 'a> {
    fn document(mut self) -> Result<usize, Fault> {
        let Scanner { text } = self.scanner;
        let start = self.scanner.token(0);
        let is_object = self.scanner.byte(start) == b'{';
        let end = if is_object {
            self.object(0, start, 1)?
        } else {
            self.scanner.value(start, 0, None)?
        };
        let end = self.scanner.token(end);
        if end < text.len() {
            return Err(self.scanner.unexpected(end, "nothing after the event"));
        }
        if !is_object {
            return Err(fault::not_an_object(text));
        }
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let Walker { schema: Schema { columns, event_time, .. }, leaves, event, .. } = self.walker;
        let Leaf { seen, seen_null, .. } = leaves[*event_time];
        if seen != *event || seen_null == *event {
            return Err(fault::missing_event_time(&columns[*event_time].path));
        }
        Ok(self.kept)
    }

    /// Reads the object at `pos`, the `depth`-th around its members; where it ends. It calls
    /// itself for declared objects only, so no payload can make it recurse deeper than the schema.
    #[inline(never)]
    fn object(&mut self, node: usize, pos: usize, depth: usize) -> Result<usize, Fault> {
        if depth > MAX_DEPTH {
            return Err(fault::too_deep(pos));
        }
        // Out of the plan while the object is read, so that they need not be found for every key.
        let mut leads = std::mem::take(&mut self.walker.plan.nodes[node].leads);
        let end = self.members(node, pos + 1, depth, &mut leads);
        self.walker.plan.nodes[node].leads = leads;
        end
    }

    #[inline(always)]
    fn members(
        &mut self,
        node: usize,
        mut pos: usize,
        depth: usize,
        leads: &mut Leads,
    ) -> Result<usize, Fault> {
        // A copy is known not to change while values are read, and stays in registers.
        let scanner = self.scanner;
        // The place of the last key, and the place at which the next one is expected.
        let mut last = None;
        let mut place = 0;
        loop {
            let meaning = match leads.guess(place, scanner.bytes(), pos) {
                Some(lead) => {
                    pos += lead.bytes.length;
                    lead.meaning
                }
                None if scanner.byte(pos) == b'}' => return Ok(pos + 1),
                None => match self.unexpected_key(node, pos, last, leads)? {
                    (at, Some(meaning), end) => {
                        place = at;
                        pos = end;
                        meaning
                    }
                    (_, None, end) => return Ok(end),
                },
            };
            pos = match meaning {
                Meaning::Undeclared => scanner.value(pos, depth, leads.trail(place))?,
                Meaning::Column(id) => self.column(id as ColumnId, pos, depth)?,
                Meaning::Object(child) => self.child(child as usize, pos, depth)?,
            };
            last = Some(place);
            place = leads.next(place);
        }
    }

    /// Reads a key that is not the expected one, behind that of the place `last`, if there was one;
    /// its place, and the result of [`Self::unknown_key`].
    #[inline(never)]
    fn unexpected_key(
        &mut self,
        node: usize,
        pos: usize,
        last: Option<usize>,
        leads: &mut Leads,
    ) -> Result<(usize, Option<Meaning>, usize), Fault> {
        let mut place = last.map_or(0, |last| last + 1);
        let (meaning, end) = match leads.guess_further(place, self.scanner.bytes(), pos) {
            Some((at, lead)) => {
                place = at;
                (Some(lead.meaning), pos + lead.bytes.length)
            }
            None => self.unknown_key(node, pos, place, leads)?,
        };
        if let (Some(last), Some(_)) = (last, meaning) {
            leads.follow(last, place);
        }
        Ok((place, meaning, end))
    }

    /// Reads the next key by the grammar and the table of keys; what it means and where its value
    /// starts, or no meaning and where the object ends.
    fn unknown_key(
        &mut self,
        node: usize,
        start: usize,
        place: usize,
        leads: &mut Leads,
    ) -> Result<(Option<Meaning>, usize), Fault> {
        let scanner = self.scanner;
        let pos = scanner.token(start);
        let pos = match scanner.byte(pos) {
            b'}' => return Ok((None, pos + 1)),
            b',' if place > 0 => pos + 1,
            _ if place > 0 => return Err(scanner.unexpected(pos, "`,` or `}`")),
            _ => pos,
        };
        let (key, end) = scanner.key(pos)?;
        let end = scanner.token(end);
        let meaning = self.walker.plan.nodes[node].meaning(&scanner.unescaped(key));
        leads.learn(place, &scanner.bytes()[start..end], meaning);
        Ok((Some(meaning), end))
    }

    /// Reads the value at `pos` of a key that has declared columns below it; where it ends.
    fn child(&mut self, node: usize, pos: usize, depth: usize) -> Result<usize, Fault> {
        let seen = &mut self.walker.plan.nodes[node].seen;
        if std::mem::replace(seen, self.walker.event) == self.walker.event {
            return self.duplicate(pos, depth, |walker| &walker.plan.nodes[node].path);
        }
        let pos = self.scanner.token(pos);
        match self.scanner.byte(pos) {
            b'{' => self.object(node, pos, depth + 1),
            b'n' => self.scanner.literal(pos, "null"),
            _ => {
                let end = self.scanner.value(pos, depth, None)?;
                let found = &self.scanner.text[pos..end];
                self.remember(|walker| fault::unfit_parent(&walker.plan.nodes[node].path, found));
                Ok(end)
            }
        }
    }

    /// Reads the value at `pos` of a declared column; where it ends.
    #[inline(always)]
    fn column(&mut self, id: ColumnId, pos: usize, depth: usize) -> Result<usize, Fault> {
        let Walker { schema, leaves, event, .. } = &mut *self.walker;
        let leaf = &mut leaves[id];
        if std::mem::replace(&mut leaf.seen, *event) == *event {
            return self.duplicate(pos, depth, |walker| &walker.schema.columns[id].path);
        }
        let mut slot = match &mut self.sink {
            Some(sink) if leaf.kept => sink.slot(id),
            _ => Slot::Dropped,
        };
        let is_kept = matches!(slot, Slot::Kept { .. });
        let kind = value::Kind { ty: &leaf.ty, format: schema.timestamp_format };
        match value::read(self.scanner, pos, depth, kind, &mut leaf.last_date, &mut slot) {
            Ok(end) => {
                self.kept += usize::from(is_kept);
                Ok(end)
            }
            Err(other) => self.no_value(id, pos, other),
        }
    }

    /// Takes note of what stands at `start` for a column and is no value; where that ends.
    #[inline(never)]
    fn no_value(&mut self, id: ColumnId, start: usize, other: Other) -> Result<usize, Fault> {
        match other {
            Other::Null(end) => {
                self.walker.leaves[id].seen_null = self.walker.event;
                Ok(end)
            }
            Other::Unfit(reason, end) => {
                self.unfit_value(id, reason, start, end);
                Ok(end)
            }
            Other::Fault(fault) => Err(fault),
        }
    }

    /// Reads the value at `pos` of a key that was there before; where it ends.
    #[cold]
    fn duplicate(
        &mut self,
        pos: usize,
        depth: usize,
        path: impl Fn(&Walker) -> &[String],
    ) -> Result<usize, Fault> {
        let pos = self.scanner.token(pos);
        let end = self.scanner.value(pos, depth, None)?;
        self.remember(|walker| fault::duplicate_key(path(walker), pos));
        Ok(end)
    }

    #[cold]
    fn unfit_value(&mut self, id: ColumnId, reason: Reason, start: usize, end: usize) {
        let found = self.scanner.text[start..end].trim_ascii_start();
        self.remember(|Walker { schema, .. }| {
            let ColumnDef { path, ty } = &schema.columns[id];
            fault::unfit_value(reason, path, found, *ty, schema.timestamp_format)
        });
    }

    /// Keeps the fault of a column if it is the first.
    fn remember(&mut self, fault: impl FnOnce(&Walker) -> Fault) {
        if self.fault.is_none() {
            self.fault = Some(fault(self.walker));
        }
    }
}
