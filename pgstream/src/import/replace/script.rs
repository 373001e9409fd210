//! What a script puts in the place of what is there. Pure.
//!
//! A script does not tell its objects as the server identifies them (a function's parameters are types only to a server that has
//! these), nor what it would leave alone. So the schemas that it makes something in are emptied: everything in them goes,
//! which is why an import asks for `--prune`. The schemas themselves stay, with what extensions and hosting services have in them.
//! What is in no schema goes if the script makes something of its kind and name.

use std::collections::{BTreeSet, HashSet};

use crate::catalog::class;
use crate::ddl;

use super::archive::{Reach, Replacing};

/// A script's objects that are in no schema: the words of `CREATE`, and the catalog that they are in.
const WITHOUT_SCHEMA: [(&str, u32); 7] = [
    ("LANGUAGE", class::PG_LANGUAGE),
    ("PROCEDURAL LANGUAGE", class::PG_LANGUAGE),
    ("ACCESS METHOD", class::PG_AM),
    ("FOREIGN DATA WRAPPER", class::PG_FOREIGN_DATA_WRAPPER),
    ("SERVER", class::PG_FOREIGN_SERVER),
    ("PUBLICATION", class::PG_PUBLICATION),
    ("EVENT TRIGGER", class::PG_EVENT_TRIGGER),
];

/// What a script makes, as far as its words tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Made {
    /// Schemas that something is made in, or that are made; unquoted.
    pub(crate) schemas: BTreeSet<String>,
    /// Those of them that are made.
    pub(crate) made_schemas: BTreeSet<String>,
    /// The name of something that is made in a schema which the script does not tell.
    pub(crate) unplaced: Option<String>,
    /// Objects in no schema: the words of `CREATE`, and the name, unquoted.
    pub(crate) others: BTreeSet<(String, String)>,
    /// Large objects are made.
    pub(crate) large_objects: bool,
}

impl Made {
    /// Takes note of an object in no schema, if these words are for such a kind.
    pub(crate) fn add_other(&mut self, words: &str, name: String) {
        if WITHOUT_SCHEMA.iter().any(|(known, _)| *known == words) {
            self.others.insert((words.to_owned(), name));
        }
    }

    /// Nothing is made that could be in the place of something.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What such a script replaces.
pub(crate) fn of_script(made: &Made, reach: Reach) -> Replacing {
    let mut others = HashSet::new();
    for (words, name) in &made.others {
        if let Some((_, class)) = WITHOUT_SCHEMA.iter().find(|(known, _)| known == words) {
            others.insert((*class, ddl::identifier(name)));
        }
    }
    let (schemas, covers_large_objects) = (made.schemas.clone(), made.large_objects);
    Replacing { reach, others, schemas, covers_large_objects, is_by_words: true, ..Replacing::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemas_are_emptied_and_stay() {
        let mut made = Made::default();
        assert!(made.is_empty());
        made.schemas.extend(["Odd s".to_owned(), "public".to_owned()]);
        for (words, name) in [("EVENT TRIGGER", "E"), ("TABLE", "t"), ("EXTENSION", "x"), ("SCHEMA", "s")] {
            made.add_other(words, name.to_owned());
        }
        let replacing = of_script(&made, Reach { prune: true, ..Reach::default() });
        assert_eq!(replacing.others, [(class::PG_EVENT_TRIGGER, "\"E\"".to_owned())].into());
        assert_eq!(replacing.schemas, made.schemas);
        assert!(!replacing.covers_all && !replacing.covers_large_objects);
    }
}
