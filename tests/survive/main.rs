//! What outlives the process, measured with real sockets and with a real phone: `make survive`.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]
// A test looks for one kind of many, fails by panic, and exports nothing.
#![allow(clippy::wildcard_enum_match_arm, clippy::unwrap_used, unreachable_pub)]

mod load;
mod real_phones;

#[path = "../interop/baresip.rs"]
#[allow(dead_code)]
mod baresip;
#[path = "../it/centre.rs"]
#[allow(dead_code)]
mod centre;
#[path = "../interop/place.rs"]
#[allow(dead_code)]
mod place;
#[path = "../interop/program.rs"]
#[allow(dead_code)]
mod program;
#[path = "../it/programme.rs"]
#[allow(dead_code)]
mod programme;
#[path = "../interop/tone.rs"]
#[allow(dead_code)]
mod tone;
#[path = "../it/town.rs"]
#[allow(dead_code)]
mod town;
#[path = "../interop/voice.rs"]
#[allow(dead_code)]
mod voice;

/// One scene at a time: each keeps a gateway, thirty phones and their sound going.
static STAGE: std::sync::Mutex<()> = std::sync::Mutex::new(());

fn alone() -> std::sync::MutexGuard<'static, ()> {
    STAGE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
