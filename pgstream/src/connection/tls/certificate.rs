//! The few facts about a certificate that rustls does not tell: the hash of its signature, its common name, its kinds of names.
//!
//! Source: RFC 5280, section 4.1; RFC 5929, section 4.1.

use aws_lc_rs::digest::{self, Algorithm};

const SEQUENCE: u8 = 0x30;
const BIT_STRING: u8 = 0x03;
const OBJECT_ID: u8 = 0x06;
const EXTENSIONS: u8 = 0xa3;
const VERSION: u8 = 0xa0;

/// `2.5.4.3`
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
/// `2.5.29.17`
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];
/// `1.2.840.113549.1.1`, and one more number
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01];
/// `1.2.840.10045.4`, and more numbers
const ECDSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04];
/// `2.16.840.1.101.3.4.2`, and one more number
const SHA2: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02];

/// A kind of name in `subjectAltName`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NameKind {
    Dns = 0x82,
    Ip = 0x87,
}

/// One element of DER.
struct Element<'a> {
    tag: u8,
    body: &'a [u8],
}

/// Takes the first element off `input`.
fn next<'a>(input: &mut &'a [u8]) -> Option<Element<'a>> {
    let (&tag, rest) = input.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0, |n, d| n << 8 | usize::from(*d)), rest)
        }
        _ => return None,
    };
    let (body, rest) = rest.split_at_checked(length)?;
    *input = rest;
    Some(Element { tag, body })
}

/// The body of the first element, if it is of that kind.
fn expect<'a>(input: &mut &'a [u8], tag: u8) -> Option<&'a [u8]> {
    next(input).filter(|e| e.tag == tag).map(|e| e.body)
}

/// What binds a login to the TLS session that uses this certificate; `None` if its signature has no hash (Ed25519).
pub(super) fn end_point(der: &[u8]) -> Option<Vec<u8>> {
    let algorithm = signature_hash(der)?;
    Some(digest::digest(algorithm, der).as_ref().to_vec())
}

fn signature_hash(mut der: &[u8]) -> Option<&'static Algorithm> {
    let mut certificate = expect(&mut der, SEQUENCE)?;
    expect(&mut certificate, SEQUENCE)?;
    let mut signature = expect(&mut certificate, SEQUENCE)?;
    let id = expect(&mut signature, OBJECT_ID)?;
    if let Some(last) = id.strip_prefix(RSA) {
        return match last {
            // MD5 and SHA-1 are replaced by SHA-256.
            [0x04 | 0x05 | 0x0b] => Some(&digest::SHA256),
            [0x0c] => Some(&digest::SHA384),
            [0x0d] => Some(&digest::SHA512),
            // PSS: the hash is the first one that its parameters name.
            [0x0a] => sha2(signature.windows(SHA2.len() + 1).find_map(|w| w.strip_prefix(SHA2))?),
            _ => None,
        };
    }
    match id.strip_prefix(ECDSA)? {
        [0x01] | [0x03, 0x02] => Some(&digest::SHA256),
        [0x03, 0x03] => Some(&digest::SHA384),
        [0x03, 0x04] => Some(&digest::SHA512),
        _ => None,
    }
}

fn sha2(last: &[u8]) -> Option<&'static Algorithm> {
    match last {
        [1] => Some(&digest::SHA256),
        [2] => Some(&digest::SHA384),
        [3] => Some(&digest::SHA512),
        _ => None,
    }
}

/// The fields of the signed part from the subject on.
fn from_subject(mut der: &[u8]) -> Option<&[u8]> {
    let mut certificate = expect(&mut der, SEQUENCE)?;
    let mut signed = expect(&mut certificate, SEQUENCE)?;
    if signed.first() == Some(&VERSION) {
        next(&mut signed)?;
    }
    // Serial number, signature, issuer, validity.
    for _ in 0..4 {
        next(&mut signed)?;
    }
    Some(signed)
}

/// The subject's first common name.
pub(super) fn common_name(der: &[u8]) -> Option<String> {
    let mut fields = from_subject(der)?;
    let mut subject = expect(&mut fields, SEQUENCE)?;
    while let Some(Element { body: mut set, .. }) = next(&mut subject) {
        let mut pair = expect(&mut set, SEQUENCE)?;
        if expect(&mut pair, OBJECT_ID)? == COMMON_NAME {
            let name = next(&mut pair)?.body;
            // A zero byte is how one name is made to look like another.
            return String::from_utf8(name.to_vec()).ok().filter(|name| !name.contains('\0'));
        }
    }
    None
}

/// Whether the certificate has an alternative name of that kind; then the common name does not count.
pub(super) fn has_alternative_name(der: &[u8], kind: NameKind) -> bool {
    alternative_names(der).is_some_and(|mut names| std::iter::from_fn(|| next(&mut names)).any(|name| name.tag == kind as u8))
}

/// The public key with its algorithm (SubjectPublicKeyInfo), whole.
pub(super) fn public_key(der: &[u8]) -> Option<&[u8]> {
    let mut rest = from_subject(der)?;
    next(&mut rest)?;
    let start = rest;
    expect(&mut rest, SEQUENCE)?;
    Some(&start[..start.len() - rest.len()])
}

/// The public key's algorithm and the key itself.
pub(super) fn public_key_parts(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut parts = expect(&mut public_key(der)?, SEQUENCE)?;
    let algorithm = expect(&mut parts, SEQUENCE)?;
    // The first byte counts unused bits: none in a key.
    Some((algorithm, expect(&mut parts, BIT_STRING)?.strip_prefix(&[0])?))
}

fn alternative_names(der: &[u8]) -> Option<&[u8]> {
    let mut fields = from_subject(der)?;
    let mut extensions = std::iter::from_fn(|| next(&mut fields)).find(|e| e.tag == EXTENSIONS)?.body;
    let mut list = expect(&mut extensions, SEQUENCE)?;
    while let Some(mut extension) = expect(&mut list, SEQUENCE) {
        if expect(&mut extension, OBJECT_ID)? == SUBJECT_ALT_NAME {
            let mut value = std::iter::from_fn(|| next(&mut extension)).last()?.body;
            return expect(&mut value, SEQUENCE);
        }
    }
    None
}

/// Whether a common name is that host: without regard to case, or with `*` for the first label.
pub(super) fn name_matches(name: &str, host: &str) -> bool {
    match name.strip_prefix('*') {
        Some(rest) if rest.starts_with('.') && rest.len() > 1 => {
            host.find('.').is_some_and(|dot| dot > 0 && host[dot..].eq_ignore_ascii_case(rest))
        }
        _ => name.eq_ignore_ascii_case(host),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_stands_for_one_label() {
        let cases = [
            ("db.example.org", "DB.example.org", true),
            ("*.example.org", "db.example.org", true),
            ("*.example.org", "a.db.example.org", false),
            ("*.example.org", "example.org", false),
            ("*", "localhost", false),
        ];
        for (name, host, expected) in cases {
            assert_eq!(name_matches(name, host), expected, "{name} {host}");
        }
    }

    proptest::proptest! {
        #[test]
        fn odd_bytes_are_no_certificate_and_no_panic(bytes: Vec<u8>) {
            let _ = (end_point(&bytes), common_name(&bytes), public_key_parts(&bytes), has_alternative_name(&bytes, NameKind::Dns));
        }
    }
}
