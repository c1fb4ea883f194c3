//! What is counted at a place in the chain.

use std::collections::BTreeMap;

use crate::plugin::measures::Measures;

/// What is counted at a place in the chain, whichever version is at work there.
#[derive(Default)]
pub(super) struct Ledger {
    pub counters: BTreeMap<String, f64>,
    pub swapped: u64,
    pub breaks: u64,
    pub measures: Measures,
    /// Refused versions that were told of.
    pub refused_told: u64,
}

impl Ledger {
    /// Adds what a plugin counted in a call.
    pub(super) fn count(&mut self, counters: BTreeMap<String, f64>) {
        for (name, value) in counters {
            *self.measures.counts.entry(name.clone()).or_insert(0.0) += value;
            *self.counters.entry(name).or_insert(0.0) += value;
        }
    }

    /// Notes a call in which it broke.
    pub(super) fn note_break(&mut self) {
        self.breaks += 1;
        self.measures.traps += 1;
    }
}
