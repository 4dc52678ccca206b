//! The figures of each trunk, as JSON and in the Prometheus text format.

use crate::event::RefusalReason;
use crate::gateway::TrunkCounts;
use std::fmt::Write as _;

/// The value of `"trunks"` on the health page.
pub(super) fn json(trunks: &[TrunkCounts]) -> String {
    let entries = trunks.iter().map(|t| {
        let refused: serde_json::Map<_, _> =
            t.refused.iter().map(|(reason, n)| (name(*reason).to_owned(), (*n).into())).collect();
        serde_json::json!({
            "trunk": t.name.as_str(),
            "channels": t.channels,
            "in_use": t.in_use,
            "reachable": t.reachable,
            "registered": t.registered,
            "refused": refused,
        })
    });
    serde_json::Value::from_iter(entries).to_string()
}

/// Lines for `/metrics`. What is not known of a trunk has no line.
pub(super) fn metrics(trunks: &[TrunkCounts]) -> String {
    let mut text = String::new();
    let truth = |known: Option<bool>| known.map(u64::from);
    let most = "Calls a trunk may have at one time";
    write_gauge(&mut text, "trunk_channels", most, trunks, |t| Some(t.channels.into()));
    let now = "Calls a trunk has now";
    write_gauge(&mut text, "trunk_channels_in_use", now, trunks, |t| Some(t.in_use.into()));
    write_gauge(&mut text, "trunk_reachable", "Whether a trunk answers us", trunks, |t| truth(t.reachable));
    let registered = "Whether a carrier knows us by registration";
    write_gauge(&mut text, "trunk_registered", registered, trunks, |t| truth(t.registered));
    head(&mut text, "trunk_refused_total", "counter", "Calls of a trunk refused with a record, by reason");
    for t in trunks {
        for (reason, n) in &t.refused {
            let (trunk, reason) = (label(t), name(*reason));
            let _ =
                writeln!(text, "hotline_trunk_refused_total{{trunk=\"{trunk}\",reason=\"{reason}\"}} {n}");
        }
    }
    text
}

fn write_gauge(
    text: &mut String,
    gauge: &str,
    help: &str,
    trunks: &[TrunkCounts],
    value: impl Fn(&TrunkCounts) -> Option<u64>,
) {
    head(text, gauge, "gauge", help);
    for t in trunks {
        if let Some(value) = value(t) {
            let _ = writeln!(text, "hotline_{gauge}{{trunk=\"{}\"}} {value}", label(t));
        }
    }
}

fn head(text: &mut String, figure: &str, kind: &str, help: &str) {
    let _ = writeln!(text, "# HELP hotline_{figure} {help}\n# TYPE hotline_{figure} {kind}");
}

/// A name as a label's value; it has no control characters.
fn label(trunk: &TrunkCounts) -> String {
    trunk.name.as_str().replace('\\', "\\\\").replace('"', "\\\"")
}

fn name(reason: RefusalReason) -> &'static str {
    match reason {
        RefusalReason::NoChannel => "no_channel",
        RefusalReason::QueueFull => "queue_full",
        RefusalReason::Closed => "closed",
        RefusalReason::Blocked => "blocked",
        RefusalReason::Overload => "overload",
        RefusalReason::Draining => "draining",
        RefusalReason::UnknownService => "unknown_service",
        RefusalReason::BadMedia => "bad_media",
        RefusalReason::BadRequest => "bad_request",
        RefusalReason::Internal => "internal",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trunk() -> TrunkCounts {
        TrunkCounts {
            name: "the \"pbx\"".into(),
            channels: 30,
            in_use: 7,
            reachable: Some(false),
            registered: None,
            refused: vec![(RefusalReason::NoChannel, 3)],
        }
    }

    #[test]
    fn the_figures_of_a_trunk_carry_its_name() {
        let text = metrics(&[trunk()]);
        for line in [
            "hotline_trunk_channels{trunk=\"the \\\"pbx\\\"\"} 30",
            "hotline_trunk_channels_in_use{trunk=\"the \\\"pbx\\\"\"} 7",
            "hotline_trunk_reachable{trunk=\"the \\\"pbx\\\"\"} 0",
            "hotline_trunk_refused_total{trunk=\"the \\\"pbx\\\"\",reason=\"no_channel\"} 3",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
        }
        assert!(!text.contains("hotline_trunk_registered{"), "{text}");
    }

    #[test]
    fn the_health_page_has_them_as_json() {
        let read: serde_json::Value = serde_json::from_str(&json(&[trunk()])).unwrap();
        assert_eq!(read[0]["trunk"], "the \"pbx\"");
        assert_eq!(
            (&read[0]["reachable"], &read[0]["registered"]),
            (&false.into(), &serde_json::Value::Null)
        );
        assert_eq!(read[0]["refused"]["no_channel"], 3);
    }
}
