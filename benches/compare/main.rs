//! Whole runs of pgstream beside pg_dump, psql, pg_restore and pgcopydb: same database, same server, same run.

mod measure;
mod tools;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use pgstream_tests::cluster::{Cluster, majors};
use pgstream_tests::database::TestDb;
use pgstream_tests::servers;

use crate::measure::{Measurement, measure};
use crate::tools::{Place, Tool, exports, syncs};

/// Like a server that is used: nothing is written to disk twice for safety, because it is deleted afterwards. The same for all.
const SETTINGS: [(&str, &str); 5] = [
    ("shared_buffers", "512MB"),
    ("max_wal_size", "4GB"),
    ("maintenance_work_mem", "64MB"),
    ("wal_level", "replica"),
    ("log_min_messages", "error"),
];

const USAGE: &str = "usage: compare [--scale N] [--runs N]\n\
  --scale N  size of the web shop; 1 is about 7 MB (1)\n\
  --runs N   how often each is run, in turns; the median is shown (1)";

fn main() -> ExitCode {
    let Some((scale, runs)) = options(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime starts");
    runtime.block_on(compare(scale, runs))
}

fn options(mut words: impl Iterator<Item = String>) -> Option<(u32, usize)> {
    let (mut scale, mut runs) = (1, 1);
    while let Some(word) = words.next() {
        let number: u32 = words.next()?.parse().ok().filter(|n| *n > 0)?;
        match word.as_str() {
            "--scale" => scale = number,
            "--runs" => runs = number as usize,
            _ => return None,
        }
    }
    Some((scale, runs))
}

async fn compare(scale: u32, runs: usize) -> ExitCode {
    let cluster = Arc::new(Cluster::private(major(), &SETTINGS));
    let source = TestDb::create(&cluster).await.with_shop(scale).await;
    source.execute("vacuum (analyze)").await;
    let size = source.value("select pg_size_pretty(pg_database_size(current_database()))").await;
    println!("PostgreSQL {}, {size}, {runs} run(s) of each, in turns", cluster.major());
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let rows = source.value(ROWS).await;
    let (exports, syncs) = (exports(), syncs());
    let mut all_succeeded = true;
    for (title, tools) in [("into a file", &exports), ("into an empty database", &syncs)] {
        let mut results: Vec<Vec<Measurement>> = vec![Vec::new(); tools.len()];
        for _ in 0..runs {
            for (tool, results) in tools.iter().zip(&mut results) {
                results.push(run(tool, &source, &rows, folder.path()).await);
            }
        }
        all_succeeded &= print_table(title, tools, &results);
    }
    // Within the runtime: dropping it asks its server.
    drop(source);
    if all_succeeded { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// How many rows there are in the tables that matter most.
const ROWS: &str = "select format('%s %s %s', (select count(*) from shop.orders), (select count(*) from shop.events)
                                 , (select count(*) from shop.documents))";

/// The newest server that the newest pg_dump can read.
fn major() -> u32 {
    let client = servers::client_major("pg_dump").unwrap_or(0);
    let fitting = majors().into_iter().filter(|major| *major <= client).max();
    fitting.unwrap_or_else(|| panic!("pg_dump {client} reads none of the servers {:?}", majors()))
}

/// Runs a tool once, with an empty database and an empty folder.
async fn run(tool: &Tool, source: &TestDb, rows: &str, folder: &Path) -> Measurement {
    let target = TestDb::create(source.cluster()).await;
    let folder = empty(folder.join("run"));
    source.cluster().admin("checkpoint");
    let place = Place { source: source.url(), target: target.url(), folder: folder.clone() };
    let mut measurement = measure(&mut tool.command(&place));
    if let Some(problem) = &measurement.problem {
        eprintln!("{}: {problem}", tool.name);
    } else if tool.fills_target && target.value(ROWS).await != rows {
        measurement.problem = Some("rows are missing".into());
        eprintln!("{}: rows are missing in the target", tool.name);
    }
    measurement
}

fn empty(folder: PathBuf) -> PathBuf {
    if folder.exists() {
        std::fs::remove_dir_all(&folder).expect("our folder can be deleted");
    }
    std::fs::create_dir(&folder).expect("our folder can be made");
    folder
}

/// One line for each tool; ratios are to the first one. Whether all succeeded.
fn print_table(title: &str, tools: &[Tool], results: &[Vec<Measurement>]) -> bool {
    println!("\n{title:<34} {:>9} {:>6} {:>9} {:>6} {:>9}", "wall s", "ratio", "CPU s", "ratio", "memory MB");
    let of = |results: &[Measurement], field: fn(&Measurement) -> f64| median(results.iter().map(field).collect());
    let base: Vec<f64> = [|m: &Measurement| m.wall, |m: &Measurement| m.cpu].map(|field| of(&results[0], field)).into();
    let mut all_succeeded = true;
    for (tool, results) in tools.iter().zip(results) {
        if results.iter().any(|m| m.problem.is_some()) {
            println!("{:<34} failed", tool.name);
            all_succeeded = false;
            continue;
        }
        let (wall, cpu, memory) = (of(results, |m| m.wall), of(results, |m| m.cpu), of(results, |m| m.peak_memory_mb));
        let ratio = |value: f64, base: f64| if base > 0.0 { format!("{:.2}", value / base) } else { "-".into() };
        let (wall_ratio, cpu_ratio) = (ratio(wall, base[0]), ratio(cpu, base[1]));
        println!("{:<34} {wall:>9.2} {wall_ratio:>6} {cpu:>9.2} {cpu_ratio:>6} {memory:>9.1}", tool.name);
    }
    all_succeeded
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
