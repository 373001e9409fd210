//! What a database holds, without reading its rows.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use crate::catalog::{Catalog, Filter, NameScope, Selection, read, select};
use crate::connection::{Connection, ConnectionConfig, pin_settings};
use crate::error::{CatalogError, Error};
use crate::guard::DatabaseIdentity;
use crate::name::QualifiedName;
use crate::progress::{Phase, Run};
use crate::report::{EndReport, Failure, TargetState};

use super::end_report;
use super::write::unless_cancelled;

const SQL: &str = include_str!("inspect.sql");

/// What a database holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct InspectReport {
    /// The database and its server.
    pub database: EndReport,
    /// The encoding's name.
    pub encoding: String,
    /// `LC_COLLATE` of the database.
    pub collation: String,
    /// Whether the server is a standby.
    pub is_in_recovery: bool,
    /// Whether a pooler stands between us and the server.
    pub is_pooled: bool,
    /// The size of the database in bytes, indexes included.
    pub bytes: u64,
    /// About how many bytes of rows an export reads: the size of the chosen tables without their indexes.
    pub expected_export_bytes: u64,
    /// How many objects of each kind the filter chooses, by the kind's name.
    pub kinds: Vec<KindCount>,
    /// The chosen tables and materialized views, largest first.
    pub tables: Vec<TableFacts>,
    /// The names of the extensions, in order.
    pub extensions: Vec<String>,
    /// What cannot be carried yet: each kind with its objects.
    pub unsupported: BTreeMap<String, Vec<String>>,
    /// What keeps this role from exporting: tables and sequences that it may not read, each with the reason.
    pub problems: Vec<String>,
    /// What was warned of, in order.
    pub warnings: Vec<String>,
}

/// How many objects there are of a kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct KindCount {
    /// The kind, as in the table of contents of an archive: `TABLE`, `FK CONSTRAINT` …
    pub kind: String,
    /// How many.
    pub count: u64,
}

/// What is known of a table without reading it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TableFacts {
    /// The schema, unquoted.
    pub schema: String,
    /// The name, unquoted.
    pub name: String,
    /// `pg_class.relkind`.
    pub relkind: char,
    /// The planner's estimate of its rows; `None` before the first VACUUM or ANALYZE.
    pub estimated_rows: Option<u64>,
    /// Heap and TOAST, in bytes.
    pub table_bytes: u64,
    /// With its indexes, in bytes.
    pub total_bytes: u64,
}

/// Looks at the database at `source`: facts, counts, sizes, and what would stand in the way of an export. Takes no locks but those
/// of catalog queries.
///
/// # Errors
/// A [`Failure`] when the server cannot be reached or asked, or `filter` matches nothing.
///
/// # Cancellation
/// Dropping the future, or cancelling the run, closes the session.
pub async fn inspect(source: &ConnectionConfig, filter: &Filter, run: &Run) -> Result<InspectReport, Failure> {
    run.enter(Phase::Preflight);
    let report = unless_cancelled(run, look(source, filter, run)).await;
    report.map_err(|error| Failure::new(error, TargetState::Untouched, run))
}

async fn look(source: &ConnectionConfig, filter: &Filter, run: &Run) -> Result<InspectReport, Error> {
    let connection = Connection::open(source).await?;
    let identity = DatabaseIdentity::read(&connection).await?;
    let scope = NameScope::read(&connection).await?;
    let pins = pin_settings(connection.version(), connection.is_sql_ascii());
    connection.batch(&format!("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; {pins}")).await?;
    let selection = select(&connection, filter, &scope).await?;
    let relations = selection.oids();
    let params: [(&(dyn ToSql + Sync), Type); 1] = [(&relations, Type::OID_ARRAY)];
    let (catalog, sizes) = tokio::join!(read(&connection, &relations), connection.query(SQL, &params));
    let (catalog, sizes) = (catalog?, sizes?);
    connection.close().await;
    let mut report = describe(end_report(source, &identity), &catalog, &selection);
    report.is_pooled = identity.is_pooled;
    report.add_sizes(&selection, &sizes)?;
    report.warnings = run.warnings();
    Ok(report)
}

fn describe(database: EndReport, catalog: &Catalog, selection: &Selection) -> InspectReport {
    let headers = || catalog.objects.iter().map(|object| object.header());
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for header in headers().filter(|header| header.address.is_some() && selection.wants(header, &catalog.members)) {
        *counts.entry(header.desc).or_default() += 1;
    }
    let extensions = headers().filter(|header| header.desc == "EXTENSION").map(|header| header.name.clone());
    InspectReport {
        database,
        encoding: catalog.database.encoding.clone(),
        collation: catalog.database.collation.clone(),
        is_in_recovery: catalog.database.is_in_recovery,
        is_pooled: false,
        bytes: catalog.database.bytes,
        expected_export_bytes: 0,
        kinds: counts.into_iter().map(|(kind, count)| KindCount { kind: kind.to_owned(), count }).collect(),
        tables: Vec::new(),
        extensions: extensions.collect(),
        unsupported: catalog.unsupported.iter().map(|kind| (kind.kind.clone(), kind.names.clone())).collect(),
        problems: Vec::new(),
        warnings: Vec::new(),
    }
}

impl InspectReport {
    fn add_sizes(&mut self, selection: &Selection, rows: &[Row]) -> Result<(), CatalogError> {
        let names: BTreeMap<u32, &QualifiedName> = selection.relations.iter().map(|r| (r.oid, &r.name)).collect();
        for row in rows {
            let Some(name) = names.get(&column::<u32>(row, "oid")?) else { continue };
            let relkind = char::from(column::<i8>(row, "relkind")?.cast_unsigned());
            if !column::<bool>(row, "is_readable")? && relkind != 'v' && relkind != 'p' {
                self.problems.push(format!("{name} cannot be read: the role lacks the SELECT privilege"));
            } else if column::<bool>(row, "is_row_restricted")? {
                self.problems.push(format!("{name} cannot be read whole: its row security applies to the role"));
            }
            if !matches!(relkind, 'r' | 'm') {
                continue;
            }
            let table_bytes = column::<i64>(row, "table_bytes")?.unsigned_abs();
            if relkind == 'r' && selection.wants_data(column(row, "oid")?) {
                self.expected_export_bytes += table_bytes;
            }
            let estimate = column::<f64>(row, "estimated_rows")?;
            self.tables.push(TableFacts {
                schema: name.schema.clone(),
                name: name.name.clone(),
                relkind,
                // -1 since 14, 0 before: never looked at.
                estimated_rows: (estimate > 0.0 || table_bytes == 0).then_some(estimate.max(0.0) as u64),
                table_bytes,
                total_bytes: column::<i64>(row, "total_bytes")?.unsigned_abs(),
            });
        }
        self.tables.sort_by(|a, b| (b.total_bytes, &a.schema, &a.name).cmp(&(a.total_bytes, &b.schema, &b.name)));
        Ok(())
    }
}

fn column<'a, T: tokio_postgres::types::FromSql<'a>>(row: &'a Row, name: &'static str) -> Result<T, CatalogError> {
    row.try_get(name).map_err(|e| CatalogError::Decode { query: "inspect.sql", column: name, problem: e.to_string() })
}
