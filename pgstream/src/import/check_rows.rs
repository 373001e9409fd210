//! Compares what is in the target with what was read.

use std::collections::BTreeMap;

use crate::connection::{CopySession, ServerVersion, TransactionStatus, pin_settings};
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
        Verify::Rows => format!("{} rows", count_rows(session, &expected.table, expected.is_root, Rows::All).await?),
        Verify::Checksum => describe(&hash_rows(session, expected, Rows::All).await?),
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

/// Compares the rows that this transaction has put into a table with those that were read. `before`: how many the table had.
/// Nobody else may write to it meanwhile.
///
/// # Errors
/// As [`check_table`].
pub(crate) async fn check_added(
    session: &mut CopySession,
    expected: &Expectation,
    before: u64,
    verify: Verify,
) -> Result<(), ImportError> {
    let mismatch = |expected_rows: String, found: String| ImportError::Mismatch {
        relation: format!("what was added to {}", expected.table),
        expected: expected_rows,
        found,
    };
    if verify == Verify::None {
        return Ok(());
    }
    let (rows, after) = (expected.content.rows(), count_rows(session, &expected.table, expected.is_root, Rows::All).await?);
    if after.checked_sub(before) != Some(rows) {
        let found = i128::from(after) - i128::from(before);
        return Err(mismatch(format!("{rows} rows"), format!("{found} rows")));
    }
    if verify == Verify::Checksum {
        let found = hash_rows(session, expected, Rows::OfThisTransaction).await?;
        if describe(&found) != describe(&expected.content) {
            return Err(mismatch(describe(&expected.content), describe(&found)));
        }
    }
    Ok(())
}

/// Which rows of a table are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rows {
    /// All that the table has.
    All,
    /// Those that were written by the transaction that reads.
    OfThisTransaction,
}

impl Rows {
    fn condition(self) -> &'static str {
        match self {
            Self::All => "",
            Self::OfThisTransaction => " WHERE xmin = pg_catalog.pg_current_xact_id()::pg_catalog.xid",
        }
    }
}

fn describe(content: &ContentHash) -> String {
    format!("{} rows with hash {content}", content.rows())
}

/// How many rows a table holds, or the tables below a root.
///
/// # Errors
/// Whatever the statement may give.
pub(crate) async fn count_rows(
    session: &mut CopySession,
    table: &QualifiedName,
    is_root: bool,
    which: Rows,
) -> Result<u64, ConnectionError> {
    let mut sql = Ddl::new();
    sql.sql("SELECT pg_catalog.count(*) FROM ").sql(if is_root { "" } else { "ONLY " }).name(table).sql(which.condition());
    let answer = session.simple(sql.as_str()).await?;
    answer.first().and_then(|a| a.text(0, 0)?.parse().ok()).ok_or_else(|| ConnectionError::Protocol {
        server: session.describe().to_owned(),
        problem: "count(*) gave no number".into(),
    })
}

/// The content of a table, read under the settings that a hash is over.
///
/// # Errors
/// Whatever the statements may give.
pub(crate) async fn hash_rows(
    session: &mut CopySession,
    expected: &Expectation,
    which: Rows,
) -> Result<ContentHash, ConnectionError> {
    let version = session.parameter("server_version").and_then(ServerVersion::parse);
    let is_sql_ascii = session.parameter("server_encoding") == Some("SQL_ASCII");
    let pins = version.map(|v| pin_settings(v, is_sql_ascii)).unwrap_or_default();
    let mut sql = Ddl::new();
    // The settings end with the transaction, or with the part of it that is rolled back to.
    let is_inside = session.transaction_status() == TransactionStatus::InTransaction;
    let (begin, end) = match is_inside {
        true => ("SAVEPOINT pgstream; ", "ROLLBACK TO SAVEPOINT pgstream; RELEASE SAVEPOINT pgstream"),
        false => ("BEGIN TRANSACTION READ ONLY; ", "COMMIT"),
    };
    sql.sql(begin).deparsed(&pins).sql("COPY (SELECT ");
    sql.idents(expected.columns.iter().map(String::as_str)).sql(" FROM ").sql(if expected.is_root { "" } else { "ONLY " });
    sql.name(&expected.table).sql(which.condition()).sql(") TO STDOUT");
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
    session.execute(end).await?;
    Ok(rows.content())
}
