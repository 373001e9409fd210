//! The known loops of dependencies, and how each is broken: one function per repair.
//!
//! A loop is given as node numbers: each needs the next, the last needs the first. A repair that fits takes one of these
//! dependencies away, so that repairing ends; it returns whether it fitted.
//!
//! Source: the observed behaviour of `pg_dump` 15 to 18.

use crate::catalog::{ObjectId, Part, Repairs, Role, class};

use super::graph::{Graph, POST_DATA_BOUNDARY};

/// A way to break one kind of loop.
pub(crate) type Repair = fn(&mut Graph<'_>, &[usize], &mut Repairs) -> bool;

/// Every repair, in the order in which they are tried.
pub(crate) const REPAIRS: &[(&str, Repair)] = &[
    ("a type and its function", type_and_function),
    ("an object and what stands inside it", owner_and_inline_part),
    ("a longer loop with a view's rule", view_rule_in_longer_loop),
    ("a longer loop with a table's check", table_check_in_longer_loop),
    ("a longer loop with a domain's check", domain_check_in_longer_loop),
    ("a longer loop with a column's default", default_in_longer_loop),
    ("a longer loop with a materialized view", materialized_view_before_the_rows),
    ("a longer loop with a function", function_before_the_rows),
];

/// Breaks the loop with the first repair among `known` that fits; returns whether one did.
pub(crate) fn repair(known: &[(&str, Repair)], graph: &mut Graph<'_>, looped: &[usize], repairs: &mut Repairs) -> bool {
    known.iter().any(|(_, repair)| repair(graph, looped, repairs))
}

/// A base type needs its input function, which returns the type: the function makes do with the shell type.
///
/// A type that is never written (one of an extension, say) only loses the function's dependency.
pub(crate) fn type_and_function(graph: &mut Graph<'_>, looped: &[usize], repairs: &mut Repairs) -> bool {
    let Some((data_type, function)) = pair(looped, |a, b| is_type(graph, a) && graph.node(b).role == Role::Function) else {
        return false;
    };
    let id = graph.node(data_type).id;
    match graph.number(id.part(Part::Shell)) {
        Some(shell) => {
            repairs.shell_types.insert(id);
            graph.add(function, shell);
            graph.add(data_type, shell);
        }
        None if graph.node(data_type).role == Role::PassThrough => {}
        None => return false,
    }
    graph.remove(function, data_type)
}

fn is_type(graph: &Graph<'_>, number: usize) -> bool {
    let node = graph.node(number);
    node.role == Role::Type || (node.role == Role::PassThrough && node.id.class == class::PG_TYPE)
}

/// A view and its rule, a table and its default or check, a domain and its check, with nothing between: the part stays inside.
pub(crate) fn owner_and_inline_part(graph: &mut Graph<'_>, looped: &[usize], _repairs: &mut Repairs) -> bool {
    match pair(looped, |owner, part| graph.node(part).role.inside() == Some(graph.node(owner).id)) {
        Some((owner, part)) => graph.remove(part, owner),
        None => false,
    }
}

/// A view whose query needs the view again, or something behind the rows such as a primary key it groups by: it is made as
/// a row of nulls first, and the rule replaces that.
pub(crate) fn view_rule_in_longer_loop(graph: &mut Graph<'_>, looped: &[usize], repairs: &mut Repairs) -> bool {
    let found = step(looped, |owner, part| {
        graph.node(owner).role == Role::View && matches!(graph.node(part).role, Role::Rule { is_view: true, .. })
    });
    let Some((view, rule)) = found.filter(|(owner, part)| is_inside(graph, *owner, *part)) else { return false };
    repairs.dummy_views.insert(graph.node(view).id);
    separate(graph, view, rule, repairs);
    after_the_rows(graph, rule);
    true
}

/// A check that calls a function which takes the table's row type: it is added behind the rows.
pub(crate) fn table_check_in_longer_loop(graph: &mut Graph<'_>, looped: &[usize], repairs: &mut Repairs) -> bool {
    let Some((table, check)) = inline_step(graph, looped, |role| matches!(role, Role::Check { .. })) else { return false };
    separate(graph, table, check, repairs);
    after_the_rows(graph, check);
    true
}

/// A check that calls a function which takes the domain: it is added behind the rows.
pub(crate) fn domain_check_in_longer_loop(graph: &mut Graph<'_>, looped: &[usize], repairs: &mut Repairs) -> bool {
    let Some((domain, check)) = inline_step(graph, looped, |role| matches!(role, Role::DomainCheck { .. })) else { return false };
    separate(graph, domain, check, repairs);
    after_the_rows(graph, check);
    true
}

/// A serial column: table, default, sequence, which hangs on the table. The default is set when the sequence is there, and
/// before the rows.
pub(crate) fn default_in_longer_loop(graph: &mut Graph<'_>, looped: &[usize], repairs: &mut Repairs) -> bool {
    let Some((table, default)) = inline_step(graph, looped, |role| matches!(role, Role::Default { .. })) else { return false };
    separate(graph, table, default, repairs);
    true
}

/// A materialized view that groups by a primary key, which comes behind the rows: it comes there too, and what needs it.
pub(crate) fn materialized_view_before_the_rows(graph: &mut Graph<'_>, looped: &[usize], repairs: &mut Repairs) -> bool {
    let has_one = looped.iter().any(|number| graph.node(*number).role == Role::MaterializedView);
    has_one && postpone(graph, looped, repairs)
}

/// A function with an SQL body that needs what comes behind the rows: it comes there too, and what needs it.
pub(crate) fn function_before_the_rows(graph: &mut Graph<'_>, looped: &[usize], repairs: &mut Repairs) -> bool {
    let has_one = looped.iter().any(|number| graph.node(*number).role == Role::Function);
    has_one && postpone(graph, looped, repairs)
}

/// Moves what follows the boundary before the rows to behind them. Relations that hold rows cannot go there.
fn postpone(graph: &mut Graph<'_>, looped: &[usize], repairs: &mut Repairs) -> bool {
    let found = step(looped, |boundary, next| {
        graph.node(boundary).role == Role::PreDataBoundary && !matches!(graph.node(next).role, Role::Table | Role::Sequence)
    });
    let Some((boundary, next)) = found.filter(|_| looped.len() > 2) else { return false };
    repairs.postponed.insert(graph.node(next).id);
    after_the_rows(graph, next);
    graph.remove(boundary, next)
}

/// Takes a part out of its owner: it needs the owner, and the owner no longer needs it.
fn separate(graph: &mut Graph<'_>, owner: usize, part: usize, repairs: &mut Repairs) {
    repairs.separate.insert(graph.node(part).id);
    graph.remove(owner, part);
    graph.add(part, owner);
}

fn after_the_rows(graph: &mut Graph<'_>, number: usize) {
    if let Some(boundary) = graph.number(POST_DATA_BOUNDARY) {
        graph.add(number, boundary);
    }
}

/// In a loop of more than two: an owner followed by a part of it whose role `fits`.
fn inline_step(graph: &Graph<'_>, looped: &[usize], fits: impl Fn(Role) -> bool) -> Option<(usize, usize)> {
    step(looped, |owner, part| fits(graph.node(part).role) && is_inside(graph, owner, part)).filter(|_| looped.len() > 2)
}

fn is_inside(graph: &Graph<'_>, owner: usize, part: usize) -> bool {
    let owner: ObjectId = graph.node(owner).id;
    graph.node(part).role.inside() == Some(owner)
}

/// The two nodes of a loop of two, in the order that `fits`.
fn pair(looped: &[usize], fits: impl Fn(usize, usize) -> bool) -> Option<(usize, usize)> {
    match *looped {
        [a, b] if fits(a, b) => Some((a, b)),
        [a, b] if fits(b, a) => Some((b, a)),
        _ => None,
    }
}

/// The first two neighbours in the loop that `fits`, the second being what the first needs.
fn step(looped: &[usize], fits: impl Fn(usize, usize) -> bool) -> Option<(usize, usize)> {
    let next = looped.iter().cycle().skip(1);
    looped.iter().zip(next).map(|(a, b)| (*a, *b)).find(|(a, b)| fits(*a, *b))
}
