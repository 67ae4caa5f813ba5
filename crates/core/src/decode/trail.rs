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
/// behind a scalar.
#[derive(Debug, Clone, Default)]
pub(super) struct Trail(Vec<Step>);

/// A piece: from behind a scalar to the next one, or to the end of the value.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) bytes: Needle,
    before: Nesting,
    pub(super) after: Nesting,
}

/// How many steps of a value are remembered. What comes after is read by the grammar.
const STEPS_MAX: usize = 32;
/// How many steps behind the expected one are tried.
const LOOKAHEAD: usize = 3;

impl Trail {
    /// The step that stands at `pos`, where the `place`-th of the value is due under the brackets
    /// `nesting`, if it is known, and whose place that step has.
    #[inline(always)]
    pub(super) fn guess(
        &self,
        place: usize,
        nesting: Nesting,
        bytes: &[u8],
        pos: usize,
    ) -> Option<(usize, &Step)> {
        let step = self.0.get(place)?;
        if step.before == nesting && step.bytes.stands_at(bytes, pos) {
            return Some((place, step));
        }
        self.guess_further(place, nesting, bytes, pos)
    }

    #[inline(never)]
    fn guess_further(
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
        let mut further = self.0.iter().enumerate().skip(place + 1).take(LOOKAHEAD);
        further.find(|(_, step)| step.before == nesting && step.bytes.stands_at(bytes, pos))
    }

    /// Remembers the `place`-th step.
    #[inline(never)]
    pub(super) fn learn(&mut self, place: usize, step: &[u8], before: Nesting, after: Nesting) {
        let step = || Step { bytes: Needle::new(step), before, after };
        if place < self.0.len() {
            self.0[place] = step();
        } else if place == self.0.len() && place < STEPS_MAX {
            self.0.push(step());
        }
    }
}
