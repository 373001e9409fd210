//! What is asked for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::archive::{Compression, CompressionMethod};
use crate::catalog::Filter;
use crate::error::BackupError;
use crate::export::ExportOptions;
use crate::import::ImportOptions;

/// How thoroughly a backup is verified. Each level does what those below it do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Level {
    /// Every file is there and has its size
    #[cfg_attr(feature = "clap", value(name = "0", alias = "present"))]
    Present,
    /// The hash of every file is the one that was taken when it was written
    #[default]
    #[cfg_attr(feature = "clap", value(name = "1", alias = "hashes"))]
    Hashes,
    /// Every file decompresses, and the archive holds what it says it holds
    #[cfg_attr(feature = "clap", value(name = "2", alias = "contents"))]
    Contents,
}

/// Options of a new backup.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "clap", derive(clap::Args))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct CreateOptions {
    /// Written on the backup, to find it by; may be repeated
    #[cfg_attr(feature = "clap", arg(skip))]
    pub labels: BTreeMap<String, String>,
    /// How it is compressed: none, gzip, zstd or lz4, with a level if you like (zstd:3); zstd if not given
    #[cfg_attr(
        feature = "clap",
        arg(short = 'Z', long = "compress", value_name = "METHOD[:LEVEL]", value_parser = Compression::parse_built)
    )]
    pub compression: Option<Compression>,
    /// Keep the hashes of the roles' passwords too, which only a superuser may read
    #[cfg_attr(feature = "clap", arg(long))]
    pub role_passwords: bool,
    /// Which objects.
    #[cfg_attr(feature = "clap", command(flatten))]
    pub filter: Filter,
    /// Leave out objects of kinds that cannot be carried yet, and name each in the report
    #[cfg_attr(feature = "clap", arg(long))]
    pub skip_unsupported: bool,
    /// Fail if the definition of an object changed while it was read, where a warning is told otherwise
    #[cfg_attr(feature = "clap", arg(long))]
    pub strict: bool,
    /// Seconds to wait for locks on tables; 0 waits without end, not given: 30
    #[cfg_attr(feature = "clap", arg(long, value_name = "SECONDS"))]
    pub lock_timeout: Option<u64>,
    /// Read what a serializable transaction could see, and wait for a moment when that is so
    #[cfg_attr(feature = "clap", arg(long))]
    pub serializable_deferrable: bool,
}

impl CreateOptions {
    /// Writes a label on the backup.
    #[must_use]
    pub fn label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.insert(name.into(), value.into());
        self
    }

    /// Sets [`CreateOptions::filter`].
    #[must_use]
    pub fn with_filter(self, filter: Filter) -> Self {
        Self { filter, ..self }
    }

    /// What is given, or the best that this build has.
    pub(super) fn compression(&self) -> Compression {
        let best = [CompressionMethod::Zstd, CompressionMethod::Gzip, CompressionMethod::Lz4];
        let built = best.into_iter().find(|method| method.is_built()).unwrap_or(CompressionMethod::None);
        self.compression.unwrap_or_else(|| Compression::new(built))
    }

    pub(super) fn export(&self) -> ExportOptions {
        let mut options = ExportOptions::default().with_filter(self.filter.clone());
        options.compression = Some(self.compression());
        options.skip_unsupported = self.skip_unsupported;
        options.strict = self.strict;
        options.lock_timeout = self.lock_timeout;
        options.serializable_deferrable = self.serializable_deferrable;
        options
    }
}

/// Options of a restore.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "clap", derive(clap::Args))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct RestoreOptions {
    /// How the archive is loaded. With `globals`, roles that are missing are made first.
    #[cfg_attr(feature = "clap", command(flatten))]
    pub import: ImportOptions,
}

impl RestoreOptions {
    /// Sets [`RestoreOptions::import`].
    #[must_use]
    pub fn with_import(self, import: ImportOptions) -> Self {
        Self { import }
    }
}

/// Which backups are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "clap", derive(clap::Args))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct PruneOptions {
    /// How many good backups are kept, counted from the newest; at least 1
    #[cfg_attr(feature = "clap", arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..)))]
    pub keep_last: u32,
    /// Say what would be removed, and remove nothing
    #[cfg_attr(feature = "clap", arg(long))]
    pub dry_run: bool,
}

impl PruneOptions {
    /// Keeps so many good backups.
    pub fn keep_last(keep_last: u32) -> Self {
        Self { keep_last, dry_run: false }
    }

    pub(super) fn check(&self) -> Result<(), BackupError> {
        match self.keep_last {
            0 => Err(BackupError::Option { option: "--keep-last", problem: "at least one backup is kept".into() }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeping_none_and_unknown_options_are_refused() {
        assert!(PruneOptions::default().check().is_err() && PruneOptions::keep_last(1).check().is_ok());
        assert!(serde_json::from_str::<CreateOptions>("{\"lables\": {}}").is_err());
        assert!(serde_json::from_str::<CreateOptions>("{\"labels\": {\"a\": \"b\"}, \"filter\": {}}").is_ok());
    }
}
