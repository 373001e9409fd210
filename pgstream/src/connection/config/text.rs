//! The two forms of a connection string, taken apart: `postgres://` URLs and `keyword=value` strings.
//!
//! Nothing is interpreted here; percent signs, quotes and backslashes are undone. Errors never repeat a piece of the string that
//! could belong to a password that was written without its quotes or percent signs.
//!
//! Source: PostgreSQL manual, "Connection Strings".

use super::parse_error;
use crate::error::ConnectionError;

/// `keyword=value` as written, in order. Later ones win.
pub(crate) type Pairs = Vec<(String, String)>;

const ENCODE: &str =
    "In a URL, write the special characters of a password as percent signs: @ is %40, / is %2F, : is %3A, % is %25.";

/// Whether the text is a URL that libpq would take for one.
pub(crate) fn url_body(text: &str) -> Option<&str> {
    text.strip_prefix("postgresql://").or_else(|| text.strip_prefix("postgres://"))
}

/// Takes a connection string of either form apart.
pub(crate) fn split(text: &str) -> Result<Pairs, ConnectionError> {
    match url_body(text) {
        Some(body) => split_url(body),
        None => split_conninfo(text),
    }
}

fn split_conninfo(text: &str) -> Result<Pairs, ConnectionError> {
    let mut rest = text.trim_start_matches(is_space);
    let mut pairs = Pairs::new();
    while !rest.is_empty() {
        let end = rest.find(|c| c == '=' || is_space(c)).unwrap_or(rest.len());
        let (name, after) = (&rest[..end], rest[end..].trim_start_matches(is_space));
        let Some(after) = after.strip_prefix('=') else {
            let hint =
                "Write a profile's name, a postgres:// URL, or keyword=value pairs; quote values with blanks: password='a b'.";
            return Err(parse_error("string", "a word has no \"=\" after it".into(), hint));
        };
        let (value, after) = conninfo_value(after.trim_start_matches(is_space))?;
        pairs.push((name.to_owned(), value));
        rest = after.trim_start_matches(is_space);
    }
    Ok(pairs)
}

/// C's `isspace`, which is what libpq goes by.
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c')
}

fn conninfo_value(text: &str) -> Result<(String, &str), ConnectionError> {
    let quoted = text.starts_with('\'');
    let body = if quoted { &text[1..] } else { text };
    let mut value = String::new();
    let mut chars = body.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => value.extend(chars.next().map(|(_, escaped)| escaped)),
            '\'' if quoted => return Ok((value, &body[at + 1..])),
            c if !quoted && is_space(c) => return Ok((value, &body[at..])),
            c => value.push(c),
        }
    }
    if quoted {
        return Err(parse_error("string", "a quoted value does not end".into(), "Close the value with a single quote."));
    }
    Ok((value, ""))
}

fn split_url(body: &str) -> Result<Pairs, ConnectionError> {
    let mut pairs = Pairs::new();
    let authority_end = body.find('/').unwrap_or(body.len());
    let user_end = body[..authority_end].find('@');
    let rest_has_no_user = user_end.is_none();
    let rest = match user_end {
        Some(at) => {
            credentials(&body[..at], &mut pairs)?;
            &body[at + 1..]
        }
        None => body,
    };
    let hosts_end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (hosts, rest) = rest.split_at(hosts_end);
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    // user:12/rest@host reads as the host user, the port 12: what follows must not become the name of a database.
    let has_lost_credentials = rest_has_no_user && hosts.contains(':') && query.contains('@');
    if hosts.contains('@') || path.contains('@') || has_lost_credentials {
        return Err(parse_error("URL", "it has an @ too many".into(), ENCODE));
    }
    host_list(hosts, &mut pairs)?;
    let dbname = decode(path.strip_prefix('/').unwrap_or(path))?;
    if !dbname.is_empty() {
        pairs.push(("dbname".into(), dbname));
    }
    query_parameters(query, &mut pairs)?;
    Ok(pairs)
}

fn credentials(text: &str, pairs: &mut Pairs) -> Result<(), ConnectionError> {
    let (user, password) = text.split_once(':').unwrap_or((text, ""));
    for (name, value) in [("user", user), ("password", password)] {
        if !value.is_empty() {
            pairs.push((name.into(), decode(value)?));
        }
    }
    Ok(())
}

/// `host:port,[::1]:port`, where each part may be empty, into libpq's two comma-separated lists.
fn host_list(text: &str, pairs: &mut Pairs) -> Result<(), ConnectionError> {
    let (mut hosts, mut ports) = (Vec::new(), Vec::new());
    for part in text.split(',') {
        let (host, port) = match part.strip_prefix('[') {
            Some(address) => {
                let (address, after) = address.split_once(']').filter(|(a, _)| !a.is_empty()).ok_or_else(|| {
                    parse_error("URL", "an IPv6 address in brackets is empty or has no end".into(), "Write it as [::1].")
                })?;
                let port = if after.is_empty() { Some("") } else { after.strip_prefix(':') };
                (address, port.ok_or_else(|| parse_error("URL", "there is something behind an IPv6 address".into(), ENCODE))?)
            }
            None => part.split_once(':').unwrap_or((part, "")),
        };
        hosts.push(host);
        ports.push(port);
    }
    for (name, list) in [("host", hosts.join(",")), ("port", ports.join(","))] {
        if !list.is_empty() {
            pairs.push((name.into(), decode(&list)?));
        }
    }
    Ok(())
}

fn query_parameters(query: &str, pairs: &mut Pairs) -> Result<(), ConnectionError> {
    for parameter in query.split('&').filter(|p| !p.is_empty()) {
        let problem = match parameter.matches('=').count() {
            1 => None,
            0 => Some("a parameter has no \"=\""),
            _ => Some("a parameter has a second \"=\""),
        };
        if let Some(problem) = problem {
            return Err(parse_error(
                "URL",
                problem.into(),
                "Write name=value&name=value after the question mark; = in a value is %3D.",
            ));
        }
        let (name, value) = parameter.split_once('=').expect("one = was counted");
        match (decode(name)?, decode(value)?) {
            // The spelling of JDBC, which libpq knows too.
            (name, value) if name == "ssl" && value == "true" => pairs.push(("sslmode".into(), "require".into())),
            pair => pairs.push(pair),
        }
    }
    Ok(())
}

/// Undoes percent signs. `%00` and what is not UTF-8 afterwards are refused.
fn decode(text: &str) -> Result<String, ConnectionError> {
    let broken = || parse_error("URL", "a percent sign is not followed by two hexadecimal digits of UTF-8".into(), ENCODE);
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = tail.get(..2).and_then(|d| std::str::from_utf8(d).ok()).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
        match digits.and_then(|d| u8::from_str_radix(d, 16).ok()) {
            Some(0) | None => return Err(broken()),
            Some(decoded) => bytes.push(decoded),
        }
        rest = &tail[2..];
    }
    String::from_utf8(bytes).map_err(|_| broken())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(list: &[(&str, &str)]) -> Pairs {
        list.iter().map(|(k, v)| (String::from(*k), String::from(*v))).collect()
    }

    #[test]
    fn strings_are_taken_apart_as_libpq_does() {
        let cases: &[(&str, &[(&str, &str)])] = &[
            ("", &[]),
            ("  host = a  port=1 ", &[("host", "a"), ("port", "1")]),
            (r"password='it\'s \\ a' user=x", &[("password", r"it's \ a"), ("user", "x")]),
            (r"password=a\ b dbname=''", &[("password", "a b"), ("dbname", "")]),
            ("host='a'port=2", &[("host", "a"), ("port", "2")]),
            ("postgres://", &[]),
            ("postgresql://u:p%40@h:1/d", &[("user", "u"), ("password", "p@"), ("host", "h"), ("port", "1"), ("dbname", "d")]),
            ("postgres://a,b:2/", &[("host", "a,b"), ("port", ",2")]),
            ("postgres://[::1]:5/x", &[("host", "::1"), ("port", "5"), ("dbname", "x")]),
            ("postgres://%2Ftmp/x?ssl=true", &[("host", "/tmp"), ("dbname", "x"), ("sslmode", "require")]),
            ("postgres://u@/d?host=/run&port=7", &[("user", "u"), ("dbname", "d"), ("host", "/run"), ("port", "7")]),
            ("postgres://:p@h", &[("password", "p"), ("host", "h")]),
            ("postgres://h?dbname=q", &[("host", "h"), ("dbname", "q")]),
        ];
        for (text, expected) in cases {
            assert_eq!(split(text).expect(text), pairs(expected), "{text}");
        }
    }

    #[test]
    fn what_libpq_refuses_is_refused() {
        for text in [
            "mydb",
            "host",
            "password='a",
            "postgres://[::1/x",
            "postgres://[]/x",
            "postgres://h/?a",
            "postgres://h/?a=b=c",
            "postgres://h/%zz",
            "postgres://h/%00",
            "postgres://h/%4",
        ] {
            assert!(split(text).is_err(), "{text}");
        }
    }
}
