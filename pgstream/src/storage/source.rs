//! Where bytes come from: a file, standard input, or a stream in this program.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use bytes::{Buf, Bytes};
use futures_util::StreamExt;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use crate::error::StorageError;

use super::ByteStream;

/// Where an archive comes from.
#[non_exhaustive]
pub enum Source {
    /// A file. It is read twice: what it needs is found out before anything is written.
    Path(PathBuf),
    /// Standard input of this process.
    Stdin,
    /// A stream within this program, such as the body of an HTTP request.
    Stream(ByteStream),
}

impl Source {
    /// What a command line means: `-` is standard input, anything else a path.
    pub fn parse(text: &str) -> Self {
        if text == "-" { Self::Stdin } else { Self::Path(PathBuf::from(text)) }
    }

    /// The path of what can be read twice, or cannot be read at all. A device or a named pipe can be read once.
    pub fn seekable(&self) -> Option<&Path> {
        let Self::Path(path) = self else { return None };
        let is_read_once = path.metadata().is_ok_and(|found| !found.is_file() && !found.is_dir());
        (!is_read_once).then_some(path)
    }

    /// Its name for people.
    pub fn describe(&self) -> String {
        match self {
            Self::Path(path) => path.display().to_string(),
            Self::Stdin => "standard input".to_owned(),
            Self::Stream(_) => "a stream".to_owned(),
        }
    }

    /// Opens it. Blocks, and so does reading: both belong on a thread that may. `cancel` ends waiting for a stream.
    ///
    /// # Errors
    /// [`StorageError::Unreadable`] if the system refuses.
    pub(crate) fn open(self, runtime: Handle, cancel: CancellationToken) -> Result<Box<dyn Read + Send>, StorageError> {
        Ok(match self {
            Self::Path(path) => Box::new(open_file(&path)?),
            Self::Stdin => Box::new(io::stdin()),
            Self::Stream(stream) => Box::new(StreamReader { stream, block: Bytes::new(), runtime, cancel }),
        })
    }
}

fn open_file(path: &Path) -> Result<File, StorageError> {
    let unreadable = |source| StorageError::Unreadable { path: path.display().to_string(), bytes: 0, source };
    let file = File::open(path).map_err(unreadable)?;
    match file.metadata() {
        Ok(metadata) if metadata.is_dir() => Err(unreadable(io::Error::from(io::ErrorKind::IsADirectory))),
        _ => Ok(file),
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({})", self.describe())
    }
}

/// A stream as a blocking reader, for decompressors.
struct StreamReader {
    stream: ByteStream,
    block: Bytes,
    runtime: Handle,
    cancel: CancellationToken,
}

impl Read for StreamReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.block.is_empty() {
            let (stream, cancel) = (&mut self.stream, &self.cancel);
            let next = self.runtime.block_on(async {
                tokio::select! {
                    biased;
                    () = cancel.cancelled() => Some(Err(io::Error::from(io::ErrorKind::Interrupted))),
                    next = stream.next() => next.map(|block| block.map_err(io::Error::other)),
                }
            });
            match next {
                None => return Ok(0),
                // `Interrupted` would be tried again.
                Some(Err(e)) if e.kind() == io::ErrorKind::Interrupted => return Err(io::Error::other("cancelled")),
                Some(block) => self.block = block?,
            }
        }
        let length = buffer.len().min(self.block.len());
        self.block.copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dash_is_standard_input() {
        assert!(matches!(Source::parse("-"), Source::Stdin));
        assert!(matches!(Source::parse("./-"), Source::Path(_)));
    }

    #[test]
    fn only_a_file_is_read_twice() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sql");
        std::fs::write(&path, "x").unwrap();
        assert!(Source::Path(path).seekable().is_some());
        assert!(Source::Path(PathBuf::from("/dev/null")).seekable().is_none());
        assert!(Source::Path(folder.path().join("absent")).seekable().is_some(), "the look finds out");
        assert!(Source::Stdin.seekable().is_none());
    }

    #[test]
    fn what_cannot_be_opened_is_named() {
        let folder = tempfile::tempdir().unwrap();
        for path in [folder.path().join("absent"), folder.path().to_owned()] {
            let error = open_file(&path).unwrap_err();
            assert!(error.to_string().contains(&path.display().to_string()), "{error}");
        }
    }
}
