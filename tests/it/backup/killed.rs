//! Whatever dies, and wherever: nothing that is listed as good is not, and what is left is swept.

use std::process::{Command, Output};

use pgstream::Run;
use pgstream::backup::{Backup, BackupEntry, BackupState, FAILPOINTS, Level, PruneOptions, VerifiedState};

use super::restored::assert_restores;
use super::{Folder, films};

/// Runs the dying program, which dies where `failpoint` says.
fn run(words: &[&str], failpoint: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dying_backup"));
    command.arg(failpoint).args(words);
    command.output().expect("the program starts")
}

/// The places in one method, with what ran there.
fn failpoints(prefix: &str) -> Vec<&'static str> {
    let places: Vec<_> = FAILPOINTS.iter().copied().filter(|place| place.starts_with(prefix)).collect();
    assert!(places.len() > 3, "{places:?}");
    places
}

fn assert_died(output: &Output, place: &str) {
    assert!(!output.status.success(), "{place} was never reached: {output:?}");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!told.contains("panicked"), "{place}: {told}");
}

/// What is listed as whole is whole.
async fn assert_nothing_false_is_listed(folder: &Folder, place: &str) -> Vec<BackupEntry> {
    let listed = folder.list().await;
    let complete: Vec<BackupEntry> = listed.into_iter().filter(|backup| backup.state != BackupState::Incomplete).collect();
    for backup in &complete {
        assert_eq!(backup.state, BackupState::Complete, "{place}");
        let verified = folder.verify(backup.id.as_str(), Level::Contents).await;
        assert_eq!((verified.state, verified.findings), (VerifiedState::Good, vec![]), "{place}");
    }
    complete
}

#[tokio::test]
async fn a_create_that_was_killed_anywhere_lists_nothing_false_and_is_swept() {
    let db = films().await;
    for place in failpoints("backup.create.") {
        let folder = Folder::new();
        let path = folder.path();
        assert_died(&run(&["create", &path.to_string_lossy(), &db.url()], place), place);
        let complete = assert_nothing_false_is_listed(&folder, place).await;
        assert_eq!(complete.len(), usize::from(place == "backup.create.manifest_written"), "{place}");
        if let Some(backup) = complete.first() {
            assert_restores(&folder, backup.id.as_str(), &db).await;
        }
        let made = folder.create(&db).await;
        let states = folder.states().await;
        assert!(states.iter().all(|state| *state == BackupState::Complete), "{place}: {:?}", folder.files());
        assert_eq!(states.len(), complete.len() + 1, "{place}");
        let folders = folder.files().into_iter().filter(|path| path.is_dir()).count();
        assert_eq!(folders, states.len(), "{place}: {:?}", folder.files());
        assert_eq!(folder.verify(made.id.as_str(), Level::Contents).await.state, VerifiedState::Good, "{place}");
    }
}

#[tokio::test]
async fn a_prune_that_was_killed_anywhere_lists_nothing_false_and_is_repeated() {
    let db = films().await;
    for place in failpoints("backup.prune.") {
        let folder = Folder::new();
        for _ in 0..2 {
            folder.create(&db).await;
        }
        let newest = folder.create(&db).await.id;
        let path = folder.path();
        assert_died(&run(&["prune", &path.to_string_lossy()], place), place);
        let complete = assert_nothing_false_is_listed(&folder, place).await;
        assert_eq!(complete.last().map(|backup| &backup.id), Some(&newest), "{place}");
        folder.set.prune(&PruneOptions::keep_last(1), &Run::new()).await.expect("nothing is in its way");
        let left: Vec<_> = folder.list().await.into_iter().map(|backup| backup.id).collect();
        assert_eq!(left, std::slice::from_ref(&newest), "{place}");
        assert_eq!(folder.files().into_iter().filter(|path| path.is_dir()).count(), 1, "{place}: {:?}", folder.files());
    }
}

#[tokio::test]
async fn a_folder_with_something_else_in_it_is_not_swept() {
    let (db, folder) = (films().await, Folder::new());
    let path = folder.path();
    assert_died(&run(&["create", &path.to_string_lossy(), &db.url()], "backup.create.globals_written"), "create");
    let left = folder.list().await.remove(0).id;
    std::fs::write(path.join(left.as_str()).join("notes.txt"), "mine").expect("there is room");
    let report = folder.create(&db).await;
    assert!(report.warnings.iter().any(|warning| warning.contains("notes.txt")), "{:?}", report.warnings);
    assert_eq!(folder.states().await, [BackupState::Incomplete, BackupState::Complete]);
}
