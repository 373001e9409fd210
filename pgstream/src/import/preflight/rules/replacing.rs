//! What a target must allow, and will lose, so that what is there can be replaced.

use super::super::finding::{Finding, count, list};
use super::Situation;
use crate::import::{DropPlan, Reason};

fn plan<'a>(situation: &Situation<'a>) -> Option<(&'a DropPlan, crate::import::Reach)> {
    let replacing = situation.wanted.replacing.as_ref()?;
    Some((situation.target.drops.as_ref()?, replacing.reach))
}

/// Names that the archive needs and cannot have.
pub(super) fn in_the_way(situation: &Situation<'_>) -> Vec<Finding> {
    let Some((plan, _)) = plan(situation).filter(|(plan, _)| !plan.in_the_way.is_empty()) else { return Vec::new() };
    let what = format!("{} of the target in the way: {}", count(plan.in_the_way.len(), "object"), list(&plan.in_the_way));
    vec![Finding::error(what, "Drop or rename them, or leave what needs these names out with a filter.")]
}

/// What depends on replaced objects and is not replaced itself.
pub(super) fn dependents(situation: &Situation<'_>) -> Vec<Finding> {
    let Some((plan, reach)) = plan(situation).filter(|(plan, _)| !plan.outside.is_empty()) else { return Vec::new() };
    let names = list(&plan.outside);
    let what = count(plan.outside.len(), "thing");
    vec![match reach.cascade {
        false => Finding::error(
            format!("{what} outside of what is copied would be lost: {names}"),
            "Copy them, too, drop them yourself and make them anew afterwards, or let them go: --cascade.",
        ),
        true => Finding::warning(
            format!("{what} outside of what is copied will be lost: {names}"),
            "Make what is missed anew afterwards.",
        ),
    }]
}

/// What the source does not have.
pub(super) fn extra(situation: &Situation<'_>) -> Vec<Finding> {
    let Some((plan, reach)) = plan(situation) else { return Vec::new() };
    let pruned = plan.dropped.iter().filter(|dropped| dropped.reason == Reason::Pruned);
    let pruned: Vec<String> = pruned.map(ToString::to_string).collect();
    let mut found = Vec::new();
    if !plan.extra.is_empty() && !reach.prune {
        let what = format!("{} stay, which the source does not have: {}", count(plan.extra.len(), "object"), list(&plan.extra));
        found.push(Finding::note(what, "To drop them, too: --prune."));
    }
    let is_by_words = situation.wanted.replacing.as_ref().is_some_and(|replacing| replacing.is_by_words);
    if !pruned.is_empty() && is_by_words {
        let what =
            format!("{} go, everything in the schemas that the script fills: {}", count(pruned.len(), "object"), list(&pruned));
        found.push(Finding::warning(what, "To keep a schema, leave it out of the script."));
    } else if !pruned.is_empty() {
        let what = format!("{} go, which the source does not have: {}", count(pruned.len(), "object"), list(&pruned));
        found.push(Finding::warning(what, "To keep them, leave --prune out."));
    }
    if !plan.lost_parts.is_empty() {
        let what = format!(
            "{} of replaced tables go, which the source does not have: {}",
            count(plan.lost_parts.len(), "part"),
            list(&plan.lost_parts)
        );
        found.push(Finding::warning(what, "Make what is missed anew afterwards."));
    }
    found
}

/// What goes and belongs to others.
pub(super) fn rights(situation: &Situation<'_>) -> Vec<Finding> {
    let Some((plan, _)) = plan(situation).filter(|(plan, _)| !plan.not_ours.is_empty()) else { return Vec::new() };
    let what = format!(
        "{} of the target that the loading role may not drop: {}",
        count(plan.not_ours.len(), "object"),
        list(&plan.not_ours)
    );
    vec![Finding::error(what, "Load as their owner, or as a member of the owning role.")]
}

/// Whoever reads a replaced table waits.
pub(super) fn readers_wait(situation: &Situation<'_>) -> Vec<Finding> {
    let Some((plan, _)) = plan(situation).filter(|(plan, _)| !plan.tables.is_empty()) else { return Vec::new() };
    let what = format!("who reads or writes one of {} waits until the run ends", count(plan.tables.len(), "replaced table"));
    vec![Finding::note(what, "Run it when that does no harm.")]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::preflight::Severity;
    use crate::import::preflight::samples::{Sample, errors};
    use crate::import::{Dropped, Reach, Replacing};

    fn sample(plan: DropPlan, reach: Reach) -> Sample {
        let mut sample = Sample::new();
        sample.wanted.replacing = Some(Replacing { reach, ..Replacing::default() });
        sample.target.drops = Some(plan);
        sample
    }

    #[test]
    fn what_would_be_lost_is_refused_until_it_is_allowed() {
        let plan = DropPlan { outside: vec!["view a.v depends on table a.t".into()], ..DropPlan::default() };
        let found = sample(plan.clone(), Reach::default()).find(dependents);
        assert_eq!(errors(&found), ["1 thing outside of what is copied would be lost: view a.v depends on table a.t"]);
        let found = sample(plan, Reach { cascade: true, ..Reach::default() }).find(dependents);
        assert_eq!(found[0].severity, Severity::Warning);
        assert!(sample(DropPlan::default(), Reach::default()).find(dependents).is_empty());
    }

    #[test]
    fn what_the_source_lacks_stays_until_it_is_to_go() {
        let plan = DropPlan { extra: vec!["table a.old".into()], ..DropPlan::default() };
        let found = sample(plan, Reach::default()).find(extra);
        assert_eq!(found[0].what, "1 object stay, which the source does not have: table a.old");
        let gone = Dropped { kind: "table".into(), name: "a.old".into(), reason: Reason::Pruned };
        let plan = DropPlan { dropped: vec![gone], lost_parts: vec!["index a.i".into()], ..DropPlan::default() };
        let found = sample(plan, Reach { prune: true, ..Reach::default() }).find(extra);
        assert_eq!(found.iter().map(|f| f.severity).collect::<Vec<_>>(), [Severity::Warning, Severity::Warning]);
    }

    #[test]
    fn names_in_the_way_and_missing_rights_are_errors() {
        let plan = DropPlan {
            in_the_way: vec!["index a.i belongs to table b.t".into()],
            not_ours: vec!["table a.t".into()],
            tables: vec![(1, "a.t".into())],
            ..DropPlan::default()
        };
        let sample = sample(plan, Reach::default());
        assert_eq!(errors(&sample.find(in_the_way)), ["1 object of the target in the way: index a.i belongs to table b.t"]);
        assert_eq!(errors(&sample.find(rights)), ["1 object of the target that the loading role may not drop: table a.t"]);
        assert_eq!(sample.find(readers_wait)[0].severity, Severity::Note);
        assert!(Sample::new().find(readers_wait).is_empty());
    }
}
