//! `pg_service.conf`: named groups of connection parameters.
//!
//! Source: PostgreSQL manual, "The Connection Service File".

use std::fs;
use std::path::{Path, PathBuf};

use super::parse_error;
use super::text::Pairs;
use crate::connection::Environment;
use crate::error::ConnectionError;

/// The parameters of a service: from the user's file, else from the system's.
///
/// `file` is what the connection string says in `servicefile`. A file that was named must exist; the others may be missing.
pub(crate) fn look_up(service: &str, file: Option<&str>, env: &Environment) -> Result<Pairs, ConnectionError> {
    let named = file.or_else(|| env.var("PGSERVICEFILE")).map(PathBuf::from);
    let is_named = named.is_some();
    if let Some(path) = named.or_else(|| env.home().map(|home| home.join(".pg_service.conf"))) {
        match fs::read_to_string(&path) {
            Ok(text) => {
                if let Some(pairs) = find(service, &text, &path)? {
                    return Ok(pairs);
                }
            }
            Err(e) if is_named => return Err(file_error(&path, &format!("it could not be read ({})", e.kind()))),
            Err(_) => {}
        }
    }
    if let Some(directory) = env.var("PGSYSCONFDIR") {
        let path = Path::new(directory).join("pg_service.conf");
        if let Some(pairs) = fs::read_to_string(&path).ok().map(|text| find(service, &text, &path)).transpose()?.flatten() {
            return Ok(pairs);
        }
    }
    let hint = "Add it to ~/.pg_service.conf, or set PGSERVICEFILE or PGSYSCONFDIR.";
    Err(parse_error("service", format!("there is no definition of the service {service:?}"), hint))
}

/// The group `[service]` of a file. The first one of that name counts.
fn find(service: &str, text: &str, path: &Path) -> Result<Option<Pairs>, ConnectionError> {
    let mut found: Option<Pairs> = None;
    for (number, line) in text.lines().enumerate().map(|(n, l)| (n + 1, l.trim())) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix('[') {
            if found.is_some() {
                break;
            }
            if name.split(']').next() == Some(service) {
                found = Some(Pairs::new());
            }
        } else if let Some(pairs) = &mut found {
            let (name, value) = line.split_once('=').ok_or_else(|| file_error(path, &format!("line {number} has no \"=\"")))?;
            if matches!(name, "service" | "servicefile") {
                return Err(file_error(path, &format!("line {number} names another service, which is not supported")));
            }
            // The first value of a name counts.
            if !pairs.iter().any(|(known, _)| known == name) {
                pairs.push((name.to_owned(), value.to_owned()));
            }
        }
    }
    Ok(found)
}

fn file_error(path: &Path, problem: &str) -> ConnectionError {
    parse_error(
        &format!("service file {}", path.display()),
        problem.to_owned(),
        "See \"The Connection Service File\" in PostgreSQL's manual.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_ends_where_the_next_begins() {
        let text = "# c\n[a]\nhost=x\nhost=y\n\n[b]\nport=1\n[a]\nuser=z\n";
        let found = |name| find(name, text, Path::new("f")).expect("valid");
        assert_eq!(found("a"), Some(vec![("host".into(), "x".into())]));
        assert_eq!(found("b"), Some(vec![("port".into(), "1".into())]));
        assert_eq!(found("c"), None);
    }

    #[test]
    fn a_broken_line_is_named_by_its_number_only() {
        let error = find("a", "[a]\nhunter2\n", Path::new("f")).expect_err("no =");
        assert!(error.to_string().contains("line 2") && !error.to_string().contains("hunter2"), "{error}");
    }
}
