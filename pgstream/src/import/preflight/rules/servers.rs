//! What the servers are, and what stands between them and us.

use crate::catalog::OneConnection;
use crate::connection::ServerVersion;
use crate::error::{NAME_THE_SERVER, PreflightProblem};

use super::super::facts::ServerFacts;
use super::super::finding::Finding;
use super::Situation;

/// Both ends, each with its name.
fn ends<'a>(situation: &Situation<'a>) -> impl Iterator<Item = (&'static str, &'a ServerFacts)> {
    let source = situation.source.map(|source| ("source", &source.server));
    source.into_iter().chain([("target", &situation.target.server)])
}

/// Servers that answer like PostgreSQL and are not.
pub(super) fn not_postgresql(situation: &Situation<'_>) -> Vec<Finding> {
    let strangers = ends(situation).filter_map(|(end, server)| {
        let name = server.look_alike?;
        let remedy = format!("Use the tools of {name}: its catalogs only look like PostgreSQL's, so a copy would not be whole.");
        Some(Finding::error(format!("the {end} is {name}, not PostgreSQL"), remedy))
    });
    strangers.collect()
}

/// Versions that we are not tested with.
pub(super) fn version_unsupported(situation: &Situation<'_>) -> Vec<Finding> {
    let range = ServerVersion::SUPPORTED;
    let unsupported = ends(situation).filter(|(_, server)| server.look_alike.is_none() && !server.version.is_supported());
    let said = unsupported.map(|(end, server)| {
        let what = format!("the {end} has version {}; supported are {} to {}", server.version, range.start(), range.end());
        let is_older = server.version.major() < *range.start();
        let remedy = if is_older { "Upgrade the server first." } else { "Use a release of pgstream that knows this version." };
        Finding::error(what, remedy)
    });
    said.collect()
}

/// A target of an older major version, and what it cannot hold.
pub(super) fn older_target(situation: &Situation<'_>) -> Vec<Finding> {
    let target = situation.target.server.version;
    let missing = situation.wanted.features.iter().filter(|(_, used)| used.since > target.major());
    let mut found: Vec<Finding> = missing
        .map(|(feature, used)| {
            let entries = match used.count {
                1 => "1 entry uses".to_owned(),
                n => format!("{n} entries use"),
            };
            let what = format!(
                "{entries} {feature}, which version {} of the target does not know; {} for one",
                target.major(),
                crate::name::display_part(&used.example)
            );
            let remedy = format!("Use a target of version {} or newer, or leave these objects out.", used.since);
            Finding::error(what, remedy)
        })
        .collect();
    if let Some(source) = situation.source.filter(|source| source.server.version.major() > target.major()) {
        let what = format!("the source has version {} and the target the older {target}", source.server.version);
        found.push(Finding::warning(
            what,
            "Use a target of the source's version or newer: whether an older one takes every definition is only known in the end.",
        ));
    }
    found
}

/// Something in between that gives a session to others too. A source can be read over one connection all the same: everything is
/// set, locked and read in one transaction then. A target cannot be written like that.
pub(super) fn pooler(situation: &Situation<'_>) -> Vec<Finding> {
    let shape = &situation.wanted.shape;
    let is_pooled = |server: &ServerFacts| server.is_pooled && !shape.allow_pooler;
    let what =
        |end| format!("the connection to the {end} goes through a pooler, which may lend its sessions to others in between");
    let mut found = Vec::new();
    if shape.allow_pooler {
        let pooled = ends(situation).filter(|(_, server)| server.is_pooled);
        found.extend(pooled.map(|(end, _)| Finding::note(what(end), NAME_THE_SERVER)));
    }
    if situation.source.is_some_and(|source| is_pooled(&source.server)) {
        found.push(match shape.jobs {
            0 | 1 => Finding::note(
                format!("{}; it is read over one connection, and if that breaks the run begins anew", what("source")),
                format!("To read over several that may break: {NAME_THE_SERVER}"),
            ),
            jobs => {
                let problem = PreflightProblem::pooled_jobs(jobs);
                Finding::error(problem.what, problem.remedy)
            }
        });
    }
    if is_pooled(&situation.target.server) {
        found.push(Finding::error(what("target"), NAME_THE_SERVER));
    }
    found
}

/// What cannot be had over the only connection to the source.
pub(super) fn one_connection(situation: &Situation<'_>) -> Vec<Finding> {
    let shape = &situation.wanted.shape;
    let Some(why) = shape.one_connection else { return Vec::new() };
    let mut found = Vec::new();
    if shape.yields_to_ddl {
        found.push(Finding::error(
            "sessions that wait for this run cannot be seen over the one connection that reads the source",
            "Leave --yield-to-ddl out and wait for locks with --lock-timeout, or connect so that several sessions can read.",
        ));
    }
    if why == OneConnection::NoExport {
        let what = "the source does not let its snapshot be shared, so one connection reads everything";
        let remedy = "Grant EXECUTE on pg_export_snapshot() to the role, or leave --jobs out.";
        found.push(match shape.jobs {
            0 | 1 => Finding::note(what, remedy),
            jobs => Finding::error(format!("{what}, where {jobs} jobs were asked for"), remedy),
        });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::preflight::samples::{Sample, errors};

    #[test]
    fn a_look_alike_is_named_and_nothing_else_is_said_about_it() {
        let mut sample = Sample::new();
        sample.source.server.look_alike = Some("Greenplum");
        sample.target.prepared = vec!["x".into()];
        assert_eq!(sample.words(), ["not_postgresql"]);
    }

    #[test]
    fn versions_outside_of_the_range_are_refused_at_both_ends() {
        let mut sample = Sample::new();
        sample.source.server.version = ServerVersion::from_number(90_624);
        sample.target.server.version = ServerVersion::from_number(190_000);
        let found = sample.find(version_unsupported);
        assert_eq!(
            errors(&found),
            ["the source has version 9.6.24; supported are 13 to 18", "the target has version 19.0; supported are 13 to 18"]
        );
    }

    #[test]
    fn an_older_target_is_told_what_it_cannot_hold() {
        let mut sample = Sample::new();
        assert!(sample.find(older_target).is_empty());
        sample.add("CONSTRAINT", "k", "ALTER TABLE t ADD CONSTRAINT k UNIQUE NULLS NOT DISTINCT (a);");
        sample.target.server.version = ServerVersion::from_number(140_005);
        let found = sample.find(older_target);
        assert_eq!(
            errors(&found),
            ["1 entry uses nulls not distinct, which version 14 of the target does not know; CONSTRAINT public.k for one"]
        );
        assert_eq!(found.len(), 2, "{found:?}");
        sample.source.server.version = ServerVersion::from_number(130_000);
        sample.wanted.features.clear();
        assert!(sample.find(older_target).is_empty(), "to a newer one is fine");
    }

    #[test]
    fn a_pooler_is_refused_at_the_target_and_for_several_jobs_at_the_source() {
        let mut sample = Sample::new();
        sample.target.server.is_pooled = true;
        assert_eq!(errors(&sample.find(pooler)).len(), 1);
        sample.source.server.is_pooled = true;
        sample.wanted.shape.jobs = 4;
        let found = sample.find(pooler);
        assert!(errors(&found)[0].ends_with("where 4 jobs were asked for"), "{found:?}");
        assert_eq!(errors(&found).len(), 2);
        sample.target.server.is_pooled = false;
        sample.wanted.shape.jobs = 1;
        assert_eq!((errors(&sample.find(pooler)).len(), sample.find(pooler).len()), (0, 1), "it is said");
        sample.wanted.shape.allow_pooler = true;
        sample.wanted.shape.jobs = 4;
        sample.target.server.is_pooled = true;
        assert_eq!((errors(&sample.find(pooler)).len(), sample.find(pooler).len()), (0, 2));
    }

    #[test]
    fn one_connection_reads_one_table_at_a_time_and_sees_nobody_wait() {
        let mut sample = Sample::new();
        (sample.wanted.shape.jobs, sample.wanted.shape.yields_to_ddl) = (3, true);
        assert!(sample.find(one_connection).is_empty());
        sample.wanted.shape.one_connection = Some(OneConnection::Pooler);
        assert_eq!(errors(&sample.find(one_connection)).len(), 1, "the rule pooler says the rest");
        sample.wanted.shape.one_connection = Some(OneConnection::NoExport);
        assert_eq!(errors(&sample.find(one_connection)).len(), 2);
        (sample.wanted.shape.jobs, sample.wanted.shape.yields_to_ddl) = (1, false);
        assert_eq!((errors(&sample.find(one_connection)).len(), sample.find(one_connection).len()), (0, 1));
    }
}
