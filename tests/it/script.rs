//! Scripts are taken apart as psql does it: the server is sent the same statements, and ends with the same contents.

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::SinkExt;
use pgstream::script::{MetaCommand, ScriptEnd, ScriptEvent, ScriptReader, Statement};
use pgstream_tests::cluster::{Cluster, majors};
use pgstream_tests::database::TestDb;
use pgstream_tests::oracle;
use tokio_postgres::{Client, CopyInSink};

/// What the reader makes of a script in pieces of this size. Rows of one COPY are joined: pieces of them may end anywhere.
fn events(script: &[u8], piece: usize) -> Vec<ScriptEvent> {
    let mut reader = ScriptReader::new();
    let (mut events, mut rows) = (Vec::new(), Vec::new());
    for piece in script.chunks(piece) {
        reader.feed(Bytes::copy_from_slice(piece));
        take_events(&mut reader, &mut events, &mut rows);
    }
    reader.close();
    take_events(&mut reader, &mut events, &mut rows);
    events
}

fn take_events(reader: &mut ScriptReader, events: &mut Vec<ScriptEvent>, rows: &mut Vec<u8>) {
    while let Some(event) = reader.next_event().unwrap_or_else(|e| panic!("{e}")) {
        match &event {
            ScriptEvent::CopyRows(piece) => {
                rows.extend_from_slice(piece);
                continue;
            }
            ScriptEvent::CopyEnd(_) => events.push(ScriptEvent::CopyRows(std::mem::take(rows).into())),
            _ => {}
        }
        events.push(event);
    }
}

fn statements(events: &[ScriptEvent]) -> Vec<&Statement> {
    let only =
        events.iter().filter_map(|event| if let ScriptEvent::Statement(statement) = event { Some(statement) } else { None });
    only.collect()
}

fn end(events: &[ScriptEvent]) -> &ScriptEnd {
    match events.last() {
        Some(ScriptEvent::End(end)) => end,
        other => panic!("the last event is {other:?}"),
    }
}

/// A server that writes down every statement it is sent.
fn logging_cluster() -> Cluster {
    let major = majors().pop().expect("majors() is never empty");
    Cluster::private(major, &[("log_statement", "all"), ("log_line_prefix", "%d|"), ("log_error_verbosity", "terse")])
}

/// The statements that the server has logged for a database.
fn logged(cluster: &Cluster, database: &str) -> Vec<String> {
    let log = std::fs::read(cluster.folder().join("server.log")).expect("the server has a log");
    let log = String::from_utf8_lossy(&log).into_owned();
    let (mut statements, mut is_inside) = (Vec::<String>::new(), false);
    for line in log.split('\n') {
        // Every further line of a statement is indented by a tab.
        match line.strip_prefix('\t') {
            Some(more) if is_inside => {
                let statement = statements.last_mut().expect("it has begun");
                statement.push('\n');
                statement.push_str(more);
            }
            Some(_) => {}
            None => {
                let begin = line.strip_prefix(&*format!("{database}|LOG:  statement: "));
                is_inside = begin.is_some();
                statements.extend(begin.map(str::to_owned));
            }
        }
    }
    statements
}

/// Runs a script with psql into a new database, and gives what the server was sent.
async fn sent_by_psql(cluster: &Arc<Cluster>, script: &[u8]) -> Vec<String> {
    let database = TestDb::create(cluster).await;
    let folder = tempfile::tempdir().expect("there is a place for a file");
    let file = folder.path().join("script.sql");
    std::fs::write(&file, script).expect("it can be written");
    oracle::psql_load(&database.url(), &file).unwrap_or_else(|e| panic!("{e}"));
    logged(cluster, database.name())
}

/// Statements that need care, all of them valid.
const TRICKY: &str = "\
-- a comment; with a semicolon
/* another; /* nested; */ one; */ select 1;
create table t (a text, \"b;\" int default 1, \"c\"\"; --\" text);
insert into t values ('it''s; \\', 2, E'\\';\\\\'), (';', -2 - -1, U&'\\0041;');insert into t values (null) ;
select 'a'
  'b;', $$;'$$, $x$ $$ ; $y$ $x$, $\u{e4}1$;$\u{e4}1$, a[1:2], '{1,2}'::int[], 1 /* ; */ + 2 -- ;
  from (select array[1, 2] as a) as q;
select 1 as a$b$, 2 as a$$;
select B'01', X'1f', N'n;', \"b;\" from t as \"x;\";
create rule r as on delete to t do also (insert into t values ('x;'); select 1 where false; );
create function f(a int) returns int language sql begin atomic; select case when a > 1 then (select 2) else 3 end; end;
create or replace procedure p() begin atomic insert into t values (';'); end;
create function g() returns text language sql as $_$ select $$;$$ || ';' $_$;;
select 1\\; select 2;
select 3 \\:: text;
set standard_conforming_strings = off;
set escape_string_warning = off;
select 'a\\';', '\\\\';
reset standard_conforming_strings;
select 'a\\', ';';
\\echo 'nothing; \"here'
select pg_catalog.set_config('standard_conforming_strings', 'off', false);
select '\\';';
select pg_catalog.set_config('standard_conforming_strings', 'on', false);
copy t (a, \"b;\") from stdin;
it's; \\\\. -- \t1
/*\t2
\\N\t\\N
\\.

copy t from stdin with (format csv);\r
\"a;\",1,'\r
\\.\r
begin;commit;do $$ begin perform 1; end $$;
/* trailing */
";

fn is_empty(statement: &str) -> bool {
    statement == ";" || statement.trim() == "/* trailing */"
}

#[tokio::test]
async fn the_server_is_sent_what_psql_sends() {
    let cluster = Arc::new(logging_cluster());
    // Of the same cluster, because the dump names its roles.
    let sample = TestDb::create(&cluster).await.with_shop(1).await;
    let dump = |arguments: &[&str]| oracle::pg_dump(&sample.url(), arguments).unwrap_or_else(|e| panic!("{e}"));
    for (name, script) in [
        ("tricky", TRICKY.into()),
        ("tricky with CRLF", TRICKY.replace("\r\n", "\n").replace('\n', "\r\n").into()),
        ("dump", dump(&[])),
        ("dump with inserts", dump(&["--rows-per-insert=7", "--column-inserts"])),
        ("dump with --clean", dump(&["--clean", "--if-exists", "--schema-only"])),
    ] {
        let sent = sent_by_psql(&cluster, &script).await;
        let sent: Vec<&str> = sent.iter().map(String::as_str).filter(|s| !is_empty(s)).collect();
        let events = events(&script, 64 * 1024);
        let found: Vec<_> = statements(&events).iter().map(|s| String::from_utf8_lossy(&s.text).into_owned()).collect();
        let first = found.iter().zip(&sent).position(|(ours, psql)| ours != psql);
        assert_eq!(first.map(|at| (&*found[at], sent[at])), None, "{name}: ours, psql's");
        assert_eq!(found.len(), sent.len(), "{name}");
    }
}

#[tokio::test]
async fn a_dump_in_pieces_of_any_size_is_the_same() {
    let sample = TestDb::new().await.with_fixture("objects/function").await.with_shop(1).await;
    // Its largest tables would only take time.
    let arguments = ["--exclude-table-data=shop.events*", "--exclude-table-data=shop.order_lines"];
    let script = oracle::pg_dump(&sample.url(), &arguments).unwrap_or_else(|e| panic!("{e}"));
    let expected = events(&script, script.len());
    let end = end(&expected);
    assert!(end.is_closed && end.was_restricted && end.restricted_since.is_none(), "{end:?}");
    assert_eq!(end.bytes, script.len() as u64);
    for piece in [1, 1000, 65_536] {
        assert!(events(&script, piece) == expected, "pieces of {piece}");
    }
}

/// Sends what the reader gives to a server, as an import would.
async fn replay(script: &[u8], client: &Client) {
    let mut reader = ScriptReader::new();
    let mut rows: Option<Pin<Box<CopyInSink<Bytes>>>> = None;
    for piece in script.chunks(4096) {
        reader.feed(Bytes::copy_from_slice(piece));
        while let Some(event) = reader.next_event().unwrap_or_else(|e| panic!("{e}")) {
            match event {
                ScriptEvent::Statement(statement) => rows = send(client, &statement).await,
                ScriptEvent::CopyRows(piece) => {
                    rows.as_mut().expect("a COPY is under way").send(piece).await.expect("it takes rows")
                }
                ScriptEvent::CopyEnd(end) => {
                    let copied = rows.take().expect("a COPY is under way").as_mut().finish().await.expect("it takes all rows");
                    assert_eq!(copied, end.lines);
                }
                ScriptEvent::Meta(meta) => assert!(matches!(meta.command, MetaCommand::Restrict | MetaCommand::Unrestrict)),
                _ => {}
            }
        }
    }
    reader.close();
    assert!(matches!(reader.next_event(), Ok(Some(ScriptEvent::End(_)))));
}

async fn send(client: &Client, statement: &Statement) -> Option<Pin<Box<CopyInSink<Bytes>>>> {
    let text = std::str::from_utf8(&statement.text).expect("the dump is UTF-8");
    let fails = |e: tokio_postgres::Error| -> ! { panic!("{}: {e:?}", statement.excerpt()) };
    if let pgstream::script::StatementKind::Copy(_) = statement.classify().kind {
        return Some(Box::pin(client.copy_in(text).await.unwrap_or_else(|e| fails(e))));
    }
    client.batch_execute(text).await.unwrap_or_else(|e| fails(e));
    None
}

#[tokio::test]
async fn a_dump_that_is_replayed_gives_the_same_database() {
    let source = TestDb::new().await.with_fixture("objects/function").await.with_shop(1).await;
    let target = TestDb::new().await;
    let script = oracle::pg_dump_script(&source.url()).unwrap_or_else(|e| panic!("{e}"));
    replay(script.as_bytes(), &target.client().await).await;
    oracle::assert_same(&source.url(), &target.url());
}

/// Texts that end quotes where quoting goes wrong. The character has a backslash as its second byte in SJIS.
const NASTY: &str = "create table nasty as select * from (values (1, '\u{8868}'), (2, 'a\\'), (3, ''';--'), (4, '\u{8868}'';\\'), \
                     (5, E'\\n\\\\.\\n')) as v (id, a)";

#[tokio::test]
async fn dumps_in_other_encodings_and_with_old_strings_are_read_as_they_are_written() {
    let cluster = Arc::new(logging_cluster());
    let source = TestDb::new().await;
    source.execute(NASTY).await;
    source.execute(&format!("alter database {} set standard_conforming_strings = off", source.name())).await;
    for arguments in [["-E", "SJIS", "--inserts"], ["-E", "UTF8", "--inserts"], ["-E", "SJIS", "--no-owner"]] {
        let script = oracle::pg_dump(&source.url(), &arguments).unwrap_or_else(|e| panic!("{e}"));
        let sent = sent_by_psql(&cluster, &script).await;
        let events = events(&script, 5);
        assert_eq!(statements(&events).len(), sent.iter().filter(|s| !is_empty(s)).count(), "{arguments:?}");
        let rows: u64 = events.iter().map(|event| if let ScriptEvent::CopyEnd(end) = event { end.lines } else { 0 }).sum();
        let inserts = statements(&events).iter().filter(|s| s.text.starts_with(b"INSERT")).count() as u64;
        assert_eq!(rows + inserts, 5, "{arguments:?}");
    }
}

#[tokio::test]
async fn what_differs_from_psql_is_as_the_server_reads_it() {
    let database = TestDb::new().await;
    database.execute("create table t (\"begin\" int)").await;
    // psql takes the column for a second block, and the continued string for two.
    let script = "create function f() returns int begin atomic; select begin from t; end;\nselect E'a'\n'b\\';c';\n";
    let events = events(script.as_bytes(), 3);
    let found: Vec<_> = statements(&events).iter().map(|s| String::from_utf8_lossy(&s.text).into_owned()).collect();
    assert_eq!(found.len(), 2, "{found:?}");
    let client = database.client().await;
    for statement in &found {
        // A prepared statement cannot be two.
        client.execute(statement, &[]).await.unwrap_or_else(|e| panic!("{statement}: {e:?}"));
    }
}
