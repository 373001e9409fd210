//! `pgstream profiles`: named databases, and who they are.

use pgstream::guard::{self, DatabaseIdentity, Profile};
use pgstream::report::ErrorReport;
use serde::Serialize;

use crate::Outcome;
use crate::args::ProfilesAction;
use crate::engine::{Context, Databases};
use crate::exit_code::Exit;
use crate::place::shown;
use crate::report::{Finished, Problem};
use crate::table::{Align, Table};
use crate::usage::WrongUsage;

pub(crate) async fn run(action: &ProfilesAction, context: &Context, databases: &Databases) -> Outcome {
    match action {
        ProfilesAction::List => list(databases),
        ProfilesAction::Test { names } => test(names, context, databases).await,
        ProfilesAction::Forget { name } => forget(name, context, databases).await,
    }
}

#[derive(Serialize)]
struct Listed<'a> {
    name: &'a str,
    class: &'a str,
    writes: &'static str,
    variable: &'a str,
}

impl<'a> Listed<'a> {
    fn new(profile: &'a Profile) -> Self {
        let writes = match (profile.class().is_protected(), profile.allows_writes()) {
            (true, false) => "never",
            (true, true) => "with --confirm",
            // Whether its address is on this machine, or listed, is asked when it is written to.
            (false, _) => "if local or listed",
        };
        Self { name: profile.name(), class: profile.class().as_str(), writes, variable: profile.variable() }
    }
}

fn list(databases: &Databases) -> Outcome {
    let profiles: Vec<Listed<'_>> = databases.profiles().iter().map(Listed::new).collect();
    let text = match profiles.is_empty() {
        true => "There are no profiles. Set PRODUCTION_DATABASE_URL, LOCAL_DATABASE_URL or PGSTREAM_PROFILE_<NAME>_URL.".into(),
        false => {
            let mut table = Table::new(["NAME", "CLASS", "WRITTEN TO", "VARIABLE"], [Align::Left; 4]);
            profiles.iter().for_each(|p| table.row([p.name, p.class, p.writes, p.variable].map(str::to_owned)));
            table.lines().join("\n")
        }
    };
    Ok(Finished::new(&serde_json::json!({ "profiles": profiles }))?.reading(text))
}

#[derive(Serialize)]
struct Tested {
    name: String,
    identity: Option<Who>,
    error: Option<ErrorReport>,
}

#[derive(Serialize)]
struct Who {
    database: String,
    server_version: String,
    system_identifier: Option<String>,
    database_oid: u32,
    is_standby: bool,
    is_pooled: bool,
    class_mark: Option<guard::Class>,
}

impl From<DatabaseIdentity> for Who {
    fn from(identity: DatabaseIdentity) -> Self {
        Self {
            database: identity.database_name,
            server_version: identity.server_version,
            system_identifier: identity.system_identifier,
            database_oid: identity.database_oid,
            is_standby: identity.is_in_recovery,
            is_pooled: identity.is_pooled,
            class_mark: identity.class_mark,
        }
    }
}

impl Tested {
    fn text(&self) -> String {
        match (&self.identity, &self.error) {
            (Some(who), _) => {
                let system = who.system_identifier.as_deref().unwrap_or("unknown (the role may not read it)");
                let standby = if who.is_standby { ", a standby" } else { "" };
                let pooled = if who.is_pooled { ", through a pooler" } else { "" };
                format!("{}: {} on PostgreSQL {}, system {system}{standby}{pooled}", self.name, who.database, who.server_version)
            }
            (None, Some(error)) => format!("{}: {}\nhint:  {}", self.name, error.message, error.hint),
            (None, None) => self.name.clone(),
        }
    }
}

async fn test(names: &[String], context: &Context, databases: &Databases) -> Outcome {
    let all: Vec<String> = databases.profiles().iter().map(|profile| profile.name().to_owned()).collect();
    let mut tested = Vec::new();
    for name in if names.is_empty() { &all } else { names } {
        let asked = guard::test_profile(databases.profiles(), name, databases.memory());
        let (identity, error) = match context.or_cancelled(asked).await {
            Ok(identity) => (Some(identity.into()), None),
            Err(Problem::Failed(failure)) if databases.profiles().get(name).is_some() => {
                (None, Some(ErrorReport::from(&failure.error)))
            }
            Err(other) => return Err(other),
        };
        tested.push(Tested { name: name.clone(), identity, error });
    }
    let is_fine = tested.iter().all(|t| t.error.is_none());
    let text = tested.iter().map(Tested::text).collect::<Vec<_>>().join("\n");
    let finished = Finished::new(&serde_json::json!({ "profiles": tested }))?.reading(text);
    Ok(if is_fine { finished } else { finished.ending(Exit::Failed) })
}

async fn forget(name: &str, context: &Context, databases: &Databases) -> Outcome {
    // It may be that the profile is no longer defined, and only the memory of it is left.
    let name =
        databases.profiles().get(name).map_or_else(|| name.to_ascii_lowercase().replace('-', "_"), |p| p.name().to_owned());
    let was_there = context.or_cancelled(databases.memory().forget(&name)).await?;
    if !was_there {
        let hint = "Only protected profiles that were reached are remembered; `pgstream profiles list` shows the profiles.";
        return Err(WrongUsage::new(format!("nothing is remembered of {}", shown(&name)), hint).into());
    }
    Ok(Finished::new(&serde_json::json!({ "forgotten": name }))?.reading(format!("Forgotten: {name}.")))
}
