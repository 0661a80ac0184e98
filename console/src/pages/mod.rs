//! The console as people see it: pages that the server renders, without a build step and without a script that is
//! needed for anything.
//!
//! Every page and every form calls one function of [`acts`](crate::acts) or of [`accounts`](crate::accounts) and
//! knows no database. What goes around them all is in [`guard`]: headers, the check where a form comes from, the
//! session. Words are in `console/locales`, looks in `console/assets`, templates in `console/templates`.

mod account_pages;
mod assets;
mod forms;
mod gate;
mod guard;
mod own;
mod posted;
#[expect(dead_code, reason = "tickets and join tokens are not handed out yet")]
mod qr;
#[cfg(test)]
mod samples;
mod shell;
#[cfg(test)]
mod tests;
mod text;
mod views;
mod visit;
mod widgets;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use crate::serve::App;

/// Every page.
pub fn router(app: App) -> Router {
    Router::new()
        .route("/sign-in", get(gate::sign_in_form).post(gate::sign_in))
        .route("/sign-out", post(gate::sign_out))
        .route("/link/{secret}", get(gate::link_form).post(gate::link))
        .route("/confirm", get(gate::confirm_form).post(gate::confirm))
        .route("/look", post(gate::look))
        .route("/settings", get(own::show))
        .route("/settings/password", post(own::password))
        .route("/settings/sessions/end", post(own::end_session))
        .route("/settings/sessions/end-others", post(own::end_others))
        .route(
            "/settings/accounts",
            get(account_pages::list).post(account_pages::create),
        )
        .route("/settings/accounts/new", get(account_pages::new))
        .route(
            "/settings/accounts/{id}",
            get(account_pages::show).post(account_pages::edit),
        )
        .route("/settings/accounts/{id}/{deed}", post(account_pages::deed))
        .route("/assets/{mark}/{name}", get(assets::serve))
        .fallback(gate::nothing_here)
        .layer(from_fn_with_state(app.clone(), guard::around))
        .with_state(app)
}
