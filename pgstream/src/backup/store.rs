//! Where backups are kept.

use std::fmt;
use std::fs::File;
use std::io::Read;

use crate::error::BackupError;
use crate::storage::{Output, Source};

use super::id::BackupId;

/// A file of a backup, as the store lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StoredFile {
    pub(super) name: String,
    pub(super) bytes: u64,
}

/// The right to read a backup while nobody removes it, or to make or remove it while nobody reads it. Ends when dropped, and with
/// the process, however that ends.
#[derive(Debug)]
pub(super) struct Lease {
    /// The open lock file: the system unlocks it when it is closed.
    _lock: Option<File>,
}

impl Lease {
    pub(super) fn new(lock: Option<File>) -> Self {
        Self { _lock: lock }
    }
}

/// A place for backups: a folder with files for each.
///
/// Everything blocks, so it belongs on a thread that may. What makes a backup one is its manifest, and a store must be able to make
/// a file appear whole or not at all ([`publish`](Self::publish)): then a reader never sees half a backup.
pub(super) trait BackupStore: Send + Sync + fmt::Debug {
    /// Where it is, for people.
    fn describe(&self) -> String;

    /// Where the backup is, for people and for other programs.
    fn path_of(&self, id: &BackupId) -> String;

    /// Every backup, whole or not, oldest first.
    fn list(&self) -> Result<Vec<BackupId>, BackupError>;

    /// The files of a backup by name; none if there is no such backup.
    fn files(&self, id: &BackupId) -> Result<Vec<StoredFile>, BackupError>;

    /// Opens a file; `None` if there is none.
    fn read(&self, id: &BackupId, name: &str) -> Result<Option<Box<dyn Read + Send>>, BackupError>;

    /// A file as an import takes it: as a file, if it is one, so that it can be looked through before anything is written.
    fn source(&self, id: &BackupId, name: &str) -> Source;

    /// Begins a backup: makes its folder, and holds it.
    fn begin(&self, id: &BackupId) -> Result<Lease, BackupError>;

    /// A new file, which appears when it is finished.
    fn put(&self, id: &BackupId, name: &str) -> Result<Box<dyn Output>, BackupError>;

    /// Makes a whole file appear, if there is none of that name.
    fn publish(&self, id: &BackupId, name: &str, text: &str) -> Result<(), BackupError>;

    /// Makes a whole file appear in the place of an older one, if there is one.
    fn replace(&self, id: &BackupId, name: &str, text: &str) -> Result<(), BackupError>;

    /// Gives a file another name in one step.
    fn rename(&self, id: &BackupId, from: &str, to: &str) -> Result<(), BackupError>;

    /// Removes a file; that it is gone already is fine.
    fn delete(&self, id: &BackupId, name: &str) -> Result<(), BackupError>;

    /// Removes a backup that has no more files than its lock.
    fn remove(&self, id: &BackupId) -> Result<(), BackupError>;

    /// Holds a backup for reading. `None` if somebody is making or removing it.
    fn share(&self, id: &BackupId) -> Result<Option<Lease>, BackupError>;

    /// Holds a backup for removal. `None` if somebody makes, reads or removes it, or if it is gone.
    fn claim(&self, id: &BackupId) -> Result<Option<Lease>, BackupError>;
}

/// The text of a small file, and `None` if there is none.
pub(super) fn read_all(store: &dyn BackupStore, id: &BackupId, name: &str) -> Result<Option<Vec<u8>>, BackupError> {
    let Some(mut input) = store.read(id, name)? else { return Ok(None) };
    let mut bytes = Vec::new();
    let path = format!("{}/{name}", store.path_of(id));
    input.read_to_end(&mut bytes).map_err(|source| BackupError::Unreadable { action: "read", path, source })?;
    Ok(Some(bytes))
}
