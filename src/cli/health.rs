//! `hotline health`: asks the health page of the gateway on this machine, for containers and service monitors.

use super::configuration::Named;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// A gateway that cannot say so within this time is not healthy.
const PATIENCE: Duration = Duration::from_secs(2);

/// The gateway to ask.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    named: Named,
    /// Address of the health page; that of the configuration when absent.
    #[arg(long, value_name = "ADDRESS:PORT")]
    at: Option<SocketAddr>,
}

/// Ends well when the gateway takes calls.
pub(super) fn run(args: &Args) -> Result<(), String> {
    let address = match args.at {
        Some(address) => address,
        None => here(args.named.load()?.http.listen),
    };
    let status = ask(address).map_err(|e| format!("{address}: {e}: is `hotline serve` running?"))?;
    match status.as_str() {
        "200" => {
            println!("healthy: {address}");
            Ok(())
        }
        "503" => Err(format!(
            "{address}: the gateway takes no new calls: it drains, or it has stopped working, which its log then says: \
             wait for it to end, then start it"
        )),
        other => Err(format!("{address}: the answer was {other:?}: does another program listen there?")),
    }
}

/// The address under which a listener on all addresses is reached from here.
fn here(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(a) if a.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(a) if a.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, listen.port())
}

fn ask(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    write!(stream, "GET /health HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    // "HTTP/1.1 200" is twelve octets; what follows is for people.
    let mut start = [0; 12];
    stream.read_exact(&mut start)?;
    let start = String::from_utf8_lossy(&start);
    Ok(start.split_once(' ').map_or("", |(_, status)| status).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn answering(answer: &'static str) -> Args {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            // Closing with unread octets would reset the connection under the answer.
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut octet = [0];
                stream.read_exact(&mut octet).unwrap();
                request.extend(octet);
            }
            stream.write_all(answer.as_bytes()).unwrap();
        });
        Args { named: Named { config: None }, at: Some(at) }
    }

    #[test]
    fn a_gateway_that_takes_calls_is_healthy() {
        assert_eq!(run(&answering("HTTP/1.1 200 OK\r\n\r\n")), Ok(()));
    }

    #[test]
    fn a_draining_gateway_and_another_program_are_not() {
        assert!(run(&answering("HTTP/1.1 503 Service Unavailable\r\n\r\n")).unwrap_err().contains("drains"));
        assert!(run(&answering("SSH-2.0-OpenSSH_9.2\r\n")).unwrap_err().contains("another program"));
    }

    #[test]
    fn where_nobody_listens_the_cure_is_named() {
        let at = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let e = run(&Args { named: Named { config: None }, at: Some(at) }).unwrap_err();
        assert!(e.contains("hotline serve"), "{e}");
    }
}
