//! From a config to a session that is logged in: which server, which address, encrypted or not, and again after a while.
//!
//! The order of attempts is libpq's: hosts in turn (or shuffled), each address of a host in turn, and for `sslmode` `allow` and
//! `prefer` the other kind of connection if the first one is turned away. Unlike libpq, a wrong password is not tried twice.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_postgres::config as pg;

use super::cancel::Canceller;
use super::config::{ChannelBinding, ConnectionConfig, Endpoint, HostKind, SessionKind, SocketOptions, SslMode, TargetSession};
use super::credentials::LoginRequest;
use super::failure::Failure;
use super::loan::{AlreadyDone, Loan, Terms};
use super::server_version::ServerVersion;
use super::tls::{self, TlsPlan};
use super::transport::{Address, Transport, connect_tcp};
use crate::error::ConnectionError;

/// The half of tokio-postgres that moves the bytes.
pub(crate) type Driver = tokio_postgres::Connection<Loan, Loan>;

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// A session that is logged in and idle. Nobody drives it yet.
pub(crate) struct Login {
    pub(crate) client: tokio_postgres::Client,
    pub(crate) driver: Driver,
    pub(crate) terms: Arc<Terms>,
    pub(crate) canceller: Canceller,
    /// `user@host:port/database`.
    pub(crate) describe: String,
}

/// Logs in, trying again while the failure is one that passes and `retry_for` is not over.
pub(crate) async fn login(config: &ConnectionConfig) -> Result<Login, ConnectionError> {
    let started = Instant::now();
    let mut pause = FIRST_PAUSE;
    loop {
        let (error, passes) = match login_once(config).await {
            Ok(login) => return Ok(login),
            Err(failed) => failed,
        };
        let wait = pause.mul_f64(0.5 + f64::from(random() % 1024) / 2048.0);
        if !passes || started.elapsed() + wait > config.retry_for {
            return Err(error);
        }
        tokio::time::sleep(wait).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// An error, and whether it passes by itself.
type Failed = (ConnectionError, bool);

async fn login_once(config: &ConnectionConfig) -> Result<Login, Failed> {
    match config.target {
        TargetSession::Any => try_hosts(config, None).await,
        TargetSession::Only(kind) => try_hosts(config, Some(kind)).await,
        TargetSession::Prefer(kind) => match try_hosts(config, Some(kind)).await {
            Ok(login) => Ok(login),
            Err(_) => try_hosts(config, None).await,
        },
    }
}

async fn try_hosts(config: &ConnectionConfig, wanted: Option<SessionKind>) -> Result<Login, Failed> {
    let mut tried = Vec::new();
    let mut passes = false;
    for endpoint in shuffled(config.endpoints.iter().collect(), config.is_load_balanced) {
        let addresses = match resolve(endpoint).await {
            Ok(addresses) => shuffled(addresses, config.is_load_balanced),
            Err(failure) => {
                tried.push(format!("{endpoint}: {}", failure.describe()));
                continue;
            }
        };
        for address in addresses {
            let failure = match try_address(config, endpoint, &address, wanted).await {
                Ok(login) => return Ok(login),
                Err(failure) => failure,
            };
            if !failure.tries_next() {
                let passes = failure.passes();
                return Err((failure.error(&config.describe(endpoint)), passes));
            }
            passes |= failure.passes();
            tried.push(format!("{address}: {}", failure.describe()));
            if matches!(failure, Failure::WrongSession(_)) {
                break;
            }
        }
    }
    Err((ConnectionError::Unreachable { server: config.to_string(), attempts: tried.join("; ") }, passes))
}

async fn resolve(endpoint: &Endpoint) -> Result<Vec<Address>, Failure> {
    match &endpoint.kind {
        HostKind::Socket(_) => Ok(endpoint.socket_path().map(Address::Socket).into_iter().collect()),
        HostKind::Address { ip, .. } => Ok(vec![Address::Tcp((*ip, endpoint.port).into())]),
        HostKind::Name(name) => match tokio::net::lookup_host((name.as_str(), endpoint.port)).await {
            Ok(found) => Ok(found.map(Address::Tcp).collect()),
            Err(e) => Err(Failure::Unresolved(format!("the name could not be resolved ({e})"))),
        },
    }
}

/// Which kind of connection is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Plain,
    /// Encrypted if the server can.
    TlsIfOffered,
    Tls,
}

fn ways(mode: SslMode, address: &Address) -> &'static [Way] {
    match (mode, address) {
        // sslmode means nothing for Unix sockets.
        (_, Address::Socket(_)) | (SslMode::Disable, _) => &[Way::Plain],
        (SslMode::Allow | SslMode::Prefer, _) if !tls::IS_BUILT_IN => &[Way::Plain],
        (SslMode::Allow, _) => &[Way::Plain, Way::Tls],
        (SslMode::Prefer, _) => &[Way::TlsIfOffered, Way::Plain],
        _ => &[Way::Tls],
    }
}

async fn try_address(
    config: &ConnectionConfig,
    endpoint: &Endpoint,
    address: &Address,
    wanted: Option<SessionKind>,
) -> Result<Login, Failure> {
    let ways = ways(config.tls.mode, address);
    let mut result = Err(Failure::TimedOut);
    for (i, way) in ways.iter().enumerate() {
        let attempt = try_way(config, endpoint, address, *way, wanted);
        result = match config.connect_timeout {
            Some(limit) => tokio::time::timeout(limit, attempt).await.unwrap_or(Err(Failure::TimedOut)),
            None => attempt.await,
        };
        let is_turned_away = match &result {
            // No line of pg_hba.conf for this kind of connection.
            Err(Failure::Refused(e)) => e.is("28000"),
            Err(Failure::Tls(..)) => *way == Way::TlsIfOffered,
            _ => false,
        };
        if !is_turned_away || i + 1 == ways.len() {
            return result;
        }
    }
    result
}

async fn try_way(
    config: &ConnectionConfig,
    endpoint: &Endpoint,
    address: &Address,
    way: Way,
    wanted: Option<SessionKind>,
) -> Result<Login, Failure> {
    let plan = match way {
        Way::Plain => None,
        Way::TlsIfOffered | Way::Tls => Some(tls::plan(&config.tls, endpoint)?),
    };
    let transport = match open_transport(address, plan.as_ref(), &config.socket).await {
        // The server has no TLS and said so.
        Err(Failure::Tls(_, false)) if way == Way::TlsIfOffered => open_transport(address, None, &config.socket).await?,
        other => other?,
    };
    if let (Some(expected), Transport::Unix(stream)) = (&config.require_peer, &transport) {
        super::transport::check_peer(stream, expected)?;
    }
    let plan = plan.filter(|_| transport.is_encrypted());
    let mut login = log_in(config, endpoint, transport, |facts| {
        Canceller::new(config.describe(endpoint), address.clone(), plan, config.socket.clone(), facts)
    })
    .await?;
    match wanted {
        Some(kind) => check_session(&mut login, kind).await.map(|()| login),
        None => Ok(login),
    }
}

/// Connects, and encrypts if there is a plan for it.
pub(crate) async fn open_transport(
    address: &Address,
    plan: Option<&TlsPlan>,
    options: &SocketOptions,
) -> Result<Transport, Failure> {
    match (address, plan) {
        #[cfg(unix)]
        (Address::Socket(path), _) => Ok(Transport::Unix(tokio::net::UnixStream::connect(path).await?)),
        #[cfg(not(unix))]
        (Address::Socket(_), _) => Err(Failure::Unresolved("there are no Unix sockets on this system".into())),
        (Address::Tcp(address), None) => Ok(Transport::Tcp(connect_tcp(*address, options).await?)),
        (Address::Tcp(address), Some(plan)) => {
            let stream = tls::start(connect_tcp(*address, options).await?, plan).await?;
            Ok(Transport::Tls(Box::new(stream)))
        }
    }
}

/// Startup and authentication, by tokio-postgres on a loan of the transport.
async fn log_in(
    config: &ConnectionConfig,
    endpoint: &Endpoint,
    transport: Transport,
    canceller: impl FnOnce(super::loan::Facts) -> Canceller,
) -> Result<Login, Failure> {
    let mut pg = pg::Config::new();
    pg.user(&config.user).dbname(&config.database).application_name(&config.application_name);
    if let Some(options) = &config.options {
        pg.options(options.reveal());
    }
    // A provider that fails does no harm where no password is asked for.
    let mut not_given = None;
    match (&config.credentials, &endpoint.password) {
        (Some(credentials), known) if !credentials.is_last_resort || known.is_none() => {
            match credentials.provider.password(&LoginRequest::new(config, endpoint)).await {
                Ok(password) => drop(pg.password(password)),
                Err(problem) => not_given = Some(problem.to_string()),
            }
        }
        (_, Some(password)) => drop(pg.password(password.reveal())),
        _ => {}
    }
    // Encryption has happened, or was decided against: "direct" makes tokio-postgres take the stream as it is.
    pg.ssl_mode(pg::SslMode::Require).ssl_negotiation(pg::SslNegotiation::Direct);
    pg.channel_binding(match config.channel_binding {
        ChannelBinding::Disable => pg::ChannelBinding::Disable,
        ChannelBinding::Prefer => pg::ChannelBinding::Prefer,
        ChannelBinding::Require => pg::ChannelBinding::Require,
    });
    let (loan, terms) = Loan::new(transport, config.auth_rules.clone());
    let (client, driver) = pg.connect_raw(loan, AlreadyDone).await.map_err(|e| match not_given {
        Some(problem) if Failure::is_password_missing(&e) => Failure::NotGiven(format!("no password was given: {problem}")),
        _ => Failure::from_login(&e),
    })?;
    let canceller = canceller(terms.facts());
    Ok(Login { client, driver, terms, canceller, describe: config.describe(endpoint) })
}

/// Whether the session is of the kind that `target_session_attrs` asks for.
async fn check_session(login: &mut Login, kind: SessionKind) -> Result<(), Failure> {
    let facts = login.terms.facts();
    let reported = |name: &str| facts.parameters.get(name).map(|value| value == "on");
    let version = facts.parameters.get("server_version").and_then(|v| ServerVersion::parse(v));
    let is_reported = version.is_some_and(ServerVersion::reports_hot_standby);
    let (in_recovery, read_only) = match (reported("in_hot_standby"), reported("default_transaction_read_only")) {
        (Some(standby), Some(read_only)) if is_reported => (standby, standby || read_only),
        _ => ask_session(login).await?,
    };
    match kind {
        SessionKind::ReadWrite if read_only => Err(Failure::WrongSession("the session is read-only")),
        SessionKind::ReadOnly if !read_only => Err(Failure::WrongSession("the session is not read-only")),
        SessionKind::Primary if in_recovery => Err(Failure::WrongSession("the server is a standby")),
        SessionKind::Standby if !in_recovery => Err(Failure::WrongSession("the server is not a standby")),
        _ => Ok(()),
    }
}

/// Asks servers before 14, which do not report it.
async fn ask_session(login: &mut Login) -> Result<(bool, bool), Failure> {
    let Login { client, driver, .. } = login;
    let question = "select pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('transaction_read_only')";
    let answer = client.simple_query(question);
    tokio::pin!(answer);
    let rows = loop {
        tokio::select! {
            rows = &mut answer => break rows.map_err(|e| Failure::from_login(&e))?,
            message = poll_fn(|cx| driver.poll_message(cx)) => match message {
                Some(Ok(_)) => {}
                Some(Err(e)) => return Err(Failure::from_login(&e)),
                None => return Err(Failure::Protocol("the session ended during login".into())),
            },
        }
    };
    let row = rows.iter().find_map(|message| match message {
        tokio_postgres::SimpleQueryMessage::Row(row) => Some((row.get(0) == Some("t"), row.get(1) == Some("on"))),
        _ => None,
    });
    row.ok_or_else(|| Failure::Protocol("a question without an answer".into()))
}

fn shuffled<T>(mut list: Vec<T>, is_wanted: bool) -> Vec<T> {
    if is_wanted {
        for i in (1..list.len()).rev() {
            list.swap(i, random() as usize % (i + 1));
        }
    }
    list
}

/// Not for secrets: spreads load and retries. Without a source of randomness everything goes in order, which is fine too.
fn random() -> u32 {
    getrandom::u32().unwrap_or(0)
}
