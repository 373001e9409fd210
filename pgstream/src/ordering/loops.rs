//! Finds loops of dependencies. Nothing here recurses: a chain of ten thousand views must not end the stack.

use std::collections::VecDeque;

use super::graph::Graph;

/// The sets of nodes that all need each other, of two nodes or more; ascending, and by their first node.
///
/// `among` are the nodes to look at; nothing outside may be in a loop.
pub(super) fn components(graph: &Graph<'_>, among: &[usize]) -> Vec<Vec<usize>> {
    let mut found = search(graph.all_needs(), among.iter().copied());
    found.retain(|component| component.len() > 1);
    found.sort_unstable();
    found
}

/// Groups nodes so that those which need each other, directly or not, are together: every group comes behind all that it needs.
/// `needs[n]` are the nodes that the node `n` needs.
pub(crate) fn groups(needs: &[Vec<usize>]) -> Vec<Vec<usize>> {
    search(needs, 0..needs.len())
}

fn search(needs: &[Vec<usize>], among: impl Iterator<Item = usize>) -> Vec<Vec<usize>> {
    let mut search = Tarjan {
        needs,
        counter: 0,
        index: vec![UNSEEN; needs.len()],
        low: vec![0; needs.len()],
        is_open: vec![false; needs.len()],
        open: Vec::new(),
        found: Vec::new(),
    };
    for start in among {
        if search.index[start] == UNSEEN {
            search.explore(start);
        }
    }
    search.found
}

const UNSEEN: usize = usize::MAX;

/// Tarjan's strongly connected components, with a stack of its own.
struct Tarjan<'n> {
    needs: &'n [Vec<usize>],
    counter: usize,
    index: Vec<usize>,
    low: Vec<usize>,
    is_open: Vec<bool>,
    open: Vec<usize>,
    found: Vec<Vec<usize>>,
}

impl Tarjan<'_> {
    fn explore(&mut self, start: usize) {
        let mut path = vec![(self.enter(start), 0)];
        while let Some((number, next)) = path.last_mut() {
            let number = *number;
            let Some(needed) = self.needs[number].get(*next).copied() else {
                path.pop();
                self.leave(number, path.last().map(|(parent, _)| *parent));
                continue;
            };
            *next += 1;
            if self.index[needed] == UNSEEN {
                path.push((self.enter(needed), 0));
            } else if self.is_open[needed] {
                self.low[number] = self.low[number].min(self.index[needed]);
            }
        }
    }

    fn enter(&mut self, number: usize) -> usize {
        self.index[number] = self.counter;
        self.low[number] = self.counter;
        self.counter += 1;
        self.is_open[number] = true;
        self.open.push(number);
        number
    }

    fn leave(&mut self, number: usize, parent: Option<usize>) {
        if let Some(parent) = parent {
            self.low[parent] = self.low[parent].min(self.low[number]);
        }
        if self.low[number] != self.index[number] {
            return;
        }
        let first = self.open.iter().rposition(|open| *open == number).expect("a node stays open until its component is found");
        let mut component = self.open.split_off(first);
        for member in &component {
            self.is_open[*member] = false;
        }
        component.sort_unstable();
        self.found.push(component);
    }
}

/// Finds shortest loops within one component, however often its edges change meanwhile.
pub(super) struct LoopFinder {
    /// By node: the component it is in, or [`UNSEEN`].
    component_of: Vec<usize>,
    /// By node: the search that came here last, and from where.
    seen_in: Vec<usize>,
    came_from: Vec<usize>,
    search: usize,
}

impl LoopFinder {
    /// A finder for these components.
    pub(super) fn new(graph: &Graph<'_>, components: &[Vec<usize>]) -> Self {
        let mut component_of = vec![UNSEEN; graph.len()];
        for (component, members) in components.iter().enumerate() {
            for member in members {
                component_of[*member] = component;
            }
        }
        Self { component_of, seen_in: vec![0; graph.len()], came_from: vec![0; graph.len()], search: 0 }
    }

    /// A shortest loop through `start` inside its component: each node needs the next, the last one needs `start`.
    pub(super) fn shortest(&mut self, graph: &Graph<'_>, start: usize) -> Option<Vec<usize>> {
        self.search += 1;
        let mut open = VecDeque::from([start]);
        while let Some(number) = open.pop_front() {
            for needed in graph.needs(number).iter().copied() {
                if needed == start {
                    return Some(self.path(start, number));
                }
                if self.component_of[needed] == self.component_of[start] && self.seen_in[needed] != self.search {
                    self.seen_in[needed] = self.search;
                    self.came_from[needed] = number;
                    open.push_back(needed);
                }
            }
        }
        None
    }

    fn path(&self, start: usize, last: usize) -> Vec<usize> {
        let mut path = vec![last];
        let mut number = last;
        while number != start {
            number = self.came_from[number];
            path.push(number);
        }
        path.reverse();
        path
    }
}
