//! The pgstream command line: reads arguments, calls the library, prints. It knows nothing of PostgreSQL itself.

mod args;
mod commands;
mod engine;
mod exit_code;
mod pass_command;
mod place;
mod progress;
mod report;
mod signals;
mod table;
mod usage;
mod words;

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;

use crate::args::Cli;
use crate::engine::Context;
use crate::exit_code::Exit;
use crate::progress::{Look, Screen};
use crate::report::{Around, Color, Finished, Problem, Report, peak_memory};
use crate::signals::Signals;
use crate::usage::WrongUsage;

/// One worker moves rows while the other one paints, compresses and answers signals.
const WORKERS: usize = 2;

fn main() -> ExitCode {
    let started = Instant::now();
    match Cli::try_parse() {
        Ok(cli) => run(cli, started).into(),
        Err(error) => wrong_usage(&error, started).into(),
    }
}

/// Help and version go to standard output; what is wrong is told as every other error.
fn wrong_usage(error: &clap::Error, started: Instant) -> Exit {
    let Some(usage) = WrongUsage::of(error) else {
        return match error.print() {
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Exit::ClosedPipe,
            _ => Exit::Proven,
        };
    };
    if error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        // The help says more than any message; there is nobody to tell if it cannot be written.
        let _ = error.print();
        return Exit::Usage;
    }
    let is_json = std::env::args_os().any(|argument| argument == "--json");
    let report = Report::new(Err(usage.into()), &around("pgstream", started, Vec::new()), |exit| exit);
    deliver(&report, is_json, false)
}

fn run(cli: Cli, started: Instant) -> Exit {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build();
    match runtime {
        Ok(runtime) => {
            let exit = runtime.block_on(watched(cli, started));
            // A thread that hangs in the look-up of a name, or in a pipe that nobody reads, cannot be told to stop.
            runtime.shutdown_background();
            exit
        }
        Err(e) => {
            let report = Report::new(Err(Problem::Output(e)), &around(cli.command.name(), started, Vec::new()), |exit| exit);
            deliver(&report, cli.globals.json, false)
        }
    }
}

/// Runs the command with everything around it: signals, progress, report.
async fn watched(cli: Cli, started: Instant) -> Exit {
    let (command, is_json) = (cli.command.name(), cli.globals.json);
    let is_stdout_taken = cli.command.writes_to_stdout();
    let look = Look::choose(is_json, cli.command.is_long());
    let screen = Screen::start(look);
    let job = format!("{}-{}", command.replace(' ', "-"), std::process::id());
    let run = pgstream::Run::named(job, screen.observer());
    let context = Context { run: run.clone() };
    let (outcome, signals) = match Signals::watch(&run) {
        Ok(signals) => (commands::run(cli, &context).await, signals),
        Err(e) => (Err(Problem::Output(e)), Signals::default()),
    };
    screen.finish();
    let report = Report::new(outcome, &around(command, started, run.warnings()), |exit| signals.exit(exit));
    deliver(&report, is_json, is_stdout_taken)
}

fn around(command: &'static str, started: Instant, warnings: Vec<String>) -> Around {
    Around { command, elapsed: started.elapsed(), peak_memory: peak_memory(), warnings }
}

/// Tells the report, and how the program ends: reports go to standard output, errors for people to standard error.
fn deliver(report: &Report, is_json: bool, is_stdout_taken: bool) -> Exit {
    let is_for_stderr = is_stdout_taken || (report.is_error() && !is_json);
    let text = match is_json {
        true => format!("{}\n", report.to_json()),
        false => {
            report.to_text(Color::choose(if is_for_stderr { io::stderr().is_terminal() } else { io::stdout().is_terminal() }))
        }
    };
    match is_for_stderr {
        true => {
            // Where standard error is gone, the exit code is all that is left.
            let _ = io::stderr().write_all(text.as_bytes());
            report.exit()
        }
        false => match print(&text) {
            Ok(()) => report.exit(),
            Err(e) => untold(report.exit(), e),
        },
    }
}

/// How the program ends when its report could not be written: a success that nobody was told of is none.
fn untold(exit: Exit, error: io::Error) -> Exit {
    let problem = Problem::Output(error);
    if let (Problem::Output(error), false) = (&problem, problem.exit() == Exit::ClosedPipe) {
        let _ = writeln!(io::stderr(), "error: could not write the report: {error}");
    }
    if exit == Exit::Proven { problem.exit() } else { exit }
}

/// Writes to standard output, to the last byte.
fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// A finished command, or why it is not.
pub(crate) type Outcome = Result<Finished, Problem>;
