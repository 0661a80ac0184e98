//! The console as people see it: pages that the server renders, without a build step and without a script that is
//! needed for anything.
//!
//! Every page and every form calls one function of [`acts`](crate::acts) or of [`accounts`](crate::accounts) and
//! knows no database. What goes around them all is in `guard`: headers, the check where a form comes from, the
//! session. Words are in `console/locales`, looks in `console/assets`, templates in `console/templates`.

mod account_pages;
mod assets;
mod association_pages;
mod audit_pages;
mod authority_pages;
mod band_pages;
#[cfg(test)]
mod cost_tests;
mod forms;
mod gate;
mod guard;
mod home;
#[cfg(test)]
mod http_tests;
mod import_form;
mod import_pages;
#[cfg(test)]
mod import_tests;
mod key_pages;
#[cfg(test)]
mod office_tests;
mod operator_pages;
mod organization_pages;
mod own;
mod policy_pages;
mod policy_removal;
mod posted;
mod quarantine_pages;
#[cfg(test)]
mod required_tests;
#[cfg(test)]
mod samples;
mod shell;
mod station_pages;
#[cfg(test)]
mod tests;
mod text;
mod ticket_pages;
mod user_pages;
mod verb_pages;
mod views;
mod visit;
mod widgets;
mod words;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use page_kit::assets::ROUTE;

use self::assets::ASSETS;
use crate::serve::App;

/// Every page.
pub fn router(app: App) -> Router {
    Router::new()
        .merge(gate())
        .merge(people())
        .merge(rules())
        .merge(plant())
        .merge(settings())
        .route("/", get(home::show))
        .route("/find", get(home::find))
        .route(ROUTE, ASSETS.route())
        .fallback(gate::nothing_here)
        .layer(from_fn_with_state(app.clone(), guard::around))
        .with_state(app)
}

fn gate() -> Router<App> {
    Router::new()
        .route("/sign-in", get(gate::sign_in_form).post(gate::sign_in))
        .route("/sign-in/code", get(gate::code_form).post(gate::code))
        .route("/sign-out", post(gate::sign_out))
        .route("/link/{secret}", get(gate::link_form).post(gate::link))
        .route("/confirm", get(gate::confirm_form).post(gate::confirm))
        .route("/look", post(gate::look))
}

fn people() -> Router<App> {
    Router::new()
        .route("/users", get(user_pages::list).post(user_pages::create))
        .route("/add/user", get(user_pages::new))
        .route("/users/{id}", get(user_pages::show))
        .route("/users/{id}/history", get(user_pages::history))
        .route(
            "/users/{id}/edit",
            get(user_pages::edit_form).post(user_pages::edit),
        )
        .route(
            "/users/{id}/policy",
            get(user_pages::policy_form).post(user_pages::policy),
        )
        .route("/bands", get(band_pages::list).post(band_pages::create))
        .route("/bands/new", get(band_pages::new))
        .route("/bands/{serial}", get(band_pages::show))
        .route("/bands/{serial}/history", get(band_pages::history))
        .route(
            "/bands/{serial}/edit",
            get(band_pages::edit_form).post(band_pages::edit),
        )
        .route("/associations", get(band_pages::associations))
        .route("/associations/{id}", get(association_pages::show))
        .route("/do/{verb}", get(verb_pages::show).post(verb_pages::confirm))
        .merge(imports())
        .route("/tickets", get(ticket_pages::list).post(ticket_pages::create))
        .route("/tickets/new", get(ticket_pages::new))
        .route(
            "/tickets/{id}/revoke",
            get(ticket_pages::revoke_form).post(ticket_pages::revoke),
        )
}

fn imports() -> Router<App> {
    // A list may be large; what is read of it is bounded again where it is read.
    let files = DefaultBodyLimit::max(crate::acts::imports::BYTES_MAX + (1 << 20));
    Router::new()
        .route("/imports/{kind}", get(import_pages::new).post(import_pages::read))
        .route("/exports/{which}", get(import_pages::export))
        .route("/imports/{kind}/{id}", get(import_pages::show))
        .route("/imports/{kind}/{id}/{what}", post(import_pages::settle))
        .layer(files)
}

fn rules() -> Router<App> {
    Router::new()
        .route("/policies", get(policy_pages::list))
        .route("/policies/{kind}", post(policy_pages::create))
        .route("/add/policy/{kind}", get(policy_pages::new))
        .route(
            "/policies/{kind}/{id}",
            get(policy_pages::show).post(policy_pages::save),
        )
        .route(
            "/policies/{kind}/{id}/copy",
            get(policy_pages::copy_form).post(policy_pages::copy),
        )
        .route(
            "/policies/{kind}/{id}/activate",
            get(policy_pages::activate_form).post(policy_pages::activate),
        )
        .route(
            "/policies/{kind}/{id}/remove",
            get(policy_removal::form).post(policy_removal::remove),
        )
        .route("/dry-run", get(policy_pages::dry_run))
}

fn plant() -> Router<App> {
    Router::new()
        .route("/stations", get(station_pages::list).post(station_pages::create))
        .route("/stations/new", get(station_pages::new))
        .route("/stations/{id}", get(station_pages::show))
        .route(
            "/stations/{id}/{verb}",
            get(station_pages::verb_form).post(station_pages::verb),
        )
        .route(
            "/operators",
            get(operator_pages::list).post(operator_pages::create),
        )
        .route("/operators/new", get(operator_pages::new))
        .route(
            "/operators/{id}",
            get(operator_pages::show).post(operator_pages::save),
        )
        .route(
            "/operators/{id}/remove",
            get(operator_pages::remove_form).post(operator_pages::remove),
        )
        .route("/quarantine", get(quarantine_pages::list))
        .route(
            "/quarantine/{id}",
            get(quarantine_pages::show).post(quarantine_pages::settle),
        )
        .route("/audit", get(audit_pages::list))
        .route("/audit/verify", post(audit_pages::verify))
        .route("/audit/export", get(audit_pages::export))
}

fn settings() -> Router<App> {
    Router::new()
        .route("/settings", get(own::show))
        .route("/settings/password", post(own::password))
        .route("/settings/factor", get(own::factor_due))
        .route("/settings/factor/begin", post(own::factor_begin))
        .route("/settings/factor/bind", post(own::factor_bind))
        .route("/settings/factor/codes", post(own::factor_codes))
        .route("/settings/factor/remove", post(own::factor_remove))
        .route(
            "/settings/organization",
            get(organization_pages::show).post(organization_pages::rename),
        )
        .route(
            "/settings/organization/makes",
            get(organization_pages::make_form).post(organization_pages::make),
        )
        .route(
            "/settings/organization/authority/{deed}",
            get(authority_pages::form).post(authority_pages::act),
        )
        .route(
            "/settings/organization/rotate/{kind}",
            get(organization_pages::rotate_form).post(organization_pages::rotate),
        )
        .route("/settings/sessions/end", post(own::end_session))
        .route("/settings/sessions/end-others", post(own::end_others))
        .route(
            "/settings/accounts",
            get(account_pages::list).post(account_pages::create),
        )
        .route("/settings/accounts/new", get(account_pages::new))
        .route(
            "/settings/accounts/factor",
            get(account_pages::factor_form).post(account_pages::factor_require),
        )
        .route(
            "/settings/accounts/{id}",
            get(account_pages::show).post(account_pages::edit),
        )
        .route("/settings/accounts/{id}/{deed}", post(account_pages::deed))
        .route("/settings/api-keys", get(key_pages::list).post(key_pages::create))
        .route("/settings/api-keys/new", get(key_pages::new))
        .route("/settings/api-keys/{id}/revoke", post(key_pages::revoke))
}
