//! A running gateway, from its configuration to its clean stop: binds everything, starts the threads, waits for
//! the signal, drains.

use super::clock::Clock;
use super::driver::{Driver, INBOX, Inbound};
use super::store::Journal;
use super::udp::Listeners;
use super::{grpc, http, rtp, secrets, tcp};
use crate::config::Config;
use crate::gateway::{Counts, Gateway, Input, Start};
use crate::id::Random;
use crate::sip::Transport;
use std::net::{IpAddr, SocketAddr};
use std::thread::JoinHandle;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::time::{Duration, timeout};

/// After the last call ended, BYEs and their answers get this long on the wire.
const LAST_WORDS: Duration = Duration::from_millis(500);

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
    inbox: mpsc::Sender<Inbound>,
    drained: watch::Receiver<bool>,
    drain_limit: Duration,
    control: JoinHandle<()>,
    media: rtp::Commander,
    media_thread: JoinHandle<()>,
    journal: Journal,
    servers: watch::Sender<bool>,
}

/// Why the gateway could not start: what, and the cure, in one line.
pub type StartError = String;

/// Starts a gateway. Must be called within a tokio runtime, which serves gRPC and HTTP.
pub async fn start(config: &Config) -> Result<Running, StartError> {
    let clock = Clock::new();
    let state = secrets::State::open(config)?;
    let (journal, recovered) =
        Journal::open(&config.store, state.retention()).map_err(|e| e.to_string())?;
    let (sender, inbox) = mpsc::channel(INBOX);

    let sip = bind_sip(config).await?;
    let grpc_listener = bind_tcp("grpc.listen", config.grpc.listen).await?;
    let http_listener = bind_tcp("http.listen", config.http.listen).await?;

    let back = sender.clone();
    journal.on_durable(Box::new(move |position| {
        let _ = back.blocking_send(Inbound::Gateway(Input::Durable { position }));
    }));
    let back = sender.clone();
    journal.on_backed_up(Box::new(move |backed_up| {
        let _ = back.blocking_send(Inbound::Gateway(Input::JournalBackedUp(backed_up)));
    }));
    let back = sender.clone();
    let (media, media_thread) = rtp::spawn(
        &config.media,
        Box::new(move |events| {
            for event in events {
                let _ = back.blocking_send(Inbound::Gateway(Input::Media(event)));
            }
        }),
    )?;

    let mut out = Vec::new();
    let start = Start {
        random: Random::from_seed(secrets::seed()?),
        head: recovered.head,
        open_calls: recovered.open_calls,
        accounts: state.accounts(config),
        history_secret: state.history_secret(),
        media_address: media_address(config)?,
    };
    let gateway = Gateway::new(config, start, clock.now(), &mut out);

    let (counts_tx, counts) = watch::channel(gateway.counts());
    let (drained_tx, drained) = watch::channel(false);
    let (servers, stopping) = watch::channel(false);
    let addresses = sip.addresses();
    let driver = DriverParts {
        gateway,
        clock,
        sip,
        media: media.clone(),
        journal: journal.clone(),
        inbox,
        sender: sender.clone(),
        counts: counts_tx,
        drained: drained_tx,
    };
    let control = std::thread::Builder::new()
        .name("control".into())
        .spawn(move || driver.run(out))
        .map_err(|e| format!("cannot start the control thread: {e}: raise the process limit"))?;

    let grpc = grpc_listener.local_addr().map_err(|e| e.to_string())?;
    let http = http_listener.local_addr().map_err(|e| e.to_string())?;
    let services = grpc::Services::new(&journal, recovered.log_id, state.api_token());
    tokio::spawn(grpc::serve(grpc_listener, services, stopped(stopping.clone())));
    tokio::spawn(http::serve(http_listener, counts.clone(), stopped(stopping)));
    Ok(Running {
        sip: addresses,
        grpc,
        http,
        counts,
        inbox: sender,
        drained,
        drain_limit: config.limits.drain,
        control,
        media,
        media_thread,
        journal,
        servers,
    })
}

impl Running {
    /// Takes no new calls from here on.
    pub async fn drain(&self) {
        let _ = self.inbox.send(Inbound::Gateway(Input::Drain)).await;
    }

    /// Drains, waits for the calls to end by themselves or at the limit, and stops everything in order.
    pub async fn stop(mut self) {
        self.drain().await;
        let waited = timeout(self.drain_limit, self.drained.wait_for(|d| *d)).await;
        if waited.is_err() {
            let _ = self.inbox.send(Inbound::Gateway(Input::Shutdown)).await;
        }
        tokio::time::sleep(LAST_WORDS).await;
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

/// Everything the control thread takes with it.
struct DriverParts {
    gateway: Gateway,
    clock: Clock,
    sip: BoundSip,
    media: rtp::Commander,
    journal: Journal,
    inbox: mpsc::Receiver<Inbound>,
    sender: mpsc::Sender<Inbound>,
    counts: watch::Sender<Counts>,
    drained: watch::Sender<bool>,
}

impl DriverParts {
    fn run(self, first: Vec<crate::gateway::Output>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let Ok(runtime) = runtime else { return };
        runtime.block_on(async move {
            let DriverParts { gateway, clock, sip, media, journal, inbox, sender, counts, drained } = self;
            let Ok(udp) = Listeners::from_std(sip.udp) else { return };
            for listener in sip.tcp {
                if let Ok(listener) = TcpListener::from_std(listener) {
                    tokio::spawn(tcp::accept(listener, sender.clone()));
                }
            }
            let driver = Driver { gateway, clock, udp, media, journal, inbox, sender, counts, drained };
            driver.run(first).await;
        });
    }
}

/// The SIP sockets, bound but not yet on a runtime.
struct BoundSip {
    udp: Vec<std::net::UdpSocket>,
    tcp: Vec<std::net::TcpListener>,
    order: Vec<(Transport, SocketAddr)>,
}

impl BoundSip {
    fn addresses(&self) -> Vec<(Transport, SocketAddr)> {
        self.order.clone()
    }
}

async fn bind_sip(config: &Config) -> Result<BoundSip, StartError> {
    let mut bound = BoundSip { udp: Vec::new(), tcp: Vec::new(), order: Vec::new() };
    for listen in &config.sip.listen {
        let cure = |e: std::io::Error| {
            format!("sip.listen {} {}: {e}: stop the other program or choose another port", listen.transport, listen.address)
        };
        let address = match listen.transport {
            Transport::Udp => {
                let socket = super::udp::bind_one(listen.address).map_err(cure)?;
                let address = socket.local_addr().map_err(cure)?;
                bound.udp.push(socket);
                address
            }
            Transport::Tcp => {
                let listener = std::net::TcpListener::bind(listen.address).map_err(cure)?;
                listener.set_nonblocking(true).map_err(cure)?;
                let address = listener.local_addr().map_err(cure)?;
                bound.tcp.push(listener);
                address
            }
        };
        bound.order.push((listen.transport, address));
    }
    Ok(bound)
}

async fn bind_tcp(key: &str, address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address)
        .await
        .map_err(|e| format!("{key} {address}: {e}: stop the other program or choose another port"))
}

/// Our address in session descriptions: the advertised one, or `None` for that of the listener. A listener on all
/// addresses needs one to be named.
fn media_address(config: &Config) -> Result<Option<IpAddr>, StartError> {
    let advertised = config.sip.advertised.as_ref().and_then(|a| a.host.parse().ok());
    let unnamed = config.sip.listen.iter().any(|l| l.address.ip().is_unspecified());
    if advertised.is_none() && unnamed {
        return Err("sip.listen names all addresses (0.0.0.0 or ::): set sip.advertised to the IP address peers \
                    reach this machine at"
            .into());
    }
    Ok(advertised)
}

async fn stopped(mut stopping: watch::Receiver<bool>) {
    let _ = stopping.wait_for(|s| *s).await;
}
