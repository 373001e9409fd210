//! `pgstream sync`: one database into another.

use pgstream::Proven;
use pgstream::sync::{SyncOptions, SyncPlan};

use crate::Outcome;
use crate::args::SyncArgs;
use crate::commands::{SHOWN_TABLES, database, end, relation, shell_word};
use crate::engine::{Context, Databases, Pair};
use crate::exit_code::Exit;
use crate::report::Finished;
use crate::table::Align::{Left, Right};
use crate::table::Table;
use crate::usage::WrongUsage;
use crate::words::{bytes, count};

/// Refuses what the library's options have and its engine does not do yet: an option that is ignored would be a promise broken.
pub(crate) fn refuse_ignored(options: &SyncOptions) -> Result<(), WrongUsage> {
    let ignored = [
        (options.data_only, "--data-only", "Sync definitions and rows into an empty database."),
        (options.allow_event_triggers, "--allow-event-triggers", "Disable the target's event triggers, or leave the option out."),
        (options.hide, "--hide", "Keep other sessions out by `alter database … connection limit 0`, or leave the option out."),
    ];
    match ignored.into_iter().find(|(is_given, ..)| *is_given) {
        Some((_, option, hint)) => Err(WrongUsage::new(format!("{option} is not supported by sync yet"), hint)),
        None => Ok(()),
    }
}

pub(crate) async fn run(args: &SyncArgs, context: &Context, databases: &Databases) -> Outcome {
    refuse_ignored(&args.options)?;
    let from = database("--from", &args.from, "Load a script with psql -X -v ON_ERROR_STOP=1 -d DATABASE -f FILE.")?;
    let to = database("--to", &args.to, "To write a file, use pgstream export.")?;
    let pair = Pair::new(context, databases, from, to)?;
    let ends = format!("--from {} --to {}", shell_word(from), shell_word(to));
    if args.plan {
        let plan = pair.plan(context, &args.guard, &args.options).await?;
        return Ok(Finished::new(&plan)?.reading(describe(&plan)).next(format!("pgstream check {ends}")));
    }
    let report = pair.sync(context, &args.guard, &args.options).await?;
    let finished = Finished::new(&report)?;
    let is_success = report.proven != Proven::None || args.options.accept_unproven;
    Ok(match is_success {
        true => finished.next(format!("pgstream verify {ends}")),
        false => finished.ending(Exit::Failed),
    })
}

/// What would be done, for people.
fn describe(plan: &SyncPlan) -> String {
    let mut lines = vec!["plan: nothing was written".to_owned(), format!("from:    {}", end(&plan.from))];
    lines.push(format!("to:      {}", end(&plan.to)));
    let rows = (count(plan.tables.len() as u64), bytes(plan.bytes));
    lines.push(format!("rows:    {} tables, {} at the source, {} at the same time", rows.0, rows.1, plan.jobs));
    lines.push(format!("objects: {}", count(plan.entries.len() as u64)));
    let kinds = by_kind(plan.entries.iter().map(|entry| entry.kind)).into_iter();
    let kinds: Vec<_> = kinds.map(|(kind, number)| [kind.to_owned(), count(number)]).collect();
    let mut tables = Table::new(["TABLE", "SIZE", "ROWS TRAVEL AS", "WRITTEN"], [Left, Right, Left, Left]);
    for table in &plan.tables {
        let written = if table.is_frozen { "frozen, by one writer" } else { "through the partitioned table" };
        let cells = [relation(&table.schema, &table.name), bytes(table.bytes), table.format.to_owned(), written.to_owned()];
        tables.row(cells);
    }
    let mut objects = Table::new(["OBJECTS TO MAKE", "COUNT"], [Left, Right]);
    kinds.into_iter().for_each(|cells| objects.row(cells));
    lines.extend(objects.section(usize::MAX, ""));
    lines.extend(tables.section(SHOWN_TABLES, "tables; --json lists all"));
    lines.join("\n")
}

/// How many of each, most first.
fn by_kind<'a>(kinds: impl Iterator<Item = &'a str>) -> Vec<(&'a str, u64)> {
    let mut counted = std::collections::BTreeMap::new();
    kinds.for_each(|kind| *counted.entry(kind).or_insert(0) += 1);
    let mut counted: Vec<_> = counted.into_iter().collect();
    counted.sort_by_key(|(_, number)| std::cmp::Reverse(*number));
    counted
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Cli, Command};

    #[test]
    fn no_option_is_taken_and_ignored() {
        for option in ["--data-only", "--allow-event-triggers", "--hide"] {
            let cli = Cli::try_parse_from(["pgstream", "sync", "--from", "a", "--to", "b", option]).unwrap();
            let Command::Sync(args) = cli.command else { panic!("{option}") };
            assert!(refuse_ignored(&args.options).unwrap_err().message.starts_with(option));
        }
        assert!(refuse_ignored(&SyncOptions::default()).is_ok());
    }
}
