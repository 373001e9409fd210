//! Which objects of a database are wanted, once patterns have become oids and names. Pure.

use std::collections::{HashMap, HashSet};

use crate::error::CatalogError;
use crate::name::QualifiedName;

use super::kind::Record;
use super::object::{ObjectHeader, ObjectId, class};
use super::role::Role;

/// A relation that can be chosen, as the list before the locks has it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RelationRow {
    /// `pg_class.oid`.
    pub oid: u32,
    /// Schema and name.
    pub name: QualifiedName,
    /// `pg_class.relkind`: `r`, `p`, `v`, `m`, `S` or `f`.
    pub relkind: char,
    /// `pg_class.relpersistence`: `p` or `u`.
    pub persistence: char,
    /// Whether it is a partition.
    pub is_partition: bool,
    /// `pg_class.relfilenode` as the snapshot has it; 0 for what has no file.
    pub filenode: u32,
    /// `pg_relation_filenode` as of now: another value than `filenode` means that the relation was rewritten meanwhile.
    pub current_filenode: Option<u32>,
    /// For a sequence: the table that owns it.
    pub owner_table: Option<u32>,
    /// For a sequence: whether it makes the values of an identity column.
    pub is_identity: bool,
}

impl RelationRow {
    pub(super) fn decode(row: Record<'_>) -> Result<Self, CatalogError> {
        Ok(Self {
            oid: row.get("oid")?,
            name: QualifiedName::new(row.get::<String>("schema")?, row.get::<String>("name")?),
            relkind: row.char("relkind")?,
            persistence: row.char("persistence")?,
            is_partition: row.get("is_partition")?,
            filenode: row.get("filenode")?,
            current_filenode: row.get("current_filenode")?,
            owner_table: row.get("owner_table")?,
            is_identity: row.get("is_identity")?,
        })
    }
}

/// What the options about one kind of thing matched.
#[derive(Debug, Clone)]
pub(super) struct Choice<T> {
    /// `None` when no such option was given.
    pub(super) include: Option<HashSet<T>>,
    pub(super) exclude: HashSet<T>,
}

impl<T> Default for Choice<T> {
    fn default() -> Self {
        Self { include: None, exclude: HashSet::new() }
    }
}

/// What all options matched.
#[derive(Debug, Clone, Default)]
pub(super) struct Choices {
    pub(super) tables: Choice<u32>,
    pub(super) schemas: Choice<String>,
    pub(super) extensions: Choice<String>,
    pub(super) excluded_data: HashSet<u32>,
}

impl Choices {
    fn includes_everything(&self) -> bool {
        self.tables.include.is_none() && self.schemas.include.is_none() && self.extensions.include.is_none()
    }

    /// Whether the contents of a schema are wanted, leaving tables aside.
    fn wants_schema(&self, name: &str) -> bool {
        let is_included = match (&self.tables.include, &self.schemas.include) {
            (Some(_), _) => return false,
            (None, Some(include)) => include.contains(name),
            (None, None) => !is_system_schema(name),
        };
        is_included && !self.schemas.exclude.contains(name)
    }

    fn wants_relation(&self, relation: &RelationRow) -> bool {
        let is_included = match &self.tables.include {
            Some(include) => include.contains(&relation.oid),
            None => self.wants_schema(&relation.name.schema),
        };
        is_included && !self.tables.exclude.contains(&relation.oid)
    }

    fn wants_extension(&self, name: &str) -> bool {
        let is_included = match &self.extensions.include {
            Some(include) => include.contains(name),
            None => self.includes_everything(),
        };
        is_included && !self.extensions.exclude.contains(name)
    }
}

fn is_system_schema(name: &str) -> bool {
    name.starts_with("pg_") || name == "information_schema"
}

/// The objects that a filter chose in one database.
#[derive(Debug, Clone)]
pub struct Selection {
    /// The wanted relations, by schema and name: what there is to lock.
    pub relations: Vec<RelationRow>,
    choices: Choices,
    wanted: HashSet<u32>,
}

impl Selection {
    pub(super) fn new(all: Vec<RelationRow>, choices: Choices) -> Self {
        let mut wanted: HashSet<u32> = all.iter().filter(|relation| choices.wants_relation(relation)).map(|r| r.oid).collect();
        for sequence in &all {
            let Some(table) = sequence.owner_table else { continue };
            if wanted.contains(&table) {
                wanted.insert(sequence.oid);
            } else if sequence.is_identity {
                // It cannot be made without its table's column.
                wanted.remove(&sequence.oid);
            }
        }
        let relations = all.into_iter().filter(|relation| wanted.contains(&relation.oid)).collect();
        Self { relations, choices, wanted }
    }

    /// The oids of the wanted relations.
    pub fn oids(&self) -> Vec<u32> {
        self.relations.iter().map(|relation| relation.oid).collect()
    }

    /// Whether an object is wanted; `members` are the objects that came with an extension, as the catalog has them.
    pub fn wants(&self, header: &ObjectHeader, members: &HashMap<ObjectId, ObjectId>) -> bool {
        let itself = ObjectId::new(header.id.class, header.id.oid);
        if members.contains_key(&itself) || header.belongs_to.is_some_and(|owner| members.contains_key(&owner)) {
            return false;
        }
        if matches!(header.role, Role::PublishedTable | Role::PublishedSchema) && !self.choices.includes_everything() {
            // What it would be added to is not there.
            return false;
        }
        if let Some(relation) = relation_of(header) {
            return self.wanted.contains(&relation);
        }
        match (header.role, &header.schema) {
            (Role::Extension, _) => self.choices.wants_extension(&header.name),
            (Role::Schema, _) => self.choices.wants_schema(&header.name),
            (_, Some(schema)) => self.choices.wants_schema(schema),
            (_, None) => self.choices.includes_everything(),
        }
    }

    /// Whether the rows of a relation are wanted.
    pub fn wants_data(&self, relation: u32) -> bool {
        self.wanted.contains(&relation) && !self.choices.excluded_data.contains(&relation)
    }
}

/// The relation that decides about an object: itself, or the one that it belongs to. A sequence decides for itself.
fn relation_of(header: &ObjectHeader) -> Option<u32> {
    if matches!(header.role, Role::Sequence | Role::SequenceOwnedBy | Role::SequenceValue) {
        return Some(header.id.oid);
    }
    let inside = match header.role {
        Role::Rule { relation, .. } => Some(relation),
        role => role.inside(),
    };
    let owner = header.belongs_to.or(inside).filter(|owner| owner.class == class::PG_CLASS);
    let itself = Some(header.id).filter(|id| id.class == class::PG_CLASS);
    owner.or(itself).map(|id| id.oid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Part, Section};

    fn relation(oid: u32, schema: &str, relkind: char) -> RelationRow {
        RelationRow {
            oid,
            name: QualifiedName::new(schema, format!("r{oid}")),
            relkind,
            persistence: 'p',
            is_partition: false,
            filenode: oid,
            current_filenode: Some(oid),
            owner_table: None,
            is_identity: false,
        }
    }

    /// Tables 1 and 2 in `a`, 3 in `b`; sequence 4 in `b` owned by 1; identity sequence 5 of 2; a system table.
    fn all() -> Vec<RelationRow> {
        vec![
            relation(1, "a", 'r'),
            relation(2, "a", 'r'),
            relation(3, "b", 'v'),
            RelationRow { owner_table: Some(1), ..relation(4, "b", 'S') },
            RelationRow { owner_table: Some(2), is_identity: true, ..relation(5, "a", 'S') },
            relation(6, "pg_catalog", 'r'),
        ]
    }

    fn tables(include: Option<&[u32]>, exclude: &[u32]) -> Choice<u32> {
        Choice { include: include.map(|oids| oids.iter().copied().collect()), exclude: exclude.iter().copied().collect() }
    }

    fn names(include: Option<&[&str]>, exclude: &[&str]) -> Choice<String> {
        let set = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        Choice { include: include.map(set), exclude: set(exclude) }
    }

    #[test]
    fn options_choose_relations() {
        let cases: &[(&str, Choices, &[u32])] = &[
            ("nothing given", Choices::default(), &[1, 2, 3, 4, 5]),
            ("-n b", Choices { schemas: names(Some(&["b"]), &[]), ..Choices::default() }, &[3, 4]),
            (
                "-n a brings owned sequences of b",
                Choices { schemas: names(Some(&["a"]), &[]), ..Choices::default() },
                &[1, 2, 4, 5],
            ),
            ("-N a", Choices { schemas: names(None, &["a"]), ..Choices::default() }, &[3, 4]),
            ("-t 1", Choices { tables: tables(Some(&[1]), &[]), ..Choices::default() }, &[1, 4]),
            ("-T 2 takes its identity along", Choices { tables: tables(None, &[2]), ..Choices::default() }, &[1, 3, 4]),
            ("-t 1 -t 2 -T 1", Choices { tables: tables(Some(&[1, 2]), &[1]), ..Choices::default() }, &[2, 5]),
            (
                "-t 3 wins over -n a and -N b",
                Choices { tables: tables(Some(&[3]), &[]), schemas: names(Some(&["a"]), &["b"]), ..Choices::default() },
                &[3],
            ),
            ("-n pg_catalog", Choices { schemas: names(Some(&["pg_catalog"]), &[]), ..Choices::default() }, &[6]),
            ("-e x", Choices { extensions: names(Some(&["x"]), &[]), ..Choices::default() }, &[1, 2, 3, 4, 5]),
        ];
        for (what, choices, expected) in cases {
            assert_eq!(Selection::new(all(), choices.clone()).oids(), *expected, "{what}");
        }
    }

    fn header(id: ObjectId, role: Role, schema: Option<&str>, belongs_to: Option<ObjectId>) -> ObjectHeader {
        let mut header = ObjectHeader::new(id, role, "THING", Section::PreData, "x");
        header.schema = schema.map(str::to_owned);
        header.belongs_to = belongs_to;
        header
    }

    /// In this order: a function in `a`, schema `x`, extension `x`, a cast, an index of 1, an index of 3, a check of 1.
    fn headers() -> Vec<ObjectHeader> {
        let other = |class| ObjectId::new(class, 100);
        let check = Role::Check { table: ObjectId::relation(1) };
        vec![
            header(other(class::PG_PROC), Role::Function, Some("a"), None),
            header(other(class::PG_NAMESPACE), Role::Schema, None, None),
            header(other(class::PG_EXTENSION), Role::Extension, None, None),
            header(other(class::PG_CAST), Role::Cast, None, None),
            header(ObjectId::relation(101), Role::Index, Some("a"), Some(ObjectId::relation(1))),
            header(ObjectId::relation(102), Role::Index, Some("b"), Some(ObjectId::relation(3))),
            header(other(class::PG_CONSTRAINT), check, Some("a"), None),
        ]
    }

    #[test]
    fn options_choose_what_is_no_relation() {
        let cases: &[(&str, Choices, [bool; 7])] = &[
            ("nothing given", Choices::default(), [true; 7]),
            (
                "-n a",
                Choices { schemas: names(Some(&["a"]), &[]), ..Choices::default() },
                [true, false, false, false, true, false, true],
            ),
            (
                "-t 1",
                Choices { tables: tables(Some(&[1]), &[]), ..Choices::default() },
                [false, false, false, false, true, false, true],
            ),
            (
                "-n a -e x",
                Choices { schemas: names(Some(&["a"]), &[]), extensions: names(Some(&["x"]), &[]), ..Choices::default() },
                [true, false, true, false, true, false, true],
            ),
            (
                "--exclude-extension x",
                Choices { extensions: names(None, &["x"]), ..Choices::default() },
                [true, true, false, true, true, true, true],
            ),
            ("-N x", Choices { schemas: names(None, &["x"]), ..Choices::default() }, [true, false, true, true, true, true, true]),
        ];
        for (what, choices, expected) in cases {
            let selection = Selection::new(all(), choices.clone());
            let wanted: Vec<bool> = headers().iter().map(|header| selection.wants(header, &HashMap::new())).collect();
            assert_eq!(wanted, expected, "{what}");
        }
    }

    #[test]
    fn members_of_extensions_and_what_hangs_on_them_are_left_to_the_extension() {
        let selection = Selection::new(all(), Choices::default());
        let members = HashMap::from([(ObjectId::relation(1), ObjectId::new(class::PG_EXTENSION, 9))]);
        let table = header(ObjectId::relation(1), Role::Table, Some("a"), None);
        let rows = header(ObjectId::relation(1).part(Part::Data), Role::TableData, Some("a"), None);
        let index = header(ObjectId::relation(101), Role::Index, Some("a"), Some(ObjectId::relation(1)));
        for object in [table, rows, index] {
            assert!(!selection.wants(&object, &members), "{:?}", object.role);
        }
    }

    #[test]
    fn excluded_rows_leave_the_definition() {
        let selection = Selection::new(all(), Choices { excluded_data: [1].into(), ..Choices::default() });
        let table = header(ObjectId::relation(1), Role::Table, Some("a"), None);
        assert!(selection.wants(&table, &HashMap::new()));
        assert_eq!([1, 2, 99].map(|oid| selection.wants_data(oid)), [false, true, false]);
    }
}
