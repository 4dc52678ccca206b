//! TLS: our certificate, whom we believe, and both read again when their files change.
//!
//! rustls with ring does the work. What is decided here: TLS 1.2 and 1.3; a peer that connects may show a
//! certificate and need not, but one that is shown must be good; a peer we connect to must show one for the host
//! we meant.

use super::super::inbound::Inbound;
use super::any_of::AnyOf;
use super::expiry::expires;
use crate::config;
use crate::gateway::{Alarm, AlarmChange, Cleared, Input};
use crate::time::Wall;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::{Resumption, WebPkiServerVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{ClientConfig, CommonState, RootCertStore, ServerConfig};

/// Where Debian, Ubuntu and Alpine keep the authorities the system believes.
const SYSTEM_ROOTS: &str = "/etc/ssl/certs/ca-certificates.crt";

/// How often the files are looked at: a renewed certificate is in use within a second or two.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Looks in a row that must fail before a person is called: an administrator replaces one of certificate and key
/// after the other.
const FAILURES: u32 = 3;

/// Largest file taken: the authorities of a system have 250 KiB.
const LARGEST: u64 = 4 * 1024 * 1024;

/// What TLS goes by at present.
pub struct Tls {
    files: config::Tls,
    loaded: Mutex<Loaded>,
}

#[derive(Default)]
struct Loaded {
    server: Option<Arc<ServerConfig>>,
    /// When our certificate runs out.
    expires: Option<Wall>,
    /// Made when first needed: most gateways never connect by TLS.
    client: Option<Client>,
    /// The files it was made from, as they were then.
    from: Vec<Stamp>,
}

/// For connections that are made.
#[derive(Clone)]
struct Client {
    config: Arc<ClientConfig>,
    verifier: Arc<WebPkiServerVerifier>,
}

/// What changes when a file is written or replaced.
type Stamp = Option<(SystemTime, u64)>;

impl Tls {
    /// Reads the files for the first time.
    ///
    /// # Errors
    /// What is wrong with which file, and the cure.
    pub fn load(files: &config::Tls) -> Result<Tls, String> {
        let tls = Tls { files: files.clone(), loaded: Mutex::default() };
        tls.load_again()?;
        if files.roots.is_some() {
            tls.client()?;
        }
        Ok(tls)
    }

    /// For connections that are accepted; `None` without a certificate of ours.
    pub fn server(&self) -> Option<Arc<ServerConfig>> {
        self.lock().server.clone()
    }

    /// When our certificate runs out; `None` without one, or where it does not tell.
    pub fn expires(&self) -> Option<Wall> {
        self.lock().expires
    }

    /// For a connection to a peer at `address` who must prove to be one of `hosts`, or to have that address where none
    /// of them is a host.
    ///
    /// # Errors
    /// The file of the authorities cannot be used.
    pub(super) fn connector(
        &self,
        hosts: &[String],
        address: IpAddr,
    ) -> Result<(TlsConnector, ServerName<'static>), String> {
        let Client { config, verifier } = self.client()?;
        // A SIP URI stands for its domain (RFC 5922 section 7.1).
        let name = |host: &String| ServerName::try_from(host.strip_prefix("sip:").unwrap_or(host).to_owned());
        let mut names: Vec<ServerName<'static>> = hosts.iter().filter_map(|host| name(host).ok()).collect();
        // The first is told to the peer, who may choose its certificate by it; an address cannot be.
        names.sort_by_key(|name| !matches!(name, ServerName::DnsName(_)));
        let mut names = names.into_iter();
        let first = names.next().unwrap_or_else(|| ServerName::from(address));
        if names.len() == 0 {
            return Ok((TlsConnector::from(config), first));
        }
        let mut config = ClientConfig::clone(&config);
        // What is taken up again later would stand for the first name, whichever was proved.
        config.resumption = Resumption::disabled();
        let any = AnyOf { names: names.collect(), verifier };
        config.dangerous().set_certificate_verifier(Arc::new(any));
        Ok((TlsConnector::from(Arc::new(config)), first))
    }

    fn client(&self) -> Result<Client, String> {
        if let Some(client) = &self.lock().client {
            return Ok(client.clone());
        }
        let client = self.client_from_files()?;
        self.lock().client = Some(client.clone());
        Ok(client)
    }

    fn lock(&self) -> MutexGuard<'_, Loaded> {
        // Whole values are put in: a thread that died has left nothing half done.
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        let config::Tls { identity, client_ca, roots } = &self.files;
        let own = identity.iter().flat_map(|i| [&i.certificate, &i.key]);
        own.chain(client_ca).chain(roots)
    }

    fn stamps(&self) -> Vec<Stamp> {
        let stamp = |path: &PathBuf| {
            let meta = std::fs::metadata(path).ok()?;
            Some((meta.modified().ok()?, meta.len()))
        };
        self.paths().map(stamp).collect()
    }

    fn has_changed(&self) -> bool {
        self.stamps() != self.lock().from
    }

    /// Reads all files; only when every one of them is good does anything change.
    fn load_again(&self) -> Result<(), String> {
        let from = self.stamps();
        let (server, expires) = match &self.files.identity {
            Some(identity) => {
                let (chain, key) = read_identity(identity)?;
                let expires = chain.first().and_then(|certificate| expires(certificate));
                (Some(Arc::new(server(identity, chain, key, self.files.client_ca.as_deref())?)), expires)
            }
            None => (None, None),
        };
        let had_client = self.lock().client.is_some();
        let client = if had_client { Some(self.client_from_files()?) } else { None };
        *self.lock() = Loaded { server, expires, client, from };
        Ok(())
    }

    fn client_from_files(&self) -> Result<Client, String> {
        let roots = self.files.roots.as_deref().unwrap_or(Path::new(SYSTEM_ROOTS));
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(authorities(roots)?), provider())
            .build()
            .map_err(|e| unusable(roots, e))?;
        let builder = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|e| e.to_string())?
            .with_webpki_verifier(verifier.clone());
        let config = match &self.files.identity {
            Some(identity) => {
                let (chain, key) = read_identity(identity)?;
                builder.with_client_auth_cert(chain, key).map_err(|e| unusable(&identity.certificate, e))?
            }
            None => builder.with_no_client_auth(),
        };
        Ok(Client { config: Arc::new(config), verifier })
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn server(
    identity: &config::Identity,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    client_ca: Option<&Path>,
) -> Result<ServerConfig, String> {
    let builder = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?;
    let builder = match client_ca {
        Some(file) => {
            let roots = Arc::new(authorities(file)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider())
                .allow_unauthenticated()
                .build()
                .map_err(|e| unusable(file, e))?;
            builder.with_client_cert_verifier(verifier)
        }
        None => builder.with_no_client_auth(),
    };
    builder.with_single_cert(chain, key).map_err(|e| unusable(&identity.certificate, e))
}

fn read_identity(
    identity: &config::Identity,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), String> {
    let chain = certificates(&identity.certificate)?;
    let key = PrivateKeyDer::from_pem_slice(&read(&identity.key)?)
        .map_err(|_| unusable(&identity.key, "there is no private key in it"))?;
    Ok((chain, key))
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let text = read(file)?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match all {
        Ok(all) if !all.is_empty() => Ok(all),
        Ok(_) => Err(unusable(file, "there is no certificate in it")),
        Err(e) => Err(unusable(file, e)),
    }
}

fn authorities(file: &Path) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let (good, _) = roots.add_parsable_certificates(certificates(file)?);
    if good == 0 { Err(unusable(file, "no certificate in it can be an authority")) } else { Ok(roots) }
}

fn read(file: &Path) -> Result<Vec<u8>, String> {
    let length = std::fs::metadata(file).map_err(|e| unusable(file, e))?.len();
    if length > LARGEST {
        return Err(unusable(file, "it is too long"));
    }
    std::fs::read(file).map_err(|e| unusable(file, e))
}

fn unusable(file: &Path, why: impl std::fmt::Display) -> String {
    format!("{}: {why}: name a PEM file that can be read in [sip]", file.display())
}

/// The names in the peer's certificate, which was verified: DNS names and URIs as they stand there, and the
/// address it comes from if it is one of the certificate's. The subject's common name proves nothing (RFC 5922
/// section 7.1 leaves it to certificates older than that).
pub(super) fn names(peer: &CommonState, remote: SocketAddr) -> Vec<String> {
    let Some(certificate) = peer.peer_certificates().and_then(|chain| chain.first()) else {
        return Vec::new();
    };
    let Ok(certificate) = webpki::EndEntityCert::try_from(certificate) else { return Vec::new() };
    let mut names: Vec<String> = certificate.valid_dns_names().map(str::to_owned).collect();
    names.extend(certificate.valid_uri_names().map(str::to_owned));
    let address = remote.ip().to_canonical();
    if certificate.verify_is_valid_for_subject_name(&ServerName::from(address)).is_ok() {
        names.push(address.to_string());
    }
    names
}

/// Looks at the files until the driver is gone: new ones are taken, unusable ones are told and the old kept.
pub async fn watch(setting: Arc<super::Setting>, inbox: mpsc::Sender<Inbound>) {
    let mut look = interval(LOOK_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut failures = 0u32;
    while !inbox.is_closed() {
        look.tick().await;
        let tls = &setting.tls;
        if !tls.has_changed() {
            continue;
        }
        let alarm = match tls.load_again() {
            Ok(()) => {
                let was_raised = failures >= FAILURES;
                failures = 0;
                if !was_raised {
                    continue;
                }
                AlarmChange::Cleared(Cleared::TlsCertificate)
            }
            Err(why) => {
                failures = failures.saturating_add(1);
                if failures != FAILURES {
                    continue;
                }
                AlarmChange::Raised(Alarm::TlsCertificate { why })
            }
        };
        let alarm = Input::Alarm(alarm);
        if inbox.send(Inbound::Gateway(alarm)).await.is_err() {
            return;
        }
    }
}
