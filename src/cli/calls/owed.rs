//! `hotline calls --callback-due`: the numbers that are owed a call.

use super::super::contract::{Gateway, refused};
use super::{dash, moment, table};
use crate::event::wire::{json, v1};
use crate::redact::masked_number;
use prost::Message;
use std::io::{ErrorKind, Write};
use v1::callback_service_client::CallbackServiceClient;

/// How much of the list, and how.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shown {
    pub(super) limit: usize,
    pub(super) json: bool,
    pub(super) numbers: bool,
}

/// What the gateway said: entries, and how much there is altogether.
#[derive(Debug, Default)]
struct Owed {
    callbacks: Vec<v1::OwedCallback>,
    total: u64,
    overdue: u64,
    withheld: u64,
}

/// Prints the list.
pub(super) async fn run(gateway: &Gateway, shown: Shown) -> Result<(), String> {
    let owed = fetch(gateway, shown.limit).await?;
    let mut out = std::io::stdout().lock();
    match print(&owed, shown, &mut out) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => Err(format!("cannot write: {e}")),
        _ => Ok(()),
    }
}

async fn fetch(gateway: &Gateway, limit: usize) -> Result<Owed, String> {
    let mut client = CallbackServiceClient::new(gateway.connect().await?);
    let mut owed = Owed::default();
    let mut page_token = String::new();
    loop {
        let page_size = u32::try_from(limit - owed.callbacks.len()).unwrap_or(u32::MAX);
        let page = client.list_callbacks(v1::ListCallbacksRequest { page_size, page_token });
        let page = page.await.map_err(|s| refused(&s))?.into_inner();
        (owed.total, owed.overdue, owed.withheld) = (page.total, page.overdue, page.withheld_24h);
        owed.callbacks.extend(page.callbacks);
        owed.callbacks.truncate(limit);
        page_token = page.next_page_token;
        if page_token.is_empty() || owed.callbacks.len() >= limit {
            return Ok(owed);
        }
    }
}

fn print(owed: &Owed, shown: Shown, out: &mut impl Write) -> std::io::Result<()> {
    if shown.json {
        for callback in &owed.callbacks {
            let text = json("OwedCallback", &callback.encode_to_vec()).map_err(std::io::Error::other)?;
            writeln!(out, "{text}")?;
        }
        return Ok(());
    }
    let head = ["DUE (UTC)", "NUMBER", "CALLS", "ATTEMPTS", "REASON", "SINCE", "LAST CALL", "SERVICE", "ID"];
    table(head, owed.callbacks.iter().map(|c| row(c, shown.numbers)).collect(), out)?;
    let Owed { total, overdue, withheld, .. } = owed;
    writeln!(out, "numbers owed a call: {total}, of them overdue: {overdue}")?;
    writeln!(
        out,
        "calls of withheld numbers that came to nothing in the last 24 h: {withheld}; they are on no list"
    )
}

fn row(c: &v1::OwedCallback, numbers: bool) -> [String; 9] {
    let number = if numbers { c.number.clone() } else { masked_number(&c.number) };
    [
        moment(c.due_at),
        dash(number),
        c.calls.to_string(),
        c.attempts.to_string(),
        c.reason.replace('_', " "),
        moment(c.since),
        moment(c.last_called_at),
        dash(c.service_number.clone()),
        c.callback_id.clone(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(json: bool, numbers: bool) -> String {
        let at = |seconds: i64| Some(prost_types::Timestamp { seconds: 1_772_352_000 + seconds, nanos: 5 });
        let callback = v1::OwedCallback {
            callback_id: "01890a5d-ac96-774b-bcce-b302099a8057".into(),
            state: v1::CallbackState::Due.into(),
            number: "+8613812341234".into(),
            reason: "queue_full".into(),
            since: at(0),
            last_called_at: at(60),
            due_at: at(3660),
            attempts: 1,
            calls: 3,
            last_call_id: "01890a5d-ac96-774b-bcce-b302099a8058".into(),
            service_number: "12345".into(),
            queue: "heating".into(),
        };
        let owed = Owed { callbacks: vec![callback], total: 140, overdue: 20, withheld: 7 };
        let mut out = Vec::new();
        print(&owed, Shown { limit: 20, json, numbers }, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_line_shows_who_is_owed_a_call_until_when_and_why() {
        let text = printed(false, false);
        let lines: Vec<_> = text.lines().collect();
        assert!(lines[1].starts_with("2026-03-01 09:01:00  +86*******1234  3"), "{text}");
        for word in ["queue full", "2026-03-01 08:00:00", "2026-03-01 08:01:00", "12345", "-ac96-"] {
            assert!(lines[1].contains(word), "{word}: {text}");
        }
        assert_eq!(lines[2], "numbers owed a call: 140, of them overdue: 20");
        assert!(lines[3].ends_with("24 h: 7; they are on no list"), "{text}");
        assert!(!text.contains("13812341234") && printed(false, true).contains("+8613812341234"));
    }

    #[test]
    fn a_line_of_json_has_everything_that_is_known() {
        let value: serde_json::Value = serde_json::from_str(&printed(true, false)).unwrap();
        assert_eq!(value["number"], "+8613812341234");
        assert_eq!((&value["calls"], &value["attempts"]), (&3.into(), &1.into()));
    }
}
