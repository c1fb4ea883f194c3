//! Compiles, checks, limits, calls and hot-swaps WASM components. wasmtime's types stop here.
//!
//! The parent decides what happens after a call ([`Chain`]); the files below know one thing each: `workshop` turns bytes
//! into something loaded, `instance` calls it, `schemas` says what is open in it, `output` and `ipc` check what comes back,
//! `patch` puts together a batch of which a transform hands over changes only, `watch` notices new files.

mod chain;
mod line;
mod link;
mod measures;
mod message;
mod route;
mod sift;
mod offers;
mod probation;
mod trial;
mod watch;
mod workshop;
mod contents;
mod cache;
mod engine;
mod instance;
mod state;
mod output;
mod patch;
mod schemas;
mod ipc;
mod wire;
mod builtin;
mod error;
mod inspect;
mod tryout;
mod sample;
mod table_rows;

pub use chain::{Chain, Deliver, Standing};
pub use error::Error;
pub use inspect::{Report, inspect, read};
pub use instance::Saved;
pub use measures::{Measured, Measures};
pub use offers::{Setback, SetbackKind};
pub use sample::Sample;
pub use sift::Rejected;
pub use tryout::{Milled, Tried, Tryout};
pub use wire::FlushReason;

#[cfg(test)]
mod tests;
