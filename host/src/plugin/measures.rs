//! What was measured of a plugin and nobody has fetched yet.

use std::collections::BTreeMap;
use std::time::Duration;

/// Calls that are kept until somebody fetches them; more are counted by nobody.
const MOST_CALLS: usize = 4096;

/// Since the last time.
#[derive(Debug, Default)]
pub struct Measures {
    /// How long each call took.
    pub calls: Vec<Duration>,
    /// Calls in which it broke.
    pub traps: u64,
    /// New versions that were put in place.
    pub swapped: u64,
    /// New versions that were refused.
    pub refused: u64,
    /// Versions that were taken back.
    pub rolled_back: u64,
    /// What it added to counters of its own.
    pub counts: BTreeMap<String, f64>,
}

/// Of one plugin.
#[derive(Debug)]
pub struct Measured<'a> {
    /// Its configured name.
    pub plugin: &'a str,
    /// What was measured.
    pub measures: Measures,
}

impl Measures {
    pub(super) fn call(&mut self, time: Duration) {
        if self.calls.len() < MOST_CALLS {
            self.calls.push(time);
        }
    }
}
