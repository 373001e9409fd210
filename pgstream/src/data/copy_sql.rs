//! The COPY statements.

use crate::ddl::Ddl;
use crate::name::QualifiedName;

/// How values travel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum CopyFormat {
    /// COPY text: every value of every type.
    #[default]
    Text,
    /// COPY binary: cheaper for both servers, for the types of [`crate::catalog::binary_type`] only.
    Binary,
}

/// `COPY table (columns) TO STDOUT`: the table's own rows, never those of its children.
pub(crate) fn copy_to_stdout(table: &QualifiedName, columns: &[String], format: CopyFormat) -> String {
    let mut ddl = Ddl::new();
    ddl.sql("COPY ").name(table);
    columns_of(&mut ddl, columns);
    ddl.sql(" TO STDOUT").sql(options(format, false));
    ddl.into_string()
}

fn options(format: CopyFormat, is_frozen: bool) -> &'static str {
    match (format, is_frozen) {
        (CopyFormat::Text, false) => "",
        (CopyFormat::Text, true) => " WITH (FREEZE)",
        (CopyFormat::Binary, false) => " WITH (FORMAT binary)",
        (CopyFormat::Binary, true) => " WITH (FORMAT binary, FREEZE)",
    }
}

/// A column of a query, as itself or as a type whose text is the same on every server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct QueryColumn {
    /// Its name.
    pub(crate) name: String,
    /// What it is read as, if not as itself.
    pub(crate) read_as: Option<&'static str>,
}

/// `COPY (SELECT columns FROM ONLY relation) TO STDOUT`: for columns and relations that COPY does not read by name.
pub(crate) fn copy_query_to_stdout(relation: &QualifiedName, columns: &[QueryColumn]) -> String {
    let mut ddl = Ddl::new();
    ddl.sql("COPY (SELECT ");
    for (number, column) in columns.iter().enumerate() {
        ddl.sql(if number == 0 { "" } else { ", " }).ident(&column.name);
        if let Some(type_name) = column.read_as {
            ddl.sql("::").sql(type_name);
        }
    }
    ddl.sql(" FROM ONLY ").name(relation).sql(") TO STDOUT");
    ddl.into_string()
}

/// `COPY table (columns) FROM STDIN`, with `FREEZE` where the table was truncated in the same transaction.
pub(crate) fn copy_from_stdin(table: &QualifiedName, columns: &[String], format: CopyFormat, is_frozen: bool) -> String {
    let mut ddl = Ddl::new();
    ddl.sql("COPY ").name(table);
    columns_of(&mut ddl, columns);
    ddl.sql(" FROM STDIN").sql(options(format, is_frozen));
    ddl.into_string()
}

/// A table without columns has no list: COPY then moves empty lines, one per row.
fn columns_of(ddl: &mut Ddl, columns: &[String]) {
    if !columns.is_empty() {
        ddl.sql(" (").idents(columns.iter().map(String::as_str)).sql(")");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_always_named() {
        let table = QualifiedName::new("public", "a b");
        let columns = ["x".to_owned(), "select".to_owned()];
        assert_eq!(copy_to_stdout(&table, &columns, CopyFormat::Text), "COPY public.\"a b\" (x, \"select\") TO STDOUT");
        assert_eq!(copy_from_stdin(&table, &[], CopyFormat::Text, true), "COPY public.\"a b\" FROM STDIN WITH (FREEZE)");
    }

    #[test]
    fn a_query_reads_a_column_as_another_type_where_asked() {
        let column = |name: &str, read_as| QueryColumn { name: name.into(), read_as };
        let columns = [column("x", None), column("C", Some("pg_catalog.int4"))];
        let copy = copy_query_to_stdout(&QualifiedName::new("public", "t"), &columns);
        assert_eq!(copy, "COPY (SELECT x, \"C\"::pg_catalog.int4 FROM ONLY public.t) TO STDOUT");
    }
}
