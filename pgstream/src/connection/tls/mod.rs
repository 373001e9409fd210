//! Encryption, by rustls, with libpq's meaning of every `ssl*` parameter.
//!
//! The crypto provider is passed explicitly: nothing is installed for the process.
//!
//! Source: PostgreSQL manual, "SSL Support".

#[cfg(not(feature = "tls"))]
mod absent;
#[cfg(feature = "tls")]
mod certificate;
#[cfg(feature = "tls")]
mod files;
#[cfg(feature = "tls")]
mod handshake;
#[cfg(feature = "tls")]
mod verifier;

#[cfg(not(feature = "tls"))]
pub(crate) use absent::{IS_BUILT_IN, TlsPlan, TlsStream, end_point, is_tls_error, plan, start};
#[cfg(feature = "tls")]
pub(crate) use handshake::{IS_BUILT_IN, TlsPlan, TlsStream, end_point, is_tls_error, plan, start};
