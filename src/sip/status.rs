//! The Status-Code of a response (RFC 3261 section 7.2), with the one table of names and reason phrases.

use std::fmt;

/// A SIP status, 100 to 699.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Status(u16);

macro_rules! statuses {
    ($($name:ident $code:literal $phrase:literal),+ $(,)?) => {
        impl Status {
            $(#[doc = $phrase] pub const $name: Status = Status($code);)+

            /// The usual words, for people, or those of its class; a reader of messages looks at the number.
            pub fn phrase(self) -> &'static str {
                match self.0 {
                    $($code => $phrase,)+
                    _ => self.phrase_of_class(),
                }
            }
        }
    };
}

// RFC 3261 section 21 and the IANA registry.
statuses!(
    TRYING 100 "Trying",
    RINGING 180 "Ringing",
    CALL_IS_BEING_FORWARDED 181 "Call Is Being Forwarded",
    QUEUED 182 "Queued",
    SESSION_PROGRESS 183 "Session Progress",
    EARLY_DIALOG_TERMINATED 199 "Early Dialog Terminated",
    OK 200 "OK",
    ACCEPTED 202 "Accepted",
    NO_NOTIFICATION 204 "No Notification",
    MULTIPLE_CHOICES 300 "Multiple Choices",
    MOVED_PERMANENTLY 301 "Moved Permanently",
    MOVED_TEMPORARILY 302 "Moved Temporarily",
    USE_PROXY 305 "Use Proxy",
    ALTERNATIVE_SERVICE 380 "Alternative Service",
    BAD_REQUEST 400 "Bad Request",
    UNAUTHORIZED 401 "Unauthorized",
    PAYMENT_REQUIRED 402 "Payment Required",
    FORBIDDEN 403 "Forbidden",
    NOT_FOUND 404 "Not Found",
    METHOD_NOT_ALLOWED 405 "Method Not Allowed",
    NOT_ACCEPTABLE 406 "Not Acceptable",
    PROXY_AUTHENTICATION_REQUIRED 407 "Proxy Authentication Required",
    REQUEST_TIMEOUT 408 "Request Timeout",
    GONE 410 "Gone",
    CONDITIONAL_REQUEST_FAILED 412 "Conditional Request Failed",
    REQUEST_ENTITY_TOO_LARGE 413 "Request Entity Too Large",
    REQUEST_URI_TOO_LONG 414 "Request-URI Too Long",
    UNSUPPORTED_MEDIA_TYPE 415 "Unsupported Media Type",
    UNSUPPORTED_URI_SCHEME 416 "Unsupported URI Scheme",
    BAD_EXTENSION 420 "Bad Extension",
    EXTENSION_REQUIRED 421 "Extension Required",
    SESSION_INTERVAL_TOO_SMALL 422 "Session Interval Too Small",
    INTERVAL_TOO_BRIEF 423 "Interval Too Brief",
    PROVIDE_REFERRER_IDENTITY 429 "Provide Referrer Identity",
    FLOW_FAILED 430 "Flow Failed",
    ANONYMITY_DISALLOWED 433 "Anonymity Disallowed",
    BAD_IDENTITY_INFO 436 "Bad Identity Info",
    UNSUPPORTED_CREDENTIAL 437 "Unsupported Credential",
    INVALID_IDENTITY_HEADER 438 "Invalid Identity Header",
    FIRST_HOP_LACKS_OUTBOUND_SUPPORT 439 "First Hop Lacks Outbound Support",
    BAD_INFO_PACKAGE 469 "Bad Info Package",
    CONSENT_NEEDED 470 "Consent Needed",
    TEMPORARILY_UNAVAILABLE 480 "Temporarily Unavailable",
    NO_SUCH_CALL 481 "Call/Transaction Does Not Exist",
    LOOP_DETECTED 482 "Loop Detected",
    TOO_MANY_HOPS 483 "Too Many Hops",
    ADDRESS_INCOMPLETE 484 "Address Incomplete",
    AMBIGUOUS 485 "Ambiguous",
    BUSY_HERE 486 "Busy Here",
    REQUEST_TERMINATED 487 "Request Terminated",
    NOT_ACCEPTABLE_HERE 488 "Not Acceptable Here",
    BAD_EVENT 489 "Bad Event",
    REQUEST_PENDING 491 "Request Pending",
    UNDECIPHERABLE 493 "Undecipherable",
    SECURITY_AGREEMENT_REQUIRED 494 "Security Agreement Required",
    SERVER_INTERNAL_ERROR 500 "Server Internal Error",
    NOT_IMPLEMENTED 501 "Not Implemented",
    BAD_GATEWAY 502 "Bad Gateway",
    SERVICE_UNAVAILABLE 503 "Service Unavailable",
    SERVER_TIME_OUT 504 "Server Time-out",
    VERSION_NOT_SUPPORTED 505 "Version Not Supported",
    MESSAGE_TOO_LARGE 513 "Message Too Large",
    PRECONDITION_FAILURE 580 "Precondition Failure",
    BUSY_EVERYWHERE 600 "Busy Everywhere",
    DECLINE 603 "Decline",
    DOES_NOT_EXIST_ANYWHERE 604 "Does Not Exist Anywhere",
    NOT_ACCEPTABLE_ANYWHERE 606 "Not Acceptable",
    UNWANTED 607 "Unwanted",
    REJECTED 608 "Rejected",
);

impl Status {
    /// The status of that number; `None` below 100 and above 699.
    pub const fn new(code: u16) -> Option<Status> {
        if code >= 100 && code < 700 { Some(Status(code)) } else { None }
    }

    /// The number.
    pub const fn code(self) -> u16 {
        self.0
    }

    /// 1xx: a final response is still to come.
    pub const fn is_provisional(self) -> bool {
        self.0 < 200
    }

    /// 2xx.
    pub const fn is_success(self) -> bool {
        self.0 / 100 == 2
    }

    /// 2xx to 6xx: no further response comes.
    pub const fn is_final(self) -> bool {
        !self.is_provisional()
    }

    /// 3xx to 6xx.
    pub const fn is_failure(self) -> bool {
        self.0 >= 300
    }

    /// 5xx: the server failed, and another one may not.
    pub const fn is_server_failure(self) -> bool {
        self.0 / 100 == 5
    }

    /// 401 and 407: the request is wanted again, with a proof.
    pub const fn asks_for_proof(self) -> bool {
        matches!(self.0, 401 | 407)
    }

    const fn phrase_of_class(self) -> &'static str {
        match self.0 / 100 {
            1 => "Progress",
            2 => "OK",
            3 => "Redirected",
            4 => "Request Failed",
            5 => "Server Failed",
            _ => "Failed",
        }
    }
}

/// A number that is no status counts as 500: it can only be a fault of the gateway.
impl From<u16> for Status {
    fn from(code: u16) -> Status {
        Status::new(code).unwrap_or(Status::SERVER_INTERNAL_ERROR)
    }
}

impl From<Status> for u16 {
    fn from(status: Status) -> u16 {
        status.0
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_a_number_from_100_to_699() {
        assert_eq!(
            [99, 100, 699, 700].map(Status::new).map(|s| s.map(Status::code)),
            [None, Some(100), Some(699), None]
        );
        assert_eq!(Status::from(99), Status::SERVER_INTERNAL_ERROR);
        assert_eq!(Status::from(486), Status::BUSY_HERE);
    }

    #[test]
    fn each_status_is_of_one_class_and_has_a_phrase() {
        for status in (100..700).filter_map(Status::new) {
            let classes = [status.is_provisional(), status.is_success(), status.is_failure()];
            assert_eq!(classes.iter().filter(|is| **is).count(), 1, "{status}");
            assert_eq!(status.is_final(), !status.is_provisional(), "{status}");
            assert!(!status.phrase().is_empty(), "{status}");
        }
        assert_eq!(
            (Status::from(491).phrase(), Status::from(499).phrase()),
            ("Request Pending", "Request Failed")
        );
    }
}
