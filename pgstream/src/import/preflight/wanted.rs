//! What a run needs from both ends, read from its archive's table of contents. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::archive::{EntryData, Toc, TocEntry};
use crate::catalog::{OneConnection, Section};
use crate::import::Replacing;

use super::features;
use super::words::{Word, names_at, positions, words};

/// How the run will be made, as far as the check has to know.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunShape {
    /// How many jobs run at the same time; each takes one connection at both ends.
    pub jobs: u32,
    /// The target must hold nothing of its own.
    pub must_be_empty: bool,
    /// Everything is written in one transaction.
    pub is_one_transaction: bool,
    /// Rows go into tables that are there already.
    pub fills_existing: bool,
    /// Loading sessions are replica sessions where that is allowed, in which ordinary triggers do not fire.
    pub is_replica: bool,
    /// Something is made that only `CREATE` on the database allows: a schema, for one.
    pub makes_schemas: bool,
    /// And these tables may hold rows.
    pub may_hold_rows: bool,
    /// Event triggers of the target may fire.
    pub allow_event_triggers: bool,
    /// A pooler in between is known to keep one server session for each of ours.
    pub allow_pooler: bool,
    /// The source is read over one connection, which the check uses as well.
    pub one_connection: Option<OneConnection>,
    /// The run gives way to sessions at the source that wait for its locks.
    pub yields_to_ddl: bool,
    /// Subscriptions, credentials of user mappings and their like are carried.
    pub keep_outbound: bool,
    /// How many connections to the source the run holds already, that of the check among them.
    pub open_at_source: u32,
    /// How many connections to the target the run holds already, that of the check among them.
    pub open_at_target: u32,
}

impl Default for RunShape {
    fn default() -> Self {
        Self {
            jobs: 2,
            must_be_empty: true,
            fills_existing: false,
            may_hold_rows: false,
            is_one_transaction: false,
            is_replica: true,
            makes_schemas: true,
            allow_event_triggers: false,
            allow_pooler: false,
            one_connection: None,
            yields_to_ddl: false,
            keep_outbound: false,
            open_at_source: 1,
            open_at_target: 1,
        }
    }
}

/// What a role is needed for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RoleUse {
    /// Objects belong to it.
    pub owns: bool,
    /// Privileges are granted to it or taken from it.
    pub is_granted: bool,
    /// Policies name it.
    pub is_in_policies: bool,
    /// Statements run in its name: default privileges, grants by somebody other than the owner.
    pub acts: bool,
}

/// What an archive needs from the database that it is written to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Wanted {
    /// How the run will be made.
    pub shape: RunShape,
    /// Roles by name.
    pub roles: BTreeMap<String, RoleUse>,
    /// Extensions by name, each with its schema.
    pub extensions: BTreeMap<String, Option<String>>,
    /// Tablespaces other than the default.
    pub tablespaces: BTreeSet<String>,
    /// Access methods that the archive does not make.
    pub access_methods: BTreeSet<String>,
    /// Procedural languages that the archive does not make.
    pub languages: BTreeSet<String>,
    /// Collations of `pg_catalog`.
    pub collations: BTreeSet<String>,
    /// Oids, at the source, of the tables to be read.
    pub tables: Vec<u32>,
    /// Tables and sequences that must be there, each with the columns that rows have; filled when the run fills what exists.
    pub existing: BTreeMap<(String, String), Vec<String>>,
    /// Oids, at the source, of the sequences to be read.
    pub sequences: Vec<u32>,
    /// Unlogged tables among them.
    pub unlogged: Vec<String>,
    /// Large objects.
    pub large_objects: u64,
    /// Relations that are locked at the source to the end.
    pub source_locks: u64,
    /// Locks that making all of it in one transaction would hold.
    pub target_locks: u64,
    /// Bytes of rows to be read.
    pub data_bytes: u64,
    /// Features that older servers lack: what, since which major version, how many entries, one of them.
    pub features: BTreeMap<&'static str, FeatureUse>,
    /// What would call out from the copy, by kind.
    pub outbound: BTreeMap<&'static str, u64>,
    /// The longest name, in bytes.
    pub longest_name: String,
    /// Something is made in the schema `public`.
    pub makes_in_public: bool,
    /// What is replaced, if anything may be.
    pub replacing: Option<Replacing>,
}

/// Where a feature that older servers lack is used.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FeatureUse {
    /// The first major version that has it.
    pub since: u32,
    /// How many entries use it.
    pub count: u64,
    /// One of them, as `TABLE public.film`.
    pub example: String,
}

impl Wanted {
    /// Reads it from what is to be written, after [`crate::archive::OutputOptions::select`].
    pub fn new(toc: &Toc, shape: RunShape) -> Self {
        let mut wanted = Self { shape, ..Self::default() };
        toc.entries.iter().for_each(|entry| wanted.add(entry));
        for entry in &toc.entries {
            match entry.desc {
                "PROCEDURAL LANGUAGE" => wanted.languages.remove(&entry.tag),
                "ACCESS METHOD" => wanted.access_methods.remove(&entry.tag),
                _ => false,
            };
        }
        wanted
    }

    fn add(&mut self, entry: &TocEntry) {
        self.add_data(entry);
        if entry.create.is_empty() && entry.set_owner.is_empty() {
            return;
        }
        let words = words(&entry.create);
        self.add_roles(entry, &words);
        self.add_names(entry, &words);
        self.add_locks(entry);
        features::find(entry, &words, &mut self.features);
        if entry.desc != "COMMENT" && entry.desc != "ACL" {
            self.makes_in_public |= entry.schema.as_deref() == Some("public") && entry.section != Section::Data;
            if entry.tag.len() > self.longest_name.len() && !entry.tag.contains([' ', '(']) {
                self.longest_name = entry.tag.clone();
            }
        }
        if let Some(kind) = outbound(entry.desc) {
            *self.outbound.entry(kind).or_default() += 1;
        }
    }

    fn add_data(&mut self, entry: &TocEntry) {
        match &entry.data {
            Some(EntryData::Table { source, target }) => {
                self.add_existing(&target.table, &target.columns);
                self.tables.push(source.relation);
                self.data_bytes += source.bytes;
                if source.is_unlogged {
                    self.unlogged.push(source.name.to_string());
                }
            }
            Some(EntryData::Sequence(source)) => {
                self.add_existing(&source.name, &[]);
                self.sequences.push(source.relation);
            }
            Some(EntryData::LargeObject(_)) => self.large_objects += 1,
            None => {}
        }
    }

    fn add_existing(&mut self, name: &crate::name::QualifiedName, columns: &[String]) {
        if self.shape.fills_existing {
            self.existing.entry((name.schema.clone(), name.name.clone())).or_insert_with(|| columns.to_vec());
        }
    }

    fn role(&mut self, name: &str) -> &mut RoleUse {
        self.roles.entry(name.to_owned()).or_default()
    }

    fn add_roles(&mut self, entry: &TocEntry, words: &[Word]) {
        if let (false, Some(owner)) = (entry.set_owner.is_empty(), &entry.owner) {
            self.role(owner).owns = true;
        }
        let behind = |keyword| positions(words, keyword).into_iter().flat_map(|at| names_at(words, at + 1));
        match entry.desc {
            "ACL" | "DEFAULT ACL" => {
                behind("to").chain(behind("from")).for_each(|name| self.role(&name).is_granted = true);
                let acting = behind("role").chain(behind("authorization")).filter(|name| name != "default");
                acting.for_each(|name| self.role(&name).acts = true);
            }
            "POLICY" => behind("to").for_each(|name| self.role(&name).is_in_policies = true),
            _ => {}
        }
    }

    fn add_names(&mut self, entry: &TocEntry, words: &[Word]) {
        let behind = |keyword| positions(words, keyword).into_iter().filter_map(|at| words.get(at + 1)?.name());
        match entry.desc {
            "EXTENSION" => {
                let schema = behind("schema").next().map(str::to_owned);
                self.extensions.insert(entry.tag.clone(), schema);
            }
            "FUNCTION" | "PROCEDURE" => {
                let known = ["sql", "c", "internal", "plpgsql"];
                self.languages.extend(behind("language").filter(|name| !known.contains(name)).map(str::to_owned));
            }
            // The first one: what follows the statement may say `REPLICA IDENTITY USING INDEX`.
            "INDEX" => self.access_methods.extend(behind("using").take(1).map(str::to_owned)),
            _ => {}
        }
        self.tablespaces.extend(entry.tablespace.clone().filter(|name| !name.is_empty()));
        self.access_methods.extend(entry.access_method.clone().filter(|name| !name.is_empty()));
        let is_collation =
            |window: &&[Word]| window[0].is("collate") && window[1].is("pg_catalog") && window[2] == Word::Symbol('.');
        let collations = words.windows(4).filter(is_collation).filter_map(|window| window[3].name());
        self.collations.extend(collations.map(str::to_owned));
    }

    /// What `CREATE` holds to the end of its transaction: a table has a TOAST table and its index beside itself.
    /// Source: the observed number of tables at which a server with default settings gives up.
    fn add_locks(&mut self, entry: &TocEntry) {
        let is_relation = matches!(entry.desc, "TABLE" | "MATERIALIZED VIEW" | "FOREIGN TABLE" | "VIEW");
        self.source_locks += u64::from(is_relation);
        self.target_locks += match entry.desc {
            "TABLE" | "MATERIALIZED VIEW" => 3,
            "COMMENT" | "ACL" | "DEFAULT ACL" | "EXTENSION" | "TABLE DATA" | "SEQUENCE SET" => 0,
            _ => 1,
        };
    }
}

/// What would make a copy call out.
fn outbound(desc: &str) -> Option<&'static str> {
    match desc {
        "SUBSCRIPTION" => Some("subscription"),
        "USER MAPPING" => Some("user mapping"),
        "SERVER" | "FOREIGN SERVER" => Some("foreign server"),
        _ => None,
    }
}
