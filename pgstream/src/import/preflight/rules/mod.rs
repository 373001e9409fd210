//! The rules: one list, each a pure function from facts to findings.

mod filling;
mod limits;
mod names;
mod reading;
mod replacing;
mod servers;
mod text;
mod writing;

use super::facts::{SourceFacts, TargetFacts};
use super::finding::{Finding, PreflightReport};
use super::wanted::Wanted;

/// What a rule looks at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Situation<'a> {
    /// The source; `None` when the archive is a file.
    pub(super) source: Option<&'a SourceFacts>,
    /// The target.
    pub(super) target: &'a TargetFacts,
    /// What the archive needs.
    pub(super) wanted: &'a Wanted,
}

/// One rule.
pub(super) struct Rule {
    /// Its stable word: in reports and in `docs/preflight.md`.
    word: &'static str,
    /// What it finds.
    find: fn(&Situation<'_>) -> Vec<Finding>,
}

/// Rules that say whether the other rules' answers mean anything. When one of them finds an error, nothing else is asked.
const FIRST: &[Rule] = &[
    Rule { word: "not_postgresql", find: servers::not_postgresql },
    Rule { word: "version_unsupported", find: servers::version_unsupported },
];

/// All other rules, in the order in which their findings are said.
const RULES: &[Rule] = &[
    Rule { word: "older_target", find: servers::older_target },
    Rule { word: "pooler", find: servers::pooler },
    Rule { word: "one_connection", find: servers::one_connection },
    Rule { word: "target_read_only", find: writing::target_read_only },
    Rule { word: "target_not_empty", find: writing::target_not_empty },
    Rule { word: "broken_run", find: writing::broken_run },
    Rule { word: "target_create", find: writing::target_create },
    Rule { word: "tables_missing", find: filling::tables_missing },
    Rule { word: "tables_filled", find: filling::tables_filled },
    Rule { word: "tables_rights", find: filling::tables_rights },
    Rule { word: "tables_triggers", find: filling::tables_triggers },
    Rule { word: "replace_in_the_way", find: replacing::in_the_way },
    Rule { word: "replace_dependents", find: replacing::dependents },
    Rule { word: "replace_extra", find: replacing::extra },
    Rule { word: "replace_rights", find: replacing::rights },
    Rule { word: "replace_readers", find: replacing::readers_wait },
    Rule { word: "role_missing", find: names::role_missing },
    Rule { word: "role_membership", find: names::role_membership },
    Rule { word: "extension_missing", find: names::extension_missing },
    Rule { word: "extension_rights", find: names::extension_rights },
    Rule { word: "extension_version", find: names::extension_version },
    Rule { word: "tablespace_missing", find: names::tablespace_missing },
    Rule { word: "access_method_missing", find: names::access_method_missing },
    Rule { word: "language_missing", find: names::language_missing },
    Rule { word: "collation_missing", find: names::collation_missing },
    Rule { word: "event_triggers", find: writing::event_triggers },
    Rule { word: "prepared_transactions", find: writing::prepared_transactions },
    Rule { word: "source_select", find: reading::source_select },
    Rule { word: "row_security", find: reading::row_security },
    Rule { word: "tables_locked", find: reading::tables_locked },
    Rule { word: "standby_source", find: reading::standby_source },
    Rule { word: "unlogged_on_standby", find: reading::unlogged_on_standby },
    Rule { word: "encoding", find: text::encoding },
    Rule { word: "locale", find: text::locale },
    Rule { word: "collation_version", find: text::collation_version },
    Rule { word: "identifier_length", find: text::identifier_length },
    Rule { word: "connections", find: limits::connections },
    Rule { word: "locks_source", find: limits::locks_source },
    Rule { word: "locks_target", find: limits::locks_target },
    Rule { word: "disk", find: limits::disk },
    Rule { word: "outbound", find: writing::outbound },
];

/// The words of all rules. The documentation and the tests walk this list.
pub fn rule_words() -> Vec<&'static str> {
    FIRST.iter().chain(RULES).map(|rule| rule.word).collect()
}

/// Applies every rule. Pure.
pub fn judge(source: Option<&SourceFacts>, target: &TargetFacts, wanted: &Wanted) -> PreflightReport {
    let situation = Situation { source, target, wanted };
    let mut findings = apply(FIRST, &situation);
    let understood = source.into_iter().map(|source| &source.server).chain([&target.server]).all(|server| server.is_understood());
    if understood {
        findings.extend(apply(RULES, &situation));
    }
    findings.sort_by_key(|finding| finding.severity);
    PreflightReport {
        findings,
        estimated_bytes: limits::estimated_bytes(&situation),
        target_free_bytes: target.free_bytes,
        target_is_empty: target.contents.count() == 0,
        drops: target.drops.as_ref().map(|plan| plan.dropped.clone()).unwrap_or_default(),
    }
}

fn apply(rules: &[Rule], situation: &Situation<'_>) -> Vec<Finding> {
    let found = |rule: &Rule| {
        let word = rule.word;
        (rule.find)(situation).into_iter().map(move |finding| Finding { rule: word, ..finding })
    };
    rules.iter().flat_map(found).collect()
}
