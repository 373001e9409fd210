//! What may run next on a live database: pure bookkeeping over dependencies, locks and sizes.
//!
//! A task is ready when everything it depends on is done. Of the ready ones that runs first behind which the longest chain of
//! work waits: a task whose dependents are long ends early enough for them, and of tasks without dependents the largest goes
//! first. One that wants a lock against a running one is passed over: waiting for it inside the server would hold a
//! connection idle.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};

use crate::catalog::LockMode;

/// The number of a task, as its place in the list that the schedule was made of.
pub(crate) type TaskId = usize;

/// What the schedule has to know about a task.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TaskSpec {
    /// What must be done before. Unknown numbers are an error of the caller.
    pub(crate) dependencies: Vec<TaskId>,
    /// Relations that it locks, and how.
    pub(crate) locks: Vec<(u32, LockMode)>,
    /// How long it takes, in units of work.
    pub(crate) weight: u64,
}

/// Tasks in their order of readiness.
#[derive(Debug)]
pub(crate) struct Schedule {
    tasks: Vec<TaskSpec>,
    dependents: Vec<Vec<TaskId>>,
    open_dependencies: Vec<usize>,
    /// The weight of each task with the heaviest chain of tasks that wait for it.
    ranks: Vec<u64>,
    /// By rank, then the earlier in the list.
    ready: BinaryHeap<(u64, Reverse<TaskId>)>,
    running: HashSet<TaskId>,
    /// How many running tasks hold a lock of each mode.
    held: HashMap<(u32, LockMode), usize>,
    left: usize,
}

impl Schedule {
    /// A schedule over `tasks`.
    pub(crate) fn new(tasks: Vec<TaskSpec>) -> Self {
        let mut dependents = vec![Vec::new(); tasks.len()];
        let mut open_dependencies = vec![0; tasks.len()];
        for (id, task) in tasks.iter().enumerate() {
            let needed = needed(id, task);
            open_dependencies[id] = needed.len();
            for dependency in needed {
                dependents[dependency].push(id);
            }
        }
        let ranks = ranks(&tasks, &dependents);
        let ready = (0..tasks.len()).filter(|id| open_dependencies[*id] == 0).map(|id| (ranks[id], Reverse(id))).collect();
        let left = tasks.len();
        Self { tasks, dependents, open_dependencies, ranks, ready, running: HashSet::new(), held: HashMap::new(), left }
    }

    /// Starts the best task that may run now. `None`: nothing may, until a running one ends.
    pub(crate) fn start_next(&mut self) -> Option<TaskId> {
        let mut passed_over = Vec::new();
        let mut chosen = None;
        while let Some((rank, Reverse(id))) = self.ready.pop() {
            if self.has_conflict(id) {
                passed_over.push((rank, Reverse(id)));
                continue;
            }
            chosen = Some(id);
            break;
        }
        self.ready.extend(passed_over);
        let id = chosen?;
        self.hold(id, true);
        self.running.insert(id);
        Some(id)
    }

    /// A task that was started is done: what waited for it may become ready.
    pub(crate) fn finish(&mut self, id: TaskId) {
        if !self.running.remove(&id) {
            return;
        }
        self.hold(id, false);
        self.left -= 1;
        for dependent in std::mem::take(&mut self.dependents[id]) {
            self.open_dependencies[dependent] -= 1;
            if self.open_dependencies[dependent] == 0 {
                self.ready.push((self.ranks[dependent], Reverse(dependent)));
            }
        }
    }

    /// Whether every task is done.
    pub(crate) fn is_done(&self) -> bool {
        self.left == 0
    }

    /// Whether tasks are left that can never run: they depend on each other in a circle.
    pub(crate) fn is_stuck(&self) -> bool {
        self.left > 0 && self.running.is_empty() && self.ready.is_empty()
    }

    fn has_conflict(&self, id: TaskId) -> bool {
        let is_held = |relation: u32, mode: LockMode| self.held.get(&(relation, mode)).is_some_and(|n| *n > 0);
        self.tasks[id].locks.iter().any(|(relation, wanted)| {
            LockMode::ALL.into_iter().any(|mode| mode.conflicts_with(*wanted) && is_held(*relation, mode))
        })
    }

    fn hold(&mut self, id: TaskId, is_start: bool) {
        for lock in &self.tasks[id].locks {
            let n = self.held.entry(*lock).or_default();
            *n = if is_start { *n + 1 } else { n.saturating_sub(1) };
        }
    }
}

/// What a task depends on, each once.
fn needed(id: TaskId, task: &TaskSpec) -> HashSet<TaskId> {
    task.dependencies.iter().copied().filter(|dependency| *dependency != id).collect()
}

/// For each task its weight and that of the heaviest chain behind it. Tasks in a circle have their own weight only: they never run.
fn ranks(tasks: &[TaskSpec], dependents: &[Vec<TaskId>]) -> Vec<u64> {
    let mut ranks: Vec<u64> = tasks.iter().map(|task| task.weight).collect();
    let mut open: Vec<usize> = dependents.iter().map(Vec::len).collect();
    let mut known: Vec<TaskId> = (0..tasks.len()).filter(|id| open[*id] == 0).collect();
    while let Some(id) = known.pop() {
        for dependency in needed(id, &tasks[id]) {
            ranks[dependency] = ranks[dependency].max(tasks[dependency].weight.saturating_add(ranks[id]));
            open[dependency] -= 1;
            if open[dependency] == 0 {
                known.push(dependency);
            }
        }
    }
    ranks
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn task(weight: u64, dependencies: &[TaskId]) -> TaskSpec {
        TaskSpec { weight, dependencies: dependencies.to_vec(), ..TaskSpec::default() }
    }

    #[test]
    fn the_largest_ready_task_goes_first() {
        let mut schedule = Schedule::new(vec![task(1, &[]), task(9, &[]), task(5, &[0])]);
        assert_eq!(schedule.start_next(), Some(1));
        assert_eq!(schedule.start_next(), Some(0));
        assert_eq!(schedule.start_next(), None);
        schedule.finish(0);
        assert_eq!(schedule.start_next(), Some(2));
    }

    #[test]
    fn what_much_waits_for_goes_before_what_is_large() {
        // A large load without an index, and a small one behind which a long chain waits.
        let mut schedule = Schedule::new(vec![task(50, &[]), task(10, &[]), task(30, &[1]), task(20, &[2])]);
        assert_eq!(schedule.start_next(), Some(1));
        assert_eq!(schedule.start_next(), Some(0));
        schedule.finish(1);
        assert_eq!(schedule.start_next(), Some(2));
    }

    #[test]
    fn checks_of_foreign_keys_to_one_table_run_beside_an_index_on_it() {
        let check =
            |own| TaskSpec { locks: vec![(own, LockMode::ShareUpdateExclusive), (7, LockMode::RowShare)], ..TaskSpec::default() };
        let index = TaskSpec { locks: vec![(7, LockMode::Share)], ..TaskSpec::default() };
        let mut schedule = Schedule::new(vec![check(1), check(2), index, check(1)]);
        let started: Vec<TaskId> = std::iter::from_fn(|| schedule.start_next()).collect();
        assert_eq!(started, [0, 1, 2]);
    }

    #[test]
    fn two_tasks_that_lock_one_table_do_not_run_together() {
        let exclusive = |weight| TaskSpec { locks: vec![(7, LockMode::AccessExclusive)], weight, ..TaskSpec::default() };
        let index = TaskSpec { locks: vec![(7, LockMode::Share)], weight: 1, ..TaskSpec::default() };
        let mut schedule = Schedule::new(vec![exclusive(3), exclusive(2), index.clone(), index]);
        assert_eq!(schedule.start_next(), Some(0));
        assert_eq!(schedule.start_next(), None);
        schedule.finish(0);
        assert_eq!(schedule.start_next(), Some(1));
        schedule.finish(1);
        assert_eq!((schedule.start_next(), schedule.start_next()), (Some(2), Some(3)));
    }

    #[test]
    fn a_circle_is_noticed() {
        let mut schedule = Schedule::new(vec![task(1, &[1]), task(1, &[0])]);
        assert_eq!(schedule.start_next(), None);
        assert!(schedule.is_stuck() && !schedule.is_done());
    }

    proptest! {
        #[test]
        fn every_task_runs_once_behind_its_dependencies(
            edges in prop::collection::vec(prop::collection::vec(0..30usize, 0..4), 1..30),
            locks in prop::collection::vec((0..5u32, prop::sample::select(&LockMode::ALL[..])), 30),
            jobs in 1..5usize,
        ) {
            let tasks: Vec<TaskSpec> = edges.iter().enumerate().map(|(id, earlier)| {
                let dependencies: Vec<TaskId> = earlier.iter().copied().filter(|d| *d < id).collect();
                TaskSpec { dependencies, locks: vec![locks[id]], weight: id as u64 % 7 }
            }).collect();
            let mut schedule = Schedule::new(tasks.clone());
            let (mut running, mut done) = (Vec::new(), HashSet::new());
            while !schedule.is_done() {
                while running.len() < jobs {
                    let Some(id) = schedule.start_next() else { break };
                    prop_assert!(tasks[id].dependencies.iter().all(|d| done.contains(d)));
                    for other in &running {
                        let ((relation, mode), (other, held)) = (locks[id], locks[*other]);
                        prop_assert!(relation != other || !mode.conflicts_with(held));
                    }
                    running.push(id);
                }
                prop_assert!(!running.is_empty(), "stuck");
                let id = running.remove(0);
                prop_assert!(done.insert(id));
                schedule.finish(id);
            }
            prop_assert_eq!(done.len(), tasks.len());
        }
    }
}
