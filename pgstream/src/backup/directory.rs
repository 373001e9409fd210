//! Backups in a folder of this machine.
//!
//! Locks are those of the operating system, so they end with the process that holds them: the file `lock` of each backup, and `.lock`
//! of the folder, which is held for a moment while a backup is begun or claimed. Without the second, a backup whose folder was made
//! and whose lock is not held yet would look abandoned.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::error::BackupError;
use crate::storage::{Output, OutputFile, Source, sync_folder};

use super::LOCK;
use super::failpoint;
use super::id::BackupId;
use super::store::{BackupStore, Lease, StoredFile};

/// The lock of the whole folder.
const FOLDER_LOCK: &str = ".lock";

/// A folder with a folder for each backup.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
}

impl Directory {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    fn folder(&self, id: &BackupId) -> PathBuf {
        self.path.join(id.as_str())
    }

    fn file(&self, id: &BackupId, name: &str) -> PathBuf {
        self.folder(id).join(name)
    }

    /// Holds the whole folder while a backup is begun or claimed. Waits for others, who hold it as shortly.
    fn hold(&self) -> Result<File, BackupError> {
        let path = self.path.join(FOLDER_LOCK);
        let file = open_lock(&path).map_err(|e| unreadable("lock", &path, e))?;
        file.lock().map_err(|e| unreadable("lock", &path, e))?;
        Ok(file)
    }

    fn write(&self, id: &BackupId, name: &str, text: &str, force: bool) -> Result<(), BackupError> {
        let path = self.file(id, name);
        let mut output = OutputFile::create(&path, force)?;
        output.write_all(text.as_bytes()).map_err(|e| output.explain(e))?;
        if name == super::MANIFEST {
            failpoint::reach("backup.create.manifest_half");
        }
        Box::new(output).finish()?;
        Ok(())
    }
}

impl BackupStore for Directory {
    fn describe(&self) -> String {
        self.path.display().to_string()
    }

    fn path_of(&self, id: &BackupId) -> String {
        self.folder(id).display().to_string()
    }

    fn list(&self) -> Result<Vec<BackupId>, BackupError> {
        let entries = match fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(unreadable("list", &self.path, e)),
        };
        let mut ids = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|e| unreadable("list", &self.path, e))?;
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            ids.extend(entry.file_name().to_str().and_then(BackupId::parse).filter(|_| is_folder));
        }
        ids.sort();
        Ok(ids)
    }

    fn files(&self, id: &BackupId) -> Result<Vec<StoredFile>, BackupError> {
        let folder = self.folder(id);
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(unreadable("list", &folder, e)),
        };
        let mut files = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|e| unreadable("list", &folder, e))?;
            let bytes = match entry.metadata() {
                Ok(metadata) => metadata.len(),
                // It was removed since: a part that became whole, or a backup that is being removed.
                Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                Err(e) => return Err(unreadable("list", &entry.path(), e)),
            };
            files.push(StoredFile { name: entry.file_name().to_string_lossy().into_owned(), bytes });
        }
        files.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(files)
    }

    fn read(&self, id: &BackupId, name: &str) -> Result<Option<Box<dyn Read + Send>>, BackupError> {
        let path = self.file(id, name);
        match File::open(&path) {
            Ok(file) => Ok(Some(Box::new(file))),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(unreadable("read", &path, e)),
        }
    }

    fn source(&self, id: &BackupId, name: &str) -> Source {
        Source::Path(self.file(id, name))
    }

    fn begin(&self, id: &BackupId) -> Result<Lease, BackupError> {
        private_folder().recursive(true).create(&self.path).map_err(|e| unreadable("create", &self.path, e))?;
        let _held = self.hold()?;
        let folder = self.folder(id);
        private_folder().create(&folder).map_err(|e| unreadable("create", &folder, e))?;
        failpoint::reach("backup.create.folder_made");
        let path = self.file(id, LOCK);
        let file = open_lock(&path).map_err(|e| unreadable("create", &path, e))?;
        file.lock().map_err(|e| unreadable("lock", &path, e))?;
        sync_folder(&folder).map_err(|e| unreadable("sync", &folder, e))?;
        Ok(Lease::new(Some(file)))
    }

    fn put(&self, id: &BackupId, name: &str) -> Result<Box<dyn Output>, BackupError> {
        Ok(Box::new(OutputFile::create(&self.file(id, name), false)?))
    }

    fn publish(&self, id: &BackupId, name: &str, text: &str) -> Result<(), BackupError> {
        self.write(id, name, text, false)
    }

    fn replace(&self, id: &BackupId, name: &str, text: &str) -> Result<(), BackupError> {
        self.write(id, name, text, true)
    }

    fn rename(&self, id: &BackupId, from: &str, to: &str) -> Result<(), BackupError> {
        let (from, to) = (self.file(id, from), self.file(id, to));
        fs::rename(&from, &to).map_err(|e| unreadable("rename", &from, e))?;
        sync_folder(&to).map_err(|e| unreadable("sync the folder of", &to, e))
    }

    fn delete(&self, id: &BackupId, name: &str) -> Result<(), BackupError> {
        let path = self.file(id, name);
        match fs::remove_file(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(unreadable("remove", &path, e)),
            _ => Ok(()),
        }
    }

    fn remove(&self, id: &BackupId) -> Result<(), BackupError> {
        self.delete(id, LOCK)?;
        let folder = self.folder(id);
        match fs::remove_dir(&folder) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(unreadable("remove", &folder, e)),
            _ => sync_folder(&folder).map_err(|e| unreadable("sync the folder of", &folder, e)),
        }
    }

    fn share(&self, id: &BackupId) -> Result<Option<Lease>, BackupError> {
        let path = self.file(id, LOCK);
        let file = match File::open(&path) {
            Ok(file) => file,
            // A copy of a backup may come without it; nobody makes or removes that.
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Some(Lease::new(None))),
            Err(e) => return Err(unreadable("lock", &path, e)),
        };
        locked(file.try_lock_shared(), file, &path)
    }

    fn claim(&self, id: &BackupId) -> Result<Option<Lease>, BackupError> {
        let _held = self.hold()?;
        let path = self.file(id, LOCK);
        let file = match open_lock(&path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(unreadable("lock", &path, e)),
        };
        locked(file.try_lock(), file, &path)
    }
}

fn locked(result: Result<(), TryLockError>, file: File, path: &Path) -> Result<Option<Lease>, BackupError> {
    match result {
        Ok(()) => Ok(Some(Lease::new(Some(file)))),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(e)) => Err(unreadable("lock", path, e)),
    }
}

fn unreadable(action: &'static str, path: &Path, source: io::Error) -> BackupError {
    BackupError::Unreadable { action, path: path.display().to_string(), source }
}

/// Folders that only their owner may look into.
fn private_folder() -> DirBuilder {
    #[allow(unused_mut, reason = "it has a mode on Unix only")]
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

fn open_lock(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begun(folder: &Path, id: &str) -> (Directory, BackupId, Lease) {
        let store = Directory::new(folder.join("backups"));
        let id = BackupId::parse(id).unwrap();
        let lease = store.begin(&id).unwrap();
        (store, id, lease)
    }

    const ID: &str = "20261126T203105042Z-k3f9x2ab";

    #[test]
    fn what_is_held_can_be_neither_read_nor_removed_by_others() {
        let folder = tempfile::tempdir().unwrap();
        let (store, id, lease) = begun(folder.path(), ID);
        assert!(store.share(&id).unwrap().is_none() && store.claim(&id).unwrap().is_none());
        drop(lease);
        let (one, two) = (store.share(&id).unwrap(), store.share(&id).unwrap());
        assert!(one.is_some() && two.is_some() && store.claim(&id).unwrap().is_none());
        drop((one, two));
        assert!(store.claim(&id).unwrap().is_some());
    }

    #[test]
    fn a_folder_without_its_lock_can_be_claimed_and_one_that_is_gone_cannot() {
        let folder = tempfile::tempdir().unwrap();
        let (store, id, lease) = begun(folder.path(), ID);
        drop(lease);
        fs::remove_file(store.file(&id, LOCK)).unwrap();
        let lease = store.claim(&id).unwrap();
        assert!(lease.is_some());
        store.remove(&id).unwrap();
        assert!(store.claim(&id).unwrap().is_none() && !store.folder(&id).exists());
    }

    #[test]
    fn a_file_is_published_once_and_replaced_as_often_as_one_likes() {
        let folder = tempfile::tempdir().unwrap();
        let (store, id, _lease) = begun(folder.path(), ID);
        store.publish(&id, "a", "1").unwrap();
        assert!(store.publish(&id, "a", "2").is_err());
        store.replace(&id, "b", "1").unwrap();
        store.replace(&id, "b", "2").unwrap();
        let text = |name| super::super::store::read_all(&store, &id, name).unwrap();
        assert_eq!((text("a"), text("b"), text("c")), (Some(b"1".to_vec()), Some(b"2".to_vec()), None));
    }

    #[test]
    fn only_folders_with_a_name_of_ours_are_listed() {
        let folder = tempfile::tempdir().unwrap();
        let (store, id, _lease) = begun(folder.path(), ID);
        fs::create_dir(store.path.join("safety")).unwrap();
        fs::write(store.path.join("20261126T203105042Z-k3f9x2ac"), "a file").unwrap();
        assert_eq!(store.list().unwrap(), [id]);
        assert_eq!(Directory::new(folder.path().join("nowhere")).list().unwrap(), []);
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_may_look_into_backups() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (store, id, _lease) = begun(folder.path(), ID);
        store.publish(&id, "a", "1").unwrap();
        let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let modes = [store.path.clone(), store.folder(&id), store.file(&id, "a"), store.file(&id, LOCK)].map(mode);
        assert_eq!(modes, [0o700, 0o700, 0o600, 0o600]);
    }
}
