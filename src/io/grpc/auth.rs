//! The bearer token: compared in constant time, asked for by every method but health. A connection on which it was shown
//! is one we know.

use super::super::web::Line;
use crate::redact::Secret;
use std::sync::Arc;
use subtle::ConstantTimeEq;
use tonic::service::interceptor::InterceptedService;
use tonic::{Request, Status};

/// Whether a request may pass.
pub(super) trait Check:
    Fn(Request<()>) -> Result<Request<()>, Status> + Clone + Send + Sync + 'static
{
}

impl<T: Fn(Request<()>) -> Result<Request<()>, Status> + Clone + Send + Sync + 'static> Check for T {}

/// Lets requests with `authorization: Bearer <token>` pass.
pub(super) fn check(token: Secret<String>) -> impl Check {
    move |request: Request<()>| {
        let given = request
            .metadata()
            .get("authorization")
            .and_then(|v| v.as_bytes().strip_prefix(b"Bearer "))
            .unwrap_or_default();
        let expected = token.expose().as_bytes();
        // An empty token would let everyone in.
        if !expected.is_empty() && bool::from(given.ct_eq(expected)) {
            if let Some(line) = request.extensions().get::<Arc<Line>>() {
                line.prove();
            }
            Ok(request)
        } else {
            Err(Status::unauthenticated(
                "send `authorization: Bearer <token>` with the token from the gateway's state directory",
            ))
        }
    }
}

/// `service` behind `check`.
pub(super) fn guarded<S, C: Check>(service: S, check: C) -> InterceptedService<S, C> {
    InterceptedService::new(service, check)
}
