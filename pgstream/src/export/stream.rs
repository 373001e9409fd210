//! An export as a stream, for an HTTP response and the like.

use tokio::task::JoinHandle;

use crate::error::StorageError;
use crate::progress::Run;
use crate::report::{Failure, TargetState};
use crate::storage::{ByteStream, Sink, byte_stream};

use super::{ExportReport, ExportRequest, export};

/// The report of an export that flows elsewhere.
#[derive(Debug)]
pub struct ReportHandle {
    task: JoinHandle<Result<ExportReport, Failure>>,
    run: Run,
}

impl ReportHandle {
    /// Waits for the end of the export. The stream must be read meanwhile, or dropped: nothing flows otherwise.
    ///
    /// # Errors
    /// As [`export`]. A dropped stream is a closed pipe.
    pub async fn wait(self) -> Result<ExportReport, Failure> {
        match self.task.await {
            Ok(result) => result,
            // The runtime is being shut down, or there is a defect.
            Err(_) => Err(Failure::new(StorageError::Abandoned, TargetState::Changed, &self.run)),
        }
    }
}

/// Starts an export whose output is a stream.
///
/// ```no_run
/// # async fn example(source: pgstream::connection::ConnectionConfig) -> Result<(), Box<dyn std::error::Error>> {
/// use futures_util::StreamExt;
/// use pgstream::{ExportRequest, Run, export_stream};
///
/// let (mut body, handle) = export_stream(ExportRequest::new(source), Run::new());
/// while let Some(block) = body.next().await {
///     println!("{} bytes", block?.len());
/// }
/// println!("{} rows", handle.wait().await?.rows);
/// # Ok(()) }
/// ```
///
/// The stream ends with an error unless the export succeeded to its end, so a truncated one never looks complete. Needs a tokio
/// runtime.
///
/// # Cancellation
/// Dropping the stream ends the export with the code `closed_pipe` at its next write; `run.cancel()` ends it at once. Dropping
/// the handle leaves it running.
pub fn export_stream(request: ExportRequest, run: Run) -> (ByteStream, ReportHandle) {
    let (sender, stream) = byte_stream();
    let handle = run.clone();
    let task = tokio::spawn(async move { export(&request.source, Sink::Stream(sender), &request.options, &run).await });
    (stream, ReportHandle { task, run: handle })
}
