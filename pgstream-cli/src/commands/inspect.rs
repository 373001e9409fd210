//! `pgstream inspect`: what a database contains.

use crate::Outcome;
use crate::args::InspectArgs;
use crate::commands::{database, shell_word};
use crate::engine::{self, Context, Databases};

pub(crate) async fn run(args: &InspectArgs, context: &Context, databases: &Databases) -> Outcome {
    let from = database("--from", &args.from, "Files cannot be inspected yet.")?;
    let source = databases.named(context, "--from", from)?;
    let finished = engine::inspect(context, &source, &args.filter).await?;
    Ok(finished.next(format!("pgstream export --from {} --to FILE.sql.zst", shell_word(from))))
}
