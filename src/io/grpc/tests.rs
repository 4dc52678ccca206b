//! The gRPC services against a real store and a client of the protocol.

mod acks;

use super::super::store::tests::{Place, open, write};
use super::*;
use crate::event::wire::{samples, v1::subscribe_request::Frame as Said, v1::subscribe_response::Frame};
use crate::time::{Duration, Wall};
use prost::Message;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::MetadataValue;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Code, Request, Status, Streaming};
use v1::call_event_service_client::CallEventServiceClient;
use v1::call_record_service_client::CallRecordServiceClient;
use v1::start_position::Position;
use v1::subscription_service_client::SubscriptionServiceClient;

type Auth = Box<dyn Fn(Request<()>) -> Result<Request<()>, Status> + Send + Sync>;
type Client<C> = fn(InterceptedService<Channel, Auth>) -> C;

/// A gateway's contract served over a journal.
struct Served {
    _place: Place,
    journal: Journal,
    services: Services,
    channel: Channel,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    server: JoinHandle<()>,
}

fn bearer(token: &'static str) -> Auth {
    Box::new(move |mut request| {
        let value = MetadataValue::try_from(format!("Bearer {token}")).unwrap();
        request.metadata_mut().insert("authorization", value);
        Ok(request)
    })
}

async fn served() -> Served {
    served_on(Place::new()).await
}

async fn served_on(place: Place) -> Served {
    let (journal, _) = open(&place);
    let services = Services::new(&journal, "secret".into());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let web = Web::grpc(&crate::config::Config::embedded());
    let server = tokio::spawn(serve(listener, services.clone(), web, async {
        let _ = stopped.await;
    }));
    let channel = Channel::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
    Served { _place: place, journal, services, channel, stop: Some(stop), server }
}

impl Served {
    fn client<C>(&self, make: Client<C>) -> C {
        make(InterceptedService::new(self.channel.clone(), bearer("secret")))
    }

    fn events(&self) -> CallEventServiceClient<InterceptedService<Channel, Auth>> {
        self.client(CallEventServiceClient::new)
    }

    fn subscriptions(&self) -> SubscriptionServiceClient<InterceptedService<Channel, Auth>> {
        self.client(SubscriptionServiceClient::new)
    }

    async fn subscribe(&self, start: v1::Start) -> Consumer {
        let (say, said) = mpsc::channel(16);
        say.send(request(Said::Start(start))).await.unwrap();
        let frames = self.events().subscribe(ReceiverStream::new(said)).await.unwrap().into_inner();
        Consumer { say, frames }
    }

    fn cursor(&self, position: u64) -> v1::Cursor {
        convert::cursor(&self.journal.log_id().to_string(), position)
    }

    fn ack(&self, position: u64) -> Said {
        Said::Ack(v1::Ack { up_to: Some(self.cursor(position)), redriven_positions: vec![] })
    }

    fn nack(&self, position: u64) -> Said {
        Said::Nack(v1::Nack {
            event: Some(self.cursor(position)),
            retry_after: Some(prost_types::Duration { seconds: 0, nanos: 1_000_000 }),
            reason: "cannot be read".into(),
        })
    }

    /// What the store says was acked, once it says `position`.
    async fn acked(&self, name: &str, position: u64) {
        loop {
            let asked = v1::GetSubscriptionRequest { name: name.into() };
            let got = self.subscriptions().get_subscription(asked).await.unwrap().into_inner();
            if got.subscription.unwrap().acked.unwrap().position == position {
                return;
            }
            tokio::task::yield_now().await;
        }
    }
}

fn request(frame: Said) -> v1::SubscribeRequest {
    v1::SubscribeRequest { frame: Some(frame) }
}

struct Consumer {
    say: mpsc::Sender<v1::SubscribeRequest>,
    frames: Streaming<v1::SubscribeResponse>,
}

impl Consumer {
    async fn say(&self, frame: Said) {
        self.say.send(request(frame)).await.unwrap();
    }

    async fn frame(&mut self) -> Frame {
        self.frames.message().await.unwrap().expect("a frame").frame.unwrap()
    }

    async fn opened(&mut self) -> v1::Opened {
        match self.frame().await {
            Frame::Opened(opened) => opened,
            other @ (Frame::Batch(_) | Frame::Checkpoint(_) | Frame::Gap(_) | Frame::Draining(_)) => {
                panic!("not Opened: {other:?}")
            }
        }
    }

    /// Positions of the next `n` events.
    async fn positions(&mut self, n: usize) -> Vec<u64> {
        self.events(n).await.iter().map(|e| e.position).collect()
    }

    async fn events(&mut self, n: usize) -> Vec<v1::CallEvent> {
        self.bodies(n).await.iter().map(|b| v1::CallEvent::decode(&b[..]).unwrap()).collect()
    }

    async fn bodies(&mut self, n: usize) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        while all.len() < n {
            match self.frame().await {
                Frame::Batch(batch) => all.extend(batch.events.iter().map(|b| b.to_vec())),
                Frame::Checkpoint(_) => {}
                other @ (Frame::Opened(_) | Frame::Gap(_) | Frame::Draining(_)) => {
                    panic!("not events: {other:?}")
                }
            }
        }
        assert_eq!(all.len(), n, "no more than asked for");
        all
    }

    async fn end(&mut self) -> Status {
        loop {
            if let Err(status) = self.frames.message().await {
                return status;
            }
        }
    }
}

fn from(position: Position) -> v1::Start {
    v1::Start { position: Some(v1::StartPosition { position: Some(position) }), ..Default::default() }
}

fn named(consumer: &str) -> v1::Start {
    v1::Start { subscription: "tickets".into(), consumer_id: consumer.into(), ..Default::default() }
}

fn range(from: u64, to: u64) -> Vec<u64> {
    (from..=to).collect()
}

const CALL: u64 = 10;

#[tokio::test]
async fn a_live_subscriber_sees_what_happens_after_it_came() {
    let s = served().await;
    write(&s.journal, samples::whole_call(1, 1));
    let mut consumer = s.subscribe(v1::Start::default()).await;
    assert_eq!(consumer.opened().await.after.unwrap().position, CALL);
    write(&s.journal, samples::whole_call(2, CALL + 1));
    assert_eq!(consumer.positions(10).await, range(CALL + 1, 2 * CALL));
}

#[tokio::test]
async fn a_consumer_resumes_after_its_cursor_and_a_repeat_is_byte_identical() {
    let s = served().await;
    write(&s.journal, samples::whole_call(1, 1));
    let mut first = s.subscribe(from(Position::Earliest(()))).await;
    first.opened().await;
    let all = first.bodies(10).await;
    let mut again = s.subscribe(from(Position::After(s.cursor(4)))).await;
    again.opened().await;
    assert_eq!(again.bodies(6).await, all[4..]);
    let mut since =
        s.subscribe(from(Position::Since(convert::timestamp(samples::AT + Duration::from_secs(7))))).await;
    since.opened().await;
    assert_eq!(since.positions(3).await, range(8, 10));
}

#[tokio::test]
async fn without_the_token_nothing_but_health_answers() {
    let s = served().await;
    for auth in [bearer("wrong"), bearer("secre"), bearer(""), Box::new(Ok) as Auth] {
        let mut calls = CallRecordServiceClient::new(InterceptedService::new(s.channel.clone(), auth));
        let status = calls.list_call_records(v1::ListCallRecordsRequest::default()).await.unwrap_err();
        assert_eq!(status.code(), Code::Unauthenticated);
        assert!(!status.message().contains("secret"));
    }
    let mut health = tonic_health::pb::health_client::HealthClient::new(s.channel.clone());
    let asked = tonic_health::pb::HealthCheckRequest { service: "hotline.v1.CallEventService".into() };
    assert_eq!(health.check(asked).await.unwrap().into_inner().status, 1);
    use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
    let ask = || {
        let message =
            tonic_reflection::pb::v1::server_reflection_request::MessageRequest::ListServices("".into());
        let asked = tonic_reflection::pb::v1::ServerReflectionRequest {
            host: String::new(),
            message_request: Some(message),
        };
        tokio_stream::once(asked)
    };
    let unknown = ServerReflectionClient::new(s.channel.clone()).server_reflection_info(ask()).await;
    assert_eq!(unknown.unwrap_err().code(), Code::Unauthenticated);
    let mut known = s.client(ServerReflectionClient::new);
    let answer = known.server_reflection_info(ask()).await.unwrap().into_inner().message().await.unwrap();
    assert!(format!("{answer:?}").contains("hotline.v1.CallEventService"));
}

#[tokio::test]
async fn a_cursor_that_leads_nowhere_gets_a_gap_and_never_silence() {
    let s = served().await;
    write(&s.journal, samples::whole_call(1, 1));
    let other = v1::Cursor { log_id: samples::call_id(9).to_string(), position: 5 };
    let mut consumer = s.subscribe(from(Position::After(other.clone()))).await;
    consumer.opened().await;
    let Frame::Gap(gap) = consumer.frame().await else { panic!("no gap") };
    assert_eq!((gap.reason(), gap.from_cursor.unwrap()), (v1::GapReason::OtherLog, other));
    assert_eq!(consumer.positions(10).await, range(1, 10));

    let mut consumer = s.subscribe(from(Position::After(s.cursor(99)))).await;
    consumer.opened().await;
    let Frame::Gap(gap) = consumer.frame().await else { panic!("no gap") };
    assert_eq!(gap.reason(), v1::GapReason::PastHead);
    assert_eq!(gap.to_cursor.unwrap().position, 10);
}

#[tokio::test]
async fn events_past_the_retention_time_are_a_gap() {
    let place = Place::new();
    let journal = open(&place).0;
    write(&journal, samples::whole_call(1, 1));
    journal.close();
    drop(journal);
    // Everything but the last three events is older.
    let old = Duration::from_secs(3600);
    super::super::store::tests::remove(&place, old, samples::AT + old + Duration::from_secs(7));
    let s = served_on(place).await;
    let mut consumer = s.subscribe(from(Position::After(s.cursor(2)))).await;
    consumer.opened().await;
    let Frame::Gap(gap) = consumer.frame().await else { panic!("no gap") };
    assert_eq!(gap.reason(), v1::GapReason::Retention);
    assert_eq!((gap.from_cursor.unwrap().position, gap.to_cursor.unwrap().position), (2, 7));
    assert_eq!(consumer.positions(3).await, range(8, 10));
}

#[tokio::test]
async fn what_is_filtered_out_still_counts() {
    let s = served().await;
    write(&s.journal, samples::whole_call(1, 1));
    write(&s.journal, samples::whole_call(2, 11));
    let filter = v1::EventFilter {
        types: vec!["CallEnded".into()],
        call_ids: vec![samples::call_id(2).to_string()],
        ..Default::default()
    };
    let start = v1::Start { filter: Some(filter), ..from(Position::Earliest(())) };
    let mut consumer = s.subscribe(start).await;
    consumer.opened().await;
    assert_eq!(consumer.positions(1).await, [19]);
    let wrong = v1::EventFilter { types: vec!["CallExploded".into()], ..Default::default() };
    let mut consumer = s.subscribe(v1::Start { filter: Some(wrong), ..Default::default() }).await;
    assert_eq!(consumer.end().await.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn a_thousand_filtered_events_bring_a_checkpoint_that_may_be_acked() {
    let s = served().await;
    let filter = v1::EventFilter { types: vec!["AlarmRaised".into()], ..Default::default() };
    let start =
        v1::Start { filter: Some(filter), position: from(Position::Earliest(())).position, ..named("a") };
    let mut consumer = s.subscribe(start).await;
    consumer.opened().await;
    for n in 0..150 {
        write(&s.journal, samples::whole_call(n, 1 + n * CALL));
    }
    let Frame::Checkpoint(checkpoint) = consumer.frame().await else { panic!("no checkpoint") };
    let position = checkpoint.cursor.unwrap().position;
    assert!(position >= 1_000, "{position}");
    consumer.say(s.ack(position)).await;
    s.acked("tickets", position).await;
}

#[tokio::test]
async fn the_same_consumer_takes_over_at_once_and_the_old_stream_is_told() {
    let s = served().await;
    let mut old = s.subscribe(named("a")).await;
    old.opened().await;
    let mut new = s.subscribe(named("a")).await;
    new.opened().await;
    assert_eq!(old.end().await.code(), Code::Aborted);
    drop(new);
    let mut third = s.subscribe(named("b")).await;
    third.opened().await;
}

#[tokio::test]
async fn another_consumer_takes_over_when_the_lease_is_over() {
    let length = Duration::from_millis(60);
    let leases = Leases::of(length);
    let name: Arc<str> = "tickets".into();
    let began = tokio::time::Instant::now();
    let mut held = leases.take(&name, "a").await.unwrap();
    let (older, newest) = tokio::join!(leases.take(&name, "b"), async {
        held.renew();
        leases.take(&name, "c").await
    });
    assert_eq!(older.err().unwrap().code(), Code::Aborted, "the newest wins");
    assert!(began.elapsed() >= length, "the holder keeps it for its lease");
    assert_eq!(leases.consumer(&name).as_deref(), Some("c"));
    assert_eq!((&mut held.lost).await.unwrap().code(), Code::Aborted);
    drop(held);
    assert_eq!(leases.consumer(&name).as_deref(), Some("c"), "the loser gives back nothing");
    drop(newest);
    assert_eq!(leases.consumer(&name), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_falls_back_to_disk_and_gets_everything() {
    let s = served().await;
    let mut slow = s.subscribe(v1::Start { max_in_flight: 10_000, ..from(Position::Earliest(())) }).await;
    slow.opened().await;
    let calls = 900;
    for n in 0..calls {
        write(&s.journal, samples::whole_call(n, 1 + n * CALL));
    }
    // More than the ring keeps: the beginning comes from disk.
    assert!(calls * CALL > 4_096);
    let all = slow.positions((calls * CALL) as usize).await;
    assert_eq!(all, range(1, calls * CALL));
}

#[tokio::test]
async fn seek_moves_a_subscription_and_ends_its_stream() {
    let s = served().await;
    write(&s.journal, samples::whole_call(1, 1));
    let mut consumer = s.subscribe(named("a")).await;
    consumer.opened().await;
    let asked = v1::SeekSubscriptionRequest {
        name: "tickets".into(),
        position: from(Position::After(s.cursor(7))).position,
    };
    let moved = s.subscriptions().seek_subscription(asked).await.unwrap().into_inner().subscription.unwrap();
    assert_eq!((moved.acked.unwrap().position, moved.behind), (7, 3));
    assert_eq!(consumer.end().await.code(), Code::Aborted);
    let mut consumer = s.subscribe(named("a")).await;
    consumer.opened().await;
    assert_eq!(consumer.positions(3).await, range(8, 10));
}

#[tokio::test]
async fn subscriptions_are_made_listed_and_deleted() {
    let s = served().await;
    let mut client = s.subscriptions();
    let create = |name: &str| v1::CreateSubscriptionRequest { name: name.into(), ..Default::default() };
    client.create_subscription(create("b")).await.unwrap();
    client.create_subscription(create("a")).await.unwrap();
    assert_eq!(client.create_subscription(create("a")).await.unwrap_err().code(), Code::AlreadyExists);
    assert_eq!(client.create_subscription(create("a b")).await.unwrap_err().code(), Code::InvalidArgument);
    let list = client.list_subscriptions(v1::ListSubscriptionsRequest {}).await.unwrap().into_inner();
    let names: Vec<_> = list.subscriptions.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["a", "b"]);
    let delete = || v1::DeleteSubscriptionRequest { name: "a".into() };
    client.delete_subscription(delete()).await.unwrap();
    assert_eq!(client.delete_subscription(delete()).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn pages_of_events_lead_to_the_head() {
    let s = served().await;
    write(&s.journal, samples::whole_call(1, 1));
    let mut seen = Vec::new();
    let mut asked = v1::ListEventsRequest { page_size: 4, ..Default::default() };
    loop {
        let page = s.events().list_events(asked.clone()).await.unwrap().into_inner();
        seen.extend(page.events.iter().map(|b| v1::CallEvent::decode(&b[..]).unwrap().position));
        asked.after = page.next;
        if page.at_head {
            break;
        }
    }
    assert_eq!(seen, range(1, 10));
}

#[tokio::test]
async fn records_are_found_live_ended_and_page_by_page() {
    let s = served().await;
    for n in 0..5 {
        write(&s.journal, samples::whole_call(n, 1 + n * CALL));
    }
    write(&s.journal, samples::started_call(7, 51));
    let mut client = s.client(CallRecordServiceClient::new);
    let get = |n: u64| v1::GetCallRecordRequest { call_id: samples::call_id(n).to_string() };
    let live = client.get_call_record(get(7)).await.unwrap().into_inner().record.unwrap();
    assert_eq!(live.state(), v1::CallState::Answered);
    let ended = client.get_call_record(get(3)).await.unwrap().into_inner().record.unwrap();
    assert_eq!((ended.state(), ended.r#final), (v1::CallState::Ended, true));
    assert_eq!(client.get_call_record(get(99)).await.unwrap_err().code(), Code::NotFound);

    let mut asked = v1::ListCallRecordsRequest { page_size: 2, newest_first: true, ..Default::default() };
    let mut ids = Vec::new();
    loop {
        let page = client.list_call_records(asked.clone()).await.unwrap().into_inner();
        ids.extend(page.records.into_iter().map(|r| r.call_id));
        asked.page_token = page.next_page_token;
        if asked.page_token.is_empty() {
            break;
        }
    }
    let expected: Vec<_> = (0..5).rev().map(|n| samples::call_id(n).to_string()).collect();
    assert_eq!(ids, expected);

    let filter = v1::CallRecordFilter {
        caller: "+8613812341234".into(),
        queue: "heating".into(),
        state: v1::CallState::Ended.into(),
        ..Default::default()
    };
    let since = convert::timestamp(Wall(samples::AT.0) + Duration::from_secs(10));
    let none = v1::ListCallRecordsRequest {
        filter: Some(filter.clone()),
        updated_since: Some(since),
        ..Default::default()
    };
    assert!(client.list_call_records(none).await.unwrap().into_inner().records.is_empty());
    let all = v1::ListCallRecordsRequest { filter: Some(filter), ..Default::default() };
    assert_eq!(client.list_call_records(all).await.unwrap().into_inner().records.len(), 5);
}

#[tokio::test]
async fn a_stream_is_told_of_the_drain_and_takes_what_is_left_at_the_stop() {
    let mut s = served().await;
    let mut consumer = s.subscribe(v1::Start::default()).await;
    consumer.opened().await;
    s.services.drain(Duration::from_secs(120));
    let Frame::Draining(draining) = consumer.frame().await else { panic!("not told") };
    assert_eq!(draining.within.unwrap().seconds, 120);
    write(&s.journal, samples::whole_call(1, 1));
    s.stop.take().unwrap().send(()).unwrap();
    assert_eq!(consumer.positions(10).await, range(1, 10));
    assert!(consumer.frames.message().await.unwrap().is_none(), "a clean end");
    drop(s.channel.clone());
    s.server.await.unwrap();
}

#[tokio::test]
async fn a_stream_that_does_not_begin_with_start_is_refused() {
    let s = served().await;
    let (say, said) = mpsc::channel(1);
    say.send(request(s.ack(0))).await.unwrap();
    let frames = s.events().subscribe(ReceiverStream::new(said)).await.unwrap().into_inner();
    let mut consumer = Consumer { say, frames };
    assert_eq!(consumer.end().await.code(), Code::InvalidArgument);
    let mut consumer = s.subscribe(named("a")).await;
    consumer.opened().await;
    consumer.say(s.ack(5)).await;
    assert_eq!(consumer.end().await.code(), Code::InvalidArgument, "an ack past what was sent");
    let mut consumer = s.subscribe(v1::Start { subscription: "x y".into(), ..named("a") }).await;
    assert_eq!(consumer.end().await.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn a_stream_ends_when_the_journal_is_closed() {
    let s = served().await;
    let mut consumer = s.subscribe(v1::Start::default()).await;
    consumer.opened().await;
    let journal = s.journal.clone();
    tokio::task::spawn_blocking(move || {
        journal.append(
            samples::whole_call(1, 1)
                .into_iter()
                .map(|event| super::super::store::Append { event, history: None })
                .collect(),
        );
        journal.close();
    })
    .await
    .unwrap();
    assert_eq!(consumer.positions(10).await, range(1, 10), "what was written last is still sent");
    assert!(consumer.frames.message().await.unwrap().is_none());
}
