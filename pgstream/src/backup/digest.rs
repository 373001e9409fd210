//! What a file is by its hashes, and where two differ.

use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use crate::error::StorageError;
use crate::storage::{Output, PartFile};

/// A hash for each block of this many bytes tells where a large file is damaged, for two bytes in a megabyte.
const BLOCK: u64 = 8 * 1024 * 1024;

/// The size and the hashes of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FileDigest {
    /// Its size in bytes.
    pub bytes: u64,
    /// Its XXH3 hash of 128 bits: 32 hex digits.
    pub xxh3: String,
    /// The XXH3 hash of 64 bits of each block of 8 MiB: 16 hex digits each.
    pub blocks: Vec<String>,
}

impl FileDigest {
    /// Where this file, as it should be, differs from what is there: the beginning of the block, or where the shorter one ends.
    /// `None` if they are the same.
    pub(super) fn differs_from(&self, found: &Self) -> Option<u64> {
        if self == found {
            return None;
        }
        let same = self.blocks.iter().zip(&found.blocks).take_while(|(a, b)| a == b).count() as u64;
        let shorter = self.bytes.min(found.bytes);
        let at = same * BLOCK;
        // The last block of a file that was cut differs by its size, which is no news about the bytes that are left.
        Some(if self.bytes != found.bytes && at + BLOCK > shorter { shorter } else { at.min(shorter) })
    }
}

/// Takes the digest of bytes as they pass.
pub(super) struct Digester {
    bytes: u64,
    whole: Xxh3,
    block: Xxh3,
    blocks: Vec<String>,
}

impl Digester {
    pub(super) fn new() -> Self {
        Self { bytes: 0, whole: Xxh3::new(), block: Xxh3::new(), blocks: Vec::new() }
    }

    pub(super) fn update(&mut self, mut bytes: &[u8]) {
        self.whole.update(bytes);
        while !bytes.is_empty() {
            let room = usize::try_from(BLOCK - self.bytes % BLOCK).unwrap_or(usize::MAX);
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.block.update(now);
            self.bytes += now.len() as u64;
            if self.bytes.is_multiple_of(BLOCK) {
                self.end_block();
            }
            bytes = later;
        }
    }

    pub(super) fn finish(mut self) -> FileDigest {
        if !self.bytes.is_multiple_of(BLOCK) {
            self.end_block();
        }
        FileDigest { bytes: self.bytes, xxh3: format!("{:032x}", self.whole.digest128()), blocks: self.blocks }
    }

    fn end_block(&mut self) {
        self.blocks.push(format!("{:016x}", self.block.digest()));
        self.block.reset();
    }
}

/// Where the digest of an output is found once it is finished.
#[derive(Clone, Default)]
pub(super) struct DigestSlot(Arc<Mutex<Option<FileDigest>>>);

impl DigestSlot {
    pub(super) fn take(&self) -> Option<FileDigest> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn set(&self, digest: FileDigest) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(digest);
    }
}

/// An output whose bytes are hashed on their way, so that the manifest says what was meant to be stored and not what a disk made
/// of it.
pub(super) struct DigestOutput {
    output: Box<dyn Output>,
    digester: Digester,
    slot: DigestSlot,
}

impl DigestOutput {
    pub(super) fn new(output: Box<dyn Output>) -> (Self, DigestSlot) {
        let slot = DigestSlot::default();
        (Self { output, digester: Digester::new(), slot: slot.clone() }, slot)
    }
}

impl Write for DigestOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.output.write(bytes)?;
        self.digester.update(&bytes[..written]);
        super::failpoint::reach("backup.create.database_half");
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

impl Output for DigestOutput {
    fn finish(self: Box<Self>) -> Result<u64, StorageError> {
        let bytes = self.output.finish()?;
        self.slot.set(self.digester.finish());
        Ok(bytes)
    }

    fn explain(&self, error: io::Error) -> StorageError {
        self.output.explain(error)
    }

    fn part(&self) -> Option<PartFile> {
        self.output.part()
    }
}

/// A reader whose bytes are hashed on their way.
pub(super) struct DigestReader<R> {
    input: R,
    digester: Digester,
}

impl<R: Read> DigestReader<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, digester: Digester::new() }
    }

    /// The digest of all that was read.
    pub(super) fn finish(self) -> FileDigest {
        self.digester.finish()
    }
}

impl<R: Read> Read for DigestReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.digester.update(&buffer[..read]);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(bytes: &[u8], step: usize) -> FileDigest {
        let mut digester = Digester::new();
        bytes.chunks(step).for_each(|piece| digester.update(piece));
        digester.finish()
    }

    #[test]
    fn pieces_of_every_size_give_the_same_digest() {
        let bytes: Vec<u8> = (0..20_u32 * 1024 * 1024).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        let whole = digest(&bytes, usize::MAX);
        assert_eq!((whole.bytes, whole.blocks.len()), (20 * 1024 * 1024, 3));
        assert_eq!(digest(&bytes, 999_983), whole);
        assert_eq!(digest(&[], 1), FileDigest { bytes: 0, xxh3: "99aa06d3014798d86001c324468d497f".into(), blocks: vec![] });
    }

    #[test]
    fn a_difference_is_found_in_its_block_or_at_the_end() {
        let block = usize::try_from(BLOCK).unwrap();
        let bytes = vec![7; 2 * block + 100];
        let whole = digest(&bytes, block);
        let mut changed = bytes.clone();
        changed[block + 5] = 8;
        assert_eq!(whole.differs_from(&digest(&changed, block)), Some(BLOCK));
        assert_eq!(whole.differs_from(&digest(&bytes[..block - 1], block)), Some(BLOCK - 1));
        assert_eq!(whole.differs_from(&digest(&[&bytes[..], b"x"].concat(), block)), Some(2 * BLOCK + 100));
        changed.truncate(2 * block);
        assert_eq!(whole.differs_from(&digest(&changed, block)), Some(BLOCK));
        assert_eq!(whole.differs_from(&whole.clone()), None);
    }
}
