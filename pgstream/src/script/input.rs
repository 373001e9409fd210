//! The pieces that a script comes in.

use std::collections::VecDeque;

use bytes::Bytes;

use super::encoding::{Masker, ScriptEncoding};

/// The piece that is being read, and those that wait behind it.
#[derive(Debug, Default)]
pub(super) struct Input {
    /// As it was fed.
    bytes: Bytes,
    /// As it is read: the same, or with the inner bytes of characters masked.
    scan: Bytes,
    /// Up to where it was read.
    pub(super) at: usize,
    /// Where the piece begins in the script.
    offset: u64,
    waiting: VecDeque<Bytes>,
    is_closed: bool,
    encoding: ScriptEncoding,
    masker: Masker,
}

impl Input {
    pub(super) fn feed(&mut self, piece: Bytes) {
        if !piece.is_empty() {
            self.waiting.push_back(piece);
        }
    }

    pub(super) fn close(&mut self) {
        self.is_closed = true;
    }

    /// Whether nothing can follow this piece.
    pub(super) fn is_last(&self) -> bool {
        self.is_closed && self.waiting.is_empty()
    }

    pub(super) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    pub(super) fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    pub(super) fn scan(&self) -> &[u8] {
        &self.scan
    }

    /// What has not been read of the piece.
    pub(super) fn rest(&self) -> &[u8] {
        &self.scan[self.at..]
    }

    /// Where in the script a place of this piece is.
    pub(super) fn offset_of(&self, at: usize) -> u64 {
        self.offset + at as u64
    }

    /// Where in the script reading has come to.
    pub(super) fn position(&self) -> u64 {
        self.offset_of(self.at)
    }

    pub(super) fn encoding(&self) -> ScriptEncoding {
        self.encoding
    }

    /// What has not been read is in another encoding.
    pub(super) fn set_encoding(&mut self, encoding: ScriptEncoding) {
        if encoding != self.encoding {
            self.encoding = encoding;
            self.masker = Masker::default();
            self.mask(self.at);
        }
    }

    /// Makes what is read from what was fed, from a place on that begins a character.
    fn mask(&mut self, from: usize) {
        self.scan = match self.encoding {
            ScriptEncoding::AsciiSafe => self.bytes.clone(),
            encoding => {
                let masked = self.masker.mask(encoding, &self.bytes[from..]);
                [&self.bytes[..from], &masked].concat().into()
            }
        };
    }

    /// Takes the next piece that waits. The few bytes that were not read of the last one come again, with one more, as a piece
    /// of their own: the next one is not copied for them.
    pub(super) fn advance(&mut self) {
        let Some(mut next) = self.waiting.pop_front() else { return };
        let unread = self.bytes.split_off(self.at);
        self.offset += self.at as u64;
        self.at = 0;
        self.bytes = if unread.is_empty() {
            next
        } else {
            let first = next.split_to(1);
            if !next.is_empty() {
                self.waiting.push_front(next);
            }
            [unread, first].concat().into()
        };
        self.mask(0);
    }
}
