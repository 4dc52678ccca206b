//! What the relay counts.

/// What passed through, since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RelayCounts {
    /// RTP packets passed from leg to leg.
    pub relayed: u64,
    /// RTP packets of prompts.
    pub played: u64,
    /// RTCP packets passed from leg to leg.
    pub reports: u64,
    /// Datagrams that were neither RTP nor RTCP.
    pub bad: u64,
    /// Datagrams from another source than the leg's peer.
    pub strays: u64,
    /// Legs that got no port.
    pub refused: u64,
    /// Packets the kernel did not take; counted by the shell.
    pub unsent: u64,
    /// Legs open now.
    pub legs: u64,
    /// Legs hearing a prompt now.
    pub playing: u64,
    /// Port pairs in use now.
    pub ports: u64,
}
