//! What may run next on a live database: pure bookkeeping over dependencies, locks and sizes.
//!
//! A task is ready when everything it depends on is done. Of the ready ones the largest runs first, unless it wants a lock that a
//! running one holds against it: waiting for it inside the server would hold a connection idle.

use std::collections::{BinaryHeap, HashMap, HashSet};

/// The number of a task, as its place in the list that the schedule was made of.
pub(crate) type TaskId = usize;

/// What the schedule has to know about a task.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TaskSpec {
    /// What must be done before. Unknown numbers are an error of the caller.
    pub(crate) dependencies: Vec<TaskId>,
    /// Relations that it locks against everybody else.
    pub(crate) exclusive: Vec<u32>,
    /// Relations that it uses, and others may use meanwhile.
    pub(crate) shared: Vec<u32>,
    /// The larger goes first.
    pub(crate) weight: u64,
}

/// Tasks in their order of readiness.
#[derive(Debug)]
pub(crate) struct Schedule {
    tasks: Vec<TaskSpec>,
    dependents: Vec<Vec<TaskId>>,
    open_dependencies: Vec<usize>,
    /// By weight, then the earlier in the list.
    ready: BinaryHeap<(u64, std::cmp::Reverse<TaskId>)>,
    running: HashSet<TaskId>,
    exclusive: HashMap<u32, usize>,
    shared: HashMap<u32, usize>,
    left: usize,
}

impl Schedule {
    /// A schedule over `tasks`.
    pub(crate) fn new(tasks: Vec<TaskSpec>) -> Self {
        let mut dependents = vec![Vec::new(); tasks.len()];
        let mut open_dependencies = vec![0; tasks.len()];
        for (id, task) in tasks.iter().enumerate() {
            let unique: HashSet<TaskId> = task.dependencies.iter().copied().filter(|d| *d != id).collect();
            open_dependencies[id] = unique.len();
            for dependency in unique {
                dependents[dependency].push(id);
            }
        }
        let ready = (0..tasks.len()).filter(|id| open_dependencies[*id] == 0).map(|id| (tasks[id].weight, std::cmp::Reverse(id)));
        let (ready, left) = (ready.collect(), tasks.len());
        let (exclusive, shared) = (HashMap::new(), HashMap::new());
        Self { tasks, dependents, open_dependencies, ready, running: HashSet::new(), exclusive, shared, left }
    }

    /// Starts the best task that may run now. `None`: nothing may, until a running one ends.
    pub(crate) fn start_next(&mut self) -> Option<TaskId> {
        let mut passed_over = Vec::new();
        let mut chosen = None;
        while let Some((weight, std::cmp::Reverse(id))) = self.ready.pop() {
            if self.has_conflict(id) {
                passed_over.push((weight, std::cmp::Reverse(id)));
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
                self.ready.push((self.tasks[dependent].weight, std::cmp::Reverse(dependent)));
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
        let task = &self.tasks[id];
        let is_held = |held: &HashMap<u32, usize>, relation: &u32| held.get(relation).is_some_and(|n| *n > 0);
        task.exclusive.iter().any(|r| is_held(&self.exclusive, r) || is_held(&self.shared, r))
            || task.shared.iter().any(|r| is_held(&self.exclusive, r))
    }

    fn hold(&mut self, id: TaskId, is_start: bool) {
        let count = |held: &mut HashMap<u32, usize>, relation: u32| {
            let n = held.entry(relation).or_default();
            *n = if is_start { *n + 1 } else { n.saturating_sub(1) };
        };
        for relation in &self.tasks[id].exclusive {
            count(&mut self.exclusive, *relation);
        }
        for relation in &self.tasks[id].shared {
            count(&mut self.shared, *relation);
        }
    }
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
        let mut schedule = Schedule::new(vec![task(1, &[]), task(9, &[]), task(99, &[0])]);
        assert_eq!(schedule.start_next(), Some(1));
        assert_eq!(schedule.start_next(), Some(0));
        assert_eq!(schedule.start_next(), None);
        schedule.finish(0);
        assert_eq!(schedule.start_next(), Some(2));
    }

    #[test]
    fn two_tasks_that_lock_one_table_do_not_run_together() {
        let exclusive = |weight| TaskSpec { exclusive: vec![7], weight, ..TaskSpec::default() };
        let index = TaskSpec { shared: vec![7], weight: 1, ..TaskSpec::default() };
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
            relations in prop::collection::vec((0..5u32, any::<bool>()), 30),
            jobs in 1..5usize,
        ) {
            let tasks: Vec<TaskSpec> = edges.iter().enumerate().map(|(id, earlier)| {
                let (relation, is_exclusive) = relations[id];
                let dependencies: Vec<TaskId> = earlier.iter().copied().filter(|d| *d < id).collect();
                let (exclusive, shared) = if is_exclusive { (vec![relation], vec![]) } else { (vec![], vec![relation]) };
                TaskSpec { dependencies, exclusive, shared, weight: id as u64 % 7 }
            }).collect();
            let mut schedule = Schedule::new(tasks.clone());
            let (mut running, mut done) = (Vec::new(), HashSet::new());
            while !schedule.is_done() {
                while running.len() < jobs {
                    let Some(id) = schedule.start_next() else { break };
                    prop_assert!(tasks[id].dependencies.iter().all(|d| done.contains(d)));
                    for other in &running {
                        let other: &TaskSpec = &tasks[*other];
                        let clash = |r: &u32| other.exclusive.contains(r) || other.shared.contains(r);
                        prop_assert!(!tasks[id].exclusive.iter().any(clash));
                        prop_assert!(!tasks[id].shared.iter().any(|r| other.exclusive.contains(r)));
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
