//! What a byte of SQL text is to a lexer. Source: PostgreSQL, `src/fe_utils/psqlscan.l`.

/// What a byte outside of quotes and comments can begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Space,
    /// `\n`: also counted.
    LineFeed,
    /// `\r`: a line break, but not one that counts.
    CarriageReturn,
    /// A letter, `_`, or any byte from 0x80 on.
    Letter,
    Digit,
    Quote,
    DoubleQuote,
    Dollar,
    Dash,
    Slash,
    Open,
    Close,
    Semicolon,
    Backslash,
    Nul,
    /// Operators, commas, dots, colons.
    Other,
}

const CLASSES: [Class; 256] = {
    let mut classes = [Class::Other; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = class_of(byte as u8);
        byte += 1;
    }
    classes
};

const fn class_of(byte: u8) -> Class {
    match byte {
        b' ' | b'\t' | b'\x0c' => Class::Space,
        b'\n' => Class::LineFeed,
        b'\r' => Class::CarriageReturn,
        b'a'..=b'z' | b'A'..=b'Z' | b'_' | 0x80.. => Class::Letter,
        b'0'..=b'9' => Class::Digit,
        b'\'' => Class::Quote,
        b'"' => Class::DoubleQuote,
        b'$' => Class::Dollar,
        b'-' => Class::Dash,
        b'/' => Class::Slash,
        b'(' => Class::Open,
        b')' => Class::Close,
        b';' => Class::Semicolon,
        b'\\' => Class::Backslash,
        0 => Class::Nul,
        _ => Class::Other,
    }
}

pub(super) fn class(byte: u8) -> Class {
    CLASSES[usize::from(byte)]
}

/// One look-up per byte of a word, of which scripts have many.
const IN_WORD: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = matches!(CLASSES[byte], Class::Letter | Class::Digit | Class::Dollar);
        byte += 1;
    }
    table
};

/// Whether a word can go on with this byte.
pub(super) fn is_in_word(byte: u8) -> bool {
    IN_WORD[usize::from(byte)]
}

/// Whether the tag of a dollar quote can go on with this byte.
pub(super) fn is_in_tag(byte: u8) -> bool {
    matches!(class(byte), Class::Letter | Class::Digit)
}

/// The first place from `at` on whose byte is not as wanted, or the end.
pub(super) fn end_of(bytes: &[u8], at: usize, is_wanted: impl Fn(u8) -> bool) -> usize {
    bytes[at..].iter().position(|byte| !is_wanted(*byte)).map_or(bytes.len(), |length| at + length)
}
