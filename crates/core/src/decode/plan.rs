//! What the keys of an event mean under a schema, and the guess which key comes next.
//!
//! The schema's paths form a tree: a node per object that holds declared columns, with a table of
//! its keys. Producers write their keys in one order, so each node also remembers, place by place,
//! the bytes that last led from one value to the next (comma, key, colon and the white space
//! around them) and what that key meant. Where the same bytes come again, one comparison replaces
//! scanning, checking and looking up the key.
//!
//! Guesses never change a result: bytes that were read once as "comma, key, colon" by the grammar
//! are that wherever a comma may stand, and a wrong guess only costs the way through the table.

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

/// Bytes that lead to a value, and what its key means.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lead {
    bytes: [u8; LEAD_BYTES],
    /// Ones where `bytes` counts.
    mask: [u8; LEAD_BYTES],
    pub(super) length: usize,
    pub(super) meaning: Meaning,
}

/// The longest lead remembered; a longer one takes a place that never matches.
const LEAD_BYTES: usize = 32;
/// How many leads a node remembers. What comes after is looked up.
const LEADS_MAX: usize = 64;
/// How many leads behind the expected one are tried: a producer that leaves out optional fields
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
    /// The lead that stands at `pos`, where the `place`-th key of the object is due, if it is
    /// known, and whose place that lead has.
    #[inline(always)]
    pub(super) fn guess(&self, place: usize, bytes: &[u8], pos: usize) -> Option<(usize, &Lead)> {
        let lead = self.0.get(place)?;
        if lead.stands_at(bytes, pos) {
            return Some((place, lead));
        }
        self.guess_further(place, bytes, pos)
    }

    #[inline(never)]
    fn guess_further(&self, place: usize, bytes: &[u8], pos: usize) -> Option<(usize, &Lead)> {
        if place == 0 {
            // The leads that follow begin with a comma, which must not follow a brace.
            return None;
        }
        let further = self.0.iter().enumerate().skip(place + 1).take(LOOKAHEAD);
        further.into_iter().find(|(_, lead)| lead.stands_at(bytes, pos))
    }

    /// Remembers what led to the value of the `place`-th key.
    pub(super) fn learn(&mut self, place: usize, lead: &[u8], meaning: Meaning) {
        let lead = Lead::new(lead, meaning);
        if place < self.0.len() {
            self.0[place] = lead;
        } else if place == self.0.len() && place < LEADS_MAX {
            self.0.push(lead);
        }
    }
}

impl Lead {
    fn new(lead: &[u8], meaning: Meaning) -> Self {
        let length = lead.len();
        // 0xff is in no UTF-8, so a lead that is too long to keep matches nowhere.
        let (mut bytes, mut mask) = ([0xff; LEAD_BYTES], [0xff; LEAD_BYTES]);
        if length <= LEAD_BYTES {
            bytes[..length].copy_from_slice(lead);
            bytes[length..].fill(0);
            mask[length..].fill(0);
        }
        Lead { bytes, mask, length, meaning }
    }

    #[inline(always)]
    fn stands_at(&self, bytes: &[u8], pos: usize) -> bool {
        let rest = bytes.get(pos..).unwrap_or_default();
        let Some(chunk) = rest.first_chunk::<LEAD_BYTES>() else {
            return self.length <= LEAD_BYTES && rest.starts_with(&self.bytes[..self.length]);
        };
        let word = |bytes: &[u8; LEAD_BYTES], i: usize| {
            u64::from_le_bytes(*bytes[8 * i..].first_chunk().expect("four words"))
        };
        let difference = |i| (word(chunk, i) ^ word(&self.bytes, i)) & word(&self.mask, i);
        difference(0) | difference(1) | difference(2) | difference(3) == 0
    }
}
