//! Against a server that follows a script.

#[cfg(feature = "tls")]
mod tls;

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::error::ConnectionError;

fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).expect("short");
    [&[tag][..], &length.to_be_bytes(), body].concat()
}

fn refusal(sqlstate: &str) -> Vec<u8> {
    message(b'E', format!("SFATAL\0VFATAL\0C{sqlstate}\0Msorry\0\0").as_bytes())
}

/// AuthenticationOk, a parameter, the cancel key 7/0x01020304, ReadyForQuery.
fn welcome() -> Vec<u8> {
    let key = [&7u32.to_be_bytes()[..], &[1, 2, 3, 4]].concat();
    [message(b'R', &[0; 4]), message(b'S', b"server_version\x0015.1\0"), message(b'K', &key), message(b'Z', b"I")].concat()
}

/// Reads a startup packet or a cancel request, whole.
async fn read_packet(stream: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let length = stream.read_u32().await.expect("a length");
    let mut body = vec![0; length as usize - 4];
    stream.read_exact(&mut body).await.expect("a body");
    body
}

/// Answers one connection after the other, each with its own text.
async fn serve(listener: TcpListener, answers: Vec<Vec<u8>>) -> (TcpListener, Vec<TcpStream>) {
    let mut open = Vec::new();
    for answer in answers {
        let (mut stream, _) = listener.accept().await.expect("a client");
        read_packet(&mut stream).await;
        stream.write_all(&answer).await.expect("written");
        open.push(stream);
    }
    (listener, open)
}

async fn server() -> (TcpListener, ConnectionConfig) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let port = listener.local_addr().expect("bound").port();
    let text = format!("host=127.0.0.1 port={port} user=u dbname=d sslmode=disable");
    (listener, ConnectionConfig::parse(&text, &Environment::empty()).expect("valid"))
}

#[tokio::test]
async fn a_server_that_starts_is_waited_for() {
    let (listener, mut config) = server().await;
    let answers = vec![refusal("57P03"), refusal("53300"), Vec::new(), welcome()];
    // The third attempt gets no answer at all.
    config.connect_timeout = Some(Duration::from_millis(200));
    let (served, opened) = tokio::join!(serve(listener, answers), Connection::open(&config));
    let connection = opened.expect("the fourth attempt works");
    assert_eq!((connection.version().major(), connection.backend_pid(), served.1.len()), (15, 7, 4));
}

#[tokio::test]
async fn what_does_not_pass_is_not_tried_again() {
    for sqlstate in ["28P01", "28000", "3D000"] {
        let (listener, config) = server().await;
        let (served, opened) = tokio::join!(serve(listener, vec![refusal(sqlstate)]), Connection::open(&config));
        assert_eq!(opened.expect_err("refused").sqlstate(), Some(sqlstate));
        let again = tokio::time::timeout(Duration::from_millis(300), served.0.accept()).await;
        assert!(again.is_err(), "{sqlstate}: there was a second attempt");
    }
}

#[tokio::test]
async fn something_that_is_not_postgresql_is_named_so() {
    let (listener, config) = server().await;
    let (_, opened) =
        tokio::join!(serve(listener, vec![b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()]), Connection::open(&config));
    assert!(matches!(opened, Err(ConnectionError::Protocol { .. })), "{opened:?}");
}

#[tokio::test]
async fn a_raw_session_begins_right_behind_the_login() {
    let (listener, config) = server().await;
    let answer = [welcome(), message(b'N', b"SNOTICE\0\0")].concat();
    let (served, opened) = tokio::join!(serve(listener, vec![answer]), open_raw(&config));
    let mut session = opened.expect("logged in");
    let mut tag = [0];
    session.transport.read_exact(&mut tag).await.expect("the notice is still there");
    assert_eq!((tag, session.backend_pid, session.parameters["server_version"].as_str()), (*b"N", 7, "15.1"));
    // Nothing was sent since the startup packet: no Terminate.
    session.transport.write_all(b"X").await.expect("written");
    let (_, mut streams) = served;
    assert_eq!(streams[0].read_u8().await.expect("a byte"), b'X');
}

#[tokio::test]
async fn a_cancel_request_carries_the_key_of_the_session() {
    let (listener, config) = server().await;
    let (served, opened) = tokio::join!(serve(listener, vec![welcome()]), Connection::open(&config));
    let canceller = opened.expect("logged in").canceller();
    let answer = async {
        let (mut stream, _) = served.0.accept().await.expect("a client");
        read_packet(&mut stream).await
    };
    let (request, sent) = tokio::join!(answer, canceller.cancel());
    sent.expect("sent");
    assert_eq!(request, [&80_877_102u32.to_be_bytes()[..], &7u32.to_be_bytes(), &[1, 2, 3, 4]].concat());
}

#[tokio::test]
async fn why_a_session_ended_is_remembered() {
    let (listener, config) = server().await;
    let (served, opened) = tokio::join!(serve(listener, vec![welcome()]), Connection::open(&config));
    let connection = opened.expect("logged in");
    let (_, mut streams) = served;
    streams[0].write_all(&refusal("57P01")).await.expect("written");
    drop(streams);
    while !connection.is_closed() {
        tokio::task::yield_now().await;
    }
    let error = connection.batch("select 1").await.expect_err("closed");
    assert!(matches!(error, ConnectionError::Lost { .. }) && error.to_string().contains("57P01"), "{error}");
}
