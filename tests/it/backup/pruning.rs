//! What goes and what stays.

use std::path::Path;

use pgstream::Run;
use pgstream::backup::{Backup, BackupId, PruneOptions, PruneReport};
use pgstream::error::ErrorCode;

use super::{Folder, films};

async fn with_backups(number: usize) -> (Folder, Vec<BackupId>) {
    let (db, folder) = (films().await, Folder::new());
    let mut ids = Vec::new();
    for _ in 0..number {
        ids.push(folder.create(&db).await.id);
    }
    (folder, ids)
}

async fn prune(folder: &Folder, options: &PruneOptions) -> PruneReport {
    folder.set.prune(options, &Run::new()).await.expect("nothing is in its way")
}

async fn left(folder: &Folder) -> Vec<BackupId> {
    folder.list().await.into_iter().map(|backup| backup.id).collect()
}

fn flip_first_byte(file: &Path) {
    let mut bytes = std::fs::read(file).expect("it is there");
    bytes[0] ^= 1;
    std::fs::write(file, bytes).expect("it can be written");
}

#[tokio::test]
async fn the_newest_good_ones_stay_and_what_was_not_verified_is_verified_first() {
    let (folder, ids) = with_backups(4).await;
    let report = prune(&folder, &PruneOptions::keep_last(2)).await;
    assert_eq!(left(&folder).await, ids[2..]);
    let removed: Vec<_> = report.removed.iter().map(|pruned| pruned.id.clone()).collect();
    assert_eq!((removed.as_slice(), report.kept.len()), (&ids[..2], 2));
    assert!(report.freed_bytes > 0 && report.removed[0].why == "2 newer good ones are kept", "{report:?}");
    assert!(folder.list().await.iter().all(|backup| backup.verified.as_ref().is_some_and(|last| last.is_good)));
    assert_eq!(prune(&folder, &PruneOptions::keep_last(2)).await.removed, []);
}

#[tokio::test]
async fn what_is_damaged_does_not_count_and_does_not_go() {
    let (folder, ids) = with_backups(4).await;
    flip_first_byte(&folder.path().join(ids[3].as_str()).join("database.sql.zst"));
    flip_first_byte(&folder.path().join(ids[2].as_str()).join("manifest.json"));
    let report = prune(&folder, &PruneOptions::keep_last(1)).await;
    assert_eq!(left(&folder).await, ids[1..]);
    let why: Vec<&str> = report.kept.iter().map(|pruned| pruned.why.as_str()).collect();
    assert!(why[0].starts_with("it is good") && why[1].contains("manifest") && why[2].contains("damaged"), "{why:?}");
}

#[tokio::test]
async fn one_that_was_good_and_is_gone_in_part_does_not_count_any_more() {
    let (folder, ids) = with_backups(2).await;
    prune(&folder, &PruneOptions::keep_last(2)).await;
    std::fs::remove_file(folder.path().join(ids[1].as_str()).join("database.sql.zst")).expect("it is there");
    prune(&folder, &PruneOptions::keep_last(1)).await;
    assert_eq!(left(&folder).await, ids);
}

#[tokio::test]
async fn a_dry_run_says_the_same_and_removes_nothing() {
    let (folder, ids) = with_backups(3).await;
    let mut options = PruneOptions::keep_last(1);
    options.dry_run = true;
    let dry = prune(&folder, &options).await;
    assert_eq!((left(&folder).await, dry.is_dry_run, dry.freed_bytes), (ids, true, 0));
    let real = prune(&folder, &PruneOptions::keep_last(1)).await;
    assert_eq!((dry.removed, dry.kept), (real.removed, real.kept));
}

#[tokio::test]
async fn one_that_somebody_reads_stays() {
    let (folder, ids) = with_backups(2).await;
    let lock = std::fs::File::open(folder.path().join(ids[0].as_str()).join("lock")).expect("it is there");
    lock.lock_shared().expect("nobody else holds it");
    let report = prune(&folder, &PruneOptions::keep_last(1)).await;
    assert_eq!((left(&folder).await, report.kept[0].why.as_str()), (ids.clone(), "it is in use"));
    drop(lock);
    prune(&folder, &PruneOptions::keep_last(1)).await;
    assert_eq!(left(&folder).await, ids[1..]);
}

#[tokio::test]
async fn at_least_one_is_kept() {
    let (folder, ids) = with_backups(1).await;
    let failure = folder.set.prune(&PruneOptions::default(), &Run::new()).await.expect_err("that would keep none");
    assert_eq!((failure.code(), left(&folder).await), (ErrorCode::OptionInvalid, ids));
}
