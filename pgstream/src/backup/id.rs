//! What backups are called.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::StorageError;

/// How the time is written at the beginning of a name, to the millisecond: it sorts as text.
const TIME: &str = "%Y%m%dT%H%M%S%3fZ";

/// The length of a time.
const TIME_LENGTH: usize = "20261126T203105042Z".len();

/// Letters and digits that nobody confuses when reading them out: no i, l, o, u.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// With 40 random bits, two backups of one millisecond do not meet.
const RANDOM: usize = 8;

/// `20261126T203105042Z-k3f9x2ab`: when it was begun, in UTC, and eight random characters. Sorts by time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BackupId(String);

impl BackupId {
    /// A new name for a backup that is begun at `time`.
    ///
    /// # Errors
    /// When the operating system has no random numbers.
    pub(super) fn new(time: jiff::Timestamp) -> Result<Self, StorageError> {
        let mut random = [0; RANDOM];
        getrandom::fill(&mut random).map_err(|e| StorageError::Failed {
            action: "name",
            path: "a backup".into(),
            bytes: 0,
            source: std::io::Error::other(e),
        })?;
        let short: String = random.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect();
        Ok(Self(format!("{}-{short}", time.strftime(TIME))))
    }

    /// Understands a name; `None` for anything else that may lie in a folder.
    pub fn parse(text: &str) -> Option<Self> {
        let (time, short) = text.split_once('-')?;
        let is_short = short.len() == RANDOM && short.bytes().all(|byte| ALPHABET.contains(&byte));
        let digits = |from, to| time.get(from..to).is_some_and(|part: &str| part.bytes().all(|byte| byte.is_ascii_digit()));
        let is_time =
            time.len() == TIME_LENGTH && digits(0, 8) && &time[8..9] == "T" && digits(9, TIME_LENGTH - 1) && time.ends_with('Z');
        (is_short && is_time).then(|| Self(text.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `word` is the beginning of the name, or of its random part.
    pub(super) fn is_meant_by(&self, word: &str) -> bool {
        let short = self.0.split_once('-').map_or("", |(_, short)| short);
        !word.is_empty() && (self.0.starts_with(word) || short.starts_with(word))
    }
}

impl fmt::Display for BackupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for BackupId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("{text:?} is not the name of a backup"))
    }
}

impl From<BackupId> for String {
    fn from(id: BackupId) -> Self {
        id.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_name_is_understood_and_sorts_by_time() {
        let at = |text: &str| BackupId::new(text.parse().unwrap()).unwrap();
        let (early, late) = (at("2026-11-26T20:31:05.042Z"), at("2026-11-26T20:31:05.043Z"));
        assert!(early < late && early.as_str().starts_with("20261126T203105042Z-"), "{early} {late}");
        assert_eq!(BackupId::parse(early.as_str()), Some(early));
    }

    #[test]
    fn what_else_lies_in_a_folder_is_no_name() {
        for text in [
            "",
            "safety",
            "20261126T203105042Z",
            "20261126T203105042Z-",
            "20261126T203105042Z-K3F9X2AB",
            "2026112\u{e4}T20310504Z-k3f9x2ab",
        ] {
            assert_eq!(BackupId::parse(text), None, "{text}");
        }
        for text in ["20261126T203105042Z-k3f9x2ab.bak", "../20261126T203105042Z-k3f9x2ab", "20261126t203105042z-k3f9x2ab"] {
            assert_eq!(BackupId::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_beginning_of_either_part_means_it() {
        let id = BackupId::parse("20261126T203105042Z-k3f9x2ab").unwrap();
        for (word, is_meant) in
            [("20261126", true), ("k3f", true), ("k3f9x2ab", true), ("3f", false), ("", false), ("Z-k", false)]
        {
            assert_eq!(id.is_meant_by(word), is_meant, "{word}");
        }
    }
}
