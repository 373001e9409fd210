//! Encryption, against a server that follows a script and shows certificates made for the occasion.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tempfile::TempDir;
use tokio_rustls::TlsAcceptor;

use super::*;

/// A certificate and its key.
struct Pair {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

fn params(names: &[&str], common_name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>()).expect("names");
    params.distinguished_name.push(DnType::CommonName, common_name);
    params
}

fn self_signed(mut params: CertificateParams) -> Pair {
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    Pair { certificate: params.self_signed(&key).expect("signed"), key }
}

/// An authority, what it signs, and a directory for files.
struct Authority {
    params: CertificateParams,
    pair: Pair,
    directory: TempDir,
}

impl Authority {
    fn new() -> Self {
        let mut params = params(&[], "authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = Self { pair: self_signed(params.clone()), params, directory: tempfile::tempdir().expect("a directory") };
        authority.write("root.crt", &authority.pair.certificate.pem());
        authority
    }

    fn sign(&self, params: &CertificateParams) -> Pair {
        let key = KeyPair::generate().expect("a key");
        let issuer = Issuer::from_params(&self.params, &self.pair.key);
        Pair { certificate: params.signed_by(&key, &issuer).expect("signed"), key }
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.directory.path().join(name);
        fs::write(&path, text).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("changed");
    }

    /// `{}` stands for the directory.
    fn config(&self, listener: &TcpListener, text: &str) -> ConnectionConfig {
        let port = listener.local_addr().expect("bound").port();
        let text = text.replace("{}", &self.directory.path().to_string_lossy());
        let text = format!("hostaddr=127.0.0.1 port={port} user=u dbname=d {text}");
        ConnectionConfig::parse(&text, &Environment::empty()).expect("valid").with_retry_for(Duration::ZERO)
    }
}

fn acceptor(shown: &Pair, clients: Option<&Authority>) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder =
        ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions().expect("versions");
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(authority.pair.certificate.der().clone()).expect("a root");
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().expect("a verifier"))
        }
    };
    let chain: Vec<CertificateDer<'static>> = vec![shown.certificate.der().clone()];
    let key = PrivateKeyDer::try_from(shown.key.serialize_der()).expect("a key");
    let mut config = builder.with_single_cert(chain, key).expect("a certificate");
    config.alpn_protocols = vec![b"postgresql".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

type Encrypted = tokio_rustls::server::TlsStream<TcpStream>;

/// Agrees to TLS and returns the stream behind the handshake, if that works out.
async fn accept(listener: &TcpListener, acceptor: &TlsAcceptor) -> Option<Encrypted> {
    let (mut stream, _) = listener.accept().await.expect("a client");
    assert_eq!(read_packet(&mut stream).await, 80_877_103u32.to_be_bytes(), "an SSLRequest");
    stream.write_all(b"S").await.expect("written");
    acceptor.accept(stream).await.ok()
}

async fn let_in(stream: &mut Encrypted) {
    read_packet(stream).await;
    stream.write_all(&welcome()).await.expect("written");
    stream.flush().await.expect("written");
}

/// Opens a session with a server that shows `shown`, and says whether that worked.
async fn try_to_open(
    authority: &Authority,
    shown: &Pair,
    clients: Option<&Authority>,
    text: &str,
) -> Result<(), ConnectionError> {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let config = authority.config(&listener, text);
    let acceptor = acceptor(shown, clients);
    let server = async {
        if let Some(mut stream) = accept(&listener, &acceptor).await {
            // A client that is not content leaves.
            let mut length = [0; 4];
            if stream.read_exact(&mut length).await.is_ok() {
                let mut rest = vec![0; u32::from_be_bytes(length) as usize - 4];
                stream.read_exact(&mut rest).await.expect("a startup packet");
                stream.write_all(&welcome()).await.expect("written");
                let _ = stream.read(&mut [0]).await;
            }
        }
    };
    let client = async {
        let connection = Connection::open(&config).await?;
        connection.close().await;
        Ok(())
    };
    tokio::join!(server, client).1
}

#[tokio::test]
async fn certificates_are_checked_as_far_as_sslmode_asks() {
    let authority = Authority::new();
    let stranger = Authority::new();
    let good = authority.sign(&params(&["db.test"], "x"));
    let by_common_name = authority.sign(&params(&[], "db.test"));
    let other_name = authority.sign(&params(&["other.test"], "db.test"));
    let address = authority.sign(&params(&["127.0.0.1"], "x"));
    let unknown = stranger.sign(&params(&["db.test"], "x"));
    let root = "sslrootcert={}/root.crt";
    let cases = [
        ("full", &good, "host=db.test sslmode=verify-full", true),
        ("full, by common name", &by_common_name, "host=db.test sslmode=verify-full", true),
        ("full, alternative name beats common name", &other_name, "host=db.test sslmode=verify-full", false),
        ("full, without regard to case", &good, "host=DB.Test sslmode=verify-full", true),
        ("full, another name", &good, "host=db2.test sslmode=verify-full", false),
        ("full, an address", &address, "host=127.0.0.1 sslmode=verify-full", true),
        ("full, another address", &address, "host=127.0.0.2 sslmode=verify-full", false),
        ("ca, another name", &good, "host=db2.test sslmode=verify-ca", true),
        ("ca, unknown authority", &unknown, "host=db.test sslmode=verify-ca", false),
        ("require checks the authority if it has one", &unknown, "host=db.test sslmode=require", false),
        ("full, TLS 1.2", &good, "host=db.test sslmode=verify-full ssl_max_protocol_version=TLSv1.2", true),
    ];
    for (name, shown, text, expected) in cases {
        let text = format!("{text} {root}");
        let opened = try_to_open(&authority, shown, None, &text).await;
        assert_eq!(opened.is_ok(), expected, "{name}: {opened:?}");
        assert!(opened.is_ok() || matches!(opened, Err(ConnectionError::Tls { .. })), "{name}: {opened:?}");
    }
    let opened = try_to_open(&authority, &unknown, None, "host=db.test sslmode=require sslrootcert={}/none").await;
    assert!(opened.is_ok(), "require without a root does not check: {opened:?}");
}

#[tokio::test]
async fn verify_full_needs_a_name_before_anything_is_sent() {
    let authority = Authority::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let config = authority.config(&listener, "sslmode=verify-full sslrootcert={}/root.crt");
    let opened = Connection::open(&config).await;
    assert!(matches!(opened, Err(ConnectionError::Tls { .. })), "{opened:?}");
}

#[tokio::test]
async fn a_server_may_show_the_trusted_certificate_itself() {
    let authority = Authority::new();
    let shown = self_signed(params(&["db.test"], "x"));
    authority.write("self.crt", &shown.certificate.pem());
    let text = "host=db.test sslmode=verify-full sslrootcert={}/self.crt";
    try_to_open(&authority, &shown, None, text).await.expect("trusted");
    let other = self_signed(params(&["db.test"], "x"));
    try_to_open(&authority, &other, None, text).await.expect_err("not that one");
    let mut expired = params(&["db.test"], "x");
    expired.not_before = rcgen::date_time_ymd(2001, 1, 1);
    expired.not_after = rcgen::date_time_ymd(2002, 1, 1);
    let expired = self_signed(expired);
    authority.write("self.crt", &expired.certificate.pem());
    try_to_open(&authority, &expired, None, text).await.expect_err("expired");
}

#[tokio::test]
async fn a_client_certificate_is_shown_to_a_server_that_wants_one() {
    let authority = Authority::new();
    let shown = authority.sign(&params(&["db.test"], "x"));
    let client = authority.sign(&params(&[], "u"));
    authority.write("u.crt", &client.certificate.pem());
    authority.write("u.key", &client.key.serialize_pem());
    let text = "host=db.test sslmode=require sslcert={}/u.crt sslkey={}/u.key";
    try_to_open(&authority, &shown, Some(&authority), text).await.expect("let in");
    try_to_open(&authority, &shown, Some(&authority), &format!("{text} sslcertmode=require")).await.expect("asked for");
    try_to_open(&authority, &shown, None, &format!("{text} sslcertmode=require")).await.expect_err("not asked for");
    try_to_open(&authority, &shown, Some(&authority), "host=db.test sslmode=require").await.expect_err("nothing to show");
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    let authority = Authority::new();
    let client = authority.sign(&params(&[], "u"));
    authority.write("u.crt", &client.certificate.pem());
    authority.write("u.key", &client.key.serialize_pem());
    let at = |name: &str| authority.directory.path().join(name);
    let text = format!("host=h user=u sslmode=require sslcert={} sslkey={}", at("u.crt").display(), at("u.key").display());
    let config = ConnectionConfig::parse(&text, &Environment::empty()).expect("valid");
    let plan = |config: &ConnectionConfig| crate::connection::tls::plan(&config.tls, &config.endpoints[0]);
    assert!(plan(&config).is_ok());
    fs::set_permissions(at("u.key"), fs::Permissions::from_mode(0o644)).expect("changed");
    let problem = plan(&config).err().expect("refused").describe();
    assert!(problem.contains("0600"), "{problem}");
}

#[tokio::test]
async fn prefer_goes_on_without_tls_and_require_does_not() {
    for (mode, expected) in [("prefer", true), ("require", false)] {
        let authority = Authority::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
        let config = authority.config(&listener, &format!("sslmode={mode}"));
        let server = async {
            let (mut stream, _) = listener.accept().await.expect("a client");
            read_packet(&mut stream).await;
            stream.write_all(b"N").await.expect("written");
            if expected {
                let (mut stream, _) = listener.accept().await.expect("the second socket");
                read_packet(&mut stream).await;
                stream.write_all(&welcome()).await.expect("written");
            }
        };
        let (_, opened) = tokio::join!(server, Connection::open(&config));
        assert_eq!(opened.is_ok(), expected, "{mode}: {opened:?}");
    }
}

#[tokio::test]
async fn a_cancel_request_is_encrypted_like_its_session() {
    let authority = Authority::new();
    let acceptor = acceptor(&authority.sign(&params(&["db.test"], "x")), None);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let config = authority.config(&listener, "host=db.test sslmode=verify-full sslrootcert={}/root.crt");
    let server = async {
        let mut session = accept(&listener, &acceptor).await.expect("encrypted");
        let_in(&mut session).await;
        let mut request = accept(&listener, &acceptor).await.expect("encrypted too");
        (session, read_packet(&mut request).await)
    };
    let client = async {
        let connection = Connection::open(&config).await.expect("let in");
        connection.canceller().cancel().await.expect("sent");
        connection
    };
    let ((_, request), _) = tokio::join!(server, client);
    assert_eq!(request[..8], [&80_877_102u32.to_be_bytes()[..], &7u32.to_be_bytes()].concat());
}

#[tokio::test]
async fn direct_negotiation_needs_no_request() {
    let authority = Authority::new();
    let acceptor = acceptor(&authority.sign(&params(&["db.test"], "x")), None);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let config = authority.config(&listener, "host=db.test sslmode=verify-full sslnegotiation=direct sslrootcert={}/root.crt");
    let server = async {
        let (stream, _) = listener.accept().await.expect("a client");
        let mut stream = acceptor.accept(stream).await.expect("encrypted at once");
        let_in(&mut stream).await;
        stream
    };
    let (_, opened) = tokio::join!(server, Connection::open(&config));
    opened.expect("let in");
}
