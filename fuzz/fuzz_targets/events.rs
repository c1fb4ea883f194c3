//! A binlog file without its magic and without checksums, through interpreter and batcher.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rowmill_fuzz::batch::check_events(data));
