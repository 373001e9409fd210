//! Certificates and keys in files.

use std::fs;
use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::connection::config::{CertificateMode, Roots, SslMode, TlsSettings};

/// Certificates that are trusted.
pub(super) struct Trusted {
    pub(super) store: RootCertStore,
    /// The same as they are, for servers that show one of them as their own.
    pub(super) certificates: Vec<CertificateDer<'static>>,
}

/// A client certificate with its issuers, and its key.
pub(super) type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// The trusted certificates. `None`: there are none, and `sslmode` does not need any.
///
/// As in libpq, a file that exists is used by the weaker modes too.
pub(super) fn trusted(settings: &TlsSettings) -> Result<Option<Trusted>, String> {
    let path = match &settings.roots {
        Roots::System => return system().map(Some),
        Roots::File(path) if path.exists() => path,
        _ if settings.mode < SslMode::VerifyCa => return Ok(None),
        Roots::File(path) => {
            return Err(format!(
                "there is no file {} with trusted certificates (sslrootcert; \"system\" takes the operating system's)",
                path.display()
            ));
        }
        Roots::None => return Err("no file with trusted certificates is named (sslrootcert)".into()),
    };
    let certificates = certificates(path)?;
    let mut store = RootCertStore::empty();
    for certificate in &certificates {
        store.add(certificate.clone()).map_err(|e| format!("a certificate in {} cannot be used: {e}", path.display()))?;
    }
    Ok(Some(Trusted { store, certificates }))
}

fn system() -> Result<Trusted, String> {
    let found = rustls_native_certs::load_native_certs();
    let mut store = RootCertStore::empty();
    let (added, _) = store.add_parsable_certificates(found.certs);
    match added {
        0 => Err("the operating system has no trusted certificates; name a file with sslrootcert".into()),
        _ => Ok(Trusted { store, certificates: Vec::new() }),
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(list) if list.is_empty() => Err(format!("{} holds no certificate in PEM form", path.display())),
        Ok(list) => Ok(list),
        Err(_) => Err(format!("{} could not be read as certificates in PEM form", path.display())),
    }
}

/// The client certificate, if its file is there and it may be sent.
pub(super) fn identity(settings: &TlsSettings) -> Result<Option<Identity>, String> {
    let exists = |path: &&PathBuf| path.exists();
    let Some(certificate) = settings.certificate.as_ref().filter(exists) else { return Ok(None) };
    if settings.certificate_mode == CertificateMode::Disable {
        return Ok(None);
    }
    let Some(key) = settings.key.as_ref().filter(exists) else {
        return Err(format!("there is the client certificate {}, but not its key (sslkey)", certificate.display()));
    };
    check_permissions(key)?;
    Ok(Some((certificates(certificate)?, private_key(key, settings)?)))
}

fn private_key(path: &Path, settings: &TlsSettings) -> Result<PrivateKeyDer<'static>, String> {
    let text = fs::read(path).map_err(|e| format!("the key {} could not be read ({})", path.display(), e.kind()))?;
    if text.windows(9).any(|w| w == b"ENCRYPTED") {
        let given = if settings.key_password.is_some() { ", although sslpassword is given" } else { "" };
        let problem = format!("the key {} is encrypted, which is not supported{given}", path.display());
        return Err(format!("{problem}: decrypt it with \"openssl pkey\" into a file that only you can read"));
    }
    PrivateKeyDer::from_pem_slice(&text).map_err(|_| format!("{} holds no private key in PEM form", path.display()))
}

/// A key that others can read is refused; one that belongs to root may be readable by its group.
#[cfg(unix)]
fn check_permissions(path: &Path) -> Result<(), String> {
    use std::os::unix::fs::MetadataExt;
    let metadata = fs::metadata(path).map_err(|e| format!("the key {} could not be read ({})", path.display(), e.kind()))?;
    let forbidden = if metadata.uid() == 0 { 0o037 } else { 0o077 };
    if metadata.mode() & forbidden == 0 {
        return Ok(());
    }
    Err(format!("the key {} can be read by others: its permissions should be 0600 (0640 if root owns it)", path.display()))
}

#[cfg(not(unix))]
fn check_permissions(_: &Path) -> Result<(), String> {
    Ok(())
}
