//! Decides what becomes of a statement. Pure: the same judgement serves the look at a file and the run.

use std::collections::BTreeSet;

use crate::guard::is_class_mark;
use crate::report::Mode;
use crate::script::{
    Benign, Classification, CopyDirection, CopyFormat, CopyStatement, Reach, Setting, SettingScope, Statement, StatementKind,
    TransactionControl,
};

use super::names::{self, LargeObjectCall};
use super::options::ImportOptions;

/// How the script's transactions are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transactions {
    /// Everything is one transaction; the script's own `BEGIN` and `COMMIT` are left out.
    One,
    /// As psql would: each statement for itself, and the script's own transactions.
    Own,
}

/// What is done with a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is run; a failure by one of the SQLSTATEs of `benign` is only warned of.
    Run { benign: Option<Benign> },
    /// It is run, and its rows with it.
    Copy(CopyStatement),
    /// It is left out, for a reason that stands in the log.
    Skip(&'static str),
    /// It is left out, because the whole is one transaction.
    Absorb,
    /// The import ends there, if it was not refused before.
    Refuse(Refusal),
}

/// Why a statement is not run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Refusal {
    /// It reads or writes files or runs programs on the server's machine.
    ServerFiles,
    /// It writes roles, memberships, tablespaces or the server's configuration.
    Globals,
    /// It is about another database.
    OtherDatabase(String),
    /// It drops the database that is imported into.
    DropsTarget,
    /// It is outside of what an import does.
    Unsupported(&'static str),
}

/// Settings that come in preambles of dumps and that not every server has. Anything else that a server does not know is an error,
/// as it is for psql.
pub(super) const PREAMBLE: [&str; 9] = [
    "transaction_timeout",
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
    "default_table_access_method",
    "default_toast_compression",
    "default_with_oids",
    "row_security",
    "xmloption",
    "restrict_nonsystem_relation_kind",
];

/// What the judgement depends on, besides the statement.
#[derive(Debug, Clone)]
pub(super) struct Judge<'a> {
    /// What was asked for.
    pub(super) options: &'a ImportOptions,
    /// The database that is written to.
    pub(super) database: &'a str,
    /// Those of [`PREAMBLE`] that the target does not know.
    pub(super) unknown_settings: BTreeSet<String>,
    /// How transactions are run.
    pub(super) transactions: Transactions,
}

impl Judge<'_> {
    /// Judges a statement.
    pub(super) fn judge(&self, statement: &Statement, class: &Classification) -> Verdict {
        if let Some(why) = self.unwanted(statement, class) {
            return Verdict::Skip(why);
        }
        if let StatementKind::Copy(copy) = &class.kind {
            return judge_copy(copy);
        }
        match class.reach {
            Reach::Machine => return Verdict::Refuse(Refusal::ServerFiles),
            Reach::Cluster if !self.options.globals => return Verdict::Refuse(Refusal::Globals),
            Reach::Database => return self.judge_database(statement, class),
            _ => {}
        }
        match &class.kind {
            StatementKind::Transaction(control) => self.judge_transaction(*control),
            // As dumps with --clean drop large objects.
            StatementKind::LargeObject if names::large_object_call(statement) == LargeObjectCall::Unlink => {
                Verdict::Run { benign: Some(Benign::DropOfMissing) }
            }
            StatementKind::Definition { verb: "CREATE", object } if object == "SCHEMA" && self.options.mode == Mode::Replace => {
                // What is replaced is what is in it.
                Verdict::Run { benign: names::makes_schema_alone(statement).then_some(Benign::SchemaExists) }
            }
            _ => Verdict::Run { benign: class.benign },
        }
    }

    /// Why the statement is not wanted, or means nothing to this target.
    fn unwanted(&self, statement: &Statement, class: &Classification) -> Option<&'static str> {
        let options = self.options;
        match &class.kind {
            StatementKind::Setting(Setting { name, .. }) if self.unknown_settings.contains(name) => {
                Some("the target does not know this setting")
            }
            StatementKind::Setting(Setting { name, .. }) if name == "default_tablespace" && options.no_tablespaces => {
                Some("tablespaces are left out")
            }
            StatementKind::Setting(Setting { name, .. }) if name == "session_authorization" && options.no_owner => {
                Some("ownership is left to the role that writes")
            }
            StatementKind::Definition { verb, object } => self.unwanted_definition(statement, verb, object),
            _ => None,
        }
    }

    fn unwanted_definition(&self, statement: &Statement, verb: &str, object: &str) -> Option<&'static str> {
        let options = self.options;
        match verb {
            "ALTER" if object == "DEFAULT PRIVILEGES" && options.no_privileges => Some("privileges are left out"),
            "GRANT" | "REVOKE" if object != "ROLE" && options.no_privileges => Some("privileges are left out"),
            "COMMENT" if options.no_comments => Some("comments are left out"),
            "ALTER" if options.no_owner && changes_owner(statement) => Some("ownership is left to the role that writes"),
            "COMMENT" if object == "DATABASE" && holds_class_mark(statement) => Some("a database's class is not carried"),
            "ALTER" if object == "DATABASE" && sets_class(statement) => Some("a database's class is not carried"),
            _ => None,
        }
    }

    fn judge_database(&self, statement: &Statement, class: &Classification) -> Verdict {
        let named = names::named_database(statement).unwrap_or_default();
        if named != self.database {
            return Verdict::Refuse(Refusal::OtherDatabase(named));
        }
        match &class.kind {
            StatementKind::Definition { verb: "CREATE", .. } => Verdict::Skip("the database is there"),
            StatementKind::Definition { verb: "DROP", .. } => Verdict::Refuse(Refusal::DropsTarget),
            _ => Verdict::Run { benign: None },
        }
    }

    fn judge_transaction(&self, control: TransactionControl) -> Verdict {
        use TransactionControl as T;
        match (control, self.transactions) {
            (T::TwoPhase, _) => Verdict::Refuse(Refusal::Unsupported("a prepared transaction")),
            (T::Begin | T::Commit, Transactions::One) => Verdict::Absorb,
            _ => Verdict::Run { benign: None },
        }
    }

    /// Why a statement cannot be part of one transaction around everything. `None` if it can, or is not run.
    pub(super) fn forbids_one_transaction(&self, statement: &Statement, class: &Classification) -> Option<&'static str> {
        if !matches!(self.judge(statement, class), Verdict::Run { .. } | Verdict::Copy(_)) {
            return None;
        }
        if !class.runs_in_transaction {
            return Some("no server runs it within a transaction");
        }
        match &class.kind {
            StatementKind::Transaction(TransactionControl::Rollback) => Some("it rolls back what precedes it"),
            StatementKind::Transaction(TransactionControl::Characteristics) if !sets_constraints(statement) => {
                Some("it describes a transaction of its own")
            }
            StatementKind::Setting(Setting { scope: SettingScope::Local, .. }) => Some("it is for a transaction of its own"),
            StatementKind::Several => Some("it joins several commands"),
            _ => None,
        }
    }
}

fn judge_copy(copy: &CopyStatement) -> Verdict {
    match (copy.direction, copy.format) {
        (CopyDirection::FromScript, CopyFormat::Text | CopyFormat::Csv) => Verdict::Copy(copy.clone()),
        (CopyDirection::FromScript, _) => Verdict::Refuse(Refusal::Unsupported("rows in another format than text or CSV")),
        (CopyDirection::ToClient, _) => Verdict::Refuse(Refusal::Unsupported("COPY … TO stdout")),
        _ => Verdict::Refuse(Refusal::ServerFiles),
    }
}

fn changes_owner(statement: &Statement) -> bool {
    statement.read(|cursor| cursor.skip_to(&["owner"]).is_some() && cursor.eat("to"))
}

fn sets_constraints(statement: &Statement) -> bool {
    statement.read(|cursor| cursor.eat_all(&["set", "constraints"]))
}

/// Whether a comment marks a database as production or the like; the line is the guard's, not the database's.
fn holds_class_mark(statement: &Statement) -> bool {
    let comment = statement.read(|cursor| {
        cursor.skip_to(&["is"])?;
        cursor.next()?.value()
    });
    comment.is_some_and(|comment| comment.lines().any(is_class_mark))
}

fn sets_class(statement: &Statement) -> bool {
    statement.read(|cursor| cursor.skip_to(&["set"]).is_some() && cursor.qualified_name() == ["pgstream", "class"])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::statement;

    fn judge_with(options: &ImportOptions, transactions: Transactions, sql: &str) -> Verdict {
        let unknown_settings = ["transaction_timeout".to_owned()].into();
        let judge = Judge { options, database: "shop", unknown_settings, transactions };
        let statement = statement(sql);
        judge.judge(&statement, &statement.classify())
    }

    fn judge(sql: &str) -> Verdict {
        judge_with(&ImportOptions::default(), Transactions::One, sql)
    }

    const RUN: Verdict = Verdict::Run { benign: None };

    #[test]
    fn what_reaches_beyond_the_database_is_refused() {
        for (sql, expected) in [
            ("COPY t FROM PROGRAM 'id';", Refusal::ServerFiles),
            ("COPY t TO '/tmp/x';", Refusal::ServerFiles),
            ("SELECT lo_import('/etc/passwd');", Refusal::ServerFiles),
            ("LOAD 'x';", Refusal::ServerFiles),
            ("CREATE ROLE a;", Refusal::Globals),
            ("GRANT a TO b;", Refusal::Globals),
            ("CREATE DATABASE other;", Refusal::OtherDatabase("other".into())),
            ("ALTER DATABASE other SET x = 1;", Refusal::OtherDatabase("other".into())),
            ("DROP DATABASE shop;", Refusal::DropsTarget),
            ("COPY t TO stdout;", Refusal::Unsupported("COPY … TO stdout")),
            ("PREPARE TRANSACTION 'x';", Refusal::Unsupported("a prepared transaction")),
        ] {
            assert_eq!(judge(sql), Verdict::Refuse(expected), "{sql}");
        }
        let globals = ImportOptions { globals: true, ..ImportOptions::default() };
        assert_eq!(judge_with(&globals, Transactions::One, "CREATE ROLE a;"), RUN);
    }

    #[test]
    fn the_database_itself_may_be_described_and_is_not_made_again() {
        assert_eq!(judge("ALTER DATABASE shop OWNER TO a;"), RUN);
        assert_eq!(judge("GRANT CONNECT ON DATABASE shop TO a;"), RUN);
        assert!(matches!(judge("CREATE DATABASE shop;"), Verdict::Skip(_)));
        for sql in [
            "COMMENT ON DATABASE shop IS 'x\npgstream.class=production';",
            "ALTER DATABASE shop SET pgstream.class TO 'production';",
        ] {
            assert_eq!(judge(sql), Verdict::Skip("a database's class is not carried"), "{sql}");
        }
    }

    #[test]
    fn what_was_not_wanted_is_left_out() {
        let none = ImportOptions::default();
        let no_owner = ImportOptions { no_owner: true, ..none.clone() };
        let no_privileges = ImportOptions { no_privileges: true, ..none.clone() };
        let no_tablespaces = ImportOptions { no_tablespaces: true, ..none.clone() };
        let no_comments = ImportOptions { no_comments: true, ..none.clone() };
        for (options, sql) in [
            (&no_owner, "ALTER TABLE public.t OWNER TO alice;"),
            (&no_owner, "ALTER FUNCTION public.f(integer) OWNER TO alice;"),
            (&no_owner, "ALTER LARGE OBJECT 12 OWNER TO alice;"),
            (&no_owner, "SET SESSION AUTHORIZATION 'alice';"),
            (&no_privileges, "GRANT SELECT ON TABLE t TO bob;"),
            (&no_privileges, "REVOKE ALL ON SCHEMA public FROM PUBLIC;"),
            (&no_privileges, "ALTER DEFAULT PRIVILEGES FOR ROLE a GRANT SELECT ON TABLES TO b;"),
            (&no_tablespaces, "SET default_tablespace = fast;"),
            (&no_comments, "COMMENT ON TABLE t IS 'x';"),
        ] {
            assert_eq!(judge_with(&none, Transactions::One, sql), RUN, "{sql}");
            assert!(matches!(judge_with(options, Transactions::One, sql), Verdict::Skip(_)), "{sql}");
        }
        assert_eq!(judge_with(&no_owner, Transactions::One, "ALTER TABLE t ADD COLUMN owner text;"), RUN);
    }

    #[test]
    fn a_setting_that_the_target_does_not_know_is_left_out() {
        assert!(matches!(judge("SET transaction_timeout = 0;"), Verdict::Skip(_)));
        assert_eq!(judge("SET row_security = off;"), RUN);
    }

    #[test]
    fn transactions_of_the_script_are_absorbed_or_run() {
        for sql in ["BEGIN;", "START TRANSACTION;", "COMMIT;", "END;"] {
            assert_eq!(judge(sql), Verdict::Absorb, "{sql}");
            assert_eq!(judge_with(&ImportOptions::default(), Transactions::Own, sql), RUN, "{sql}");
        }
        assert_eq!(judge("SAVEPOINT a;"), RUN);
    }

    #[test]
    fn what_cannot_be_in_one_transaction() {
        let options = ImportOptions { no_privileges: true, ..ImportOptions::default() };
        let unknown_settings = BTreeSet::new();
        let judge = Judge { options: &options, database: "shop", unknown_settings, transactions: Transactions::One };
        for (sql, forbids) in [
            ("VACUUM;", true),
            ("CREATE INDEX CONCURRENTLY i ON t (a);", true),
            ("ROLLBACK;", true),
            ("SET LOCAL work_mem = '1MB';", true),
            ("SET TRANSACTION READ ONLY;", true),
            ("SET CONSTRAINTS ALL DEFERRED;", false),
            ("SET work_mem = '1MB';", false),
            ("BEGIN;", false),
            ("ROLLBACK TO a;", false),
            // It is refused, and that is told.
            ("CREATE DATABASE other;", false),
            // It is the database that is there.
            ("CREATE DATABASE shop;", false),
        ] {
            let statement = statement(sql);
            let found = judge.forbids_one_transaction(&statement, &statement.classify());
            assert_eq!(found.is_some(), forbids, "{sql}: {found:?}");
        }
    }
}
