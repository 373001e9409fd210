//! What would make a run fail, found before the first byte is written and said all at once, each with its remedy.
//!
//! Asking is thin (`ask`) and deciding is pure (`rules`): *facts* are what the two ends tell about themselves, *wanted* is
//! what the archive needs, and every rule is a function from these to *findings*. Nothing here writes.

mod ask;
mod disk;
mod facts;
mod features;
mod finding;
mod rules;
#[cfg(test)]
mod samples;
mod wanted;
mod words;

pub use facts::{
    AvailableExtension, ConnectionFacts, LocaleFacts, RelationFacts, RoleFacts, ServerFacts, SourceFacts, TargetFacts,
};
pub use finding::{Finding, PreflightReport, Severity};
pub use rules::{judge, rule_words};
pub use wanted::{FeatureUse, RoleUse, RunShape, Wanted};

use crate::connection::Connection;
use crate::error::PreflightError;

/// Asks both ends and applies every rule. `source` is `None` when the archive is a file.
///
/// The report holds errors too: [`PreflightReport::into_result`] makes one error of them.
///
/// # Errors
/// [`PreflightError::Ask`] when an end does not answer.
///
/// # Cancellation
/// Dropping the future stops asking; nothing is written at any time.
pub async fn preflight(
    source: Option<&Connection>,
    target: &Connection,
    wanted: &Wanted,
) -> Result<PreflightReport, PreflightError> {
    let asked = futures_util::future::join(ask_source(source, wanted), ask_target(target, wanted));
    let (source, target) = asked.await;
    Ok(judge(source?.as_ref(), &target?, wanted))
}

/// Asks the source, if there is one.
///
/// # Errors
/// [`PreflightError::Ask`] when it does not answer.
pub async fn ask_source(source: Option<&Connection>, wanted: &Wanted) -> Result<Option<SourceFacts>, PreflightError> {
    let Some(connection) = source else { return Ok(None) };
    ask::source(connection, wanted).await.map(Some).map_err(|e| PreflightError::ask("the source", e))
}

/// Asks the target.
///
/// # Errors
/// [`PreflightError::Ask`] when it does not answer.
pub async fn ask_target(target: &Connection, wanted: &Wanted) -> Result<TargetFacts, PreflightError> {
    ask::target(target, wanted).await.map_err(|e| PreflightError::ask("the target", e))
}
