//! What an archive says about itself: whence, when, how much, and the hashes that prove it.
//!
//! A manifest is written last, so of our own archives one without it is incomplete. Its hashes find damage and mistakes; they
//! are no signature, and whoever can change an archive can change its manifest too.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

/// The version of the manifest that this build writes, and the newest that it reads.
pub const MANIFEST_FORMAT: u32 = 1;

/// The domain of content hashes that are taken over `COPY` text.
pub const TEXT_DOMAIN: &str = "text-v1";

/// An archive's own account. Fields that a reader does not know are left alone, so that minor additions need no new format.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Manifest {
    /// [`MANIFEST_FORMAT`].
    pub format: u32,
    /// The version of pgstream that wrote it.
    pub pgstream_version: String,
    /// The database that was read.
    pub source: SourceIdentity,
    /// When the snapshot was taken, RFC 3339 in UTC.
    pub snapshot_time: String,
    /// The options that decided what was written: name and value, as on a command line.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
    /// Every table whose rows are in the archive, in the order of the archive.
    #[serde(default)]
    pub tables: Vec<TableManifest>,
    /// How many values of sequences there are.
    #[serde(default)]
    pub sequences: u64,
    /// The large objects.
    #[serde(default)]
    pub large_objects: LargeObjectsManifest,
    /// The text of a plain script before the manifest. `None` in other formats.
    #[serde(default)]
    pub script: Option<ScriptHash>,
    /// Always true in a manifest that was written to its end.
    pub complete: bool,
}

/// Which database was read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SourceIdentity {
    /// `pg_control_system().system_identifier`, in decimal; `None` where it may not be read.
    #[serde(default)]
    pub system_identifier: Option<String>,
    /// `datname`.
    pub database: String,
    /// `pg_database.oid`.
    pub database_oid: u32,
    /// `server_version`.
    pub server_version: String,
}

/// The rows of one table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TableManifest {
    /// The schema, unquoted.
    pub schema: String,
    /// The name, unquoted.
    pub name: String,
    /// How many rows.
    pub rows: u64,
    /// The size of the rows in their domain, in bytes.
    pub bytes: u64,
    /// The content hash of all rows, whatever their order: 32 hex digits.
    pub hash: String,
    /// What was hashed: [`TEXT_DOMAIN`].
    pub domain: String,
    /// The columns that were read, unquoted, in their order.
    pub columns: Vec<String>,
}

/// The large objects of an archive, together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LargeObjectsManifest {
    /// How many.
    pub count: u64,
    /// Their size together in bytes.
    pub bytes: u64,
}

/// The text of a plain script, from its first byte to the last before the manifest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ScriptHash {
    /// Its size in bytes, uncompressed.
    pub bytes: u64,
    /// Its XXH3 hash of 128 bits: 32 hex digits.
    pub xxh3: String,
}

/// What the end of a plain script says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlainTail {
    /// The whole manifest.
    Manifest(Box<Manifest>),
    /// No trace of one: another program's script, or one of ours that was cut before. The script's head tells which.
    Absent,
    /// A manifest begins and does not end, something follows it, or it was changed.
    Incomplete,
    /// The manifest is larger than what was given: look again with at least so many bytes of the end.
    Longer {
        /// The size of the manifest's comment in bytes.
        bytes: u64,
    },
    /// A newer pgstream wrote it.
    Newer {
        /// Its format.
        format: u32,
    },
}

const FIRST_LINE: &str = "-- pgstream manifest: ";
const NEXT_LINE: &str = "-- ";
const LAST_LINE: &str = "-- pgstream manifest end: ";

/// Bytes of JSON per line: short enough for editors and terminals, since some manifests have megabytes.
const LINE_BYTES: usize = 120;

impl Manifest {
    /// A manifest of this build that has no contents yet. `snapshot_time` is RFC 3339 in UTC.
    pub fn new(source: SourceIdentity, snapshot_time: impl Into<String>) -> Self {
        let pgstream_version = env!("CARGO_PKG_VERSION").to_owned();
        let snapshot_time = snapshot_time.into();
        Self { format: MANIFEST_FORMAT, pgstream_version, source, snapshot_time, ..Self::default() }
    }

    /// The comment that closes a plain script.
    ///
    /// JSON escapes line breaks, so no name can end the comment; and psql looks for nothing within one.
    ///
    /// # Errors
    /// None in practice: every field has a form in JSON.
    pub fn to_plain_tail(&self) -> Result<String, serde_json::Error> {
        let json = serde_json::to_string(self)?;
        let mut text = String::with_capacity(json.len() + json.len() / 20 + 128);
        let mut rest = json.as_str();
        while !rest.is_empty() {
            let (line, tail) = rest.split_at(rest.floor_char_boundary(LINE_BYTES));
            text.push_str(if text.is_empty() { FIRST_LINE } else { NEXT_LINE });
            text.push_str(line);
            text.push('\n');
            rest = tail;
        }
        let (bytes, hash) = (text.len(), xxh3_128(text.as_bytes()));
        text.push_str(&format!("{LAST_LINE}{bytes} {hash:032x}\n"));
        Ok(text)
    }

    /// Understands the end of a plain script; `tail` are its last bytes, as many as there are or as you like.
    pub fn from_plain_tail(tail: &[u8]) -> PlainTail {
        let Some((body, bytes, hash)) = split_tail(tail) else {
            return if has_first_line(tail) { PlainTail::Incomplete } else { PlainTail::Absent };
        };
        let whole = usize::try_from(bytes).ok().and_then(|bytes| body.len().checked_sub(bytes));
        let Some(start) = whole else {
            return PlainTail::Longer { bytes: bytes.saturating_add((tail.len() - body.len()) as u64) };
        };
        if xxh3_128(&body[start..]) != hash {
            return PlainTail::Incomplete;
        }
        parse_body(&body[start..]).unwrap_or(PlainTail::Incomplete)
    }
}

/// What precedes the last line, with the size and the hash that it promises.
fn split_tail(tail: &[u8]) -> Option<(&[u8], u64, u128)> {
    let lines = tail.strip_suffix(b"\n")?;
    let start = lines.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
    let promise = std::str::from_utf8(&lines[start..]).ok()?.strip_prefix(LAST_LINE)?;
    let (bytes, hash) = promise.split_once(' ')?;
    Some((&tail[..start], bytes.parse().ok()?, u128::from_str_radix(hash, 16).ok()?))
}

fn has_first_line(tail: &[u8]) -> bool {
    tail.split(|b| *b == b'\n').any(|line| line.starts_with(FIRST_LINE.as_bytes()))
}

fn parse_body(body: &[u8]) -> Option<PlainTail> {
    #[derive(Deserialize)]
    struct Version {
        format: u32,
    }
    let mut json = String::with_capacity(body.len());
    let mut lines = std::str::from_utf8(body).ok()?.lines();
    json.push_str(lines.next()?.strip_prefix(FIRST_LINE)?);
    for line in lines {
        json.push_str(line.strip_prefix(NEXT_LINE)?);
    }
    let Version { format } = serde_json::from_str(&json).ok()?;
    if format > MANIFEST_FORMAT {
        return Some(PlainTail::Newer { format });
    }
    let manifest: Manifest = serde_json::from_str(&json).ok()?;
    manifest.complete.then(|| PlainTail::Manifest(Box::new(manifest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let name = "x\n\\! touch /tmp/hit\r\u{2028}*/ -- \u{e4}".to_owned();
        let table = TableManifest {
            schema: "public".into(),
            name,
            rows: 3,
            bytes: 17,
            hash: format!("{:032x}", 7),
            domain: TEXT_DOMAIN.into(),
            columns: vec!["\u{fc}".repeat(200)],
        };
        Manifest { format: MANIFEST_FORMAT, tables: vec![table; 3], complete: true, ..Manifest::default() }
    }

    #[test]
    fn a_manifest_is_found_at_the_end_of_a_script() {
        let script = format!("SELECT 1;\n{}", manifest().to_plain_tail().unwrap());
        assert_eq!(Manifest::from_plain_tail(script.as_bytes()), PlainTail::Manifest(Box::new(manifest())));
    }

    #[test]
    fn every_line_of_a_manifest_is_a_comment() {
        let tail = manifest().to_plain_tail().unwrap();
        assert!(tail.ends_with('\n') && tail.lines().count() > 5);
        for line in tail.split('\n').filter(|line| !line.is_empty()) {
            assert!(line.starts_with("-- ") && !line.contains('\r') && line.len() < 160, "{line}");
        }
    }

    #[test]
    fn a_script_that_was_cut_anywhere_is_never_complete() {
        let head = "SELECT 1;\n";
        let script = format!("{head}{}", manifest().to_plain_tail().unwrap());
        for end in 0..script.len() {
            let expected = match end >= head.len() + FIRST_LINE.len() {
                true => PlainTail::Incomplete,
                false => PlainTail::Absent,
            };
            assert_eq!(Manifest::from_plain_tail(&script.as_bytes()[..end]), expected, "{end}");
        }
    }

    #[test]
    fn a_short_tail_tells_how_much_is_needed() {
        let tail = manifest().to_plain_tail().unwrap();
        let PlainTail::Longer { bytes } = Manifest::from_plain_tail(&tail.as_bytes()[tail.len() - 200..]) else {
            panic!("not longer")
        };
        assert_eq!(bytes, tail.len() as u64);
    }

    #[test]
    fn changed_followed_and_newer_manifests_are_told_apart() {
        let tail = manifest().to_plain_tail().unwrap();
        let changed = tail.replace("\"rows\":3", "\"rows\":4");
        assert_eq!(Manifest::from_plain_tail(changed.as_bytes()), PlainTail::Incomplete);
        assert_eq!(Manifest::from_plain_tail(format!("{tail}SELECT 1;\n").as_bytes()), PlainTail::Incomplete);
        let newer = Manifest { format: 9, ..manifest() }.to_plain_tail().unwrap();
        assert_eq!(Manifest::from_plain_tail(newer.as_bytes()), PlainTail::Newer { format: 9 });
    }
}
