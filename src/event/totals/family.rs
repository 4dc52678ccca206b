//! The families of figures that events add up to: their names, labels, and bounds.

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Counter {
    /// Calls received.
    Received,
    /// Calls refused.
    Refused,
    /// Callers connected to seats.
    Connected,
    /// Calls ended.
    Ended,
    /// Callers who hung up unserved.
    Abandoned,
    /// Presentations ended.
    Presentations,
    /// RTP packets received.
    RtpReceived,
    /// RTP packets that never came.
    RtpLost,
}

/// Of what the length is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timing {
    /// From the INVITE to 200 OK.
    Answer,
    /// In a queue.
    Wait,
    /// Of a seat that answered.
    Ring,
    /// With humans.
    Talk,
    /// The interarrival jitter of a leg.
    Jitter,
}

/// What stands above the figures of one family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetricFamily {
    /// The name in the metrics, without the program's.
    pub name: &'static str,
    /// What it says.
    pub help: &'static str,
    /// The names of its labels, at most [`super::LABELS`].
    pub labels: &'static [&'static str],
}

impl Counter {
    /// Every counter.
    pub const ALL: [Counter; 8] = [
        Counter::Received,
        Counter::Refused,
        Counter::Connected,
        Counter::Ended,
        Counter::Abandoned,
        Counter::Presentations,
        Counter::RtpReceived,
        Counter::RtpLost,
    ];

    /// The family.
    pub fn family(self) -> MetricFamily {
        let (name, help, labels): (_, _, &[&str]) = match self {
            Counter::Received => (
                "calls_received_total",
                "Calls received, refused ones not included, by trunk and service number",
                &["trunk", "service"],
            ),
            Counter::Refused => {
                ("calls_refused_total", "Calls refused, by service number and reason", &["service", "reason"])
            }
            Counter::Connected => (
                "calls_connected_total",
                "Callers connected to a seat, by queue and service number",
                &["queue", "service"],
            ),
            Counter::Ended => (
                "calls_ended_total",
                "Calls ended, by queue, service number and reason",
                &["queue", "service", "reason"],
            ),
            Counter::Abandoned => (
                "calls_abandoned_total",
                "Callers who hung up before a human answered, by queue, service number and how far they had come",
                &["queue", "service", "stage"],
            ),
            Counter::Presentations => (
                "presentations_total",
                "Presentations to seats that ended, by queue and result",
                &["queue", "result"],
            ),
            Counter::RtpReceived => (
                "rtp_packets_received_total",
                "RTP packets received in ended calls, by leg and trunk",
                &["leg", "trunk"],
            ),
            Counter::RtpLost => (
                "rtp_packets_lost_total",
                "RTP packets missing from the sequence of ended calls, by leg and trunk",
                &["leg", "trunk"],
            ),
        };
        MetricFamily { name, help, labels }
    }
}

impl Timing {
    /// Every timing.
    pub const ALL: [Timing; 5] = [Timing::Answer, Timing::Wait, Timing::Ring, Timing::Talk, Timing::Jitter];

    /// The family.
    pub fn family(self) -> MetricFamily {
        let (name, help, labels): (_, _, &[&str]) = match self {
            Timing::Answer => {
                ("call_answer_seconds", "From the INVITE to 200 OK, by service number", &["service"])
            }
            Timing::Wait => (
                "queue_wait_seconds",
                "Time in a queue, by queue and whether the caller left it connected, abandoned or otherwise",
                &["queue", "exit"],
            ),
            Timing::Ring => ("seat_ring_seconds", "How long a seat rang that answered, by queue", &["queue"]),
            Timing::Talk => (
                "call_talk_seconds",
                "Time with humans of calls that had one, by queue and service number",
                &["queue", "service"],
            ),
            Timing::Jitter => (
                "rtp_jitter_seconds",
                "Interarrival jitter of a leg at its end (RFC 3550 section 6.4.1), by leg and trunk",
                &["leg", "trunk"],
            ),
        };
        MetricFamily { name, help, labels }
    }

    /// The bounds in milliseconds.
    pub(super) fn bounds(self) -> &'static [u64] {
        const S: u64 = 1000;
        match self {
            Timing::Answer => &[50, 100, 250, 500, S, 2 * S, 5 * S, 10 * S, 30 * S, 60 * S],
            // Service levels are agreed at 10, 15, 20 and 30 s.
            Timing::Wait => &[
                S,
                5 * S,
                10 * S,
                15 * S,
                20 * S,
                30 * S,
                45 * S,
                60 * S,
                90 * S,
                120 * S,
                180 * S,
                300 * S,
                600 * S,
                1200 * S,
                1800 * S,
            ],
            Timing::Ring => &[S, 2 * S, 3 * S, 5 * S, 7 * S, 10 * S, 15 * S, 20 * S, 30 * S, 60 * S],
            Timing::Talk => &[
                10 * S,
                30 * S,
                60 * S,
                120 * S,
                180 * S,
                300 * S,
                600 * S,
                900 * S,
                1800 * S,
                3600 * S,
                7200 * S,
            ],
            Timing::Jitter => &[1, 2, 5, 10, 20, 30, 50, 100, 200],
        }
    }
}
