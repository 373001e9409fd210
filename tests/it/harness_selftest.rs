//! The harness does what tests count on.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use pgstream_tests::chaos::{ChaosProxy, Direction, End, Fault, Rule, When, Which};
use pgstream_tests::cluster::{self, Cluster};
use pgstream_tests::command::{self, Pgstream};
use pgstream_tests::database::{TestDb, unique_name};
use pgstream_tests::pgbouncer::Pgbouncer;
use pgstream_tests::redis::RedisServer;
use pgstream_tests::{oracle, sql};

#[tokio::test]
async fn every_major_found_gives_databases() {
    for cluster in Cluster::all() {
        let db = TestDb::create(&cluster).await;
        db.execute("create table t (a int, b text); insert into t values (1, null), (2, 'x')").await;
        let rows = db.query_text("select a, b from t order by a").await;
        assert_eq!(rows, [[Some("1".to_owned()), None], [Some("2".into()), Some("x".into())]]);
        let version = db.value("show server_version_num").await;
        assert_eq!(version[..2], cluster.major().to_string());
    }
}

#[tokio::test]
async fn a_database_is_dropped_when_its_test_panics() {
    let cluster = Cluster::newest();
    let db = TestDb::create(&cluster).await;
    let name = db.name().to_owned();
    let held_open = db.client().await;
    let panicked = std::thread::spawn(move || {
        let _db = db;
        std::panic::resume_unwind(Box::new("a failed test"));
    });
    assert!(panicked.join().is_err());
    let left = cluster.admin(&format!("select count(*) from pg_database where datname = '{name}'"));
    assert_eq!(left, [[Some("0".to_owned())]]);
    assert!(held_open.simple_query("select 1").await.is_err(), "the database was dropped under an open session");
}

#[test]
fn no_server_and_no_folder_outlive_a_killed_test_process() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_hold_cluster")).stdout(Stdio::piped()).spawn().expect("it starts");
    let mut said = String::new();
    BufReader::new(child.stdout.take().expect("stdout is piped")).read_line(&mut said).expect("it says where its server is");
    let (pid, folder) = said.trim().split_once(' ').expect("a pid and a folder");
    let folder = Path::new(folder);
    assert!(is_alive(pid) && folder.exists());
    child.kill().expect("the child can be killed");
    child.wait().expect("the child ends");
    let until = Instant::now() + Duration::from_secs(20);
    while is_alive(pid) || folder.exists() {
        assert!(Instant::now() < until, "server {pid} or {} outlived its test process", folder.display());
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn is_alive(pid: &str) -> bool {
    Command::new("kill").args(["-0", pid]).stderr(Stdio::null()).status().expect("kill runs").success()
}

/// A question whose answer is large enough to be cut in the middle.
const LARGE_ANSWER: &str = "select repeat('x', 1000) from generate_series(1, 10000)";

#[tokio::test]
async fn a_proxy_cuts_the_connection_that_a_rule_names_and_no_other() {
    let db = TestDb::new().await;
    for end in [End::Close, End::Reset] {
        let cut = Fault::End(When::Bytes(Direction::Down, 100_000), end);
        let rules = vec![Rule::new(Which::Application("victim".into()), cut)];
        let proxy = ChaosProxy::start(db.cluster().address(), 1, rules).await;
        let url = db.url_through(proxy.address());
        let victim = sql::connect(&format!("{url}?application_name=victim")).await.expect("the proxy lets it in");
        let other = sql::connect(&format!("{url}?application_name=other")).await.expect("the proxy lets it in");
        let (victims, others) = tokio::join!(victim.simple_query(LARGE_ANSWER), other.simple_query(LARGE_ANSWER));
        assert!(victims.is_err(), "{end:?}");
        assert_eq!(others.expect("the other is left alone").len(), 10_000 + 2);
        proxy.wait_until(|all| !all[0].is_open).await;
        assert_eq!(proxy.stats()[0].bytes_down, 100_000, "{end:?}");
    }
}

#[tokio::test]
async fn a_proxy_counts_round_trips() {
    let db = TestDb::new().await;
    let proxy = ChaosProxy::plain(db.cluster().address()).await;
    proxy.set_latency(Duration::from_millis(5));
    let client = sql::connect(&db.url_through(proxy.address())).await.expect("the proxy lets it in");
    let before = proxy.round_trips();
    for _ in 0..3 {
        client.simple_query("select 1").await.expect("the server answers");
    }
    assert_eq!(proxy.round_trips() - before, 3);
    let pipelined = (0..20).map(|_| client.simple_query("select 1"));
    futures_util::future::try_join_all(pipelined).await.expect("the server answers");
    assert_eq!(proxy.round_trips() - before, 4, "pipelined requests are one round trip");
}

#[tokio::test]
async fn a_black_hole_keeps_the_connection_and_passes_nothing() {
    let db = TestDb::new().await;
    let proxy = ChaosProxy::plain(db.cluster().address()).await;
    let client = sql::connect(&db.url_through(proxy.address())).await.expect("the proxy lets it in");
    proxy.cut_all(End::BlackHole);
    let answer = tokio::time::timeout(Duration::from_millis(300), client.simple_query("select 1")).await;
    assert!(answer.is_err(), "neither an answer nor an error: {answer:?}");
    proxy.cut_all(End::Reset);
    assert!(client.simple_query("select 1").await.is_err());
}

#[tokio::test]
async fn a_paused_proxy_passes_everything_on_when_it_is_resumed() {
    let db = TestDb::new().await;
    let proxy = ChaosProxy::plain(db.cluster().address()).await;
    let client = sql::connect(&db.url_through(proxy.address())).await.expect("the proxy lets it in");
    proxy.pause();
    let question = client.simple_query("select 1");
    tokio::pin!(question);
    assert!(tokio::time::timeout(Duration::from_millis(200), &mut question).await.is_err());
    proxy.resume();
    question.await.expect("the question was only held back");
}

#[tokio::test]
async fn a_throttled_connection_is_slow_and_complete() {
    let db = TestDb::new().await;
    let rules = vec![Rule::every(Fault::Throttle(Direction::Down, 1_000_000))];
    let proxy = ChaosProxy::start(db.cluster().address(), 1, rules).await;
    let client = sql::connect(&db.url_through(proxy.address())).await.expect("the proxy lets it in");
    let start = Instant::now();
    let rows = client.simple_query("select repeat('x', 500) from generate_series(1, 1000)").await.expect("it is only slow");
    assert_eq!(rows.len(), 1000 + 2);
    assert!(start.elapsed() >= Duration::from_millis(450), "{:?}", start.elapsed());
}

#[tokio::test]
async fn pgbouncer_shares_one_session_between_transactions() {
    let db = TestDb::new().await;
    let pool = Pgbouncer::start(db.cluster(), &[("pool_mode", "transaction"), ("default_pool_size", "1")]);
    let url = db.url_through(&pool.address());
    let first = sql::connect(&url).await.expect("pgbouncer lets it in");
    let second = sql::connect(&url).await.expect("pgbouncer lets it in");
    let pid = "select pg_backend_pid()";
    let pids = [sql::query_text(&first, pid).await.expect("an answer"), sql::query_text(&second, pid).await.expect("an answer")];
    assert_eq!(pids[0], pids[1]);
}

#[test]
fn redis_keeps_what_it_was_told_when_it_is_killed() {
    let server = RedisServer::start();
    assert_eq!(redis(&server, "SET key value\r\n"), "+OK\r\n");
    server.kill();
    server.launch();
    assert_eq!(redis(&server, "GET key\r\n"), "$5\r\nvalue\r\n");
    server.restart();
    assert_eq!(redis(&server, "GET key\r\n"), "$5\r\nvalue\r\n");
}

fn redis(server: &RedisServer, command: &str) -> String {
    let mut stream = TcpStream::connect(server.address()).expect("it listens");
    stream.write_all(command.as_bytes()).expect("it reads");
    stream.shutdown(Shutdown::Write).expect("the stream is open");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer
}

#[tokio::test]
async fn the_sample_shop_survives_pg_dump_and_psql_on_every_major() {
    for cluster in Cluster::all() {
        let source = TestDb::create(&cluster).await.with_shop(1).await;
        let target = TestDb::create(&cluster).await;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let script = folder.path().join("shop.sql");
        std::fs::write(&script, oracle::pg_dump_script(&source.url()).expect("pg_dump reads it")).expect("the disk has room");
        oracle::psql_load(&target.url(), &script).expect("psql loads it");
        oracle::assert_same(&source.url(), &target.url());
    }
}

#[tokio::test]
async fn the_oracle_sees_every_small_change() {
    let make = "create table item (id int, name text, tags text[]); create index item_tags on item using gin (tags); \
                insert into item select i, 'item ' || i, array['t' || i % 3] from generate_series(1, 100) i; \
                create table p (a int) partition by range (a); create table p1 partition of p default; \
                create sequence s; create materialized view m as select 1 as a; select lo_create(4711)";
    let left = TestDb::new().await;
    left.execute(make).await;
    let changes = [
        "update item set name = 'other' where id = 7",
        "insert into p values (null)",
        "select nextval('s')",
        "refresh materialized view m with no data",
        "select lo_put(4711, 0, 'x')",
        "alter table item alter name set default 'x'",
        "comment on table item is 'x'",
        "grant select on item to fixture_reader",
        "alter table item owner to fixture_owner",
        "drop index item_tags",
        "drop extension plpgsql",
    ];
    for change in changes {
        let right = TestDb::new().await;
        right.execute(make).await;
        oracle::assert_same(&left.url(), &right.url());
        right.execute(change).await;
        let mut differences = oracle::same_schema(&left.url(), &right.url()).err().unwrap_or_default();
        differences.extend(oracle::contents(&left.url()).differences(&oracle::contents(&right.url())));
        assert_ne!(differences, Vec::<String>::new(), "{change}");
    }
}

#[tokio::test]
async fn a_standby_follows_and_a_clone_does_not() {
    let primary = Arc::new(Cluster::private(cluster::majors()[0], &[]));
    let standby = primary.standby();
    primary.admin("create table t as select 1 as a");
    standby.wait_until_replayed(&primary);
    assert_eq!(standby.admin("select a, pg_is_in_recovery() from t"), [[Some("1".to_owned()), Some("t".into())]]);
    let clone = primary.clone_cold();
    let identifier = "select system_identifier from pg_control_system()";
    assert_eq!(clone.admin(identifier), primary.admin(identifier));
    clone.admin("drop table t");
    assert_eq!(primary.admin("select a from t"), [[Some("1".to_owned())]]);
}

#[tokio::test]
async fn a_private_cluster_restarts_with_other_settings_and_tls() {
    let cluster = Arc::new(Cluster::private(*cluster::majors().last().expect("a server"), &[("work_mem", "1MB")]));
    let port = cluster.port();
    cluster.restart_with(&[("work_mem", "2MB")]);
    assert_eq!(cluster.admin("show work_mem"), [[Some("2MB".to_owned())]]);
    assert_eq!(cluster.port(), port);
    cluster.crash();
    assert!(sql::run_blocking(&cluster.url("postgres"), "select 1").is_err());
    cluster.start();
    let certificates = cluster.enable_tls();
    assert!(certificates.authority().starts_with("-----BEGIN CERTIFICATE-----"));
    assert_eq!(cluster.admin("show ssl"), [[Some("on".to_owned())]]);
    let authority = cluster.folder().join("data/root.crt");
    let words = format!("host=localhost hostaddr=127.0.0.1 port={port} user=postgres dbname=postgres sslmode=verify-full");
    let conninfo = format!("{words} sslrootcert={}", authority.display());
    let question = "select ssl from pg_stat_ssl where pid = pg_backend_pid()";
    let answer = oracle::run("psql", &["-XAtq", "-d", &conninfo, "-c", question]).expect("the certificate is for localhost");
    assert_eq!(answer, b"t\n");
}

#[tokio::test]
async fn a_role_with_a_password_cannot_log_in_without_it() {
    let db = TestDb::new().await;
    let role = unique_name();
    let url = db.cluster().create_password_role(&role, "s3cret/?@", db.name());
    assert_eq!(sql::run_blocking(&url, "select current_user"), Ok(vec![vec![Some(role.clone())]]));
    assert!(sql::run_blocking(&db.cluster().url_as(&role, Some("wrong"), db.name()), "select 1").is_err());
    db.cluster().admin(&format!("drop role {role}"));
}

#[tokio::test]
async fn a_program_sees_nothing_of_our_environment() {
    let outcome = Pgstream::program(Path::new("/usr/bin/env"), [""; 0]).env("MINE", "1").run().await.expect_code(0);
    let text = outcome.text();
    let names: Vec<&str> = text.lines().filter_map(|l| l.split_once('=')).map(|(name, _)| name).collect();
    assert!(names.contains(&"MINE") && names.contains(&"HOME"), "{names:?}");
    assert!(!names.iter().any(|n| n.starts_with("PG") || n.starts_with("CARGO")), "{names:?}");
}

#[tokio::test]
async fn the_command_line_is_built_before_it_is_called() {
    assert!(command::binary("pgstream-cli", "pgstream").is_file());
}
