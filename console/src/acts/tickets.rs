//! Tickets: issued here, used at a station, as QR text and as a code to type.

use ed25519_dalek::SigningKey;
use firmware_protocol::id::UserHandle;
use firmware_protocol::time::UnixSeconds;
use policy::model::{UnixMillis, UserId, UserStatus, Zone};
use serde::{Deserialize, Serialize};
use serde_json::json;
use station_core::convert;
use station_core::ticket::{CODE_CHARS, CodeKey, TicketClaims, TicketId, TypedCode, sign_ticket};
use utoipa::{IntoParams, ToSchema};

use super::page::{Page, PageRequest};
use super::{change, look, record, text, users};
use crate::access::{Action, Caller, allow, allow_somewhere};
use crate::audit::Record;
use crate::db::Tx;
use crate::edge::random;
use crate::problem::{Code, Problem};
use crate::serve::App;
use crate::store::keys;
use crate::store::tickets::{self as store, TicketRow};
use crate::vault::{Vault, names};

/// Clocks of stations differ by minutes: a ticket holds from a while before it was issued.
const BEFORE_S: u64 = 60 * 60;
const HOURS_MAX: u32 = 24 * 30;
/// The same in milliseconds.
pub(crate) const TICKET_MS_MAX: u64 = HOURS_MAX as u64 * 3_600_000;

/// A new ticket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTicket {
    /// Whom it identifies.
    pub user: String,
    /// The site at which it may be used; the user's own if left out.
    #[serde(default)]
    pub site: Option<String>,
    /// `enrollment` or `registration`.
    #[serde(default)]
    #[schema(value_type = String)]
    pub zone: Zone,
    /// How long it holds, in hours: 1 to 720, 12 if left out.
    #[serde(default = "twelve")]
    #[schema(minimum = 1, maximum = 720)]
    pub hours: u32,
}

fn twelve() -> u32 {
    12
}

/// A ticket. Its text and its code are shown once, to whoever issued it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TicketView {
    /// Which ticket: 32 hexadecimal digits.
    pub id: String,
    /// Whom it identifies.
    pub user: String,
    /// The site at which it may be used.
    pub site: String,
    /// `enrollment` or `registration`.
    #[schema(value_type = String)]
    pub zone: Zone,
    /// From when on, in seconds since 1970.
    pub not_before: u64,
    /// Until when.
    pub expires: u64,
    /// Who issued it.
    pub issued_by: String,
    /// When, in milliseconds since 1970.
    pub issued_ms: i64,
    /// When it was taken back.
    pub revoked_ms: Option<i64>,
    /// When it was used.
    pub spent_ms: Option<i64>,
}

impl From<TicketRow> for TicketView {
    fn from(row: TicketRow) -> Self {
        Self {
            id: TicketId(row.id).to_string(),
            user: row.user.to_string(),
            site: row.site,
            zone: row.zone,
            not_before: row.not_before,
            expires: row.expires,
            issued_by: row.issued_by,
            issued_ms: row.issued.0,
            revoked_ms: row.revoked.map(|at| at.0),
            spent_ms: row.spent.map(|at| at.0),
        }
    }
}

/// A ticket that was just issued.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IssuedTicket {
    /// The ticket.
    pub ticket: TicketView,
    /// The text of its QR code. Works at once, also at stations that are offline.
    pub text: String,
    /// The code to type instead. Works as soon as the station has heard of it.
    pub code: String,
}

/// Whoever has text or code is the person.
impl std::fmt::Debug for IssuedTicket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IssuedTicket")
            .field("ticket", &self.ticket)
            .finish_non_exhaustive()
    }
}

/// Issues a ticket.
pub async fn issue(app: &App, caller: &Caller, new: NewTicket) -> Result<IssuedTicket, Problem> {
    let user = users::id(&new.user)?;
    if !(1..=HOURS_MAX).contains(&new.hours) {
        return Err(Problem::invalid(
            "hours",
            format_args!("is outside 1 to {HOURS_MAX}"),
        ));
    }
    let site = new
        .site
        .as_deref()
        .map(|site| text("site", site, 64))
        .transpose()?;
    let secrets = Secrets::draw()?;
    let (caller, vault) = (caller.clone(), app.vault.clone());
    change(app, move |tx, now| {
        let row = users::find(tx, &caller, Action::TicketIssue, &user)?;
        let site = site.clone().unwrap_or_else(|| row.site.clone());
        if site.is_empty() {
            return Err(Problem::invalid(
                "site",
                "the user belongs to no site: name the station's",
            ));
        }
        allow(&caller, Action::TicketIssue, &site)?;
        if row.status != UserStatus::Active || row.suspension.is_some() {
            let detail =
                format!("{user} is not an active user, or is suspended, and would be refused at the station");
            return Err(Problem::new(
                Code::WrongState,
                detail,
                "make the user active, or resume, first",
            ));
        }
        let grant = Grant {
            user: &user,
            handle: row.handle,
            site: &site,
            zone: new.zone,
            hours: new.hours,
        };
        let issued = grant.sign(tx, &vault, &caller, &secrets, now)?;
        let what = Record {
            action: Action::TicketIssue.as_str(),
            subject_kind: "user",
            subject: user.as_str(),
            site: &site,
            after: json!({ "ticket": issued.ticket.id, "zone": new.zone, "expires": issued.ticket.expires }),
            ..Record::default()
        };
        record(tx, &caller, &what, now)?;
        Ok(issued)
    })
    .await
}

/// Random bytes, drawn before the transaction, which may run twice.
struct Secrets {
    id: [u8; 16],
    code: [u8; CODE_CHARS - 1],
}

impl Secrets {
    fn draw() -> Result<Self, Problem> {
        let none = |error: anyhow::Error| Problem::new(Code::Unavailable, error.to_string(), "");
        Ok(Self {
            id: random().map_err(none)?,
            code: random().map_err(none)?,
        })
    }
}

struct Grant<'a> {
    user: &'a UserId,
    handle: [u8; 16],
    site: &'a str,
    zone: Zone,
    hours: u32,
}

impl Grant<'_> {
    fn sign(
        &self,
        tx: &Tx<'_>,
        vault: &Vault,
        caller: &Caller,
        secrets: &Secrets,
        now: UnixMillis,
    ) -> Result<IssuedTicket, Problem> {
        let second = (now.0 / 1000).max(0) as u64;
        let issuer = keys::current(tx, keys::TICKET_ISSUER, now)?;
        let key = vault.require_key(tx, &format!("{}{}", names::TICKET, issuer.id))?;
        let code_key = keys::current(tx, keys::CODE, now)?;
        let code_key = vault.require_key(tx, &format!("{}{}", names::CODE, code_key.id))?;
        let claims = TicketClaims {
            id: TicketId(secrets.id),
            user: UserHandle(self.handle),
            site: self.site.to_owned(),
            zone: convert::zone_on_air(self.zone),
            not_before: UnixSeconds(second.saturating_sub(BEFORE_S)),
            expires: UnixSeconds(second + u64::from(self.hours) * 3600),
        };
        let code = TypedCode::from_random(secrets.code);
        let row = TicketRow {
            id: secrets.id,
            user: self.user.clone(),
            site: self.site.to_owned(),
            zone: self.zone,
            not_before: claims.not_before.0,
            expires: claims.expires.0,
            code_hash: Some(code.hash(&CodeKey(*code_key)).0),
            issuer: issuer.id,
            issued_by: caller.account.clone(),
            issued: now,
            revoked: None,
            spent: None,
            version: 1,
        };
        store::insert(tx, &row)?;
        Ok(IssuedTicket {
            ticket: row.into(),
            text: sign_ticket(&claims, &SigningKey::from_bytes(&key)),
            code: code.reveal(),
        })
    }
}

/// Which tickets to list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub struct TicketFilter {
    /// Of this user.
    pub user: Option<String>,
    /// Only those that can still be used.
    pub usable: Option<bool>,
}

/// Tickets, the latest first.
pub async fn list(
    app: &App,
    caller: &Caller,
    filter: TicketFilter,
    page: PageRequest,
) -> Result<Page<TicketView>, Problem> {
    allow_somewhere(caller, Action::TicketView)?;
    let (len, before) = (
        page.rows()?,
        page.after()?.map(|text| parse_key(&text)).transpose()?,
    );
    let user = filter.user.as_deref().map(users::id).transpose()?;
    let sites: Vec<String> = caller.sites.iter().cloned().collect();
    look(app, move |tx, now| {
        let second = (now.0 / 1000).max(0) as u64;
        let wanted = store::Filter {
            user,
            sites,
            usable_at: filter.usable.unwrap_or(false).then_some(second),
            before,
        };
        let rows = store::list(tx, &wanted, len + 1)?;
        let key = |row: &TicketRow| format!("{} {}", row.issued.0, TicketId(row.id));
        Ok(Page::new(rows, len, key).map(Into::into))
    })
    .await
}

fn parse_key(text: &str) -> Result<(i64, [u8; 16]), Problem> {
    let wrong = || {
        Problem::new(
            Code::Malformed,
            "cursor: is not one of this list",
            "begin without a cursor",
        )
    };
    let (at, id) = text.split_once(' ').ok_or_else(wrong)?;
    Ok((
        at.parse().map_err(|_| wrong())?,
        parse_id(id).map_err(|_| wrong())?,
    ))
}

/// The id out of an address or a form.
pub fn parse_id(text: &str) -> Result<[u8; 16], Problem> {
    let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).ok();
    let id = bytes.and_then(|bytes| bytes.try_into().ok());
    id.ok_or_else(|| Problem::invalid("ticket", "expected 32 hexadecimal digits"))
}

/// Takes a ticket back.
pub async fn revoke(app: &App, caller: &Caller, id: [u8; 16]) -> Result<TicketView, Problem> {
    let caller = caller.clone();
    change(app, move |tx, now| {
        allow_somewhere(&caller, Action::TicketIssue)?;
        let missing = || Problem::not_found("ticket", TicketId(id));
        let row = store::get(tx, &id)?.ok_or_else(missing)?;
        allow(&caller, Action::TicketIssue, &row.site)?;
        if row.revoked.is_some() {
            return Ok(row.into());
        }
        store::revoke(tx, &row, now)?;
        let what = Record {
            action: "ticket_revoke",
            subject_kind: "user",
            subject: row.user.as_str(),
            site: &row.site,
            before: json!({ "ticket": TicketId(id).to_string() }),
            ..Record::default()
        };
        record(tx, &caller, &what, now)?;
        Ok(store::get(tx, &id)?.ok_or_else(missing)?.into())
    })
    .await
}
