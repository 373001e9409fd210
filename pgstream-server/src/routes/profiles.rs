//! The databases that jobs may name.

use std::sync::Arc;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use pgstream::guard::Class;
use serde::Serialize;

use crate::app::App;

/// Names and classes. Never URLs: they hold hosts and passwords.
#[derive(Serialize)]
struct ProfileView {
    name: String,
    class: Class,
}

/// A page of a list.
#[derive(Serialize)]
struct Page<T> {
    items: Vec<T>,
    /// Where the next page begins; there are never so many profiles that they need one.
    next: Option<String>,
}

/// The routes.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new().route("/api/profiles", get(list))
}

async fn list(State(app): State<Arc<App>>) -> Json<Page<ProfileView>> {
    let items = app.profiles.iter().map(|profile| ProfileView { name: profile.name().to_owned(), class: profile.class() });
    Json(Page { items: items.collect(), next: None })
}
