//! Encodings in which a byte that looks like ASCII may be the second half of a character.
//!
//! Seven encodings that only clients can have use bytes such as `\` and `|` within characters. As psql does, the lexer is given
//! a copy of such text in which those bytes are masked, so that nothing else has to know. In every encoding that a server can
//! have, a byte below 0x80 is always a character.
//! Source: PostgreSQL, `pg_encoding_mblen` and `psqlscan_prepare_buffer`.

/// What a masked byte becomes: like every byte from 0x80 on, a letter to the lexer.
const MASK: u8 = 0xff;

/// How the bytes of a script make characters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ScriptEncoding {
    /// Every byte below 0x80 is ASCII: UTF-8, and all others that a server can have.
    #[default]
    AsciiSafe,
    /// `SJIS`, `SHIFT_JIS_2004`: two bytes, except for half-width katakana.
    ShiftJis,
    /// `BIG5`, `GBK`, `UHC`: two bytes.
    DoubleByte,
    /// `JOHAB`: two bytes, or three behind 0x8f.
    Johab,
    /// `GB18030`: two bytes, or four if the second is a digit.
    Gb18030,
}

impl ScriptEncoding {
    /// The encoding that `client_encoding` names, with its aliases. Whoever does not know a name leaves it to the server.
    pub fn from_name(name: &str) -> Self {
        // Case, hyphens and underscores do not count. Source: `pg_char_to_encoding`.
        let clean: String = name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
        match clean.as_str() {
            "sjis" | "shiftjis" | "mskanji" | "win932" | "windows932" | "shiftjis2004" => Self::ShiftJis,
            "big5" | "win950" | "windows950" => Self::DoubleByte,
            "gbk" | "win936" | "windows936" => Self::DoubleByte,
            "uhc" | "win949" | "windows949" => Self::DoubleByte,
            "johab" => Self::Johab,
            "gb18030" => Self::Gb18030,
            _ => Self::AsciiSafe,
        }
    }
}

/// Masks text that comes in pieces.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Masker {
    /// Bytes of the last character that have not come yet.
    missing: u8,
    /// The last byte began a character of GB18030, whose length the next one tells.
    is_undecided: bool,
}

impl Masker {
    /// The next piece with every byte masked that is not the first of its character.
    pub(super) fn mask(&mut self, encoding: ScriptEncoding, text: &[u8]) -> Vec<u8> {
        text.iter().map(|byte| self.byte(encoding, *byte)).collect()
    }

    fn byte(&mut self, encoding: ScriptEncoding, byte: u8) -> u8 {
        // psql reads line by line, so no character reaches over the end of one; NUL has to be found everywhere.
        if matches!(byte, b'\n' | 0) {
            *self = Self::default();
            return byte;
        }
        if std::mem::take(&mut self.is_undecided) {
            self.missing = if byte.is_ascii_digit() { 2 } else { 0 };
            return MASK;
        }
        if self.missing > 0 {
            self.missing -= 1;
            return MASK;
        }
        match (encoding, byte) {
            (_, 0..=0x7f) | (ScriptEncoding::AsciiSafe, _) => {}
            (ScriptEncoding::ShiftJis, 0xa1..=0xdf) => {}
            (ScriptEncoding::Johab, 0x8f) => self.missing = 2,
            (ScriptEncoding::Gb18030, _) => self.is_undecided = true,
            _ => self.missing = 1,
        }
        byte
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(encoding: ScriptEncoding, text: &[u8]) -> Vec<u8> {
        let whole = Masker::default().mask(encoding, text);
        let mut masker = Masker::default();
        let in_bytes: Vec<u8> = text.chunks(1).flat_map(|byte| masker.mask(encoding, byte)).collect();
        assert_eq!(whole, in_bytes, "a cut changes the mask");
        whole
    }

    #[test]
    fn only_bytes_within_a_character_are_masked() {
        for (name, text, expected) in [
            ("SJIS", b"\x83\x5c'\xb1\\".as_slice(), b"\x83\xff'\xb1\\".as_slice()),
            ("Shift_JIS_2004", b"\x81\x5c\\", b"\x81\xff\\"),
            ("big5", b"\xa5\x5c\\", b"\xa5\xff\\"),
            ("GBK", b"\x81\x5c\x81\x7c|", b"\x81\xff\x81\xff|"),
            ("UHC", b"\x81\x41A", b"\x81\xffA"),
            ("JOHAB", b"\x8f\x5c\x5c\\\x84\x5c\\", b"\x8f\xff\xff\\\x84\xff\\"),
            ("gb-18030", b"\x81\x30\x81\x30\\\x81\x5c\\", b"\x81\xff\xff\xff\\\x81\xff\\"),
            ("UTF8", b"\xc3\xa4\\", b"\xc3\xa4\\"),
            ("EUC_JP", b"\x8f\xb0\xa1\\", b"\x8f\xb0\xa1\\"),
        ] {
            assert_eq!(masked(ScriptEncoding::from_name(name), text), expected, "{name}");
        }
    }

    #[test]
    fn a_character_ends_with_its_line() {
        assert_eq!(masked(ScriptEncoding::DoubleByte, b"\x81\n\\"), b"\x81\n\\");
    }
}
