//! A binary JSON document and differences of it.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rowmill_fuzz::batch::check_partial_json(data));
