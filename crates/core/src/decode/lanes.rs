//! Sixteen bytes at once: the three questions that decoding asks of most of a payload.
//!
//! Registers of 16 bytes are part of every x86-64 and every 64-bit ARM, so nothing is chosen at run
//! time and no instruction is used that an older machine lacks. `wide` keeps the `unsafe` of it.

use wide::u8x16;

/// How many bytes the questions about strings and keys are asked of.
pub(super) const BYTES: usize = 32;
/// How many bytes the question about numbers is asked of.
pub(super) const DIGITS: usize = 16;

/// Which of the bytes end or interrupt the plain text of a string: bit `i` is set where byte `i`
/// is a quote, a backslash or a control character.
#[inline(always)]
pub(super) fn specials(bytes: &[u8; BYTES]) -> u32 {
    let [low, high] = halves(bytes).map(|half| {
        // Flipping one bit moves the quote (0x22) right behind the control characters (below 0x20)
        // and nothing else there, so that one comparison finds both.
        let flipped = half ^ u8x16::splat(0x02);
        let quote_or_control = flipped.min(u8x16::splat(0x20)).simd_eq(flipped);
        (quote_or_control | half.simd_eq(u8x16::splat(b'\\'))).to_bitmask()
    });
    low | high << 16
}

/// Which of the bytes are decimal digits.
#[inline(always)]
pub(super) fn digits(bytes: &[u8; DIGITS]) -> u32 {
    let values = u8x16::from(*bytes) - u8x16::splat(b'0');
    values.min(u8x16::splat(9)).simd_eq(values).to_bitmask()
}

/// Up to 32 bytes to look for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Needle {
    bytes: [u8; BYTES],
    /// Ones where `bytes` counts.
    mask: [u8; BYTES],
    pub(super) length: usize,
}

impl Needle {
    /// Looks for `needle`; nowhere, if it is too long.
    pub(super) fn new(needle: &[u8]) -> Self {
        let length = needle.len();
        // 0xff is in no UTF-8.
        let (mut bytes, mut mask) = ([0xff; BYTES], [0xff; BYTES]);
        if length <= BYTES {
            bytes[..length].copy_from_slice(needle);
            bytes[length..].fill(0);
            mask[length..].fill(0);
        }
        Needle { bytes, mask, length }
    }

    /// Whether it stands at `pos` of `text`.
    #[inline(always)]
    pub(super) fn stands_at(&self, text: &[u8], pos: usize) -> bool {
        let Some(chunk) = text.get(pos..).and_then(|rest| rest.first_chunk()) else {
            return self.stands_by_bytes(text, pos);
        };
        // Most needles are no longer than this.
        let [bytes, _] = halves(&self.bytes);
        let [mask, _] = halves(&self.mask);
        let difference = (u8x16::from(*chunk) ^ bytes) & mask;
        difference.simd_eq(u8x16::splat(0)).to_bitmask() == 0xffff
            && (self.length <= 16 || self.stands_by_bytes(text, pos))
    }

    #[inline(never)]
    fn stands_by_bytes(&self, text: &[u8], pos: usize) -> bool {
        let (rest, needle) = (text.get(pos..), self.bytes.get(..self.length));
        rest.zip(needle).is_some_and(|(rest, needle)| rest.starts_with(needle))
    }
}

#[inline(always)]
fn halves(bytes: &[u8; BYTES]) -> [u8x16; 2] {
    let (halves, _) = bytes.as_chunks::<16>();
    [u8x16::from(halves[0]), u8x16::from(halves[1])]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_told_apart_in_every_place() {
        for byte in 0..=u8::MAX {
            let is_special = byte < 0x20 || byte == b'"' || byte == b'\\';
            for place in 0..BYTES {
                let mut bytes = [b'x'; BYTES];
                bytes[place] = byte;
                assert_eq!(specials(&bytes), u32::from(is_special) << place, "{byte}");
            }
            for place in 0..DIGITS {
                let mut bytes = [b'x'; DIGITS];
                bytes[place] = byte;
                assert_eq!(digits(&bytes), u32::from(byte.is_ascii_digit()) << place, "{byte}");
            }
        }
        assert_eq!(specials(&[b'"'; BYTES]), u32::MAX);
        assert_eq!(digits(&[b'7'; DIGITS]), 0xffff);
    }

    #[test]
    fn a_needle_stands_where_its_bytes_do_and_nowhere_else() {
        let text: Vec<u8> = (0..200).map(|i| b' ' + i % 90).collect();
        for length in 0..BYTES + 2 {
            for start in 0..90 {
                let needle = &text[start..start + length];
                let looked_for = Needle::new(needle);
                for pos in 0..=text.len() + 1 {
                    let stands = text.get(pos..).is_some_and(|rest| rest.starts_with(needle));
                    let expected = stands && length <= BYTES;
                    assert_eq!(looked_for.stands_at(&text, pos), expected, "{length} at {pos}");
                }
                for end in start..start + length {
                    assert!(!looked_for.stands_at(&text[..end], start));
                }
            }
        }
    }
}
