//! Hashes the rows of a COPY as they pass, in either format.

use crate::connection::Piece;

use super::{ContentHash, CopyFormat, RowHasher};

/// The signature, flags and the length of the extension that COPY binary starts with. It comes in one message with the first row.
const BINARY_HEADER: usize = 19;

/// The number of columns that stands for the end of COPY binary, in a message of its own.
const BINARY_TRAILER: [u8; 2] = [0xff, 0xff];

/// Hashes a COPY, message by message.
///
/// In text a row is its line without the line feed (domain `text-v1`), in binary its tuple as it is (domain `binary-v1`): the
/// number of columns, and for each its length and bytes.
#[derive(Default)]
pub(crate) struct StreamHasher {
    format: CopyFormat,
    rows: RowHasher,
    /// How much of the header of COPY binary is still to come.
    header_left: usize,
}

impl StreamHasher {
    /// Starts with no rows.
    pub(crate) fn new(format: CopyFormat) -> Self {
        let header_left = if format == CopyFormat::Binary { BINARY_HEADER } else { 0 };
        Self { format, rows: RowHasher::new(), header_left }
    }

    /// The format of what is hashed.
    pub(crate) fn format(&self) -> CopyFormat {
        self.format
    }

    /// Adds the payload of one message.
    #[inline]
    pub(crate) fn piece(&mut self, piece: Piece<'_>) {
        match self.format {
            CopyFormat::Text => self.rows.piece(piece.bytes, piece.ends_row),
            CopyFormat::Binary => self.binary_piece(piece),
        }
    }

    fn binary_piece(&mut self, piece: Piece<'_>) {
        let (header, bytes) = piece.bytes.split_at(self.header_left.min(piece.bytes.len()));
        self.header_left -= header.len();
        let is_inside = self.rows.is_inside_row();
        if !is_inside && piece.ends_row && bytes == BINARY_TRAILER {
            return;
        }
        match (is_inside, piece.ends_row) {
            (false, true) => self.rows.update_row(bytes),
            (_, ends_row) => {
                self.rows.extend(bytes);
                if ends_row {
                    self.rows.end();
                }
            }
        }
    }

    /// The rows that were complete so far.
    pub(crate) fn content(&self) -> ContentHash {
        self.rows.content()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(bytes: &[u8], starts_row: bool, ends_row: bool) -> Piece<'_> {
        Piece { bytes, starts_row, ends_row }
    }

    #[test]
    fn header_and_trailer_of_copy_binary_are_no_rows() {
        let first = [&[7_u8; BINARY_HEADER][..], &[0, 1, 0, 0, 0, 1, 65][..]].concat();
        let mut whole = StreamHasher::new(CopyFormat::Binary);
        whole.piece(piece(&first, true, true));
        whole.piece(piece(&BINARY_TRAILER, true, true));
        let mut tuple = ContentHash::new();
        tuple.update_row(&[0, 1, 0, 0, 0, 1, 65]);
        assert_eq!(whole.content(), tuple);

        let mut pieces = StreamHasher::new(CopyFormat::Binary);
        pieces.piece(piece(&first[..20], true, false));
        pieces.piece(piece(&first[20..], false, true));
        assert_eq!(pieces.content(), tuple);
    }

    #[test]
    fn an_empty_table_has_no_rows_in_copy_binary() {
        let only = [&[7_u8; BINARY_HEADER][..], &BINARY_TRAILER[..]].concat();
        let mut hasher = StreamHasher::new(CopyFormat::Binary);
        hasher.piece(piece(&only, true, true));
        assert_eq!(hasher.content().rows(), 0);
    }
}
