//! Standard output as an output.

use std::fs::File;
use std::io::{self, Write};

use crate::error::StorageError;

use super::{Output, failed};

const NAME: &str = "standard output";

/// Standard output, without the line buffer of the standard library, which would cut our blocks at line ends.
#[derive(Debug)]
pub struct StandardOutput {
    file: File,
    bytes: u64,
}

impl StandardOutput {
    /// Takes a second handle of standard output.
    ///
    /// # Errors
    /// [`StorageError::Failed`] if standard output is closed.
    pub fn open() -> Result<Self, StorageError> {
        Ok(Self { file: duplicate().map_err(|e| failed("open", NAME, 0, e))?, bytes: 0 })
    }
}

#[cfg(unix)]
fn duplicate() -> io::Result<File> {
    use std::os::fd::AsFd;
    io::stdout().as_fd().try_clone_to_owned().map(File::from)
}

#[cfg(windows)]
fn duplicate() -> io::Result<File> {
    use std::os::windows::io::AsHandle;
    io::stdout().as_handle().try_clone_to_owned().map(File::from)
}

impl Write for StandardOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Output for StandardOutput {
    fn finish(self: Box<Self>) -> Result<u64, StorageError> {
        Ok(self.bytes)
    }

    fn explain(&self, error: io::Error) -> StorageError {
        failed("write", NAME, self.bytes, error)
    }
}
