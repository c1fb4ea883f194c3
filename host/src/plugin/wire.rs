//! The shapes of `wit/rowmill.wit` as the component ABI carries them.

use wasmtime::component::{ComponentType, Lift, Lower};

use super::message::Given;

/// `types.error`.
#[derive(Debug, Clone, ComponentType, Lift)]
#[component(record)]
pub(super) struct GuestError {
    pub code: String,
    pub message: String,
    pub row: Option<u32>,
    pub retryable: bool,
}

/// `types.level`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ComponentType, Lift, Lower)]
#[component(enum)]
#[repr(u8)]
#[expect(dead_code, reason = "values come from guests only")]
pub(super) enum Level {
    #[component(name = "debug")]
    Debug,
    #[component(name = "info")]
    Info,
    #[component(name = "warn")]
    Warn,
    #[component(name = "error")]
    Error,
}

/// Why plugins are asked to hand over what they hold back: `types.flush-reason`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ComponentType, Lift, Lower)]
#[component(enum)]
#[repr(u8)]
pub enum FlushReason {
    /// A commit point: everything so far is about to be written.
    #[component(name = "commit")]
    Commit,
    /// A barrier such as DDL.
    #[component(name = "barrier")]
    Barrier,
    /// The instance is about to be replaced.
    #[component(name = "swap")]
    Swap,
    /// The connector stops.
    #[component(name = "stop")]
    Stop,
}

/// `types.transactions`, lowered from the batch's own columns without a copy on this side.
#[derive(Debug, Clone, Copy, ComponentType, Lower)]
#[component(record)]
pub(super) struct Transactions<'a> {
    pub gtids: &'a str,
    #[component(name = "gtid-ends")]
    pub gtid_ends: &'a [u32],
    pub places: &'a str,
    #[component(name = "place-ends")]
    pub place_ends: &'a [u32],
    pub xids: &'a [u64],
}

impl<'a> From<&'a crate::batch::Transactions> for Transactions<'a> {
    fn from(columns: &'a crate::batch::Transactions) -> Self {
        Self {
            gtids: &columns.gtids,
            gtid_ends: &columns.gtid_ends,
            places: &columns.places,
            place_ends: &columns.place_ends,
            xids: &columns.xids,
        }
    }
}

/// `transform.reshaped`.
#[derive(Debug, ComponentType, Lift)]
#[component(record)]
pub(super) struct Reshaped {
    pub schema: Vec<u8>,
    pub batch: Given,
}

/// `transform.outcome`.
#[derive(Debug, ComponentType, Lift)]
#[component(variant)]
pub(super) enum Outcome {
    #[component(name = "unchanged")]
    Unchanged,
    #[component(name = "dropped")]
    Dropped,
    #[component(name = "changed")]
    Changed(Given),
    #[component(name = "reshaped")]
    Reshaped(Reshaped),
}
