//! Exports as something that can be handed on: a request, and whoever carries it out.

use async_trait::async_trait;

use crate::connection::ConnectionConfig;
use crate::progress::Run;
use crate::report::Failure;
use crate::storage::Sink;

use super::{ExportOptions, ExportReport, export};

/// What is to be exported.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ExportRequest {
    /// The database. It is read and never written.
    pub source: ConnectionConfig,
    /// What of it, and how.
    pub options: ExportOptions,
}

impl ExportRequest {
    /// All of a database.
    pub fn new(source: ConnectionConfig) -> Self {
        Self { source, options: ExportOptions::default() }
    }

    /// Sets [`ExportRequest::options`].
    #[must_use]
    pub fn with_options(self, options: ExportOptions) -> Self {
        Self { options, ..self }
    }
}

/// Whatever writes a database's contents somewhere. [`DatabaseExporter`] is the one that is built in; a program that wraps it, to
/// change rows on their way for example, is another.
#[async_trait]
pub trait Exporter: Send + Sync {
    /// Carries out a request.
    ///
    /// # Errors
    /// As [`export`].
    ///
    /// # Cancellation
    /// As [`export`].
    async fn export(&self, request: ExportRequest, to: Sink, run: &Run) -> Result<ExportReport, Failure>;
}

/// Reads a live database over the wire protocol.
///
/// ```no_run
/// # async fn example(source: pgstream::connection::ConnectionConfig) -> Result<(), pgstream::Failure> {
/// use pgstream::{DatabaseExporter, ExportRequest, Exporter, Run, Sink};
///
/// let exporter: &dyn Exporter = &DatabaseExporter;
/// let report = exporter.export(ExportRequest::new(source), Sink::parse("shop.sql"), &Run::new()).await?;
/// assert!(report.rows > 0);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct DatabaseExporter;

#[async_trait]
impl Exporter for DatabaseExporter {
    async fn export(&self, request: ExportRequest, to: Sink, run: &Run) -> Result<ExportReport, Failure> {
        export(&request.source, to, &request.options, run).await
    }
}
