//! `pgstream inspect`: what a database contains.

use pgstream::export::InspectReport;

use crate::Outcome;
use crate::args::InspectArgs;
use crate::commands::{SHOWN_TABLES, database, end, relation, shell_word};
use crate::engine::{self, Context, Databases};
use crate::report::Finished;
use crate::table::Align::{Left, Right};
use crate::table::Table;
use crate::words::{bytes, count};

pub(crate) async fn run(args: &InspectArgs, context: &Context, databases: &Databases) -> Outcome {
    let from = database("--from", &args.from, "Files cannot be inspected yet.")?;
    let source = databases.named(context, "--from", from)?;
    let report = engine::inspect(context, &source, &args.filter).await?;
    let finished = Finished::new(&report)?.reading(describe(&report));
    // What cannot be exported needs no advice to export it.
    let is_clear = report.problems.is_empty() && report.unsupported.is_empty();
    let next = format!("pgstream export --from {} --to FILE.sql.zst", shell_word(from));
    Ok(if is_clear { finished.next(next) } else { finished })
}

/// What is there, for people: the whole first, then kinds, then tables, and last what stands in the way of an export.
fn describe(report: &InspectReport) -> String {
    let mut lines = vec![format!("database:   {}", end(&report.database))];
    let standby = if report.is_in_recovery { ", a standby" } else { "" };
    let pooled = if report.is_pooled { ", through a pooler" } else { "" };
    lines.push(format!("encoding:   {}, collation {}{standby}{pooled}", report.encoding, report.collation));
    let exported = bytes(report.expected_export_bytes);
    lines.push(format!("size:       {} with indexes; an export reads about {exported} of rows", bytes(report.bytes)));
    let extensions = if report.extensions.is_empty() { "none".to_owned() } else { report.extensions.join(", ") };
    lines.push(format!("extensions: {extensions}"));
    let mut kinds = Table::new(["KIND", "COUNT"], [Left, Right]);
    report.kinds.iter().for_each(|kind| kinds.row([kind.kind.clone(), count(kind.count)]));
    lines.extend(kinds.section(usize::MAX, ""));
    lines.extend(tables(report).section(SHOWN_TABLES, "tables; --json lists all"));
    lines.extend(obstacles(report));
    lines.join("\n")
}

fn tables(report: &InspectReport) -> Table<4> {
    let mut table = Table::new(["TABLE", "ROWS, ABOUT", "SIZE", "WITH INDEXES"], [Left, Right, Right, Right]);
    for facts in &report.tables {
        let view = if facts.relkind == 'm' { " (materialized view)" } else { "" };
        let rows = facts.estimated_rows.map_or_else(|| "unknown".to_owned(), count);
        let name = format!("{}{view}", relation(&facts.schema, &facts.name));
        table.row([name, rows, bytes(facts.table_bytes), bytes(facts.total_bytes)]);
    }
    table
}

fn obstacles(report: &InspectReport) -> Vec<String> {
    let mut lines = Vec::new();
    if !report.unsupported.is_empty() {
        lines.push("\ncannot be carried yet, so that an export needs --skip-unsupported:".to_owned());
        lines.extend(report.unsupported.iter().map(|(kind, names)| format!("  {kind}: {}", names.join(", "))));
    }
    if !report.problems.is_empty() {
        lines.push(
            "\nwould make an export fail; export as another role, grant what is missing, or leave them out with -T:".to_owned(),
        );
        lines.extend(report.problems.iter().map(|problem| format!("  {problem}")));
    }
    lines
}
