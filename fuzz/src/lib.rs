//! The rooms in which bytes from outside are read, as they stand in `host/src`, and their checks: without the rooms behind
//! them, so that neither wasmtime nor librdkafka is built for every kind of fuzzing.

#![allow(dead_code, unused_imports, reason = "the rest of the program is not here")]

#[path = "../../host/src/config/mod.rs"]
pub mod config;
#[path = "../../host/src/position/mod.rs"]
pub mod position;
#[path = "../../host/src/fault/mod.rs"]
pub mod fault;
#[path = "../../host/src/source/mod.rs"]
pub mod source;
#[path = "../../host/src/batch/mod.rs"]
pub mod batch;
