//! JSON that shows whether a byte of it was changed.
//!
//! The last field of the object is the hash of all the text before it, so that the file is plain JSON for every other program.
//! This holds for every format, also those to come: a reader can tell a damaged manifest from one that is newer than itself.

use serde::Serialize;
use xxhash_rust::xxh3::xxh3_128;

const BEFORE: &str = ",\n  \"xxh3\": \"";
const BEHIND: &str = "\"\n}\n";
const DIGITS: usize = 32;

/// Renders an object with at least one field, and seals it.
///
/// # Errors
/// When it has no form in JSON.
pub(super) fn seal(value: &impl Serialize) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.truncate(text.strip_suffix("\n}").map_or(text.len(), str::len));
    let hash = xxh3_128(text.as_bytes());
    text.push_str(BEFORE);
    text.push_str(&format!("{hash:032x}"));
    text.push_str(BEHIND);
    Ok(text)
}

/// The hash that seals the text, if not a byte of it was changed.
pub(super) fn unseal(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    let rest = text.strip_suffix(BEHIND)?;
    let at = rest.len().checked_sub(DIGITS).filter(|at| rest.is_char_boundary(*at))?;
    let (body, hash) = rest.split_at(at);
    let body = body.strip_suffix(BEFORE)?;
    // Compared as text: another spelling of the same number is another byte.
    (format!("{:032x}", xxh3_128(body.as_bytes())) == hash).then_some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_changed_missing_or_added_byte_breaks_the_seal() {
        let sealed = seal(&serde_json::json!({ "a": { "b": [1, 2] }, "y": "\u{e4}}", "z": { "c": {} } })).unwrap();
        assert_eq!(serde_json::from_str::<serde_json::Value>(&sealed).unwrap()["a"]["b"][1], 2);
        assert_eq!(unseal(sealed.as_bytes()).map(str::len), Some(DIGITS));
        for at in 0..sealed.len() {
            for bit in 0..8 {
                let mut changed = sealed.clone().into_bytes();
                changed[at] ^= 1 << bit;
                assert_eq!(unseal(&changed), None, "bit {bit} of byte {at}");
            }
            assert_eq!(unseal(&sealed.as_bytes()[..at]), None, "cut at {at}");
            assert_eq!(unseal(&[&sealed.as_bytes()[..at], b" ", &sealed.as_bytes()[at..]].concat()), None, "added at {at}");
        }
        assert_eq!(unseal(format!("{sealed}\n").as_bytes()), None);
    }
}
