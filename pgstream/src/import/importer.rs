//! Imports as something that can be handed on.

use async_trait::async_trait;

use crate::guard::Destination;
use crate::progress::Run;
use crate::report::Failure;
use crate::storage::Source;

use super::script::{ImportOptions, ImportReport, import};

/// Whatever loads an archive into a database. [`ScriptImporter`] is the one that is built in.
#[async_trait]
pub trait Importer: Send + Sync {
    /// Loads `from` into `to`, which only the guard gives.
    ///
    /// # Errors
    /// As [`import`].
    ///
    /// # Cancellation
    /// As [`import`].
    async fn import(&self, from: Source, to: Destination, run: &Run) -> Result<ImportReport, Failure>;
}

/// Loads plain scripts: those of `pg_dump`, of pgstream, and others.
///
/// ```no_run
/// # async fn example(destination: pgstream::guard::Destination) -> Result<(), pgstream::Failure> {
/// use pgstream::{Importer, Run, ScriptImporter, Source};
///
/// let importer: &dyn Importer = &ScriptImporter::default();
/// let report = importer.import(Source::parse("shop.sql.zst"), destination, &Run::new()).await?;
/// assert!(report.is_proven());
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Default)]
pub struct ScriptImporter {
    options: ImportOptions,
}

impl ScriptImporter {
    /// One that imports like this.
    pub fn new(options: ImportOptions) -> Self {
        Self { options }
    }
}

#[async_trait]
impl Importer for ScriptImporter {
    async fn import(&self, from: Source, to: Destination, run: &Run) -> Result<ImportReport, Failure> {
        import(from, to, &self.options, run).await
    }
}
