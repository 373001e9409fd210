//! What a sync is asked to do.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::catalog::Filter;
use crate::error::ArchiveError;
use crate::import::Reach;
use crate::report::{Mode, Verify};

/// Which parts are carried.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Parts {
    /// Schema and rows.
    #[default]
    All,
    /// Definitions, no rows.
    SchemaOnly,
    /// Rows, into tables that are there already.
    DataOnly,
}

/// Options of a sync. What is not set stays at its default, which is what `Default` gives.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "clap", derive(clap::Args))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct SyncOptions {
    /// Which objects.
    #[cfg_attr(feature = "clap", command(flatten))]
    pub filter: Filter,
    /// How many tables are moved and indexes built at the same time; each takes a connection at both ends, 0 chooses two
    #[cfg_attr(feature = "clap", arg(short = 'j', long, default_value_t = 0))]
    pub jobs: u32,
    /// What is in the target, and what is to become of it.
    #[cfg_attr(feature = "clap", arg(long, value_enum, default_value_t))]
    pub mode: Mode,
    /// With --mode replace: drop what is outside of what is copied and depends on it, too
    #[cfg_attr(feature = "clap", arg(long))]
    pub cascade: bool,
    /// With --mode replace: drop what the source does not have, too
    #[cfg_attr(feature = "clap", arg(long))]
    pub prune: bool,
    /// A file with statements to run in the same transaction, when everything is proven and nobody has seen it yet; if one fails, so
    /// does the run
    #[cfg_attr(feature = "clap", arg(long, value_name = "FILE"))]
    pub after_sql: Option<PathBuf>,
    /// With --mode replace: a file with statements to run in the same transaction, when what is replaced is dropped and nothing is
    /// made yet
    #[cfg_attr(feature = "clap", arg(long, value_name = "FILE"))]
    pub before_sql: Option<PathBuf>,
    /// How much is compared afterwards.
    #[cfg_attr(feature = "clap", arg(long, value_enum, default_value_t))]
    pub verify: Verify,
    /// Count a run that proved nothing (--verify none) as a success
    #[cfg_attr(feature = "clap", arg(long))]
    pub accept_unproven: bool,
    /// Definitions only, no rows.
    #[cfg_attr(feature = "clap", arg(short = 's', long, conflicts_with = "data_only"))]
    pub schema_only: bool,
    /// Rows only, into tables that are there already and hold none. If the run fails these tables are emptied again: nobody else
    /// may write to them meanwhile.
    #[cfg_attr(feature = "clap", arg(short = 'a', long))]
    pub data_only: bool,
    /// Leave ownership to the role that writes.
    #[cfg_attr(feature = "clap", arg(short = 'O', long))]
    pub no_owner: bool,
    /// Leave privileges out.
    #[cfg_attr(feature = "clap", arg(short = 'x', long, visible_alias = "no-acl"))]
    pub no_privileges: bool,
    /// Leave comments out.
    #[cfg_attr(feature = "clap", arg(long))]
    pub no_comments: bool,
    /// Use the default tablespace for everything.
    #[cfg_attr(feature = "clap", arg(long))]
    pub no_tablespaces: bool,
    /// Leave out objects of kinds that cannot be carried yet, and name each in the report.
    #[cfg_attr(feature = "clap", arg(long))]
    pub skip_unsupported: bool,
    /// Let event triggers of the target fire on what is done there.
    #[cfg_attr(feature = "clap", arg(long))]
    pub allow_event_triggers: bool,
    /// Keep other sessions out of the target until it is proven, where that is allowed: connection limit 0.
    #[cfg_attr(feature = "clap", arg(long))]
    pub hide: bool,
    /// Fail if the definition of an object changed while it was read, where a warning is told otherwise
    #[cfg_attr(feature = "clap", arg(long))]
    pub strict: bool,
    /// Seconds to wait for locks on the source's tables, and on those that are replaced; 0 waits without end, not given: 30
    #[cfg_attr(feature = "clap", arg(long, value_name = "SECONDS"))]
    pub lock_timeout: Option<u64>,
    /// Seconds that another session may wait for a lock of this run at the source before the run gives way; not given: for ever
    #[cfg_attr(feature = "clap", arg(long, value_name = "SECONDS"))]
    pub yield_to_ddl: Option<u64>,
    /// Seconds that the snapshot, which holds back vacuum at the source, may become old; not given: any age
    #[cfg_attr(feature = "clap", arg(long, value_name = "SECONDS"))]
    pub max_snapshot_age: Option<u64>,
    /// Read what a serializable transaction could see, and wait for a moment when that is so
    #[cfg_attr(feature = "clap", arg(long))]
    pub serializable_deferrable: bool,
    /// Read in this snapshot, which another session exported (pg_export_snapshot) and holds until the run has ended
    #[cfg_attr(feature = "clap", arg(long, value_name = "NAME"))]
    pub snapshot: Option<String>,
}

impl SyncOptions {
    /// How many jobs run at the same time.
    pub(crate) fn job_count(&self) -> usize {
        match self.jobs {
            0 => 2,
            jobs => jobs as usize,
        }
    }

    /// Finds options that exclude each other.
    ///
    /// # Errors
    /// [`ArchiveError::OptionConflict`].
    pub fn check(&self) -> Result<(), ArchiveError> {
        let replaces = self.mode == Mode::Replace;
        let conflicts = [
            (self.snapshot.is_some() && self.serializable_deferrable, "--snapshot", "with --serializable-deferrable"),
            (self.schema_only && self.data_only, "--schema-only", "with --data-only"),
            (self.schema_only && self.mode == Mode::Append, "--mode append", "with --schema-only"),
            (replaces && self.data_only, "--mode replace", "with --data-only"),
            (replaces && self.hide, "--hide", "with --mode replace, which nobody sees before it is proven"),
            (!replaces && self.cascade, "--cascade", "without --mode replace"),
            (!replaces && self.prune, "--prune", "without --mode replace"),
            (!replaces && self.before_sql.is_some(), "--before-sql", "without --mode replace"),
        ];
        match conflicts.into_iter().find(|(is_conflict, ..)| *is_conflict) {
            Some((_, option, conflict)) => Err(ArchiveError::OptionConflict { option, conflict }),
            None => Ok(()),
        }
    }

    /// Whether rows go into tables that are there already, and nothing else is made.
    pub(crate) fn fills_existing(&self) -> bool {
        self.data_only || self.mode == Mode::Append
    }

    /// Which parts are carried.
    pub fn parts(&self) -> Parts {
        match (self.schema_only, self.fills_existing()) {
            (true, _) => Parts::SchemaOnly,
            (_, true) => Parts::DataOnly,
            _ => Parts::All,
        }
    }

    /// How far a replacement goes.
    pub(crate) fn reach(&self) -> Reach {
        Reach {
            cascade: self.cascade,
            prune: self.prune,
            keeps_owners: self.no_owner,
            keeps_privileges: self.no_privileges,
            keeps_comments: self.no_comments,
        }
    }

    pub(crate) fn limits(&self) -> crate::catalog::Limits {
        crate::catalog::Limits {
            max_age: self.max_snapshot_age.map(Duration::from_secs),
            yield_after: self.yield_to_ddl.map(Duration::from_secs),
        }
    }

    pub(crate) fn snapshot_options(&self) -> crate::catalog::SnapshotOptions {
        let mut options = crate::catalog::SnapshotOptions::default();
        if let Some(seconds) = self.lock_timeout {
            options.lock_timeout = Duration::from_secs(seconds);
        }
        options.is_serializable_deferrable = self.serializable_deferrable;
        options.given.clone_from(&self.snapshot);
        options
    }
}
