//! `pgstream import`: a script into a database.

use std::io::{self, IsTerminal};

use pgstream::archive::Format;
use pgstream::import::ImportPlan;
use pgstream::import::preflight::Severity;
use pgstream::storage::Source;
use pgstream::{Error, ImportError};

use crate::Outcome;
use crate::args::ImportArgs;
use crate::commands::{SHOWN_TABLES, database, drops, end, nothing_named};
use crate::engine::{self, Context, Databases};
use crate::exit_code::Exit;
use crate::place::{Place, shown};
use crate::report::{Finished, Problem};
use crate::table::Align::{Left, Right};
use crate::table::Table;
use crate::usage::WrongUsage;
use crate::words::{bytes, count};

pub(crate) async fn run(args: &ImportArgs, context: &Context, databases: &Databases) -> Outcome {
    let from = input(&args.from)?;
    let to = database("--to", &args.to, "To write a file, use pgstream export.")?;
    let target = databases.named(context, "--to", to)?;
    if args.plan {
        let Source::Path(path) = from else { return Err(only_a_file().into()) };
        let plan = engine::plan_import(context, databases, &path, &target, &args.guard, &args.options).await?;
        let finished = Finished::new(&plan)?.reading(describe(&plan));
        return Ok(if plan.is_ready { finished } else { finished.ending(Exit::Preflight) });
    }
    let imported = engine::import(context, databases, from, &target, (&args.guard, &args.safety), &args.options).await;
    let report = imported.inspect_err(|problem| {
        if args.show_values {
            show_values(problem);
        }
    })?;
    let finished = Finished::new(&report)?;
    let is_success = report.report.is_proven() || args.options.accept_unproven;
    Ok(if is_success { finished } else { finished.ending(Exit::Failed) })
}

/// What the word after `--from` names.
fn input(word: &str) -> Result<Source, WrongUsage> {
    let unsupported = |what: &str| {
        let hint = "Import a plain script: a name that ends in .sql, .sql.gz, .sql.zst or .sql.lz4, or -.";
        Err(WrongUsage::new(format!("--from {} names {what}, which is not supported yet", shown(word)), hint))
    };
    match Place::parse(word) {
        Place::Standard => Ok(Source::Stdin),
        Place::Store => unsupported("an object in a store"),
        Place::File(path) => match format_of(&path) {
            Some(Format::Custom) => unsupported("a custom archive"),
            Some(Format::Directory) => unsupported("a directory archive"),
            _ => Ok(Source::Path(path)),
        },
        Place::Database(word) if word.is_empty() => Err(nothing_named("--from")),
        Place::Database(word) => {
            let hint = "To copy a database, use pgstream sync. A file has a known ending or ./ in front.";
            Err(WrongUsage::new(format!("--from {} names a database, and import reads scripts", shown(&word)), hint))
        }
    }
}

fn format_of(path: &std::path::Path) -> Option<Format> {
    Format::from_file_name(&path.to_string_lossy())
}

fn only_a_file() -> WrongUsage {
    WrongUsage::new("--plan cannot be used with standard input, which can be read only once", "Save the script to a file.")
}

/// What the server says about values, for the eyes of who sits at the terminal: it stands in no report.
fn show_values(problem: &Problem) {
    let Problem::Failed(failure) = problem else { return };
    let Error::Import(ImportError::Script { source, .. }) = &failure.error else { return };
    if !io::stderr().is_terminal() {
        return;
    }
    let Some(error) = source.server_error() else { return };
    for (what, text) in [("detail", &error.detail), ("context", &error.context)] {
        if let Some(text) = text {
            eprintln!("{what}: {text}");
        }
    }
}

/// What would be done, for people.
fn describe(plan: &ImportPlan) -> String {
    let verdict = if plan.is_ready { "plan: nothing was written" } else { "plan: NOT ready, nothing was written" };
    let mut lines = vec![verdict.to_owned(), format!("from:    {}", end(&plan.from)), format!("to:      {}", end(&plan.to))];
    let program = plan.program.as_deref().unwrap_or("by hand");
    let whole = if plan.has_manifest { ", with its manifest" } else { "" };
    lines.push(format!("script:  {}, {} statements, {program}{whole}", bytes(plan.script_bytes), count(plan.statements)));
    let way = if plan.is_one_transaction { "one transaction" } else { "each statement for itself" };
    lines.push(format!("run as:  {way}"));
    if !plan.roles.is_empty() {
        lines.push(format!("roles:   {}", plan.roles.join(", ")));
    }
    if !plan.extensions.is_empty() {
        lines.push(format!("needs:   {}", plan.extensions.join(", ")));
    }
    for finding in &plan.findings {
        let word = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        };
        lines.push(format!("{:9}{} ({})", format!("{word}:"), finding.what, finding.rule));
        lines.push(format!("         {}", finding.remedy));
    }
    lines.extend(drops(&plan.drops, "its schema is emptied (--prune)"));
    let mut tables = Table::new(["TABLE", "ROWS", "SIZE", "INSERTS"], [Left, Right, Right, Right]);
    for table in &plan.tables {
        tables.row([table.name.clone(), count(table.rows), bytes(table.bytes), count(table.inserts)]);
    }
    lines.extend(tables.section(SHOWN_TABLES, "tables; --json lists all"));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_a_file_or_standard_input() {
        assert!(matches!(input("-"), Ok(Source::Stdin)));
        for word in ["a.sql", "./a", "/tmp/a", "a.sql.zst", "file:a"] {
            assert!(matches!(input(word), Ok(Source::Path(_))), "{word}");
        }
        let cases =
            [("a.dump", "custom"), ("a/", "directory"), ("s3://b/k", "store"), ("production", "database"), ("", "nothing")];
        for (word, expected) in cases {
            let wrong = input(word).unwrap_err();
            assert!(wrong.message.contains(expected), "{word}: {wrong:?}");
        }
        assert!(!format!("{:?}", input("postgres://u:s3cret@h/d").unwrap_err()).contains("s3cret"));
        assert!(matches!(input("a.sql"), Ok(Source::Path(path)) if path == std::path::Path::new("a.sql")));
    }
}
