//! A seeded mutator: what a fuzzer does to inputs, without its eyes. The same seed makes the same
//! inputs, so a failure in the tests can be had again.

/// Pieces that mean something somewhere.
const PIECES: [&[u8]; 44] = [
    b"\"",
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"\\udc00",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\n",
    b"\r\n",
    b"\0",
    b"\0\x01",
    b"\0\xff",
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    b"\x80",
    b"\xed\xa0\x80",
    b"\xf0\x9f\x98\x80",
    b"null",
    b"true",
    b"-",
    b"0",
    b"9",
    b".5",
    b"e400",
    b"e-400",
    b"9223372036854775808",
    b"1e99999999999999999999",
    b"\"t\":0,",
    b"(",
    b")",
    b"'",
    b"--",
    b"/*",
    b" AND ",
    b" NULL ",
    b"CASE WHEN ",
    b" GROUP BY 1",
    b"::DECIMAL(38,38)",
    b"=",
    b"0001-01-01",
    b"24:00",
];

/// Bytes with one thing after the other done to them.
pub struct Mutator {
    state: u64,
}

impl Mutator {
    /// A mutator of its own sequence.
    pub fn new(seed: u64) -> Self {
        Mutator { state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1 }
    }

    /// A number below `bound`; 0 for a bound of 0.
    pub fn below(&mut self, bound: usize) -> usize {
        // xorshift64*
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        let number = self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        if bound == 0 { 0 } else { number as usize % bound }
    }

    /// One of the seeds, changed in one to six ways.
    pub fn mutate(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = seeds[self.below(seeds.len())].clone();
        for _ in 0..=self.below(6) {
            let at = self.below(bytes.len() + 1);
            let end = (at + self.below(1 + bytes.len() / 4)).min(bytes.len());
            match self.below(8) {
                0 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
                1 if at < bytes.len() => bytes[at] = self.below(256) as u8,
                2 => drop(bytes.drain(at..end)),
                3 => {
                    let again = bytes[at..end].to_vec();
                    self.insert(&mut bytes, &again);
                }
                4 => {
                    let other = &seeds[self.below(seeds.len())];
                    let from = self.below(other.len() + 1);
                    let to = from + self.below(other.len() - from + 1);
                    bytes.splice(at..end, other[from..to].iter().copied());
                }
                5 => bytes.truncate(at),
                // The first bytes of most targets pick what the others are.
                6 if !bytes.is_empty() => {
                    let head = self.below(bytes.len().min(3));
                    bytes[head] = self.below(24) as u8;
                }
                _ => {
                    let piece = PIECES[self.below(PIECES.len())];
                    self.insert(&mut bytes, piece);
                }
            }
        }
        bytes
    }

    fn insert(&mut self, bytes: &mut Vec<u8>, piece: &[u8]) {
        let at = self.below(bytes.len() + 1);
        bytes.splice(at..at, piece.iter().copied());
    }
}
