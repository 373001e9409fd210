//! Ordering of 10 000 tables, each with a serial column, a primary key, an index and rows, and of a hundred views that group by
//! a primary key: 60 200 objects, with a loop for every table and every view. No server needed.

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use pgstream::catalog::{ObjectId, Part, Role, Section, class};
use pgstream::ordering::{Graph, Node, order_graph};

const TABLES: u32 = 10_000;

/// Objects, and pairs of (dependent, referenced).
struct Synthetic<'a> {
    nodes: Vec<Node<'a>>,
    dependencies: Vec<(ObjectId, ObjectId)>,
}

impl<'a> Synthetic<'a> {
    fn new(names: &'a [String]) -> Self {
        let mut graph = Self { nodes: Vec::new(), dependencies: Vec::new() };
        for (number, name) in (0..).zip(names) {
            graph.add_table(number, name);
            if number % 100 == 0 {
                graph.add_view(number, name);
            }
        }
        graph
    }

    fn add(&mut self, id: ObjectId, role: Role, section: Section, name: &'a str) {
        self.nodes.push(Node { id, role, section: Some(section), desc: "", schema: Some("s"), name, tie_break: "" });
    }

    fn add_table(&mut self, n: u32, name: &'a str) {
        let (table, sequence, index) =
            (ObjectId::relation(n), ObjectId::relation(n + TABLES), ObjectId::relation(n + 2 * TABLES));
        let (default, key) = (ObjectId::new(class::PG_ATTRDEF, n), ObjectId::new(class::PG_CONSTRAINT, n));
        self.add(table, Role::Table, Section::PreData, name);
        self.add(sequence, Role::Sequence, Section::PreData, name);
        self.add(default, Role::Default { table }, Section::PreData, name);
        self.add(table.part(Part::Data), Role::TableData, Section::Data, name);
        self.add(key, Role::Constraint, Section::PostData, name);
        self.add(index, Role::Index, Section::PostData, name);
        self.dependencies.extend([(table, default), (default, table), (default, sequence), (sequence, table)]);
        self.dependencies.extend([(table.part(Part::Data), table), (key, table), (index, table)]);
    }

    fn add_view(&mut self, n: u32, name: &'a str) {
        let (view, rule) = (ObjectId::relation(n + 3 * TABLES), ObjectId::new(class::PG_REWRITE, n));
        self.add(view, Role::View, Section::PreData, name);
        self.add(rule, Role::Rule { relation: view, is_view: true }, Section::PostData, name);
        let key = ObjectId::new(class::PG_CONSTRAINT, n);
        self.dependencies.extend([(view, rule), (rule, view), (rule, ObjectId::relation(n)), (rule, key)]);
    }
}

fn ordering(criterion: &mut Criterion) {
    let names: Vec<String> = (0..TABLES).map(|n| format!("table_{n}")).collect();
    let synthetic = Synthetic::new(&names);
    let graph = || Graph::new(synthetic.nodes.clone(), &synthetic.dependencies);
    let mut group = criterion.benchmark_group("10 000 tables");
    group.sample_size(10);
    group.bench_function("make the graph", |bencher| bencher.iter(graph));
    group.bench_function("order it", |bencher| bencher.iter_batched(graph, order_graph, BatchSize::PerIteration));
    group.finish();
}

criterion_group!(benches, ordering);
criterion_main!(benches);
