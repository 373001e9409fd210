//! Removes old backups.

use crate::error::{BackupError, Error};
use crate::progress::{Phase, Run};

use super::list::{self, Complete, Contents, Found};
use super::options::{Level, PruneOptions};
use super::report::{PruneReport, Pruned, VerifiedState};
use super::store::BackupStore;
use super::sweep;
use super::{BackupSet, failpoint, verify};

impl BackupSet {
    pub(super) async fn thin_out(&self, options: &PruneOptions, run: &Run) -> Result<PruneReport, Error> {
        options.check()?;
        run.enter(Phase::Verify);
        let (options, handle) = (options.clone(), run.clone());
        let report = self.blocking(move |store| prune(store, &options, &handle));
        let report = tokio::select! {
            biased;
            report = report => report?,
            () = run.tick(super::TICK) => unreachable!("ticks do not end"),
        };
        Ok(PruneReport { warnings: run.warnings(), ..report })
    }
}

/// What is to become of a backup.
enum Fate {
    Stays(String),
    Goes(String),
}

fn prune(store: &dyn BackupStore, options: &PruneOptions, run: &Run) -> Result<PruneReport, Error> {
    if !options.dry_run {
        sweep::sweep(store, run)?;
    }
    let mut report =
        PruneReport { is_dry_run: options.dry_run, kept: Vec::new(), removed: Vec::new(), freed_bytes: 0, warnings: Vec::new() };
    let mut fates = decide(store, options, run)?;
    run.enter(Phase::Finish);
    // The oldest goes first: whatever stops it in between, what is left is the newest.
    fates.reverse();
    for (found, fate) in fates {
        if run.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let id = found.id.clone();
        match fate {
            Fate::Stays(why) => report.kept.push(Pruned { id, why }),
            Fate::Goes(why) if options.dry_run => report.removed.push(Pruned { id, why }),
            Fate::Goes(why) => match remove(store, &found)? {
                true => {
                    report.freed_bytes += found.into_manifest().map_or(0, |manifest| manifest.stored_bytes());
                    report.removed.push(Pruned { id, why });
                }
                false => report.kept.push(Pruned { id, why: "it is in use".into() }),
            },
        }
    }
    Ok(report)
}

/// Goes from the newest to the oldest, and counts the good ones.
fn decide(store: &dyn BackupStore, options: &PruneOptions, run: &Run) -> Result<Vec<(Found, Fate)>, Error> {
    let mut fates = Vec::new();
    let mut good = 0;
    for found in list::all(store)?.into_iter().rev() {
        let fate = match &found.contents {
            // Whoever makes it may still be at work; what is left of others was swept.
            Contents::Incomplete => continue,
            Contents::Newer(format) => Fate::Stays(format!("a newer pgstream made it (format {format})")),
            Contents::Damaged(why) => Fate::Stays(format!("its manifest cannot be read: {why}")),
            Contents::Unreadable(why) => Fate::Stays(why.clone()),
            Contents::Complete(_) if good >= options.keep_last => {
                Fate::Goes(format!("{} newer good ones are kept", options.keep_last))
            }
            Contents::Complete(backup) => match is_good(store, &found, backup, run)? {
                Ok(()) => {
                    good += 1;
                    Fate::Stays(format!("it is good, the {} of {} that are kept", ordinal(good), options.keep_last))
                }
                Err(why) => Fate::Stays(why),
            },
        };
        fates.push((found, fate));
    }
    failpoint::reach("backup.prune.verified");
    Ok(fates)
}

fn ordinal(number: u32) -> String {
    let ending = match (number % 10, number % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}

/// Whether a backup counts. What was found to be good before is only looked at to be there; else all of it is read. `Err` says why
/// it does not count.
fn is_good(store: &dyn BackupStore, found: &Found, backup: &Complete, run: &Run) -> Result<Result<(), String>, Error> {
    let last = backup.verified.as_ref();
    let level = match last.is_some_and(|last| last.is_good && last.level >= Level::Hashes) {
        true => Level::Present,
        false => Level::Hashes,
    };
    match verify::check_one(store, found, level, run) {
        Ok(verified) if verified.state == VerifiedState::Good => Ok(Ok(())),
        Ok(verified) => {
            let first = verified.findings.first().map(|finding| format!(": {}: {}", finding.file, finding.what));
            Ok(Err(format!("it is damaged and does not count{}", first.unwrap_or_default())))
        }
        Err(Error::Backup(error @ (BackupError::Unusable { .. } | BackupError::Unreadable { .. }))) => {
            Ok(Err(format!("it could not be read and does not count: {error}")))
        }
        Err(error) => Err(error),
    }
}

/// Removes a backup; `false` if somebody uses it.
fn remove(store: &dyn BackupStore, found: &Found) -> Result<bool, BackupError> {
    let Some(_lease) = store.claim(&found.id)? else { return Ok(false) };
    failpoint::reach("backup.prune.claimed");
    // Looked at once more: it may have been made anew, or be gone, since the list was read.
    if matches!(list::look(store, &found.id)?.contents, Contents::Complete(_)) {
        sweep::remove(store, &found.id)?;
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_spoken_right() {
        let spoken: Vec<String> = [1, 2, 3, 4, 11, 12, 13, 21, 112].map(ordinal).to_vec();
        assert_eq!(spoken, ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "112th"]);
    }
}
