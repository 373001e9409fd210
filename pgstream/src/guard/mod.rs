//! Decides whether a database may be written to.
//!
//! Words: a *profile* is a named database; its *class* says how precious it is; a *protected* one (production, staging) is never a
//! destination by accident, however it is reached. An *identity* is what a server tells of itself. A [`Destination`] is the proof
//! that the guard let a database pass, and nothing can be written without one.
//!
//! Deciding (`decide`, `same_database::judge`, `address`) is kept apart from asking (this file, `identity`, `memory`).
//! Not here: what the target holds already, and whether it can take what is coming.

mod address;
mod class;
mod decide;
mod destination;
mod env_file;
mod identity;
mod memory;
mod profile;
mod same_database;
mod suggest;

use std::time::Duration;

use futures_util::future::join_all;

pub use address::AllowedTargets;
pub use class::Class;
pub use destination::Destination;
pub use env_file::EnvFile;
pub use identity::{DatabaseIdentity, is_class_mark, without_class_mark};
pub use memory::{FileMemory, GuardMemory, NoMemory, RememberedIdentity};
pub use profile::{NamedDatabase, Profile, Profiles};

use crate::connection::{Connection, ConnectionConfig};
use crate::error::{ConnectionError, GuardError};
use decide::{Cluster, NotThat, ProfileCheck};
use same_database::{Facts, LockTest, LockTester, Verdict, judge};

/// A protected database that has not answered in this time counts as unreachable; then what is remembered of it decides.
const PATIENCE: Duration = Duration::from_secs(15);

/// What is to be written to, and what is known about it. Start with [`AdmitRequest::new`].
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct AdmitRequest<'a> {
    target: &'a NamedDatabase,
    profiles: &'a Profiles,
    memory: &'a dyn GuardMemory,
    source: Option<&'a NamedDatabase>,
    confirm: Option<&'a str>,
    accept_unidentified: &'a [String],
    allow_globals: bool,
    beside: Option<&'a Destination>,
}

impl<'a> AdmitRequest<'a> {
    /// Asks for one database, by the rules that `profiles` and `memory` make.
    pub fn new(target: &'a NamedDatabase, profiles: &'a Profiles, memory: &'a dyn GuardMemory) -> Self {
        let accept_unidentified = &[];
        let (source, confirm, beside) = (None, None, None);
        Self { target, profiles, memory, source, confirm, accept_unidentified, allow_globals: false, beside }
    }

    /// The database that is read from, if it is one.
    #[must_use]
    pub fn source(self, source: Option<&'a NamedDatabase>) -> Self {
        Self { source, ..self }
    }

    /// `PROFILE/DATABASE`, as the operator repeated it for this run.
    #[must_use]
    pub fn confirm(self, confirm: Option<&'a str>) -> Self {
        Self { confirm, ..self }
    }

    /// Protected profiles that may be unreachable though they were never identified.
    #[must_use]
    pub fn accept_unidentified(self, profiles: &'a [String]) -> Self {
        Self { accept_unidentified: profiles, ..self }
    }

    /// Asks for the right to write roles, memberships and tablespaces too.
    #[must_use]
    pub fn allow_globals(self, allow_globals: bool) -> Self {
        Self { allow_globals, ..self }
    }

    /// For a database that pgstream itself made beside one that was admitted (the staged copy of a swap, a scratch database): the
    /// rules by name and by address were passed by that one, on the same servers. All others are asked again.
    #[must_use]
    pub fn beside(self, admitted: Option<&'a Destination>) -> Self {
        Self { beside: admitted, ..self }
    }

    /// Whether name and address were admitted already.
    fn is_beside(&self) -> bool {
        self.beside.is_some_and(|admitted| {
            admitted.config.endpoints() == self.target.config().endpoints()
                && admitted.profile.as_deref() == self.target.profile()
        })
    }

    /// The protected profile that named the target and that this run may write to.
    fn permitted(&self) -> Option<&'a Profile> {
        let profile = self.profiles.get(self.target.profile()?).filter(|p| p.class().is_protected())?;
        let is_permitted = self.is_beside() || self.permits(profile);
        is_permitted.then_some(profile)
    }

    fn permits(&self, profile: &Profile) -> bool {
        decide::is_permitted(profile, self.target.config().database(), self.confirm)
    }

    /// The protected profiles that the target must not turn out to be.
    fn forbidden(&self) -> Vec<&'a Profile> {
        self.profiles.iter().filter(|p| p.class().is_protected() && !self.permits(p)).collect()
    }
}

/// Decides whether a database may be written to, and is the only maker of a [`Destination`].
///
/// The order: by name, by spelling, by address (nothing is connected to so far); then by what the target shows of itself; then by
/// comparing it with the source and with every protected profile, all at one time. Writes nothing to any database; the identities of
/// protected profiles go to the memory.
///
/// # Errors
/// [`GuardError::Refused`] with the rule; [`GuardError::Unidentified`] if it could not be told; else what failed.
///
/// # Cancellation
/// Dropping the future closes all connections.
pub async fn admit(request: AdmitRequest<'_>) -> Result<Destination, GuardError> {
    let AdmitRequest { target, profiles, .. } = request;
    let is_beside = request.is_beside();
    if !is_beside {
        decide::by_name(target, profiles, request.confirm)?;
    }
    decide::by_spelling(target, request.source, profiles, request.confirm)?;
    let permitted = request.permitted();
    let is_remote_fine = is_beside || permitted.is_some();
    if !is_remote_fine {
        let resolved = address::resolve(target.config(), profiles.allowed_targets()).await;
        decide::by_address(target, &resolved.map_err(|e| failed("the destination", e))?)?;
    }
    let connection = Connection::open(target.config()).await.map_err(|e| failed("the destination", e))?;
    let identity = DatabaseIdentity::read(&connection).await.map_err(|e| failed("the destination", e))?;
    if !is_remote_fine {
        decide::by_hosting(target, &identity, profiles)?;
    }
    decide::by_mark(target, &identity, permitted.map(Profile::class))?;
    let seen = compare(&request, &connection, &identity).await?;
    connection.close().await;
    decide::by_recovery(target, &identity)?;
    let is_protected = permitted.is_some() || profiles.iter().any(|p| p.class().is_protected() && request.permits(p));
    let may_write_cluster = seen.may_write_cluster && !is_protected && !identity.has_protected_neighbour;
    if request.allow_globals {
        decide::by_cluster(target, &identity, may_write_cluster)?;
    }
    let class = target.class().max(identity.class_mark);
    let source_class = request.source.and_then(|s| s.class().max(seen.source_mark));
    let holds_back_outbound = class < Some(source_class.unwrap_or(Class::Production));
    Ok(Destination {
        config: target.config().clone(),
        profile: target.profile().map(str::to_owned),
        class,
        identity,
        notes: seen.notes,
        may_write_cluster,
        holds_back_outbound,
    })
}

/// Connects to a profile's database, says who it is, and remembers it if it is protected.
///
/// # Errors
/// [`GuardError::UnknownProfile`]; [`GuardError::Connection`]; [`GuardError::Memory`].
pub async fn test_profile(profiles: &Profiles, name: &str, memory: &dyn GuardMemory) -> Result<DatabaseIdentity, GuardError> {
    let profile = profiles.get(name).ok_or_else(|| profiles.unknown(name))?;
    let database = profiles.database_of(profile)?;
    let what = format!("the profile {}", profile.name());
    let (connection, identity) = identify(database.config()).await.map_err(|e| failed(&what, e))?;
    connection.close().await;
    if profile.class().is_protected() {
        memory.remember(&RememberedIdentity::new(profile.name(), profile.class(), &identity)).await?;
    }
    Ok(identity)
}

fn failed(what: &str, source: ConnectionError) -> GuardError {
    GuardError::Connection { what: what.to_owned(), source }
}

async fn identify(config: &ConnectionConfig) -> Result<(Connection, DatabaseIdentity), ConnectionError> {
    let connection = Connection::open(config).await?;
    let identity = DatabaseIdentity::read(&connection).await?;
    Ok((connection, identity))
}

/// What comparing the target with all others brought.
struct Seen {
    notes: Vec<String>,
    may_write_cluster: bool,
    source_mark: Option<Class>,
}

async fn compare(request: &AdmitRequest<'_>, target: &Connection, identity: &DatabaseIdentity) -> Result<Seen, GuardError> {
    let lock = LockTester::begin(target).await;
    let remembered = request.memory.recall().await?;
    let forbidden = request.forbidden();
    let profiles = join_all(forbidden.iter().map(|profile| compare_profile(request, profile, identity, &lock, &remembered)));
    let (source, profiles) = tokio::join!(compare_source(request, identity, &lock), profiles);
    let (source_note, source_mark) = source?;
    let not_those = profiles.into_iter().collect::<Result<Vec<NotThat>, _>>()?;
    // What was a protected database once is one still, whatever its profile is called or classed as now; those that are
    // protected now were compared above, and the one that may be written to is meant.
    let is_settled = |name: &str| request.profiles.get(name).is_some_and(|p| p.class().is_protected());
    let elsewhere = remembered.iter().filter(|r| !is_settled(&r.profile));
    for earlier in elsewhere {
        if matches!(same_database::judge_remembered(identity.into(), earlier.facts()), Verdict::Same(_)) {
            return Err(decide::remembered(request.target, identity, earlier));
        }
    }
    let may_write_cluster = not_those.iter().all(|n| n.cluster == Cluster::Other);
    let pooled = identity.is_pooled.then(|| "the destination is reached through a pooler".to_owned());
    let notes = not_those.into_iter().filter_map(|n| n.note).chain(source_note).chain(pooled).collect();
    Ok(Seen { notes, may_write_cluster, source_mark })
}

type Tester<'a> = Result<LockTester<'a>, String>;

/// Tries the target's lock over there, and judges.
async fn verdict(lock: &Tester<'_>, target: &DatabaseIdentity, other: &Connection, identity: &DatabaseIdentity) -> Verdict {
    let test = match lock {
        Ok(lock) => lock.test(other).await,
        Err(why) => LockTest::Untrusted(why.clone()),
    };
    judge(Facts::from(target), Facts::from(identity), &test)
}

async fn compare_source(
    request: &AdmitRequest<'_>,
    identity: &DatabaseIdentity,
    lock: &Tester<'_>,
) -> Result<(Option<String>, Option<Class>), GuardError> {
    let Some(source) = request.source else { return Ok((None, None)) };
    let (connection, found) = identify(source.config()).await.map_err(|e| failed("the source", e))?;
    let verdict = verdict(lock, identity, &connection, &found).await;
    connection.close().await;
    Ok((decide::by_source(request.target, identity, verdict)?, found.class_mark))
}

async fn compare_profile(
    request: &AdmitRequest<'_>,
    profile: &Profile,
    identity: &DatabaseIdentity,
    lock: &Tester<'_>,
    remembered: &[RememberedIdentity],
) -> Result<NotThat, GuardError> {
    let AdmitRequest { target, accept_unidentified, .. } = *request;
    let check = ProfileCheck { target, identity, profile, accept_unidentified };
    // Beside a permitted database there may well be one that was in its place before (the old one of a swap).
    let is_own = request.is_beside() && target.profile() == Some(profile.name());
    let earlier: Vec<_> = remembered.iter().filter(|r| r.profile == profile.name() && !is_own).collect();
    let database = request.profiles.database_of(profile)?;
    // Nobody waits for a protected server that is down: what is remembered decides then.
    let config = database.config().with_retry_for(Duration::ZERO);
    let asked = async {
        let (connection, found) = identify(&config).await?;
        let verdict = verdict(lock, identity, &connection, &found).await;
        connection.close().await;
        Ok::<_, ConnectionError>((found, verdict))
    };
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok((found, verdict))) => {
            let now = RememberedIdentity::new(profile.name(), profile.class(), &found);
            request.memory.remember(&now).await?;
            let others: Vec<_> = earlier.into_iter().filter(|e| e.facts() != now.facts()).collect();
            check.reached(verdict, &others)
        }
        // What is not PostgreSQL cannot be the target, which is.
        Ok(Err(ConnectionError::Unsupported { .. })) => Ok(NotThat { cluster: Cluster::Other, note: None }),
        Ok(Err(e)) => check.unreachable(&e.to_string(), &earlier),
        Err(_) => check.unreachable("it did not answer in time", &earlier),
    }
}
