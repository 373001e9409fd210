//! Development aid: times the ordering of 10 000 tables, each with a serial column, a primary key, an index and rows, and
//! of a hundred views that group by a primary key. No server needed.
use std::time::Instant;

use pgstream::catalog::{ObjectId, Part, Role, Section, class};
use pgstream::ordering::{Graph, Node, order_graph};

const TABLES: u32 = 10_000;

fn main() {
    let names: Vec<String> = (0..TABLES).map(|n| format!("table_{n}")).collect();
    let (mut nodes, mut dependencies) = (Vec::new(), Vec::new());
    for (n, name) in (0..TABLES).zip(&names) {
        let mut add = |id, role, section| {
            nodes.push(Node { id, role, section: Some(section), desc: "", schema: Some("s"), name, tie_break: "" })
        };
        let (table, sequence, index) =
            (ObjectId::relation(n), ObjectId::relation(n + TABLES), ObjectId::relation(n + 2 * TABLES));
        let (default, key) = (ObjectId::new(class::PG_ATTRDEF, n), ObjectId::new(class::PG_CONSTRAINT, n));
        add(table, Role::Table, Section::PreData);
        add(sequence, Role::Sequence, Section::PreData);
        add(default, Role::Default { table }, Section::PreData);
        add(table.part(Part::Data), Role::TableData, Section::Data);
        add(key, Role::Constraint, Section::PostData);
        add(index, Role::Index, Section::PostData);
        dependencies.extend([(table, default), (default, table), (default, sequence), (sequence, table)]);
        dependencies.extend([(table.part(Part::Data), table), (key, table), (index, table)]);
        dependencies.extend([(ObjectId::data_type(n), table), (ObjectId::data_type(n + TABLES), ObjectId::data_type(n))]);
        if n % 100 == 0 {
            let (view, rule) = (ObjectId::relation(n + 3 * TABLES), ObjectId::new(class::PG_REWRITE, n));
            add(view, Role::View, Section::PreData);
            add(rule, Role::Rule { relation: view, is_view: true }, Section::PostData);
            dependencies.extend([(view, rule), (rule, view), (rule, table), (rule, key)]);
        }
    }
    let start = Instant::now();
    let graph = Graph::new(nodes, &dependencies);
    println!("graph of {} nodes in {:?}", graph.len(), start.elapsed());
    let ordered = order_graph(graph);
    println!(
        "{} objects in {:?}, {} separate, {} dummies, {} unresolved",
        ordered.order.len(),
        start.elapsed(),
        ordered.repairs.separate.len(),
        ordered.repairs.dummy_views.len(),
        ordered.unresolved.len()
    );
}
