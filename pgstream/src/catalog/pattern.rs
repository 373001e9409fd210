//! Patterns for names, as psql and `pg_dump` understand them, made into regular expressions for the server. Pure.
//!
//! Outside double quotes letters are folded to lower case, `*` stands for any characters, `?` for one, and `.` parts
//! schema and name; the rest of the server's regular expressions works. Inside quotes every character means itself, and two
//! quotes mean one.
//!
//! Source: PostgreSQL manual, "psql", "Patterns".

use crate::error::CatalogError;

/// A pattern as regular expressions that match whole names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    /// The pattern as given.
    pub(crate) given: String,
    /// The schema; `None` when the pattern has only a name.
    pub(crate) schema: Option<String>,
    /// The name.
    pub(crate) name: String,
}

/// Characters that regular expressions give a meaning, and that quotes take it from.
const SPECIAL: &str = "|*+?()[]{}.^$\\";

impl Pattern {
    /// A pattern for relations: `name`, `schema.name` or `database.schema.name`.
    ///
    /// # Errors
    /// [`CatalogError::Pattern`] for more parts, or another database than `database`.
    pub(crate) fn relation(given: &str, database: &str) -> Result<Self, CatalogError> {
        let mut parts = Self::parts_in_database(given, database, 2)?;
        let name = parts.pop().unwrap_or_default().regex;
        let schema = parts.pop().map(|part| part.regex);
        Ok(Self { given: given.to_owned(), schema: schema.as_deref().map(whole), name: whole(&name) })
    }

    /// A pattern for schemas: `schema` or `database.schema`.
    ///
    /// # Errors
    /// As [`Pattern::relation`].
    pub(crate) fn schema(given: &str, database: &str) -> Result<Self, CatalogError> {
        let name = Self::parts_in_database(given, database, 1)?.pop().unwrap_or_default().regex;
        Ok(Self { given: given.to_owned(), schema: None, name: whole(&name) })
    }

    /// A pattern for what lives in no schema, such as extensions.
    ///
    /// # Errors
    /// [`CatalogError::Pattern`] if it has more than one part.
    pub(crate) fn plain(given: &str) -> Result<Self, CatalogError> {
        match split(given).as_slice() {
            [name] => Ok(Self { given: given.to_owned(), schema: None, name: whole(&name.regex) }),
            _ => Err(refuse(given, "it has too many parts")),
        }
    }

    /// At most `most` parts, after the name of the database if that is there.
    fn parts_in_database(given: &str, database: &str, most: usize) -> Result<Vec<Part>, CatalogError> {
        let mut parts = split(given);
        if parts.len() > most + 1 {
            return Err(refuse(given, "it has too many parts"));
        }
        if parts.len() > most && parts.remove(0).literal != database {
            return Err(refuse(given, "it names another database than the one that is read"));
        }
        Ok(parts)
    }
}

fn refuse(given: &str, problem: &str) -> CatalogError {
    CatalogError::Pattern { pattern: given.escape_debug().to_string(), problem: problem.to_owned() }
}

fn whole(regex: &str) -> String {
    format!("^({regex})$")
}

/// One part of a pattern between dots.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Part {
    regex: String,
    /// The part with no meaning given to any character: the name of a database is no pattern.
    literal: String,
}

impl Part {
    fn push(&mut self, letter: char, is_escaped: bool) {
        if is_escaped {
            self.regex.push('\\');
        }
        self.regex.push(letter);
        self.literal.push(letter);
    }
}

/// Splits at the dots outside quotes; there is always a first part.
fn split(given: &str) -> Vec<Part> {
    let (mut done, mut part) = (Vec::new(), Part::default());
    let mut is_quoted = false;
    let mut letters = given.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if is_quoted && letters.next_if_eq(&'"').is_some() => part.push('"', false),
            '"' => is_quoted = !is_quoted,
            // Names may hold a dollar sign; an end of line inside a name is of no use to anybody.
            '$' => part.push('$', true),
            _ if is_quoted => part.push(letter, SPECIAL.contains(letter)),
            '.' => done.push(std::mem::take(&mut part)),
            '*' => {
                part.regex.push_str(".*");
                part.literal.push('*');
            }
            '?' => {
                part.regex.push('.');
                part.literal.push('?');
            }
            // So that the name of an array type can be given as it is: `int4[]`.
            '[' if letters.peek() == Some(&']') => part.push('[', true),
            _ => part.push(letter.to_ascii_lowercase(), false),
        }
    }
    done.push(part);
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relation_patterns_become_regular_expressions() {
        let cases: &[(&str, Option<&str>, &str)] = &[
            ("film", None, "^(film)$"),
            ("Film", None, "^(film)$"),
            ("\"Film\"", None, "^(Film)$"),
            ("FILM*", None, "^(film.*)$"),
            ("f?lm", None, "^(f.lm)$"),
            ("*.film", Some("^(.*)$"), "^(film)$"),
            ("public.*", Some("^(public)$"), "^(.*)$"),
            ("Public.\"A.b\"", Some("^(public)$"), "^(A\\.b)$"),
            ("db.public.film", Some("^(public)$"), "^(film)$"),
            ("DB.public.film", Some("^(public)$"), "^(film)$"),
            ("\"db\".public.film", Some("^(public)$"), "^(film)$"),
            ("(film|actor)", None, "^((film|actor))$"),
            ("film[0-9]+", None, "^(film[0-9]+)$"),
            ("\"film[0-9]+\"", None, "^(film\\[0-9\\]\\+)$"),
            ("a[]", None, "^(a\\[])$"),
            ("a$b", None, "^(a\\$b)$"),
            ("\"a$b\"", None, "^(a\\$b)$"),
            ("\"say \"\"hi\"\"\"", None, "^(say \"hi\")$"),
            ("\"\"", None, "^()$"),
            ("FOO\"BAR\"BAZ", None, "^(fooBARbaz)$"),
            ("\"*\"", None, "^(\\*)$"),
            ("\"a\\b\"", None, "^(a\\\\b)$"),
            ("ÄRGER", None, "^(Ärger)$"),
            (".film", Some("^()$"), "^(film)$"),
            ("public.", Some("^(public)$"), "^()$"),
        ];
        for (given, schema, name) in cases {
            let pattern = Pattern::relation(given, "db").expect(given);
            assert_eq!((pattern.schema.as_deref(), pattern.name.as_str()), (*schema, *name), "{given}");
        }
    }

    #[test]
    fn a_pattern_may_only_name_this_database() {
        for given in ["other.public.film", "d*.public.film", "\"DB\".public.film", "a.b.c.d"] {
            assert!(matches!(Pattern::relation(given, "db"), Err(CatalogError::Pattern { .. })), "{given}");
        }
        assert_eq!(Pattern::schema("db.Public", "db").expect("fits").name, "^(public)$");
        for given in ["other.public", "db.public.film"] {
            assert!(Pattern::schema(given, "db").is_err(), "{given}");
        }
    }

    #[test]
    fn extensions_have_no_schema() {
        assert_eq!(Pattern::plain("pg_*").expect("fits").name, "^(pg_.*)$");
        assert!(Pattern::plain("public.citext").is_err());
    }
}
