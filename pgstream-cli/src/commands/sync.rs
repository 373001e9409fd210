//! `pgstream sync`: one database into another.

use crate::Outcome;
use crate::args::SyncArgs;
use crate::commands::{database, shell_word};
use crate::engine::{Context, Databases, Pair};
use crate::exit_code::Exit;

pub(crate) async fn run(args: &SyncArgs, context: &Context, databases: &Databases) -> Outcome {
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
