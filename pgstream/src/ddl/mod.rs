//! SQL text, built so that catalog strings cannot become syntax.
//!
//! [`Ddl`] takes keywords only as string literals of this program, and everything else through a method that says what it
//! is: an identifier, a literal, a number, or an expression that the server itself deparsed. There is no way to paste.
//!
//! This module knows how SQL is spelled. It does not know what objects there are.

mod identifier;
mod literal;
mod privileges;
mod setting;

pub use identifier::{identifier, qualified};
pub use literal::{bytea_literal, dollar_quoted, literal};
pub use privileges::{Acl, GrantTarget, render_privileges};
pub use setting::render_setting;

use crate::name::QualifiedName;

/// SQL under construction.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Ddl {
    text: String,
}

impl Ddl {
    /// Starts with nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Keywords and punctuation: text of this program only.
    pub fn sql(&mut self, text: &'static str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// One name, quoted if it has to be.
    pub fn ident(&mut self, name: &str) -> &mut Self {
        self.text.push_str(&identifier(name));
        self
    }

    /// A schema-qualified name.
    pub fn name(&mut self, name: &QualifiedName) -> &mut Self {
        self.text.push_str(&qualified(&name.schema, &name.name));
        self
    }

    /// A comma-separated list of names.
    pub fn idents<'a>(&mut self, names: impl IntoIterator<Item = &'a str>) -> &mut Self {
        for (i, name) in names.into_iter().enumerate() {
            if i > 0 {
                self.text.push_str(", ");
            }
            self.ident(name);
        }
        self
    }

    /// A string constant.
    pub fn literal(&mut self, value: &str) -> &mut Self {
        self.text.push_str(&literal(value));
        self
    }

    /// Bytes, as a string constant in the hexadecimal form of `bytea`.
    pub fn bytea(&mut self, value: &[u8]) -> &mut Self {
        self.text.push_str(&bytea_literal(value));
        self
    }

    /// A string constant between dollar quotes whose tag does not occur in it.
    pub fn dollar_quoted(&mut self, body: &str) -> &mut Self {
        self.text.push_str(&dollar_quoted(body));
        self
    }

    /// A number.
    pub fn number(&mut self, value: impl Into<i128>) -> &mut Self {
        self.text.push_str(&value.into().to_string());
        self
    }

    /// SQL that the server deparsed with an empty `search_path` (`pg_get_expr`, `format_type`, `pg_get_viewdef` …), or that
    /// this module rendered before.
    pub fn deparsed(&mut self, sql: &str) -> &mut Self {
        self.text.push_str(sql);
        self
    }

    /// Ends a statement: `;` and a line break.
    pub fn end(&mut self) -> &mut Self {
        self.text.push_str(";\n");
        self
    }

    /// Whether nothing was written yet.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// What was written so far.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The finished SQL.
    pub fn into_string(self) -> String {
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_name_stays_a_name() {
        let mut ddl = Ddl::new();
        ddl.sql("DROP TABLE ").name(&QualifiedName::new("public", "x\"; DROP TABLE y; --")).end();
        assert_eq!(ddl.as_str(), "DROP TABLE public.\"x\"\"; DROP TABLE y; --\";\n");
    }
}
