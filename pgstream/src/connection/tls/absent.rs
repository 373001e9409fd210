//! Stand-in for a build without the feature `tls`.

use tokio::net::TcpStream;

use crate::connection::config::{Endpoint, TlsSettings};
use crate::connection::failure::Failure;

pub(crate) const IS_BUILT_IN: bool = false;

/// Never made.
pub(crate) type TlsStream = TcpStream;

/// How to encrypt: impossible in this build.
#[derive(Clone)]
pub(crate) enum TlsPlan {}

pub(crate) fn plan(settings: &TlsSettings, _: &Endpoint) -> Result<TlsPlan, Failure> {
    Err(Failure::Tls(format!("sslmode={} asks for it, and this build has no TLS", settings.mode.as_str()), true))
}

pub(crate) async fn start(_: TcpStream, plan: &TlsPlan) -> Result<TlsStream, Failure> {
    match *plan {}
}

pub(crate) fn end_point(_: &TlsStream) -> Option<Vec<u8>> {
    None
}

pub(crate) fn is_tls_error(_: &std::io::Error) -> bool {
    false
}
