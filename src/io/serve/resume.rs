//! Whether the calls of the process before go on, from its last sign of life.

use super::super::life::{self, Calls, Keeper, Place, Said, Sign, Streams, Verdict};
use super::super::rtp::Commander;
use super::super::store::Recovered;
use crate::config::Config;
use crate::gateway::{Alarm, Recovery};
use crate::id::CallId;
use crate::snapshot::Snapshot;

/// What a start makes of the last sign of life.
pub(super) struct Resume {
    pub recovery: Recovery,
    /// What needs a person.
    pub alarm: Option<Alarm>,
    /// Leaves signs of this process from now on.
    pub life: Option<Keeper>,
}

/// Judges the last sign, and leaves the first of this process: that stands before anything is resumed.
pub(super) fn resume(config: &Config, recovered: &Recovered, media: &Commander) -> Resume {
    let (store, place) = (config.store.path.clone(), Place::here());
    let last = Sign::last(&store);
    let calls: Vec<CallId> = recovered.snapshots.iter().filter_map(call_of).collect();
    let here = Sign::now(&place, &life::Stage::Settled, &Streams::default());
    let Verdict { calls: verdict, stage } = life::judge(last.as_ref(), &here, config.recovery.window, &calls);
    let streams = match &verdict {
        Calls::Resume { streams, .. } => streams.clone(),
        Calls::Close { .. } => Streams::default(),
    };
    let media = media.clone();
    let ask = Box::new(move || media.numbers().map(|numbers| numbers.encode()));
    let begun = Keeper::begin(Said { store, place, stage, streams }, ask);
    let (life, verdict) = match begun {
        Ok(life) => (Some(life), verdict),
        Err(e) => {
            tracing::error!(
                "no sign of life can be left beside the store: {e}: calls will not outlive this process"
            );
            let why = life::Why::Uncounted;
            (None, Calls::Close { last_sign_of_life: last.map(|sign| sign.wall), why })
        }
    };
    let alarm = match &verdict {
        Calls::Close { why: life::Why::Died(starts), .. } => Some(Alarm::CrashLoop { starts: *starts }),
        Calls::Close { .. } | Calls::Resume { .. } => None,
    };
    Resume { recovery: recovery(verdict, calls.len(), &here), alarm, life }
}

fn recovery(verdict: Calls, calls: usize, here: &Sign) -> Recovery {
    match verdict {
        Calls::Resume { gap, after, given_up, streams } => {
            Recovery::Resume { gap, after, given_up, numbers: streams.numbers(here) }
        }
        Calls::Close { last_sign_of_life, why } => {
            if calls > 0 {
                tracing::warn!("{calls} calls of the process before are not resumed: {why}");
            }
            Recovery::Close { last_sign_of_life }
        }
    }
}

fn call_of(snapshot: &Snapshot) -> Option<CallId> {
    match snapshot {
        Snapshot::Call(call) => Some(call.call),
        Snapshot::Seat(_) => None,
    }
}
