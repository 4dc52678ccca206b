//! Feeds `hotline_gateway::fuzz::refer`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hotline_gateway::fuzz::refer(bytes));
