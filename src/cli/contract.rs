//! Reaching a running gateway over its public contract: its address, its token, a connection.

use super::configuration::Named;
use crate::io::secrets;
use crate::redact::Secret;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;
use tonic::metadata::MetadataValue;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

/// A gateway that cannot be reached in this time is not there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Which gateway, and how to be let in.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Gateway {
    #[command(flatten)]
    named: Named,
    /// Where it serves gRPC; that of the configuration when absent.
    #[arg(long, value_name = "ADDRESS:PORT")]
    address: Option<SocketAddr>,
    /// The file with the API token; that of the configuration's state directory when absent.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// Puts the token on every request.
#[derive(Clone)]
pub(super) struct Token(Secret<String>);

impl Interceptor for Token {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let value = MetadataValue::try_from(format!("Bearer {}", self.0.expose()))
            .map_err(|_| Status::unauthenticated("the token holds characters that cannot be sent"))?;
        request.metadata_mut().insert("authorization", value);
        Ok(request)
    }
}

/// A connection that carries the token.
pub(super) type Connection = InterceptedService<Channel, Token>;

impl Gateway {
    /// The gateway at `address`, for tests.
    #[cfg(test)]
    pub(super) fn at(address: SocketAddr, token_file: PathBuf) -> Gateway {
        Gateway { named: Named { config: None }, address: Some(address), token_file: Some(token_file) }
    }

    /// Connects once.
    pub(super) async fn connect(&self) -> Result<Connection, String> {
        let address = match self.address {
            Some(address) => address,
            None => here(self.named.load()?.grpc.listen),
        };
        let token = Token(self.token()?);
        let channel = Endpoint::from_shared(format!("http://{address}"))
            .map_err(|e| format!("{address}: {e}"))?
            .connect_timeout(CONNECT_TIMEOUT)
            .connect()
            .await
            .map_err(|_| format!("{address}: no gateway answers: is `hotline serve` running?"))?;
        Ok(InterceptedService::new(channel, token))
    }

    fn token(&self) -> Result<Secret<String>, String> {
        match &self.token_file {
            Some(path) => std::fs::read_to_string(path)
                .map(|text| Secret::new(text.trim().to_owned()))
                .map_err(|e| format!("{}: {e}: name the file with the API token", path.display())),
            None => {
                let config = self.named.load()?;
                secrets::api_token(config.store.state_directory()).map_err(|e| e.to_string())
            }
        }
    }
}

/// What the gateway said, as one line with a cure.
#[expect(clippy::wildcard_enum_match_arm, reason = "the codes of gRPC")]
pub(super) fn refused(status: &Status) -> String {
    match status.code() {
        Code::Unauthenticated => {
            "the gateway does not know this token: name the right file with --token-file".to_owned()
        }
        Code::Unavailable => "the connection to the gateway is lost: is `hotline serve` running?".to_owned(),
        _ => format!("the gateway refuses: {}", status.message()),
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
