//! What a comparison is asked to do.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::catalog::{Filter, SnapshotOptions};

/// Options of a comparison. What is not set stays at its default, which is what `Default` gives.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "clap", derive(clap::Args))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct VerifyOptions {
    /// Which objects, on both sides.
    #[cfg_attr(feature = "clap", command(flatten))]
    pub filter: Filter,
    /// How many tables are compared at the same time; each takes a connection at both ends, 0 chooses two
    #[cfg_attr(feature = "clap", arg(short = 'j', long, default_value_t = 0))]
    pub jobs: u32,
    /// Seconds to wait for locks on tables; 0 waits without end, not given: 30
    #[cfg_attr(feature = "clap", arg(long, value_name = "SECONDS"))]
    pub lock_timeout: Option<u64>,
}

impl VerifyOptions {
    /// Sets [`VerifyOptions::filter`].
    #[must_use]
    pub fn with_filter(mut self, filter: Filter) -> Self {
        self.filter = filter;
        self
    }

    pub(super) fn job_count(&self) -> usize {
        match self.jobs {
            0 => 2,
            jobs => jobs as usize,
        }
    }

    pub(super) fn snapshot(&self) -> SnapshotOptions {
        let mut options = SnapshotOptions::default();
        if let Some(seconds) = self.lock_timeout {
            options.lock_timeout = Duration::from_secs(seconds);
        }
        options
    }
}
