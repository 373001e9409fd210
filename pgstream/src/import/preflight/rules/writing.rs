//! What keeps the target from being written.

use super::super::finding::{Finding, count, list};
use super::Situation;

/// Targets that take no writes.
pub(super) fn target_read_only(situation: &Situation<'_>) -> Vec<Finding> {
    let server = &situation.target.server;
    if server.is_in_recovery {
        return vec![Finding::error("the target is a standby, which cannot be written", "Name the primary's address.")];
    }
    match server.is_read_only {
        true => vec![Finding::error(
            "transactions in the target are read-only (default_transaction_read_only is on)",
            "Switch it off for this role and database, or find out why somebody protected the target.",
        )],
        false => Vec::new(),
    }
}

/// A target that should hold nothing and does.
pub(super) fn target_not_empty(situation: &Situation<'_>) -> Vec<Finding> {
    let contents = &situation.target.contents;
    // What a broken run has left is taken back first; whatever is still there then is found again.
    if !situation.wanted.shape.must_be_empty || contents.has_marker || contents.count() == 0 {
        return Vec::new();
    }
    let what = format!("the target is not empty: it holds {}", contents.describe());
    vec![Finding::error(what, "Name an empty database, or make one with CREATE DATABASE … TEMPLATE template0.")]
}

/// What a run that broke off has left.
pub(super) fn broken_run(situation: &Situation<'_>) -> Vec<Finding> {
    let contents = &situation.target.contents;
    match contents.has_marker {
        true => vec![Finding::note(
            format!("an earlier run into the target broke off, or is still going on; {} there", are(contents.count())),
            "What that run made is taken back first. Anything else that is found then ends the run.",
        )],
        false => Vec::new(),
    }
}

fn are(objects: u64) -> String {
    format!("{} {}", count(objects, "object"), if objects == 1 { "is" } else { "are" })
}

/// Privileges that every load needs.
pub(super) fn target_create(situation: &Situation<'_>) -> Vec<Finding> {
    let (server, mut found) = (&situation.target.server, Vec::new());
    let role = crate::name::display_part(&crate::ddl::identifier(&server.role.name));
    if situation.wanted.shape.makes_schemas && !server.role.can_create_in_database {
        let database = crate::name::display_part(&crate::ddl::identifier(&server.database));
        found.push(Finding::error(
            format!("{role} may not create schemas in the target"),
            format!("Let it: GRANT CREATE ON DATABASE {database} TO {role};"),
        ));
    }
    if !situation.wanted.makes_in_public {
        return found;
    }
    if !server.role.has_public {
        found.push(Finding::error("the target has no schema public", "Make it in the target: CREATE SCHEMA public;"));
    } else if !server.role.can_create_in_public {
        found.push(Finding::error(
            format!("{role} may not create in the schema public of the target"),
            format!("Let it: GRANT CREATE ON SCHEMA public TO {role};"),
        ));
    }
    found
}

/// Event triggers that would fire on what a load does.
pub(super) fn event_triggers(situation: &Situation<'_>) -> Vec<Finding> {
    let (target, role) = (situation.target, &situation.target.server.role);
    let is_replica = situation.wanted.shape.is_replica && role.can_be_replica;
    let fires = |enabled: char| match (role.can_stop_event_triggers, is_replica) {
        (true, _) => false,
        // Loading sessions are replica sessions then.
        (_, true) => enabled == 'A' || enabled == 'R',
        _ => enabled == 'A' || enabled == 'O',
    };
    let is_gone = |name: &str| target.drops.as_ref().is_some_and(|plan| plan.ends_event_trigger(name));
    let firing: Vec<&String> = (target.event_triggers.iter())
        .filter(|(name, enabled)| fires(*enabled) && !is_gone(name))
        .map(|(name, _)| name)
        .collect();
    if firing.is_empty() {
        return Vec::new();
    }
    let say = if situation.wanted.shape.allow_event_triggers { Finding::note } else { Finding::error };
    let what =
        format!("{} of the target would fire on what the run does: {}", count(firing.len(), "event trigger"), list(firing));
    vec![say(what, "Disable them (ALTER EVENT TRIGGER … DISABLE), load as a superuser, or allow it: --allow-event-triggers.")]
}

/// Prepared transactions hold locks and rows until somebody ends them.
pub(super) fn prepared_transactions(situation: &Situation<'_>) -> Vec<Finding> {
    let prepared = &situation.target.prepared;
    match prepared.len() {
        0 => Vec::new(),
        n => vec![Finding::warning(
            format!(
                "{} in the target, whose locks do not go by themselves: {}",
                count(n, "prepared transaction"),
                list(prepared)
            ),
            "End them: COMMIT PREPARED or ROLLBACK PREPARED.",
        )],
    }
}

/// What would make a copy call out.
pub(super) fn outbound(situation: &Situation<'_>) -> Vec<Finding> {
    let wanted = situation.wanted;
    let mut things: Vec<String> = wanted.outbound.iter().map(|(kind, number)| count(*number, kind)).collect();
    if wanted.extensions.contains_key("pg_cron") {
        things.push("scheduled jobs of pg_cron".to_owned());
    }
    if things.is_empty() {
        return Vec::new();
    }
    let things = things.join(", ");
    vec![match wanted.shape.keep_outbound {
        true => {
            Finding::warning(format!("the copy will reach other servers as the source does: {things}"), "Check where they lead.")
        }
        false => Finding::note(
            format!("what would reach other servers is held back, or comes without its credentials: {things}"),
            "To have them in the copy, make or enable them by hand afterwards.",
        ),
    }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::ObjectCount;
    use crate::import::preflight::Severity;
    use crate::import::preflight::samples::{Sample, errors};

    #[test]
    fn a_target_that_takes_no_writes_is_refused() {
        let mut sample = Sample::new();
        assert!(sample.find(target_read_only).is_empty());
        sample.target.server.is_read_only = true;
        assert_eq!(errors(&sample.find(target_read_only)).len(), 1);
        sample.target.server.is_in_recovery = true;
        assert_eq!(errors(&sample.find(target_read_only)), ["the target is a standby, which cannot be written"]);
    }

    #[test]
    fn a_target_that_holds_something_is_refused_only_if_it_must_be_empty() {
        let mut sample = Sample::new();
        let examples = vec!["public.t".into()];
        sample.target.contents.kinds.push(ObjectCount { kind: "table".into(), count: 1, examples });
        assert_eq!(errors(&sample.find(target_not_empty)), ["the target is not empty: it holds 1 table (public.t)"]);
        sample.wanted.shape.must_be_empty = false;
        assert!(sample.find(target_not_empty).is_empty());
    }

    #[test]
    fn what_a_broken_run_left_is_a_note() {
        let mut sample = Sample::new();
        assert!(sample.find(broken_run).is_empty());
        sample.target.contents.has_marker = true;
        sample.target.contents.kinds.push(ObjectCount { kind: "table".into(), count: 1, examples: vec![] });
        assert_eq!(sample.find(broken_run)[0].severity, Severity::Note);
        assert!(sample.find(target_not_empty).is_empty());
    }

    #[test]
    fn a_load_needs_to_create() {
        let mut sample = Sample::new();
        sample.target.server.role.can_create_in_database = false;
        sample.target.server.role.can_create_in_public = false;
        assert_eq!(errors(&sample.find(target_create)), ["loader may not create schemas in the target"]);
        sample.wanted.makes_in_public = true;
        assert_eq!(errors(&sample.find(target_create)).len(), 2);
        sample.target.server.role.has_public = false;
        assert_eq!(errors(&sample.find(target_create))[1], "the target has no schema public");
    }

    #[test]
    fn which_event_triggers_fire_depends_on_what_we_may_set() {
        let mut sample = Sample::new();
        for (name, enabled) in [("ordinary", 'O'), ("replica", 'R'), ("always", 'A')] {
            sample.target.event_triggers.push((name.into(), enabled));
        }
        for (can_stop, can_be_replica, expected) in
            [(true, true, None), (false, true, Some("replica, always")), (false, false, Some("ordinary, always"))]
        {
            let role = &mut sample.target.server.role;
            (role.can_stop_event_triggers, role.can_be_replica) = (can_stop, can_be_replica);
            let found = sample.find(event_triggers);
            let names = found.first().map(|finding| finding.what.rsplit(": ").next().unwrap_or_default());
            assert_eq!(names, expected);
        }
        sample.wanted.shape.allow_event_triggers = true;
        assert_eq!(errors(&sample.find(event_triggers)).len(), 0);
    }

    #[test]
    fn prepared_transactions_are_named() {
        let mut sample = Sample::new();
        sample.target.prepared.push("tx1".into());
        assert!(sample.find(prepared_transactions)[0].what.ends_with("tx1"));
        assert!(Sample::new().find(prepared_transactions).is_empty());
    }

    #[test]
    fn what_would_call_out_is_counted() {
        let mut sample = Sample::new();
        sample.add("SUBSCRIPTION", "s", "CREATE SUBSCRIPTION s;\n");
        sample.wanted.extensions.insert("pg_cron".into(), None);
        assert!(sample.find(outbound)[0].what.ends_with(": 1 subscription, scheduled jobs of pg_cron"));
        assert_eq!(sample.find(outbound)[0].severity, Severity::Note);
        sample.wanted.shape.keep_outbound = true;
        assert_eq!(sample.find(outbound)[0].severity, Severity::Warning);
        assert!(Sample::new().find(outbound).is_empty());
    }
}
