//! The proof that a database may be written to.

use super::class::Class;
use super::identity::DatabaseIdentity;
use crate::connection::{Connection, ConnectionConfig};
use crate::error::{GuardError, GuardRule};
use crate::report::EndReport;

const SESSION: &str = include_str!("session.sql");
const SESSION_WITHOUT_CONTROL: &str = include_str!("session_without_control.sql");

/// The key of the session advisory lock that a writer holds: `pgstream` in ASCII. Every installation has the same one.
const WRITER_LOCK: i64 = 0x7067_7374_7265_616d;

/// One database that may be written to in this run. [`admit`](super::admit) is the only way to get one.
///
/// It stands for that database only: another database of the same server is admitted anew.
///
/// ```compile_fail
/// use pgstream::guard::Destination;
/// // Its fields are private, so nobody can put one together.
/// fn forge(real: Destination) -> Destination {
///     Destination { may_write_cluster: true, ..real }
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Destination {
    pub(super) config: ConnectionConfig,
    pub(super) profile: Option<String>,
    pub(super) class: Option<Class>,
    pub(super) identity: DatabaseIdentity,
    pub(super) notes: Vec<String>,
    pub(super) may_write_cluster: bool,
    pub(super) holds_back_outbound: bool,
}

impl Destination {
    /// How to connect. Every session that is made with it has to pass [`verify_session`](Self::verify_session).
    pub fn config(&self) -> &ConnectionConfig {
        &self.config
    }

    /// How reports call it.
    pub(crate) fn as_end(&self) -> EndReport {
        let mut end = EndReport::named(self.config.to_string());
        end.server_version = Some(self.identity.server_version.clone());
        end.database = Some(self.identity.database_name.clone());
        end.system_identifier.clone_from(&self.identity.system_identifier);
        end
    }

    /// The profile that named it.
    pub fn profile(&self) -> Option<&str> {
        self.profile.as_deref()
    }

    /// The class of the profile, or the one that the database says it has.
    pub fn class(&self) -> Option<Class> {
        self.class
    }

    /// Who it is.
    pub fn identity(&self) -> &DatabaseIdentity {
        &self.identity
    }

    /// What the report should say about it: that it is a physical clone, that a pooler is in between, and the like.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Whether roles, memberships and tablespaces may be written: no protected database can be in the same cluster.
    pub fn may_write_cluster(&self) -> bool {
        self.may_write_cluster
    }

    /// Whether the source is more precious, or of unknown class, so that what calls out (subscriptions, scheduled jobs, passwords
    /// of foreign servers) stays behind.
    pub fn holds_back_outbound(&self) -> bool {
        self.holds_back_outbound
    }

    /// The key of the session advisory lock (`pg_try_advisory_lock`) that whoever writes holds, in this database, to its end.
    pub fn lock_key(&self) -> i64 {
        WRITER_LOCK
    }

    /// One cheap question without parameters, for a session before its first write; the answer is one row for
    /// [`check_session_answer`](Self::check_session_answer).
    pub fn session_check_sql(&self) -> &'static str {
        match self.identity.system_identifier {
            Some(_) => SESSION,
            None => SESSION_WITHOUT_CONTROL,
        }
    }

    /// Whether a session is in the database that was admitted: system identifier, database oid, not in recovery.
    ///
    /// A host's name may lead somewhere else than it did a minute ago, and a pooler may too.
    ///
    /// # Errors
    /// [`GuardError::Refused`] by the rule [`OtherDatabase`](GuardRule::OtherDatabase) or [`Standby`](GuardRule::Standby).
    pub fn check_session_answer(&self, row: &[Option<&str>]) -> Result<(), GuardError> {
        let oid = self.identity.database_oid.to_string();
        let refuse = |rule, reason: String| {
            Err(GuardError::Refused {
                rule,
                target: format!("{} ({})", self.config, self.identity),
                reason,
                hint: "The name, the pooler or the load balancer leads to more than one server. Name the server itself.".into(),
            })
        };
        match row {
            [system, Some(database), Some(recovery)] => {
                if *system != self.identity.system_identifier.as_deref() || *database != oid {
                    let seen = format!("system {}, database oid {database}", system.unwrap_or("unknown"));
                    return refuse(GuardRule::OtherDatabase, format!("a new session came to another database: {seen}"));
                }
                if recovery.starts_with('t') {
                    return refuse(GuardRule::Standby, "a new session came to a standby".into());
                }
                Ok(())
            }
            _ => refuse(GuardRule::OtherDatabase, "a new session could not say which database it is in".into()),
        }
    }

    /// Asks a new session for its proof and checks it, in one round trip. To be called before the first write.
    ///
    /// # Errors
    /// As [`check_session_answer`](Self::check_session_answer), and [`GuardError::Connection`].
    pub async fn verify_session(&self, connection: &Connection) -> Result<(), GuardError> {
        let rows = connection.simple_query(self.session_check_sql()).await.map_err(|source| {
            let what = "a session that is to write".to_owned();
            GuardError::Connection { what, source }
        })?;
        let row: Vec<Option<&str>> = rows.first().into_iter().flatten().map(Option::as_deref).collect();
        self.check_session_answer(&row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::Environment;

    fn destination(system_identifier: Option<&str>) -> Destination {
        Destination {
            config: ConnectionConfig::parse("postgres://u:secret@127.0.0.1/d", &Environment::empty()).expect("a URL"),
            profile: None,
            class: None,
            identity: DatabaseIdentity {
                system_identifier: system_identifier.map(str::to_owned),
                database_oid: 5,
                database_name: "d".into(),
                server_version: "18.1".into(),
                is_in_recovery: false,
                server_address: None,
                class_mark: None,
                has_protected_neighbour: false,
                hosting_mark: None,
                is_pooled: false,
            },
            notes: Vec::new(),
            may_write_cluster: true,
            holds_back_outbound: false,
        }
    }

    #[test]
    fn a_session_elsewhere_is_refused() {
        type Row<'a> = &'a [Option<&'a str>];
        let rows: [(&str, Option<&str>, Row<'_>, Option<GuardRule>); 7] = [
            ("the same", Some("1"), &[Some("1"), Some("5"), Some("false")], None),
            ("the same, nobody may read the identifier", None, &[None, Some("5"), Some("f")], None),
            ("another system", Some("1"), &[Some("2"), Some("5"), Some("false")], Some(GuardRule::OtherDatabase)),
            ("another database", Some("1"), &[Some("1"), Some("6"), Some("false")], Some(GuardRule::OtherDatabase)),
            ("a standby", Some("1"), &[Some("1"), Some("5"), Some("true")], Some(GuardRule::Standby)),
            ("no identifier any more", Some("1"), &[None, Some("5"), Some("false")], Some(GuardRule::OtherDatabase)),
            ("no answer", Some("1"), &[], Some(GuardRule::OtherDatabase)),
        ];
        for (name, system, row, expected) in rows {
            let refused = destination(system).check_session_answer(row).err();
            assert_eq!(refused.as_ref().and_then(GuardError::rule), expected, "{name}: {refused:?}");
        }
    }

    #[test]
    fn nothing_that_it_prints_has_the_password() {
        let destination = destination(Some("1"));
        let refused = destination.check_session_answer(&[]).expect_err("no answer");
        assert!(!format!("{destination:?} {refused} {refused:?} {}", refused.hint()).contains("secret"));
    }
}
