//! Roles, extensions, and other things that an archive names and does not bring along.

use std::collections::BTreeSet;

use crate::ddl::identifier;

use super::super::finding::{Finding, count, list};
use super::super::wanted::RoleUse;
use super::Situation;

/// Roles that do not exist in the target's cluster.
pub(super) fn role_missing(situation: &Situation<'_>) -> Vec<Finding> {
    let wanted = &situation.wanted.roles;
    let missing: Vec<_> = wanted.iter().filter(|(name, _)| !situation.target.roles.contains_key(*name)).collect();
    if missing.is_empty() {
        return Vec::new();
    }
    let names = missing.iter().map(|(name, used)| format!("{} ({})", identifier(name), purpose(**used)));
    let what = format!("{} in the target: {}", absent(missing.len(), "role"), list(names));
    let create: String = missing.iter().map(|(name, _)| format!(" CREATE ROLE {};", one_line(name))).collect();
    let mut options = vec![];
    if missing.iter().any(|(_, used)| used.owns) {
        options.push("--no-owner");
    }
    if missing.iter().any(|(_, used)| used.is_granted || used.acts) {
        options.push("--no-privileges");
    }
    let or = if options.is_empty() { String::new() } else { format!(", or go without them: {}", options.join(" ")) };
    vec![Finding::error(what, format!("Create them in the target:{create}{or}"))]
}

fn one_line(name: &str) -> String {
    crate::name::display_part(&identifier(name))
}

fn purpose(used: RoleUse) -> String {
    let uses = [
        (used.owns, "owner"),
        (used.is_granted, "privileges"),
        (used.is_in_policies, "policies"),
        (used.acts, "grants in its name"),
    ];
    uses.iter().filter(|(is_used, _)| *is_used).map(|(_, word)| *word).collect::<Vec<_>>().join(", ")
}

fn absent(number: usize, thing: &str) -> String {
    format!("{} {} not exist", count(number, thing), if number == 1 { "does" } else { "do" })
}

/// Roles that exist and that the loading role may not act as.
pub(super) fn role_membership(situation: &Situation<'_>) -> Vec<Finding> {
    let role = &situation.target.server.role;
    if role.is_superuser {
        return Vec::new();
    }
    let foreign: Vec<(&String, &RoleUse)> = situation
        .wanted
        .roles
        .iter()
        .filter(|(name, used)| (used.owns || used.acts) && situation.target.roles.get(*name) == Some(&false))
        .collect();
    if foreign.is_empty() {
        return Vec::new();
    }
    let names = list(foreign.iter().map(|(name, _)| identifier(name)));
    let what = format!("{} may not act as {}: {names}", one_line(&role.name), count(foreign.len(), "role"));
    let grants: String =
        foreign.iter().map(|(name, _)| format!(" GRANT {} TO {};", one_line(name), one_line(&role.name))).collect();
    vec![Finding::error(what, format!("Let it:{grants} Or go without: --no-owner --no-privileges."))]
}

/// Extensions that the target's server does not have.
pub(super) fn extension_missing(situation: &Situation<'_>) -> Vec<Finding> {
    let has = |name: &String| situation.target.extensions.contains_key(name);
    let missing: Vec<&String> = situation.wanted.extensions.keys().filter(|name| !has(name)).collect();
    match missing.len() {
        0 => Vec::new(),
        n => vec![Finding::error(
            format!("{} not available on the target's server: {}", are(n, "extension"), list(missing)),
            "Install their packages on the target's server, or leave them and what needs them out with --exclude-extension.",
        )],
    }
}

fn are(number: usize, thing: &str) -> String {
    format!("{} {}", count(number, thing), if number == 1 { "is" } else { "are" })
}

/// Extensions that the loading role may not install.
pub(super) fn extension_rights(situation: &Situation<'_>) -> Vec<Finding> {
    let role = &situation.target.server.role;
    if role.is_superuser {
        return Vec::new();
    }
    let refused = |name: &&String| {
        let Some(found) = situation.target.extensions.get(*name) else { return false };
        let is_allowed = role.can_create_in_database && (!found.needs_superuser || found.is_trusted);
        !found.is_installed && !is_allowed
    };
    let refused: Vec<&String> = situation.wanted.extensions.keys().filter(refused).collect();
    match refused.len() {
        0 => Vec::new(),
        n => vec![Finding::error(
            format!("{} may not install {}: {}", one_line(&role.name), count(n, "extension"), list(&refused)),
            format!("Let a superuser run in the target:{}", create_extensions(&refused)),
        )],
    }
}

fn create_extensions(names: &[&String]) -> String {
    names.iter().map(|name| format!(" CREATE EXTENSION {};", one_line(name))).collect()
}

/// Extensions that come in another version, or are installed in another schema.
pub(super) fn extension_version(situation: &Situation<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    let source = situation.source.map(|source| &source.extensions);
    let mut versions = Vec::new();
    for (name, schema) in &situation.wanted.extensions {
        let Some(there) = situation.target.extensions.get(name) else { continue };
        if let Some(here) = source.and_then(|source| source.get(name)).filter(|here| **here != there.version) {
            versions.push(format!("{name} {here} → {}", there.version));
        }
        if let (true, Some(wanted), Some(actual)) = (there.is_installed, schema, &there.schema)
            && wanted != actual
        {
            found.push(Finding::warning(
                format!("extension {name} is installed in schema {actual} of the target and in {wanted} of the source"),
                format!("Move it: ALTER EXTENSION {} SET SCHEMA {};", one_line(name), one_line(wanted)),
            ));
        }
    }
    if !versions.is_empty() {
        found.push(Finding::note(
            format!("{} in another version: {}", count(versions.len(), "extension") + " come", list(versions)),
            "Nothing has to be done, unless what the source uses of them is new or gone.",
        ));
    }
    found
}

/// Tablespaces that do not exist in the target's cluster, or that may not be used.
pub(super) fn tablespace_missing(situation: &Situation<'_>) -> Vec<Finding> {
    let (missing, refused) = look_up(situation, "tablespace", &situation.wanted.tablespaces);
    let mut found = Vec::new();
    let remedy = "Create them in the target's cluster, or put everything into the default one: --no-tablespaces.";
    if !missing.is_empty() {
        found.push(Finding::error(format!("{} in the target: {}", absent(missing.len(), "tablespace"), list(&missing)), remedy));
    }
    if !refused.is_empty() && !situation.target.server.role.is_superuser {
        let what = format!("no CREATE privilege on {}: {}", count(refused.len(), "tablespace"), list(&refused));
        found.push(Finding::error(what, "Grant it, or put everything into the default one: --no-tablespaces."));
    }
    found
}

/// Access methods that the target does not have.
pub(super) fn access_method_missing(situation: &Situation<'_>) -> Vec<Finding> {
    let (missing, _) = look_up(situation, "access method", &situation.wanted.access_methods);
    let remedy = "Install the extension that has them, or leave these tables and indexes out with a filter.";
    unless_an_extension_brings_it(situation, "access method", &missing, remedy)
}

/// Procedural languages that the target does not have.
pub(super) fn language_missing(situation: &Situation<'_>) -> Vec<Finding> {
    let (missing, refused) = look_up(situation, "language", &situation.wanted.languages);
    let mut found =
        unless_an_extension_brings_it(situation, "language", &missing, "Create them in the target: CREATE EXTENSION.");
    if !refused.is_empty() && !situation.target.server.role.is_superuser {
        let what = format!("{} may not be used: {}", count(refused.len(), "language"), list(&refused));
        found.push(Finding::error(what, "Load as a superuser: only superusers make functions in untrusted languages."));
    }
    found
}

/// A name may belong to an extension that the run installs first; that is not known before.
fn unless_an_extension_brings_it(situation: &Situation<'_>, kind: &str, missing: &[&String], remedy: &str) -> Vec<Finding> {
    if missing.is_empty() {
        return Vec::new();
    }
    let is_new = |name: &String| situation.target.extensions.get(name).is_some_and(|found| !found.is_installed);
    let coming: Vec<&String> = situation.wanted.extensions.keys().filter(|name| is_new(name)).collect();
    let what = format!("{} in the target: {}", absent(missing.len(), kind), list(missing));
    match coming.len() {
        0 => vec![Finding::error(what, remedy)],
        _ => vec![Finding::note(what, format!("Nothing has to be done if an extension brings it: {}.", list(coming)))],
    }
}

/// Collations of the system that the target's system does not have.
pub(super) fn collation_missing(situation: &Situation<'_>) -> Vec<Finding> {
    let (missing, _) = look_up(situation, "collation", &situation.wanted.collations);
    match missing.len() {
        0 => Vec::new(),
        n => vec![Finding::error(
            format!("{} in the target: {}", absent(n, "collation"), list(missing)),
            "Install the locales on the target's machine and run SELECT pg_import_system_collations('pg_catalog'); in the target.",
        )],
    }
}

/// Which names do not exist, and which exist and may not be used.
fn look_up<'a>(situation: &Situation<'_>, kind: &str, wanted: &'a BTreeSet<String>) -> (Vec<&'a String>, Vec<&'a String>) {
    let state = |name: &&String| situation.target.names.get(&(kind.to_owned(), (*name).clone())).copied();
    let missing = wanted.iter().filter(|name| state(name).is_none()).collect();
    (missing, wanted.iter().filter(|name| state(name) == Some(false)).collect())
}

#[cfg(test)]
#[path = "names_tests.rs"]
mod tests;
