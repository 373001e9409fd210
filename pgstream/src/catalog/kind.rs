//! A kind of object: its queries and how their rows become objects. A kind does no I/O.

use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

use crate::error::CatalogError;

use super::object::{Object, ObjectId};

/// One catalog query, in a file of its own beside the kind.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CatalogQuery {
    /// The file's name, for errors.
    pub(crate) name: &'static str,
    /// The text, with version tags. It takes the oids of the held relations as `$1` or no parameter.
    pub(crate) sql: &'static str,
}

impl CatalogQuery {
    /// Whether the query is about the held relations only.
    pub(crate) fn takes_relations(&self) -> bool {
        self.sql.contains("$1")
    }
}

/// `catalog_query!("table/column.sql")`: the file beside the module, under its own name.
macro_rules! catalog_query {
    ($file:literal) => {
        $crate::catalog::kind::CatalogQuery { name: $file, sql: include_str!($file) }
    };
}
pub(crate) use catalog_query;

/// A kind whose one query has one row for each object, which the object itself decodes.
macro_rules! kind_of_rows {
    ($kind:ident, $name:literal, $file:literal, $object:ty) => {
        pub(crate) struct $kind;

        impl $crate::catalog::kind::ObjectKind for $kind {
            fn name(&self) -> &'static str {
                $name
            }

            fn queries(&self) -> &'static [$crate::catalog::kind::CatalogQuery] {
                const { &[$crate::catalog::kind::catalog_query!($file)] }
            }

            fn decode(
                &self,
                results: &[$crate::catalog::kind::Rows],
                found: &mut $crate::catalog::kind::Found,
            ) -> Result<(), $crate::error::CatalogError> {
                for row in results[0].iter() {
                    found.push(<$object>::decode(row)?);
                }
                Ok(())
            }
        }
    };
}
pub(crate) use kind_of_rows;

/// What a kind found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Objects, in the order of the rows.
    pub(crate) objects: Vec<Box<dyn Object>>,
    /// Pairs of (dependent, referenced) that no single object can tell.
    pub(crate) dependencies: Vec<(ObjectId, ObjectId)>,
    /// Pairs as `pg_depend` has them (dependent, referenced) that must be turned round: a composite type's relation and the type.
    pub(crate) aliases: Vec<(ObjectId, ObjectId)>,
}

impl Found {
    /// Adds an object.
    pub(crate) fn push(&mut self, object: impl Object + 'static) {
        self.objects.push(Box::new(object));
    }
}

/// A kind of object. Every kind stands in [`super::kinds::KINDS`].
pub(crate) trait ObjectKind: Sync {
    /// The kind's name, which is also that of its fixture and its snapshot: `sequence`.
    fn name(&self) -> &'static str;

    /// The queries, each answered by one result in [`ObjectKind::decode`]'s `results`, in this order.
    fn queries(&self) -> &'static [CatalogQuery];

    /// Turns the rows into objects.
    ///
    /// # Errors
    /// [`CatalogError::Decode`] if a row is not what the query promises.
    fn decode(&self, results: &[Rows], found: &mut Found) -> Result<(), CatalogError>;
}

/// The answer to one catalog query.
#[derive(Debug)]
pub(crate) struct Rows {
    /// Name of the query, for errors.
    pub(crate) query: &'static str,
    /// The rows.
    pub(crate) rows: Vec<Row>,
}

impl Rows {
    /// The rows, each with `get` by column name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Record<'_>> {
        self.rows.iter().map(|row| Record { query: self.query, row })
    }
}

/// One row of a catalog query.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record<'a> {
    query: &'static str,
    row: &'a Row,
}

impl<'a> Record<'a> {
    /// The value of a column; `Option<T>` where it may be null.
    ///
    /// # Errors
    /// [`CatalogError::Decode`] if the column is missing, null or of another type.
    pub(crate) fn get<T: FromSql<'a>>(&self, column: &'static str) -> Result<T, CatalogError> {
        self.row.try_get(column).map_err(|e| CatalogError::Decode { query: self.query, column, problem: e.to_string() })
    }

    /// The value of a `"char"` column.
    ///
    /// # Errors
    /// As [`Record::get`].
    pub(crate) fn char(&self, column: &'static str) -> Result<char, CatalogError> {
        Ok(char::from(self.get::<i8>(column)?.cast_unsigned()))
    }
}
