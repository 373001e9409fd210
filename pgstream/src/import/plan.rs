//! In which stages an archive is applied to a live database. Pure.
//!
//! Rows and indexes first, in parallel; what could keep us from reading what we wrote (owners, privileges, row security) only
//! after the rows were verified.

use std::collections::{HashMap, HashSet};

use crate::archive::{CopyTarget, DumpId, EntryData, Pass, Toc, TocEntry};
use crate::catalog::{Part, Section, SequenceData, TableData, class};

use super::schedule::{TaskId, TaskSpec};

/// What is loaded as one: a table, or every partition whose rows go through one root.
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

/// One thing that runs on one connection of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// Load the rows of a group.
    Load(usize),
    /// Run an entry's SQL.
    Apply(usize),
    /// Check the rows of a foreign key that was added without.
    Validate(usize),
    /// Nothing: others wait for it.
    Barrier,
}

/// An archive, taken apart. The numbers are places in `Toc::entries`.
#[derive(Debug, Default)]
pub(crate) struct LoadPlan {
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
    pub(crate) large_objects: Vec<u32>,
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
            if is_of_public(entry) || entry.desc == "DEFAULT ACL" {
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
            EntryData::LargeObject(oid) => self.large_objects.push(*oid),
        }
    }

    fn add_table(&mut self, entry: DumpId, source: TableData, target: CopyTarget) {
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

    /// Loads, then each table's indexes, then everything that may look at several tables.
    fn plan_parallel(&mut self, toc: &Toc, entries: &[usize]) {
        let tables = Tables::of(toc);
        self.partitions = tables.partitions.clone();
        self.roots = tables.roots(toc);
        let mut load_of: HashMap<u32, TaskId> = HashMap::new();
        let mut bytes_of: HashMap<u32, u64> = HashMap::new();
        for (number, group) in self.groups.iter().enumerate() {
            let task = self.works.len();
            for (source, _) in &group.members {
                load_of.insert(source.relation, task);
                bytes_of.insert(source.relation, source.bytes);
            }
            self.works.push(Work::Load(number));
            self.specs.push(TaskSpec { weight: group.bytes, ..TaskSpec::default() });
        }
        let is_index = |place: &usize| matches!(toc.entries[*place].desc, "INDEX" | "CONSTRAINT" | "INDEX ATTACH");
        let mut task_of: HashMap<DumpId, TaskId> = HashMap::new();
        for place in entries.iter().copied().filter(is_index) {
            let spec = self.spec(toc, place, &tables, &load_of, &bytes_of, &task_of);
            self.push(toc, place, spec, &mut task_of);
        }
        let barrier = self.works.len();
        self.works.push(Work::Barrier);
        self.specs.push(TaskSpec { dependencies: (0..barrier).collect(), ..TaskSpec::default() });
        for place in entries.iter().copied().filter(|place| !is_index(place)) {
            let mut spec = self.spec(toc, place, &tables, &load_of, &bytes_of, &task_of);
            spec.dependencies.push(barrier);
            self.push(toc, place, spec, &mut task_of);
        }
    }

    fn push(&mut self, toc: &Toc, place: usize, spec: TaskSpec, task_of: &mut HashMap<DumpId, TaskId>) {
        let entry = &toc.entries[place];
        let task = self.works.len();
        task_of.insert(entry.id, task);
        self.works.push(Work::Apply(place));
        let relations: Vec<u32> = spec.exclusive.clone();
        let weight = spec.weight;
        self.specs.push(spec);
        if is_validated_later(entry) {
            // The check of the rows reads both tables and locks neither against readers; two checks of one table would wait.
            let (referencing, referenced) =
                relations.split_first().map_or((&[][..], &[][..]), |(_, rest)| (&relations[..1], rest));
            let exclusive = referencing.to_vec();
            let shared = referenced.to_vec();
            self.works.push(Work::Validate(place));
            self.specs.push(TaskSpec { dependencies: vec![task], exclusive, shared, weight });
        }
    }

    fn spec(
        &self,
        toc: &Toc,
        place: usize,
        tables: &Tables,
        load_of: &HashMap<u32, TaskId>,
        bytes_of: &HashMap<u32, u64>,
        task_of: &HashMap<DumpId, TaskId>,
    ) -> TaskSpec {
        let entry = &toc.entries[place];
        let mut spec = TaskSpec::default();
        for dependency in &entry.dependencies {
            spec.dependencies.extend(task_of.get(dependency));
            let Some(relation) = tables.relation_of.get(dependency) else { continue };
            spec.dependencies.extend(load_of.get(relation));
            spec.weight = spec.weight.max(bytes_of.get(relation).copied().unwrap_or_default());
            match entry.desc {
                "INDEX" => spec.shared.push(*relation),
                _ => spec.exclusive.push(*relation),
            }
        }
        spec
    }
}

/// Which entries are tables.
struct Tables {
    relation_of: HashMap<DumpId, u32>,
    partitions: HashSet<u32>,
}

impl Tables {
    fn of(toc: &Toc) -> Self {
        let is_relation = |e: &&TocEntry| {
            e.object.class == class::PG_CLASS
                && e.object.part == Part::Itself
                && matches!(e.desc, "TABLE" | "MATERIALIZED VIEW" | "VIEW")
        };
        let relation_of = toc.entries.iter().filter(is_relation).map(|e| (e.id, e.object.oid)).collect();
        let attached = toc.entries.iter().filter(|e| e.desc == "TABLE ATTACH");
        let partitions = attached.map(|e| e.object.oid).collect();
        Self { relation_of, partitions }
    }

    /// The entries of partitioned tables that are not partitions themselves.
    fn roots(&self, toc: &Toc) -> Vec<usize> {
        let attached = toc.entries.iter().filter(|e| e.desc == "TABLE ATTACH");
        let parents: HashSet<DumpId> = attached.flat_map(|e| e.dependencies.iter().copied()).collect();
        let is_root = |e: &TocEntry| {
            parents.contains(&e.id) && self.relation_of.contains_key(&e.id) && !self.partitions.contains(&e.object.oid)
        };
        (0..toc.entries.len()).filter(|place| is_root(&toc.entries[*place])).collect()
    }
}

/// Something about the schema `public`, which was there before us.
fn is_of_public(entry: &TocEntry) -> bool {
    let is_definition = entry.desc == "SCHEMA" && entry.tag == "public";
    entry.object.class == class::PG_NAMESPACE && (is_definition || entry.tag == "SCHEMA public")
}

/// A foreign key whose rows can be checked after it was added, without a lock that stops everybody.
pub(crate) fn is_validated_later(entry: &TocEntry) -> bool {
    entry.desc == "FK CONSTRAINT"
        && entry.drop.contains(" DROP CONSTRAINT ")
        && entry.create.starts_with("ALTER TABLE ONLY ")
        && !entry.create.contains(" NOT VALID;")
        && !entry.create.contains(" NOT ENFORCED")
}
