//! The SQL that every fixture is written as, reviewed against what `pg_dump` writes.
//!
//! `tests/snapshots/<fixture>.snap` is what the newest server gives, and `<fixture>.beforeNN.snap` what servers older than NN
//! give, where that is another text. Of a `.sinceNN` fixture only the entries are kept that it adds or changes. Every major on
//! this machine is compared with its own text, so one server alone is enough to check the part that it knows.
//!
//! After a wanted change: `INSTA_UPDATE=always PGSTREAM_TEST_MAJORS=18 cargo it snapshots`, and read the diff. Then the same
//! without that, on a machine with all majors: an older one that differs fails, and gets its text as `.beforeNN`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use pgstream_tests::cluster::Cluster;
use pgstream_tests::database::{TestDb, fixtures};

use crate::export::{export_to, object_fixtures, options, script_of};

/// The newest major that snapshots are kept for.
const NEWEST: u32 = 18;

fn folder() -> PathBuf {
    fixtures().with_file_name("snapshots")
}

/// The name of the snapshot that a fixture has on a server of this major.
fn snapshot_for(fixture: &str, major: u32) -> String {
    let mut variants = (major + 1..=NEWEST).map(|newer| format!("{fixture}.before{newer}"));
    variants.find(|name| folder().join(format!("{name}.snap")).is_file()).unwrap_or_else(|| fixture.to_owned())
}

/// Whether a fixture, or one of its parts that the older server knows, is written in other words by the newer one.
pub(crate) fn has_other_words(kind: &str, older: u32, newer: u32) -> bool {
    let parts = (14..=older).map(|since| format!("{kind}.since{since}"));
    let differs = |fixture: String| snapshot_for(&fixture, older) != snapshot_for(&fixture, newer);
    std::iter::once(kind.to_owned()).chain(parts).any(differs)
}

/// The entries of a script: from the comment that names an object to the next.
async fn entries(db: &TestDb, kind: &str) -> Vec<String> {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let file = folder.path().join("out.sql");
    export_to(&db.url(), &file, &options()).await.unwrap_or_else(|failure| panic!("{:?}", failure.to_report()));
    let script = script_of(&file);
    let end = script.find("\n--\n-- PostgreSQL database dump complete").expect("a script has an end");
    // The roles of a given server may have other names.
    let superuser = db.cluster().superuser();
    let owned = |entry: &str| {
        let entry = entry.replace(&format!("Owner: {superuser}\n"), "Owner: postgres\n");
        entry.replace(&format!("OWNER TO {superuser};"), "OWNER TO postgres;")
    };
    let mut entries: Vec<String> = Vec::new();
    for entry in script[..end].split("\n--\n-- ").skip(1).map(owned) {
        if !is_incidental(kind, &entry) {
            entries.push(entry);
        } else if let (Some(at), Some(last)) = (entry.find("\nSET default_"), entries.last_mut()) {
            // Settings for what comes next.
            *last = format!("{}\n{}", last.trim_end(), &entry[at..]);
        }
    }
    entries.iter().map(|entry| readable(entry)).collect()
}

/// What belongs to a server or to chance: the privileges of `public`, which changed with 15, and the rows of partitions by the
/// hash of an enum, which is that of an oid. The fixture
/// `schema` has the first, and round trips prove the second.
fn is_incidental(kind: &str, entry: &str) -> bool {
    let of_public = ["Name: public; Type: SCHEMA;", "Name: SCHEMA public; Type: ACL;"];
    entry.starts_with("Data for Name: by_enum_") || kind != "schema" && of_public.iter().any(|start| entry.starts_with(start))
}

/// An entry as it can be read: many rows, and values of thousands of characters, say no more than their beginnings.
fn readable(entry: &str) -> String {
    const ROWS: usize = 5;
    let lines: Vec<String> = entry.trim().lines().map(shortened).collect();
    let copy = lines.iter().position(|line| line.starts_with("COPY ")).map(|at| at + 1);
    match (copy, lines.iter().position(|line| line == "\\.")) {
        (Some(first), Some(end)) if end > first + ROWS => {
            let more = format!("… ({} rows)", end - first);
            [&lines[..first + ROWS], &[more], &lines[end..]].concat().join("\n")
        }
        _ => lines.join("\n"),
    }
}

/// A line as it can be read: values of thousands of characters say no more than their beginnings.
fn shortened(line: &str) -> String {
    const SHOWN: usize = 200;
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}… ({} characters)", &line[..end], line.chars().count()),
        None => line.to_owned(),
    }
}

/// The entries that are not among those from before.
fn added(before: &[String], now: &[String]) -> String {
    let before: BTreeSet<&String> = before.iter().collect();
    let new: Vec<&str> = now.iter().filter(|entry| !before.contains(entry)).map(String::as_str).collect();
    new.iter().map(|entry| format!("-- {entry}\n")).collect::<Vec<_>>().join("\n")
}

fn assert_reviewed(fixture: &str, major: u32, sql: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(folder());
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(snapshot_for(fixture, major), sql));
}

/// Every text of one server.
async fn review(cluster: std::sync::Arc<Cluster>) {
    let major = cluster.major();
    for kind in object_fixtures() {
        let db = TestDb::create(&cluster).await.with_fixture(&format!("objects/{kind}")).await;
        let mut known = Vec::new();
        let sinces = (14..=major).map(|since| format!("{kind}.since{since}"));
        let parts = sinces.filter(|part| fixtures().join(format!("objects/{part}.sql")).is_file());
        for (number, fixture) in std::iter::once(kind.clone()).chain(parts).enumerate() {
            if number > 0 {
                db.execute(&pgstream_tests::database::fixture(&format!("objects/{fixture}"))).await;
            }
            let now = entries(&db, &kind).await;
            assert_reviewed(&fixture, major, &added(&known, &now));
            known = now;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn every_fixture_is_written_as_it_was_reviewed() {
    let tasks: Vec<_> = Cluster::all().into_iter().map(|cluster| tokio::spawn(review(cluster))).collect();
    for task in tasks {
        task.await.expect("its texts are those that were reviewed");
    }
}

#[test]
fn every_fixture_has_a_snapshot_and_every_snapshot_a_fixture() {
    let names = |folder: PathBuf, ending: &str| -> BTreeSet<String> {
        let files = std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        let names = files.map(|file| file.expect("it can be read").file_name().to_string_lossy().into_owned());
        names.filter_map(|name| name.strip_suffix(ending).map(str::to_owned)).collect()
    };
    let fixtures = names(fixtures().join("objects"), ".sql");
    let snapshots = names(folder(), ".snap");
    let (variants, plain): (BTreeSet<String>, BTreeSet<String>) =
        snapshots.into_iter().partition(|name| name.contains(".before"));
    assert_eq!(plain, fixtures, "left: snapshots, right: fixtures");
    for variant in variants {
        let (fixture, before) = variant.split_once(".before").expect("it was chosen by that");
        let before: u32 = before.parse().unwrap_or_else(|_| panic!("{variant} names no major"));
        let since = fixture.split_once(".since").map_or(13, |(_, since)| since.parse().expect("a fixture names a major"));
        assert!(fixtures.contains(fixture) && before > since && before <= NEWEST, "no server would be compared with {variant}");
        let text = |name: &str| std::fs::read_to_string(folder().join(format!("{name}.snap"))).expect("it can be read");
        assert_ne!(text(&variant), text(&snapshot_for(fixture, before)), "{variant} is not needed");
    }
}
