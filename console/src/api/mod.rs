//! The REST API under `/api/v1`, and the addresses for machines that watch over the console.

mod health;

use axum::Router;
use axum::routing::get;

use crate::serve::App;

/// Every address.
pub fn router(app: App) -> Router {
    Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .with_state(app)
}
