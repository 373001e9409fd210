//! Which databases protected profiles were seen to be, for the day on which they cannot be asked.

use std::io::Write;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::class::Class;
use super::identity::DatabaseIdentity;
use super::same_database::Facts;
use crate::error::GuardError;

/// The identity that a protected profile's database had when it was last asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RememberedIdentity {
    /// The profile's name.
    pub profile: String,
    /// The profile's class then.
    pub class: Class,
    /// See [`DatabaseIdentity::system_identifier`].
    pub system_identifier: Option<String>,
    /// See [`DatabaseIdentity::database_oid`].
    pub database_oid: u32,
    /// For people; it does not decide.
    pub database_name: String,
}

impl RememberedIdentity {
    /// What is to be remembered of a profile.
    pub fn new(profile: &str, class: Class, identity: &DatabaseIdentity) -> Self {
        Self {
            profile: profile.to_owned(),
            class,
            system_identifier: identity.system_identifier.clone(),
            database_oid: identity.database_oid,
            database_name: identity.database_name.clone(),
        }
    }

    pub(crate) fn facts(&self) -> Facts<'_> {
        let system_identifier = self.system_identifier.as_deref();
        Facts { system_identifier, database_oid: self.database_oid, is_in_recovery: false }
    }
}

/// Keeps the identities of protected profiles between runs. A profile may have several: its URL may have moved.
///
/// Every method fails rather than forget: an error refuses the run.
#[async_trait]
pub trait GuardMemory: Send + Sync {
    /// Everything that is remembered.
    async fn recall(&self) -> Result<Vec<RememberedIdentity>, GuardError>;

    /// Adds an identity. One that is there already stays as it is.
    async fn remember(&self, identity: &RememberedIdentity) -> Result<(), GuardError>;

    /// Forgets all identities of a profile, and says whether there were any.
    async fn forget(&self, profile: &str) -> Result<bool, GuardError>;
}

/// Remembers nothing: protected profiles must be reachable in every run.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoMemory;

#[async_trait]
impl GuardMemory for NoMemory {
    async fn recall(&self) -> Result<Vec<RememberedIdentity>, GuardError> {
        Ok(Vec::new())
    }

    async fn remember(&self, _: &RememberedIdentity) -> Result<(), GuardError> {
        Ok(())
    }

    async fn forget(&self, _: &str) -> Result<bool, GuardError> {
        Ok(false)
    }
}

/// Remembers in a file that only its owner may read. Several processes may use it at one time.
#[derive(Debug, Clone)]
pub struct FileMemory {
    path: PathBuf,
}

/// What stands in the file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    version: u32,
    identities: Vec<RememberedIdentity>,
}

const VERSION: u32 = 1;

/// Identities that are kept of one profile; the oldest go first. A database that is swapped every night gets a new one each time.
const KEPT_PER_PROFILE: usize = 32;

impl FileMemory {
    /// Remembers in `guard.json` in a directory, which is made when it is needed. Nothing is read yet.
    pub fn in_directory(directory: &Path) -> Self {
        Self { path: directory.join("guard.json") }
    }

    /// Where it is kept.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn error(&self, problem: impl std::fmt::Display) -> GuardError {
        GuardError::Memory { path: self.path.display().to_string(), problem: problem.to_string() }
    }

    fn read(&self) -> Result<Vec<RememberedIdentity>, GuardError> {
        let text = match std::fs::read(&self.path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(self.error(e)),
        };
        let content: Content = serde_json::from_slice(&text).map_err(|e| self.error(format!("it is damaged ({e})")))?;
        match content.version {
            VERSION => Ok(content.identities),
            other => Err(self.error(format!("it is of version {other}, which this pgstream does not know"))),
        }
    }

    /// Writes a new file beside the old one and puts it in its place, so that nobody ever reads half of it.
    fn write(&self, directory: &Path, identities: Vec<RememberedIdentity>) -> Result<(), GuardError> {
        let text = serde_json::to_vec_pretty(&Content { version: VERSION, identities }).map_err(|e| self.error(e))?;
        let beside = directory.join(format!("guard.json.{}.new", std::process::id()));
        let written = private_file(&beside).and_then(|mut file| {
            file.write_all(&text)?;
            file.sync_all()?;
            std::fs::rename(&beside, &self.path)
        });
        written.map_err(|e| {
            // What could not be put in place is of no use.
            let _ = std::fs::remove_file(&beside);
            self.error(e)
        })
    }

    /// Changes the list while no other process does; `change` says whether it changed something.
    fn update(&self, change: impl FnOnce(&mut Vec<RememberedIdentity>) -> bool) -> Result<bool, GuardError> {
        let directory = self.path.parent().unwrap_or(Path::new("."));
        private_directory(directory).map_err(|e| self.error(e))?;
        // A file of its own: the one that holds the list is replaced, and a lock would stay with the old one.
        let lock = private_file(&directory.join("guard.lock")).map_err(|e| self.error(e))?;
        lock.lock().map_err(|e| self.error(e))?;
        let mut identities = self.read()?;
        let is_changed = change(&mut identities);
        if is_changed {
            self.write(directory, identities)?;
        }
        Ok(is_changed)
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, GuardError> + Send + 'static,
    ) -> Result<T, GuardError> {
        let this = self.clone();
        let done = tokio::task::spawn_blocking(move || work(&this)).await;
        done.unwrap_or_else(|e| Err(self.error(e)))
    }
}

#[async_trait]
impl GuardMemory for FileMemory {
    async fn recall(&self) -> Result<Vec<RememberedIdentity>, GuardError> {
        self.blocking(Self::read).await
    }

    async fn remember(&self, identity: &RememberedIdentity) -> Result<(), GuardError> {
        let identity = identity.clone();
        let add = move |list: &mut Vec<RememberedIdentity>| {
            let is_new = !list.contains(&identity);
            if is_new {
                let of_profile = list.iter().filter(|i| i.profile == identity.profile).count();
                let oldest = list.iter().position(|i| i.profile == identity.profile).filter(|_| of_profile >= KEPT_PER_PROFILE);
                oldest.map(|at| list.remove(at));
                list.push(identity);
            }
            is_new
        };
        self.blocking(move |this| this.update(add)).await.map(|_| ())
    }

    async fn forget(&self, profile: &str) -> Result<bool, GuardError> {
        let profile = profile.to_owned();
        let remove = move |list: &mut Vec<RememberedIdentity>| {
            let before = list.len();
            list.retain(|identity| identity.profile != profile);
            list.len() < before
        };
        self.blocking(move |this| this.update(remove)).await
    }
}

fn private_file(path: &Path) -> std::io::Result<std::fs::File> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn private_directory(path: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

#[cfg(test)]
#[path = "memory_tests.rs"]
mod tests;
