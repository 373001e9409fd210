//! Named databases.
//!
//! A profile is made of variables, which come from the process environment, from a file that was named (`--env-file`), or from a
//! `.env` that happens to lie in the folder; the first one that has a variable wins. What loosens the guard (`_ALLOW_WRITES`, a
//! lower `_CLASS`, `PGSTREAM_ALLOWED_TARGETS`) does not count from the last one: a checked-out repository must not be able to
//! open production to us.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use super::address::{self, AllowedTargets};
use super::class::Class;
use super::env_file::EnvFile;
use super::suggest::nearest;
use crate::connection::{ConnectionConfig, CredentialProvider, Environment};
use crate::error::{ConnectionError, GuardError};

/// Names that have a variable and a class of their own.
const WELL_KNOWN: [(&str, Class); 4] =
    [("production", Class::Production), ("staging", Class::Staging), ("dev", Class::Dev), ("local", Class::Local)];

const PREFIX: &str = "PGSTREAM_PROFILE_";
const ALLOWED_TARGETS: &str = "PGSTREAM_ALLOWED_TARGETS";

/// A named database. `Debug` shows no URL.
#[derive(Clone)]
pub struct Profile {
    name: String,
    class: Class,
    is_class_assumed: bool,
    allows_writes: bool,
    variable: String,
    url: String,
}

impl Profile {
    /// In lower case.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How precious it is.
    pub fn class(&self) -> Class {
        self.class
    }

    /// Whether nobody said the class, so that it was taken from where the URL points to.
    pub fn is_class_assumed(&self) -> bool {
        self.is_class_assumed
    }

    /// Whether `_ALLOW_WRITES=true` counts. A protected profile needs a confirmation too.
    pub fn allows_writes(&self) -> bool {
        self.allows_writes
    }

    /// The variable that holds its URL.
    pub fn variable(&self) -> &str {
        &self.variable
    }
}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Profile")
            .field("name", &self.name)
            .field("class", &self.class)
            .field("allows_writes", &self.allows_writes)
            .field("variable", &self.variable)
            .finish_non_exhaustive()
    }
}

/// A database that somebody named: by a profile, or by a connection string.
#[derive(Debug, Clone)]
pub struct NamedDatabase {
    profile: Option<(String, Class)>,
    config: ConnectionConfig,
}

impl NamedDatabase {
    /// A database that is no profile.
    pub fn unnamed(config: ConnectionConfig) -> Self {
        Self { profile: None, config }
    }

    /// The profile's name.
    pub fn profile(&self) -> Option<&str> {
        self.profile.as_ref().map(|(name, _)| name.as_str())
    }

    /// The profile's class.
    pub fn class(&self) -> Option<Class> {
        self.profile.as_ref().map(|(_, class)| *class)
    }

    /// How to connect.
    pub fn config(&self) -> &ConnectionConfig {
        &self.config
    }

    /// Another database of the same server, by the same profile.
    #[must_use]
    pub fn with_database(&self, name: &str) -> Self {
        Self { profile: self.profile.clone(), config: self.config.with_database(name) }
    }
}

/// Every profile, and what the operator allowed. `Debug` shows no URL.
#[derive(Clone)]
pub struct Profiles {
    by_name: BTreeMap<String, Profile>,
    allowed: AllowedTargets,
    environment: Environment,
    credentials: Option<Arc<dyn CredentialProvider>>,
    warnings: Vec<String>,
}

impl Profiles {
    /// No profiles; connection strings are understood in `environment`.
    pub fn none(environment: &Environment) -> Self {
        let allowed = AllowedTargets::default();
        let (by_name, environment) = (BTreeMap::new(), environment.clone());
        Self { by_name, allowed, environment, credentials: None, warnings: Vec::new() }
    }

    /// The same, with passwords that are asked for at every login to a database for which nothing else gives one.
    #[must_use]
    pub fn with_credentials(self, provider: Arc<dyn CredentialProvider>) -> Self {
        Self { credentials: Some(provider), ..self }
    }

    fn parse(&self, text: &str) -> Result<ConnectionConfig, ConnectionError> {
        let config = ConnectionConfig::parse(text, &self.environment)?;
        Ok(match &self.credentials {
            Some(provider) => config.with_credentials_as_last_resort(Arc::clone(provider)),
            None => config,
        })
    }

    /// The profiles of the process environment alone.
    ///
    /// # Errors
    /// [`GuardError::Profile`] for a value that cannot be understood. URLs are understood when they are used.
    pub fn from_env(environment: &Environment) -> Result<Self, GuardError> {
        Self::load(environment, None, None)
    }

    /// The profiles of the process environment, of a file that the operator named, and of a `.env` that was found.
    ///
    /// # Errors
    /// As [`from_env`](Self::from_env).
    pub fn load(environment: &Environment, named: Option<&EnvFile>, found: Option<&EnvFile>) -> Result<Self, GuardError> {
        let sources = Sources { environment, named, found };
        let mut profiles = Self::none(environment);
        if let Some((text, trust)) = sources.var(ALLOWED_TARGETS) {
            match trust {
                Trust::Full => profiles.allowed = AllowedTargets::parse(text)?,
                Trust::None => profiles.warnings.push(ignored(ALLOWED_TARGETS)),
            }
        }
        for name in sources.names() {
            if let Some(profile) = profiles.profile(&name, &sources)? {
                profiles.by_name.insert(name, profile);
            }
        }
        Ok(profiles)
    }

    fn profile(&mut self, name: &str, sources: &Sources<'_>) -> Result<Option<Profile>, GuardError> {
        let Some((variable, url)) = sources.one_of(name, "URL")? else {
            let orphan = format!("{PREFIX}{}_URL is not set, so its other variables have no effect", name.to_ascii_uppercase());
            self.warnings.push(orphan);
            return Ok(None);
        };
        let url = url.0.to_owned();
        let well_known = WELL_KNOWN.iter().find(|(n, _)| *n == name).map(|(_, class)| *class);
        let default = well_known.unwrap_or_else(|| self.unsaid_class(&url));
        let class = self.declared_class(name, default, sources)?;
        let is_class_assumed = well_known.is_none() && sources.one_of(name, "CLASS")?.is_none();
        let allows_writes = self.allowed_writes(name, sources)?;
        Ok(Some(Profile { name: name.to_owned(), class, is_class_assumed, allows_writes, variable, url }))
    }

    /// Without a word about it, what is not on this machine counts as production.
    fn unsaid_class(&self, url: &str) -> Class {
        let config = ConnectionConfig::parse(url, &self.environment);
        let is_here = config.is_ok_and(|c| c.endpoints().iter().all(address::is_here_by_name));
        if is_here { Class::Dev } else { Class::Production }
    }

    fn declared_class(&mut self, name: &str, default: Class, sources: &Sources<'_>) -> Result<Class, GuardError> {
        let Some((variable, (word, trust))) = sources.one_of(name, "CLASS")? else { return Ok(default) };
        let class = Class::parse(word).ok_or_else(|| GuardError::Profile {
            variable: variable.clone(),
            problem: "it is none of local, dev, staging, production".into(),
        })?;
        if trust == Trust::None && default.is_loosened_by(class) {
            self.warnings.push(ignored(&variable));
            return Ok(default);
        }
        Ok(class)
    }

    fn allowed_writes(&mut self, name: &str, sources: &Sources<'_>) -> Result<bool, GuardError> {
        let Some((variable, (word, trust))) = sources.one_of(name, "ALLOW_WRITES")? else { return Ok(false) };
        let is_allowed = match word.trim().to_ascii_lowercase().as_str() {
            "true" => true,
            "false" => false,
            _ => return Err(GuardError::Profile { variable, problem: "it is neither true nor false".into() }),
        };
        if is_allowed && trust == Trust::None {
            self.warnings.push(ignored(&variable));
            return Ok(false);
        }
        Ok(is_allowed)
    }

    /// Every profile, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Profile> {
        self.by_name.values()
    }

    /// A profile by its name; case, `-` and `_` make no difference.
    pub fn get(&self, name: &str) -> Option<&Profile> {
        self.by_name.get(&canonical(name))
    }

    /// What was found and does not count, or has no effect.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The hosts that may be written to though they are not on this machine.
    pub fn allowed_targets(&self) -> &AllowedTargets {
        &self.allowed
    }

    /// Understands what an operator wrote: a profile's name, a `postgres://` URL, or a conninfo string.
    ///
    /// # Errors
    /// [`GuardError::UnknownProfile`], which lists the profiles; [`GuardError::Connection`] for a connection string that cannot be
    /// understood. An empty text is refused: an unset variable in a script must not mean the default server.
    pub fn resolve(&self, text: &str) -> Result<NamedDatabase, GuardError> {
        let text = text.trim();
        if let Some(profile) = self.get(text) {
            return self.database_of(profile);
        }
        if text.contains("://") || text.contains('=') {
            let what = "the database that was named".to_owned();
            let config = self.parse(text);
            return config.map(NamedDatabase::unnamed).map_err(|source| GuardError::Connection { what, source });
        }
        Err(self.unknown(text))
    }

    /// The database of a profile.
    ///
    /// # Errors
    /// [`GuardError::Connection`] if its URL cannot be understood.
    pub fn database_of(&self, profile: &Profile) -> Result<NamedDatabase, GuardError> {
        let config = self.parse(&profile.url).map_err(|source| {
            let what = format!("the profile {} ({})", profile.name, profile.variable);
            GuardError::Connection { what, source }
        })?;
        Ok(NamedDatabase { profile: Some((profile.name.clone(), profile.class)), config })
    }

    /// What to answer for a name that no profile has.
    pub(crate) fn unknown(&self, name: &str) -> GuardError {
        let names: Vec<&str> = self.by_name.keys().map(String::as_str).collect();
        let known = if names.is_empty() { "none are defined".into() } else { format!("there are: {}", names.join(", ")) };
        // What has no business in a name may be a piece of a connection string, password included.
        let is_plain = name.len() < 64 && name.chars().all(|c| c.is_alphanumeric() || "_-. ".contains(c));
        let shown = if is_plain { format!("{name:?}") } else { "of the name that was given".into() };
        GuardError::UnknownProfile { name: shown, known, suggestion: nearest(&canonical(name), &names).map(str::to_owned) }
    }
}

impl fmt::Debug for Profiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let profiles: Vec<&Profile> = self.iter().collect();
        f.debug_struct("Profiles").field("profiles", &profiles).field("allowed", &self.allowed).finish_non_exhaustive()
    }
}

/// The spelling that names are compared in: case does not matter, and `-` is `_`.
pub(crate) fn canonical(name: &str) -> String {
    name.trim().to_ascii_lowercase().replace('-', "_")
}

fn ignored(variable: &str) -> String {
    format!("{variable} was found in a .env file and is ignored: set it in the environment or in a file given by --env-file")
}

/// Whether a source may loosen the guard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trust {
    Full,
    None,
}

/// Where variables come from, the strongest first.
struct Sources<'a> {
    environment: &'a Environment,
    named: Option<&'a EnvFile>,
    found: Option<&'a EnvFile>,
}

type Value<'a> = (&'a str, Trust);

impl<'a> Sources<'a> {
    fn levels(&self, name: &str) -> [Option<Value<'a>>; 3] {
        let set = |value: Option<&'a str>, trust| value.filter(|v| !v.trim().is_empty()).map(|v| (v, trust));
        [
            set(self.environment.var(name), Trust::Full),
            set(self.named.and_then(|f| f.var(name)), Trust::Full),
            set(self.found.and_then(|f| f.var(name)), Trust::None),
        ]
    }

    /// The strongest value. Empty ones count as not set.
    fn var(&self, name: &str) -> Option<Value<'a>> {
        self.levels(name).into_iter().flatten().next()
    }

    /// The variable `what` of a profile under either of its names; two different values of one strength are an error.
    fn one_of(&self, profile: &str, what: &str) -> Result<Option<(String, Value<'a>)>, GuardError> {
        let [first, second] = variables(profile, what);
        for (a, b) in self.levels(&first).into_iter().zip(self.levels(&second)) {
            match (a, b) {
                (Some(a), Some(b)) if a.0 != b.0 && second != first => {
                    return Err(GuardError::Profile { problem: format!("{second} says something else"), variable: first });
                }
                (Some(a), _) => return Ok(Some((first, a))),
                (None, Some(b)) => return Ok(Some((second, b))),
                (None, None) => {}
            }
        }
        Ok(None)
    }

    /// The names of all profiles that any variable mentions.
    fn names(&self) -> BTreeSet<String> {
        let files = self.named.into_iter().chain(self.found).flat_map(EnvFile::vars);
        let variables = self.environment.vars().chain(files).filter(|(_, value)| !value.trim().is_empty());
        variables.filter_map(|(variable, _)| profile_of(variable)).collect()
    }
}

/// The names of a profile's variable; both are the same for a profile that is not well known.
fn variables(profile: &str, what: &str) -> [String; 2] {
    let upper = profile.to_ascii_uppercase();
    let general = format!("{PREFIX}{upper}_{what}");
    let is_well_known = WELL_KNOWN.iter().any(|(name, _)| *name == profile);
    let own = match what {
        "URL" if is_well_known => format!("{upper}_DATABASE_URL"),
        "ALLOW_WRITES" if is_well_known => format!("{upper}_ALLOW_WRITES"),
        _ => general.clone(),
    };
    [own, general]
}

/// The profile that a variable belongs to.
fn profile_of(variable: &str) -> Option<String> {
    if let Some((name, _)) = WELL_KNOWN.iter().find(|(n, _)| variables(n, "URL")[0] == variable) {
        return Some((*name).to_owned());
    }
    let rest = variable.strip_prefix(PREFIX)?;
    let name = ["_URL", "_CLASS", "_ALLOW_WRITES"].iter().find_map(|end| rest.strip_suffix(end))?;
    (!name.is_empty()).then(|| canonical(name))
}

#[cfg(test)]
#[path = "profile_tests.rs"]
mod tests;
