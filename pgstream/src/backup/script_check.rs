//! Whether a plain script holds what its backup's manifest says it holds.

use xxhash_rust::xxh3::Xxh3;

use crate::archive::{Manifest, PlainTail};

/// What a script may have behind its text in addition to its manifest as we would write it: an older or newer pgstream writes
/// other fields.
const SPARE_BYTES: usize = 64 * 1024;

/// Takes a script piece by piece, and judges it at the end.
pub(super) struct ScriptCheck<'a> {
    expected: &'a Manifest,
    /// How many bytes of the text are still to come before the manifest.
    left: u64,
    hash: Xxh3,
    tail: Vec<u8>,
    most: usize,
}

impl<'a> ScriptCheck<'a> {
    /// For the script that `expected` describes.
    pub(super) fn new(expected: &'a Manifest) -> Self {
        let left = expected.script.as_ref().map_or(0, |script| script.bytes);
        let most = expected.to_plain_tail().map_or(0, |tail| tail.len() * 2) + SPARE_BYTES;
        Self { expected, left, hash: Xxh3::new(), tail: Vec::new(), most }
    }

    /// The next bytes of the script.
    pub(super) fn update(&mut self, bytes: &[u8]) {
        let text = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
        let (text, rest) = bytes.split_at(text);
        self.hash.update(text);
        self.left -= text.len() as u64;
        self.tail.extend_from_slice(&rest[..rest.len().min(self.most - self.tail.len())]);
    }

    /// What is wrong with it.
    pub(super) fn finish(self) -> Vec<String> {
        let mut problems = Vec::new();
        let script = self.expected.script.clone().unwrap_or_default();
        if self.left > 0 {
            problems.push(format!("the script ends {} bytes before its manifest", self.left));
        } else if format!("{:032x}", self.hash.digest128()) != script.xxh3 {
            problems.push("the text of the script has another hash".to_owned());
        }
        match Manifest::from_plain_tail(&self.tail) {
            PlainTail::Manifest(found) if *found == *self.expected => {}
            PlainTail::Manifest(_) => problems.push("the script's own manifest says something else than the backup's".to_owned()),
            _ => problems.push("the script does not end with its manifest".to_owned()),
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::ScriptHash;

    const TEXT: &str = "SELECT 1;\n";

    fn script() -> (Manifest, String) {
        let mut manifest = Manifest { format: 1, complete: true, ..Manifest::default() };
        let xxh3 = format!("{:032x}", xxhash_rust::xxh3::xxh3_128(TEXT.as_bytes()));
        let mut hash = ScriptHash::default();
        (hash.bytes, hash.xxh3) = (TEXT.len() as u64, xxh3);
        manifest.script = Some(hash);
        let script = format!("{TEXT}{}", manifest.to_plain_tail().unwrap());
        (manifest, script)
    }

    fn problems(manifest: &Manifest, script: &[u8], step: usize) -> Vec<String> {
        let mut check = ScriptCheck::new(manifest);
        script.chunks(step).for_each(|piece| check.update(piece));
        check.finish()
    }

    #[test]
    fn a_whole_script_has_no_problem_in_whichever_pieces_it_comes() {
        let (manifest, script) = script();
        for step in [1, 7, script.len()] {
            assert_eq!(problems(&manifest, script.as_bytes(), step), Vec::<String>::new());
        }
    }

    #[test]
    fn a_script_that_was_changed_cut_or_continued_has_one() {
        let (manifest, script) = script();
        for at in 0..script.len() {
            let mut changed = script.clone().into_bytes();
            changed[at] ^= 1;
            assert!(!problems(&manifest, &changed, 5).is_empty(), "changed at {at}");
            assert!(!problems(&manifest, &script.as_bytes()[..at], 5).is_empty(), "cut at {at}");
        }
        assert!(!problems(&manifest, format!("{script}SELECT 2;\n").as_bytes(), 5).is_empty());
        let mut other = manifest.clone();
        other.sequences = 7;
        assert_eq!(problems(&other, script.as_bytes(), 5).len(), 1);
    }
}
