//! Connections to a server.

mod copy_session;
mod wire;

pub use copy_session::{CopyIn, CopyOut, TransactionStatus, WireSession};
pub use wire::{Frames, Piece, Pieces, StatementResult};
