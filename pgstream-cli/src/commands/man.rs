//! `pgstream man`: manual pages, made from the same words as the help.

use std::path::Path;

use clap::CommandFactory;

use crate::args::{Cli, ManArgs};
use crate::report::Problem;
use crate::usage::WrongUsage;

pub(crate) fn run(args: &ManArgs) -> Result<(), Problem> {
    let mut command = Cli::command();
    command.build();
    if let Some(folder) = &args.all {
        return write_all(&command, folder).map_err(Problem::Output);
    }
    let wanted = match args.command.as_deref() {
        None => &command,
        Some(name) => command.find_subcommand(name).ok_or_else(|| {
            let hint = "`pgstream --help` lists the commands.";
            WrongUsage::new(format!("there is no command {name}"), hint)
        })?,
    };
    crate::print_text(&page(wanted).map_err(Problem::Output)?)
}

fn page(command: &clap::Command) -> std::io::Result<String> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}

fn write_all(command: &clap::Command, folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    for command in std::iter::once(command).chain(command.get_subcommands().filter(|c| !c.is_hide_set())) {
        let name = command.get_display_name().unwrap_or(command.get_name());
        std::fs::write(folder.join(format!("{name}.1")), page(command)?)?;
    }
    Ok(())
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
}
