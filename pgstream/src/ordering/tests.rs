//! The ordering and its repairs, on small graphs made by hand as `pg_depend` would give them.

use proptest::prelude::*;

use super::*;
use crate::catalog::{Section, class};

const CONSTRAINT: u32 = class::PG_CONSTRAINT;

fn node(id: ObjectId, role: Role, section: Section, name: &str) -> Node<'_> {
    Node { id, role, section: Some(section), desc: "THING", schema: Some("public"), name, tie_break: "" }
}

fn pre(id: ObjectId, role: Role, name: &str) -> Node<'_> {
    node(id, role, Section::PreData, name)
}

fn post(id: ObjectId, role: Role, name: &str) -> Node<'_> {
    node(id, role, Section::PostData, name)
}

const fn relation(oid: u32) -> ObjectId {
    ObjectId::relation(oid)
}

const fn function(oid: u32) -> ObjectId {
    ObjectId::new(class::PG_PROC, oid)
}

fn run(nodes: &[Node<'_>], dependencies: &[(ObjectId, ObjectId)]) -> Ordered {
    let ordered = order_graph(Graph::new(nodes.iter().copied(), dependencies));
    assert_eq!(ordered.order.len(), nodes.len(), "every object is in the order once");
    ordered
}

fn assert_before(ordered: &Ordered, first: ObjectId, then: ObjectId) {
    let place = |id| ordered.order.iter().position(|other| *other == id).expect("in the order");
    assert!(place(first) < place(then), "{first:?} stands behind {then:?} in {:?}", ordered.order);
}

fn assert_repairs(ordered: &Ordered, expected: Repairs) {
    assert_eq!(ordered.unresolved, []);
    assert_eq!(ordered.repairs, expected);
}

/// A table with rows, a primary key on it, and what the boundaries make of them.
fn table_with_key() -> (Vec<Node<'static>>, Vec<(ObjectId, ObjectId)>) {
    let (table, key) = (relation(1), ObjectId::new(CONSTRAINT, 2));
    let nodes = vec![
        pre(table, Role::Table, "t"),
        node(table.part(Part::Data), Role::TableData, Section::Data, "t"),
        post(key, Role::Constraint, "t_pkey"),
    ];
    (nodes, vec![(table.part(Part::Data), table), (key, table)])
}

#[test]
fn without_dependencies_roles_schemas_and_names_decide() {
    let in_none = Node { schema: None, ..pre(relation(4), Role::Table, "a") };
    let nodes = [
        post(relation(5), Role::Index, "a"),
        in_none,
        pre(relation(3), Role::Table, "a"),
        pre(relation(2), Role::Table, "Z"),
        pre(ObjectId::new(class::PG_NAMESPACE, 1), Role::Schema, "z"),
    ];
    let oids: Vec<u32> = run(&nodes, &[]).order.iter().map(|id| id.oid).collect();
    assert_eq!(oids, [1, 2, 3, 4, 5]);
}

#[test]
fn a_dependency_through_an_unknown_id_holds() {
    let (function, table, row_type) = (function(1), relation(2), ObjectId::data_type(3));
    let nodes = [pre(function, Role::Function, "f"), pre(table, Role::Table, "t")];
    assert_before(&run(&nodes, &[(function, row_type), (row_type, table)]), table, function);
}

#[test]
fn rows_stand_between_the_sections() {
    let (nodes, dependencies) = table_with_key();
    let oids: Vec<ObjectId> = run(&nodes, &dependencies).order;
    assert_eq!(oids, [relation(1), relation(1).part(Part::Data), ObjectId::new(CONSTRAINT, 2)]);
}

#[test]
fn the_rule_of_a_view_stays_inside_it() {
    let (view, rule) = (relation(1), ObjectId::new(class::PG_REWRITE, 2));
    let nodes = [
        pre(view, Role::View, "v"),
        post(rule, Role::Rule { relation: view, is_view: true }, "_RETURN"),
        pre(relation(3), Role::Table, "z"),
    ];
    let ordered = run(&nodes, &[(view, rule), (rule, view), (rule, relation(3))]);
    assert_repairs(&ordered, Repairs::default());
    assert_before(&ordered, relation(3), view);
}

#[test]
fn a_view_that_groups_by_a_primary_key_is_made_as_a_dummy() {
    let (mut nodes, mut dependencies) = table_with_key();
    let (view, rule, key) = (relation(5), ObjectId::new(class::PG_REWRITE, 6), ObjectId::new(CONSTRAINT, 2));
    nodes.push(pre(view, Role::View, "v"));
    nodes.push(post(rule, Role::Rule { relation: view, is_view: true }, "_RETURN"));
    dependencies.extend([(view, rule), (rule, view), (rule, relation(1)), (rule, key)]);
    let ordered = run(&nodes, &dependencies);
    assert_repairs(&ordered, Repairs { separate: [rule].into(), dummy_views: [view].into(), ..Repairs::default() });
    assert_before(&ordered, view, relation(1).part(Part::Data));
    assert_before(&ordered, key, rule);
}

#[test]
fn two_views_that_need_each_other_take_one_dummy() {
    let views = [relation(1), relation(2)];
    let rules = [ObjectId::new(class::PG_REWRITE, 1), ObjectId::new(class::PG_REWRITE, 2)];
    let rule = |n: usize| Role::Rule { relation: views[n], is_view: true };
    let nodes = [
        pre(views[0], Role::View, "a"),
        pre(views[1], Role::View, "b"),
        post(rules[0], rule(0), "_RETURN"),
        post(rules[1], rule(1), "_RETURN"),
    ];
    let dependencies = [
        (views[0], rules[0]),
        (rules[0], views[0]),
        (views[1], rules[1]),
        (rules[1], views[1]),
        (rules[0], views[1]),
        (rules[1], views[0]),
    ];
    let ordered = run(&nodes, &dependencies);
    assert_repairs(&ordered, Repairs { separate: [rules[0]].into(), dummy_views: [views[0]].into(), ..Repairs::default() });
    assert_before(&ordered, views[0], views[1]);
    assert_before(&ordered, views[1], rules[0]);
}

#[test]
fn materialized_views_on_a_primary_key_move_behind_the_rows() {
    let (mut nodes, mut dependencies) = table_with_key();
    let key = ObjectId::new(CONSTRAINT, 2);
    let views = [relation(5), relation(6)];
    for (view, name) in views.into_iter().zip(["a", "b"]) {
        let rule = ObjectId::new(class::PG_REWRITE, view.oid);
        nodes.push(pre(view, Role::MaterializedView, name));
        nodes.push(post(rule, Role::Rule { relation: view, is_view: true }, "_RETURN"));
        dependencies.extend([(view, rule), (rule, view)]);
    }
    // The first one reads the second, which groups by the key.
    dependencies.push((ObjectId::new(class::PG_REWRITE, 5), views[1]));
    dependencies.push((ObjectId::new(class::PG_REWRITE, 6), key));
    let ordered = run(&nodes, &dependencies);
    assert_repairs(&ordered, Repairs { postponed: views.into(), ..Repairs::default() });
    assert_before(&ordered, key, views[1]);
    assert_before(&ordered, views[1], views[0]);
}

#[test]
fn a_function_with_a_body_that_needs_a_primary_key_moves_behind_the_rows() {
    let (mut nodes, mut dependencies) = table_with_key();
    let key = ObjectId::new(CONSTRAINT, 2);
    nodes.push(pre(function(9), Role::Function, "f"));
    dependencies.push((function(9), key));
    let ordered = run(&nodes, &dependencies);
    assert_repairs(&ordered, Repairs { postponed: [function(9)].into(), ..Repairs::default() });
    assert_before(&ordered, key, function(9));
}

#[test]
fn a_default_that_calls_a_postponed_function_leaves_its_table_before_the_rows() {
    let (mut nodes, mut dependencies) = table_with_key();
    let (table, default, key) = (relation(1), ObjectId::new(class::PG_ATTRDEF, 3), ObjectId::new(CONSTRAINT, 2));
    nodes.push(pre(function(9), Role::Function, "f"));
    nodes.push(pre(default, Role::Default { table }, "t"));
    dependencies.extend([(function(9), key), (default, function(9)), (default, table), (table, default)]);
    let ordered = run(&nodes, &dependencies);
    let postponed = [function(9), default].into();
    assert_repairs(&ordered, Repairs { separate: [default].into(), postponed, ..Repairs::default() });
    assert_before(&ordered, table, table.part(Part::Data));
    assert_before(&ordered, function(9), default);
}

#[test]
fn a_check_of_its_own_columns_stays_inside_its_table() {
    let (table, check) = (relation(1), ObjectId::new(CONSTRAINT, 2));
    let nodes = [pre(table, Role::Table, "t"), post(check, Role::Check { table }, "c")];
    assert_repairs(&run(&nodes, &[(table, check), (check, table)]), Repairs::default());
}

#[test]
fn a_check_by_a_function_of_the_row_type_is_added_behind_the_rows() {
    let (table, check, row_type) = (relation(1), ObjectId::new(CONSTRAINT, 2), ObjectId::data_type(3));
    let rows = table.part(Part::Data);
    let nodes = [
        pre(table, Role::Table, "t"),
        node(rows, Role::TableData, Section::Data, "t"),
        pre(function(4), Role::Function, "f"),
        post(check, Role::Check { table }, "c"),
    ];
    let dependencies =
        [(table, check), (check, table), (check, function(4)), (function(4), row_type), (row_type, table), (rows, table)];
    let ordered = run(&nodes, &dependencies);
    assert_repairs(&ordered, Repairs { separate: [check].into(), ..Repairs::default() });
    assert_before(&ordered, table, function(4));
    assert_before(&ordered, rows, check);
}

#[test]
fn a_plain_default_stays_inside_its_table() {
    let (table, default) = (relation(1), ObjectId::new(class::PG_ATTRDEF, 2));
    let nodes = [pre(table, Role::Table, "t"), pre(default, Role::Default { table }, "t")];
    assert_repairs(&run(&nodes, &[(table, default), (default, table)]), Repairs::default());
}

#[test]
fn the_default_of_a_serial_column_comes_after_its_sequence_and_before_the_rows() {
    let (table, default, sequence) = (relation(1), ObjectId::new(class::PG_ATTRDEF, 2), relation(3));
    let rows = table.part(Part::Data);
    let nodes = [
        pre(table, Role::Table, "t"),
        pre(default, Role::Default { table }, "t"),
        pre(sequence, Role::Sequence, "t_id_seq"),
        node(rows, Role::TableData, Section::Data, "t"),
    ];
    let dependencies = [(table, default), (default, table), (default, sequence), (sequence, table), (rows, table)];
    let ordered = run(&nodes, &dependencies);
    assert_repairs(&ordered, Repairs { separate: [default].into(), ..Repairs::default() });
    assert_eq!(ordered.order, [table, sequence, default, rows]);
}

#[test]
fn a_check_of_a_domain_stays_inside_it() {
    let (domain, check) = (ObjectId::data_type(1), ObjectId::new(CONSTRAINT, 2));
    let nodes = [pre(domain, Role::Domain, "d"), post(check, Role::DomainCheck { domain }, "c")];
    assert_repairs(&run(&nodes, &[(domain, check), (check, domain)]), Repairs::default());
}

#[test]
fn a_check_of_a_domain_by_a_function_of_it_is_added_behind_the_rows() {
    let (domain, check) = (ObjectId::data_type(1), ObjectId::new(CONSTRAINT, 2));
    let nodes =
        [pre(domain, Role::Domain, "d"), pre(function(3), Role::Function, "f"), post(check, Role::DomainCheck { domain }, "c")];
    let ordered = run(&nodes, &[(domain, check), (check, domain), (check, function(3)), (function(3), domain)]);
    assert_repairs(&ordered, Repairs { separate: [check].into(), ..Repairs::default() });
    assert_eq!(ordered.order, [domain, function(3), check]);
}

#[test]
fn the_functions_of_a_base_type_are_declared_with_its_shell() {
    let (data_type, shell) = (ObjectId::data_type(1), ObjectId::data_type(1).part(Part::Shell));
    let nodes = [
        pre(data_type, Role::Type, "box3"),
        pre(shell, Role::ShellType, "box3"),
        pre(function(2), Role::Function, "box3_in"),
        pre(function(3), Role::Function, "box3_out"),
    ];
    let both = |f| [(data_type, f), (f, data_type)];
    let ordered = run(&nodes, &[both(function(2)), both(function(3))].concat());
    assert_repairs(&ordered, Repairs { shell_types: [data_type].into(), ..Repairs::default() });
    assert_eq!(ordered.order, [shell, function(2), function(3), data_type]);
}

#[test]
fn a_type_that_is_never_written_only_waits_for_its_functions() {
    let data_type = ObjectId::data_type(1);
    let nodes = [pre(function(2), Role::Function, "f")];
    assert_repairs(&run(&nodes, &[(data_type, function(2)), (function(2), data_type)]), Repairs::default());
}

#[test]
fn a_partition_key_that_needs_its_own_table_is_no_loop() {
    let table = relation(1);
    assert_repairs(&run(&[pre(table, Role::Table, "t")], &[(table, table)]), Repairs::default());
}

#[test]
fn a_loop_without_a_repair_is_named_and_broken_once() {
    let nodes = [pre(function(1), Role::Function, "f"), pre(function(2), Role::Function, "g")];
    let ordered = run(&nodes, &[(function(1), function(2)), (function(2), function(1))]);
    let names: Vec<String> = ordered.unresolved.iter().map(ToString::to_string).collect();
    assert_eq!(names, ["THING public.f, THING public.g"]);
    assert_eq!(ordered.repairs, Repairs::default());
}

#[test]
fn a_chain_of_a_hundred_thousand_needs_no_deep_stack() {
    let ids: Vec<ObjectId> = (1..=100_000).map(function).collect();
    let nodes: Vec<Node<'_>> = ids.iter().map(|id| pre(*id, Role::Function, "f")).collect();
    let mut dependencies: Vec<_> = ids.windows(2).map(|pair| (pair[0], pair[1])).collect();
    dependencies.push((ids[99_999], ids[0]));
    assert_eq!(run(&nodes, &dependencies).unresolved.len(), 1);
}

#[test]
fn rows_follow_those_that_they_reference() {
    let table = |oid: u32, name: &str| TableData {
        relation: oid,
        name: crate::name::QualifiedName::new("public", name),
        columns: Vec::new(),
        pages: 0,
        bytes: 0,
        relkind: 'r',
        is_unlogged: false,
        is_binary_safe: false,
        load_through: None,
    };
    let tables = [table(1, "a"), table(2, "b"), table(3, "c"), table(4, "d")];
    let keys = [(1, 2), (2, 2), (3, 4), (4, 3)].map(|(from, to)| (relation(from), relation(to)));
    let (order, loops) = order_table_data(&tables, &keys);
    let order: Vec<u32> = order.iter().map(|id| id.oid).collect();
    assert_eq!(order, [2, 1, 3, 4]);
    let names: Vec<String> = loops.iter().map(ToString::to_string).collect();
    assert_eq!(names, ["TABLE DATA public.c, TABLE DATA public.d"]);
}

/// Nodes and dependencies.
type RandomGraph = (Vec<(ObjectId, Role, Section)>, Vec<(ObjectId, ObjectId)>);

/// Nodes of random roles that fit together, and any dependencies between them.
fn any_graph() -> impl Strategy<Value = RandomGraph> {
    (2_u32..25).prop_flat_map(|count| {
        let roles = proptest::collection::vec(0_u8..9, count as usize);
        let edges = proptest::collection::vec((0..count, 0..count), 0..60);
        (roles, edges).prop_map(move |(roles, edges)| {
            let nodes = (0..count).zip(roles).map(|(oid, role)| any_node(oid, role)).collect();
            let id = |oid| relation(oid);
            (nodes, edges.into_iter().map(|(a, b)| (id(a), id(b))).collect())
        })
    })
}

fn any_node(oid: u32, role: u8) -> (ObjectId, Role, Section) {
    let owner = relation(oid.saturating_sub(1));
    let (role, section) = match role {
        0 => (Role::Table, Section::PreData),
        1 => (Role::View, Section::PreData),
        2 => (Role::MaterializedView, Section::PreData),
        3 => (Role::Function, Section::PreData),
        4 => (Role::Rule { relation: owner, is_view: true }, Section::PostData),
        5 => (Role::Default { table: owner }, Section::PreData),
        6 => (Role::Check { table: owner }, Section::PostData),
        7 => (Role::TableData, Section::Data),
        _ => (Role::Index, Section::PostData),
    };
    (relation(oid), role, section)
}

fn order_random(nodes: &[(ObjectId, Role, Section)], edges: &[(ObjectId, ObjectId)]) -> Ordered {
    order_graph(Graph::new(nodes.iter().map(|(id, role, section)| node(*id, *role, *section, "x")), edges))
}

/// Whether the order may ignore that `dependent` needs `referenced`, given what it reports.
fn is_excused(ordered: &Ordered, nodes: &[(ObjectId, Role, Section)], dependent: ObjectId, referenced: ObjectId) -> bool {
    let role = |id: ObjectId| nodes[id.oid as usize].1;
    let is_part = |part: ObjectId, owner: ObjectId| role(part).inside() == Some(owner);
    let is_reported = ordered.unresolved.iter().any(|l| l.dropped == (dependent, referenced));
    let is_taken_out = is_part(referenced, dependent) && ordered.repairs.separate.contains(&referenced);
    let is_kept_inside = is_part(dependent, referenced) && !ordered.repairs.separate.contains(&dependent);
    let is_index_pair = role(dependent) == Role::Index && role(referenced) == Role::Index;
    is_reported || is_taken_out || is_kept_inside || is_index_pair
}

proptest! {
    #[test]
    fn the_order_of_the_input_does_not_show((nodes, edges) in any_graph(), seed in any::<u64>()) {
        let mut shuffled = (nodes.clone(), edges.clone());
        let mut state = seed | 1;
        let mut next = |bound: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % bound
        };
        (1..shuffled.0.len()).for_each(|n| shuffled.0.swap(n, next(n + 1)));
        (1..shuffled.1.len()).for_each(|n| shuffled.1.swap(n, next(n + 1)));
        prop_assert_eq!(order_random(&nodes, &edges), order_random(&shuffled.0, &shuffled.1));
    }

    #[test]
    fn every_dependency_holds_unless_it_is_reported((nodes, edges) in any_graph()) {
        let ordered = order_random(&nodes, &edges);
        prop_assert_eq!(ordered.order.len(), nodes.len());
        let place = |id: ObjectId| ordered.order.iter().position(|other| *other == id);
        for (dependent, referenced) in edges {
            let holds = dependent == referenced || place(referenced) < place(dependent);
            prop_assert!(holds || is_excused(&ordered, &nodes, dependent, referenced), "{:?} {:?}", dependent, referenced);
        }
    }
}
