//! Whether the process is alive.

use std::sync::Arc;

use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;

use crate::app::App;

/// The path.
pub(crate) const PATH: &str = "/healthz";

#[derive(Serialize)]
struct Health {
    status: &'static str,
    version: &'static str,
}

/// The routes.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new().route(PATH, get(show))
}

/// Answers as long as requests are answered at all. It asks no database: a probe must not restart us because one is down.
async fn show() -> Json<Health> {
    Json(Health { status: "ok", version: env!("CARGO_PKG_VERSION") })
}
