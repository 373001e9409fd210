//! A real pgbouncer in front of a cluster.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::cluster::{Cluster, free_port};
use crate::guard::{Guard, quote_path};
use crate::servers;

/// A running pgbouncer. Dropping it stops it.
#[derive(Debug)]
pub struct Pgbouncer {
    port: u16,
    _guard: Guard,
}

impl Pgbouncer {
    /// Starts one in transaction mode for all databases and for all roles that the cluster has now. Nobody needs a password.
    ///
    /// # Panics
    /// If pgbouncer is not installed or does not start.
    pub fn transaction_mode(cluster: &Cluster) -> Self {
        Self::start(cluster, &[("pool_mode", "transaction")])
    }

    /// Starts one with these lines in its `[pgbouncer]` section.
    ///
    /// # Panics
    /// As [`Pgbouncer::transaction_mode`].
    pub fn start(cluster: &Cluster, settings: &[(&str, &str)]) -> Self {
        let program = servers::program("pgbouncer");
        let program =
            program.expect("pgbouncer is not installed (Debian: `apt-get install pgbouncer`, macOS: `brew install pgbouncer`)");
        let guard = Guard::start();
        let roles = cluster.admin("select rolname from pg_catalog.pg_roles where rolcanlogin order by 1");
        let users: String = roles.iter().flatten().flatten().map(|r| format!("\"{}\" \"\"\n", r.replace('"', "\"\""))).collect();
        guard.write("users.txt", &users);
        let mut problem = String::new();
        for _ in 0..4 {
            let port = free_port();
            guard.write("pgbouncer.ini", &configuration(cluster, &guard, port, settings));
            let ini = quote_path(&guard.folder().join("pgbouncer.ini"));
            match guard.run(&format!("{} -q -d {ini}", quote_path(&program))) {
                Ok(()) if listens(port) => return Self { port, _guard: guard },
                Ok(()) => problem = "it does not listen".into(),
                Err(e) => problem = e,
            }
        }
        panic!("pgbouncer does not start: {problem}{}", guard.logs());
    }

    /// `127.0.0.1:port`, for [`crate::database::TestDb::url_through`].
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

/// Waits until the port answers: `-d` returns before it listens.
fn listens(port: u16) -> bool {
    let until = Instant::now() + Duration::from_secs(10);
    while Instant::now() < until {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    false
}

fn configuration(cluster: &Cluster, guard: &Guard, port: u16, settings: &[(&str, &str)]) -> String {
    let folder = guard.folder().display();
    let more: String = settings.iter().map(|(name, value)| format!("{name} = {value}\n")).collect();
    format!(
        "[databases]\n* = host=127.0.0.1 port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
         unix_socket_dir =\nauth_type = trust\nauth_file = {folder}/users.txt\nlogfile = {folder}/pgbouncer.log\n\
         pidfile = {folder}/pgbouncer.pid\nignore_startup_parameters = extra_float_digits\ndefault_pool_size = 20\n{more}",
        cluster.port()
    )
}
