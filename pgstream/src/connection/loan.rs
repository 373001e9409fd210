//! A transport that is lent to tokio-postgres for the login and can be had back.
//!
//! While it *watches*, the loan reads exactly one message at a time from the socket, looks at it, and only then passes it on. So
//! nothing behind the last message of the login is ever taken from the socket, the cancel key and the server's parameters are
//! known to us, and a way of logging in that `require_auth` forbids is refused before a password is sent.
//!
//! Source: PostgreSQL manual, "Frontend/Backend Protocol", "Message Formats".

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready as wait};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};

use super::config::AuthRules;
use super::transport::Transport;

/// Type byte and length.
const HEADER: usize = 5;

/// No message of a login is longer. A longer one comes from something that is not PostgreSQL.
const LONGEST_MESSAGE: usize = 1 << 20;

/// What the login told about the session.
#[derive(Clone, Default)]
pub(crate) struct Facts {
    pub(crate) pid: i32,
    /// The secret that a cancel request has to carry.
    pub(crate) cancel_key: Option<CancelKey>,
    /// The server's parameters, as it last reported them.
    pub(crate) parameters: HashMap<String, String>,
}

/// Four secret bytes. Without `Debug`, so that they are never shown.
#[derive(Clone, Copy)]
pub(crate) struct CancelKey(pub(crate) [u8; 4]);

/// What the two ends of a loan share.
pub(crate) struct Terms {
    watches: AtomicBool,
    facts: Mutex<Facts>,
    returned: Mutex<Option<(Transport, usize)>>,
    auth_rules: Option<AuthRules>,
}

impl Terms {
    /// What is known about the session.
    pub(crate) fn facts(&self) -> Facts {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on, one message is read at a time. The session must be idle.
    pub(crate) fn watch(&self) {
        self.watches.store(true, Ordering::Release);
    }

    /// From now on, bytes are passed on unseen.
    pub(crate) fn stop_watching(&self) {
        self.watches.store(false, Ordering::Release);
    }

    /// The transport, once the borrower has dropped it, and how many bytes of an unfinished message were taken from it.
    pub(crate) fn take_back(&self) -> Option<(Transport, usize)> {
        self.returned.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// The stream that tokio-postgres works on.
pub(crate) struct Loan {
    transport: Option<Transport>,
    terms: Arc<Terms>,
    /// A message that is being read, or that was seen and is now passed on.
    message: BytesMut,
    is_complete: bool,
    was_asked: bool,
    binding: Option<Vec<u8>>,
}

impl Loan {
    pub(crate) fn new(transport: Transport, auth_rules: Option<AuthRules>) -> (Self, Arc<Terms>) {
        let terms =
            Arc::new(Terms { watches: AtomicBool::new(true), facts: Mutex::default(), returned: Mutex::new(None), auth_rules });
        let binding = transport.end_point();
        let loan = Self {
            transport: Some(transport),
            terms: Arc::clone(&terms),
            message: BytesMut::new(),
            is_complete: false,
            was_asked: false,
            binding,
        };
        (loan, terms)
    }

    fn transport(&mut self) -> &mut Transport {
        self.transport.as_mut().expect("only a dropped loan has no transport")
    }

    /// How many bytes the message has, as far as it is known.
    fn wanted(&self) -> io::Result<usize> {
        let Some(header) = self.message.get(..HEADER) else { return Ok(HEADER) };
        let length = u32::from_be_bytes([header[1], header[2], header[3], header[4]]) as usize;
        if !header[0].is_ascii_alphabetic() || !(4..LONGEST_MESSAGE).contains(&length) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "this is not the PostgreSQL protocol"));
        }
        Ok(length + 1)
    }

    /// Reads up to the end of one message, and no further. Ready without a message means the end of the stream.
    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let missing = self.wanted()?.saturating_sub(self.message.len());
            if missing == 0 && self.message.len() >= HEADER {
                self.inspect()?;
                self.is_complete = true;
                return Poll::Ready(Ok(()));
            }
            let mut chunk = [0; 1024];
            let mut piece = ReadBuf::new(&mut chunk[..missing.min(1024)]);
            wait!(Pin::new(self.transport()).poll_read(cx, &mut piece))?;
            if piece.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            self.message.extend_from_slice(piece.filled());
        }
    }

    fn inspect(&mut self) -> io::Result<()> {
        let body = &self.message[HEADER..];
        let mut facts = self.terms.facts.lock().unwrap_or_else(PoisonError::into_inner);
        match self.message[0] {
            b'K' => {
                if let (Some(mut pid), Ok(key)) = (body.get(..4), body.get(4..).unwrap_or_default().try_into()) {
                    facts.pid = pid.get_i32();
                    facts.cancel_key = Some(CancelKey(key));
                }
            }
            b'S' => {
                let mut words = body.split(|b| *b == 0).map(|word| String::from_utf8_lossy(word).into_owned());
                if let (Some(name), Some(value)) = (words.next(), words.next()) {
                    facts.parameters.insert(name, value);
                }
            }
            b'R' => {
                drop(facts);
                return self.check_method();
            }
            _ => {}
        }
        Ok(())
    }

    /// Refuses a way of logging in that `require_auth` does not list.
    fn check_method(&mut self) -> io::Result<()> {
        let code = self.message.get(HEADER..HEADER + 4).map_or(0, |mut code| code.get_i32());
        let method = match code {
            0 if !self.was_asked => "none",
            3 => "password",
            5 => "md5",
            7 => "gss",
            9 => "sspi",
            10 => "scram-sha-256",
            _ => return Ok(()),
        };
        self.was_asked = true;
        match &self.terms.auth_rules {
            Some(rules) if !rules.allow(method) => Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                format!("the server asked for the authentication method {method}, which require_auth does not allow"),
            )),
            _ => Ok(()),
        }
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        if let Some(transport) = self.transport.take() {
            *self.terms.returned.lock().unwrap_or_else(PoisonError::into_inner) = Some((transport, self.message.len()));
        }
    }
}

impl AsyncRead for Loan {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let watches = this.terms.watches.load(Ordering::Acquire);
        if watches && !this.is_complete {
            wait!(this.poll_message(cx))?;
        }
        if this.message.is_empty() || (watches && !this.is_complete) {
            return if watches { Poll::Ready(Ok(())) } else { Pin::new(this.transport()).poll_read(cx, buf) };
        }
        let count = this.message.len().min(buf.remaining());
        buf.put_slice(&this.message.split_to(count));
        this.is_complete = !this.message.is_empty();
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Loan {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(self.get_mut().transport()).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.get_mut().transport()).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.get_mut().transport()).poll_shutdown(cx)
    }
}

impl TlsStream for Loan {
    fn channel_binding(&self) -> ChannelBinding {
        self.binding.clone().map_or_else(ChannelBinding::none, ChannelBinding::tls_server_end_point)
    }
}

/// The TLS connector that tokio-postgres is given: the stream is encrypted already, or is not to be.
pub(crate) struct AlreadyDone;

impl TlsConnect<Loan> for AlreadyDone {
    type Stream = Loan;
    type Error = Infallible;
    type Future = Ready<Result<Loan, Infallible>>;

    fn connect(self, stream: Loan) -> Self::Future {
        ready(Ok(stream))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn pair() -> (tokio::net::TcpStream, tokio::net::TcpStream) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("loopback");
        let address = listener.local_addr().expect("bound");
        let (client, server) = tokio::join!(tokio::net::TcpStream::connect(address), listener.accept());
        (client.expect("connected"), server.expect("accepted").0)
    }

    #[tokio::test]
    async fn nothing_behind_the_message_that_was_asked_for_leaves_the_socket() {
        let (client, mut server) = pair().await;
        let ready = b"Z\0\0\0\x05I";
        server.write_all(&[&b"S\0\0\0\x08a\0b\0"[..], ready, b"N\0\0\0\x05x"].concat()).await.expect("sent");
        let (mut loan, terms) = Loan::new(Transport::Tcp(client), None);
        let mut seen = [0; 15];
        loan.read_exact(&mut seen).await.expect("two messages");
        assert_eq!(&seen[9..], ready);
        assert_eq!(terms.facts().parameters.get("a").map(String::as_str), Some("b"));
        drop(loan);
        let (mut transport, leftover) = terms.take_back().expect("returned");
        let mut rest = [0; 6];
        transport.read_exact(&mut rest).await.expect("the notice is still there");
        assert_eq!((leftover, &rest), (0, b"N\0\0\0\x05x"));
    }

    #[tokio::test]
    async fn a_method_that_is_not_allowed_never_reaches_the_login_code() {
        let (client, mut server) = pair().await;
        server.write_all(b"R\0\0\0\x08\0\0\0\x03").await.expect("sent");
        let rules = AuthRules { methods: vec!["scram-sha-256".into()], is_negated: false };
        let (mut loan, _terms) = Loan::new(Transport::Tcp(client), Some(rules));
        let error = loan.read_u8().await.expect_err("refused");
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied, "{error}");
    }
}
