//! What of a database is written, decided in one place. Pure.

use serde::{Deserialize, Serialize};

use crate::catalog::{Section, class};
use crate::error::ArchiveError;

use super::if_exists;
use super::toc::{Toc, TocEntry};

/// What is left out of an archive, and how it is written. Names and meanings are pg_dump's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "clap", derive(clap::Args))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct OutputOptions {
    /// Leave ownership to the role that loads it
    #[cfg_attr(feature = "clap", arg(short = 'O', long))]
    pub no_owner: bool,
    /// Leave privileges out: GRANT, REVOKE, ALTER DEFAULT PRIVILEGES
    #[cfg_attr(feature = "clap", arg(short = 'x', long, visible_alias = "no-acl"))]
    pub no_privileges: bool,
    /// Leave comments out
    #[cfg_attr(feature = "clap", arg(long))]
    pub no_comments: bool,
    /// Use the default tablespace of the target for everything
    #[cfg_attr(feature = "clap", arg(long))]
    pub no_tablespaces: bool,
    /// Use the default table access method of the target for everything
    #[cfg_attr(feature = "clap", arg(long))]
    pub no_table_access_method: bool,
    /// Only this section; may be repeated
    #[cfg_attr(feature = "clap", arg(long = "section", value_enum, value_name = "SECTION"))]
    pub sections: Vec<Section>,
    /// Definitions only: no rows, no values of sequences, no large objects
    #[cfg_attr(feature = "clap", arg(short = 's', long))]
    pub schema_only: bool,
    /// Rows, values of sequences and large objects only, no definitions
    #[cfg_attr(feature = "clap", arg(short = 'a', long))]
    pub data_only: bool,
    /// Drop everything first, in reverse order
    #[cfg_attr(feature = "clap", arg(short = 'c', long))]
    pub clean: bool,
    /// Drop only what is there; goes with --clean
    #[cfg_attr(feature = "clap", arg(long))]
    pub if_exists: bool,
    // A command line has an option once it is built: until then `check` refuses it, for those who set the field.
    /// Create the database itself and connect to it.
    #[cfg_attr(feature = "clap", arg(skip))]
    pub create: bool,
    /// Rows as `INSERT` commands.
    #[cfg_attr(feature = "clap", arg(skip))]
    pub inserts: bool,
    /// Rows as `INSERT` commands with the names of columns.
    #[cfg_attr(feature = "clap", arg(skip))]
    pub column_inserts: bool,
    /// How many rows one `INSERT` has.
    #[cfg_attr(feature = "clap", arg(skip))]
    pub rows_per_insert: Option<u32>,
}

impl OutputOptions {
    /// Finds options that exclude each other, and those that are not built.
    ///
    /// # Errors
    /// [`ArchiveError::OptionUnsupported`], [`ArchiveError::OptionConflict`].
    pub fn check(&self) -> Result<(), ArchiveError> {
        let unsupported = [
            (self.create, "--create"),
            (self.inserts, "--inserts"),
            (self.column_inserts, "--column-inserts"),
            (self.rows_per_insert.is_some(), "--rows-per-insert"),
        ];
        if let Some((_, option)) = unsupported.into_iter().find(|(is_given, _)| *is_given) {
            return Err(ArchiveError::OptionUnsupported { option });
        }
        let conflicts = [
            (self.schema_only && self.data_only, "--schema-only", "with --data-only"),
            (!self.sections.is_empty() && self.schema_only, "--section", "with --schema-only"),
            (!self.sections.is_empty() && self.data_only, "--section", "with --data-only"),
            (self.clean && self.data_only, "--clean", "with --data-only"),
            (self.if_exists && !self.clean, "--if-exists", "without --clean"),
        ];
        match conflicts.into_iter().find(|(is_conflict, ..)| *is_conflict) {
            Some((_, option, conflict)) => Err(ArchiveError::OptionConflict { option, conflict }),
            None => Ok(()),
        }
    }

    /// What is left of a table of contents, and of each entry. A writer writes all of that and decides nothing.
    ///
    /// Dependencies on entries that are left out stay: they tell what must be in the target already.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn select(&self, toc: &Toc) -> Result<Toc, ArchiveError> {
        self.check()?;
        Ok(Toc { entries: toc.entries.iter().filter(|e| self.is_wanted(e)).map(|e| self.trim(e)).collect() })
    }

    fn is_wanted(&self, entry: &TocEntry) -> bool {
        let is_wanted_kind = match entry.desc {
            "ACL" | "DEFAULT ACL" => !self.no_privileges,
            "COMMENT" => !self.no_comments,
            _ => true,
        };
        is_wanted_kind && self.is_wanted_part(entry)
    }

    fn is_wanted_part(&self, entry: &TocEntry) -> bool {
        // A large object counts as data with all that belongs to it, since without its oid its bytes have no place.
        let is_data = entry.section == Section::Data || entry.object.class == class::PG_LARGEOBJECT;
        match (self.schema_only, self.data_only) {
            (true, _) => !is_data,
            (_, true) => is_data,
            _ => self.sections.is_empty() || self.sections.contains(&entry.section),
        }
    }

    fn trim(&self, entry: &TocEntry) -> TocEntry {
        let mut entry = entry.clone();
        if self.no_owner {
            entry.set_owner.clear();
            entry.owner = None;
        }
        if self.no_tablespaces {
            entry.tablespace = None;
        }
        if self.no_table_access_method {
            entry.access_method = None;
        }
        match (self.clean, self.if_exists) {
            (false, _) => entry.drop.clear(),
            (true, true) => entry.drop = if_exists::drop_if_exists(entry.desc, entry.object, &entry.drop),
            (true, false) => {}
        }
        entry
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::test_entry::entry;
    use crate::catalog::ObjectId;

    fn toc() -> Toc {
        let mut large_object = entry(4, "BLOB", "99");
        large_object.object = ObjectId::new(class::PG_LARGEOBJECT, 99);
        let mut data = entry(5, "TABLE DATA", "t");
        data.section = Section::Data;
        let mut index = entry(6, "INDEX", "i");
        index.section = Section::PostData;
        Toc {
            entries: vec![
                entry(1, "TABLE", "t"),
                entry(2, "COMMENT", "TABLE t"),
                entry(3, "ACL", "TABLE t"),
                large_object,
                data,
                index,
            ],
        }
    }

    fn numbers(options: &OutputOptions) -> Vec<u32> {
        options.select(&toc()).unwrap().entries.iter().map(|e| e.id.0).collect()
    }

    #[test]
    fn options_leave_out_what_they_name() {
        let all = OutputOptions::default;
        for (options, expected) in [
            (all(), vec![1, 2, 3, 4, 5, 6]),
            (OutputOptions { no_privileges: true, ..all() }, vec![1, 2, 4, 5, 6]),
            (OutputOptions { no_comments: true, ..all() }, vec![1, 3, 4, 5, 6]),
            (OutputOptions { schema_only: true, ..all() }, vec![1, 2, 3, 6]),
            (OutputOptions { data_only: true, ..all() }, vec![4, 5]),
            (OutputOptions { sections: vec![Section::Data, Section::PostData], ..all() }, vec![5, 6]),
        ] {
            assert_eq!(numbers(&options), expected, "{options:?}");
        }
    }

    #[test]
    fn owner_tablespace_and_drops_are_trimmed() {
        let options =
            OutputOptions { no_owner: true, no_tablespaces: true, no_table_access_method: true, ..OutputOptions::default() };
        let mut toc = toc();
        toc.entries[0].tablespace = Some("fast".into());
        toc.entries[0].access_method = Some("heap".into());
        toc.entries[0].drop = "DROP TABLE public.t;\n".into();
        let trimmed = options.select(&toc).unwrap().entries.remove(0);
        assert_eq!((trimmed.owner, trimmed.set_owner, trimmed.drop), (None, String::new(), String::new()));
        assert_eq!((trimmed.tablespace, trimmed.access_method), (None, None));
    }

    #[test]
    fn impossible_options_are_refused_by_name() {
        let all = OutputOptions::default;
        for (options, message) in [
            (OutputOptions { create: true, ..all() }, "--create is not supported yet"),
            (OutputOptions { rows_per_insert: Some(5), ..all() }, "--rows-per-insert is not supported yet"),
            (OutputOptions { if_exists: true, ..all() }, "--if-exists cannot be used without --clean"),
            (OutputOptions { clean: true, data_only: true, ..all() }, "--clean cannot be used with --data-only"),
        ] {
            assert_eq!(options.check().unwrap_err().to_string(), message);
        }
    }
}
