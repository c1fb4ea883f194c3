//! A binary JSON document.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rowmill_fuzz::batch::check_json(data));
