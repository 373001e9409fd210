//! A child process that owns a folder and the servers in it, and outlives us just long enough to remove both.
//!
//! The guard reads commands from a pipe whose other end only this process holds. When this process ends (a return from
//! `main`, a panic, Ctrl-C, `kill -9`), the pipe ends too, and the guard stops the servers and deletes the folder. A command
//! that is running at that moment is finished first, so no server can start behind the guard's back.
//!
//! As root the guard, and so everything it starts, runs as an unprivileged user: PostgreSQL refuses root.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::environment;

const SCRIPT: &str = include_str!("guard.sh");

/// Users that servers run as when the tests run as root, best first.
const UNPRIVILEGED_USERS: [&str; 2] = ["postgres", "nobody"];

/// Owner of a temporary folder and of the servers whose pid files lie in it. Dropping it waits until both are gone.
#[derive(Debug)]
pub struct Guard {
    folder: PathBuf,
    pipes: Mutex<Pipes>,
}

#[derive(Debug)]
struct Pipes {
    child: Child,
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Guard {
    /// Starts a guard with an empty folder of mode 0700.
    ///
    /// # Panics
    /// If no shell can be started as the user that servers are to run as.
    pub fn start() -> Self {
        Self::with_last_command("")
    }

    /// Like [`Guard::start`]; `last` is a shell command that runs when all is over, after the servers were stopped.
    ///
    /// # Panics
    /// As [`Guard::start`].
    pub fn with_last_command(last: &str) -> Self {
        let mut command = unprivileged_shell();
        command.args(["-c", SCRIPT, "pgstream-test-guard"]).arg(base_folder()).arg(last);
        environment::clear(&mut command);
        command.env("LC_ALL", "C").current_dir("/");
        // A group of its own: Ctrl-C reaches us, not the guard, which then still has its work to do.
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|e| panic!("could not start {command:?}: {e}"));
        let commands = child.stdin.take();
        let mut answers = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let mut folder = String::new();
        answers.read_line(&mut folder).unwrap_or_else(|e| panic!("the guard did not answer: {e}"));
        assert!(!folder.trim().is_empty(), "the guard could not make a folder in {}", std::env::temp_dir().display());
        Self { folder: PathBuf::from(folder.trim()), pipes: Mutex::new(Pipes { child, commands, answers }) }
    }

    /// The guard's folder. Servers put their pid files here (`*.pid`, `*/postmaster.pid`).
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The guard's own process id.
    pub fn pid(&self) -> u32 {
        self.lock().child.id()
    }

    /// Runs a shell command as the servers' user and waits for it.
    ///
    /// # Errors
    /// What the command printed, if it failed.
    pub fn run(&self, shell_command: &str) -> Result<(), String> {
        let mut pipes = self.lock();
        let line = shell_command.replace('\n', " ");
        let commands = pipes.commands.as_mut().ok_or("the guard was told to end")?;
        writeln!(commands, "{line}").map_err(|e| format!("the guard is gone: {e}"))?;
        let mut answer = String::new();
        pipes.answers.read_line(&mut answer).map_err(|e| format!("the guard is gone: {e}"))?;
        if answer.trim() == "0" {
            return Ok(());
        }
        let printed = std::fs::read(self.folder.join("out")).unwrap_or_default();
        Err(format!("{line}\nexit status {}\n{}", answer.trim(), String::from_utf8_lossy(&printed)))
    }

    /// Runs a shell command and fails the test if it fails.
    ///
    /// # Panics
    /// With what the command printed.
    pub fn must_run(&self, shell_command: &str) {
        if let Err(problem) = self.run(shell_command) {
            panic!("{problem}{}", self.logs());
        }
    }

    /// Writes a file in the folder, owned by the servers' user.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder.join(name);
        // `%b` undoes the escapes, so that a file of many lines fits into a command of one line.
        let escaped = content.replace('\\', "\\\\").replace('\n', "\\n");
        self.must_run(&format!("printf %b {} >{}", quote(&escaped), quote_path(&path)));
        path
    }

    /// The ends of all server logs in the folder, to be shown when something failed.
    pub fn logs(&self) -> String {
        let mut text = String::new();
        for entry in std::fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            if entry.path().extension().is_some_and(|e| e == "log") {
                let log = std::fs::read(entry.path()).unwrap_or_default();
                let tail = String::from_utf8_lossy(&log[log.len().saturating_sub(3000)..]).into_owned();
                text.push_str(&format!("\n--- {}\n{tail}", entry.path().display()));
            }
        }
        text
    }

    fn lock(&self) -> MutexGuard<'_, Pipes> {
        self.pipes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let mut pipes = self.lock();
        pipes.commands = None;
        let _ = pipes.child.wait();
    }
}

/// The temporary folder, unless its name is so long that a socket's name in it would pass the system's limit of about 100.
fn base_folder() -> PathBuf {
    let folder = std::env::temp_dir();
    if folder.as_os_str().len() > 60 { PathBuf::from("/tmp") } else { folder }
}

/// Writes `text` as one word of the shell.
pub fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Writes a path as one word of the shell.
pub fn quote_path(path: &Path) -> String {
    quote(&path.to_string_lossy())
}

fn unprivileged_shell() -> Command {
    if !is_root() {
        return Command::new("sh");
    }
    let user = UNPRIVILEGED_USERS.into_iter().find(|user| succeeds("id", &["-u", user]));
    let user = user.unwrap_or_else(|| panic!("as root, a user {UNPRIVILEGED_USERS:?} is needed to run servers as"));
    let group = Command::new("id").args(["-g", user]).output().map(|o| String::from_utf8_lossy(&o.stdout).trim().to_owned());
    let group = group.unwrap_or_else(|e| panic!("could not run id: {e}"));
    let ways = [
        vec!["setpriv".to_owned(), format!("--reuid={user}"), format!("--regid={group}"), "--init-groups".to_owned()],
        vec!["runuser".to_owned(), "-u".to_owned(), user.to_owned(), "--".to_owned()],
        vec!["sudo".to_owned(), "-n".to_owned(), "-u".to_owned(), user.to_owned(), "--".to_owned()],
    ];
    for way in ways {
        let test: Vec<&str> = way[1..].iter().map(String::as_str).chain(["sh", "-c", ":"]).collect();
        if succeeds(&way[0], &test) {
            let mut command = Command::new(&way[0]);
            command.args(&way[1..]).arg("sh");
            return command;
        }
    }
    // `su` joins nothing of its own to the words after the shell's name, so the script's words pass through.
    let mut command = Command::new("su");
    command.args(["-s", "/bin/sh", user, "--"]);
    command
}

/// Whether this process runs as root.
pub fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|o| o.stdout.trim_ascii() == b"0")
}

fn succeeds(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|s| s.success())
}
