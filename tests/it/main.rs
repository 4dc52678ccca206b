//! One binary for the tests that stand outside the library.

mod torture;
