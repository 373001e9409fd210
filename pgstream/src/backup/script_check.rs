//! Whether a plain script holds what its backup's manifest says it holds.

use bytes::Bytes;
use xxhash_rust::xxh3::Xxh3;

use crate::archive::{Manifest, PlainTail};
use crate::data::RowHasher;
use crate::error::ScriptError;
use crate::script::{ScriptEvent, ScriptReader};

/// What a script may have behind its text in addition to its manifest as we would write it: an older or newer pgstream writes
/// other fields.
const SPARE_BYTES: usize = 64 * 1024;

/// Takes a script piece by piece, and judges it at the end.
pub(super) struct ScriptCheck<'a> {
    expected: &'a Manifest,
    /// How many bytes of the text are still to come before the manifest.
    left: u64,
    hash: Xxh3,
    tail: Vec<u8>,
    most: usize,
    rows: Rows<'a>,
}

/// Compares the rows of each table with what the manifest says of them.
struct Rows<'a> {
    expected: &'a Manifest,
    reader: ScriptReader,
    /// The rows of the table that is being read.
    hasher: RowHasher,
    /// How many tables were read.
    tables: usize,
    problems: Vec<String>,
}

impl Rows<'_> {
    fn update(&mut self, bytes: &[u8]) -> Result<(), ScriptError> {
        self.reader.feed(Bytes::copy_from_slice(bytes));
        self.take_events()
    }

    fn take_events(&mut self) -> Result<(), ScriptError> {
        while let Some(event) = self.reader.next_event()? {
            match event {
                ScriptEvent::CopyRows(rows) => {
                    rows.split_inclusive(|byte| *byte == b'\n').for_each(|line| self.hasher.piece(line, line.ends_with(b"\n")));
                }
                ScriptEvent::CopyEnd(_) => self.end_table(),
                _ => {}
            }
        }
        Ok(())
    }

    fn end_table(&mut self) {
        let found = std::mem::take(&mut self.hasher).content();
        match self.expected.tables.get(self.tables) {
            None => self.problems.push("the script has rows of a table that is not in the manifest".to_owned()),
            Some(table) if (table.rows, &table.hash) == (found.rows(), &found.to_string()) => {}
            Some(table) => {
                let name = crate::name::QualifiedName::new(&table.schema, &table.name);
                let counts = format!("{} rows in the script, {} in the manifest", found.rows(), table.rows);
                self.problems.push(format!("the rows of {name} are not those that were read: {counts}"));
            }
        }
        self.tables += 1;
    }

    fn finish(mut self) -> Vec<String> {
        self.reader.close();
        if let Err(error) = self.take_events() {
            self.problems.push(format!("the script cannot be understood: {error}"));
        } else if self.tables < self.expected.tables.len() {
            let missing = self.expected.tables.len() - self.tables;
            self.problems.push(format!("the script lacks the rows of {missing} tables that are in the manifest"));
        }
        self.problems
    }
}

impl<'a> ScriptCheck<'a> {
    /// For the script that `expected` describes.
    pub(super) fn new(expected: &'a Manifest) -> Self {
        let left = expected.script.as_ref().map_or(0, |script| script.bytes);
        let most = expected.to_plain_tail().map_or(0, |tail| tail.len() * 2) + SPARE_BYTES;
        let reader = ScriptReader::new();
        let rows = Rows { expected, reader, hasher: RowHasher::new(), tables: 0, problems: Vec::new() };
        Self { expected, left, hash: Xxh3::new(), tail: Vec::new(), most, rows }
    }

    /// The next bytes of the script.
    pub(super) fn update(&mut self, bytes: &[u8]) {
        let text = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
        let (text, rest) = bytes.split_at(text);
        self.hash.update(text);
        if let (Err(error), true) = (self.rows.update(text), self.rows.problems.is_empty()) {
            self.rows.problems.push(format!("the script cannot be understood: {error}"));
        }
        self.left -= text.len() as u64;
        self.tail.extend_from_slice(&rest[..rest.len().min(self.most - self.tail.len())]);
    }

    /// What is wrong with it.
    pub(super) fn finish(self) -> Vec<String> {
        let mut problems = self.rows.finish();
        let script = self.expected.script.clone().unwrap_or_default();
        if self.left > 0 {
            problems.push(format!("the script ends {} bytes before its manifest", self.left));
        } else if format!("{:032x}", self.hash.digest128()) != script.xxh3 {
            problems.push("the text of the script has another hash".to_owned());
        }
        match Manifest::from_plain_tail(&self.tail) {
            PlainTail::Manifest(found) if *found == *self.expected => {}
            PlainTail::Manifest(_) => problems.push("the script's own manifest says something else than the backup's".to_owned()),
            _ => problems.push("the script does not end with its manifest".to_owned()),
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::{ScriptHash, TableManifest};

    const TEXT: &str = "CREATE TABLE t (a int);\nCOPY t (a) FROM stdin;\n1\n2\n\\.\n\nCOPY u (a) FROM stdin;\n\\.\n";

    fn table(name: &str, lines: &[&str]) -> TableManifest {
        let mut content = RowHasher::new();
        lines.iter().for_each(|line| content.update_row(line.as_bytes()));
        let content = content.content();
        let mut table = TableManifest::default();
        (table.name, table.rows, table.hash) = (name.into(), content.rows(), content.to_string());
        table
    }

    fn script() -> (Manifest, String) {
        let mut manifest = Manifest { format: 1, complete: true, ..Manifest::default() };
        manifest.tables = vec![table("t", &["2", "1"]), table("u", &[])];
        let xxh3 = format!("{:032x}", xxhash_rust::xxh3::xxh3_128(TEXT.as_bytes()));
        let mut hash = ScriptHash::default();
        (hash.bytes, hash.xxh3) = (TEXT.len() as u64, xxh3);
        manifest.script = Some(hash);
        let script = format!("{TEXT}{}", manifest.to_plain_tail().unwrap());
        (manifest, script)
    }

    fn problems(manifest: &Manifest, script: &[u8], step: usize) -> Vec<String> {
        let mut check = ScriptCheck::new(manifest);
        script.chunks(step).for_each(|piece| check.update(piece));
        check.finish()
    }

    #[test]
    fn a_whole_script_has_no_problem_in_whichever_pieces_it_comes() {
        let (manifest, script) = script();
        for step in [1, 7, script.len()] {
            assert_eq!(problems(&manifest, script.as_bytes(), step), Vec::<String>::new());
        }
    }

    #[test]
    fn a_script_that_was_changed_cut_or_continued_has_one() {
        let (manifest, script) = script();
        for at in 0..script.len() {
            let mut changed = script.clone().into_bytes();
            changed[at] ^= 1;
            assert!(!problems(&manifest, &changed, 5).is_empty(), "changed at {at}");
            assert!(!problems(&manifest, &script.as_bytes()[..at], 5).is_empty(), "cut at {at}");
        }
        assert!(!problems(&manifest, format!("{script}SELECT 2;\n").as_bytes(), 5).is_empty());
        let mut other = manifest.clone();
        other.sequences = 7;
        assert_eq!(problems(&other, script.as_bytes(), 5).len(), 1);
    }

    #[test]
    fn rows_that_are_not_those_of_the_manifest_are_told_by_their_table() {
        let (manifest, script) = script();
        let told = |tables: Vec<TableManifest>| {
            let other = Manifest { tables, ..manifest.clone() };
            problems(&other, script.as_bytes(), 5).remove(0)
        };
        assert!(told(vec![table("t", &["1", "3"]), table("u", &[])]).contains("the rows of \"\".t are not"), "another row");
        assert!(told(vec![table("t", &["1", "2"])]).contains("not in the manifest"), "one table too many");
        assert!(
            told(vec![table("t", &["1", "2"]), table("u", &[]), table("v", &[])]).contains("lacks the rows of 1"),
            "one too few"
        );
    }
}
