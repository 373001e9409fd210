//! What the shell is told. The table is in `docs/operations.md`, and a test holds it and this file together.

use pgstream::ErrorCode;

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It was done, and proven.
    Proven,
    /// It failed, or was not proven.
    Failed,
    /// The command line, a profile or an option cannot be understood.
    Usage,
    /// The guard refused the destination.
    Refused,
    /// It cannot work, as was found before the first byte was written.
    Preflight,
    /// What arrived, or what was compared, is not the same.
    Different,
    /// Ctrl-C.
    Cancelled,
    /// Whoever read our output went away.
    ClosedPipe,
    /// SIGTERM.
    Terminated,
}

impl Exit {
    /// Every way to end.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 9] = [
        Self::Proven,
        Self::Failed,
        Self::Usage,
        Self::Refused,
        Self::Preflight,
        Self::Different,
        Self::Cancelled,
        Self::ClosedPipe,
        Self::Terminated,
    ];

    /// The number.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Proven => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Refused => 3,
            Self::Preflight => 4,
            Self::Different => 5,
            Self::Cancelled => 130,
            Self::ClosedPipe => 141,
            Self::Terminated => 143,
        }
    }

    /// What an error means for the shell. Codes that are not named here are plain failures.
    pub(crate) fn of(code: ErrorCode) -> Self {
        use ErrorCode as E;
        match code {
            E::ConnectionString | E::OptionInvalid | E::ProfileUnknown | E::ProfileInvalid | E::BackupUnknown => Self::Usage,
            // Without its memory the guard cannot tell, and then it refuses.
            E::GuardRefused | E::GuardUnidentified | E::GuardMemory => Self::Refused,
            E::PreflightFailed
            | E::TargetNotEmpty
            | E::TargetBusy
            | E::ServerUnsupported
            | E::CatalogUnsupportedObject
            | E::CatalogEncoding
            | E::FilterMatchesNothing
            | E::OutputExists
            | E::BackupUnusable => Self::Preflight,
            E::VerificationFailed => Self::Different,
            E::Cancelled => Self::Cancelled,
            E::ClosedPipe => Self::ClosedPipe,
            _ => Self::Failed,
        }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const OPERATIONS: &str = include_str!("../../docs/operations.md");

    /// The rows of the table that follows `heading`, as cells without back quotes.
    fn table(heading: &str) -> Vec<Vec<String>> {
        let after = OPERATIONS.split_once(&format!("\n{heading}\n")).expect("the heading is there").1;
        let lines = after.lines().skip_while(|l| !l.starts_with('|')).take_while(|l| l.starts_with('|')).skip(2);
        let cells = |line: &str| line.trim_matches('|').split('|').map(|c| c.trim().replace('`', "")).collect();
        lines.map(cells).collect()
    }

    #[test]
    fn every_exit_code_is_documented_and_no_other() {
        let documented: Vec<u8> = table("## Exit codes").iter().map(|row| row[0].parse().expect("a number")).collect();
        assert_eq!(documented, Exit::ALL.map(Exit::code).to_vec());
    }

    #[test]
    fn every_error_code_ends_as_documented() {
        let rows = table("### Which error ends how");
        let documented: BTreeMap<&str, u8> =
            rows.iter().map(|row| (row[0].as_str(), row[1].parse().expect("a number"))).collect();
        let coded: BTreeMap<&str, u8> = ErrorCode::ALL.iter().map(|c| (c.as_str(), Exit::of(*c).code())).collect();
        assert_eq!(documented, coded, "left: docs/operations.md, right: ErrorCode::ALL");
        assert_eq!(rows.len(), documented.len(), "a code stands twice in docs/operations.md");
    }
}
