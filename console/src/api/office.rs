//! Stations, tickets, operators, imports, exports, audit, keys and accounts.

use std::collections::BTreeSet;

use axum::Json;
use axum::body::Body as AnyBody;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::extract::{Auth, Body, Created, IfMatch, P, Q, Raw, Refusal, Reply, Tagged};
use crate::access::{Action, Caller, Role, allow};
use crate::accounts::acts::{self as accounts, Wanted};
use crate::accounts::factor;
use crate::accounts::rows::Account;
use crate::acts::api_keys::{self, KeyView, MadeKey, NewKey};
use crate::acts::audits::{self, AuditFilter, Verdict};
use crate::acts::authority::{self, AuthorityView};
use crate::acts::dashboard::{self, Dashboard};
use crate::acts::exports::{self, Which};
use crate::acts::imports::{self, ImportChange, ImportKind, ImportOptions, ImportView};
use crate::acts::keys::{self, NewMake, PublicKeyView, Rotating, SettingsView};
use crate::acts::operators::{self, OperatorInput, OperatorView};
use crate::acts::page::{Page, PageRequest};
use crate::acts::stations::{self, MadeToken, NewStation, StationDetail, StationView, TokenView};
use crate::acts::tickets::{self, IssuedTicket, NewTicket, TicketFilter, TicketView};
use crate::audit::{AuditRow, Head};
use crate::problem::{Code, Problem};
use crate::serve::App;

/// The plant at a glance.
#[utoipa::path(get, path = "/api/v1/dashboard", tag = "dashboard", responses((status = 200, body = Dashboard)))]
pub(super) async fn dashboard(State(app): State<App>, Auth(caller): Auth) -> Reply<Dashboard> {
    Ok(Json(dashboard::show(&app, &caller).await?))
}

/// Every station, by site and name.
#[utoipa::path(get, path = "/api/v1/stations", tag = "stations", responses((status = 200, body = Vec<StationView>)))]
pub(super) async fn stations(State(app): State<App>, Auth(caller): Auth) -> Reply<Vec<StationView>> {
    Ok(Json(stations::list(&app, &caller).await?))
}

/// One station, with what could not be taken of its journal.
#[utoipa::path(get, path = "/api/v1/stations/{station}", tag = "stations", params(("station" = String, Path)),
    responses((status = 200, body = StationDetail)))]
pub(super) async fn station(
    State(app): State<App>,
    Auth(caller): Auth,
    P(id): P<String>,
) -> Reply<StationDetail> {
    Ok(Json(stations::show(&app, &caller, stations::id(&id)?).await?))
}

/// Why.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Why {
    /// In a few words, at most 200 characters.
    #[schema(max_length = 200)]
    why: String,
}

/// Revoke a station, from its next contact on.
#[utoipa::path(post, path = "/api/v1/stations/{station}/revoke", tag = "stations", request_body = Why,
    params(("station" = String, Path)), responses((status = 200, body = StationView)))]
pub(super) async fn station_revoke(
    State(app): State<App>,
    Auth(caller): Auth,
    P(id): P<String>,
    Body(why): Body<Why>,
) -> Reply<StationView> {
    Ok(Json(
        stations::revoke(&app, &caller, stations::id(&id)?, why.why).await?,
    ))
}

/// Take a station's journal again after a person has looked at what was wrong with it.
#[utoipa::path(post, path = "/api/v1/stations/{station}/settle", tag = "stations", request_body = Why,
    params(("station" = String, Path)), responses((status = 200, body = StationView)))]
pub(super) async fn station_settle(
    State(app): State<App>,
    Auth(caller): Auth,
    P(id): P<String>,
    Body(why): Body<Why>,
) -> Reply<StationView> {
    Ok(Json(
        stations::settle(&app, &caller, stations::id(&id)?, why.why).await?,
    ))
}

/// Tokens to join, the newest first.
#[utoipa::path(get, path = "/api/v1/join-tokens", tag = "stations", responses((status = 200, body = Vec<TokenView>)))]
pub(super) async fn tokens(State(app): State<App>, Auth(caller): Auth) -> Reply<Vec<TokenView>> {
    Ok(Json(stations::list_tokens(&app, &caller).await?))
}

/// Let one station join. The text is shown once.
#[utoipa::path(post, path = "/api/v1/join-tokens", tag = "stations", request_body = NewStation,
    responses((status = 201, body = MadeToken)))]
pub(super) async fn token_create(
    State(app): State<App>,
    Auth(caller): Auth,
    Body(new): Body<NewStation>,
) -> Result<Created<MadeToken>, Refusal> {
    let made = stations::create_token(&app, &caller, new).await?;
    Ok(Created(made, "/api/v1/join-tokens".into()))
}

/// Take back a token that was not used yet.
#[utoipa::path(delete, path = "/api/v1/join-tokens/{token}", tag = "stations", params(("token" = String, Path)),
    responses((status = 204)))]
pub(super) async fn token_revoke(
    State(app): State<App>,
    Auth(caller): Auth,
    P(token): P<String>,
) -> Result<StatusCode, Refusal> {
    let bytes = data_encoding::HEXLOWER.decode(token.as_bytes()).ok();
    let hash = bytes.and_then(|bytes| bytes.try_into().ok());
    let hash = hash.ok_or_else(|| Problem::invalid("token", "expected 64 hexadecimal digits"))?;
    stations::revoke_token(&app, &caller, hash).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Tickets, the latest first.
#[utoipa::path(get, path = "/api/v1/tickets", tag = "tickets", params(TicketFilter, PageRequest),
    responses((status = 200, body = Page<TicketView>)))]
pub(super) async fn tickets(
    State(app): State<App>,
    Auth(caller): Auth,
    Q(filter): Q<TicketFilter>,
    Q(page): Q<PageRequest>,
) -> Reply<Page<TicketView>> {
    Ok(Json(tickets::list(&app, &caller, filter, page).await?))
}

/// Issue a ticket. Its text and its code are shown once.
#[utoipa::path(post, path = "/api/v1/tickets", tag = "tickets", request_body = NewTicket,
    responses((status = 201, body = IssuedTicket)))]
pub(super) async fn ticket_issue(
    State(app): State<App>,
    Auth(caller): Auth,
    Body(new): Body<NewTicket>,
) -> Result<Created<IssuedTicket>, Refusal> {
    let issued = tickets::issue(&app, &caller, new).await?;
    Ok(Created(issued, "/api/v1/tickets".into()))
}

/// Take a ticket back.
#[utoipa::path(post, path = "/api/v1/tickets/{ticket}/revoke", tag = "tickets", params(("ticket" = String, Path)),
    responses((status = 200, body = TicketView)))]
pub(super) async fn ticket_revoke(
    State(app): State<App>,
    Auth(caller): Auth,
    P(id): P<String>,
) -> Reply<TicketView> {
    Ok(Json(
        tickets::revoke(&app, &caller, tickets::parse_id(&id)?).await?,
    ))
}

/// People with rights at stations.
#[utoipa::path(get, path = "/api/v1/operators", tag = "operators", responses((status = 200, body = Vec<OperatorView>)))]
pub(super) async fn operators(State(app): State<App>, Auth(caller): Auth) -> Reply<Vec<OperatorView>> {
    Ok(Json(operators::list(&app, &caller).await?))
}

/// Add an operator, or change one. To change one needs If-Match.
#[utoipa::path(put, path = "/api/v1/operators/{operator}", tag = "operators", request_body = OperatorInput,
    params(("operator" = String, Path), ("If-Match" = Option<String>, Header)),
    responses((status = 200, body = OperatorView)))]
pub(super) async fn operator_put(
    State(app): State<App>,
    Auth(caller): Auth,
    P(id): P<String>,
    IfMatch(version): IfMatch,
    Body(input): Body<OperatorInput>,
) -> Result<Tagged<OperatorView>, Refusal> {
    let operator = operators::put(&app, &caller, id, input, version).await?;
    let version = operator.version;
    Ok(Tagged(operator, version))
}

/// Take an operator's rights away.
#[utoipa::path(delete, path = "/api/v1/operators/{operator}", tag = "operators",
    params(("operator" = String, Path), ("If-Match" = Option<String>, Header)), responses((status = 204)))]
pub(super) async fn operator_remove(
    State(app): State<App>,
    Auth(caller): Auth,
    P(id): P<String>,
    IfMatch(version): IfMatch,
) -> Result<StatusCode, Refusal> {
    operators::remove(&app, &caller, id, version).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// How a list is taken in.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(super) struct ImportQuery {
    /// Active users who are not on the list have departed: the list is everybody.
    complete: bool,
    /// What separates fields: `;`, `,` or `tab`; whatever the heading suggests if left out.
    delimiter: Option<String>,
    /// `utf-8`, `windows-1252`, `iso-8859-2` or `windows-1250`; if left out UTF-8, else Windows-1252.
    encoding: Option<String>,
    /// Which column is which, as JSON: `{"id": "Employee no.", "name": "Full name"}`; by the headings if left out. Columns
    /// that are not named here are left out.
    columns: Option<String>,
    /// Ids that look alike really are different people.
    allow_look_alikes: bool,
}

impl ImportQuery {
    fn options(self) -> Result<ImportOptions, Problem> {
        let columns = self.columns.as_deref().filter(|text| !text.is_empty());
        let columns = columns.map(serde_json::from_str).transpose();
        let wrong = |_| Problem::invalid("columns", "is no JSON object of headings by field");
        Ok(ImportOptions {
            complete: self.complete,
            delimiter: self.delimiter.filter(|text| !text.is_empty()),
            encoding: self.encoding.filter(|text| !text.is_empty()),
            columns: columns.map_err(wrong)?.unwrap_or_default(),
            allow_look_alikes: self.allow_look_alikes,
        })
    }
}

/// Lists that were read, the latest first.
#[utoipa::path(get, path = "/api/v1/imports", tag = "imports", responses((status = 200, body = Vec<ImportView>)))]
pub(super) async fn imports(State(app): State<App>, Auth(caller): Auth) -> Reply<Vec<ImportView>> {
    Ok(Json(imports::list(&app, &caller).await?))
}

/// Read a list of users, as CSV, and say what it would change.
#[utoipa::path(post, path = "/api/v1/imports/users", tag = "imports", params(ImportQuery),
    request_body(content = String, content_type = "text/csv"), responses((status = 201, body = ImportView)))]
pub(super) async fn import_users(
    State(app): State<App>,
    Auth(caller): Auth,
    Q(query): Q<ImportQuery>,
    Raw(bytes): Raw,
) -> Result<Created<ImportView>, Refusal> {
    import(app, caller, ImportKind::Users, query, bytes.to_vec()).await
}

/// Read a list of delivered bands, as CSV, and say what it would change.
#[utoipa::path(post, path = "/api/v1/imports/bands", tag = "imports", params(ImportQuery),
    request_body(content = String, content_type = "text/csv"), responses((status = 201, body = ImportView)))]
pub(super) async fn import_bands(
    State(app): State<App>,
    Auth(caller): Auth,
    Q(query): Q<ImportQuery>,
    Raw(bytes): Raw,
) -> Result<Created<ImportView>, Refusal> {
    import(app, caller, ImportKind::Bands, query, bytes.to_vec()).await
}

async fn import(
    app: App,
    caller: Caller,
    kind: ImportKind,
    query: ImportQuery,
    bytes: Vec<u8>,
) -> Result<Created<ImportView>, Refusal> {
    let view = imports::preview(&app, &caller, kind, query.options()?, bytes).await?;
    let at = format!("/api/v1/imports/{}", view.id);
    Ok(Created(view, at))
}

/// Read a list of one's own once more, under other options. The file is not sent again.
#[utoipa::path(post, path = "/api/v1/imports/{import}/again", tag = "imports",
    params(("import" = String, Path), ImportQuery), responses((status = 201, body = ImportView)))]
pub(super) async fn import_again(
    State(app): State<App>,
    Auth(caller): Auth,
    P(id): P<String>,
    Q(query): Q<ImportQuery>,
) -> Result<Created<ImportView>, Refusal> {
    let view = imports::again(&app, &caller, id, query.options()?).await?;
    let at = format!("/api/v1/imports/{}", view.id);
    Ok(Created(view, at))
}

/// Where to go on.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(super) struct ChangesQuery {
    /// How many were seen already.
    after: u32,
}

/// Every change of a list, a thousand at a time.
#[utoipa::path(get, path = "/api/v1/imports/{import}/changes", tag = "imports",
    params(("import" = String, Path), ChangesQuery), responses((status = 200, body = Vec<ImportChange>)))]
pub(super) async fn import_changes(
    State(app): State<App>,
    Auth(caller): Auth,
    P(id): P<String>,
    Q(query): Q<ChangesQuery>,
) -> Reply<Vec<ImportChange>> {
    let after = query.after as usize;
    Ok(Json(imports::changes(&app, &caller, id, after).await?))
}

/// One list that was read.
#[utoipa::path(get, path = "/api/v1/imports/{import}", tag = "imports", params(("import" = String, Path)),
    responses((status = 200, body = ImportView)))]
pub(super) async fn import_show(
    State(app): State<App>,
    Auth(caller): Auth,
    P(id): P<String>,
) -> Reply<ImportView> {
    Ok(Json(imports::show(&app, &caller, id).await?))
}

/// Take in a list that was read. If it deactivates more than one user in twenty it waits for another person.
#[utoipa::path(post, path = "/api/v1/imports/{import}/confirm", tag = "imports", params(("import" = String, Path)),
    responses((status = 200, body = ImportView)))]
pub(super) async fn import_confirm(
    State(app): State<App>,
    Auth(caller): Auth,
    P(id): P<String>,
) -> Reply<ImportView> {
    Ok(Json(imports::confirm(&app, &caller, id).await?))
}

/// Agree, as another person, to a list that waits.
#[utoipa::path(post, path = "/api/v1/imports/{import}/approve", tag = "imports", params(("import" = String, Path)),
    responses((status = 200, body = ImportView)))]
pub(super) async fn import_approve(
    State(app): State<App>,
    Auth(caller): Auth,
    P(id): P<String>,
) -> Reply<ImportView> {
    Ok(Json(imports::approve(&app, &caller, id).await?))
}

/// Give up a list that was read.
#[utoipa::path(post, path = "/api/v1/imports/{import}/cancel", tag = "imports", params(("import" = String, Path)),
    responses((status = 200, body = ImportView)))]
pub(super) async fn import_cancel(
    State(app): State<App>,
    Auth(caller): Auth,
    P(id): P<String>,
) -> Reply<ImportView> {
    Ok(Json(imports::cancel(&app, &caller, id).await?))
}

/// Who holds which band as CSV, ended associations too.
#[utoipa::path(get, path = "/api/v1/exports/associations.csv", tag = "exports",
    responses((status = 200, body = String, content_type = "text/csv")))]
pub(super) async fn export_associations(
    State(app): State<App>,
    Auth(caller): Auth,
) -> Result<Response, Refusal> {
    export(app, caller, Which::Associations).await
}

/// Every user as CSV, in the form in which it can be read in again.
#[utoipa::path(get, path = "/api/v1/exports/users.csv", tag = "exports",
    responses((status = 200, body = String, content_type = "text/csv")))]
pub(super) async fn export_users(State(app): State<App>, Auth(caller): Auth) -> Result<Response, Refusal> {
    export(app, caller, Which::Users).await
}

/// Every band as CSV.
#[utoipa::path(get, path = "/api/v1/exports/bands.csv", tag = "exports",
    responses((status = 200, body = String, content_type = "text/csv")))]
pub(super) async fn export_bands(State(app): State<App>, Auth(caller): Auth) -> Result<Response, Refusal> {
    export(app, caller, Which::Bands).await
}

async fn export(app: App, caller: Caller, which: Which) -> Result<Response, Refusal> {
    // Refused before the first byte, not in the middle.
    allow(&caller, Action::Export, "")?;
    let pieces =
        futures_util::stream::try_unfold((app, caller, None), move |(app, caller, after)| async move {
            let piece = exports::piece(&app, &caller, which, after).await?;
            Ok::<_, Problem>(piece.map(|(text, last)| (text, (app, caller, Some(last)))))
        });
    Ok(stream("text/csv; charset=utf-8", AnyBody::from_stream(pieces)))
}

fn stream(form: &'static str, body: AnyBody) -> Response {
    ([(header::CONTENT_TYPE, form)], body).into_response()
}

/// Rows of the audit, the latest first.
#[utoipa::path(get, path = "/api/v1/audit", tag = "audit", params(AuditFilter, PageRequest),
    responses((status = 200, body = Page<AuditRow>)))]
pub(super) async fn audit(
    State(app): State<App>,
    Auth(caller): Auth,
    Q(filter): Q<AuditFilter>,
    Q(page): Q<PageRequest>,
) -> Reply<Page<AuditRow>> {
    Ok(Json(audits::list(&app, &caller, filter, page).await?))
}

/// A head that was kept elsewhere.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(super) struct Anchor {
    /// Its sequence.
    sequence: Option<u64>,
    /// Its hash, in base16.
    hash: Option<String>,
}

/// Check the whole audit.
#[utoipa::path(get, path = "/api/v1/audit/verify", tag = "audit", params(Anchor),
    responses((status = 200, body = Verdict)))]
pub(super) async fn audit_verify(
    State(app): State<App>,
    Auth(caller): Auth,
    Q(anchor): Q<Anchor>,
) -> Reply<Verdict> {
    let anchor = match (anchor.sequence, anchor.hash) {
        (Some(sequence), Some(hash)) => Some(Head { sequence, hash }),
        (None, None) => None,
        _ => return Err(Problem::invalid("hash", "sequence and hash come together").into()),
    };
    Ok(Json(audits::verify(&app, &caller, anchor).await?))
}

/// The whole audit, one JSON object per line.
#[utoipa::path(get, path = "/api/v1/audit/export", tag = "audit",
    responses((status = 200, body = String, content_type = "application/jsonl")))]
pub(super) async fn audit_export(State(app): State<App>, Auth(caller): Auth) -> Result<Response, Refusal> {
    allow(&caller, Action::AuditExport, "")?;
    let pieces = futures_util::stream::try_unfold((app, caller, 0), |(app, caller, after)| async move {
        let piece = audits::export(&app, &caller, after).await?;
        Ok::<_, Problem>(piece.map(|(text, last)| (text, (app, caller, last))))
    });
    Ok(stream("application/jsonl", AnyBody::from_stream(pieces)))
}

/// Keys of the API, the newest first.
#[utoipa::path(get, path = "/api/v1/api-keys", tag = "api-keys", responses((status = 200, body = Vec<KeyView>)))]
pub(super) async fn api_keys(State(app): State<App>, Auth(caller): Auth) -> Reply<Vec<KeyView>> {
    Ok(Json(api_keys::list(&app, &caller).await?))
}

/// Make a key of the API. Its secret is shown once. A key never makes one that may do more than itself.
#[utoipa::path(post, path = "/api/v1/api-keys", tag = "api-keys", request_body = NewKey,
    responses((status = 201, body = MadeKey)))]
pub(super) async fn api_key_create(
    State(app): State<App>,
    Auth(caller): Auth,
    Body(new): Body<NewKey>,
) -> Result<Created<MadeKey>, Refusal> {
    if let crate::access::Via::ApiKey { scopes, .. } = &caller.via
        && let Some(scope) = new.scopes.iter().find(|scope| !scopes.contains(*scope))
    {
        let detail = format!("this key has no scope {scope}, so it makes none that has");
        return Err(Problem::new(Code::OutOfScope, detail, "make the key in the settings").into());
    }
    Ok(Created(
        api_keys::create(&app, &caller, new).await?,
        "/api/v1/api-keys".into(),
    ))
}

/// Revoke a key of the API, at once.
#[utoipa::path(post, path = "/api/v1/api-keys/{key}/revoke", tag = "api-keys", params(("key" = String, Path)),
    responses((status = 200, body = KeyView)))]
pub(super) async fn api_key_revoke(
    State(app): State<App>,
    Auth(caller): Auth,
    P(id): P<String>,
) -> Reply<KeyView> {
    Ok(Json(api_keys::revoke(&app, &caller, id).await?))
}

/// The settings, and the keys that stations are told.
#[utoipa::path(get, path = "/api/v1/settings", tag = "settings", responses((status = 200, body = SettingsView)))]
pub(super) async fn settings(State(app): State<App>, Auth(caller): Auth) -> Reply<SettingsView> {
    Ok(Json(keys::show(&app, &caller).await?))
}

/// What can be set.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SettingsInput {
    /// The organization's name.
    #[schema(min_length = 1, max_length = 100)]
    organization: String,
}

/// Change the settings.
#[utoipa::path(put, path = "/api/v1/settings", tag = "settings", request_body = SettingsInput,
    responses((status = 200, body = SettingsView)))]
pub(super) async fn settings_edit(
    State(app): State<App>,
    Auth(caller): Auth,
    Body(input): Body<SettingsInput>,
) -> Reply<SettingsView> {
    Ok(Json(keys::rename(&app, &caller, input.organization).await?))
}

/// Make bands of a manufacturer welcome.
#[utoipa::path(post, path = "/api/v1/settings/manufacturers", tag = "settings", request_body = NewMake,
    responses((status = 200, body = SettingsView)))]
pub(super) async fn make_welcome(
    State(app): State<App>,
    Auth(caller): Auth,
    Body(make): Body<NewMake>,
) -> Reply<SettingsView> {
    Ok(Json(keys::welcome(&app, &caller, make).await?))
}

/// Make a new key that signs tickets; it signs from a day from now on.
#[utoipa::path(post, path = "/api/v1/settings/ticket-keys", tag = "settings", responses((status = 201, body = PublicKeyView)))]
pub(super) async fn ticket_key(
    State(app): State<App>,
    Auth(caller): Auth,
) -> Result<Created<PublicKeyView>, Refusal> {
    let key = keys::rotate(&app, &caller, Rotating::Tickets, None).await?;
    Ok(Created(key, "/api/v1/settings".into()))
}

/// Who needs a second factor.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FactorRequired {
    /// The roles whose accounts need one.
    roles: BTreeSet<Role>,
}

/// The roles whose accounts need a second factor.
#[utoipa::path(get, path = "/api/v1/settings/second-factor", tag = "accounts", responses((status = 200, body = FactorRequired)))]
pub(super) async fn factor_required(State(app): State<App>, Auth(caller): Auth) -> Reply<FactorRequired> {
    let roles = factor::required(&app, &caller).await?;
    Ok(Json(FactorRequired { roles }))
}

/// Require a second factor of every account of these roles.
#[utoipa::path(put, path = "/api/v1/settings/second-factor", tag = "accounts", request_body = FactorRequired,
    responses((status = 200, body = FactorRequired)))]
pub(super) async fn factor_require(
    State(app): State<App>,
    Auth(caller): Auth,
    Body(input): Body<FactorRequired>,
) -> Reply<FactorRequired> {
    let roles = factor::require(&app, &caller, input.roles).await?;
    Ok(Json(FactorRequired { roles }))
}

/// Make a new key under which codes to type are hashed; it counts from a day from now on.
#[utoipa::path(post, path = "/api/v1/settings/code-keys", tag = "settings", responses((status = 201, body = PublicKeyView)))]
pub(super) async fn code_key(
    State(app): State<App>,
    Auth(caller): Auth,
) -> Result<Created<PublicKeyView>, Refusal> {
    let key = keys::rotate(&app, &caller, Rotating::Codes, None).await?;
    Ok(Created(key, "/api/v1/settings".into()))
}

/// Make the authority that takes the place of the present one. Stations go over by themselves; the earlier one goes as
/// soon as none of them needs it.
#[utoipa::path(post, path = "/api/v1/settings/authorities", tag = "settings", responses((status = 201, body = AuthorityView)))]
pub(super) async fn authority_make(
    State(app): State<App>,
    Auth(caller): Auth,
) -> Result<Created<AuthorityView>, Refusal> {
    let made = authority::rotate(&app, &caller, None).await?;
    Ok(Created(made, "/api/v1/settings".into()))
}

/// Leave the earlier authority at once. Stations that have not gone over are cut off until somebody lets them join again.
#[utoipa::path(post, path = "/api/v1/settings/authorities/retire", tag = "settings", responses((status = 200, body = AuthorityView)))]
pub(super) async fn authority_retire(State(app): State<App>, Auth(caller): Auth) -> Reply<AuthorityView> {
    Ok(Json(authority::retire(&app, &caller, None).await?))
}

/// Make a new key that signs what stations are told. It signs from a day from now on.
#[utoipa::path(post, path = "/api/v1/settings/feed-keys", tag = "settings", responses((status = 201, body = PublicKeyView)))]
pub(super) async fn feed_key(
    State(app): State<App>,
    Auth(caller): Auth,
) -> Result<Created<PublicKeyView>, Refusal> {
    let key = keys::rotate(&app, &caller, Rotating::Feed, None).await?;
    Ok(Created(key, "/api/v1/settings".into()))
}

/// Somebody who may sign in.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AccountView {
    /// Which account.
    id: String,
    /// What is typed to sign in.
    login: String,
    /// The person's name.
    name: String,
    /// What the person is here.
    role: Role,
    /// The sites the person is limited to; empty: not limited.
    sites: BTreeSet<String>,
    /// The password is set.
    has_password: bool,
    /// A code is asked for beside the password.
    has_factor: bool,
    /// Since when it is disabled, in milliseconds since 1970.
    disabled_ms: Option<i64>,
    /// The last sign-in.
    signed_in_ms: Option<i64>,
    /// Counts the changes; the ETag.
    version: u64,
}

impl From<Account> for AccountView {
    fn from(account: Account) -> Self {
        Self {
            id: account.id,
            login: account.login,
            name: account.name,
            role: account.role,
            sites: account.sites,
            has_password: account.has_password,
            has_factor: account.has_factor,
            disabled_ms: account.disabled.map(|at| at.0),
            signed_in_ms: account.signed_in.map(|at| at.0),
            version: account.version,
        }
    }
}

/// Who may sign in.
#[utoipa::path(get, path = "/api/v1/accounts", tag = "accounts", responses((status = 200, body = Vec<AccountView>)))]
pub(super) async fn accounts(State(app): State<App>, Auth(caller): Auth) -> Reply<Vec<AccountView>> {
    let all = accounts::list(&app, &caller).await?;
    Ok(Json(all.into_iter().map(Into::into).collect()))
}

/// One account.
#[utoipa::path(get, path = "/api/v1/accounts/{account}", tag = "accounts", params(("account" = String, Path)),
    responses((status = 200, body = AccountView)))]
pub(super) async fn account(
    State(app): State<App>,
    Auth(caller): Auth,
    P(id): P<String>,
) -> Result<Tagged<AccountView>, Refusal> {
    let account = accounts::show(&app, &caller, id).await?;
    let version = i64::try_from(account.version).unwrap_or(i64::MAX);
    Ok(Tagged(account.into(), version))
}

/// What is said of an account.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AccountInput {
    /// What is typed to sign in; only for a new account.
    #[serde(default)]
    login: Option<String>,
    /// The person's name.
    name: String,
    /// What the person is here.
    role: Role,
    /// The sites the person is limited to; empty: not limited.
    #[serde(default)]
    sites: BTreeSet<String>,
}

impl AccountInput {
    fn wanted(self) -> Wanted {
        Wanted {
            name: self.name,
            role: self.role,
            sites: self.sites,
        }
    }
}

/// An account, and the link by which its person sets the password.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LinkedAccount {
    /// The account.
    account: AccountView,
    /// The one-time link. Shown once.
    link: String,
}

/// Add an account. Answers with a one-time link for its person.
#[utoipa::path(post, path = "/api/v1/accounts", tag = "accounts", request_body = AccountInput,
    responses((status = 201, body = LinkedAccount)))]
pub(super) async fn account_create(
    State(app): State<App>,
    Auth(caller): Auth,
    Body(input): Body<AccountInput>,
) -> Result<Created<LinkedAccount>, Refusal> {
    let login = input
        .login
        .clone()
        .ok_or_else(|| Problem::invalid("login", "a new account needs one"))?;
    let made = accounts::create(&app, &caller, &login, input.wanted()).await;
    let (account, link) = made.map_err(accounts::Refused::problem)?;
    let at = format!("/api/v1/accounts/{}", account.id);
    let account = account.into();
    Ok(Created(LinkedAccount { account, link }, at))
}

/// Change name, role and sites of an account. Needs If-Match.
#[utoipa::path(put, path = "/api/v1/accounts/{account}", tag = "accounts", request_body = AccountInput,
    params(("account" = String, Path), ("If-Match" = String, Header)), responses((status = 200, body = AccountView)))]
pub(super) async fn account_edit(
    State(app): State<App>,
    Auth(caller): Auth,
    P(id): P<String>,
    version: IfMatch,
    Body(input): Body<AccountInput>,
) -> Result<Tagged<AccountView>, Refusal> {
    let present = match version.required()? {
        Some(version) => u64::try_from(version).unwrap_or(0),
        None => accounts::show(&app, &caller, id.clone()).await?.version,
    };
    let edited = accounts::edit(&app, &caller, id.clone(), present, input.wanted()).await;
    edited.map_err(accounts::Refused::problem)?;
    account(State(app), Auth(caller), P(id)).await
}

/// Disable an account and end its sessions.
#[utoipa::path(post, path = "/api/v1/accounts/{account}/disable", tag = "accounts", params(("account" = String, Path)),
    responses((status = 200, body = AccountView)))]
pub(super) async fn account_disable(
    State(app): State<App>,
    Auth(caller): Auth,
    P(id): P<String>,
) -> Result<Tagged<AccountView>, Refusal> {
    let done = accounts::disable(&app, &caller, id.clone()).await;
    done.map_err(accounts::Refused::problem)?;
    account(State(app), Auth(caller), P(id)).await
}

/// Let somebody sign in again.
#[utoipa::path(post, path = "/api/v1/accounts/{account}/enable", tag = "accounts", params(("account" = String, Path)),
    responses((status = 200, body = AccountView)))]
pub(super) async fn account_enable(
    State(app): State<App>,
    Auth(caller): Auth,
    P(id): P<String>,
) -> Result<Tagged<AccountView>, Refusal> {
    let done = accounts::enable(&app, &caller, id.clone()).await;
    done.map_err(accounts::Refused::problem)?;
    account(State(app), Auth(caller), P(id)).await
}

/// Remove the second factor of somebody who lost it, and end the sessions.
#[utoipa::path(post, path = "/api/v1/accounts/{account}/factor-reset", tag = "accounts",
    params(("account" = String, Path)), responses((status = 200, body = AccountView)))]
pub(super) async fn account_factor_reset(
    State(app): State<App>,
    Auth(caller): Auth,
    P(id): P<String>,
) -> Result<Tagged<AccountView>, Refusal> {
    factor::reset(&app, &caller, id.clone()).await?;
    account(State(app), Auth(caller), P(id)).await
}
