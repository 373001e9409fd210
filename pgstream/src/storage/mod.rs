//! Where bytes end up, and where they come from: a file, standard input and output, or a stream in this program.
//!
//! A [`Sink`] is what the caller wants; an [`Output`] is the blocking end that it opens, and a file appears only when it is whole;
//! an [`OutputQueue`] is the asynchronous face of an output, which runs on a thread of its own so that disk and pipe never stop the
//! runtime. A [`Source`] and an [`InputQueue`] are the same in the other direction.
//!
//! This module does not compress and knows no format.

mod file;
mod input_queue;
mod queue;
mod source;
mod stdout;
mod stream;

use std::fmt;
use std::io::{self, Write};
use std::path::PathBuf;

use crate::error::StorageError;

pub(crate) use file::sync_folder;
pub use file::{OutputFile, PartFile};
pub use input_queue::InputQueue;
pub use queue::{BLOCK_BYTES, OutputQueue};
pub use source::Source;
pub use stdout::StandardOutput;
pub use stream::{ByteSender, ByteStream, byte_stream};

/// Where an archive goes.
#[non_exhaustive]
pub enum Sink {
    /// A file, which appears under this name only when it is whole.
    Path(PathBuf),
    /// Standard output of this process.
    Stdout,
    /// A stream that somebody in this process reads, see [`byte_stream`].
    Stream(ByteSender),
    /// Whatever the caller has: a store of its own, a file that is hashed as it is written.
    Output(Box<dyn Output>),
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => f.debug_tuple("Path").field(path).finish(),
            Self::Stdout => f.write_str("Stdout"),
            Self::Stream(sender) => f.debug_tuple("Stream").field(sender).finish(),
            Self::Output(_) => f.write_str("Output(…)"),
        }
    }
}

impl Sink {
    /// What a command line means: `-` is standard output, anything else a path.
    pub fn parse(text: &str) -> Self {
        if text == "-" { Self::Stdout } else { Self::Path(PathBuf::from(text)) }
    }

    /// Opens the output. With `force`, an existing file is replaced at the end, and not before. Blocks on the file system
    /// for as long as it takes to create a file.
    ///
    /// # Errors
    /// [`StorageError::Exists`] without `force`; [`StorageError::Failed`] if the system refuses.
    pub fn open(self, force: bool) -> Result<Box<dyn Output>, StorageError> {
        Ok(match self {
            Self::Path(path) => Box::new(OutputFile::create(&path, force)?),
            Self::Stdout => Box::new(StandardOutput::open()?),
            Self::Stream(sender) => Box::new(sender),
            Self::Output(output) => output,
        })
    }
}

/// The blocking end of an output. Lives on a thread that may block.
///
/// Dropping one without [`finish`](Self::finish) leaves nothing that looks complete.
pub trait Output: Write + Send {
    /// Makes everything durable and visible; returns the bytes stored.
    ///
    /// # Errors
    /// [`StorageError::Failed`] or [`StorageError::ClosedPipe`]; nothing is published then.
    fn finish(self: Box<Self>) -> Result<u64, StorageError>;

    /// Says what a failed write means here: which file, how many bytes were stored.
    fn explain(&self, error: io::Error) -> StorageError;

    /// The unfinished file, if there is one, so that it can be removed from another thread.
    fn part(&self) -> Option<PartFile> {
        None
    }
}

/// The error of the system, with what was being done.
fn failed(action: &'static str, path: impl Into<String>, bytes: u64, source: io::Error) -> StorageError {
    match source.kind() {
        io::ErrorKind::BrokenPipe => StorageError::ClosedPipe { bytes },
        _ => StorageError::Failed { action, path: path.into(), bytes, source },
    }
}
