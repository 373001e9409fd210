//! Understands `COPY`, as far as one has to know where its rows come from.

use crate::name::QualifiedName;

use super::token::{Cursor, Kind, Token};

/// How rows are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CopyFormat {
    /// The default, and what dumps have.
    #[default]
    Text,
    /// With commas and quotes.
    Csv,
    /// Not to be found in scripts.
    Binary,
    /// One that this version does not know.
    Other,
}

/// The other end of a `COPY`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CopyDirection {
    /// `FROM stdin`: rows follow in the script.
    FromScript,
    /// `FROM 'file'`: the server reads one of its own files.
    FromFile,
    /// `FROM PROGRAM`: the server runs a command.
    FromProgram,
    /// `TO stdout`: the server sends rows.
    ToClient,
    /// `TO 'file'`: the server writes a file.
    ToFile,
    /// `TO PROGRAM`: the server runs a command.
    ToProgram,
}

/// A `COPY` statement.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CopyStatement {
    /// The table, if it was named with its schema.
    pub relation: Option<QualifiedName>,
    /// The table as it was named, for people. `a query` if it was none.
    pub shown: String,
    /// The columns that were named.
    pub columns: Vec<String>,
    /// Where rows come from or go to.
    pub direction: CopyDirection,
    /// How they are written.
    pub format: CopyFormat,
    /// Something follows the other end: options, or a condition.
    pub has_options: bool,
}

impl CopyStatement {
    /// Reads on behind the word `COPY`. `None` if it is nothing that a server would take.
    pub(super) fn parse(cursor: &mut Cursor<'_>) -> Option<Self> {
        let mut format = CopyFormat::Text;
        let name = match cursor.eat("binary") {
            // A table may have that name.
            true if cursor.peek().is_some_and(|t| t.is_symbol(b'.') || t.is_symbol(b'(') || t.is("from") || t.is("to")) => {
                let mut name = vec!["binary".to_owned()];
                if cursor.eat_symbol(b'.') {
                    name.extend(cursor.qualified_name());
                }
                name
            }
            is_binary => {
                if is_binary {
                    format = CopyFormat::Binary;
                }
                cursor.qualified_name()
            }
        };
        let columns = columns(cursor)?;
        let is_from = cursor.skip_to(&["from", "to"])? == "from";
        let direction = direction(cursor.next()?, is_from)?;
        let has_options = cursor.peek().is_some();
        let format = options(cursor, format);
        let relation = match name.as_slice() {
            [.., schema, table] => Some(QualifiedName::new(schema, table)),
            _ => None,
        };
        let shown = relation.as_ref().map(QualifiedName::to_string);
        let shown = shown.or_else(|| name.first().map(|name| crate::name::display_part(name)));
        Some(Self { relation, shown: shown.unwrap_or_else(|| "a query".into()), columns, direction, format, has_options })
    }
}

/// The names in parentheses, if there are any. Those of a query are not names, and are left out.
fn columns(cursor: &mut Cursor<'_>) -> Option<Vec<String>> {
    let mut columns = Vec::new();
    let before = cursor.clone();
    if !cursor.eat_symbol(b'(') {
        return Some(columns);
    }
    while let Some(name) = cursor.next()?.name() {
        columns.push(name);
        if cursor.eat_symbol(b')') {
            return Some(columns);
        }
        if !cursor.eat_symbol(b',') {
            break;
        }
    }
    *cursor = before;
    Some(Vec::new())
}

fn direction(token: Token<'_>, is_from: bool) -> Option<CopyDirection> {
    let is_program = token.is("program");
    // The grammar takes either word for either direction.
    let is_stream = token.is("stdin") || token.is("stdout");
    let is_file = token.kind == Kind::Literal;
    match (is_from, is_stream, is_program, is_file) {
        (true, true, ..) => Some(CopyDirection::FromScript),
        (true, _, true, _) => Some(CopyDirection::FromProgram),
        (true, _, _, true) => Some(CopyDirection::FromFile),
        (false, true, ..) => Some(CopyDirection::ToClient),
        (false, _, true, _) => Some(CopyDirection::ToProgram),
        (false, _, _, true) => Some(CopyDirection::ToFile),
        _ => None,
    }
}

/// Options in parentheses, `(FORMAT csv)`, or in the old syntax, `CSV HEADER`.
fn options(cursor: &mut Cursor<'_>, mut format: CopyFormat) -> CopyFormat {
    while let Some(token) = cursor.next() {
        if token.is("where") {
            break;
        }
        if token.is_symbol(b'(') {
            format = listed_options(cursor, format);
        } else if token.is("csv") {
            format = CopyFormat::Csv;
        } else if token.is("binary") {
            format = CopyFormat::Binary;
        }
    }
    format
}

fn listed_options(cursor: &mut Cursor<'_>, mut format: CopyFormat) -> CopyFormat {
    let mut depth = 1_usize;
    let mut is_name = true;
    while let Some(token) = cursor.next() {
        if is_name && depth == 1 && token.name().as_deref() == Some("format") {
            format = cursor.next().map_or(format, |value| named_format(value));
            is_name = false;
            continue;
        }
        is_name = token.is_symbol(b',');
        depth = match token {
            t if t.is_symbol(b'(') => depth + 1,
            t if t.is_symbol(b')') => depth - 1,
            _ => depth,
        };
        if depth == 0 {
            break;
        }
    }
    format
}

fn named_format(value: Token<'_>) -> CopyFormat {
    match value.name().or_else(|| value.value()).as_deref() {
        Some("text") => CopyFormat::Text,
        Some("csv") => CopyFormat::Csv,
        Some("binary") => CopyFormat::Binary,
        _ => CopyFormat::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::super::token::Tokens;
    use super::*;

    fn parse(text: &str) -> Option<CopyStatement> {
        let mut cursor = Cursor::new(Tokens::new(text.as_bytes(), text.as_bytes(), true));
        assert!(cursor.eat("copy"), "{text}");
        CopyStatement::parse(&mut cursor)
    }

    #[test]
    fn where_rows_come_from_and_how_they_are_written() {
        use CopyDirection::{FromFile, FromProgram, FromScript, ToClient, ToFile, ToProgram};
        use CopyFormat::{Binary, Csv, Other, Text};
        for (text, shown, direction, format) in [
            ("COPY public.film (id, \"from\") FROM stdin;", "public.film", FromScript, Text),
            ("copy t from STDIN;", "t", FromScript, Text),
            ("COPY t FROM STDOUT", "t", FromScript, Text),
            ("COPY \"S\".\"t;\" FROM/**/stdin", "\"S\".\"t;\"", FromScript, Text),
            ("COPY db.s.t FROM stdin", "s.t", FromScript, Text),
            ("COPY t FROM stdin WITH (FORMAT csv, HEADER)", "t", FromScript, Csv),
            ("COPY t FROM stdin (HEADER, FORMAT 'csv')", "t", FromScript, Csv),
            ("COPY t FROM stdin WITH (NULL 'format', FORCE_NULL (format, csv))", "t", FromScript, Text),
            ("COPY t FROM stdin WITH (\"format\" 'binary')", "t", FromScript, Binary),
            ("COPY t FROM stdin WITH (FORMAT \"parquet\")", "t", FromScript, Other),
            ("COPY t FROM stdin WITH CSV HEADER QUOTE '\"'", "t", FromScript, Csv),
            ("COPY t FROM stdin DELIMITER ','", "t", FromScript, Text),
            ("COPY t FROM stdin WHERE csv > 1", "t", FromScript, Text),
            ("COPY BINARY t FROM stdin", "t", FromScript, Binary),
            ("COPY binary FROM stdin", "binary", FromScript, Text),
            ("COPY binary.t FROM stdin", "\"binary\".t", FromScript, Text),
            ("COPY t FROM '/tmp/x'", "t", FromFile, Text),
            ("COPY t FROM E'/tmp/stdin'", "t", FromFile, Text),
            ("COPY t FROM PROGRAM 'id'", "t", FromProgram, Text),
            ("COPY (SELECT a FROM stdin) TO stdout", "a query", ToClient, Text),
            ("COPY (SELECT a, b) TO '/tmp/x'", "a query", ToFile, Text),
            ("COPY t TO PROGRAM 'id'", "t", ToProgram, Text),
        ] {
            let copy = parse(text).unwrap_or_else(|| panic!("{text}"));
            let shown = shown.replace("\"binary\"", "binary");
            assert_eq!((copy.shown, copy.direction, copy.format), (shown, direction, format), "{text}");
        }
    }

    #[test]
    fn names_are_as_the_catalog_has_them() {
        let copy = parse("COPY Public.\"Film\" (Id, \"a\"\"B\") FROM stdin").unwrap();
        assert_eq!(copy.relation, Some(QualifiedName::new("public", "Film")));
        assert_eq!(copy.columns, ["id", "a\"B"]);
    }

    #[test]
    fn what_no_server_takes_is_no_copy() {
        for text in ["COPY", "COPY t", "COPY t FROM", "COPY t FROM \"stdin\"", "COPY t (a FROM stdin", "COPY t FROM x"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
