//! The REST API under `/api/v1`, and the addresses for machines that watch over the console.
//!
//! Handlers translate: an act below does the work. Only keys of the API are accepted here, no sessions, so no
//! page of somebody else can make a browser do anything.

mod extract;
mod guard;
mod health;
mod office;
mod openapi;
mod people;
mod rules;
#[cfg(test)]
mod tests;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::header;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};

use crate::acts::imports;
use crate::problem::{Code, Problem};
use crate::serve::App;
use extract::Refusal;

/// Largest body, lists apart.
const BODY_BYTES_MAX: usize = 256 << 10;
/// Largest list; one byte more lets the reader of lists say what is wrong.
const UPLOAD_BYTES_MAX: usize = imports::BYTES_MAX + 1;

/// Every address.
pub fn router(app: App) -> Router {
    let all = subjects().merge(rules()).merge(office());
    let api = all
        .route("/api/v1/openapi.json", get(document))
        .route("/api/{*rest}", axum::routing::any(unknown))
        .method_not_allowed_fallback(method)
        .layer(from_fn_with_state(app.clone(), guard::idempotent))
        .layer(from_fn_with_state(app.clone(), guard::around));
    Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .merge(api)
        .with_state(app)
}

fn subjects() -> Router<App> {
    Router::new()
        .route("/api/v1/users", get(people::users).post(people::user_create))
        .route("/api/v1/users/{user}", get(people::user).put(people::user_edit))
        .route("/api/v1/users/{user}/policy", put(people::user_policy))
        .route("/api/v1/users/{user}/history", get(people::user_history))
        .route(
            "/api/v1/users/{user}/effective-policy",
            get(people::user_effective),
        )
        .route("/api/v1/bands", get(people::bands).post(people::band_create))
        .route("/api/v1/bands/{band}", get(people::band).put(people::band_edit))
        .route("/api/v1/bands/{band}/history", get(people::band_history))
        .route("/api/v1/associations", get(people::associations))
        .route("/api/v1/associations/{association}", get(people::association))
        .route("/api/v1/intents", post(people::intent_confirm))
        .route("/api/v1/intents/preview", post(people::intent_preview))
        .route("/api/v1/quarantine", get(people::quarantine))
        .route("/api/v1/quarantine/{association}", get(people::conflict))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
}

fn rules() -> Router<App> {
    Router::new()
        .route("/api/v1/policies", get(rules::policies))
        .route("/api/v1/policies/dry-run", post(rules::dry_run))
        .route("/api/v1/policies/propagation", get(rules::propagation))
        .route("/api/v1/policies/group", post(rules::group_create))
        .route(
            "/api/v1/policies/group/{policy}",
            get(rules::group)
                .put(rules::group_save)
                .delete(rules::group_remove),
        )
        .route("/api/v1/policies/group/{policy}/copy", post(rules::group_copy))
        .route(
            "/api/v1/policies/group/{policy}/activate",
            post(rules::group_activate),
        )
        .route("/api/v1/policies/individual", post(rules::individual_create))
        .route(
            "/api/v1/policies/individual/{policy}",
            get(rules::individual)
                .put(rules::individual_save)
                .delete(rules::individual_remove),
        )
        .route(
            "/api/v1/policies/individual/{policy}/copy",
            post(rules::individual_copy),
        )
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
}

fn office() -> Router<App> {
    let lists = Router::new()
        .route("/api/v1/imports/users", post(office::import_users))
        .route("/api/v1/imports/bands", post(office::import_bands))
        .layer(DefaultBodyLimit::max(UPLOAD_BYTES_MAX));
    Router::new()
        .route("/api/v1/dashboard", get(office::dashboard))
        .route("/api/v1/stations", get(office::stations))
        .route("/api/v1/stations/{station}", get(office::station))
        .route("/api/v1/stations/{station}/revoke", post(office::station_revoke))
        .route("/api/v1/stations/{station}/settle", post(office::station_settle))
        .route(
            "/api/v1/join-tokens",
            get(office::tokens).post(office::token_create),
        )
        .route("/api/v1/join-tokens/{token}", delete(office::token_revoke))
        .route("/api/v1/tickets", get(office::tickets).post(office::ticket_issue))
        .route("/api/v1/tickets/{ticket}/revoke", post(office::ticket_revoke))
        .route("/api/v1/operators", get(office::operators))
        .route(
            "/api/v1/operators/{operator}",
            put(office::operator_put).delete(office::operator_remove),
        )
        .route("/api/v1/imports", get(office::imports))
        .route("/api/v1/imports/{import}", get(office::import_show))
        .route("/api/v1/imports/{import}/again", post(office::import_again))
        .route("/api/v1/imports/{import}/changes", get(office::import_changes))
        .route("/api/v1/imports/{import}/confirm", post(office::import_confirm))
        .route("/api/v1/imports/{import}/approve", post(office::import_approve))
        .route("/api/v1/imports/{import}/cancel", post(office::import_cancel))
        .route("/api/v1/exports/users.csv", get(office::export_users))
        .route(
            "/api/v1/exports/associations.csv",
            get(office::export_associations),
        )
        .route("/api/v1/exports/bands.csv", get(office::export_bands))
        .route("/api/v1/audit", get(office::audit))
        .route("/api/v1/audit/verify", get(office::audit_verify))
        .route("/api/v1/audit/export", get(office::audit_export))
        .route(
            "/api/v1/api-keys",
            get(office::api_keys).post(office::api_key_create),
        )
        .route("/api/v1/api-keys/{key}/revoke", post(office::api_key_revoke))
        .route(
            "/api/v1/settings",
            get(office::settings).put(office::settings_edit),
        )
        .route("/api/v1/settings/manufacturers", post(office::make_welcome))
        .route("/api/v1/settings/ticket-keys", post(office::ticket_key))
        .route(
            "/api/v1/settings/second-factor",
            get(office::factor_required).put(office::factor_require),
        )
        .route("/api/v1/settings/feed-keys", post(office::feed_key))
        .route("/api/v1/settings/code-keys", post(office::code_key))
        .route("/api/v1/settings/authorities", post(office::authority_make))
        .route(
            "/api/v1/settings/authorities/retire",
            post(office::authority_retire),
        )
        .route(
            "/api/v1/accounts",
            get(office::accounts).post(office::account_create),
        )
        .route(
            "/api/v1/accounts/{account}",
            get(office::account).put(office::account_edit),
        )
        .route(
            "/api/v1/accounts/{account}/disable",
            post(office::account_disable),
        )
        .route("/api/v1/accounts/{account}/enable", post(office::account_enable))
        .route(
            "/api/v1/accounts/{account}/factor-reset",
            post(office::account_factor_reset),
        )
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .merge(lists)
}

/// The description of the API. Holds no secret, so everybody may read it.
async fn document() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], openapi::document()).into_response()
}

async fn unknown() -> Refusal {
    Refusal(Problem::new(
        Code::NotFound,
        "there is no such address",
        "see /api/v1/openapi.json",
    ))
}

async fn method() -> Refusal {
    let detail = "this address knows other methods only";
    Refusal(Problem::new(
        Code::MethodNotAllowed,
        detail,
        "see /api/v1/openapi.json",
    ))
}
