//! What keeps the source from being read whole.

use super::super::finding::{Finding, count, list};
use super::Situation;

/// What the role may not read.
pub(super) fn source_select(situation: &Situation<'_>) -> Vec<Finding> {
    let Some(source) = situation.source else { return Vec::new() };
    let role = crate::name::display_part(&crate::ddl::identifier(&source.server.role.name));
    let mut found = Vec::new();
    if !source.unreadable.is_empty() {
        let what = format!("{role} cannot read {}: {}", count(source.unreadable.len(), "relation"), list(&source.unreadable));
        let remedy =
            format!("Grant SELECT on them and USAGE on their schemas (14 and newer: GRANT pg_read_all_data TO {role};).");
        found.push(Finding::error(what, remedy));
    }
    if source.unreadable_large_objects > 0 {
        let what = format!("{role} cannot read {}", count(source.unreadable_large_objects, "large object"));
        found.push(Finding::error(
            what,
            "Grant SELECT on them, read as their owner, or name the schemas that are wanted, which leaves large objects out: --schema.",
        ));
    }
    found
}

/// Tables of which row security would hide rows: reading stops there, because the settings of a run forbid a silent filter.
pub(super) fn row_security(situation: &Situation<'_>) -> Vec<Finding> {
    let Some(source) = situation.source.filter(|source| !source.filtered.is_empty()) else { return Vec::new() };
    let role = crate::name::display_part(&crate::ddl::identifier(&source.server.role.name));
    let what =
        format!("row security hides rows from {role} in {}: {}", count(source.filtered.len(), "table"), list(&source.filtered));
    vec![Finding::error(what, format!("Read as the tables' owner or a superuser, or: ALTER ROLE {role} BYPASSRLS;"))]
}

/// Tables that somebody else holds exclusively.
pub(super) fn tables_locked(situation: &Situation<'_>) -> Vec<Finding> {
    let Some(source) = situation.source else { return Vec::new() };
    let (sessions, prepared): (Vec<_>, Vec<_>) = source.locked.iter().partition(|(_, pid)| pid.is_some());
    let mut found = Vec::new();
    if !prepared.is_empty() {
        found.push(Finding::error(
            format!("a prepared transaction holds {} of the source: {}", count(prepared.len(), "table"), names(&prepared)),
            "Find it in pg_prepared_xacts and end it: COMMIT PREPARED or ROLLBACK PREPARED.",
        ));
    }
    if !sessions.is_empty() {
        let held = list(sessions.iter().map(|(name, pid)| format!("{name} (by pid {})", pid.unwrap_or_default())));
        found.push(Finding::warning(
            format!("other sessions hold {} of the source exclusively: {held}", count(sessions.len(), "table")),
            "The run waits for them as long as --lock-timeout says. Wait for these sessions, or end them.",
        ));
    }
    found
}

fn names(locked: &[&(String, Option<i32>)]) -> String {
    list(locked.iter().map(|(name, _)| name))
}

/// What is different when a standby is read.
pub(super) fn standby_source(situation: &Situation<'_>) -> Vec<Finding> {
    let Some(server) = situation.source.map(|source| &source.server).filter(|server| server.is_in_recovery) else {
        return Vec::new();
    };
    let delay = &server.max_standby_streaming_delay;
    let feedback = if server.hot_standby_feedback { "on" } else { "off" };
    let what = format!("the source is a standby (hot_standby_feedback is {feedback}, max_standby_streaming_delay is {delay})");
    let say = if server.hot_standby_feedback { Finding::note } else { Finding::warning };
    let remedy = "Replay may cancel long reads: set hot_standby_feedback = on, or a longer max_standby_streaming_delay.";
    vec![say(what, remedy)]
}

/// Unlogged tables have no rows on a standby.
pub(super) fn unlogged_on_standby(situation: &Situation<'_>) -> Vec<Finding> {
    let is_standby = situation.source.is_some_and(|source| source.server.is_in_recovery);
    let unlogged = &situation.wanted.unlogged;
    if !is_standby || unlogged.is_empty() {
        return Vec::new();
    }
    let what = format!(
        "{} cannot be read on a standby and will have no rows: {}",
        count(unlogged.len(), "unlogged table"),
        list(unlogged)
    );
    vec![Finding::warning(what, "Read from the primary if their rows are wanted.")]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::preflight::Severity;
    use crate::import::preflight::samples::{Sample, errors};

    #[test]
    fn what_cannot_be_read_is_named() {
        let mut sample = Sample::new();
        sample.source.unreadable = vec!["public.a".into(), "public.b".into()];
        sample.source.unreadable_large_objects = 3;
        assert_eq!(
            errors(&sample.find(source_select)),
            ["loader cannot read 2 relations: public.a, public.b", "loader cannot read 3 large objects"]
        );
        assert!(Sample::new().find(source_select).is_empty());
    }

    #[test]
    fn hidden_rows_are_an_error() {
        let mut sample = Sample::new();
        sample.source.filtered = vec!["public.a".into()];
        assert_eq!(errors(&sample.find(row_security)), ["row security hides rows from loader in 1 table: public.a"]);
        assert!(Sample::new().find(row_security).is_empty());
    }

    #[test]
    fn a_session_may_end_and_a_prepared_transaction_does_not() {
        let mut sample = Sample::new();
        sample.source.locked = vec![("public.a".into(), Some(77)), ("public.b".into(), None)];
        let found = sample.find(tables_locked);
        assert_eq!(errors(&found), ["a prepared transaction holds 1 table of the source: public.b"]);
        assert_eq!(found[1].what, "other sessions hold 1 table of the source exclusively: public.a (by pid 77)");
        assert_eq!(found[1].severity, Severity::Warning);
    }

    #[test]
    fn a_standby_is_said_and_its_unlogged_tables_are_named() {
        let mut sample = Sample::new();
        sample.wanted.unlogged = vec!["public.u".into()];
        assert!(sample.find(standby_source).is_empty() && sample.find(unlogged_on_standby).is_empty());
        sample.source.server.is_in_recovery = true;
        assert_eq!(sample.find(standby_source)[0].severity, Severity::Warning);
        sample.source.server.hot_standby_feedback = true;
        assert_eq!(sample.find(standby_source)[0].severity, Severity::Note);
        assert!(sample.find(unlogged_on_standby)[0].what.ends_with("public.u"));
    }
}
