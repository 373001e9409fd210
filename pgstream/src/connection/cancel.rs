//! Ending what a session is doing.
//!
//! Source: PostgreSQL manual, "Message Flow", "Canceling Requests in Progress".

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::config::SocketOptions;
use super::failure::Failure;
use super::loan::Facts;
use super::login::open_transport;
use super::tls::TlsPlan;
use super::transport::Address;
use crate::error::ConnectionError;

/// A cancel request that was not answered for so long counts as failed.
const PATIENCE: Duration = Duration::from_secs(10);

/// The request's own "protocol version".
const CANCEL_REQUEST: u32 = 80_877_102;

/// Sends cancel requests for one session, over a socket of its own and encrypted if the session is.
///
/// The request may come too late to have an effect, and may then hit the session's next statement: wait for the result of the
/// statement before sending another one.
#[derive(Clone)]
pub struct Canceller(Arc<Target>);

struct Target {
    server: String,
    address: Address,
    tls: Option<TlsPlan>,
    socket: SocketOptions,
    facts: Facts,
}

impl Canceller {
    pub(super) fn new(server: String, address: Address, tls: Option<TlsPlan>, socket: SocketOptions, facts: Facts) -> Self {
        Self(Arc::new(Target { server, address, tls, socket, facts }))
    }

    /// Asks the server to end the running statement, and waits until the server has taken notice of it.
    ///
    /// # Errors
    /// [`ConnectionError::Unreachable`] or [`ConnectionError::Tls`] if the server cannot be asked.
    ///
    /// # Cancellation
    /// Dropping the future may leave the request sent or not sent.
    pub async fn cancel(&self) -> Result<(), ConnectionError> {
        let target = &*self.0;
        let failed = |attempts: String| ConnectionError::Unreachable { server: target.server.clone(), attempts };
        match tokio::time::timeout(PATIENCE, target.send()).await {
            Ok(result) => result.map_err(|e| e.error(&target.server)),
            Err(_) => Err(failed(format!("the cancel request was not answered within {} seconds", PATIENCE.as_secs()))),
        }
    }
}

impl Target {
    async fn send(&self) -> Result<(), Failure> {
        let Some(key) = &self.facts.cancel_key else {
            return Err(Failure::Protocol("the server gave no key for cancelling".into()));
        };
        let mut transport = open_transport(&self.address, self.tls.as_ref(), &self.socket).await?;
        let mut request = Vec::with_capacity(16);
        for word in [16, CANCEL_REQUEST, self.facts.pid.cast_unsigned(), u32::from_be_bytes(key.0)] {
            request.extend_from_slice(&word.to_be_bytes());
        }
        transport.write_all(&request).await?;
        transport.flush().await?;
        // The server closes the socket once it has passed the request on. How it closes does not matter.
        let _ = transport.read(&mut [0]).await;
        Ok(())
    }
}

impl fmt::Debug for Canceller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Canceller").field("server", &self.0.server).field("pid", &self.0.facts.pid).finish_non_exhaustive()
    }
}
