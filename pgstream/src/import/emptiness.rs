//! Whether a database holds anything of its own.

use tokio_postgres::types::Type;

use crate::catalog::kind::{CatalogQuery, Rows, catalog_query};
use crate::connection::{Connection, ConnectionConfig};
use crate::error::{CatalogError, ConnectionError, ImportError};

use super::ledger::MARKER;

const EMPTINESS: CatalogQuery = catalog_query!("emptiness.sql");

/// What a database holds, system objects and what came with extensions left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents {
    /// Per kind, by name of the kind.
    pub kinds: Vec<ObjectCount>,
    /// Whether the marker of a run that broke off is there. What that run made is counted too.
    pub has_marker: bool,
}

/// Objects of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectCount {
    /// `table`, `large object` …
    pub kind: String,
    /// How many.
    pub count: u64,
    /// Up to three of them, quoted where SQL needs it.
    pub examples: Vec<String>,
}

impl Contents {
    /// How many objects there are in all.
    pub fn count(&self) -> u64 {
        self.kinds.iter().map(|kind| kind.count).sum()
    }

    /// `2 tables (public.a, public.b), 1 type (public.t)`, on one line.
    pub fn describe(&self) -> String {
        let kinds = self.kinds.iter().map(|kind| {
            let examples: Vec<String> = kind.examples.iter().map(|name| crate::name::display_part(name)).collect();
            let more = if kind.count > examples.len() as u64 { ", …" } else { "" };
            format!("{} {} ({}{more})", kind.count, plural(&kind.kind, kind.count), examples.join(", "))
        });
        kinds.collect::<Vec<_>>().join(", ")
    }
}

fn plural(kind: &str, count: u64) -> String {
    match (kind, count) {
        (_, 1) | ("default privileges", _) => kind.to_owned(),
        ("operator family", _) => "operator families".to_owned(),
        _ => format!("{kind}s"),
    }
}

/// Asks what the database of `connection` holds. Writes nothing.
///
/// # Errors
/// [`CatalogError::Connection`] when the query fails, [`CatalogError::Decode`] when its answer is not what we know.
pub async fn contents(connection: &Connection) -> Result<Contents, CatalogError> {
    let sql = crate::catalog::version_tags::for_version(EMPTINESS.sql, connection.version().major());
    let rows = connection.query(&sql, &[(&MARKER, Type::TEXT)]).await?;
    let rows = Rows { query: EMPTINESS.name, rows };
    let mut contents = Contents::default();
    for row in rows.iter() {
        let kind: String = row.get("kind")?;
        if kind == "marker" {
            contents.has_marker = true;
            continue;
        }
        let count = row.get::<i64>("count")?.unsigned_abs();
        contents.kinds.push(ObjectCount { kind, count, examples: row.get("examples")? });
    }
    Ok(contents)
}

/// Refuses a database that holds something.
///
/// # Errors
/// [`ImportError::NotEmpty`]; [`ImportError::Connection`] when it does not answer.
pub(crate) async fn refuse_if_not_empty(config: &ConnectionConfig) -> Result<(), ImportError> {
    let connection = Connection::open(config).await?;
    let contents = contents(&connection).await;
    connection.close().await;
    let contents = contents.map_err(|e| match e {
        CatalogError::Connection(e) => ImportError::Connection(e),
        e => ImportError::Connection(ConnectionError::Protocol { server: config.to_string(), problem: e.to_string() }),
    })?;
    match contents.count() {
        0 => Ok(()),
        count => Err(ImportError::NotEmpty { target: config.to_string(), count, examples: contents.describe() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_said_in_one_line() {
        let kind = |kind: &str, count, examples: &[&str]| ObjectCount {
            kind: kind.into(),
            count,
            examples: examples.iter().map(|e| (*e).into()).collect(),
        };
        let kinds = vec![kind("operator family", 2, &["s.a", "s.b"]), kind("table", 5, &["s.\"x\ny\""])];
        let contents = Contents { kinds, has_marker: false };
        assert_eq!(contents.count(), 7);
        assert_eq!(contents.describe(), "2 operator families (s.a, s.b), 5 tables (s.\"x\\ny\", …)");
    }
}
