use futures_util::StreamExt;
use xxhash_rust::xxh3::xxh3_128;

use super::*;
use crate::archive::manifest::{PlainTail, SourceIdentity};
use crate::archive::test_entry::entry;
use crate::archive::{CopyTarget, OutputOptions, Pass};
use crate::catalog::{Section, SequenceData, TableData};
use crate::error::ErrorCode;
use crate::name::QualifiedName;
use crate::storage::{ByteStream, byte_stream};

const HOSTILE: &str = "x\n\\! touch /tmp/hit\r-- */ \"q\" 'a'";

fn writer() -> (Box<PlainWriter>, tokio::task::JoinHandle<Vec<u8>>) {
    let (sender, stream) = byte_stream();
    let read = tokio::spawn(read(stream));
    (Box::new(PlainWriter::new(OutputQueue::start(Box::new(sender)), "key".parse().unwrap())), read)
}

async fn read(mut stream: ByteStream) -> Vec<u8> {
    let mut text = Vec::new();
    while let Some(Ok(block)) = stream.next().await {
        text.extend_from_slice(&block);
    }
    text
}

fn rows_entry(number: u32, name: &str) -> TocEntry {
    let source = TableData {
        relation: number,
        name: QualifiedName::new("public", name),
        columns: vec!["a".into(), "B".into()],
        pages: 1,
        bytes: 1,
        relkind: 'r',
        is_unlogged: false,
        is_binary_safe: false,
        load_through: None,
    };
    let target = CopyTarget { table: source.name.clone(), columns: source.columns.clone(), is_through_root: false };
    let data = Some(EntryData::Table { source, target });
    TocEntry { section: Section::Data, data, ..entry(number, "TABLE DATA", name) }
}

fn sequence_entry(number: u32, name: &str) -> TocEntry {
    let data = EntryData::Sequence(SequenceData { relation: number, name: QualifiedName::new("public", name) });
    TocEntry { section: Section::Data, data: Some(data), ..entry(number, "SEQUENCE SET", name) }
}

fn large_object_entry(number: u32, oid: u32) -> TocEntry {
    TocEntry { section: Section::Data, data: Some(EntryData::LargeObject(oid)), ..entry(number, "BLOBS", "BLOBS") }
}

/// Writes every entry, with two rows, a value, or three bytes.
async fn write(toc: &Toc) -> String {
    let (mut writer, read) = writer();
    writer.begin(&ArchiveHeader::new("15.18 (Debian)"), toc).await.unwrap();
    for entry in &toc.entries {
        write_entry(&mut *writer, entry).await;
    }
    let manifest = Manifest::new(SourceIdentity::default(), "2026-01-02T03:04:05Z");
    writer.finish(manifest).await.unwrap();
    String::from_utf8(read.await.unwrap()).unwrap()
}

async fn write_entry(writer: &mut dyn ArchiveWriter, entry: &TocEntry) {
    match &entry.data {
        None => writer.entry(entry).await.unwrap(),
        Some(EntryData::Table { .. }) => {
            writer.begin_rows(entry).await.unwrap();
            writer.rows(Bytes::from_static(b"1\t\\N\n2")).await.unwrap();
            writer.rows(Bytes::from_static(b"\tx\n")).await.unwrap();
            writer.end_rows().await.unwrap();
        }
        Some(EntryData::Sequence(_)) => {
            writer.sequence_value(entry, SequencePosition { last_value: -5, is_called: true }).await.unwrap();
        }
        Some(EntryData::LargeObject(_)) => {
            writer.large_object_begin(entry).await.unwrap();
            writer.large_object_piece(Bytes::from_static(b"\x00a\xff")).await.unwrap();
            writer.large_object_end().await.unwrap();
        }
    }
}

/// The script between the settings and its end.
fn body(script: &str) -> &str {
    let (_, rest) = script.split_once("SET row_security = off;\n\n").expect("settings");
    rest.split_once("--\n-- PostgreSQL database dump complete").expect("end").0
}

#[tokio::test]
async fn a_script_is_laid_out_as_pg_dump_does() {
    let mut table = entry(1, "TABLE", "t");
    table.create = "CREATE TABLE public.t (\n    a integer\n);\n".into();
    table.set_owner = "ALTER TABLE public.t OWNER TO me;\n".into();
    table.tablespace = Some(String::new());
    table.access_method = Some("heap".into());
    let script = write(&Toc { entries: vec![table, rows_entry(2, "t"), sequence_entry(3, "S")] }).await;
    assert!(script.starts_with(
        "--\n-- PostgreSQL database dump\n--\n\n\\restrict key\n\n-- Dumped from database version 15.18 (Debian)\n"
    ));
    assert_eq!(
        body(&script),
        "SET default_tablespace = '';\n\nSET default_table_access_method = heap;\n\n\
         --\n-- Name: t; Type: TABLE; Schema: public; Owner: me\n--\n\n\
         CREATE TABLE public.t (\n    a integer\n);\n\n\nALTER TABLE public.t OWNER TO me;\n\n\
         --\n-- Data for Name: t; Type: TABLE DATA; Schema: public; Owner: me\n--\n\n\
         COPY public.t (a, \"B\") FROM stdin;\n1\t\\N\n2\tx\n\\.\n\n\n\
         --\n-- Name: S; Type: SEQUENCE SET; Schema: public; Owner: me\n--\n\n\
         SELECT pg_catalog.setval('public.\"S\"', -5, true);\n\n\n"
    );
    assert!(script.contains("\n\\unrestrict key\n\n-- pgstream manifest: {"));
}

#[tokio::test]
async fn the_manifest_comes_last_and_hashes_all_before_it() {
    let script = write(&Toc { entries: vec![rows_entry(1, "t")] }).await;
    let PlainTail::Manifest(manifest) = Manifest::from_plain_tail(script.as_bytes()) else { panic!("{script}") };
    let hashed = manifest.script.expect("a script has a hash");
    let text = &script.as_bytes()[..usize::try_from(hashed.bytes).unwrap()];
    assert_eq!(format!("{:032x}", xxh3_128(text)), hashed.xxh3);
    assert!(script[text.len()..].starts_with("-- pgstream manifest: ") && super::text::is_own_script(&script.as_bytes()[..1000]));
}

#[tokio::test]
async fn a_hostile_name_cannot_leave_its_comment() {
    let mut rows = rows_entry(2, HOSTILE);
    let through = CopyTarget { table: QualifiedName::new(HOSTILE, HOSTILE), columns: vec![], is_through_root: true };
    if let Some(EntryData::Table { target, .. }) = &mut rows.data {
        *target = through;
    }
    let hostile = Some(HOSTILE.to_owned());
    let mut table = TocEntry { schema: hostile.clone(), owner: hostile.clone(), ..entry(1, "TABLE", HOSTILE) };
    table.tablespace = hostile;
    let script = write(&Toc { entries: vec![table, rows] }).await;
    // Within double quotes a line break is part of the name; nowhere else may it be.
    let (mut is_quoted, mut unquoted) = (false, String::new());
    for line in body(&script).split_inclusive('\n') {
        if !is_quoted && line.starts_with("--") {
            assert!(!line.contains('\r'), "{line:?}");
            continue;
        }
        for c in line.chars() {
            is_quoted ^= c == '"';
            unquoted.extend((!is_quoted).then_some(c));
        }
    }
    assert!(!unquoted.contains("\\!"), "{unquoted}");
}

#[tokio::test]
async fn neighbouring_large_objects_share_a_transaction() {
    let script = write(&Toc { entries: vec![large_object_entry(1, 70), large_object_entry(2, 71), rows_entry(3, "t")] }).await;
    let object = |oid| {
        format!(
            "SELECT pg_catalog.lo_open('{oid}', 131072);\nSELECT pg_catalog.lowrite(0, '\\x0061ff');\nSELECT pg_catalog.lo_close(0);\n\n"
        )
    };
    let expected = format!("BEGIN;\n\n{}{}COMMIT;\n\n\n--\n-- Data for Name: t;", object(70), object(71));
    assert!(body(&script).contains(&expected), "{script}");
}

#[tokio::test]
async fn large_objects_are_written_in_statements_of_16_kib() {
    let (mut writer, read) = writer();
    let toc = Toc { entries: vec![large_object_entry(1, 70)] };
    writer.begin(&ArchiveHeader::new("15"), &toc).await.unwrap();
    writer.large_object_begin(&toc.entries[0]).await.unwrap();
    writer.large_object_piece(vec![1; 40_000].into()).await.unwrap();
    writer.large_object_end().await.unwrap();
    writer.finish(Manifest::default()).await.unwrap();
    let script = String::from_utf8(read.await.unwrap()).unwrap();
    assert_eq!(script.matches("lowrite(0, ").count(), 3);
}

#[tokio::test]
async fn privileges_follow_data_and_drops_go_backwards() {
    let mut acl = entry(1, "ACL", "TABLE t");
    acl.pass = Pass::Privileges;
    let mut refresh = entry(2, "MATERIALIZED VIEW DATA", "m");
    refresh.pass = Pass::Last;
    let dropped = |number, name: &str| TocEntry { drop: format!("DROP TABLE public.{name};\n"), ..entry(number, "TABLE", name) };
    let toc = Toc { entries: vec![refresh, acl, dropped(3, "one"), dropped(4, "two"), rows_entry(5, "one")] };
    let options = OutputOptions { clean: true, if_exists: true, ..OutputOptions::default() };
    let script = write(&options.select(&toc).unwrap().in_passes()).await;
    let mut at = 0;
    for part in [
        "DROP TABLE IF EXISTS public.two;\nDROP TABLE IF EXISTS public.one;\n",
        "Name: one; Type: TABLE;",
        "\\.",
        "Type: ACL",
        "Name: m;",
    ] {
        at += script[at..].find(part).unwrap_or_else(|| panic!("{part} is not behind the one before: {script}"));
    }
}

#[tokio::test]
async fn a_script_without_all_its_entries_cannot_be_finished() {
    let (mut writer, read) = writer();
    let toc = Toc { entries: vec![rows_entry(1, "t"), rows_entry(2, "u")] };
    writer.begin(&ArchiveHeader::new("15"), &toc).await.unwrap();
    write_entry(&mut *writer, &toc.entries[0]).await;
    let error = writer.finish(Manifest::default()).await.unwrap_err();
    assert_eq!(error.to_string(), "1 entries of the archive were not written, among them u");
    assert_eq!(Manifest::from_plain_tail(&read.await.unwrap()), PlainTail::Absent);
}

#[tokio::test]
async fn rows_that_end_inside_a_row_are_an_error() {
    let (mut writer, _read) = writer();
    let toc = Toc { entries: vec![rows_entry(1, "t")] };
    writer.begin(&ArchiveHeader::new("15"), &toc).await.unwrap();
    writer.begin_rows(&toc.entries[0]).await.unwrap();
    writer.rows(Bytes::from_static(b"1\t2\n3")).await.unwrap();
    let error = writer.end_rows().await.unwrap_err();
    assert_eq!((error.code(), error.to_string().as_str()), (ErrorCode::CopyOut, "the rows of public.t ended inside a row"));
}

#[tokio::test]
async fn calls_in_a_wrong_order_are_refused() {
    let (mut writer, _read) = writer();
    let toc = Toc { entries: vec![rows_entry(1, "t")] };
    assert!(writer.rows(Bytes::new()).await.is_err());
    writer.begin(&ArchiveHeader::new("15"), &toc).await.unwrap();
    assert!(writer.entry(&entry(9, "TABLE", "not promised")).await.is_err());
    writer.begin_rows(&toc.entries[0]).await.unwrap();
    assert!(writer.begin_rows(&toc.entries[0]).await.is_err());
    assert!(writer.finish(Manifest::default()).await.is_err());
}
