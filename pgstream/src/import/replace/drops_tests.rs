use super::*;
use crate::import::replace::archive::Reach;

const CONSTRAINT: u32 = class::PG_CONSTRAINT;
const RELATION: u32 = class::PG_CLASS;
/// `pg_amop` and `pg_amproc`, which have no entries of their own.
const PG_AMOP: u32 = 2602;
const PG_AMPROC: u32 = 2603;

/// A graph of (catalog, kind, identity) and of edges by the places of their ends.
fn graph(nodes: &[(u32, &str, &str)], edges: &[(usize, usize, char)]) -> Graph {
    let node = |(number, (class, kind, identity)): (usize, &(u32, &str, &str))| Node {
        address: (*class, 16_384 + u32::try_from(number).unwrap()),
        kind: (*kind).into(),
        schema: identity.split_once('.').map(|(schema, _)| schema.into()),
        identity: (*identity).into(),
        is_index: *kind == "index",
        may_drop: true,
        ..Node::default()
    };
    let mut graph = Graph::new(nodes.iter().enumerate().map(node).collect());
    let edge = |(dependent, referenced, kind): &(usize, usize, char)| Edge {
        dependent: *dependent,
        column: 0,
        referenced: *referenced,
        referenced_column: 0,
        kind: *kind,
    };
    graph.edges = edges.iter().map(edge).collect();
    graph
}

/// An archive of these relations.
fn relations(names: &[&str]) -> Replacing {
    Replacing { relations: names.iter().map(|name| (*name).to_owned()).collect(), ..Replacing::default() }
}

#[test]
fn parts_go_with_their_tables_and_need_no_statement() {
    let target = graph(
        &[
            (RELATION, "table", "s.t"),
            (class::PG_TYPE, "type", "s.t"),
            (CONSTRAINT, "table constraint", "t_pkey on s.t"),
            (RELATION, "index", "s.t_pkey"),
            (RELATION, "sequence", "s.t_id_seq"),
            (class::PG_ATTRDEF, "default value", "for s.t.id"),
        ],
        &[(1, 0, 'i'), (2, 0, 'a'), (3, 2, 'i'), (4, 0, 'a'), (5, 0, 'a'), (5, 4, 'n')],
    );
    let plan = DropPlan::new(&target, &relations(&["s.t", "s.t_id_seq"]));
    assert_eq!(plan.statements, ["DROP TABLE s.t;\n"]);
    assert_eq!((plan.outside, plan.locks, plan.standing), (vec![], 6, vec![]));
}

#[test]
fn what_depends_is_dropped_first_and_one_kind_goes_together() {
    let target = graph(
        &[(RELATION, "table", "s.a"), (RELATION, "table", "s.b"), (RELATION, "view", "s.v"), (RELATION, "view", "s.w")],
        &[(1, 0, 'n'), (0, 1, 'n'), (2, 0, 'n'), (3, 2, 'n')],
    );
    let plan = DropPlan::new(&target, &relations(&["s.a", "s.b", "s.v", "s.w"]));
    assert_eq!(plan.statements, ["DROP VIEW s.w, s.v;\n", "DROP TABLE s.a, s.b;\n"]);
}

#[test]
fn a_circle_of_several_kinds_is_cut_by_cascade() {
    let target = graph(
        &[(RELATION, "table", "s.t"), (class::PG_PROC, "function", "s.f(s.t)"), (RELATION, "table", "s.u")],
        &[(1, 0, 'n'), (0, 1, 'n'), (2, 1, 'n')],
    );
    let mut replacing = relations(&["s.t", "s.u"]);
    replacing.routines.insert("s.f(s.t)".into());
    let plan = DropPlan::new(&target, &replacing);
    assert_eq!(
        plan.statements,
        ["DROP TABLE s.u;\n", "DROP TABLE IF EXISTS s.t CASCADE;\n", "DROP ROUTINE IF EXISTS s.f(s.t) CASCADE;\n"]
    );
}

#[test]
fn members_of_an_operator_family_go_with_it() {
    let target = graph(
        &[
            (class::PG_OPFAMILY, "operator family", "s.f USING btree"),
            (class::PG_OPCLASS, "operator class", "s.c USING btree"),
            (PG_AMOP, "operator of access method", "operator 1 (s.n, s.n) of s.f USING btree"),
            (PG_AMPROC, "function of access method", "function 1 (s.n, s.n) of s.f USING btree"),
        ],
        &[(1, 0, 'a'), (2, 0, 'a'), (3, 1, 'i')],
    );
    let mut replacing = Replacing::default();
    replacing.others.insert((class::PG_OPFAMILY, "s.f USING btree".into()));
    replacing.others.insert((class::PG_OPCLASS, "s.c USING btree".into()));
    let plan = DropPlan::new(&target, &replacing);
    assert_eq!(plan.statements, ["DROP OPERATOR CLASS s.c USING btree;\n", "DROP OPERATOR FAMILY s.f USING btree;\n"]);
    assert_eq!(plan.outside, Vec::<String>::new());
}

#[test]
fn event_triggers_go_before_they_can_fire() {
    let target = graph(
        &[
            (RELATION, "table", "s.t"),
            (class::PG_PROC, "function", "s.f()"),
            (class::PG_EVENT_TRIGGER, "event trigger", "\"E\""),
            (RELATION, "view", "s.v"),
        ],
        &[(2, 1, 'n'), (3, 0, 'n')],
    );
    let mut replacing = relations(&["s.t", "s.v"]);
    replacing.routines.insert("s.f()".into());
    replacing.others.insert((class::PG_EVENT_TRIGGER, "\"E\"".into()));
    let plan = DropPlan::new(&target, &replacing);
    assert_eq!(plan.statements[0], "DROP EVENT TRIGGER \"E\";\n", "{:?}", plan.statements);
    assert_eq!((plan.ends_event_trigger("E"), plan.ends_event_trigger("e")), (true, false));
}

#[test]
fn what_is_outside_is_named_with_what_it_depends_on() {
    let target = graph(
        &[
            (RELATION, "table", "s.t"),
            (RELATION, "view", "o.v"),
            (class::PG_REWRITE, "rule", "_RETURN on o.v"),
            (RELATION, "table", "o.u"),
            (CONSTRAINT, "table constraint", "k on o.u"),
        ],
        &[(2, 0, 'n'), (2, 1, 'i'), (4, 0, 'n'), (4, 3, 'a')],
    );
    let plan = DropPlan::new(&target, &relations(&["s.t"]));
    assert_eq!(plan.outside, ["table constraint k on o.u depends on table s.t", "view o.v depends on table s.t"]);
    let reach = Reach { cascade: true, ..Reach::default() };
    let plan = DropPlan::new(&target, &Replacing { reach, ..relations(&["s.t"]) });
    assert_eq!(plan.statements, ["DROP VIEW o.v CASCADE;\n", "DROP TABLE s.t CASCADE;\n"]);
    assert_eq!(plan.standing, [(RELATION, 16_387)], "the table of which only a key goes");
}

#[test]
fn what_the_source_lacks_stays_unless_it_is_pruned_and_extensions_always_do() {
    let target = graph(
        &[
            (RELATION, "table", "s.t"),
            (RELATION, "table", "s.old"),
            (RELATION, "table", "s.member"),
            (class::PG_EXTENSION, "extension", "x"),
            (RELATION, "table", "o.elsewhere"),
            (RELATION, "index", "s.old_index"),
        ],
        &[(2, 3, 'e'), (5, 1, 'a')],
    );
    let mut replacing = relations(&["s.t"]);
    replacing.schemas.insert("s".into());
    let plan = DropPlan::new(&target, &replacing);
    assert_eq!((plan.extra, plan.dropped.len()), (vec!["table s.old".to_owned()], 1));
    replacing.reach.prune = true;
    let plan = DropPlan::new(&target, &replacing);
    let dropped: Vec<String> = plan.dropped.iter().map(ToString::to_string).collect();
    assert_eq!((plan.extra, dropped), (vec![], vec!["table s.old".to_owned(), "table s.t".to_owned()]));
}

#[test]
fn names_that_something_else_keeps_are_in_the_way() {
    let target = graph(
        &[
            (RELATION, "table", "s.other"),
            (RELATION, "index", "s.i"),
            (RELATION, "table", "s.member"),
            (class::PG_EXTENSION, "extension", "x"),
        ],
        &[(1, 0, 'a'), (2, 3, 'e')],
    );
    let mut replacing = relations(&["s.member"]);
    replacing.indexes.insert("s.i".into());
    let plan = DropPlan::new(&target, &replacing);
    assert_eq!(plan.in_the_way, ["index s.i belongs to table s.other", "table s.member is a member of an extension"]);
    assert_eq!(plan.statements, Vec::<String>::new());
}
