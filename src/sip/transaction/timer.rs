//! The times the timers are made of, and the timers' names.

use crate::time::Duration;

/// The base times of RFC 3261 section 17.1.1.1, and timer C.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Durations {
    /// The estimate of a round trip. Default 500 ms.
    pub t1: Duration,
    /// The longest time between two retransmissions. Default 4 s.
    pub t2: Duration,
    /// The longest a message may wander in the network. Default 5 s.
    pub t4: Duration,
    /// Timer C: how long an INVITE may ring without a new provisional response before the endpoint
    /// cancels it (RFC 3261 section 16.6 asks for more than 3 minutes). Default 181 s.
    pub c: Duration,
}

impl Default for Durations {
    fn default() -> Durations {
        Durations {
            t1: Duration::from_millis(500),
            t2: Duration::from_secs(4),
            t4: Duration::from_secs(5),
            c: Duration::from_secs(181),
        }
    }
}

impl Durations {
    /// 64*T1: timers B, F, H, J, L, M, and the wait for the ACK of a 2xx.
    pub(crate) fn t1x64(&self) -> Duration {
        self.t1.saturating_mul(64)
    }

    /// Timer D over UDP: "at least 32 s", which is 64*T1 at the default T1.
    pub(crate) fn d(&self) -> Duration {
        self.t1x64().max(Duration::from_secs(32))
    }

    /// How long it takes timer E to reach T2: from then on a waiting client is owed a 100 (RFC 4320 section 4.1).
    /// 3.5 s by default.
    pub(crate) fn e_reaches_t2(&self) -> Duration {
        let (mut interval, mut sum) = (self.t1, Duration::ZERO);
        // Ends: T1 doubles. The bound holds for a T1 of zero, too.
        for _ in 0..64 {
            if interval >= self.t2 {
                break;
            }
            sum += interval;
            interval = interval.saturating_mul(2);
        }
        sum
    }
}

/// Why a deadline is set: the timers by their letters (RFC 3261 appendix A, RFC 6026), and those without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// INVITE client, UDP: send the INVITE again.
    A,
    /// INVITE client: no response at all.
    B,
    /// INVITE client: rings too long.
    C,
    /// INVITE client: stay to acknowledge retransmissions of a failure.
    D,
    /// Other client, UDP: send the request again.
    E,
    /// Other client: no final response.
    F,
    /// INVITE server, UDP: send the failure again.
    G,
    /// INVITE server: the failure was never acknowledged.
    H,
    /// INVITE server: stay to absorb retransmissions of the ACK.
    I,
    /// Other server: stay to answer retransmissions of the request.
    J,
    /// Other client: stay to absorb retransmissions of the response.
    K,
    /// INVITE server: stay after a 2xx to absorb retransmissions of the INVITE (RFC 6026). If the ACK has not come by
    /// then, it will not.
    L,
    /// INVITE client: stay after a 2xx for its retransmissions and for those of other branches (RFC 6026).
    M,
    /// INVITE server: send the 2xx again until its ACK comes (RFC 3261 section 13.3.1.4).
    Retransmit2xx,
    /// Other server: tell the client by a 100 to stop retransmitting (RFC 4320 section 4.1).
    OwesTrying,
    /// Other server: no answer was given while the client waited; silence from here on (RFC 4320 section 4.2).
    Unanswered,
    /// INVITE client: cancelled, and no final response came (RFC 3261 section 9.1).
    Cancelled,
    /// A request that could not be sent for want of room is to be reported.
    Refused,
}
