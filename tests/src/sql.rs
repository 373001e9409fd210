//! Small ways to talk to a server from a test. They share nothing with the library under test.

use std::future::Future;

use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

/// Rows as text; `None` is NULL.
pub type Rows = Vec<Vec<Option<String>>>;

/// Connects without TLS. The connection ends when the client is dropped.
///
/// # Errors
/// What the server or the system said.
pub async fn connect(url: &str) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    // An error of the connection reaches the test through the client's next call.
    tokio::spawn(async move { drop(connection.await) });
    Ok(client)
}

/// Runs one or more statements and gives the rows of all of them, every value as the server's text.
///
/// # Errors
/// The server's error.
pub async fn query_text(client: &Client, sql: &str) -> Result<Rows, tokio_postgres::Error> {
    let messages = client.simple_query(sql).await?;
    let rows = messages.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some((0..row.len()).map(|i| row.get(i).map(str::to_owned)).collect()),
        _ => None,
    });
    Ok(rows.collect())
}

/// Connects, runs statements, gives their rows, and disconnects, on a thread of its own: for code that is not async, such as
/// `Drop`, and for callers that are, whose runtime must not be blocked from within.
///
/// # Errors
/// What the server or the system said, in full.
pub fn run_blocking(url: &str, sql: &str) -> Result<Rows, String> {
    blocking(async {
        let client = connect(url).await.map_err(|e| describe(&e))?;
        query_text(&client, sql).await.map_err(|e| describe(&e))
    })
}

/// Runs a future to its end on a new thread with a runtime of its own.
///
/// # Panics
/// If the future panics.
pub fn blocking<T: Send>(future: impl Future<Output = T> + Send) -> T {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime needs only memory and a file descriptor").block_on(future)
        });
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// An error with all of its causes, for a test's failure message.
pub fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// Writes a name as a quoted SQL identifier.
pub fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Writes text as an SQL literal that reads the same under any `standard_conforming_strings`.
pub fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}
