//! Runs imports for the tests of this binary, with a limit of time: a hang is a failure like any other.

use std::path::{Path, PathBuf};
use std::time::Duration;

use pgstream::import::{ImportOptions, ImportReport, import};
use pgstream::storage::Source;
use pgstream::{Failure, Run};

use crate::syncing::{destination, explain};

/// No run of a test is as long as this, unless it hangs.
const LIMIT: Duration = Duration::from_secs(120);

/// A script in a folder of its own, which goes when this value does.
pub(crate) struct ScriptFile {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl ScriptFile {
    pub(crate) fn new(text: impl AsRef<[u8]>) -> Self {
        Self::named("script.sql", text)
    }

    pub(crate) fn named(name: &str, text: impl AsRef<[u8]>) -> Self {
        let folder = tempfile::tempdir().expect("the temporary folder can be written");
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("the temporary folder can be written");
        Self { _folder: folder, path }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn source(&self) -> Source {
        Source::Path(self.path.clone())
    }
}

/// Text as a stream, which can be read once only.
pub(crate) fn stream(text: impl Into<Vec<u8>>) -> Source {
    let pieces: Vec<_> = text.into().chunks(10_000).map(|piece| Ok(bytes::Bytes::copy_from_slice(piece))).collect();
    Source::Stream(Box::pin(futures_util::stream::iter(pieces)))
}

/// Runs an import to its end.
pub(crate) async fn try_import_source(
    from: Source,
    to: &str,
    options: &ImportOptions,
    run: &Run,
) -> Result<ImportReport, Failure> {
    let destination = destination(to).await;
    let done = tokio::time::timeout(LIMIT, import(from, destination, options, run)).await;
    done.unwrap_or_else(|_| panic!("the import hangs in phase {}", run.phase()))
}

/// Runs an import of a script in a file.
pub(crate) async fn try_import(script: impl AsRef<[u8]>, to: &str, options: &ImportOptions) -> Result<ImportReport, Failure> {
    let script = ScriptFile::new(script);
    try_import_source(script.source(), to, options, &Run::new()).await
}

/// Runs an import that must succeed.
pub(crate) async fn must_import(script: impl AsRef<[u8]>, to: &str, options: &ImportOptions) -> ImportReport {
    try_import(script, to, options).await.unwrap_or_else(|failure| panic!("{}", explain(&failure)))
}
