//! What stands in the way of a run, found before the first byte is written.

use std::fmt;

use super::{CatalogError, ErrorCode, Retry};

/// The check before a run failed, or could not be made.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum PreflightError {
    /// A server could not be asked.
    #[error("could not check {end}")]
    Ask {
        /// `the source` or `the target`.
        end: &'static str,
        /// What happened.
        source: CatalogError,
    },
    /// The run would fail. The reason, or if there are several every one of them on a line of its own.
    #[error("{}", Lines(.problems))]
    Failed {
        /// The reasons, at least one.
        problems: Vec<PreflightProblem>,
    },
}

/// One reason why a run would fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreflightProblem {
    /// The word of the rule, as in `docs/preflight.md`.
    pub rule: &'static str,
    /// What was found, with names and counts.
    pub what: String,
    /// What to do, as full sentences.
    pub remedy: String,
}

impl PreflightProblem {
    /// More than one connection was asked for, and a pooler in front of the source may lend the second one to others.
    pub(crate) fn pooled_jobs(jobs: u32) -> Self {
        Self {
            rule: "pooler",
            what: format!("the source is behind a pooler and read over one connection, where {jobs} jobs were asked for"),
            remedy: format!("Leave --jobs out, or go past the pooler: {NAME_THE_SERVER}"),
        }
    }
}

/// How a pooler is gone past.
pub(crate) const NAME_THE_SERVER: &str =
    "Name the server's own address and port instead of the pooler's (hosting services call it the direct connection).";

/// One problem in its own words; several on a line each, behind a line that counts them.
struct Lines<'a>(&'a [PreflightProblem]);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [problem] = self.0 {
            return f.write_str(&problem.what);
        }
        write!(f, "the run would fail, nothing was written: {} problems", self.0.len())?;
        self.0.iter().try_for_each(|problem| write!(f, "\n{}: {}", problem.rule, problem.what))
    }
}

impl PreflightError {
    /// The code that it is reported by.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Ask { source, .. } => source.code(),
            Self::Failed { problems } => match problems.first() {
                // What has a code of its own keeps it, so that scripts can tell it apart.
                Some(problem) if problems.len() == 1 && problem.rule == "target_not_empty" => ErrorCode::TargetNotEmpty,
                _ => ErrorCode::PreflightFailed,
            },
        }
    }

    /// The next step, as full sentences: the remedy of each problem, one to a line.
    pub fn hint(&self) -> String {
        match self {
            Self::Ask { source, .. } => source.hint(),
            Self::Failed { problems } if problems.len() == 1 => problems.iter().map(|p| p.remedy.as_str()).collect(),
            Self::Failed { problems } => {
                problems.iter().map(|p| format!("{}: {}", p.rule, p.remedy)).collect::<Vec<_>>().join("\n")
            }
        }
    }

    /// When the same call may work.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Ask { source, .. } => source.retry(),
            Self::Failed { .. } => Retry::AfterOperator,
        }
    }

    /// A server could not be asked.
    pub(crate) fn ask(end: &'static str, source: impl Into<CatalogError>) -> Self {
        Self::Ask { end, source: source.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_and_its_remedy_are_said_at_once() {
        let problem = |rule, what: &str| PreflightProblem { rule, what: what.into(), remedy: format!("Mend {what}.") };
        let error = PreflightError::Failed { problems: vec![problem("a", "one"), problem("b", "two")] };
        assert_eq!(error.to_string(), "the run would fail, nothing was written: 2 problems\na: one\nb: two");
        assert_eq!(error.hint(), "a: Mend one.\nb: Mend two.");
        assert_eq!((error.code(), error.retry()), (ErrorCode::PreflightFailed, Retry::AfterOperator));
        let error = PreflightError::Failed { problems: vec![problem("a", "one")] };
        assert_eq!((error.to_string(), error.hint()), ("one".into(), "Mend one.".into()));
    }
}
