//! `pgstream check`: everything that a sync asks before its first write, the guard included.

use pgstream::import::preflight::{Finding, Severity};
use pgstream::sync::CheckReport;

use crate::Outcome;
use crate::args::CheckArgs;
use crate::commands::{counted, database, end, ends, is_plain};
use crate::engine::{Context, Databases, Pair};
use crate::exit_code::Exit;
use crate::report::Finished;

pub(crate) async fn run(args: &CheckArgs, context: &Context, databases: &Databases) -> Outcome {
    let from = database("--from", &args.from, "")?;
    let to = database("--to", &args.to, "An export needs no check.")?;
    let pair = Pair::new(context, databases, from, to)?;
    let report = pair.check(context, &args.guard, &args.options).await?;
    let finished = Finished::new(&report)?.reading(describe(&report));
    Ok(match report.is_ready {
        true => finished.next_if(is_plain(&args.guard, &args.options), || {
            format!("pgstream sync {}", ends((from, &pair.source), (to, &pair.target)))
        }),
        false => finished.ending(Exit::Preflight),
    })
}

/// The outcome for people: the verdict, the sizes, then each finding with what to do about it.
fn describe(report: &CheckReport) -> String {
    let of = |severity| report.findings.iter().filter(move |finding| finding.severity == severity).count();
    let found: Vec<String> = [(Severity::Error, "error"), (Severity::Warning, "warning"), (Severity::Note, "note")]
        .into_iter()
        .filter(|(severity, _)| of(*severity) > 0)
        .map(|(severity, word)| counted(of(severity), word))
        .collect();
    let found = if found.is_empty() { "nothing was found".to_owned() } else { found.join(", ") };
    let verdict = if report.is_ready { "ready" } else { "NOT ready" };
    let mut lines = vec![format!("check: {verdict}, {found}"), format!("from:    {}", end(&report.from))];
    lines.push(format!("to:      {}", end(&report.to)));
    lines.extend(report.findings.iter().flat_map(describe_finding));
    lines.join("\n")
}

fn describe_finding(finding: &Finding) -> [String; 3] {
    let word = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    };
    let what = format!("{:9}{} ({})", format!("{word}:"), finding.what, finding.rule);
    [String::new(), what, format!("         {}", finding.remedy)]
}
