//! Compresses on the way to an output.

use std::io::{self, Write};

use crate::error::{ArchiveError, StorageError};
use crate::storage::{Output, PartFile};

#[cfg(any(feature = "gzip", feature = "zstd"))]
use super::compression::codec_failed;
use super::compression::{Compression, CompressionMethod};

/// An output that compresses into another one.
pub(super) fn encode(compression: Compression, output: Box<dyn Output>) -> Result<Box<dyn Output>, ArchiveError> {
    let gate = Gate { output, is_open: true };
    let codec = match compression.method {
        #[cfg(feature = "gzip")]
        CompressionMethod::Gzip => {
            let level = flate2::Compression::new(compression.level.unsigned_abs());
            Codec::Gzip(flate2::write::GzEncoder::new(gate, level))
        }
        #[cfg(feature = "zstd")]
        CompressionMethod::Zstd => {
            let mut encoder = zstd::Encoder::new(gate, compression.level).map_err(codec_failed)?;
            encoder.include_checksum(true).map_err(codec_failed)?;
            Codec::Zstd(encoder)
        }
        #[cfg(feature = "lz4")]
        CompressionMethod::Lz4 => {
            let info = lz4_flex::frame::FrameInfo::new().content_checksum(true);
            Codec::Lz4(Box::new(lz4_flex::frame::FrameEncoder::with_frame_info(info, gate)))
        }
        method => return Err(ArchiveError::CompressionNotBuilt { method: method.as_str() }),
    };
    Ok(Box::new(Encoder { codec: Some(codec) }))
}

/// Shuts when an encoder is dropped: a gzip encoder would otherwise write its trailer then, and a stream that was given up
/// would look complete.
struct Gate {
    output: Box<dyn Output>,
    is_open: bool,
}

impl Write for Gate {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_open { self.output.write(bytes) } else { Err(io::Error::other("abandoned")) }
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.is_open { self.output.flush() } else { Ok(()) }
    }
}

enum Codec {
    #[cfg(feature = "gzip")]
    Gzip(flate2::write::GzEncoder<Gate>),
    #[cfg(feature = "zstd")]
    Zstd(zstd::Encoder<'static, Gate>),
    #[cfg(feature = "lz4")]
    Lz4(Box<lz4_flex::frame::FrameEncoder<Gate>>),
}

/// Calls the same method on whichever codec there is.
macro_rules! with_codec {
    ($codec:expr, $inner:ident => $call:expr) => {
        match $codec {
            #[cfg(feature = "gzip")]
            Codec::Gzip($inner) => $call,
            #[cfg(feature = "zstd")]
            Codec::Zstd($inner) => $call,
            #[cfg(feature = "lz4")]
            Codec::Lz4($inner) => $call,
        }
    };
}

/// An output that compresses.
struct Encoder {
    /// Taken when finished.
    codec: Option<Codec>,
}

const PRESENT: &str = "the codec is there until it is finished";

impl Encoder {
    fn gate(&self) -> &Gate {
        with_codec!(self.codec.as_ref().expect(PRESENT), codec => codec.get_ref())
    }
}

impl Write for Encoder {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        with_codec!(self.codec.as_mut().expect(PRESENT), codec => codec.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        with_codec!(self.codec.as_mut().expect(PRESENT), codec => codec.flush())
    }
}

impl Output for Encoder {
    fn finish(mut self: Box<Self>) -> Result<u64, StorageError> {
        let codec = self.codec.take().expect(PRESENT);
        finish_codec(codec)?.output.finish()
    }

    fn explain(&self, error: io::Error) -> StorageError {
        self.gate().output.explain(error)
    }

    fn part(&self) -> Option<PartFile> {
        self.gate().output.part()
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        if let Some(codec) = &mut self.codec {
            with_codec!(codec, codec => codec.get_mut().is_open = false);
        }
    }
}

/// Writes what the codec still holds and its trailer.
fn finish_codec(codec: Codec) -> Result<Gate, StorageError> {
    match codec {
        #[cfg(feature = "gzip")]
        Codec::Gzip(mut encoder) => match encoder.try_finish() {
            Ok(()) => encoder.finish().map_err(codec_failed),
            Err(e) => {
                encoder.get_mut().is_open = false;
                Err(encoder.get_ref().output.explain(e))
            }
        },
        #[cfg(feature = "zstd")]
        Codec::Zstd(mut encoder) => match encoder.do_finish() {
            Ok(()) => encoder.finish().map_err(codec_failed),
            Err(e) => Err(encoder.get_ref().output.explain(e)),
        },
        #[cfg(feature = "lz4")]
        Codec::Lz4(mut encoder) => match encoder.try_finish() {
            Ok(()) => Ok(encoder.into_inner()),
            Err(e) => Err(encoder.get_ref().output.explain(io::Error::from(e))),
        },
    }
}
