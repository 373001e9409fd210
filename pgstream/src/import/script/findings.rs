//! What the survey of a script says to the check before a run.

use crate::import::preflight::Finding;

use super::judge::Refusal;
use super::refuse;
use super::survey::{Places, Survey};

/// The words of the rules about scripts, as in `docs/preflight.md`.
pub(crate) const RULES: [&str; 5] =
    ["script_server_files", "script_globals", "script_drops_target", "script_unsupported", "script_transactions"];

/// What stands against a script, and what may surprise. Other databases are the guard's to refuse.
pub(super) fn find(survey: &Survey) -> Vec<Finding> {
    let refused = survey.refused.iter().filter_map(|(refusal, places)| {
        let rule = match refusal {
            Refusal::ServerFiles => "script_server_files",
            Refusal::Globals => "script_globals",
            Refusal::DropsTarget => "script_drops_target",
            Refusal::Unsupported(_) => "script_unsupported",
            Refusal::OtherDatabase(_) => return None,
        };
        let (problem, hint) = refuse::words(refusal);
        Some(Finding {
            rule,
            ..Finding::error(format!("the script holds what an import does not run ({problem}): {}", list(places)), hint)
        })
    });
    let own = survey.own_transactions.iter().map(|(places, why)| Finding {
        rule: "script_transactions",
        ..Finding::warning(
            format!("the script cannot be one transaction ({why}): {}", list(places)),
            "If it fails half way, what was committed before stays. Take these statements out to have all or nothing.",
        )
    });
    refused.chain(own).collect()
}

/// `line 3: VACUUM; line 9: …; and 4 more`.
fn list(places: &Places) -> String {
    let mut text = places.first.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    let more = places.count - places.first.len() as u64;
    if more > 0 {
        text.push_str(&format!("; and {more} more"));
    }
    text
}
