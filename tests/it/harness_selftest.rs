//! The harness does what tests count on.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use pgstream_tests::cluster::Cluster;
use pgstream_tests::database::TestDb;

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
