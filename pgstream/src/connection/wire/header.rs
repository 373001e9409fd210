//! The five bytes in front of each message.

use super::READ_BUFFER;

/// Bytes of a header: the type and the length.
pub(crate) const HEADER: usize = 5;

/// The largest message that is read whole. Rows of a COPY are larger at times and pass in pieces instead.
pub(crate) const MAX_MESSAGE: usize = 64 * 1024 * 1024;

/// What a header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    /// The type byte.
    pub(crate) kind: u8,
    /// Bytes that follow the header.
    pub(crate) body: usize,
}

impl Header {
    /// Reads a header if `input` has all of it. A length that no server sends is an error, in words.
    pub(crate) fn read(input: &[u8]) -> Result<Option<Self>, String> {
        let Some(&[kind, a, b, c, d]) = input.first_chunk::<HEADER>() else { return Ok(None) };
        let length = i32::from_be_bytes([a, b, c, d]);
        let body = usize::try_from(length).ok().and_then(|l| l.checked_sub(4));
        let Some(body) = body.filter(|&body| body <= limit(kind)) else {
            return Err(format!("a message of type 0x{kind:02x} claims a length of {length}"));
        };
        Ok(Some(Self { kind, body }))
    }

    /// Bytes of the message, header included.
    pub(crate) fn total(self) -> usize {
        self.body + HEADER
    }
}

/// How long the body of a message of this type may be. A stream that is out of step shows up here soon.
fn limit(kind: u8) -> usize {
    match kind {
        b'd' => i32::MAX as usize - 4,
        b'D' | b'E' | b'N' | b'T' | b'A' => MAX_MESSAGE,
        _ => READ_BUFFER,
    }
}

/// The header of a `CopyData` message with `body` bytes of payload. `body` is far below 2 GiB: it lies in one buffer.
pub(crate) fn copy_data_header(body: usize) -> [u8; HEADER] {
    let length = u32::try_from(body + 4).expect("a buffer is smaller than 2 GiB").to_be_bytes();
    [b'd', length[0], length[1], length[2], length[3]]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_that_no_server_sends_is_an_error() {
        let cases: &[(&str, u8, i32)] = &[
            ("negative", b'd', -1),
            ("most negative", b'D', i32::MIN),
            ("shorter than itself", b'Z', 3),
            ("zero", b'E', 0),
            ("a tag of a gigabyte", b'C', 1 << 30),
            ("a field of a gigabyte", b'D', 1 << 30),
        ];
        for (name, kind, length) in cases {
            let mut bytes = vec![*kind];
            bytes.extend(length.to_be_bytes());
            assert!(Header::read(&bytes).is_err(), "{name}");
        }
    }

    #[test]
    fn a_header_is_read_once_all_of_it_is_there() {
        let bytes = copy_data_header(7);
        assert_eq!(Header::read(&bytes[..4]), Ok(None));
        assert_eq!(Header::read(&bytes), Ok(Some(Header { kind: b'd', body: 7 })));
    }
}
