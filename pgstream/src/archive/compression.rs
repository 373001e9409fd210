//! How the bytes of an archive are compressed.
//!
//! Codecs block, so they run where outputs run: an encoder is an [`Output`] around another one.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::ArchiveError;
use crate::storage::Output;

/// A method of compression.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum CompressionMethod {
    /// As it is.
    #[default]
    None,
    /// RFC 1952: for programs that know nothing newer.
    Gzip,
    /// RFC 8878, with a checksum of the content in every frame.
    Zstd,
    /// The LZ4 frame format, with a checksum of the content.
    Lz4,
}

impl CompressionMethod {
    /// Every method there is.
    pub const ALL: [Self; 4] = [Self::None, Self::Gzip, Self::Zstd, Self::Lz4];

    /// The word for it: `none`, `gzip`, `zstd`, `lz4`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Lz4 => "lz4",
        }
    }

    /// Whether this build has it.
    pub const fn is_built(self) -> bool {
        match self {
            Self::None => true,
            Self::Gzip => cfg!(feature = "gzip"),
            Self::Zstd => cfg!(feature = "zstd"),
            Self::Lz4 => cfg!(feature = "lz4"),
        }
    }

    /// Recognises a compressed file by its first four bytes. Sources: RFC 1952 §2.3.1, RFC 8878 §3.1.1, LZ4 frame format.
    pub fn from_magic(head: &[u8]) -> Self {
        match head {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            [0x04, 0x22, 0x4d, 0x18, ..] => Self::Lz4,
            _ => Self::None,
        }
    }

    /// Levels that make a difference. lz4 has one way only.
    fn levels(self) -> std::ops::RangeInclusive<i32> {
        match self {
            Self::None | Self::Lz4 => 0..=0,
            Self::Gzip => 1..=9,
            Self::Zstd => -7..=22,
        }
    }

    /// zstd 1 beats zstd 3 on COPY text in speed and in size; gzip 6 is what everybody expects of gzip.
    fn default_level(self) -> i32 {
        match self {
            Self::None | Self::Lz4 => 0,
            Self::Gzip => 6,
            Self::Zstd => 1,
        }
    }
}

/// A method with its level.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[non_exhaustive]
pub struct Compression {
    /// How.
    pub method: CompressionMethod,
    /// How hard: gzip 1 to 9, zstd -7 to 22, otherwise 0.
    pub level: i32,
}

impl Compression {
    /// A method at its default level.
    pub fn new(method: CompressionMethod) -> Self {
        Self { method, level: method.default_level() }
    }

    /// What the ending of a file name means: `.gz`, `.zst`, `.lz4`; no compression for any other.
    pub fn from_file_name(name: &str) -> Self {
        Self::new(match name.rsplit_once('.').map_or("", |(_, ending)| ending) {
            "gz" => CompressionMethod::Gzip,
            "zst" => CompressionMethod::Zstd,
            "lz4" => CompressionMethod::Lz4,
            _ => CompressionMethod::None,
        })
    }

    /// Wraps an output, so that what is written is compressed on its way. Without compression the output itself.
    ///
    /// # Errors
    /// [`ArchiveError::CompressionNotBuilt`]; [`ArchiveError::Storage`] if the codec cannot be set up.
    pub fn encode(self, output: Box<dyn Output>) -> Result<Box<dyn Output>, ArchiveError> {
        match self.method {
            CompressionMethod::None => Ok(output),
            #[cfg(any(feature = "gzip", feature = "zstd", feature = "lz4"))]
            method if method.is_built() => super::encoder::encode(self, output),
            method => Err(ArchiveError::CompressionNotBuilt { method: method.as_str() }),
        }
    }

    /// As [`FromStr`], and the method must be in this build. For command lines, which say themselves what they were given.
    #[cfg(feature = "clap")]
    pub(crate) fn parse_built(text: &str) -> Result<Self, String> {
        let compression = Self::parse(text)?;
        match compression.method.is_built() {
            true => Ok(compression),
            false => Err(format!("this build of pgstream has no {}", compression.method.as_str())),
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        // A number alone is a level of gzip, and 0 is none. Source: PostgreSQL manual, `pg_dump --compress`.
        let (word, level) = match text.split_once(':') {
            Some((word, level)) => (word, Some(level.strip_prefix("level=").unwrap_or(level))),
            None if text == "0" => ("none", None),
            None if text.parse::<u32>().is_ok() => ("gzip", Some(text)),
            None => (text, None),
        };
        let method = CompressionMethod::ALL.into_iter().find(|m| m.as_str() == word);
        let method = method.ok_or("the methods are none, gzip, zstd and lz4")?;
        let Some(level) = level else { return Ok(Self::new(method)) };
        let levels = method.levels();
        match level.parse() {
            Ok(level) if levels.contains(&level) => Ok(Self { method, level }),
            _ if levels.start() == levels.end() => Err(format!("{word} has no levels")),
            _ => Err(format!("the levels of {word} are {} to {}", levels.start(), levels.end())),
        }
    }
}

impl FromStr for Compression {
    type Err = ArchiveError;

    /// `method`, `method:level`, and as `pg_dump` has it also `method:level=9`, and `9` for gzip.
    fn from_str(text: &str) -> Result<Self, ArchiveError> {
        Self::parse(text).map_err(|problem| ArchiveError::OptionValue { what: "compression", text: text.to_owned(), problem })
    }
}

impl TryFrom<String> for Compression {
    type Error = ArchiveError;

    fn try_from(text: String) -> Result<Self, ArchiveError> {
        text.parse()
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.method.as_str())?;
        if self.level == self.method.default_level() { Ok(()) } else { write!(f, ":{}", self.level) }
    }
}

impl From<Compression> for String {
    fn from(compression: Compression) -> Self {
        compression.to_string()
    }
}

/// What a file is by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Format {
    /// A script for psql: `-`, `.sql`, `.sql.gz`, `.sql.zst`, `.sql.lz4`
    #[cfg_attr(feature = "clap", value(alias = "p"))]
    Plain,
    // A command line offers a format once it can be written.
    /// One file for pg_restore: `.dump`
    #[cfg_attr(feature = "clap", value(skip))]
    Custom,
    /// A folder for pg_restore: a trailing `/`
    #[cfg_attr(feature = "clap", value(skip))]
    Directory,
}

impl Format {
    /// What the name of a file means, or `None` if it says nothing.
    pub fn from_file_name(name: &str) -> Option<Self> {
        let plain = [".sql", ".sql.gz", ".sql.zst", ".sql.lz4"];
        if name == "-" || plain.iter().any(|ending| name.ends_with(ending)) {
            return Some(Self::Plain);
        }
        match name {
            _ if name.ends_with(".dump") => Some(Self::Custom),
            _ if name.ends_with('/') => Some(Self::Directory),
            _ => None,
        }
    }
}

/// The codec itself failed, not what it reads from or writes to.
#[cfg(any(feature = "gzip", feature = "zstd"))]
pub(super) fn codec_failed(source: std::io::Error) -> crate::error::StorageError {
    crate::error::StorageError::Failed { action: "set up the codec of", path: "the archive".into(), bytes: 0, source }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Read, Write};

    use super::*;
    use crate::archive::detecting_decoder;

    #[test]
    fn a_compression_is_parsed_and_shown() {
        for (text, expected) in [
            ("none", Ok("none")),
            ("zstd", Ok("zstd")),
            ("zstd:1", Ok("zstd")),
            ("zstd:-3", Ok("zstd:-3")),
            ("gzip:9", Ok("gzip:9")),
            ("9", Ok("gzip:9")),
            ("0", Ok("none")),
            ("10", Err("the levels of gzip are 1 to 9")),
            ("zstd:level=3", Ok("zstd:3")),
            ("lz4", Ok("lz4")),
            ("lz4:3", Err("lz4 has no levels")),
            ("gzip:0", Err("the levels of gzip are 1 to 9")),
            ("zstd:x", Err("the levels of zstd are -7 to 22")),
            ("bzip2", Err("the methods are none, gzip, zstd and lz4")),
        ] {
            let parsed = Compression::parse(text).map(|c| c.to_string());
            assert_eq!(parsed.as_deref().map_err(String::as_str), expected, "{text}");
        }
    }

    #[test]
    fn the_name_of_a_file_says_format_and_compression() {
        for (name, format, compression) in [
            ("-", Some(Format::Plain), "none"),
            ("a.sql", Some(Format::Plain), "none"),
            ("b/a.sql.gz", Some(Format::Plain), "gzip"),
            ("a.sql.zst", Some(Format::Plain), "zstd"),
            ("a.sql.lz4", Some(Format::Plain), "lz4"),
            ("a.dump", Some(Format::Custom), "none"),
            ("a/", Some(Format::Directory), "none"),
            ("a.txt", None, "none"),
            ("sql", None, "none"),
        ] {
            let found = (Format::from_file_name(name), Compression::from_file_name(name).to_string());
            assert_eq!(found, (format, compression.to_owned()), "{name}");
        }
    }

    fn file_with(path: &std::path::Path, method: CompressionMethod, content: &[u8]) {
        let output = crate::storage::OutputFile::create(path, false).unwrap();
        let mut encoder = Compression::new(method).encode(Box::new(output)).unwrap();
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap();
    }

    #[test]
    fn every_method_gives_back_what_it_was_given() {
        let folder = tempfile::tempdir().unwrap();
        let content = "COPY is text\t\\N\n".repeat(100_000).into_bytes();
        for method in CompressionMethod::ALL.into_iter().filter(|m| m.is_built()) {
            let path = folder.path().join(method.as_str());
            file_with(&path, method, &content);
            let stored = std::fs::read(&path).unwrap();
            assert_eq!(CompressionMethod::from_magic(&stored), method);
            let twice = io::Cursor::new([stored.clone(), stored].concat());
            let mut read = Vec::new();
            detecting_decoder(Box::new(twice)).unwrap().read_to_end(&mut read).unwrap();
            assert!(read == content.repeat(2), "{method:?}");
        }
    }

    fn is_refused(bytes: &[u8]) -> bool {
        let read = detecting_decoder(Box::new(io::Cursor::new(bytes.to_vec())));
        read.is_ok_and(|mut decoder| decoder.read_to_end(&mut Vec::new()).is_err())
    }

    #[test]
    fn a_changed_byte_or_a_cut_anywhere_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let content: Vec<u8> = (0..200_000_u32).flat_map(|n| (n.wrapping_mul(2_654_435_761) >> 7).to_le_bytes()).collect();
        for method in CompressionMethod::ALL.into_iter().filter(|m| *m != CompressionMethod::None && m.is_built()) {
            let path = folder.path().join(method.as_str());
            file_with(&path, method, &content);
            let stored = std::fs::read(&path).unwrap();
            let mut changed = stored.clone();
            changed[stored.len() / 2] ^= 1;
            assert!(is_refused(&changed), "{method:?} changed");
            let cuts = (4..stored.len()).step_by(stored.len() / 50).chain(stored.len() - 16..stored.len());
            for end in cuts {
                assert!(is_refused(&stored[..end]), "{method:?} cut at {end}");
            }
        }
    }

    #[test]
    fn a_small_file_that_was_cut_anywhere_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        for method in CompressionMethod::ALL.into_iter().filter(|m| *m != CompressionMethod::None && m.is_built()) {
            let path = folder.path().join(method.as_str());
            file_with(&path, method, b"1\t2\n");
            let stored = std::fs::read(&path).unwrap();
            for end in 4..stored.len() {
                assert!(is_refused(&stored[..end]), "{method:?} cut at {end}");
                assert!(is_refused(&[&stored[..], &stored[..end]].concat()), "{method:?} second frame cut at {end}");
            }
        }
    }

    #[tokio::test]
    async fn a_compressed_stream_that_was_given_up_has_no_trailer() {
        use futures_util::StreamExt;
        for method in CompressionMethod::ALL.into_iter().filter(|m| *m != CompressionMethod::None && m.is_built()) {
            let (sender, stream) = crate::storage::byte_stream();
            let writer = tokio::task::spawn_blocking(move || {
                let mut encoder = Compression::new(method).encode(Box::new(sender)).unwrap();
                encoder.write_all(b"half").unwrap();
            });
            let blocks: Vec<_> = stream.collect().await;
            writer.await.unwrap();
            assert!(blocks.last().is_some_and(Result::is_err), "{method:?}");
            let text: Vec<u8> = blocks.into_iter().flatten().flatten().collect();
            assert!(text.is_empty() || is_refused(&text), "{method:?}");
        }
    }
}
