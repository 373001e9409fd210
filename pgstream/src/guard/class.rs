//! How precious a database is.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a database is for. Ordered: what comes later is more precious.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Class {
    /// On a developer's machine.
    Local,
    /// Shared by developers.
    Dev,
    /// As production, for tests. Never written to unless it is allowed and confirmed.
    Staging,
    /// What the users see. Never written to unless it is allowed and confirmed.
    Production,
}

impl Class {
    /// Every class, the least precious first.
    pub const ALL: [Self; 4] = [Self::Local, Self::Dev, Self::Staging, Self::Production];

    /// The class as it is written in variables and in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Dev => "dev",
            Self::Staging => "staging",
            Self::Production => "production",
        }
    }

    /// Understands a word, in any case.
    pub fn parse(word: &str) -> Option<Self> {
        let word = word.trim();
        Self::ALL.into_iter().find(|class| class.as_str().eq_ignore_ascii_case(word))
    }

    /// Whether databases of this class are refused as a destination unless that is allowed and confirmed.
    pub const fn is_protected(self) -> bool {
        matches!(self, Self::Staging | Self::Production)
    }

    /// Whether going from `self` to `other` makes the guard less strict.
    pub(crate) fn is_loosened_by(self, other: Self) -> bool {
        self.is_protected() && other < self
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
