//! `pgstream man`: manual pages, made from the same words as the help.

use std::path::Path;

use clap::CommandFactory;

use crate::Outcome;
use crate::args::{Cli, ManArgs};
use crate::report::{Finished, Problem};
use crate::usage::WrongUsage;

pub(crate) fn run(args: &ManArgs) -> Outcome {
    let mut command = Cli::command();
    command.build();
    if let Some(folder) = &args.all {
        let files = write_all(&command, folder).map_err(Problem::Output)?;
        return Ok(Finished::new(&serde_json::json!({ "files": files }))?.reading(files.join("\n")));
    }
    let wanted = match args.command.as_deref() {
        None => &command,
        Some(name) => command.find_subcommand(name).ok_or_else(|| {
            let hint = "`pgstream --help` lists the commands.";
            WrongUsage::new(format!("there is no command {}", crate::place::shown(name)), hint)
        })?,
    };
    let page = page(wanted).map_err(Problem::Output)?;
    Ok(Finished::new(&serde_json::json!({ "page": page }))?.reading(page))
}

fn page(command: &clap::Command) -> std::io::Result<String> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}

/// Writes a page for each command, and says which files there are now.
fn write_all(command: &clap::Command, folder: &Path) -> std::io::Result<Vec<String>> {
    std::fs::create_dir_all(folder)?;
    let commands = std::iter::once(command).chain(command.get_subcommands());
    let write = |command: &clap::Command| {
        let file = folder.join(format!("{}.1", command.get_display_name().unwrap_or(command.get_name())));
        std::fs::write(&file, page(command)?).map(|()| file.display().to_string())
    };
    commands.map(write).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page_with_its_examples() {
        let mut command = Cli::command();
        command.build();
        for command in command.get_subcommands() {
            let page = page(command).unwrap();
            assert!(page.contains("Examples:"), "{}", command.get_name());
        }
    }

    /// Whoever asks for help, or for the manual page, is told of every option what it does.
    #[test]
    fn every_option_is_documented() {
        let mut top = Cli::command();
        top.build();
        let mut commands: Vec<&clap::Command> = top.get_subcommands().collect();
        commands.extend(top.get_subcommands().flat_map(clap::Command::get_subcommands));
        for command in commands {
            let page = page(command).expect("a page is text");
            for argument in command.get_arguments() {
                let (name, help) = (argument.get_id(), argument.get_help().map(ToString::to_string).unwrap_or_default());
                assert!(help.split(' ').count() >= 2 && !help.ends_with('.'), "{name} of {}: {help:?}", command.get_name());
                let Some(long) = argument.get_long().filter(|_| !argument.is_hide_set()) else { continue };
                // In a manual page a hyphen is written as `\-`.
                let escaped = format!("\\-\\-{}", long.replace('-', "\\-"));
                assert!(page.contains(&escaped), "--{long} is not in the manual page of {}", command.get_name());
            }
        }
    }
}
