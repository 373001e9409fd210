//! `pgstream verify`: two databases compared.

use crate::Outcome;
use crate::args::VerifyArgs;
use crate::commands::database;
use crate::engine::{Context, Databases, Pair};

const FILES: &str = "Files cannot be compared yet.";

pub(crate) async fn run(args: &VerifyArgs, context: &Context, databases: &Databases) -> Outcome {
    let from = database("--from", &args.from, FILES)?;
    let to = database("--to", &args.to, FILES)?;
    Pair::new(context, databases, from, to)?.verify(context, &args.options).await
}
