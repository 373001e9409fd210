//! Which objects the caller wants.

use crate::connection::Connection;
use crate::error::CatalogError;
use crate::name::QualifiedName;

/// Which objects the caller wants.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "clap", derive(clap::Args))]
pub struct Filter {}

/// One relation.
#[derive(Debug, Clone)]
pub struct RelationRow {
    /// Oid.
    pub oid: u32,
    /// Name.
    pub name: QualifiedName,
    /// Kind.
    pub relkind: char,
}

/// What was selected.
#[derive(Debug, Clone)]
pub struct Selection {
    /// The relations.
    pub relations: Vec<RelationRow>,
}

impl Filter {
    /// Resolves.
    ///
    /// # Errors
    /// As the query.
    pub async fn resolve(&self, connection: &Connection) -> Result<Selection, CatalogError> {
        let sql = "select c.oid, n.nspname, c.relname, c.relkind from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace where c.relkind in ('r','p','v','m','S') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and not exists (select from pg_catalog.pg_depend d where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid and d.deptype = 'e') order by 2, 3";
        let rows = connection.query(sql, &[]).await?;
        let relations = rows
            .iter()
            .map(|r| RelationRow {
                oid: r.get(0),
                name: QualifiedName::new(r.get::<_, String>(1), r.get::<_, String>(2)),
                relkind: char::from(r.get::<_, i8>(3).cast_unsigned()),
            })
            .collect();
        Ok(Selection { relations })
    }

    /// Resolves again under the snapshot.
    ///
    /// # Errors
    /// As the query.
    pub async fn resolve_again(&self, connection: &Connection, _listed: &Selection) -> Result<Selection, CatalogError> {
        self.resolve(connection).await
    }
}
