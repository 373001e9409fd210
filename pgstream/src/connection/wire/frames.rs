//! Rows of a COPY as they came off the wire.

use bytes::{Bytes, BytesMut};

use super::header::{HEADER, Header, copy_data_header};
use super::{COALESCE, READ_BUFFER};

/// A run of whole `CopyData` messages, headers included: what COPY OUT gave and what COPY IN takes.
///
/// One message is one row, except for a row that is larger than the read buffer: such a row arrives as several messages,
/// the first and the last of which may lie in different `Frames`. A row of COPY text ends with its line feed.
///
/// Cloning is cheap. The buffer behind it is used again once all `Frames` on it are gone.
#[derive(Clone)]
pub struct Frames {
    bytes: Bytes,
    continues: bool,
    unfinished: bool,
}

impl Frames {
    /// The messages, headers included.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The messages, headers included, without copying them.
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }

    /// Whether the first piece continues the row that the `Frames` before left unfinished.
    pub fn continues(&self) -> bool {
        self.continues
    }

    /// Whether the last piece's row goes on in the next `Frames`.
    pub fn is_unfinished(&self) -> bool {
        self.unfinished
    }

    /// The payloads in order, one per message.
    pub fn pieces(&self) -> Pieces<'_> {
        Pieces { rest: &self.bytes, starts: !self.continues, unfinished: self.unfinished }
    }
}

impl std::fmt::Debug for Frames {
    /// Sizes only: the bytes are values of cells.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { bytes, continues, unfinished } = self;
        write!(f, "Frames({} bytes, continues: {continues}, unfinished: {unfinished})", bytes.len())
    }
}

/// The payload of one `CopyData` message: a row, or a part of a large one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Piece<'a> {
    /// The payload. In COPY text the line feed is part of it.
    pub bytes: &'a [u8],
    /// Whether a row starts with this piece.
    pub starts_row: bool,
    /// Whether the row ends with this piece.
    pub ends_row: bool,
}

impl std::fmt::Debug for Piece<'_> {
    /// Sizes only: the bytes are values of cells.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Piece({} bytes, starts: {}, ends: {})", self.bytes.len(), self.starts_row, self.ends_row)
    }
}

/// Iterator over the pieces of [`Frames`].
#[derive(Debug)]
pub struct Pieces<'a> {
    rest: &'a [u8],
    starts: bool,
    unfinished: bool,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    #[inline]
    fn next(&mut self) -> Option<Piece<'a>> {
        let (header, rest) = self.rest.split_first_chunk::<HEADER>()?;
        let length = u32::from_be_bytes([header[1], header[2], header[3], header[4]]) as usize;
        // The scanner has checked every header: a message lies in the buffer as a whole.
        let (bytes, rest) = rest.split_at_checked(length.checked_sub(4)?)?;
        self.rest = rest;
        let starts_row = std::mem::replace(&mut self.starts, true);
        Some(Piece { bytes, starts_row, ends_row: !(rest.is_empty() && self.unfinished) })
    }
}

/// What the scanner found.
#[derive(Debug)]
pub(crate) enum Scanned {
    /// Rows.
    Frames(Frames),
    /// A message of another type is next in the input.
    Other,
    /// More bytes are needed.
    More,
}

/// Cuts the input into [`Frames`]. Its state outlives a dropped future: nothing is lost between two calls.
#[derive(Debug, Default)]
pub(crate) struct Scanner {
    /// Bytes at the front of the input that are known to be whole `CopyData` messages.
    scanned: usize,
    /// Whether those start in the middle of a row.
    continues: bool,
    /// Bytes of a large row that have not been passed on. While it is above zero, the input starts with room for a header.
    large_left: usize,
}

impl Scanner {
    /// Takes rows from the front of `input`, at least [`COALESCE`] bytes of them unless something else follows.
    pub(crate) fn scan(&mut self, input: &mut BytesMut) -> Result<Scanned, String> {
        if self.large_left > 0 && !self.end_large(input) {
            return Ok(self.piece_of_large(input));
        }
        loop {
            let header = Header::read(&input[self.scanned..])?;
            let ready = self.scanned > 0;
            match header {
                Some(h) if h.kind == b'd' && h.total() <= input.len() - self.scanned => self.scanned += h.total(),
                Some(h) if h.kind == b'd' && h.total() > READ_BUFFER && !ready => return Ok(self.start_large(h, input)),
                Some(h) if ready && (h.kind != b'd' || h.total() > READ_BUFFER) => return Ok(self.emit(input)),
                Some(h) if h.kind != b'd' => return Ok(Scanned::Other),
                _ if self.scanned >= COALESCE => return Ok(self.emit(input)),
                _ => return Ok(Scanned::More),
            }
        }
    }

    /// Passes on all whole messages found.
    fn emit(&mut self, input: &mut BytesMut) -> Scanned {
        let bytes = input.split_to(std::mem::take(&mut self.scanned)).freeze();
        Scanned::Frames(Frames { bytes, continues: std::mem::take(&mut self.continues), unfinished: false })
    }

    /// The first piece of a row that is larger than the buffer becomes a message of its own.
    fn start_large(&mut self, header: Header, input: &mut BytesMut) -> Scanned {
        if input.len() < COALESCE {
            return Scanned::More;
        }
        self.large_left = header.body;
        self.piece(input)
    }

    fn piece_of_large(&mut self, input: &mut BytesMut) -> Scanned {
        if input.len() < COALESCE { Scanned::More } else { self.piece(input) }
    }

    /// Turns the whole input into one message: it is all of one row, and the row goes on.
    fn piece(&mut self, input: &mut BytesMut) -> Scanned {
        let body = input.len() - HEADER;
        input[..HEADER].copy_from_slice(&copy_data_header(body));
        let bytes = input.split().freeze();
        self.large_left -= body;
        input.extend_from_slice(&[0; HEADER]);
        Scanned::Frames(Frames { bytes, continues: std::mem::replace(&mut self.continues, true), unfinished: true })
    }

    /// Completes a large row if the rest of it has come.
    fn end_large(&mut self, input: &mut BytesMut) -> bool {
        if input.len() - HEADER < self.large_left {
            return false;
        }
        input[..HEADER].copy_from_slice(&copy_data_header(self.large_left));
        self.scanned = HEADER + std::mem::take(&mut self.large_left);
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn copy_data(row: &[u8]) -> Vec<u8> {
        [&copy_data_header(row.len())[..], row].concat()
    }

    /// Feeds `wire` in chunks of the given sizes, over and over, and gives the rows put together again.
    fn read_in_chunks(wire: &[u8], sizes: &[usize]) -> Result<Vec<Vec<u8>>, String> {
        let (mut input, mut scanner, mut rows) = (BytesMut::new(), Scanner::default(), vec![Vec::new()]);
        let (mut rest, mut sizes) = (wire, sizes.iter().cycle());
        loop {
            match scanner.scan(&mut input)? {
                Scanned::Frames(frames) => frames.pieces().for_each(|piece| add(&mut rows, piece)),
                Scanned::Other => return Ok(rows),
                Scanned::More if rest.is_empty() => return Ok(rows),
                Scanned::More => {
                    let (now, later) = rest.split_at((*sizes.next().unwrap()).min(rest.len()));
                    input.extend_from_slice(now);
                    rest = later;
                }
            }
        }
    }

    fn add(rows: &mut Vec<Vec<u8>>, piece: Piece<'_>) {
        let row = rows.last_mut().unwrap();
        assert_eq!(piece.starts_row, row.is_empty(), "a row starts where the one before ended");
        row.extend(piece.bytes);
        if piece.ends_row {
            rows.push(Vec::new());
        }
    }

    fn wire_of(rows: &[Vec<u8>]) -> Vec<u8> {
        let mut wire: Vec<u8> = rows.iter().flat_map(|row| copy_data(row)).collect();
        wire.extend(b"c\0\0\0\x04");
        wire
    }

    #[test]
    fn every_split_of_a_small_stream_gives_the_same_rows() {
        let rows: Vec<Vec<u8>> = vec![b"a\n".to_vec(), b"\n".to_vec(), b"bcd\n".to_vec()];
        let wire = wire_of(&rows);
        let expected = [rows, vec![Vec::new()]].concat();
        for first in 1..wire.len() {
            assert_eq!(read_in_chunks(&wire, &[first, wire.len()]).unwrap(), expected, "split at {first}");
        }
    }

    #[test]
    fn a_row_above_the_buffer_passes_in_bounded_pieces() {
        let row = vec![b'x'; 5 * READ_BUFFER];
        let (mut input, mut scanner, mut seen) = (BytesMut::new(), Scanner::default(), 0);
        for chunk in wire_of(std::slice::from_ref(&row)).chunks(8 * 1024) {
            input.extend_from_slice(chunk);
            while let Scanned::Frames(frames) = scanner.scan(&mut input).unwrap() {
                assert!(frames.as_bytes().len() <= COALESCE + 8 * 1024, "{frames:?}");
                seen += frames.pieces().map(|piece| piece.bytes.len()).sum::<usize>();
            }
        }
        assert_eq!(seen, row.len());
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_rows(
            lengths in prop::collection::vec(prop_oneof![8 => 1..200usize, 1 => 50_000..700_000usize], 0..12),
            sizes in prop::collection::vec(prop_oneof![1..64usize, 1000..300_000usize], 1..6),
        ) {
            let mut rows: Vec<Vec<u8>> = lengths.iter().enumerate().map(|(i, &n)| vec![b'a' + i as u8; n]).collect();
            let read = read_in_chunks(&wire_of(&rows), &sizes).unwrap();
            rows.push(Vec::new());
            prop_assert!(read == rows, "lengths {lengths:?}, sizes {sizes:?}");
        }

        #[test]
        fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..400), sizes in prop::collection::vec(1..64usize, 1..4)) {
            let _ = read_in_chunks(&bytes, &sizes);
            // The same behind a type byte that leads further in.
            let _ = read_in_chunks(&[b"d\0", bytes.as_slice()].concat(), &sizes);
        }
    }
}
