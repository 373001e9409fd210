//! Whether two databases hold the same data.
//!
//! Each side is read in a snapshot of its own and under the same pinned settings; each table is read whole on both sides and
//! compared by its content hash, so the order of rows does not matter. Partitions are rolled up to their root, since a row may
//! lie in another partition there. Definitions are not compared here, beyond the names of columns.

mod options;
mod report;
mod side;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::{join_all, try_join};
use xxhash_rust::xxh3::Xxh3;

use crate::catalog::TableData;
use crate::connection::{ConnectionConfig, ServerVersion};
use crate::data::{
    ContentHash, CopyFormat, NullSink, QueryColumn, SequenceValue, TableReader, ValueReader, copy_query_to_stdout, hash_copy,
};
use crate::error::{DataError, Error};
use crate::name::QualifiedName;
use crate::progress::{EventType, Phase, Run};
use crate::report::{Failure, TargetState};

pub use options::VerifyOptions;
pub use report::{Content, Difference, SequenceState, VerifyReport};

use side::{Side, Whole};

/// How often progress is told.
const TICK: Duration = Duration::from_millis(500);

/// Tables of up to so many bytes together are asked for at once.
const SMALL_BYTES: u64 = 1024 * 1024;

/// How many small tables are asked for at once.
const SMALL_TABLES: usize = 100;

/// Compares the data of two databases.
///
/// Rows of tables, generated columns, values of sequences, and large objects are compared; a sequence of a standby may be
/// ahead of the other side, by as many values as a server writes down ahead. Materialized views are compared too, but one that differs is only reported as stale.
///
/// # Errors
/// A [`Failure`] when a side cannot be read. Differences are no error: they are in the report.
///
/// # Cancellation
/// `run.cancel()` ends the backends on both sides. Neither side is ever written.
pub async fn verify(
    a: &ConnectionConfig,
    b: &ConnectionConfig,
    options: &VerifyOptions,
    run: &Run,
) -> Result<VerifyReport, Failure> {
    run.enter(Phase::Preflight);
    let result = tokio::select! {
        biased;
        result = compare(a, b, options, run) => result,
        () = run.tick(TICK) => unreachable!("ticks do not end"),
    };
    if result.is_ok() {
        run.announce(EventType::Report);
    }
    let end = |error: Error| if run.is_cancelled() { Error::Cancelled } else { error };
    result.map_err(|error| Failure::new(end(error), TargetState::Untouched, run))
}

async fn compare(a: &ConnectionConfig, b: &ConnectionConfig, options: &VerifyOptions, run: &Run) -> Result<VerifyReport, Error> {
    let started = Instant::now();
    let (a, b) = try_join(Side::hold(a, options, run), Side::hold(b, options, run)).await?;
    let mut report = VerifyReport {
        a: a.end.clone(),
        b: b.end.clone(),
        is_same: false,
        differences: Vec::new(),
        stale: Vec::new(),
        tables: 0,
        rows: 0,
        sequences: 0,
        large_objects: 0,
        milliseconds: 0,
        warnings: Vec::new(),
    };
    run.enter(Phase::Verify);
    let unreadable: BTreeSet<QualifiedName> = a.unreadable().chain(b.unreadable()).cloned().collect();
    for name in &unreadable {
        run.warn(format!("{name} is unlogged and cannot be read on a standby: it is not compared"));
    }
    let comparison = Comparison { a: &a, b: &b, unreadable: &unreadable, jobs: options.job_count(), run };
    let compared = comparison.make(&mut report).await;
    a.snapshot.release().await;
    b.snapshot.release().await;
    compared?;
    report.is_same = report.differences.is_empty();
    report.milliseconds = started.elapsed().as_millis().try_into().unwrap_or(u64::MAX);
    report.warnings = run.warnings();
    Ok(report)
}

struct Comparison<'a> {
    a: &'a Side,
    b: &'a Side,
    /// What is not compared, since a standby does not have it.
    unreadable: &'a BTreeSet<QualifiedName>,
    jobs: usize,
    run: &'a Run,
}

/// A table that both sides have with the same columns.
struct Pair {
    name: QualifiedName,
    a: Whole,
    b: Whole,
}

/// What one table turned out to be.
struct Compared {
    rows: u64,
    difference: Option<Difference>,
    stale: Option<String>,
}

impl Comparison<'_> {
    async fn make(&self, report: &mut VerifyReport) -> Result<(), Error> {
        let mut a = ValueReader::new(&self.a.snapshot, self.run);
        let mut b = ValueReader::new(&self.b.snapshot, self.run);
        let result = tokio::select! {
            biased;
            () = self.run.cancellation().cancelled() => Err(DataError::Cancelled.into()),
            listed = self.list(&mut a, &mut b, report) => listed,
        };
        let result = match result {
            Ok(pairs) => self.compare_tables(pairs, report).await,
            Err(error) => Err(error),
        };
        let result = match result {
            Ok(()) => tokio::select! {
                biased;
                () = self.run.cancellation().cancelled() => Err(DataError::Cancelled.into()),
                compared = self.compare_values(&mut a, &mut b, report) => compared,
            },
            Err(error) => Err(error),
        };
        a.stop().await;
        b.stop().await;
        result
    }

    /// Finds what both sides have, and what only one has.
    async fn list(
        &self,
        a: &mut ValueReader<'_>,
        b: &mut ValueReader<'_>,
        report: &mut VerifyReport,
    ) -> Result<Vec<Pair>, Error> {
        let (of_a, mut of_b) = try_join(self.a.wholes(a, self.unreadable), self.b.wholes(b, self.unreadable)).await?;
        let mut pairs = Vec::new();
        for (name, a) in of_a {
            let Some(b) = of_b.remove(&name) else {
                report.differences.push(Difference::Missing { table: name.to_string() });
                continue;
            };
            let all = |whole: &Whole| whole.columns.iter().chain(&whole.generated).cloned().collect::<Vec<_>>();
            let set = |columns: &[String]| columns.iter().cloned().collect::<BTreeSet<_>>();
            if set(&a.columns) != set(&b.columns) || set(&a.generated) != set(&b.generated) || a.is_view != b.is_view {
                report.differences.push(Difference::columns(&name, &all(&a), &all(&b)));
                continue;
            }
            pairs.push(Pair { name, a, b });
        }
        report.differences.extend(of_b.into_keys().map(|name| Difference::Extra { table: name.to_string() }));
        Ok(pairs)
    }

    async fn compare_tables(&self, mut pairs: Vec<Pair>, report: &mut VerifyReport) -> Result<(), Error> {
        let bytes = pairs.iter().map(|pair| pair.a.bytes() + pair.b.bytes()).sum();
        self.run.expect_tables(pairs.len() as u64, bytes);
        self.run.expect_work(bytes);
        // The largest first, so that no worker starts one when the others are done.
        pairs.sort_by_key(|pair| std::cmp::Reverse(pair.a.bytes()));
        let queue = Mutex::new(VecDeque::from(pairs));
        // The first failure ends the others: their backends must not go on.
        let run = self.run.child();
        let workers = (0..self.jobs).map(|_| self.work(&queue, &run));
        let results: Vec<Result<Vec<Compared>, Error>> = join_all(workers).await;
        let mut failures = Vec::new();
        let mut differences = Vec::new();
        for result in results {
            match result {
                Ok(all) => {
                    for compared in all {
                        report.tables += 1;
                        report.rows += compared.rows;
                        differences.extend(compared.difference);
                        report.stale.extend(compared.stale);
                    }
                }
                Err(error) => failures.push(error),
            }
        }
        differences.sort_by_key(ToString::to_string);
        report.differences.extend(differences);
        report.stale.sort();
        // What was cancelled was so because of another one.
        failures.sort_by_key(|error| error.code() == crate::error::ErrorCode::Cancelled);
        failures.into_iter().next().map_or(Ok(()), Err)
    }

    /// Compares tables until there are no more.
    async fn work(&self, queue: &Mutex<VecDeque<Pair>>, run: &Run) -> Result<Vec<Compared>, Error> {
        let (mut a, mut b) = (TableReader::new(&self.a.snapshot, run), TableReader::new(&self.b.snapshot, run));
        let mut done = Vec::new();
        let mut result = Ok(());
        'all: loop {
            let some = take_some(&mut queue.lock().unwrap_or_else(PoisonError::into_inner));
            if some.is_empty() {
                break;
            }
            a.expect(some.iter().flat_map(|pair| parts(&pair.a, &pair.a.columns)));
            b.expect(some.iter().flat_map(|pair| parts(&pair.b, &pair.a.columns)));
            for pair in &some {
                match self.compare_pair(pair, &mut a, &mut b, run).await {
                    Ok(compared) => done.push(compared),
                    Err(error) => {
                        run.cancel();
                        result = Err(error);
                        break 'all;
                    }
                }
            }
        }
        a.stop().await;
        b.stop().await;
        result.map(|()| done)
    }

    async fn compare_pair(
        &self,
        pair: &Pair,
        a: &mut TableReader<'_>,
        b: &mut TableReader<'_>,
        run: &Run,
    ) -> Result<Compared, Error> {
        let _working = run.working_on(pair.name.to_string());
        let columns = &pair.a.columns;
        if pair.a.is_view {
            return self.compare_view(pair, run).await;
        }
        let (of_a, of_b) = match self.reads_as_itself(pair, columns) {
            true => {
                let a = read_all(a, parts(&pair.a, columns), true, run);
                try_join(a, read_all(b, parts(&pair.b, columns), false, run)).await?
            }
            false => self.hash_both(pair, columns, run).await?,
        };
        let table = pair.name.to_string();
        let mut difference = (of_a != of_b).then(|| Difference::Rows { table: table.clone(), a: of_a.into(), b: of_b.into() });
        if difference.is_none() && !pair.a.generated.is_empty() {
            let all: Vec<String> = columns.iter().chain(&pair.a.generated).cloned().collect();
            let (a, b) = self.hash_both(pair, &all, run).await?;
            difference = (a != b).then(|| Difference::GeneratedColumns { table, a: a.into(), b: b.into() });
        }
        run.work_done(pair.a.bytes() + pair.b.bytes());
        run.table_done();
        Ok(Compared { rows: of_a.rows(), difference, stale: None })
    }

    /// A materialized view shows what it was refreshed with: a difference is no loss.
    async fn compare_view(&self, pair: &Pair, run: &Run) -> Result<Compared, Error> {
        let name = &pair.name;
        let stale = match (pair.a.is_populated, pair.b.is_populated) {
            (true, true) => {
                let (a, b) = self.hash_both(pair, &pair.a.columns, run).await?;
                (a != b).then(|| format!("materialized view {name} has {} rows in A and {} in B, or others", a.rows(), b.rows()))
            }
            (a, b) if a == b => None,
            (is_in_a, _) => Some(format!("materialized view {name} is populated in {} only", if is_in_a { "A" } else { "B" })),
        };
        run.work_done(pair.a.bytes() + pair.b.bytes());
        run.table_done();
        Ok(Compared { rows: 0, difference: None, stale })
    }

    /// Whether these columns have the same text on both servers, so that the tables can be read as they are.
    fn reads_as_itself(&self, pair: &Pair, columns: &[String]) -> bool {
        self.query_columns(pair, columns).iter().all(|column| column.read_as.is_none())
    }

    /// The columns, in a form that has the same text on both servers: a `"char"` is a number where they show it differently.
    fn query_columns(&self, pair: &Pair, columns: &[String]) -> Vec<QueryColumn> {
        let shows_octal = |side: &Side| ServerVersion::from_number(side.catalog.database.major * 10_000).shows_char_in_octal();
        let differs = shows_octal(self.a) != shows_octal(self.b);
        let read_as = |name: &String| match (pair.a.chars.get(name), pair.b.chars.get(name)) {
            (Some(false), Some(false)) if differs => Some("pg_catalog.int4"),
            (Some(true), Some(true)) if differs => Some("pg_catalog.int4[]"),
            _ => None,
        };
        columns.iter().map(|name| QueryColumn { name: name.clone(), read_as: read_as(name) }).collect()
    }

    async fn hash_both(&self, pair: &Pair, columns: &[String], run: &Run) -> Result<(ContentHash, ContentHash), Error> {
        let columns = self.query_columns(pair, columns);
        try_join(hash_all(self.a, &pair.a, &columns, run), hash_all(self.b, &pair.b, &columns, run)).await
    }

    async fn compare_values(
        &self,
        a: &mut ValueReader<'_>,
        b: &mut ValueReader<'_>,
        report: &mut VerifyReport,
    ) -> Result<(), Error> {
        let (of_a, of_b) = try_join(self.a.sequences(a, self.unreadable), self.b.sequences(b, self.unreadable)).await?;
        report.sequences = of_a.len() as u64;
        let steps = match self.a.is_standby() || self.b.is_standby() {
            true => self.a.increments(a).await?,
            false => BTreeMap::new(),
        };
        let ahead = Ahead { of_a: self.a.is_standby(), of_b: self.b.is_standby(), steps: &steps };
        report.differences.extend(compare_sequences(&of_a, &of_b, &ahead));

        let (of_a, of_b) = (self.a.large_objects(), self.b.large_objects());
        report.large_objects = of_a.len() as u64;
        a.expect(of_a.iter().copied());
        b.expect(of_b.iter().copied());
        let all: BTreeSet<u32> = of_a.iter().chain(&of_b).copied().collect();
        for oid in all {
            let (is_in_a, is_in_b) = (of_a.binary_search(&oid).is_ok(), of_b.binary_search(&oid).is_ok());
            let (of_a, of_b) = try_join(read_large_object(a, oid, is_in_a), read_large_object(b, oid, is_in_b)).await?;
            if of_a != of_b {
                report.differences.push(Difference::LargeObject { oid, a: of_a, b: of_b });
            }
        }
        Ok(())
    }
}

/// One large table, or some small ones.
fn take_some(queue: &mut VecDeque<Pair>) -> Vec<Pair> {
    let (mut some, mut bytes) = (Vec::new(), 0);
    while let Some(next) = queue.front() {
        bytes += next.a.bytes();
        if !some.is_empty() && (bytes > SMALL_BYTES || some.len() >= SMALL_TABLES) {
            break;
        }
        some.extend(queue.pop_front());
    }
    some
}

/// The tables that hold the rows of a whole, to be read in this order of columns. None for a view.
fn parts(whole: &Whole, columns: &[String]) -> Vec<TableData> {
    let parts = whole.parts.iter().filter(|_| !whole.is_view);
    parts.map(|part| TableData { columns: columns.to_vec(), ..part.clone() }).collect()
}

async fn read_all(
    reader: &mut TableReader<'_>,
    parts: Vec<TableData>,
    is_counted: bool,
    run: &Run,
) -> Result<ContentHash, Error> {
    let mut content = ContentHash::new();
    for part in parts {
        // Rows are told once, not once per side.
        let progress = |rows, bytes| run.moved(if is_counted { rows } else { 0 }, bytes);
        content.merge(&reader.read(&part, CopyFormat::Text, &mut NullSink, progress).await?);
    }
    Ok(content)
}

async fn hash_all(side: &Side, whole: &Whole, columns: &[QueryColumn], run: &Run) -> Result<ContentHash, Error> {
    let reads = whole.parts.iter().map(|part| async move {
        let copy = copy_query_to_stdout(&part.name, columns);
        hash_copy(&side.snapshot, run, &part.name, &copy).await
    });
    // One after the other: partitions may be many.
    let mut content = ContentHash::new();
    for read in reads {
        content.merge(&read.await?);
    }
    Ok(content)
}

/// How far a sequence may be ahead of the other side.
struct Ahead<'a> {
    /// `a` is a standby.
    of_a: bool,
    /// `b` is.
    of_b: bool,
    /// By how much a sequence goes on, with its sign. Sequences that are not here go on by one.
    steps: &'a BTreeMap<QualifiedName, i64>,
}

/// A server writes down so many values of a sequence ahead, and a standby knows no more than what was written.
///
/// Source: PostgreSQL's `commands/sequence.c`, `SEQ_LOG_VALS`.
const VALUES_LOGGED_AHEAD: i128 = 32;

impl Ahead<'_> {
    /// Whether the difference is only that a standby knows what was written ahead. Going on means downwards for some.
    fn explains(&self, name: &QualifiedName, a: SequenceState, b: SequenceState) -> bool {
        let step = i128::from(self.steps.get(name).copied().unwrap_or(1));
        let steps = (i128::from(a.last_value) - i128::from(b.last_value)) * step.signum();
        let most = VALUES_LOGGED_AHEAD * step.abs();
        (self.of_a && (1..=most).contains(&steps)) || (self.of_b && (1..=most).contains(&-steps))
    }
}

fn compare_sequences(
    a: &BTreeMap<QualifiedName, SequenceValue>,
    b: &BTreeMap<QualifiedName, SequenceValue>,
    ahead: &Ahead<'_>,
) -> Vec<Difference> {
    let state = |value: &SequenceValue| SequenceState { last_value: value.last_value, is_called: value.is_called };
    let names: BTreeSet<&QualifiedName> = a.keys().chain(b.keys()).collect();
    let compared = names.into_iter().filter_map(|name| {
        let (a, b) = (a.get(name).map(state), b.get(name).map(state));
        let is_ahead = matches!((a, b), (Some(a), Some(b)) if ahead.explains(name, a, b));
        (a != b && !is_ahead).then(|| Difference::Sequence { sequence: name.to_string(), a, b })
    });
    compared.collect()
}

async fn read_large_object(reader: &mut ValueReader<'_>, oid: u32, is_there: bool) -> Result<Option<Content>, Error> {
    if !is_there {
        return Ok(None);
    }
    let (mut hash, mut bytes) = (Xxh3::new(), 0);
    loop {
        let piece = reader.piece(oid, bytes).await?;
        hash.update(&piece);
        let is_last = ValueReader::is_last(bytes, piece.len());
        bytes += piece.len() as u64;
        if is_last {
            return Ok(Some(Content { rows: 1, bytes, hash: format!("{:032x}", hash.digest128()) }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_standby_may_be_ahead_by_what_is_logged_and_never_behind() {
        let name = QualifiedName::new("public", "s");
        let at = |last_value| {
            let value = SequenceValue { name: name.clone(), last_value, is_called: true };
            BTreeMap::from([(name.clone(), value)])
        };
        for (a, b, of_a, of_b, step, is_same) in [
            (5, 5, false, false, 1, true),
            (37, 5, true, false, 1, true),
            (38, 5, true, false, 1, false),
            (37, 5, false, true, 1, false),
            (5, 37, true, false, 1, false),
            (5, 37, false, true, 1, true),
            (-37, -5, true, false, -1, true),
            (-5, -37, true, false, -1, false),
            (325, 5, true, false, 10, true),
            (i64::MAX, i64::MIN, true, false, 1, false),
        ] {
            let steps = BTreeMap::from([(name.clone(), step)]);
            let found = compare_sequences(&at(a), &at(b), &Ahead { of_a, of_b, steps: &steps });
            assert_eq!(found.is_empty(), is_same, "{a} {b} {of_a} {of_b} {step}");
        }
    }
}
