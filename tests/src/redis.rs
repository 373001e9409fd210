//! A real Redis server.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::cluster::free_port;
use crate::container::{self, Container};
use crate::guard::{Guard, quote_path};
use crate::servers;

/// A Redis of one test. It keeps what it was told over [`RedisServer::restart`] and [`RedisServer::kill`].
#[derive(Debug)]
pub struct RedisServer {
    port: Mutex<u16>,
    origin: Origin,
}

#[derive(Debug)]
enum Origin {
    Local(Guard),
    Container { _container: Container },
}

impl RedisServer {
    /// Starts one.
    ///
    /// # Panics
    /// If there is neither `redis-server` nor Docker.
    pub fn start() -> Self {
        if servers::program("redis-server").is_none() {
            let container = container::redis().unwrap_or_else(|e| {
                panic!("redis-server is not installed (Debian: `apt-get install redis-server`, macOS: `brew install redis`; {e})")
            });
            return Self { port: Mutex::new(container.port), origin: Origin::Container { _container: container } };
        }
        let server = Self { port: Mutex::new(0), origin: Origin::Local(Guard::start()) };
        server.launch();
        server
    }

    /// `redis://127.0.0.1:port`.
    pub fn url(&self) -> String {
        format!("redis://{}", self.address())
    }

    /// `127.0.0.1:port`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port())
    }

    /// Stops it in order.
    pub fn stop(&self) {
        self.signal("TERM");
    }

    /// Ends it at once, as a crash would.
    pub fn kill(&self) {
        self.signal("KILL");
    }

    /// Starts it again on the same port, with what it knew.
    pub fn restart(&self) {
        self.stop();
        self.launch();
    }

    /// Starts it after [`RedisServer::stop`] or [`RedisServer::kill`].
    ///
    /// # Panics
    /// If it does not come up.
    pub fn launch(&self) {
        let program = quote_path(&servers::program("redis-server").expect("it was there a moment ago"));
        let guard = self.guard();
        let folder = quote_path(guard.folder());
        let mut problem = String::new();
        for attempt in 0..4 {
            let port = if attempt == 0 && self.port() != 0 { self.port() } else { free_port() };
            let place = format!(
                "--port {port} --bind 127.0.0.1 --dir {folder} --pidfile {folder}/redis.pid --logfile {folder}/redis.log"
            );
            let keep = "--daemonize yes --save '' --appendonly yes --appendfsync no";
            match guard.run(&format!("rm -f {folder}/redis.pid; {program} {place} {keep}")).and_then(|()| answers(port)) {
                Ok(()) => {
                    *crate::chaos::lock(&self.port) = port;
                    return;
                }
                Err(e) => problem = e,
            }
        }
        panic!("redis-server does not start: {problem}{}", guard.logs());
    }

    fn port(&self) -> u16 {
        *crate::chaos::lock(&self.port)
    }

    fn signal(&self, signal: &str) {
        let pid = quote_path(&self.guard().folder().join("redis.pid"));
        let gone = "while kill -0 $pid 2>/dev/null; do sleep 0.02; done";
        self.guard().must_run(&format!("read -r pid <{pid} && kill -{signal} $pid; {gone}; rm -f {pid}"));
    }

    fn guard(&self) -> &Guard {
        match &self.origin {
            Origin::Local(guard) => guard,
            Origin::Container { .. } => panic!("this test needs redis-server on this machine"),
        }
    }
}

/// Waits until the server answers PING: `--daemonize` returns before it listens.
fn answers(port: u16) -> Result<(), String> {
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        match ping(port) {
            Ok(()) => return Ok(()),
            Err(e) if Instant::now() > until => return Err(e.to_string()),
            Err(_) => std::thread::sleep(Duration::from_millis(10)),
        }
    }
}

fn ping(port: u16) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    stream.write_all(b"PING\r\n")?;
    let mut answer = [0; 5];
    stream.read_exact(&mut answer)?;
    if &answer == b"+PONG" { Ok(()) } else { Err(std::io::Error::other("it answered something else")) }
}
