//! Everything around the statements of a script: begin, prove, commit, or take back.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use crate::connection::{CopySession, TransactionStatus};
use crate::ddl::Ddl;
use crate::error::{ConnectionError, Error, ImportError};
use crate::import::target::Target;
use crate::import::{Clearing, Dropped, Replacing};
use crate::name::QualifiedName;
use crate::progress::{Phase, Run};
use crate::report::{Failure, TableReport, TargetState};
use crate::storage::Source;

use super::complete::{Complete, Completeness};
use super::execute::{Counted, Execution};
use super::judge::{Judge, Transactions};
use super::options::ImportOptions;
use super::pipeline::{Pipeline, Purpose};
use super::proof::{self, Proof, Prover};
use super::read::Script;
use super::settings;
use super::survey::Survey;
use super::tables::Tables;

/// How long a rollback may take before the connection is closed instead.
const ROLLBACK_WITHIN: Duration = Duration::from_secs(30);

/// How long the server is asked whether it committed, when the answer was lost.
const FATE_WITHIN: Duration = Duration::from_secs(30);

/// A script that was run, and proven.
pub(super) struct Finished {
    pub(super) proof: Proof,
    pub(super) counted: Counted,
    pub(super) script_bytes: u64,
    pub(super) program: Option<String>,
    pub(super) dropped: Vec<Dropped>,
}

/// What a run of a script needs.
pub(super) struct Transaction<'a> {
    pub(super) target: &'a Target,
    pub(super) options: &'a ImportOptions,
    pub(super) run: &'a Run,
    /// What was found out before; `None` for a pipe.
    pub(super) survey: Option<&'a Survey>,
    /// What gives way to the script.
    pub(super) replacing: Option<Replacing>,
}

/// A transaction that the script can run in.
struct Begun<'a> {
    judge: Judge<'a>,
    old: Old,
    /// The statements that make a session like this one.
    fresh_session: String,
    dropped: Vec<Dropped>,
}

/// How a commit ended whose answer may have been lost.
enum Fate {
    Committed,
    Aborted,
    Unknown,
}

impl Transaction<'_> {
    fn transactions(&self) -> Transactions {
        self.survey.map_or(Transactions::One, Survey::transactions)
    }

    /// Runs the script to its end and commits it.
    pub(super) async fn run(&self, from: Source, mut session: CopySession) -> Result<Finished, Failure> {
        let begun = self.begin(&mut session).await;
        let Begun { judge, old, fresh_session, dropped } = match begun {
            Ok(begun) => begun,
            Err(error) => {
                session.close().await;
                return Err(self.failure(error, TargetState::Untouched));
            }
        };
        self.run.enter(Phase::Schema);
        let mut script = Script::open(from, &settings::encoding(&session, self.options));
        let mut execution = Execution {
            judge,
            fresh_session,
            pipeline: Pipeline::new(session),
            run: self.run,
            tables: Tables::default(),
            counted: Counted::default(),
            completeness: Completeness::default(),
            old,
            deferred: Vec::new(),
            has_savepoint: false,
            may_have_cursor: false,
            has_committed: false,
        };
        let proven = self.run_and_prove(&mut execution, &mut script).await;
        match proven {
            Ok(proof) => self.finish(execution, proof, &script, dropped).await,
            Err(error) => {
                let has_committed = execution.has_committed;
                self.take_back(execution.pipeline.into_session()).await;
                let target = if has_committed { TargetState::Changed } else { TargetState::Restored };
                Err(self.failure(error, target))
            }
        }
    }

    /// The first error, or that the run was cancelled.
    fn failure(&self, error: Error, target: TargetState) -> Failure {
        let error = if self.run.is_cancelled() { Error::Cancelled } else { error };
        Failure::new(error, target, self.run)
    }

    async fn begin(&self, session: &mut CopySession) -> Result<Begun<'_>, Error> {
        let connection = ImportError::Connection;
        let fresh_session = settings::begin(session, self.options, self.transactions()).await.map_err(connection)?;
        let unknown_settings = settings::unknown(session).await.map_err(connection)?;
        let dropped = match &self.replacing {
            Some(replacing) => self.clear(session, replacing).await?,
            None if self.transactions() == Transactions::One => {
                session.execute("BEGIN").await.map_err(connection)?;
                Vec::new()
            }
            None => Vec::new(),
        };
        let old = Old::ask(session).await.map_err(connection)?;
        let judge = Judge {
            options: self.options,
            database: &self.target.destination().identity().database_name,
            unknown_settings,
            transactions: self.transactions(),
        };
        Ok(Begun { judge, old, fresh_session, dropped })
    }

    /// Begins the transaction, and drops in it what gives way.
    async fn clear(&self, session: &mut CopySession, replacing: &Replacing) -> Result<Vec<Dropped>, ImportError> {
        let lock_timeout = self.options.lock_patience();
        let cleared = Clearing { replacing, target: self.target, lock_timeout, run: self.run }.clear(session).await?;
        let made = self.survey.map(|survey| cleared.resets_of(&survey.made.made_schemas, replacing));
        let resets = made.unwrap_or_default();
        if !resets.is_empty() {
            session.execute(&resets).await.map_err(ImportError::Connection)?;
        }
        Ok(cleared.dropped.dropped)
    }

    async fn run_and_prove(&self, execution: &mut Execution<'_>, script: &mut Script) -> Result<Proof, Error> {
        let end = execution.run(script).await?;
        let judged = execution.completeness.judge(&end);
        let Complete { manifest } = judged.map_err(|problem| ImportError::ScriptIncomplete { problem })?;
        if self.survey.is_some_and(|survey| survey.fingerprint != script.fingerprint()) {
            return Err(ImportError::ScriptChanged.into());
        }
        self.run.enter(Phase::Verify);
        let transactions = self.transactions();
        let session = execution.pipeline.session();
        let status = session.transaction_status();
        if transactions == Transactions::Own && status != TransactionStatus::Idle {
            return Err(ImportError::ScriptIncomplete { problem: "a transaction that it began has no end".into() }.into());
        }
        let prover = Prover {
            verify: self.options.verify,
            transactions,
            has_savepoint: execution.has_savepoint,
            old_tables: &execution.old.tables,
            manifest: manifest.as_deref(),
            counted: &execution.counted,
            filled: execution.tables.all(),
        };
        prover.check_manifest()?;
        let mut sql = String::new();
        if transactions == Transactions::Own {
            sql.push_str("BEGIN; ");
        }
        sql.push_str(&proof::settings(session));
        // What was put off to the end of the transaction can still fail, and change rows.
        sql.push_str("SET CONSTRAINTS ALL IMMEDIATE");
        session.execute(&sql).await.map_err(ImportError::Commit)?;
        let proof = prover.check(session).await?;
        let deferred = std::mem::take(&mut execution.deferred);
        for statement in &deferred {
            execution.pipeline.send(Purpose::SetSequence, statement)?;
            execution.settle().await.inspect_err(|_| {
                self.run.warn("sequences that were there before have values of the script now: setval is not rolled back");
            })?;
        }
        Ok(proof)
    }

    /// Commits, and says what is known of that.
    async fn finish(
        &self,
        execution: Execution<'_>,
        proof: Proof,
        script: &Script,
        dropped: Vec<Dropped>,
    ) -> Result<Finished, Failure> {
        self.run.enter(Phase::Finish);
        let Execution { pipeline, counted, completeness, has_committed, .. } = execution;
        let mut session = pipeline.into_session();
        let ended = commit(&mut session).await;
        let fate = match &ended {
            Ok(()) => Fate::Committed,
            Err((error, Some(xid))) if error.sqlstate().is_none() => self.ask_fate(xid).await,
            Err(_) => Fate::Aborted,
        };
        match (fate, ended) {
            (Fate::Committed, ended) => {
                if let Err((error, _)) = ended {
                    self.run.warn(format!("the connection was lost at the end ({error}), but the server has committed"));
                }
                self.analyze(session, &proof.tables).await;
                let program = completeness.program().map(str::to_owned);
                Ok(Finished { proof, counted, script_bytes: script.bytes(), program, dropped })
            }
            (fate, Err((source, _))) => {
                self.take_back(session).await;
                let is_unknown = matches!(fate, Fate::Unknown);
                if is_unknown {
                    self.run.warn("whether the server has committed could not be found out: look whether the target is filled");
                }
                let is_changed = has_committed || is_unknown;
                let target = if is_changed { TargetState::Changed } else { TargetState::Restored };
                Err(self.failure(ImportError::Commit(source).into(), target))
            }
            (_, Ok(())) => unreachable!("a commit that worked is committed"),
        }
    }

    /// Rolls back. If the session did not survive, the server does it by itself.
    async fn take_back(&self, mut session: CopySession) {
        self.run.enter(Phase::Cleanup);
        let rolled_back = async {
            // Statements that were on their way fail, one after the other.
            let _ = session.drain().await;
            if session.transaction_status() != TransactionStatus::Idle {
                let _ = session.execute("ROLLBACK").await;
            }
            session.close().await;
        };
        let _ = tokio::time::timeout(ROLLBACK_WITHIN, rolled_back).await;
    }

    /// Whether a transaction was committed of which the answer was lost.
    async fn ask_fate(&self, xid: &str) -> Fate {
        let begun = Instant::now();
        while begun.elapsed() < FATE_WITHIN {
            let mut sql = Ddl::new();
            sql.sql("SELECT pg_catalog.pg_xact_status(").literal(xid).sql("::pg_catalog.xid8)");
            let asked = async {
                let mut session = self.target.script_session().await?;
                let answer = session.simple(sql.as_str()).await.map_err(ImportError::Connection)?;
                session.close().await;
                Ok::<_, ImportError>(answer.first().and_then(|a| a.text(0, 0)).map(str::to_owned))
            };
            match asked.await.ok().flatten().as_deref() {
                Some("committed") => return Fate::Committed,
                Some("aborted") => return Fate::Aborted,
                _ => tokio::time::sleep(Duration::from_millis(200)).await,
            }
        }
        Fate::Unknown
    }

    /// Gathers statistics of what was filled. It is committed already: what fails is warned of.
    async fn analyze(&self, mut session: CopySession, tables: &[TableReport]) {
        let mut refused = Vec::new();
        for table in tables.iter().filter(|table| table.rows > 0) {
            if self.run.is_cancelled() || session.is_broken() {
                refused.push("the others".to_owned());
                break;
            }
            let name = QualifiedName::new(&table.schema, &table.name);
            let mut sql = Ddl::new();
            sql.sql("ANALYZE ").name(&name);
            if session.execute(sql.as_str()).await.is_err() {
                refused.push(name.to_string());
            }
        }
        if !refused.is_empty() {
            self.run.warn(format!("no statistics were gathered of {}; run ANALYZE", refused.join(", ")));
        }
        session.close().await;
    }
}

/// Commits. With an error comes the transaction's id, by which its fate can be asked for.
async fn commit(session: &mut CopySession) -> Result<(), (ConnectionError, Option<String>)> {
    let answer = session.simple("SET LOCAL synchronous_commit = on; SELECT pg_catalog.pg_current_xact_id()").await;
    let answer = answer.map_err(|e| (e, None))?;
    let xid = answer.last().and_then(|a| a.text(0, 0)).map(str::to_owned);
    let ended = session.simple("COMMIT").await.map_err(|e| (e, xid))?;
    match ended.last().map(|ended| ended.tag.as_str()) {
        Some("COMMIT") => Ok(()),
        tag => {
            let problem = format!("the server ended the transaction by {}", tag.unwrap_or("nothing"));
            Err((ConnectionError::Protocol { server: session.describe().to_owned(), problem }, None))
        }
    }
}

/// What was there before the script.
#[derive(Debug, Default)]
pub(super) struct Old {
    /// Tables, by oid.
    pub(super) tables: HashSet<u32>,
    /// Sequences, by name.
    pub(super) sequences: HashSet<QualifiedName>,
}

impl Old {
    async fn ask(session: &mut CopySession) -> Result<Self, ConnectionError> {
        let answer = session.simple(include_str!("old_relations.sql")).await?;
        let mut old = Self::default();
        let Some(answer) = answer.first() else { return Ok(old) };
        for row in 0..answer.rows.len() {
            let name = || Some(QualifiedName::new(answer.text(row, 2)?, answer.text(row, 3)?));
            match answer.text(row, 1) {
                Some("S") => old.sequences.extend(name()),
                _ => old.tables.extend(answer.text(row, 0).and_then(|oid| oid.parse::<u32>().ok())),
            }
        }
        Ok(old)
    }
}
