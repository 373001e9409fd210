//! Whether a script is all there, as far as it tells itself. Pure.

use crate::archive::{Manifest, PlainTail};
use crate::script::{ManifestComment, Remark, ScriptEnd, ScriptEvent};

/// The program that wrote our own scripts, as they say in their head.
const OURSELVES: &str = "pgstream ";

/// What a script has said of itself so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Completeness {
    heads: u64,
    ends: u64,
    cluster_heads: u64,
    cluster_ends: u64,
    /// Who says to have written it.
    program: Option<String>,
    is_own: bool,
    manifest: Option<ManifestComment>,
}

/// A script that is all there.
#[derive(Debug, Clone, Default)]
pub(super) struct Complete {
    /// Our own account of it, where there is one.
    pub(super) manifest: Option<Box<Manifest>>,
}

impl Completeness {
    /// Takes note of what an event says.
    pub(super) fn observe(&mut self, event: &ScriptEvent) {
        match event {
            ScriptEvent::Remark { remark, .. } => self.remark(remark),
            ScriptEvent::Manifest(manifest) => self.manifest = Some(manifest.clone()),
            _ => {}
        }
    }

    fn remark(&mut self, remark: &Remark) {
        match remark {
            Remark::Dump => self.heads += 1,
            Remark::DumpComplete => self.ends += 1,
            Remark::ClusterDump => self.cluster_heads += 1,
            Remark::ClusterDumpComplete => self.cluster_ends += 1,
            Remark::DumpedBy(program) => {
                self.is_own |= program.starts_with(OURSELVES);
                self.program.get_or_insert_with(|| program.clone());
            }
            _ => {}
        }
    }

    /// Whether pgstream wrote it: then it ends with a manifest, and the hashes of its rows can be compared.
    pub(super) fn is_own(&self) -> bool {
        self.is_own
    }

    /// Who says to have written it.
    pub(super) fn program(&self) -> Option<&str> {
        self.program.as_deref()
    }

    /// Judges a script that was read to its end. An error says, in words, why it is not complete.
    pub(super) fn judge(&self, end: &ScriptEnd) -> Result<Complete, String> {
        if let Some(line) = end.restricted_since {
            return Err(format!("the \\restrict of line {line} has no \\unrestrict"));
        }
        if self.heads > self.ends || self.cluster_heads > self.cluster_ends {
            return Err("it says that it is a dump, and the comment that closes a dump is missing".into());
        }
        match &self.manifest {
            Some(comment) => judge_manifest(comment, end).map(|manifest| Complete { manifest: Some(manifest) }),
            None if self.is_own => Err("pgstream wrote it, and the manifest at its end is missing".into()),
            None => Ok(Complete::default()),
        }
    }
}

fn judge_manifest(comment: &ManifestComment, end: &ScriptEnd) -> Result<Box<Manifest>, String> {
    if comment.end != end.bytes {
        return Err("something follows its manifest".into());
    }
    let manifest = match Manifest::from_plain_tail(&comment.text) {
        PlainTail::Manifest(manifest) => manifest,
        PlainTail::Newer { format } => return Err(format!("a newer pgstream wrote it: its manifest has format {format}")),
        _ => return Err("its manifest is not whole".into()),
    };
    let Some(script) = &manifest.script else { return Err("its manifest says nothing of the script".into()) };
    if script.bytes != comment.offset || script.xxh3 != format!("{:032x}", comment.script_xxh3) {
        return Err("it is not what its manifest says: bytes of it were changed".into());
    }
    Ok(manifest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::{ScriptHash, SourceIdentity};
    use crate::script::ScriptReader;

    fn judge(script: &str) -> Result<Complete, String> {
        let mut reader = ScriptReader::new();
        reader.feed(script.to_owned().into());
        reader.close();
        let mut completeness = Completeness::default();
        loop {
            match reader.next_event().map_err(|e| e.to_string())? {
                Some(ScriptEvent::End(end)) => return completeness.judge(&end),
                Some(event) => completeness.observe(&event),
                None => panic!("no end"),
            }
        }
    }

    const HEAD: &str = "--\n-- PostgreSQL database dump\n--\n\n";
    const END: &str = "--\n-- PostgreSQL database dump complete\n--\n\n";

    fn own() -> String {
        let script = format!("{HEAD}\\restrict k\n\n-- Dumped by pgstream version 1\n\nSELECT 1;\n{END}\\unrestrict k\n\n");
        let mut manifest = Manifest::new(SourceIdentity::default(), "2024-01-01T00:00:00Z");
        let xxh3 = format!("{:032x}", xxhash_rust::xxh3::xxh3_128(script.as_bytes()));
        manifest.script = Some(ScriptHash { bytes: script.len() as u64, xxh3 });
        manifest.complete = true;
        format!("{script}{}", manifest.to_plain_tail().unwrap())
    }

    #[test]
    fn a_script_by_hand_ends_where_it_ends() {
        assert!(judge("SELECT 1;\n").unwrap().manifest.is_none());
        assert!(judge("").is_ok());
    }

    #[test]
    fn a_dump_needs_its_last_comment_and_its_unrestrict() {
        assert!(judge(&format!("{HEAD}SELECT 1;\n{END}")).is_ok());
        assert!(judge(&format!("{HEAD}SELECT 1;\n")).unwrap_err().contains("missing"));
        assert!(judge(&format!("{HEAD}{END}{HEAD}SELECT 1;\n")).is_err(), "the second of two");
        assert!(judge("\\restrict k\nSELECT 1;\n").unwrap_err().contains("line 1"));
        let cluster = "--\n-- PostgreSQL database cluster dump\n--\n\nSELECT 1;\n";
        assert!(judge(&format!("{cluster}{HEAD}{END}")).is_err());
        assert!(judge(&format!("{cluster}{HEAD}{END}--\n-- PostgreSQL database cluster dump complete\n--\n\n")).is_ok());
    }

    #[test]
    fn our_own_script_is_whole_or_refused() {
        assert!(judge(&own()).unwrap().manifest.is_some());
        let own = own();
        for end in 1..own.len() {
            if own.is_char_boundary(end) {
                // What is cut within its head is not known to be ours, and is no dump either.
                let is_told = end > HEAD.len();
                assert!(judge(&own[..end]).is_err() || !is_told, "cut at {end}");
            }
        }
    }

    #[test]
    fn a_changed_byte_of_our_own_script_is_noticed() {
        let own = own();
        for at in 0..own.len() {
            let mut changed = own.clone().into_bytes();
            changed[at] ^= 1;
            let Ok(changed) = String::from_utf8(changed) else { continue };
            assert!(judge(&changed).is_err(), "at {at}: {:?}", &changed[at.saturating_sub(5)..(at + 5).min(changed.len())]);
        }
    }

    #[test]
    fn nothing_may_follow_the_manifest() {
        assert!(judge(&format!("{}SELECT 1;\n", own())).is_err());
        assert!(judge(&format!("{}\n", own())).is_err());
    }
}
