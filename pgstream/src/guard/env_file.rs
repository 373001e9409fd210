//! Files of variables (`.env`), read without touching the process environment.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::error::GuardError;

/// Variables from a file. `Debug` shows their names only.
///
/// One `NAME=value` per line; `export` before it, blank lines and lines that begin with `#` are allowed. A value may stand in
/// single quotes (taken as it is) or double quotes (`\n`, `\t`, `\"`, `\\`, `\$` are undone), both of which may span lines; without
/// quotes it ends at ` #`. Nothing is expanded: a `$` in a password stays one.
#[derive(Clone)]
pub struct EnvFile {
    path: PathBuf,
    vars: BTreeMap<String, String>,
}

impl EnvFile {
    /// Reads a file.
    ///
    /// # Errors
    /// [`GuardError::EnvFile`] with the line; 0 if the file cannot be opened.
    pub fn read(path: &Path) -> Result<Self, GuardError> {
        let text = std::fs::read_to_string(path).map_err(|e| error(path, 0, &e.to_string()))?;
        Self::parse(path, &text)
    }

    /// Reads a file if it exists.
    ///
    /// # Errors
    /// As [`read`](Self::read), but for a file that does not exist.
    pub fn read_if_there(path: &Path) -> Result<Option<Self>, GuardError> {
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(path, &text).map(Some),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(error(path, 0, &e.to_string())),
        }
    }

    /// Understands the text of a file; the path is for messages only.
    ///
    /// # Errors
    /// [`GuardError::EnvFile`], which never repeats what stands in the line.
    pub fn parse(path: &Path, text: &str) -> Result<Self, GuardError> {
        let mut vars = BTreeMap::new();
        let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
        while !rest.is_empty() {
            let line = 1 + text[..text.len() - rest.len()].matches('\n').count();
            let (pair, after) = entry(rest).map_err(|problem| error(path, line, problem))?;
            vars.extend(pair);
            rest = after;
        }
        Ok(Self { path: path.to_owned(), vars })
    }

    /// Where it was read.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The value of a variable.
    pub fn var(&self, name: &str) -> Option<&str> {
        self.vars.get(name).map(String::as_str)
    }

    /// All variables, by name.
    pub fn vars(&self) -> impl Iterator<Item = (&str, &str)> {
        self.vars.iter().map(|(k, v)| (k.as_str(), v.as_str()))
    }
}

impl fmt::Debug for EnvFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnvFile").field("path", &self.path).field("vars", &self.vars.keys()).finish()
    }
}

fn error(path: &Path, line: usize, problem: &str) -> GuardError {
    GuardError::EnvFile { path: path.to_owned(), line, problem: problem.to_owned() }
}

type Entry<'a> = (Option<(String, String)>, &'a str);

/// Takes one line, or more if a quoted value goes on.
fn entry(text: &str) -> Result<Entry<'_>, &'static str> {
    let (line, next) = text.split_once('\n').unwrap_or((text, ""));
    let trimmed = line.trim();
    if trimmed.is_empty() || trimmed.starts_with('#') {
        return Ok((None, next));
    }
    let (name, _) = line.split_once('=').ok_or("there is no = in it")?;
    let value_start = name.len() + 1;
    let name = name.trim();
    let name = name.strip_prefix("export ").map_or(name, str::trim_start);
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c)) {
        return Err("what stands before the = is not a name");
    }
    let value = text[value_start..].trim_start_matches([' ', '\t']);
    let (value, after) = match value.chars().next() {
        Some(quote @ ('\'' | '"')) => quoted(&value[1..], quote)?,
        _ => unquoted(value),
    };
    Ok((Some((name.to_owned(), value)), after))
}

fn unquoted(text: &str) -> (String, &str) {
    let (line, next) = text.split_once('\n').unwrap_or((text, ""));
    let comment = line.find(" #").or_else(|| line.find("\t#")).or(line.starts_with('#').then_some(0));
    (line[..comment.unwrap_or(line.len())].trim().to_owned(), next)
}

fn quoted(text: &str, quote: char) -> Result<(String, &str), &'static str> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            c if c == quote => {
                let (behind, next) = text[at + 1..].split_once('\n').unwrap_or((&text[at + 1..], ""));
                let behind = behind.trim();
                let is_clean = behind.is_empty() || behind.starts_with('#');
                return if is_clean { Ok((value, next)) } else { Err("there is something behind the closing quote") };
            }
            '\\' if quote == '"' => match chars.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, 't')) => value.push('\t'),
                Some((_, c @ ('"' | '\\' | '$'))) => value.push(c),
                Some((_, other)) => value.extend(['\\', other]),
                None => break,
            },
            c => value.push(c),
        }
    }
    Err("a quoted value does not end")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vars(text: &str) -> Vec<(String, String)> {
        let file = EnvFile::parse(Path::new(".env"), text).expect(text);
        file.vars().map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
    }

    #[test]
    fn lines_are_understood_as_other_tools_do() {
        let cases = [
            ("A=b", "b"),
            ("\u{feff}A=b\r\n", "b"),
            ("# x\n\n export A = b # c\n", "b"),
            ("A='b # c'", "b # c"),
            (r#"A="b\n\"c\" $d""#, "b\n\"c\" $d"),
            ("A='one\ntwo'\n#end", "one\ntwo"),
            ("A=postgres://u:p#w@h/d", "postgres://u:p#w@h/d"),
            ("A=pa$$word", "pa$$word"),
            ("A=", ""),
            ("A= # nothing", ""),
            ("A=1\nA=2", "2"),
        ];
        for (text, expected) in cases {
            assert_eq!(vars(text), [("A".to_owned(), expected.to_owned())], "{text:?}");
        }
    }

    #[test]
    fn an_error_names_the_line_and_repeats_nothing() {
        for (text, line) in [("A=1\nsecret", 2), ("A='x\ny", 1), ("\nA='x' secret", 2), ("sec ret=1", 1)] {
            let message = EnvFile::parse(Path::new(".env"), text).expect_err(text).to_string();
            assert!(message.contains(&format!("line {line}:")) && !message.contains("secret"), "{text:?}: {message}");
        }
    }

    #[test]
    fn debug_shows_no_value() {
        let file = EnvFile::parse(Path::new(".env"), "A=secret").expect("it is fine");
        assert!(!format!("{file:?}").contains("secret"));
    }
}
