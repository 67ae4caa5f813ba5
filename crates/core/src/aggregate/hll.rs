//! HyperLogLog sketches of lgK 12 as Apache DataSketches writes them, in one canonical form.
//!
//! A value's hash becomes a *coupon*: 26 bits of address and 6 bits of rank. A sketch of up to 384
//! coupons is the set of them; beyond that, it is 4,096 registers, each the greatest rank among the
//! coupons with its address. Both depend only on the set of values, not on their order. An image
//! has one form per state, where the libraries write coupons in the order of insertion or of their
//! hash table, and an estimate (HIP) that depends on the history: here coupons rise, and registers
//! carry the flag that says there is no history, which makes every reader use the composite
//! estimate.
//!
//! ```text
//! byte       0        1        2       3     4      5      6      7           8
//! LIST       2        1        7       12    3      flags  n      mode   n coupons (0 to 7)
//! SET        3        1        7       12    lg     flags  0      mode   n (u32), n coupons (8 to 384)
//! HLL_8     10        1        7       12    0      flags  0      mode   HIP 0.0, Σ 2^-r (r < 32),
//!                                                   Σ 2^-r (r >= 32), zeros (u32), 0 (u32), registers
//!        preamble  version  family   lgK
//! ```
//!
//! Format: Apache DataSketches, `HllSketch` preamble, version 1. Coupons and numbers are
//! little-endian.

use super::CorruptState;
use super::bytes::{corrupt, take_array, take_slice};
use datasketches::hll::HllSketch;

/// Registers of a sketch.
pub(super) const REGISTERS: usize = 1 << LG_K;
/// The most coupons that are kept as such: 3/4 of the greatest table that the libraries use.
pub(super) const MAX_COUPONS: usize = 384;

const LG_K: u8 = 12;
const MAX_LIST: usize = 7;
const ADDRESS_BITS: u32 = 26;
const MAX_RANK: u8 = 63;

const VERSION: u8 = 1;
const FAMILY: u8 = 7;
const EMPTY: u8 = 4;
const COMPACT: u8 = 8;
const OUT_OF_ORDER: u8 = 16;

/// Mode bytes: the low two bits say which, the next two that registers take 8 bits each.
const LIST: u8 = 2 << 2;
const SET: u8 = 2 << 2 | 1;
const HLL_8: u8 = 2 << 2 | 2;

/// Makes a coupon of a value's hash.
#[inline]
pub(super) fn coupon((low, high): (u64, u64)) -> u32 {
    let rank = high.leading_zeros().min(u32::from(MAX_RANK) - 1) + 1;
    rank << ADDRESS_BITS | low as u32 & ((1 << ADDRESS_BITS) - 1)
}

/// Raises the register that a coupon addresses.
#[inline]
pub(super) fn raise(registers: &mut [u8; REGISTERS], coupon: u32) {
    let register = &mut registers[coupon as usize % REGISTERS];
    *register = (*register).max((coupon >> ADDRESS_BITS) as u8);
}

/// Appends the image of a set of rising coupons.
pub(super) fn push_coupons(out: &mut Vec<u8>, coupons: &[u32]) {
    if coupons.len() <= MAX_LIST {
        let flags = if coupons.is_empty() { COMPACT | EMPTY } else { COMPACT };
        out.extend([2, VERSION, FAMILY, LG_K, 3, flags, coupons.len() as u8, LIST]);
    } else {
        out.extend([3, VERSION, FAMILY, LG_K, lg_table(coupons.len()), COMPACT, 0, SET]);
        out.extend((coupons.len() as u32).to_le_bytes());
    }
    out.extend(coupons.iter().flat_map(|coupon| coupon.to_le_bytes()));
}

/// The size of the table that a library keeps this many coupons in: three quarters full at most.
fn lg_table(coupons: usize) -> u8 {
    let slots = (coupons * 4).div_ceil(3).next_power_of_two().max(32);
    slots.trailing_zeros() as u8
}

/// Appends the image of registers.
pub(super) fn push_registers(out: &mut Vec<u8>, registers: &[u8; REGISTERS]) {
    push_registers_summary(out, registers);
    out.extend(registers);
}

/// Appends what comes before the registers in their image: all that an estimate depends on.
fn push_registers_summary(out: &mut Vec<u8>, registers: &[u8; REGISTERS]) {
    // How many registers have each rank: two counts in turn, because equal neighbours would
    // otherwise wait for one another.
    let mut counts = [[0u64; 1 + MAX_RANK as usize]; 2];
    for pair in registers.as_chunks::<2>().0 {
        counts[0][usize::from(pair[0])] += 1;
        counts[1][usize::from(pair[1])] += 1;
    }
    let count = |rank: usize| counts[0][rank] + counts[1][rank];
    // Both sums of 2^-r have few enough bits to be exact, in integers as in doubles.
    let high: u64 = (0..32).map(|rank| count(rank) << (31 - rank)).sum();
    let low: u64 = (32..64).map(|rank| count(rank) << (63 - rank)).sum();
    let [high, low] = [high as f64 / (1u64 << 31) as f64, low as f64 / (1u64 << 63) as f64];
    out.extend([10, VERSION, FAMILY, LG_K, 0, OUT_OF_ORDER, 0, HLL_8]);
    [0.0, high, low].iter().for_each(|sum| out.extend(sum.to_le_bytes()));
    out.extend((count(0) as u32).to_le_bytes());
    out.extend([0; 4]);
}

/// What an image holds.
pub(super) enum Image<'a> {
    /// Rising coupons.
    Coupons(&'a [[u8; 4]]),
    /// Registers.
    Registers(&'a [u8; REGISTERS]),
}

/// Reads one image. What follows from registers (sums and zeros) is not looked at.
pub(super) fn take_image<'a>(input: &mut &'a [u8]) -> Result<Image<'a>, CorruptState> {
    let [preamble, version, family, lg_k, lg_table_byte, flags, count, mode] = take_array(input)?;
    if (version, family, lg_k) != (VERSION, FAMILY, LG_K) {
        return Err(corrupt("a sketch is no HyperLogLog of lgK 12, version 1"));
    }
    let coupons = match (preamble, lg_table_byte, flags, mode) {
        (2, 3, flags, LIST) => {
            let is_empty = flags == COMPACT | EMPTY;
            if count as usize > MAX_LIST || is_empty != (count == 0) || flags & !EMPTY != COMPACT {
                return Err(corrupt(format!("a list of coupons has flags {flags}, count {count}")));
            }
            count.into()
        }
        (3, lg, COMPACT, SET) => {
            let coupons = u32::from_le_bytes(take_array(input)?) as usize;
            if !(MAX_LIST + 1..=MAX_COUPONS).contains(&coupons)
                || (lg, count) != (lg_table(coupons), 0)
            {
                return Err(corrupt(format!("a set has {coupons} coupons in a table of 2^{lg}")));
            }
            coupons
        }
        (10, 0, OUT_OF_ORDER, HLL_8) if count == 0 => {
            return take_registers(input).map(Image::Registers);
        }
        _ => return Err(corrupt("a sketch has an unknown preamble")),
    };
    let (coupons, _) = take_slice(input, 4 * coupons)?.as_chunks();
    let values = || coupons.iter().map(|coupon| u32::from_le_bytes(*coupon));
    let is_rising = values().is_sorted_by(|a, b| a < b);
    if !is_rising || values().next().is_some_and(|least| least >> ADDRESS_BITS == 0) {
        return Err(corrupt("coupons are not in order or have no rank"));
    }
    Ok(Image::Coupons(coupons))
}

fn take_registers<'a>(input: &mut &'a [u8]) -> Result<&'a [u8; REGISTERS], CorruptState> {
    let [.., a, b, c, d] = take_array::<32>(input)?;
    let (registers, rest) =
        input.split_first_chunk().ok_or_else(|| corrupt("registers end too early"))?;
    *input = rest;
    let greatest = registers.iter().fold(0, |greatest, &register| greatest.max(register));
    if greatest > MAX_RANK || [a, b, c, d] != [0; 4] {
        return Err(corrupt(format!("a register is {greatest}: expected at most {MAX_RANK}")));
    }
    Ok(registers)
}

/// The composite estimate of the sketch with these registers.
pub(super) fn estimate(registers: &[u8; REGISTERS]) -> f64 {
    let mut image = Vec::new();
    push_registers_summary(&mut image, registers);
    // The library estimates from the summary alone, and reads registers only to keep them.
    image.extend([0; REGISTERS]);
    HllSketch::deserialize(&image).expect("our own image is well-formed").composite_estimate()
}

#[cfg(test)]
mod tests {
    use super::*;
    use datasketches::hll::HllType;

    fn taken(image: &[u8]) -> Result<(), CorruptState> {
        take_image(&mut &*image).map(|_| ())
    }

    #[test]
    fn tables_are_of_the_size_that_the_library_keeps_so_many_coupons_in() {
        let mut sketch = HllSketch::new(12, HllType::Hll8).unwrap();
        for coupons in 1..=MAX_COUPONS {
            sketch.update(coupons as u64);
            if coupons > MAX_LIST {
                assert_eq!(lg_table(coupons), sketch.serialize()[4], "{coupons} coupons");
            }
        }
    }

    #[test]
    fn a_rank_is_one_more_than_the_zeros_above_and_63_at_most() {
        let (address, all) = ((1u32 << 26) - 1, u64::MAX);
        for (high, rank) in
            [(all, 1), (1 << 63, 1), (1 << 62, 2), (1 << 2, 62), (2, 63), (1, 63), (0, 63)]
        {
            assert_eq!(coupon((all, high)), rank << 26 | address, "{high:x}");
            assert_eq!(coupon((7 << 26 | 5, high)), rank << 26 | 5, "{high:x}");
        }
    }

    #[test]
    fn registers_are_written_with_the_sums_that_the_format_has() {
        // Every rank there is, the greatest more often than chance would have it.
        let registers: [u8; REGISTERS] = std::array::from_fn(|i| (i % 97 % 64) as u8);
        let mut image = Vec::new();
        push_registers(&mut image, &registers);
        let sum = |of: &dyn Fn(u8) -> bool| {
            let terms = registers.iter().filter(|&&rank| of(rank));
            terms.map(|&rank| 0.5f64.powi(rank.into())).sum::<f64>()
        };
        let expected = [0.0, sum(&|rank| rank < 32), sum(&|rank| rank >= 32)];
        let sums: Vec<f64> = image[8..32]
            .chunks(8)
            .map(|bytes| f64::from_le_bytes(bytes.try_into().unwrap()))
            .collect();
        assert_eq!(sums, expected);
        let zeros = registers.iter().filter(|&&rank| rank == 0).count() as u32;
        assert_eq!(image[32..40], [zeros.to_le_bytes(), [0; 4]].concat());
        assert_eq!(image[40..], registers);
        let Ok(Image::Registers(read)) = take_image(&mut image.as_slice()) else {
            panic!("a rank of 63 is refused")
        };
        assert_eq!(*read, registers);
    }

    #[test]
    fn a_list_has_at_most_seven_coupons_and_a_set_at_least_eight() {
        let image = |preamble: &[u8], count: u32| {
            let coupons = (1..=count).flat_map(|rank| (rank << ADDRESS_BITS).to_le_bytes());
            taken(&preamble.iter().copied().chain(coupons).collect::<Vec<u8>>())
        };
        let list = |flags, count: u8| {
            image(&[2, VERSION, FAMILY, LG_K, 3, flags, count, LIST], count.into())
        };
        list(COMPACT, 7).unwrap();
        list(COMPACT | EMPTY, 0).unwrap();
        for (flags, count) in [
            (COMPACT, 8),
            (COMPACT, 0),
            (COMPACT | EMPTY, 1),
            (0, 1),
            (EMPTY, 0),
            (COMPACT | OUT_OF_ORDER, 1),
            (COMPACT | EMPTY | OUT_OF_ORDER, 0),
        ] {
            assert!(list(flags, count).is_err(), "flags {flags}, {count} coupons");
        }
        let set = |lg, count: u32, coupons| {
            let preamble = [3, VERSION, FAMILY, LG_K, lg, COMPACT, 0, SET];
            image(&[&preamble[..], &count.to_le_bytes()].concat(), coupons)
        };
        set(5, 8, 8).unwrap();
        for count in [0, 6, 7] {
            assert!(set(5, count, count).is_err(), "a set of {count} coupons");
        }
        assert!(set(6, 8, 8).is_err(), "a table of another size");
        assert!(set(10, 385, 0).is_err(), "a set of more coupons than are kept as such");
    }

    #[test]
    fn images_that_no_writer_writes_are_refused() {
        let mut list = Vec::new();
        push_coupons(&mut list, &[1 << ADDRESS_BITS, 2 << ADDRESS_BITS]);
        taken(&list).unwrap();
        let mut registers = Vec::new();
        push_registers(&mut registers, &[1; REGISTERS]);
        taken(&registers).unwrap();

        let changed = |image: &[u8], at: usize, byte: u8| {
            let mut image = image.to_vec();
            image[at] = byte;
            taken(&image).unwrap_err()
        };
        // Preamble, version, family, lgK, table, flags, count, mode; equal coupons; no rank.
        for (at, byte) in
            [(0, 3), (1, 2), (2, 8), (3, 11), (4, 4), (5, 12), (6, 0), (7, 4), (15, 4), (11, 0)]
        {
            changed(&list, at, byte);
        }
        for (at, byte) in [(4, 3), (5, 0), (6, 1), (36, 1), (40, 64), (4135, 255)] {
            changed(&registers, at, byte);
        }
    }
}
