//! What an import is asked to do.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::ArchiveError;
use crate::import::Reach;
use crate::report::{Mode, Verify};

/// Options of an import. What is not set stays at its default, which is what `Default` gives.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "clap", derive(clap::Args))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ImportOptions {
    /// What is in the target, and what is to become of it.
    #[cfg_attr(feature = "clap", arg(long, value_enum, default_value_t))]
    pub mode: Mode,
    /// What depends on what goes, and is not replaced itself, goes with it (with --mode replace).
    #[cfg_attr(feature = "clap", arg(long))]
    pub cascade: bool,
    /// Everything in the schemas that the script makes something in goes first (needed with --mode replace, as a script does not
    /// tell what it would leave).
    #[cfg_attr(feature = "clap", arg(long))]
    pub prune: bool,
    /// Seconds to wait for locks on what is replaced; 0 waits without end, not given: 30
    #[cfg_attr(feature = "clap", arg(long, value_name = "SECONDS"))]
    pub lock_timeout: Option<u64>,
    /// How much is compared afterwards.
    #[cfg_attr(feature = "clap", arg(long, value_enum, default_value_t))]
    pub verify: Verify,
    /// Count a run that proved nothing, or not everything, as a success
    #[cfg_attr(feature = "clap", arg(long))]
    pub accept_unproven: bool,
    /// Run what the script says about roles, memberships and tablespaces of the whole cluster
    #[cfg_attr(feature = "clap", arg(long))]
    pub globals: bool,
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
    /// Let event triggers of the target fire on what is done there.
    #[cfg_attr(feature = "clap", arg(long))]
    pub allow_event_triggers: bool,
    /// The encoding that the script begins in, where it does not say it itself; not given: UTF8
    #[cfg_attr(feature = "clap", arg(short = 'E', long, value_name = "ENCODING"))]
    pub encoding: Option<String>,
}

impl ImportOptions {
    /// Refuses what cannot be done.
    ///
    /// # Errors
    /// [`ArchiveError::OptionConflict`].
    pub fn check(&self) -> Result<(), ArchiveError> {
        let replaces = self.mode == Mode::Replace;
        let conflicts = [
            (replaces && !self.prune, "--mode replace", "without --prune: a script does not tell what it would leave"),
            (!replaces && self.cascade, "--cascade", "without --mode replace"),
            (!replaces && self.prune, "--prune", "without --mode replace"),
        ];
        match conflicts.into_iter().find(|(is_conflict, ..)| *is_conflict) {
            Some((_, option, conflict)) => Err(ArchiveError::OptionConflict { option, conflict }),
            None => Ok(()),
        }
    }

    /// How long to wait for locks on what is replaced.
    pub(super) fn lock_patience(&self) -> Duration {
        Duration::from_secs(self.lock_timeout.unwrap_or(30))
    }

    /// How far a replacement goes.
    pub(super) fn reach(&self) -> Reach {
        let (keeps_owners, keeps_privileges, keeps_comments) = (self.no_owner, self.no_privileges, self.no_comments);
        Reach { cascade: self.cascade, prune: self.prune, keeps_owners, keeps_privileges, keeps_comments }
    }

    /// Everything in the schemas that the script makes something in goes first.
    #[must_use]
    pub fn replacing(self) -> Self {
        Self { mode: Mode::Replace, prune: true, ..self }
    }

    /// Sets what is in the target, and what is to become of it.
    #[must_use]
    pub fn with_mode(self, mode: Mode) -> Self {
        Self { mode, ..self }
    }

    /// Sets how much is compared afterwards.
    #[must_use]
    pub fn with_verify(self, verify: Verify) -> Self {
        Self { verify, ..self }
    }

    /// Whether a run that proved nothing, or not everything, counts as a success.
    #[must_use]
    pub fn with_accept_unproven(self, accept_unproven: bool) -> Self {
        Self { accept_unproven, ..self }
    }

    /// Whether what the script says about the whole cluster is run.
    #[must_use]
    pub fn with_globals(self, globals: bool) -> Self {
        Self { globals, ..self }
    }

    /// Whether ownership is left to the role that writes.
    #[must_use]
    pub fn with_no_owner(self, no_owner: bool) -> Self {
        Self { no_owner, ..self }
    }

    /// Whether privileges are left out.
    #[must_use]
    pub fn with_no_privileges(self, no_privileges: bool) -> Self {
        Self { no_privileges, ..self }
    }

    /// Whether comments are left out.
    #[must_use]
    pub fn with_no_comments(self, no_comments: bool) -> Self {
        Self { no_comments, ..self }
    }

    /// Whether everything goes into the default tablespace.
    #[must_use]
    pub fn with_no_tablespaces(self, no_tablespaces: bool) -> Self {
        Self { no_tablespaces, ..self }
    }

    /// Whether event triggers of the target may fire.
    #[must_use]
    pub fn with_allow_event_triggers(self, allow_event_triggers: bool) -> Self {
        Self { allow_event_triggers, ..self }
    }

    /// The encoding that the script begins in.
    #[must_use]
    pub fn with_encoding(self, encoding: impl Into<Option<String>>) -> Self {
        Self { encoding: encoding.into(), ..self }
    }
}
