//! The surroundings of a process, as data.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// Where a server listens when no host is given and nobody says otherwise. PostgreSQL's own default.
const SOCKET_DIRECTORY: &str = "/tmp";

/// Where packages for Debian, Fedora and others let the server listen.
const PACKAGED_SOCKET_DIRECTORY: &str = "/var/run/postgresql";

/// The process environment as data: variables, home directory, the operating system's name of the user.
///
/// The library reads no environment by itself: whoever wants `PG*`, `~/.pgpass` or `pg_service.conf` to count passes this.
/// `Debug` shows the names of the variables and none of their values.
#[derive(Clone)]
pub struct Environment {
    vars: BTreeMap<String, String>,
    home: Option<PathBuf>,
    os_user: Option<String>,
    socket_directory: PathBuf,
}

impl Environment {
    /// Nothing: no variables, no home directory, no user. Only what the connection string says counts.
    pub fn empty() -> Self {
        Self { vars: BTreeMap::new(), home: None, os_user: None, socket_directory: SOCKET_DIRECTORY.into() }
    }

    /// What this process sees. Variables that are not UTF-8 are left out.
    pub fn from_process() -> Self {
        let vars = std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)));
        let packaged = Path::new(PACKAGED_SOCKET_DIRECTORY);
        Self {
            vars: vars.collect(),
            home: std::env::home_dir(),
            os_user: whoami::username().ok(),
            socket_directory: if packaged.is_dir() { packaged.into() } else { SOCKET_DIRECTORY.into() },
        }
    }

    /// The same with one variable set.
    #[must_use]
    pub fn with(mut self, var: impl Into<String>, value: impl Into<String>) -> Self {
        self.vars.insert(var.into(), value.into());
        self
    }

    /// The same without one variable.
    #[must_use]
    pub fn without(mut self, var: &str) -> Self {
        self.vars.remove(var);
        self
    }

    /// The same with another name of the operating system's user, which is the default for `user`.
    #[must_use]
    pub fn with_os_user(mut self, name: impl Into<String>) -> Self {
        self.os_user = Some(name.into());
        self
    }

    /// The same with another directory of Unix sockets, which is the default for `host`.
    #[must_use]
    pub fn with_socket_directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.socket_directory = directory.into();
        self
    }

    /// The value of a variable. Set and empty is not the same as not set.
    pub fn var(&self, name: &str) -> Option<&str> {
        self.vars.get(name).map(String::as_str)
    }

    /// All variables, by name.
    pub fn vars(&self) -> impl Iterator<Item = (&str, &str)> {
        self.vars.iter().map(|(k, v)| (k.as_str(), v.as_str()))
    }

    /// The home directory: `HOME` if it is set and not empty, else what the operating system says.
    pub fn home(&self) -> Option<PathBuf> {
        match self.var("HOME") {
            Some(home) if !home.is_empty() => Some(home.into()),
            _ => self.home.clone(),
        }
    }

    /// The operating system's name of the user.
    pub fn os_user(&self) -> Option<&str> {
        self.os_user.as_deref()
    }

    /// The directory of Unix sockets where a server is looked for if no host is given.
    pub fn socket_directory(&self) -> &Path {
        &self.socket_directory
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment").field("vars", &self.vars.keys()).field("home", &self.home).finish_non_exhaustive()
    }
}
