//! What a target may hold, and what becomes of it.

use serde::{Deserialize, Serialize};

/// What is in the target, and what is to become of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Mode {
    /// The target holds no objects of users; if the run fails it holds none again.
    #[default]
    Empty,
    /// Rows are added to tables that are there, whatever they hold; nothing else is made. If the run fails they are taken out again.
    Append,
    /// What the source also has is dropped and loaded anew, in one transaction: readers see the old or the new, and after a
    /// failure the old is there as it was.
    Replace,
}
