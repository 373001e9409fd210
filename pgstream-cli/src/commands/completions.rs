//! `pgstream completions`: a script for a shell.

use clap::CommandFactory;

use crate::args::Cli;
use crate::report::Problem;

pub(crate) fn run(shell: clap_complete::Shell) -> Result<(), Problem> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "pgstream", &mut script);
    crate::print_text(&String::from_utf8_lossy(&script))
}
