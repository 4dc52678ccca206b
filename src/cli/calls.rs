//! `hotline calls`: the records of a running gateway, as a table for people or as lines of JSON.

mod owed;

use super::contract::{Gateway, refused};
use crate::event::wire::{json, v1};
use crate::redact::masked_number;
use prost::Message;
use std::io::{ErrorKind, Write};
use v1::call_record_service_client::CallRecordServiceClient;

/// Which records.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(flatten)]
    gateway: Gateway,
    /// Only this call, live ones too.
    call: Option<String>,
    /// At most this many, the newest first.
    #[arg(long, short = 'n', default_value_t = 20)]
    limit: usize,
    /// Only calls of this queue.
    #[arg(long)]
    queue: Option<String>,
    /// Only calls this seat took.
    #[arg(long)]
    seat: Option<String>,
    /// Only calls of this number.
    #[arg(long)]
    caller: Option<String>,
    /// The numbers that are owed a call, one line each, the one to be called first before the others.
    #[arg(long, conflicts_with_all = ["call", "queue", "seat", "caller", "since"])]
    callback_due: bool,
    /// Only calls whose record changed at or after this time, such as 2026-03-01T08:00:00Z.
    #[arg(long, value_name = "TIME")]
    since: Option<prost_types::Timestamp>,
    /// One line of JSON a record, with everything that is known.
    #[arg(long)]
    json: bool,
    /// Show callers' numbers in full in the table.
    #[arg(long)]
    numbers: bool,
}

/// Prints the records.
pub async fn run(args: Args) -> Result<(), String> {
    if args.callback_due {
        let shown = owed::Shown { limit: args.limit, json: args.json, numbers: args.numbers };
        return owed::run(&args.gateway, shown).await;
    }
    let records = fetch(&args).await?;
    let mut out = std::io::stdout().lock();
    match print(&args, &records, &mut out) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => Err(format!("cannot write: {e}")),
        _ => Ok(()),
    }
}

async fn fetch(args: &Args) -> Result<Vec<v1::CallRecord>, String> {
    let mut client = CallRecordServiceClient::new(args.gateway.connect().await?);
    if let Some(call) = &args.call {
        let asked = v1::GetCallRecordRequest { call_id: call.clone() };
        let got = client.get_call_record(asked).await.map_err(|s| refused(&s))?;
        return Ok(got.into_inner().record.into_iter().collect());
    }
    let text = |t: &Option<String>| t.clone().unwrap_or_default();
    let filter = v1::CallRecordFilter {
        queue: text(&args.queue),
        seat: text(&args.seat),
        caller: text(&args.caller),
        ..Default::default()
    };
    let mut records = Vec::new();
    let mut page_token = String::new();
    while records.len() < args.limit {
        let page = client.list_call_records(v1::ListCallRecordsRequest {
            filter: Some(filter.clone()),
            updated_since: args.since,
            page_size: u32::try_from(args.limit - records.len()).unwrap_or(u32::MAX),
            page_token,
            newest_first: true,
        });
        let page = page.await.map_err(|s| refused(&s))?.into_inner();
        records.extend(page.records);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    Ok(records)
}

fn print(args: &Args, records: &[v1::CallRecord], out: &mut impl Write) -> std::io::Result<()> {
    if args.json {
        for record in records {
            let text = json("CallRecord", &record.encode_to_vec()).map_err(std::io::Error::other)?;
            writeln!(out, "{text}")?;
        }
        return Ok(());
    }
    let head =
        ["RECEIVED (UTC)", "CALL", "CALLER", "SERVICE", "QUEUE", "SEAT", "STATE", "WAITED", "TALKED", "END"];
    let rows = records.iter().map(|r| row(r, args.numbers)).collect();
    table(head, rows, out)
}

/// Rows below their heads, each column as wide as it must be.
fn table<const N: usize>(
    head: [&str; N],
    rows: Vec<[String; N]>,
    out: &mut impl Write,
) -> std::io::Result<()> {
    let rows: Vec<[String; N]> = std::iter::once(head.map(str::to_owned)).chain(rows).collect();
    let mut widths = [0; N];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    for row in &rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            line.push_str(&format!("{cell:<width$}  "));
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

fn row(r: &v1::CallRecord, numbers: bool) -> [String; 10] {
    let queue = r.queue_visits.last().map(|v| v.queue.clone());
    let word = |name: &str, list: &str| name.trim_start_matches(list).to_ascii_lowercase().replace('_', " ");
    let end = match (&r.ended, &r.refused) {
        (Some(e), _) => word(e.reason().as_str_name(), "END_REASON_"),
        (None, Some(refused)) => word(refused.reason().as_str_name(), "REFUSAL_REASON_"),
        (None, None) => String::new(),
    };
    [
        moment(r.received_at),
        r.call_id.clone(),
        caller(r.caller.as_ref(), numbers),
        r.service_number.clone(),
        dash(queue.unwrap_or_default()),
        dash(r.seat.clone()),
        word(r.state().as_str_name(), "CALL_STATE_"),
        seconds(r.waited),
        seconds(r.talked),
        dash(end),
    ]
}

fn caller(caller: Option<&v1::Caller>, numbers: bool) -> String {
    let Some(caller) = caller.filter(|c| !c.withheld) else { return "withheld".to_owned() };
    let number = caller.e164.as_ref().unwrap_or(&caller.raw);
    if numbers { number.clone() } else { masked_number(number) }
}

/// `2026-03-01 08:00:00`, UTC.
fn moment(at: Option<prost_types::Timestamp>) -> String {
    let whole = at.map(|t| prost_types::Timestamp { nanos: 0, ..t }.to_string()).unwrap_or_default();
    whole.replace('T', " ").trim_end_matches('Z').to_owned()
}

fn dash(text: String) -> String {
    if text.is_empty() { "-".to_owned() } else { text }
}

/// `1:05`, minutes and seconds.
fn seconds(d: Option<prost_types::Duration>) -> String {
    let s = d.map_or(0, |d| d.seconds);
    format!("{}:{:02}", s / 60, s % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::CallRecord;
    use crate::event::wire::{record_message, samples};

    fn args(json: bool) -> Args {
        Args {
            gateway: Gateway::at("127.0.0.1:1".parse().unwrap(), "none".into()),
            call: None,
            limit: 20,
            queue: None,
            seat: None,
            caller: None,
            callback_due: false,
            since: None,
            json,
            numbers: false,
        }
    }

    fn printed(json: bool) -> String {
        let record = CallRecord::from_events(&samples::whole_call(1, 1)).unwrap();
        let mut out = Vec::new();
        print(&args(json), &[record_message(&record)], &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_table_has_a_line_a_call_and_hides_the_number() {
        let text = printed(false);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 2);
        assert!(lines[1].starts_with("2026-03-01 08:00:00"), "{text}");
        for word in ["heating", "1001", "ended", "completed", "0:09"] {
            assert!(lines[1].contains(word), "{word}: {text}");
        }
        assert!(!text.contains("13812341234"), "{text}");
    }

    #[test]
    fn json_has_everything() {
        let value: serde_json::Value = serde_json::from_str(&printed(true)).unwrap();
        assert_eq!(value["caller"]["e164"], "+8613812341234");
        assert_eq!(value["final"], true);
    }
}
