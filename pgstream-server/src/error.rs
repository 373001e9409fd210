//! What a request that cannot be answered gets: `application/problem+json` (RFC 9457) with a stable code.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// Why a request is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ApiError {
    /// Nothing is here.
    NotFound,
    /// Something is here, for other methods.
    MethodNotAllowed,
    /// The request was sent to a name that is not this machine's own.
    HostNotAllowed,
    /// The key is missing, or is another one.
    Unauthorized,
}

/// The body.
#[derive(Serialize)]
struct Problem {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    code: &'static str,
    detail: &'static str,
    hint: &'static str,
}

impl ApiError {
    /// Every error; the documentation and the tests walk this list.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 4] = [Self::NotFound, Self::MethodNotAllowed, Self::HostNotAllowed, Self::Unauthorized];

    /// The status, the stable code, what happened, and what to do.
    const fn told(self) -> (StatusCode, &'static str, &'static str, &'static str) {
        match self {
            Self::NotFound => {
                (StatusCode::NOT_FOUND, "not_found", "there is nothing at this path", "docs/service.md lists the paths.")
            }
            Self::MethodNotAllowed => (
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "this path is for other methods",
                "The Allow header lists the methods.",
            ),
            Self::HostNotAllowed => (
                StatusCode::FORBIDDEN,
                "host_not_allowed",
                "without a key the service answers only requests to this machine's own name",
                "Use http://127.0.0.1 or http://localhost, or start the service with API_KEY.",
            ),
            Self::Unauthorized => (
                StatusCode::UNAUTHORIZED,
                "unauthorized",
                "the key is missing or is not the right one",
                "Send the header `Authorization: Bearer KEY` with the service's API_KEY.",
            ),
        }
    }

    /// The code as it is in the body and in the documentation.
    #[cfg(test)]
    pub(crate) const fn code(self) -> &'static str {
        self.told().1
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, code, detail, hint) = self.told();
        let title = status.canonical_reason().unwrap_or("Error");
        let problem = Problem { r#type: "about:blank", title, status: status.as_u16(), code, detail, hint };
        let mut response = (status, Json(problem)).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self == Self::Unauthorized {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_documented_with_its_status() {
        let documentation = include_str!("../../docs/service.md");
        for error in ApiError::ALL {
            let row = format!("| `{}` | {} |", error.code(), error.told().0.as_u16());
            assert!(documentation.contains(&row), "docs/service.md lacks: {row}");
        }
    }
}
