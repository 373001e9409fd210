//! The fixed and the repeated texts of a script. Pure.

use crate::archive::toc::{CopyTarget, TocEntry};
use crate::archive::writer::{ArchiveHeader, SequencePosition};
use crate::ddl::{Ddl, qualified};
use crate::name::QualifiedName;

use super::restrict::RestrictKey;

/// How the line begins that tells our scripts from others.
const WRITTEN_BY: &str = "-- Dumped by pgstream version ";

/// Whether a script whose first bytes are `head` was written by pgstream, and so must end with a manifest. The first
/// kilobyte is enough.
pub fn is_own_script(head: &[u8]) -> bool {
    head.split(|b| *b == b'\n').any(|line| line.starts_with(WRITTEN_BY.as_bytes()))
}

/// The beginning, up to and including the settings.
pub(super) fn head(header: &ArchiveHeader, key: &RestrictKey) -> String {
    let server_version = one_line(&header.server_version);
    let version = one_line(&header.pgstream_version);
    let mut text = String::from("--\n-- PostgreSQL database dump\n--\n\n");
    text.push_str(&format!("\\restrict {key}\n\n"));
    text.push_str(&format!("-- Dumped from database version {server_version}\n{WRITTEN_BY}{version}\n\n"));
    text.push_str(&settings(&header.encoding));
    text
}

/// Settings that every server from 13 on takes, so that a script can run with `--single-transaction` and `ON_ERROR_STOP`.
fn settings(encoding: &str) -> String {
    let mut ddl = Ddl::new();
    ddl.sql("SET statement_timeout = 0;\nSET lock_timeout = 0;\nSET idle_in_transaction_session_timeout = 0;\n");
    // The parameter is new in 17, and a plain SET of it fails before.
    ddl.sql("SELECT pg_catalog.set_config(name, '0', false) FROM pg_catalog.pg_settings WHERE name = 'transaction_timeout';\n");
    ddl.sql("SET client_encoding = ").literal(encoding).end();
    ddl.sql("SET standard_conforming_strings = on;\nSELECT pg_catalog.set_config('search_path', '', false);\n");
    ddl.sql("SET check_function_bodies = false;\nSET xmloption = content;\nSET client_min_messages = warning;\n");
    ddl.sql("SET row_security = off;\n\n");
    ddl.into_string()
}

/// The end, up to the manifest.
pub(super) fn end(key: &RestrictKey) -> String {
    format!("--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict {key}\n\n")
}

/// The comment above an entry.
pub(super) fn title(prefix: &str, entry: &TocEntry) -> String {
    let [name, schema, owner] = [Some(&entry.tag), entry.schema.as_ref(), entry.owner.as_ref()]
        .map(|part| part.filter(|text| !text.is_empty()).map_or_else(|| "-".to_owned(), |text| one_line(text)));
    let mut line = format!("-- {prefix}Name: {name}; Type: {}; Schema: {schema}; Owner: {owner}", entry.desc);
    if let Some(tablespace) = entry.tablespace.as_deref().filter(|name| !name.is_empty()) {
        line.push_str("; Tablespace: ");
        line.push_str(&one_line(tablespace));
    }
    format!("--\n{line}\n--\n\n")
}

/// A catalog string as part of a comment: a line break would end it (CVE-2025-8715).
pub(super) fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

/// `SET default_tablespace`.
pub(super) fn default_tablespace(name: &str) -> String {
    let mut ddl = Ddl::new();
    ddl.sql("SET default_tablespace = ");
    match name {
        "" => ddl.sql("''"),
        name => ddl.ident(name),
    };
    ddl.end().sql("\n");
    ddl.into_string()
}

/// `SET default_table_access_method`.
pub(super) fn default_access_method(name: &str) -> String {
    let mut ddl = Ddl::new();
    ddl.sql("SET default_table_access_method = ").ident(name).end().sql("\n");
    ddl.into_string()
}

/// What stands before the rows of a table.
pub(super) fn copy(target: &CopyTarget) -> String {
    let mut ddl = Ddl::new();
    if target.is_through_root {
        let root = one_line(&qualified(&target.table.schema, &target.table.name));
        ddl.sql("-- load via partition root ").deparsed(&root).sql("\n\n");
    }
    ddl.sql("COPY ").name(&target.table);
    if !target.columns.is_empty() {
        ddl.sql(" (").idents(target.columns.iter().map(String::as_str)).sql(")");
    }
    ddl.sql(" FROM stdin").end();
    ddl.into_string()
}

/// `setval`.
pub(super) fn set_value(sequence: &QualifiedName, position: SequencePosition) -> String {
    let mut ddl = Ddl::new();
    ddl.sql("SELECT pg_catalog.setval(").literal(&qualified(&sequence.schema, &sequence.name)).sql(", ");
    ddl.number(position.last_value).sql(if position.is_called { ", true)" } else { ", false)" }).end().sql("\n\n");
    ddl.into_string()
}

/// The comment above the bytes of large objects, of as many as follow each other, and the transaction that their
/// descriptors need.
pub(super) const LARGE_OBJECTS_BEGIN: &str = "--\n-- Data for Name: BLOBS; Type: BLOBS; Schema: -; Owner: -\n--\n\nBEGIN;\n\n";

/// What stands behind the last of them.
pub(super) const LARGE_OBJECTS_END: &str = "COMMIT;\n\n\n";

/// Behind each: descriptors count from 0 in every transaction and are given again once closed.
pub(super) const LARGE_OBJECT_CLOSE: &str = "SELECT pg_catalog.lo_close(0);\n\n";

/// Opens a large object for writing: 131072 is `INV_WRITE`.
pub(super) fn open_large_object(oid: u32) -> String {
    format!("SELECT pg_catalog.lo_open('{oid}', 131072);\n")
}

/// Appends to the open large object.
pub(super) fn write_large_object(piece: &[u8]) -> String {
    let mut ddl = Ddl::new();
    ddl.sql("SELECT pg_catalog.lowrite(0, ").bytea(piece).sql(")").end();
    ddl.into_string()
}
