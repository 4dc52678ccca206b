//! Feeds `hotline_gateway::io::stream::fuzz`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hotline_gateway::io::stream::fuzz(bytes));
