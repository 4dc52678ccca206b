//! A dialog (RFC 3261 section 12): what two user agents agree a conversation is. One value for each leg.

use super::uri::without_headers;
use super::{Flow, Message, Method, NameAddr, Outgoing, Status, Transport, Uri};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// At most this many Record-Route entries are kept; a path of more proxies is a loop.
const ROUTES: usize = 16;

/// More requests than a dialog sends between two snapshots, a second apart.
const BEYOND_SNAPSHOT: u32 = 1_000;

/// How requests inside a dialog find the peer where no route leads to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Inside {
    /// At its Contact (RFC 3261 section 12.2.1.1).
    ToContact,
    /// On the path it registered by, whatever its Contact says: behind NAT there is no other (RFC 5626 section 5.3).
    ByFlow,
}

/// One side's view of a dialog.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Dialog {
    call_id: String,
    #[serde(with = "crate::octets")]
    local: Vec<u8>,
    local_tag: String,
    #[serde(with = "crate::octets")]
    remote: Vec<u8>,
    remote_tag: String,
    contact: String,
    #[serde(with = "crate::octets")]
    target: Vec<u8>,
    #[serde(with = "crate::octets::list")]
    routes: Vec<Vec<u8>>,
    local_seq: u32,
    remote_seq: Option<u32>,
    flow: Flow,
    inside: Inside,
}

impl Dialog {
    /// The same dialog, whose requests go so.
    #[must_use]
    pub fn going(self, inside: Inside) -> Dialog {
        Dialog { inside, ..self }
    }

    /// The dialog after a restart: what the process before had sent beyond its snapshot has lower numbers. A gap is allowed
    /// (section 12.2.2), a lower number gets 500.
    #[must_use]
    pub fn resumed(self) -> Dialog {
        Dialog { local_seq: self.local_seq.saturating_add(BEYOND_SNAPSHOT), ..self }
    }

    /// The dialog our 2xx to `invite` begins (section 12.1.1). `None` when the INVITE names nowhere to be
    /// reached.
    pub fn uas(invite: &Message, flow: Flow, local_tag: &str, contact: &str) -> Option<Dialog> {
        let local = match invite.to_tag() {
            Some(_) => invite.to().raw().to_vec(),
            None => [invite.to().raw(), b";tag=", local_tag.as_bytes()].concat(),
        };
        Some(Dialog {
            call_id: invite.call_id().to_owned(),
            local,
            local_tag: local_tag.to_owned(),
            remote: invite.from().raw().to_vec(),
            // RFC 2543 peers send none; an absent tag then stays absent.
            remote_tag: invite.from_tag().unwrap_or_default().to_owned(),
            contact: contact.to_owned(),
            target: invite.remote_target()?.to_vec(),
            routes: invite.list("Record-Route").into_iter().take(ROUTES).map(<[u8]>::to_vec).collect(),
            local_seq: 0,
            remote_seq: Some(invite.cseq().0),
            flow,
            inside: Inside::ToContact,
        })
    }

    /// The dialog a 101 to 299 response to our `invite` begins (section 12.1.2). `None` without a Contact.
    pub fn uac(invite: &Outgoing, flow: Flow, response: &Message) -> Option<Dialog> {
        let local = invite.get("From")?.to_vec();
        let local_tag = NameAddr::parse(local.clone()).ok()?.tag()?.to_owned();
        let seq = std::str::from_utf8(invite.get("CSeq")?).ok()?.split(' ').next()?.parse().ok()?;
        let mut routes: Vec<Vec<u8>> =
            response.list("Record-Route").into_iter().take(ROUTES).map(<[u8]>::to_vec).collect();
        routes.reverse();
        Some(Dialog {
            call_id: response.call_id().to_owned(),
            local,
            local_tag,
            remote: response.to().raw().to_vec(),
            // RFC 2543 peers send none; it counts as empty.
            remote_tag: response.to_tag().unwrap_or_default().to_owned(),
            contact: String::from_utf8_lossy(invite.get("Contact")?).into_owned(),
            target: without_headers(response.contact()?.uri()).to_vec(),
            routes,
            local_seq: seq,
            remote_seq: None,
            flow,
            inside: Inside::ToContact,
        })
    }

    /// The dialog of a 2xx to an INVITE of ours that no leg waits for, made of the response alone: to acknowledge it and
    /// to hang up (section 13.2.2.4). Without a Contact the peer is spoken to where it was called.
    pub fn unwanted(flow: Flow, response: &Message) -> Option<Dialog> {
        let target = response.contact().map_or_else(|| response.to().uri().to_vec(), |c| c.uri().to_vec());
        let mut routes: Vec<Vec<u8>> =
            response.list("Record-Route").into_iter().take(ROUTES).map(<[u8]>::to_vec).collect();
        routes.reverse();
        Some(Dialog {
            call_id: response.call_id().to_owned(),
            local: response.from().raw().to_vec(),
            local_tag: response.from_tag()?.to_owned(),
            remote: response.to().raw().to_vec(),
            remote_tag: response.to_tag().unwrap_or_default().to_owned(),
            contact: String::new(),
            target,
            routes,
            local_seq: response.cseq().0,
            remote_seq: None,
            flow,
            inside: Inside::ToContact,
        })
    }

    /// A request of the peer inside this dialog came by `flow`: who has a new connection, or a new address at its NAT, is
    /// reached by that one. A registered phone is reached wherever it has proved to be, by whatever transport.
    pub fn came_by(&mut self, flow: Flow) {
        let is_alike = flow.connection.is_some() && flow.transport == self.flow.transport;
        if self.inside == Inside::ByFlow || self.flow.connection.is_some() && is_alike {
            self.flow = flow;
        }
    }

    /// Whether a request that came by `flow` comes from where the peer is known to be: from the end of its path, or from an
    /// address it has named in its Contact or Record-Route. Names of hosts are not looked up for it.
    pub fn has_peer_at(&self, flow: &Flow) -> bool {
        let names = |uri: Option<Uri>| {
            let address = uri.and_then(|uri| uri.socket_addr(5060));
            address.is_some_and(|at| at.ip().to_canonical() == flow.remote.ip().to_canonical())
        };
        let route = |route: &Vec<u8>| NameAddr::parse(route.clone()).ok().and_then(|r| r.parsed_uri().ok());
        self.flow.ends_where(flow)
            || names(Uri::parse(&self.target).ok())
            || self.routes.iter().any(|r| names(route(r)))
    }

    /// The path the peer was last heard by, or is called by.
    pub fn path(&self) -> &Flow {
        &self.flow
    }

    /// The same dialog, once `early` was spoken in before: its numbers go on.
    #[must_use]
    pub fn continuing(self, early: &Dialog) -> Dialog {
        Dialog {
            local_seq: self.local_seq.max(early.local_seq),
            remote_seq: early.remote_seq.or(self.remote_seq),
            ..self
        }
    }

    /// The SIP Call-ID.
    pub fn call_id(&self) -> &str {
        &self.call_id
    }

    /// The tag of the gateway.
    pub fn local_tag(&self) -> &str {
        &self.local_tag
    }

    /// The peer's tag; empty for a peer of RFC 2543.
    pub fn remote_tag(&self) -> &str {
        &self.remote_tag
    }

    /// Where requests go: the first route or the remote target where its host is an address, else back the way the
    /// peer came. A connection is kept as long as it is open: behind NAT there is no other way.
    pub fn flow(&self) -> Flow {
        let by_flow = self.inside == Inside::ByFlow && self.routes.is_empty();
        if self.flow.connection.is_some() || by_flow {
            return self.flow;
        }
        let hop = match self.routes.first() {
            Some(route) => NameAddr::parse(route.clone()).ok().and_then(|r| r.parsed_uri().ok()),
            None => Uri::parse(&self.target).ok(),
        };
        let Some(uri) = hop else { return self.flow };
        let named = uri.param("transport").and_then(Transport::of_param);
        let transport = named.unwrap_or(self.flow.transport);
        let port = if transport.is_secure() { 5061 } else { 5060 };
        match uri.socket_addr(port) {
            Some(remote)
                if remote.is_ipv4() == self.flow.local.is_ipv4() && !self.is_behind_nat(remote.ip()) =>
            {
                Flow { transport, remote, ..self.flow }
            }
            _ => self.flow,
        }
    }

    /// Whether `ip` is an address only the peer's own network knows, while its packets come from elsewhere.
    fn is_behind_nat(&self, ip: IpAddr) -> bool {
        let from = self.flow.remote.ip();
        let elsewhere = !is_local(from) || from.is_loopback() != ip.is_loopback();
        ip.is_unspecified() || (ip != from && is_local(ip) && elsewhere)
    }

    /// The next request inside the dialog (section 12.2.1.1).
    pub fn request(&mut self, method: Method) -> Outgoing {
        let cseq = self.next_number();
        self.build(method, cseq)
    }

    /// The CSeq number of the next request, for one that is built elsewhere.
    pub fn next_number(&mut self) -> u32 {
        self.local_seq += 1;
        self.local_seq
    }

    /// The ACK for the 2xx to our INVITE with this CSeq number (section 13.2.2.4).
    pub fn ack(&self, invite_cseq: u32) -> Outgoing {
        self.build(Method::Ack, invite_cseq)
    }

    fn build(&self, method: Method, cseq: u32) -> Outgoing {
        let (uri, routes) = self.hops();
        let target_is_said = matches!(
            method,
            Method::Invite | Method::Update | Method::Subscribe | Method::Refer | Method::Notify
        );
        let sequence = format!("{cseq} {}", method.as_str());
        let mut request = Outgoing::request(method, uri)
            .with("From", &self.local)
            .with("To", &self.remote)
            .with("Call-ID", &self.call_id)
            .with("CSeq", sequence)
            .with("Max-Forwards", "70");
        for route in routes {
            request = request.with("Route", route);
        }
        if target_is_said {
            request = request.with("Contact", &self.contact);
        }
        request
    }

    /// Request-URI and Route set; a strict router (no `lr`) moves into the Request-URI (section 12.2.1.1).
    fn hops(&self) -> (Vec<u8>, Vec<Vec<u8>>) {
        let strict = self
            .routes
            .first()
            .and_then(|r| NameAddr::parse(r.clone()).ok())
            .filter(|first| first.parsed_uri().is_ok_and(|uri| uri.param("lr").is_none()));
        match strict {
            Some(first) => {
                let mut rest = self.routes.iter().skip(1).cloned().collect::<Vec<_>>();
                rest.push([b"<", self.target.as_slice(), b">"].concat());
                (first.uri().to_vec(), rest)
            }
            None => (self.target.clone(), self.routes.clone()),
        }
    }

    /// Takes a 2xx to a target refresh of ours (INVITE, UPDATE) into the dialog: the remote target may move
    /// (section 12.2.1.2).
    pub fn refreshed(&mut self, response: &Message) {
        if response.status().is_some_and(Status::is_success)
            && let Some(contact) = response.contact()
        {
            self.target = without_headers(contact.uri()).to_vec();
        }
    }

    /// Takes a request of the peer into the dialog: its CSeq may not fall (500, section 12.2.2). The tag must
    /// be the peer's (481). The remote target moves only with a 2xx: [`Dialog::accepts`].
    ///
    /// A second INVITE or UPDATE with the number of the last request is a late retransmission (500). A BYE with it is taken:
    /// some senders do not count, and a call must be able to end.
    pub fn receive(&mut self, request: &Message) -> Result<(), Status> {
        if request.call_id() != self.call_id || request.from_tag().unwrap_or_default() != self.remote_tag {
            return Err(Status::NO_SUCH_CALL);
        }
        let (cseq, method) = request.cseq();
        let refreshes = matches!(method, Method::Invite | Method::Update);
        if self.remote_seq.is_some_and(|last| cseq < last || (cseq == last && refreshes)) {
            return Err(Status::SERVER_INTERNAL_ERROR);
        }
        self.remote_seq = Some(cseq);
        Ok(())
    }

    /// Takes the remote target of a re-INVITE or UPDATE that is answered by a 2xx. One that is refused moves nothing
    /// (section 12.2.2).
    pub fn accepts(&mut self, request: &Message) {
        if matches!(request.cseq().1, Method::Invite | Method::Update)
            && let Some(contact) = request.contact()
        {
            self.target = without_headers(contact.uri()).to_vec();
        }
    }
}

/// Whether an address means something in one network only.
fn is_local(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            // 100.64.0.0/10 is the carriers' own NAT (RFC 6598).
            let shared = ip.octets()[0] == 100 && ip.octets()[1] & 0xc0 == 64;
            ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_unspecified() || shared
        }
        IpAddr::V6(ip) => {
            ip.is_loopback() || ip.is_unspecified() || ip.is_unique_local() || ip.is_unicast_link_local()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn flow(remote: &str) -> Flow {
        let local = "192.0.2.1:5060".parse().unwrap();
        Flow { transport: Transport::Udp, local, remote: remote.parse().unwrap(), connection: None }
    }

    fn message(text: String) -> Message {
        Message::parse(Bytes::from(text)).unwrap()
    }

    fn incoming(method: &str, cseq: u32, contact: &str, routes: &str) -> Message {
        message(format!(
            "{method} sip:12345@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKa\r\n\
             From: \"C\" <sip:c@example.org>;tag=theirs\r\nTo: <sip:12345@192.0.2.1>\r\nCall-ID: call\r\n\
             CSeq: {cseq} {method}\r\nContact: {contact}\r\n{routes}Content-Length: 0\r\n\r\n"
        ))
    }

    fn uas(contact: &str, routes: &str) -> Dialog {
        let invite = incoming("INVITE", 5, contact, routes);
        Dialog::uas(&invite, flow("198.51.100.7:5060"), "ours", "<sip:12345@192.0.2.1:5060>").unwrap()
    }

    fn sent(request: &Outgoing) -> Message {
        Message::parse(request.clone().first("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx").encode())
            .unwrap()
    }

    fn routes(message: &Message) -> Vec<String> {
        message.list("Route").into_iter().map(|r| String::from_utf8_lossy(r).into_owned()).collect()
    }

    #[test]
    fn the_answering_side_sends_requests_the_other_way_round() {
        let mut dialog = uas("<sip:c@198.51.100.7:5070>", "");
        let bye = sent(&dialog.request(Method::Bye));
        assert_eq!(bye.uri(), b"sip:c@198.51.100.7:5070");
        assert_eq!((bye.from_tag(), bye.to_tag(), bye.call_id()), (Some("ours"), Some("theirs"), "call"));
        assert_eq!((bye.cseq().0, bye.header("Max-Forwards")), (1, Some(&b"70"[..])));
        assert!(bye.contact().is_none());
        assert_eq!(
            sent(&dialog.request(Method::Update)).contact().unwrap().uri(),
            b"sip:12345@192.0.2.1:5060"
        );
        assert_eq!(sent(&dialog.request(Method::Bye)).cseq().0, 3);
    }

    #[test]
    fn the_uac_reverses_the_record_route_and_acks_with_the_invites_cseq() {
        let invite = Outgoing::request(Method::Invite, "sip:1001@198.51.100.7")
            .with("From", "<sip:h@192.0.2.1>;tag=ours")
            .with("To", "<sip:1001@198.51.100.7>")
            .with("Call-ID", "call")
            .with("CSeq", "9 INVITE")
            .with("Contact", "<sip:h@192.0.2.1>");
        let ok = message(
            "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx\r\nFrom: <sip:h@192.0.2.1>;tag=ours\r\n\
             To: <sip:1001@198.51.100.7>;tag=theirs\r\nCall-ID: call\r\nCSeq: 9 INVITE\r\n\
             Record-Route: <sip:203.0.113.2;lr>, <sip:203.0.113.1:5080;lr>\r\nContact: <sip:1001@10.0.0.5>\r\n\
             Content-Length: 0\r\n\r\n"
                .into(),
        );
        let mut dialog = Dialog::uac(&invite, flow("203.0.113.1:5080"), &ok).unwrap();
        let ack = sent(&dialog.ack(9));
        assert_eq!((ack.cseq(), ack.uri()), ((9, &Method::Ack), &b"sip:1001@10.0.0.5"[..]));
        assert_eq!(routes(&ack), ["<sip:203.0.113.1:5080;lr>", "<sip:203.0.113.2;lr>"]);
        assert_eq!(dialog.flow().remote, "203.0.113.1:5080".parse().unwrap());
        assert_eq!(sent(&dialog.request(Method::Bye)).cseq().0, 10);
    }

    #[test]
    fn a_strict_router_takes_the_request_uri_and_the_target_goes_last() {
        let mut dialog =
            uas("<sip:c@198.51.100.7>", "Record-Route: <sip:203.0.113.1>, <sip:203.0.113.2;lr>\r\n");
        let bye = sent(&dialog.request(Method::Bye));
        assert_eq!(bye.uri(), b"sip:203.0.113.1");
        assert_eq!(routes(&bye), ["<sip:203.0.113.2;lr>", "<sip:c@198.51.100.7>"]);
    }

    #[test]
    fn requests_go_to_the_address_of_the_target_with_its_transport() {
        let to = |contact: &str| {
            let flow = uas(contact, "").flow();
            (flow.transport, flow.remote.to_string())
        };
        assert_eq!(to("<sip:c@198.51.100.7:5070>"), (Transport::Udp, "198.51.100.7:5070".into()));
        assert_eq!(to("<sip:c@203.0.113.77;transport=TCP>"), (Transport::Tcp, "203.0.113.77:5060".into()));
        assert_eq!(to("<sip:c@pbx.example.org>"), (Transport::Udp, "198.51.100.7:5060".into()));
    }

    #[test]
    fn a_target_only_the_peers_own_network_knows_is_reached_the_way_it_came() {
        for contact in
            ["<sip:c@192.168.1.9:5070>", "<sip:c@127.0.0.1>", "<sip:c@0.0.0.0>", "<sip:c@100.64.0.9>"]
        {
            assert_eq!(uas(contact, "").flow().remote, "198.51.100.7:5060".parse().unwrap(), "{contact}");
        }
        assert_eq!(uas("<sip:c@[2001:db8::9]>", "").flow().remote, "198.51.100.7:5060".parse().unwrap());
    }

    #[test]
    fn a_cseq_that_falls_is_refused_500_and_a_late_copy_of_a_re_invite_too() {
        let mut dialog = uas("<sip:c@198.51.100.7>", "");
        assert_eq!(
            dialog.receive(&incoming("BYE", 4, "<sip:c@198.51.100.7>", "")),
            Err(Status::SERVER_INTERNAL_ERROR)
        );
        assert_eq!(
            dialog.receive(&incoming("INVITE", 5, "<sip:c@198.51.100.7>", "")),
            Err(Status::SERVER_INTERNAL_ERROR)
        );
        assert_eq!(dialog.receive(&incoming("INFO", 8, "<sip:c@198.51.100.7>", "")), Ok(()));
        assert_eq!(
            dialog.receive(&incoming("UPDATE", 7, "<sip:c@198.51.100.7>", "")),
            Err(Status::SERVER_INTERNAL_ERROR)
        );
    }

    #[test]
    fn a_bye_whose_sender_does_not_count_still_ends_the_call() {
        let mut dialog = uas("<sip:c@198.51.100.7>", "");
        assert_eq!(dialog.receive(&incoming("BYE", 5, "<sip:c@198.51.100.7>", "")), Ok(()));
    }

    #[test]
    fn an_accepted_re_invite_moves_the_target_and_an_info_does_not() {
        let mut dialog = uas("<sip:c@198.51.100.7>", "");
        let mut takes = |method, cseq, contact, accepts| {
            let request = incoming(method, cseq, contact, "");
            dialog.receive(&request).unwrap();
            if accepts {
                dialog.accepts(&request);
            }
            dialog.request(Method::Bye).uri().to_vec()
        };
        assert_eq!(takes("INFO", 6, "<sip:c@198.51.100.7:1>", true), b"sip:c@198.51.100.7");
        assert_eq!(takes("INVITE", 7, "<sip:c@198.51.100.7:2>", false), b"sip:c@198.51.100.7");
        assert_eq!(takes("INVITE", 8, "<sip:c@198.51.100.7:2>", true), b"sip:c@198.51.100.7:2");
    }

    #[test]
    fn the_headers_a_peer_writes_into_its_contact_stand_in_no_request() {
        let mut dialog = uas("<sip:c@198.51.100.7;x=1?Route=%3Csip:203.0.113.66%3E>", "");
        assert_eq!(dialog.request(Method::Bye).uri(), b"sip:c@198.51.100.7;x=1");
        dialog.accepts(&incoming("INVITE", 7, "<sip:c@198.51.100.7:2?Subject=x>", ""));
        assert_eq!(dialog.request(Method::Bye).uri(), b"sip:c@198.51.100.7:2");
    }

    #[test]
    fn a_request_with_another_tag_or_call_id_is_no_part_of_the_dialog() {
        let mut dialog = uas("<sip:c@198.51.100.7>", "");
        let other = incoming("BYE", 6, "<sip:c@198.51.100.7>", "");
        let text = String::from_utf8(other.bytes().to_vec()).unwrap();
        assert_eq!(
            dialog.receive(&message(text.replace("tag=theirs", "tag=others"))),
            Err(Status::NO_SUCH_CALL)
        );
        assert_eq!(
            dialog.receive(&message(text.replace("Call-ID: call", "Call-ID: other"))),
            Err(Status::NO_SUCH_CALL)
        );
    }

    #[test]
    fn an_rfc_2543_peer_without_a_tag_gets_none_back() {
        let text = incoming("INVITE", 5, "<sip:c@198.51.100.7>", "");
        let text = String::from_utf8(text.bytes().to_vec()).unwrap().replace(";tag=theirs", "");
        let invite = message(text);
        let mut dialog =
            Dialog::uas(&invite, flow("198.51.100.7:5060"), "ours", "<sip:x@192.0.2.1>").unwrap();
        assert_eq!(sent(&dialog.request(Method::Bye)).to_tag(), None);
    }

    #[test]
    fn an_invite_without_a_contact_begins_no_dialog() {
        let invite = incoming("INVITE", 5, "*", "");
        assert!(Dialog::uas(&invite, flow("198.51.100.7:5060"), "ours", "<sip:x@192.0.2.1>").is_none());
    }

    #[test]
    fn a_registered_phone_is_reached_by_its_path_and_moves_with_it() {
        for contact in ["<sip:1001@192.168.1.5>", "<sip:1001@198.51.100.7:6999>", "<sip:1001@203.0.113.9>"] {
            let mut dialog = uas(contact, "").going(Inside::ByFlow);
            assert_eq!(dialog.flow().remote, "198.51.100.7:5060".parse().unwrap(), "{contact}");
            dialog.came_by(flow("198.51.100.7:40001"));
            assert_eq!(
                dialog.flow().remote,
                "198.51.100.7:40001".parse().unwrap(),
                "a new address at its NAT"
            );
        }
        let proxied = uas("<sip:1001@192.168.1.5>", "Record-Route: <sip:203.0.113.1:5080;lr>\r\n");
        let next = proxied.going(Inside::ByFlow).flow().remote;
        assert_eq!(next, "203.0.113.1:5080".parse().unwrap(), "a route says so");
        let mut trunk = uas("<sip:c@198.51.100.7:6999>", "");
        trunk.came_by(flow("198.51.100.7:40001"));
        assert_eq!(
            trunk.flow().remote,
            "198.51.100.7:6999".parse().unwrap(),
            "a trunk is where its Contact says"
        );
    }
}
