//! Chance for the generator: small, fast, and the same for the same seed. Not for secrets.

/// SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014).
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Random(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in `0..bound`, but for a bias of `bound / 2^64`.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// Uniform in `0.0..1.0`.
    pub(super) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Exponentially distributed with the given mean.
    pub(super) fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }
}

/// Draws rank `k` (from 0) with a probability proportional to `1 / (k + 1)^s`.
pub(super) struct Zipf {
    /// The running sums of the weights.
    sums: Vec<f64>,
}

impl Zipf {
    /// Ranks `0..ranks`; `s` says how steep.
    pub(super) fn new(ranks: usize, s: f64) -> Self {
        let running = |sum: &mut f64, k: usize| {
            *sum += (k as f64).powf(-s);
            Some(*sum)
        };
        Zipf { sums: (1..=ranks).scan(0.0, running).collect() }
    }

    pub(super) fn draw(&self, random: &mut Random) -> usize {
        let total = self.sums.last().expect("at least one rank");
        let at = random.unit() * total;
        self.sums.partition_point(|sum| *sum <= at)
    }
}
