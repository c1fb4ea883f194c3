//! A TABLE_MAP event's body and that of a row event, into Arrow batches.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rowmill_fuzz::batch::check_row_image(data));
