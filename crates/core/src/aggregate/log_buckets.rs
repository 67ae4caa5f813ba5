//! Logarithmic buckets of doubles, 64 to the octave.
//!
//! Bucket `i` of the positive numbers covers `(2^(i/64), 2^((i+1)/64)]`, so each is 1.09 % wide and
//! its [`middle`] is within 0.542 % of every number in it. That is the layout of OpenTelemetry's
//! exponential histogram of scale 6 and of Prometheus' native histograms of schema 6. Negative
//! numbers have the same buckets mirrored. What lies within 2^-64 of zero is zero, and what lies
//! beyond 2^64 counts as the last bucket.
//!
//! ```text
//! key    0 … 8191                    8192    8193 … 16384
//!        -2^64 … -2^-64 (exclusive)  zero    2^-64 (exclusive) … 2^64
//! ```
//!
//! Bounds are irrational but for whole octaves, and logarithms of the standard library differ
//! between platforms; so the bucket of a number is found by comparing its fraction with integer
//! bounds, which is exact, the same everywhere, and faster.

/// Where a number lies; keys are ordered as the numbers are.
pub(super) type Key = u16;

/// The key of zero.
pub(super) const ZERO: Key = 8192;
/// One more than the greatest key.
pub(super) const KEYS: Key = 2 * ZERO + 1;

const PER_OCTAVE: u32 = 64;
const FRACTION_BITS: u32 = 52;
const FRACTION: u64 = (1 << FRACTION_BITS) - 1;
/// The exponent field of a double below 2^-64, the least number that has a bucket.
const LEAST_EXPONENT: u64 = 1023 - 64;
const LEAST: u64 = LEAST_EXPONENT << FRACTION_BITS;
const GREATEST: u64 = (1023 + 64) << FRACTION_BITS;

/// `2^(k/64) - 1` in units of 2^-52, rounded down: the fraction of the double below bound `k`.
const BOUNDS: [u64; PER_OCTAVE as usize] = [
    0x0_0000_0000_0000,
    0x0_2c9a_3e77_8060,
    0x0_59b0_d315_8574,
    0x0_8745_1875_9bc8,
    0x0_b558_6cf9_890f,
    0x0_e3ec_32d3_d1a2,
    0x1_1301_d012_5b50,
    0x1_429a_aea9_2ddf,
    0x1_72b8_3c7d_517a,
    0x1_a35b_eb6f_cb75,
    0x1_d487_3168_b9aa,
    0x2_063b_8862_8cd6,
    0x2_387a_6e75_6238,
    0x2_6b45_65e2_7cdd,
    0x2_9e9d_f51f_dee1,
    0x2_d285_a6e4_030b,
    0x3_06fe_0a31_b715,
    0x3_3c08_b264_16ff,
    0x3_71a7_373a_a9ca,
    0x3_a7db_34e5_9ff6,
    0x3_dea6_4c12_3422,
    0x4_160a_21f7_2e29,
    0x4_4e08_6061_892d,
    0x4_86a2_b5c1_3cd0,
    0x4_bfda_d536_2a27,
    0x4_f9b2_769d_2ca6,
    0x5_342b_569d_4f81,
    0x5_6f47_36b5_27da,
    0x5_ab07_dd48_5429,
    0x5_e76f_15ad_2148,
    0x6_247e_b03a_5584,
    0x6_6238_8255_2224,
    0x6_a09e_667f_3bcc,
    0x6_dfb2_3c65_1a2e,
    0x7_1f75_e8ec_5f73,
    0x7_5feb_5642_67c8,
    0x7_a114_73eb_0186,
    0x7_e2f3_36cf_4e62,
    0x8_2589_994c_ce12,
    0x8_68d9_9b44_92ec,
    0x8_ace5_422a_a0db,
    0x8_f1ae_9915_7736,
    0x9_3737_b0cd_c5e4,
    0x9_7d82_9fde_4e4f,
    0x9_c491_82a3_f090,
    0xa_0c66_7b5d_e564,
    0xa_5503_b23e_255c,
    0xa_9e6b_5579_fdbf,
    0xa_e89f_995a_d3ad,
    0xb_33a2_b84f_15fa,
    0xb_7f76_f2fb_5e46,
    0xb_cc1e_904b_c1d2,
    0xc_199b_dd85_529c,
    0xc_67f1_2e57_d14b,
    0xc_b720_dcef_9069,
    0xd_072d_4a07_897b,
    0xd_5818_dcfb_a487,
    0xd_a9e6_03db_3285,
    0xd_fc97_337b_9b5e,
    0xe_502e_e78b_3ff6,
    0xe_a4af_a2a4_90d9,
    0xe_fa1b_ee61_5a27,
    0xf_5076_5b6e_4540,
    0xf_a7c1_819e_90d8,
];

/// Fractions are cut into this many slots, few enough to stay in cache and so many that no slot
/// holds two bounds.
const SLOT_BITS: u32 = 7;
/// Per slot: how many bounds lie below it (upper 8 bits), and the bound within it, or one that no
/// fraction exceeds.
const SLOTS: [u64; 1 << SLOT_BITS] = slots();

const fn slots() -> [u64; 1 << SLOT_BITS] {
    let mut slots = [0; 1 << SLOT_BITS];
    let mut slot = 0;
    let mut below = 0;
    while slot < slots.len() {
        let end = (slot as u64 + 1) << (FRACTION_BITS - SLOT_BITS);
        let is_within = below < BOUNDS.len() && BOUNDS[below] < end;
        let bound = if is_within { BOUNDS[below] } else { FRACTION };
        slots[slot] = (below as u64) << 56 | bound;
        below += is_within as usize;
        slot += 1;
    }
    slots
}

/// The key of a finite number.
#[inline]
pub(super) fn key(number: f64) -> Key {
    let bits = number.to_bits();
    let magnitude = bits & !(1 << 63);
    if magnitude <= LEAST {
        return ZERO;
    }
    let magnitude = magnitude.min(GREATEST);
    let fraction = magnitude & FRACTION;
    let slot = SLOTS[(fraction >> (FRACTION_BITS - SLOT_BITS)) as usize];
    let bounds_below = (slot >> 56) + u64::from(fraction > slot & (u64::MAX >> 8));
    let octave = (magnitude >> FRACTION_BITS) - LEAST_EXPONENT;
    let distance = (octave * u64::from(PER_OCTAVE) + bounds_below) as Key;
    if bits >> 63 == 0 { ZERO + distance } else { ZERO - distance }
}

/// Per bucket of an octave, the number that is relatively as far from one bound as from the other:
/// `2ab / (a + b)`.
const MIDDLES: [f64; PER_OCTAVE as usize] = middles();

const fn middles() -> [f64; PER_OCTAVE as usize] {
    let unit = (1u64 << FRACTION_BITS) as f64;
    let mut middles = [0.0; PER_OCTAVE as usize];
    let mut i = 0;
    while i < middles.len() {
        let lower = 1.0 + BOUNDS[i] as f64 / unit;
        let upper = if i + 1 < BOUNDS.len() { 1.0 + BOUNDS[i + 1] as f64 / unit } else { 2.0 };
        middles[i] = 2.0 * lower * upper / (lower + upper);
        i += 1;
    }
    middles
}

/// The number that stands for all numbers with a key.
pub(super) fn middle(key: Key) -> f64 {
    let Some(bucket) = u32::from(key.abs_diff(ZERO)).checked_sub(1) else { return 0.0 };
    let octave = u64::from(bucket / PER_OCTAVE) + LEAST_EXPONENT;
    let magnitude =
        MIDDLES[(bucket % PER_OCTAVE) as usize] * f64::from_bits(octave << FRACTION_BITS);
    if key > ZERO { magnitude } else { -magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;
    use num_bigint::BigUint;
    use proptest::prelude::*;

    /// Whether `number <= 2^(i/64)`, decided in integers: `number^64 <= 2^i`.
    fn is_at_most(number: f64, i: i32) -> bool {
        let bits = number.to_bits();
        let significand = BigUint::from(bits & FRACTION | 1 << FRACTION_BITS);
        let exponent = (bits >> FRACTION_BITS) as i32 - 1023 - 52;
        let shift = 64 * exponent - i;
        match u32::try_from(shift) {
            Ok(shift) => significand.pow(64) << shift <= BigUint::from(1u32),
            Err(_) => significand.pow(64) <= BigUint::from(1u32) << shift.unsigned_abs(),
        }
    }

    /// Checks the bucket of a number between 2^-64 and 2^64 against its definition.
    fn check(number: f64) {
        let i = i32::from(key(number)) - i32::from(ZERO) - 1 - 64 * 64;
        assert!(!is_at_most(number, i), "{number:e} is below bucket {i}");
        assert!(is_at_most(number, i + 1), "{number:e} is above bucket {i}");
        assert_eq!(key(-number), 2 * ZERO - key(number));
    }

    #[test]
    fn bounds_are_powers_of_two_rounded_down() {
        for (k, bound) in BOUNDS.into_iter().enumerate() {
            let power = (BigUint::from(1u32) << (64 * 52 + k)).nth_root(64);
            assert_eq!(BigUint::from(bound + (1 << 52)), power, "bound {k}");
        }
    }

    #[test]
    fn a_slot_holds_at_most_one_bound() {
        let slots = BOUNDS.map(|bound| bound >> (FRACTION_BITS - SLOT_BITS));
        assert!(slots.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn numbers_beside_a_bound_fall_on_their_side_of_it() {
        for octave in [-64, -1, 0, 13, 63] {
            for bound in BOUNDS {
                let below = 2f64.powi(octave) * (1.0 + bound as f64 / (1u64 << 52) as f64);
                check(below.next_up());
                if below > 2f64.powi(-64) {
                    check(below);
                    check(below.next_down().max(2f64.powi(-64).next_up()));
                }
            }
        }
        check(2f64.powi(64));
    }

    #[test]
    fn what_is_out_of_range_is_zero_or_in_the_last_bucket() {
        for tiny in [0.0, 5e-324, 1e-300, 2f64.powi(-64)] {
            assert_eq!([key(tiny), key(-tiny)], [ZERO; 2]);
        }
        for huge in [2f64.powi(64), 2f64.powi(64).next_up(), 1e300, f64::MAX] {
            assert_eq!([key(huge), key(-huge)], [KEYS - 1, 0]);
        }
        assert_eq!(key(2f64.powi(-64).next_up()), ZERO + 1);
        assert_eq!(middle(ZERO), 0.0);
    }

    proptest! {
        #[test]
        fn every_number_is_in_its_bucket_and_close_to_its_middle(
            exponent in -64..64i32,
            fraction in 1.0..2.0f64,
        ) {
            let number = (fraction * 2f64.powi(exponent)).max(2f64.powi(-64).next_up());
            check(number);
            let growth = 2f64.powf(1.0 / 64.0);
            let error = (growth - 1.0) / (growth + 1.0) + 1e-15;
            for number in [number, -number] {
                prop_assert!((middle(key(number)) / number - 1.0).abs() <= error);
            }
        }

        #[test]
        fn keys_are_ordered_as_numbers(a in -1e30..1e30f64, b in -1e30..1e30f64, shift in -90..0) {
            let scale = 2f64.powi(shift);
            for (a, b) in [(a, b), (a * scale, b * scale), (a, b * scale)] {
                prop_assert!(key(a.min(b)) <= key(a.max(b)));
            }
        }
    }
}
