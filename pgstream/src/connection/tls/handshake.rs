//! From a TCP socket to an encrypted one.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustls::client::{ResolvesClientCert, Resumption};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::ServerName;
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, ClientConfig, SignatureScheme, SupportedProtocolVersion, version};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::verifier::Verifier;
use super::{certificate, files};
use crate::connection::config::{CertificateMode, Endpoint, SslMode, SslNegotiation, TlsSettings, TlsVersion};
use crate::connection::failure::Failure;

/// Whether this build can encrypt.
pub(crate) const IS_BUILT_IN: bool = true;

/// What libpq calls the protocol since 17.
const ALPN: &[u8] = b"postgresql";

/// Length 8 and the code 80877103.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// An encrypted socket.
pub(crate) type TlsStream = tokio_rustls::client::TlsStream<TcpStream>;

/// Everything that a handshake with one server needs; files have been read.
#[derive(Clone)]
pub(crate) struct TlsPlan {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    negotiation: SslNegotiation,
    /// Set when the server asks for a certificate, if it has to.
    was_asked: Option<Arc<AtomicBool>>,
}

/// Reads the files and prepares the handshake with one server.
pub(crate) fn plan(settings: &TlsSettings, endpoint: &Endpoint) -> Result<TlsPlan, Failure> {
    prepare(settings, endpoint).map_err(|problem| Failure::Tls(problem, true))
}

fn prepare(settings: &TlsSettings, endpoint: &Endpoint) -> Result<TlsPlan, String> {
    let host = endpoint.certificate_name();
    if settings.mode == SslMode::VerifyFull && host.is_none() {
        return Err("sslmode=verify-full needs a host name, not hostaddr alone".into());
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = Verifier {
        provider: Arc::clone(&provider),
        trusted: files::trusted(settings)?,
        host: host.filter(|_| settings.mode == SslMode::VerifyFull).map(str::to_owned),
    };
    let mut config = client_config(settings, provider, verifier)?;
    config.enable_sni = settings.is_name_sent;
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.resumption = Resumption::disabled();
    let was_asked = (settings.certificate_mode == CertificateMode::Require).then(|| watch_requests(&mut config));
    // A name that cannot be sent is not sent, as with addresses. What is verified is `host`.
    let name = host.and_then(|h| ServerName::try_from(h.to_owned()).ok());
    let name = name.unwrap_or_else(|| ServerName::IpAddress(Ipv4Addr::UNSPECIFIED.into()));
    Ok(TlsPlan { config: Arc::new(config), name, negotiation: settings.negotiation, was_asked })
}

fn client_config(settings: &TlsSettings, provider: Arc<CryptoProvider>, verifier: Verifier) -> Result<ClientConfig, String> {
    let known: [(TlsVersion, &'static SupportedProtocolVersion); 2] =
        [(TlsVersion::Tls13, &version::TLS13), (TlsVersion::Tls12, &version::TLS12)];
    let wanted: Vec<_> =
        known.iter().filter(|(v, _)| (settings.oldest..=settings.newest).contains(v)).map(|(_, supported)| *supported).collect();
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&wanted)
        .map_err(|e| e.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    match files::identity(settings)? {
        Some((chain, key)) => builder
            .with_client_auth_cert(chain, key)
            .map_err(|e| format!("the client certificate and its key cannot be used: {e}")),
        None if settings.certificate_mode == CertificateMode::Require => {
            Err("sslcertmode=require needs a client certificate (sslcert)".into())
        }
        None => Ok(builder.with_no_client_auth()),
    }
}

/// `sslcertmode=require`: notices whether the server asks for the certificate.
#[derive(Debug)]
struct Watched {
    inner: Arc<dyn ResolvesClientCert>,
    was_asked: Arc<AtomicBool>,
}

impl ResolvesClientCert for Watched {
    fn resolve(&self, hints: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.was_asked.store(true, Ordering::Release);
        self.inner.resolve(hints, schemes)
    }

    fn has_certs(&self) -> bool {
        self.inner.has_certs()
    }
}

fn watch_requests(config: &mut ClientConfig) -> Arc<AtomicBool> {
    let was_asked = Arc::new(AtomicBool::new(false));
    let inner = Arc::clone(&config.client_auth_cert_resolver);
    config.client_auth_cert_resolver = Arc::new(Watched { inner, was_asked: Arc::clone(&was_asked) });
    was_asked
}

/// Asks the server for TLS, unless it begins at once, and shakes hands.
pub(crate) async fn start(mut socket: TcpStream, plan: &TlsPlan) -> Result<TlsStream, Failure> {
    if plan.negotiation == SslNegotiation::Postgres {
        socket.write_all(&SSL_REQUEST).await?;
        // One byte and no more: whatever an attacker put behind it becomes part of the handshake, which then fails.
        match socket.read_u8().await? {
            b'S' => {}
            b'N' => return Err(Failure::Tls("the server does not offer TLS".into(), false)),
            _ => return Err(Failure::Tls("the server answered the request for TLS with an error".into(), true)),
        }
    }
    let connector = TlsConnector::from(Arc::clone(&plan.config));
    let stream = connector.connect(plan.name.clone(), socket).await.map_err(|e| Failure::Tls(explain(&e), true))?;
    if plan.negotiation == SslNegotiation::Direct && stream.get_ref().1.alpn_protocol() != Some(ALPN) {
        return Err(Failure::Tls("the server did not agree to speak PostgreSQL's protocol (ALPN)".into(), true));
    }
    if plan.was_asked.as_ref().is_some_and(|asked| !asked.load(Ordering::Acquire)) {
        return Err(Failure::Tls("the server did not ask for a client certificate (sslcertmode=require)".into(), true));
    }
    Ok(stream)
}

/// The words for what most often goes wrong in a handshake.
fn explain(e: &io::Error) -> String {
    match e.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::General(problem)) => problem.clone(),
        Some(rustls::Error::InvalidCertificate(problem)) => match problem {
            CertificateError::UnknownIssuer => "no trusted authority has signed the server's certificate".into(),
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => "the server's certificate has expired".into(),
            CertificateError::NotValidForName => "the server's certificate is for another host".into(),
            other => format!("the server's certificate is not accepted: {other}"),
        },
        _ if e.kind() == io::ErrorKind::UnexpectedEof => "the server closed the connection during the handshake".into(),
        _ => e.to_string(),
    }
}

/// What binds a login to this session.
pub(crate) fn end_point(stream: &TlsStream) -> Option<Vec<u8>> {
    let certificates = stream.get_ref().1.peer_certificates()?;
    certificate::end_point(certificates.first()?)
}

/// Whether an error of a socket is one of TLS: a server may refuse a client certificate after the handshake.
pub(crate) fn is_tls_error(e: &io::Error) -> bool {
    e.get_ref().is_some_and(|inner| inner.is::<rustls::Error>())
}
