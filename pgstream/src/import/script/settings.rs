//! How a session is that runs a script: as psql's, but for limits that others set and what makes it faster.

use crate::connection::{CopySession, ServerVersion};
use crate::ddl::Ddl;
use crate::error::ConnectionError;

use super::judge::{PREAMBLE, Transactions};
use super::options::ImportOptions;

/// Limits for other work, and the memory for building indexes.
const ALWAYS: &str = "SET statement_timeout = 0; SET lock_timeout = 0; SET idle_in_transaction_session_timeout = 0; \
    SET maintenance_work_mem = '256MB'; ";

/// A new session's settings.
fn fresh(session: &CopySession, options: &ImportOptions, transactions: Transactions) -> String {
    let version = session.parameter("server_version").and_then(ServerVersion::parse);
    let mut sql = Ddl::new();
    sql.sql("RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL; DEALLOCATE ALL; CLOSE ALL; ").sql(ALWAYS);
    if version.is_some_and(ServerVersion::has_idle_session_timeout) {
        sql.sql("SET idle_session_timeout = 0; ");
    }
    if version.is_some_and(ServerVersion::has_transaction_timeout) {
        sql.sql("SET transaction_timeout = 0; ");
    }
    if transactions == Transactions::Own {
        // The end of the run waits for the disk, and so for everything before it.
        sql.sql("SET synchronous_commit = off; ");
    }
    sql.sql("SET client_encoding = ").literal(&encoding(session, options)).sql("; ");
    sql.into_string()
}

/// The encoding that a script begins in. A database without one takes bytes as they are.
pub(super) fn encoding(session: &CopySession, options: &ImportOptions) -> String {
    let is_sql_ascii = session.parameter("server_encoding") == Some("SQL_ASCII");
    options.encoding.clone().unwrap_or_else(|| if is_sql_ascii { "SQL_ASCII" } else { "UTF8" }.to_owned())
}

/// Silences event triggers.
const SILENT: &str = "SET event_triggers = off";

/// Event triggers of the target would fire on what a script makes. Only their own setting (17 and newer) switches off nothing else:
/// the script's own triggers have to fire as they would for psql.
async fn silence_event_triggers(session: &mut CopySession) -> Result<bool, ConnectionError> {
    let version = session.parameter("server_version").and_then(ServerVersion::parse);
    if !version.is_some_and(ServerVersion::has_event_triggers_setting) {
        return Ok(false);
    }
    match session.execute(SILENT).await {
        Err(e) if e.sqlstate() == Some("42501") => Ok(false),
        other => other.map(|()| true),
    }
}

/// Prepares a session that was opened for a script. Gives what a `\connect` in the script has to be replaced by.
pub(super) async fn begin(
    session: &mut CopySession,
    options: &ImportOptions,
    transactions: Transactions,
) -> Result<String, ConnectionError> {
    let mut sql = fresh(session, options, transactions);
    session.execute(&sql).await?;
    if silence_event_triggers(session).await? {
        sql.push_str(SILENT);
    }
    Ok(sql)
}

/// Those settings of a dump's preamble that the server does not know.
pub(super) async fn unknown(session: &mut CopySession) -> Result<std::collections::BTreeSet<String>, ConnectionError> {
    let answer = session.simple(include_str!("known_settings.sql")).await?;
    let rows = answer.first().map_or(0, |a| a.rows.len());
    let known: Vec<&str> = (0..rows).filter_map(|row| answer.first()?.text(row, 0)).collect();
    Ok(PREAMBLE.into_iter().filter(|name| !known.contains(name)).map(str::to_owned).collect())
}
