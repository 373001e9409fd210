//! Loads the rows of one table in one transaction. A table that we made is emptied in it, so that a repetition starts from
//! nothing; one that was there is filled together with its line in the ledger, which tells a repetition whether it was committed.

use crate::catalog::Snapshot;
use crate::connection::CopySession;
use crate::data::{ContentHash, CopyFormat, CopyInSink, TableReader, ValueReader, copy_from_stdin};
use crate::ddl::Ddl;
use crate::error::{DataError, ImportError, Retry};
use crate::name::QualifiedName;
use crate::progress::Run;
use crate::report::{TableReport, Verify};

use super::check_rows::{Rows, check_added, count_rows, expectations};
use super::fence::Fence;
use super::ledger::Ledger;
use super::plan::LoadGroup;
use super::target::{Target, end_work};

/// How often the rows of a table are sent again after the target broke off.
const MAX_ATTEMPTS: u32 = 5;

/// What is filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LoadInto {
    /// A table that this run made: emptied first, and written frozen.
    Made,
    /// A table that was there: only if it holds no rows, and never twice.
    Existing,
    /// A table that was there, whatever it holds, and never twice. What was added is compared before it is committed.
    Added(Verify),
}

/// Loads groups of tables, one after the other, over one session at each end.
pub(crate) struct Loader<'s> {
    target: &'s Target,
    snapshot: &'s Snapshot,
    fence: &'s Fence,
    source_major: u32,
    run: &'s Run,
    reader: TableReader<'s>,
    session: Option<CopySession>,
    /// The server process of a session that broke, which may not know it yet.
    former: Option<i32>,
}

/// The rows of one source table, as they were read and as the target counted them.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    /// The source's table.
    pub(crate) relation: QualifiedName,
    /// What was read.
    pub(crate) content: ContentHash,
    /// How it was read, and so what the hash is over.
    pub(crate) format: CopyFormat,
    /// The table that was written.
    pub(crate) target: QualifiedName,
    /// Its columns, in the order of the hash.
    pub(crate) columns: Vec<String>,
    /// Whether `target` is the root of a partition tree.
    pub(crate) is_through_root: bool,
    /// `pg_class.oid` of the source's table.
    pub(crate) oid: u32,
}

impl Loaded {
    /// For the report, before anything was compared.
    pub(crate) fn report(&self) -> TableReport {
        let rows = self.content.rows();
        let domain = match self.format {
            CopyFormat::Text => "text-v1",
            CopyFormat::Binary => "binary-v1",
        };
        TableReport::new(&self.relation, rows, self.content.bytes() + rows, domain, self.content.to_string())
    }
}

impl<'s> Loader<'s> {
    /// A loader without sessions yet.
    pub(crate) fn new(snapshot: &'s Snapshot, target: &'s Target, fence: &'s Fence, source_major: u32, run: &'s Run) -> Self {
        let reader = TableReader::new(snapshot, run);
        Self { target, snapshot, fence, source_major, run, reader, session: None, former: None }
    }

    /// The session to the target, made anew if it broke. Then the former server process is ended first: where only we know that
    /// the connection broke it still holds its locks.
    ///
    /// # Errors
    /// As [`Target::session`], and as [`Fence::require`] for a new one.
    pub(crate) async fn session(&mut self) -> Result<&mut CopySession, ImportError> {
        if let Some(broken) = self.session.take_if(|session| session.is_broken()) {
            self.former = Some(broken.backend_pid());
        }
        if self.session.is_none() {
            let mut session = self.target.session().await?;
            if let Some(former) = self.former {
                self.target.end_former(&mut session, former).await?;
                self.fence.require(&mut session).await?;
                self.former = None;
            }
            self.fence.put_before(&mut session)?;
            self.session = Some(session);
        }
        Ok(self.session.as_mut().expect("opened above"))
    }

    /// A reader of what is no table, in place of the one for tables: a worker takes one connection to the source.
    pub(crate) async fn values(&mut self) -> ValueReader<'s> {
        self.reader.stop().await;
        ValueReader::new(self.snapshot, self.run)
    }

    /// Loads the rows of all members of a group in one transaction.
    ///
    /// # Errors
    /// [`DataError`] for what cannot be read or written.
    ///
    /// # Cancellation
    /// By the run: the COPY is ended at both ends, and the target's transaction is rolled back.
    pub(crate) async fn load(&mut self, group: &LoadGroup, into: LoadInto) -> Result<Vec<Loaded>, ImportError> {
        let mut attempt = 1;
        let mut format = self.target.format_for(group, self.source_major);
        // What was sent when the COMMIT was.
        let mut sent = Vec::new();
        loop {
            let (mut rows, mut bytes) = (0, 0);
            let run = self.run.clone();
            let mut progress = |r: u64, b: u64| {
                rows += r;
                bytes += b;
                run.moved(r, b);
                run.work_done(b);
            };
            match self.try_load(group, into, format, &mut sent, &mut progress).await {
                Ok(loaded) => return Ok(loaded),
                Err(error) => {
                    self.run.moved_in_vain(rows, bytes);
                    self.run.work_undone(bytes);
                    self.end_session().await;
                    if format == CopyFormat::Text && is_too_large(&error) && group.members.iter().all(|(t, _)| t.is_binary_safe) {
                        // The older target may refuse a value that is newer than it is; the text it cannot get at all.
                        self.run.log(format!("loading {} in binary: {error}", group.target().table));
                        format = CopyFormat::Binary;
                        continue;
                    }
                    if attempt >= MAX_ATTEMPTS || !is_worth_repeating(&error) || self.run.is_cancelled() {
                        return Err(error);
                    }
                    self.run.log(format!("loading {} again: {error}", group.target().table));
                    attempt += 1;
                }
            }
        }
    }

    async fn try_load(
        &mut self,
        group: &LoadGroup,
        into: LoadInto,
        format: CopyFormat,
        sent: &mut Vec<Loaded>,
        progress: &mut (impl FnMut(u64, u64) + Send),
    ) -> Result<Vec<Loaded>, ImportError> {
        let mut loaded = Vec::with_capacity(group.members.len());
        self.session().await?;
        if into != LoadInto::Made && self.is_filled_unless_cancelled(group, into).await? {
            sent.iter().for_each(|part| progress(part.content.rows(), part.content.bytes()));
            return Ok(std::mem::take(sent));
        }
        let session = self.session.as_mut().expect("opened above");
        let target = group.target();
        let before = match into {
            LoadInto::Added(verify) if verify != Verify::None => {
                count_rows(session, &target.table, target.is_through_root, Rows::All).await?
            }
            _ => 0,
        };
        let mut begin = Ddl::new();
        begin.sql("BEGIN; TRUNCATE TABLE ").sql(if target.is_through_root { "" } else { "ONLY " }).name(&target.table).sql("; ");
        for (number, (source, target)) in group.members.iter().enumerate() {
            let mut sql = Ddl::new();
            if number == 0 && into == LoadInto::Made {
                sql.deparsed(begin.as_str());
            }
            sql.deparsed(&copy_from_stdin(
                &target.table,
                &target.columns,
                format,
                into == LoadInto::Made && !target.is_through_root,
            ));
            let write_error = |bytes: u64, source: crate::error::ConnectionError| DataError::CopyIn {
                relation: target.table.clone(),
                bytes,
                source,
            };
            let mut copy = session.copy_in(sql.as_str()).await.map_err(|e| write_error(0, e))?;
            let content = match self.reader.read(source, format, &mut CopyInSink(&mut copy), &mut *progress).await {
                Ok(content) => content,
                Err(error) => {
                    // The transaction is over either way; a session that did not survive is replaced.
                    let _ = copy.abort("the run could not go on").await;
                    return Err(error.into());
                }
            };
            let bytes = content.bytes();
            let written = copy.finish().await.map_err(|e| write_error(bytes, e))?;
            if written != content.rows() {
                let relation = target.table.clone();
                return Err(DataError::RowsLost { relation, sent: content.rows(), arrived: written }.into());
            }
            loaded.push(Loaded {
                relation: source.name.clone(),
                content,
                format,
                target: target.table.clone(),
                columns: source.columns.clone(),
                is_through_root: target.is_through_root,
                oid: source.relation,
            });
        }
        if let LoadInto::Added(verify) = into {
            for expected in expectations(&loaded) {
                check_added(session, &expected, before, verify).await?;
            }
        }
        let mut commit = Ddl::new();
        if into != LoadInto::Made {
            let rows = loaded.iter().map(|part| part.content.rows()).sum();
            Ledger::record_rows(&mut commit, group.entry.0, target, rows);
            sent.clone_from(&loaded);
        }
        commit.sql("COMMIT").end();
        let committed = session.execute(commit.as_str()).await;
        committed.map_err(|source| DataError::CopyIn { relation: target.table.clone(), bytes: group.bytes, source })?;
        Ok(loaded)
    }

    async fn is_filled_unless_cancelled(&mut self, group: &LoadGroup, into: LoadInto) -> Result<bool, ImportError> {
        let cancelled = self.run.cancellation().clone();
        tokio::select! {
            biased;
            () = cancelled.cancelled() => Err(DataError::Cancelled.into()),
            is_filled = self.is_filled(group, into) => is_filled,
        }
    }

    /// Begins the transaction that fills a table which was there. `true`: an earlier attempt, of which we lost sight, has filled it.
    ///
    /// The lock waits for that attempt's end, keeps other writers out, and lets readers in.
    async fn is_filled(&mut self, group: &LoadGroup, into: LoadInto) -> Result<bool, ImportError> {
        let target = group.target();
        let session = self.session().await?;
        let only = if target.is_through_root { "" } else { "ONLY " };
        let mut sql = Ddl::new();
        sql.sql("BEGIN").end().sql("LOCK TABLE ").sql(only).name(&target.table).sql(" IN SHARE ROW EXCLUSIVE MODE").end();
        session.execute(sql.as_str()).await?;
        if Ledger::is_recorded(session, group.entry.0).await? {
            session.execute("ROLLBACK").await?;
            return Ok(true);
        }
        if into != LoadInto::Existing {
            return Ok(false);
        }
        let mut sql = Ddl::new();
        sql.sql("SELECT EXISTS (SELECT FROM ").sql(only).name(&target.table).sql(")");
        let answer = session.simple(sql.as_str()).await?;
        match answer.first().and_then(|a| a.text(0, 0)) {
            Some("f") => Ok(false),
            _ => Err(ImportError::HoldsRows { relation: target.table.to_string() }),
        }
    }

    async fn end_session(&mut self) {
        if let Some(session) = self.session.take() {
            self.former = Some(session.backend_pid());
            session.close().await;
        }
    }

    /// Ends what is running at both ends, and the sessions.
    pub(crate) async fn stop(mut self) {
        self.reader.stop().await;
        if let Some(mut session) = self.session.take() {
            if session.is_busy() {
                end_work(&mut session).await;
            }
            session.close().await;
        }
    }
}

/// Whether a row did not fit into the text that it was to travel as.
fn is_too_large(error: &ImportError) -> bool {
    matches!(error, ImportError::Data(DataError::RowTooLarge { .. }))
}

/// Whether the target, or the way there, broke off in a manner that passes.
pub(crate) fn is_worth_repeating(error: &ImportError) -> bool {
    match error {
        ImportError::Data(DataError::CopyIn { source, .. }) => source.retry() == Retry::Now,
        ImportError::Data(DataError::NotRepeatable { .. } | DataError::RowsLost { .. }) => true,
        ImportError::Connection(source) | ImportError::Apply { source, .. } => source.retry() == Retry::Now,
        _ => false,
    }
}
