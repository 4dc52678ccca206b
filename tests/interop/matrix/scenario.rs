//! SIPp scenarios put together from steps: what the side of a trunk says and waits for, in order.
//!
//! `{media}` stands for the port of its audio and `{host}` for its address in a session description. Names in square
//! brackets are SIPp's own.

/// Who it says is calling, unless a profile says otherwise.
pub const CALLER: &str = "<sip:13900001234@[local_ip]:[local_port]>";

/// One side of a call, step by step.
pub struct Script {
    steps: String,
    /// From, without its tag.
    from: String,
    /// Request-URI of the INVITE.
    uri: String,
    cseq: u32,
}

impl Script {
    /// The script of a trunk that calls the hotline.
    pub fn new() -> Script {
        let uri = "sip:[service]@[remote_ip]:[remote_port]".to_owned();
        Script { steps: String::new(), from: CALLER.to_owned(), uri, cseq: 0 }
    }

    /// With this From, display name and all but the tag.
    pub fn from(mut self, from: &str) -> Script {
        from.clone_into(&mut self.from);
        self
    }

    /// With this Request-URI.
    pub fn to(mut self, uri: &str) -> Script {
        uri.clone_into(&mut self.uri);
        self
    }

    /// INVITE with these further headers, one a line, and this body (its type among the headers when it is not SDP).
    pub fn invite(mut self, headers: &str, body: &str) -> Script {
        self.cseq += 1;
        let (start, to) = (format!("INVITE {} SIP/2.0", self.uri), format!("To: <{}>", self.uri));
        self.message(&start, "INVITE", &to, headers, body)
    }

    /// An INVITE as a peer writes it, whole: with short names, folded lines, or as RFC 2543 had them.
    pub fn invite_as(mut self, text: &str) -> Script {
        self.cseq += 1;
        self.send(text, true)
    }

    /// ACK for the 200 OK.
    pub fn ack(self, body: &str) -> Script {
        self.message("ACK [next_url] SIP/2.0", "ACK", "[last_To:]", "", body)
    }

    /// ACK for a failure: hop by hop, in the INVITE's transaction.
    pub fn ack_failure(self) -> Script {
        let start = format!("ACK {} SIP/2.0", self.uri);
        self.message(&start, "ACK", "[last_To:]", "", "")
    }

    /// A request inside the dialog.
    pub fn request(mut self, method: &str, headers: &str, body: &str) -> Script {
        self.cseq += 1;
        self.message(&format!("{method} [next_url] SIP/2.0"), method, "[last_To:]", headers, body)
    }

    /// BYE and its 200.
    pub fn bye(self) -> Script {
        self.request("BYE", "", "").expects(200)
    }

    /// BYE from the other side, and our 200.
    pub fn hung_up(mut self) -> Script {
        self.steps += "<recv request=\"BYE\"/>\n";
        let headers = "[last_Via:]\n[last_From:]\n[last_To:]\n[last_Call-ID:]\n[last_CSeq:]";
        self.send(&format!("SIP/2.0 200 OK\n{headers}\nContent-Length: 0\n"), false)
    }

    /// 100, perhaps 180, then 200 OK, acknowledged without a body.
    pub fn answered(self) -> Script {
        self.rings().expects_dialog(200).ack("")
    }

    /// What may come before the answer.
    pub fn rings(mut self) -> Script {
        for status in [100, 180, 183] {
            self.steps += &format!("<recv response=\"{status}\" optional=\"true\"/>\n");
        }
        self
    }

    /// This final response.
    pub fn expects(mut self, status: u16) -> Script {
        self.steps += &format!("<recv response=\"{status}\"/>\n");
        self
    }

    /// A response that gives the remote target and the route.
    pub fn expects_dialog(mut self, status: u16) -> Script {
        self.steps += &format!("<recv response=\"{status}\" rrs=\"true\"/>\n");
        self
    }

    /// A response in which `header` matches `pattern`; the call fails when it does not.
    pub fn expects_with(mut self, status: u16, header: &str, pattern: &str) -> Script {
        self.steps += &format!(
            "<recv response=\"{status}\" rrs=\"true\"><action>\n\
             <ereg regexp=\"{pattern}\" search_in=\"hdr\" header=\"{header}:\" check_it=\"true\" assign_to=\"seen\"/>\n\
             <log message=\"{header} [$seen]\"/></action></recv>\n"
        );
        self
    }

    /// A reliable provisional response, acknowledged by PRACK (RFC 3262).
    pub fn expects_reliable(mut self, status: u16) -> Script {
        self.steps += &format!(
            "<recv response=\"{status}\" rrs=\"true\"><action>\n\
             <ereg regexp=\"[0-9]+\" search_in=\"hdr\" header=\"RSeq:\" check_it=\"true\" assign_to=\"rseq\"/>\n\
             </action></recv>\n"
        );
        let invited = self.cseq;
        self.request("PRACK", &format!("RAck: [$rseq] {invited} INVITE"), "").expects(200)
    }

    /// A challenge, which SIPp answers by `[authentication]` in the next request.
    pub fn challenged(mut self, status: u16) -> Script {
        self.steps += &format!("<recv response=\"{status}\" auth=\"true\"/>\n");
        self
    }

    /// 100 Trying.
    pub fn trying(mut self) -> Script {
        self.steps += "<recv response=\"100\" optional=\"true\"/>\n";
        self
    }

    /// Time for the other side: its seat answers, its media starts.
    pub fn waits(mut self, ms: u32) -> Script {
        self.steps += &format!("<pause milliseconds=\"{ms}\"/>\n");
        self
    }

    /// The answer, 600 ms of talk, and BYE.
    pub fn goes_on(self) -> Script {
        self.answered().waits(600).bye()
    }

    /// The scenario for SIPp.
    pub fn xml(&self) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<scenario name=\"trunk\">\n{}</scenario>\n",
            self.steps
        )
    }

    fn message(self, start: &str, method: &str, to: &str, headers: &str, body: &str) -> Script {
        let typed = if body.is_empty() || headers.to_ascii_lowercase().contains("content-type:") {
            ""
        } else {
            "Content-Type: application/sdp\n"
        };
        let (from, cseq, headers) = (&self.from, self.cseq, lines(headers));
        let text = format!(
            "{start}\nVia: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]\n\
             From: {from};tag=[pid]c[call_number]\n{to}\nCall-ID: [call_id]\nCSeq: {cseq} {method}\n\
             Contact: <sip:trunk@[local_ip]:[local_port];transport=[transport]>\nMax-Forwards: 70\n\
             {headers}{typed}Content-Length: [len]\n\n{body}"
        );
        self.send(&text, method != "ACK")
    }

    fn send(mut self, text: &str, repeated: bool) -> Script {
        let retrans = if repeated { " retrans=\"500\"" } else { "" };
        self.steps += &format!("<send{retrans}><![CDATA[\n{text}\n]]></send>\n");
        self
    }
}

/// Headers one a line, each line ended.
fn lines(headers: &str) -> String {
    headers.lines().map(str::trim).filter(|l| !l.is_empty()).map(|l| format!("{l}\n")).collect()
}

/// A session description of the trunk with these formats in this order, and further lines.
pub fn sdp(version: u32, formats: &str, further: &str) -> String {
    let further = lines(further);
    format!(
        "v=0\no=trunk 7 {version} IN IP[local_ip_type] {{host}}\ns=-\nc=IN IP[local_ip_type] {{host}}\nt=0 0\n\
         m=audio {{media}} RTP/AVP {formats}\na=rtpmap:101 telephone-event/8000\na=fmtp:101 0-15\na=ptime:20\n{further}"
    )
}
