//! What lies in a set.

use crate::error::BackupError;

use super::id::BackupId;
use super::manifest::{BackupManifest, Read, Verification};
use super::report::{BackupEntry, BackupState};
use super::store::{BackupStore, read_all};
use super::{MANIFEST, VERIFIED};

/// The word for the newest backup.
const LATEST: &str = "latest";

/// How many names an error shows.
const SHOWN: usize = 3;

/// A folder of a set.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) id: BackupId,
    pub(super) contents: Contents,
}

/// What is in it.
#[derive(Debug)]
pub(super) enum Contents {
    /// A backup.
    Complete(Box<Complete>),
    /// No manifest.
    Incomplete,
    /// A manifest of this format, which is newer than this build.
    Newer(u32),
    /// A manifest that was changed, and in which way.
    Damaged(&'static str),
    /// It could not be looked into, and why.
    Unreadable(String),
}

/// A backup.
#[derive(Debug)]
pub(super) struct Complete {
    pub(super) manifest: BackupManifest,
    /// The hash that seals the manifest.
    pub(super) seal: String,
    pub(super) verified: Option<Verification>,
    /// Whether there is a note of a verification which is not whole, or about another manifest.
    pub(super) is_note_damaged: bool,
}

/// Looks at one folder.
pub(super) fn look(store: &dyn BackupStore, id: &BackupId) -> Result<Found, BackupError> {
    let contents = match read_all(store, id, MANIFEST)? {
        None => Contents::Incomplete,
        Some(bytes) => match BackupManifest::read(&bytes, id) {
            Read::Newer(format) => Contents::Newer(format),
            Read::Damaged(why) => Contents::Damaged(why),
            Read::Manifest(manifest, seal) => {
                let note = read_all(store, id, VERIFIED)?;
                let verified = note.as_deref().and_then(|bytes| Verification::read(bytes, &seal));
                let is_note_damaged = note.is_some() && verified.is_none();
                Contents::Complete(Box::new(Complete { manifest: *manifest, seal, verified, is_note_damaged }))
            }
        },
    };
    Ok(Found { id: id.clone(), contents })
}

/// Everything there is, oldest first.
pub(super) fn all(store: &dyn BackupStore) -> Result<Vec<Found>, BackupError> {
    let mut all = Vec::new();
    for id in store.list()? {
        let found = match look(store, &id) {
            // One that cannot be read must not hide the others.
            Err(error @ BackupError::Unreadable { .. }) => Found { id, contents: Contents::Unreadable(told(&error)) },
            found => found?,
        };
        // One that was removed since, or is just being begun, has no files.
        if !matches!(found.contents, Contents::Incomplete) || !store.files(&found.id)?.is_empty() {
            all.push(found);
        }
    }
    all.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(all)
}

/// An error with its cause, in one line.
fn told(error: &BackupError) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// The backup that `word` means.
pub(super) fn resolve(store: &dyn BackupStore, word: &str) -> Result<Found, BackupError> {
    let unknown = || BackupError::Unknown { id: word.to_owned(), place: store.describe() };
    if word == LATEST {
        let complete = all(store)?.into_iter().rfind(|found| matches!(found.contents, Contents::Complete(_)));
        return complete.ok_or_else(unknown);
    }
    let mut meant: Vec<BackupId> = store.list()?.into_iter().filter(|id| id.is_meant_by(word)).collect();
    match (meant.pop(), meant.len()) {
        (None, _) => Err(unknown()),
        (Some(id), 0) => look(store, &id),
        (Some(last), others) => {
            let shown: Vec<String> = meant.iter().chain([&last]).take(SHOWN).map(ToString::to_string).collect();
            let more = if others + 1 > SHOWN { ", …" } else { "" };
            let examples = format!("{}{more}", shown.join(", "));
            Err(BackupError::Ambiguous { id: word.to_owned(), count: others + 1, examples })
        }
    }
}

impl Found {
    /// As lists show it.
    pub(super) fn entry(&self, store: &dyn BackupStore) -> BackupEntry {
        let mut entry = BackupEntry {
            id: self.id.clone(),
            state: BackupState::Complete,
            is_busy: store.share(&self.id).is_ok_and(|lease| lease.is_none()),
            created_at: None,
            database: None,
            server_version: None,
            labels: Default::default(),
            tables: 0,
            rows: 0,
            stored_bytes: 0,
            verified: None,
        };
        let backup = match &self.contents {
            Contents::Complete(backup) => backup,
            other => {
                entry.state = match other {
                    Contents::Newer(_) => BackupState::Newer,
                    Contents::Damaged(_) => BackupState::Damaged,
                    Contents::Unreadable(_) => BackupState::Unreadable,
                    _ => BackupState::Incomplete,
                };
                entry.stored_bytes = store.files(&self.id).map_or(0, |files| files.iter().map(|file| file.bytes).sum());
                return entry;
            }
        };
        let manifest = &backup.manifest;
        entry.created_at = Some(manifest.created_at);
        entry.database = Some(manifest.archive.source.database.clone());
        entry.server_version = Some(manifest.archive.source.server_version.clone());
        entry.labels.clone_from(&manifest.labels);
        entry.tables = manifest.archive.tables.len() as u64;
        entry.rows = manifest.archive.tables.iter().map(|table| table.rows).sum();
        entry.stored_bytes = manifest.stored_bytes();
        entry.verified.clone_from(&backup.verified);
        entry
    }

    /// The manifest, if it has a good one.
    pub(super) fn into_manifest(self) -> Option<BackupManifest> {
        match self.contents {
            Contents::Complete(backup) => Some(backup.manifest),
            _ => None,
        }
    }

    /// The error that it is for somebody who wants to use it; `None` if it is complete.
    pub(super) fn obstacle(&self) -> Option<BackupError> {
        let problem = match &self.contents {
            Contents::Complete(_) => return None,
            Contents::Damaged(why) => {
                let problem = format!("{MANIFEST}: {why}");
                return Some(BackupError::Damaged { id: self.id.to_string(), problem });
            }
            Contents::Incomplete => "it has no manifest, so it is incomplete".to_owned(),
            Contents::Newer(format) => format!("a newer pgstream made it (format {format})"),
            Contents::Unreadable(problem) => problem.clone(),
        };
        Some(BackupError::Unusable { id: self.id.to_string(), problem })
    }
}
