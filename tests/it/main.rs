//! One binary for the tests that stand outside the library.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]
// A test looks for one kind of many, fails by panic, and exports nothing.
#![allow(clippy::wildcard_enum_match_arm, clippy::unwrap_used, unreachable_pub)]

#[allow(dead_code)]
mod agent;
mod blocks;
mod both_sides;
#[allow(dead_code)]
mod centre;
mod certificates;
mod conduct;
mod config;
mod demo;
mod events_doc;
mod flood;
mod fuzz;
mod hand_over;
mod ipv6;
mod kill;
mod line;
mod log;
mod names;
mod owed;
mod packaging;
#[allow(dead_code)]
mod programme;
mod prompts;
mod serving;
mod silent;
mod slow;
mod soak;
mod stopped;
mod subscriber;
mod tcp;
mod tidy;
mod tls;
mod torture;
mod torture_live;
#[allow(dead_code)]
mod town;
mod trace;
mod watch;
mod websocket;
mod written;
