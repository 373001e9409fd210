//! What an archive puts in the place of what is there, by the names that the server gives to things. Pure.

use std::collections::{BTreeSet, HashSet};

use crate::archive::{Toc, TocEntry};
use crate::catalog::{Filter, Part, class};
use crate::error::CatalogError;

use super::graph::Graph;

/// How many objects an error names.
const SHOWN: usize = 5;

/// How far a replacement goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reach {
    /// What depends on replaced objects goes with them.
    pub cascade: bool,
    /// What the source does not have goes, too.
    pub prune: bool,
    /// Owners of kept schemas stay as they are.
    pub keeps_owners: bool,
    /// Privileges of kept schemas stay as they are.
    pub keeps_privileges: bool,
    /// Comments of kept schemas stay as they are.
    pub keeps_comments: bool,
}

/// An archive that replaces what is there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Replacing {
    /// How far it goes.
    pub(crate) reach: Reach,
    /// Identities of relations, those of indexes left out.
    pub(crate) relations: BTreeSet<String>,
    /// Of indexes, those of constraints among them.
    pub(crate) indexes: BTreeSet<String>,
    /// Of types.
    pub(crate) types: BTreeSet<String>,
    /// Of functions, procedures and aggregates.
    pub(crate) routines: BTreeSet<String>,
    /// Of everything else that stands for itself, with the catalog that it is in.
    pub(crate) others: HashSet<(u32, String)>,
    /// Names of the schemas that it makes, or would make if they were not there; unquoted.
    pub(crate) schemas: BTreeSet<String>,
    /// It covers everything that the target holds.
    pub(crate) covers_all: bool,
    /// It was read from the words of a script: what the source has is not known, and what of the target goes says the schemas.
    pub(crate) is_by_words: bool,
    /// Every large object of the target goes.
    pub(crate) covers_large_objects: bool,
    /// What the source has, wanted or not: catalog and identity.
    pub(crate) at_source: HashSet<(u32, String)>,
}

impl Replacing {
    /// Reads it from what is to be made; `source` is the graph of the database that the archive was read from.
    ///
    /// # Errors
    /// [`CatalogError::Changed`] if something was dropped or renamed since it was read.
    pub(crate) fn new(toc: &Toc, source: &Graph, filter: &Filter, reach: Reach) -> Result<Self, CatalogError> {
        let mut replacing = Self { reach, covers_all: covers_all(filter), ..Self::default() };
        let mut missing = Vec::new();
        let mut constraints = HashSet::new();
        for entry in toc.entries.iter().filter(|entry| is_definition(entry)) {
            let address = (entry.object.class, entry.object.oid);
            let Some(node) = source.find(address).map(|number| &source.nodes[number]) else {
                let is_needed = matches!(address.0, class::PG_CLASS | class::PG_TYPE | class::PG_PROC);
                missing.extend(is_needed.then(|| super::super::ledger::entry_name(entry)));
                replacing.schemas.extend((entry.desc == "SCHEMA").then(|| entry.tag.clone()));
                continue;
            };
            let identity = node.identity.clone();
            match address.0 {
                class::PG_CLASS if node.is_index => replacing.indexes.insert(identity),
                class::PG_CLASS => replacing.relations.insert(identity),
                class::PG_TYPE => replacing.types.insert(identity),
                class::PG_PROC => replacing.routines.insert(identity),
                class::PG_NAMESPACE => replacing.schemas.insert(entry.tag.clone()),
                class::PG_CONSTRAINT => constraints.insert(address),
                class => replacing.others.insert((class, identity)),
            };
        }
        if !missing.is_empty() {
            let examples = missing.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
            return Err(CatalogError::Changed { count: missing.len(), examples });
        }
        replacing.add_indexes_of(&constraints, source);
        replacing.add_public(toc, filter);
        replacing.at_source = source.nodes.iter().map(|node| (node.address.0, node.identity.clone())).collect();
        Ok(replacing)
    }

    /// A key's index has no entry of its own.
    fn add_indexes_of(&mut self, constraints: &HashSet<super::graph::Address>, source: &Graph) {
        for edge in source.edges.iter().filter(|edge| edge.kind == 'i') {
            let node = &source.nodes[edge.dependent];
            if node.is_index && constraints.contains(&source.nodes[edge.referenced].address) {
                self.indexes.insert(node.identity.clone());
            }
        }
    }

    /// The schema `public` is rarely an entry: it is covered if anything in it is and tables were not chosen one by one.
    fn add_public(&mut self, toc: &Toc, filter: &Filter) {
        if !filter.tables.is_empty() {
            self.schemas.clear();
            return;
        }
        let is_public = |entry: &TocEntry| entry.schema.as_deref() == Some("public") || entry.tag == "SCHEMA public";
        if self.covers_all || toc.entries.iter().any(is_public) {
            self.schemas.insert("public".to_owned());
        }
    }

    /// Whether the source has an object of this kind and name.
    pub(crate) fn is_at_source(&self, class: u32, identity: &str) -> bool {
        // The key is owned, and a set of pairs cannot be asked with a borrowed half.
        self.at_source.contains(&(class, identity.to_owned()))
    }
}

/// Without any choice of schemas or tables everything in the target stands against everything in the source.
fn covers_all(filter: &Filter) -> bool {
    filter.includes_everything() && filter.exclude_schemas.is_empty()
}

/// An entry that makes an object, rather than say something about one.
fn is_definition(entry: &TocEntry) -> bool {
    let is_about = matches!(entry.desc, "COMMENT" | "ACL" | "SECURITY LABEL");
    entry.data.is_none() && entry.object.part == Part::Itself && !is_about
}
