//! Reads LZ4 frames to their end.
//!
//! The decoder of `lz4_flex` stops at the end of the first frame, takes an input that was cut between two blocks for
//! complete, and does not pass over frames that are to be skipped. Here frames may follow each other, and a cut one is an error.

use std::io::{self, Read};

use lz4_flex::frame::{Error, FrameDecoder};

/// Frames behind each other, decoded.
pub(super) struct Lz4Decoder<R: Read> {
    frame: FrameDecoder<Counted<R>>,
}

/// Knows whether the input has ended, and how much was taken since the last frame ended.
struct Counted<R> {
    input: R,
    bytes_of_frame: u64,
    is_at_end: bool,
}

impl<R: Read> Lz4Decoder<R> {
    pub(super) fn new(input: R) -> Self {
        Self { frame: FrameDecoder::new(Counted { input, bytes_of_frame: 0, is_at_end: false }) }
    }

    pub(super) fn get_ref(&self) -> &R {
        &self.frame.get_ref().input
    }

    /// Passes over the content of a frame whose header has been read.
    fn skip_frame(&mut self, size: u32) -> io::Result<()> {
        let source = self.frame.get_mut();
        let skipped = io::copy(&mut Read::by_ref(source).take(size.into()), &mut io::sink())?;
        if skipped < size.into() {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
        }
        source.bytes_of_frame = 0;
        Ok(())
    }
}

/// The size of a frame that is to be skipped, if that is why the decoder stopped.
fn skippable(error: &io::Error) -> Option<u32> {
    match error.get_ref()?.downcast_ref::<Error>()? {
        Error::SkippableFrame(size) => Some(*size),
        _ => None,
    }
}

impl<R: Read> Read for Lz4Decoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let read = match self.frame.read(buffer) {
                Ok(read) => read,
                Err(error) => {
                    let Some(size) = skippable(&error) else { return Err(error) };
                    self.skip_frame(size)?;
                    continue;
                }
            };
            let source = self.frame.get_mut();
            match (read, source.is_at_end, source.bytes_of_frame) {
                // An end mark, reached without asking for more than there is: another frame may follow.
                (0, false, _) => source.bytes_of_frame = 0,
                (0, true, 0) => return Ok(0),
                (0, true, _) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
                _ => return Ok(read),
            }
        }
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.bytes_of_frame += read as u64;
        self.is_at_end |= read == 0 && !buffer.is_empty();
        Ok(read)
    }
}
