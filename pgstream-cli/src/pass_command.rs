//! `--passcommand`: passwords from a program of the operator's.

use std::error::Error;
use std::process::Stdio;

use pgstream::async_trait;
use pgstream::connection::{CredentialProvider, LoginRequest};
use tokio::process::Command;

/// A command of the shell that prints a password.
#[derive(Debug)]
pub(crate) struct PassCommand {
    command: String,
}

impl PassCommand {
    pub(crate) fn new(command: &str) -> Self {
        Self { command: command.to_owned() }
    }
}

#[async_trait]
impl CredentialProvider for PassCommand {
    /// The first line that the command prints. What it says to standard error is shown.
    async fn password(&self, login: &LoginRequest) -> Result<String, Box<dyn Error + Send + Sync>> {
        let (shell, flag) = if cfg!(windows) { ("cmd", "/C") } else { ("sh", "-c") };
        let mut command = Command::new(shell);
        command.arg(flag).arg(&self.command).stdin(Stdio::null()).stderr(Stdio::inherit()).kill_on_drop(true);
        command.env("PGHOST", &login.host).env("PGPORT", login.port.to_string());
        command.env("PGUSER", &login.user).env("PGDATABASE", &login.database);
        let output = command.output().await.map_err(|e| format!("--passcommand could not be started: {e}"))?;
        if !output.status.success() {
            return Err(format!("--passcommand ended with {}", output.status).into());
        }
        let printed = String::from_utf8(output.stdout).map_err(|_| "--passcommand printed what is not UTF-8")?;
        match printed.lines().next() {
            Some(password) if !password.is_empty() => Ok(password.to_owned()),
            _ => Err("--passcommand printed nothing".into()),
        }
    }
}
