//! What the keys of an event mean under a schema, and the guess which key comes next.
//!
//! The schema's paths form a tree: a node per object that holds declared columns, with a table of
//! its keys. Producers write their keys in one order, so each node also remembers, place by place,
//! the bytes that last led from one value to the next (comma, key, colon and the white space
//! around them) and what that key meant. Where the same bytes come again, one comparison replaces
//! scanning, checking and looking up the key. Optional keys are left out by most events or by few,
//! so each place also remembers which one came behind it last time.
//!
//! Guesses never change a result: bytes that were read once as "comma, key, colon" by the grammar
//! are that wherever a comma may stand, and a wrong guess only costs the way through the table.

use super::lanes::Needle;
use super::trail::Trail;
use crate::schema::Schema;
use foldhash::fast::FixedState;
use hashbrown::HashMap;

/// What a key stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Nothing the schema declares.
    Undeclared,
    /// A column, by its place in the schema.
    Column(u32),
    /// An object with columns in it: its node.
    Object(u32),
}

/// The tree of declared keys. Node 0 is the event itself.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) nodes: Vec<Node>,
}

/// One object with declared columns in it.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// Its keys from the top.
    pub(super) path: Vec<String>,
    members: HashMap<String, Meaning, FixedState>,
    pub(super) leads: Leads,
    /// The last event that had it.
    pub(super) seen: u64,
}

/// What led to the values of an object last time. The first leads from the brace, the others from
/// the value before, so that only the first is without a comma.
#[derive(Debug, Clone, Default)]
pub(super) struct Leads(Vec<Lead>);

/// Bytes that lead to a value, what its key means, and what is known of the value.
#[derive(Debug, Clone)]
pub(super) struct Lead {
    pub(super) bytes: Needle,
    pub(super) meaning: Meaning,
    /// The way through the value, where that is an object or array without declared columns.
    trail: Trail,
    /// The place of the lead that came behind the value last time.
    next: usize,
}

/// How many leads a node remembers. What comes after is looked up.
const LEADS_MAX: usize = 64;
/// How many leads behind the one in order are tried: a producer that leaves out optional fields
/// still follows its order.
const LOOKAHEAD: usize = 3;

impl Plan {
    /// The plan of a schema.
    ///
    /// # Panics
    /// If a path is empty, declared twice, or leads through another column: the SQL compiler
    /// refuses such schemas.
    pub(super) fn new(schema: &Schema) -> Self {
        let mut plan = Plan { nodes: vec![Node::new(&[])] };
        for (id, column) in (0..).zip(&schema.columns) {
            let (leaf, parents) = column.path.split_last().expect("a column has a name");
            let mut node = 0;
            for depth in 0..parents.len() {
                node = plan.child(node, &parents[..=depth]);
            }
            let before = plan.nodes[node].members.insert(leaf.clone(), Meaning::Column(id));
            assert!(before.is_none(), "column {:?} is declared twice", column.path);
        }
        plan
    }

    /// The node of an object in the node `parent`, made where it is missing.
    fn child(&mut self, parent: usize, path: &[String]) -> usize {
        let next = self.nodes.len();
        let key = path.last().expect("a child has a key").clone();
        let meaning = Meaning::Object(next.try_into().expect("fewer nodes than 2^32"));
        match *self.nodes[parent].members.entry(key).or_insert(meaning) {
            Meaning::Object(node) if node as usize == next => self.nodes.push(Node::new(path)),
            Meaning::Object(node) => return node as usize,
            _ => panic!("{path:?} is declared as a column and as a parent of columns"),
        }
        next
    }
}

impl Node {
    fn new(path: &[String]) -> Self {
        Node { path: path.to_vec(), members: HashMap::default(), leads: Leads::default(), seen: 0 }
    }

    /// What `key`, its escapes undone, means in this object.
    pub(super) fn meaning(&self, key: &str) -> Meaning {
        self.members.get(key).copied().unwrap_or(Meaning::Undeclared)
    }
}

impl Leads {
    /// The lead that stands at `pos`, if it is the one of that place.
    #[inline(always)]
    pub(super) fn guess(&self, place: usize, bytes: &[u8], pos: usize) -> Option<&Lead> {
        self.0.get(place).filter(|lead| lead.bytes.stands_at(bytes, pos))
    }

    /// The lead that stands at `pos`, if it is among those from `place` on, and its place.
    pub(super) fn guess_further(
        &self,
        place: usize,
        bytes: &[u8],
        pos: usize,
    ) -> Option<(usize, &Lead)> {
        if place == 0 {
            // The leads that follow begin with a comma, which must not follow a brace.
            return None;
        }
        let further = self.0.iter().enumerate().skip(place).take(1 + LOOKAHEAD);
        further.into_iter().find(|(_, lead)| lead.bytes.stands_at(bytes, pos))
    }

    /// The place of the lead that came behind that of `place` last time.
    #[inline(always)]
    pub(super) fn next(&self, place: usize) -> usize {
        self.0.get(place).map_or(place + 1, |lead| lead.next)
    }

    /// Remembers that the lead of `next` came behind that of `place`.
    pub(super) fn follow(&mut self, place: usize, next: usize) {
        if let Some(lead) = self.0.get_mut(place) {
            lead.next = next;
        }
    }

    /// The way through the value of the `place`-th key, if that key is remembered.
    #[inline(always)]
    pub(super) fn trail(&mut self, place: usize) -> Option<&mut Trail> {
        self.0.get_mut(place).map(|lead| &mut lead.trail)
    }

    /// Remembers what led to the value of the `place`-th key.
    pub(super) fn learn(&mut self, place: usize, lead: &[u8], meaning: Meaning) {
        let lead =
            || Lead { bytes: Needle::new(lead), meaning, trail: Trail::default(), next: place + 1 };
        if place < self.0.len() {
            self.0[place] = lead();
        } else if place == self.0.len() && place < LEADS_MAX {
            self.0.push(lead());
        }
    }
}
