//! Compressed transactions, and MariaDB's compressed parts of events.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rowmill_fuzz::source::check_compressed(data));
