//! What a target must have, and must not have, so that tables which are there already can be filled.

use super::super::facts::RelationFacts;
use super::super::finding::{Finding, count, list};
use super::Situation;

/// Wanted relations that are there, by name.
fn present<'a>(situation: &'a Situation<'_>) -> impl Iterator<Item = (String, &'a RelationFacts)> {
    let wanted = situation.wanted.existing.keys();
    wanted.filter_map(|name| Some((display(name), situation.target.relations.get(name)?)))
}

fn display((schema, name): &(String, String)) -> String {
    crate::name::QualifiedName::new(schema.clone(), name.clone()).to_string()
}

/// One error about all of `names`, if there are any.
fn error(names: &[String], one: &str, what: &str, remedy: &str) -> Option<Finding> {
    (!names.is_empty()).then(|| Finding::error(format!("{} {what}: {}", count(names.len(), one), list(names)), remedy))
}

/// Tables and sequences that the target lacks, and columns of those that it has.
pub(super) fn tables_missing(situation: &Situation<'_>) -> Vec<Finding> {
    let (mut relations, mut columns) = (Vec::new(), Vec::new());
    for (name, wanted) in &situation.wanted.existing {
        match situation.target.relations.get(name) {
            None => relations.push(display(name)),
            Some(found) => {
                let missing = wanted.iter().filter(|column| !found.columns.contains(column));
                columns.extend(missing.map(|column| format!("{}.{column}", display(name))));
            }
        }
    }
    let remedy = "Make them first: sync with --schema-only into an empty database, or leave them out.";
    let relations = error(&relations, "relation", "to be filled, not there in the target", remedy);
    let columns = error(&columns, "column", "to be filled, not there in the target or generated", remedy);
    relations.into_iter().chain(columns).collect()
}

/// Tables that hold rows: theirs could not be told from ours.
pub(super) fn tables_filled(situation: &Situation<'_>) -> Vec<Finding> {
    if situation.wanted.shape.may_hold_rows {
        return Vec::new();
    }
    let filled: Vec<String> = present(situation).filter(|(_, relation)| relation.has_rows).map(|(name, _)| name).collect();
    error(&filled, "table", "of the target with rows already", "Empty them, or leave them out.").into_iter().collect()
}

/// Relations that our role may not fill.
pub(super) fn tables_rights(situation: &Situation<'_>) -> Vec<Finding> {
    let closed: Vec<String> = present(situation).filter(|(_, relation)| !relation.is_usable).map(|(name, _)| name).collect();
    let remedy = "Load as their owner, or grant SELECT, INSERT and DELETE on tables, SELECT and UPDATE on sequences.";
    error(&closed, "relation", "of the target that the loading role may not fill", remedy).into_iter().collect()
}

/// Triggers and rules that would change what is loaded.
pub(super) fn tables_triggers(situation: &Situation<'_>) -> Vec<Finding> {
    let fires = |enabled: char| match situation.target.server.role.can_be_replica {
        true => enabled == 'A' || enabled == 'R',
        false => enabled == 'A' || enabled == 'O',
    };
    let named = |(name, relation): (String, &RelationFacts)| {
        let firing = relation.triggers.iter().filter(|(_, enabled)| fires(*enabled));
        firing.map(|(trigger, _)| format!("{trigger} on {name}")).collect::<Vec<_>>()
    };
    let firing: Vec<String> = present(situation).flat_map(named).collect();
    let remedy = "Disable them (ALTER TABLE … DISABLE TRIGGER or DISABLE RULE), or load as a superuser.";
    error(&firing, "trigger", "of the target that would fire on the rows", remedy).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::preflight::samples::{Sample, errors};

    /// A table that is wanted with columns `a` and `b`, as the target has it.
    fn sample(found: Option<RelationFacts>) -> Sample {
        let mut sample = Sample::new();
        let name = ("s".to_owned(), "t".to_owned());
        sample.wanted.existing.insert(name.clone(), vec!["a".into(), "b".into()]);
        sample.target.relations.extend(found.map(|found| (name, found)));
        sample
    }

    fn good() -> RelationFacts {
        RelationFacts { columns: vec!["b".into(), "a".into()], is_usable: true, ..RelationFacts::default() }
    }

    #[test]
    fn each_thing_that_is_wrong_with_a_table_is_said() {
        type Find = fn(&Situation<'_>) -> Vec<Finding>;
        let cases: [(Find, Option<RelationFacts>, &str); 4] = [
            (tables_missing, None, "1 relation to be filled, not there in the target: s.t"),
            (
                tables_missing,
                Some(RelationFacts { columns: vec!["a".into()], ..good() }),
                "1 column to be filled, not there in the target or generated: s.t.b",
            ),
            (tables_filled, Some(RelationFacts { has_rows: true, ..good() }), "1 table of the target with rows already: s.t"),
            (
                tables_rights,
                Some(RelationFacts { is_usable: false, ..good() }),
                "1 relation of the target that the loading role may not fill: s.t",
            ),
        ];
        for (find, found, expected) in cases {
            assert_eq!(errors(&sample(found).find(find)), [expected]);
            assert!(sample(Some(good())).find(find).is_empty(), "{expected}");
        }
    }

    #[test]
    fn rows_are_in_nobody_s_way_where_others_are_added() {
        let mut sample = sample(Some(RelationFacts { has_rows: true, ..good() }));
        sample.wanted.shape.may_hold_rows = true;
        assert!(sample.find(tables_filled).is_empty());
    }

    #[test]
    fn which_triggers_fire_depends_on_what_we_may_set() {
        let triggers = [("o", 'O'), ("r", 'R'), ("a", 'A')].map(|(name, enabled)| (name.to_owned(), enabled)).to_vec();
        for (can_be_replica, expected) in [(true, "r on s.t, a on s.t"), (false, "o on s.t, a on s.t")] {
            let mut sample = sample(Some(RelationFacts { triggers: triggers.clone(), ..good() }));
            sample.target.server.role.can_be_replica = can_be_replica;
            let expected = format!("2 triggers of the target that would fire on the rows: {expected}");
            assert_eq!(errors(&sample.find(tables_triggers)), [expected]);
        }
    }
}
