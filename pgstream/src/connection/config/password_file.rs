//! `~/.pgpass`: passwords by host, port, database and user.
//!
//! Source: PostgreSQL manual, "The Password File".

use std::fs;
use std::path::Path;

use super::secret::Secret;

/// What a line is looked up by. `host` is `localhost` for the default directory of sockets.
pub(crate) struct Wanted<'a> {
    pub(crate) host: &'a str,
    pub(crate) port: u16,
    pub(crate) database: &'a str,
    pub(crate) user: &'a str,
}

/// The lines of a password file; none if there is no file, or if others can read it, which adds a warning.
pub(crate) fn read(path: &Path, warnings: &mut Vec<String>) -> Option<Secret> {
    let metadata = fs::metadata(path).ok()?;
    if !metadata.is_file() {
        warnings.push(format!("the password file {} is not a plain file and was not read", path.display()));
        return None;
    }
    if is_open_to_others(&metadata) {
        warnings.push(format!(
            "the password file {} can be read by others and was not used: its permissions should be 0600",
            path.display()
        ));
        return None;
    }
    fs::read(path).ok().map(|bytes| Secret::new(String::from_utf8_lossy(&bytes)))
}

#[cfg(unix)]
fn is_open_to_others(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o077 != 0
}

#[cfg(not(unix))]
fn is_open_to_others(_: &fs::Metadata) -> bool {
    false
}

/// The password of the first line that matches.
pub(crate) fn find(lines: &Secret, wanted: &Wanted<'_>) -> Option<Secret> {
    let port = wanted.port.to_string();
    lines.reveal().split('\n').map(|line| line.trim_end_matches('\r')).filter(|line| !line.starts_with('#')).find_map(|line| {
        let fields = [wanted.host, port.as_str(), wanted.database, wanted.user];
        let rest = fields.into_iter().try_fold(line, |rest, field| match_field(rest, field))?;
        Some(Secret::new(unescape(rest)))
    })
}

/// What follows the first field of `line` if that is `*` or `wanted`, with `\` before `:` and `\` undone.
fn match_field<'a>(line: &'a str, wanted: &str) -> Option<&'a str> {
    if let Some(rest) = line.strip_prefix("*:") {
        return Some(rest);
    }
    let mut left = wanted.chars();
    let mut chars = line.char_indices();
    while let Some((at, c)) = chars.next() {
        let c = match c {
            ':' if left.as_str().is_empty() => return Some(&line[at + 1..]),
            '\\' => chars.next()?.1,
            c => c,
        };
        if left.next() != Some(c) {
            return None;
        }
    }
    None
}

/// The last field, which ends at the next `:` that has no backslash before it.
fn unescape(field: &str) -> String {
    let mut out = String::new();
    let mut chars = field.chars();
    while let Some(c) = chars.next() {
        match c {
            ':' => break,
            '\\' => out.push(chars.next().unwrap_or('\\')),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look_up(lines: &str, host: &str) -> Option<String> {
        let wanted = Wanted { host, port: 5432, database: "d:b", user: "u" };
        find(&Secret::new(lines), &wanted).map(|s| s.reveal().to_owned())
    }

    #[test]
    fn the_first_matching_line_wins() {
        let cases = [
            ("h:5432:d\\:b:u:secret\n", Some("secret")),
            ("#h:5432:*:*:no\nh:*:*:*:yes\r\nh:*:*:*:later", Some("yes")),
            ("other:*:*:*:no\n*:5432:*:u:a\\:b\\\\c:rest", Some("a:b\\c")),
            ("h:5433:*:*:no", None),
            ("h:5432:d:u:no", None),
            ("h:5432", None),
            ("h:*:*:*:", Some("")),
        ];
        for (lines, expected) in cases {
            assert_eq!(look_up(lines, "h").as_deref(), expected, "{lines:?}");
        }
    }
}
