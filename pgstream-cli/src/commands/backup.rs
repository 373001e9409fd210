//! `pgstream backup`: made, listed, verified and removed.

use pgstream::backup::{
    Backup, BackupEntry, BackupState, ListReport, PruneReport, Pruned, ShowReport, Verification, VerifiedBackup, VerifiedState,
    VerifyReport, Which,
};

use crate::Outcome;
use crate::args::{
    BackupAction, BackupCreateArgs, BackupListArgs, BackupPlace, BackupPruneArgs, BackupRestoreArgs, BackupShowArgs,
    BackupVerifyArgs,
};
use crate::commands::{SHOWN_TABLES, database, relation, shell_word};
use crate::engine::{self, Context, Databases};
use crate::exit_code::Exit;
use crate::report::Finished;
use crate::table::Align::{Left, Right};
use crate::table::Table;
use crate::words::{bytes, count};

/// How many findings of a backup are listed for people.
const SHOWN_FINDINGS: usize = 20;

pub(crate) async fn run(action: &BackupAction, context: &Context, databases: &Databases) -> Outcome {
    match action {
        BackupAction::Create(args) => create(args, context, databases).await,
        BackupAction::List(args) => list(args, context, databases).await,
        BackupAction::Show(args) => show(args, context, databases).await,
        BackupAction::Verify(args) => verify(args, context, databases).await,
        BackupAction::Restore(args) => restore(args, context, databases).await,
        BackupAction::Prune(args) => prune(args, context, databases).await,
    }
}

async fn create(args: &BackupCreateArgs, context: &Context, databases: &Databases) -> Outcome {
    let from = database("--from", &args.from, "A file needs no backup: copy it.")?;
    let backups = databases.backups(args.place.dir.as_deref())?;
    let source = databases.named(context, "--from", from)?;
    let mut options = args.options.clone();
    options.labels.extend(args.labels.iter().cloned());
    let report = backups.create(source.config(), &options, &context.run).await?;
    let next = format!("pgstream backup verify {} --level 2{}", report.id, place(&args.place));
    Ok(Finished::new(&report)?.next(next))
}

async fn list(args: &BackupListArgs, context: &Context, databases: &Databases) -> Outcome {
    let mut report = databases.backups(args.place.dir.as_deref())?.list(&context.run).await?;
    report.backups.retain(|backup| args.all || backup.state != BackupState::Incomplete);
    Ok(Finished::new(&report)?.reading(describe_list(&report)))
}

async fn show(args: &BackupShowArgs, context: &Context, databases: &Databases) -> Outcome {
    let report = databases.backups(args.place.dir.as_deref())?.show(&args.id, &context.run).await?;
    Ok(Finished::new(&report)?.reading(describe(&report)))
}

async fn verify(args: &BackupVerifyArgs, context: &Context, databases: &Databases) -> Outcome {
    let which = args.id.as_ref().map_or(Which::All, |id| Which::One(id.clone()));
    let report = databases.backups(args.place.dir.as_deref())?.verify(&which, args.level, &context.run).await?;
    let finished = Finished::new(&report)?.reading(describe_verified(&report));
    Ok(if report.is_good { finished } else { finished.ending(Exit::Different) })
}

async fn restore(args: &BackupRestoreArgs, context: &Context, databases: &Databases) -> Outcome {
    let to = database("--to", &args.to, "A backup is a folder of files: copy it.")?;
    let backups = databases.backups(args.place.dir.as_deref())?;
    let target = databases.named(context, "--to", to)?;
    let by = (&args.guard, &args.safety);
    let restored = engine::restore(context, databases, (&backups, &args.id), &target, by, &args.options).await?;
    let is_success = restored.report.report.is_proven() || args.options.import.accept_unproven;
    let finished = Finished::new(&restored)?;
    Ok(if is_success { finished } else { finished.ending(Exit::Failed) })
}

async fn prune(args: &BackupPruneArgs, context: &Context, databases: &Databases) -> Outcome {
    let report = databases.backups(args.place.dir.as_deref())?.prune(&args.options, &context.run).await?;
    Ok(Finished::new(&report)?.reading(describe_pruned(&report)))
}

/// ` --dir …`, where it was given, for a command that is shown to people.
fn place(place: &BackupPlace) -> String {
    place.dir.as_deref().map(|dir| format!(" --dir {}", shell_word(dir))).unwrap_or_default()
}

fn describe_list(report: &ListReport) -> String {
    if report.backups.is_empty() {
        return format!("There are no backups in {}.", report.directory);
    }
    let head = ["NAME", "DATABASE", "TABLES", "ROWS", "SIZE", "VERIFIED", "LABELS"];
    let mut table = Table::new(head, [Left, Left, Right, Right, Right, Left, Left]);
    for backup in &report.backups {
        table.row(match backup.state {
            BackupState::Complete => row(backup),
            _ => [
                backup.id.to_string(),
                String::new(),
                String::new(),
                String::new(),
                bytes(backup.stored_bytes),
                state(backup),
                labels(backup),
            ],
        });
    }
    table.lines().join("\n")
}

fn row(backup: &BackupEntry) -> [String; 7] {
    let database = backup.database.clone().unwrap_or_default();
    let (tables, rows, size) = (count(backup.tables), count(backup.rows), bytes(backup.stored_bytes));
    [backup.id.to_string(), database, tables, rows, size, verified(backup.verified.as_ref()), labels(backup)]
}

/// What stands in the place of a verification for what is not a whole backup.
fn state(backup: &BackupEntry) -> String {
    match backup.state {
        BackupState::Incomplete if backup.is_busy => "being made or removed".to_owned(),
        BackupState::Incomplete => "INCOMPLETE".to_owned(),
        BackupState::Damaged => "DAMAGED".to_owned(),
        BackupState::Unreadable => "UNREADABLE".to_owned(),
        _ => "made by a newer pgstream".to_owned(),
    }
}

fn verified(verification: Option<&Verification>) -> String {
    match verification {
        None => "no".to_owned(),
        Some(last) if !last.is_good => "DAMAGED".to_owned(),
        Some(last) => format!("level {}, {}", level(last.level), last.at.strftime("%Y-%m-%d")),
    }
}

fn level(level: pgstream::backup::Level) -> String {
    clap::ValueEnum::to_possible_value(&level).map(|value| value.get_name().to_owned()).unwrap_or_default()
}

fn labels(backup: &BackupEntry) -> String {
    backup.labels.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
}

fn describe(report: &ShowReport) -> String {
    let backup = &report.backup;
    let mut lines = vec![format!("backup:     {}", backup.id), format!("folder:     {}", report.path)];
    let Some(manifest) = &report.manifest else {
        lines.push(format!("state:      {}", state(backup)));
        return lines.join("\n");
    };
    let source = &manifest.archive.source;
    lines.push(format!("database:   {} (PostgreSQL {})", source.database, source.server_version));
    lines.push(format!("snapshot:   {}", manifest.archive.snapshot_time));
    lines.push(format!("rows:       {} in {} tables", count(backup.rows), count(backup.tables)));
    lines.push(format!("stored:     {}, {}", bytes(backup.stored_bytes), manifest.compression));
    lines.push(format!("verified:   {}", verified(backup.verified.as_ref())));
    lines.push(format!("roles:      {}", listed(&manifest.globals.roles)));
    lines.push(format!("tablespaces: {}", listed(&manifest.globals.tablespaces)));
    if !backup.labels.is_empty() {
        lines.push(format!("labels:     {}", labels(backup)));
    }
    if !manifest.archive.options.is_empty() {
        let options = manifest.archive.options.iter().map(|(name, value)| format!("{name} {value}"));
        lines.push(format!("options:    {}", options.collect::<Vec<_>>().join(", ")));
    }
    let mut table = Table::new(["TABLE", "ROWS", "SIZE"], [Left, Right, Right]);
    for held in &manifest.archive.tables {
        table.row([relation(&held.schema, &held.name), count(held.rows), bytes(held.bytes)]);
    }
    lines.extend(table.section(SHOWN_TABLES, "tables; --json lists all"));
    lines.join("\n")
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn describe_verified(report: &VerifyReport) -> String {
    if report.backups.is_empty() {
        return "There are no backups.".to_owned();
    }
    report.backups.iter().flat_map(|backup| describe_one(backup, &level(report.level))).collect::<Vec<_>>().join("\n")
}

fn describe_one(backup: &VerifiedBackup, level: &str) -> Vec<String> {
    let verdict = match backup.state {
        VerifiedState::Good => format!("good (level {level}, {})", bytes(backup.stored_bytes)),
        VerifiedState::Damaged => "DAMAGED".to_owned(),
        _ => "skipped".to_owned(),
    };
    let mut lines = vec![format!("{}: {verdict}", backup.id)];
    for finding in backup.findings.iter().take(SHOWN_FINDINGS) {
        let place = finding.offset.map(|offset| format!(", from byte {offset} on")).unwrap_or_default();
        lines.push(format!("  {}{place}: {}", finding.file, finding.what));
    }
    let more = backup.findings.len().saturating_sub(SHOWN_FINDINGS);
    lines.extend((more > 0).then(|| format!("  … and {more} more; --json lists all")));
    lines
}

fn describe_pruned(report: &PruneReport) -> String {
    let (kept, removed) = match report.is_dry_run {
        true => ("would keep", "would remove"),
        false => ("kept", "removed"),
    };
    let line = |word: &str, pruned: &Pruned| format!("{word:12}  {}  {}", pruned.id, pruned.why);
    let mut lines: Vec<String> = report.removed.iter().map(|pruned| line(removed, pruned)).collect();
    lines.extend(report.kept.iter().map(|pruned| line(kept, pruned)));
    if lines.is_empty() {
        return "There are no backups.".to_owned();
    }
    lines.push(match report.is_dry_run {
        true => "dry run: nothing was removed".to_owned(),
        false => format!("freed:        {}", bytes(report.freed_bytes)),
    });
    lines.join("\n")
}
