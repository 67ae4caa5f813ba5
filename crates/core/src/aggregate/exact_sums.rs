//! Sums of DOUBLE values, or of their squares, without rounding.
//!
//! Adding doubles rounds, so the sum depends on the order; adding integers does not. Every double
//! is an integer of at most 53 bits times a power of two, and so is the square of one (106 bits).
//! A group's sum is therefore kept as one big integer, of which only a *window* is stored: `N`
//! 64-bit limbs whose lowest bit stands for a position chosen by the first value.
//!
//! ```text
//!            window of a group: two's complement, 64·N bits
//!          ┌──────────────────────────────────────┬───────────┐
//!          │ sum / 2^base                         │ base (16) │
//!          └──────────────────────────────────────┴───────────┘
//! term:         ± magnitude « (position − base)     0000        one shift, one add
//! ```
//!
//! The base sits in the low 16 bits of the same integer, where adding a multiple of 2^16 leaves it
//! alone: a group is 16 bytes for sums and 32 for squares, and an add reads and writes nothing else.
//! When a term falls out of its window, the window moves, and if the range of the values is too
//! great for any (about 2^50 for sums), the group goes over to limbs on the heap.
//!
//! The byte form is that of the number itself, so it does not show what windows came before it.
//! Related: Kulisch's long accumulator, and the superaccumulators of R. Neal, "Fast exact summation
//! using small and large superaccumulators" (2015).

use super::CorruptState;
use super::bytes::{corrupt, push_varint, take_slice, take_varint};
use super::round::{bit_length, bits_from, trailing_zeros};
use num_bigint::{BigInt, BigUint, Sign};

/// A term: `± magnitude · 2^position` in units of the least bit there can be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Term {
    is_negative: bool,
    magnitude: u128,
    position: u32,
}

impl Term {
    /// A finite double, in units of 2^-1074.
    #[inline]
    pub(super) fn value(double: f64) -> Self {
        let bits = double.to_bits();
        let exponent = (bits >> 52) as u32 & 0x7ff;
        let fraction = bits & ((1 << 52) - 1);
        Term {
            is_negative: bits >> 63 == 1,
            magnitude: (fraction | u64::from(exponent > 0) << 52).into(),
            position: exponent.saturating_sub(1),
        }
    }

    /// The square of a finite double, in units of 2^-2148.
    #[inline]
    pub(super) fn square(double: f64) -> Self {
        let Term { magnitude, position, .. } = Term::value(double);
        Term { is_negative: false, magnitude: magnitude * magnitude, position: 2 * position }
    }
}

/// A sum as a number: `± limbs · 2^position`. Zero has no limbs; otherwise the lowest bit is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Number {
    pub(super) is_negative: bool,
    pub(super) limbs: Vec<u64>,
    pub(super) position: u32,
}

impl Number {
    /// Moves trailing zeros into the position, which is not negative afterwards.
    fn new(is_negative: bool, limbs: &[u64], position: i32) -> Self {
        let Some(zeros) = trailing_zeros(limbs) else {
            return Number { is_negative: false, limbs: Vec::new(), position: 0 };
        };
        let length = (bit_length(limbs) - zeros).div_ceil(64);
        let limbs = (0..length).map(|limb| bits_from(limbs, zeros + 64 * limb)).collect();
        Number { is_negative, limbs, position: (position + zeros as i32) as u32 }
    }

    /// The number in units.
    pub(super) fn to_bigint(&self) -> BigInt {
        let digits = self.limbs.iter().flat_map(|&limb| [limb as u32, (limb >> 32) as u32]);
        let sign = if self.is_negative { Sign::Minus } else { Sign::Plus };
        BigInt::from_biguint(sign, BigUint::new(digits.collect()) << self.position)
    }
}

/// The base of a window: what its lowest bit stands for, or one of the three marks below.
const BASE_BITS: u32 = 16;
/// The group saw no value.
const NO_VALUE: u64 = 0xfffe;
/// The sum is zero, and the window has no place yet.
const ZERO: u64 = 0xfffd;
/// The sum is `wide[window[1]]`.
const WIDE: u64 = 0xffff;

/// One sum per group. `N` is 2 for [`Term::value`] and 4 for [`Term::square`].
#[derive(Default)]
pub(super) struct ExactSums<const N: usize> {
    windows: Vec<[u64; N]>,
    wide: Vec<Wide>,
}

impl<const N: usize> ExactSums<N> {
    /// Bits of the greatest magnitude of a term.
    const TERM_BITS: u32 = if N == 2 { 53 } else { 106 };
    /// How far up in the window a term may start and surely not touch the sign.
    const MAX_SHIFT: u32 = 64 * N as u32 - 1 - BASE_BITS - Self::TERM_BITS - 1;
    /// A window starts this many bits below its first value, for smaller ones to come.
    const BELOW: u32 = 6 * N as u32;
    /// Bits that a number must leave free in a window, for more of its size to come.
    const ABOVE: u32 = 10;
    /// Positions of bits lie below this: the greatest term, summed 2^64 times, and some more.
    const POSITIONS: u32 = 1120 * N as u32;

    pub(super) fn grow(&mut self, groups: usize) {
        self.windows.resize(groups.max(self.windows.len()), marked(NO_VALUE));
    }

    #[inline]
    pub(super) fn add(&mut self, group: usize, term: Term) {
        let window = &mut self.windows[group];
        // Every mark is greater than every position, so for them this wraps to a great number.
        let shift = term.position.wrapping_sub(base(window) as u32);
        if shift <= Self::MAX_SHIFT
            && let Some(sum) = add_shifted(window, term, shift)
        {
            *window = sum;
        } else {
            self.add_outside(group, term);
        }
    }

    /// Adds a term that does not fit into the window as it stands.
    #[cold]
    #[inline(never)]
    fn add_outside(&mut self, group: usize, term: Term) {
        match base(&self.windows[group]) {
            NO_VALUE if term.magnitude == 0 => self.windows[group] = marked(ZERO),
            _ if term.magnitude == 0 => {}
            WIDE => self.wide_of(group).add(term),
            NO_VALUE | ZERO => {
                let start = term.position.saturating_sub(Self::BELOW);
                self.windows[group] =
                    add_shifted(&marked(start.into()), term, term.position - start)
                        .expect("a window holds any single term");
            }
            _ => {
                let limbs = [term.magnitude as u64, (term.magnitude >> 64) as u64];
                let number = Number::new(term.is_negative, &limbs, term.position as i32);
                self.move_window(group, &number);
            }
        }
    }

    /// Adds a number.
    pub(super) fn merge(&mut self, group: usize, number: &Number) {
        match base(&self.windows[group]) {
            NO_VALUE | ZERO => self.set(group, number),
            WIDE => self.wide_of(group).add_number(number),
            _ => match Self::add_number(&self.windows[group], number) {
                Some(sum) => self.windows[group] = sum,
                None => self.move_window(group, number),
            },
        }
    }

    /// Adds a number to a group whose window must be moved, or given up, for it.
    fn move_window(&mut self, group: usize, number: &Number) {
        let mut sum = Wide::default();
        if let Some(before) = self.get(group) {
            sum.add_number(&before);
        }
        sum.add_number(number);
        self.set(group, &sum.to_number());
    }

    /// Makes a number the sum of a group.
    fn set(&mut self, group: usize, sum: &Number) {
        self.windows[group] = Self::window(sum).unwrap_or_else(|| {
            let mut wide = Wide::default();
            wide.add_number(sum);
            self.wide.push(wide);
            let mut window = marked(WIDE);
            window[1] = self.wide.len() as u64 - 1;
            window
        });
    }

    fn wide_of(&mut self, group: usize) -> &mut Wide {
        &mut self.wide[self.windows[group][1] as usize]
    }

    /// A window around a number, unless it has too many bits.
    fn window(number: &Number) -> Option<[u64; N]> {
        let bits = bit_length(&number.limbs);
        if bits == 0 {
            return Some(marked(ZERO));
        }
        let free = (64 * N as u32 - 1 - BASE_BITS - Self::ABOVE).checked_sub(bits)?;
        let start = number.position - Self::BELOW.min(free).min(number.position);
        Self::add_number(&marked(start.into()), number)
    }

    /// A window with a number added, if it lies within.
    fn add_number(window: &[u64; N], number: &Number) -> Option<[u64; N]> {
        let shift = number.position.checked_sub(base(window) as u32)?;
        if shift + bit_length(&number.limbs) >= 64 * N as u32 - BASE_BITS {
            return None;
        }
        let mut limbs = number.limbs.iter().zip((shift..).step_by(64));
        limbs.try_fold(*window, |sum, (&limb, shift)| {
            let is_negative = number.is_negative;
            add_shifted(&sum, Term { is_negative, magnitude: limb.into(), position: 0 }, shift)
        })
    }

    /// The sum; `None` if the group saw no value.
    pub(super) fn get(&self, group: usize) -> Option<Number> {
        let mut limbs = self.windows[group];
        let start = match base(&limbs) {
            NO_VALUE => return None,
            ZERO => return Some(Number::new(false, &[], 0)),
            WIDE => return Some(self.wide[limbs[1] as usize].to_number()),
            start => start,
        };
        limbs[0] -= start;
        let is_negative = negate_if_negative(&mut limbs);
        Some(Number::new(is_negative, &limbs, start as i32 - BASE_BITS as i32))
    }

    /// 0 (no value), 1 (zero), or 2 + 2 · position + sign, the magnitude's length, its bytes.
    pub(super) fn encode(&self, group: usize, out: &mut Vec<u8>) {
        let Some(number) = self.get(group) else { return out.push(0) };
        if number.limbs.is_empty() {
            return out.push(1);
        }
        push_varint(out, 2 + 2 * u64::from(number.position) + u64::from(number.is_negative));
        let length = bit_length(&number.limbs).div_ceil(8) as usize;
        push_varint(out, length as u64);
        let start = out.len();
        number.limbs.iter().for_each(|limb| out.extend_from_slice(&limb.to_le_bytes()));
        out.truncate(start + length);
    }

    /// Reads what [`ExactSums::encode`] wrote.
    pub(super) fn decode(input: &mut &[u8]) -> Result<Option<Number>, CorruptState> {
        let header = match take_varint(input)? {
            0 => return Ok(None),
            1 => return Ok(Some(Number::new(false, &[], 0))),
            header => header - 2,
        };
        let length = take_varint(input)?;
        let limit = u64::from(Self::POSITIONS);
        if length.saturating_mul(8).saturating_add(header / 2) > limit {
            return Err(corrupt(format!("a sum has bits above position {limit}")));
        }
        let bytes = take_slice(input, length as usize)?;
        if bytes.first().is_none_or(|low| low % 2 == 0) || bytes.last() == Some(&0) {
            return Err(corrupt("a sum has zeros at an end of its magnitude"));
        }
        let limb =
            |chunk: &[u8]| chunk.iter().rev().fold(0, |limb, &byte| limb << 8 | u64::from(byte));
        Ok(Some(Number {
            is_negative: header % 2 == 1,
            limbs: bytes.chunks(8).map(limb).collect(),
            position: (header / 2) as u32,
        }))
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let wide = self.wide.iter().map(|wide| 8 * wide.limbs.capacity()).sum::<usize>();
        self.windows.len() * 8 * N + self.wide.len() * size_of::<Wide>() + wide
    }
}

#[inline]
fn base<const N: usize>(window: &[u64; N]) -> u64 {
    window[0] & ((1 << BASE_BITS) - 1)
}

fn marked<const N: usize>(base: u64) -> [u64; N] {
    let mut window = [0; N];
    window[0] = base;
    window
}

/// The limbs of `magnitude · 2^bit` for `bit < 64`.
#[inline]
fn spread(magnitude: u128, bit: u32) -> [u64; 3] {
    let (low, high) = (magnitude as u64, (magnitude >> 64) as u64);
    [low << bit, high << bit | low >> 1 >> (63 - bit), high >> 1 >> (63 - bit)]
}

/// `limb + part + carry` and the new carry.
#[inline]
fn add_limb(limb: u64, part: u64, carry: bool) -> (u64, bool) {
    let (sum, first) = limb.overflowing_add(part);
    let (sum, second) = sum.overflowing_add(carry.into());
    (sum, first | second)
}

/// A window with a term added `shift` bits above its base; `None` if the sum does not fit.
#[inline]
fn add_shifted<const N: usize>(window: &[u64; N], term: Term, shift: u32) -> Option<[u64; N]> {
    let shift = shift + BASE_BITS;
    let (start, parts) = ((shift / 64) as usize, spread(term.magnitude, shift % 64));
    // A negative number is the complement of its magnitude plus one: the first carry.
    let complement = if term.is_negative { u64::MAX } else { 0 };
    let mut carry = term.is_negative;
    let mut sum = *window;
    let mut top = 0;
    for (limb, value) in sum.iter_mut().enumerate() {
        top = parts.get(limb.wrapping_sub(start)).copied().unwrap_or(0) ^ complement;
        (*value, carry) = add_limb(*value, top, carry);
    }
    let (before, after) = (window[N - 1], sum[N - 1]);
    let is_overflow = ((before ^ after) & (top ^ after)) >> 63 == 1;
    (!is_overflow).then_some(sum)
}

/// Makes a two's complement integer its magnitude, and says whether it was negative.
fn negate_if_negative(limbs: &mut [u64]) -> bool {
    let is_negative = limbs.last().is_some_and(|top| top >> 63 == 1);
    let mut carry = is_negative;
    if is_negative {
        limbs.iter_mut().for_each(|limb| (*limb, carry) = add_limb(!*limb, 0, carry));
    }
    is_negative
}

/// A sum with as many limbs as it needs: two's complement, lowest first.
#[derive(Default)]
struct Wide {
    /// The first limb stands for `2^(64 · lowest)`.
    lowest: usize,
    limbs: Vec<u64>,
}

impl Wide {
    fn add(&mut self, term: Term) {
        let limb = (term.position / 64) as usize;
        if self.limbs.is_empty() {
            self.lowest = limb;
        }
        let missing = self.lowest.saturating_sub(limb);
        self.limbs.splice(0..0, std::iter::repeat_n(0, missing));
        self.lowest -= missing;
        // One limb above those of the term takes its carry, so that none is lost.
        let start = limb - self.lowest;
        let sign = self.limbs.last().map_or(0, |&top| (top as i64 >> 63) as u64);
        self.limbs.resize(self.limbs.len().max(start + 4), sign);
        let complement = if term.is_negative { u64::MAX } else { 0 };
        let parts = spread(term.magnitude, term.position % 64).into_iter();
        let mut carry = term.is_negative;
        for (limb, part) in self.limbs[start..].iter_mut().zip(parts.chain(std::iter::repeat(0))) {
            (*limb, carry) = add_limb(*limb, part ^ complement, carry);
        }
    }

    fn add_number(&mut self, number: &Number) {
        let is_negative = number.is_negative;
        for (&limb, position) in number.limbs.iter().zip((number.position..).step_by(64)) {
            self.add(Term { is_negative, magnitude: limb.into(), position });
        }
    }

    fn to_number(&self) -> Number {
        let mut limbs = self.limbs.clone();
        let is_negative = negate_if_negative(&mut limbs);
        Number::new(is_negative, &limbs, 64 * self.lowest as i32)
    }
}

#[cfg(test)]
mod tests {
    use super::super::laws::any_double;
    use super::*;
    use proptest::prelude::*;

    /// A double in units of 2^-1074, by its definition in IEEE 754.
    fn units(double: f64) -> BigInt {
        let bits = double.to_bits();
        let (exponent, fraction) = (bits >> 52 & 0x7ff, bits & ((1 << 52) - 1));
        let magnitude = match exponent {
            0 => BigInt::from(fraction),
            _ => BigInt::from(fraction + (1 << 52)) << (exponent - 1),
        };
        if bits >> 63 == 1 { -magnitude } else { magnitude }
    }

    fn sum<const N: usize>(terms: impl IntoIterator<Item = Term>) -> ExactSums<N> {
        let mut sums = ExactSums::default();
        sums.grow(1);
        terms.into_iter().for_each(|term| sums.add(0, term));
        sums
    }

    fn encoded<const N: usize>(sums: &ExactSums<N>) -> Vec<u8> {
        let mut out = Vec::new();
        sums.encode(0, &mut out);
        out
    }

    /// Doubles of ranges from narrow, which stay in a window, to all there are.
    fn doubles() -> impl Strategy<Value = Vec<f64>> {
        let of_range = |octaves: i32| {
            let double = (-1.0..1.0f64, -octaves..octaves.max(1))
                .prop_map(|(fraction, exponent)| fraction * 2f64.powi(exponent) + 0.0);
            prop::collection::vec(double, 0..200)
        };
        prop_oneof![
            of_range(0),
            of_range(8),
            of_range(24),
            of_range(40),
            of_range(200),
            prop::collection::vec(any_double(), 0..60),
        ]
    }

    proptest! {
        #[test]
        fn sums_and_sums_of_squares_are_exact(doubles in doubles()) {
            let total: BigInt = doubles.iter().map(|&v| units(v)).sum();
            let squares: BigInt = doubles.iter().map(|&v| units(v) * units(v)).sum();
            let sums = sum::<2>(doubles.iter().map(|&v| Term::value(v)));
            prop_assert_eq!(sums.get(0).map(|n| n.to_bigint()).unwrap_or_default(), total);
            let sums = sum::<4>(doubles.iter().map(|&v| Term::square(v)));
            prop_assert_eq!(sums.get(0).map(|n| n.to_bigint()).unwrap_or_default(), squares);
        }

        #[test]
        fn bytes_do_not_show_the_way_to_a_sum(doubles in doubles(), more in doubles()) {
            // Adding and taking away leaves windows of other places and widths behind.
            let back = more.iter().chain(&doubles).copied().chain(more.iter().map(|v| -v));
            let direct = sum::<2>(doubles.iter().map(|&v| Term::value(v)));
            let detour = sum::<2>(back.map(Term::value));
            if !doubles.is_empty() {
                prop_assert_eq!(encoded(&detour), encoded(&direct));
            }
            let bytes = encoded(&direct);
            let mut input = bytes.as_slice();
            prop_assert_eq!(ExactSums::<2>::decode(&mut input), Ok(direct.get(0)));
            prop_assert!(input.is_empty());
        }
    }

    #[test]
    fn values_within_some_decades_stay_in_their_window() {
        let mut sums = ExactSums::<2>::default();
        let mut squares = ExactSums::<4>::default();
        sums.grow(1);
        squares.grow(1);
        for i in 0..2_000_000u32 {
            let value = f64::from(i.wrapping_mul(2_654_435_761) >> 8) / 1000.0;
            sums.add(0, Term::value(value));
            squares.add(0, Term::square(value));
        }
        assert!(sums.wide.is_empty() && squares.wide.is_empty());
    }

    #[test]
    fn a_window_begins_below_its_first_value_whatever_bits_that_has() {
        for value in [1.0, 1.5, 1f64.next_up()] {
            let term = Term::value(value);
            let sums = sum::<2>([term]);
            assert_eq!(base(&sums.windows[0]), u64::from(term.position) - 12, "{value}");
        }
        assert_eq!(base(&sum::<2>([Term::value(5e-324)]).windows[0]), 0);
    }

    #[test]
    fn a_sum_of_zeros_has_no_place_yet() {
        let sums = sum::<2>([0.0; 3].map(Term::value));
        assert_eq!(base(&sums.windows[0]), ZERO);
        assert_eq!(sums.get(0), Some(Number::new(false, &[], 0)));
        // Nor does a zero move a window that has one.
        let before = sum::<2>([Term::value(1.0)]).windows;
        assert_eq!(sum::<2>([1.0, 0.0].map(Term::value)).windows, before);
    }

    #[test]
    fn a_window_leaves_ten_bits_for_a_number_to_grow() {
        let ones = |bits: u32| {
            let limb = |at: u32| match bits.saturating_sub(64 * at) {
                0 => 0,
                bits => u64::MAX >> (64 - bits.min(64)),
            };
            Number::new(false, &[0, 1, 2, 3].map(limb), 100)
        };
        let is_window = |bits| ExactSums::<2>::window(&ones(bits)).is_some();
        assert_eq!([1, 64, 101, 102, 128].map(is_window), [true, true, true, false, false]);
        let is_window = |bits| ExactSums::<4>::window(&ones(bits)).is_some();
        assert_eq!([1, 128, 229, 230, 256].map(is_window), [true, true, true, false, false]);
        // It is placed as far below as that allows, and 12 bits at most.
        let start = |bits| base(&ExactSums::<2>::window(&ones(bits)).unwrap());
        assert_eq!([1, 89, 90, 101].map(start), [88, 88, 89, 100]);
    }

    /// The terms that lie as high in a window as any may, added until they fill it and beyond.
    #[test]
    fn a_sum_that_fills_its_window_and_leaves_it_stays_exact() {
        // Above them there are the sign and a bit for their sum.
        assert_eq!(ExactSums::<2>::MAX_SHIFT, 128 - (16 + 53 + 2));
        assert_eq!(ExactSums::<4>::MAX_SHIFT, 256 - (16 + 106 + 2));
        let high = f64::from_bits((1023 + 45) << 52 | ((1 << 52) - 1));
        for sign in [1.0, -1.0] {
            let mut sums = sum::<2>([Term::value(sign)]);
            assert_eq!(Term::value(high).position - base(&sums.windows[0]) as u32, 57);
            let mut expected = units(sign);
            for count in 1..2000 {
                sums.add(0, Term::value(sign * high));
                expected += units(sign * high);
                assert_eq!(sums.get(0).unwrap().to_bigint(), expected, "{count} of {sign}");
            }
        }
    }

    #[test]
    fn only_a_sum_that_leaves_the_window_is_refused_there() {
        let term = |is_negative| Term { is_negative, magnitude: (1 << 53) - 1, position: 0 };
        for is_negative in [false, true] {
            let mut window = marked::<2>(7);
            let filled = (0..9).take_while(|_| match add_shifted(&window, term(is_negative), 57) {
                Some(sum) => {
                    window = sum;
                    true
                }
                None => false,
            });
            // 2^111 / 2^110: the sum of two is one unit short of the sign, that of three is not.
            assert_eq!(filled.count(), 2);
            // Towards zero there is room: terms of the other sign, down to the other end.
            for _ in 0..4 {
                window = add_shifted(&window, term(!is_negative), 57).expect("it has room");
            }
            assert_eq!(add_shifted(&window, term(!is_negative), 57), None);
        }
    }

    #[test]
    fn a_group_that_has_gone_wide_stays_where_it_is() {
        let mut sums = sum::<2>([1e300, 1e-300].map(Term::value));
        let number = sum::<2>([Term::value(1e-100)]).get(0).unwrap();
        for _ in 0..10 {
            sums.add(0, Term::value(1e200));
            sums.merge(0, &number);
        }
        assert_eq!((base(&sums.windows[0]), sums.wide.len()), (WIDE, 1));
        let expected = units(1e300) + units(1e-300) + (units(1e200) + units(1e-100)) * 10;
        assert_eq!(sums.get(0).unwrap().to_bigint(), expected);
    }

    #[test]
    fn a_number_is_added_wherever_it_lies() {
        for position in 0..300 {
            let number = Number { is_negative: false, limbs: vec![1], position };
            let mut sums = sum::<2>([Term::value(5e-324)]);
            let mut squares = sum::<4>([Term { is_negative: false, magnitude: 1, position: 0 }]);
            sums.merge(0, &number);
            squares.merge(0, &number);
            let expected = (BigInt::from(1) << position) + 1;
            assert_eq!(sums.get(0).unwrap().to_bigint(), expected, "at {position}");
            assert_eq!(squares.get(0).unwrap().to_bigint(), expected, "at {position}");
        }
    }

    #[test]
    fn bytes_that_no_sum_has_are_refused() {
        let decode = |header: u64, length: u64, bytes: &[u8]| {
            let mut state = Vec::new();
            push_varint(&mut state, header);
            push_varint(&mut state, length);
            state.extend_from_slice(bytes);
            ExactSums::<2>::decode(&mut state.as_slice())
        };
        // 2 + 2 · position: one byte at the highest position there is, and one beyond it.
        let highest = decode(2 + 2 * 2232, 1, &[1]).unwrap().unwrap();
        assert_eq!(highest, Number { is_negative: false, limbs: vec![1], position: 2232 });
        assert!(decode(2 + 2 * 2233, 1, &[1]).is_err());
        // All positions at once, and a byte more.
        let mut all = vec![0xff; 280];
        assert_eq!(decode(3, 280, &all).unwrap().unwrap().limbs, [u64::MAX; 35]);
        all.push(1);
        assert!(decode(3, 281, &all).is_err());
        for (header, length) in [(u64::MAX, 1), (2, u64::MAX), (u64::MAX, u64::MAX / 8)] {
            assert!(decode(header, length, &[1; 9]).is_err(), "{header}, {length}");
        }
        // Zeros at either end, and no bytes at all.
        assert_eq!(decode(2, 2, &[1, 1]).unwrap().unwrap().limbs, [257]);
        for bytes in [&[2][..], &[2, 1], &[1, 0], &[0], &[]] {
            assert!(decode(2, bytes.len() as u64, bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn a_sum_that_outgrows_its_window_stays_exact() {
        let mut sums = sum::<2>([Term::value(5e-324)]);
        (0..3000).for_each(|_| sums.add(0, Term::value(f64::MAX)));
        let expected = units(f64::MAX) * 3000 + 1;
        assert_eq!(sums.get(0).unwrap().to_bigint(), expected);
    }
}
