//! Asks the two ends. Every question is sent without waiting for the answer to the one before; nothing is decided and nothing is
//! written here.

use std::collections::BTreeMap;

use futures_util::future::{try_join, try_join_all};
use tokio_postgres::types::{ToSql, Type};

use crate::catalog::kind::{CatalogQuery, Record, Rows, catalog_query};
use crate::catalog::version_tags;
use crate::connection::{Connection, ServerVersion};
use crate::ddl::Ddl;
use crate::error::CatalogError;
use crate::import::{DropPlan, Graph, emptiness};
use crate::name::QualifiedName;

use super::disk::{self, DataPlace};
use super::facts::{
    AvailableExtension, ConnectionFacts, LocaleFacts, RelationFacts, RoleFacts, ServerFacts, SourceFacts, TargetFacts,
};
use super::wanted::Wanted;

const VERSION: CatalogQuery = catalog_query!("version.sql");
const SERVER: CatalogQuery = catalog_query!("server.sql");
const SOURCE: [CatalogQuery; 5] = [
    catalog_query!("source_relations.sql"),
    catalog_query!("source_large_objects.sql"),
    catalog_query!("source_extensions.sql"),
    catalog_query!("source_indexes.sql"),
    catalog_query!("source_locks.sql"),
];
const TARGET: [CatalogQuery; 6] = [
    catalog_query!("target_roles.sql"),
    catalog_query!("target_extensions.sql"),
    catalog_query!("target_names.sql"),
    catalog_query!("target_event_triggers.sql"),
    catalog_query!("target_prepared.sql"),
    catalog_query!("target_relations.sql"),
];

/// A value and its type.
type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// What answers like PostgreSQL and is not: the word in `version()`, and the name for people.
const LOOK_ALIKES: [(&str, &str); 6] = [
    ("CockroachDB", "CockroachDB"),
    ("Redshift", "Amazon Redshift"),
    ("-YB-", "YugabyteDB"),
    ("Greenplum", "Greenplum"),
    ("Cloudberry", "Apache Cloudberry"),
    ("Materialize", "Materialize"),
];

/// The name of what is not PostgreSQL, from what `version()` says.
pub(super) fn look_alike(version_text: &str) -> Option<&'static str> {
    LOOK_ALIKES.iter().find(|(word, _)| version_text.contains(word)).map(|(_, name)| *name)
}

/// Asks the source.
pub(super) async fn source(connection: &Connection, wanted: &Wanted) -> Result<SourceFacts, CatalogError> {
    let oids = Type::OID_ARRAY;
    let [tables, sequences]: [Parameter<'_>; 2] = [(&wanted.tables, oids.clone()), (&wanted.sequences, oids)];
    let parameters = [vec![tables.clone(), sequences], vec![], vec![], vec![tables.clone()], vec![tables]];
    let (server, answers) = match try_join(server(connection), ask_all(connection, SOURCE, parameters)).await {
        Ok(answers) => answers,
        Err(e) => return stranger(connection, e).await.map(SourceFacts::of_stranger),
    };
    let [relations, large_objects, extensions, indexes, locks] = &answers;
    let mut facts = SourceFacts::of_stranger(server.0);
    for row in relations.iter() {
        let name: String = row.get("name")?;
        if row.get("is_unreadable")? {
            facts.unreadable.push(name);
        } else if row.get("is_filtered")? {
            facts.filtered.push(name);
        }
    }
    facts.unreadable_large_objects = match wanted.large_objects {
        0 => 0,
        _ => only(large_objects)?.get::<i64>("unreadable")?.unsigned_abs(),
    };
    for row in extensions.iter() {
        facts.extensions.insert(row.get("name")?, row.get("version")?);
    }
    facts.index_bytes = only(indexes)?.get::<i64>("bytes")?.unsigned_abs();
    for row in locks.iter() {
        facts.locked.push((row.get("name")?, row.get("pid")?));
    }
    Ok(facts)
}

/// Asks the target.
pub(super) async fn target(connection: &Connection, wanted: &Wanted) -> Result<TargetFacts, CatalogError> {
    let roles: Vec<&String> = wanted.roles.keys().collect();
    let extensions: Vec<&String> = wanted.extensions.keys().collect();
    let names = [&wanted.tablespaces, &wanted.access_methods, &wanted.languages, &wanted.collations];
    let names: Vec<Vec<&String>> = names.into_iter().map(|names| names.iter().collect()).collect();
    let names: Vec<Parameter<'_>> = names.iter().map(|n| (n as &(dyn ToSql + Sync), Type::TEXT_ARRAY)).collect();
    let (schemas, relations): (Vec<&String>, Vec<&String>) = wanted.existing.keys().map(|(s, n)| (s, n)).unzip();
    let list = |list| vec![(list, Type::TEXT_ARRAY)];
    let existing: Vec<Parameter<'_>> = vec![(&schemas, Type::TEXT_ARRAY), (&relations, Type::TEXT_ARRAY)];
    let parameters = [list(&roles as _), list(&extensions as _), names, vec![], vec![], existing];
    let asked = try_join(ask_all(connection, TARGET, parameters), emptiness::contents(connection));
    let ((server, place), (answers, contents)) = match try_join(server(connection), asked).await {
        Ok(answers) => answers,
        Err(e) => return stranger(connection, e).await.map(TargetFacts::of_stranger),
    };
    let mut facts = TargetFacts::of_stranger(server);
    facts.contents = contents;
    facts.free_bytes = disk::free_bytes(&place);
    decode_target(&answers, &mut facts)?;
    if let Some(replacing) = &wanted.replacing {
        facts.drops = Some(DropPlan::new(&Graph::read(connection).await?, replacing));
    }
    let tables = decode_relations(&answers[5], &mut facts)?;
    ask_for_rows(connection, tables, &mut facts).await?;
    Ok(facts)
}

fn decode_target(answers: &[Rows; 6], facts: &mut TargetFacts) -> Result<(), CatalogError> {
    let [roles, extensions, names, event_triggers, prepared, _] = answers;
    for row in roles.iter() {
        facts.roles.insert(row.get("name")?, row.get("can_set")?);
    }
    for row in extensions.iter() {
        let extension = AvailableExtension {
            version: row.get("version")?,
            is_installed: row.get("is_installed")?,
            needs_superuser: row.get("needs_superuser")?,
            is_trusted: row.get("is_trusted")?,
            schema: row.get("schema")?,
        };
        facts.extensions.insert(row.get("name")?, extension);
    }
    for row in names.iter() {
        facts.names.insert((row.get("kind")?, row.get("name")?), row.get("is_usable")?);
    }
    for row in event_triggers.iter() {
        facts.event_triggers.push((row.get("name")?, row.char("enabled")?));
    }
    for row in prepared.iter() {
        facts.prepared.push(row.get("gid")?);
    }
    Ok(())
}

/// A table by schema and name, and whether it is partitioned.
type Table = ((String, String), bool);

/// Gives the tables that can be read.
fn decode_relations(rows: &Rows, facts: &mut TargetFacts) -> Result<Vec<Table>, CatalogError> {
    let mut tables = Vec::new();
    for row in rows.iter() {
        let name: (String, String) = (row.get("schema")?, row.get("name")?);
        let triggers: Vec<String> = row.get("triggers")?;
        let split = |trigger: String| Some((trigger.get(1..)?.to_owned(), trigger.chars().next()?));
        let relation = RelationFacts {
            columns: row.get("columns")?,
            is_usable: row.get("is_usable")?,
            has_rows: false,
            triggers: triggers.into_iter().filter_map(split).collect(),
        };
        if relation.is_usable && row.get("is_table")? {
            tables.push((name.clone(), row.get("is_partitioned")?));
        }
        facts.relations.insert(name, relation);
    }
    Ok(tables)
}

/// Whether tables have rows: their own, unless they are partitioned.
async fn ask_for_rows(connection: &Connection, tables: Vec<Table>, facts: &mut TargetFacts) -> Result<(), CatalogError> {
    let question = |((schema, name), is_partitioned): &Table| {
        let mut sql = Ddl::new();
        sql.sql("SELECT pg_catalog.count(*) FROM (SELECT FROM ").sql(if *is_partitioned { "" } else { "ONLY " });
        sql.name(&QualifiedName::new(schema.clone(), name.clone()));
        sql.sql(" LIMIT 1) AS rows");
        sql.into_string()
    };
    let questions: Vec<String> = tables.iter().map(question).collect();
    let answers = try_join_all(questions.iter().map(|sql| connection.query(sql, &[]))).await?;
    for ((table, _), rows) in tables.iter().zip(answers) {
        let rows = Rows { query: "target_relations.sql", rows };
        let count: i64 = only(&rows)?.get("count")?;
        facts.relations.entry(table.clone()).and_modify(|relation| relation.has_rows = count > 0);
    }
    Ok(())
}

async fn ask_all<const N: usize>(
    connection: &Connection,
    queries: [CatalogQuery; N],
    parameters: [Vec<Parameter<'_>>; N],
) -> Result<[Rows; N], CatalogError> {
    let asked = queries.iter().zip(&parameters).map(|(query, parameters)| ask(connection, *query, parameters));
    let answers: Vec<Rows> = try_join_all(asked).await?;
    Ok(answers.try_into().expect("there is one answer per query"))
}

async fn ask(connection: &Connection, query: CatalogQuery, parameters: &[Parameter<'_>]) -> Result<Rows, CatalogError> {
    let sql = version_tags::for_version(query.sql, connection.version().major());
    Ok(Rows { query: query.name, rows: connection.query(&sql, parameters).await? })
}

fn only(rows: &Rows) -> Result<Record<'_>, CatalogError> {
    let problem = || "the answer has no row".into();
    rows.iter().next().ok_or_else(|| CatalogError::Decode { query: rows.query, column: "", problem: problem() })
}

/// A query failed: no wonder if the server is not PostgreSQL, or of a version that we do not know.
async fn stranger(connection: &Connection, error: CatalogError) -> Result<ServerFacts, CatalogError> {
    let Ok(version) = ask(connection, VERSION, &[]).await else { return Err(error) };
    let version: String = only(&version)?.get("version_text")?;
    let facts = ServerFacts { look_alike: look_alike(&version), ..ServerFacts::unknown(connection) };
    if facts.look_alike.is_some() || !facts.version.is_supported() { Ok(facts) } else { Err(error) }
}

async fn server(connection: &Connection) -> Result<(ServerFacts, DataPlace), CatalogError> {
    let (version, server) = try_join(ask(connection, VERSION, &[]), ask(connection, SERVER, &[])).await?;
    let version: String = only(&version)?.get("version_text")?;
    let row = only(&server)?;
    let facts = ServerFacts {
        look_alike: look_alike(&version),
        database: row.get("database")?,
        encoding: row.get("encoding")?,
        locale: decode_locale(row)?,
        role: decode_role(row)?,
        is_pooled: row.get::<i32>("backend_pid")? != connection.backend_pid(),
        is_in_recovery: row.get("is_in_recovery")?,
        is_read_only: row.get("is_read_only")?,
        hot_standby_feedback: row.get("hot_standby_feedback")?,
        max_standby_streaming_delay: row.get("max_standby_streaming_delay")?,
        max_identifier_length: row.get::<i32>("max_identifier_length")?.unsigned_abs() as usize,
        connections: decode_connections(row)?,
        lock_capacity: lock_capacity(row)?,
        started_micros: row.get("started_micros")?,
        ..ServerFacts::unknown(connection)
    };
    Ok((facts, decode_place(row)?))
}

fn decode_locale(row: Record<'_>) -> Result<LocaleFacts, CatalogError> {
    Ok(LocaleFacts {
        provider: row.char("locale_provider")?,
        collation: row.get("collation")?,
        character_type: row.get("character_type")?,
        locale: row.get("locale")?,
        version: row.get("collation_version")?,
        actual_version: row.get("actual_collation_version")?,
    })
}

fn decode_role(row: Record<'_>) -> Result<RoleFacts, CatalogError> {
    let is_superuser: bool = row.get("is_superuser")?;
    Ok(RoleFacts {
        name: row.get("role")?,
        is_superuser,
        can_create_in_database: row.get("can_create_in_database")?,
        has_public: row.get("has_public")?,
        can_create_in_public: row.get("can_create_in_public")?,
        can_be_replica: row.get("can_be_replica")?,
        can_stop_event_triggers: row.get("can_stop_event_triggers")?,
    })
}

fn decode_connections(row: Record<'_>) -> Result<ConnectionFacts, CatalogError> {
    let number = |column| Ok::<_, CatalogError>(i64::from(row.get::<i32>(column)?));
    let is_superuser: bool = row.get("is_superuser")?;
    let reserved = match (is_superuser, row.get::<bool>("may_use_reserved")?) {
        (true, _) => 0,
        (_, true) => number("reserved_for_superusers")?,
        _ => number("reserved_for_superusers")? + number("reserved_for_others")?,
    };
    // Limits of databases and roles do not bind superusers.
    let limit = |column| if is_superuser { Ok(-1) } else { number(column) };
    Ok(ConnectionFacts {
        maximum: number("max_connections")?,
        reserved,
        used: number("used_connections")?,
        used_in_database: number("used_in_database")?,
        used_by_role: number("used_by_role")?,
        database_limit: limit("database_limit")?,
        role_limit: limit("role_limit")?,
    })
}

/// Source: PostgreSQL manual, "Lock Management", `max_locks_per_transaction`.
fn lock_capacity(row: Record<'_>) -> Result<u64, CatalogError> {
    let number = |column| Ok::<_, CatalogError>(u64::from(row.get::<i32>(column)?.unsigned_abs()));
    Ok(number("max_locks_per_transaction")? * (number("max_connections")? + number("max_prepared_transactions")?))
}

fn decode_place(row: Record<'_>) -> Result<DataPlace, CatalogError> {
    Ok(DataPlace {
        data_directory: row.get("data_directory")?,
        tablespace_directory: row.get("tablespace_directory")?,
        port: row.get::<i32>("port")?,
        started_seconds: row.get::<i64>("started_micros")? / 1_000_000,
    })
}

impl ServerFacts {
    /// What is known without asking.
    fn unknown(connection: &Connection) -> Self {
        Self {
            describe: connection.describe().to_owned(),
            look_alike: None,
            version: connection.version(),
            database: String::new(),
            encoding: String::new(),
            locale: LocaleFacts::default(),
            role: RoleFacts::default(),
            is_pooled: false,
            is_in_recovery: false,
            is_read_only: false,
            hot_standby_feedback: false,
            max_standby_streaming_delay: String::new(),
            max_identifier_length: 0,
            connections: ConnectionFacts::default(),
            lock_capacity: 0,
            started_micros: 0,
        }
    }

    /// Whether its answers mean what they mean at PostgreSQL, of a version that we know.
    pub(super) fn is_understood(&self) -> bool {
        self.look_alike.is_none() && self.version >= ServerVersion::from_number(SUPPORTED_FROM)
    }
}

/// The oldest `server_version_num` that is supported.
const SUPPORTED_FROM: u32 = *ServerVersion::SUPPORTED.start() * 10_000;

impl SourceFacts {
    /// Nothing is known but the server.
    pub(super) fn of_stranger(server: ServerFacts) -> Self {
        Self {
            server,
            extensions: BTreeMap::new(),
            unreadable: Vec::new(),
            filtered: Vec::new(),
            unreadable_large_objects: 0,
            index_bytes: 0,
            locked: Vec::new(),
        }
    }
}

impl TargetFacts {
    /// Nothing is known but the server.
    pub(super) fn of_stranger(server: ServerFacts) -> Self {
        Self {
            server,
            roles: BTreeMap::new(),
            extensions: BTreeMap::new(),
            names: BTreeMap::new(),
            contents: crate::import::Contents::default(),
            event_triggers: Vec::new(),
            relations: BTreeMap::new(),
            prepared: Vec::new(),
            free_bytes: None,
            drops: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_postgresql_is_known_by_its_name() {
        for (text, expected) in [
            ("PostgreSQL 15.18 (Debian 15.18-1) on x86_64", None),
            ("CockroachDB CCL v23.1.11 (x86_64-pc-linux-gnu)", Some("CockroachDB")),
            ("PostgreSQL 8.0.2 on i686, compiled by GCC, Redshift 1.0.28965", Some("Amazon Redshift")),
            ("PostgreSQL 11.2-YB-2.18.0.0-b0 on x86_64", Some("YugabyteDB")),
            ("PostgreSQL 12.12 (Greenplum Database 7.0.0)", Some("Greenplum")),
        ] {
            assert_eq!(look_alike(text), expected, "{text}");
        }
    }
}
