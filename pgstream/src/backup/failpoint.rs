//! Places at which a test lets the process die, as by `kill -9` or a power cut. Only a program that calls [`die_at`] can: no
//! setting from outside does.

#[cfg(feature = "failpoints")]
static CHOSEN: std::sync::OnceLock<String> = std::sync::OnceLock::new();

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

/// From here on this process ends, at once and without any clean-up, where it reaches this place. Only the first call counts.
#[cfg(feature = "failpoints")]
pub fn die_at(name: &str) {
    CHOSEN.get_or_init(|| name.to_owned());
}

/// Ends the process if this place was chosen.
#[cfg(feature = "failpoints")]
pub(super) fn reach(name: &str) {
    debug_assert!(FAILPOINTS.contains(&name), "{name} is not in the list");
    if CHOSEN.get().is_some_and(|chosen| chosen == name) {
        std::process::abort();
    }
}

#[cfg(not(feature = "failpoints"))]
pub(super) fn reach(_name: &str) {}
