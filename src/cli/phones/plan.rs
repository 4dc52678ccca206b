//! What phones are told to do, and what they tell.

use super::Line;
use crate::time::Duration;
use std::net::SocketAddr;

/// What a citizen does.
#[derive(Debug, Clone)]
pub struct CitizenPlan {
    /// The number they dial.
    pub dials: String,
    /// The number they call from.
    pub number: String,
    /// Where they take RTP.
    pub media: SocketAddr,
    /// When they hang up.
    pub hangs_up: HangUp,
}

/// When a citizen hangs up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HangUp {
    /// So long after the gateway answered.
    AfterAnswer(Duration),
    /// So long after dialling, answered or not.
    AfterDialling(Duration),
    /// The other side hangs up.
    Never,
}

/// What a seat's phone does with a call.
#[derive(Debug, Clone)]
pub struct SeatPlan {
    /// Where it takes RTP.
    pub media: SocketAddr,
    /// What it does when it rings.
    pub when_rung: WhenRung,
    /// How long it talks before it hangs up; `None`: until the other side does.
    pub talks: Option<Duration>,
}

/// What a seat's phone does when it rings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenRung {
    /// Rings this long, then answers.
    Answers(Duration),
    /// Rings and never answers.
    Rings,
    /// Refuses with this status.
    Refuses(u16),
    /// Says nothing at all.
    IsDead,
}

/// What phones tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PhoneEvent {
    /// A seat is registered.
    Registered {
        /// The seat.
        seat: String,
    },
    /// A seat's registration was refused.
    NotRegistered {
        /// The seat.
        seat: String,
        /// The final status.
        status: u16,
    },
    /// A citizen's call was answered; they take and send sound now.
    Answered {
        /// The call.
        line: Line,
        /// Where the gateway takes RTP.
        media: Option<SocketAddr>,
    },
    /// A citizen's call was refused.
    Refused {
        /// The call.
        line: Line,
        /// The final status.
        status: u16,
    },
    /// A call got no answer from the gateway at all.
    Lost {
        /// The call.
        line: Line,
    },
    /// The gateway ended the call.
    HungUpOn {
        /// The call.
        line: Line,
    },
    /// The phone ended the call, and the other side confirmed.
    HungUp {
        /// The call.
        line: Line,
    },
    /// A seat rings.
    Rings {
        /// The seat's call.
        line: Line,
        /// The seat.
        seat: String,
        /// The caller's number as shown.
        number: String,
        /// What the screen shows.
        display: String,
        /// The gateway's call id.
        call: String,
    },
    /// A seat talks: its answer was acknowledged.
    Talks {
        /// The seat's call.
        line: Line,
        /// The seat.
        seat: String,
        /// Where the gateway takes RTP.
        media: Option<SocketAddr>,
    },
    /// A seat's call was taken back before it was answered.
    TakenBack {
        /// The seat's call.
        line: Line,
        /// The seat.
        seat: String,
    },
    /// What a REFER was answered.
    HandedOn {
        /// The line it was sent on.
        line: Line,
        /// The final status.
        status: u16,
    },
    /// What became of a REFER, by NOTIFY.
    Notified {
        /// The line it came on.
        line: Line,
        /// The status it tells.
        status: u16,
    },
    /// A seat's call is over.
    SeatFree {
        /// The seat's call.
        line: Line,
        /// The seat.
        seat: String,
    },
}
