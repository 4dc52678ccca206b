//! The figures of each trunk, as JSON and in the Prometheus text format.

use super::exposition::Exposition;
use crate::gateway::TrunkCounts;

/// The value of `"trunks"` on the health page.
pub(super) fn json(trunks: &[TrunkCounts]) -> String {
    let entries = trunks.iter().map(|t| {
        let refused: serde_json::Map<_, _> =
            t.refused.iter().map(|(reason, n)| (reason.word().to_owned(), (*n).into())).collect();
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
pub(super) fn metrics(out: &mut Exposition, trunks: &[TrunkCounts]) {
    let mut gauge = |name: &str, help: &str, value: &dyn Fn(&TrunkCounts) -> Option<u64>| {
        out.family(name, "gauge", help);
        for trunk in trunks {
            if let Some(value) = value(trunk) {
                out.figure(name, &[("trunk", trunk.name.as_str())], value);
            }
        }
    };
    let truth = |known: Option<bool>| known.map(u64::from);
    gauge("hotline_trunk_channels", "Calls a trunk may have at one time", &|t| Some(t.channels.into()));
    gauge("hotline_trunk_channels_in_use", "Calls a trunk has now", &|t| Some(t.in_use.into()));
    gauge("hotline_trunk_reachable", "Whether a trunk answers us", &|t| truth(t.reachable));
    gauge("hotline_trunk_registered", "Whether a carrier knows us by registration", &|t| truth(t.registered));
    let name = "hotline_trunk_refused_total";
    out.family(name, "counter", "Calls of a trunk refused with a record, by reason");
    for trunk in trunks {
        for (reason, n) in &trunk.refused {
            out.figure(name, &[("trunk", trunk.name.as_str()), ("reason", reason.word())], n);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::RefusalReason;

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
        let mut out = Exposition::default();
        metrics(&mut out, &[trunk()]);
        let text = out.text();
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
