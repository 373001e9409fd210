//! SQL as words: enough to find out which roles, languages and features a rendered statement names.
//!
//! It reads the text of an archive's entries, whoever rendered them. It knows names, strings, dollar quotes and comments, and
//! nothing of the grammar: what stands inside of a string, such as the body of a function, is passed over.

/// A piece of SQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Word {
    /// A keyword or an unquoted name, in lower case.
    Bare(String),
    /// A name in double quotes, without them.
    Quoted(String),
    /// A string constant.
    Text,
    /// Any other character.
    Symbol(char),
}

impl Word {
    /// Whether it is this keyword.
    pub(super) fn is(&self, keyword: &str) -> bool {
        matches!(self, Self::Bare(word) if word == keyword)
    }

    /// The name that it is, quoted or not.
    pub(super) fn name(&self) -> Option<&str> {
        match self {
            Self::Bare(name) | Self::Quoted(name) => Some(name),
            _ => None,
        }
    }
}

/// Splits `sql`.
pub(super) fn words(sql: &str) -> Vec<Word> {
    let mut rest = sql;
    let mut words = Vec::new();
    while let Some(first) = rest.chars().next() {
        let (word, length) = match first {
            '\'' => (Some(Word::Text), quoted(rest, '\'', false)),
            'e' | 'E' if rest[1..].starts_with('\'') => (Some(Word::Text), 1 + quoted(&rest[1..], '\'', true)),
            '"' => {
                let length = quoted(rest, '"', false);
                let inside = rest[1..length].strip_suffix('"').unwrap_or(&rest[1..length]);
                (Some(Word::Quoted(inside.replace("\"\"", "\""))), length)
            }
            '-' if rest.starts_with("--") => (None, rest.find('\n').unwrap_or(rest.len())),
            '/' if rest.starts_with("/*") => (None, rest.find("*/").map_or(rest.len(), |end| end + 2)),
            '$' => dollar_quoted(rest),
            c if c.is_whitespace() => (None, c.len_utf8()),
            c if c.is_alphabetic() || c == '_' => {
                let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$')).unwrap_or(rest.len());
                (Some(Word::Bare(rest[..end].to_lowercase())), end)
            }
            c => (Some(Word::Symbol(c)), c.len_utf8()),
        };
        words.extend(word);
        rest = &rest[length..];
    }
    words
}

/// The length of what begins with `quote` and ends with it, which counts double inside.
fn quoted(text: &str, quote: char, has_escapes: bool) -> usize {
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = characters.next() {
        if c == '\\' && has_escapes {
            characters.next();
        } else if c == quote && characters.next_if(|(_, next)| *next == quote).is_none() {
            return at + 1;
        }
    }
    text.len()
}

fn dollar_quoted(text: &str) -> (Option<Word>, usize) {
    let tag_end = text[1..].find('$').filter(|end| text[1..=*end].chars().all(|c| c.is_alphanumeric() || c == '_'));
    let Some(tag) = tag_end.map(|end| &text[..end + 2]) else { return (Some(Word::Symbol('$')), 1) };
    let length = text[tag.len()..].find(tag).map_or(text.len(), |end| end + 2 * tag.len());
    (Some(Word::Text), length)
}

/// The names of a list `a, b, c` that begins at `at`. Words that mean a role without naming it are left out.
pub(super) fn names_at(words: &[Word], at: usize) -> Vec<String> {
    const NOT_A_NAME: [&str; 5] = ["public", "current_user", "current_role", "session_user", "group"];
    let mut names = Vec::new();
    let mut at = at + usize::from(words.get(at).is_some_and(|w| w.is("group")));
    while let Some(name) = words.get(at).and_then(Word::name) {
        if !NOT_A_NAME.iter().any(|word| words[at].is(word)) {
            names.push(name.to_owned());
        }
        if words.get(at + 1) != Some(&Word::Symbol(',')) {
            break;
        }
        at += 2;
    }
    names
}

/// Where `keyword` stands outside of brackets.
pub(super) fn positions(words: &[Word], keyword: &str) -> Vec<usize> {
    let mut depth = 0_i32;
    let mut found = Vec::new();
    for (at, word) in words.iter().enumerate() {
        match word {
            Word::Symbol('(') => depth += 1,
            Word::Symbol(')') => depth -= 1,
            word if depth == 0 && word.is(keyword) => found.push(at),
            _ => {}
        }
    }
    found
}

/// Whether these keywords stand next to each other.
pub(super) fn has_phrase(words: &[Word], phrase: &[&str]) -> bool {
    words.windows(phrase.len()).any(|window| window.iter().zip(phrase).all(|(word, keyword)| word.is(keyword)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bare(text: &str) -> Word {
        Word::Bare(text.into())
    }

    #[test]
    fn strings_bodies_and_comments_are_passed_over() {
        let sql = "GRANT -- to x\n/* to y */ \"To\"\"x\" 'it''s to' E'\\' to' $$ to z $$ $a$ $$ to $a$ b.c $1";
        let expected = [
            bare("grant"),
            Word::Quoted("To\"x".into()),
            Word::Text,
            Word::Text,
            Word::Text,
            Word::Text,
            bare("b"),
            Word::Symbol('.'),
            bare("c"),
            Word::Symbol('$'),
            Word::Symbol('1'),
        ];
        assert_eq!(words(sql), expected);
    }

    #[test]
    fn text_that_ends_too_soon_is_no_reason_to_stop() {
        for sql in ["'a", "\"a", "\"", "$a$ b", "$", "/* a", "-- a", "e'\\", "E", "é'"] {
            words(sql);
        }
    }

    #[test]
    fn a_list_of_roles_ends_where_it_ends() {
        let words = words("TO alice, \"Bob\", PUBLIC, current_user USING (x)");
        assert_eq!(names_at(&words, 1), ["alice", "Bob"]);
        assert!(names_at(&words, 99).is_empty());
    }

    proptest::proptest! {
        #[test]
        fn any_text_can_be_split(sql in ".*") {
            words(&sql);
        }
    }
}
