//! The recovery list of the real program: who is on it, also after it was killed, and what takes a number off.

use crate::programme::{Plan, Programme};
use crate::town::{self, Town};
use hotline_gateway::cli::phones::{HangUp, WhenRung};
use hotline_gateway::id::Random;
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;
use std::collections::BTreeMap;
use std::process::Command;
use tokio::time::{Duration, Instant};

/// The list is right after this long at the latest: a commit takes milliseconds.
const WITHIN: Duration = Duration::from_secs(10);

const MS: fn(u64) -> Duration = Duration::from_millis;

fn hotline(gateway: &Programme, args: &[&str]) -> Result<String, String> {
    let (address, token) = (gateway.grpc.to_string(), gateway.directory().join("api-token"));
    let token = token.to_str().expect("a path in UTF-8");
    let output = Command::new(env!("CARGO_BIN_EXE_hotline"))
        .args(args)
        .args(["--address", &address, "--token-file", token])
        .output()
        .expect("the program runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

/// The list as the command line prints it, by number: how many calls, and why.
fn list(gateway: &Programme) -> BTreeMap<String, (u64, String)> {
    let text = hotline(gateway, &["calls", "--callback-due", "--json", "-n", "1000"]).expect("a list");
    let entry = |line: &str| {
        let entry: Value = serde_json::from_str(line).expect("a line of JSON");
        let text = |key: &str| entry[key].as_str().unwrap_or_default().to_owned();
        (text("number"), (entry["calls"].as_u64().unwrap_or_default(), text("reason")))
    };
    text.lines().map(entry).collect()
}

/// Lives until the list has so many numbers.
async fn list_of(n: usize, gateway: &Programme, town: &mut Town) -> BTreeMap<String, (u64, String)> {
    let limit = Instant::now() + WITHIN;
    loop {
        let list = list(gateway);
        if list.len() == n {
            return list;
        }
        assert!(Instant::now() < limit, "{} numbers are on the list, and not {n}", list.len());
        town.live(MS(100)).await;
    }
}

fn e164(n: u32) -> String {
    format!("+86139{n:08}")
}

async fn open(name: &'static str) -> (Programme, Town) {
    let mut random = Random::from_number(7);
    let (phones, seats_at) = Town::seats(&mut random).await;
    let gateway = Programme::start(Plan {
        name,
        seats: 20,
        seats_at,
        trunk: "channels = 1000",
        queue: "ring_timeout = \"60s\"\nmax_wait = \"1h\"\ncapacity = 1000",
        limits: "",
    });
    let mut town = Town::new(phones, gateway.sip, random.fork()).await;
    (1001..=1020).for_each(|seat| town.seat(seat, WhenRung::Rings, None));
    (gateway, town)
}

#[test]
fn of_200_who_give_up_and_60_who_get_through_later_140_are_owed_a_call() {
    town::run(async {
        let (mut gateway, mut town) = open("owed").await;
        for _ in 0..200 {
            town.call("12345", HangUp::AfterAnswer(MS(400)));
            town.live(MS(10)).await;
        }
        let list = list_of(200, &gateway, &mut town).await;
        assert!(list.values().all(|entry| *entry == (1, "abandoned".to_owned())), "{list:?}");
        (1001..=1020).for_each(|seat| town.seat(seat, WhenRung::Answers(MS(20)), None));
        for n in 0..60 {
            town.call_again(n * 2, "12345", HangUp::AfterAnswer(MS(600)));
            town.live(MS(60)).await;
        }
        let owed = list_of(140, &gateway, &mut town).await;
        let expected: Vec<String> = (0..200).filter(|n| n % 2 == 1 || *n >= 120).map(e164).collect();
        assert_eq!(owed.keys().cloned().collect::<Vec<_>>(), expected);
        // One is closed by hand, and a table for people says the rest.
        hotline(&gateway, &["callback", "cancel", "139-0000 0001", "--by", "desk 3"])
            .expect("it is cancelled");
        let gone = hotline(&gateway, &["callback", "done", "13900000001"]).expect_err("it is closed");
        assert!(gone.contains("no such callback is owed"), "{gone}");
        let table = hotline(&gateway, &["calls", "--callback-due"]).expect("a table");
        assert!(table.contains("numbers owed a call: 139, of them overdue: 0"), "{table}");
        assert!(!table.contains("13900000003"), "numbers are masked: {table}");
        assert!(gateway.stop().success());
        gateway.check_log();
    });
}

#[test]
fn a_gateway_that_is_killed_owes_each_waiting_caller_a_call() {
    town::run(async {
        let (mut gateway, mut town) = open("owed-kill").await;
        for _ in 0..10 {
            town.call("12345", HangUp::AfterAnswer(MS(300)));
        }
        list_of(10, &gateway, &mut town).await;
        // Ten of those call again and wait, and ten others do, when it is killed.
        for n in 0..10 {
            town.call_again(n, "12345", HangUp::AfterAnswer(Duration::from_secs(3)));
            town.call("12345", HangUp::AfterAnswer(Duration::from_secs(3)));
        }
        // The figures are a second old at most, and the callers wait for three.
        let limit = Instant::now() + WITHIN;
        while gateway.figure("waiting") < 20 {
            assert!(Instant::now() < limit, "{} wait", gateway.figure("waiting"));
            town.live(MS(50)).await;
        }
        gateway.kill();
        gateway.start_again();
        town.live(Duration::from_secs(4)).await;
        let list = list_of(20, &gateway, &mut town).await;
        for n in 0..20 {
            let (calls, reason) = &list[&e164(n)];
            assert_eq!(*calls, if n < 10 { 2 } else { 1 }, "{n}: {list:?}");
            // A call that goes on after the kill is given up by its caller, one that does not is closed.
            assert!(["crashed", "abandoned"].contains(&reason.as_str()), "{n}: {reason}");
        }
        // The list is the same in its table, which has no number in clear, and after another kill.
        gateway.kill();
        let db = Connection::open_with_flags(gateway.store(), OpenFlags::SQLITE_OPEN_READ_ONLY)
            .expect("the store");
        let rows: i64 = db.query_row("SELECT count(*) FROM callback", [], |r| r.get(0)).expect("a count");
        assert_eq!(rows, 20);
        drop(db);
        gateway.start_again();
        assert_eq!(list_of(20, &gateway, &mut town).await, list);
        gateway.check_log();
    });
}
