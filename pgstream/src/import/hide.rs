//! Keeps other sessions out of a target while it is not proven.

use crate::connection::CopySession;
use crate::ddl::Ddl;
use crate::error::{ConnectionError, ImportError};

use super::ledger::{CONNECTION_LIMIT, Ledger};

const LIMIT: &str = "SELECT d.datname, d.datconnlimit, r.rolsuper FROM pg_catalog.pg_database d, pg_catalog.pg_roles r \
    WHERE d.datname = pg_catalog.current_database() AND r.rolname = current_user";

/// Sets the database's connection limit to 0; the former one is in the ledger, in the same transaction, and comes back with the
/// end of the marker or when the run is taken back. Sessions that are there already stay, and superusers still come in.
///
/// `false`: it was not done, since the limit binds every role that is not a superuser, and so our own sessions.
///
/// # Errors
/// Whatever the statements may give.
pub(crate) async fn hide(session: &mut CopySession) -> Result<bool, ImportError> {
    let answer = session.simple(LIMIT).await?;
    let text = |column| answer.first().filter(|a| !a.rows.is_empty()).and_then(|a| a.text(0, column)).map(str::to_owned);
    let (Some(database), Some(limit), Some(is_superuser)) = (text(0), text(1).and_then(|l| l.parse::<i32>().ok()), text(2))
    else {
        let problem = "the current database is not in pg_database".into();
        return Err(ConnectionError::Protocol { server: session.describe().to_owned(), problem }.into());
    };
    if is_superuser != "t" {
        return Ok(false);
    }
    let set = |limit: i32| {
        let mut sql = Ddl::new();
        sql.sql("ALTER DATABASE ").ident(&database).sql(" CONNECTION LIMIT ").number(limit).end();
        sql.into_string()
    };
    let mut sql = Ddl::new();
    Ledger::record(&mut sql, CONNECTION_LIMIT, "the connection limit", &set(limit), None);
    sql.deparsed(&set(0));
    session.execute(sql.as_str()).await?;
    Ok(true)
}
