//! One proxied connection: two directions, each a reader that stamps and a writer that waits.

use std::sync::Mutex;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::{Control, Direction, End, Fault, When, lock};

/// One read. Small enough that a throttled connection flows evenly.
const CHUNK: usize = 16 * 1024;

/// Chunks under way in one direction: with 50 ms of delay still some 300 MB/s.
const CHUNKS_IN_FLIGHT: usize = 1024;

/// What one connection has carried.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConnectionStats {
    /// Counted from 1 in the order of acceptance.
    pub number: u64,
    /// What the client called itself, if it said so in clear text.
    pub application_name: Option<String>,
    /// Bytes passed on from the client to the server.
    pub bytes_up: u64,
    /// Bytes passed on from the server to the client.
    pub bytes_down: u64,
    /// How often the client began to send after it had been sent something (the first packet counts).
    ///
    /// On a connection without delay, an early answer to the first of several pipelined requests can make them count as
    /// more than one; with a delay they are all on their way before the client sees an answer.
    pub round_trips: u64,
    /// Whether the client is still connected as far as the proxy knows.
    pub is_open: bool,
}

/// The numbers of a connection, and the way to end it from outside.
#[derive(Debug)]
pub(crate) struct Shared {
    stats: Mutex<ConnectionStats>,
    last_seen: Mutex<Direction>,
    end: watch::Sender<Option<End>>,
}

impl Shared {
    pub(super) fn new(number: u64) -> Self {
        let stats = ConnectionStats { number, is_open: true, ..ConnectionStats::default() };
        Self { stats: Mutex::new(stats), last_seen: Mutex::new(Direction::Down), end: watch::Sender::new(None) }
    }

    pub(super) fn stats(&self) -> ConnectionStats {
        lock(&self.stats).clone()
    }

    pub(super) fn set_application_name(&self, name: Option<String>) {
        lock(&self.stats).application_name = name;
    }

    pub(super) fn end(&self, end: End) {
        self.end.send_replace(Some(end));
    }

    pub(super) fn close(&self) {
        lock(&self.stats).is_open = false;
    }

    /// The client's side of the wire saw bytes going in `direction`.
    fn client_saw(&self, direction: Direction) {
        let last = std::mem::replace(&mut *lock(&self.last_seen), direction);
        if (last, direction) == (Direction::Down, Direction::Up) {
            lock(&self.stats).round_trips += 1;
        }
    }

    fn passed(&self, direction: Direction, bytes: usize) {
        let mut stats = lock(&self.stats);
        match direction {
            Direction::Up => stats.bytes_up += bytes as u64,
            Direction::Down => stats.bytes_down += bytes as u64,
        }
    }
}

/// Carries bytes both ways until an end is reached, by a fault, an order, or one of the sides.
pub(super) async fn run(
    client: TcpStream,
    server: TcpStream,
    first: Bytes,
    faults: Vec<Fault>,
    shared: &Shared,
    control: &Control,
) {
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (client_read, client_write) = client.into_split();
    let (server_read, server_write) = server.into_split();
    let up = Pump::new(Direction::Up, &faults, shared, control);
    let down = Pump::new(Direction::Down, &faults, shared, control);
    let mut ended = shared.end.subscribe();
    let (client_write, server_write) = (tokio::sync::Mutex::new(client_write), tokio::sync::Mutex::new(server_write));
    let end = tokio::select! {
        biased;
        () = control.stopped().cancelled() => End::Close,
        Ok(end) = ended.wait_for(Option::is_some) => end.unwrap_or(End::Close),
        end = timer(&faults) => end,
        end = both(up.run(client_read, &server_write, first), down.run(server_read, &client_write, Bytes::new())) => end,
    };
    let (client_write, server_write) = (client_write.into_inner(), server_write.into_inner());
    match end {
        End::Close => {}
        End::Reset => {
            for half in [client_write, server_write] {
                reset(half.as_ref());
                // Dropping it would send an orderly end before the reset.
                half.forget();
            }
        }
        End::HalfOpen => {
            reset(client_write.as_ref());
            client_write.forget();
            // The server's side stays open until the proxy goes.
            control.stopped().cancelled().await;
        }
        End::BlackHole => {
            // The sockets stay open and nobody reads them, until the proxy goes or another order comes.
            tokio::select! {
                () = control.stopped().cancelled() => {}
                _ = ended.wait_for(|e| e.is_some_and(|e| e != End::BlackHole)) => {}
            }
        }
    }
}

/// Makes the end of a connection a reset, as soon as the socket is closed.
pub(super) fn reset(stream: &TcpStream) {
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}

async fn both(up: impl Future<Output = Option<End>>, down: impl Future<Output = Option<End>>) -> End {
    tokio::pin!(up, down);
    // One direction may end in order while the other still has bytes: a fault ends both, an end of file only its own.
    tokio::select! {
        end = &mut up => match end { Some(end) => end, None => down.await.unwrap_or(End::Close) },
        end = &mut down => match end { Some(end) => end, None => up.await.unwrap_or(End::Close) },
    }
}

async fn timer(faults: &[Fault]) -> End {
    let moments = faults.iter().filter_map(|fault| match fault {
        Fault::End(When::Elapsed(after), end) => Some((*after, *end)),
        _ => None,
    });
    match moments.min_by_key(|(after, _)| *after) {
        Some((after, end)) => {
            tokio::time::sleep(after).await;
            end
        }
        None => std::future::pending().await,
    }
}

/// One direction of a connection.
struct Pump<'a> {
    direction: Direction,
    delay: Duration,
    bytes_per_second: Option<u64>,
    limit: Option<(u64, End)>,
    shared: &'a Shared,
    control: &'a Control,
}

impl<'a> Pump<'a> {
    fn new(direction: Direction, faults: &[Fault], shared: &'a Shared, control: &'a Control) -> Self {
        let mut pump = Self { direction, delay: Duration::ZERO, bytes_per_second: None, limit: None, shared, control };
        for fault in faults {
            match fault {
                Fault::Delay(d, delay) if *d == direction => pump.delay += *delay,
                Fault::Throttle(d, rate) if *d == direction => pump.bytes_per_second = Some((*rate).max(1)),
                Fault::End(When::Bytes(d, bytes), end) if *d == direction => {
                    let earlier = pump.limit.is_none_or(|(limit, _)| *bytes < limit);
                    pump.limit = if earlier { Some((*bytes, *end)) } else { pump.limit };
                }
                _ => {}
            }
        }
        pump
    }

    /// Gives the end that a fault asks for, or `None` when the sending side ended in order.
    async fn run(self, from: OwnedReadHalf, to: &tokio::sync::Mutex<OwnedWriteHalf>, first: Bytes) -> Option<End> {
        let (sender, receiver) = mpsc::channel(CHUNKS_IN_FLIGHT);
        let write = self.write(to, receiver);
        tokio::pin!(write);
        tokio::select! {
            // An end takes effect at once, not when the sending side has something more to say.
            end = &mut write => end,
            () = self.read(from, first, sender) => write.await,
        }
    }

    async fn read(&self, mut from: OwnedReadHalf, first: Bytes, sender: mpsc::Sender<(Instant, Bytes)>) {
        let mut chunk = first;
        loop {
            if !chunk.is_empty() {
                if self.direction == Direction::Up {
                    self.shared.client_saw(Direction::Up);
                    self.control.changed();
                }
                let due = Instant::now() + self.delay + self.control.latency();
                if sender.send((due, chunk)).await.is_err() {
                    return;
                }
            }
            let mut buffer = BytesMut::with_capacity(CHUNK);
            match from.read_buf(&mut buffer).await {
                Ok(0) | Err(_) => return,
                Ok(_) => chunk = buffer.freeze(),
            }
        }
    }

    async fn write(&self, to: &tokio::sync::Mutex<OwnedWriteHalf>, mut chunks: mpsc::Receiver<(Instant, Bytes)>) -> Option<End> {
        let mut to = to.lock().await;
        let mut paused = self.control.paused();
        let mut passed = 0u64;
        while let Some((due, mut chunk)) = chunks.recv().await {
            tokio::time::sleep_until(due).await;
            paused.wait_for(|is_paused| !is_paused).await.ok()?;
            let reached = self.limit.filter(|(limit, _)| passed + chunk.len() as u64 >= *limit);
            if let Some((limit, _)) = reached {
                chunk.truncate((limit - passed) as usize);
            }
            if self.direction == Direction::Down {
                self.shared.client_saw(Direction::Down);
            }
            if to.write_all(&chunk).await.is_err() {
                chunks.close();
                return Some(End::Close);
            }
            passed += chunk.len() as u64;
            self.shared.passed(self.direction, chunk.len());
            self.control.changed();
            if let Some((_, end)) = reached {
                chunks.close();
                return Some(end);
            }
            if let Some(rate) = self.bytes_per_second {
                tokio::time::sleep(Duration::from_secs_f64(chunk.len() as f64 / rate as f64)).await;
            }
        }
        let _ = to.shutdown().await;
        None
    }
}
