//! Users, bands, who holds which, and what people mean to do about it.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::extract::{Auth, Body, Created, IfMatch, P, Q, Refusal, Reply, Tagged, in_address};
use crate::acts::associations::{self, AssociationFilter};
use crate::acts::bands::{self, BandDetail, BandFilter, BandInput, BandLine, NewBand};
use crate::acts::intents::{self, Confirmed, Intent, Preview};
use crate::acts::page::{Page, PageRequest};
use crate::acts::quarantine::{self, QuarantineView};
use crate::acts::users::{
    self, AttributeView, HistoryLine, NewUser, UserDetail, UserFilter, UserInput, UserLine,
};
use crate::acts::view::{AssociationView, BandView, UserView};
use crate::acts::{policies, text};
use crate::problem::Problem;
use crate::serve::App;
use axum::Json;
use policy::model::{AssociationId, PolicyId};

/// How many lines of a history.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(super) struct HistoryQuery {
    /// How many lines at most: 1 to 500, 100 if left out.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

impl HistoryQuery {
    fn len(&self) -> Result<usize, Problem> {
        match self.limit.unwrap_or(100) {
            limit @ 1..=500 => Ok(limit as usize),
            _ => Err(Problem::invalid("limit", "is outside 1 to 500")),
        }
    }
}

/// List users by id.
#[utoipa::path(get, path = "/api/v1/users", tag = "users", params(UserFilter, PageRequest),
    responses((status = 200, body = Page<UserLine>)))]
pub(super) async fn users(
    State(app): State<App>,
    Auth(caller): Auth,
    Q(filter): Q<UserFilter>,
    Q(page): Q<PageRequest>,
) -> Reply<Page<UserLine>> {
    Ok(Json(users::list(&app, &caller, filter, page).await?))
}

/// Add a user.
#[utoipa::path(post, path = "/api/v1/users", tag = "users", request_body = NewUser,
    responses((status = 201, body = UserView)))]
pub(super) async fn user_create(
    State(app): State<App>,
    Auth(caller): Auth,
    Body(new): Body<NewUser>,
) -> Result<Created<UserView>, Refusal> {
    let user = users::create(&app, &caller, new).await?;
    let at = format!("/api/v1/users/{}", in_address(&user.id));
    Ok(Created(user, at))
}

/// Everything about one user.
#[utoipa::path(get, path = "/api/v1/users/{user}", tag = "users", params(("user" = String, Path)),
    responses((status = 200, body = UserDetail)))]
pub(super) async fn user(
    State(app): State<App>,
    Auth(caller): Auth,
    P(user): P<String>,
) -> Result<Tagged<UserDetail>, Refusal> {
    let detail = users::show(&app, &caller, users::id(&user)?).await?;
    let version = detail.user.version;
    Ok(Tagged(detail, version))
}

/// Replace what is written about a user. Needs If-Match.
#[utoipa::path(put, path = "/api/v1/users/{user}", tag = "users", request_body = UserInput,
    params(("user" = String, Path), ("If-Match" = String, Header)), responses((status = 200, body = UserView)))]
pub(super) async fn user_edit(
    State(app): State<App>,
    Auth(caller): Auth,
    P(user): P<String>,
    version: IfMatch,
    Body(input): Body<UserInput>,
) -> Result<Tagged<UserView>, Refusal> {
    let version = version.required()?;
    let user = users::edit(&app, &caller, users::id(&user)?, input, version).await?;
    let version = user.version;
    Ok(Tagged(user, version))
}

/// An individual policy, or none.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PolicyChoice {
    /// Its name; null for the group policy alone.
    policy: Option<String>,
}

/// Give a user an individual policy, or take it away.
#[utoipa::path(put, path = "/api/v1/users/{user}/policy", tag = "users", request_body = PolicyChoice,
    params(("user" = String, Path), ("If-Match" = Option<String>, Header)), responses((status = 200, body = UserView)))]
pub(super) async fn user_policy(
    State(app): State<App>,
    Auth(caller): Auth,
    P(user): P<String>,
    IfMatch(version): IfMatch,
    Body(choice): Body<PolicyChoice>,
) -> Result<Tagged<UserView>, Refusal> {
    let policy = choice.policy.as_deref().map(PolicyId::new).transpose();
    let policy = policy.map_err(|fault| Problem::invalid("policy", fault))?;
    let user = users::set_policy(&app, &caller, users::id(&user)?, policy, version).await?;
    let version = user.version;
    Ok(Tagged(user, version))
}

/// What was ever said of a user and of the user's associations, the latest first.
#[utoipa::path(get, path = "/api/v1/users/{user}/history", tag = "users", params(("user" = String, Path), HistoryQuery),
    responses((status = 200, body = Vec<HistoryLine>)))]
pub(super) async fn user_history(
    State(app): State<App>,
    Auth(caller): Auth,
    P(user): P<String>,
    Q(query): Q<HistoryQuery>,
) -> Reply<Vec<HistoryLine>> {
    Ok(Json(
        users::history(&app, &caller, users::id(&user)?, query.len()?).await?,
    ))
}

/// The policy that holds for a user, each value with its source.
#[utoipa::path(get, path = "/api/v1/users/{user}/effective-policy", tag = "policies",
    params(("user" = String, Path)), responses((status = 200, body = Vec<AttributeView>)))]
pub(super) async fn user_effective(
    State(app): State<App>,
    Auth(caller): Auth,
    P(user): P<String>,
) -> Reply<Vec<AttributeView>> {
    Ok(Json(
        policies::effective_for(&app, &caller, users::id(&user)?).await?,
    ))
}

/// List bands by serial.
#[utoipa::path(get, path = "/api/v1/bands", tag = "bands", params(BandFilter, PageRequest),
    responses((status = 200, body = Page<BandLine>)))]
pub(super) async fn bands(
    State(app): State<App>,
    Auth(caller): Auth,
    Q(filter): Q<BandFilter>,
    Q(page): Q<PageRequest>,
) -> Reply<Page<BandLine>> {
    Ok(Json(bands::list(&app, &caller, filter, page).await?))
}

/// Put a band on the stock list.
#[utoipa::path(post, path = "/api/v1/bands", tag = "bands", request_body = NewBand,
    responses((status = 201, body = BandView)))]
pub(super) async fn band_create(
    State(app): State<App>,
    Auth(caller): Auth,
    Body(new): Body<NewBand>,
) -> Result<Created<BandView>, Refusal> {
    let band = bands::create(&app, &caller, new).await?;
    let at = format!("/api/v1/bands/{}", band.serial);
    Ok(Created(band, at))
}

/// Everything about one band.
#[utoipa::path(get, path = "/api/v1/bands/{band}", tag = "bands", params(("band" = String, Path)),
    responses((status = 200, body = BandDetail)))]
pub(super) async fn band(
    State(app): State<App>,
    Auth(caller): Auth,
    P(band): P<String>,
) -> Result<Tagged<BandDetail>, Refusal> {
    let detail = bands::show(&app, &caller, bands::serial(&band)?).await?;
    let version = detail.band.version;
    Ok(Tagged(detail, version))
}

/// Replace what is written about a band. Needs If-Match.
#[utoipa::path(put, path = "/api/v1/bands/{band}", tag = "bands", request_body = BandInput,
    params(("band" = String, Path), ("If-Match" = String, Header)), responses((status = 200, body = BandView)))]
pub(super) async fn band_edit(
    State(app): State<App>,
    Auth(caller): Auth,
    P(band): P<String>,
    version: IfMatch,
    Body(input): Body<BandInput>,
) -> Result<Tagged<BandView>, Refusal> {
    let version = version.required()?;
    let band = bands::edit(&app, &caller, bands::serial(&band)?, input, version).await?;
    let version = band.version;
    Ok(Tagged(band, version))
}

/// What was ever said of a band and of its associations, the latest first.
#[utoipa::path(get, path = "/api/v1/bands/{band}/history", tag = "bands", params(("band" = String, Path), HistoryQuery),
    responses((status = 200, body = Vec<HistoryLine>)))]
pub(super) async fn band_history(
    State(app): State<App>,
    Auth(caller): Auth,
    P(band): P<String>,
    Q(query): Q<HistoryQuery>,
) -> Reply<Vec<HistoryLine>> {
    Ok(Json(
        bands::history(&app, &caller, bands::serial(&band)?, query.len()?).await?,
    ))
}

/// List associations by id.
#[utoipa::path(get, path = "/api/v1/associations", tag = "associations", params(AssociationFilter, PageRequest),
    responses((status = 200, body = Page<AssociationView>)))]
pub(super) async fn associations(
    State(app): State<App>,
    Auth(caller): Auth,
    Q(filter): Q<AssociationFilter>,
    Q(page): Q<PageRequest>,
) -> Reply<Page<AssociationView>> {
    Ok(Json(associations::list(&app, &caller, filter, page).await?))
}

/// What an intent would do. Changes nothing.
#[utoipa::path(post, path = "/api/v1/intents/preview", tag = "intents", request_body = Intent,
    responses((status = 200, body = Preview)))]
pub(super) async fn intent_preview(
    State(app): State<App>,
    Auth(caller): Auth,
    Body(intent): Body<Intent>,
) -> Reply<Preview> {
    Ok(Json(intents::preview(&app, &caller, intent).await?))
}

/// An intent, and the effects that were shown.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Confirmation {
    /// What is wanted.
    intent: Intent,
    /// The seal of the preview. With it nothing is done if the effects are others by now.
    #[serde(default)]
    seal: Option<String>,
}

/// Do what an intent says.
#[utoipa::path(post, path = "/api/v1/intents", tag = "intents", request_body = Confirmation,
    responses((status = 200, body = Confirmed)))]
pub(super) async fn intent_confirm(
    State(app): State<App>,
    Auth(caller): Auth,
    Body(confirmation): Body<Confirmation>,
) -> Reply<Confirmed> {
    let Confirmation { intent, seal } = confirmation;
    let seal = seal.map(|seal| text("seal", &seal, 64)).transpose()?;
    Ok(Json(intents::confirm(&app, &caller, intent, seal).await?))
}

/// What waits for an administrator, with both sides.
#[utoipa::path(get, path = "/api/v1/quarantine", tag = "quarantine", params(PageRequest),
    responses((status = 200, body = Page<QuarantineView>)))]
pub(super) async fn quarantine(
    State(app): State<App>,
    Auth(caller): Auth,
    Q(page): Q<PageRequest>,
) -> Reply<Page<QuarantineView>> {
    Ok(Json(quarantine::list(&app, &caller, page).await?))
}

/// One conflict. Settle it by the intent `keep` or `reject`.
#[utoipa::path(get, path = "/api/v1/quarantine/{association}", tag = "quarantine",
    params(("association" = String, Path)), responses((status = 200, body = QuarantineView)))]
pub(super) async fn conflict(
    State(app): State<App>,
    Auth(caller): Auth,
    P(association): P<String>,
) -> Reply<QuarantineView> {
    let id: AssociationId = association
        .parse()
        .map_err(|fault| Problem::invalid("association", fault))?;
    Ok(Json(quarantine::show(&app, &caller, id).await?))
}

/// One association, and what was said of it, the latest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AssociationDetail {
    /// The association.
    association: AssociationView,
    /// What was said of it.
    history: Vec<HistoryLine>,
}

/// One association with its history.
#[utoipa::path(get, path = "/api/v1/associations/{association}", tag = "associations",
    params(("association" = String, Path)), responses((status = 200, body = AssociationDetail)))]
pub(super) async fn association(
    State(app): State<App>,
    Auth(caller): Auth,
    P(id): P<String>,
) -> Reply<AssociationDetail> {
    let id = id
        .parse()
        .map_err(|fault| Problem::invalid("association", fault))?;
    let (association, history) = associations::show(&app, &caller, id, 200).await?;
    Ok(Json(AssociationDetail { association, history }))
}
