//! Places at which a test lets the process die, as by `kill -9` or a power cut.

/// Every place, in the order of events.
#[cfg(feature = "failpoints")]
pub const FAILPOINTS: &[&str] = &[
    "backup.create.folder_made",
    "backup.create.begun",
    "backup.create.database_half",
    "backup.create.database_written",
    "backup.create.globals_written",
    "backup.create.manifest_half",
    "backup.create.manifest_written",
    "backup.prune.verified",
    "backup.prune.claimed",
    "backup.prune.withdrawn",
    "backup.prune.file_deleted",
    "backup.prune.files_deleted",
    "backup.prune.folder_deleted",
];

/// Ends the process at once, without any clean-up, if `PGSTREAM_FAILPOINT` names this place.
#[cfg(feature = "failpoints")]
pub(super) fn reach(name: &str) {
    debug_assert!(FAILPOINTS.contains(&name), "{name} is not in the list");
    if std::env::var_os("PGSTREAM_FAILPOINT").is_some_and(|wanted| wanted == *name) {
        std::process::abort();
    }
}

#[cfg(not(feature = "failpoints"))]
pub(super) fn reach(_name: &str) {}
