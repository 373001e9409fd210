//! The stable topological sort.

use std::collections::BinaryHeap;

use super::graph::Graph;

/// Every node after what it needs; otherwise as close to the wanted order as possible, seen from the end.
///
/// Works backwards: of the nodes that nothing unplaced needs, the last one goes to the end. O((n + e) log n).
///
/// # Errors
/// The nodes that could not be placed, ascending: those in loops, and what these need.
pub(super) fn sort(graph: &Graph<'_>) -> Result<Vec<usize>, Vec<usize>> {
    let mut waiting = vec![0_usize; graph.len()];
    for number in 0..graph.len() {
        for needed in graph.needs(number) {
            waiting[*needed] += 1;
        }
    }
    let mut free: BinaryHeap<usize> = (0..graph.len()).filter(|number| waiting[*number] == 0).collect();
    let mut placed = Vec::with_capacity(graph.len());
    while let Some(number) = free.pop() {
        placed.push(number);
        for needed in graph.needs(number) {
            waiting[*needed] -= 1;
            if waiting[*needed] == 0 {
                free.push(*needed);
            }
        }
    }
    if placed.len() < graph.len() {
        return Err((0..graph.len()).filter(|number| waiting[*number] > 0).collect());
    }
    placed.reverse();
    Ok(placed)
}
