//! `pgstream verify`: two databases compared.

use pgstream::sync::VerifyReport;

use crate::Outcome;
use crate::args::VerifyArgs;
use crate::commands::{counted, database, end};
use crate::engine::{Context, Databases, Pair};
use crate::exit_code::Exit;
use crate::report::Finished;
use crate::words::count;

const FILES: &str = "Files cannot be compared yet.";

/// How many differences are listed for people; JSON has all of them.
const SHOWN: usize = 50;

pub(crate) async fn run(args: &VerifyArgs, context: &Context, databases: &Databases) -> Outcome {
    let from = database("--from", &args.from, FILES)?;
    let to = database("--to", &args.to, FILES)?;
    let report = Pair::new(context, databases, from, to)?.verify(context, &args.options).await?;
    let finished = Finished::new(&report)?.reading(describe(&report));
    Ok(if report.is_same { finished } else { finished.ending(Exit::Different) })
}

/// The outcome for people: the verdict first, then what differs, then what was looked at.
fn describe(report: &VerifyReport) -> String {
    let verdict = match report.differences.len() {
        0 => "the same".to_owned(),
        number => format!("NOT the same: {}", counted(number, "difference")),
    };
    let mut lines = vec![format!("verify: {verdict}"), format!("A:        {}", end(&report.a))];
    lines.push(format!("B:        {}", end(&report.b)));
    lines.push(format!(
        "compared: {} rows in {}, {}, {}; definitions only as far as columns go",
        count(report.rows),
        counted_u64(report.tables, "table"),
        counted_u64(report.sequences, "sequence"),
        counted_u64(report.large_objects, "large object"),
    ));
    lines.extend(report.differences.iter().take(SHOWN).map(|difference| format!("differs:  {difference}")));
    let more = report.differences.len().saturating_sub(SHOWN);
    lines.extend((more > 0).then(|| format!("… and {} more; --json lists all", counted(more, "difference"))));
    lines.extend(report.stale.iter().map(|stale| format!("stale:    {stale}; REFRESH MATERIALIZED VIEW makes it new")));
    lines.extend(report.warnings.iter().map(|warning| format!("warning:  {warning}")));
    lines.join("\n")
}

fn counted_u64(number: u64, one: &str) -> String {
    counted(usize::try_from(number).unwrap_or(usize::MAX), one)
}
