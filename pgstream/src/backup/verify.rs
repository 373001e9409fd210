//! Whether backups are what their manifests say.

use std::collections::BTreeMap;
use std::io::Read;

use crate::archive::{Format, Manifest, decoder};
use crate::error::{BackupError, Error};
use crate::progress::{Phase, Run};

use super::digest::{DigestReader, FileDigest};
use super::id::BackupId;
use super::list::{self, Complete, Contents, Found};
use super::manifest::{BackupManifest, FileManifest, FileRole, Verification};
use super::report::{Finding, FindingKind, VerifiedBackup, VerifiedState, VerifyReport};
use super::script_check::ScriptCheck;
use super::store::BackupStore;
use super::sweep::{is_own, without_part};
use super::{BackupSet, LOCK, MANIFEST, VERIFIED, Which, options::Level};

/// Read at once. Between two of them the order to stop is looked at.
const PIECE: usize = 256 * 1024;

impl BackupSet {
    pub(super) async fn check(&self, which: &Which, level: Level, run: &Run) -> Result<VerifyReport, Error> {
        run.enter(Phase::Verify);
        let (which, handle) = (which.clone(), run.clone());
        let backups = self.blocking(move |store| check_all(store, &which, level, &handle));
        let backups = tokio::select! {
            biased;
            backups = backups => backups?,
            () = run.tick(super::TICK) => unreachable!("ticks do not end"),
        };
        let is_good = backups.iter().all(|backup| backup.state != VerifiedState::Damaged);
        Ok(VerifyReport { is_good, level, backups, warnings: run.warnings() })
    }
}

fn check_all(store: &dyn BackupStore, which: &Which, level: Level, run: &Run) -> Result<Vec<VerifiedBackup>, Error> {
    let found = match which {
        Which::One(word) => vec![list::resolve(store, word)?],
        Which::All => list::all(store)?.into_iter().filter(|found| !matches!(found.contents, Contents::Incomplete)).collect(),
    };
    let sizes = found.iter().map(|found| match &found.contents {
        Contents::Complete(backup) => backup.manifest.stored_bytes(),
        _ => 0,
    });
    run.expect_work(sizes.sum());
    let mut verified = Vec::new();
    for found in found {
        let id = found.id.clone();
        verified.push(match check_one(store, &found, level, run) {
            // Among many, one that cannot be looked at is no reason not to look at the others.
            Err(Error::Backup(BackupError::Unusable { problem, .. })) if *which == Which::All => skipped(id, problem),
            result => result?,
        });
    }
    Ok(verified)
}

fn skipped(id: BackupId, problem: String) -> VerifiedBackup {
    let finding = Finding { file: MANIFEST.into(), kind: FindingKind::Skipped, offset: None, what: problem };
    VerifiedBackup { id, state: VerifiedState::Skipped, findings: vec![finding], stored_bytes: 0 }
}

/// Verifies a backup, and notes what came of it.
///
/// # Errors
/// [`BackupError::Unusable`] if it is no whole backup, or is being removed; what the store failed with. That it is damaged is told
/// by what is returned.
pub(super) fn check_one(store: &dyn BackupStore, found: &Found, level: Level, run: &Run) -> Result<VerifiedBackup, Error> {
    let id = &found.id;
    let Some(_lease) = store.share(id)? else {
        let problem = "it is being made or removed just now".to_owned();
        return Err(BackupError::Unusable { id: id.to_string(), problem }.into());
    };
    let backup = match &found.contents {
        Contents::Complete(backup) => backup,
        Contents::Damaged(why) => {
            let findings = vec![finding(MANIFEST, FindingKind::Content, None, why)];
            return Ok(VerifiedBackup { id: id.clone(), state: VerifiedState::Damaged, findings, stored_bytes: 0 });
        }
        _ => return Err(found.obstacle().expect("only a complete backup has none").into()),
    };
    let _working = run.working_on(format!("backup {id}"));
    let mut findings = present(store, backup)?;
    if level > Level::Present {
        for file in &backup.manifest.files {
            // One that is not there was found already.
            findings.extend(check_file(store, &backup.manifest, file, level, run)?);
        }
    }
    note(store, backup, level, findings.is_empty(), run);
    let state = if findings.is_empty() { VerifiedState::Good } else { VerifiedState::Damaged };
    Ok(VerifiedBackup { id: id.clone(), state, findings, stored_bytes: backup.manifest.stored_bytes() })
}

/// Compares the names and sizes of what is there with what should be.
fn present(store: &dyn BackupStore, backup: &Complete) -> Result<Vec<Finding>, BackupError> {
    let stored = store.files(&backup.manifest.id)?;
    let there: BTreeMap<&str, u64> = stored.iter().map(|file| (file.name.as_str(), file.bytes)).collect();
    let mut findings = Vec::new();
    for FileManifest { name, digest, .. } in &backup.manifest.files {
        match there.get(name.as_str()) {
            None => findings.push(finding(name, FindingKind::Missing, None, "it is missing")),
            Some(bytes) if *bytes != digest.bytes => {
                let what = format!("it has {bytes} bytes and should have {}", digest.bytes);
                findings.push(finding(name, FindingKind::Size, Some(digest.bytes.min(*bytes)), &what));
            }
            Some(_) => {}
        }
    }
    if there.get(LOCK).is_some_and(|bytes| *bytes > 0) {
        findings.push(finding(LOCK, FindingKind::Size, Some(0), "it should be empty"));
    }
    if backup.is_note_damaged {
        findings.push(finding(VERIFIED, FindingKind::Content, None, "it was changed"));
    }
    let is_expected = |name: &str| {
        let is_listed = backup.manifest.files.iter().any(|file| file.name == name);
        // What a killed process had begun is swept by the next `create` or `prune`, and harms nobody.
        let is_left_over = without_part(name).is_some() && is_own(name);
        is_listed || is_left_over || [MANIFEST, VERIFIED, LOCK].contains(&name)
    };
    let added = there.keys().filter(|name| !is_expected(name));
    findings.extend(added.map(|name| finding(name, FindingKind::Added, None, "it does not belong to the backup")));
    Ok(findings)
}

/// Reads one file to its end, once, and judges all that the level asks for.
fn check_file(
    store: &dyn BackupStore,
    manifest: &BackupManifest,
    file: &FileManifest,
    level: Level,
    run: &Run,
) -> Result<Vec<Finding>, Error> {
    let Some(input) = store.read(&manifest.id, &file.name)? else { return Ok(Vec::new()) };
    let path = format!("{}/{}", store.path_of(&manifest.id), file.name);
    let mut input = DigestReader::new(input);
    let mut findings = match level {
        Level::Contents => decode(&mut input, manifest, file, run)?,
        _ => Vec::new(),
    };
    // Whatever a decoder left: what stands behind its stream belongs to the file all the same.
    let mut piece = vec![0; PIECE];
    loop {
        let read =
            input.read(&mut piece).map_err(|source| BackupError::Unreadable { action: "read", path: path.clone(), source })?;
        if read == 0 {
            break;
        }
        go_on(run)?;
        run.work_done(read as u64);
    }
    let found = input.finish();
    // A file of another size was told of by its size.
    if found.bytes == file.digest.bytes {
        findings.splice(0..0, content(file, &found));
    }
    Ok(findings)
}

fn content(file: &FileManifest, found: &FileDigest) -> Option<Finding> {
    let offset = file.digest.differs_from(found)?;
    let what = format!("it was changed; its hash is {} and should be {}", found.xxh3, file.digest.xxh3);
    Some(finding(&file.name, FindingKind::Content, Some(offset), &what))
}

/// Decompresses a file to its end, and looks at what comes out.
fn decode(
    input: &mut DigestReader<Box<dyn Read + Send>>,
    manifest: &BackupManifest,
    file: &FileManifest,
    run: &Run,
) -> Result<Vec<Finding>, Error> {
    let is_script = file.role == FileRole::Database && manifest.archive_format == Format::Plain;
    let nothing = Manifest::default();
    let mut check = ScriptCheck::new(if is_script { &manifest.archive } else { &nothing });
    let mut decoded = decoder(manifest.compression.method, Box::new(input))?;
    let (mut piece, mut bytes) = (vec![0; PIECE], 0_u64);
    loop {
        go_on(run)?;
        match decoded.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => {
                bytes += read as u64;
                if is_script {
                    check.update(&piece[..read]);
                }
            }
            Err(e) => {
                let what = format!("it cannot be decompressed after {bytes} bytes of what is in it: {e}");
                return Ok(vec![finding(&file.name, FindingKind::Undecodable, None, &what)]);
            }
        }
    }
    let problems = if is_script { check.finish() } else { Vec::new() };
    Ok(problems.iter().map(|what| finding(&file.name, FindingKind::Archive, None, what)).collect())
}

/// Notes beside the backup what came of it. A look that was shorter than the last one says nothing against it.
fn note(store: &dyn BackupStore, backup: &Complete, level: Level, is_good: bool, run: &Run) {
    let is_news = !is_good || backup.verified.as_ref().is_none_or(|last| last.level <= level);
    if !is_news {
        return;
    }
    let verification = Verification { manifest: backup.seal.clone(), at: jiff::Timestamp::now(), level, is_good };
    let noted = verification.to_text().and_then(|text| store.replace(&backup.manifest.id, VERIFIED, &text));
    if let Err(error) = noted {
        run.warn(format!("what was found about the backup {} could not be noted beside it: {error}", backup.manifest.id));
    }
}

fn go_on(run: &Run) -> Result<(), Error> {
    if run.is_cancelled() { Err(Error::Cancelled) } else { Ok(()) }
}

fn finding(file: &str, kind: FindingKind, offset: Option<u64>, what: &str) -> Finding {
    Finding { file: file.to_owned(), kind, offset, what: what.to_owned() }
}
