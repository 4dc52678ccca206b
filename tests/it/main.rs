//! One binary for the tests that stand outside the library.

mod config;
mod torture;
