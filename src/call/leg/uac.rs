//! Our INVITE: where it goes, and what was offered.

use super::early::EarlyDialogs;
use crate::sdp::Offered;
use crate::sip::{ContactPath, Flow, Inside, Outgoing};
use crate::time::Mono;
use serde::{Deserialize, Serialize};

/// Where a phone is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Target {
    /// Request-URI of the INVITE.
    pub uri: String,
    /// The path to it.
    pub flow: Flow,
    /// The route set of requests to it, as it stands in Route headers (RFC 3327).
    pub routes: Vec<Box<str>>,
    /// Whether it may be asked if it is there.
    pub probing: Probing,
    /// How it is reached inside a dialog.
    pub inside: Inside,
}

/// Whether a phone may be asked if it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Probing {
    /// A phone of ours: it answers OPTIONS.
    ByOptions,
    /// The peer of a trunk: asked inside its dialog alone, and where its silence lasts.
    InDialog,
    /// A phone that may answer no probe.
    Off,
}

impl Target {
    /// The path to it, as its liveness is counted.
    pub fn contact_path(&self) -> ContactPath {
        let behind = (!self.routes.is_empty()).then(|| self.uri.as_str().into());
        ContactPath { flow: self.flow, behind }
    }
}

/// Our INVITE, prepared or out.
#[derive(Debug)]
pub(super) struct Uac {
    pub(super) target: Target,
    pub(super) sent: Option<Box<Sent>>,
    /// The dialogs it may become.
    pub(super) early: EarlyDialogs,
}

/// An INVITE that is out.
#[derive(Debug)]
pub(super) struct Sent {
    /// The INVITE, to build the dialog from.
    pub(super) invite: Outgoing,
    pub(super) offered: Offered,
    /// The first 18x came then.
    pub(super) rang: Option<Mono>,
    /// When no response at all will mean that it goes nowhere.
    pub(super) no_response: Option<Mono>,
}

impl Uac {
    pub(super) fn new(target: Target) -> Uac {
        Uac { target, sent: None, early: EarlyDialogs::default() }
    }

    pub(super) fn is_sent(&self) -> bool {
        self.sent.is_some()
    }

    pub(super) fn rang(&self) -> Option<Mono> {
        self.sent.as_ref().and_then(|sent| sent.rang)
    }

    /// The same INVITE with the next CSeq number: nothing of the first counts any more.
    pub(super) fn renumber(&mut self) -> Option<u32> {
        let sent = self.sent.as_mut()?;
        let next = sent.invite.cseq() + 1;
        sent.invite = sent.invite.clone().set("CSeq", format!("{next} INVITE"));
        self.early.clear();
        Some(next)
    }
}
