//! Reads everything there is to know about the held objects: every kind's queries and `pg_depend`, all at once.
//!
//! This is the only I/O of the catalog. Every query is sent without waiting for the answer to the one before, so that a
//! database costs one round trip here whatever it holds.

use std::collections::{HashMap, HashSet};

use futures_util::future::try_join_all;
use tokio_postgres::types::Type;

use crate::connection::Connection;
use crate::error::CatalogError;

use super::encoding;
use super::kind::{CatalogQuery, Found, Rows, catalog_query};
use super::kinds::KINDS;
use super::object::{Object, ObjectId, class};
use super::select::SELECTING;
use super::version_tags;

const DEPEND: CatalogQuery = catalog_query!("depend.sql");
const COMMENT: CatalogQuery = catalog_query!("comment.sql");
const DATABASE: CatalogQuery = catalog_query!("database.sql");
const SECURITY_LABEL: CatalogQuery = catalog_query!("seclabel.sql");
const UNSUPPORTED: CatalogQuery = catalog_query!("unsupported.sql");

/// The queries that belong to no kind.
pub(crate) const GENERAL: [CatalogQuery; 5] = [DEPEND, COMMENT, DATABASE, SECURITY_LABEL, UNSUPPORTED];

/// Every query of the catalog by its file's name, as a server of this major version gets it: for tests.
#[doc(hidden)]
pub fn queries_for(major: u32) -> Vec<(&'static str, String)> {
    let kinds = KINDS.iter().flat_map(|kind| kind.queries());
    let all = GENERAL.iter().chain(&SELECTING).chain(kinds);
    let mut queries: Vec<_> = all.map(|query| (query.name, version_tags::for_version(query.sql, major))).collect();
    queries.push(("blockers.sql", include_str!("blockers.sql").to_owned()));
    queries.push(("rewritten.sql", include_str!("rewritten.sql").to_owned()));
    queries.push(("unreadable.sql", include_str!("unreadable.sql").to_owned()));
    queries
}

/// What a database contains, as seen in one snapshot.
#[derive(Debug)]
pub struct Catalog {
    /// The database itself.
    pub database: Database,
    /// Every object of a known kind, members of extensions included.
    pub objects: Vec<Box<dyn Object>>,
    /// Pairs of (dependent, referenced): `pg_depend` and what the objects add to it.
    pub dependencies: Vec<(ObjectId, ObjectId)>,
    /// Objects that came with an extension, and which.
    pub members: HashMap<ObjectId, ObjectId>,
    /// Comments by object and column number (0: the object itself).
    pub comments: HashMap<(ObjectId, i32), String>,
    /// Security labels by object and column number (0: the object itself), in order of the providers' names.
    pub security_labels: HashMap<(ObjectId, i32), Vec<SecurityLabel>>,
    /// What the database holds beyond the known kinds: it would be lost silently.
    pub unsupported: Vec<UnsupportedObjects>,
}

/// One row of `pg_seclabel`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityLabel {
    /// The label provider's name.
    pub provider: String,
    /// The label.
    pub label: String,
}

/// Objects of one kind that pgstream does not carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsupportedObjects {
    /// The kind, in the plural: `casts`.
    pub kind: String,
    /// The objects as the server identifies them, in order.
    pub names: Vec<String>,
    /// The objects themselves, where nothing that depends on them can be made without them. Empty for a kind that only changes
    /// what is there in any case: privileges on system objects, the rows of an extension's tables.
    pub ids: Vec<ObjectId>,
}

/// Facts of `pg_database`, and of the server that it is on.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Database {
    /// `datname`.
    pub name: String,
    /// `oid`.
    pub oid: u32,
    /// The owner's name.
    pub owner: String,
    /// The encoding's name.
    pub encoding: String,
    /// `datcollate`.
    pub collation: String,
    /// `datctype`.
    pub character_type: String,
    /// `c` libc, `i` ICU, `b` builtin.
    pub locale_provider: char,
    /// The tablespace's name.
    pub tablespace: String,
    /// `server_version`, as in `15.18 (Debian …)`.
    pub server_version: String,
    /// The major version.
    pub major: u32,
    /// Whether the server is a standby.
    pub is_in_recovery: bool,
    /// `pg_database_size` in bytes.
    pub bytes: u64,
}

/// Reads the catalog in the transaction that `connection` is in; `relations` are the oids of what is held.
///
/// # Errors
/// [`CatalogError::Connection`] when a query fails, [`CatalogError::Decode`] when its answer is not what we know,
/// [`CatalogError::NotUtf8`].
pub async fn read(connection: &Connection, relations: &[u32]) -> Result<Catalog, CatalogError> {
    let queries: Vec<CatalogQuery> = GENERAL.into_iter().chain(KINDS.iter().flat_map(|k| k.queries()).copied()).collect();
    let results = try_join_all(queries.iter().map(|query| fetch(connection, *query, relations))).await?;
    if connection.is_sql_ascii() {
        encoding::check(&results)?;
    }
    let mut results = results.into_iter();
    let mut next = || results.next().expect("there is one result per query");

    let depend = next();
    let comments = decode_comments(&next())?;
    let database = decode_database(&next())?;
    let security_labels = decode_security_labels(&next())?;
    let unsupported = decode_unsupported(&next())?;
    let mut found = Found::default();
    for kind in KINDS {
        let rows: Vec<Rows> = kind.queries().iter().map(|_| next()).collect();
        kind.decode(&rows, &mut found)?;
    }
    let (dependencies, members) = gather_dependencies(&depend, &found)?;
    Ok(Catalog { database, objects: found.objects, dependencies, members, comments, security_labels, unsupported })
}

async fn fetch(connection: &Connection, query: CatalogQuery, relations: &[u32]) -> Result<Rows, CatalogError> {
    let sql = version_tags::for_version(query.sql, connection.version().major());
    let rows = match query.takes_relations() {
        true => connection.query(&sql, &[(&relations, Type::OID_ARRAY)]).await?,
        false => connection.query(&sql, &[]).await?,
    };
    Ok(Rows { query: query.name, rows })
}

fn decode_comments(rows: &Rows) -> Result<HashMap<(ObjectId, i32), String>, CatalogError> {
    rows.iter()
        .map(|row| {
            let id = ObjectId::new(row.get("class")?, row.get("oid")?);
            Ok(((id, row.get("column_number")?), row.get("comment")?))
        })
        .collect()
}

fn decode_security_labels(rows: &Rows) -> Result<HashMap<(ObjectId, i32), Vec<SecurityLabel>>, CatalogError> {
    let mut labels: HashMap<_, Vec<SecurityLabel>> = HashMap::new();
    for row in rows.iter() {
        let id = ObjectId::new(row.get("class")?, row.get("oid")?);
        let label = SecurityLabel { provider: row.get("provider")?, label: row.get("label")? };
        labels.entry((id, row.get("column_number")?)).or_default().push(label);
    }
    Ok(labels)
}

fn decode_unsupported(rows: &Rows) -> Result<Vec<UnsupportedObjects>, CatalogError> {
    let decode = |row: super::kind::Record<'_>| {
        let (classes, oids): (Vec<u32>, Vec<u32>) = (row.get("classes")?, row.get("oids")?);
        let ids = classes.into_iter().zip(oids).map(|(class, oid)| ObjectId::new(class, oid)).collect();
        Ok(UnsupportedObjects { kind: row.get("kind")?, names: row.get("names")?, ids })
    };
    rows.iter().map(decode).collect()
}

fn decode_database(rows: &Rows) -> Result<Database, CatalogError> {
    let row = rows.iter().next().ok_or(CatalogError::Decode {
        query: rows.query,
        column: "name",
        problem: "the current database is not in pg_database".into(),
    })?;
    Ok(Database {
        name: row.get("name")?,
        oid: row.get("oid")?,
        owner: row.get("owner")?,
        encoding: row.get("encoding")?,
        collation: row.get("collation")?,
        character_type: row.get("character_type")?,
        locale_provider: row.char("locale_provider")?,
        tablespace: row.get("tablespace")?,
        server_version: row.get("server_version")?,
        major: row.get::<i32>("server_version_number")?.unsigned_abs() / 10_000,
        is_in_recovery: row.get("is_in_recovery")?,
        bytes: row.get::<i64>("bytes")?.unsigned_abs(),
    })
}

type Dependencies = Vec<(ObjectId, ObjectId)>;

/// `pg_depend` in one list with what the objects know, and the members of extensions.
fn gather_dependencies(depend: &Rows, found: &Found) -> Result<(Dependencies, HashMap<ObjectId, ObjectId>), CatalogError> {
    let aliases: HashSet<(ObjectId, ObjectId)> = found.aliases.iter().copied().collect();
    let mut members = HashMap::new();
    let mut dependencies = Vec::with_capacity(depend.rows.len());
    for row in depend.iter() {
        let dependent = ObjectId::new(row.get("class")?, row.get("oid")?);
        let referenced = ObjectId::new(row.get("referenced_class")?, row.get("referenced_oid")?);
        if row.char("deptype")? == 'e' && referenced.class == class::PG_EXTENSION {
            members.insert(dependent, referenced);
        }
        // A composite type's columns hang on its relation, which itself hangs on the type: turned round, so that the type waits.
        match aliases.contains(&(dependent, referenced)) {
            true => dependencies.push((referenced, dependent)),
            false => dependencies.push((dependent, referenced)),
        }
    }
    dependencies.extend(found.dependencies.iter().copied());
    dependencies.extend(found.objects.iter().flat_map(|object| object.dependencies()));
    Ok((dependencies, members))
}
