//! All routes, and what holds for every request.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use pgstream::guard::Profiles;

use crate::config::ApiKey;
use crate::error::ApiError;
use crate::routes;

/// What every request can see.
#[derive(Debug)]
pub(crate) struct App {
    /// The databases that have names.
    pub(crate) profiles: Profiles,
    /// Who may ask; everybody on this machine if there is none.
    pub(crate) key: Option<ApiKey>,
}

/// The paths that tell nothing, so that probes need no key.
const OPEN_PATHS: [&str; 1] = [routes::health::PATH];

/// Headers of every answer: none of them is kept by a browser or a proxy, or taken for something else than it says.
const HEADERS: [(HeaderName, &str); 2] = [(header::CACHE_CONTROL, "no-store"), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];

/// The service.
pub(crate) fn router(app: App) -> Router {
    let app = Arc::new(app);
    Router::new()
        .merge(routes::health::routes())
        .merge(routes::profiles::routes())
        .fallback(async || ApiError::NotFound)
        .method_not_allowed_fallback(async || ApiError::MethodNotAllowed)
        .layer(middleware::from_fn_with_state(app.clone(), admit))
        .with_state(app)
}

/// Lets a request pass that may ask, and finishes its answer.
async fn admit(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let mut response = match app.refuse(&request) {
        Some(error) => error.into_response(),
        None => next.run(request).await,
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

impl App {
    fn refuse(&self, request: &Request) -> Option<ApiError> {
        match &self.key {
            // A page that resolves its own name to this machine would otherwise be able to read our answers.
            None => (!is_sent_to_this_machine(request)).then_some(ApiError::HostNotAllowed),
            Some(_) if OPEN_PATHS.contains(&request.uri().path()) => None,
            Some(key) => (!bearer(request.headers()).is_some_and(|given| key.is(given))).then_some(ApiError::Unauthorized),
        }
    }
}

/// The key of an `Authorization: Bearer KEY` header. Source: RFC 6750, 2.1; the scheme's case does not matter (RFC 9110, 11.1).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, key) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

/// Whether the name that the client used is this machine's own. The port does not matter: tunnels change it.
fn is_sent_to_this_machine(request: &Request) -> bool {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    let is_header_ours = host.to_str().ok().and_then(host_name).is_some_and(is_loopback_name);
    is_header_ours && request.uri().authority().is_none_or(|a| host_name(a.as_str()).is_some_and(is_loopback_name))
}

/// The name in `name`, `name:port`, `[address]` or `[address]:port`.
fn host_name(authority: &str) -> Option<&str> {
    let (name, port) = match authority.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let is_port = port.is_empty() || port.strip_prefix(':').is_some_and(|p| p.bytes().all(|b| b.is_ascii_digit()));
    is_port.then_some(name)
}

fn is_loopback_name(name: &str) -> bool {
    name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    #[test]
    fn only_names_of_this_machine_are_answered_without_a_key() {
        let cases = [
            ("127.0.0.1", true),
            ("127.0.0.1:8080", true),
            ("localhost:1", true),
            ("LocalHost", true),
            ("[::1]:8080", true),
            ("[::1]", true),
            ("evil.example", false),
            ("evil.example:8080", false),
            ("localhost.evil.example", false),
            ("127.0.0.1.evil.example", false),
            ("127.0.0.1@evil.example", false),
            ("127.0.0.1:evil", false),
            ("192.0.2.1", false),
            ("[::1", false),
            ("", false),
        ];
        for (host, is_admitted) in cases {
            let request = Request::builder().uri("/healthz").header("host", host).body(Body::empty()).unwrap();
            assert_eq!(is_sent_to_this_machine(&request), is_admitted, "{host:?}");
        }
    }

    #[test]
    fn a_request_that_names_no_host_or_two_is_not_answered() {
        let none = Request::builder().uri("/").body(Body::empty()).unwrap();
        let two = Request::builder().uri("/").header("host", "localhost").header("host", "evil.example");
        let elsewhere = Request::builder().uri("http://evil.example/").header("host", "localhost").body(Body::empty()).unwrap();
        assert!(!is_sent_to_this_machine(&none));
        assert!(!is_sent_to_this_machine(&two.body(Body::empty()).unwrap()));
        assert!(!is_sent_to_this_machine(&elsewhere));
    }

    #[test]
    fn a_key_is_read_from_a_bearer_header_only() {
        let cases = [
            ("Bearer k", Some("k")),
            ("bearer  k", Some("k")),
            ("Basic k", None),
            ("k", None),
            ("Bearer", None),
            ("Bearer ", Some("")),
        ];
        for (value, expected) in cases {
            let headers = HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_static(value))]);
            assert_eq!(bearer(&headers), expected, "{value:?}");
        }
    }
}
