//! The rules, each a function of what is known. No I/O.

use super::address;
use super::class::Class;
use super::identity::DatabaseIdentity;
use super::memory::RememberedIdentity;
use super::profile::{NamedDatabase, Profile, Profiles, canonical};
use super::same_database::{Difference, Facts, Verdict, judge_remembered};
use crate::error::{GuardError, GuardRule};

/// The words that confirm writing to a protected profile in one run.
pub(crate) fn confirmation(profile: &Profile, database: &str) -> String {
    format!("{}/{database}", profile.name())
}

/// Whether this run may write to a protected profile's database: it is allowed for the profile, and this run repeats its name
/// (in any spelling) and that of the database (exactly).
pub(crate) fn is_permitted(profile: &Profile, database: &str, confirm: Option<&str>) -> bool {
    let is_this = |(name, named): (&str, &str)| canonical(name) == profile.name() && named == database;
    profile.allows_writes() && confirm.and_then(|words| words.trim().split_once('/')).is_some_and(is_this)
}

/// What an operator has to do to write to a protected profile after all.
fn how_to_permit(profile: &Profile, database: &str) -> String {
    let words = confirmation(profile, database);
    let confirm = format!("--confirm {words} (in the API: \"confirm\": \"{words}\")");
    if profile.allows_writes() {
        return format!("If this is really meant, repeat the command with {confirm}.");
    }
    let variable = format!("PGSTREAM_PROFILE_{}_ALLOW_WRITES", profile.name().to_ascii_uppercase());
    format!("Choose another destination. If this is really meant, set {variable}=true in the environment and add {confirm}.")
}

fn refuse_for(profile: &Profile, database: &str, rule: GuardRule, target: &str, reason: String) -> GuardError {
    GuardError::Refused { rule, target: target.to_owned(), reason, hint: how_to_permit(profile, database) }
}

/// By class: the target was named by a protected profile.
pub(crate) fn by_name(target: &NamedDatabase, profiles: &Profiles, confirm: Option<&str>) -> Result<(), GuardError> {
    let Some(profile) = target.profile().and_then(|name| profiles.get(name)) else { return Ok(()) };
    let database = target.config().database();
    if !profile.class().is_protected() || is_permitted(profile, database, confirm) {
        return Ok(());
    }
    let (name, upper) = (profile.name(), profile.name().to_ascii_uppercase());
    let reason = match profile.is_class_assumed() {
        true => format!("{name} counts as production: it is not on this machine, and PGSTREAM_PROFILE_{upper}_CLASS is not set"),
        false => format!("{name} is a profile of class {}", profile.class()),
    };
    let shown = target.config().to_string();
    Err(refuse_for(profile, database, GuardRule::ProtectedProfile, &shown, reason))
}

/// By spelling: the target has the address and database of a protected profile, or of the source.
pub(crate) fn by_spelling(
    target: &NamedDatabase,
    source: Option<&NamedDatabase>,
    profiles: &Profiles,
    confirm: Option<&str>,
) -> Result<(), GuardError> {
    let (config, shown) = (target.config(), target.config().to_string());
    for profile in profiles.iter().filter(|p| p.class().is_protected() && !is_permitted(p, config.database(), confirm)) {
        if address::is_same_by_name(config, profiles.database_of(profile)?.config()) {
            let reason = format!("it is the address of the profile {} of class {}", profile.name(), profile.class());
            return Err(refuse_for(profile, config.database(), GuardRule::ProtectedAddress, &shown, reason));
        }
    }
    match source {
        Some(source) if address::is_same_by_name(config, source.config()) => {
            Err(source_is_target(shown, "both have the same address and database name"))
        }
        _ => Ok(()),
    }
}

pub(crate) fn source_is_target(target: String, why: &str) -> GuardError {
    let hint = "Name another destination than the source.".into();
    GuardError::Refused { rule: GuardRule::SourceIsTarget, target, reason: format!("it is the source itself: {why}"), hint }
}

/// By address: a server of the target is neither here nor listed.
pub(crate) fn by_address(target: &NamedDatabase, resolved: &[address::Resolved]) -> Result<(), GuardError> {
    let Some((endpoint, far)) = address::first_remote(resolved) else { return Ok(()) };
    let found = far.map(|ip| format!(" ({ip})")).unwrap_or_default();
    Err(GuardError::Refused {
        rule: GuardRule::RemoteAddress,
        target: target.config().to_string(),
        reason: format!("{endpoint}{found} is not on this machine and not listed"),
        hint: how_to_list(&endpoint.to_string()),
    })
}

fn how_to_list(place: &str) -> String {
    format!(
        "If it may be overwritten, add {place} to PGSTREAM_ALLOWED_TARGETS in the environment (a .env file that is merely found does not count)."
    )
}

/// By what the server shows: a hosting service behind a local address.
pub(crate) fn by_hosting(target: &NamedDatabase, identity: &DatabaseIdentity, profiles: &Profiles) -> Result<(), GuardError> {
    let Some(mark) = &identity.hosting_mark else { return Ok(()) };
    if profiles.allowed_targets().allow_hosted(target.config()) {
        return Ok(());
    }
    let places: Vec<String> = target.config().endpoints().iter().map(ToString::to_string).collect();
    Err(GuardError::Refused {
        rule: GuardRule::HostedService,
        target: shown(target, identity),
        reason: format!("a hosting service answers there ({mark} exists), so it counts as remote"),
        hint: how_to_list(&places.join(",")),
    })
}

/// By what the database says of itself: a mark that is more precious than what was permitted.
pub(crate) fn by_mark(target: &NamedDatabase, identity: &DatabaseIdentity, permitted: Option<Class>) -> Result<(), GuardError> {
    match identity.class_mark {
        Some(mark) if mark.is_protected() && permitted.is_none_or(|class| class < mark) => Err(GuardError::Refused {
            rule: GuardRule::MarkedDatabase,
            target: shown(target, identity),
            reason: format!("the database says itself that it is of class {mark}"),
            hint: format!(
                "Choose another destination. Its owner can remove the mark: the setting pgstream.class, or the line \
                 pgstream.class={mark} in its comment."
            ),
        }),
        _ => Ok(()),
    }
}

/// The target with the identity that was seen.
pub(crate) fn shown(target: &NamedDatabase, identity: &DatabaseIdentity) -> String {
    format!("{} ({identity})", target.config())
}

/// Whether two databases share roles and tablespaces, as far as can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cluster {
    Other,
    /// The same, or it cannot be told.
    MaybeSame,
}

/// A protected database that the target turned out not to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotThat {
    pub(crate) cluster: Cluster,
    pub(crate) note: Option<String>,
}

impl NotThat {
    fn by(difference: Difference, name: &str) -> Self {
        let (cluster, note) = match difference {
            Difference::OtherCluster => (Cluster::Other, None),
            Difference::PhysicalClone => {
                (Cluster::Other, Some(format!("the destination is a physical clone of {name}, told apart by a lock")))
            }
            Difference::OtherDatabase => {
                (Cluster::MaybeSame, Some(format!("the destination is another database in the cluster of {name}")))
            }
            Difference::ByLock => (Cluster::MaybeSame, None),
        };
        Self { cluster, note }
    }
}

/// What one protected profile is to the target.
pub(crate) struct ProfileCheck<'a> {
    pub(crate) target: &'a NamedDatabase,
    pub(crate) identity: &'a DatabaseIdentity,
    pub(crate) profile: &'a Profile,
    pub(crate) accept_unidentified: &'a [String],
}

impl ProfileCheck<'_> {
    /// The profile's database was asked now; what it was earlier counts too.
    pub(crate) fn reached(&self, verdict: Verdict, earlier: &[&RememberedIdentity]) -> Result<NotThat, GuardError> {
        let name = self.profile.name();
        let database = self.target.config().database();
        let not_that = match verdict {
            Verdict::Different(difference) => NotThat::by(difference, &format!("the profile {name}")),
            Verdict::Same(why) => {
                let reason = format!("it is the database of the profile {name} of class {}: {why}", self.profile.class());
                let target = shown(self.target, self.identity);
                return Err(refuse_for(self.profile, database, GuardRule::ProtectedDatabase, &target, reason));
            }
            Verdict::Unknown(reason) => {
                let hint = format!(
                    "Connect to the destination and to {name} directly, not through a pooler, as a role that may call \
                     pg_control_system()."
                );
                return Err(self.unidentified(reason, hint));
            }
        };
        match earlier.iter().find(|e| matches!(self.judge(e), Verdict::Same(_))) {
            Some(earlier) => Err(remembered(self.target, self.identity, earlier)),
            None => Ok(not_that),
        }
    }

    /// The profile's database cannot be asked now.
    pub(crate) fn unreachable(&self, why: &str, earlier: &[&RememberedIdentity]) -> Result<NotThat, GuardError> {
        let name = self.profile.name();
        let mut not_that = NotThat { cluster: Cluster::Other, note: None };
        let mut unknown = earlier.is_empty().then(|| format!("{name} cannot be reached ({why}) and was never identified"));
        for identity in earlier {
            match self.judge(identity) {
                Verdict::Same(_) => return Err(remembered(self.target, self.identity, identity)),
                Verdict::Unknown(reason) => unknown = Some(format!("{name} cannot be reached ({why}), and {reason}")),
                Verdict::Different(difference) if not_that.cluster == Cluster::Other => {
                    not_that = NotThat::by(difference, &format!("the profile {name}"));
                }
                Verdict::Different(_) => {}
            }
        }
        let Some(reason) = unknown else { return Ok(not_that) };
        if self.accept_unidentified.iter().any(|accepted| canonical(accepted) == name) {
            let note = Some(format!("{reason}; accepted by --accept-unidentified {name}"));
            return Ok(NotThat { cluster: Cluster::MaybeSame, note });
        }
        let hint = format!(
            "Make {name} reachable once (`pgstream profiles test {name}`), so that it is known; or, if you are sure that the \
             destination is not {name}, add --accept-unidentified {name}."
        );
        Err(self.unidentified(reason, hint))
    }

    fn judge(&self, earlier: &RememberedIdentity) -> Verdict {
        judge_remembered(Facts::from(self.identity), earlier.facts())
    }

    fn unidentified(&self, reason: String, hint: String) -> GuardError {
        let other = format!("the profile {} of class {}", self.profile.name(), self.profile.class());
        GuardError::Unidentified { target: shown(self.target, self.identity), other, reason, hint }
    }
}

/// A database that a profile had earlier: one that cannot be reached now, has another database now, or is not configured here.
pub(crate) fn remembered(target: &NamedDatabase, identity: &DatabaseIdentity, earlier: &RememberedIdentity) -> GuardError {
    let RememberedIdentity { profile, class, .. } = earlier;
    GuardError::Refused {
        rule: GuardRule::RememberedDatabase,
        target: shown(target, identity),
        reason: format!("{profile} of class {class} was seen to be this database, or the one that it was cloned from"),
        hint: format!(
            "If it is a clone, make {profile} reachable, so that the two can be told apart. If {profile} is no longer this \
             database, run `pgstream profiles forget {profile}`."
        ),
    }
}

/// What the source is to the target.
pub(crate) fn by_source(
    target: &NamedDatabase,
    identity: &DatabaseIdentity,
    verdict: Verdict,
) -> Result<Option<String>, GuardError> {
    match verdict {
        Verdict::Different(difference) => Ok(NotThat::by(difference, "the source").note),
        Verdict::Same(why) => Err(source_is_target(shown(target, identity), why)),
        Verdict::Unknown(reason) => Err(GuardError::Unidentified {
            target: shown(target, identity),
            other: "the source".into(),
            reason,
            hint: "Connect to both directly, not through a pooler, as roles that may call pg_control_system().".into(),
        }),
    }
}

/// A standby cannot be written to.
pub(crate) fn by_recovery(target: &NamedDatabase, identity: &DatabaseIdentity) -> Result<(), GuardError> {
    if !identity.is_in_recovery {
        return Ok(());
    }
    Err(GuardError::Refused {
        rule: GuardRule::Standby,
        target: shown(target, identity),
        reason: "the server is a standby and cannot be written to".into(),
        hint: "Name the primary, or add target_session_attrs=read-write to the connection string.".into(),
    })
}

/// Roles and tablespaces belong to all databases of a cluster.
pub(crate) fn by_cluster(target: &NamedDatabase, identity: &DatabaseIdentity, may_write: bool) -> Result<(), GuardError> {
    if may_write {
        return Ok(());
    }
    Err(GuardError::Refused {
        rule: GuardRule::ProtectedCluster,
        target: shown(target, identity),
        reason: "its cluster holds a protected database, or it cannot be told that it holds none".into(),
        hint: "Create the missing roles and tablespaces yourself, and do not let the run write them.".into(),
    })
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
