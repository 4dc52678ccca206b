//! One binary for the tests that stand outside the library.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod config;
mod tcp;
mod tidy;
mod torture;
