//! Connections, locks and disk: what there is, and what the run takes.

use super::super::facts::ServerFacts;
use super::super::finding::{Finding, size};
use super::Situation;

/// Beside the jobs: two connections that hold the snapshot, one that reads the catalog.
const MORE_AT_SOURCE: u32 = 3;

/// Beside the jobs: one connection that keeps the ledger and the lock.
const MORE_AT_TARGET: u32 = 1;

/// Above this share of the free bytes there may be no room for the write-ahead log, in percent.
const TIGHT_PERCENT: u64 = 80;

/// Connections that both ends can still give.
pub(super) fn connections(situation: &Situation<'_>) -> Vec<Finding> {
    let shape = &situation.wanted.shape;
    let target = &situation.target.server;
    let at_target = (shape.jobs + MORE_AT_TARGET).saturating_sub(shape.open_at_target);
    let Some(source) = situation.source.map(|source| &source.server) else {
        return too_few("target", target, at_target).into_iter().collect();
    };
    let at_source = match shape.one_connection {
        Some(_) => 0,
        None => (shape.jobs + MORE_AT_SOURCE).saturating_sub(shape.open_at_source),
    };
    if is_one_server(source, target) {
        return too_few("server of both ends", target, at_source + at_target).into_iter().collect();
    }
    too_few("source", source, at_source).into_iter().chain(too_few("target", target, at_target)).collect()
}

fn too_few(end: &str, server: &ServerFacts, needed: u32) -> Option<Finding> {
    let (free, setting) = server.connections.free();
    let what = format!("the run needs {needed} more connections to the {end} and {setting} leaves {free}");
    let remedy = "Lower --jobs, end idle sessions, or raise the limit.";
    (i64::from(needed) > free).then(|| Finding::error(what, remedy))
}

/// Two ends that were started at the same microsecond are one server.
fn is_one_server(source: &ServerFacts, target: &ServerFacts) -> bool {
    source.started_micros == target.started_micros && source.version == target.version
}

/// One transaction at the source locks every table.
pub(super) fn locks_source(situation: &Situation<'_>) -> Vec<Finding> {
    let Some(source) = situation.source else { return Vec::new() };
    let (needed, capacity) = (situation.wanted.source_locks, source.server.lock_capacity);
    if needed <= capacity {
        return Vec::new();
    }
    let what = format!("{needed} tables are locked at the source in one transaction, and it has room for about {capacity} locks");
    // Observed: with two sessions that hold them, a server with default settings has room for about 1.1 times the estimate, one
    // with few connections and many workers for about twice. Where it may fit, the server decides: nothing is written yet then.
    let say = if needed > 2 * capacity { Finding::error } else { Finding::warning };
    vec![say(what, "Raise max_locks_per_transaction at the source and restart it, or copy some schemas at a time.")]
}

/// One transaction at the target locks everything that it makes.
pub(super) fn locks_target(situation: &Situation<'_>) -> Vec<Finding> {
    let dropping = situation.target.drops.as_ref().map_or(0, |plan| plan.locks);
    let (needed, capacity) = (situation.wanted.target_locks + dropping, situation.target.server.lock_capacity);
    if !situation.wanted.shape.is_one_transaction || needed <= capacity {
        return Vec::new();
    }
    let what = format!("one transaction would hold about {needed} locks in the target, which has room for about {capacity}");
    vec![Finding::error(
        what,
        "Raise max_locks_per_transaction at the target and restart it, or move fewer tables at a time with a filter.",
    )]
}

/// Bytes of tables and indexes.
pub(super) fn estimated_bytes(situation: &Situation<'_>) -> u64 {
    situation.wanted.data_bytes + situation.source.map_or(0, |source| source.index_bytes)
}

/// What will be written, and the room that there is.
pub(super) fn disk(situation: &Situation<'_>) -> Vec<Finding> {
    let needed = estimated_bytes(situation);
    let what = format!("tables and indexes will take about {}", size(needed));
    let Some(free) = situation.target.free_bytes else {
        return vec![Finding::note(
            format!("{what}; the target's disk cannot be seen from here"),
            "Check that the target has room for that, and for the write-ahead log beside it.",
        )];
    };
    let what = format!("{what}, and {} are free at the target", size(free));
    let remedy = "Make room at the target, or leave some tables' rows out: --exclude-table-data.";
    vec![match free {
        free if needed > free => Finding::error(what, remedy),
        free if needed > free / 100 * TIGHT_PERCENT => {
            Finding::warning(format!("{what}, where the write-ahead log comes on top"), remedy)
        }
        _ => Finding::note(what, "Nothing has to be done."),
    }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::preflight::Severity;
    use crate::import::preflight::facts::ConnectionFacts;
    use crate::import::preflight::samples::{Sample, errors};

    fn connections_left(free: i64) -> ConnectionFacts {
        ConnectionFacts { maximum: free + 10, reserved: 3, used: 7, database_limit: -1, role_limit: -1, ..Default::default() }
    }

    #[test]
    fn connections_are_counted_at_both_ends() {
        let mut sample = Sample::new();
        sample.wanted.shape.jobs = 4;
        sample.source.server.connections = connections_left(6);
        sample.target.server.connections = connections_left(4);
        assert!(sample.find(connections).is_empty());
        sample.source.server.connections = connections_left(5);
        sample.target.server.connections.database_limit = 3;
        assert_eq!(
            errors(&sample.find(connections)),
            [
                "the run needs 6 more connections to the source and max_connections leaves 5",
                "the run needs 4 more connections to the target and the database's CONNECTION LIMIT leaves 3"
            ]
        );
    }

    #[test]
    fn a_source_that_is_read_over_one_connection_needs_no_more() {
        let mut sample = Sample::new();
        sample.source.server.connections = connections_left(0);
        assert_eq!(errors(&sample.find(connections)).len(), 1);
        sample.wanted.shape.one_connection = Some(crate::catalog::OneConnection::Pooler);
        assert!(sample.find(connections).is_empty());
    }

    #[test]
    fn one_server_at_both_ends_gives_the_connections_of_both() {
        let mut sample = Sample::new();
        sample.wanted.shape.jobs = 4;
        sample.source.server.started_micros = sample.target.server.started_micros;
        sample.source.server.connections = connections_left(6);
        sample.target.server.connections = connections_left(6);
        assert_eq!(
            errors(&sample.find(connections)),
            ["the run needs 10 more connections to the server of both ends and max_connections leaves 6"]
        );
    }

    #[test]
    fn the_narrowest_limit_counts() {
        let facts = |role_limit| ConnectionFacts { role_limit, used_by_role: 2, ..connections_left(50) };
        assert_eq!(facts(-1).free(), (50, "max_connections"));
        assert_eq!(facts(5).free(), (3, "the role's CONNECTION LIMIT"));
        assert_eq!(facts(1).free(), (0, "the role's CONNECTION LIMIT"));
    }

    #[test]
    fn locks_of_one_transaction_must_fit() {
        let mut sample = Sample::new();
        (sample.source.server.lock_capacity, sample.target.server.lock_capacity) = (100, 100);
        (sample.wanted.source_locks, sample.wanted.target_locks) = (100, 101);
        assert!(sample.find(locks_source).is_empty());
        assert!(sample.find(locks_target).is_empty(), "many transactions");
        sample.wanted.shape.is_one_transaction = true;
        assert_eq!(errors(&sample.find(locks_target)).len(), 1);
        for (needed, severity) in [(101, Severity::Warning), (201, Severity::Error)] {
            sample.wanted.source_locks = needed;
            assert_eq!(sample.find(locks_source)[0].severity, severity);
        }
    }

    #[test]
    fn the_estimate_is_always_said_and_compared_where_the_disk_is_seen() {
        let mut sample = Sample::new();
        (sample.wanted.data_bytes, sample.source.index_bytes) = (700_000, 300_000);
        let cases = [
            (None, Severity::Note, "tables and indexes will take about 1.0 MB; the target's disk cannot be seen from here"),
            (Some(10_000_000), Severity::Note, "tables and indexes will take about 1.0 MB, and 10.0 MB are free at the target"),
            (
                Some(1_100_000),
                Severity::Warning,
                "tables and indexes will take about 1.0 MB, and 1.1 MB are free at the target, where the write-ahead log comes on top",
            ),
            (Some(999_999), Severity::Error, "tables and indexes will take about 1.0 MB, and 1000.0 kB are free at the target"),
        ];
        for (free, severity, what) in cases {
            sample.target.free_bytes = free;
            let found = sample.find(disk);
            assert_eq!((found[0].severity, found[0].what.as_str()), (severity, what));
        }
    }
}
