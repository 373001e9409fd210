//! A COPY session with a server.

use super::WireSession;
use crate::connection::cancel::Canceller;
use crate::connection::config::ConnectionConfig;
use crate::connection::raw::{RawSession, open_raw};
use crate::connection::transport::Transport;
use crate::error::ConnectionError;

/// A [`WireSession`] that is logged in to a server, with what ends its statements from outside.
pub(crate) struct CopySession {
    session: WireSession<Transport>,
    canceller: Canceller,
    backend_pid: i32,
}

impl CopySession {
    /// Connects and logs in, with the retries of [`crate::connection::Connection::open`].
    ///
    /// # Errors
    /// Any [`ConnectionError`] but `Lost`.
    pub(crate) async fn open(config: &ConnectionConfig) -> Result<Self, ConnectionError> {
        let RawSession { transport, canceller, backend_pid, parameters, describe } = open_raw(config).await?;
        Ok(Self { session: WireSession::new(transport, describe, parameters), canceller, backend_pid })
    }

    /// What ends the statements of this session.
    pub(crate) fn canceller(&self) -> Canceller {
        self.canceller.clone()
    }

    /// The server process, as in `pg_stat_activity.pid`.
    pub(crate) fn backend_pid(&self) -> i32 {
        self.backend_pid
    }

    /// Says goodbye and closes the socket. An open transaction is rolled back by the server.
    pub(crate) async fn close(self) {
        self.session.close().await;
    }
}

impl std::ops::Deref for CopySession {
    type Target = WireSession<Transport>;

    fn deref(&self) -> &Self::Target {
        &self.session
    }
}

impl std::ops::DerefMut for CopySession {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.session
    }
}

impl std::fmt::Debug for CopySession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CopySession")
            .field("server", &self.session.describe())
            .field("pid", &self.backend_pid)
            .finish_non_exhaustive()
    }
}
