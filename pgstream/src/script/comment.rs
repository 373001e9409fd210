//! Comments that say something about a script: who wrote it, that it is complete, and its manifest.

use bytes::Bytes;

/// How the manifest at the end of our own scripts begins. `archive::Manifest` writes and reads it.
pub(super) const MANIFEST_FIRST: &[u8] = b"-- pgstream manifest: ";
const MANIFEST_NEXT: &[u8] = b"-- ";
const MANIFEST_LAST: &[u8] = b"-- pgstream manifest end: ";

/// So much of a comment is looked at. A line of a manifest is much shorter.
pub(super) const COMMENT_KEPT: usize = 1024;

/// A manifest is at most so large: some 100 000 tables.
const MAX_MANIFEST_BYTES: usize = 64 * 1024 * 1024;

/// A comment that is in no statement, and that an import may want to know.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Remark {
    /// `-- PostgreSQL database dump`, with which a database's dump begins.
    Dump,
    /// `-- PostgreSQL database cluster dump`, with which pg_dumpall's script begins.
    ClusterDump,
    /// `-- Dumped from database version …`
    DumpedFrom(String),
    /// `-- Dumped by …`, such as `pg_dump version 18.1`.
    DumpedBy(String),
    /// `-- PostgreSQL database dump complete`, with which a database's dump ends.
    DumpComplete,
    /// `-- PostgreSQL database cluster dump complete`, with which pg_dumpall's script ends.
    ClusterDumpComplete,
}

impl Remark {
    pub(super) fn from_line(line: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(line).ok()?.trim_end();
        match text {
            "-- PostgreSQL database dump" => return Some(Self::Dump),
            "-- PostgreSQL database cluster dump" => return Some(Self::ClusterDump),
            "-- PostgreSQL database dump complete" => return Some(Self::DumpComplete),
            "-- PostgreSQL database cluster dump complete" => return Some(Self::ClusterDumpComplete),
            _ => {}
        }
        if let Some(version) = text.strip_prefix("-- Dumped from database version ") {
            return Some(Self::DumpedFrom(version.to_owned()));
        }
        text.strip_prefix("-- Dumped by ").map(|program| Self::DumpedBy(program.to_owned()))
    }
}

/// The manifest of one of our own scripts, as it stands there. It has not been judged.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ManifestComment {
    /// All its lines.
    pub text: Bytes,
    /// Where it begins: the size of the script that it is about.
    pub offset: u64,
    /// Where it ends. A script has nothing behind.
    pub end: u64,
    /// The XXH3 hash of 128 bits over the script before it.
    pub script_xxh3: u128,
}

/// A manifest of which some lines have been read.
#[derive(Debug)]
pub(super) struct ManifestLines {
    text: Vec<u8>,
    offset: u64,
    script_xxh3: u128,
}

impl ManifestLines {
    pub(super) fn begin(offset: u64, script_xxh3: u128) -> Self {
        Self { text: Vec::new(), offset, script_xxh3 }
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.text.capacity()
    }

    /// Adds a line that begins at `offset`. `None` if it is not the next line of a manifest; otherwise whether it is the last.
    pub(super) fn add(&mut self, line: &[u8], offset: u64, has_line_feed: bool) -> Option<bool> {
        let is_next = offset == self.offset + self.text.len() as u64 && line.starts_with(MANIFEST_NEXT);
        let is_cut = line.len() >= COMMENT_KEPT;
        if !is_next || is_cut || self.text.len() + line.len() > MAX_MANIFEST_BYTES {
            return None;
        }
        self.text.extend_from_slice(line);
        if has_line_feed {
            self.text.push(b'\n');
        }
        Some(line.starts_with(MANIFEST_LAST))
    }

    pub(super) fn finish(self) -> ManifestComment {
        let end = self.offset + self.text.len() as u64;
        ManifestComment { text: self.text.into(), offset: self.offset, end, script_xxh3: self.script_xxh3 }
    }
}
