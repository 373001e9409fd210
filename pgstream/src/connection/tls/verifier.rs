//! Whether a server's certificate is good enough.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, PeerMisbehaved, SignatureScheme};

use super::certificate::{NameKind, common_name, has_alternative_name, name_matches, public_key, public_key_parts};
use super::files::Trusted;

/// Checks what `sslmode` asks for. Four things differ from rustls's own verifier, all for the sake of libpq's meaning: without
/// `trusted`, any certificate will do; a trusted certificate may be the server's own; a certificate without alternative names
/// may carry the host as its common name. Where nothing has to be verified, certificates of
/// X.509 version 1 will do as well, which rustls does not read.
pub(super) struct Verifier {
    pub(super) provider: Arc<CryptoProvider>,
    pub(super) trusted: Option<Trusted>,
    /// The name that the certificate has to carry; `None` if any will do.
    pub(super) host: Option<String>,
}

impl Verifier {
    fn verify_chain(
        &self,
        trusted: &Trusted,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        let parsed = ParsedCertificate::try_from(end_entity).map_err(name_old_version)?;
        let algorithms = self.provider.signature_verification_algorithms.all;
        match verify_server_cert_signed_by_trust_anchor(&parsed, &trusted.store, intermediates, now, algorithms) {
            // Times are checked before this, so an expired certificate is not let in.
            Err(Error::InvalidCertificate(CertificateError::Other(other)))
                if other.0.to_string() == "CaUsedAsEndEntity" && trusted.certificates.iter().any(|t| t == end_entity) =>
            {
                Ok(())
            }
            other => other,
        }
    }
}

/// Certificates without extensions are of X.509 version 1, which `openssl x509 -req` makes unless told otherwise.
fn name_old_version(e: Error) -> Error {
    match e {
        Error::InvalidCertificate(CertificateError::Other(other)) if other.0.to_string() == "UnsupportedCertVersion" => {
            Error::General("the server's certificate has no extensions (X.509 version 1) and cannot be verified; issue it with subjectAltName".into())
        }
        other => other,
    }
}

fn verify_name(host: &str, certificate: &CertificateDer<'_>) -> Result<(), Error> {
    let not_valid = || Error::InvalidCertificate(CertificateError::NotValidForName);
    let name = ServerName::try_from(host).map_err(|_| not_valid())?;
    let kind = if matches!(name, ServerName::IpAddress(_)) { NameKind::Ip } else { NameKind::Dns };
    if has_alternative_name(certificate, kind) {
        return verify_server_name(&ParsedCertificate::try_from(certificate)?, &name);
    }
    match common_name(certificate) {
        Some(name) if name_matches(&name, host) => Ok(()),
        _ => Err(not_valid()),
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Some(trusted) = &self.trusted {
            self.verify_chain(trusted, end_entity, intermediates, now)?;
        }
        if let Some(host) = &self.host {
            verify_name(host, end_entity)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        if ParsedCertificate::try_from(certificate).is_ok() {
            return verify_tls12_signature(message, certificate, signed, algorithms);
        }
        let bad = || Error::PeerMisbehaved(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme);
        let (kind, key) = public_key_parts(certificate).ok_or(CertificateError::BadEncoding)?;
        let (_, candidates) = algorithms.mapping.iter().find(|(scheme, _)| *scheme == signed.scheme).ok_or_else(bad)?;
        let algorithm = candidates.iter().find(|a| a.public_key_alg_id().as_ref() == kind).ok_or_else(bad)?;
        match algorithm.verify_signature(key, message, signed.signature()) {
            Ok(()) => Ok(HandshakeSignatureValid::assertion()),
            Err(_) => Err(CertificateError::BadSignature.into()),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        if ParsedCertificate::try_from(certificate).is_ok() {
            return verify_tls13_signature(message, certificate, signed, algorithms);
        }
        let key = SubjectPublicKeyInfoDer::from(public_key(certificate).ok_or(CertificateError::BadEncoding)?);
        verify_tls13_signature_with_raw_key(message, &key, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier").field("host", &self.host).field("has_roots", &self.trusted.is_some()).finish_non_exhaustive()
    }
}
