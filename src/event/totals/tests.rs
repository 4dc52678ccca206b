use super::*;
use crate::event::wire::samples;
use crate::event::{EndedBy, LegRecord, MediaQuality};
use crate::id::EventId;
use crate::time::Duration;

fn totals() -> Totals {
    Totals::new(&Config::embedded())
}

fn event(what: What) -> CallEvent {
    let mut event = samples::every_kind().remove(0);
    (event.id, event.call) = (EventId::from_bytes([7; 16]), None);
    event.what = what;
    event
}

fn alarm(name: &str, subject: &str, raised: bool) -> CallEvent {
    event(What::AlarmRaised {
        alarm: name.into(),
        raised,
        reason: format!("{name} of {subject}").into(),
        subject: subject.into(),
    })
}

fn rows(totals: &Totals, counter: Counter) -> Vec<(String, u64)> {
    let all = totals.counts_of(counter).filter(|(_, n)| *n > 0);
    all.map(|(labels, n)| (labels.join(" "), n)).collect()
}

/// A call for the embedded service number, over the embedded trunk, with its record.
fn whole(change: impl Fn(&mut CallRecord)) -> CallEvent {
    let mut record = CallRecord::from_events(&samples::whole_call(1, 1)).unwrap();
    (record.revision, record.trunk) = (1, Some("pbx".into()));
    change(&mut record);
    let mut event = samples::whole_call(1, 1).pop().unwrap();
    let part = event.call.as_mut().unwrap();
    (part.summary.service_number, part.summary.queue) = ("12345".into(), Some("main".into()));
    event.what = What::CallRecordUpdated(Box::new(record));
    event
}

#[test]
fn alarms_stand_from_raised_to_cleared_each_trunk_for_itself() {
    let mut totals = totals();
    for (name, subject, raised) in [
        ("trunk_down", "city", true),
        ("trunk_down", "carrier", true),
        ("journal_slow", "", true),
        ("trunk_down", "city", false),
        ("never_raised", "", false),
    ] {
        totals.count(&alarm(name, subject, raised));
    }
    let standing: Vec<_> = totals.alarms().map(|a| (&*a.name, &*a.subject, &*a.text)).collect();
    assert_eq!(
        standing,
        [("journal_slow", "", "journal_slow of "), ("trunk_down", "carrier", "trunk_down of carrier")]
    );
}

#[test]
fn an_alarm_raised_again_stands_since_the_first_time() {
    let mut totals = totals();
    let mut again = alarm("event_parked", "", true);
    totals.count(&again);
    let since = again.at;
    again.at = Wall(since.0 + 60_000_000_000);
    again.what = What::AlarmRaised {
        alarm: "event_parked".into(),
        raised: true,
        reason: "another".into(),
        subject: "".into(),
    };
    totals.count(&again);
    assert!(totals.alarms().all(|a| (a.since, &*a.text) == (since, "another")));
    assert_eq!(totals.alarms().count(), 1);
}

#[test]
fn only_so_many_alarms_stand() {
    let mut totals = totals();
    (0..ALARMS + 5).for_each(|n| totals.count(&alarm("trunk_down", &n.to_string(), true)));
    assert_eq!(totals.alarms().count(), ALARMS);
}

#[test]
fn names_that_are_not_configured_count_as_other() {
    let mut totals = totals();
    samples::whole_call(1, 1).iter().for_each(|event| totals.count(event));
    let received = rows(&totals, Counter::Received);
    assert_eq!(received, [("other 12345".to_owned(), 1)], "its number is configured, its trunk is not");
    let connected = rows(&totals, Counter::Connected);
    assert_eq!(connected, [("other 12345".to_owned(), 1)], "nor is its queue");
    for counter in Counter::ALL {
        for (labels, _) in totals.counts_of(counter) {
            assert_eq!(labels.len(), counter.family().labels.len(), "{counter:?}");
            assert!(labels.len() <= LABELS);
        }
    }
    for timing in Timing::ALL {
        let labels = timing.family().labels;
        assert!(totals.timings_of(timing).all(|(values, _)| values.len() == labels.len()), "{timing:?}");
        assert!(timing.bounds().is_sorted(), "{timing:?}");
    }
}

#[test]
fn a_call_is_counted_once_however_often_its_record_is_revised() {
    let mut totals = totals();
    for revision in [1, 2, 3] {
        totals.count(&whole(|record| record.revision = revision));
    }
    let talks: Vec<_> = totals.timings_of(Timing::Talk).map(|(l, h)| (l.join(" "), h.count())).collect();
    assert_eq!(talks, [("main 12345".to_owned(), 1)]);
}

#[test]
fn the_abandoned_are_counted_by_how_far_they_had_come() {
    let mut totals = totals();
    let ended = |reason| {
        move |record: &mut CallRecord| {
            record.presentations.clear();
            record.ended = Some(CallEnded {
                by: EndedBy::Caller,
                reason,
                sip_code: None,
                q850: 16,
                answered_by_operator: false,
                callback_due: true,
            });
        }
    };
    totals.count(&whole(ended(EndReason::Cancelled)));
    totals.count(&whole(ended(EndReason::Abandoned)));
    let mut ringing = CallRecord::from_events(&samples::whole_call(1, 1)).unwrap();
    let mut offer = ringing.presentations.remove(0);
    offer.ended = Some((PresentationResult::CallerGone, Duration::from_secs(3), None));
    totals.count(&whole(|record| {
        ended(EndReason::Abandoned)(record);
        record.presentations = vec![offer.clone()];
    }));
    // A seat that gives up its own call is no citizen lost.
    totals.count(&whole(|record| {
        ended(EndReason::Cancelled)(record);
        record.direction = Direction::Outbound;
    }));
    let expected = ["main 12345 before_answer", "main 12345 ringing", "main 12345 waiting"];
    assert_eq!(rows(&totals, Counter::Abandoned), expected.map(|labels| (labels.to_owned(), 1)));
}

#[test]
fn lost_packets_are_those_of_the_trunk_the_caller_came_by() {
    let mut totals = totals();
    let quality =
        MediaQuality { received: 90, lost: 10, jitter: Duration::from_millis(7), ..Default::default() };
    let leg = |n, role| LegRecord {
        leg: crate::id::LegId::from_bytes([n; 16]),
        role,
        quality: Some(quality.clone()),
    };
    totals.count(&whole(|record| record.legs = vec![leg(1, LegRole::Caller), leg(2, LegRole::Seat)]));
    totals.count(&whole(|record| {
        record.direction = Direction::Outbound;
        record.legs = vec![leg(3, LegRole::Caller), leg(4, LegRole::ThirdParty)];
    }));
    let lost = rows(&totals, Counter::RtpLost);
    let expected = [("caller pbx", 10), ("seat none", 20), ("third_party pbx", 10)];
    assert_eq!(lost, expected.map(|(labels, n)| (labels.to_owned(), n)));
    let jitter: u64 = totals.timings_of(Timing::Jitter).map(|(_, h)| h.count()).sum();
    assert_eq!(jitter, 4);
}
