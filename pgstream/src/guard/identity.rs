//! Who a database is, as its server tells it.

use std::fmt;

use serde::{Deserialize, Serialize};
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

use super::class::Class;
use crate::connection::Connection;
use crate::error::ConnectionError;

const VERSION: &str = "select version()";
const IDENTITY: &str = include_str!("identity.sql");
const CONTROL: &str = include_str!("control.sql");

/// The setting, and the line in a comment, by which a database says its own class.
const MARK: &str = "pgstream.class";

/// What a user may not do, and what a server that is not PostgreSQL does not have.
const NOT_TO_BE_HAD: [&str; 3] = ["42501", "42883", "0A000"];

/// Words in `version()` of servers that answer like PostgreSQL and are not.
const LOOK_ALIKES: [(&str, &str); 10] = [
    ("redshift", "Amazon Redshift"),
    ("cockroachdb", "CockroachDB"),
    ("-yb-", "YugabyteDB"),
    ("yugabyte", "YugabyteDB"),
    ("greenplum", "Greenplum"),
    ("cloudberry", "Apache Cloudberry"),
    ("materialize", "Materialize"),
    ("risingwave", "RisingWave"),
    ("cratedb", "CrateDB"),
    ("opengauss", "openGauss"),
];

/// Who a database is: the server's own words, read over one connection.
///
/// Source: PostgreSQL manual, "Control Data Functions", `pg_database`, `pg_db_role_setting`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DatabaseIdentity {
    /// What initdb drew for the cluster; physical copies and standbys have the same. `None` if the user may not read it.
    pub system_identifier: Option<String>,
    /// `pg_database.oid`.
    pub database_oid: u32,
    /// `pg_database.datname`.
    pub database_name: String,
    /// `server_version`, as in `15.18 (Debian …)`.
    pub server_version: String,
    /// Whether the server is a standby.
    pub is_in_recovery: bool,
    /// The address that the server sees itself reached at; `None` over a Unix socket.
    pub server_address: Option<String>,
    /// The class that the database says it has, if it says so; a word that is none counts as production.
    pub class_mark: Option<Class>,
    /// Whether another database of the cluster says that it is protected.
    pub has_protected_neighbour: bool,
    /// The setting or role by which a hosting service shows itself.
    pub hosting_mark: Option<String>,
    /// Whether a pooler stands between us and the server.
    pub is_pooled: bool,
}

impl DatabaseIdentity {
    /// Asks the server behind `connection`, in one round trip.
    ///
    /// # Errors
    /// [`ConnectionError::Unsupported`] for a server that is not PostgreSQL; else what failed.
    ///
    /// # Cancellation
    /// Dropping the future leaves the connection usable.
    pub async fn read(connection: &Connection) -> Result<Self, ConnectionError> {
        let (version, identity, control) =
            tokio::join!(connection.query(VERSION, &[]), connection.query_one(IDENTITY, &[]), connection.query_opt(CONTROL, &[]));
        let version = version?;
        let version: &str = version.first().and_then(|row| row.try_get(0).ok()).unwrap_or_default();
        if let Some(product) = look_alike(version) {
            return Err(ConnectionError::Unsupported { server: connection.describe().to_owned(), product: product.into() });
        }
        let system_identifier = match control {
            Ok(row) => row.map(|row| Answer(connection, &row).get("system_identifier")).transpose()?,
            Err(e) if e.sqlstate().is_some_and(|code| NOT_TO_BE_HAD.contains(&code)) => None,
            Err(e) => return Err(e),
        };
        Self::decode(connection, &identity?, system_identifier)
    }

    fn decode(connection: &Connection, row: &Row, system_identifier: Option<String>) -> Result<Self, ConnectionError> {
        let row = Answer(connection, row);
        let address: Option<String> = row.get("server_address")?;
        let port: Option<i32> = row.get("server_port")?;
        let comment: Option<String> = row.get("comment")?;
        let class_here: Option<String> = row.get("class_here")?;
        let settings: Vec<String> = row.get("settings")?;
        let neighbours: [Vec<String>; 2] = [row.get("neighbour_settings")?, row.get("neighbour_comments")?];
        let hosting: [Vec<String>; 2] = [row.get("hosting_settings")?, row.get("hosting_roles")?];
        let said_here = class_here.filter(|word| !word.is_empty()).map(|word| format!("{MARK}={word}"));
        let backend_pid: i32 = row.get("backend_pid")?;
        Ok(Self {
            system_identifier,
            database_oid: row.get("database_oid")?,
            database_name: row.get("database_name")?,
            server_version: row.get("server_version")?,
            is_in_recovery: row.get("is_in_recovery")?,
            server_address: address.map(|a| format!("{a}:{}", port.unwrap_or_default())),
            class_mark: class_mark(settings.iter().chain(&comment).chain(&said_here)),
            has_protected_neighbour: class_mark(neighbours.iter().flatten()).is_some_and(Class::is_protected),
            hosting_mark: hosting.into_iter().flatten().next(),
            // A pooler gives out numbers of its own for cancelling.
            is_pooled: backend_pid != connection.backend_pid(),
        })
    }
}

impl fmt::Display for DatabaseIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let system = self.system_identifier.as_deref().unwrap_or("unknown");
        let address = self.server_address.as_deref().unwrap_or("a socket");
        let version = self.server_version.split(' ').next().unwrap_or_default();
        write!(
            f,
            "database {} (oid {}) of system {system}, PostgreSQL {version} at {address}",
            self.database_name, self.database_oid
        )
    }
}

/// A row of the server at the other end of a connection.
struct Answer<'a>(&'a Connection, &'a Row);

impl Answer<'_> {
    fn get<'r, T: FromSql<'r>>(&'r self, column: &'static str) -> Result<T, ConnectionError> {
        self.1.try_get(column).map_err(|e| ConnectionError::Protocol {
            server: self.0.describe().to_owned(),
            problem: format!("the identity's column {column} cannot be read: {e}"),
        })
    }
}

/// The product, if `version()` is of one that answers like PostgreSQL and is not.
fn look_alike(version: &str) -> Option<&'static str> {
    let version = version.to_ascii_lowercase();
    LOOK_ALIKES.iter().find(|(word, _)| version.contains(word)).map(|(_, product)| *product)
}

/// The most precious class that any of the texts says: settings as `name=value`, comments line by line.
fn class_mark<'a>(texts: impl IntoIterator<Item = &'a String>) -> Option<Class> {
    texts.into_iter().flat_map(|text| text.lines()).filter_map(marked_class).max()
}

fn marked_class(line: &str) -> Option<Class> {
    let (name, value) = line.split_once('=')?;
    // A word that we do not know was still meant as a protection.
    name.trim().eq_ignore_ascii_case(MARK).then(|| Class::parse(value).unwrap_or(Class::Production))
}

/// Whether a database's setting (`name=value`) is the mark of its class, which stays with the database it was given to.
pub fn is_class_mark(setting: &str) -> bool {
    marked_class(setting).is_some()
}

/// A database's comment without the lines that mark its class; `None` if nothing is left.
pub fn without_class_mark(comment: &str) -> Option<String> {
    if !comment.lines().any(is_class_mark) {
        return Some(comment.to_owned());
    }
    let kept: Vec<&str> = comment.lines().filter(|line| !is_class_mark(line)).collect();
    (!kept.is_empty()).then(|| kept.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn look_alikes_are_recognised_and_postgres_is_not_one() {
        let cases = [
            ("PostgreSQL 15.18 on x86_64-pc-linux-gnu, compiled by gcc", None),
            ("PostgreSQL 8.0.2 on i686-pc-linux-gnu, compiled by GCC gcc, Redshift 1.0.75379", Some("Amazon Redshift")),
            ("CockroachDB CCL v23.1.11 (x86_64-pc-linux-gnu)", Some("CockroachDB")),
            ("PostgreSQL 11.2-YB-2.18.3.0-b0 on x86_64-pc-linux-gnu", Some("YugabyteDB")),
            ("PostgreSQL 9.4.26 (Greenplum Database 6.25.3 build commit:0)", Some("Greenplum")),
        ];
        for (version, expected) in cases {
            assert_eq!(look_alike(version), expected, "{version}");
        }
    }

    #[test]
    fn the_strictest_mark_counts_and_an_unknown_word_protects() {
        let cases = [
            (vec!["work_mem=4MB"], None),
            (vec!["pgstream.class=dev"], Some(Class::Dev)),
            (vec!["PGSTREAM.CLASS = Staging", "pgstream.class=dev"], Some(Class::Staging)),
            (vec!["our shop\npgstream.class=production\nask ann"], Some(Class::Production)),
            (vec!["pgstream.class=prd"], Some(Class::Production)),
            (vec!["it says pgstream.class=production in a sentence"], None),
        ];
        for (texts, expected) in cases {
            let texts: Vec<String> = texts.into_iter().map(str::to_owned).collect();
            assert_eq!(class_mark(&texts), expected, "{texts:?}");
        }
    }

    #[test]
    fn a_comment_loses_its_mark_and_nothing_else() {
        let cases = [("a\n", Some("a\n")), ("a\npgstream.class=dev\nb", Some("a\nb")), ("pgstream.class=production", None)];
        for (comment, expected) in cases {
            assert_eq!(without_class_mark(comment).as_deref(), expected, "{comment:?}");
        }
    }
}
