//! Compares what is in the target with what was read.

use std::collections::BTreeMap;

use crate::connection::{CopySession, ServerVersion, pin_settings};
use crate::data::{ContentHash, CopyFormat, StreamHasher};
use crate::ddl::Ddl;
use crate::error::{ConnectionError, ImportError};
use crate::name::QualifiedName;
use crate::report::Verify;

use super::load::Loaded;

/// One table of the target and what it must hold: a table's own rows, or all rows below a root.
#[derive(Debug, Clone)]
pub(crate) struct Expectation {
    /// The table in the target.
    pub(crate) table: QualifiedName,
    /// The columns, in the order of the hash.
    pub(crate) columns: Vec<String>,
    /// Whether the rows are spread over the partitions below it.
    pub(crate) is_root: bool,
    /// What was read from the source.
    pub(crate) content: ContentHash,
    /// What the hash is over.
    pub(crate) format: CopyFormat,
}

/// What must be in the target when `loaded` was loaded.
pub(crate) fn expectations(loaded: &[Loaded]) -> Vec<Expectation> {
    let mut by_table: BTreeMap<QualifiedName, Expectation> = BTreeMap::new();
    for part in loaded {
        let expectation = by_table.entry(part.target.clone()).or_insert_with(|| Expectation {
            table: part.target.clone(),
            columns: part.columns.clone(),
            is_root: part.is_through_root,
            content: ContentHash::new(),
            format: part.format,
        });
        expectation.content.merge(&part.content);
    }
    by_table.into_values().collect()
}

/// Compares one table.
///
/// # Errors
/// [`ImportError::Mismatch`] if the target holds something else.
pub(crate) async fn check_table(session: &mut CopySession, expected: &Expectation, verify: Verify) -> Result<(), ImportError> {
    let found = match verify {
        Verify::None => return Ok(()),
        Verify::Rows => format!("{} rows", count_rows(session, expected, None).await?),
        Verify::Checksum => describe(&hash_pinned(session, expected).await?),
    };
    let wanted = match verify {
        Verify::Checksum => describe(&expected.content),
        _ => format!("{} rows", expected.content.rows()),
    };
    match found == wanted {
        true => Ok(()),
        false => Err(ImportError::Mismatch { relation: expected.table.to_string(), expected: wanted, found }),
    }
}

fn describe(content: &ContentHash) -> String {
    format!("{} rows with hash {content}", content.rows())
}

/// How many rows there are, or how many of them fulfil a condition.
pub(super) async fn count_rows(
    session: &mut CopySession,
    expected: &Expectation,
    condition: Option<&'static str>,
) -> Result<u64, ConnectionError> {
    let mut sql = Ddl::new();
    sql.sql("SELECT pg_catalog.count(*) FROM ").sql(if expected.is_root { "" } else { "ONLY " }).name(&expected.table);
    if let Some(condition) = condition {
        sql.sql(" WHERE ").sql(condition);
    }
    let answer = session.simple(sql.as_str()).await?;
    answer.first().and_then(|a| a.text(0, 0)?.parse().ok()).ok_or_else(|| ConnectionError::Protocol {
        server: session.describe().to_owned(),
        problem: "count(*) gave no number".into(),
    })
}

/// The content, read in a transaction of its own with the settings that a hash is over.
async fn hash_pinned(session: &mut CopySession, expected: &Expectation) -> Result<ContentHash, ConnectionError> {
    let version = session.parameter("server_version").and_then(ServerVersion::parse);
    let is_sql_ascii = session.parameter("server_encoding") == Some("SQL_ASCII");
    let pins = version.map(|v| pin_settings(v, is_sql_ascii)).unwrap_or_default();
    let mut sql = Ddl::new();
    sql.sql("BEGIN TRANSACTION READ ONLY; ").deparsed(&pins);
    session.execute(sql.as_str()).await?;
    let content = hash_rows(session, expected).await?;
    session.execute("COMMIT").await?;
    Ok(content)
}

/// The content, read with the settings that the session has.
pub(super) async fn hash_rows(session: &mut CopySession, expected: &Expectation) -> Result<ContentHash, ConnectionError> {
    let mut sql = Ddl::new();
    sql.sql("COPY (SELECT ").idents(expected.columns.iter().map(String::as_str)).sql(" FROM ");
    sql.sql(if expected.is_root { "" } else { "ONLY " }).name(&expected.table).sql(") TO STDOUT");
    if expected.format == CopyFormat::Binary {
        sql.sql(" WITH (FORMAT binary)");
    }
    let mut rows = StreamHasher::new(expected.format);
    let mut out = session.copy_out(sql.as_str()).await?;
    while let Some(frames) = out.next().await? {
        for piece in frames.pieces() {
            rows.piece(piece);
        }
    }
    Ok(rows.content())
}
