//! A TCP proxy that breaks connections on purpose, repeatably, and counts what passes.
//!
//! Each accepted connection gets the faults of the [`Rule`]s that match it. Random choices come from the seed and the
//! connection's number alone, so a run that failed can be repeated. The proxy also takes orders while it runs
//! ([`ChaosProxy::cut_all`], [`ChaosProxy::pause`], [`ChaosProxy::set_latency`], …).
//!
//! It reads only the first packet of a connection, for the `application_name`; with TLS that name cannot be seen.

mod connection;
mod rule;
mod startup;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub use connection::ConnectionStats;
pub use rule::{Direction, End, Fault, Random, Rule, When, Which};

use connection::Shared;

/// How long [`ChaosProxy::wait_until`] waits before it fails the test.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running proxy. Dropping it ends all of its connections.
#[derive(Debug)]
pub struct ChaosProxy {
    address: String,
    control: Arc<Control>,
    _stop_on_drop: tokio_util::sync::DropGuard,
}

/// What the proxy's tasks share with its handle.
#[derive(Debug)]
pub(crate) struct Control {
    seed: u64,
    rules: Mutex<Vec<Rule>>,
    upstream: Mutex<String>,
    is_refusing: AtomicBool,
    latency_micros: AtomicU64,
    is_paused: watch::Sender<bool>,
    changes: watch::Sender<u64>,
    connections: Mutex<Vec<Arc<Shared>>>,
    stop: CancellationToken,
}

impl Control {
    pub(crate) fn latency(&self) -> Duration {
        Duration::from_micros(self.latency_micros.load(Ordering::Relaxed))
    }

    pub(crate) fn paused(&self) -> watch::Receiver<bool> {
        self.is_paused.subscribe()
    }

    pub(crate) fn stopped(&self) -> &CancellationToken {
        &self.stop
    }

    /// Tells [`ChaosProxy::wait_until`] to look again.
    pub(crate) fn changed(&self) {
        self.changes.send_modify(|n| *n += 1);
    }

    fn connections(&self) -> Vec<Arc<Shared>> {
        lock(&self.connections).clone()
    }
}

impl ChaosProxy {
    /// Starts a proxy in front of `upstream` (`host:port`), on a free port of 127.0.0.1.
    ///
    /// # Panics
    /// If there is no free port.
    pub async fn start(upstream: impl Into<String>, seed: u64, rules: Vec<Rule>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address").to_string();
        let stop = CancellationToken::new();
        let control = Arc::new(Control {
            seed,
            rules: Mutex::new(rules),
            upstream: Mutex::new(upstream.into()),
            is_refusing: AtomicBool::new(false),
            latency_micros: AtomicU64::new(0),
            is_paused: watch::Sender::new(false),
            changes: watch::Sender::new(0),
            connections: Mutex::new(Vec::new()),
            stop: stop.clone(),
        });
        tokio::spawn(accept(listener, control.clone()));
        Self { address, control, _stop_on_drop: stop.drop_guard() }
    }

    /// A proxy without faults: for counting, and for orders given later.
    ///
    /// # Panics
    /// As [`ChaosProxy::start`].
    pub async fn plain(upstream: impl Into<String>) -> Self {
        Self::start(upstream, 0, Vec::new()).await
    }

    /// Where the proxy listens: `127.0.0.1:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Delays every byte by `one_way` in each direction from now on: a round trip takes twice that.
    pub fn set_latency(&self, one_way: Duration) {
        self.control.latency_micros.store(one_way.as_micros().try_into().unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Replaces the rules for connections that are made from now on.
    pub fn set_rules(&self, rules: Vec<Rule>) {
        *lock(&self.control.rules) = rules;
    }

    /// Sends connections that are made from now on to another server.
    pub fn set_upstream(&self, upstream: impl Into<String>) {
        *lock(&self.control.upstream) = upstream.into();
    }

    /// Resets every connection that is made from now on, or stops doing so.
    pub fn refuse(&self, is_refusing: bool) {
        self.control.is_refusing.store(is_refusing, Ordering::Relaxed);
    }

    /// Holds back all bytes of all connections until [`ChaosProxy::resume`].
    pub fn pause(&self) {
        self.control.is_paused.send_replace(true);
    }

    /// Ends a [`ChaosProxy::pause`].
    pub fn resume(&self) {
        self.control.is_paused.send_replace(false);
    }

    /// Ends every open connection.
    pub fn cut_all(&self, end: End) {
        self.cut(end, |_| true);
    }

    /// Ends the open connections that `which` picks, and says how many those were.
    pub fn cut(&self, end: End, which: impl Fn(&ConnectionStats) -> bool) -> usize {
        let open = self.control.connections().into_iter().filter(|c| c.stats().is_open && which(&c.stats()));
        open.map(|c| c.end(end)).count()
    }

    /// What every connection so far has carried, in the order in which they were accepted.
    pub fn stats(&self) -> Vec<ConnectionStats> {
        self.control.connections().iter().map(|c| c.stats()).collect()
    }

    /// The round trips of all connections together. Exact if a latency is set; see [`ConnectionStats::round_trips`].
    pub fn round_trips(&self) -> u64 {
        self.stats().iter().map(|s| s.round_trips).sum()
    }

    /// Waits until `condition` holds for the connections' numbers.
    ///
    /// # Panics
    /// After 30 s, with the numbers.
    pub async fn wait_until(&self, condition: impl Fn(&[ConnectionStats]) -> bool) {
        let mut changes = self.control.changes.subscribe();
        let wait = async {
            while !condition(&self.stats()) {
                changes.changed().await.expect("the proxy lives as long as its handle");
            }
        };
        if tokio::time::timeout(PATIENCE, wait).await.is_err() {
            panic!("the proxy never saw what the test waits for: {:#?}", self.stats());
        }
    }
}

async fn accept(listener: TcpListener, control: Arc<Control>) {
    loop {
        let accepted = tokio::select! {
            () = control.stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((client, _)) = accepted else { continue };
        if control.is_refusing.load(Ordering::Relaxed) {
            connection::reset(&client);
            continue;
        }
        let shared = {
            let mut connections = lock(&control.connections);
            let shared = Arc::new(Shared::new(connections.len() as u64 + 1));
            connections.push(shared.clone());
            shared
        };
        control.changed();
        tokio::spawn(serve(client, shared, control.clone()));
    }
}

async fn serve(mut client: TcpStream, shared: Arc<Shared>, control: Arc<Control>) {
    let stopped = control.stop.clone();
    let first_packet = tokio::select! {
        () = stopped.cancelled() => None,
        packet = startup::read(&mut client) => packet,
    };
    if let Some(packet) = first_packet {
        shared.set_application_name(packet.application_name.clone());
        let faults = faults_for(&shared.stats(), &control);
        let upstream = lock(&control.upstream).clone();
        match TcpStream::connect(upstream).await {
            Ok(server) => connection::run(client, server, packet.bytes, faults, &shared, &control).await,
            Err(_) => connection::reset(&client),
        }
    }
    shared.close();
    control.changed();
}

fn faults_for(stats: &ConnectionStats, control: &Control) -> Vec<Fault> {
    let mut random = Random::new(control.seed ^ stats.number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let rules = lock(&control.rules);
    let matching = rules.iter().filter(|rule| rule.which.picks(stats, &mut random));
    matching.map(|rule| rule.fault.clone()).collect::<Vec<_>>().into_iter().map(|f| f.settled(&mut random)).collect()
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
