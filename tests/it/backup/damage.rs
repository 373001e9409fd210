//! Every byte counts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use pgstream::Run;
use pgstream::backup::{Backup, BackupState, FindingKind, Level, VerifiedState, Which};
use pgstream::error::ErrorCode;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use super::{Folder, entries, films};

/// How many places of each file are changed.
const PLACES: u64 = 40;

/// A verified backup, and every byte of it as it should be.
struct Whole {
    folder: Folder,
    id: String,
    path: PathBuf,
    files: BTreeMap<String, Vec<u8>>,
}

impl Whole {
    async fn new() -> Self {
        let (db, folder) = (films().await, Folder::new());
        let made = folder.create(&db).await;
        let id = made.id.to_string();
        assert_eq!(folder.verify(&id, Level::Contents).await.state, VerifiedState::Good);
        let path = PathBuf::from(made.to);
        let read = |path: &PathBuf| (name(path), std::fs::read(path).expect("a file can be read"));
        let files = entries(&path).iter().map(read).collect();
        Self { folder, id, path, files }
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path.join(name), bytes).expect("a file can be written");
    }

    /// Puts everything back as it was.
    fn repair(&self) {
        entries(&self.path).iter().for_each(|path| std::fs::remove_file(path).expect("a file can be removed"));
        self.files.iter().for_each(|(name, bytes)| self.write(name, bytes));
    }

    /// What is found at this level: file and kind.
    async fn findings(&self, level: Level) -> Vec<(String, FindingKind, Option<u64>)> {
        let verified = self.folder.verify(&self.id, level).await;
        assert_eq!(verified.state == VerifiedState::Good, verified.findings.is_empty());
        verified.findings.into_iter().map(|finding| (finding.file, finding.kind, finding.offset)).collect()
    }
}

fn name(path: &Path) -> String {
    path.file_name().expect("a file has a name").to_string_lossy().into_owned()
}

/// Numbers that look random and are the same each time.
fn places(seed: &str, below: usize) -> Vec<usize> {
    let place = |n: u64| xxh3_64(format!("{seed} {n}").as_bytes()) % below as u64;
    (0..PLACES).map(|n| usize::try_from(place(n)).expect("it is below a usize")).collect()
}

#[tokio::test]
async fn a_changed_byte_of_any_file_is_found_and_the_file_named() {
    let whole = Whole::new().await;
    for (name, bytes) in whole.files.iter().filter(|(_, bytes)| !bytes.is_empty()) {
        for at in places(name, bytes.len()) {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << (at % 8);
            for level in [Level::Hashes, Level::Contents] {
                whole.write(name, &changed);
                let found = whole.findings(level).await;
                assert!(
                    found.iter().any(|(file, kind, _)| file == name && *kind == FindingKind::Content),
                    "{name} at {at}: {found:?}"
                );
                whole.repair();
            }
        }
    }
    assert_eq!(whole.findings(Level::Contents).await, []);
}

#[tokio::test]
async fn missing_added_and_cut_files_are_found_by_their_names_and_sizes_alone() {
    let whole = Whole::new().await;
    for (name, bytes) in &whole.files {
        let longer = [bytes.as_slice(), b"x"].concat();
        let cut = &bytes[..bytes.len() / 2];
        for (changed, offset) in [(longer.as_slice(), bytes.len()), (cut, cut.len())] {
            whole.write(name, changed);
            let found = whole.findings(Level::Present).await;
            let is_named = found.iter().any(|(file, ..)| file == name);
            let is_placed = found.iter().any(|(_, _, at)| *at == Some(offset as u64));
            let is_data = name.contains(".sql");
            assert!(
                (is_named && (is_placed || !is_data)) || changed == bytes.as_slice(),
                "{name} of {}: {found:?}",
                changed.len()
            );
            whole.repair();
        }
        std::fs::remove_file(whole.path.join(name)).expect("a file can be removed");
        match name.as_str() {
            "manifest.json" => assert_eq!(whole.folder.states().await, [BackupState::Incomplete]),
            // What a copy of a backup may lack, and what is only a note.
            "lock" | "verified.json" => assert_eq!(whole.findings(Level::Contents).await, []),
            _ => assert_eq!(whole.findings(Level::Present).await, [(name.clone(), FindingKind::Missing, None)]),
        }
        whole.repair();
    }
    whole.write("database.sql", b"");
    assert_eq!(whole.findings(Level::Present).await, [("database.sql".to_owned(), FindingKind::Added, None)]);
}

#[tokio::test]
async fn damage_is_noted_and_ends_with_the_next_good_verification() {
    let whole = Whole::new().await;
    whole.write("globals.sql.zst", b"");
    assert_eq!(whole.findings(Level::Present).await.len(), 1);
    let noted = |folder: &Folder| {
        let set = folder.set.clone();
        async move { set.show("latest", &Run::new()).await.expect("it is whole").backup.verified.expect("it was verified") }
    };
    assert!(!noted(&whole.folder).await.is_good);
    whole.write("globals.sql.zst", &whole.files["globals.sql.zst"]);
    whole.findings(Level::Contents).await;
    assert!(noted(&whole.folder).await.is_good);
}

/// The manifest with a change, sealed again.
fn resealed(text: &str, from: &str, to: &str) -> String {
    let (body, _) = text.rsplit_once(",\n  \"xxh3\": \"").expect("a manifest is sealed");
    assert!(body.contains(from), "{from} is not in {body}");
    let body = body.replace(from, to);
    format!("{body},\n  \"xxh3\": \"{:032x}\"\n}}\n", xxh3_128(body.as_bytes()))
}

#[tokio::test]
async fn a_newer_backup_is_listed_as_such_and_never_touched() {
    let whole = Whole::new().await;
    let manifest = String::from_utf8(whole.files["manifest.json"].clone()).expect("JSON is UTF-8");
    whole.write("manifest.json", resealed(&manifest, "{\n  \"format\": 1,", "{\n  \"format\": 2,").as_bytes());
    let before: Vec<_> = whole.folder.files();
    assert_eq!(whole.folder.states().await, [BackupState::Newer]);
    let failure = whole.folder.set.verify(&Which::One(whole.id.clone()), Level::Hashes, &Run::new()).await;
    assert_eq!(failure.expect_err("it is not understood").code(), ErrorCode::BackupUnusable);
    let all = whole.folder.set.verify(&Which::All, Level::Hashes, &Run::new()).await.expect("it is skipped");
    assert_eq!(all.backups[0].state, VerifiedState::Skipped);
    let keep = pgstream::backup::PruneOptions::keep_last(1);
    whole.folder.set.prune(&keep, &Run::new()).await.expect("there is nothing to remove");
    assert_eq!(whole.folder.files(), before);
}

#[tokio::test]
async fn one_that_cannot_be_read_does_not_hide_the_others_and_stays() {
    let whole = Whole::new().await;
    let db = films().await;
    let other = whole.folder.create(&db).await;
    // Also for root, who may read every file: what cannot be read is a folder of that name.
    std::fs::remove_file(whole.path.join("manifest.json")).expect("it is there");
    std::fs::create_dir(whole.path.join("manifest.json")).expect("there is room");
    assert_eq!(whole.folder.states().await, [BackupState::Unreadable, BackupState::Complete]);
    let latest = whole.folder.set.show("latest", &Run::new()).await.expect("the other one is whole");
    assert_eq!(latest.backup.id, other.id);
    let all = whole.folder.set.verify(&Which::All, Level::Hashes, &Run::new()).await.expect("the other one is read");
    assert_eq!([all.backups[0].state, all.backups[1].state], [VerifiedState::Skipped, VerifiedState::Good]);
    let keep = pgstream::backup::PruneOptions::keep_last(1);
    let report = whole.folder.set.prune(&keep, &Run::new()).await.expect("it can tell the two apart");
    assert_eq!((report.kept.len(), report.removed), (2, vec![]), "{:?}", report.kept);
}

#[tokio::test]
async fn a_script_that_was_exchanged_together_with_its_hashes_is_found_by_its_contents() {
    let whole = Whole::new().await;
    let manifest = String::from_utf8(whole.files["manifest.json"].clone()).expect("JSON is UTF-8");
    let script = run("zstd", &["-dc"], &whole.files["database.sql.zst"]);
    let script = String::from_utf8(script).expect("a script is UTF-8").replace("film 77\n", "film 78\n");
    let packed = run("zstd", &["-c"], script.as_bytes());
    let old = &whole.files["database.sql.zst"];
    let exchange = |text: String, from: String, to: String| resealed(&text, &from, &to);
    let bytes = |bytes: &[u8]| format!("\"bytes\": {},\n      \"xxh3\": \"{:032x}\"", bytes.len(), xxh3_128(bytes));
    let block = |bytes: &[u8]| format!("\"{:016x}\"", xxh3_64(bytes));
    let manifest = exchange(manifest, bytes(old), bytes(&packed));
    let manifest = exchange(manifest, block(old), block(&packed));
    whole.write("database.sql.zst", &packed);
    whole.write("manifest.json", manifest.as_bytes());
    std::fs::remove_file(whole.path.join("verified.json")).expect("it was verified");
    assert_eq!(whole.findings(Level::Hashes).await, []);
    let found = whole.findings(Level::Contents).await;
    assert!(
        !found.is_empty() && found.iter().all(|(file, kind, _)| file == "database.sql.zst" && *kind == FindingKind::Archive),
        "{found:?}"
    );
}

/// What a program makes of its input.
fn run(program: &str, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut child = Command::new(program).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect(program);
    let (mut stdin, input) = (child.stdin.take().expect("it is a pipe"), input.to_vec());
    let feeding = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().expect(program);
    feeding.join().expect("it does not panic").expect(program);
    assert!(output.status.success(), "{program}: {}", output.status);
    output.stdout
}
