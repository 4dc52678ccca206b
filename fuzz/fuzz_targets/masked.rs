//! Feeds `hotline_gateway::fuzz::masked_message`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hotline_gateway::fuzz::masked_message(bytes));
