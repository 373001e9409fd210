//! A COPY session on a real server.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::super::raw::{RawSession, open_raw};
use super::super::transport::Transport;
use super::super::{Canceller, ConnectionConfig};
use super::WireSession;
use crate::error::ConnectionError;

/// A session for COPY streams on a real server.
pub type CopySession = WireSession<CopyStream>;

/// The open socket of a [`CopySession`], encrypted or not, and what belongs to the server process at its other end.
pub struct CopyStream {
    transport: Transport,
    canceller: Canceller,
    backend_pid: i32,
}

impl WireSession<CopyStream> {
    /// Connects and logs in.
    ///
    /// # Errors
    /// Those of every login: see [`ConnectionError`].
    ///
    /// # Cancellation
    /// Dropping the future closes the socket.
    pub async fn open(config: &ConnectionConfig) -> Result<Self, ConnectionError> {
        Ok(Self::from_raw(open_raw(config).await?))
    }

    /// Goes on with a session that is logged in and idle.
    pub(crate) fn from_raw(raw: RawSession) -> Self {
        let RawSession { transport, canceller, backend_pid, parameters, describe } = raw;
        Self::new(CopyStream { transport, canceller, backend_pid }, describe, parameters)
    }

    /// Ends what this session is doing. Take it before a COPY starts, which borrows the session.
    pub fn canceller(&self) -> Canceller {
        self.channel.stream().canceller.clone()
    }

    /// The server process.
    pub fn backend_pid(&self) -> i32 {
        self.channel.stream().backend_pid
    }
}

impl AsyncRead for CopyStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.transport).poll_read(cx, buf)
    }
}

impl AsyncWrite for CopyStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.transport).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.transport).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.transport).poll_shutdown(cx)
    }
}
