//! The RTP profile of a media line: how packets are protected, and whether feedback is sent.

use std::fmt;

/// The protocol of an `m=` line that carries RTP (RFC 8866 section 5.14).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Profile {
    /// RTP without protection (RFC 3551).
    Avp,
    /// The same with feedback (RFC 4585), which may be left unsent.
    Avpf,
    /// SRTP (RFC 3711); the description says by other lines where its keys come from.
    Savp,
    /// SRTP with feedback (RFC 5124).
    Savpf,
    /// SRTP whose keys come from DTLS (RFC 5764).
    DtlsSavp,
    /// The same with feedback: what a browser offers (RFC 8827).
    DtlsSavpf,
}

impl Profile {
    /// Every profile that is known by name.
    pub const ALL: [Profile; 6] =
        [Profile::Avp, Profile::Avpf, Profile::Savp, Profile::Savpf, Profile::DtlsSavp, Profile::DtlsSavpf];

    /// Profiles without encryption.
    pub const PLAIN: [Profile; 2] = [Profile::Avp, Profile::Avpf];

    /// Profiles of DTLS-SRTP. `RTP/SAVPF` beside a fingerprint is the older spelling (RFC 8829 section 5.1.2).
    pub const DTLS: [Profile; 3] = [Profile::DtlsSavpf, Profile::DtlsSavp, Profile::Savpf];

    /// The name in an `m=` line.
    pub fn name(self) -> &'static str {
        match self {
            Profile::Avp => "RTP/AVP",
            Profile::Avpf => "RTP/AVPF",
            Profile::Savp => "RTP/SAVP",
            Profile::Savpf => "RTP/SAVPF",
            Profile::DtlsSavp => "UDP/TLS/RTP/SAVP",
            Profile::DtlsSavpf => "UDP/TLS/RTP/SAVPF",
        }
    }

    /// The profile of a name in any case.
    pub fn of_name(name: &str) -> Option<Profile> {
        Profile::ALL.into_iter().find(|p| p.name().eq_ignore_ascii_case(name))
    }

    /// Whether packets are encrypted.
    pub fn is_encrypted(self) -> bool {
        !Profile::PLAIN.contains(&self)
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
