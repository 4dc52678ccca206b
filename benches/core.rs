//! Benches of the pure core: one group a file under `groups/`. Run with `cargo bench --bench core [group]`.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]
// A test looks for one kind of many, fails by panic, and exports nothing.
#![allow(clippy::wildcard_enum_match_arm, clippy::unwrap_used, unreachable_pub)]

use criterion::Criterion;

mod groups {
    pub mod acd;
    pub mod build;
    pub mod parse;
    pub mod relay;
    pub mod transaction;
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    groups::parse::benches(&mut criterion);
    groups::acd::benches(&mut criterion);
    groups::build::benches(&mut criterion);
    groups::relay::benches(&mut criterion);
    groups::transaction::benches(&mut criterion);
    criterion.final_summary();
}
