//! Feeds `hotline_gateway::fuzz::caller`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hotline_gateway::fuzz::caller(bytes));
