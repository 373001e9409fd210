//! A file that appears only when it is whole.
//!
//! Everything is written to `<name>.<random>.part` beside the destination. Publishing without `force` makes a hard link,
//! which the system refuses if the name is taken, so two runs cannot overwrite each other; where a file system has no
//! hard links, the name is first reserved by an empty file that is then renamed over. With `force` it is one rename.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::StorageError;

use super::{Output, failed};

/// A file under construction. Dropped without `finish`, it is removed.
#[derive(Debug)]
pub struct OutputFile {
    file: File,
    destination: PathBuf,
    bytes: u64,
    /// `None` for a device or a named pipe, which is written as it is.
    part: Option<PartFile>,
}

/// The unfinished file of an [`OutputFile`], as a handle that other threads can remove it by.
#[derive(Debug, Clone)]
pub struct PartFile {
    state: Arc<Mutex<PartState>>,
}

#[derive(Debug)]
struct PartState {
    /// `None` once the file is published or removed.
    path: Option<PathBuf>,
    force: bool,
}

impl OutputFile {
    /// Creates the unfinished file, readable by its owner only. Blocks.
    ///
    /// # Errors
    /// [`StorageError::Exists`] if there is something at `destination` and `force` is not given, [`StorageError::Failed`] if
    /// the system refuses.
    pub fn create(destination: &Path, force: bool) -> Result<Self, StorageError> {
        let shown = destination.display().to_string();
        let existing = match fs::symlink_metadata(destination) {
            Ok(_) => Some(destination.metadata().map_err(|e| failed("open", shown.clone(), 0, e))?),
            Err(e) if e.kind() == io::ErrorKind::NotFound => None,
            Err(e) => return Err(failed("create", shown, 0, e)),
        };
        match existing {
            None => Self::create_part(destination.to_owned(), None, force),
            Some(metadata) if metadata.is_dir() => Err(failed("create", shown, 0, io::Error::from(io::ErrorKind::IsADirectory))),
            Some(metadata) if !metadata.is_file() => Self::open_device(destination),
            Some(_) if !force => Err(StorageError::Exists { path: shown }),
            Some(metadata) => {
                // A symbolic link keeps pointing where it does; what it points at is replaced.
                let target = fs::canonicalize(destination).map_err(|e| failed("open", shown, 0, e))?;
                Self::create_part(target, Some(metadata.permissions()), force)
            }
        }
    }

    fn create_part(destination: PathBuf, permissions: Option<fs::Permissions>, force: bool) -> Result<Self, StorageError> {
        let explain = |e| failed("create", destination.display().to_string(), 0, e);
        let path = part_path(&destination).map_err(explain)?;
        let file = create_private(&path).map_err(explain)?;
        let part = PartFile { state: Arc::new(Mutex::new(PartState { path: Some(path), force })) };
        let output = Self { file, destination, bytes: 0, part: Some(part) };
        if let Some(permissions) = permissions {
            output.file.set_permissions(permissions).map_err(|e| output.failed("create", e))?;
        }
        Ok(output)
    }

    /// `/dev/null`, a terminal, a named pipe: neither replaced nor synced.
    fn open_device(destination: &Path) -> Result<Self, StorageError> {
        let file = OpenOptions::new().write(true).open(destination);
        let file = file.map_err(|e| failed("open", destination.display().to_string(), 0, e))?;
        Ok(Self { file, destination: destination.to_owned(), bytes: 0, part: None })
    }

    fn failed(&self, action: &'static str, source: io::Error) -> StorageError {
        failed(action, self.destination.display().to_string(), self.bytes, source)
    }
}

impl Write for OutputFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Output for OutputFile {
    fn finish(self: Box<Self>) -> Result<u64, StorageError> {
        let Some(part) = &self.part else { return Ok(self.bytes) };
        self.file.sync_all().map_err(|e| self.failed("sync", e))?;
        match part.publish(&self.destination) {
            Ok(true) => {}
            Ok(false) => return Err(StorageError::Abandoned),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                return Err(StorageError::Exists { path: self.destination.display().to_string() });
            }
            Err(e) => return Err(self.failed("publish", e)),
        }
        sync_folder(&self.destination).map_err(|e| self.failed("sync the folder of", e))?;
        Ok(self.bytes)
    }

    fn explain(&self, error: io::Error) -> StorageError {
        self.failed("write", error)
    }

    fn part(&self) -> Option<PartFile> {
        self.part.clone()
    }
}

impl Drop for OutputFile {
    fn drop(&mut self) {
        if let Some(part) = &self.part {
            part.remove();
        }
    }
}

impl PartFile {
    /// Removes the unfinished file. Does nothing once it is published.
    pub fn remove(&self) {
        if let Some(path) = self.lock().path.take() {
            // Nobody is left to be told; a file of this name is never taken for a whole one.
            let _ = fs::remove_file(path);
        }
    }

    /// Gives the file its name; `false` if it was removed before.
    fn publish(&self, destination: &Path) -> io::Result<bool> {
        let mut state = self.lock();
        let Some(path) = state.path.clone() else { return Ok(false) };
        if state.force {
            fs::rename(&path, destination)?;
        } else {
            rename_without_replacing(&path, destination)?;
        }
        state.path = None;
        Ok(true)
    }

    fn lock(&self) -> MutexGuard<'_, PartState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn rename_without_replacing(from: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(from, to) {
        Ok(()) => fs::remove_file(from),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Err(e),
        Err(_) => {
            // No hard links here: whoever makes the name owns it, and may rename over it.
            OpenOptions::new().write(true).create_new(true).open(to)?;
            fs::rename(from, to).inspect_err(|_| drop(fs::remove_file(to)))
        }
    }
}

/// `<name>.<16 hex digits>.part`, in the same folder and so on the same file system.
fn part_path(destination: &Path) -> io::Result<PathBuf> {
    let Some(name) = destination.file_name() else { return Err(io::Error::from(io::ErrorKind::InvalidFilename)) };
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let mut name = name.to_owned();
    name.push(format!(".{:016x}.part", u64::from_ne_bytes(random)));
    Ok(destination.with_file_name(name))
}

fn create_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Makes the name durable, not only the bytes: syncs the folder that `path` lies in.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(not(unix)) {
        return Ok(());
    }
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match File::open(folder)?.sync_all() {
        // Some network file systems cannot sync a folder, and need not.
        Err(e) if matches!(e.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn write_file(path: &Path, force: bool, text: &str) -> Result<u64, StorageError> {
        let mut file = OutputFile::create(path, force)?;
        file.write_all(text.as_bytes()).unwrap();
        Box::new(file).finish()
    }

    #[test]
    fn the_name_appears_with_the_last_byte() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sql");
        let mut file = OutputFile::create(&path, false).unwrap();
        file.write_all(b"half").unwrap();
        assert!(!path.exists() && names(folder.path()).len() == 1);
        assert_eq!(Box::new(file).finish().unwrap(), 4);
        assert_eq!((names(folder.path()), fs::read(&path).unwrap()), (vec!["a.sql".into()], b"half".to_vec()));
    }

    #[test]
    fn a_dropped_file_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = OutputFile::create(&folder.path().join("a.sql"), false).unwrap();
        file.write_all(b"half").unwrap();
        drop(file);
        assert_eq!(names(folder.path()), Vec::<String>::new());
    }

    #[test]
    fn an_existing_file_is_refused_at_once_and_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sql");
        let late = OutputFile::create(&path, false).unwrap();
        write_file(&path, false, "first").unwrap();
        assert_eq!(write_file(&path, false, "second").unwrap_err().code(), ErrorCode::OutputExists);
        assert_eq!(Box::new(late).finish().unwrap_err().code(), ErrorCode::OutputExists);
        assert_eq!((names(folder.path()), fs::read(&path).unwrap()), (vec!["a.sql".into()], b"first".to_vec()));
    }

    #[test]
    fn force_replaces_only_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sql");
        write_file(&path, false, "first").unwrap();
        drop(OutputFile::create(&path, true).unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"first");
        write_file(&path, true, "second").unwrap();
        assert_eq!((names(folder.path()), fs::read(&path).unwrap()), (vec!["a.sql".into()], b"second".to_vec()));
    }

    #[cfg(unix)]
    #[test]
    fn a_new_file_is_private_and_a_replaced_one_keeps_its_permissions() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sql");
        let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        write_file(&path, false, "x").unwrap();
        assert_eq!(mode(), 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        write_file(&path, true, "y").unwrap();
        assert_eq!(mode(), 0o640);
    }

    #[test]
    fn a_part_removed_from_elsewhere_is_not_published() {
        let folder = tempfile::tempdir().unwrap();
        let file = OutputFile::create(&folder.path().join("a.sql"), false).unwrap();
        file.part().unwrap().remove();
        assert_eq!(Box::new(file).finish().unwrap_err().code(), ErrorCode::Cancelled);
        assert_eq!(names(folder.path()), Vec::<String>::new());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_told_with_the_path_and_a_hint() {
        let mut file = OutputFile::create(Path::new("/dev/full"), false).unwrap();
        let error = file.write_all(b"x").map_err(|e| file.explain(e)).unwrap_err();
        assert_eq!(
            (error.code(), error.to_string().as_str()),
            (ErrorCode::OutputFailed, "could not write /dev/full after 0 bytes")
        );
        assert!(error.hint().starts_with("Make room"), "{}", error.hint());
    }
}
