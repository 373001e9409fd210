//! What a newer server can do and an older one cannot, recognised in SQL text.

use std::collections::BTreeMap;

use crate::archive::TocEntry;

use super::wanted::FeatureUse;
use super::words::{Word, has_phrase};

/// A name for people, the first major version, and the keywords that give it away.
/// Source: PostgreSQL manual, release notes of 14 to 18.
const FEATURES: [(&str, u32, &[&str]); 11] = [
    ("column compression", 14, &["set", "compression"]),
    ("sql function bodies", 14, &["begin", "atomic"]),
    ("multiranges", 14, &["multirange_type_name"]),
    ("nulls not distinct", 15, &["nulls", "not", "distinct"]),
    ("security invoker views", 15, &["security_invoker"]),
    ("publications of schemas", 15, &["tables", "in", "schema"]),
    ("the builtin locale provider", 17, &["builtin"]),
    ("json_table", 17, &["json_table"]),
    ("without overlaps", 18, &["without", "overlaps"]),
    ("periods in foreign keys", 18, &["period"]),
    ("constraints that are not enforced", 18, &["not", "enforced"]),
];

const VIRTUAL_COLUMNS: (&str, u32) = ("virtual generated columns", 18);

/// Notes what `entry` uses.
pub(super) fn find(entry: &TocEntry, words: &[Word], into: &mut BTreeMap<&'static str, FeatureUse>) {
    let phrases = FEATURES.iter().filter(|(_, _, phrase)| has_phrase(words, phrase)).map(|(name, since, _)| (*name, *since));
    let found = phrases.filter(|(name, _)| is_at_home(name, entry.desc));
    for (name, since) in found.chain(has_virtual_column(words).then_some(VIRTUAL_COLUMNS)) {
        let example = || crate::import::ledger::entry_name(entry);
        into.entry(name).or_insert_with(|| FeatureUse { since, count: 0, example: example() }).count += 1;
    }
}

/// Words that are names elsewhere count only where they are keywords.
fn is_at_home(feature: &str, desc: &str) -> bool {
    match feature {
        "the builtin locale provider" => desc == "COLLATION",
        "periods in foreign keys" => desc == "FK CONSTRAINT",
        "security invoker views" => desc == "VIEW",
        "multiranges" => desc == "TYPE",
        _ => true,
    }
}

/// `GENERATED ALWAYS AS (…)` without `STORED`.
fn has_virtual_column(words: &[Word]) -> bool {
    let starts = (0..words.len()).filter(|at| {
        let is = |offset: usize, keyword| words.get(at + offset).is_some_and(|w| w.is(keyword));
        is(0, "generated") && is(1, "always") && is(2, "as") && words.get(at + 3) == Some(&Word::Symbol('('))
    });
    starts.map(|at| closing_bracket(words, at + 3)).any(|end| !words.get(end + 1).is_some_and(|w| w.is("stored")))
}

fn closing_bracket(words: &[Word], open: usize) -> usize {
    let mut depth = 0;
    for (at, word) in words.iter().enumerate().skip(open) {
        match word {
            Word::Symbol('(') => depth += 1,
            Word::Symbol(')') if depth == 1 => return at,
            Word::Symbol(')') => depth -= 1,
            _ => {}
        }
    }
    words.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::preflight::words::words;

    fn found(desc: &'static str, sql: &str) -> Vec<&'static str> {
        let mut found = BTreeMap::new();
        find(&crate::import::preflight::samples::entry(desc, sql), &words(sql), &mut found);
        found.into_keys().collect()
    }

    #[test]
    fn features_are_recognised_and_names_are_not() {
        for (desc, sql, expected) in [
            ("CONSTRAINT", "ALTER TABLE t ADD UNIQUE NULLS NOT DISTINCT (a);", vec!["nulls not distinct"]),
            ("TABLE", "CREATE TABLE t (a int, b int GENERATED ALWAYS AS ((a + (1))));", vec!["virtual generated columns"]),
            ("TABLE", "CREATE TABLE t (a int, b int GENERATED ALWAYS AS ((a + (1))) STORED);", vec![]),
            ("TABLE", "CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY, period text, builtin int);", vec![]),
            ("TABLE", "CREATE TABLE t (a text DEFAULT 'nulls not distinct');", vec![]),
            ("FUNCTION", "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; END;", vec!["sql function bodies"]),
        ] {
            assert_eq!(found(desc, sql), expected, "{sql}");
        }
    }
}
