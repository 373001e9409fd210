//! The bytes of the protocol: framing, messages of the server, and one buffered channel.
//!
//! Owns the words *message* (one type byte, a length, a body), *frame* (a whole `CopyData` message with its header) and
//! *channel* (a byte stream with an input buffer and an output queue). What an exchange of messages means is decided in
//! [`copy_session`](super::copy_session).
//!
//! Source: PostgreSQL manual, "Message Formats".

mod answer;
mod channel;
mod frames;
mod header;
mod message;

pub use answer::StatementResult;
pub(crate) use answer::{Answer, Step};
pub(crate) use channel::{Channel, Turn};
pub use frames::{Frames, Piece, Pieces};
pub(crate) use frames::{Scanned, Scanner};
pub(crate) use header::{HEADER, copy_data_header};
pub(crate) use message::{Message, frontend_message, take_message};

/// How many bytes one read may bring, and the largest `CopyData` message that is kept whole. The kernel hands over more per
/// call than the 8 KiB that a server writes at a time, so wake-ups are rare; more than this only costs cache and memory.
pub(crate) const READ_BUFFER: usize = 256 * 1024;

/// How many bytes are collected before they are passed on or written. Measured: smaller costs calls, larger brings nothing.
pub(crate) const COALESCE: usize = 64 * 1024;
