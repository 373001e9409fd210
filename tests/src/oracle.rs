//! Whether two databases are the same, judged without pgstream: by `pg_dump` and by hashes that the server computes.

mod contents;
mod schema;

use std::path::Path;
use std::process::Command;

use crate::environment;
use crate::servers;

pub use contents::{Contents, contents};
pub use schema::{Block, dump_schema, same_schema, same_scripts};

/// How many differences a failure message lists.
const SHOWN: usize = 60;

/// Fails unless both databases have the same schema, rows, sequence values, large objects and extensions.
///
/// # Panics
/// With the differences.
#[track_caller]
pub fn assert_same(left_url: &str, right_url: &str) {
    let mut differences = same_schema(left_url, right_url).err().unwrap_or_default();
    differences.extend(contents(left_url).differences(&contents(right_url)));
    fail_if_any(&differences);
}

/// Fails unless both databases have the same schema.
///
/// # Panics
/// With the differences.
#[track_caller]
pub fn assert_same_schema(left_url: &str, right_url: &str) {
    fail_if_any(&same_schema(left_url, right_url).err().unwrap_or_default());
}

/// Fails unless both databases hold the same data: rows, sequence values, large objects, extensions.
///
/// # Panics
/// With the differences.
#[track_caller]
pub fn assert_same_contents(left_url: &str, right_url: &str) {
    fail_if_any(&contents(left_url).differences(&contents(right_url)));
}

#[track_caller]
fn fail_if_any(differences: &[String]) {
    if !differences.is_empty() {
        let shown = differences.iter().take(SHOWN).cloned().collect::<Vec<_>>().join("\n");
        panic!("{} differences (- left, + right):\n{shown}", differences.len());
    }
}

/// Loads a script with `psql`, stopping at the first error.
///
/// # Errors
/// What psql printed.
pub fn psql_load(url: &str, script: &Path) -> Result<(), String> {
    let file = script.to_string_lossy();
    run("psql", &["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", url, "-f", &file]).map(drop)
}

/// Restores an archive with `pg_restore`, stopping at the first error.
///
/// # Errors
/// What pg_restore printed.
pub fn pg_restore(url: &str, archive: &Path, jobs: u32) -> Result<(), String> {
    let (file, jobs) = (archive.to_string_lossy(), jobs.to_string());
    run("pg_restore", &["--exit-on-error", "-j", &jobs, "-d", url, &file]).map(drop)
}

/// Runs `pg_dump` with these arguments and gives its output.
///
/// # Errors
/// What pg_dump printed.
pub fn pg_dump(url: &str, arguments: &[&str]) -> Result<Vec<u8>, String> {
    run("pg_dump", &[arguments, &["-d", url]].concat())
}

/// `pg_dump`'s plain script of the whole database, without the settings that servers older than the program do not know, so
/// that it loads into a server of the same major with [`psql_load`].
///
/// # Errors
/// What pg_dump printed.
pub fn pg_dump_script(url: &str) -> Result<String, String> {
    let script = pg_dump(url, &[])?;
    Ok(schema::without_marks(&String::from_utf8_lossy(&script)).replacen("\nSET transaction_timeout = 0;\n", "\n", 1))
}

/// Runs the newest installed client program in a clean environment and gives its output.
///
/// # Errors
/// What it printed to standard error, if it failed.
pub fn run(program: &str, arguments: &[&str]) -> Result<Vec<u8>, String> {
    let mut command = Command::new(servers::client_program(program));
    command.args(arguments);
    environment::clear(&mut command);
    // Debian's wrapper scripts read settings from the home folder, psql its history and start-up file.
    command.env("HOME", std::env::temp_dir()).env("LC_ALL", "C");
    let output = command.output().map_err(|e| format!("could not start {program}: {e}"))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    Err(format!("{program} failed ({}): {}", output.status, String::from_utf8_lossy(&output.stderr)))
}
