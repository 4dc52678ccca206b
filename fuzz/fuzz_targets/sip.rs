//! Feeds `hotline_gateway::sip::fuzz::fuzz`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hotline_gateway::sip::fuzz::fuzz(bytes));
