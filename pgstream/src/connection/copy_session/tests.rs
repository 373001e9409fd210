//! The session against a scripted server.

use std::collections::HashMap;

use bytes::Bytes;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::*;

/// Type and body, as the wire has them.
fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = i32::try_from(body.len() + 4).unwrap().to_be_bytes();
    [&[kind], &length[..], body].concat()
}

fn error(severity: &str, sqlstate: &str) -> Vec<u8> {
    message(b'E', format!("S{severity}\0V{severity}\0C{sqlstate}\0Mno\0\0").as_bytes())
}

fn ready(status: u8) -> Vec<u8> {
    message(b'Z', &[status])
}

fn copy_rows(rows: &[&str]) -> Vec<u8> {
    rows.iter().flat_map(|row| message(b'd', row.as_bytes())).collect()
}

/// A session, and the server's end of its stream. `buffer` is what each direction can hold.
fn session(buffer: usize) -> (WireSession<DuplexStream>, DuplexStream) {
    let (ours, theirs) = duplex(buffer);
    (WireSession::new(ours, "server".to_owned(), HashMap::new()), theirs)
}

/// A session to which a server has said all that it will ever say, and then went away.
async fn after(said: &[Vec<u8>]) -> WireSession<DuplexStream> {
    let (session, mut server) = session(1 << 20);
    server.write_all(&said.concat()).await.unwrap();
    // Only the writing half is gone: what we send finds room in the buffer.
    server.shutdown().await.unwrap();
    tokio::spawn(async move { server.read_to_end(&mut Vec::new()).await });
    session
}

const COPY_OUT: &[u8] = b"H\0\0\0\x07\0\0\0";
const COPY_IN: &[u8] = b"G\0\0\0\x07\0\0\0";

async fn read_all(out: &mut CopyOut<'_, DuplexStream>) -> Result<Vec<u8>, ConnectionError> {
    let mut rows = Vec::new();
    while let Some(frames) = out.next().await? {
        frames.pieces().for_each(|piece| rows.extend(piece.bytes));
    }
    Ok(rows)
}

#[tokio::test]
async fn what_may_come_at_any_time_is_taken_anywhere() {
    let chatter =
        [message(b'N', b"SNOTICE\0C00000\0Mhello\0\0"), message(b'S', b"TimeZone\0UTC\0"), message(b'A', b"\0\0\0\x01c\0p\0")]
            .concat();
    let rest = [copy_rows(&["a\n"]), chatter.clone(), copy_rows(&["b\n"]), message(b'c', b""), chatter.clone()].concat();
    let end = [message(b'C', b"COPY 2\0"), chatter.clone(), ready(b'T')].concat();
    let mut session = after(&[chatter.clone(), COPY_OUT.to_vec(), chatter, rest, end]).await;
    let mut out = session.copy_out("copy t to stdout").await.unwrap();
    assert_eq!(read_all(&mut out).await.unwrap(), b"a\nb\n");
    assert_eq!(out.rows(), Some(2));
    assert_eq!(session.transaction_status(), TransactionStatus::InTransaction);
    assert_eq!(session.parameter("TimeZone"), Some("UTC"));
    assert_eq!(session.take_notices().len(), 5);
}

#[tokio::test]
async fn a_prologue_comes_first_in_every_message_and_gives_no_result() {
    let (mut session, mut server) = session(1 << 20);
    session.set_prologue("LOCK;\n".to_owned()).unwrap();
    let answer = [message(b'C', b"LOCK TABLE\0"), message(b'C', b"DELETE 7\0"), ready(b'I')].concat();
    server.write_all(&answer).await.unwrap();
    let results = session.simple("DELETE").await.unwrap();
    assert_eq!(results.iter().map(|r| r.tag.as_str()).collect::<Vec<_>>(), ["DELETE 7"]);
    // Alone it would be outside of a transaction.
    session.send(" ").unwrap();
    assert!(session.set_prologue(String::new()).is_err(), "an answer is still to come");
    server.write_all(&[message(b'I', b""), ready(b'I')].concat()).await.unwrap();
    session.receive().await.unwrap();
    drop(session);
    let mut sent = Vec::new();
    server.read_to_end(&mut sent).await.unwrap();
    assert_eq!(sent, [message(b'Q', b"LOCK;\nDELETE\0"), message(b'Q', b" \0")].concat());
}

#[tokio::test]
async fn a_stream_that_merely_stops_is_never_an_end() {
    let whole =
        [COPY_OUT.to_vec(), copy_rows(&["a\n", "b\n"]), message(b'c', b""), message(b'C', b"COPY 2\0"), ready(b'I')].concat();
    for end in 0..whole.len() {
        let mut session = after(&[whole[..end].to_vec()]).await;
        let result = match session.copy_out("copy t to stdout").await {
            Ok(mut out) => read_all(&mut out).await,
            Err(error) => Err(error),
        };
        assert!(matches!(result, Err(ConnectionError::Lost { .. })), "cut at {end}: {result:?}");
        assert!(session.is_broken(), "cut at {end}");
    }
}

#[tokio::test]
async fn the_reason_of_a_server_that_leaves_is_reported_and_kept() {
    let mut session = after(&[COPY_OUT.to_vec(), copy_rows(&["a\n"]), error("FATAL", "57P01")]).await;
    let mut out = session.copy_out("copy t to stdout").await.unwrap();
    assert_eq!(read_all(&mut out).await.unwrap_err().sqlstate(), Some("57P01"));
    assert_eq!(session.execute("select 1").await.unwrap_err().sqlstate(), Some("57P01"));
}

#[tokio::test]
async fn a_cancelled_copy_leaves_the_session_idle() {
    let copy = [COPY_OUT.to_vec(), copy_rows(&["a\n"]), error("ERROR", "57014"), ready(b'I')].concat();
    let mut session = after(&[copy, message(b'C', b"SET\0"), ready(b'I')]).await;
    let out = session.copy_out("copy t to stdout").await.unwrap();
    assert_eq!(out.drain().await.unwrap().unwrap().sqlstate, "57014");
    session.execute("set a = 1").await.unwrap();
}

#[tokio::test]
async fn a_copy_left_before_its_end_must_be_drained_first() {
    let copy = [COPY_OUT.to_vec(), copy_rows(&["a\n"]), message(b'c', b""), message(b'C', b"COPY 1\0"), ready(b'I')].concat();
    let mut session = after(&[copy, message(b'C', b"SET\0"), ready(b'I')]).await;
    drop(session.copy_out("copy t to stdout").await.unwrap());
    let refused = session.execute("set a = 1").await;
    assert!(matches!(refused, Err(ConnectionError::Protocol { .. })), "{refused:?}");
    session.drain().await.unwrap();
    session.execute("set a = 1").await.unwrap();
}

#[tokio::test]
async fn what_is_no_answer_breaks_the_session() {
    let cases: &[(&str, Vec<u8>)] = &[
        ("copy both", message(b'W', b"\0\0\0")),
        ("a message of the extended protocol", message(b'1', b"")),
        ("a login request", message(b'R', b"\0\0\0\0")),
        ("a length below zero", b"T\xff\xff\xff\xff".to_vec()),
        ("an unknown status", ready(b'?')),
        ("a row that does not add up", message(b'D', b"\0\x09")),
    ];
    for (name, said) in cases {
        let mut session = after(std::slice::from_ref(said)).await;
        let result = session.execute("select 1").await;
        assert!(matches!(result, Err(ConnectionError::Protocol { .. })), "{name}: {result:?}");
        assert!(session.is_broken(), "{name}");
    }
}

#[tokio::test]
async fn several_queries_may_be_under_way() {
    let row = message(b'D', b"\0\x01\0\0\0\x011");
    let first = [message(b'T', b"\0\0"), row, message(b'C', b"SELECT 1\0"), message(b'I', b""), ready(b'I')].concat();
    let mut session = after(&[first, error("ERROR", "22012"), ready(b'I'), message(b'C', b"SET\0"), ready(b'I')]).await;
    for sql in ["select 1;;", "select 1/0", "set a = 1"] {
        session.send(sql).unwrap();
    }
    let first = session.receive().await.unwrap();
    assert_eq!((first.len(), first[0].text(0, 0), first[0].affected()), (2, Some("1"), Some(1)));
    assert_eq!(session.receive().await.unwrap_err().sqlstate(), Some("22012"));
    assert_eq!(session.receive().await.unwrap()[0].tag, "SET");
    assert!(session.receive().await.is_err(), "no query is left");
}

#[tokio::test]
async fn a_failed_target_is_noticed_though_it_takes_no_more_bytes() {
    // The server reads nothing at all: everything we write stays in a buffer of one kilobyte.
    let (mut session, mut server) = session(1024);
    server.write_all(COPY_IN).await.unwrap();
    let mut into = session.copy_in("copy t from stdin").await.unwrap();
    server.write_all(&[error("FATAL", "57P01")].concat()).await.unwrap();
    let result = into.send(Bytes::from(vec![b'x'; 1 << 20])).await;
    assert_eq!(result.unwrap_err().sqlstate(), Some("57P01"));
}

#[tokio::test]
async fn a_server_that_drops_rows_after_an_error_leaves_the_session_usable() {
    let (mut session, server) = session(1024);
    let (mut reads, mut writes) = tokio::io::split(server);
    let said = [COPY_IN.to_vec(), error("ERROR", "22P04"), ready(b'I'), message(b'C', b"SET\0"), ready(b'I')].concat();
    tokio::spawn(async move { writes.write_all(&said).await });
    let received = tokio::spawn(async move {
        let mut bytes = Vec::new();
        reads.read_to_end(&mut bytes).await.map(|_| bytes)
    });
    let mut into = session.copy_in("copy t from stdin").await.unwrap();
    assert_eq!(into.send(Bytes::from(vec![b'x'; 300_000])).await.unwrap_err().sqlstate(), Some("22P04"));
    drop(into);
    session.execute("set a = 1").await.unwrap();
    session.close().await;
    let bytes = received.await.unwrap().unwrap();
    assert_eq!(kinds(&bytes), "QddQX", "whole messages only, and none that ends a COPY which the server ended");
}

/// The types of the messages in a stream of whole messages.
fn kinds(mut bytes: &[u8]) -> String {
    let mut kinds = String::new();
    while let Some((header, _)) = bytes.split_first_chunk::<5>() {
        kinds.push(header[0] as char);
        bytes = &bytes[1 + u32::from_be_bytes([header[1], header[2], header[3], header[4]]) as usize..];
    }
    kinds
}

#[tokio::test]
async fn a_send_that_is_dropped_midway_goes_on_where_it_was() {
    let (mut session, mut server) = session(1024);
    server.write_all(COPY_IN).await.unwrap();
    let mut into = session.copy_in("copy t from stdin").await.unwrap();
    let payload: Vec<u8> = (0..200_000u32).map(|i| i as u8).collect();
    {
        let mut send = Box::pin(into.send(Bytes::from(payload.clone())));
        // Polled once: it fills the stream's buffer and waits.
        assert!(futures_util::poll!(&mut send).is_pending());
    }
    let taken = tokio::spawn(async move {
        let (mut bytes, mut chunk) = (Vec::new(), [0; 4096]);
        while !bytes.ends_with(b"c\0\0\0\x04") {
            let n = server.read(&mut chunk).await.unwrap();
            bytes.extend(&chunk[..n]);
        }
        server.write_all(&[message(b'C', b"COPY 1\0"), ready(b'I')].concat()).await.unwrap();
        bytes
    });
    assert_eq!(into.finish().await.unwrap(), 1);
    let bytes = taken.await.unwrap();
    let query = message(b'Q', b"copy t from stdin\0").len();
    assert!(bytes[query + 5..].starts_with(&payload), "{} bytes arrived", bytes.len());
}

#[tokio::test]
async fn a_copy_in_that_is_dropped_breaks_the_session() {
    let mut session = after(&[COPY_IN.to_vec()]).await;
    drop(session.copy_in("copy t from stdin").await.unwrap());
    assert!(session.is_broken());
    assert!(session.execute("commit").await.is_err());
}

#[tokio::test]
async fn an_aborted_copy_leaves_the_session_usable() {
    let mut session =
        after(&[COPY_IN.to_vec(), error("ERROR", "57014"), ready(b'E'), message(b'C', b"ROLLBACK\0"), ready(b'I')]).await;
    let mut into = session.copy_in("copy t from stdin").await.unwrap();
    into.push(b"half a ro");
    into.abort("not wanted").await.unwrap();
    assert_eq!(session.transaction_status(), TransactionStatus::Failed);
    session.execute("rollback").await.unwrap();
}

proptest! {
    #[test]
    fn garbage_from_the_server_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300), kind in 0..3usize) {
        let front: &[u8] = [&b""[..], COPY_OUT, COPY_IN][kind];
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut session = after(&[front.to_vec(), bytes]).await;
            match kind {
                0 => drop(session.simple("select 1").await),
                1 => if let Ok(mut out) = session.copy_out("copy").await { drop(read_all(&mut out).await) },
                _ => if let Ok(mut into) = session.copy_in("copy").await {
                    drop(into.send(Bytes::from_static(b"x")).await);
                    drop(into.finish().await);
                },
            }
        });
    }
}
