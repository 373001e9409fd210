//! `pgstream sync`: one database into another.

use pgstream::Proven;
use pgstream::catalog::Filter;
use pgstream::sync::{Mode, SyncOptions, SyncPlan};

use crate::Outcome;
use crate::args::{GuardArgs, SyncArgs};
use crate::commands::{SHOWN_TABLES, database, drops, end, ends, is_plain, relation};
use crate::engine::{Context, Databases, Pair};
use crate::exit_code::Exit;
use crate::report::Finished;
use crate::table::Align::{Left, Right};
use crate::table::Table;
use crate::words::{bytes, count};

pub(crate) async fn run(args: &SyncArgs, context: &Context, databases: &Databases) -> Outcome {
    let from = database("--from", &args.from, "To load a script, use pgstream import.")?;
    let to = database("--to", &args.to, "To write a file, use pgstream export.")?;
    let pair = Pair::new(context, databases, from, to)?;
    let ends = ends((from, &pair.source), (to, &pair.target));
    if args.plan {
        let plan = pair.plan(context, &args.guard, &args.options).await?;
        let finished = Finished::new(&plan)?.reading(describe(&plan));
        return Ok(finished.next_if(is_plain(&args.guard, &args.options), || format!("pgstream check {ends}")));
    }
    let report = pair.sync(context, (&args.guard, &args.safety), &args.options).await?;
    let finished = Finished::new(&report)?;
    let is_success = report.report.proven != Proven::None || args.options.accept_unproven || args.options.schema_only;
    Ok(match is_success {
        true => finished.next_if(is_whole(args), || format!("pgstream verify {ends}")),
        false => finished.ending(Exit::Failed),
    })
}

/// Whether everything was copied, so that a comparison of everything finds no difference.
fn is_whole(args: &SyncArgs) -> bool {
    let SyncOptions { filter, mode, schema_only, data_only, skip_unsupported, .. } = &args.options;
    let is_part = *schema_only || *data_only || *skip_unsupported || *mode == Mode::Append;
    args.guard == GuardArgs::default() && *filter == Filter::default() && !is_part
}

/// What would be done, for people.
fn describe(plan: &SyncPlan) -> String {
    let mut lines = vec!["plan: nothing was written".to_owned(), format!("from:    {}", end(&plan.from))];
    lines.push(format!("to:      {}", end(&plan.to)));
    let rows = (count(plan.tables.len() as u64), bytes(plan.bytes));
    lines.push(format!("rows:    {} tables, {} at the source, {} at the same time", rows.0, rows.1, plan.jobs));
    lines.push(format!("objects: {}", count(plan.entries.len() as u64)));
    lines.extend(
        (!plan.drops.is_empty()).then(|| format!("dropped: {} first, in the same transaction", count(plan.drops.len() as u64))),
    );
    lines.extend(plan.findings.iter().map(|finding| format!("{:<8} {}", format!("{}:", finding.severity), finding.what)));
    let kinds = by_kind(plan.entries.iter().map(|entry| entry.kind)).into_iter();
    let kinds: Vec<_> = kinds.map(|(kind, number)| [kind.to_owned(), count(number)]).collect();
    let mut tables = Table::new(["TABLE", "SIZE", "ROWS TRAVEL AS", "WRITTEN"], [Left, Right, Left, Left]);
    for table in &plan.tables {
        let written = match (table.is_frozen, plan.mode) {
            (true, _) => "frozen, by one writer",
            (_, Mode::Append) => "behind the rows that are there",
            _ => "through the partitioned table",
        };
        let cells = [relation(&table.schema, &table.name), bytes(table.bytes), table.format.to_owned(), written.to_owned()];
        tables.row(cells);
    }
    let mut objects = Table::new(["OBJECTS TO MAKE", "COUNT"], [Left, Right]);
    kinds.into_iter().for_each(|cells| objects.row(cells));
    lines.extend(drops(&plan.drops, "the source has none (--prune)"));
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
    fn a_comparison_of_everything_comes_next_only_if_everything_was_copied() {
        let cases = [
            ("", true),
            ("--jobs 4 --verify checksum --no-owner", true),
            ("-n sales", false),
            ("-T log", false),
            ("--exclude-table-data log", false),
            ("--schema-only", false),
            ("--data-only", false),
            ("--mode append", false),
            ("--mode replace", true),
            ("--skip-unsupported", false),
            ("--confirm staging/shop", false),
            ("--accept-unidentified production", false),
        ];
        for (options, expected) in cases {
            let words = format!("pgstream sync --from a --to b {options}");
            let Command::Sync(args) = Cli::parse_from(words.split_whitespace()).command else { panic!("{words}") };
            assert_eq!(is_whole(&args), expected, "{words}");
        }
    }
}
