//! In which stages an archive is applied to a live database. Pure.
//!
//! Rows and indexes first, in parallel; what could keep us from reading what we wrote (owners, privileges, row security) only
//! after the rows were verified.

mod parallel;
mod tables;

use std::collections::HashSet;

use crate::archive::{CopyTarget, DumpId, EntryData, Pass, Toc, TocEntry};
use crate::catalog::{Section, SequenceData, TableData, class};

use super::schedule::TaskSpec;

/// What is loaded as one: a table, or every partition whose rows go through one partitioned table above them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LoadGroup {
    /// Where the rows are read, each with where they go; all targets are one table.
    pub(crate) members: Vec<(TableData, CopyTarget)>,
    /// Bytes of the sources' heaps and TOAST.
    pub(crate) bytes: u64,
    /// The first member's entry.
    pub(crate) entry: DumpId,
}

impl LoadGroup {
    /// The table that is written.
    pub(crate) fn target(&self) -> &CopyTarget {
        &self.members[0].1
    }
}

/// An entry that is made in the parallel stage, or one of its steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Making {
    /// The entry's place in `Toc::entries`.
    pub(crate) place: usize,
    /// The place in its steps; `None` if it is made as a whole.
    pub(crate) step: Option<usize>,
    /// The number of its line in the ledger.
    pub(crate) line: u32,
}

impl Making {
    /// Whether the entry is there with it.
    pub(crate) fn is_last(&self, entry: &TocEntry) -> bool {
        self.step.is_none_or(|step| step + 1 == entry.steps.len())
    }
}

/// One thing that runs on one connection of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// Load the rows of a group.
    Load(usize),
    /// Copy the bytes of some large objects.
    LargeObjects(usize),
    /// Run an entry's SQL, or a step of it.
    Make(Making),
    /// Nothing: others wait for it.
    Barrier,
}

/// How many large objects are copied as one piece of work: several workers share them, and a repetition costs little.
const TOGETHER: usize = 1000;

/// Large objects that are copied one behind the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LargeObjects {
    /// Their oids, at least one.
    pub(crate) oids: Vec<u32>,
    /// The number of the line in the ledger that tells that they are copied.
    pub(crate) line: u32,
}

/// An archive, taken apart. The numbers are places in `Toc::entries`.
#[derive(Debug, Default)]
pub(crate) struct LoadPlan {
    /// Large objects, made many at a time before anything else: they stand on nothing.
    pub(crate) large_object_entries: Vec<usize>,
    /// Made one after the other, before any row.
    pub(crate) before: Vec<usize>,
    /// The rows.
    pub(crate) groups: Vec<LoadGroup>,
    /// What runs in parallel, with [`Self::specs`].
    pub(crate) works: Vec<Work>,
    /// Dependencies and locks of `works`.
    pub(crate) specs: Vec<TaskSpec>,
    /// Sequences whose values are set behind the rows.
    pub(crate) sequences: Vec<SequenceData>,
    /// Their entries.
    pub(crate) sequence_entries: Vec<DumpId>,
    /// Large objects whose bytes are copied.
    pub(crate) large_objects: Vec<LargeObjects>,
    /// Made after the verification, in order: what needs nobody's consent to be taken back.
    pub(crate) after: Vec<usize>,
    /// Owners given after the verification.
    pub(crate) owners: Vec<usize>,
    /// Changes to what was there before us, for the last transaction.
    pub(crate) last: Vec<usize>,
    /// Partitioned tables on top of a tree, and which relations are below one.
    pub(crate) roots: Vec<usize>,
    /// Relations that were attached to a partitioned table.
    pub(crate) partitions: HashSet<u32>,
}

/// How many units of work stand for one byte of a table, by what is done with it: measured on a mix of tables.
pub(crate) fn units(work: &str, bytes: u64) -> u64 {
    let percent = match work {
        "load" => 100,
        "index" => 18,
        "constraint" => 12,
        "foreign key" => 8,
        "count" => 2,
        "checksum" => 60,
        "analyze" => 3,
        _ => 0,
    };
    bytes / 100 * percent + 1000
}

impl LoadPlan {
    /// Takes `toc` apart.
    pub(crate) fn new(toc: &Toc) -> Self {
        let mut plan = Self::default();
        let deferred = plan.sort_entries(toc);
        plan.plan_parallel(toc, &deferred);
        plan
    }

    /// Everything but the parallel stage. Gives the entries of that stage.
    fn sort_entries(&mut self, toc: &Toc) -> Vec<usize> {
        let mut parallel = Vec::new();
        let mut put_off: HashSet<DumpId> = HashSet::new();
        let mut last_ones: Vec<(Pass, usize)> = Vec::new();
        for (place, entry) in toc.entries.iter().enumerate() {
            if !entry.set_owner.is_empty() && !is_of_public(entry) {
                self.owners.push(place);
            }
            if let Some(data) = &entry.data {
                self.add_data(entry.id, data);
                continue;
            }
            let is_put_off = matches!(entry.desc, "SEQUENCE OWNED BY" | "ROW SECURITY" | "POLICY" | "PUBLICATION")
                || entry.dependencies.iter().any(|d| put_off.contains(d)) && entry.pass == Pass::Main;
            if entry.object.class == class::PG_LARGEOBJECT && entry.desc == "BLOB" {
                self.large_object_entries.push(place);
            } else if is_of_public(entry) || entry.desc == "DEFAULT ACL" {
                self.last.push(place);
            } else if entry.pass != Pass::Main {
                last_ones.push((entry.pass, place));
            } else if is_put_off {
                put_off.insert(entry.id);
                self.after.push(place);
            } else if entry.section == Section::PreData {
                self.before.push(place);
            } else {
                parallel.push(place);
            }
        }
        last_ones.sort_by_key(|(pass, place)| (*pass, *place));
        self.after.extend(last_ones.into_iter().map(|(_, place)| place));
        // What is made that late gets its owner when it is made.
        let late: HashSet<usize> = self.after.iter().copied().collect();
        self.owners.retain(|place| !late.contains(place));
        parallel
    }

    fn add_data(&mut self, entry: DumpId, data: &EntryData) {
        match data {
            EntryData::Table { source, target } => self.add_table(entry, source.clone(), target.clone()),
            EntryData::Sequence(sequence) => {
                self.sequences.push(sequence.clone());
                self.sequence_entries.push(entry);
            }
            EntryData::LargeObject(oid) => match self.large_objects.last_mut() {
                Some(some) if some.oids.len() < TOGETHER => some.oids.push(*oid),
                _ => self.large_objects.push(LargeObjects { oids: vec![*oid], line: entry.0 }),
            },
        }
    }

    fn add_table(&mut self, entry: DumpId, source: TableData, mut target: CopyTarget) {
        if let Some(through) = &source.load_through {
            // An archive names the whole tree, of which other partitions may be loaded by themselves.
            target.table = through.subtree.clone();
        }
        let bytes = source.bytes.max(1);
        let same_root =
            target.is_through_root.then(|| self.groups.iter_mut().find(|g| g.target().table == target.table)).flatten();
        match same_root {
            Some(group) => {
                group.bytes += bytes;
                group.members.push((source, target));
            }
            None => self.groups.push(LoadGroup { members: vec![(source, target)], bytes, entry }),
        }
    }
}

/// Something about the schema `public`, which was there before us.
fn is_of_public(entry: &TocEntry) -> bool {
    let is_definition = entry.desc == "SCHEMA" && entry.tag == "public";
    entry.object.class == class::PG_NAMESPACE && (is_definition || entry.tag == "SCHEMA public")
}
