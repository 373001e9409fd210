//! Throw-away PostgreSQL servers.
//!
//! A shared cluster per major version starts when the first test asks for it and ends with the test process. A test that
//! restarts, breaks or reconfigures its server makes a private one. All listen on 127.0.0.1 and on a socket in their folder;
//! everybody is trusted, except members of the role [`PASSWORD_GROUP`].

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::certificates::Certificates;
use crate::container::{self, Container};
use crate::guard::{Guard, quote, quote_path};
use crate::servers::{self, HOW_TO_GET_A_SERVER};
use crate::sql::{self, Rows, identifier, literal};

/// Members of this role must log in with a SCRAM password; see [`Cluster::create_password_role`].
pub const PASSWORD_GROUP: &str = "pgstream_test_password";

/// Roles without login that every cluster has, so that fixtures can own and grant. They hold no rights of their own.
pub const FIXTURE_ROLES: [&str; 3] = ["fixture_owner", "fixture_reader", "fixture_writer"];

/// Fast and unsafe, as a server that is deleted afterwards may be. Later lines of a private cluster's own settings win.
const SETTINGS: [(&str, &str); 14] = [
    ("fsync", "off"),
    ("full_page_writes", "off"),
    ("synchronous_commit", "off"),
    ("wal_level", "logical"),
    ("max_wal_senders", "10"),
    ("max_connections", "200"),
    ("max_locks_per_transaction", "512"),
    ("max_prepared_transactions", "10"),
    ("jit", "off"),
    ("autovacuum", "off"),
    ("shared_buffers", "64MB"),
    ("password_encryption", "scram-sha-256"),
    ("log_min_messages", "warning"),
    ("timezone", "UTC"),
];

/// Majors tried as containers when nothing else is found.
const CONTAINER_MAJOR: u32 = 18;

/// A PostgreSQL server for tests. A private one ends when it is dropped.
#[derive(Debug)]
pub struct Cluster {
    major: u32,
    host: String,
    port: Mutex<u16>,
    superuser: String,
    password: Option<String>,
    origin: Origin,
}

#[derive(Debug)]
enum Origin {
    /// `PGSTREAM_TEST_DATABASE_URL`: not ours to stop.
    Given,
    /// Started by us from binaries in `bin`.
    Local { bin: PathBuf, guard: Guard },
    /// Started by us in a container.
    Container { _container: Container },
}

/// The major versions that tests can run on here, oldest first: those found, less what `PGSTREAM_TEST_MAJORS` leaves out.
///
/// # Panics
/// If there are none, with what to install.
pub fn majors() -> Vec<u32> {
    if let Some(given) = given() {
        return vec![given.major];
    }
    let wanted = std::env::var("PGSTREAM_TEST_MAJORS").unwrap_or_default();
    let wanted: Vec<&str> = wanted.split([',', ':', ' ']).filter(|w| !w.is_empty()).collect();
    let found = servers::server_folders().keys().copied();
    let majors: Vec<u32> = found.filter(|m| wanted.is_empty() || wanted.contains(&m.to_string().as_str())).collect();
    if majors.is_empty() && servers::server_folders().is_empty() {
        return wanted.iter().map(|w| w.parse().unwrap_or(CONTAINER_MAJOR)).chain([CONTAINER_MAJOR]).take(1).collect();
    }
    assert!(
        !majors.is_empty(),
        "PGSTREAM_TEST_MAJORS={} leaves none of {:?}",
        wanted.join(","),
        servers::server_folders().keys()
    );
    majors
}

impl Cluster {
    /// The shared cluster of the newest major version found.
    ///
    /// # Panics
    /// If no server can be had, with what to install.
    pub fn newest() -> Arc<Self> {
        Self::for_major(majors().pop().expect("majors() is never empty"))
    }

    /// The shared cluster of one major version; the first call starts it.
    ///
    /// # Panics
    /// If it cannot be had or does not start.
    pub fn for_major(major: u32) -> Arc<Self> {
        static SHARED: Mutex<BTreeMap<u32, Arc<OnceLock<Arc<Cluster>>>>> = Mutex::new(BTreeMap::new());
        if let Some(given) = given() {
            assert_eq!(given.major, major, "PGSTREAM_TEST_DATABASE_URL is the only server, and of another major version");
            return given;
        }
        let cell = SHARED.lock().unwrap_or_else(PoisonError::into_inner).entry(major).or_default().clone();
        cell.get_or_init(|| Arc::new(Self::private(major, &[]))).clone()
    }

    /// The shared clusters of all majors found.
    ///
    /// # Panics
    /// As [`Cluster::for_major`].
    pub fn all() -> Vec<Arc<Self>> {
        majors().into_iter().map(Self::for_major).collect()
    }

    /// The shared clusters of the oldest and the newest major found; one, if there is one.
    ///
    /// # Panics
    /// As [`Cluster::for_major`].
    pub fn ends() -> Vec<Arc<Self>> {
        let majors = majors();
        let ends: std::collections::BTreeSet<u32> = majors.first().into_iter().chain(majors.last()).copied().collect();
        ends.into_iter().map(Self::for_major).collect()
    }

    /// A cluster of this test's own, with more settings for `postgresql.conf`.
    ///
    /// # Panics
    /// If it cannot be had or does not start.
    pub fn private(major: u32, settings: &[(&str, &str)]) -> Self {
        let Some(bin) = servers::server_folders().get(&major) else {
            assert!(servers::server_folders().is_empty(), "PostgreSQL {major} is not among {:?}", servers::server_folders());
            return Self::in_container(major, settings);
        };
        let guard = Guard::start();
        let data = guard.folder().join("data");
        let initdb = |locale: &str| {
            let words = [quote_path(&bin.join("initdb")), format!("-N -A trust -U postgres -E UTF8 --locale={locale}")];
            guard.run(&format!("rm -rf {0}; {1} -D {0}", quote_path(&data), words.join(" ")))
        };
        if initdb("C.UTF-8").is_err()
            && let Err(problem) = initdb("C")
        {
            panic!("{problem}");
        }
        let cluster = Self::local(major, bin, guard);
        cluster.configure(settings);
        cluster.start();
        cluster.prepare();
        cluster
    }

    fn local(major: u32, bin: &Path, guard: Guard) -> Self {
        Self {
            major,
            host: "127.0.0.1".into(),
            port: Mutex::new(0),
            superuser: "postgres".into(),
            password: None,
            origin: Origin::Local { bin: bin.to_owned(), guard },
        }
    }

    fn in_container(major: u32, settings: &[(&str, &str)]) -> Self {
        let all: Vec<_> = SETTINGS.iter().chain(settings).map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let container = container::postgres(major, &all).unwrap_or_else(|e| panic!("{HOW_TO_GET_A_SERVER} ({e})"));
        let cluster = Self {
            major,
            host: "127.0.0.1".into(),
            port: Mutex::new(container.port),
            superuser: "postgres".into(),
            password: None,
            origin: Origin::Container { _container: container },
        };
        cluster.prepare();
        cluster
    }

    /// The server's major version.
    pub fn major(&self) -> u32 {
        self.major
    }

    /// The TCP port. It may change when a cluster is stopped and started again.
    pub fn port(&self) -> u16 {
        *self.port.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `host:port`, for a proxy.
    pub fn address(&self) -> String {
        format!("{}:{}", self.host, self.port())
    }

    /// The superuser's name.
    pub fn superuser(&self) -> &str {
        &self.superuser
    }

    /// The superuser's URL of a database, over TCP.
    pub fn url(&self, database: &str) -> String {
        self.url_through(&self.address(), database)
    }

    /// The superuser's URL of a database, reached through another address (a proxy, a pooler).
    pub fn url_through(&self, address: &str, database: &str) -> String {
        let login = match &self.password {
            Some(password) => format!("{}:{}", encode(&self.superuser), encode(password)),
            None => encode(&self.superuser),
        };
        format!("postgresql://{login}@{address}/{}", encode(database))
    }

    /// A role's URL of a database.
    pub fn url_as(&self, role: &str, password: Option<&str>, database: &str) -> String {
        let login = password.map_or_else(|| encode(role), |p| format!("{}:{}", encode(role), encode(p)));
        format!("postgresql://{login}@{}/{}", self.address(), encode(database))
    }

    /// The superuser's URL of a database through the Unix socket.
    ///
    /// # Panics
    /// If this cluster was not started from binaries.
    pub fn socket_url(&self, database: &str) -> String {
        let folder = encode(&self.folder().to_string_lossy());
        format!("postgresql://{}@{folder}:{}/{}", encode(&self.superuser), self.port(), encode(database))
    }

    /// The folder that holds `data/`, the log and the socket.
    ///
    /// # Panics
    /// As [`Cluster::socket_url`].
    pub fn folder(&self) -> &Path {
        self.guard().folder()
    }

    /// The folder of this server's programs.
    ///
    /// # Panics
    /// As [`Cluster::socket_url`].
    pub fn bin(&self) -> &Path {
        self.own().0
    }

    /// The end of the server's log.
    pub fn log(&self) -> String {
        self.guard().logs()
    }

    /// Runs statements in the database `postgres` as superuser and gives their rows.
    ///
    /// # Panics
    /// With the server's error.
    pub fn admin(&self, sql: &str) -> Rows {
        sql::run_blocking(&self.url("postgres"), sql).unwrap_or_else(|e| panic!("{sql}: {e}"))
    }

    /// Creates a role that must log in with a password (SCRAM), and gives its URL of `database`.
    pub fn create_password_role(&self, role: &str, password: &str, database: &str) -> String {
        let (name, word) = (identifier(role), literal(password));
        self.admin(&format!("create role {name} login password {word} in role {PASSWORD_GROUP}"));
        self.url_as(role, Some(password), database)
    }

    /// Creates a role that may log in and is not a superuser, and gives its URL of `database`.
    pub fn create_plain_role(&self, role: &str, database: &str) -> String {
        self.admin(&format!("create role {} login", identifier(role)));
        self.url_as(role, None, database)
    }

    /// Stops the server as an operator would (`pg_ctl -m fast`); sessions get 57P01.
    pub fn stop(&self) {
        self.pg_ctl("stop -m fast");
    }

    /// Ends the server as a crash would: no checkpoint, sessions just end.
    pub fn crash(&self) {
        self.pg_ctl("stop -m immediate");
    }

    /// Stops and starts the server on the same port.
    pub fn restart(&self) {
        self.pg_ctl("restart -m fast");
    }

    /// Makes the server read its configuration files again.
    pub fn reload(&self) {
        self.pg_ctl("reload");
    }

    /// Starts the server, on its last port if that is still free.
    ///
    /// # Panics
    /// With the log if it does not come up.
    pub fn start(&self) {
        let folder = quote_path(self.folder());
        let mut problem = String::new();
        for attempt in 0..4 {
            let port = if attempt == 0 && self.port() != 0 { self.port() } else { free_port() };
            let options = quote(&format!("-p {port}"));
            match self.try_pg_ctl(&format!("start -l {folder}/server.log -o {options}")) {
                Ok(()) => {
                    *self.port.lock().unwrap_or_else(PoisonError::into_inner) = port;
                    return;
                }
                Err(e) => problem = e,
            }
        }
        panic!("PostgreSQL {} does not start: {problem}{}", self.major, self.guard().logs());
    }

    /// Adds settings to `postgresql.conf` and restarts.
    pub fn restart_with(&self, settings: &[(&str, &str)]) {
        self.append_settings(settings);
        self.restart();
    }

    /// Turns on TLS with a certificate for `localhost` and 127.0.0.1, and restarts. Nobody is forced to use it.
    ///
    /// # Panics
    /// If this build of PostgreSQL has no TLS.
    pub fn enable_tls(&self) -> Certificates {
        let certificates = Certificates::generate();
        let guard = self.guard();
        guard.write("data/server.crt", certificates.server().certificate());
        guard.write("data/server.key", certificates.server().key());
        guard.write("data/root.crt", certificates.authority());
        let files = [("ssl", "on"), ("ssl_cert_file", "server.crt"), ("ssl_key_file", "server.key"), ("ssl_ca_file", "root.crt")];
        self.restart_with(&files);
        certificates
    }

    /// Puts lines before all others in `pg_hba.conf` and reloads it.
    pub fn prepend_hba(&self, lines: &str) {
        let path = self.folder().join("data/pg_hba.conf");
        let old = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        self.guard().write("data/pg_hba.conf", &format!("{lines}\n{old}"));
        self.reload();
    }

    /// A physical clone, as from a disk snapshot: same system identifier, another server. Stops this one for the copy.
    pub fn clone_cold(&self) -> Self {
        self.stop();
        let guard = Guard::start();
        let (from, to) = (quote_path(&self.folder().join("data")), quote_path(&guard.folder().join("data")));
        guard.must_run(&format!("cp -Rp {from} {to} && rm -f {to}/postmaster.pid"));
        self.start();
        self.started_from_copy(guard, "")
    }

    /// A hot standby that follows this cluster. Wait for it with [`Cluster::wait_until_replayed`].
    ///
    /// # Panics
    /// If no `pg_basebackup` of this major or a newer one is installed.
    pub fn standby(&self) -> Self {
        let guard = Guard::start();
        let data = quote_path(&guard.folder().join("data"));
        let own = self.bin().join("pg_basebackup");
        let program = if own.is_file() { own } else { servers::client_program("pg_basebackup") };
        let from = format!("-h 127.0.0.1 -p {} -U postgres", self.port());
        guard.must_run(&format!("{} {from} -D {data} -X stream -c fast && touch {data}/standby.signal", quote_path(&program)));
        // Not by `pg_basebackup -R`: a newer one writes parameters that an older server's libpq does not know.
        let follow = format!("primary_conninfo = 'host=127.0.0.1 port={} user=postgres'\nhot_standby = on\n", self.port());
        self.started_from_copy(guard, &follow)
    }

    /// Waits until this standby has replayed what `primary` has written so far.
    ///
    /// # Panics
    /// After 30 s.
    pub fn wait_until_replayed(&self, primary: &Self) {
        // With synchronous_commit off, earlier commits may not even be written; a synchronous one takes them along.
        let flush = "set synchronous_commit = on; select pg_catalog.pg_logical_emit_message(true, 'pgstream_test', '')";
        primary.admin(flush);
        let lsn = primary.admin("select pg_catalog.pg_current_wal_flush_lsn()")[0][0].clone().unwrap_or_default();
        let question = format!("select coalesce(pg_catalog.pg_last_wal_replay_lsn() >= '{lsn}', false)");
        let until = Instant::now() + Duration::from_secs(30);
        while self.admin(&question)[0][0].as_deref() != Some("t") {
            assert!(Instant::now() < until, "the standby did not replay {lsn} in 30 s{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn started_from_copy(&self, guard: Guard, lines: &str) -> Self {
        let copy = Self::local(self.major, self.bin(), guard);
        let conf = quote_path(&copy.folder().join("data/postgresql.conf"));
        let socket = format!("unix_socket_directories = '{}'\n", copy.folder().display());
        let escaped = format!("{socket}{lines}").replace('\n', "\\n");
        copy.guard().must_run(&format!("printf %b {} >>{conf}", quote(&escaped)));
        copy.start();
        copy
    }

    fn configure(&self, settings: &[(&str, &str)]) {
        let socket_folder = self.folder().to_string_lossy().into_owned();
        let places = [("listen_addresses", "127.0.0.1"), ("unix_socket_directories", socket_folder.as_str())];
        let all: Vec<_> = places.iter().chain(&SETTINGS).chain(settings).copied().collect();
        self.append_settings(&all);
        let hba = format!(
            "local all all trust\nlocal replication all trust\nhost all +{PASSWORD_GROUP} 127.0.0.1/32 scram-sha-256\n\
             host all all 127.0.0.1/32 trust\nhost replication all 127.0.0.1/32 trust\n"
        );
        self.guard().write("data/pg_hba.conf", &hba);
    }

    fn append_settings(&self, settings: &[(&str, &str)]) {
        let lines: String = settings.iter().map(|(n, v)| format!("{n} = '{}'\\n", v.replace('\'', "''"))).collect();
        let conf = quote_path(&self.folder().join("data/postgresql.conf"));
        self.guard().must_run(&format!("printf %b {} >>{conf}", quote(&lines)));
    }

    /// Creates the roles that tests count on. Safe on a given server, where they may exist and others may do the same now.
    fn prepare(&self) {
        for role in FIXTURE_ROLES.iter().chain(&[PASSWORD_GROUP]) {
            let create = format!("create role {role}; exception when duplicate_object or unique_violation then null;");
            self.admin(&format!("do $$ begin {create} end $$"));
        }
    }

    fn pg_ctl(&self, action: &str) {
        if let Err(problem) = self.try_pg_ctl(action) {
            panic!("{problem}{}", self.guard().logs());
        }
    }

    fn try_pg_ctl(&self, action: &str) -> Result<(), String> {
        let (bin, guard) = self.own();
        let data = quote_path(&guard.folder().join("data"));
        guard.run(&format!("{} -w -t 60 -D {data} {action}", quote_path(&bin.join("pg_ctl"))))
    }

    fn guard(&self) -> &Guard {
        self.own().1
    }

    fn own(&self) -> (&Path, &Guard) {
        match &self.origin {
            Origin::Local { bin, guard } => (bin, guard),
            _ => panic!("this test needs a cluster of its own: {HOW_TO_GET_A_SERVER}"),
        }
    }
}

/// A TCP port of 127.0.0.1 that was free a moment ago.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    listener.local_addr().expect("a bound socket has an address").port()
}

fn given() -> Option<Arc<Cluster>> {
    static GIVEN: OnceLock<Option<Arc<Cluster>>> = OnceLock::new();
    GIVEN.get_or_init(|| Some(Arc::new(connect_to_given(&std::env::var("PGSTREAM_TEST_DATABASE_URL").ok()?)))).clone()
}

fn connect_to_given(url: &str) -> Cluster {
    let config: tokio_postgres::Config = url.parse().unwrap_or_else(|e| panic!("PGSTREAM_TEST_DATABASE_URL: {e}"));
    let host = match config.get_hosts().first() {
        Some(tokio_postgres::config::Host::Tcp(host)) => host.clone(),
        _ => panic!("PGSTREAM_TEST_DATABASE_URL needs a host"),
    };
    let version = sql::run_blocking(url, "show server_version_num").unwrap_or_else(|e| panic!("PGSTREAM_TEST_DATABASE_URL: {e}"));
    let version: u32 = version[0][0].as_deref().and_then(|v| v.parse().ok()).expect("server_version_num is a number");
    let cluster = Cluster {
        major: version / 10_000,
        host,
        port: Mutex::new(config.get_ports().first().copied().unwrap_or(5432)),
        superuser: config.get_user().unwrap_or("postgres").to_owned(),
        password: config.get_password().map(|p| String::from_utf8_lossy(p).into_owned()),
        origin: Origin::Given,
    };
    cluster.prepare();
    cluster
}

/// Percent-encodes what stands in a URL between its separators.
fn encode(text: &str) -> String {
    let keep = |b: &u8| b.is_ascii_alphanumeric() || b"-_.~".contains(b);
    text.bytes().map(|b| if keep(&b) { (b as char).to_string() } else { format!("%{b:02X}") }).collect()
}
