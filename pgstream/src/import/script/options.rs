//! What an import is asked to do.

use serde::{Deserialize, Serialize};

use crate::error::ArchiveError;
use crate::report::{Mode, Verify};

/// Options of an import. What is not set stays at its default, which is what `Default` gives.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "clap", derive(clap::Args))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ImportOptions {
    /// What is in the target, and what is to become of it.
    #[cfg_attr(feature = "clap", arg(long, value_parser = modes(), default_value = "empty"))]
    pub mode: Mode,
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

/// The modes that an import has.
#[cfg(feature = "clap")]
fn modes() -> impl clap::builder::TypedValueParser<Value = Mode> {
    use clap::ValueEnum;
    use clap::builder::{PossibleValuesParser, TypedValueParser};
    let modes = [Mode::Empty, Mode::Append];
    PossibleValuesParser::new(modes.iter().filter_map(Mode::to_possible_value))
        .map(|word| Mode::from_str(&word, false).expect("only words of modes pass"))
}

impl ImportOptions {
    /// Refuses what cannot be done.
    ///
    /// # Errors
    /// [`ArchiveError::OptionUnsupported`].
    pub fn check(&self) -> Result<(), ArchiveError> {
        match self.mode {
            Mode::Empty | Mode::Append => Ok(()),
            Mode::Replace => Err(ArchiveError::OptionUnsupported { option: "--mode replace" }),
        }
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
