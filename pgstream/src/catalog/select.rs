//! Asks the server what a filter's patterns match: four queries, sent at once.

use std::collections::HashSet;

use futures_util::future::try_join;
use tokio_postgres::types::{FromSql, ToSql, Type};

use crate::connection::Connection;
use crate::error::CatalogError;

use super::encoding;
use super::filter::Filter;
use super::kind::{CatalogQuery, Rows, catalog_query};
use super::pattern::Pattern;
use super::selection::{Choice, Choices, RelationRow, Selection};
use super::version_tags;

const RELATIONS: CatalogQuery = catalog_query!("relations.sql");
const MATCHED_RELATIONS: CatalogQuery = catalog_query!("filter_relation.sql");
const MATCHED_SCHEMAS: CatalogQuery = catalog_query!("filter_schema.sql");
const MATCHED_EXTENSIONS: CatalogQuery = catalog_query!("filter_extension.sql");
const SCOPE: CatalogQuery = catalog_query!("filter_scope.sql");

/// The queries that find out what is wanted.
pub(super) const SELECTING: [CatalogQuery; 5] = [RELATIONS, MATCHED_RELATIONS, MATCHED_SCHEMAS, MATCHED_EXTENSIONS, SCOPE];

/// What unqualified names mean in a session: read it before the session's `search_path` is emptied.
///
/// Catalog queries run with an empty `search_path`, under which no user's table is visible. So the path that the role and
/// the database have is read first, and visibility is computed from it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NameScope {
    /// The current database.
    pub database: String,
    /// `current_schemas(true)`: the schemas that are searched, in that order.
    pub schemas: Vec<String>,
}

impl NameScope {
    /// Reads it from a session as it is.
    ///
    /// # Errors
    /// [`CatalogError::Connection`] when the query fails.
    pub async fn read(connection: &Connection) -> Result<Self, CatalogError> {
        let rows = fetch(connection, SCOPE, &[]).await?;
        let row = rows.iter().next().ok_or(CatalogError::Decode {
            query: SCOPE.name,
            column: "database",
            problem: "there is no row".into(),
        })?;
        Ok(Self { database: row.get("database")?, schemas: row.get("schemas")? })
    }
}

/// Finds out what `filter` means in this database now.
///
/// # Errors
/// [`CatalogError::Pattern`] for a pattern that makes no sense here, [`CatalogError::FilterMatchesNothing`] when an option
/// that includes matches nothing (with `strict_names`: any of its patterns), [`CatalogError::Connection`] when a query fails,
/// as it does for an invalid regular expression.
pub async fn select(connection: &Connection, filter: &Filter, scope: &NameScope) -> Result<Selection, CatalogError> {
    let relation = |given: &String| Pattern::relation(given, &scope.database);
    let schema = |given: &String| Pattern::schema(given, &scope.database);
    let plain = |given: &String| Pattern::plain(given);
    let tables = Options::new([&filter.tables, &filter.exclude_tables, &filter.exclude_table_data], relation)?;
    let schemas = Options::new([&filter.schemas, &filter.exclude_schemas, &[]], schema)?;
    let extensions = Options::new([&filter.extensions, &filter.exclude_extensions, &[]], plain)?;

    let relations = fetch(connection, RELATIONS, &[]);
    let (relation_schemas, relation_names) = (tables.schemas(), tables.names());
    let params: [(&(dyn ToSql + Sync), Type); 3] =
        [(&relation_schemas, Type::TEXT_ARRAY), (&relation_names, Type::TEXT_ARRAY), (&scope.schemas, Type::TEXT_ARRAY)];
    let matched = fetch(connection, MATCHED_RELATIONS, &params);
    let (schema_names, extension_names) = (schemas.names(), extensions.names());
    let schema_params: [(&(dyn ToSql + Sync), Type); 1] = [(&schema_names, Type::TEXT_ARRAY)];
    let extension_params: [(&(dyn ToSql + Sync), Type); 1] = [(&extension_names, Type::TEXT_ARRAY)];
    let matched_schemas = fetch(connection, MATCHED_SCHEMAS, &schema_params);
    let matched_extensions = fetch(connection, MATCHED_EXTENSIONS, &extension_params);
    let ((relations, matched), (matched_schemas, matched_extensions)) =
        try_join(try_join(relations, matched), try_join(matched_schemas, matched_extensions)).await?;
    if connection.is_sql_ascii() {
        encoding::check([&relations, &matched_schemas])?;
    }

    let [tables, excluded_tables, excluded_data] = tables.resolve::<u32>("tables", filter.strict_names, &matched, "oid")?;
    let [schemas, excluded_schemas, _] = schemas.resolve("schemas", filter.strict_names, &matched_schemas, "name")?;
    let [extensions, excluded_extensions, _] =
        extensions.resolve("extensions", filter.strict_names, &matched_extensions, "name")?;
    let choices = Choices {
        tables: Choice { include: tables, exclude: excluded_tables.unwrap_or_default() },
        schemas: Choice { include: schemas, exclude: excluded_schemas.unwrap_or_default() },
        extensions: Choice { include: extensions, exclude: excluded_extensions.unwrap_or_default() },
        excluded_data: excluded_data.unwrap_or_default(),
    };
    let all = relations.iter().map(RelationRow::decode).collect::<Result<Vec<_>, _>>()?;
    Ok(Selection::new(all, choices))
}

async fn fetch(
    connection: &Connection,
    query: CatalogQuery,
    params: &[(&(dyn ToSql + Sync), Type)],
) -> Result<Rows, CatalogError> {
    let sql = version_tags::for_version(query.sql, connection.version().major());
    Ok(Rows { query: query.name, rows: connection.query(&sql, params).await? })
}

/// The patterns of the options about one kind of thing, in one list: first those that include.
struct Options {
    patterns: Vec<Pattern>,
    /// By option: where its patterns end.
    ends: [usize; 3],
}

impl Options {
    fn new(options: [&[String]; 3], parse: impl Fn(&String) -> Result<Pattern, CatalogError>) -> Result<Self, CatalogError> {
        let (mut patterns, mut ends) = (Vec::new(), [0; 3]);
        for (option, end) in options.into_iter().zip(&mut ends) {
            for given in option {
                patterns.push(parse(given)?);
            }
            *end = patterns.len();
        }
        Ok(Self { patterns, ends })
    }

    fn names(&self) -> Vec<&str> {
        self.patterns.iter().map(|pattern| pattern.name.as_str()).collect()
    }

    fn schemas(&self) -> Vec<Option<&str>> {
        self.patterns.iter().map(|pattern| pattern.schema.as_deref()).collect()
    }

    /// What each option matched; `None` for an option that was not given.
    fn resolve<T: Eq + std::hash::Hash + for<'a> FromSql<'a>>(
        &self,
        what: &'static str,
        is_strict: bool,
        matched: &Rows,
        column: &'static str,
    ) -> Result<[Option<HashSet<T>>; 3], CatalogError> {
        let mut found: [Option<HashSet<T>>; 3] = [None, None, None];
        let mut start = 0;
        for (option, end) in found.iter_mut().zip(self.ends) {
            *option = (start < end).then(HashSet::new);
            start = end;
        }
        let mut has_match = vec![false; self.patterns.len()];
        for row in matched.iter() {
            let number = usize::try_from(row.get::<i64>("number")? - 1).unwrap_or_default();
            has_match[number] = true;
            let option =
                self.ends.iter().position(|end| number < *end).expect("the server numbers the patterns that it was sent");
            found[option].get_or_insert_default().insert(row.get(column)?);
        }
        self.check_includes(what, is_strict, &has_match)?;
        Ok(found)
    }

    fn check_includes(&self, what: &'static str, is_strict: bool, has_match: &[bool]) -> Result<(), CatalogError> {
        let includes = &has_match[..self.ends[0]];
        let is_enough = is_strict || !includes.contains(&true);
        match includes.iter().position(|has_match| !has_match).filter(|_| is_enough) {
            Some(number) => {
                let pattern = self.patterns[number].given.escape_debug().to_string();
                Err(CatalogError::FilterMatchesNothing { what, pattern })
            }
            None => Ok(()),
        }
    }
}
