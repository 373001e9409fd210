//! A first look at a whole script: what it holds and needs, and what stands against it, before anything is written.

use std::collections::{BTreeMap, BTreeSet};

use crate::archive::Manifest;
use crate::error::{Error, ImportError};
use crate::import::Made;
use crate::import::preflight::Wanted;
use crate::progress::Run;
use crate::script::{MetaCommand, ScriptEnd, ScriptEvent, Statement, StatementKind};
use crate::storage::Source;

use super::complete::{Complete, Completeness};
use super::judge::{Judge, Refusal, Transactions, Verdict};
use super::names;
use super::needs::Needs;
use super::options::ImportOptions;
use super::read::{Fingerprint, Script};
use super::refuse::{self, Place};

/// Places that are kept of each kind of problem; the others are counted.
const PLACES_KEPT: usize = 5;

/// Places in a script.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Places {
    /// The first ones.
    pub(super) first: Vec<Place>,
    /// How many there are.
    pub(super) count: u64,
}

impl Places {
    fn add(&mut self, place: impl FnOnce() -> Place) {
        self.count += 1;
        if self.first.len() < PLACES_KEPT {
            self.first.push(place());
        }
    }
}

/// The rows of one table in a script.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct SurveyedTable {
    /// Lines of `COPY`.
    pub(super) rows: u64,
    /// Bytes of them.
    pub(super) bytes: u64,
    /// `INSERT` statements.
    pub(super) inserts: u64,
}

/// What a script is.
#[derive(Debug)]
pub(super) struct Survey {
    /// Size and hash: what is run later must be the same.
    pub(super) fingerprint: Fingerprint,
    /// What the reader counted.
    pub(super) end: ScriptEnd,
    /// Who says to have written it.
    pub(super) program: Option<String>,
    /// Our own account of it, if we wrote it.
    pub(super) manifest: Option<Box<Manifest>>,
    /// What it fills, by the names it uses.
    pub(super) tables: BTreeMap<String, SurveyedTable>,
    /// Statements that are not run.
    pub(super) refused: BTreeMap<Refusal, Places>,
    /// Statements that cannot be in one transaction with all others, and why the first cannot.
    pub(super) own_transactions: Option<(Places, &'static str)>,
    /// What the target must have.
    pub(super) wanted: Wanted,
    /// Something is made that only `CREATE` on the database allows.
    pub(super) makes_schemas: bool,
    /// What is made, for what it may have to replace.
    pub(super) made: Made,
}

impl Survey {
    /// Reads the whole script.
    ///
    /// # Errors
    /// When it cannot be read, is not complete, or holds a meta-command that is not understood.
    pub(super) async fn take(source: Source, database: &str, options: &ImportOptions, run: &Run) -> Result<Self, Error> {
        let judge = Judge { options, database, unknown_settings: BTreeSet::new(), transactions: Transactions::One };
        let mut script = Script::open(source, options.encoding.as_deref().unwrap_or("UTF8"));
        let mut look = Look::new(judge);
        loop {
            if run.is_cancelled() {
                return Err(Error::Cancelled);
            }
            let Some(event) = script.next().await? else { break };
            look.take(&event)?;
        }
        look.finish(script.fingerprint())
    }

    /// How the script's transactions are run.
    pub(super) fn transactions(&self) -> Transactions {
        if self.own_transactions.is_some() { Transactions::Own } else { Transactions::One }
    }
}

/// A survey that is being made.
struct Look<'a> {
    judge: Judge<'a>,
    needs: Needs,
    completeness: Completeness,
    tables: BTreeMap<String, SurveyedTable>,
    /// The table whose rows are passing.
    filling: String,
    refused: BTreeMap<Refusal, Places>,
    own_transactions: Option<(Places, &'static str)>,
    end: Option<ScriptEnd>,
}

impl<'a> Look<'a> {
    fn new(judge: Judge<'a>) -> Self {
        Self {
            judge,
            needs: Needs::default(),
            completeness: Completeness::default(),
            tables: BTreeMap::new(),
            filling: String::new(),
            refused: BTreeMap::new(),
            own_transactions: None,
            end: None,
        }
    }

    fn take(&mut self, event: &ScriptEvent) -> Result<(), Error> {
        self.completeness.observe(event);
        match event {
            ScriptEvent::Statement(statement) => self.statement(statement),
            ScriptEvent::CopyEnd(end) => {
                if let Some(table) = self.tables.get_mut(&self.filling) {
                    table.rows += end.lines;
                    table.bytes += end.bytes;
                }
            }
            ScriptEvent::Meta(meta) => {
                if let MetaCommand::Connect { arguments } = &meta.command {
                    self.needs.forget_session();
                    let place = Place { line: meta.line, statement: "\\connect".into() };
                    let database = refuse::connected_database(arguments, self.judge.database, &place)?;
                    if database != self.judge.database {
                        self.refuse(Refusal::OtherDatabase(database), || place);
                    }
                }
            }
            ScriptEvent::End(end) => self.end = Some(end.clone()),
            _ => {}
        }
        Ok(())
    }

    fn statement(&mut self, statement: &Statement) {
        let class = statement.classify();
        let place = || Place { line: statement.line, statement: statement.excerpt() };
        match self.judge.judge(statement, &class) {
            Verdict::Refuse(refusal) => return self.refuse(refusal, place),
            Verdict::Skip(_) | Verdict::Absorb => return,
            Verdict::Copy(copy) => {
                self.filling.clone_from(&copy.shown);
                self.tables.entry(copy.shown).or_default();
            }
            Verdict::Run { .. } => {
                if class.kind == StatementKind::Insert {
                    self.add_insert(statement);
                } else {
                    self.needs.add(statement, &class);
                }
            }
        }
        if let Some(why) = self.judge.forbids_one_transaction(statement, &class) {
            self.own_transactions.get_or_insert_with(|| (Places::default(), why)).0.add(place);
        }
    }

    fn add_insert(&mut self, statement: &Statement) {
        let Some(name) = names::filled_table(statement) else { return };
        let name = super::tables::shown(&name);
        match self.tables.get_mut(&name) {
            Some(table) => table.inserts += 1,
            None => drop(self.tables.insert(name, SurveyedTable { inserts: 1, ..SurveyedTable::default() })),
        }
    }

    fn refuse(&mut self, refusal: Refusal, place: impl FnOnce() -> Place) {
        self.refused.entry(refusal).or_default().add(place);
    }

    fn finish(self, fingerprint: Fingerprint) -> Result<Survey, Error> {
        let incomplete = |problem: String| Error::Import(ImportError::ScriptIncomplete { problem });
        let end = self.end.ok_or_else(|| incomplete("it has no end".into()))?;
        let Complete { manifest } = self.completeness.judge(&end).map_err(incomplete)?;
        let (makes_schemas, made) = (self.needs.makes_schemas, self.needs.made.clone());
        Ok(Survey {
            fingerprint,
            end,
            program: self.completeness.program().map(str::to_owned),
            manifest,
            tables: self.tables,
            refused: self.refused,
            own_transactions: self.own_transactions,
            wanted: self.needs.finish(),
            makes_schemas,
            made,
        })
    }
}
