//! SIPp as the side that is called, put together from steps: a number behind a carrier, or a seat's phone.
//!
//! `{media}` stands for the port of its audio. Names in square brackets are SIPp's own.

/// Its address in messages, and its tag.
const CONTACT: &str = "Contact: <sip:callee@[local_ip]:[local_port]>";
const TAG: &str = "[pid]s[call_number]";

/// What it does once the INVITE is there, step by step.
#[derive(Default)]
pub struct Callee {
    steps: String,
    cseq: u32,
}

impl Callee {
    pub fn new() -> Callee {
        Callee::default()
    }

    /// A response to the INVITE without a body.
    pub fn says(self, status: u16, headers: &str) -> Callee {
        self.responds(status, headers, "")
    }

    /// A response to the INVITE with a session description.
    pub fn describes(self, status: u16, headers: &str) -> Callee {
        self.responds(status, headers, &sdp(1, "sendrecv"))
    }

    /// 200 OK and its ACK.
    pub fn answers(self) -> Callee {
        self.answers_with("")
    }

    /// The same, with further headers in the 200 OK.
    pub fn answers_with(self, headers: &str) -> Callee {
        self.describes(200, headers).hears("ACK")
    }

    /// A final response that is no answer, and its ACK.
    pub fn fails(self, status: u16, headers: &str) -> Callee {
        self.says(status, headers).hears("ACK")
    }

    /// Rings until it is cancelled.
    pub fn rings_out(self) -> Callee {
        self.says(180, "").hears("CANCEL").agrees("", "").fails(487, "")
    }

    /// Its INVITE comes once more, with a header that matches.
    pub fn invited_again(mut self, header: &str, pattern: &str) -> Callee {
        self.steps += &format!(
            "<recv request=\"INVITE\" rrs=\"true\"><action>\n{REMEMBERS}{}</action></recv>\n",
            checks("hdr", header, pattern)
        );
        self
    }

    /// The same, with the proof of a password.
    pub fn proved(mut self, user: &str, password: &str) -> Callee {
        self.steps += &format!(
            "<recv request=\"INVITE\" rrs=\"true\" next=\"proved\" test=\"proof\"><action>\n{REMEMBERS}\
             <verifyauth assign_to=\"proof\" username=\"{user}\" password=\"{password}\"/>\n</action></recv>\n"
        );
        self = self.fails(403, "");
        self.steps += "<label id=\"proved\"/>\n";
        self
    }

    /// A request in the call.
    pub fn hears(mut self, method: &str) -> Callee {
        self.steps += &format!("<recv request=\"{method}\"/>\n");
        self
    }

    /// A request that may come or not before the next step.
    pub fn may_hear(mut self, method: &str) -> Callee {
        self.steps += &format!("<recv request=\"{method}\" optional=\"true\"/>\n");
        self
    }

    /// A request in which `header` matches `pattern`.
    pub fn hears_with(mut self, method: &str, header: &str, pattern: &str) -> Callee {
        let check = checks("hdr", header, pattern);
        self.steps += &format!("<recv request=\"{method}\"><action>\n{check}</action></recv>\n");
        self
    }

    /// A request that contains this anywhere, answered by 200.
    pub fn told(mut self, method: &str, pattern: &str) -> Callee {
        let check = checks("msg", "", pattern);
        self.steps += &format!("<recv request=\"{method}\"><action>\n{check}</action></recv>\n");
        self.agrees("", "")
    }

    /// 200 to the request that came last.
    pub fn agrees(self, headers: &str, body: &str) -> Callee {
        self.replies(200, headers, body)
    }

    /// A response to the request that came last, which was no INVITE.
    pub fn replies(mut self, status: u16, headers: &str, body: &str) -> Callee {
        self.send(&format!(
            "SIP/2.0 {status} As said\n[last_Via:]\n[last_From:]\n[last_To:]\n[last_Call-ID:]\n[last_CSeq:]\n{CONTACT}\n\
             {}{}Content-Length: [len]\n\n{body}",
            lines(headers),
            typed(body)
        ), false);
        self
    }

    /// A request inside the call.
    pub fn asks(mut self, method: &str, headers: &str, body: &str) -> Callee {
        // An ACK has the number of its INVITE.
        self.cseq += u32::from(method != "ACK");
        let cseq = self.cseq;
        self.send(&format!(
            "{method} [next_url] SIP/2.0\nVia: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]\n\
             From: [$to];tag={TAG}\nTo: [$from]\nCall-ID: [call_id]\nCSeq: {cseq} {method}\n{CONTACT}\n\
             Max-Forwards: 70\n{}{}Content-Length: [len]\n\n{body}",
            lines(headers),
            typed(body)
        ), method != "ACK");
        self
    }

    /// A request in a dialog of its own, as its phone's second line: what SIPp finds behind `///` is the Call-ID of the
    /// call it belongs to.
    pub fn asks_on_second_line(
        mut self,
        method: &str,
        uri: &str,
        to_tag: &str,
        cseq: u32,
        body: &str,
    ) -> Callee {
        self.send(
            &format!(
                "{method} {uri} SIP/2.0\nVia: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]\n\
             From: [$to];tag=second[call_number]\nTo: <{uri}>{to_tag}\nCall-ID: second///[call_id]\n\
             CSeq: {cseq} {method}\n{CONTACT}\nMax-Forwards: 70\n{}Content-Length: [len]\n\n{body}",
                typed(body)
            ),
            method != "ACK",
        );
        self
    }

    /// A response to a request of its own.
    pub fn expects(mut self, status: u16) -> Callee {
        self.steps += &format!("<recv response=\"{status}\"/>\n");
        self
    }

    /// One that may come or not.
    pub fn may_expect(mut self, status: u16) -> Callee {
        self.steps += &format!("<recv response=\"{status}\" optional=\"true\"/>\n");
        self
    }

    /// A response in which `header` matches `pattern`.
    pub fn expects_with(mut self, status: u16, header: &str, pattern: &str) -> Callee {
        let check = checks("hdr", header, pattern);
        self.steps += &format!("<recv response=\"{status}\"><action>\n{check}</action></recv>\n");
        self
    }

    /// The answer on its second line, whose tag is `[$tag]` from here on.
    pub fn expects_on_second_line(mut self, status: u16) -> Callee {
        self.steps += &format!(
            "<recv response=\"{status}\"><action>\n<ereg regexp=\"tag=([^; ]+)\" search_in=\"hdr\" header=\"To:\" \
             check_it=\"true\" assign_to=\"seen,tag\"/>\n<log message=\"[$seen]\"/></action></recv>\n"
        );
        self
    }

    /// A new offer inside the call with this direction, agreed to with `answer`.
    pub fn offers(self, version: u32, direction: &str, answer: &str) -> Callee {
        let mut asked = self.asks("INVITE", "", &sdp(version, direction)).may_expect(100);
        asked.steps +=
            &format!("<recv response=\"200\"><action>\n{}</action></recv>\n", checks("body", "", answer));
        asked.asks("ACK", "", "")
    }

    pub fn waits(mut self, ms: u32) -> Callee {
        self.steps += &format!("<pause milliseconds=\"{ms}\"/>\n");
        self
    }

    /// BYE from here, and its 200.
    pub fn hangs_up(self, headers: &str) -> Callee {
        self.asks("BYE", headers, "").expects(200)
    }

    /// BYE from there, and our 200.
    pub fn hung_up(self) -> Callee {
        self.hears("BYE").agrees("", "")
    }

    /// The scenario for SIPp.
    pub fn xml(&self) -> String {
        scenario(&format!(
            "<recv request=\"INVITE\" rrs=\"true\"><action>\n{REMEMBERS}</action></recv>\n{}",
            self.steps
        ))
    }

    /// One that does this when it is `number` that is called, and `otherwise` when it is another.
    pub fn xml_at(&self, number: &str, otherwise: &Callee) -> String {
        scenario(&format!(
            "<recv request=\"INVITE\" rrs=\"true\" next=\"this\" test=\"seen\"><action>\n{REMEMBERS}\
             <ereg regexp=\"{number}\" search_in=\"hdr\" header=\"To:\" assign_to=\"seen\"/>\n</action></recv>\n\
             {}<nop next=\"done\"/>\n<label id=\"this\"/>\n{}<label id=\"done\"/>\n",
            otherwise.steps, self.steps
        ))
    }

    fn responds(mut self, status: u16, headers: &str, body: &str) -> Callee {
        // `[last_…]` would be what came last: a PRACK, a CANCEL.
        self.send(&format!(
            "SIP/2.0 {status} As said\nVia: [$via]\nFrom: [$from]\nTo: [$to];tag={TAG}\nCall-ID: [call_id]\n\
             CSeq: [$cseq]\n{CONTACT}\n{}{}Content-Length: [len]\n\n{body}",
            lines(headers),
            typed(body)
        ), status >= 200);
        self
    }

    fn send(&mut self, text: &str, repeated: bool) {
        let retrans = if repeated { " retrans=\"500\"" } else { "" };
        self.steps += &format!("<send{retrans}><![CDATA[\n{text}\n]]></send>\n");
    }
}

/// What of the INVITE is needed later.
const REMEMBERS: &str = "<ereg regexp=\".+\" search_in=\"hdr\" header=\"Via:\" assign_to=\"via\"/>
<ereg regexp=\".+\" search_in=\"hdr\" header=\"From:\" assign_to=\"from\"/>
<ereg regexp=\".+\" search_in=\"hdr\" header=\"To:\" assign_to=\"to\"/>
<ereg regexp=\".+\" search_in=\"hdr\" header=\"CSeq:\" assign_to=\"cseq\"/>
";

fn scenario(steps: &str) -> String {
    let variables: Vec<&str> =
        ["via", "from", "to", "cseq"].into_iter().filter(|v| steps.contains(&format!("\"{v}\""))).collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<scenario name=\"callee\">\n{steps}\
         <Reference variables=\"{}\"/>\n</scenario>\n",
        variables.join(",")
    )
}

fn checks(place: &str, header: &str, pattern: &str) -> String {
    let header = if header.is_empty() { String::new() } else { format!(" header=\"{header}:\"") };
    format!(
        "<ereg regexp=\"{pattern}\" search_in=\"{place}\"{header} check_it=\"true\" assign_to=\"seen\"/>\n\
         <log message=\"[$seen]\"/>\n"
    )
}

fn typed(body: &str) -> &'static str {
    if body.is_empty() { "" } else { "Content-Type: application/sdp\n" }
}

/// Headers one a line, each line ended.
fn lines(headers: &str) -> String {
    headers.lines().map(str::trim).filter(|l| !l.is_empty()).map(|l| format!("{l}\n")).collect()
}

/// Its session description.
pub fn sdp(version: u32, direction: &str) -> String {
    format!(
        "v=0\no=callee 9 {version} IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\nt=0 0\n\
         m=audio {{media}} RTP/AVP 8\na=rtpmap:8 PCMA/8000\na=ptime:20\na={direction}\n"
    )
}
