//! What has to be dropped so that an archive can be made, and what stands in the way. Pure.
//!
//! The server's own rules decide what goes along with what ("Dependency Tracking" in its manual): a part (an index, a default, a
//! trigger, the type of a row) goes with what it is a part of; an internal part cannot go alone, so what it belongs to goes.
//! Whatever would go, and is neither in the archive nor part of something that is, stands *outside*: it is named, and goes only
//! if that was asked for.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::catalog::class;
use crate::ddl;
use crate::ordering;

use super::archive::Replacing;
use super::graph::{Address, Edge, Graph, Node};
use super::statements;

/// Why something is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Reason {
    /// The source has it, too, or something of another kind by its name.
    Replaced,
    /// The source does not have it (`--prune`).
    Pruned,
    /// It depends on something that goes (`--cascade`).
    Dependent,
}

/// One thing that is dropped, with all of its parts.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Dropped {
    /// The server's word for its kind: `table`, `view`, `function` …
    pub kind: String,
    /// Its name, quoted where SQL needs it: `public.f(integer)`.
    pub name: String,
    /// Why it goes.
    pub reason: Reason,
}

impl std::fmt::Display for Dropped {
    /// On one line, whatever the name holds: `table public.film`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kind, crate::name::display_part(&self.name))
    }
}

/// What is dropped in a target, and what was found on the way.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct DropPlan {
    /// What goes, in the order of going; parts that go with what they belong to left out.
    pub dropped: Vec<Dropped>,
    /// What is outside of the archive and depends on what goes: `view a.v depends on table a.t`.
    pub outside: Vec<String>,
    /// What keeps the archive from being made, whatever is allowed.
    pub in_the_way: Vec<String>,
    /// What the source does not have, and stays.
    pub extra: Vec<String>,
    /// Parts that the source does not have and that go with their tables.
    pub lost_parts: Vec<String>,
    /// What goes and is not ours to drop.
    pub not_ours: Vec<String>,
    /// Schemas of the archive that are there, and stay.
    pub kept_schemas: BTreeSet<String>,
    /// Locks that dropping takes.
    pub locks: u64,
    /// The statements.
    pub(crate) statements: Vec<String>,
    /// Tables that go: `pg_class.oid`, and the name as SQL writes it.
    pub(crate) tables: Vec<(u32, String)>,
    /// What must be there when all of this is gone.
    pub(crate) standing: Vec<Address>,
}

impl DropPlan {
    /// Whether it drops an event trigger, and does so before anything that it might fire on.
    pub(crate) fn ends_event_trigger(&self, name: &str) -> bool {
        let name = ddl::identifier(name);
        self.dropped.iter().any(|dropped| dropped.kind == EVENT_TRIGGER && dropped.name == name)
    }

    /// Plans it.
    pub(crate) fn new(target: &Graph, replacing: &Replacing) -> Self {
        let mut closure = Closure::new(target);
        closure.start(replacing);
        let extra = closure.find_extra(replacing);
        if replacing.reach.prune {
            extra.iter().for_each(|number| closure.begin(*number, Reason::Pruned));
        }
        closure.close();
        closure.check_names(replacing);
        closure.finish(replacing, if replacing.reach.prune { Vec::new() } else { extra })
    }
}

/// The word behind `DROP` for kinds that stand for themselves.
pub(super) fn drop_word(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "table" => "TABLE",
        "view" => "VIEW",
        "materialized view" => "MATERIALIZED VIEW",
        "foreign table" => "FOREIGN TABLE",
        "sequence" => "SEQUENCE",
        "type" => "TYPE",
        "function" | "procedure" | "aggregate" => "ROUTINE",
        "schema" => "SCHEMA",
        "collation" => "COLLATION",
        "conversion" => "CONVERSION",
        "operator" => "OPERATOR",
        "operator class" => "OPERATOR CLASS",
        "operator family" => "OPERATOR FAMILY",
        "statistics object" => "STATISTICS",
        "text search parser" => "TEXT SEARCH PARSER",
        "text search dictionary" => "TEXT SEARCH DICTIONARY",
        "text search template" => "TEXT SEARCH TEMPLATE",
        "text search configuration" => "TEXT SEARCH CONFIGURATION",
        "cast" => "CAST",
        "transform" => "TRANSFORM",
        "language" => "LANGUAGE",
        "access method" => "ACCESS METHOD",
        "foreign-data wrapper" => "FOREIGN DATA WRAPPER",
        "server" => "SERVER",
        "publication" => "PUBLICATION",
        "event trigger" => "EVENT TRIGGER",
        _ => return None,
    })
}

/// Kinds that `DROP` does not know.
const WITHOUT_STATEMENT: [&str; 2] = ["large object", "default acl"];

/// Kinds that name a table, and are a part of it only if the table's end is theirs.
const OWNED: [&str; 2] = ["sequence", "statistics object"];

/// Kinds in no schema that have no name of their own, by which a script could tell them. They go with the types that they are about.
const UNNAMED: [&str; 2] = ["cast", "transform"];

/// What a publication publishes: a part of the publication, not of the table.
const PUBLISHED: [&str; 2] = ["publication relation", "publication namespace"];

const EVENT_TRIGGER: &str = "event trigger";

/// Kinds that live in no schema.
const WITHOUT_SCHEMA: [&str; 10] = [
    "large object",
    "schema",
    "cast",
    "transform",
    "language",
    "access method",
    "foreign-data wrapper",
    "server",
    "publication",
    EVENT_TRIGGER,
];

/// Parts that somebody made on purpose, and may miss.
const NOTABLE: [&str; 5] = ["index", "trigger", "rule", "policy", "statistics object"];

struct Closure<'g> {
    graph: &'g Graph,
    /// By node: the edges that come in.
    incoming: Vec<Vec<usize>>,
    /// By node: what it cannot be dropped without.
    internal: Vec<Option<usize>>,
    /// By node: what it is a part of.
    holder: Vec<Option<usize>>,
    is_member: Vec<bool>,
    /// By node: whether all of it goes.
    going: Vec<bool>,
    columns: HashSet<(usize, i32)>,
    /// What the caller asked for.
    chosen: HashMap<usize, Reason>,
    /// What goes because of something else: node, column, and what else.
    reached: Vec<(usize, i32, usize)>,
    open: Vec<(usize, i32)>,
    in_the_way: BTreeSet<String>,
    memberships: BTreeSet<String>,
}

impl<'g> Closure<'g> {
    fn new(graph: &'g Graph) -> Self {
        let count = graph.nodes.len();
        let mut incoming = vec![Vec::new(); count];
        let mut internal = vec![None; count];
        let mut holder = vec![None; count];
        for (place, edge) in graph.edges.iter().enumerate() {
            incoming[edge.referenced].push(place);
            if edge.kind == 'i' {
                internal[edge.dependent].get_or_insert(edge.referenced);
            }
            if is_part_of(graph, edge) {
                holder[edge.dependent].get_or_insert(edge.referenced);
            }
        }
        for (number, owner) in internal.iter().enumerate() {
            holder[number] = owner.or(holder[number]);
        }
        Self {
            graph,
            incoming,
            internal,
            holder,
            is_member: graph.members(),
            going: vec![false; count],
            columns: HashSet::new(),
            chosen: HashMap::new(),
            reached: Vec::new(),
            open: Vec::new(),
            in_the_way: BTreeSet::new(),
            memberships: BTreeSet::new(),
        }
    }

    fn node(&self, number: usize) -> &'g Node {
        &self.graph.nodes[number]
    }

    /// What an object is a part of in the end; itself if it stands alone.
    fn root(&self, number: usize) -> usize {
        let mut root = number;
        // A chain of parts is short; what would run in a circle ends somewhere in it.
        for _ in 0..8 {
            match self.holder[root] {
                Some(holder) => root = holder,
                None => break,
            }
        }
        root
    }

    fn begin(&mut self, number: usize, reason: Reason) {
        if !self.going[number] {
            self.going[number] = true;
            self.chosen.insert(number, reason);
            self.open.push((number, 0));
        }
    }

    /// Chooses what the archive has by name, whatever its kind.
    fn start(&mut self, replacing: &Replacing) {
        let mut parts = Vec::new();
        for number in 0..self.graph.nodes.len() {
            let node = self.node(number);
            let has = |names: &BTreeSet<String>| names.contains(&node.identity);
            let is_named = match node.address.0 {
                class::PG_CLASS if node.is_index || node.kind == "toast table" => false,
                class::PG_CLASS if node.kind == "sequence" => has(&replacing.relations) || has(&replacing.indexes),
                class::PG_CLASS => has(&replacing.relations) || has(&replacing.indexes) || has(&replacing.types),
                class::PG_TYPE if self.internal[number].is_none() => has(&replacing.types) || has(&replacing.relations),
                class::PG_PROC => has(&replacing.routines),
                class => {
                    let stands_alone = drop_word(&node.kind).is_some() || WITHOUT_STATEMENT.contains(&node.kind.as_str());
                    stands_alone && replacing.others.contains(&(class, node.identity.clone()))
                }
            };
            if is_named && self.is_member[number] {
                self.in_the_way.insert(format!("{} is a member of an extension", node.describe()));
            } else if is_named && node.address.0 != class::PG_DEFAULT_ACL && self.root(number) != number {
                parts.push(number);
            } else if is_named {
                self.begin(number, Reason::Replaced);
            }
        }
        for part in parts {
            self.start_part(part);
        }
    }

    /// Something of the archive's name is a part of something else: a sequence that a table owns, a composite type's relation.
    fn start_part(&mut self, part: usize) {
        let root = self.root(part);
        if self.going[root] {
            return;
        }
        if self.node(part).kind == "composite type" {
            self.begin(root, Reason::Replaced);
        } else if self.internal[part].is_none() {
            self.begin(part, Reason::Replaced);
        } else {
            self.in_the_way.insert(format!("{} belongs to {}", self.node(part).describe(), self.node(root).describe()));
        }
    }

    /// What is covered and the source does not have.
    fn find_extra(&self, replacing: &Replacing) -> Vec<usize> {
        let is_extra = |number: &usize| {
            let node = self.node(*number);
            let is_covered = match (node.kind.as_str(), &node.schema) {
                ("large object", _) => replacing.covers_all || replacing.covers_large_objects,
                (kind, _) if WITHOUT_SCHEMA.contains(&kind) => replacing.covers_all,
                ("default acl", _) => replacing.covers_all && !replacing.reach.keeps_privileges,
                (kind, Some(schema)) if drop_word(kind).is_some() => {
                    replacing.covers_all && !schema.starts_with("pg_") || replacing.schemas.contains(schema)
                }
                _ => false,
            };
            is_covered
                && !node.is_hosted
                && !self.is_member[*number]
                && !self.going[*number]
                && (self.root(*number) == *number || node.kind == "default acl")
                && !replacing.is_at_source(node.address.0, &node.identity)
        };
        (0..self.graph.nodes.len()).filter(is_extra).collect()
    }

    fn close(&mut self) {
        while let Some((number, column)) = self.open.pop() {
            for place in 0..self.incoming[number].len() {
                let edge = self.graph.edges[self.incoming[number][place]];
                if column == 0 || edge.referenced_column == column {
                    self.reach(edge);
                }
            }
        }
    }

    fn reach(&mut self, edge: Edge) {
        if matches!(edge.kind, 'e' | 'x') {
            return;
        }
        let (mut number, mut column) = (edge.dependent, edge.column);
        if self.node(number).kind == "subscription" {
            let (what, on) = (self.node(number).describe(), self.node(edge.referenced).describe());
            self.memberships.insert(format!("{what} fills {on}"));
            return;
        }
        while let Some(owner) = self.internal[number].filter(|owner| *owner != edge.referenced && !self.going[*owner]) {
            (number, column) = (owner, 0);
        }
        // The server has columns of relations only; what else has a number goes as a whole.
        if self.node(number).address.0 != class::PG_CLASS {
            column = 0;
        }
        if self.going[number] || (column != 0 && !self.columns.insert((number, column))) {
            return;
        }
        if column == 0 {
            self.going[number] = true;
        }
        self.reached.push((number, column, edge.referenced));
        self.open.push((number, column));
    }

    /// Names that the archive needs and that something keeps which stays.
    fn check_names(&mut self, replacing: &Replacing) {
        for (number, node) in self.graph.nodes.iter().enumerate() {
            let is_wanted = node.is_index
                && (replacing.indexes.contains(&node.identity) || replacing.relations.contains(&node.identity))
                && !self.going[number];
            if is_wanted {
                let holder = self.node(self.root(number)).describe();
                self.in_the_way.insert(format!("{} belongs to {holder}", node.describe()));
            }
        }
    }

    /// Whether what was reached is a part of something that goes as a whole.
    fn goes_along(&self, number: usize) -> bool {
        let root = self.root(number);
        root != number && self.going[root]
    }

    fn finish(mut self, replacing: &Replacing, extra: Vec<usize>) -> DropPlan {
        let mut plan = DropPlan::default();
        let mut outside = std::mem::take(&mut self.memberships);
        let mut needs_cascade = false;
        for (number, column, cause) in std::mem::take(&mut self.reached) {
            if self.goes_along(number) {
                continue;
            }
            let node = self.node(number);
            if replacing.is_by_words && UNNAMED.contains(&node.kind.as_str()) {
                self.chosen.insert(number, Reason::Pruned);
                continue;
            }
            let what = if column == 0 { node.describe() } else { format!("a column of {}", node.describe()) };
            outside.insert(format!("{what} depends on {}", self.node(self.root(cause)).describe()));
            if self.is_member[number] || node.address.0 == class::PG_EXTENSION {
                self.in_the_way.insert(format!("{what} belongs to an extension and depends on {}", self.node(cause).describe()));
            } else if column == 0 && drop_word(&node.kind).is_some() && self.root(number) == number {
                self.chosen.insert(number, Reason::Dependent);
            } else {
                needs_cascade = true;
            }
        }
        plan.outside = outside.into_iter().collect();
        plan.extra = extra.into_iter().filter(|n| !self.going[*n]).map(|n| self.node(n).describe()).collect();
        plan.extra.sort();
        let names: BTreeSet<&String> = self.graph.schemas.iter().map(|schema| &schema.name).collect();
        plan.kept_schemas = replacing.schemas.iter().filter(|name| names.contains(name)).cloned().collect();
        self.describe_going(replacing, &mut plan);
        let order = self.order();
        plan.dropped = order.iter().flatten().map(|number| self.dropped(*number)).collect();
        plan.statements = statements::drops(self.graph, &order, needs_cascade);
        plan.in_the_way = self.in_the_way.into_iter().collect();
        plan
    }

    fn dropped(&self, number: usize) -> Dropped {
        let node = self.node(number);
        Dropped { kind: node.kind.clone(), name: node.identity.clone(), reason: self.chosen[&number] }
    }

    fn describe_going(&self, replacing: &Replacing, plan: &mut DropPlan) {
        for (number, node) in self.graph.nodes.iter().enumerate() {
            if !self.going[number] {
                plan.standing.push(node.address);
                continue;
            }
            plan.locks += 1;
            if node.kind == "table" {
                plan.tables.push((node.address.1, node.identity.clone()));
            }
            if !node.may_drop && self.chosen.contains_key(&number) {
                plan.not_ours.push(node.describe());
            }
            let is_part = self.goes_along(number) && self.internal[number].is_none();
            let is_lost = is_part && NOTABLE.contains(&node.kind.as_str()) && node.schema.as_deref() != Some("pg_toast");
            if is_lost && !replacing.is_by_words && !replacing.is_at_source(node.address.0, &node.identity) {
                plan.lost_parts.push(node.describe());
            }
        }
        plan.lost_parts.sort();
        plan.not_ours.sort();
    }

    /// What is dropped, in groups that need each other; what depends comes before what it depends on.
    fn order(&self) -> Vec<Vec<usize>> {
        let mut units: Vec<usize> = self.chosen.keys().copied().collect();
        units.sort_unstable();
        let place_of: HashMap<usize, usize> = units.iter().enumerate().map(|(place, number)| (*number, place)).collect();
        let unit_of = |mut number: usize| {
            for _ in 0..8 {
                match (place_of.get(&number), self.holder[number]) {
                    (Some(place), _) => return Some(*place),
                    (None, Some(holder)) => number = holder,
                    (None, None) => return None,
                }
            }
            None
        };
        let mut needs = vec![Vec::new(); units.len()];
        for edge in &self.graph.edges {
            if let (Some(dependent), Some(referenced)) = (unit_of(edge.dependent), unit_of(edge.referenced))
                && dependent != referenced
            {
                needs[dependent].push(referenced);
            }
        }
        let mut groups = ordering::groups(&needs);
        groups.reverse();
        // They would fire on all that follows, nothing needs one, and none fires on this. A stable sort.
        groups.sort_by_key(|group| group.iter().any(|place| self.node(units[*place]).kind != EVENT_TRIGGER));
        groups.into_iter().map(|group| group.into_iter().map(|place| units[place]).collect()).collect()
    }
}

/// Whether the dependent goes with the referenced because it is a part of it.
fn is_part_of(graph: &Graph, edge: &Edge) -> bool {
    let (dependent, referenced) = (&graph.nodes[edge.dependent], &graph.nodes[edge.referenced]);
    if !matches!(edge.kind, 'a' | 'S') {
        return false;
    }
    if PUBLISHED.contains(&dependent.kind.as_str()) {
        return referenced.address.0 == class::PG_PUBLICATION;
    }
    let stands_alone = drop_word(&dependent.kind).is_some() && !OWNED.contains(&dependent.kind.as_str());
    let can_hold = match referenced.address.0 {
        class::PG_CLASS => !referenced.is_index,
        // An operator or a function that was added to a family is held by nothing else.
        class::PG_TYPE | class::PG_OPCLASS | class::PG_OPFAMILY => true,
        class::PG_NAMESPACE => dependent.kind == "default acl",
        _ => false,
    };
    can_hold && !stands_alone
}

#[cfg(test)]
#[path = "drops_tests.rs"]
mod tests;
