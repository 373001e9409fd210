//! `pgstream sync`: one database into another.

use pgstream::sync::SyncOptions;

use crate::Outcome;
use crate::args::SyncArgs;
use crate::commands::{database, shell_word};
use crate::engine::{Context, Databases, Pair};
use crate::exit_code::Exit;
use crate::usage::WrongUsage;

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
        return Ok(pair.plan(context, &args.guard, &args.options).await?.next(format!("pgstream sync {ends}")));
    }
    let finished = pair.sync(context, &args.guard, &args.options).await?;
    Ok(match finished.exit {
        Exit::Proven => finished.next(format!("pgstream verify {ends}")),
        _ => finished,
    })
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
