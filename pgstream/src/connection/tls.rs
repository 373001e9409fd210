//! Stand-in without encryption.
use super::config::Endpoint;
use super::config::TlsSettings;
use super::failure::Failure;

/// Whether this build can encrypt.
pub(crate) const IS_BUILT_IN: bool = false;

/// Never made.
pub(crate) type TlsStream = tokio::net::TcpStream;

/// How to encrypt: impossible in this build.
#[derive(Clone)]
pub(crate) enum TlsPlan {}

pub(crate) fn plan(_: &TlsSettings, _: &Endpoint) -> Result<TlsPlan, Failure> {
    Err(Failure::Tls("this pgstream was built without TLS".into(), true))
}

pub(crate) async fn start(_: tokio::net::TcpStream, plan: &TlsPlan) -> Result<TlsStream, Failure> {
    match *plan {}
}

pub(crate) fn end_point(_: &TlsStream) -> Option<Vec<u8>> {
    None
}
