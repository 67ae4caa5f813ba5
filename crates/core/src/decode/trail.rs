//! The way through a value that the schema does not declare, as it was last time.
//!
//! An undeclared object or array is a sequence of scalars with brackets, commas and keys in between:
//!
//! ```text
//! {"os":"iOS","screen":{"width":393,"height":852}}
//! ^^^^^^     ^^^^^^^^^^^^^^^^^^^   ^^^^^^^^^^   ^^
//! ```
//!
//! Each of those pieces is remembered with the open brackets before and behind it. Where the same
//! bytes come again under the same brackets, one comparison replaces reading them by the grammar.
//!
//! As in [`super::plan`], guesses never change a result: what the grammar makes of the bytes behind
//! a scalar depends on the open brackets and those bytes alone.

use super::MAX_DEPTH;
use super::lanes::Needle;

/// Bits for the open brackets of one value.
type Brackets = u128;
const _: () = assert!(MAX_DEPTH <= Brackets::BITS as usize);

/// The brackets that are open within a value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Nesting {
    /// The lowest bit is the innermost open bracket: set for an object.
    brackets: Brackets,
    open: usize,
}

impl Nesting {
    #[inline]
    pub(super) fn depth(self) -> usize {
        self.open
    }

    /// Whether the innermost open bracket is an object's.
    #[inline]
    pub(super) fn in_object(self) -> bool {
        self.brackets & 1 == 1
    }

    #[inline]
    pub(super) fn open(&mut self, object: bool) {
        self.brackets = self.brackets << 1 | Brackets::from(object);
        self.open += 1;
    }

    #[inline]
    pub(super) fn close(&mut self) {
        self.brackets >>= 1;
        self.open -= 1;
    }
}

/// The pieces between the scalars of a value. The first leads from its beginning, the others from
/// behind a scalar. Each begins under the brackets that the one before leaves open.
#[derive(Debug, Clone, Default)]
pub(super) struct Trail(Vec<Step>);

/// A piece: from behind a scalar to the next one, or to the end of the value.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) bytes: Needle,
    /// The brackets that are open behind it.
    pub(super) after: Nesting,
}

/// How many steps of a value are remembered. What comes after is read by the grammar.
const STEPS_MAX: usize = 32;
/// How many steps behind the expected one are tried.
const LOOKAHEAD: usize = 3;

impl Trail {
    /// The step that stands at `pos`, where the `place`-th of the value is due, if it is the one
    /// that stood there last time. The brackets that are open must be those of [`Self::before`].
    #[inline(always)]
    pub(super) fn guess(&self, place: usize, bytes: &[u8], pos: usize) -> Option<&Step> {
        self.0.get(place).filter(|step| step.bytes.stands_at(bytes, pos))
    }

    /// The step that stands at `pos` under the brackets `nesting`, if it is one of those due a
    /// little later, and its place.
    pub(super) fn guess_further(
        &self,
        place: usize,
        nesting: Nesting,
        bytes: &[u8],
        pos: usize,
    ) -> Option<(usize, &Step)> {
        if place == 0 {
            // The steps that follow begin behind a scalar.
            return None;
        }
        let further = (place + 1..self.0.len()).take(LOOKAHEAD);
        let mut steps = further.map(|place| (place, &self.0[place]));
        steps.find(|(place, step)| {
            self.before(*place) == nesting && step.bytes.stands_at(bytes, pos)
        })
    }

    /// The brackets under which the `place`-th step begins.
    pub(super) fn before(&self, place: usize) -> Nesting {
        place.checked_sub(1).map_or_else(Nesting::default, |before| self.0[before].after)
    }

    /// Remembers the `place`-th step, if those before it are known. It must begin under the
    /// brackets of [`Self::before`].
    pub(super) fn learn(&mut self, place: usize, step: &[u8], after: Nesting) {
        if place > self.0.len() || place == STEPS_MAX {
            return;
        }
        // Steps that followed one which left other brackets open no longer follow.
        if self.0.get(place).is_none_or(|known| known.after != after) {
            self.0.truncate(place);
        }
        let step = Step { bytes: Needle::new(step), after };
        match self.0.get_mut(place) {
            Some(known) => *known = step,
            None => self.0.push(step),
        }
    }
}
