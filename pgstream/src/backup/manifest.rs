//! What a backup says about itself, and what is known about it since.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::archive::{Compression, Format, Manifest};
use crate::error::{BackupError, StorageError};

use super::digest::FileDigest;
use super::id::BackupId;
use super::options::Level;
use super::seal::{seal, unseal};

/// The version of the manifest that this build writes, and the newest that it reads.
pub const BACKUP_FORMAT: u32 = 1;

/// What a backup is: written once, last of all its files, and never changed. Fields that a reader does not know are left alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BackupManifest {
    /// [`BACKUP_FORMAT`].
    pub format: u32,
    /// The backup's name, which is also its folder's.
    pub id: BackupId,
    /// When it was begun.
    pub created_at: jiff::Timestamp,
    /// The version of pgstream that wrote it.
    pub pgstream_version: String,
    /// What its maker wrote on it.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// The format of the archive.
    pub archive_format: Format,
    /// How files are compressed.
    pub compression: Compression,
    /// What the archive holds: source, snapshot, options, tables with their counts and hashes. The archive says the same of itself.
    pub archive: Manifest,
    /// What of the cluster it needs, and has in the file of globals.
    pub globals: GlobalsManifest,
    /// Every file but this one, and those that tell what is known since.
    pub files: Vec<FileManifest>,
}

/// Roles and tablespaces that the archive needs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct GlobalsManifest {
    /// Roles that own or are granted something, and those that they are members of.
    pub roles: Vec<String>,
    /// Tablespaces other than the default.
    pub tablespaces: Vec<String>,
    /// Whether the hashes of passwords are there.
    pub has_passwords: bool,
}

/// One file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FileManifest {
    /// Its name in the backup's folder.
    pub name: String,
    /// What it is for.
    pub role: FileRole,
    /// Its size and hashes.
    #[serde(flatten)]
    pub digest: FileDigest,
}

/// What a file of a backup is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum FileRole {
    /// The archive of the database.
    Database,
    /// A script that makes roles.
    Globals,
}

/// What the bytes of a manifest are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Read {
    /// The manifest, and the hash that seals it.
    Manifest(Box<BackupManifest>, String),
    /// A newer pgstream wrote it.
    Newer(u32),
    /// A byte of it was changed, or it is another backup's.
    Damaged(&'static str),
}

impl BackupManifest {
    /// The size of all files.
    pub fn stored_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.digest.bytes).sum()
    }

    pub(super) fn to_text(&self) -> Result<String, BackupError> {
        seal(self).map_err(|e| unrenderable("the manifest", e))
    }

    /// Understands the manifest of the backup `id`.
    pub(super) fn read(bytes: &[u8], id: &BackupId) -> Read {
        #[derive(Deserialize)]
        struct Version {
            format: u32,
        }
        let Some(hash) = unseal(bytes) else { return Read::Damaged("it was changed") };
        match serde_json::from_slice(bytes) {
            Ok(Version { format }) if format > BACKUP_FORMAT => return Read::Newer(format),
            _ => {}
        }
        match serde_json::from_slice::<Self>(bytes) {
            Ok(manifest) if manifest.id == *id => Read::Manifest(Box::new(manifest), hash.to_owned()),
            Ok(_) => Read::Damaged("it is another backup's"),
            Err(_) => Read::Damaged("it cannot be understood"),
        }
    }
}

/// What the last verification of a backup came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Verification {
    /// The hash that seals the manifest that was verified: it counts for no other.
    pub manifest: String,
    /// When.
    pub at: jiff::Timestamp,
    /// How much was looked at.
    pub level: Level,
    /// Whether all of it was as it should be.
    pub is_good: bool,
}

impl Verification {
    pub(super) fn to_text(&self) -> Result<String, BackupError> {
        seal(self).map_err(|e| unrenderable("a verification", e))
    }

    /// Understands the verification of the backup whose manifest has this hash.
    pub(super) fn read(bytes: &[u8], manifest: &str) -> Option<Self> {
        unseal(bytes)?;
        serde_json::from_slice::<Self>(bytes).ok().filter(|verification| verification.manifest == manifest)
    }
}

fn unrenderable(path: &str, error: serde_json::Error) -> BackupError {
    StorageError::Failed { action: "describe", path: path.into(), bytes: 0, source: error.into() }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(format: u32) -> BackupManifest {
        BackupManifest {
            format,
            id: BackupId::parse("20261126T203105042Z-k3f9x2ab").unwrap(),
            created_at: "2026-11-26T20:31:05Z".parse().unwrap(),
            pgstream_version: "1".into(),
            labels: BTreeMap::new(),
            archive_format: Format::Plain,
            compression: Compression::default(),
            archive: Manifest::default(),
            globals: GlobalsManifest::default(),
            files: Vec::new(),
        }
    }

    #[test]
    fn damaged_newer_and_foreign_manifests_are_told_apart() {
        let (ours, newer) = (manifest(1), manifest(BACKUP_FORMAT + 1));
        let text = ours.to_text().unwrap();
        let Read::Manifest(read, _) = BackupManifest::read(text.as_bytes(), &ours.id) else { panic!("{text}") };
        assert_eq!(*read, ours);
        assert_eq!(BackupManifest::read(newer.to_text().unwrap().as_bytes(), &ours.id), Read::Newer(BACKUP_FORMAT + 1));
        let changed = text.replace("\"format\": 1", "\"format\": 9");
        assert!(matches!(BackupManifest::read(changed.as_bytes(), &ours.id), Read::Damaged("it was changed")));
        let other = BackupId::parse("20261126T203105042Z-k3f9x2ac").unwrap();
        assert!(matches!(BackupManifest::read(text.as_bytes(), &other), Read::Damaged("it is another backup's")));
    }

    #[test]
    fn a_verification_counts_for_its_manifest_only() {
        let at = "2026-11-26T20:31:05Z".parse().unwrap();
        let verification = Verification { manifest: "a".into(), at, level: Level::Hashes, is_good: true };
        let text = verification.to_text().unwrap();
        assert_eq!(Verification::read(text.as_bytes(), "a"), Some(verification));
        assert_eq!(Verification::read(text.as_bytes(), "b"), None);
        assert_eq!(Verification::read(text.replace("true", "fals").as_bytes(), "a"), None);
    }
}
