//! Serves a database as a script that is made while it is sent: nothing is stored, and a client that goes away ends the export.
//!
//! `cargo run --example export_over_http -- SOURCE_URL`, then `curl http://127.0.0.1:PORT/dump.sql`

use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use pgstream::connection::{ConnectionConfig, Environment};
use pgstream::{ExportRequest, Run, export_stream};

async fn dump(State(source): State<ConnectionConfig>) -> impl IntoResponse {
    // The stream ends with an error unless the export succeeded, and the response is then cut: a client never takes half of it for
    // the whole. Dropping the handle leaves the export running; the report would come from it.
    let (body, _handle) = export_stream(ExportRequest::new(source), Run::new());
    ([(header::CONTENT_TYPE, "application/sql")], Body::from_stream(body))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).ok_or("usage: export_over_http SOURCE_URL")?;
    let source = ConnectionConfig::parse(&url, &Environment::from_process())?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}/dump.sql", listener.local_addr()?);
    axum::serve(listener, axum::Router::new().route("/dump.sql", get(dump)).with_state(source)).await?;
    Ok(())
}
