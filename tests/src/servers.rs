//! Where PostgreSQL binaries are on this machine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Folders to look into after `PGSTREAM_TEST_PG_BINDIRS`, `pg_config` and `PATH`. A `*` stands for any one folder name.
const COMMON_PLACES: [&str; 7] = [
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
    "/home/linuxbrew/.linuxbrew/opt/postgresql*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
    "/usr/libexec/postgresql*",
];

/// What a person has to do when a test cannot get its server.
pub const HOW_TO_GET_A_SERVER: &str = "no PostgreSQL server for the tests: install one (Debian: `apt-get install postgresql`, \
     macOS: `brew install postgresql@18`), or set PGSTREAM_TEST_PG_BINDIRS to a list of bin folders, or \
     PGSTREAM_TEST_DATABASE_URL to a server made for tests, or run Docker";

/// Every folder that may hold PostgreSQL programs, in the order of preference.
pub fn bin_folders() -> &'static [PathBuf] {
    static FOLDERS: OnceLock<Vec<PathBuf>> = OnceLock::new();
    FOLDERS.get_or_init(|| {
        let mut folders: Vec<PathBuf> = Vec::new();
        let listed = std::env::var("PGSTREAM_TEST_PG_BINDIRS").unwrap_or_default();
        folders.extend(listed.split([':', ',']).map(str::trim).filter(|f| !f.is_empty()).map(PathBuf::from));
        folders.extend(printed_by("pg_config", "--bindir").map(PathBuf::from));
        folders.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
        folders.extend(COMMON_PLACES.iter().flat_map(|place| expand(place)));
        let mut seen = std::collections::BTreeSet::new();
        folders.retain(|f| f.is_dir() && seen.insert(f.clone()));
        folders
    })
}

/// Folders with `initdb`, `pg_ctl` and `postgres`, by major version; the first folder found for a major wins.
pub fn server_folders() -> &'static BTreeMap<u32, PathBuf> {
    static SERVERS: OnceLock<BTreeMap<u32, PathBuf>> = OnceLock::new();
    SERVERS.get_or_init(|| {
        let mut found = BTreeMap::new();
        for folder in bin_folders() {
            if ["initdb", "pg_ctl", "postgres"].iter().all(|p| folder.join(p).is_file())
                && let Some(major) = major_of(&folder.join("postgres"))
            {
                found.entry(major).or_insert_with(|| folder.clone());
            }
        }
        found
    })
}

/// The newest installed version of a client program (`psql`, `pg_dump`, `pg_restore`, `pg_basebackup`).
///
/// # Panics
/// If there is none at all.
pub fn client_program(name: &str) -> PathBuf {
    newest_program(name).unwrap_or_else(|| panic!("{name} is not installed (Debian: `apt-get install postgresql-client`)"))
}

/// The oldest installed version of a client program that is made for servers of this major version.
///
/// # Panics
/// If there is none.
pub fn client_program_for(name: &str, major: u32) -> PathBuf {
    let all = versions_of(name).into_iter().filter(|(program, _)| *program >= major);
    all.min_by_key(|(program, _)| *program).unwrap_or_else(|| panic!("no {name} is installed that is as new as {major}")).1
}

/// The major version of the newest installed `name`, if there is one.
pub fn client_major(name: &str) -> Option<u32> {
    newest_program(name).and_then(|p| major_of(&p))
}

fn newest_program(name: &str) -> Option<PathBuf> {
    // `rev` because `max_by_key` takes the last of equals, and the first folder is the preferred one.
    versions_of(name).into_iter().rev().max_by_key(|(major, _)| *major).map(|(_, path)| path)
}

fn versions_of(name: &str) -> Vec<(u32, PathBuf)> {
    let all = bin_folders().iter().map(|f| f.join(name)).filter(|p| p.is_file());
    all.filter_map(|p| Some((major_of(&p)?, p))).collect()
}

/// A program of another package (`pgbouncer`, `redis-server`), in `PATH` or where system services' programs are.
pub fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let more = ["/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin", "/usr/local/bin", "/home/linuxbrew/.linuxbrew/bin"];
    let folders = std::env::split_paths(&path).chain(more.map(PathBuf::from));
    folders.map(|f| f.join(name)).find(|p| p.is_file())
}

fn major_of(program: &Path) -> Option<u32> {
    let printed = printed_by(program, "--version")?;
    // "postgres (PostgreSQL) 15.8 (Debian …)", "pg_dump (PostgreSQL) 18beta1"
    let version = printed.split(") ").nth(1)?;
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

fn printed_by(program: impl AsRef<std::ffi::OsStr>, argument: &str) -> Option<String> {
    let output = Command::new(program).arg(argument).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn expand(pattern: &str) -> Vec<PathBuf> {
    let mut paths = vec![PathBuf::from("/")];
    for part in pattern.split('/').filter(|p| !p.is_empty()) {
        paths = match part.split_once('*') {
            None => paths.into_iter().map(|p| p.join(part)).collect(),
            Some((start, end)) => paths.iter().flat_map(|p| children(p, start, end)).collect(),
        };
    }
    paths
}

fn children(folder: &Path, start: &str, end: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<PathBuf> = entries
        .filter(|e| e.file_name().to_str().is_some_and(|n| n.starts_with(start) && n.ends_with(end)))
        .map(|e| e.path())
        .collect();
    names.sort();
    names
}
