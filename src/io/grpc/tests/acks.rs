//! What a consumer acknowledges, refuses, and may have in flight.

use super::*;

#[tokio::test]
async fn what_was_acked_never_comes_again_and_the_rest_does() {
    let s = served().await;
    write(&s.journal, samples::whole_call(1, 1));
    let mut consumer =
        s.subscribe(v1::Start { position: from(Position::Earliest(())).position, ..named("a") }).await;
    consumer.opened().await;
    assert_eq!(consumer.positions(10).await, range(1, 10));
    consumer.say(s.ack(4)).await;
    s.acked("tickets", 4).await;
    let mut consumer = s.subscribe(named("a")).await;
    assert_eq!(consumer.opened().await.after.unwrap().position, 4);
    assert_eq!(consumer.positions(6).await, range(5, 10));
}

#[tokio::test]
async fn an_ack_just_before_the_cut_counts() {
    let s = served().await;
    write(&s.journal, samples::whole_call(1, 1));
    let start = || v1::Start { position: from(Position::Earliest(())).position, ..named("a") };
    let mut consumer = s.subscribe(start()).await;
    consumer.opened().await;
    consumer.positions(10).await;
    for n in 1..=10 {
        s.journal.ack(&"tickets".into(), n);
    }
    let mut again = s.subscribe(named("a")).await;
    assert_eq!(again.opened().await.after.unwrap().position, 10);
}

#[tokio::test]
async fn the_credit_holds_events_back_until_there_are_acks() {
    let s = served().await;
    write(&s.journal, samples::whole_call(1, 1));
    let start = v1::Start { max_in_flight: 3, ..from(Position::Earliest(())) };
    let mut consumer = s.subscribe(start).await;
    assert_eq!(consumer.opened().await.max_in_flight, 3);
    assert_eq!(consumer.positions(3).await, range(1, 3));
    consumer.say(s.ack(2)).await;
    assert_eq!(consumer.positions(2).await, range(4, 5));
    consumer.say(Said::Credit(v1::Credit { max_in_flight: 7 })).await;
    assert_eq!(consumer.positions(4).await, range(6, 9));
}

#[tokio::test]
async fn a_nacked_event_comes_again_with_all_that_follows() {
    let s = served().await;
    write(&s.journal, samples::whole_call(1, 1));
    let start = v1::Start { position: from(Position::Earliest(())).position, ..named("a") };
    let mut consumer = s.subscribe(start).await;
    consumer.opened().await;
    consumer.positions(10).await;
    consumer.say(s.nack(3)).await;
    assert_eq!(consumer.positions(8).await, range(3, 10));
}

#[tokio::test]
async fn one_bad_event_is_parked_at_the_eighth_nack_and_can_be_redriven() {
    let s = served().await;
    let (tell, told) = std::sync::mpsc::channel();
    s.services.on_parked(move |name, position| tell.send((name.to_owned(), position)).unwrap());
    write(&s.journal, samples::whole_call(1, 1));
    let start = v1::Start { position: from(Position::Earliest(())).position, ..named("a") };
    let mut consumer = s.subscribe(start).await;
    consumer.opened().await;
    consumer.positions(10).await;
    for _ in 1..8 {
        consumer.say(s.nack(3)).await;
        assert_eq!(consumer.positions(8).await, range(3, 10));
    }
    consumer.say(s.nack(3)).await;
    assert_eq!(consumer.positions(7).await, range(4, 10), "the stream goes on after it");
    assert_eq!(told.recv().unwrap(), ("tickets".to_owned(), 3));
    consumer.say(s.ack(10)).await;
    s.acked("tickets", 10).await;

    let asked = v1::ListParkedEventsRequest { name: "tickets".into(), ..Default::default() };
    let parked = s.subscriptions().list_parked_events(asked.clone()).await.unwrap().into_inner().events;
    assert_eq!(parked.len(), 1);
    assert_eq!(parked[0].reason, "cannot be read");
    assert_eq!(parked[0].event.as_ref().unwrap().position, 3);

    let redrive = v1::RedriveParkedEventsRequest { name: "tickets".into(), positions: vec![] };
    let count = s.subscriptions().redrive_parked_events(redrive).await.unwrap().into_inner().count;
    assert_eq!(count, 1);
    let batch = loop {
        if let Frame::Batch(batch) = consumer.frame().await {
            break batch;
        }
    };
    assert!(batch.redriven);
    assert_eq!(v1::CallEvent::decode(&batch.events[0][..]).unwrap().position, 3);
    consumer.say(Said::Ack(v1::Ack { up_to: None, redriven_positions: vec![3] })).await;
    while !s.subscriptions().list_parked_events(asked.clone()).await.unwrap().into_inner().events.is_empty() {
        tokio::task::yield_now().await;
    }
}
