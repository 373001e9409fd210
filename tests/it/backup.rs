//! Backups: what is listed as good is good, and comes back.

mod damage;
mod killed;
mod pruning;
mod restored;

use std::path::{Path, PathBuf};

use pgstream::Run;
use pgstream::backup::{
    Backup, BackupEntry, BackupSet, BackupState, CreateOptions, CreateReport, Level, VerifiedBackup, VerifiedState, Which,
};
use pgstream::connection::{ConnectionConfig, Environment};
use pgstream::error::ErrorCode;
use pgstream_tests::database::TestDb;
use tempfile::TempDir;

/// A folder for backups, and the set that is in it.
struct Folder {
    folder: TempDir,
    set: BackupSet,
}

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let set = BackupSet::in_directory(folder.path().join("backups"));
        Self { folder, set }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("backups")
    }

    async fn create(&self, db: &TestDb) -> CreateReport {
        self.set.create(&config(&db.url()), &CreateOptions::default(), &Run::new()).await.expect("nothing is in its way")
    }

    /// All that a list shows, also what was never finished.
    async fn list(&self) -> Vec<BackupEntry> {
        self.set.list(&Run::new()).await.expect("the folder can be read").backups
    }

    async fn states(&self) -> Vec<BackupState> {
        self.list().await.iter().map(|backup| backup.state).collect()
    }

    async fn verify(&self, id: &str, level: Level) -> VerifiedBackup {
        let report = self.set.verify(&Which::One(id.to_owned()), level, &Run::new()).await.expect("it can be read");
        let [verified] = report.backups.try_into().expect("one was asked for");
        verified
    }

    /// Every folder in it, whatever it is, with its files.
    fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        for folder in entries(&self.path()).iter().filter(|path| path.is_dir()) {
            files.push(folder.clone());
            files.extend(entries(folder));
        }
        files
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder can be read");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("it can be read").path()).collect();
    paths.sort();
    paths
}

fn config(url: &str) -> ConnectionConfig {
    ConnectionConfig::parse(url, &Environment::empty()).expect("the harness gives a good URL")
}

/// A few tables, a sequence, a large object.
async fn films() -> TestDb {
    let db = TestDb::new().await;
    db.execute(
        "create table maker (id int generated always as identity primary key, name text unique); \
         create table film (id int primary key, maker int references maker, title text); \
         insert into maker (name) values ('x'), (E'tab\\tand\\nline'); \
         insert into film select n, n % 2 + 1, 'film ' || n from generate_series(1, 500) n; \
         select lo_from_bytea(4711, 'large')",
    )
    .await;
    db
}

#[tokio::test]
async fn a_backup_is_listed_shown_and_found_to_be_good() {
    let (db, folder) = (films().await, Folder::new());
    let options = CreateOptions::default().label("reason", "release 7");
    let made = folder.set.create(&config(&db.url()), &options, &Run::new()).await.expect("nothing is in its way");
    let [listed] = folder.list().await.try_into().expect("one was made");
    assert_eq!((listed.state, listed.tables, listed.rows), (BackupState::Complete, 2, 502));
    assert_eq!((listed.database.as_deref(), listed.is_busy, listed.verified), (Some(db.name()), false, None));
    let shown = folder.set.show("latest", &Run::new()).await.expect("it is there");
    let manifest = shown.manifest.expect("it is whole");
    assert_eq!((&manifest.id, manifest.labels["reason"].as_str()), (&made.id, "release 7"));
    assert_eq!(manifest.archive.large_objects.count, 1);
    for level in [Level::Contents, Level::Present, Level::Hashes] {
        let verified = folder.verify(made.id.as_str(), level).await;
        assert_eq!((verified.state, verified.findings), (VerifiedState::Good, vec![]), "{level:?}");
    }
    let noted = folder.list().await.remove(0).verified.expect("it was verified");
    assert_eq!((noted.level, noted.is_good), (Level::Contents, true), "a shorter look must not hide a longer one");
    let names: Vec<String> =
        entries(Path::new(&shown.path)).iter().map(|p| p.file_name().unwrap().to_string_lossy().into()).collect();
    assert_eq!(names, ["database.sql.zst", "globals.sql.zst", "lock", "manifest.json", "verified.json"]);
}

#[tokio::test]
async fn a_backup_is_meant_by_the_beginning_of_either_part_of_its_name() {
    let (db, folder) = (films().await, Folder::new());
    let (first, second) = (folder.create(&db).await.id, folder.create(&db).await.id);
    let (_, short) = first.as_str().split_once('-').expect("a name has two parts");
    for (word, expected) in [(first.as_str(), Ok(&first)), (short, Ok(&first)), ("latest", Ok(&second))] {
        let shown = folder.set.show(word, &Run::new()).await.map(|shown| shown.backup.id);
        assert_eq!(shown.as_ref().map_err(|failure| failure.code()), expected, "{word}");
    }
    for word in ["2", "nothing", "", "../backups", "no-part"] {
        let failure = folder.set.show(word, &Run::new()).await.expect_err("it means none, or both");
        assert_eq!(failure.code(), ErrorCode::BackupUnknown, "{word}: {failure}");
    }
    let empty = Folder::new().set.show("latest", &Run::new()).await.expect_err("there is none");
    assert_eq!(empty.code(), ErrorCode::BackupUnknown);
}

#[tokio::test]
async fn backups_that_are_made_at_the_same_time_are_all_good_and_in_order() {
    let (db, folder) = (films().await, Folder::new());
    let (one, two, three) = tokio::join!(folder.create(&db), folder.create(&db), folder.create(&db));
    let report = folder.set.verify(&Which::All, Level::Contents, &Run::new()).await.expect("they can be read");
    assert!(report.is_good, "{report:?}");
    let mut made = vec![one.id, two.id, three.id];
    made.sort();
    let mut listed: Vec<_> = folder.list().await.into_iter().map(|backup| backup.id).collect();
    listed.sort();
    assert_eq!(listed, made);
}

#[tokio::test]
async fn a_cancelled_and_a_failed_backup_leave_nothing() {
    let (db, folder) = (films().await, Folder::new());
    let run = Run::new();
    run.cancel();
    let failure = folder.set.create(&config(&db.url()), &CreateOptions::default(), &run).await.expect_err("it was cancelled");
    assert_eq!(failure.code(), ErrorCode::Cancelled);
    let nothing = CreateOptions::default().with_filter(pgstream::catalog::Filter::default().table("nothing"));
    let failure = folder.set.create(&config(&db.url()), &nothing, &Run::new()).await.expect_err("there is no such table");
    assert_eq!(failure.code(), ErrorCode::FilterMatchesNothing);
    let label = CreateOptions::default().label("a\nb", "c");
    let failure = folder.set.create(&config(&db.url()), &label, &Run::new()).await.expect_err("a label is one line");
    assert_eq!((failure.code(), folder.files()), (ErrorCode::OptionInvalid, vec![]));
}

#[tokio::test]
async fn an_unfinished_backup_is_not_good_and_cannot_be_used_while_it_is_made() {
    let (db, folder) = (films().await, Folder::new());
    let holder = db.client().await;
    holder.batch_execute("begin; lock table film in access exclusive mode").await.expect("nobody else holds it");
    let (set, source) = (folder.set.clone(), config(&db.url()));
    let making = tokio::spawn(async move { set.create(&source, &CreateOptions::default(), &Run::new()).await });
    while db.value("select count(*) from pg_locks where not granted and relation = 'film'::regclass").await == "0" {
        tokio::task::yield_now().await;
    }
    let [listed] = folder.list().await.try_into().expect("one is being made");
    assert_eq!((listed.state, listed.is_busy), (BackupState::Incomplete, true));
    let failure = folder.set.verify(&Which::One(listed.id.to_string()), Level::Hashes, &Run::new()).await;
    assert_eq!(failure.expect_err("it is being made").code(), ErrorCode::BackupUnusable);
    let keep = pgstream::backup::PruneOptions::keep_last(1);
    folder.set.prune(&keep, &Run::new()).await.expect("there is nothing to remove");
    drop(holder);
    let made = making.await.expect("it does not panic").expect("nothing is in its way any more");
    assert_eq!((folder.states().await, made.id), (vec![BackupState::Complete], listed.id));
}
