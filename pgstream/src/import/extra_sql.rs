//! Statements of the operator's own that run with ours, in the transaction that makes everything visible: `--before-sql` and
//! `--after-sql`.
//!
//! A file is read and judged before anything is written: what would end the transaction, leave the database or need a terminal is
//! refused by its line.

use std::path::Path;

use crate::error::ArchiveError;
use crate::name::display_part;
use crate::script::{Reach, ScriptEvent, ScriptReader, Statement, StatementKind};

/// The largest file: it is kept in memory, and is meant for a few statements. Rows come from an import.
const MAX_BYTES: u64 = 16 << 20;

/// What is different for statements of the operator's: they find names as with psql, and triggers and foreign keys do their work.
const AS_WITH_PSQL: &str = "SET LOCAL search_path TO DEFAULT; SET LOCAL row_security = on; ";

/// Behind them everything is as it was.
const AS_BEFORE: &str = "SET LOCAL search_path = ''; SET LOCAL row_security = off; ";

/// The statements of one file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ExtraSql {
    /// What errors call each, and its text.
    statements: Vec<(String, String)>,
}

impl ExtraSql {
    /// Reads the file that `option` names.
    ///
    /// # Errors
    /// [`ArchiveError::OptionValue`] with the line and what is wrong.
    pub(crate) fn read(option: &'static str, path: &Path) -> Result<Self, ArchiveError> {
        let refuse = |problem: String| ArchiveError::OptionValue { what: option, text: path.display().to_string(), problem };
        let size = std::fs::metadata(path).map_err(|e| refuse(e.to_string()))?.len();
        if size > MAX_BYTES {
            return Err(refuse(format!("it has {size} bytes, and may have {MAX_BYTES}")));
        }
        let text = std::fs::read(path).map_err(|e| refuse(e.to_string()))?;
        let name = display_part(&path.file_name().unwrap_or(path.as_os_str()).to_string_lossy());
        Self::parse(&name, text).map_err(refuse)
    }

    /// Takes the text of a file apart; gives what is wrong with it.
    fn parse(name: &str, text: Vec<u8>) -> Result<Self, String> {
        let mut reader = ScriptReader::new();
        reader.feed(text.into());
        reader.close();
        let mut extra = Self::default();
        while let Some(event) = reader.next_event().map_err(|e| e.to_string())? {
            match event {
                ScriptEvent::Statement(statement) => {
                    let line = statement.line;
                    if let Some(problem) = problem_of(&statement) {
                        return Err(format!("line {line}: {} {problem}", statement.excerpt()));
                    }
                    let text = std::str::from_utf8(&statement.text).map_err(|_| format!("line {line} is not in UTF-8"))?;
                    extra.statements.push((format!("line {line} of {name}"), text.to_owned()));
                }
                ScriptEvent::Meta(meta) => return Err(format!("line {}: a meta-command of psql's is not run", meta.line)),
                _ => {}
            }
        }
        Ok(extra)
    }

    /// The statements, each with what errors call it, in a frame in which they do what they would with psql. `is_silenced`: our
    /// session keeps triggers from firing.
    pub(crate) fn framed(&self, is_silenced: bool) -> Vec<(String, String)> {
        if self.statements.is_empty() {
            return Vec::new();
        }
        let frame = |settings: &str, role: &str| {
            let role = if is_silenced { role } else { "" };
            ("the settings around it".to_owned(), [settings, role].concat())
        };
        let begin = frame(AS_WITH_PSQL, "SET LOCAL session_replication_role = origin; ");
        let end = frame(AS_BEFORE, "SET LOCAL session_replication_role = replica; ");
        std::iter::once(begin).chain(self.statements.iter().cloned()).chain([end]).collect()
    }
}

/// Why a statement cannot run here.
fn problem_of(statement: &Statement) -> Option<&'static str> {
    let judged = statement.classify();
    match judged.kind {
        StatementKind::Transaction(_) => Some("is control of transactions, and all is one transaction"),
        StatementKind::Copy(_) => Some("is COPY, which has no place here"),
        StatementKind::Several => Some("is several commands in one"),
        _ if !judged.runs_in_transaction => Some("cannot run in a transaction"),
        _ if judged.reach != Reach::Objects => Some("reaches out of the database"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Vec<(String, String)>, String> {
        ExtraSql::parse("f.sql", text.as_bytes().to_vec()).map(|extra| extra.statements)
    }

    #[test]
    fn statements_are_told_apart_and_named_by_their_lines() {
        let found = parse("-- first\nupdate t set a = ';';\n\nselect 1\n  ;").expect("they are good");
        let expected = [("line 2 of f.sql", "update t set a = ';';"), ("line 4 of f.sql", "select 1\n  ;")];
        assert_eq!(found, expected.map(|(what, sql)| (what.to_owned(), sql.to_owned())));
    }

    #[test]
    fn what_would_leave_the_transaction_or_the_database_is_refused() {
        let cases = [
            "commit;",
            "begin;",
            "savepoint a;",
            "vacuum;",
            "create index concurrently on t (a);",
            "\\i other.sql",
            "\\connect other",
            "copy t from stdin;\n1\n\\.\n",
            "copy t to '/tmp/x';",
            "create role r;",
            "alter database d set a.b = 'c';",
            "select 'unclosed",
        ];
        for text in cases {
            assert!(parse(&format!("select 1;\n{text}")).is_err(), "{text}");
        }
    }

    #[test]
    fn triggers_do_their_work_only_where_they_were_silenced() {
        let extra = ExtraSql::parse("f.sql", b"delete from t;".to_vec()).expect("it is good");
        assert!(extra.framed(true)[0].1.contains("session_replication_role = origin"));
        assert!(!extra.framed(false).iter().any(|(_, sql)| sql.contains("session_replication_role")));
        assert_eq!(ExtraSql::default().framed(true), []);
    }
}
