//! Loads the rows of one table: truncated and filled in one transaction, so that a repetition starts from nothing.

use crate::catalog::Snapshot;
use crate::connection::CopySession;
use crate::data::{ContentHash, CopyFormat, CopyInSink, TableReader, copy_from_stdin};
use crate::ddl::Ddl;
use crate::error::{DataError, ImportError, Retry};
use crate::name::QualifiedName;
use crate::progress::Run;
use crate::report::TableReport;

use super::plan::LoadGroup;
use super::target::Target;

/// How often the rows of a table are sent again after the target broke off.
const MAX_ATTEMPTS: u32 = 5;

/// Loads groups of tables, one after the other, over one session at each end.
pub(crate) struct Loader<'s> {
    target: &'s Target,
    source_major: u32,
    run: &'s Run,
    reader: TableReader<'s>,
    session: Option<CopySession>,
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
    pub(crate) fn new(snapshot: &'s Snapshot, target: &'s Target, source_major: u32, run: &'s Run) -> Self {
        Self { target, source_major, run, reader: TableReader::new(snapshot, run), session: None }
    }

    /// The session to the target, made anew if it broke.
    ///
    /// # Errors
    /// As [`Target::session`].
    pub(crate) async fn session(&mut self) -> Result<&mut CopySession, ImportError> {
        if self.session.as_ref().is_none_or(|session| session.is_broken()) {
            self.session = Some(self.target.session().await?);
        }
        Ok(self.session.as_mut().expect("opened above"))
    }

    /// Loads the rows of all members of a group in one transaction.
    ///
    /// # Errors
    /// [`DataError`] for what cannot be read or written.
    ///
    /// # Cancellation
    /// By the run: the COPY is ended at both ends, and the target's transaction is rolled back.
    pub(crate) async fn load(&mut self, group: &LoadGroup) -> Result<Vec<Loaded>, ImportError> {
        let mut attempt = 1;
        loop {
            let (mut rows, mut bytes) = (0, 0);
            let run = self.run.clone();
            let mut progress = |r: u64, b: u64| {
                rows += r;
                bytes += b;
                run.moved(r, b);
                run.work_done(b);
            };
            match self.try_load(group, &mut progress).await {
                Ok(loaded) => return Ok(loaded),
                Err(error) => {
                    self.run.moved_in_vain(rows, bytes);
                    self.run.work_undone(bytes);
                    self.end_session().await;
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
        progress: &mut (impl FnMut(u64, u64) + Send),
    ) -> Result<Vec<Loaded>, ImportError> {
        let mut loaded = Vec::with_capacity(group.members.len());
        self.session().await?;
        let session = self.session.as_mut().expect("opened above");
        let target = group.target();
        let format = self.target.format_for(group, self.source_major);
        let mut begin = Ddl::new();
        begin.sql("BEGIN; TRUNCATE TABLE ").sql(if target.is_through_root { "" } else { "ONLY " }).name(&target.table).sql("; ");
        for (number, (source, target)) in group.members.iter().enumerate() {
            let mut sql = Ddl::new();
            if number == 0 {
                sql.deparsed(begin.as_str());
            }
            sql.deparsed(&copy_from_stdin(&target.table, &target.columns, format, !target.is_through_root));
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
        let commit = session.execute("COMMIT").await;
        commit.map_err(|source| DataError::CopyIn { relation: target.table.clone(), bytes: group.bytes, source })?;
        Ok(loaded)
    }

    async fn end_session(&mut self) {
        if let Some(session) = self.session.take() {
            session.close().await;
        }
    }

    /// Ends what is running at both ends, and the sessions.
    pub(crate) async fn stop(mut self) {
        self.reader.stop().await;
        if let Some(mut session) = self.session.take() {
            if session.is_busy() && session.canceller().cancel().await.is_ok() {
                // The answer to the cancel is the error that we asked for.
                let _ = session.drain().await;
            }
            session.close().await;
        }
    }
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
