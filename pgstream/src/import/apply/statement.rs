//! The SQL of an entry, as it is sent.

use crate::archive::TocEntry;
use crate::ddl::Ddl;

use super::super::ledger::{Ledger, entry_name};
use super::super::plan::Making;
use super::Apply;

impl Apply<'_> {
    /// An entry's SQL and its line in the ledger, as one message and so one transaction.
    pub(super) fn with_ledger(&self, place: usize, sql: &str) -> String {
        let entry = &self.toc.entries[place];
        let mut text = Ddl::new();
        if entry.desc == "EXTENSION" {
            Ledger::record_extension(&mut text, entry.id.0, &entry.tag, &entry_name(entry), &undo_of(entry));
            return text.deparsed(sql).as_str().to_owned();
        }
        text.deparsed(sql);
        if !sql.is_empty() {
            Ledger::record(&mut text, entry.id.0, &entry_name(entry), &undo_of(entry), relation_of(entry).as_ref());
        }
        text.into_string()
    }

    /// What a task of the parallel stage runs, with its line in the ledger.
    pub(super) fn making(&self, making: Making) -> String {
        let entry = &self.toc.entries[making.place];
        let Some(step) = making.step.and_then(|step| entry.steps.get(step)) else {
            return self.with_ledger(making.place, &with_defaults(entry));
        };
        let mut text = Ddl::new();
        text.deparsed(&behind_defaults(entry, &step.sql));
        Ledger::record(&mut text, making.line, &entry_name(entry), &step.undo, None);
        text.into_string()
    }
}

/// An entry's SQL behind the settings that it was made for.
pub(crate) fn with_defaults(entry: &TocEntry) -> String {
    behind_defaults(entry, &entry.create)
}

/// Statements of an entry behind the settings that it was made for.
fn behind_defaults(entry: &TocEntry, statements: &str) -> String {
    let mut sql = Ddl::new();
    if let Some(tablespace) = &entry.tablespace {
        sql.sql("SET default_tablespace = ").literal(tablespace).end();
    }
    if let Some(method) = &entry.access_method {
        sql.sql("SET default_table_access_method = ").ident(method).end();
    }
    sql.deparsed(statements);
    sql.into_string()
}

/// An entry's SQL, and the owner at once: for what is made when everything was verified.
pub(crate) fn with_owner(entry: &TocEntry) -> String {
    let mut sql = Ddl::new();
    sql.deparsed(&with_defaults(entry)).deparsed(&entry.set_owner);
    sql.into_string()
}

/// The relation that an entry makes, if it makes one.
fn relation_of(entry: &TocEntry) -> Option<crate::QualifiedName> {
    let is_relation = matches!(entry.desc, "TABLE" | "VIEW" | "MATERIALIZED VIEW" | "SEQUENCE");
    let schema = entry.schema.as_ref().filter(|_| is_relation)?;
    Some(crate::QualifiedName::new(schema.as_str(), entry.tag.as_str()))
}

/// What takes an entry back; `IF EXISTS` is not needed, since the ledger ignores what is gone.
fn undo_of(entry: &TocEntry) -> String {
    match entry.drop.starts_with("--") {
        true => String::new(),
        false => entry.drop.clone(),
    }
}
