//! Messages of the server, and the few of ours.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::header::{HEADER, Header};
use crate::error::ServerError;

/// A whole message of the server.
#[derive(Clone)]
pub(crate) struct Message {
    /// The type byte.
    pub(crate) kind: u8,
    /// What follows the header.
    pub(crate) body: Bytes,
}

/// Takes the message at the front of `input` if all of it is there.
pub(crate) fn take_message(input: &mut BytesMut) -> Result<Option<Message>, String> {
    let Some(header) = Header::read(input)? else { return Ok(None) };
    if input.len() < header.total() {
        return Ok(None);
    }
    let mut whole = input.split_to(header.total()).freeze();
    Ok(Some(Message { kind: header.kind, body: whole.split_off(HEADER) }))
}

/// A message of ours.
pub(crate) fn frontend_message(kind: u8, body: &[&[u8]]) -> Result<Bytes, String> {
    let length = body.iter().map(|part| part.len()).sum::<usize>() + 4;
    let length = i32::try_from(length).map_err(|_| "a statement is longer than 2 GiB".to_owned())?;
    let mut message = BytesMut::with_capacity(1 + length as usize);
    message.put_u8(kind);
    message.put_i32(length);
    for part in body {
        message.extend_from_slice(part);
    }
    Ok(message.freeze())
}

impl Message {
    /// `ErrorResponse` and `NoticeResponse`. Unknown fields are skipped, a missing end is forgiven.
    pub(crate) fn server_error(&self) -> ServerError {
        let mut body = self.body.clone();
        let mut error = ServerError::default();
        let mut localised = String::new();
        while body.has_remaining() {
            let field = body.get_u8();
            let Some(value) = take_text(&mut body) else { break };
            match field {
                b'S' => localised = value,
                b'V' => error.severity = value,
                b'C' => error.sqlstate = value,
                b'M' => error.message = value,
                b'D' => error.detail = Some(value),
                b'H' => error.hint = Some(value),
                b'W' => error.context = Some(value),
                b'P' => error.position = value.parse().ok(),
                b's' => error.schema = Some(value),
                b't' => error.table = Some(value),
                b'c' => error.column = Some(value),
                b'n' => error.constraint = Some(value),
                _ => {}
            }
        }
        if error.severity.is_empty() {
            // Poolers speak for a server at times and leave the untranslated field out.
            error.severity = localised;
        }
        error
    }

    /// `ParameterStatus`: name and value.
    pub(crate) fn parameter(&self) -> Option<(String, String)> {
        let mut body = self.body.clone();
        Some((take_text(&mut body)?, take_text(&mut body)?))
    }

    /// `CommandComplete`: the tag.
    pub(crate) fn tag(&self) -> Option<String> {
        take_text(&mut self.body.clone())
    }

    /// `DataRow`: the values of its columns, which share the message's memory.
    pub(crate) fn row(&self) -> Option<Vec<Option<Bytes>>> {
        let mut body = self.body.clone();
        let columns = usize::from(body.try_get_u16().ok()?);
        // Every column takes four bytes at least; a count that cannot be true must not make us allocate.
        let mut row = Vec::with_capacity(columns.min(body.len() / 4));
        for _ in 0..columns {
            match body.try_get_i32().ok()? {
                -1 => row.push(None),
                length => row.push(Some(take_bytes(&mut body, usize::try_from(length).ok()?)?)),
            }
        }
        body.is_empty().then_some(row)
    }

    /// `CopyInResponse` and `CopyOutResponse`: whether the format is binary.
    pub(crate) fn copy_is_binary(&self) -> Option<bool> {
        match self.body.first()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

fn take_bytes(body: &mut Bytes, length: usize) -> Option<Bytes> {
    (length <= body.len()).then(|| body.split_to(length))
}

/// Text up to a zero byte. What is not UTF-8 (messages before the encoding is known) is shown with replacement characters.
fn take_text(body: &mut Bytes) -> Option<String> {
    let end = body.iter().position(|&b| b == 0)?;
    let text = String::from_utf8_lossy(&body.split_to(end)).into_owned();
    body.advance(1);
    Some(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(kind: u8, body: &[u8]) -> Message {
        Message { kind, body: Bytes::copy_from_slice(body) }
    }

    #[test]
    fn every_field_of_an_error_is_kept() {
        let body = b"SFEHLER\0VERROR\0C23505\0Mdup\0Dd\0Hh\0P17\0Ww\0ss\0tt\0cc\0nn\0Ff.c\0L1\0\0";
        let error = message(b'E', body).server_error();
        let some = |s: &str| Some(s.to_owned());
        assert_eq!((error.severity.as_str(), error.sqlstate.as_str(), error.message.as_str()), ("ERROR", "23505", "dup"));
        assert_eq!((error.detail, error.hint, error.context), (some("d"), some("h"), some("w")));
        assert_eq!(error.position, Some(17));
        assert_eq!((error.schema, error.table, error.column, error.constraint), (some("s"), some("t"), some("c"), some("n")));
    }

    #[test]
    fn a_row_that_is_cut_short_or_too_long_is_no_row() {
        let row = b"\0\x02\0\0\0\x01x\xff\xff\xff\xff";
        assert_eq!(message(b'D', row).row(), Some(vec![Some(Bytes::from_static(b"x")), None]));
        for end in 0..row.len() {
            assert_eq!(message(b'D', &row[..end]).row(), None, "cut at {end}");
        }
        assert_eq!(message(b'D', b"\0\0x").row(), None);
    }

    proptest! {
        #[test]
        fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let m = message(b'?', &bytes);
            let _ = (m.server_error(), m.parameter(), m.tag(), m.row(), m.copy_is_binary());
            let _ = take_message(&mut BytesMut::from(bytes.as_slice()));
        }
    }
}
