//! The key of `\restrict`, which forbids psql every other meta-command until `\unrestrict` repeats it (CVE-2025-8714).

use std::fmt;
use std::str::FromStr;

use crate::error::ArchiveError;

const ALPHANUMERICS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// As many characters as pg_dump takes.
const LENGTH: usize = 63;

/// A key that the data of a script cannot guess.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestrictKey(String);

impl RestrictKey {
    /// A new key of 63 characters.
    ///
    /// # Errors
    /// When the operating system has no random numbers.
    pub fn random() -> Result<Self, ArchiveError> {
        let mut key = String::with_capacity(LENGTH);
        while key.len() < LENGTH {
            let mut bytes = [0; LENGTH];
            getrandom::fill(&mut bytes).map_err(|e| invalid(String::new(), format!("no random numbers: {e}")))?;
            // Whole multiples of 62 only, so that every character is equally likely.
            let fair = bytes.iter().filter(|b| **b < 248).map(|b| char::from(ALPHANUMERICS[usize::from(b % 62)]));
            key.extend(fair.take(LENGTH - key.len()));
        }
        Ok(Self(key))
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RestrictKey {
    type Err = ArchiveError;

    /// A fixed key, so that two scripts can be compared: letters and digits of ASCII only.
    fn from_str(text: &str) -> Result<Self, ArchiveError> {
        match !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric()) {
            true => Ok(Self(text.to_owned())),
            false => Err(invalid(text.to_owned(), "it must have letters and digits only".into())),
        }
    }
}

impl fmt::Display for RestrictKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn invalid(text: String, problem: String) -> ArchiveError {
    ArchiveError::OptionValue { what: "restrict key", text, problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_random_key_is_long_alphanumeric_and_new() {
        let (one, two) = (RestrictKey::random().unwrap(), RestrictKey::random().unwrap());
        assert_eq!(one.as_str().parse::<RestrictKey>().unwrap(), one);
        assert!(one != two && one.as_str().len() == 63);
    }

    #[test]
    fn a_fixed_key_has_letters_and_digits_only() {
        for (text, is_valid) in [("abc1", true), ("", false), ("a b", false), ("`id`", false), ("a\n", false), ("\u{e4}", false)]
        {
            assert_eq!(text.parse::<RestrictKey>().is_ok(), is_valid, "{text:?}");
        }
    }
}
