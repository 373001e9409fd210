//! Errors that a PostgreSQL server reports.

use std::fmt;

/// An error that the server reported, field by field.
///
/// `Display` and `Debug` show the SQLSTATE and the primary message. `DETAIL`, `CONTEXT` and `HINT` may hold values of cells or
/// pieces of a script and are reachable by name only.
///
/// Source: PostgreSQL manual, "Error and Notice Message Fields".
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerError {
    /// `ERROR`, `FATAL` or `PANIC`, never translated.
    pub severity: String,
    /// The five-letter SQLSTATE.
    pub sqlstate: String,
    /// The primary message, one line.
    pub message: String,
    /// `DETAIL`. May hold cell values: not for logs.
    pub detail: Option<String>,
    /// `HINT`.
    pub hint: Option<String>,
    /// `CONTEXT`. May hold cell values: not for logs.
    pub context: Option<String>,
    /// 1-based character position in the statement.
    pub position: Option<u32>,
    /// The schema that the error is about.
    pub schema: Option<String>,
    /// The table that the error is about.
    pub table: Option<String>,
    /// The column that the error is about.
    pub column: Option<String>,
    /// The constraint that the error is about.
    pub constraint: Option<String>,
}

impl ServerError {
    /// Whether the SQLSTATE is `code`.
    pub fn is(&self, code: &str) -> bool {
        self.sqlstate == code
    }

    /// Whether a value or a row did not fit into the 1 GB that the server can hold in one piece.
    ///
    /// Source: PostgreSQL's `palloc` ("invalid memory alloc request size", no SQLSTATE of its own) and `enlargeStringInfo`.
    pub(crate) fn is_too_large(&self) -> bool {
        self.is("54000") || (self.is("XX000") && self.message.starts_with("invalid memory alloc request size"))
    }

    /// Whether a pooler, which knows but a few of them, refused a parameter that a session is to start with.
    pub(crate) fn is_refused_parameter(&self) -> bool {
        self.is("08P01") && self.message.contains("unsupported startup parameter")
    }

    /// The part of `CONTEXT` that can hold no value: `COPY table, line N, column c`.
    pub fn copy_position(&self) -> Option<&str> {
        let context = self.context.as_deref()?;
        let line = context.lines().find(|l| l.starts_with("COPY "))?;
        Some(line.split(": \"").next().unwrap_or(line))
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SQLSTATE {}: {}", self.sqlstate, self.message)
    }
}

impl fmt::Debug for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for ServerError {}

impl From<&tokio_postgres::error::DbError> for ServerError {
    fn from(e: &tokio_postgres::error::DbError) -> Self {
        let own = |s: Option<&str>| s.map(str::to_owned);
        Self {
            severity: e.severity().to_owned(),
            sqlstate: e.code().code().to_owned(),
            message: e.message().to_owned(),
            detail: own(e.detail()),
            hint: own(e.hint()),
            context: own(e.where_()),
            position: match e.position() {
                Some(tokio_postgres::error::ErrorPosition::Original(p)) => Some(*p),
                _ => None,
            },
            schema: own(e.schema()),
            table: own(e.table()),
            column: own(e.column()),
            constraint: own(e.constraint()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_in_the_context_of_a_copy_are_left_out() {
        let e = ServerError { context: Some("COPY t, line 3, column email: \"ann@example.org\"".into()), ..Default::default() };
        assert_eq!(e.copy_position(), Some("COPY t, line 3, column email"));
        assert!(!format!("{e:?} {e}").contains("ann@"), "{e:?}");
    }
}
