//! The sockets that peers come to: adopted from the process before, or bound.

use super::super::hand_over::{Adopted, Descriptor, Role};
use super::super::{stream, udp};
use super::StartError;
use crate::config::{Config, Listen};
use crate::sip::Transport;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, OwnedFd};

/// All of them, on no runtime yet.
pub(super) struct Bound {
    pub udp: Vec<std::net::UdpSocket>,
    pub streams: Vec<(Transport, TcpListener)>,
    /// Where SIP is taken, in the order configured.
    pub order: Vec<(Transport, SocketAddr)>,
    pub grpc: TcpListener,
    pub http: TcpListener,
    /// All of them again, for the next process.
    pub kept: Vec<Descriptor>,
}

/// The listeners of a configuration, by the names they are handed over under.
pub(super) fn names(config: &Config) -> Vec<String> {
    let sip = config.sip.listen.iter().map(of_sip);
    sip.chain([of_web("grpc", config.grpc.listen), of_web("http", config.http.listen)]).collect()
}

/// Tries whether each listener of `config` that is not `held` by the gateway that runs could be bound.
pub fn try_all(config: &Config, held: &[String]) -> Vec<StartError> {
    let new = |name: &String| !held.contains(name);
    let sip = config.sip.listen.iter().filter(|listen| new(&of_sip(listen)));
    let sip = sip.filter_map(|listen| {
        let bound = match Transport::from(listen.transport) {
            Transport::Udp => udp::bind_one(listen.address).map(drop),
            Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss => {
                stream::bind(listen.address).map(drop)
            }
        };
        bound.err().map(|e| cure(&format!("sip.listen {listen}"), &e))
    });
    let web = [("grpc", config.grpc.listen), ("http", config.http.listen)];
    let web = web.into_iter().filter(|(key, address)| new(&of_web(key, *address)));
    let web = web.filter_map(|(key, address)| {
        stream::bind_web(address).err().map(|e| cure(&format!("{key}.listen {address}"), &e))
    });
    sip.chain(web).collect()
}

/// Adopts or binds the listeners. Gives the configuration back with the ports they really have.
pub(super) fn bind(config: &Config, adopted: &mut Adopted) -> Result<(Bound, Config), StartError> {
    let mut config = config.clone();
    let (mut udp, mut streams, mut order, mut kept) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for listen in &mut config.sip.listen {
        let name = of_sip(listen);
        let failed = |e: io::Error| cure(&format!("sip.listen {listen}"), &e);
        let before = adopted.listener(&name);
        let address = match Transport::from(listen.transport) {
            Transport::Udp => {
                let socket = before.map_or_else(|| udp::bind_one(listen.address), |fd| Ok(fd.into()));
                let socket = socket.map_err(failed)?;
                keep(&name, &socket, &mut kept).map_err(failed)?;
                let address = socket.local_addr().map_err(failed)?;
                udp.push(socket);
                address
            }
            transport @ (Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss) => {
                let listener = listening(before, || stream::bind(listen.address)).map_err(failed)?;
                keep(&name, &listener, &mut kept).map_err(failed)?;
                let address = listener.local_addr().map_err(failed)?;
                streams.push((transport, listener));
                address
            }
        };
        order.push((Transport::from(listen.transport), address));
        listen.address = address;
    }
    let grpc = web("grpc", config.grpc.listen, adopted, &mut kept)?;
    let http = web("http", config.http.listen, adopted, &mut kept)?;
    adopted.close_others();
    Ok((Bound { udp, streams, order, grpc, http, kept }, config))
}

fn web(
    key: &str,
    address: SocketAddr,
    adopted: &mut Adopted,
    kept: &mut Vec<Descriptor>,
) -> Result<TcpListener, StartError> {
    let failed = |e: io::Error| cure(&format!("{key}.listen {address}"), &e);
    let name = of_web(key, address);
    let before = adopted.listener(&name);
    let listener = listening(before, || stream::bind_web(address)).map_err(failed)?;
    keep(&name, &listener, kept).map_err(failed)?;
    Ok(listener)
}

fn listening(
    before: Option<OwnedFd>,
    bind: impl FnOnce() -> io::Result<TcpListener>,
) -> io::Result<TcpListener> {
    match before {
        Some(fd) => Ok(fd.into()),
        None => bind(),
    }
}

/// Keeps a second descriptor of a listener: what arrives after this process has stopped to read waits in the kernel.
fn keep(name: &str, socket: &impl AsFd, kept: &mut Vec<Descriptor>) -> io::Result<()> {
    let fd = socket.as_fd().try_clone_to_owned()?;
    kept.push(Descriptor { role: Role::Listener(name.to_owned()), fd });
    Ok(())
}

fn of_sip(listen: &Listen) -> String {
    format!("sip {listen}")
}

fn of_web(key: &str, address: SocketAddr) -> String {
    format!("{key} {address}")
}

fn cure(what: &str, e: &io::Error) -> StartError {
    format!("{what}: {e}: stop the other program or choose another port")
}
