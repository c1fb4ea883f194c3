//! rowmill: MySQL's binlog, decoded into Arrow batches, milled by WebAssembly plugins, written to Kafka.
//!
//! The rooms stand in the order in which data flows through them. `docs/ARCHITECTURE.md` says what each may use.

pub mod allocator;
pub mod failpoint;
pub mod config;
pub mod position;
pub mod fault;
pub mod source;
pub mod batch;
pub mod plugin;
pub mod sink;
pub mod checkpoint;
pub mod metrics;
pub mod pipeline;
pub mod control;
