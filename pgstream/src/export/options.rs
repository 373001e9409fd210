//! What an export is asked to do.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::archive::{Compression, Format, OutputOptions, RestrictKey};
use crate::catalog::{Filter, SnapshotOptions};
use crate::error::ArchiveError;

/// Options of an export. What is not set stays at its default, which is what `Default` gives.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "clap", derive(clap::Args))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ExportOptions {
    /// The format of the output; what its name says if not given, else plain
    #[cfg_attr(feature = "clap", arg(short = 'F', long, value_enum, value_name = "FORMAT"))]
    pub format: Option<Format>,
    /// How it is compressed: none, gzip, zstd or lz4, with a level if you like (zstd:3); what its name says if not given
    #[cfg_attr(
        feature = "clap",
        arg(short = 'Z', long = "compress", value_name = "METHOD[:LEVEL]", value_parser = Compression::parse_built)
    )]
    pub compression: Option<Compression>,
    /// How many tables are read at the same time, where the format allows more than one; 0 chooses
    #[cfg_attr(feature = "clap", arg(short = 'j', long, default_value_t = 0))]
    pub jobs: u32,
    /// Replace a file that exists, once the new one is complete
    #[cfg_attr(feature = "clap", arg(long))]
    pub force: bool,
    /// Which objects.
    #[cfg_attr(feature = "clap", command(flatten))]
    pub filter: Filter,
    /// What of them is written, and how.
    #[cfg_attr(feature = "clap", command(flatten))]
    pub output: OutputOptions,
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
    /// Read in this snapshot, which another session exported (pg_export_snapshot) and holds until the run has ended
    #[cfg_attr(feature = "clap", arg(long, value_name = "NAME"))]
    pub snapshot: Option<String>,
    /// The key of \restrict in the script, letters and digits; not given: a random one
    #[cfg_attr(feature = "clap", arg(long, value_name = "KEY"))]
    pub restrict_key: Option<String>,
}

/// Options that say how an export runs and not what it holds.
const NOT_ABOUT_CONTENTS: [&str; 6] = ["restrict-key", "snapshot", "force", "jobs", "lock-timeout", "strict"];

impl ExportOptions {
    /// Sets [`ExportOptions::filter`].
    #[must_use]
    pub fn with_filter(mut self, filter: Filter) -> Self {
        self.filter = filter;
        self
    }

    /// Sets [`ExportOptions::output`].
    #[must_use]
    pub fn with_output(mut self, output: OutputOptions) -> Self {
        self.output = output;
        self
    }

    pub(crate) fn snapshot_options(&self) -> SnapshotOptions {
        let mut options = SnapshotOptions::default();
        if let Some(seconds) = self.lock_timeout {
            options.lock_timeout = Duration::from_secs(seconds);
        }
        options.is_serializable_deferrable = self.serializable_deferrable;
        options.given.clone_from(&self.snapshot);
        options
    }

    /// Finds what cannot be done before anything is opened. `name` is the name of the output, where it has one.
    ///
    /// # Errors
    /// [`ArchiveError::OptionUnsupported`], [`ArchiveError::OptionConflict`], [`ArchiveError::OptionValue`].
    pub fn check(&self, name: Option<&str>) -> Result<(), ArchiveError> {
        match self.format.or_else(|| Format::from_file_name(name?)) {
            None | Some(Format::Plain) => {}
            Some(Format::Custom) => return Err(ArchiveError::OptionUnsupported { option: "--format custom (a name in .dump)" }),
            Some(Format::Directory) => {
                return Err(ArchiveError::OptionUnsupported { option: "--format directory (a name in /)" });
            }
        }
        if self.snapshot.is_some() && self.serializable_deferrable {
            return Err(ArchiveError::OptionConflict { option: "--snapshot", conflict: "with --serializable-deferrable" });
        }
        self.output.check()?;
        self.key().map(drop)
    }

    pub(crate) fn key(&self) -> Result<RestrictKey, ArchiveError> {
        self.restrict_key.as_deref().map_or_else(RestrictKey::random, str::parse)
    }

    /// What was given and decides about the contents, by the names of the command line.
    pub(crate) fn describe(&self) -> BTreeMap<String, String> {
        let mut described = BTreeMap::new();
        let (given, default) = (serde_json::to_value(self), serde_json::to_value(Self::default()));
        if let (Ok(given), Ok(default)) = (given, default) {
            collect(&given, &default, "", &mut described);
        }
        described.retain(|name, _| !NOT_ABOUT_CONTENTS.contains(&name.as_str()));
        described
    }
}

fn collect(given: &serde_json::Value, default: &serde_json::Value, name: &str, into: &mut BTreeMap<String, String>) {
    match given {
        serde_json::Value::Object(fields) => {
            for (key, value) in fields {
                collect(value, &default[key], &key.replace('_', "-"), into);
            }
        }
        _ if given == default => {}
        serde_json::Value::String(text) => drop(into.insert(name.to_owned(), text.clone())),
        other => drop(into.insert(name.to_owned(), other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_given_is_described() {
        let output = OutputOptions { no_owner: true, ..OutputOptions::default() };
        let options = ExportOptions::default().with_filter(Filter::default().table("a*")).with_output(output);
        let options = ExportOptions { force: true, restrict_key: Some("k".into()), ..options };
        let described: Vec<(String, String)> = options.describe().into_iter().collect();
        let expected = [("no-owner", "true"), ("tables", "[\"a*\"]")].map(|(a, b)| (a.to_owned(), b.to_owned()));
        assert_eq!(described, expected);
        assert_eq!(ExportOptions::default().describe().len(), 0);
    }

    #[test]
    fn formats_that_are_not_built_are_refused_by_name() {
        let options = ExportOptions::default();
        assert!(options.check(Some("a.sql.gz")).is_ok() && options.check(None).is_ok());
        for name in ["a.dump", "a/"] {
            assert!(matches!(options.check(Some(name)), Err(ArchiveError::OptionUnsupported { .. })), "{name}");
        }
    }

    #[test]
    fn unknown_options_are_refused() {
        assert!(serde_json::from_str::<ExportOptions>("{\"jbos\": 2}").is_err());
        assert!(serde_json::from_str::<ExportOptions>("{\"output\": {\"clean\": true}}").is_ok());
    }
}
