//! The SQL of an entry, as it is sent.

use crate::archive::TocEntry;
use crate::ddl::Ddl;

use super::super::ledger::{Ledger, entry_name};
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
}

/// An entry's SQL behind the settings that it was made for.
pub(crate) fn with_defaults(entry: &TocEntry) -> String {
    let mut sql = Ddl::new();
    if let Some(tablespace) = &entry.tablespace {
        sql.sql("SET default_tablespace = ").literal(tablespace).end();
    }
    if let Some(method) = &entry.access_method {
        sql.sql("SET default_table_access_method = ").ident(method).end();
    }
    sql.deparsed(&entry.create);
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

pub(super) fn add_not_valid(entry: &TocEntry) -> String {
    match entry.create.split_once(";\n") {
        Some((first, rest)) => format!("{first} NOT VALID;\n{rest}"),
        None => entry.create.clone(),
    }
}

/// `ALTER TABLE … VALIDATE CONSTRAINT …`, from the entry's drop statement, which names both.
pub(super) fn validate(entry: &TocEntry) -> String {
    entry.drop.replacen(" DROP CONSTRAINT ", " VALIDATE CONSTRAINT ", 1)
}
