//! The library in other people's programs: the examples, and a crate outside of the workspace.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use pgstream_tests::cluster::Cluster;
use pgstream_tests::command::{self, Pgstream, workspace};
use pgstream_tests::database::TestDb;
use pgstream_tests::{environment, oracle};

use crate::syncing::shop;

/// A call of an example of the library's.
fn example(name: &str, arguments: &[&str]) -> Pgstream {
    Pgstream::program(&command::example("pgstream", name), arguments)
}

async fn shop_and_target() -> (TestDb, TestDb) {
    let cluster = Cluster::newest();
    (shop(&cluster).await, TestDb::create(&cluster).await)
}

#[tokio::test]
async fn the_example_of_a_sync_copies_and_tells_its_progress() {
    let (source, target) = shop_and_target().await;
    let outcome = example("sync_with_progress", &[&source.url(), &target.url()]).run().await.expect_code(0);
    assert!(outcome.text().contains("proven: Rows") && outcome.stderr.contains("100.0 %"), "{outcome:?}");
    oracle::assert_same(&source.url(), &target.url());
}

#[tokio::test]
async fn the_example_of_an_import_loads_a_dump_and_explains_what_it_cannot() {
    let (source, target) = shop_and_target().await;
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let file = folder.path().join("shop.sql");
    std::fs::write(&file, oracle::pg_dump(&source.url(), &[]).unwrap()).expect("it can be written");
    let file = file.to_str().expect("it is UTF-8");
    example("import_file", &[file, &target.url()]).run().await.expect_code(0);
    oracle::assert_same(&source.url(), &target.url());
    let again = example("import_file", &[file, &target.url()]).run().await.expect_code(1);
    assert!(again.stderr.contains("untouched"), "{}", again.stderr);
}

#[tokio::test]
async fn the_example_of_a_backup_restores_it() {
    let (source, target) = shop_and_target().await;
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let folder = folder.path().to_str().expect("it is UTF-8");
    let outcome = example("backup_and_restore", &[&source.url(), folder, &target.url()]).run().await.expect_code(0);
    assert!(outcome.text().contains("1 backups verified"), "{outcome:?}");
    oracle::assert_same(&source.url(), &target.url());
}

#[tokio::test]
async fn the_example_of_a_transformation_changes_one_column_and_nothing_else() {
    let (source, target) = (TestDb::new().await, TestDb::new().await);
    let make = |secret: &str| {
        format!(
            "create table t (id int primary key, secret text, note text); insert into t values {secret}; create view v as table t"
        )
    };
    source.execute(&make("(1, 'abc', E'a\\tb'), (2, null, '\\N'), (3, '', 'x')")).await;
    let words = [&source.url(), &target.url(), "public.t", "secret"];
    example("transform_rows", &words).run().await.expect_code(0);
    let none = TestDb::new().await;
    let outcome = example("transform_rows", &[&source.url(), &none.url(), "public.t", "secrets"]).run().await;
    assert!(outcome.code != Some(0) && outcome.stderr.contains("no rows with it came by"), "{outcome:?}");
    assert_eq!(none.value("select count(*) from pg_class where relname = 't'").await, "0");
    let expected = TestDb::new().await;
    expected.execute(&make("(1, '3', E'a\\tb'), (2, null, '\\N'), (3, '0', 'x')")).await;
    oracle::assert_same(&expected.url(), &target.url());
}

#[tokio::test]
async fn the_example_of_a_response_sends_a_script_that_loads() {
    let (source, target) = shop_and_target().await;
    let mut server = Command::new(command::example("pgstream", "export_over_http"));
    environment::clear(&mut server);
    let mut server = tokio::process::Command::from(server);
    let mut server = server.arg(source.url()).stdout(Stdio::piped()).kill_on_drop(true).spawn().expect("it starts");
    let mut printed = tokio::io::BufReader::new(server.stdout.take().expect("it is a pipe"));
    let mut line = String::new();
    tokio::io::AsyncBufReadExt::read_line(&mut printed, &mut line).await.expect("it tells its address");
    let address = line.trim().strip_prefix("http://").and_then(|rest| rest.split_once('/')).expect("it is a URL").0;
    let body = get(address, "/dump.sql").await;
    server.kill().await.expect("it runs");
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let file = folder.path().join("shop.sql");
    std::fs::write(&file, body).expect("it can be written");
    oracle::psql_load(&target.url(), &file).expect("psql takes it");
    oracle::assert_same(&source.url(), &target.url());
}

/// The body of a response in chunks, which has to end as one.
async fn get(address: &str, path: &str) -> Vec<u8> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(address).await.expect("it listens");
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("it answers");
    let head = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("a head ends with an empty line");
    assert!(answer.starts_with(b"HTTP/1.1 200 OK"), "{}", String::from_utf8_lossy(&answer[..head]));
    let (mut rest, mut body) = (&answer[head + 4..], Vec::new());
    loop {
        let end = rest.windows(2).position(|window| window == b"\r\n").expect("a chunk has a size");
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).expect("it is a number"), 16).expect("it is a number");
        if size == 0 {
            return body;
        }
        body.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 2 + size + 2..];
    }
}

/// The crate of somebody else's in a folder of its own, with the versions and the profile that the workspace has: what it depends on is
/// compiled already.
fn foreign_crate(folder: &Path) -> PathBuf {
    let from = workspace().join("tests/embed");
    let manifest = std::fs::read_to_string(from.join("Cargo.toml")).expect("it is there");
    let library = format!("path = {:?}", workspace().join("pgstream"));
    assert!(manifest.contains("path = \"../../pgstream\""));
    let ours = std::fs::read_to_string(workspace().join("Cargo.toml")).expect("it is there");
    let profile =
        ours.find("[profile.dev]").and_then(|from| ours[from..].split("[profile.release]").next()).expect("both are there");
    let manifest = format!("{manifest}\n{profile}");
    std::fs::create_dir(folder.join("src")).expect("it can be made");
    std::fs::write(folder.join("Cargo.toml"), manifest.replace("path = \"../../pgstream\"", &library))
        .expect("it can be written");
    std::fs::copy(from.join("src/main.rs"), folder.join("src/main.rs")).expect("it is there");
    std::fs::copy(workspace().join("Cargo.lock"), folder.join("Cargo.lock")).expect("it is there");
    folder.join("Cargo.toml")
}

/// Cargo at the foreign crate.
fn cargo(what: &str, manifest: &Path, features: &str) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args([what, "--quiet", "--offline", "--features", features, "--manifest-path"]).arg(manifest);
    cargo.arg("--target-dir").arg(command::target_folder());
    cargo
}

/// What it printed; it has to succeed.
fn printed(mut command: Command) -> String {
    let output = command.output().expect("cargo can be run");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("it is text")
}

#[tokio::test]
async fn a_crate_outside_of_the_workspace_embeds_the_library_with_no_feature_with_each_and_with_all() {
    let cluster = Cluster::newest();
    let source = shop(&cluster).await;
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let manifest = foreign_crate(folder.path());
    for features in ["", "tls,zstd,gzip,lz4"] {
        let target = TestDb::create(&cluster).await;
        let mut command = cargo("run", &manifest, features);
        command.arg("--").args([source.url(), target.url()]);
        let told = printed(command);
        assert!(told.contains("bytes: true"), "{features}: {told}");
        oracle::assert_same(&source.url(), &target.url());
    }
    for feature in ["tls", "zstd", "gzip", "lz4"] {
        assert_eq!(printed(cargo("check", &manifest, feature)), "", "{feature}");
    }
}
