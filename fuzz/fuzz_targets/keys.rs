//! Feeds `hotline_gateway::fuzz::keys`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hotline_gateway::fuzz::keys(bytes));
