//! What was found, and what was done.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::import::ImportReport;
use crate::report::{EndReport, Proven, TableReport, TargetState};

use super::id::BackupId;
use super::manifest::{BackupManifest, Verification};
use super::options::Level;

/// A new backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CreateReport {
    /// Its name.
    pub id: BackupId,
    /// What was read.
    pub from: EndReport,
    /// Where it is: its folder.
    pub to: String,
    /// What was written on it.
    pub labels: BTreeMap<String, String>,
    /// `rows`: for every table, the server's COPY counted as many rows as were written.
    pub proven: Proven,
    /// Always `replaced`: the backup is complete.
    pub target: TargetState,
    /// Every table whose rows are in it.
    pub tables: Vec<TableReport>,
    /// Rows of all tables.
    pub rows: u64,
    /// Bytes of COPY text of all tables.
    pub bytes: u64,
    /// The size of its files in bytes.
    pub stored_bytes: u64,
    /// Roles that it can make.
    pub roles: Vec<String>,
    /// Tablespaces that it needs, and that are made by hand.
    pub tablespaces: Vec<String>,
    /// How long it took, in milliseconds.
    pub milliseconds: u64,
    /// What was warned of, in order.
    pub warnings: Vec<String>,
}

/// What a folder of a set is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum BackupState {
    /// A whole backup.
    Complete,
    /// It has no manifest: somebody is making it, or was killed while making or removing it.
    Incomplete,
    /// Its manifest was changed.
    Damaged,
    /// A newer pgstream made it. It is never touched.
    Newer,
    /// It could not be looked into. It is never touched.
    Unreadable,
}

/// One backup in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BackupEntry {
    /// Its name.
    pub id: BackupId,
    /// What it is.
    pub state: BackupState,
    /// Whether somebody is making or removing it just now.
    pub is_busy: bool,
    /// When it was begun. This and what follows is known of complete ones only.
    pub created_at: Option<jiff::Timestamp>,
    /// The database that was read.
    pub database: Option<String>,
    /// The version of its server.
    pub server_version: Option<String>,
    /// What was written on it.
    pub labels: BTreeMap<String, String>,
    /// How many tables have their rows in it.
    pub tables: u64,
    /// Rows of all tables.
    pub rows: u64,
    /// The size of its files in bytes.
    pub stored_bytes: u64,
    /// What its last verification came to; `None` if there was none.
    pub verified: Option<Verification>,
}

/// The backups of a set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ListReport {
    /// Where they are.
    pub directory: String,
    /// All folders that are, were to be, or were a backup; oldest first.
    pub backups: Vec<BackupEntry>,
    /// What was warned of, in order.
    pub warnings: Vec<String>,
}

/// One backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ShowReport {
    /// As in a list.
    pub backup: BackupEntry,
    /// Its folder.
    pub path: String,
    /// What it says of itself; `None` unless it is complete.
    pub manifest: Option<BackupManifest>,
    /// What was warned of, in order.
    pub warnings: Vec<String>,
}

/// What a verification came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct VerifyReport {
    /// Whether none is damaged.
    pub is_good: bool,
    /// How thoroughly was looked.
    pub level: Level,
    /// Each that was looked at, oldest first.
    pub backups: Vec<VerifiedBackup>,
    /// What was warned of, in order.
    pub warnings: Vec<String>,
}

/// Whether a backup is what its manifest says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum VerifiedState {
    /// It is, as far as was looked.
    Good,
    /// It is not.
    Damaged,
    /// It could not be looked at: a newer pgstream made it, or somebody is removing it.
    Skipped,
}

/// One backup that was verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct VerifiedBackup {
    /// Its name.
    pub id: BackupId,
    /// What it is.
    pub state: VerifiedState,
    /// Everything that is not as it should be; why it was skipped, for one that was.
    pub findings: Vec<Finding>,
    /// The size of its files in bytes, as its manifest has it.
    pub stored_bytes: u64,
}

/// Something in a backup that is not as its manifest says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Finding {
    /// The file, in the backup's folder.
    pub file: String,
    /// What is wrong with it.
    pub kind: FindingKind,
    /// From which byte of the file on, where that is known. For the kind `content`: the beginning of the damaged block of 8 MiB.
    pub offset: Option<u64>,
    /// The same in words.
    pub what: String,
}

/// What can be wrong with a file of a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum FindingKind {
    /// It is not there.
    Missing,
    /// It is there and should not be.
    Added,
    /// It has another size.
    Size,
    /// It has another hash.
    Content,
    /// It does not decompress.
    Undecodable,
    /// What it holds is not what it should hold.
    Archive,
    /// The backup cannot be looked at.
    Skipped,
}

/// A backup that was restored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RestoreReport {
    /// Its name.
    pub id: BackupId,
    /// Its folder.
    pub path: String,
    /// What the import of its archive came to.
    #[serde(flatten)]
    pub report: ImportReport,
}

/// What was kept and what was removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PruneReport {
    /// Whether nothing was removed, but would have been.
    pub is_dry_run: bool,
    /// What stays, oldest first.
    pub kept: Vec<Pruned>,
    /// What went, oldest first.
    pub removed: Vec<Pruned>,
    /// How many bytes went.
    pub freed_bytes: u64,
    /// What was warned of, in order.
    pub warnings: Vec<String>,
}

/// One backup, and why it stays or goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Pruned {
    /// Its name.
    pub id: BackupId,
    /// Why.
    pub why: String,
}
