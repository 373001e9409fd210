//! Decompresses on the way in, and says where it is when the input turns out to be damaged.
//!
//! An input is recognised by its first bytes, never by its name. Gzip members, zstd frames and lz4 frames may follow each
//! other, with frames to be skipped in between. Every one has to be whole, and nothing else may follow.

use std::io::{self, BufRead, BufReader, Read};

use crate::error::ArchiveError;

use super::compression::CompressionMethod;
#[cfg(feature = "zstd")]
use super::compression::codec_failed;

/// What is read from the input at once.
const BUFFER: usize = 64 * 1024;

/// A compressed input, or one that is not. Its [`Read`] gives the content; an error of it is best shown by
/// [`explain`](Self::explain).
///
/// It holds a few buffers, and as much of the content as the method looks back to: 32 KiB for gzip, up to 128 MiB for zstd
/// (8 MiB at its usual levels), 8 MiB for lz4.
pub struct Decoder<'a> {
    codec: Codec<'a>,
    method: CompressionMethod,
}

enum Codec<'a> {
    None(Source<'a>),
    #[cfg(feature = "gzip")]
    Gzip(Box<flate2::bufread::MultiGzDecoder<Source<'a>>>),
    #[cfg(feature = "zstd")]
    Zstd(zstd::Decoder<'static, Source<'a>>),
    #[cfg(feature = "lz4")]
    Lz4(Box<super::lz4::Lz4Decoder<Source<'a>>>),
}

/// Calls the same method on whichever codec there is.
macro_rules! with_codec {
    ($codec:expr, $inner:ident => $call:expr) => {
        match $codec {
            Codec::None($inner) => $call,
            #[cfg(feature = "gzip")]
            Codec::Gzip($inner) => $call,
            #[cfg(feature = "zstd")]
            Codec::Zstd($inner) => $call,
            #[cfg(feature = "lz4")]
            Codec::Lz4($inner) => $call,
        }
    };
}

impl<'a> Decoder<'a> {
    /// Reads an input that is compressed in this way.
    ///
    /// # Errors
    /// [`ArchiveError::CompressionNotBuilt`]; [`ArchiveError::Storage`] if the codec cannot be set up.
    pub fn new(method: CompressionMethod, input: Box<dyn Read + Send + 'a>) -> Result<Self, ArchiveError> {
        Self::from_source(method, Source::new(input, Vec::new(), 0))
    }

    /// Reads an input, compressed or not, whatever its first bytes say.
    ///
    /// # Errors
    /// As [`new`](Self::new); [`ArchiveError::InputFailed`] if the first bytes cannot be read; [`ArchiveError::InputDamaged`] if
    /// frames to be skipped are followed by something that is no frame.
    pub fn detect(mut input: Box<dyn Read + Send + 'a>) -> Result<Self, ArchiveError> {
        let (mut head, mut taken) = (read_head(&mut input)?, 0);
        while is_skippable(&head) {
            taken += skip_frame(&mut input)?;
            head = read_head(&mut input)?;
        }
        let method = CompressionMethod::from_magic(&head);
        let is_frame = matches!(method, CompressionMethod::Zstd | CompressionMethod::Lz4);
        if taken > 0 && !is_frame && !head.is_empty() {
            return Err(damaged(CompressionMethod::Zstd, taken, "no frame follows one that is to be skipped"));
        }
        Self::from_source(method, Source::new(input, head, taken))
    }

    fn from_source(method: CompressionMethod, source: Source<'a>) -> Result<Self, ArchiveError> {
        let codec = match method {
            CompressionMethod::None => Codec::None(source),
            #[cfg(feature = "gzip")]
            CompressionMethod::Gzip => Codec::Gzip(Box::new(flate2::bufread::MultiGzDecoder::new(source))),
            #[cfg(feature = "zstd")]
            CompressionMethod::Zstd => Codec::Zstd(zstd::Decoder::with_buffer(source).map_err(codec_failed)?),
            #[cfg(feature = "lz4")]
            CompressionMethod::Lz4 => Codec::Lz4(Box::new(super::lz4::Lz4Decoder::new(source))),
            #[allow(unreachable_patterns)]
            method => return Err(ArchiveError::CompressionNotBuilt { method: method.as_str() }),
        };
        Ok(Self { codec, method })
    }

    /// How the input is compressed.
    pub fn method(&self) -> CompressionMethod {
        self.method
    }

    /// How many bytes of the compressed input have been taken: for progress, as their sum may be known and that of the content
    /// is not.
    pub fn bytes_taken(&self) -> u64 {
        with_codec!(&self.codec, codec => codec.source().taken)
    }

    /// What a failed read of a decoder means.
    pub fn explain(error: io::Error) -> ArchiveError {
        match error.downcast::<ArchiveError>() {
            Ok(error) => error,
            Err(source) => read_failed(source, 0),
        }
    }

    fn problem(&self, error: io::Error) -> io::Error {
        let source = with_codec!(&self.codec, codec => codec.source());
        if error.kind() == io::ErrorKind::Interrupted {
            return error;
        }
        let kind = error.kind();
        let problem = match kind {
            _ if source.has_failed => read_failed(error, source.taken),
            io::ErrorKind::UnexpectedEof => damaged(self.method, source.taken, "it ends too early"),
            _ => damaged(self.method, source.taken, &error.to_string()),
        };
        io::Error::new(kind, problem)
    }
}

impl Read for Decoder<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        with_codec!(&mut self.codec, codec => codec.read(buffer)).map_err(|error| self.problem(error))
    }
}

impl std::fmt::Debug for Decoder<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoder").field("method", &self.method).field("bytes_taken", &self.bytes_taken()).finish()
    }
}

/// Where a codec keeps its input.
trait HasSource<'a> {
    fn source(&self) -> &Source<'a>;
}

impl<'a> HasSource<'a> for Source<'a> {
    fn source(&self) -> &Self {
        self
    }
}

#[cfg(feature = "gzip")]
impl<'a> HasSource<'a> for flate2::bufread::MultiGzDecoder<Source<'a>> {
    fn source(&self) -> &Source<'a> {
        self.get_ref()
    }
}

#[cfg(feature = "zstd")]
impl<'a> HasSource<'a> for zstd::Decoder<'static, Source<'a>> {
    fn source(&self) -> &Source<'a> {
        self.get_ref()
    }
}

#[cfg(feature = "lz4")]
impl<'a> HasSource<'a> for super::lz4::Lz4Decoder<Source<'a>> {
    fn source(&self) -> &Source<'a> {
        self.get_ref()
    }
}

/// The compressed input, counted.
struct Source<'a> {
    input: BufReader<Box<dyn Read + Send + 'a>>,
    taken: u64,
    /// The input itself failed, not what a codec makes of it.
    has_failed: bool,
}

impl<'a> Source<'a> {
    /// An input whose first bytes were read already, behind so many that were skipped.
    fn new(input: Box<dyn Read + Send + 'a>, head: Vec<u8>, taken: u64) -> Self {
        let input: Box<dyn Read + Send + 'a> = Box::new(io::Cursor::new(head).chain(input));
        let input = BufReader::with_capacity(BUFFER, input);
        Self { input, taken, has_failed: false }
    }
}

impl BufRead for Source<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let has_failed = &mut self.has_failed;
        self.input.fill_buf().inspect_err(|error| *has_failed = error.kind() != io::ErrorKind::Interrupted)
    }

    fn consume(&mut self, bytes: usize) {
        self.taken += bytes as u64;
        self.input.consume(bytes);
    }
}

impl Read for Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

fn read_head(input: &mut dyn Read) -> Result<Vec<u8>, ArchiveError> {
    let mut head = Vec::with_capacity(4);
    input.take(4).read_to_end(&mut head).map_err(|source| read_failed(source, 0))?;
    Ok(head)
}

/// Frames of zstd and of lz4 that hold something else than content. Source: RFC 8878 §3.1.2.
fn is_skippable(head: &[u8]) -> bool {
    matches!(head, [0x50..=0x5f, 0x2a, 0x4d, 0x18])
}

/// Passes over a frame behind its first four bytes. Gives its whole size.
fn skip_frame(input: &mut dyn Read) -> Result<u64, ArchiveError> {
    let size = read_head(input)?;
    let Ok(size) = <[u8; 4]>::try_from(size.as_slice()) else {
        return Err(damaged(CompressionMethod::Zstd, 4, "it ends too early"));
    };
    let size = u64::from(u32::from_le_bytes(size));
    let skipped = io::copy(&mut input.take(size), &mut io::sink()).map_err(|source| read_failed(source, 8))?;
    if skipped < size {
        return Err(damaged(CompressionMethod::Zstd, 8 + skipped, "it ends too early"));
    }
    Ok(8 + size)
}

fn read_failed(source: io::Error, offset: u64) -> ArchiveError {
    ArchiveError::InputFailed { offset, source }
}

fn damaged(method: CompressionMethod, offset: u64, problem: &str) -> ArchiveError {
    ArchiveError::InputDamaged { method: method.as_str(), offset, problem: problem.to_owned() }
}

/// Reads a compressed stream, of one frame or of several behind each other.
///
/// # Errors
/// As [`Decoder::new`].
pub fn decoder<'a>(
    method: CompressionMethod,
    input: Box<dyn Read + Send + 'a>,
) -> Result<Box<dyn Read + Send + 'a>, ArchiveError> {
    Ok(Box::new(Decoder::new(method, input)?))
}

/// Reads a stream, compressed or not, whatever its first bytes say.
///
/// # Errors
/// As [`Decoder::detect`].
pub fn detecting_decoder<'a>(input: Box<dyn Read + Send + 'a>) -> Result<Box<dyn Read + Send + 'a>, ArchiveError> {
    Ok(Box::new(Decoder::detect(input)?))
}

#[cfg(test)]
#[path = "decoder_tests.rs"]
mod tests;
