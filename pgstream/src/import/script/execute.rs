//! Runs a script: every statement, its rows, and what has to be known of them afterwards.

use crate::connection::{CopySession, TransactionStatus};
use crate::data::ContentHash;
use crate::ddl::Ddl;
use crate::error::{ConnectionError, DataError, Error, ImportError};
use crate::progress::{Phase, Run};
use crate::script::{
    Benign, Classification, CopyEnd, CopyFormat, CopyStatement, Meta, MetaCommand, ScriptEnd, ScriptEvent, Statement,
    StatementKind, TransactionControl,
};

use super::complete::Completeness;
use super::judge::{Judge, Transactions, Verdict};
use super::names::{self, LargeObjectCall};
use super::pipeline::{Answer, Pipeline, Purpose, failed};
use super::read::{RowText, Script};
use super::refuse::{self, Place};
use super::tables::Tables;
use super::transaction::Old;

/// What is known after a run of the statements.
#[derive(Debug, Default)]
pub(super) struct Counted {
    /// Statements that were run.
    pub(super) statements: u64,
    /// Statements that were left out.
    pub(super) skipped: u64,
    /// Sequences that were set, or will be.
    pub(super) sequences: u64,
    /// Large objects that were made, and the bytes written to any.
    pub(super) large_objects: (u64, u64),
    /// Of our own scripts: each `COPY`, with the table's number.
    pub(super) copies: Vec<(usize, ContentHash)>,
    /// The first statement whose effect on the number of rows is not known.
    pub(super) uncounted: Option<String>,
}

/// A script that is being run.
pub(super) struct Execution<'a> {
    pub(super) judge: Judge<'a>,
    pub(super) pipeline: Pipeline,
    pub(super) run: &'a Run,
    /// Where `\connect` may lead, and how the session is there.
    pub(super) fresh_session: String,
    pub(super) tables: Tables,
    pub(super) counted: Counted,
    pub(super) completeness: Completeness,
    /// What was there before.
    pub(super) old: Old,
    /// `setval` on sequences that were there: it survives a rollback, so it goes last.
    pub(super) deferred: Vec<Statement>,
    /// The script has made a savepoint: rows within one cannot be frozen, and have other transaction ids.
    pub(super) has_savepoint: bool,
    /// The script may have opened a cursor, which forbids to write rows frozen.
    pub(super) may_have_cursor: bool,
    /// Something was committed that cannot be taken back.
    pub(super) has_committed: bool,
}

impl Execution<'_> {
    /// Runs the script to its end; nothing is on its way then.
    pub(super) async fn run(&mut self, script: &mut Script) -> Result<ScriptEnd, Error> {
        let mut done = 0;
        while let Some(event) = self.next(script).await? {
            self.completeness.observe(&event);
            match event {
                ScriptEvent::Statement(statement) => self.statement(script, &statement).await?,
                ScriptEvent::Meta(meta) => self.meta(&meta).await?,
                ScriptEvent::End(end) => {
                    self.settle().await?;
                    return Ok(end);
                }
                _ => {}
            }
            self.run.work_done(script.bytes() - done);
            done = script.bytes();
        }
        Err(ImportError::ScriptIncomplete { problem: "it has no end".into() }.into())
    }

    /// The next event. While the source has none, the server's answers are looked at: one that failed ends the wait.
    async fn next(&mut self, script: &mut Script) -> Result<Option<ScriptEvent>, Error> {
        if self.run.is_cancelled() {
            return Err(Error::Cancelled);
        }
        loop {
            tokio::select! {
                biased;
                event = script.next() => return event,
                answer = self.pipeline.receive(), if !self.pipeline.is_empty() => {
                    if let Some(answer) = answer? {
                        self.take(answer);
                    }
                }
            }
        }
    }

    async fn statement(&mut self, script: &mut Script, statement: &Statement) -> Result<(), Error> {
        let class = statement.classify();
        match self.judge.judge(statement, &class) {
            Verdict::Skip(why) => {
                self.counted.skipped += 1;
                self.run.log(format!("line {}: left out {}: {why}", statement.line, statement.excerpt()));
                Ok(())
            }
            Verdict::Absorb => Ok(()),
            Verdict::Refuse(refusal) => Err(refuse::error(&refusal, &self.place(statement))),
            Verdict::Copy(copy) => self.copy(script, statement, &copy).await,
            Verdict::Run { benign } => {
                if let (Transactions::One, Some(why)) =
                    (self.judge.transactions, self.judge.forbids_one_transaction(statement, &class))
                {
                    return Err(refuse::not_in_one_transaction(why, &self.place(statement)));
                }
                self.counted.statements += 1;
                self.enter_phase(&class);
                match benign {
                    Some(benign) => self.run_forgivingly(statement, benign).await,
                    None => self.run_plainly(statement, &class).await,
                }
            }
        }
    }

    fn place(&self, statement: &Statement) -> Place {
        Place { line: statement.line, statement: statement.excerpt() }
    }

    /// Phases go forward only: a script by hand may go back and forth.
    fn enter_phase(&self, class: &Classification) {
        let phase = match &class.kind {
            StatementKind::Insert | StatementKind::LargeObject | StatementKind::SequenceValue => Phase::Data,
            StatementKind::Definition { verb: "CREATE", object } if object == "INDEX" => Phase::Indexes,
            _ => Phase::Schema,
        };
        if phase > self.run.phase() {
            self.run.enter(phase);
        }
    }

    async fn run_plainly(&mut self, statement: &Statement, class: &Classification) -> Result<(), Error> {
        let purpose = match &class.kind {
            StatementKind::Insert => self.insert(statement).await?,
            StatementKind::SequenceValue => match self.sequence_value(statement) {
                Some(purpose) => purpose,
                None => return Ok(()),
            },
            StatementKind::LargeObject => Purpose::LargeObject(names::large_object_call(statement)),
            _ => {
                self.note_effects(statement, class);
                Purpose::Nothing
            }
        };
        self.pipeline.send(purpose, statement)?;
        self.keep_flowing(&class.kind).await
    }

    /// What a statement may do to tables and rows without telling.
    fn note_effects(&mut self, statement: &Statement, class: &Classification) {
        let is_unclear = match &class.kind {
            StatementKind::Definition { verb: "CREATE", object } if object == "TABLE" => {
                if let Some(made) = names::made_table(statement).filter(|_| !self.has_savepoint) {
                    self.tables.add_made(made);
                }
                names::brings_rows(statement)
            }
            StatementKind::Transaction(control) => {
                self.has_savepoint |= *control == TransactionControl::Savepoint;
                matches!(control, TransactionControl::Rollback | TransactionControl::RollbackTo)
            }
            StatementKind::Change => true,
            StatementKind::Other | StatementKind::Several => {
                self.may_have_cursor = true;
                true
            }
            StatementKind::Query => names::may_change_rows(statement),
            _ => false,
        };
        if is_unclear {
            self.note_uncounted(statement);
        }
    }

    fn note_uncounted(&mut self, statement: &Statement) {
        let place = || format!("line {}: {}", statement.line, statement.excerpt());
        self.counted.uncounted.get_or_insert_with(place);
    }

    async fn insert(&mut self, statement: &Statement) -> Result<Purpose, Error> {
        match names::filled_table(statement) {
            Some(name) => Ok(Purpose::Insert(self.table(statement, name)?)),
            None => {
                self.note_uncounted(statement);
                Ok(Purpose::Nothing)
            }
        }
    }

    /// The number of a table that is about to be filled. When it is new to us, the server is asked which one it is.
    fn table(&mut self, statement: &Statement, name: Vec<String>) -> Result<usize, Error> {
        let (at, is_first) = self.tables.find(name);
        if is_first {
            let sql = names::resolving_query(statement);
            self.pipeline.send_own(Purpose::Resolve(at), &sql).map_err(ImportError::Connection)?;
        }
        Ok(at)
    }

    /// `None` if the statement has to wait.
    fn sequence_value(&mut self, statement: &Statement) -> Option<Purpose> {
        self.counted.sequences += 1;
        let is_old = || names::set_sequence(statement).is_some_and(|name| self.old.sequences.contains(&name));
        if self.judge.transactions == Transactions::One && is_old() {
            self.deferred.push(statement.clone());
            return None;
        }
        Some(Purpose::SetSequence)
    }

    /// Runs a statement that may fail in ways that mean nothing.
    async fn run_forgivingly(&mut self, statement: &Statement, benign: Benign) -> Result<(), Error> {
        self.settle().await?;
        let session = self.pipeline.session();
        let is_in_transaction = session.transaction_status() == TransactionStatus::InTransaction;
        if is_in_transaction {
            session.execute("SAVEPOINT pgstream_forgiven").await.map_err(ImportError::Connection)?;
        }
        let sent = session.send_bytes(&statement.text);
        let result = match sent {
            Ok(()) => session.receive().await,
            Err(e) => Err(e),
        };
        let is_forgiven = |e: &ConnectionError| e.sqlstate().is_some_and(|state| benign.sqlstates().contains(&state));
        let end = match result {
            Ok(_) => "RELEASE SAVEPOINT pgstream_forgiven",
            Err(e) if is_forgiven(&e) => {
                let text = format!("line {}: {} changed nothing: {e}", statement.line, statement.excerpt());
                // A script with --clean drops everything that an empty database does not have.
                if benign == Benign::DropOfMissing {
                    self.run.log(text)
                } else {
                    self.run.warn(text)
                }
                "ROLLBACK TO SAVEPOINT pgstream_forgiven; RELEASE SAVEPOINT pgstream_forgiven"
            }
            Err(e) => return Err(failed(statement, e)),
        };
        if is_in_transaction {
            self.pipeline.session().execute(end).await.map_err(ImportError::Connection)?;
        } else {
            self.has_committed = true;
        }
        Ok(())
    }

    async fn copy(&mut self, script: &mut Script, statement: &Statement, copy: &CopyStatement) -> Result<(), Error> {
        if Phase::Data > self.run.phase() {
            self.run.enter(Phase::Data);
        }
        self.counted.statements += 1;
        let name = names::copied_table(statement).unwrap_or_default();
        let may_freeze = self.judge.transactions == Transactions::One && !self.has_savepoint && !self.may_have_cursor;
        let may_freeze = may_freeze && self.tables.may_freeze(&name);
        let frozen = Some(statement).filter(|_| may_freeze && !copy.has_options).and_then(frozen_copy);
        let at = self.table(statement, name)?;
        self.settle().await?;
        self.pipeline.send_as(Purpose::Nothing, statement, frozen.as_deref().unwrap_or(&statement.text))?;
        let shown = self.tables.get(at).shown.clone();
        let _working = self.run.working_on(shown.clone());
        let is_own = self.completeness.is_own();
        let Some((session, statement)) = self.pipeline.take_copy() else { return Ok(()) };
        let passed = pass_rows(session, script, self.run, &statement, is_own).await?;
        self.has_committed |= session.transaction_status() == TransactionStatus::Idle;
        if copy.format == CopyFormat::Text && !copy.has_options && passed.taken != passed.end.lines {
            return Err(ImportError::Mismatch {
                relation: shown,
                expected: format!("{} rows", passed.end.lines),
                found: format!("{} rows", passed.taken),
            }
            .into());
        }
        self.tables.get(at).add_copy(passed.taken, passed.end.bytes, &passed.content, &copy.columns);
        if is_own {
            self.counted.copies.push((at, passed.content));
        }
        self.run.table_done();
        Ok(())
    }

    async fn meta(&mut self, meta: &Meta) -> Result<(), Error> {
        match &meta.command {
            MetaCommand::Connect { arguments } => {
                let place = Place { line: meta.line, statement: "\\connect".into() };
                let database = refuse::connected_database(arguments, self.judge.database, &place)?;
                if database != self.judge.database {
                    return Err(refuse::error(&super::judge::Refusal::OtherDatabase(database), &place));
                }
                self.settle().await?;
                let fresh = self.fresh_session.clone();
                self.pipeline.session().execute(&fresh).await.map_err(ImportError::Connection)?;
            }
            MetaCommand::Encoding { name } => {
                let mut sql = Ddl::new();
                sql.sql("SET client_encoding = ").literal(name);
                self.pipeline.send_own(Purpose::Nothing, sql.as_str().as_bytes()).map_err(ImportError::Connection)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Takes answers until there is room again. Outside of a transaction nothing is sent behind a statement that may fail.
    async fn keep_flowing(&mut self, kind: &StatementKind) -> Result<(), Error> {
        let is_own = self.judge.transactions == Transactions::Own;
        let status = self.pipeline.session().transaction_status();
        let ends_block = matches!(kind, StatementKind::Transaction(_));
        if is_own && (ends_block || status == TransactionStatus::Idle) {
            self.settle().await?;
            let is_committed = self.pipeline.session().transaction_status() == TransactionStatus::Idle;
            self.has_committed |= is_committed && !matches!(kind, StatementKind::Setting(_));
            return Ok(());
        }
        if self.pipeline.is_full() {
            while !self.pipeline.is_half_empty() {
                if let Some(answer) = self.pipeline.receive().await? {
                    self.take(answer);
                }
            }
        }
        Ok(())
    }

    /// Waits for every answer.
    pub(super) async fn settle(&mut self) -> Result<(), Error> {
        while let Some(answer) = self.pipeline.receive().await? {
            self.take(answer);
        }
        Ok(())
    }

    fn take(&mut self, answer: Answer) {
        let Answer { purpose, results } = answer;
        match purpose {
            Purpose::Nothing | Purpose::SetSequence | Purpose::LargeObject(LargeObjectCall::Other | LargeObjectCall::Unlink) => {}
            Purpose::Insert(at) => {
                let rows = results.iter().filter_map(|r| r.affected()).sum::<u64>();
                self.tables.get(at).add_inserted(rows);
                self.run.moved(rows, 0);
            }
            Purpose::Resolve(at) => {
                self.tables.get(at).oid = results.first().and_then(|r| r.text(0, 0)?.parse().ok());
            }
            Purpose::LargeObject(LargeObjectCall::Create) => self.counted.large_objects.0 += 1,
            Purpose::LargeObject(LargeObjectCall::Write) => {
                let written = results.first().and_then(|r| r.text(0, 0)?.parse::<u64>().ok());
                self.counted.large_objects.1 += written.unwrap_or_default();
            }
        }
    }
}

/// The same `COPY`, writing its rows frozen: nobody else can see the table before it is committed with them.
fn frozen_copy(statement: &Statement) -> Option<Vec<u8>> {
    let text = statement.text.trim_ascii_end().strip_suffix(b";")?.trim_ascii_end();
    let ends_plainly = text.len() > 5 && text[text.len() - 5..].eq_ignore_ascii_case(b"stdin");
    ends_plainly.then(|| [text, b" WITH (FREEZE)"].concat())
}

/// Rows that went through.
struct Passed {
    end: CopyEnd,
    /// How many the server took.
    taken: u64,
    /// What they were, of our own scripts.
    content: ContentHash,
}

/// Passes the rows that follow in the script to the `COPY` that was sent.
async fn pass_rows(
    session: &mut CopySession,
    script: &mut Script,
    run: &Run,
    statement: &Statement,
    is_hashed: bool,
) -> Result<Passed, Error> {
    let mut copy = session.copy_in_sent().await.map_err(|e| failed(statement, e))?;
    let mut rows = RowText::default();
    let end = loop {
        let event = tokio::select! {
            biased;
            event = script.next() => event,
            error = copy.watch() => return Err(failed(statement, error)),
        };
        let problem = match event {
            _ if run.is_cancelled() => Error::Cancelled,
            Ok(Some(ScriptEvent::CopyRows(piece))) => {
                if is_hashed {
                    rows.add(&piece);
                }
                let bytes = piece.len() as u64;
                copy.send(piece).await.map_err(|e| failed(statement, e))?;
                run.moved(0, bytes);
                continue;
            }
            Ok(Some(ScriptEvent::CopyEnd(end))) => break end,
            Ok(_) => Error::Data(DataError::Cancelled),
            Err(error) => error,
        };
        // The session is needed to take back what was done. If it did not survive, the server does that by itself.
        let _ = copy.abort("the import was ended").await;
        return Err(problem);
    };
    let taken = copy.finish().await.map_err(|e| failed(statement, e))?;
    run.moved(taken, 0);
    Ok(Passed { end, taken, content: rows.finish() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::statement;

    #[test]
    fn only_a_plain_copy_is_rewritten() {
        for (sql, expected) in [
            ("COPY s.t (a, \"b;\") FROM stdin;", Some("COPY s.t (a, \"b;\") FROM stdin WITH (FREEZE)")),
            ("copy s.t from STDIN ;", Some("copy s.t from STDIN WITH (FREEZE)")),
            ("COPY s.t FROM stdin WITH (FORMAT csv);", None),
            ("COPY s.t FROM stdin -- rows\n;", None),
            ("COPY s.t FROM stdout;", None),
        ] {
            let frozen = frozen_copy(&statement(sql)).map(|sql| String::from_utf8(sql).unwrap());
            assert_eq!(frozen.as_deref(), expected, "{sql}");
        }
    }
}
