//! MurmurHash3 x64 128 with seed 9001: the hash of Apache DataSketches, so that sketches over the
//! same values merge whoever made them.
//!
//! The algorithm is Austin Appleby's, who placed it in the public domain. Unlike a streaming
//! `Hasher`, this one sees the whole value and reads it in words.

const SEED: u64 = 9001;
const C1: u64 = 0x87c3_7b91_1142_53d5;
const C2: u64 = 0x4cf5_ad43_2745_937f;

/// The hash of a byte string.
#[inline]
pub(super) fn hash(bytes: &[u8]) -> (u64, u64) {
    let (mut h1, mut h2) = (SEED, SEED);
    let (blocks, tail) = bytes.as_chunks::<16>();
    for block in blocks {
        h1 ^= mix1(word(&block[..8]));
        h1 = h1.rotate_left(27).wrapping_add(h2).wrapping_mul(5).wrapping_add(0x52dc_e729);
        h2 ^= mix2(word(&block[8..]));
        h2 = h2.rotate_left(31).wrapping_add(h1).wrapping_mul(5).wrapping_add(0x3849_5ab5);
    }
    match tail.split_first_chunk::<8>() {
        Some((first, rest)) => {
            h1 ^= mix1(u64::from_le_bytes(*first));
            h2 ^= mix2(word(rest));
        }
        None => h1 ^= mix1(word(tail)),
    }
    finish(h1, h2, bytes.len())
}

/// The hash of an integer's 8 bytes, least first.
#[inline]
pub(super) fn hash_integer(value: i64) -> (u64, u64) {
    finish(SEED ^ mix1(value as u64), SEED, 8)
}

#[inline]
fn finish(h1: u64, h2: u64, length: usize) -> (u64, u64) {
    let (mut h1, mut h2) = (h1 ^ length as u64, h2 ^ length as u64);
    h1 = h1.wrapping_add(h2);
    h2 = h2.wrapping_add(h1);
    h1 = avalanche(h1);
    h2 = avalanche(h2);
    h1 = h1.wrapping_add(h2);
    (h1, h2.wrapping_add(h1))
}

#[inline]
fn mix1(word: u64) -> u64 {
    word.wrapping_mul(C1).rotate_left(31).wrapping_mul(C2)
}

#[inline]
fn mix2(word: u64) -> u64 {
    word.wrapping_mul(C2).rotate_left(33).wrapping_mul(C1)
}

#[inline]
fn avalanche(mut word: u64) -> u64 {
    word ^= word >> 33;
    word = word.wrapping_mul(0xff51_afd7_ed55_8ccd);
    word ^= word >> 33;
    word = word.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    word ^ (word >> 33)
}

/// Up to 8 bytes as an integer, least first. Reads that overlap stand for a loop over the bytes.
#[inline]
fn word(bytes: &[u8]) -> u64 {
    let half = |bytes: &[u8]| bytes.first_chunk().map(|half| u64::from(u32::from_le_bytes(*half)));
    let length = bytes.len();
    match bytes {
        [] => 0,
        [a] => u64::from(*a),
        [a, b] => u64::from(*a) | u64::from(*b) << 8,
        [a, b, c] => u64::from(*a) | u64::from(*b) << 8 | u64::from(*c) << 16,
        _ => {
            let (low, high) = (half(bytes), half(&bytes[length - 4..]));
            low.unwrap_or(0) | high.unwrap_or(0) << (8 * (length - 4))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The reference implementation's results for seed 9001, as computed by the Python package
    /// `mmh3` 5.3: `mmh3.hash64(bytes(range(n)), 9001, signed=False)`.
    #[test]
    fn agrees_with_the_reference_implementation_at_every_length_of_tail() {
        for (length, expected) in REFERENCE.into_iter().enumerate() {
            let bytes: Vec<u8> = (0..length as u8).collect();
            assert_eq!(hash(&bytes), expected, "{length} bytes");
        }
    }

    #[test]
    fn integers_hash_as_their_8_bytes() {
        for value in [0, 1, -1, i64::MIN, 0x0123_4567_89ab_cdef] {
            assert_eq!(hash_integer(value), hash(&value.to_le_bytes()));
        }
    }

    const REFERENCE: [(u64, u64); 34] = [
        (0x1e70a32266491bb9, 0x609736b252406b94),
        (0x0803ae2667d086a8, 0x032764c23ca35ca8),
        (0xc100c47c55d11106, 0x7f879b67b4425654),
        (0x6878d1196f32298e, 0x5a1427047dbf2564),
        (0x2cdf1da084ecd78a, 0x79363b9afe01cccb),
        (0xc1be689f594688e4, 0x33a2aab96de6a169),
        (0x71209eab3b7bc92c, 0xf0702963c56acbf8),
        (0x5be7880633ae99e3, 0x02917730daf887b5),
        (0xe3a004272cc011e7, 0x5dd8ffe596dac6b1),
        (0x46d22c0d3ab3e96c, 0x722205be1ac3bff0),
        (0xe78097409a8c8062, 0xf63afd8c4c528902),
        (0x7f1049797a0141d4, 0x3e473d06c9fad552),
        (0x2af575a739aec8b2, 0x6fa58cc83c2f9916),
        (0x415b82ead514bcd1, 0xb0aa792a9820a67a),
        (0x8258c828e097458e, 0x5b210738711ce725),
        (0x403d80e258100419, 0xaa0cab09a62c6760),
        (0x1191c3da933a429e, 0xfd984b421d27b17b),
        (0xa4b0d83ee82f2b12, 0xb0d73aa77d22ae45),
        (0x7656130f2ff34a87, 0xa2146b3a80188197),
        (0x7ca98ee6c736959c, 0x769f86c2209053f6),
        (0x36502eb222216522, 0x3b1f68577b2a8ae5),
        (0xd20bb24834085b56, 0x9cb5faa30af2aa70),
        (0x7425d5f2bf1c0bf5, 0x50e7f866f2b04de4),
        (0x1c528d0934238bb9, 0x5e930287098b7ed5),
        (0x9970c20c62f17c4c, 0xd6cd145584ffef7d),
        (0x0a8a61298a7c92dd, 0x57ee0130d8226b73),
        (0xb105c6391fa64962, 0xb8e77cbc13c1862e),
        (0x99743d8f04a309a1, 0xd5a3fc28b99b218a),
        (0x05b3408add638107, 0x391da21ff6778cd7),
        (0xd71c132b694db3c1, 0x11dd32658600fb36),
        (0xf791d1bd7eba61b2, 0x4dbc6911eb47355f),
        (0xff68016bf097cb5b, 0x7b9a9608ff042bd8),
        (0x9a2e7e531416cffe, 0x0889b407aba681c3),
        (0x6fd1553495eeb7ff, 0x0db4c4ced49474e5),
    ];
}
