//! The body of a TABLE_MAP event.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rowmill_fuzz::batch::check_table(data));
