//! Random numbers that a printed seed repeats.

/// A xorshift generator.
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// From `ROWMILL_TEST_SEED`, else from the clock. Prints the seed, which a failing test shows.
    pub fn new() -> Self {
        let seed = match std::env::var("ROWMILL_TEST_SEED") {
            Ok(text) => text.parse().expect("ROWMILL_TEST_SEED is a number"),
            Err(_) => {
                u64::from(
                    std::time::SystemTime::now()
                        .duration_since(std::time::UNIX_EPOCH)
                        .unwrap()
                        .subsec_nanos(),
                ) + 1
            }
        };
        println!("random choices: ROWMILL_TEST_SEED={seed} repeats them");
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
}

impl Default for Chance {
    fn default() -> Self {
        Self::new()
    }
}
