//! What a check says.

use serde::Serialize;

use crate::error::{PreflightError, PreflightProblem};
use crate::import::Dropped;
use crate::progress::Run;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The run would fail, or end with less than it should: it does not start.
    Error,
    /// The run works, and something about its outcome may surprise.
    Warning,
    /// Worth knowing.
    Note,
}

impl std::fmt::Display for Severity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        })
    }
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// The word of the rule, as in `docs/preflight.md`. Set by the list of rules.
    pub rule: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What was found, with names and counts: one line, lower case, no full stop.
    pub what: String,
    /// What to do about it, in full sentences.
    pub remedy: String,
}

impl Finding {
    pub(in crate::import) fn error(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { rule: "", severity: Severity::Error, what: what.into(), remedy: remedy.into() }
    }

    pub(in crate::import) fn warning(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(what, remedy) }
    }

    pub(super) fn note(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { severity: Severity::Note, ..Self::error(what, remedy) }
    }
}

/// Everything that was found, and how much the run will need.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PreflightReport {
    /// What was found: errors first, then warnings, then notes; within these in the order of the rules.
    pub findings: Vec<Finding>,
    /// Estimated bytes of tables and indexes in the target. Without a live source: of what the archive tells.
    pub estimated_bytes: u64,
    /// Free bytes where the target keeps its data; only when that is on this machine and may be read.
    pub target_free_bytes: Option<u64>,
    /// Whether the target holds nothing of its own.
    pub target_is_empty: bool,
    /// What would be dropped first, in order.
    pub drops: Vec<Dropped>,
}

impl PreflightReport {
    /// The findings that keep the run from starting.
    pub fn errors(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.severity == Severity::Error)
    }

    /// Says what is no error, as warnings and lines for the log.
    pub(crate) fn tell(&self, run: &Run) {
        for finding in &self.findings {
            let text = format!("{} ({})", finding.what, finding.remedy);
            match finding.severity {
                Severity::Note => run.log(text),
                _ => run.warn(text),
            }
        }
    }

    /// Itself if the run may start.
    ///
    /// # Errors
    /// [`PreflightError::Failed`] with all errors at once.
    pub fn into_result(self) -> Result<Self, PreflightError> {
        let problem = |finding: &Finding| PreflightProblem {
            rule: finding.rule,
            what: finding.what.clone(),
            remedy: finding.remedy.clone(),
        };
        let problems: Vec<_> = self.errors().map(problem).collect();
        if problems.is_empty() { Ok(self) } else { Err(PreflightError::Failed { problems }) }
    }
}

/// The most names that a finding lists.
const NAMES_LISTED: usize = 8;

/// `a, b, c and 4 more`, safe for one line.
pub(super) fn list<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> String {
    let names: Vec<S> = names.into_iter().collect();
    let shown: Vec<String> = names.iter().take(NAMES_LISTED).map(|n| crate::name::display_part(n.as_ref())).collect();
    match names.len().checked_sub(NAMES_LISTED) {
        Some(more) if more > 0 => format!("{} and {more} more", shown.join(", ")),
        _ => shown.join(", "),
    }
}

/// `1 table`, `2 tables`.
pub(super) fn count(number: impl TryInto<u64>, one: &str) -> String {
    match number.try_into().unwrap_or(u64::MAX) {
        1 => format!("1 {one}"),
        n => format!("{n} {one}s"),
    }
}

/// `12.3 MB`, in powers of 1000.
pub(super) fn size(bytes: u64) -> String {
    let mut value = bytes as f64;
    let mut units = ["bytes", "kB", "MB", "GB", "TB", "PB"].into_iter();
    let mut unit = units.next().unwrap_or_default();
    for next in units {
        if value < 1000.0 {
            break;
        }
        (value, unit) = (value / 1000.0, next);
    }
    if unit == "bytes" { format!("{bytes} bytes") } else { format!("{value:.1} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_are_cut_and_cannot_break_the_line() {
        assert_eq!(list(["a\nb", "c"]), "a\\nb, c");
        assert_eq!(list((0..10).map(|i| i.to_string())), "0, 1, 2, 3, 4, 5, 6, 7 and 2 more");
    }

    #[test]
    fn bytes_are_said_in_a_unit_that_fits() {
        for (bytes, text) in [(0, "0 bytes"), (999, "999 bytes"), (1500, "1.5 kB"), (12_300_000, "12.3 MB")] {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn only_errors_keep_a_run_from_starting() {
        let report = |findings| PreflightReport {
            findings,
            estimated_bytes: 0,
            target_free_bytes: None,
            target_is_empty: true,
            drops: Vec::new(),
        };
        assert!(report(vec![Finding::warning("w", "W."), Finding::note("n", "N.")]).into_result().is_ok());
        let refused = report(vec![Finding::error("e", "E."), Finding::warning("w", "W.")]).into_result().unwrap_err();
        assert!(matches!(refused, PreflightError::Failed { problems } if problems.len() == 1));
    }
}
