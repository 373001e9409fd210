//! What a statement is to an import: whether it can be in a transaction, how far it reaches, which failures of it are harmless.
//!
//! It is a judgement by words, not a parser. What a statement does through a function that it calls is not seen. A server may
//! refuse what is classified here; nothing it accepts is classified as something that reaches less far.

use super::copy::CopyStatement;
use super::setting::Setting;
use super::token::Cursor;

/// A statement, as far as an import has to know.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Classification {
    /// What it is.
    pub kind: StatementKind,
    /// What it can change.
    pub reach: Reach,
    /// False if a server refuses it within a transaction block.
    pub runs_in_transaction: bool,
    /// Why a certain failure of it need not end an import.
    pub benign: Option<Benign>,
}

/// What a statement is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StatementKind {
    /// Begins or ends a transaction, or a part of one.
    Transaction(TransactionControl),
    /// Sets a parameter of the session.
    Setting(Setting),
    /// `COPY`.
    Copy(CopyStatement),
    /// `INSERT`.
    Insert,
    /// `SELECT setval(…)`, as dumps set sequences.
    SequenceValue,
    /// `SELECT lo_…(…)` or `lowrite`, as dumps write large objects.
    LargeObject,
    /// Any other query.
    Query,
    /// `UPDATE`, `DELETE`, `MERGE`, `TRUNCATE`.
    Change,
    /// Makes, alters, drops or describes an object, or changes privileges.
    Definition {
        /// `CREATE`, `ALTER`, `DROP`, `COMMENT`, `GRANT`, `REVOKE`, `SECURITY LABEL`, …
        verb: &'static str,
        /// The kind of object in upper case, such as `MATERIALIZED VIEW`. Empty if the statement names none.
        object: String,
    },
    /// `VACUUM`, `ANALYZE`, `CLUSTER`, `REINDEX`, `REFRESH`, `CHECKPOINT`.
    Maintenance,
    /// Several commands that psql's `\;` joined to one statement.
    Several,
    /// Anything else, `DO` and `CALL` for example.
    Other,
}

/// Control of transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransactionControl {
    /// `BEGIN`, `START TRANSACTION`.
    Begin,
    /// `COMMIT`, `END`.
    Commit,
    /// `ROLLBACK`, `ABORT`.
    Rollback,
    /// `SAVEPOINT`.
    Savepoint,
    /// `RELEASE`.
    Release,
    /// `ROLLBACK TO`.
    RollbackTo,
    /// `PREPARE TRANSACTION`, `COMMIT PREPARED`, `ROLLBACK PREPARED`.
    TwoPhase,
    /// `SET TRANSACTION`, `SET SESSION CHARACTERISTICS`, `SET CONSTRAINTS`.
    Characteristics,
}

/// How far a statement reaches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Reach {
    /// The session, and objects within the database.
    #[default]
    Objects,
    /// A database as such: makes, drops, renames, configures, describes or grants one, maybe another than the one we are in.
    Database,
    /// The cluster: roles, memberships, tablespaces, the server's configuration.
    Cluster,
    /// Files and programs on the server's machine.
    Machine,
}

/// Failures that happen when a dump meets a database that is not quite empty, or a role that is no superuser.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Benign {
    /// A script written with `--clean` drops what is not there.
    DropOfMissing,
    /// Every database has a schema `public`; others may have been kept.
    SchemaExists,
    /// The extension is there.
    ExtensionExists,
    /// Only the owner may comment on an extension.
    CommentOnExtension,
    /// Only the owner may comment on the schema `public`.
    CommentOnPublicSchema,
}

impl Benign {
    /// The SQLSTATEs that are harmless. Source: PostgreSQL manual, appendix "PostgreSQL Error Codes".
    pub const fn sqlstates(self) -> &'static [&'static str] {
        match self {
            // Undefined object, table, function; invalid schema name.
            Self::DropOfMissing => &["42704", "42P01", "42883", "3F000"],
            Self::SchemaExists => &["42P06"],
            Self::ExtensionExists => &["42710"],
            Self::CommentOnExtension | Self::CommentOnPublicSchema => &["42501"],
        }
    }
}

impl Classification {
    fn new(kind: StatementKind) -> Self {
        Self { kind, reach: Reach::Objects, runs_in_transaction: true, benign: None }
    }

    fn reaching(self, reach: Reach) -> Self {
        Self { reach, ..self }
    }

    fn outside_of_transactions(self) -> Self {
        Self { runs_in_transaction: false, ..self }
    }

    fn transaction(control: TransactionControl) -> Self {
        Self::new(StatementKind::Transaction(control))
    }

    fn definition(verb: &'static str, object: impl Into<String>) -> Self {
        Self::new(StatementKind::Definition { verb, object: object.into() })
    }

    /// Judges the furthest reach of several commands. Its own transaction is around them.
    pub(super) fn of_several(commands: impl Iterator<Item = Self>) -> Self {
        commands.fold(Self::new(StatementKind::Several), |all, one| Self {
            reach: all.reach.max(one.reach),
            runs_in_transaction: all.runs_in_transaction && one.runs_in_transaction,
            ..all
        })
    }
}

/// Judges one command.
pub(super) fn classify(mut cursor: Cursor<'_>) -> Classification {
    use TransactionControl as T;
    let other = Classification::new(StatementKind::Other);
    // A query may be in parentheses.
    while cursor.eat_symbol(b'(') {}
    let Some(first) = cursor.next() else { return other };
    // Most statements of a large script.
    if first.is("insert") {
        return Classification::new(StatementKind::Insert);
    }
    let word = first.name().unwrap_or_default();
    match word.as_str() {
        "select" => select(&mut cursor),
        "copy" => copy(&mut cursor),
        "set" => set(&mut cursor),
        "reset" => Setting::parse_reset(&mut cursor).map_or(other, |s| Classification::new(StatementKind::Setting(s))),
        "discard" if cursor.eat("all") => {
            Classification::new(StatementKind::Setting(Setting::reset_all())).outside_of_transactions()
        }
        "begin" | "start" => Classification::transaction(T::Begin),
        "commit" | "end" if cursor.eat("prepared") => Classification::transaction(T::TwoPhase).outside_of_transactions(),
        "commit" | "end" => Classification::transaction(T::Commit),
        "rollback" | "abort" => rollback(&mut cursor),
        "savepoint" => Classification::transaction(T::Savepoint),
        "release" => Classification::transaction(T::Release),
        "prepare" if cursor.eat("transaction") => Classification::transaction(T::TwoPhase),
        "values" | "table" | "with" => Classification::new(StatementKind::Query),
        "update" | "delete" | "merge" | "truncate" => Classification::new(StatementKind::Change),
        "create" => create(&mut cursor),
        "alter" => alter(&mut cursor),
        "drop" => drop_object(&mut cursor),
        "comment" => describe("COMMENT", &mut cursor),
        "security" => describe("SECURITY LABEL", &mut cursor),
        "grant" => privileges("GRANT", "to", &mut cursor),
        "revoke" => privileges("REVOKE", "from", &mut cursor),
        // These change objects that databases share, such as tablespaces, too.
        "reassign" => Classification::definition("REASSIGN", "OWNED").reaching(Reach::Cluster),
        "import" => Classification::definition("IMPORT", "FOREIGN SCHEMA"),
        "vacuum" => Classification::new(StatementKind::Maintenance).outside_of_transactions(),
        "checkpoint" => Classification::new(StatementKind::Maintenance).reaching(Reach::Cluster),
        "analyze" | "analyse" | "refresh" => Classification::new(StatementKind::Maintenance),
        "cluster" | "repack" => cluster(&mut cursor),
        "reindex" => reindex(&mut cursor),
        // It loads a library into the server.
        "load" => other.reaching(Reach::Machine),
        _ => other,
    }
}

fn select(cursor: &mut Cursor<'_>) -> Classification {
    if cursor.eat("pg_catalog") {
        cursor.eat_symbol(b'.');
    }
    let Some(function) = cursor.next().and_then(|token| token.name()) else {
        return Classification::new(StatementKind::Query);
    };
    let is_call = cursor.peek().is_some_and(|token| token.is_symbol(b'('));
    let kind = match function.as_str() {
        _ if !is_call => None,
        "setval" => Some(StatementKind::SequenceValue),
        "set_config" => Setting::parse_call(cursor).map(StatementKind::Setting),
        // These two name a file on the server's machine.
        "lo_import" | "lo_export" => return Classification::new(StatementKind::LargeObject).reaching(Reach::Machine),
        "lowrite" | "loread" => Some(StatementKind::LargeObject),
        name if name.starts_with("lo_") => Some(StatementKind::LargeObject),
        _ => None,
    };
    Classification::new(kind.unwrap_or(StatementKind::Query))
}

fn copy(cursor: &mut Cursor<'_>) -> Classification {
    use super::copy::CopyDirection as D;
    let Some(copy) = CopyStatement::parse(cursor) else { return Classification::new(StatementKind::Other) };
    let reach = match copy.direction {
        D::FromScript | D::ToClient => Reach::Objects,
        D::FromFile | D::FromProgram | D::ToFile | D::ToProgram => Reach::Machine,
    };
    Classification::new(StatementKind::Copy(copy)).reaching(reach)
}

fn set(cursor: &mut Cursor<'_>) -> Classification {
    let is_characteristics = ["transaction", "constraints"].iter().any(|word| {
        let mut ahead = cursor.clone();
        ahead.eat("local");
        ahead.eat(word) && !ahead.peek().is_some_and(|t| t.is("to") || t.is_symbol(b'='))
    });
    if is_characteristics || cursor.eat_all(&["session", "characteristics"]) {
        return Classification::transaction(TransactionControl::Characteristics);
    }
    match Setting::parse_set(cursor) {
        Some(setting) => Classification::new(StatementKind::Setting(setting)),
        None => Classification::new(StatementKind::Other),
    }
}

fn rollback(cursor: &mut Cursor<'_>) -> Classification {
    if cursor.eat("prepared") {
        return Classification::transaction(TransactionControl::TwoPhase).outside_of_transactions();
    }
    let _ = cursor.eat("work") || cursor.eat("transaction");
    let control = if cursor.eat("to") { TransactionControl::RollbackTo } else { TransactionControl::Rollback };
    Classification::transaction(control)
}

fn create(cursor: &mut Cursor<'_>) -> Classification {
    cursor.eat_all(&["or", "replace"]);
    for modifier in ["global", "local", "temporary", "temp", "unlogged", "unique", "trusted", "procedural", "recursive"] {
        cursor.eat(modifier);
    }
    let object = object(cursor);
    let made = reaching_of(&object, Classification::definition("CREATE", object.clone()));
    match object.as_str() {
        "DATABASE" | "TABLESPACE" => made.outside_of_transactions(),
        "INDEX" if cursor.eat("concurrently") => made.outside_of_transactions(),
        "SUBSCRIPTION" if makes_slot(cursor) => made.outside_of_transactions(),
        "EXTENSION" => Classification { benign: Some(Benign::ExtensionExists), ..made },
        "SCHEMA" if is_public(cursor) => Classification { benign: Some(Benign::SchemaExists), ..made },
        _ => made,
    }
}

/// Whether the schema `public` is named, and nothing else said.
fn is_public(cursor: &mut Cursor<'_>) -> bool {
    let name = cursor.qualified_name();
    name == ["public"] && cursor.peek().is_none()
}

/// Whether CREATE SUBSCRIPTION connects and makes a slot, as it does by default.
fn makes_slot(cursor: &mut Cursor<'_>) -> bool {
    !["connect", "create_slot"].iter().any(|option| is_switched_off(cursor.clone(), option))
}

fn is_switched_off(mut cursor: Cursor<'_>, option: &str) -> bool {
    while let Some(token) = cursor.next() {
        if token.name().as_deref() == Some(option) && cursor.eat_symbol(b'=') {
            let value = cursor.next().and_then(|t| t.value().or_else(|| Some(String::from_utf8_lossy(t.text).into_owned())));
            return value.as_deref().and_then(super::setting::boolean) == Some(false);
        }
    }
    false
}

fn alter(cursor: &mut Cursor<'_>) -> Classification {
    let object = object(cursor);
    let altered = reaching_of(&object, Classification::definition("ALTER", object.clone()));
    match object.as_str() {
        // ALTER SYSTEM writes the configuration of the server.
        "SYSTEM" => altered.reaching(Reach::Cluster).outside_of_transactions(),
        "DATABASE" => {
            let is_move = contains(cursor, &["set", "tablespace"]);
            if is_move { altered.outside_of_transactions() } else { altered }
        }
        "TABLE" | "DOMAIN" if only_drops(cursor.clone()) => Classification { benign: Some(Benign::DropOfMissing), ..altered },
        "TABLE" if contains(cursor, &["concurrently"]) => altered.outside_of_transactions(),
        "SUBSCRIPTION" if refreshes(cursor) => altered.outside_of_transactions(),
        _ => altered,
    }
}

/// Whether ALTER TABLE or ALTER DOMAIN drops a constraint or a default and does nothing else, as scripts with `--clean` do.
fn only_drops(mut cursor: Cursor<'_>) -> bool {
    cursor.eat_all(&["if", "exists"]);
    cursor.eat("only");
    cursor.qualified_name();
    if cursor.eat_all(&["drop", "constraint"]) {
        cursor.eat_all(&["if", "exists"]);
        cursor.qualified_name();
    } else if cursor.eat("alter") {
        cursor.eat("column");
        cursor.qualified_name();
        if !cursor.eat_all(&["drop", "default"]) {
            return false;
        }
    } else {
        return false;
    }
    cursor.peek().is_none()
}

/// Whether ALTER SUBSCRIPTION asks the publisher for its tables, as a change of publications does by default.
fn refreshes(cursor: &Cursor<'_>) -> bool {
    contains(cursor, &["publication"]) && !is_switched_off(cursor.clone(), "refresh")
}

fn drop_object(cursor: &mut Cursor<'_>) -> Classification {
    if cursor.peek().is_some_and(|t| t.is("owned")) {
        return Classification::definition("DROP", "OWNED").reaching(Reach::Cluster);
    }
    for modifier in ["trusted", "procedural"] {
        cursor.eat(modifier);
    }
    let object = object(cursor);
    let dropped = reaching_of(&object, Classification::definition("DROP", object.clone()));
    let is_outside = match object.as_str() {
        "DATABASE" | "TABLESPACE" | "SUBSCRIPTION" => true,
        "INDEX" => cursor.eat("concurrently"),
        _ => false,
    };
    match dropped.reach {
        Reach::Objects if !is_outside => Classification { benign: Some(Benign::DropOfMissing), ..dropped },
        _ if is_outside => dropped.outside_of_transactions(),
        _ => dropped,
    }
}

/// `COMMENT ON` and `SECURITY LABEL … ON`.
fn describe(verb: &'static str, cursor: &mut Cursor<'_>) -> Classification {
    cursor.skip_to(&["on"]);
    let object = object(cursor);
    let described = reaching_of(&object, Classification::definition(verb, object.clone()));
    let benign = match (verb, object.as_str()) {
        ("COMMENT", "EXTENSION") => Some(Benign::CommentOnExtension),
        ("COMMENT", "SCHEMA") if cursor.qualified_name() == ["public"] => Some(Benign::CommentOnPublicSchema),
        _ => None,
    };
    Classification { benign, ..described }
}

/// Privileges on an object, or membership of a role, which has no `ON`.
fn privileges(verb: &'static str, before_grantee: &str, cursor: &mut Cursor<'_>) -> Classification {
    if cursor.skip_to(&["on", before_grantee]) != Some("on") {
        return Classification::definition(verb, "ROLE").reaching(Reach::Cluster);
    }
    // A table may be named without the word.
    let object = object(cursor);
    reaching_of(&object, Classification::definition(verb, object.clone()))
}

fn cluster(cursor: &mut Cursor<'_>) -> Classification {
    cursor.eat("verbose");
    let is_all = cursor.next_outside().is_none();
    let cluster = Classification::new(StatementKind::Maintenance);
    if is_all { cluster.outside_of_transactions() } else { cluster }
}

fn reindex(cursor: &mut Cursor<'_>) -> Classification {
    let reindex = Classification::new(StatementKind::Maintenance);
    let is_concurrent = contains(cursor, &["concurrently"]);
    let is_wide = cursor.skip_to(&["schema", "database", "system", "table", "index"]);
    match is_concurrent || matches!(is_wide, Some("schema" | "database" | "system")) {
        true => reindex.outside_of_transactions(),
        false => reindex,
    }
}

/// Whether these words follow each other somewhere.
fn contains(cursor: &Cursor<'_>, words: &[&str]) -> bool {
    let mut cursor = cursor.clone();
    while cursor.peek().is_some() {
        if cursor.clone().eat_all(words) {
            return true;
        }
        cursor.next();
    }
    false
}

/// How far a statement about such an object reaches.
fn reaching_of(object: &str, statement: Classification) -> Classification {
    match object {
        "DATABASE" => statement.reaching(Reach::Database),
        "ROLE" | "USER" | "GROUP" | "TABLESPACE" | "PARAMETER" => statement.reaching(Reach::Cluster),
        _ => statement,
    }
}

/// Kinds of objects that have more than one word.
const LONG_KINDS: [&[&str]; 18] = [
    &["materialized", "view"],
    &["foreign", "table"],
    &["foreign", "data", "wrapper"],
    &["foreign", "server"],
    &["event", "trigger"],
    &["constraint", "trigger"],
    &["operator", "class"],
    &["operator", "family"],
    &["access", "method"],
    &["user", "mapping"],
    &["text", "search", "configuration"],
    &["text", "search", "dictionary"],
    &["text", "search", "parser"],
    &["text", "search", "template"],
    &["default", "privileges"],
    &["default", "conversion"],
    &["large", "object"],
    &["procedural", "language"],
];

/// The kind of an object in upper case.
fn object(cursor: &mut Cursor<'_>) -> String {
    let kind = LONG_KINDS.iter().find(|words| cursor.eat_all(words)).map(|words| words.join(" "));
    let kind = kind.or_else(|| {
        let token = cursor.next()?;
        (token.kind == super::token::Kind::Word).then(|| String::from_utf8_lossy(token.text).into_owned())
    });
    kind.unwrap_or_default().to_ascii_uppercase()
}

#[cfg(test)]
#[path = "classify_tests.rs"]
mod tests;
