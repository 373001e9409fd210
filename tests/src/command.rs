//! Runs the built `pgstream` program as a user would, in an environment that holds nothing of ours.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};

/// A run that takes longer hangs, as far as a test is concerned.
const PATIENCE: Duration = Duration::from_secs(180);

/// One call of the command line, being put together.
#[derive(Debug)]
pub struct Pgstream {
    command: Command,
    home: TempDir,
    input: Option<Vec<u8>>,
    patience: Duration,
}

/// What a finished call left.
#[derive(Debug)]
pub struct Outcome {
    /// The exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: String,
}

impl Outcome {
    /// Standard output as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard output as one JSON value.
    ///
    /// # Panics
    /// If it is not.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.stdout).unwrap_or_else(|e| panic!("not JSON ({e}): {}\n{}", self.text(), self.stderr))
    }

    /// Fails the test, with all that was printed, if the exit code is another one.
    ///
    /// # Panics
    /// If it is.
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        let printed = format!("stdout: {}\nstderr: {}", self.text().chars().take(4000).collect::<String>(), self.stderr);
        assert_eq!(self.code, Some(code), "exit code\n{printed}");
        self
    }
}

/// A call that is under way. Dropping it kills the program.
#[derive(Debug)]
pub struct Running {
    child: Child,
    home: TempDir,
    patience: Duration,
}

impl Pgstream {
    /// A call with these arguments, an own home folder, and no input.
    ///
    /// # Panics
    /// If the program cannot be built.
    pub fn new<A: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = A>) -> Self {
        Self::program(&binary("pgstream-cli", "pgstream"), arguments)
    }

    /// A call of another program of the workspace, or any program, under the same conditions.
    ///
    /// # Panics
    /// If no temporary folder can be made.
    pub fn program<A: AsRef<std::ffi::OsStr>>(program: &Path, arguments: impl IntoIterator<Item = A>) -> Self {
        let home = tempfile::tempdir().expect("a temporary folder can be made");
        let mut command = Command::new(program);
        command.args(arguments).env_clear().current_dir(home.path()).kill_on_drop(true);
        for name in ["PATH", "LANG", "TMPDIR", "RUST_BACKTRACE", "LLVM_PROFILE_FILE"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.env("HOME", home.path());
        for (name, folder) in [("CONFIG", "config"), ("DATA", "data"), ("STATE", "state"), ("CACHE", "cache")] {
            command.env(format!("XDG_{name}_HOME"), home.path().join(folder));
        }
        Self { command, home, input: None, patience: PATIENCE }
    }

    /// The call's home and working folder; it is deleted when the call is over.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Sets the working folder.
    #[must_use]
    pub fn current_dir(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Gives standard input.
    #[must_use]
    pub fn input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = Some(bytes.into());
        self
    }

    /// Changes how long the call may take (180 s).
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Runs it to its end.
    ///
    /// # Panics
    /// If it does not start or does not end in time.
    pub async fn run(self) -> Outcome {
        self.spawn().await.wait().await
    }

    /// Starts it.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn spawn(mut self) -> Running {
        self.command.stdin(if self.input.is_some() { Stdio::piped() } else { Stdio::null() });
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.command.spawn().unwrap_or_else(|e| panic!("could not start {:?}: {e}", self.command));
        if let (Some(mut stdin), Some(bytes)) = (child.stdin.take(), self.input) {
            // It may end before it has read everything; what that means is for the test to say.
            tokio::spawn(async move { drop(stdin.write_all(&bytes).await) });
        }
        Running { child, home: self.home, patience: self.patience }
    }
}

impl Running {
    /// The process id.
    ///
    /// # Panics
    /// If it has ended.
    pub fn pid(&self) -> u32 {
        self.child.id().expect("the program is running")
    }

    /// The program itself, for reading its output while it runs.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Sends a signal by name (`INT`, `TERM`, `KILL`, `STOP`, `CONT`).
    ///
    /// # Panics
    /// If the program has ended.
    pub async fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.pid().to_string()).status().await;
        assert!(sent.is_ok_and(|s| s.success()), "could not send {name}");
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// If that takes longer than its patience.
    pub async fn wait(self) -> Outcome {
        let Self { child, home, patience } = self;
        let output = tokio::time::timeout(patience, child.wait_with_output()).await;
        let output = output.unwrap_or_else(|_| panic!("it did not end within {patience:?}"));
        let output = output.expect("the output of a child can be read");
        drop(home);
        let code = ExitStatus::code(&output.status);
        Outcome { code, stdout: output.stdout, stderr: String::from_utf8_lossy(&output.stderr).into_owned() }
    }
}

/// The path of a program of this workspace, built in the same profile and target folder as this test, once per run.
///
/// Cargo itself decides whether it is stale: it is asked each run, and answers in a moment when nothing changed.
/// `PGSTREAM_TEST_BIN_DIR` names a folder with finished programs instead.
///
/// # Panics
/// If it cannot be built.
pub fn binary(package: &str, name: &str) -> PathBuf {
    static BUILT: OnceLock<std::sync::Mutex<std::collections::BTreeMap<String, PathBuf>>> = OnceLock::new();
    let mut built = crate::chaos::lock(BUILT.get_or_init(Default::default));
    built.entry(name.to_owned()).or_insert_with(|| find_or_build(package, "--bin", name)).clone()
}

/// An example of a package, built as [`binary`] builds.
///
/// # Panics
/// If it cannot be built.
pub fn example(package: &str, name: &str) -> PathBuf {
    static BUILT: OnceLock<std::sync::Mutex<std::collections::BTreeMap<String, PathBuf>>> = OnceLock::new();
    let mut built = crate::chaos::lock(BUILT.get_or_init(Default::default));
    built.entry(name.to_owned()).or_insert_with(|| build(package, "--example", name).join("examples").join(name)).clone()
}

fn find_or_build(package: &str, kind: &str, name: &str) -> PathBuf {
    match std::env::var_os("PGSTREAM_TEST_BIN_DIR") {
        Some(folder) => PathBuf::from(folder).join(name),
        None => build(package, kind, name).join(name),
    }
}

/// The folder in which cargo builds the tests of this workspace.
///
/// # Panics
/// If this program does not lie in it.
pub fn target_folder() -> PathBuf {
    profile_folder().1
}

/// Where programs of this profile lie, and cargo's folder for all of them.
fn profile_folder() -> (PathBuf, PathBuf) {
    let test = std::env::current_exe().expect("this program has a path");
    let folder = test.ancestors().nth(1).expect("a program lies in a folder");
    // Tests lie in <target>[/<triple>]/<profile>/deps, examples and programs one higher.
    let profile_folder =
        if folder.ends_with("deps") { folder.parent().expect("deps lies in a profile's folder") } else { folder };
    let target = profile_folder.ancestors().find(|f| f.join("CACHEDIR.TAG").is_file()).expect("cargo marks its target folder");
    (profile_folder.to_owned(), target.to_owned())
}

/// Builds a program with the profile of this one, and gives the folder of that profile.
fn build(package: &str, kind: &str, name: &str) -> PathBuf {
    let (profile_folder, target) = profile_folder();
    let profile = match profile_folder.file_name().and_then(|n| n.to_str()) {
        Some("debug") | None => "dev",
        Some(other) => other,
    };
    let mut cargo = std::process::Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(workspace()).args(["build", "--quiet", "--profile", profile, kind, name]);
    match kind {
        // With the features that the tests have built the library with.
        "--example" => cargo.arg("--workspace"),
        _ => cargo.args(["--package", package]),
    };
    cargo.arg("--target-dir").arg(&target);
    if let Some(triple) = profile_folder.strip_prefix(&target).ok().filter(|p| p.components().count() == 2) {
        cargo.arg("--target").arg(triple.parent().expect("two parts"));
    }
    let output = cargo.output().unwrap_or_else(|e| panic!("could not run cargo: {e}"));
    assert!(output.status.success(), "could not build {name}: {}", String::from_utf8_lossy(&output.stderr));
    profile_folder
}

/// The workspace's folder.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace")
}
