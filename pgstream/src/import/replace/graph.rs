//! What a database contains, as a graph: objects as the server identifies them, and what depends on what.

use std::collections::HashMap;

use futures_util::future::try_join4;
use tokio_postgres::types::{ToSql, Type};

use crate::catalog::kind::{CatalogQuery, Rows, catalog_query};
use crate::catalog::{class, version_tags};
use crate::connection::Connection;
use crate::error::CatalogError;
use crate::import::ledger::MARKER;

const OBJECTS: CatalogQuery = catalog_query!("objects.sql");
const EDGES: CatalogQuery = catalog_query!("edges.sql");
const SCHEMAS: CatalogQuery = catalog_query!("schemas.sql");
const DEFAULT_PRIVILEGES: CatalogQuery = catalog_query!("default_privileges.sql");

/// A row of a system catalog: the catalog's oid, and its own.
pub(crate) type Address = (u32, u32);

/// An object.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Node {
    /// Which row it is.
    pub(crate) address: Address,
    /// The server's word for its kind, as `pg_identify_object` has it: `table`, `default value` …
    pub(crate) kind: String,
    /// Its schema, unquoted.
    pub(crate) schema: Option<String>,
    /// Its name, as SQL writes it: `public.f(integer)`, `c on public.t`.
    pub(crate) identity: String,
    /// An index, or the definition of one on a partitioned table.
    pub(crate) is_index: bool,
    /// A hosting service made it for itself.
    pub(crate) is_hosted: bool,
    /// Whether our role may drop it.
    pub(crate) may_drop: bool,
}

impl Node {
    /// How reports call it, safe for one line: `table public.film`.
    pub(crate) fn describe(&self) -> String {
        format!("{} {}", self.kind, crate::name::display_part(&self.identity))
    }
}

/// `dependent` needs `referenced`; nodes by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Edge {
    pub(crate) dependent: usize,
    /// 0: all of it.
    pub(crate) column: i32,
    pub(crate) referenced: usize,
    /// 0: all of it.
    pub(crate) referenced_column: i32,
    /// `pg_depend.deptype`.
    pub(crate) kind: char,
}

/// A schema that is there, and what has to be undone so that it is like a new one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FoundSchema {
    pub(crate) name: String,
    pub(crate) owner: String,
    /// Who owns it when the database, or the schema, is made.
    pub(crate) first_owner: String,
    pub(crate) comment: String,
    /// Roles with privileges on it; empty for PUBLIC.
    pub(crate) grantees: Vec<String>,
    /// Nothing was granted or revoked.
    pub(crate) has_first_privileges: bool,
    /// Whether everybody may create in a new `public`.
    pub(crate) public_may_create: bool,
}

impl FoundSchema {
    pub(crate) fn is_public(&self) -> bool {
        self.name == "public"
    }
}

/// Default privileges that are there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FoundDefaults {
    pub(crate) role: String,
    pub(crate) schema: Option<String>,
    /// `pg_default_acl.defaclobjtype`.
    pub(crate) object_type: char,
    /// Roles that are granted something; empty for PUBLIC.
    pub(crate) grantees: Vec<String>,
}

/// A database's objects and dependencies.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Graph {
    pub(crate) nodes: Vec<Node>,
    pub(crate) edges: Vec<Edge>,
    pub(crate) schemas: Vec<FoundSchema>,
    /// By oid of the row in `pg_default_acl`.
    pub(crate) defaults: HashMap<u32, FoundDefaults>,
    by_address: HashMap<Address, usize>,
}

impl Graph {
    /// A graph of these nodes, without edges yet.
    pub(crate) fn new(nodes: Vec<Node>) -> Self {
        let by_address = nodes.iter().enumerate().map(|(number, node)| (node.address, number)).collect();
        Self { nodes, by_address, ..Self::default() }
    }

    /// The number of an object.
    pub(crate) fn find(&self, address: Address) -> Option<usize> {
        self.by_address.get(&address).copied()
    }

    /// Asks a database. Nothing is written.
    ///
    /// # Errors
    /// [`CatalogError::Connection`] when a query fails, [`CatalogError::Decode`] when its answer is not what we know.
    pub(crate) async fn read(connection: &Connection) -> Result<Self, CatalogError> {
        let marker: [(&(dyn ToSql + Sync), Type); 1] = [(&MARKER, Type::TEXT)];
        let (objects, edges, schemas, defaults) = try_join4(
            ask(connection, OBJECTS, &marker),
            ask(connection, EDGES, &[]),
            ask(connection, SCHEMAS, &[]),
            ask(connection, DEFAULT_PRIVILEGES, &[]),
        )
        .await?;
        let mut graph = Self::new(decode_nodes(&objects)?);
        graph.edges = graph.decode_edges(&edges)?;
        graph.schemas = decode_schemas(&schemas)?;
        graph.defaults = decode_defaults(&defaults)?;
        Ok(graph)
    }

    fn decode_edges(&self, rows: &Rows) -> Result<Vec<Edge>, CatalogError> {
        let mut edges = Vec::with_capacity(rows.rows.len());
        for row in rows.iter() {
            let dependent = self.find((row.get("class")?, row.get("oid")?));
            let referenced = self.find((row.get("referenced_class")?, row.get("referenced_oid")?));
            let (Some(dependent), Some(referenced)) = (dependent, referenced) else { continue };
            if dependent == referenced {
                continue;
            }
            edges.push(Edge {
                dependent,
                column: row.get("column_number")?,
                referenced,
                referenced_column: row.get("referenced_column")?,
                kind: row.char("kind")?,
            });
        }
        Ok(edges)
    }

    /// The members of extensions.
    pub(crate) fn members(&self) -> Vec<bool> {
        let mut members = vec![false; self.nodes.len()];
        let of_extension = |edge: &&Edge| edge.kind == 'e' && self.nodes[edge.referenced].address.0 == class::PG_EXTENSION;
        self.edges.iter().filter(of_extension).for_each(|edge| members[edge.dependent] = true);
        members
    }
}

/// The server quotes this one, too, where SQL needs it.
fn unquoted(name: String) -> String {
    match name.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inner) => inner.replace("\"\"", "\""),
        None => name,
    }
}

async fn ask(
    connection: &Connection,
    query: CatalogQuery,
    parameters: &[(&(dyn ToSql + Sync), Type)],
) -> Result<Rows, CatalogError> {
    let sql = version_tags::for_version(query.sql, connection.version().major());
    Ok(Rows { query: query.name, rows: connection.query(&sql, parameters).await? })
}

fn decode_nodes(rows: &Rows) -> Result<Vec<Node>, CatalogError> {
    let decode = |row: crate::catalog::kind::Record<'_>| {
        Ok(Node {
            address: (row.get("class")?, row.get("oid")?),
            kind: row.get("kind")?,
            schema: row.get::<Option<String>>("schema")?.map(unquoted),
            identity: row.get("identity")?,
            is_index: row.get("is_index")?,
            is_hosted: row.get("is_hosted")?,
            may_drop: row.get("may_drop")?,
        })
    };
    rows.iter().map(decode).collect()
}

fn decode_schemas(rows: &Rows) -> Result<Vec<FoundSchema>, CatalogError> {
    let decode = |row: crate::catalog::kind::Record<'_>| {
        Ok(FoundSchema {
            name: row.get("name")?,
            owner: row.get("owner")?,
            first_owner: row.get("first_owner")?,
            comment: row.get("comment")?,
            grantees: row.get("grantees")?,
            has_first_privileges: row.get("has_first_privileges")?,
            public_may_create: row.get("public_may_create")?,
        })
    };
    rows.iter().map(decode).collect()
}

fn decode_defaults(rows: &Rows) -> Result<HashMap<u32, FoundDefaults>, CatalogError> {
    let decode = |row: crate::catalog::kind::Record<'_>| {
        let found = FoundDefaults {
            role: row.get("role")?,
            schema: row.get("schema")?,
            object_type: row.char("object_type")?,
            grantees: row.get("grantees")?,
        };
        Ok((row.get("oid")?, found))
    };
    rows.iter().map(decode).collect()
}
