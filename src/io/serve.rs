//! From a configuration to a running gateway. The order is what lets calls outlive the process: the lock of the store, what
//! stands in the store, sockets, the gateway with every call it knows; only then is the first datagram read.

mod bind;
mod resume;
mod running;

pub use bind::try_all;
pub use running::Running;

use super::clock::Clock;
use super::driver::{Driver, INBOX};
use super::hand_over::{Adopted, Held};
use super::inbound::Inbound;
use super::notify::Supervisor;
use super::store::space::{self, Change, FreeSpace};
use super::store::{Failure, Journal, Recovered};
use super::udp::Listeners;
use super::web::Web;
use super::{descriptors, dns, grpc, http, rtp, secrets, stream};
use crate::config::Config;
use crate::config::descriptors::fit;
use crate::gateway::{
    Alarm, AlarmChange, BlockChange, Cleared, Counts, Gateway, Input, Output, Recovery, Start,
};
use crate::id::Random;
use crate::media::prompt::Prompts;
use crate::sip::Transport;
use crate::time::Now;
use bind::Bound;
use resume::Resume;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::time::Duration;

/// Why the gateway could not start: what, and the cure, in one line.
pub type StartError = String;

/// Starts a gateway. Must be called within a tokio runtime, which serves gRPC and HTTP.
pub async fn start(config: &Config) -> Result<Running, StartError> {
    start_with(config, Adopted::default(), Supervisor::default()).await
}

/// As [`start`], with what the process before has handed over, and a supervisor that hears that this one lives.
pub async fn start_with(
    config: &Config,
    mut adopted: Adopted,
    supervisor: Supervisor,
) -> Result<Running, StartError> {
    let clock = Clock::new();
    let mut config = config.clone();
    let shortage = fit(&mut config, descriptors::raise());
    let config = &config;
    let prompts = rtp::load_prompts(config).map_err(|e| e.to_string())?;
    let prompts_alarm = prompts.alarm();
    let state = secrets::StateDirectory::open(config).map_err(|e| e.to_string())?;
    let (journal, recovered) = open_journal(config, adopted.lock.take())?;
    let (sender, inbox) = mpsc::channel(INBOX);

    let tls = stream::Tls::load(&config.sip.tls)?;
    let held = Held { store: config.store.path.clone(), listeners: bind::names(config) };
    let (bound, config) = bind::bind(config, &mut adopted)?;
    let config = &config;

    report(&journal, &sender);
    let (media, media_thread) = start_media(config, prompts.prompts, adopted.media, sender.clone())?;
    let Resume { recovery, alarm, life } = resume::resume(config, &recovered, &media);

    let mut out = Vec::new();
    let mut gateway = gateway(config, recovered, recovery, &state, clock.now(), &mut out)?;
    gateway.handle(clock.now(), block_list(&journal)?, &mut out);
    let of_prompts = prompts_alarm.map(|text| Alarm::PromptUnusable { text });
    let of_descriptors = shortage.map(|shortage| Alarm::Descriptors { text: shortage.to_string() });
    for alarm in [alarm, of_prompts, of_descriptors].into_iter().flatten() {
        gateway.handle(clock.now(), Input::Alarm(AlarmChange::Raised(alarm)), &mut out);
    }

    let (counts_tx, counts) = watch::channel(gateway.counts());
    let (drained_tx, drained) = watch::channel(false);
    let (servers, stopping) = watch::channel(false);
    let (accepting, accepts) = watch::channel(false);
    let setting = Arc::new(setting(config, tls, &sender));
    let Bound { udp, streams, order: addresses, grpc, http, kept } = bound;
    accept(streams, &sender, &accepts)?;
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
        supervisor,
    };
    let control = start_control(driver, out)?;

    let services = services(config, &journal, &state, &sender);
    services.trace_by(traces);
    let figures = Figures { counts: counts.clone(), streams: setting.clone(), relay: media_counts(&media) };
    let served = serve_web(config, WebListeners { grpc, http }, figures, &journal, &services, &stopping)?;
    tokio::spawn(watch_space(config.store.clone(), sender.clone(), stopped(stopping)));
    Ok(Running {
        sip: addresses,
        grpc: served.grpc,
        http: served.http,
        counts,
        streams: setting,
        web: served.web,
        inbox: sender,
        drained,
        drain_limit: config.limits.drain,
        control,
        media,
        media_thread,
        journal,
        accepting,
        servers,
        serving: served.tasks,
        services,
        state,
        life,
        kept,
        held,
    })
}

/// Where gRPC and HTTP come in.
struct WebListeners {
    grpc: std::net::TcpListener,
    http: std::net::TcpListener,
}

/// What the health page and the metrics show.
struct Figures {
    counts: watch::Receiver<Counts>,
    streams: Arc<stream::Setting>,
    relay: http::MediaCounts,
}

/// The servers of gRPC and HTTP.
struct Served {
    grpc: SocketAddr,
    http: SocketAddr,
    web: [Arc<Web>; 2],
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

fn serve_web(
    config: &Config,
    listeners: WebListeners,
    figures: Figures,
    journal: &Journal,
    services: &grpc::Services,
    stopping: &watch::Receiver<bool>,
) -> Result<Served, StartError> {
    let failed = |e: std::io::Error| e.to_string();
    let (grpc, http) = (listeners.grpc.local_addr(), listeners.http.local_addr());
    let (grpc, http) = (grpc.map_err(failed)?, http.map_err(failed)?);
    let web = [Web::http(config), Web::grpc(config)];
    let listener = TcpListener::from_std(listeners.grpc).map_err(failed)?;
    let by_grpc = grpc::serve(listener, services.clone(), web[1].clone(), stopped(stopping.clone()));
    let listener = TcpListener::from_std(listeners.http).map_err(failed)?;
    let Figures { counts, streams, relay } = figures;
    let stop = stopped(stopping.clone());
    let by_http = http::serve(listener, counts, streams, relay, journal.clone(), web.clone(), stop);
    Ok(Served { grpc, http, web, tasks: vec![tokio::spawn(by_grpc), tokio::spawn(by_http)] })
}

fn open_journal(config: &Config, lock: Option<std::fs::File>) -> Result<(Journal, Recovered), StartError> {
    let retention = Duration::from_secs(u64::from(config.store.retention_days) * 24 * 3600);
    Journal::open_with(&config.store.path, retention, lock).map_err(|e| e.to_string())
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
    recovery: Recovery,
    state: &secrets::StateDirectory,
    now: Now,
    out: &mut Vec<Output>,
) -> Result<Gateway, StartError> {
    let start = Start {
        random: Random::from_seed(secrets::seed().map_err(|e| e.to_string())?),
        head: recovered.head,
        open_calls: recovered.open_calls,
        snapshots: recovered.snapshots,
        recovery,
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
    supervisor: Supervisor,
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
                supervisor,
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
                supervisor,
            };
            driver.run(first).await;
        });
    }
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
    sockets: Vec<std::net::UdpSocket>,
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
    rtp::spawn_with((&config.media).into(), prompts, on_events, sockets)
        .map_err(|e| format!("cannot start the media worker: {e}: raise the process and file limits"))
}

async fn stopped(mut stopping: watch::Receiver<bool>) {
    let _ = stopping.wait_for(|s| *s).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::timeout;

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
    async fn a_control_thread_that_ends_unasked_is_noticed() {
        let end = |running: &Running| running.inbox.try_send(Inbound::Stop).unwrap_or_default();
        assert_eq!(lost("control", end).await, "control");
    }

    #[tokio::test]
    async fn a_media_thread_that_ends_unasked_is_noticed() {
        assert_eq!(lost("media", |running| running.media.stop()).await, "media");
    }

    #[tokio::test]
    async fn a_journal_thread_that_panics_is_noticed() {
        let end = |running: &Running| {
            // The writer's thread tells what is durable: a mistake of ours there ends it.
            running.journal.on_durable(Box::new(|_| panic!("this is what the test wants")));
            running.inbox.try_send(Inbound::Gateway(Input::Drain)).unwrap_or_default();
        };
        assert_eq!(lost("journal", end).await, "journal");
    }
}
