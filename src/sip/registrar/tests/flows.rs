//! Several flows of one phone (RFC 5626), and phones behind proxies (RFC 3327).

use super::*;

/// A phone that keeps its flows; `line` is its reg-id.
fn outbound(remote: &str, line: u32) -> Phone {
    let contact = format!("<sip:1001@10.0.0.7;ob>;+sip.instance=\"<urn:uuid:1>\";reg-id={line}");
    Phone { contact, ..phone("1001", remote) }
}

const OUTBOUND: &str = "Supported: path, outbound\r\n";

impl Office {
    fn registers_with(&mut self, phone: &mut Phone, more: &str) -> Outgoing {
        let asked = self.receive(phone.flow, &phone.clone().request(more)).response.unwrap();
        phone.cseq += 1;
        let proof = phone.answer(&challenges(&asked)[0], 1);
        let request = phone.request(&format!("{proof}{more}"));
        self.receive(phone.flow, &request).response.unwrap()
    }

    fn flows_of(&self, seat: &str) -> Vec<u16> {
        self.registrar.bindings(&seat.into()).iter().map(|b| b.flow.remote.port()).collect()
    }
}

#[test]
fn each_flow_of_a_phone_is_kept_and_a_new_one_replaces_only_its_own() {
    let mut o = office();
    let done = o.registers_with(&mut outbound("203.0.113.5:1", 1), OUTBOUND);
    assert_eq!(done.get("Require"), Some(&b"outbound"[..]));
    assert_eq!(done.get("Flow-Timer"), Some(&b"120"[..]));
    o.registers_with(&mut outbound("203.0.113.5:2", 2), OUTBOUND);
    assert_eq!(o.flows_of("1001"), [1, 2]);
    o.registers_with(&mut outbound("203.0.113.5:3", 1), OUTBOUND);
    assert_eq!(o.flows_of("1001"), [2, 3]);
    let phones: Vec<_> = o.registrar.bindings(&"1001".into()).iter().map(|b| b.phone()).collect();
    assert_eq!(phones, [Some("<urn:uuid:1>"); 2]);
    o.registrar.flow_closed(flow("203.0.113.5:2"));
    assert_eq!(o.flows_of("1001"), [3]);
}

#[test]
fn a_phone_that_does_not_ask_for_outbound_is_not_promised_it() {
    let mut o = office();
    let done = o.registers_with(&mut outbound("203.0.113.5:1", 1), "");
    assert_eq!((done.status(), done.get("Require"), done.get("Flow-Timer")), (Some(Status::OK), None, None));
}

#[test]
fn outbound_through_a_proxy_that_does_not_know_it_is_439() {
    let mut o = office();
    for (more, status) in [
        ("Via: SIP/2.0/UDP 10.0.0.7;branch=z9hG4bKp\r\n", 439),
        ("Path: <sip:203.0.113.5;lr>\r\n", 439),
        ("Path: <sip:203.0.113.5;lr;ob>\r\n", 200),
    ] {
        let done = o.registers_with(&mut outbound("203.0.113.5:5060", 1), &format!("{OUTBOUND}{more}"));
        assert_eq!(done.status(), Status::new(status), "{more}");
    }
}

#[test]
fn a_path_is_kept_and_used_when_it_leads_to_the_registers_source() {
    let mut o = office();
    let mut p = phone("1001", "203.0.113.5:5060");
    let path = "Path: <sip:203.0.113.5;lr>, <sip:edge.example;lr>\r\n";
    let done = o.registers_with(&mut p, &format!("Supported: path\r\n{path}"));
    assert_eq!(done.all("Path").count(), 2);
    let kept = o.registrar.bindings(&"1001".into())[0].path.clone();
    assert_eq!(kept, ["<sip:203.0.113.5;lr>".into(), "<sip:edge.example;lr>".into()]);
    assert_eq!(o.registers_with(&mut p, path).all("Path").count(), 0, "not to a phone that did not ask");
    let done = o.registers_with(&mut p, "Supported: path\r\nPath: <sip:198.51.100.66;lr>\r\n");
    assert_eq!((done.status(), done.all("Path").count()), (Some(Status::OK), 0));
    assert!(o.registrar.bindings(&"1001".into())[0].path.is_empty(), "calls cannot be sent elsewhere");
}

#[test]
fn two_flows_at_once_and_a_path_without_end_are_400() {
    let mut o = office();
    let mut p = outbound("203.0.113.5:1", 1);
    p.contact = format!("{0}, {0}", p.contact).replacen("reg-id=1", "reg-id=2", 1);
    assert_eq!(o.registers_with(&mut p, OUTBOUND).status(), Some(Status::BAD_REQUEST));
    let long = format!("Path: {}\r\n", ["<sip:203.0.113.5;lr>"; 5].join(", "));
    assert_eq!(
        o.registers_with(&mut phone("1001", "203.0.113.5:1"), &long).status(),
        Some(Status::BAD_REQUEST)
    );
}

#[test]
fn a_weight_is_told_back() {
    let mut o = office();
    let mut p = phone("1001", "203.0.113.5:5060");
    p.contact = "<sip:1001@203.0.113.5>;q=0.7".into();
    assert_eq!(contacts(&o.registers_with(&mut p, "")), ["<sip:1001@203.0.113.5>;expires=600;q=0.7"]);
}
