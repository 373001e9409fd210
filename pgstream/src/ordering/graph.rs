//! What depends on what, without names of kinds: nodes in the order that is wanted, and what each needs.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

use crate::catalog::{ObjectId, Role, Section};

/// Everything before the rows has to be there.
pub(super) const PRE_DATA_BOUNDARY: ObjectId = ObjectId::new(0, 1);
/// Every row has to be there.
pub(super) const POST_DATA_BOUNDARY: ObjectId = ObjectId::new(0, 2);

/// An object as the ordering sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node<'a> {
    /// Identity.
    pub id: ObjectId,
    /// The part it plays: decides its priority and which repairs fit it.
    pub role: Role,
    /// When it is made; `None` for what is never written and may stand anywhere.
    pub section: Option<Section>,
    /// The word in an archive's table of contents, for reports.
    pub desc: &'a str,
    /// The schema's name; objects of a schema come before those of none.
    pub schema: Option<&'a str>,
    /// The name; names compare bytewise.
    pub name: &'a str,
    /// What tells two objects of one role, schema and name apart.
    pub tie_break: &'a str,
}

impl<'a> Node<'a> {
    /// An id that only `pg_depend` knows.
    pub fn pass_through(id: ObjectId) -> Self {
        Self { id, role: Role::PassThrough, section: None, desc: "", schema: None, name: "", tie_break: "" }
    }

    fn boundary(id: ObjectId, role: Role, name: &'a str) -> Self {
        Self { name, role, ..Self::pass_through(id) }
    }

    /// Whether it is an object and not a helper of the ordering.
    pub fn is_object(&self) -> bool {
        !matches!(self.role, Role::PassThrough | Role::PreDataBoundary | Role::PostDataBoundary)
    }

    fn sort_key(&self) -> (u8, bool, Option<&'a str>, &'a str, &'a str, ObjectId) {
        (self.role.priority(), self.schema.is_none(), self.schema, self.name, self.tie_break, self.id)
    }

    /// How a report calls it.
    pub fn describe(&self) -> String {
        match (self.is_object(), self.schema) {
            (true, Some(schema)) => format!("{} {schema}.{}", self.desc, self.name),
            (true, None) => format!("{} {}", self.desc, self.name),
            (false, _) if self.role == Role::PassThrough => format!("oid {} of catalog {}", self.id.oid, self.id.class),
            (false, _) => self.name.to_owned(),
        }
    }
}

/// Nodes by number, in the order that is wanted when dependencies allow it, and what each needs.
///
/// The numbers follow from the nodes alone: neither the order of nodes nor that of edges in the input shows.
#[derive(Debug, Clone)]
pub struct Graph<'a> {
    nodes: Vec<Node<'a>>,
    by_id: HashMap<ObjectId, usize, Mixing>,
    needs: Vec<Vec<usize>>,
}

impl<'a> Graph<'a> {
    /// A graph of `nodes` and the pairs of (dependent, referenced) in `dependencies`, with the two boundaries between
    /// the sections. An id without a node becomes one that is never written; what depends on itself is no dependency.
    pub fn new(nodes: impl IntoIterator<Item = Node<'a>>, dependencies: &[(ObjectId, ObjectId)]) -> Self {
        let boundaries = [
            Node::boundary(PRE_DATA_BOUNDARY, Role::PreDataBoundary, "the start of the rows"),
            Node::boundary(POST_DATA_BOUNDARY, Role::PostDataBoundary, "the end of the rows"),
        ];
        let mut graph = Self::without_boundaries(nodes.into_iter().chain(boundaries), dependencies);
        graph.connect_boundaries();
        graph
    }

    /// As [`Graph::new`], with no boundaries.
    pub fn without_boundaries(nodes: impl IntoIterator<Item = Node<'a>>, dependencies: &[(ObjectId, ObjectId)]) -> Self {
        let mut known: HashSet<ObjectId, Mixing> = HashSet::default();
        let mut nodes: Vec<Node<'a>> = nodes.into_iter().filter(|node| known.insert(node.id)).collect();
        for id in dependencies.iter().flat_map(|(dependent, referenced)| [*dependent, *referenced]) {
            if known.insert(id) {
                nodes.push(Node::pass_through(id));
            }
        }
        nodes.sort_unstable_by(|a, b| a.sort_key().cmp(&b.sort_key()));
        let by_id: HashMap<ObjectId, usize, Mixing> = nodes.iter().enumerate().map(|(number, node)| (node.id, number)).collect();
        let mut needs = vec![Vec::new(); nodes.len()];
        for (dependent, referenced) in dependencies.iter().filter(|(dependent, referenced)| dependent != referenced) {
            needs[by_id[dependent]].push(by_id[referenced]);
        }
        for list in &mut needs {
            list.sort_unstable();
            list.dedup();
        }
        Self { nodes, by_id, needs }
    }

    fn connect_boundaries(&mut self) {
        let (pre, post) = (self.by_id[&PRE_DATA_BOUNDARY], self.by_id[&POST_DATA_BOUNDARY]);
        for number in 0..self.nodes.len() {
            match self.nodes[number].section {
                _ if self.is_inline(number) => {}
                Some(Section::PreData) => self.needs[pre].push(number),
                Some(Section::Data) => {
                    self.needs[number].push(pre);
                    self.needs[post].push(number);
                }
                Some(Section::PostData) => self.needs[number].push(post),
                None => {}
            }
            self.needs[number].sort_unstable();
        }
        self.needs[post].push(pre);
        self.needs[pre].sort_unstable();
        self.needs[post].sort_unstable();
    }

    /// Whether it is part of another object for now (a check of its table, a rule of its view) and so in no section.
    fn is_inline(&self, number: usize) -> bool {
        self.nodes[number].role.inside().and_then(|owner| self.number(owner)).is_some_and(|owner| self.has(owner, number))
            && !matches!(self.nodes[number].role, Role::Default { .. })
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The number of an object.
    pub fn number(&self, id: ObjectId) -> Option<usize> {
        self.by_id.get(&id).copied()
    }

    /// The node with a number.
    pub fn node(&self, number: usize) -> &Node<'a> {
        &self.nodes[number]
    }

    /// What a node needs, in ascending order.
    pub fn needs(&self, number: usize) -> &[usize] {
        &self.needs[number]
    }

    /// What each node needs, by number.
    pub(super) fn all_needs(&self) -> &[Vec<usize>] {
        &self.needs
    }

    /// Whether `dependent` needs `referenced`.
    pub fn has(&self, dependent: usize, referenced: usize) -> bool {
        self.needs[dependent].binary_search(&referenced).is_ok()
    }

    /// Adds a dependency; one that is there already, or of a node on itself, changes nothing.
    pub fn add(&mut self, dependent: usize, referenced: usize) {
        if let Err(place) = self.needs[dependent].binary_search(&referenced)
            && dependent != referenced
        {
            self.needs[dependent].insert(place, referenced);
        }
    }

    /// Takes a dependency away; returns whether it was there.
    pub fn remove(&mut self, dependent: usize, referenced: usize) -> bool {
        let place = self.needs[dependent].binary_search(&referenced);
        if let Ok(place) = place {
            self.needs[dependent].remove(place);
        }
        place.is_ok()
    }
}

/// Hashes object ids by multiplication: oids come from the server's counter and not from somebody who wants collisions,
/// and there are hundreds of thousands of lookups.
type Mixing = BuildHasherDefault<MixingHasher>;

#[derive(Default)]
struct MixingHasher(u64);

impl Hasher for MixingHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(u64::from(value));
    }

    fn write_isize(&mut self, value: isize) {
        self.write_u64(value.cast_unsigned() as u64);
    }

    fn write_u64(&mut self, value: u64) {
        // An odd constant with no pattern: 2^64 divided by the golden ratio.
        self.0 = (self.0.rotate_left(5) ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}
