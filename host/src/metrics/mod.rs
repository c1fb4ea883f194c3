//! Names, units, labels and help of every metric, and the text in which they are told. Knows nothing of what is measured.
//! `docs/metrics.md` describes each of them.

mod families;
mod lag;
mod memory;
mod meter;
mod text;

pub use meter::{Copies, Level, Meter, RESULTS};
pub use text::Format;

use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::registry::Registry;

use self::families::Families;

/// All metrics of the process. Clones share them.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    families: Families,
    meters: Mutex<Vec<Meter>>,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::default();
        let families = Families::register(&mut registry);
        Self(Arc::new(Inner {
            registry,
            families,
            meters: Mutex::default(),
        }))
    }
}

impl Metrics {
    /// None measured yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// What measures a connector of this name; tables, and topics, beyond the first `most_names` are counted together.
    pub fn meter(&self, connector: &str, most_names: usize) -> Meter {
        let meter = Meter::new(&self.0.families, connector, most_names);
        self.0.meters.lock().unwrap_or_else(PoisonError::into_inner).push(meter.clone());
        meter
    }

    /// All metrics as they are now.
    pub fn text(&self, format: Format) -> String {
        for meter in self.0.meters.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            meter.refresh();
        }
        self.0.families.of_process();
        text::encode(&self.0.registry, format)
    }
}

#[cfg(test)]
mod tests;
