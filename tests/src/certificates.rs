//! A certificate authority for one test, with a server's and clients' certificates.

use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose};

/// An authority, and a server certificate for `localhost` and 127.0.0.1 that it signed.
#[derive(Debug)]
pub struct Certificates {
    authority: String,
    issuer: Issuer<'static, KeyPair>,
    server: Signed,
}

/// A certificate and its private key, both PEM.
#[derive(Debug, Clone)]
pub struct Signed {
    certificate: String,
    key: String,
}

impl Signed {
    /// The certificate, PEM.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// The private key, PEM (PKCS #8).
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl Certificates {
    /// Makes a new authority and a server certificate.
    pub fn generate() -> Self {
        let key = KeyPair::generate().expect("a key pair can be made");
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "pgstream test authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
        let authority = params.self_signed(&key).expect("an authority signs itself").pem();
        let issuer = Issuer::new(params, key);
        let server = sign(&issuer, "localhost", &["localhost", "127.0.0.1"], ExtendedKeyUsagePurpose::ServerAuth);
        Self { authority, issuer, server }
    }

    /// The authority's certificate, PEM: what `sslrootcert` points to.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The server's certificate and key.
    pub fn server(&self) -> &Signed {
        &self.server
    }

    /// A server certificate for other names, signed by the same authority.
    pub fn server_for(&self, names: &[&str]) -> Signed {
        sign(&self.issuer, names[0], names, ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// A client certificate; `role` is its common name, which the `cert` method compares with the role.
    pub fn client(&self, role: &str) -> Signed {
        sign(&self.issuer, role, &[], ExtendedKeyUsagePurpose::ClientAuth)
    }
}

fn sign(issuer: &Issuer<'static, KeyPair>, common_name: &str, names: &[&str], usage: ExtendedKeyUsagePurpose) -> Signed {
    let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("the names are host names or addresses");
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![usage];
    let key = KeyPair::generate().expect("a key pair can be made");
    let certificate = params.signed_by(&key, issuer).expect("the authority's key signs").pem();
    Signed { certificate, key: key.serialize_pem() }
}
