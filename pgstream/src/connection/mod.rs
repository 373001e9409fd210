//! Connections to a server: who is meant, how to get there, and one session to ask questions in.
//!
//! Words: an *environment* is what a process sees, as data; a *config* is an understood connection string; an *endpoint* is one
//! place where a server may be; a *transport* is the open socket, encrypted or not; a *session* is a transport that is logged in.
//! A [`Connection`] is a session for queries. Sessions that carry COPY at full speed take over the socket after login.
//!
//! Not here: names of profiles, whether a database may be written to, and what its server really is.

mod cancel;
mod config;
mod copy_session;
mod credentials;
mod environment;
mod failure;
mod loan;
mod login;
mod notice;
mod pinned;
mod raw;
mod server_version;
mod session;
#[cfg(test)]
mod tests;
mod tls;
mod transport;
mod wire;

pub use cancel::Canceller;
pub use config::{ConnectionConfig, Endpoint, HostKind};
pub use copy_session::{CopyIn, CopyOut, CopySession, CopyStream, TransactionStatus, WireSession};
pub use credentials::{CredentialProvider, LoginRequest};
pub use environment::Environment;
pub use notice::ServerNotice;
pub(crate) use pinned::{COUNT_LIMITS, pin_settings};
pub use server_version::ServerVersion;
pub use session::Connection;
pub use wire::{Frames, Piece, Pieces, StatementResult};
