//! `pgstream check`: everything that a sync asks before its first write, the guard included.

use crate::Outcome;
use crate::args::CheckArgs;
use crate::commands::{database, shell_word};
use crate::engine::{Context, Databases, Pair};
use crate::exit_code::Exit;

pub(crate) async fn run(args: &CheckArgs, context: &Context, databases: &Databases) -> Outcome {
    let from = database("--from", &args.from, "")?;
    let to = database("--to", &args.to, "An export needs no check.")?;
    let finished = Pair::new(context, databases, from, to)?.check(context, &args.guard, &args.options).await?;
    Ok(match finished.exit {
        Exit::Proven => finished.next(format!("pgstream sync --from {} --to {}", shell_word(from), shell_word(to))),
        _ => finished,
    })
}
