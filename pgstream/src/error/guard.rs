//! What can go wrong while the guard decides whether a database may be written to.

use std::path::PathBuf;

use super::{ConnectionError, ErrorCode, Retry};

macro_rules! guard_rules {
    ($($(#[$doc:meta])* $variant:ident = $text:literal),+ $(,)?) => {
        /// Why a destination is refused: a stable word for each rule of the guard.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum GuardRule {
            $($(#[$doc])* $variant),+
        }

        impl GuardRule {
            /// Every rule. The documentation and the tests walk this list.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The rule as it is written in JSON and in the documentation.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }
    };
}

guard_rules! {
    /// The destination was named by a profile of class production or staging.
    ProtectedProfile = "protected_profile",
    /// The destination has the address and the database name of a protected profile.
    ProtectedAddress = "protected_address",
    /// The destination turned out to be the database of a protected profile.
    ProtectedDatabase = "protected_database",
    /// The destination turned out to be a database that a protected profile was seen to be earlier.
    RememberedDatabase = "remembered_database",
    /// The database itself, or its comment, says that it is production or staging.
    MarkedDatabase = "marked_database",
    /// The destination is the source.
    SourceIsTarget = "source_is_target",
    /// An address of the destination is neither on this machine nor listed.
    RemoteAddress = "remote_address",
    /// The destination has a local address, but a hosting service answers there.
    HostedService = "hosted_service",
    /// The destination is a standby, which cannot be written to.
    Standby = "standby",
    /// Roles or tablespaces would be written in a cluster that holds a protected database, or may hold one.
    ProtectedCluster = "protected_cluster",
    /// A session that was to write is in another database than the one that was admitted.
    OtherDatabase = "other_database",
}

impl std::fmt::Display for GuardRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A database may not be written to, or the guard could not find out.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum GuardError {
    /// A rule forbids it.
    #[error("refused to write to {target}: {reason} (rule {rule})")]
    Refused {
        /// Which rule.
        rule: GuardRule,
        /// `user@host:port/database`, and the identity that was seen, if it came so far.
        target: String,
        /// What was found.
        reason: String,
        /// How to do it right, or how to allow it.
        hint: String,
    },
    /// It could not be told whether the destination is a database that must not be written to.
    #[error("refused to write to {target}: cannot tell whether it is {other}: {reason}")]
    Unidentified {
        /// `user@host:port/database`, and the identity that was seen.
        target: String,
        /// The profile, or `the source`.
        other: String,
        /// Why not.
        reason: String,
        /// What to do.
        hint: String,
    },
    /// No profile has this name.
    #[error("there is no profile {name}; {known}")]
    UnknownProfile {
        /// As it was written.
        name: String,
        /// The profiles that there are, in a sentence.
        known: String,
        /// The profile that was probably meant.
        suggestion: Option<String>,
    },
    /// A profile's variables cannot be understood.
    #[error("cannot use {variable}: {problem}")]
    Profile {
        /// The variable.
        variable: String,
        /// What is wrong with it. Never its value.
        problem: String,
    },
    /// A file of variables cannot be understood.
    #[error("could not read {path}{}: {problem}", Line(*.line))]
    EnvFile {
        /// The file.
        path: PathBuf,
        /// Counted from 1; 0 if the file could not be opened.
        line: usize,
        /// What is wrong. Never what stands there.
        problem: String,
    },
    /// The identities that were remembered cannot be read or written.
    #[error("could not use the guard's memory {path}: {problem}")]
    Memory {
        /// Where it is kept.
        path: String,
        /// What is wrong.
        problem: String,
    },
    /// A database could not be asked who it is.
    #[error("could not identify {what}")]
    Connection {
        /// `the destination`, `the source`, or a profile.
        what: String,
        /// What happened.
        #[source]
        source: ConnectionError,
    },
}

/// `, line 3`, or nothing for a file that was not opened.
struct Line(usize);

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            0 => Ok(()),
            line => write!(f, ", line {line}"),
        }
    }
}

impl GuardError {
    /// The rule that refused, if one did.
    pub fn rule(&self) -> Option<GuardRule> {
        match self {
            Self::Refused { rule, .. } => Some(*rule),
            _ => None,
        }
    }

    /// The stable word for this kind of failure.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Refused { .. } => ErrorCode::GuardRefused,
            Self::Unidentified { .. } => ErrorCode::GuardUnidentified,
            Self::UnknownProfile { .. } => ErrorCode::ProfileUnknown,
            Self::Profile { .. } | Self::EnvFile { .. } => ErrorCode::ProfileInvalid,
            Self::Memory { .. } => ErrorCode::GuardMemory,
            Self::Connection { source, .. } => source.code(),
        }
    }

    /// The next step, as a full sentence.
    pub fn hint(&self) -> String {
        match self {
            Self::Refused { hint, .. } | Self::Unidentified { hint, .. } => hint.clone(),
            Self::UnknownProfile { suggestion: Some(name), .. } => {
                format!("Did you mean {name}? A database that is not a profile is written as postgres://user@host/database.")
            }
            Self::UnknownProfile { .. } => {
                "Set PGSTREAM_PROFILE_<NAME>_URL to make a profile, or write postgres://user@host/database.".into()
            }
            Self::Profile { .. } => "Correct the variable; the documentation's page on the guard lists its values.".into(),
            Self::EnvFile { line: 0, .. } => "Check the name of the file, and that this user may read it.".into(),
            Self::EnvFile { .. } => "Write NAME=value, one per line; put values with blanks or # into single quotes.".into(),
            Self::Memory { .. } => {
                "It says which databases are protected, so it is not skipped. Restore the file, or move it away and run \
                 `pgstream profiles test` while the protected databases can be reached."
                    .into()
            }
            Self::Connection { source, .. } => source.hint(),
        }
    }

    /// When the same call may work.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Connection { source, .. } => source.retry(),
            Self::Memory { .. } | Self::Unidentified { .. } => Retry::AfterOperator,
            Self::Refused { .. } | Self::UnknownProfile { .. } | Self::Profile { .. } | Self::EnvFile { .. } => Retry::Never,
        }
    }
}
