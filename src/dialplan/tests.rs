//! What is dialled, and what it means.

use super::{Callee, Directory, FeatureCode, FeatureCodes};
use crate::acd::AwayReason;
use crate::config::Config;
use crate::time::Wall;

const TEXT: &str = r#"
    [[trunk]]
    name = "city"
    sources = ["192.0.2.1"]
    targets = ["sip:192.0.2.1"]
    [[seat]]
    id = "1001"
    [[seat]]
    id = "1002"
    dial_out = true
    [[queue]]
    name = "heat"
    code = "3"
    [[service]]
    number = "12345"
    queue = "heat"
    [dial]
    trunk = "city"
    [[department]]
    name = "Water Bureau"
    code = "601"
    numbers = ["010-6123 0001", "010-61230002"]
    hours = "Mon-Fri 08:30-17:30"
    night = "110"
    [[department]]
    name = "供水"
    code = "602"
    numbers = ["010-61230003"]
"#;

fn config() -> Config {
    Config::parse("test.toml", TEXT).unwrap_or_else(|e| panic!("{e}"))
}

fn directory() -> Directory {
    Directory::new(&config())
}

/// Monday 2 March 2026, 10:00 and 20:00 in Beijing.
const DAY: Wall = Wall(1_772_416_800_000_000_000);
const EVENING: Wall = Wall(1_772_452_800_000_000_000);

fn numbers(callee: Callee) -> Vec<String> {
    match callee {
        Callee::Outside { numbers, .. } => numbers,
        other @ (Callee::Seat(_) | Callee::Barred | Callee::Unassigned) => panic!("{other:?}"),
    }
}

#[test]
fn a_feature_code_is_read_and_what_only_begins_like_one_is_unassigned() {
    let codes = FeatureCodes::new(&config());
    assert_eq!(codes.read("*10"), Some(FeatureCode::SignIn(None)));
    assert_eq!(codes.read("*10*8007"), Some(FeatureCode::SignIn(Some("8007".into()))));
    assert_eq!(codes.read("*11"), Some(FeatureCode::SignOut));
    assert_eq!(codes.read("*12"), Some(FeatureCode::Ready));
    assert_eq!(codes.read("*13"), Some(FeatureCode::NotReady(AwayReason::Unnamed)));
    assert_eq!(codes.read("*132"), Some(FeatureCode::NotReady(AwayReason::Meal)));
    assert_eq!(codes.read("*8"), Some(FeatureCode::PickUp(None)));
    assert_eq!(codes.read("*83"), Some(FeatureCode::PickUp(Some("heat".into()))));
    for unassigned in ["*10*", "*108007", "*10*80070000000000000", "*139", "*1312", "*84"] {
        assert_eq!(codes.read(unassigned), Some(FeatureCode::Unassigned), "{unassigned}");
    }
    for other in ["601", "", "*", "*110", "*120"] {
        assert_eq!(codes.read(other), None, "{other}");
    }
}

#[test]
fn a_department_is_found_by_code_by_name_and_by_number() {
    let d = directory();
    for dialled in ["601", "water bureau", "WATER BUREAU", "01061230001", "010-61230002"] {
        let callee = d.callee(&"1001".into(), dialled, DAY);
        assert_eq!(numbers(callee), ["01061230001", "01061230002"], "{dialled}");
    }
    assert_eq!(numbers(d.callee(&"1001".into(), "供水", DAY)), ["01061230003"]);
    assert_eq!(numbers(d.callee(&"1001".into(), "601", EVENING)), ["110"]);
}

#[test]
fn a_number_outside_is_for_seats_that_may_dial_out() {
    let d = directory();
    assert_eq!(d.callee(&"1001".into(), "13800000000", DAY), Callee::Barred);
    assert_eq!(numbers(d.callee(&"1002".into(), "13800000000", DAY)), ["13800000000"]);
    assert_eq!(numbers(d.callee(&"1002".into(), "+86 (10) 6123.0009", DAY)), ["+861061230009"]);
    assert_eq!(d.callee(&"1001".into(), "1002", DAY), Callee::Seat("1002".into()));
    for unassigned in ["nobody", "", "+", "1".repeat(33).as_str()] {
        assert_eq!(d.callee(&"1002".into(), unassigned, DAY), Callee::Unassigned, "{unassigned}");
    }
}

#[test]
fn an_outside_callee_is_shown_the_configured_number_before_any_other() {
    let mut config = config();
    let shown = |config: &Config, dialled: Option<&str>| {
        Directory::new(config).shown_number(dialled.map(Into::into).as_ref())
    };
    assert_eq!(shown(&config, None), "12345", "the first service's");
    assert_eq!(shown(&config, Some("12319")), "12319", "the one the citizen dialled");
    config.dial.number = Some("01012345".into());
    assert_eq!(shown(&config, Some("12319")), "01012345");
}
