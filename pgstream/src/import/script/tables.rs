//! Which tables were filled, and with how many rows. Pure.

use std::collections::HashMap;

use crate::data::ContentHash;
use crate::name::QualifiedName;

use super::names::MadeTable;

/// A table that the script fills, under one of its names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Filled {
    /// The name as in the script, without quotes: for people.
    pub(super) shown: String,
    /// `pg_class.oid`, once the server has told it.
    pub(super) oid: Option<u32>,
    /// Rows that the server says it took.
    pub(super) rows: u64,
    /// Bytes of `COPY` text.
    pub(super) bytes: u64,
    /// The content of the rows; meaningful only where all came by `COPY` of our own script.
    pub(super) content: ContentHash,
    /// The columns that every row came with, in their order; `None` if they differed, or are not known.
    pub(super) columns: Option<Vec<String>>,
}

impl Filled {
    /// Adds the rows of a `COPY`.
    pub(super) fn add_copy(&mut self, rows: u64, bytes: u64, content: &ContentHash, columns: &[String]) {
        let is_same = self.rows == 0 || self.columns.as_deref() == Some(columns);
        self.columns = is_same.then(|| columns.to_vec());
        self.rows += rows;
        self.bytes += bytes;
        self.content.merge(content);
    }

    /// Adds the rows of an `INSERT`, whose text is not known.
    pub(super) fn add_inserted(&mut self, rows: u64) {
        self.columns = None;
        self.rows += rows;
    }
}

/// All tables that the script makes and fills.
#[derive(Debug, Default)]
pub(super) struct Tables {
    made: HashMap<QualifiedName, bool>,
    filled: Vec<Filled>,
    by_name: HashMap<Vec<String>, usize>,
    /// Most rows go where the last one went.
    last: Option<usize>,
    last_name: Vec<String>,
}

impl Tables {
    /// A table was made, from nothing.
    pub(super) fn add_made(&mut self, table: MadeTable) {
        self.made.insert(table.name, table.is_partitioned);
    }

    /// Whether rows may be written frozen: the table is new in this transaction, and holds rows itself.
    pub(super) fn may_freeze(&self, name: &[String]) -> bool {
        self.made_entry(name) == Some(false)
    }

    fn made_entry(&self, name: &[String]) -> Option<bool> {
        let [schema, table] = name else { return None };
        self.made.get(&QualifiedName::new(schema, table)).copied()
    }

    /// The table of that name, and whether it is mentioned for the first time.
    pub(super) fn find(&mut self, name: Vec<String>) -> (usize, bool) {
        if let Some(last) = self.last.filter(|_| self.last_name == name) {
            return (last, false);
        }
        let known = self.by_name.get(&name).copied();
        let at = known.unwrap_or_else(|| {
            let filled = Filled { shown: shown(&name), oid: None, rows: 0, bytes: 0, content: ContentHash::new(), columns: None };
            self.filled.push(filled);
            self.by_name.insert(name.clone(), self.filled.len() - 1);
            self.filled.len() - 1
        });
        (self.last, self.last_name) = (Some(at), name);
        (at, known.is_none())
    }

    /// A table by its number.
    pub(super) fn get(&mut self, at: usize) -> &mut Filled {
        &mut self.filled[at]
    }

    /// All of them, in the order in which they were first filled.
    pub(super) fn all(&self) -> &[Filled] {
        &self.filled
    }
}

/// A name for people.
pub(super) fn shown(name: &[String]) -> String {
    match name {
        [.., schema, table] => QualifiedName::new(schema, table).to_string(),
        _ => name.iter().map(|part| crate::name::display_part(part)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Vec<String> {
        text.split('.').map(str::to_owned).collect()
    }

    #[test]
    fn a_table_is_found_again_by_its_name() {
        let mut tables = Tables::default();
        assert_eq!(tables.find(name("s.t")), (0, true));
        assert_eq!(tables.find(name("t")), (1, true));
        assert_eq!(tables.find(name("s.t")), (0, false));
        assert_eq!(tables.all().iter().map(|t| t.shown.as_str()).collect::<Vec<_>>(), ["s.t", "t"]);
    }

    #[test]
    fn only_a_new_table_with_rows_of_its_own_is_frozen() {
        let mut tables = Tables::default();
        tables.add_made(MadeTable { name: QualifiedName::new("s", "leaf"), is_partitioned: false });
        tables.add_made(MadeTable { name: QualifiedName::new("s", "root"), is_partitioned: true });
        for (table, expected) in [("s.leaf", true), ("s.root", false), ("s.other", false), ("leaf", false)] {
            assert_eq!(tables.may_freeze(&name(table)), expected, "{table}");
        }
    }
}
