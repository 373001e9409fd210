use proptest::prelude::*;

use super::*;
use crate::script::{ScriptEvent, Statement};

/// What a reader makes of pieces, in words: neighbouring rows are joined, since pieces may end anywhere.
fn read(reader: ScriptReader, pieces: &[&[u8]]) -> Vec<String> {
    let mut reader = reader;
    let mut events = Vec::new();
    let mut rows = Vec::new();
    for piece in pieces {
        reader.feed(Bytes::copy_from_slice(piece));
        take_events(&mut reader, &mut events, &mut rows);
    }
    reader.close();
    take_events(&mut reader, &mut events, &mut rows);
    events
}

fn take_events(reader: &mut ScriptReader, events: &mut Vec<String>, rows: &mut Vec<u8>) {
    loop {
        let event = match reader.next_event() {
            Ok(Some(event)) => event,
            Ok(None) => return,
            Err(error) => {
                events.push(format!("{}: {error}", error.code()));
                return;
            }
        };
        if let ScriptEvent::CopyRows(piece) = event {
            assert!(!piece.is_empty());
            rows.extend_from_slice(&piece);
            continue;
        }
        if matches!(event, ScriptEvent::CopyEnd(_)) {
            events.push(format!("rows {:?}", String::from_utf8_lossy(rows)));
            rows.clear();
        }
        events.push(in_words(&event));
    }
}

fn in_words(event: &ScriptEvent) -> String {
    match event {
        ScriptEvent::Statement(Statement { text, line, offset, commands, .. }) => {
            format!("{line}@{offset}x{commands} {}", String::from_utf8_lossy(text))
        }
        event => format!("{event:?}"),
    }
}

fn whole(script: &[u8]) -> Vec<String> {
    read(ScriptReader::new(), &[script])
}

/// The statements of a script, or the error it ends with.
fn statements(script: &str) -> Vec<String> {
    let is_wanted = |event: &String| !event.starts_with("ScriptEnd");
    let without_place = |event: String| match event.split_once(' ') {
        Some((place, text)) if place.contains('@') => text.to_owned(),
        _ => event,
    };
    whole(script.as_bytes()).into_iter().filter(is_wanted).map(without_place).collect()
}

#[test]
fn a_statement_ends_at_its_own_semicolon() {
    for (script, expected) in [
        ("select 1; select 2;", vec!["select 1;", "select 2;"]),
        ("select ';', \"a;b\", 'it''s;';", vec!["select ';', \"a;b\", 'it''s;';"]),
        ("select 'a\\'; select 2;", vec!["select 'a\\';", "select 2;"]),
        ("select E'a\\';', e'\\\\';", vec!["select E'a\\';', e'\\\\';"]),
        ("select E'a'\n 'b\\';';", vec!["select E'a'\n 'b\\';';"]),
        ("select E'a' -- c\n 'b\\';';", vec!["select E'a' -- c\n 'b\\';';"]),
        ("select E'a' 'b\\'; x;", vec!["select E'a' 'b\\';", "x;"]),
        ("select E'a' /* c\n */ 'b\\'; x;", vec!["select E'a' /* c\n */ 'b\\';", "x;"]),
        ("select U&'\\'; x;", vec!["select U&'\\';", "x;"]),
        ("select U&\"a;\"\"\" ; u&1;", vec!["select U&\"a;\"\"\" ;", "u&1;"]),
        ("select B'\\', x'\\', N'\\';", vec!["select B'\\', x'\\', N'\\';"]),
        ("select name'\\'; x;", vec!["select name'\\';", "x;"]),
        ("select $$;$$, $a$;$b$;$a$, $\u{e4}$;$\u{e4}$;", vec!["select $$;$$, $a$;$b$;$a$, $\u{e4}$;$\u{e4}$;"]),
        ("select $a$x$b$a$;", vec!["select $a$x$b$a$;"]),
        ("select a$b$; x$$;", vec!["select a$b$;", "x$$;"]),
        ("select $1; $2::x$y;", vec!["select $1;", "$2::x$y;"]),
        ("select 1$$;$$;", vec!["select 1$$;$$;"]),
        ("select $a ;$;", vec!["select $a ;", "$;"]),
        ("select /* ; /* ; */ ; */ 1;", vec!["select /* ; /* ; */ ; */ 1;"]),
        ("select /**/ 1, /***/ 2, /*/**/*/ 3;", vec!["select /**/ 1, /***/ 2, /*/**/*/ 3;"]),
        ("select 1 +/* ; */ 2 -- ;\n - 3;", vec!["select 1 +/* ; */ 2 -- ;\n - 3;"]),
        ("select 1 -- ;\r - 3;", vec!["select 1 -- ;\r - 3;"]),
        ("select 1 - 2 / 3 * 4;", vec!["select 1 - 2 / 3 * 4;"]),
        ("-- ;\n /* a; */ select 1;", vec!["/* a; */ select 1;"]),
        ("create rule r as on insert to t do (a; b); x;", vec!["create rule r as on insert to t do (a; b);", "x;"]),
        ("select 1); x;", vec!["select 1);", "x;"]),
        (";; /* only a comment */ ; select 1;", vec!["select 1;"]),
        ("select a[1:2], b::int, :x, :'y;', :\"z;\";", vec!["select a[1:2], b::int, :x, :'y;', :\"z;\";"]),
        ("select 1\\; select 2;", vec!["select 1; select 2;"]),
        ("select 1 \\: x;", vec!["select 1 : x;"]),
        ("\\; select 1;", vec!["select 1;"]),
    ] {
        assert_eq!(statements(script), expected, "{script}");
    }
}

#[test]
fn the_body_of_a_routine_is_part_of_its_statement() {
    for (script, expected) in [
        (
            "create function f() returns int begin atomic; select case when a then 1 end; end; x;",
            vec!["create function f() returns int begin atomic; select case when a then 1 end; end;", "x;"],
        ),
        (
            "CREATE OR REPLACE /* ; */ PROCEDURE p() BEGIN -- ;\n ATOMIC a; END; x;",
            vec!["CREATE OR REPLACE /* ; */ PROCEDURE p() BEGIN -- ;\n ATOMIC a; END;", "x;"],
        ),
        // A column of that name, which psql takes for a second block.
        (
            "create function g() returns int begin atomic; select begin from t; end; x;",
            vec!["create function g() returns int begin atomic; select begin from t; end;", "x;"],
        ),
        // Names that look like a body, and are none.
        (
            "create function begin() returns int return 1; x; end;",
            vec!["create function begin() returns int return 1;", "x;", "end;"],
        ),
        ("create function f() as $$ begin; end $$; x;", vec!["create function f() as $$ begin; end $$;", "x;"]),
        ("create table t (a int); begin atomic; x;", vec!["create table t (a int);", "begin atomic;", "x;"]),
        (
            "begin; create function f() begin atomic a; end; end;",
            vec!["begin;", "create function f() begin atomic a; end;", "end;"],
        ),
    ] {
        assert_eq!(statements(script), expected, "{script}");
    }
}

#[test]
fn a_setting_changes_how_the_text_behind_it_is_read() {
    for (script, expected) in [
        (
            "SET standard_conforming_strings = off; select 'a\\';'; RESET ALL; select 'a\\'; x;",
            vec!["SET standard_conforming_strings = off;", "select 'a\\';';", "RESET ALL;", "select 'a\\';", "x;"],
        ),
        (
            "select pg_catalog.set_config('standard_conforming_strings', 'off', false); select U&'\\', '\\';';",
            vec!["select pg_catalog.set_config('standard_conforming_strings', 'off', false);", "select U&'\\', '\\';';"],
        ),
        (
            "select 1\\; set standard_conforming_strings to off; '\\';';",
            vec!["select 1; set standard_conforming_strings to off;", "'\\';';"],
        ),
    ] {
        assert_eq!(statements(script), expected, "{script}");
    }
}

#[test]
fn a_byte_within_a_character_is_no_backslash() {
    let text = b"SET client_encoding = 'SJIS';\nselect E'\x83\x5c';\nRESET client_encoding; select E'\\';';".as_slice();
    let expected = whole(b"SET client_encoding = 'SJIS';\nselect E'\xff\xff';\nRESET client_encoding; select E'\\';';");
    let found = whole(text);
    let shape = |events: &[String]| events.iter().map(|event| event.chars().count()).collect::<Vec<_>>();
    assert_eq!(found.len(), 5, "{found:?}");
    assert_eq!(shape(&found)[2..], shape(&expected)[2..], "{found:?}");
    let by_command = whole(b"\\encoding BIG5\nselect \xa5\x5c, E'\xa5\x5c';\n");
    assert_eq!(by_command.len(), 3, "{by_command:?}");
    let from_the_start = read(ScriptReader::new().with_client_encoding("gbk"), &[b"select E'\x81\x5c';"]);
    assert_eq!(from_the_start.len(), 2, "{from_the_start:?}");
    assert!(whole(b"select E'\x83\x5c';")[0].starts_with("script_incomplete"));
}

#[test]
fn rows_follow_their_copy_up_to_the_last_line() {
    for (script, expected) in [
        (
            "copy t from stdin;\n1\t\\N\n\\\\.\n\\.\nselect 1;",
            vec!["copy t from stdin;", "rows \"1\\t\\\\N\\n\\\\\\\\.\\n\"", "CopyEnd { lines: 2, bytes: 9 }", "select 1;"],
        ),
        (
            "copy t from stdin; -- rows\r\n\\.\r\nselect 1;",
            vec!["copy t from stdin;", "rows \"\"", "CopyEnd { lines: 0, bytes: 0 }", "select 1;"],
        ),
        (
            "copy t from stdin with (format csv);\n\"a;\n\\.\n",
            vec!["copy t from stdin with (format csv);", "rows \"\\\"a;\\n\"", "CopyEnd { lines: 1, bytes: 4 }"],
        ),
        ("copy t from stdin;\na\n\\.", vec!["copy t from stdin;", "rows \"a\\n\"", "CopyEnd { lines: 1, bytes: 2 }"]),
        ("copy t to stdout; copy t from 'x'; x;", vec!["copy t to stdout;", "copy t from 'x';", "x;"]),
    ] {
        assert_eq!(statements(script), expected, "{script}");
    }
}

#[test]
fn a_script_that_ends_too_early_is_an_error_that_says_where() {
    for (script, expected) in [
        ("select 1;\nselect 'a\n\nb", "line 4 inside a quoted string, which began at line 2"),
        ("select \"a\n", "line 1 inside a quoted name, which began at line 1"),
        ("\nselect $a$ $b$", "line 2 inside a dollar-quoted string, which began at line 2"),
        ("select 1 /* /* */\n", "line 1 inside a comment, which began at line 1"),
        ("/* a", "line 1 inside a comment, which began at line 1"),
        ("select (\n(1", "line 2 inside parentheses, which began at line 1"),
        ("create function f()\nbegin atomic; x; ", "line 2 inside the body of a routine, which began at line 2"),
        ("select 1;\nselect 2", "line 2 inside a statement, which began at line 2"),
        ("copy public.t from stdin;", "line 1 inside the rows of public.t, which began at line 1"),
        ("copy public.t from stdin;\n", "line 1 inside the rows of public.t, which began at line 1"),
        ("copy t from stdin;\n1\n\\", "line 3 inside the rows of t, which began at line 1"),
    ] {
        let found = statements(script).pop();
        assert_eq!(found.as_deref(), Some(&*format!("script_incomplete: the script ends at {expected}")), "{script}");
    }
}

#[test]
fn what_an_import_does_not_do_is_refused() {
    for (script, expected) in [
        ("select 1;\n\\! id\n", "script_refused: line 2: cannot take \\!: an import runs no such command"),
        ("select 1\n\\gexec\n", "script_refused: line 2: cannot take \\gexec: it is inside the statement that began at line 1"),
        ("select 1 \\g |sh\n", "script_refused: line 1: cannot take \\g: it is inside the statement that began at line 1"),
        ("\\restrict a\n\\connect x\n", "script_refused: line 2: \\connect is forbidden by the \\restrict of line 1"),
        (
            "\\restrict a\nselect '\n\\! id\n';\n\\unrestrict b",
            "script_refused: line 5: \\unrestrict is forbidden by the \\restrict of line 1",
        ),
        ("\n\\", "script_refused: line 2: cannot take \\: an import runs no such command"),
        (
            "copy t from stdin; x;\n",
            "script_refused: line 1: cannot import a statement behind COPY … FROM stdin on the same line",
        ),
        (
            "copy t from stdin (format binary);\n",
            "script_refused: line 1: cannot import rows in the binary format, whose end a script cannot tell",
        ),
        (
            "select 1\\; copy t from stdin;\n",
            "script_refused: line 1: cannot import rows for one of several commands joined by \\;",
        ),
        ("select\n 1;\n\0", "script_invalid: line 3: a NUL byte at offset 11"),
        ("select '\n\0';", "script_invalid: line 2: a NUL byte at offset 9"),
        ("select $$\0$$;", "script_invalid: line 1: a NUL byte at offset 9"),
        ("select E'\\\0';", "script_invalid: line 1: a NUL byte at offset 10"),
        ("select \"\0\";", "script_invalid: line 1: a NUL byte at offset 8"),
        ("/* \0 */", "script_invalid: line 1: a NUL byte at offset 3"),
        ("-- a\0\n", "script_invalid: line 1: a NUL byte at offset 4"),
        ("select 1 -- \0\n", "script_invalid: line 1: a NUL byte at offset 12"),
        ("\\echo \0\n", "script_invalid: line 1: a NUL byte at offset 6"),
    ] {
        assert_eq!(statements(script).pop().as_deref(), Some(expected), "{script}");
    }
}

#[test]
fn nothing_is_read_behind_an_error() {
    let mut reader = ScriptReader::new();
    reader.feed(Bytes::from_static(b"\\! id\nselect 1;"));
    assert!(reader.next_event().is_err());
    assert_eq!(reader.next_event(), Ok(None));
}

#[test]
fn places_remarks_and_the_end_are_told() {
    let script = "\u{feff}--\n-- PostgreSQL database dump\n--\n\n\\restrict k\n-- Dumped from database version 18.1\n\
                  -- Dumped by pg_dump version 18.1\n\nSET a = 1;\ncopy t from stdin;\n1\n\\.\n\n\n\
                  --\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict k\n\n";
    assert_eq!(
        whole(script.as_bytes()),
        [
            "Remark { remark: Dump, line: 2 }",
            "Meta { command: Restrict, line: 5, offset: 38 }",
            "Remark { remark: DumpedFrom(\"18.1\"), line: 6 }",
            "Remark { remark: DumpedBy(\"pg_dump version 18.1\"), line: 7 }",
            "9@122x1 SET a = 1;",
            "10@133x1 copy t from stdin;",
            "rows \"1\\n\"",
            "CopyEnd { lines: 1, bytes: 2 }",
            "Remark { remark: DumpComplete, line: 16 }",
            "Meta { command: Unrestrict, line: 19, offset: 203 }",
            "ScriptEnd { bytes: 218, lines: 20, statements: 2, copies: 1, is_closed: true, was_restricted: true, restricted_since: None }",
        ]
    );
}

#[test]
fn a_statement_behind_the_closing_comment_and_an_open_restriction_are_told() {
    let script = "\\restrict k\n-- PostgreSQL database dump complete\nselect 1;";
    let end = whole(script.as_bytes()).pop().unwrap();
    assert!(end.contains("is_closed: false") && end.contains("restricted_since: Some(1)"), "{end}");
}

/// A script with the manifest as `archive::Manifest` writes it.
fn own_script() -> (String, String) {
    let head = "-- Dumped by pgstream version 0.1.0\n--pgs\n-- pgstream\nselect 1;\n".to_owned();
    (head, "-- pgstream manifest: {\"a\":\n-- 1}\n-- pgstream manifest end: 34 00ff\n".to_owned())
}

#[test]
fn the_manifest_comes_with_the_hash_of_what_is_before_it() {
    let (head, manifest) = own_script();
    let script = format!("{head}{manifest}");
    for size in 1..script.len() {
        let mut reader = ScriptReader::new();
        let mut found = None;
        for piece in script.as_bytes().chunks(size) {
            reader.feed(Bytes::copy_from_slice(piece));
            while let Some(event) = reader.next_event().unwrap() {
                if let ScriptEvent::Manifest(manifest) = event {
                    found = Some(manifest);
                }
            }
        }
        let found = found.unwrap_or_else(|| panic!("{size}"));
        assert_eq!(found.text, manifest.as_bytes());
        assert_eq!((found.offset, found.end), (head.len() as u64, script.len() as u64));
        assert_eq!(found.script_xxh3, xxhash_rust::xxh3::xxh3_128(head.as_bytes()), "{size}");
    }
}

#[test]
fn a_manifest_with_something_in_between_is_none() {
    let (head, manifest) = own_script();
    for broken in [manifest.replace("\n-- 1", "\n\n-- 1"), manifest.replace("\n-- 1", "\nselect 2;\n-- 1")] {
        let events = whole(format!("{head}{broken}").as_bytes());
        assert!(!events.iter().any(|event| event.starts_with("ManifestComment")), "{events:?}");
    }
    let twice = whole(format!("{head}{manifest}{head}{manifest}").as_bytes());
    assert_eq!(twice.iter().filter(|event| event.starts_with("ManifestComment")).count(), 1, "{twice:?}");
}

#[test]
fn a_statement_may_be_large_but_not_too_large() {
    let small = || ScriptReader::new().with_statement_limit(20);
    let pieces: Vec<&[u8]> = vec![b"select 1;\nselect ", b"'0123456789", b"0';"];
    let expected = "script_invalid: line 2: a statement is larger than 20 bytes";
    assert_eq!(read(small(), &pieces)[1], expected);
    assert_eq!(read(small(), &[&pieces.concat()])[1], expected);
    assert!(read(small(), &[b"select '0123456789';"])[0].ends_with("select '0123456789';"));
    let endless = vec![b"aaaaaaaa".as_slice(); 4];
    assert_eq!(read(small(), &endless), ["script_invalid: line 1: a statement is larger than 20 bytes"]);
    let meta = [b"\\echo ".as_slice(), &vec![b'a'; 70_000]].concat();
    assert_eq!(whole(&meta), ["script_invalid: line 1: a meta-command is larger than 65536 bytes"]);
}

#[test]
fn what_the_server_says_holds_from_the_next_event_on() {
    let mut reader = ScriptReader::new();
    reader.feed(Bytes::from_static(b"select f(); select 'a\\';'; select E'\x81\x5c';"));
    reader.next_event().unwrap();
    reader.set_standard_conforming_strings(false);
    let Some(ScriptEvent::Statement(statement)) = reader.next_event().unwrap() else { panic!("no statement") };
    assert_eq!(statement.text, "select 'a\\';';".as_bytes());
    reader.set_client_encoding("GBK");
    let Some(ScriptEvent::Statement(statement)) = reader.next_event().unwrap() else { panic!("no statement") };
    assert_eq!(statement.text.len(), 13);
}

#[test]
fn pieces_are_passed_on_without_a_copy() {
    let script = Bytes::from_static(b"copy t from stdin;\n1\n2\n\\.\nselect 1;");
    let mut reader = ScriptReader::new();
    reader.feed(script.clone());
    let range = script.as_ptr_range();
    while let Some(event) = reader.next_event().unwrap() {
        if let ScriptEvent::Statement(Statement { text: bytes, .. }) | ScriptEvent::CopyRows(bytes) = event {
            assert!(range.contains(&bytes.as_ptr()));
        }
    }
}

#[test]
fn rows_of_any_size_need_no_memory() {
    const PIECE: usize = 64 * 1024;
    let piece = Bytes::from("some text of a row\t\\N\t1234567890\n".repeat(PIECE / 33 + 1)).slice(..PIECE);
    let mut reader = ScriptReader::new();
    reader.feed(Bytes::from_static(b"copy t from stdin;\n"));
    let (mut bytes, mut held) = (0, 0);
    for _ in 0..200 * 1024 * 1024 / PIECE {
        reader.feed(piece.clone());
        while let Some(event) = reader.next_event().unwrap() {
            if let ScriptEvent::CopyRows(rows) = event {
                bytes += rows.len();
            }
            held = held.max(reader.held());
        }
    }
    assert_eq!(bytes, 200 * 1024 * 1024);
    assert!(held < 64 * 1024, "{held} bytes are held");
}

/// Everything that makes the reader change its mind, in one script.
const CORPUS: &str = "\u{feff}-- Dumped by pg_dump version 18.1\r\n\\restrict k1\r\nSET standard_conforming_strings = off;\n\
    select 'a\\';', U&'\\', e'\\'' -- x\n 'y\\'' ; RESET standard_conforming_strings;\n\
    /* a /* b; */ */ create or replace function f(a int) returns int begin /**/ atomic; select case a when 1 then 2 end; end;\n\
    create function g() returns text language sql as $_$ select $$;$$ || $a$ $_$ ;\n\
    select $tag\u{e4}$;$tag$;$tag\u{e4}$, a$b$c, $1, 1$$;$$, $x + 1, b'1', n'x', u&\"\u{e4};\", 1e5, .5, 3.e-2::text;\n\
    create rule r as on update to t do also (insert into t values ('(;', 1); select 1);\n\
    copy \"s;\".t (a, \"from\") from stdin with (format csv);\r\n1,2\r\n\\.x\n\\\n\\.\r\n\
    copy t from stdin;\n\\N\t\\\\.\n\n\\..\n\\.\n insert into t values (1, 'a;b', -2, null) ; select 1\\; select 2 \\: 3;\n\
    \\unrestrict k1\n\\connect -reuse-previous=on \"dbname='a b'\"\n\\encoding UTF8\n\\echo 'x'\n\
    select a[1:2], :v, :'v', :\"v\", b::c, 1 - -2, 3 --4\n /5;;; -- PostgreSQL database dump complete\n--\n\
    -- PostgreSQL database dump complete\n--\n\n-- pgstream manifest: {}\n-- pgstream manifest end: 25 0\n";

#[test]
fn a_script_cut_at_any_two_places_reads_the_same() {
    let expected = whole(CORPUS.as_bytes());
    assert!(expected.last().is_some_and(|event| event.starts_with("ScriptEnd")), "{expected:#?}");
    let text = CORPUS.as_bytes();
    for cut in 0..=text.len() {
        for length in [0, 1, 2, 5] {
            let second = (cut + length).min(text.len());
            let pieces = [&text[..cut], &text[cut..second], &text[second..]];
            assert_eq!(read(ScriptReader::new(), &pieces), expected, "cut at {cut} and {second}");
        }
    }
}

#[test]
fn a_script_in_small_pieces_reads_the_same() {
    let expected = whole(CORPUS.as_bytes());
    for size in 1..40 {
        let pieces: Vec<&[u8]> = CORPUS.as_bytes().chunks(size).collect();
        assert_eq!(read(ScriptReader::new(), &pieces), expected, "pieces of {size}");
    }
}

/// Text of the parts that mean something to the lexer, and some that do not.
fn sql_like() -> impl Strategy<Value = Vec<u8>> {
    let parts = prop::sample::select(vec![
        "'",
        "''",
        "\"",
        "\\",
        "\\;",
        "\\.",
        "\\.\n",
        "\\.\r\n",
        "$",
        "$$",
        "$a$",
        "$a",
        "--",
        "-",
        "/*",
        "*/",
        "/",
        "*",
        ";",
        ";",
        "(",
        ")",
        "\n",
        "\r\n",
        " ",
        "E'",
        "e",
        "U&'",
        "u&\"",
        "u",
        "&",
        "B'",
        "1",
        "1e",
        ":a",
        "::",
        "\\restrict a\n",
        "\\unrestrict a\n",
        "\\encoding sjis\n",
        "\\encoding gb18030\n",
        "\\connect x\n",
        "copy t from stdin;",
        "copy t from stdin;\n",
        "set standard_conforming_strings = off;",
        "set client_encoding = 'gbk';",
        "reset all;",
        "create function ",
        "begin ",
        "atomic ",
        "case ",
        "end ",
        "select ",
        "\u{e4}",
        "-- pgstream manifest: {}\n",
        "-- pgstream manifest end: 1 2\n",
        "-- PostgreSQL database dump complete\n",
    ]);
    let part = prop_oneof![
        30 => parts.prop_map(|text| text.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..4),
        1 => prop::sample::select(vec![0x81_u8, 0x8f, 0x5c, 0x30, 0xa1, 0xff]).prop_map(|byte| vec![byte]),
    ];
    prop::collection::vec(part, 0..40).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_text_in_any_pieces_reads_the_same(text in sql_like(), sizes in prop::collection::vec(1_usize..9, 1..6)) {
        let expected = whole(&text);
        let (mut pieces, mut rest): (Vec<&[u8]>, &[u8]) = (Vec::new(), &text);
        for size in sizes.iter().cycle() {
            let (piece, behind) = rest.split_at(rest.len().min(*size));
            pieces.push(piece);
            rest = behind;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(read(ScriptReader::new(), &pieces), expected);
    }

    #[test]
    fn no_bytes_make_it_panic(text in prop::collection::vec(any::<u8>(), 0..300), name in "SJIS|GBK|JOHAB|GB18030|UTF8") {
        let mut reader = ScriptReader::new().with_client_encoding(&name);
        reader.feed(Bytes::from(text));
        reader.close();
        while let Ok(Some(event)) = reader.next_event() {
            if let ScriptEvent::Statement(statement) = event {
                let _ = (statement.classify(), statement.excerpt());
            }
        }
    }

    #[test]
    fn a_statement_is_what_it_was_in_the_script(text in sql_like()) {
        let mut reader = ScriptReader::new();
        reader.feed(Bytes::from(text.clone()));
        reader.close();
        while let Ok(Some(event)) = reader.next_event() {
            if let ScriptEvent::Statement(statement) = event {
                let start = usize::try_from(statement.offset).unwrap();
                let lines = 1 + count_lines(&text[..start]);
                prop_assert_eq!(statement.line, lines);
                let _ = (statement.classify(), statement.excerpt());
                if statement.commands == 1 && !text.contains(&b'\\') {
                    prop_assert_eq!(&text[start..start + statement.text.len()], &statement.text[..]);
                }
            }
        }
    }
}
