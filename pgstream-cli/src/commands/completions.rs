//! `pgstream completions`: a script for a shell.

use clap::CommandFactory;

use crate::Outcome;
use crate::args::Cli;
use crate::report::Finished;

pub(crate) fn run(shell: clap_complete::Shell) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "pgstream", &mut script);
    let script = String::from_utf8_lossy(&script);
    Ok(Finished::new(&serde_json::json!({ "script": script }))?.reading(script))
}
