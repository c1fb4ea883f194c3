//! Texts of GTID sets, and bodies of the events that tell GTIDs.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rowmill_fuzz::source::check_gtids(data));
