//! The description of the API, made from the code.

use std::sync::OnceLock;

use utoipa::OpenApi;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{OpenApi as Document, Ref, ResponseBuilder};

use super::{extract, office, people, rules};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Bandstand console",
        description = "Users, bands, policies and stations of a plant. Everything that is not a success is \
                       application/problem+json with a stable code. Every POST may carry an Idempotency-Key: the \
                       same request with the same key within a day gets the first answer again. Lists are paged \
                       by cursors. Changes of what has an ETag need it as If-Match."
    ),
    paths(
        people::users,
        people::user_create,
        people::user,
        people::user_edit,
        people::user_policy,
        people::user_history,
        people::user_effective,
        people::bands,
        people::band_create,
        people::band,
        people::band_edit,
        people::band_history,
        people::associations,
        people::association,
        people::intent_preview,
        people::intent_confirm,
        people::quarantine,
        people::conflict,
        rules::policies,
        rules::dry_run,
        rules::propagation,
        rules::group,
        rules::group_create,
        rules::group_save,
        rules::group_copy,
        rules::group_activate,
        rules::group_remove,
        rules::individual,
        rules::individual_create,
        rules::individual_save,
        rules::individual_copy,
        rules::individual_remove,
        office::dashboard,
        office::stations,
        office::station,
        office::station_revoke,
        office::station_settle,
        office::tokens,
        office::token_create,
        office::token_revoke,
        office::tickets,
        office::ticket_issue,
        office::ticket_revoke,
        office::operators,
        office::operator_put,
        office::operator_remove,
        office::imports,
        office::import_users,
        office::import_bands,
        office::import_show,
        office::import_confirm,
        office::import_approve,
        office::import_cancel,
        office::import_again,
        office::import_changes,
        office::export_users,
        office::export_associations,
        office::export_bands,
        office::audit,
        office::audit_verify,
        office::audit_export,
        office::api_keys,
        office::api_key_create,
        office::api_key_revoke,
        office::settings,
        office::settings_edit,
        office::make_welcome,
        office::ticket_key,
        office::feed_key,
        office::factor_required,
        office::factor_require,
        office::code_key,
        office::authority_make,
        office::authority_retire,
        office::accounts,
        office::account,
        office::account_create,
        office::account_edit,
        office::account_disable,
        office::account_enable,
        office::account_factor_reset
    ),
    components(schemas(extract::ProblemBody))
)]
struct Description;

/// The document, as it is served: computed once.
pub(super) fn document() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| {
        complete(Description::openapi())
            .to_pretty_json()
            .expect("a document has a form in JSON")
    })
}

/// Adds what holds for every operation: the key, and how a problem looks.
fn complete(mut document: Document) -> Document {
    let key = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
    if let Some(components) = &mut document.components {
        components.add_security_scheme("key", key);
    }
    document.security = Some(vec![SecurityRequirement::new("key", Vec::<String>::new())]);
    for item in document.paths.paths.values_mut() {
        let operations = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            add_problem(operation);
        }
    }
    document
}

fn add_problem(operation: &mut Operation) {
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("ProblemBody")))
        .build();
    let problem = ResponseBuilder::new()
        .description("What stood in the way")
        .content("application/problem+json", content)
        .build();
    operation
        .responses
        .responses
        .insert("default".into(), problem.into());
}
