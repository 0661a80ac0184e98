//! Whether the console lives, whether it can work, and how much it did.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;

use crate::db::DbError;
use crate::serve::App;
use crate::store::feed;

/// The process answers.
pub(super) async fn alive() -> &'static str {
    "ok\n"
}

/// The database answers too, and can be written.
pub(super) async fn ready(State(app): State<App>) -> impl IntoResponse {
    let head: Result<u64, DbError> = app.db.read(feed::head).await;
    match head {
        Ok(_) if !app.db.is_stopped() => (StatusCode::OK, "ok\n".to_owned()),
        Ok(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the disk of the database failed\n".to_owned(),
        ),
        Err(error) => {
            tracing::warn!(%error, "not ready");
            (
                StatusCode::SERVICE_UNAVAILABLE,
                "the database does not answer\n".to_owned(),
            )
        }
    }
}

/// Counters for Prometheus.
pub(super) async fn metrics(State(app): State<App>) -> impl IntoResponse {
    app.metrics
        .set("bandstand_feed_revision", "", *app.feed().borrow() as f64);
    app.metrics
        .set("bandstand_sql_statements", "", app.db.statements() as f64);
    let form = "text/plain; version=0.0.4";
    ([(header::CONTENT_TYPE, form)], app.metrics.render())
}
