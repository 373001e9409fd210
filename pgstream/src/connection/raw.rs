//! A session whose socket is ours: logged in by tokio-postgres, then taken back.

use std::collections::HashMap;

use super::ConnectionConfig;
use super::cancel::Canceller;
use super::loan::{Facts, Terms};
use super::login::{self, Login};
use super::transport::Transport;
use crate::error::ConnectionError;

/// A logged-in, idle session: the server has said ReadyForQuery and nothing was sent since.
///
/// Dropping it closes the socket without a Terminate message; whoever finishes properly sends one.
pub(crate) struct RawSession {
    /// The socket. No byte behind the login was taken from it.
    pub(crate) transport: Transport,
    /// Ends what the session is doing.
    pub(crate) canceller: Canceller,
    /// The server process.
    pub(crate) backend_pid: i32,
    /// The server's parameters as reported at login.
    pub(crate) parameters: HashMap<String, String>,
    /// `user@host:port/database`.
    pub(crate) describe: String,
}

/// Logs in and takes the socket over.
pub(crate) async fn open_raw(config: &ConnectionConfig) -> Result<RawSession, ConnectionError> {
    let Login { client, driver, terms, canceller, describe } = login::login(config).await?;
    // Neither half is polled again, so no Terminate message is written.
    drop(driver);
    drop(client);
    RawSession::take_back(&terms, terms.facts(), canceller, describe)
}

impl RawSession {
    /// Takes the socket of an idle session back, once the borrower has dropped it.
    ///
    /// # Errors
    /// [`ConnectionError::Protocol`] if the borrower is in the middle of a message.
    pub(crate) fn take_back(
        terms: &Terms,
        facts: Facts,
        canceller: Canceller,
        describe: String,
    ) -> Result<Self, ConnectionError> {
        match terms.take_back() {
            Some((transport, 0)) => {
                Ok(Self { transport, canceller, backend_pid: facts.pid, parameters: facts.parameters, describe })
            }
            _ => Err(ConnectionError::Protocol {
                server: describe,
                problem: "it was taken over in the middle of a message".into(),
            }),
        }
    }
}
