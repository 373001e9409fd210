//! What a word after `--from` or `--to` names: a file or a database.

use std::path::PathBuf;

/// Endings by which a word is a file.
const ENDINGS: [&str; 5] = [".sql", ".sql.gz", ".sql.zst", ".sql.lz4", ".dump"];

/// What a word names. Nothing is looked up yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// `-`: standard input or output.
    Standard,
    /// A file, or a directory if it ends in `/`.
    File(PathBuf),
    /// `s3://…`: an object in a store.
    Store,
    /// A connection string, or the name of a profile.
    Database(String),
}

impl Place {
    /// A prefix or a known ending makes a file; a connection string is a database; anything else is a profile.
    pub(crate) fn parse(word: &str) -> Self {
        if word == "-" {
            return Self::Standard;
        }
        if word.starts_with("s3:") {
            return Self::Store;
        }
        if let Some(rest) = word.strip_prefix("file:") {
            let path = rest.strip_prefix("//").filter(|p| p.starts_with('/')).unwrap_or(rest);
            return Self::File(path.into());
        }
        let is_path = ["./", "../", "/"].iter().any(|prefix| word.starts_with(prefix)) || word == "." || word == "..";
        let is_connection = word.contains("://") || word.contains('=');
        let has_ending = word.ends_with('/') || ENDINGS.iter().any(|ending| word.ends_with(ending));
        match is_path || (has_ending && !is_connection) {
            true => Self::File(word.into()),
            false => Self::Database(word.to_owned()),
        }
    }
}

/// What a URL begins with; its `:` comes before no password.
const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];

/// What hides a password.
const HIDDEN: &str = "***";

/// Keywords whose values are never shown.
const SECRET_KEYWORDS: [&str; 2] = ["password", "sslpassword"];

/// The text without the passwords of the connection strings in it.
pub(crate) fn redact(text: &str) -> String {
    let mut redacted = redact_urls(text);
    for keyword in SECRET_KEYWORDS {
        redacted = redact_keyword(&redacted, keyword);
    }
    redacted
}

/// What stands for a word that is not shown at all.
pub(crate) const NOT_SHOWN: &str = "…";

/// A word of the command line as it may be repeated: one that may hold a password is left out as a whole.
///
/// Wherever a `:` comes before an `@` there may be one, however wrong the rest of the word is: a `/` too few, a blank in the
/// password, no scheme.
pub(crate) fn shown(word: &str) -> &str {
    if may_hold_password(word) { NOT_SHOWN } else { word }
}

/// Whether a password stands in a word of the command line, or might.
pub(crate) fn may_hold_password(word: &str) -> bool {
    let rest = SCHEMES.iter().find_map(|scheme| word.strip_prefix(scheme)).unwrap_or(word);
    let before = rest.rsplit_once('@').and_then(|(before, _)| before.split_once(':'));
    before.is_some_and(|(_, password)| !password.is_empty()) || redact(word) != word
}

/// `scheme://user:password@…` loses what is between the first `:` and the last `@` of the word.
///
/// A password may hold a `/` or a `?` that somebody forgot to encode, so neither ends it. That hides too much where a parameter
/// holds an `@`, which harms nobody.
fn redact_urls(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        out.push_str(before);
        out.push_str("://");
        let word = &after[..after.find(char::is_whitespace).unwrap_or(after.len())];
        rest = after;
        if let Some((userinfo, _)) = word.rsplit_once('@') {
            match userinfo.split_once(':') {
                Some((user, password)) if !password.is_empty() => out.push_str(&format!("{user}:{HIDDEN}")),
                _ => out.push_str(userinfo),
            }
            rest = &after[userinfo.len()..];
        }
    }
    out.push_str(rest);
    out
}

/// `keyword = value` and `keyword='a value'` lose the value; so does a parameter of a URL.
fn redact_keyword(text: &str, keyword: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.to_ascii_lowercase().find(keyword) {
        let (before, from) = rest.split_at(at);
        let (name, after) = from.split_at(keyword.len());
        out.push_str(before);
        out.push_str(name);
        let is_word = !before.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '-');
        let value = after.trim_start().strip_prefix('=').map(str::trim_start);
        rest = after;
        if let Some(value) = value.filter(|v| is_word && !v.is_empty() && !v.starts_with(HIDDEN)) {
            out.push_str(&after[..after.len() - value.len()]);
            out.push_str(HIDDEN);
            rest = &value[value_length(value)..];
        }
    }
    out.push_str(rest);
    out
}

/// How long a value of a conninfo string or of a URL's parameter is.
fn value_length(value: &str) -> usize {
    let is_quoted = value.starts_with('\'');
    let mut is_escaped = false;
    for (at, c) in value.char_indices().skip(usize::from(is_quoted)) {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '\'' if is_quoted => return at + 1,
            c if !is_quoted && (c.is_whitespace() || c == '&') => return at,
            _ => {}
        }
    }
    value.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_or_a_known_ending_is_a_file_and_anything_else_a_database() {
        let file = |path: &str| Place::File(path.into());
        let database = |text: &str| Place::Database(text.into());
        let cases = [
            ("-", Place::Standard),
            ("s3://bucket/key", Place::Store),
            ("./staging", file("./staging")),
            ("../staging", file("../staging")),
            ("/tmp/staging", file("/tmp/staging")),
            ("file:staging", file("staging")),
            ("file:///tmp/x", file("/tmp/x")),
            ("nightly.sql", file("nightly.sql")),
            ("nightly.sql.gz", file("nightly.sql.gz")),
            ("nightly.sql.zst", file("nightly.sql.zst")),
            ("nightly.sql.lz4", file("nightly.sql.lz4")),
            ("nightly.dump", file("nightly.dump")),
            ("nightly/", file("nightly/")),
            ("./host=a.sql", file("./host=a.sql")),
            ("staging", database("staging")),
            ("nightly.gz", database("nightly.gz")),
            ("prodcution", database("prodcution")),
            ("postgres://h/d", database("postgres://h/d")),
            ("postgres://h/", database("postgres://h/")),
            ("postgresql://h/x.sql", database("postgresql://h/x.sql")),
            ("host=h dbname=x.sql", database("host=h dbname=x.sql")),
            ("", database("")),
        ];
        for (word, expected) in cases {
            assert_eq!(Place::parse(word), expected, "{word}");
        }
    }

    #[test]
    fn passwords_are_found_and_hidden_wherever_they_stand() {
        let cases = [
            ("postgres://u:pw@h/d", "postgres://u:***@h/d"),
            ("postgres://u:p@w:x@h:5432/d?a=b", "postgres://u:***@h:5432/d?a=b"),
            ("postgres://u:p/w@h/d", "postgres://u:***@h/d"),
            ("postgres://postgres:p?s3cret@host/db", "postgres://postgres:***@host/db"),
            ("postgres://u:p?a=b@h/d?c=d", "postgres://u:***@h/d?c=d"),
            ("postgres://h/d?user=u&password=pw&sslmode=require", "postgres://h/d?user=u&password=***&sslmode=require"),
            ("host=h password=pw dbname=d", "host=h password=*** dbname=d"),
            ("host=h password = 'p w\\' x' dbname=d", "host=h password = *** dbname=d"),
            ("host=h PASSWORD=pw", "host=h PASSWORD=***"),
            ("sslpassword=pw host=h", "sslpassword=*** host=h"),
            ("error: unexpected argument 'postgres://u:pw@h/d' found", "error: unexpected argument 'postgres://u:***@h/d' found"),
            ("a postgres://a:b@c/ and postgres://d:e@f/", "a postgres://a:***@c/ and postgres://d:***@f/"),
        ];
        for (text, expected) in cases {
            assert_eq!(redact(text), expected);
            assert!(may_hold_password(text), "{text}");
        }
    }

    #[test]
    fn what_holds_no_password_stays_as_it_is() {
        let texts = ["postgres://u@h/d", "postgres://u:@h/d", "postgres://h/d?application_name=a:b", "host=h user=u", "password"];
        for text in texts.into_iter().chain(["passwordless=1", "password=", "staging", "nopassword=x", ""]) {
            assert_eq!(redact(text), text);
        }
    }

    #[test]
    fn a_word_that_may_hold_a_password_is_not_shown_at_all() {
        let secrets = [
            "postgres://u:s3cret@h/d",
            "postgres://u:p?s3cret@h/d",
            "postgres://u:two s3cret@h/d",
            "postgres:/u:s3cret@h/d",
            "u:s3cret@h/",
            "u:s3cret@h",
            "u:s@3cret:x",
            "host=h password=s3cret",
            "host=h password='s3cret x'",
            "postgres://h/d?password=s3cret",
        ];
        for word in secrets {
            assert_eq!(shown(word), NOT_SHOWN, "{word}");
        }
        for word in
            ["staging", "postgres://u@h:5432/d", "./a.sql", "host=h user=u", "u@h:5432", "a:b", "postgres://u:@h/d", "", "-"]
        {
            assert_eq!(shown(word), word);
        }
    }
}
