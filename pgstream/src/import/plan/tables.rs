//! Which entries are tables, and which table is a partition of which.

use std::collections::{HashMap, HashSet};

use crate::archive::{DumpId, Toc, TocEntry};
use crate::catalog::{Part, class};

pub(super) struct Tables {
    /// Tables and views by entry.
    pub(super) relation_of: HashMap<DumpId, u32>,
    /// Relations that were attached to a partitioned table.
    pub(super) partitions: HashSet<u32>,
    /// The partitions of each partitioned table.
    children: HashMap<u32, Vec<u32>>,
}

impl Tables {
    pub(super) fn of(toc: &Toc) -> Self {
        let is_relation = |e: &&TocEntry| {
            e.object.class == class::PG_CLASS
                && e.object.part == Part::Itself
                && matches!(e.desc, "TABLE" | "MATERIALIZED VIEW" | "VIEW")
        };
        let relation_of: HashMap<DumpId, u32> = toc.entries.iter().filter(is_relation).map(|e| (e.id, e.object.oid)).collect();
        let (mut partitions, mut children) = (HashSet::new(), HashMap::new());
        for attach in toc.entries.iter().filter(|e| e.desc == "TABLE ATTACH") {
            let partition = attach.object.oid;
            partitions.insert(partition);
            let needed = attach.dependencies.iter().filter_map(|id| relation_of.get(id));
            for parent in needed.filter(|parent| **parent != partition) {
                children.entry(*parent).or_insert_with(Vec::new).push(partition);
            }
        }
        Self { relation_of, partitions, children }
    }

    /// A table and all partitions below it.
    pub(super) fn tree(&self, relation: u32) -> Vec<u32> {
        let (mut tree, mut next) = (vec![relation], 0);
        while let Some(above) = tree.get(next) {
            tree.extend(self.children.get(above).into_iter().flatten());
            next += 1;
        }
        tree
    }

    /// The entries of partitioned tables that are not partitions themselves.
    pub(super) fn roots(&self, toc: &Toc) -> Vec<usize> {
        let is_root = |e: &TocEntry| {
            let relation = self.relation_of.get(&e.id);
            relation.is_some_and(|relation| self.children.contains_key(relation) && !self.partitions.contains(relation))
        };
        (0..toc.entries.len()).filter(|place| is_root(&toc.entries[*place])).collect()
    }
}
