//! The stage that runs on several connections: what waits for what, what locks what, and how long each takes.

use std::collections::{HashMap, HashSet};

use crate::archive::{DumpId, Toc, TocEntry};
use crate::catalog::{LockMode, StepWork};

use super::super::schedule::{TaskId, TaskSpec};
use super::tables::Tables;
use super::{LoadPlan, Making, Work, units};

/// The work of copying one large object, whose size nobody knows before it is read: most are small.
const PER_LARGE_OBJECT: u64 = 20_000;

/// What is known while the stage is planned.
struct Context<'a> {
    toc: &'a Toc,
    tables: Tables,
    /// The task that loads a table.
    load_of: HashMap<u32, TaskId>,
    bytes_of: HashMap<u32, u64>,
    /// The task that an entry is done with.
    task_of: HashMap<DumpId, TaskId>,
    /// The next line in the ledger for what has no entry's number.
    next_line: u32,
}

impl LoadPlan {
    /// Loads, then what looks at no more than the tables that it stands on, then everything that may look at any table.
    pub(super) fn plan_parallel(&mut self, toc: &Toc, entries: &[usize]) {
        let tables = Tables::of(toc);
        self.partitions = tables.partitions.clone();
        self.roots = tables.roots(toc);
        let next_line = toc.entries.iter().map(|e| e.id.0).max().unwrap_or_default() + 1;
        let (load_of, bytes_of, task_of) = (HashMap::new(), HashMap::new(), HashMap::new());
        let mut context = Context { toc, tables, load_of, bytes_of, task_of, next_line };
        self.push_loads(&mut context);
        let (early, late) = split_early(toc, entries);
        for place in early {
            self.push_entry(&mut context, place, None);
        }
        let barrier = self.works.len();
        self.works.push(Work::Barrier);
        self.specs.push(TaskSpec { dependencies: (0..barrier).collect(), ..TaskSpec::default() });
        for place in late {
            self.push_entry(&mut context, place, Some(barrier));
        }
    }

    fn push_loads(&mut self, context: &mut Context<'_>) {
        for (number, group) in self.groups.iter().enumerate() {
            let task = self.works.len();
            for (source, _) in &group.members {
                context.load_of.insert(source.relation, task);
                context.bytes_of.insert(source.relation, source.bytes);
            }
            self.works.push(Work::Load(number));
            self.specs.push(TaskSpec { weight: group.bytes, ..TaskSpec::default() });
        }
        for (number, some) in self.large_objects.iter().enumerate() {
            self.works.push(Work::LargeObjects(number));
            let weight = some.oids.len() as u64 * PER_LARGE_OBJECT;
            self.specs.push(TaskSpec { weight, ..TaskSpec::default() });
        }
    }

    /// An entry, or each of its steps, the one behind the other.
    fn push_entry(&mut self, context: &mut Context<'_>, place: usize, barrier: Option<TaskId>) {
        let entry = &context.toc.entries[place];
        let mut dependencies = context.dependencies(entry);
        dependencies.extend(barrier);
        for step in 0..entry.steps.len().max(1) {
            let is_last = step + 1 >= entry.steps.len();
            let line = if is_last { entry.id.0 } else { context.next_line() };
            let step = (!entry.steps.is_empty()).then_some(step);
            let task = self.works.len();
            self.works.push(Work::Make(Making { place, step, line }));
            let (locks, weight) = context.cost(entry, step);
            self.specs.push(TaskSpec { dependencies: std::mem::replace(&mut dependencies, vec![task]), locks, weight });
        }
        context.task_of.insert(entry.id, self.works.len() - 1);
    }
}

/// Which entries need not wait for all tables, with which ones do. An index of something that has to wait waits, too.
fn split_early(toc: &Toc, entries: &[usize]) -> (Vec<usize>, Vec<usize>) {
    let mut late_ids: HashSet<DumpId> = HashSet::new();
    entries.iter().copied().partition(|place| {
        let entry = &toc.entries[*place];
        let is_early = matches!(entry.desc, "INDEX" | "CONSTRAINT" | "INDEX ATTACH" | "FK CONSTRAINT")
            && !entry.dependencies.iter().any(|id| late_ids.contains(id));
        if !is_early {
            late_ids.insert(entry.id);
        }
        is_early
    })
}

impl Context<'_> {
    fn next_line(&mut self) -> u32 {
        self.next_line += 1;
        self.next_line - 1
    }

    fn dependencies(&self, entry: &TocEntry) -> Vec<TaskId> {
        let made = entry.dependencies.iter().filter_map(|id| self.task_of.get(id));
        let relations = self.relations_of(entry);
        let loaded = relations.iter().filter_map(|relation| self.load_of.get(relation));
        made.chain(loaded).copied().collect()
    }

    /// The tables that an entry stands on, with their partitions unless it is about the one table only.
    fn relations_of(&self, entry: &TocEntry) -> Vec<u32> {
        let relations = entry.dependencies.iter().filter_map(|id| self.tables.relation_of.get(id)).copied();
        match entry.desc {
            "INDEX" | "CONSTRAINT" | "INDEX ATTACH" => relations.collect(),
            _ => relations.flat_map(|relation| self.tables.tree(relation)).collect(),
        }
    }

    /// What an entry or a step of it locks, and its work.
    fn cost(&self, entry: &TocEntry, step: Option<usize>) -> (Vec<(u32, LockMode)>, u64) {
        let Some(step) = step.and_then(|step| entry.steps.get(step)) else {
            let mode = if entry.desc == "INDEX" { LockMode::Share } else { LockMode::AccessExclusive };
            let relations = self.relations_of(entry);
            let work = match entry.desc {
                "INDEX" => "index",
                "CONSTRAINT" => "constraint",
                "FK CONSTRAINT" => "foreign key",
                _ => "",
            };
            return (relations.iter().map(|relation| (*relation, mode)).collect(), units(work, self.bytes_of_all(&relations)));
        };
        let tree =
            |(relation, mode): &(u32, LockMode)| self.tables.tree(*relation).into_iter().map(move |r| (r, *mode)).collect();
        let locks: Vec<(u32, LockMode)> = step.locks.iter().flat_map(|lock| -> Vec<_> { tree(lock) }).collect();
        let work = match (step.work, entry.desc) {
            (StepWork::Catalog, _) => "",
            (StepWork::Index, "CONSTRAINT") => "constraint",
            (StepWork::Index, _) => "index",
            (StepWork::Check, _) => "foreign key",
        };
        let bytes = step.locks.first().map_or(0, |(own, _)| self.bytes_of_all(&self.tables.tree(*own)));
        (locks, units(work, bytes))
    }

    fn bytes_of_all(&self, relations: &[u32]) -> u64 {
        relations.iter().filter_map(|relation| self.bytes_of.get(relation)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::test_entry::entry;
    use crate::archive::{CopyTarget, EntryData, Toc};
    use crate::catalog::{ObjectId, Part, Section, Step, TableData};
    use crate::name::QualifiedName;

    /// An entry behind the rows that needs these.
    fn post(number: u32, desc: &'static str, needs: &[u32]) -> TocEntry {
        let dependencies = needs.iter().copied().map(DumpId).collect();
        TocEntry { section: Section::PostData, create: "…".into(), dependencies, ..entry(number, desc, "x") }
    }

    /// The rows of a table with this oid.
    fn rows(number: u32, relation: u32) -> TocEntry {
        let name = QualifiedName::new("public", relation.to_string());
        let target = CopyTarget { table: name.clone(), columns: Vec::new(), is_through_root: false };
        let source = TableData {
            relation,
            name,
            columns: Vec::new(),
            pages: 0,
            bytes: 1_000_000,
            is_binary_safe: false,
            relkind: 'r',
            is_unlogged: false,
            load_through: None,
        };
        TocEntry { data: Some(EntryData::Table { source, target }), ..post(number, "TABLE DATA", &[]) }
    }

    fn attach(number: u32, partition: u32, parent: u32) -> TocEntry {
        let object = ObjectId::relation(partition).part(Part::Attach);
        let dependencies = vec![DumpId(parent), DumpId(partition)];
        TocEntry { object, dependencies, ..entry(number, "TABLE ATTACH", "x") }
    }

    fn step(work: StepWork, lock: (u32, LockMode)) -> Step {
        Step { sql: "…".into(), undo: String::new(), work, locks: vec![lock] }
    }

    fn plan(entries: Vec<TocEntry>) -> LoadPlan {
        LoadPlan::new(&Toc { entries })
    }

    /// The task that makes an entry, by the number of its line in the ledger.
    fn task(plan: &LoadPlan, line: u32) -> TaskId {
        let is_it = |work: &Work| matches!(work, Work::Make(making) if making.line == line);
        plan.works.iter().position(is_it).expect("it is made in this stage")
    }

    fn load(plan: &LoadPlan, relation: u32) -> TaskId {
        let is_it = |work: &Work| matches!(work, Work::Load(n) if plan.groups[*n].members[0].0.relation == relation);
        plan.works.iter().position(is_it).expect("it is loaded")
    }

    #[test]
    fn steps_follow_each_other_and_have_lines_of_their_own() {
        let mut key = post(3, "CONSTRAINT", &[1]);
        key.steps = vec![step(StepWork::Index, (1, LockMode::Share)), step(StepWork::Catalog, (1, LockMode::AccessExclusive))];
        let plan = plan(vec![entry(1, "TABLE", "t"), rows(2, 1), key, post(4, "INDEX", &[1])]);
        let (build, add, index) = (task(&plan, 5), task(&plan, 3), task(&plan, 4));
        assert_eq!(plan.specs[build].dependencies, [load(&plan, 1)]);
        assert_eq!(plan.specs[add].dependencies, [build]);
        assert_eq!(
            (&plan.specs[build].locks, &plan.specs[index].locks),
            (&vec![(1, LockMode::Share)], &vec![(1, LockMode::Share)])
        );
        assert!(plan.specs[add].weight < plan.specs[build].weight && plan.specs[build].weight < plan.specs[index].weight);
    }

    #[test]
    fn a_foreign_key_of_a_partitioned_table_waits_for_the_rows_of_all_partitions_and_locks_them() {
        let tables = [1, 2, 3].map(|number| entry(number, "TABLE", "t"));
        let rest = [attach(4, 2, 1), attach(5, 3, 2), rows(6, 3), post(7, "FK CONSTRAINT", &[1]), post(8, "TRIGGER", &[1])];
        let plan = plan(tables.into_iter().chain(rest).collect());
        let key = &plan.specs[task(&plan, 7)];
        assert_eq!(key.dependencies, [load(&plan, 3)]);
        assert_eq!(key.locks, [1, 2, 3].map(|relation| (relation, LockMode::AccessExclusive)));
        // The trigger waits for everything in front of it.
        assert!(plan.specs[task(&plan, 8)].dependencies.len() > 1, "{:?}", plan.works);
    }

    #[test]
    fn an_index_of_what_waits_for_all_tables_waits_for_it() {
        let view = post(3, "MATERIALIZED VIEW", &[1]);
        let plan = plan(vec![entry(1, "TABLE", "t"), rows(2, 1), view, post(4, "INDEX", &[3])]);
        assert!(plan.specs[task(&plan, 4)].dependencies.contains(&task(&plan, 3)), "{:?}", plan.works);
    }
}
