//! Names of database objects, as the server spells them.
//!
//! A name here is always the raw catalog value. It becomes SQL only through [`crate::ddl::identifier`] and becomes text for
//! people through [`std::fmt::Display`], which quotes as PostgreSQL does and never lets a line break through.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A schema and a name in it, both unquoted.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub struct QualifiedName {
    /// The schema, as in `pg_namespace.nspname`.
    pub schema: String,
    /// The name within the schema, as in `pg_class.relname` and its like.
    pub name: String,
}

impl QualifiedName {
    /// Joins a schema and a name.
    pub fn new(schema: impl Into<String>, name: impl Into<String>) -> Self {
        Self { schema: schema.into(), name: name.into() }
    }
}

impl fmt::Display for QualifiedName {
    /// `schema.name`, each part quoted if it has to be, with control characters shown escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_part(f, &self.schema)?;
        f.write_str(".")?;
        write_part(f, &self.name)
    }
}

/// One line of text for people, whatever the name holds.
pub(crate) fn display_part(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] }).collect()
}

fn write_part(f: &mut fmt::Formatter<'_>, part: &str) -> fmt::Result {
    let is_plain = part.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if is_plain {
        return f.write_str(part);
    }
    f.write_str("\"")?;
    for c in part.chars() {
        match c {
            '"' => f.write_str("\"\"")?,
            c if c.is_control() => write!(f, "{}", c.escape_default())?,
            c => write!(f, "{c}")?,
        }
    }
    f.write_str("\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_quoted_only_when_it_has_to_be() {
        assert_eq!(QualifiedName::new("public", "film_actor").to_string(), "public.film_actor");
        assert_eq!(QualifiedName::new("Sales", "a\"b").to_string(), "\"Sales\".\"a\"\"b\"");
    }

    #[test]
    fn a_line_break_in_a_name_cannot_break_a_line() {
        assert_eq!(QualifiedName::new("s", "a\nb").to_string(), "s.\"a\\nb\"");
    }
}
