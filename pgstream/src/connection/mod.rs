//! Connections to a server: who is meant, how to get there, and one session to ask questions in.
//!
//! Words: an *environment* is what a process sees, as data; a *config* is an understood connection string; an *endpoint* is one
//! place where a server may be; a *transport* is the open socket, encrypted or not; a *session* is a transport that is logged in.
//! A [`Connection`] is a session for queries. Sessions that carry COPY at full speed take over the socket after login.
//!
//! Not here: names of profiles, whether a database may be written to, and what its server really is.

mod cancel;
mod config;
mod environment;
mod failure;
mod loan;
mod login;
mod notice;
// Sessions for COPY are built on it.
#[allow(dead_code)]
mod raw;
mod server_version;
mod session;
#[cfg(test)]
mod tests;
mod tls;
mod transport;

#[allow(unused_imports)]
pub(crate) use raw::{RawSession, open_raw};
#[allow(unused_imports)]
pub(crate) use transport::Transport;

pub use cancel::Canceller;
pub use config::{ConnectionConfig, Endpoint, HostKind};
pub use environment::Environment;
pub use notice::ServerNotice;
pub use server_version::ServerVersion;
pub use session::Connection;
