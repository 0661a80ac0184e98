//! Policies.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use policy::model::{GroupPolicy, IndividualPolicy, PolicyId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::extract::{Auth, Body, Created, IfMatch, P, Refusal, Reply, Tagged, in_address};
use crate::acts::policies::{self, DryRun, DryRunAnswer, Expect, Policies, PolicyView, Saved};
use crate::acts::stations::{self, Propagation};
use crate::problem::Problem;
use crate::serve::App;

/// Every policy.
#[utoipa::path(get, path = "/api/v1/policies", tag = "policies", responses((status = 200, body = Policies)))]
pub(super) async fn policies(State(app): State<App>, Auth(caller): Auth) -> Reply<Policies> {
    Ok(Json(policies::list(&app, &caller).await?))
}

/// What would be decided if this user presented this band at that station. Changes nothing.
#[utoipa::path(post, path = "/api/v1/policies/dry-run", tag = "policies", request_body = DryRun,
    responses((status = 200, body = DryRunAnswer)))]
pub(super) async fn dry_run(
    State(app): State<App>,
    Auth(caller): Auth,
    Body(question): Body<DryRun>,
) -> Reply<DryRunAnswer> {
    Ok(Json(policies::dry_run(&app, &caller, question).await?))
}

/// A name for a copy.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CopyAs {
    /// The name of the new policy: 1 to 64 characters.
    #[schema(min_length = 1, max_length = 64)]
    id: String,
}

fn id(text: &str) -> Result<PolicyId, Problem> {
    PolicyId::new(text).map_err(|fault| Problem::invalid("policy", fault))
}

fn tagged(view: PolicyView) -> Tagged<PolicyView> {
    let version = view.version;
    Tagged(view, version)
}

async fn save<T: Saved>(
    app: App,
    caller: crate::access::Caller,
    at: &str,
    version: IfMatch,
    policy: T,
) -> Result<Tagged<PolicyView>, Refusal> {
    if policy.id() != &id(at)? {
        let detail = format!("is {:?} here and {at:?} in the address", policy.id().as_str());
        return Err(Problem::invalid("id", detail).into());
    }
    let expect = version.required()?.map_or(Expect::Anything, Expect::Version);
    Ok(tagged(policies::save(&app, &caller, policy, expect).await?))
}

fn created(kind: &str, view: PolicyView) -> Created<PolicyView> {
    let id = view.policy["id"].as_str().unwrap_or_default();
    let at = format!("/api/v1/policies/{kind}/{}", in_address(id));
    Created(view, at)
}

/// One group policy.
#[utoipa::path(get, path = "/api/v1/policies/group/{policy}", tag = "policies", params(("policy" = String, Path)),
    responses((status = 200, body = PolicyView)))]
pub(super) async fn group(
    State(app): State<App>,
    Auth(caller): Auth,
    P(policy): P<String>,
) -> Result<Tagged<PolicyView>, Refusal> {
    Ok(tagged(
        policies::show::<GroupPolicy>(&app, &caller, id(&policy)?).await?,
    ))
}

/// Add a group policy.
#[utoipa::path(post, path = "/api/v1/policies/group", tag = "policies", request_body = Object,
    responses((status = 201, body = PolicyView)))]
pub(super) async fn group_create(
    State(app): State<App>,
    Auth(caller): Auth,
    Body(policy): Body<GroupPolicy>,
) -> Result<Created<PolicyView>, Refusal> {
    Ok(created(
        "group",
        policies::save(&app, &caller, policy, Expect::Nothing).await?,
    ))
}

/// Replace a group policy. Needs If-Match.
#[utoipa::path(put, path = "/api/v1/policies/group/{policy}", tag = "policies", request_body = Object,
    params(("policy" = String, Path), ("If-Match" = String, Header)), responses((status = 200, body = PolicyView)))]
pub(super) async fn group_save(
    State(app): State<App>,
    Auth(caller): Auth,
    P(at): P<String>,
    version: IfMatch,
    Body(policy): Body<GroupPolicy>,
) -> Result<Tagged<PolicyView>, Refusal> {
    save(app, caller, &at, version, policy).await
}

/// Copy a group policy.
#[utoipa::path(post, path = "/api/v1/policies/group/{policy}/copy", tag = "policies", request_body = CopyAs,
    params(("policy" = String, Path)), responses((status = 201, body = PolicyView)))]
pub(super) async fn group_copy(
    State(app): State<App>,
    Auth(caller): Auth,
    P(from): P<String>,
    Body(to): Body<CopyAs>,
) -> Result<Created<PolicyView>, Refusal> {
    let copy = policies::copy::<GroupPolicy>(&app, &caller, id(&from)?, id(&to.id)?).await?;
    Ok(created("group", copy))
}

/// Make this group policy the one that holds, everywhere.
#[utoipa::path(post, path = "/api/v1/policies/group/{policy}/activate", tag = "policies",
    params(("policy" = String, Path)), responses((status = 200, body = PolicyView)))]
pub(super) async fn group_activate(
    State(app): State<App>,
    Auth(caller): Auth,
    P(policy): P<String>,
) -> Result<Tagged<PolicyView>, Refusal> {
    Ok(tagged(policies::activate(&app, &caller, id(&policy)?).await?))
}

/// Remove a group policy that does not hold. Needs If-Match.
#[utoipa::path(delete, path = "/api/v1/policies/group/{policy}", tag = "policies",
    params(("policy" = String, Path), ("If-Match" = String, Header)), responses((status = 204)))]
pub(super) async fn group_remove(
    State(app): State<App>,
    Auth(caller): Auth,
    P(policy): P<String>,
    version: IfMatch,
) -> Result<StatusCode, Refusal> {
    let version = version.required()?;
    policies::remove::<GroupPolicy>(&app, &caller, id(&policy)?, version).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// One individual policy.
#[utoipa::path(get, path = "/api/v1/policies/individual/{policy}", tag = "policies", params(("policy" = String, Path)),
    responses((status = 200, body = PolicyView)))]
pub(super) async fn individual(
    State(app): State<App>,
    Auth(caller): Auth,
    P(policy): P<String>,
) -> Result<Tagged<PolicyView>, Refusal> {
    Ok(tagged(
        policies::show::<IndividualPolicy>(&app, &caller, id(&policy)?).await?,
    ))
}

/// Add an individual policy.
#[utoipa::path(post, path = "/api/v1/policies/individual", tag = "policies", request_body = Object,
    responses((status = 201, body = PolicyView)))]
pub(super) async fn individual_create(
    State(app): State<App>,
    Auth(caller): Auth,
    Body(policy): Body<IndividualPolicy>,
) -> Result<Created<PolicyView>, Refusal> {
    let saved = policies::save(&app, &caller, policy, Expect::Nothing).await?;
    Ok(created("individual", saved))
}

/// Replace an individual policy. Needs If-Match.
#[utoipa::path(put, path = "/api/v1/policies/individual/{policy}", tag = "policies", request_body = Object,
    params(("policy" = String, Path), ("If-Match" = String, Header)), responses((status = 200, body = PolicyView)))]
pub(super) async fn individual_save(
    State(app): State<App>,
    Auth(caller): Auth,
    P(at): P<String>,
    version: IfMatch,
    Body(policy): Body<IndividualPolicy>,
) -> Result<Tagged<PolicyView>, Refusal> {
    save(app, caller, &at, version, policy).await
}

/// Copy an individual policy.
#[utoipa::path(post, path = "/api/v1/policies/individual/{policy}/copy", tag = "policies", request_body = CopyAs,
    params(("policy" = String, Path)), responses((status = 201, body = PolicyView)))]
pub(super) async fn individual_copy(
    State(app): State<App>,
    Auth(caller): Auth,
    P(from): P<String>,
    Body(to): Body<CopyAs>,
) -> Result<Created<PolicyView>, Refusal> {
    let copy = policies::copy::<IndividualPolicy>(&app, &caller, id(&from)?, id(&to.id)?).await?;
    Ok(created("individual", copy))
}

/// Remove an individual policy that nobody has. Needs If-Match.
#[utoipa::path(delete, path = "/api/v1/policies/individual/{policy}", tag = "policies",
    params(("policy" = String, Path), ("If-Match" = String, Header)), responses((status = 204)))]
pub(super) async fn individual_remove(
    State(app): State<App>,
    Auth(caller): Auth,
    P(policy): P<String>,
    version: IfMatch,
) -> Result<StatusCode, Refusal> {
    let version = version.required()?;
    policies::remove::<IndividualPolicy>(&app, &caller, id(&policy)?, version).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// How far the present form of each policy has come among the stations.
#[utoipa::path(get, path = "/api/v1/policies/propagation", tag = "policies",
    responses((status = 200, body = Vec<Propagation>)))]
pub(super) async fn propagation(State(app): State<App>, Auth(caller): Auth) -> Reply<Vec<Propagation>> {
    Ok(Json(stations::propagation(&app, &caller).await?))
}
