//! One side of a comparison: a snapshot, and what is to be compared in it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::catalog::{Catalog, ObjectId, Part, Selection, SequenceData, Snapshot, TableData, class};
use crate::connection::{ConnectionConfig, StatementResult};
use crate::data::{SequenceValue, ValueReader};
use crate::error::{CatalogError, Error};
use crate::export::{end_report, identify};
use crate::name::QualifiedName;
use crate::progress::Run;
use crate::report::EndReport;

use super::VerifyOptions;

const RELATIONS: &str = include_str!("relations.sql");

const INCREMENTS: &str = "SELECT seqrelid, seqincrement FROM pg_catalog.pg_sequence";

/// A snapshot of one side, held.
pub(super) struct Side {
    pub(super) end: EndReport,
    pub(super) snapshot: Snapshot,
    pub(super) selection: Selection,
    pub(super) catalog: Catalog,
}

/// A table with all of its partitions, or a materialized view.
#[derive(Debug, Clone)]
pub(super) struct Whole {
    pub(super) is_view: bool,
    pub(super) is_populated: bool,
    /// Those that COPY reads, in order.
    pub(super) columns: Vec<String>,
    pub(super) generated: Vec<String>,
    /// Columns of type `"char"`, or of arrays of it (`true`).
    pub(super) chars: BTreeMap<String, bool>,
    /// The tables that hold the rows.
    pub(super) parts: Vec<TableData>,
}

impl Whole {
    pub(super) fn bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.bytes).sum()
    }
}

impl Side {
    pub(super) async fn hold(config: &ConnectionConfig, options: &VerifyOptions, run: &Run) -> Result<Self, Error> {
        let config = config.with_application_name(&format!("pgstream:{}", run.job()));
        let identity = identify(&config).await?;
        let how = options.snapshot().through_pooler(identity.is_pooled || config.is_pooled_hint());
        let (snapshot, selection, catalog) = Snapshot::take(&config, &options.filter, &how, run).await?;
        Ok(Self { end: end_report(&config, &identity), snapshot, selection, catalog })
    }

    /// Unlogged relations of a standby: what they hold is known to the primary only.
    pub(super) fn unreadable(&self) -> impl Iterator<Item = &QualifiedName> {
        let unlogged = self.selection.relations.iter().filter(|r| r.persistence == 'u' && self.selection.wants_data(r.oid));
        unlogged.filter(|_| self.is_standby()).map(|r| &r.name)
    }

    /// Everything that has rows, by name, less what one of the sides cannot read.
    pub(super) async fn wholes(
        &self,
        values: &mut ValueReader<'_>,
        unreadable: &BTreeSet<QualifiedName>,
    ) -> Result<BTreeMap<QualifiedName, Whole>, Error> {
        let answer = values.ask("the list of tables", RELATIONS).await?;
        let relations = answer.first().map(decode).transpose()?.unwrap_or_default();
        let names: HashMap<u32, QualifiedName> = relations.iter().map(|r| (r.oid, r.name.clone())).collect();
        let selected: HashSet<u32> = self.selection.relations.iter().map(|r| r.oid).collect();
        let mut wholes: BTreeMap<QualifiedName, Whole> = BTreeMap::new();
        let mut parts: Vec<(QualifiedName, TableData)> = Vec::new();
        for relation in relations {
            if !self.selection.wants_data(relation.oid) || unreadable.contains(&relation.name) {
                continue;
            }
            let root = relation.root.filter(|root| selected.contains(root)).unwrap_or(relation.oid);
            if relation.relkind != 'p' {
                parts.push((names[&root].clone(), relation.to_table_data()));
            }
            if root == relation.oid {
                wholes.insert(relation.name.clone(), relation.into_whole());
            }
        }
        for (root, part) in parts {
            if let Some(whole) = wholes.get_mut(&root) {
                whole.parts.push(part);
            }
        }
        Ok(wholes)
    }

    /// Where every sequence stands, by name, less those that one of the sides cannot read.
    pub(super) async fn sequences(
        &self,
        values: &mut ValueReader<'_>,
        unreadable: &BTreeSet<QualifiedName>,
    ) -> Result<BTreeMap<QualifiedName, SequenceValue>, Error> {
        let chosen = self.selection.relations.iter().filter(|r| r.relkind == 'S' && self.selection.wants_data(r.oid));
        let sequences: Vec<SequenceData> = chosen
            .filter(|r| !unreadable.contains(&r.name))
            .map(|r| SequenceData { relation: r.oid, name: r.name.clone() })
            .collect();
        let read = values.sequences(&sequences).await?;
        Ok(read.into_iter().map(|value| (value.name.clone(), value)).collect())
    }

    /// Whether the server is a standby.
    pub(super) fn is_standby(&self) -> bool {
        self.catalog.database.is_in_recovery
    }

    /// By how much each chosen sequence goes on, with its sign.
    pub(super) async fn increments(&self, values: &mut ValueReader<'_>) -> Result<BTreeMap<QualifiedName, i64>, Error> {
        let answer = values.ask("the increments of sequences", INCREMENTS).await?;
        let names: HashMap<u32, &QualifiedName> = self.selection.relations.iter().map(|r| (r.oid, &r.name)).collect();
        let result = answer.first();
        let rows = 0..result.map_or(0, |result| result.rows.len());
        let increment = |row| {
            let number = |column| result?.text(row, column);
            let name = names.get(&number(0)?.parse().ok()?)?;
            Some(((*name).clone(), number(1)?.parse().ok()?))
        };
        Ok(rows.filter_map(increment).collect())
    }

    /// The oids of all large objects that are chosen, in order.
    pub(super) fn large_objects(&self) -> Vec<u32> {
        let headers = self.catalog.objects.iter().map(|object| object.header());
        let is_bytes = |id: ObjectId| id.class == class::PG_LARGEOBJECT && id.part == Part::Data;
        let chosen = headers.filter(|h| is_bytes(h.id) && self.selection.wants(h, &self.catalog.members));
        let mut oids: Vec<u32> = chosen.map(|header| header.id.oid).collect();
        oids.sort_unstable();
        oids
    }
}

/// A row of `relations.sql`.
struct Relation {
    oid: u32,
    relkind: char,
    name: QualifiedName,
    root: Option<u32>,
    is_populated: bool,
    bytes: u64,
    columns: Vec<String>,
    generated: Vec<String>,
    chars: BTreeMap<String, bool>,
}

impl Relation {
    fn to_table_data(&self) -> TableData {
        TableData {
            relation: self.oid,
            name: self.name.clone(),
            columns: self.columns.clone(),
            pages: self.bytes / 8192,
            bytes: self.bytes,
            relkind: self.relkind,
            is_binary_safe: false,
            is_unlogged: false,
            load_through: None,
        }
    }

    fn into_whole(self) -> Whole {
        let (columns, generated, chars) = (self.columns, self.generated, self.chars);
        Whole { is_view: self.relkind == 'm', is_populated: self.is_populated, columns, generated, chars, parts: Vec::new() }
    }
}

fn decode(result: &StatementResult) -> Result<Vec<Relation>, CatalogError> {
    (0..result.rows.len())
        .map(|row| {
            let problem = |column: &'static str| CatalogError::Decode {
                query: "relations.sql",
                column,
                problem: "it is not what was asked for".into(),
            };
            let text = |at: usize, column: &'static str| result.text(row, at).ok_or_else(|| problem(column));
            let number = |at: usize, column: &'static str| text(at, column)?.parse::<u64>().map_err(|_| problem(column));
            let names = |at: usize, column: &'static str| serde_json::from_str(text(at, column)?).map_err(|_| problem(column));
            let chars = serde_json::from_str(text(9, "chars")?).map_err(|_| problem("chars"))?;
            Ok(Relation {
                oid: u32::try_from(number(0, "oid")?).map_err(|_| problem("oid"))?,
                relkind: text(1, "relkind")?.chars().next().unwrap_or_default(),
                name: QualifiedName::new(text(2, "schema")?, text(3, "name")?),
                root: result.text(row, 4).and_then(|oid| oid.parse().ok()),
                is_populated: text(5, "is_populated")? == "t",
                bytes: number(6, "bytes")?,
                columns: names(7, "columns")?,
                generated: names(8, "generated")?,
                chars,
            })
        })
        .collect()
}
