//! Finds the end of the rows of a `COPY … FROM stdin`: a line that is `\.` and nothing else.
//!
//! No row of the text format is that line, because a backslash in a value is doubled. In CSV a value could have it within
//! quotes; psql ends there too, since it looks for nothing but the line.

use memchr::memmem::Finder;

/// Where the rows in a piece end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rows {
    /// Rows go up to here, and go on. What is behind, if anything, may be the beginning of the last line.
    GoOn(usize),
    /// Rows go up to `end`, and the script goes on at `next`.
    End { end: usize, next: usize },
}

/// Looks for the last line.
#[derive(Debug)]
pub(super) struct EndOfRows {
    finder: Finder<'static>,
}

impl EndOfRows {
    pub(super) fn new() -> Self {
        Self { finder: Finder::new(b"\n\\.") }
    }

    /// Looks from `at` on. With `is_last` nothing follows the piece.
    pub(super) fn find(&self, piece: &[u8], at: usize, is_line_start: bool, is_last: bool) -> Rows {
        let mut candidate = is_line_start.then_some(at);
        let mut from = at;
        loop {
            if let Some(line) = candidate {
                match last_line(&piece[line..], is_last) {
                    Some(0) => {}
                    Some(length) => return Rows::End { end: line, next: line + length },
                    None => return Rows::GoOn(line),
                }
                from = line;
            }
            match self.finder.find(&piece[from..]) {
                Some(length) => candidate = Some(from + length + 1),
                None => break,
            }
        }
        let may_begin = !is_last && piece[from..].ends_with(b"\n\\");
        Rows::GoOn(piece.len() - usize::from(may_begin))
    }
}

/// The length of the last line if that is what these bytes begin with, 0 if they do not, `None` if they are too few to tell.
fn last_line(bytes: &[u8], is_last: bool) -> Option<usize> {
    match bytes {
        [b'\\', b'.', b'\n', ..] => Some(3),
        [b'\\', b'.', b'\r', b'\n', ..] => Some(4),
        [b'\\', b'.'] | [b'\\', b'.', b'\r'] if is_last => Some(bytes.len()),
        [] | [b'\\'] | [b'\\', b'.'] | [b'\\', b'.', b'\r'] if !is_last => None,
        _ => Some(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_end_at_a_line_of_backslash_and_dot() {
        use Rows::{End, GoOn};
        for (piece, is_line_start, is_last, expected) in [
            ("1\n\\.\nx", true, false, End { end: 2, next: 5 }),
            ("\\.\n", true, false, End { end: 0, next: 3 }),
            ("\\.\n", false, false, GoOn(3)),
            ("1\r\n\\.\r\nx", true, false, End { end: 3, next: 7 }),
            ("1\n\\.x\n\\..\n\\.\n", true, false, End { end: 10, next: 13 }),
            ("1\n\\N\n", true, false, GoOn(5)),
            ("1\n", true, false, GoOn(2)),
            ("1\n\\", true, false, GoOn(2)),
            ("1\n\\", true, true, GoOn(3)),
            ("1\n\\.", true, false, GoOn(2)),
            ("1\n\\.", true, true, End { end: 2, next: 4 }),
            ("1\n\\.\r", true, false, GoOn(2)),
            ("1\n\\.\r", true, true, End { end: 2, next: 5 }),
            ("1\n\\.\rx", true, false, GoOn(6)),
            ("\\", true, false, GoOn(0)),
            ("\\", false, false, GoOn(1)),
            ("", true, false, GoOn(0)),
            ("\n\\.\n", false, false, End { end: 1, next: 4 }),
        ] {
            let found = EndOfRows::new().find(piece.as_bytes(), 0, is_line_start, is_last);
            assert_eq!(found, expected, "{piece:?} {is_line_start} {is_last}");
        }
    }
}
