//! A running gateway, from its configuration to its clean stop: binds everything, starts the threads, waits for
//! the signal, drains.

use super::clock::Clock;
use super::driver::{Driver, INBOX, Inbound};
use super::store::space::{self, Change, FreeSpace};
use super::store::{Failure, Journal, Recovered};
use super::udp::Listeners;
use super::web::Web;
use super::{descriptors, dns, grpc, http, rtp, secrets, stream};
use crate::config::Config;
use crate::config::descriptors::fit;
use crate::event::{CallEvent, CallRecord, wire};
use crate::gateway::{
    Alarm, AlarmChange, BlockChange, Cleared, Counts, Gateway, Input, Output, Recovery, Start,
};
use crate::id::Random;
use crate::media::prompt::Prompts;
use crate::redact::Secret;
use crate::sip::Transport;
use crate::time::Now;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::time::{Duration, timeout};

/// After the last call ended, BYEs and their answers get this long on the wire.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// How often is looked whether the threads live.
const LOOK: Duration = Duration::from_millis(250);

/// A gateway that is broken has so long for its last words: what the journal holds is written.
const ABANDONED_WITHIN: Duration = Duration::from_secs(5);

/// A gateway that runs. Dropping it without [`Running::stop`] is a crash, and meant to be recovered from.
pub struct Running {
    /// Where SIP is taken, in the order configured.
    pub sip: Vec<(Transport, SocketAddr)>,
    /// Where gRPC is served.
    pub grpc: SocketAddr,
    /// Where the health page is served.
    pub http: SocketAddr,
    /// Figures, once a second.
    pub counts: watch::Receiver<Counts>,
    streams: Arc<stream::Setting>,
    web: [Arc<Web>; 2],
    inbox: mpsc::Sender<Inbound>,
    drained: watch::Receiver<bool>,
    drain_limit: Duration,
    control: JoinHandle<()>,
    media: rtp::Commander,
    media_thread: JoinHandle<()>,
    journal: Journal,
    servers: watch::Sender<bool>,
    services: grpc::Services,
    state: secrets::StateDirectory,
}

/// Why the gateway could not start: what, and the cure, in one line.
pub type StartError = String;

/// Starts a gateway. Must be called within a tokio runtime, which serves gRPC and HTTP.
pub async fn start(config: &Config) -> Result<Running, StartError> {
    let clock = Clock::new();
    let mut config = config.clone();
    let shortage = fit(&mut config, descriptors::raise());
    let config = &config;
    let prompts = rtp::load_prompts(config).map_err(|e| e.to_string())?;
    let prompts_alarm = prompts.alarm();
    let state = secrets::StateDirectory::open(config).map_err(|e| e.to_string())?;
    let (journal, recovered) = open_journal(config)?;
    let (sender, inbox) = mpsc::channel(INBOX);

    let tls = stream::Tls::load(&config.sip.tls)?;
    let (sip, config) = bind_sip(config)?;
    let config = &config;
    let grpc_listener = bind_web("grpc.listen", config.grpc.listen)?;
    let http_listener = bind_web("http.listen", config.http.listen)?;

    report(&journal, &sender);
    if let Some(shortage) = shortage {
        let input = Input::Alarm(AlarmChange::Raised(Alarm::Descriptors { text: shortage.to_string() }));
        let _ = sender.try_send(Inbound::Gateway(input));
    }
    let (media, media_thread) = start_media(config, prompts.prompts, sender.clone())?;

    let mut out = Vec::new();
    let mut gateway = gateway(config, recovered, &state, clock.now(), &mut out)?;
    gateway.handle(clock.now(), block_list(&journal)?, &mut out);
    if let Some(text) = prompts_alarm {
        let alarm = Input::Alarm(AlarmChange::Raised(Alarm::PromptUnusable { text }));
        gateway.handle(clock.now(), alarm, &mut out);
    }

    let (counts_tx, counts) = watch::channel(gateway.counts());
    let (drained_tx, drained) = watch::channel(false);
    let (servers, stopping) = watch::channel(false);
    let setting = Arc::new(setting(config, tls, &sender));
    let BoundSip { udp, streams, order: addresses } = sip;
    accept(streams, &sender, &stopping)?;
    tokio::spawn(stream::watch(setting.clone(), sender.clone()));
    let traces = super::trace::Traces::new(sender.clone());
    let driver = DriverParts {
        gateway,
        clock,
        udp,
        streams: stream::Connections::new(setting.clone(), Handle::current()),
        media: media.clone(),
        journal: journal.clone(),
        resolver: dns::Resolver::new(&config.sip.dns_servers),
        inbox,
        sender: sender.clone(),
        counts: counts_tx,
        drained: drained_tx,
        traces: traces.clone(),
    };
    let control = start_control(driver, out)?;

    let local = |listener: &TcpListener| listener.local_addr().map_err(|e| e.to_string());
    let (grpc, http) = (local(&grpc_listener)?, local(&http_listener)?);
    let services = services(config, &journal, &state, &sender);
    services.trace_by(traces);
    let web = [Web::http(config), Web::grpc(config)];
    tokio::spawn(grpc::serve(grpc_listener, services.clone(), web[1].clone(), stopped(stopping.clone())));
    tokio::spawn(watch_space(config.store.clone(), sender.clone(), stopped(stopping.clone())));
    let (figures, streams, stop) = (counts.clone(), setting.clone(), stopped(stopping));
    let relay = media_counts(&media);
    tokio::spawn(http::serve(http_listener, figures, streams, relay, journal.clone(), web.clone(), stop));
    Ok(Running {
        sip: addresses,
        grpc,
        http,
        counts,
        streams: setting,
        web,
        inbox: sender,
        drained,
        drain_limit: config.limits.drain,
        control,
        media,
        media_thread,
        journal,
        servers,
        services,
        state,
    })
}

fn open_journal(config: &Config) -> Result<(Journal, Recovered), StartError> {
    let retention = Duration::from_secs(u64::from(config.store.retention_days) * 24 * 3600);
    Journal::open(&config.store.path, retention).map_err(|e| e.to_string())
}

/// What the journal says goes to the gateway.
fn report(journal: &Journal, sender: &mpsc::Sender<Inbound>) {
    let back = sender.clone();
    journal.on_durable(Box::new(move |position| {
        let _ = back.blocking_send(Inbound::Gateway(Input::Durable { position }));
    }));
    let back = sender.clone();
    journal.on_backed_up(Box::new(move |backed_up| {
        let _ = back.blocking_send(Inbound::Gateway(Input::JournalBackedUp(backed_up)));
    }));
    let back = sender.clone();
    journal.on_failed(Box::new(move |failure| {
        let _ = back.blocking_send(Inbound::Gateway(alarm_of(failure)));
    }));
}

/// A gateway that goes on where the journal ends.
fn gateway(
    config: &Config,
    recovered: Recovered,
    state: &secrets::StateDirectory,
    now: Now,
    out: &mut Vec<Output>,
) -> Result<Gateway, StartError> {
    let start = Start {
        random: Random::from_seed(secrets::seed().map_err(|e| e.to_string())?),
        head: recovered.head,
        open_calls: recovered.open_calls,
        snapshots: recovered.snapshots,
        recovery: Recovery::Resume { gap: Duration::ZERO },
        callbacks: recovered.callbacks,
        accounts: state.accounts(config),
        trunk_passwords: state.trunk_passwords(),
        history_secret: state.history_secret(),
    };
    Ok(Gateway::new(config, start, now, out))
}

/// What the journal holds of the block list.
fn block_list(journal: &Journal) -> Result<Input, StartError> {
    let blocks = journal.feed().reader().blocks().map_err(|e| e.to_string())?;
    Ok(Input::BlockList(BlockChange::Loaded(blocks)))
}

fn setting(config: &Config, tls: stream::Tls, sender: &mpsc::Sender<Inbound>) -> stream::Setting {
    stream::Setting {
        limits: (&config.limits).into(),
        tls,
        origins: config.sip.websocket_origins.clone(),
        counts: stream::Counts::default(),
        inbox: sender.clone(),
    }
}

/// Takes the connections of the listeners of SIP.
fn accept(
    streams: Vec<(Transport, std::net::TcpListener)>,
    sender: &mpsc::Sender<Inbound>,
    stopping: &watch::Receiver<bool>,
) -> Result<(), StartError> {
    for (transport, listener) in streams {
        let listener = TcpListener::from_std(listener).map_err(|e| e.to_string())?;
        tokio::spawn(stream::accept(listener, transport, sender.clone(), stopped(stopping.clone())));
    }
    Ok(())
}

fn media_counts(media: &rtp::Commander) -> http::MediaCounts {
    let media = media.clone();
    Arc::new(move || media.counts())
}

fn start_control(driver: DriverParts, out: Vec<Output>) -> Result<JoinHandle<()>, StartError> {
    let control = std::thread::Builder::new().name("control".into());
    control
        .spawn(move || driver.run(out))
        .map_err(|e| format!("cannot start the control thread: {e}: raise the process limit"))
}

/// The services of gRPC, and what they tell the gateway.
fn services(
    config: &Config,
    journal: &Journal,
    state: &secrets::StateDirectory,
    sender: &mpsc::Sender<Inbound>,
) -> grpc::Services {
    let services = grpc::Services::new(journal, state.api_token());
    let back = sender.clone();
    services.on_parked(move |subscription, position| {
        let alarm = Alarm::EventParked { subscription: subscription.to_string(), position };
        // Called within the runtime, where nothing may wait; a full inbox loses the alarm, not the parked event.
        let _ = back.try_send(Inbound::Gateway(Input::Alarm(AlarmChange::Raised(alarm))));
    });
    let back = sender.clone();
    services.keep_block_list(grpc::BlockListParts {
        secret: state.history_secret(),
        codes: codes(config),
        tell: Box::new(move |change| back.try_send(Inbound::Gateway(Input::BlockList(change))).is_ok()),
    });
    let back = sender.clone();
    services.settle_callbacks_by(Box::new(move |settled| {
        back.try_send(Inbound::Gateway(Input::Callback(settled))).is_ok()
    }));
    services
}

impl Running {
    /// The password of a seat that registers.
    pub fn password(&self, seat: &str) -> Option<Secret<String>> {
        self.state.password(&seat.into()).cloned()
    }

    /// The bearer token of gRPC.
    pub fn api_token(&self) -> Secret<String> {
        self.state.api_token()
    }

    /// How many connections are open, and how many were turned away or cut, by reason.
    pub fn streams(&self) -> &stream::Counts {
        &self.streams.counts
    }

    /// The connections of HTTP, and what became of those that were turned away or cut.
    pub fn http_connections(&self) -> &Web {
        &self.web[0]
    }

    /// The connections of gRPC.
    pub fn grpc_connections(&self) -> &Web {
        &self.web[1]
    }

    /// Takes no new calls from here on.
    pub async fn drain(&self) {
        self.services.drain(self.drain_limit);
        let _ = self.inbox.send(Inbound::Gateway(Input::Drain)).await;
    }

    /// Every event from now on, as a receiver that may lag behind without slowing anything.
    pub fn events(&self) -> mpsc::Receiver<CallEvent> {
        let (tx, rx) = mpsc::channel(1024);
        let feed = self.journal.feed();
        tokio::spawn(async move {
            let mut head = feed.watch();
            let mut position = 0;
            loop {
                let Ok(page) = feed.after(position, 256, 1 << 20).await else { return };
                for stored in &page.events {
                    position = stored.position;
                    if let Ok(event) = wire::decode(&stored.body)
                        && tx.send(event).await.is_err()
                    {
                        return;
                    }
                }
                if page.events.is_empty() && head.changed().await.is_err() {
                    return;
                }
            }
        });
        rx
    }

    /// The record of every call in the journal, folded from its events. For small journals: the demo's.
    pub async fn records(&self) -> Result<Vec<CallRecord>, String> {
        let mut calls: std::collections::BTreeMap<_, Vec<CallEvent>> = Default::default();
        let (feed, mut position) = (self.journal.feed(), 0);
        loop {
            let page = feed.after(position, 256, 1 << 20).await.map_err(|e| e.to_string())?;
            let Some(last) = page.events.last() else { break };
            position = last.position;
            for event in page.events.iter().filter_map(|stored| wire::decode(&stored.body).ok()) {
                if let Some(call) = event.call.as_ref().map(|c| c.id) {
                    calls.entry(call).or_default().push(event);
                }
            }
        }
        Ok(calls.values().filter_map(CallRecord::from_events).collect())
    }

    /// Waits until a thread ends that the gateway cannot do without, and gives its name. That it still answers its health
    /// page then means nothing: who runs it must end it and start it again.
    pub async fn broken(&self) -> String {
        let mut look = tokio::time::interval(LOOK);
        loop {
            look.tick().await;
            let mut ours =
                [&self.control, &self.media_thread].into_iter().filter(|thread| thread.is_finished());
            let lost = ours.next().map(|thread| thread.thread().name().unwrap_or_default().to_owned());
            if let Some(name) = lost.or_else(|| self.journal.lost_thread()) {
                return name;
            }
        }
    }

    /// Ends a gateway that is broken: what its journal holds is written, as far as that goes. Its calls are closed at the
    /// next start, as after a crash.
    pub async fn abandon(self) {
        let _ = timeout(ABANDONED_WITHIN, self.ends()).await;
    }

    /// Drains, waits for the calls to end by themselves or at the limit, and stops everything in order.
    pub async fn stop(mut self) {
        self.drain().await;
        let is_over = timeout(self.drain_limit, self.drained.wait_for(|d| *d)).await.is_ok();
        if !is_over {
            let _ = self.inbox.send(Inbound::Gateway(Input::Shutdown)).await;
        }
        tokio::time::sleep(LAST_WORDS).await;
        self.ends().await;
    }

    async fn ends(self) {
        let _ = self.inbox.send(Inbound::Stop).await;
        let Running { control, media, media_thread, journal, servers, .. } = self;
        let stopped = tokio::task::spawn_blocking(move || {
            let _ = control.join();
            media.stop();
            let _ = media_thread.join();
            journal.close();
        });
        let _ = stopped.await;
        servers.send_replace(true);
    }
}

/// The country and area codes of the trunks, each pair once.
fn codes(config: &Config) -> Vec<(String, Option<String>)> {
    let mut codes: Vec<_> = config.trunks.iter().map(|t| (t.country.clone(), t.area.clone())).collect();
    codes.sort();
    codes.dedup();
    codes
}

/// Everything the control thread takes with it.
struct DriverParts {
    gateway: Gateway,
    clock: Clock,
    udp: Vec<std::net::UdpSocket>,
    streams: stream::Connections,
    media: rtp::Commander,
    journal: Journal,
    resolver: dns::Resolver,
    inbox: mpsc::Receiver<Inbound>,
    sender: mpsc::Sender<Inbound>,
    counts: watch::Sender<Counts>,
    drained: watch::Sender<bool>,
    traces: Arc<super::trace::Traces>,
}

impl DriverParts {
    fn run(self, first: Vec<Output>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let Ok(runtime) = runtime else { return };
        runtime.block_on(async move {
            let DriverParts {
                gateway,
                clock,
                udp,
                streams,
                media,
                journal,
                resolver,
                inbox,
                sender,
                counts,
                drained,
                traces,
            } = self;
            let Ok(udp) = Listeners::from_std(udp) else { return };
            let driver = Driver {
                gateway,
                clock,
                udp,
                streams,
                media,
                journal,
                resolver,
                inbox,
                sender,
                counts,
                drained,
                traces,
            };
            driver.run(first).await;
        });
    }
}

/// The SIP sockets, bound but not yet on a runtime.
struct BoundSip {
    udp: Vec<std::net::UdpSocket>,
    streams: Vec<(Transport, std::net::TcpListener)>,
    order: Vec<(Transport, SocketAddr)>,
}

/// Binds the SIP listeners. Gives the configuration back with the ports they really got.
fn bind_sip(config: &Config) -> Result<(BoundSip, Config), StartError> {
    let mut config = config.clone();
    let mut bound = BoundSip { udp: Vec::new(), streams: Vec::new(), order: Vec::new() };
    for listen in &mut config.sip.listen {
        let named = format!("sip.listen {}:{}", listen.transport, listen.address);
        let cure = |e: std::io::Error| format!("{named}: {e}: stop the other program or choose another port");
        let address = match Transport::from(listen.transport) {
            Transport::Udp => {
                let socket = super::udp::bind_one(listen.address).map_err(cure)?;
                let address = socket.local_addr().map_err(cure)?;
                bound.udp.push(socket);
                address
            }
            transport @ (Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss) => {
                let listener = stream::bind(listen.address).map_err(cure)?;
                let address = listener.local_addr().map_err(cure)?;
                bound.streams.push((transport, listener));
                address
            }
        };
        bound.order.push((Transport::from(listen.transport), address));
        listen.address = address;
    }
    Ok((bound, config))
}

fn bind_web(key: &str, address: SocketAddr) -> Result<TcpListener, StartError> {
    stream::bind_web(address)
        .and_then(TcpListener::from_std)
        .map_err(|e| format!("{key} {address}: {e}: stop the other program or choose another port"))
}

/// Looks at the space on the disk of the journal until `stop` is done.
async fn watch_space(
    store: crate::config::Store,
    inbox: mpsc::Sender<Inbound>,
    stop: impl Future<Output = ()>,
) {
    let mut space = FreeSpace::below(store.free_space_mib);
    let mut stop = std::pin::pin!(stop);
    let mut look = tokio::time::interval(space::LOOK_EVERY);
    loop {
        tokio::select! {
            () = &mut stop => return,
            _ = look.tick() => {}
        }
        let directory = store.state_directory().to_owned();
        // The call waits as long as the disk hangs: apart from the async threads.
        let free = tokio::task::spawn_blocking(move || space::free(&directory)).await;
        let Some(change) = free.ok().flatten().and_then(|free| space.sampled(free)) else { continue };
        let alarm = Input::Alarm(match change {
            Change::Low(text) => AlarmChange::Raised(Alarm::DiskSpace { text }),
            Change::Enough(text) => AlarmChange::Cleared(Cleared::DiskSpace { text }),
        });
        if inbox.send(Inbound::Gateway(alarm)).await.is_err() {
            return;
        }
    }
}

fn alarm_of(failure: Failure) -> Input {
    Input::Alarm(match failure {
        Failure::Commit(why) => AlarmChange::Raised(Alarm::JournalFailed { why }),
        Failure::Over => AlarmChange::Cleared(Cleared::JournalFailed),
        Failure::Lost { from, to } => AlarmChange::Raised(Alarm::JournalLost { from, to }),
        Failure::Retention(why) => AlarmChange::Raised(Alarm::JournalRetention { why }),
    })
}

fn start_media(
    config: &Config,
    prompts: Prompts,
    inbox: mpsc::Sender<Inbound>,
) -> Result<(rtp::Commander, JoinHandle<()>), StartError> {
    let on_events: rtp::OnEvents = Box::new(move |events| {
        while !events.is_empty() {
            let Ok(place) = inbox.try_reserve() else { break };
            if let Some(event) = events.pop_front() {
                place.send(Inbound::Gateway(Input::Media(event)));
            }
        }
    });
    rtp::spawn((&config.media).into(), prompts, on_events)
        .map_err(|e| format!("cannot start the media worker: {e}: raise the process and file limits"))
}

async fn stopped(mut stopping: watch::Receiver<bool>) {
    let _ = stopping.wait_for(|s| *s).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn running(directory: &std::path::Path) -> Running {
        let store = directory.join("journal.db");
        let text = format!(
            "[sip]\nlisten = [\"udp:127.0.0.1:0\"]\n[grpc]\nlisten = \"127.0.0.1:0\"\n[http]\nlisten = \"127.0.0.1:0\"\n\
             [store]\npath = {store:?}\n[[trunk]]\nname = \"pbx\"\nsources = [\"127.0.0.1\"]\n[[seat]]\nid = \"1001\"\n\
             [[queue]]\nname = \"main\"\n[[service]]\nnumber = \"12345\"\nqueue = \"main\"\n"
        );
        start(&Config::parse("the test's configuration", &text).unwrap()).await.unwrap()
    }

    /// The thread that is said to be lost.
    async fn lost(name: &str, end: impl FnOnce(&Running)) -> String {
        let directory = std::env::temp_dir().join(format!("hotline-broken-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&directory);
        let running = running(&directory).await;
        let nothing = timeout(Duration::ZERO, running.broken()).await;
        assert!(nothing.is_err(), "it lives: {nothing:?}");
        end(&running);
        let lost = timeout(Duration::from_secs(20), running.broken()).await.expect("it is noticed");
        running.abandon().await;
        let _ = std::fs::remove_dir_all(&directory);
        lost
    }

    #[tokio::test]
    async fn a_control_thread_that_ends_by_itself_is_noticed() {
        let end = |running: &Running| running.inbox.try_send(Inbound::Stop).unwrap_or_default();
        assert_eq!(lost("control", end).await, "control");
    }

    #[tokio::test]
    async fn a_media_thread_that_ends_by_itself_is_noticed() {
        assert_eq!(lost("media", |running| running.media.stop()).await, "media");
    }

    #[tokio::test]
    async fn a_journal_thread_that_panics_is_noticed() {
        assert_eq!(lost("journal", |running| running.journal.breaks()).await, "journal");
    }
}
