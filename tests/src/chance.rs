//! Random numbers that a printed seed repeats.

/// The seed of this run: `ROWMILL_TEST_SEED`, else `usual`, else from the clock. Printed, so that a failing test shows it.
///
/// # Panics
/// Where the variable is no number.
pub fn seed(usual: Option<u64>) -> u64 {
    let of_clock = || {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        u64::from(now.unwrap().subsec_nanos()) + 1
    };
    let seed = match std::env::var("ROWMILL_TEST_SEED") {
        Ok(text) => text.parse().expect("ROWMILL_TEST_SEED is a number"),
        Err(_) => usual.unwrap_or_else(of_clock),
    };
    println!("random choices: ROWMILL_TEST_SEED={seed} repeats them");
    seed
}

/// A xorshift generator.
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// From the seed of this run.
    pub fn new() -> Self {
        Self::of(seed(None))
    }

    /// From a seed that the caller prints.
    pub fn of(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Another generator, for work that runs beside.
    pub fn fork(&mut self) -> Self {
        Self(self.below(1 << 52) << 1 | 1)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }

    /// A number from `low` to `high`.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// An index below a length.
    pub fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(u64::try_from(length).unwrap())).unwrap()
    }

    /// True in `percent` of a hundred cases.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of several.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.index(of.len())]
    }
}

impl Default for Chance {
    fn default() -> Self {
        Self::new()
    }
}
