//! Puts objects into an order in which every one can be made, and that is the same for equal databases. Pure.
//!
//! Objects are sorted by role, schema and name, then moved only as far as dependencies ask for (`topological.rs`). Where
//! dependencies run in a loop, one of the known repairs breaks it (`cycles.rs`) and is told to the objects, which render
//! themselves accordingly. A loop that no repair fits is broken anyway and reported.
//!
//! This module does not choose what is wanted: members of extensions are ordered with the rest.

mod cycles;
mod graph;
mod loops;
#[cfg(test)]
mod tests;
mod topological;

use crate::catalog::{Catalog, ObjectHeader, ObjectId, Part, Repairs, Role, TableData};

pub use graph::{Graph, Node};
pub(crate) use loops::groups;

/// Objects in an order in which they can be made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ordered {
    /// Every object once.
    pub order: Vec<ObjectId>,
    /// What the objects have to know when they render themselves.
    pub repairs: Repairs,
    /// Loops that no repair fits; making their objects may fail.
    pub unresolved: Vec<UnresolvedLoop>,
}

/// Objects that need each other in a way that nothing is known to help against.
///
/// `Display` gives their names, separated by commas.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnresolvedLoop {
    /// The objects: each needs the next, the last needs the first.
    pub objects: Vec<ObjectId>,
    /// How reports call them, in the same order.
    pub names: Vec<String>,
    /// The dependency that the order ignores: (dependent, referenced).
    pub dropped: (ObjectId, ObjectId),
}

impl std::fmt::Display for UnresolvedLoop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.names.join(", "))
    }
}

/// Orders all objects of the catalog, those of extensions included.
pub fn order(catalog: &Catalog) -> Ordered {
    let nodes = catalog.objects.iter().map(|object| node_of(object.header()));
    order_graph(Graph::new(nodes, &dependencies_of(catalog)))
}

/// Orders a graph: the pure core of [`order`].
pub fn order_graph(graph: Graph<'_>) -> Ordered {
    order_graph_with(cycles::REPAIRS, graph)
}

/// What the repairs of loops are called, for tests that look for a need of each.
#[doc(hidden)]
pub fn repair_names() -> impl Iterator<Item = &'static str> {
    cycles::REPAIRS.iter().map(|(name, _)| *name)
}

/// As [`order`], as if one of the repairs were not known.
#[doc(hidden)]
pub fn order_without(catalog: &Catalog, repair: &str) -> Ordered {
    let nodes = catalog.objects.iter().map(|object| node_of(object.header()));
    let known: Vec<(&str, cycles::Repair)> = cycles::REPAIRS.iter().copied().filter(|(name, _)| *name != repair).collect();
    order_graph_with(&known, Graph::new(nodes, &dependencies_of(catalog)))
}

fn order_graph_with(known: &[(&str, cycles::Repair)], mut graph: Graph<'_>) -> Ordered {
    let mut ordered = Ordered::default();
    let sorted = loop {
        match topological::sort(&graph) {
            Ok(sorted) => break sorted,
            Err(leftover) => break_loops(known, &mut graph, &leftover, &mut ordered),
        }
    };
    ordered.order =
        sorted.into_iter().map(|number| graph.node(number)).filter(|node| node.is_object()).map(|node| node.id).collect();
    ordered
}

/// Orders the rows of tables by foreign keys, referenced tables first, for a target that has its constraints already.
///
/// `foreign_keys` are pairs of (table, referenced table), both as relations; a table that references itself is no loop.
/// The second value names the loops, which only disabled triggers help against.
pub fn order_table_data<'a>(
    tables: impl IntoIterator<Item = &'a TableData>,
    foreign_keys: &[(ObjectId, ObjectId)],
) -> (Vec<ObjectId>, Vec<UnresolvedLoop>) {
    let nodes: Vec<Node<'_>> = tables.into_iter().map(node_of_rows).collect();
    let dependencies: Vec<(ObjectId, ObjectId)> =
        foreign_keys.iter().map(|(table, referenced)| (table.part(Part::Data), referenced.part(Part::Data))).collect();
    let ordered = order_graph(Graph::without_boundaries(nodes, &dependencies));
    (ordered.order, ordered.unresolved)
}

fn node_of_rows(table: &TableData) -> Node<'_> {
    Node {
        id: ObjectId::relation(table.relation).part(Part::Data),
        role: Role::TableData,
        section: None,
        desc: "TABLE DATA",
        schema: Some(&table.name.schema),
        name: &table.name.name,
        tie_break: "",
    }
}

fn node_of(header: &ObjectHeader) -> Node<'_> {
    Node {
        id: header.id,
        role: header.role,
        section: Some(header.section),
        desc: header.desc,
        schema: header.schema.as_deref(),
        name: &header.name,
        tie_break: &header.tie_break,
    }
}

/// The catalog's dependencies, less those within one extension, whose script knows its own order.
fn dependencies_of(catalog: &Catalog) -> Vec<(ObjectId, ObjectId)> {
    let extension_of = |id: &ObjectId| catalog.members.get(id);
    let is_internal = |(dependent, referenced): &&(ObjectId, ObjectId)| {
        extension_of(dependent).is_some_and(|extension| extension_of(referenced) == Some(extension))
    };
    let members = catalog.members.iter().map(|(member, extension)| (*member, *extension));
    catalog.dependencies.iter().filter(|pair| !is_internal(pair)).copied().chain(members).collect()
}

/// How many loops without a repair are looked at in one component before one is broken.
///
/// Another loop through the same objects may have a repair, so it pays to look on; each look may visit the whole component.
const STUCK_LOOPS: usize = 64;

/// Breaks at least one loop in every component; the caller sorts again and comes back if that was not enough.
fn break_loops(known: &[(&str, cycles::Repair)], graph: &mut Graph<'_>, leftover: &[usize], ordered: &mut Ordered) {
    let components = loops::components(graph, leftover);
    let mut finder = loops::LoopFinder::new(graph, &components);
    for members in &components {
        let repaired_pairs = repair_pairs(known, graph, members, &mut ordered.repairs);
        let (repaired_loops, stuck) = repair_longer_loops(known, graph, members, &mut finder, &mut ordered.repairs);
        if let (false, false, Some(looped)) = (repaired_pairs, repaired_loops, stuck) {
            ordered.unresolved.push(give_up(graph, &looped));
        }
    }
}

/// Repairs the loops of two, which are the common ones: what remains is seldom.
fn repair_pairs(known: &[(&str, cycles::Repair)], graph: &mut Graph<'_>, members: &[usize], repairs: &mut Repairs) -> bool {
    let mut is_repaired = false;
    for number in members.iter().copied() {
        let pairs: Vec<usize> = graph.needs(number).iter().copied().filter(|n| *n > number && graph.has(*n, number)).collect();
        for other in pairs {
            is_repaired |= cycles::repair(known, graph, &[number, other], repairs);
        }
    }
    is_repaired
}

/// Repairs loops until none with a repair is found; also returns a loop that no repair fits.
fn repair_longer_loops(
    known: &[(&str, cycles::Repair)],
    graph: &mut Graph<'_>,
    members: &[usize],
    finder: &mut loops::LoopFinder,
    repairs: &mut Repairs,
) -> (bool, Option<Vec<usize>>) {
    let (mut is_repaired, mut stuck, mut times_stuck) = (false, None, 0);
    for start in members.iter().copied() {
        while let Some(looped) = finder.shortest(graph, start) {
            if cycles::repair(known, graph, &looped, repairs) {
                is_repaired = true;
                continue;
            }
            stuck.get_or_insert(looped);
            times_stuck += 1;
            break;
        }
        if times_stuck >= STUCK_LOOPS {
            break;
        }
    }
    (is_repaired, stuck)
}

/// Ignores the first dependency of a loop that has no repair.
fn give_up(graph: &mut Graph<'_>, looped: &[usize]) -> UnresolvedLoop {
    graph.remove(looped[0], looped[1]);
    UnresolvedLoop {
        objects: looped.iter().map(|number| graph.node(*number).id).collect(),
        names: looped.iter().map(|number| graph.node(*number).describe()).collect(),
        dropped: (graph.node(looped[0]).id, graph.node(looped[1]).id),
    }
}
