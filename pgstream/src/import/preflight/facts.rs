//! What the two ends tell about themselves. Plain data, so that the rules can be tested without a server.

use std::collections::BTreeMap;

use crate::connection::ServerVersion;
use crate::import::{Contents, DropPlan};

/// Either end.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerFacts {
    /// `user@host:port/database`.
    pub describe: String,
    /// The name of what answers like PostgreSQL and is not.
    pub look_alike: Option<&'static str>,
    /// The version.
    pub version: ServerVersion,
    /// The database's name.
    pub database: String,
    /// The encoding's name.
    pub encoding: String,
    /// The locale.
    pub locale: LocaleFacts,
    /// The role that we are.
    pub role: RoleFacts,
    /// The session is another server process than the one that was logged in to: a pooler stands in between.
    pub is_pooled: bool,
    /// The server is a standby.
    pub is_in_recovery: bool,
    /// Transactions are read-only unless they say otherwise.
    pub is_read_only: bool,
    /// `hot_standby_feedback`.
    pub hot_standby_feedback: bool,
    /// `max_standby_streaming_delay`, as the server shows it.
    pub max_standby_streaming_delay: String,
    /// `max_identifier_length`, in bytes.
    pub max_identifier_length: usize,
    /// Connections.
    pub connections: ConnectionFacts,
    /// Locks that the server has room for.
    pub lock_capacity: u64,
    /// When the server was started, in microseconds since 1970: equal at both ends when they are one server.
    pub started_micros: i64,
}

/// How text is sorted and classified.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct LocaleFacts {
    /// `c` libc, `i` ICU, `b` builtin.
    pub provider: char,
    /// `datcollate`.
    pub collation: String,
    /// `datctype`.
    pub character_type: String,
    /// The provider's own name of the locale, or empty.
    pub locale: String,
    /// The version that the database was made with.
    pub version: Option<String>,
    /// The version that the system has now.
    pub actual_version: Option<String>,
}

/// What the role that we are may do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct RoleFacts {
    /// Its name.
    pub name: String,
    /// Superusers may do everything.
    pub is_superuser: bool,
    /// `CREATE` on the database.
    pub can_create_in_database: bool,
    /// The schema `public` exists.
    pub has_public: bool,
    /// `CREATE` on it.
    pub can_create_in_public: bool,
    /// May set `session_replication_role`.
    pub can_be_replica: bool,
    /// May set `event_triggers` (17 and newer).
    pub can_stop_event_triggers: bool,
}

/// Connections that there are and may be.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ConnectionFacts {
    /// `max_connections`.
    pub maximum: i64,
    /// Those that this role cannot have.
    pub reserved: i64,
    /// In use, ours among them.
    pub used: i64,
    /// In use in this database.
    pub used_in_database: i64,
    /// In use by this role.
    pub used_by_role: i64,
    /// The database's limit; -1 none.
    pub database_limit: i64,
    /// The role's limit; -1 none.
    pub role_limit: i64,
}

impl ConnectionFacts {
    /// How many more there can be, and which setting says so.
    pub fn free(&self) -> (i64, &'static str) {
        let limit = |limit: i64, used: i64| if limit < 0 { i64::MAX } else { limit - used };
        let server = (self.maximum - self.reserved - self.used, "max_connections");
        let database = (limit(self.database_limit, self.used_in_database), "the database's CONNECTION LIMIT");
        let role = (limit(self.role_limit, self.used_by_role), "the role's CONNECTION LIMIT");
        let (free, setting) = [server, database, role].into_iter().min_by_key(|(free, _)| *free).unwrap_or(server);
        (free.max(0), setting)
    }
}

/// The source.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SourceFacts {
    /// The server, the database and the role.
    pub server: ServerFacts,
    /// Versions of extensions, by name.
    pub extensions: BTreeMap<String, String>,
    /// Tables and sequences that the role cannot read.
    pub unreadable: Vec<String>,
    /// Tables of which row security hides rows.
    pub filtered: Vec<String>,
    /// Large objects that the role cannot read.
    pub unreadable_large_objects: u64,
    /// Bytes of indexes on the wanted tables.
    pub index_bytes: u64,
    /// Tables that somebody holds exclusively, and the server process; `None` for a prepared transaction.
    pub locked: Vec<(String, Option<i32>)>,
}

/// The target.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TargetFacts {
    /// The server, the database and the role.
    pub server: ServerFacts,
    /// Wanted roles that exist, and whether we may act as them.
    pub roles: BTreeMap<String, bool>,
    /// Wanted extensions that can be had.
    pub extensions: BTreeMap<String, AvailableExtension>,
    /// Wanted tablespaces, access methods, languages and collations that exist: (kind, name), and whether we may use them.
    pub names: BTreeMap<(String, String), bool>,
    /// What the database holds.
    pub contents: Contents,
    /// Event triggers, and when they fire: `O` in ordinary sessions, `R` in replica sessions, `A` always.
    pub event_triggers: Vec<(String, char)>,
    /// Wanted tables and sequences that exist, by schema and name.
    pub relations: BTreeMap<(String, String), RelationFacts>,
    /// Prepared transactions of this database.
    pub prepared: Vec<String>,
    /// Free bytes where the database lies, if that can be seen.
    pub free_bytes: Option<u64>,
    /// What has to be dropped first, if what is there is replaced.
    pub drops: Option<DropPlan>,
}

/// A table or sequence of the target that is to be filled.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct RelationFacts {
    /// Columns that rows can be given.
    pub columns: Vec<String>,
    /// Whether we may lock, read and fill it, and take its rows back; for a sequence, read and set it.
    pub is_usable: bool,
    /// Whether a table has rows.
    pub has_rows: bool,
    /// Triggers and rules of users, and when they fire, as [`TargetFacts::event_triggers`].
    pub triggers: Vec<(String, char)>,
}

/// An extension that can be had.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct AvailableExtension {
    /// The installed version, else that which would be installed.
    pub version: String,
    /// Whether it is installed.
    pub is_installed: bool,
    /// Only a superuser may install it, unless it is trusted.
    pub needs_superuser: bool,
    /// Who may create in the database may install it.
    pub is_trusted: bool,
    /// Where it is installed.
    pub schema: Option<String>,
}
