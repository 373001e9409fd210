//! Takes away what killed processes left, and what is not wanted any more.

use crate::error::BackupError;
use crate::progress::Run;

use super::failpoint;
use super::id::BackupId;
use super::list::{Contents, look};
use super::store::{BackupStore, StoredFile};
use super::{LOCK, MANIFEST, VERIFIED, WITHDRAWN};

/// What the files of archives and globals begin with; the endings tell compressions.
const OWN_FILES: [&str; 2] = [DATABASE, GLOBALS];

/// The archive, without the ending that tells its compression.
pub(super) const DATABASE: &str = "database.sql";

/// The globals, without the ending that tells their compression.
pub(super) const GLOBALS: &str = "globals.sql";

/// Whether a file is one that a backup has by itself, or the beginning of one that was never finished.
pub(super) fn is_own(name: &str) -> bool {
    let name = without_part(name).unwrap_or(name);
    let is_archive =
        OWN_FILES.iter().any(|own| name.strip_prefix(own).is_some_and(|ending| matches!(ending, "" | ".zst" | ".gz" | ".lz4")));
    is_archive || [MANIFEST, WITHDRAWN, VERIFIED, LOCK].contains(&name)
}

/// What an unfinished file was to be called: `<name>.<16 hex digits>.part`.
pub(super) fn without_part(name: &str) -> Option<&str> {
    let (name, random) = name.strip_suffix(".part")?.rsplit_once('.')?;
    let is_random = random.len() == 16 && random.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_random.then_some(name)
}

/// Removes folders without a manifest that nobody holds. One that cannot be removed, or holds something else, is warned of.
pub(super) fn sweep(store: &dyn BackupStore, run: &Run) -> Result<(), BackupError> {
    for id in store.list()? {
        if let Err(error) = sweep_one(store, &id, run) {
            run.warn(format!("what is left of the backup {id} could not be removed: {error}"));
        }
    }
    Ok(())
}

fn sweep_one(store: &dyn BackupStore, id: &BackupId, run: &Run) -> Result<(), BackupError> {
    let files = store.files(id)?;
    let is_left_over = |file: &StoredFile| without_part(&file.name).is_some() && is_own(&file.name);
    let has_manifest = files.iter().any(|file| file.name == MANIFEST);
    if has_manifest && !files.iter().any(is_left_over) {
        return Ok(());
    }
    let Some(_lease) = store.claim(id)? else { return Ok(()) };
    // Looked at again now that nobody else can change it: a backup that was being made may be whole since.
    let files = store.files(id)?;
    match look(store, id)?.contents {
        Contents::Incomplete => {}
        _ => {
            return files.iter().filter(|file| is_left_over(file)).try_for_each(|file| store.delete(id, &file.name));
        }
    }
    if let Some(other) = files.iter().find(|file| !is_own(&file.name)) {
        run.warn(format!("the incomplete backup {id} was left alone, because {} is not of pgstream's making", other.name));
        return Ok(());
    }
    run.log(format!("removing what is left of the backup {id}, which was never finished or half removed"));
    remove_files(store, id)
}

/// Removes a backup that is claimed: first what makes it one, so that a process which dies in between leaves none.
pub(super) fn remove(store: &dyn BackupStore, id: &BackupId) -> Result<(), BackupError> {
    if store.files(id)?.iter().any(|file| file.name == MANIFEST) {
        store.rename(id, MANIFEST, WITHDRAWN)?;
    }
    failpoint::reach("backup.prune.withdrawn");
    remove_files(store, id)?;
    failpoint::reach("backup.prune.folder_deleted");
    Ok(())
}

fn remove_files(store: &dyn BackupStore, id: &BackupId) -> Result<(), BackupError> {
    for file in store.files(id)?.iter().filter(|file| file.name != LOCK) {
        store.delete(id, &file.name)?;
        failpoint::reach("backup.prune.file_deleted");
    }
    failpoint::reach("backup.prune.files_deleted");
    store.remove(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_that_a_backup_has_are_its_own() {
        let own = ["lock", "manifest.json", "manifest.json.withdrawn", "verified.json", "database.sql", "database.sql.zst"];
        let parts = ["globals.sql.gz", "database.sql.lz4.0123456789abcdef.part", "manifest.json.0123456789abcdef.part"];
        assert!(own.into_iter().chain(parts).all(is_own));
        let others = ["notes.txt", "database.sql.zst.part", "x.0123456789abcdef.part", "database.sql.old", "Manifest.json", ""];
        for name in others {
            assert!(!is_own(name), "{name}");
        }
    }
}
