//! What people mean, instead of check boxes: lost, found, forgot today, broken, returned, leaver, and so on.
//!
//! Each says what it will do before it does it: [`preview`] folds the history with what would be said added
//! and compares; [`confirm`] says it. Whoever confirms may send the seal of the effects that were shown; if
//! they are other ones by now, nothing is done.

use policy::merge::{Event, Verdict};
use policy::model::{
    Association, AssociationId, Band, BandSerial, StockState, UnixMillis, UserId, UserStatus,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::effects::{Effect, between, seal};
use super::{change, look, record, text, users};
use crate::access::{Action, Caller, allow, allow_somewhere};
use crate::args;
use crate::audit::Record;
use crate::db::{DbError, Tx};
use crate::problem::{Code, Problem};
use crate::serve::App;
use crate::store::{associations, bands, history, tickets, users as user_store};

/// Longest time for which a band may stand in for a forgotten one.
const TEMPORARY_MS_MAX: i64 = 7 * 24 * 60 * 60 * 1000;

/// What somebody wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "intent", deny_unknown_fields)]
pub enum Intent {
    /// The user lost this band: it is out of use until it is found, and stays the user's.
    Lost {
        /// Which association.
        association: String,
    },
    /// The band was found: it is in stock again, and the active one of whoever has it.
    Found {
        /// Which band.
        band: String,
    },
    /// The user forgot the band at home: what the user enrolls before `until_ms` stands in for it.
    ForgotToday {
        /// Who.
        user: String,
        /// Until when, in milliseconds since 1970: at most seven days from now.
        until_ms: i64,
    },
    /// The band is broken: it is the user's no more, and nobody else's.
    Broken {
        /// Which band.
        band: String,
    },
    /// The band was handed in: it is the user's no more, and free for others.
    Returned {
        /// Which band.
        band: String,
    },
    /// The user leaves: no band is the user's any more, and tickets are taken back.
    Leaver {
        /// Who.
        user: String,
    },
    /// The directory says how the user stands.
    Stand {
        /// Who.
        user: String,
        /// `active`, `not_yet`, `departed` or `unknown`.
        #[schema(value_type = String)]
        status: UserStatus,
    },
    /// The user may use no band for a while.
    Suspend {
        /// Who.
        user: String,
        /// Why, at most 200 characters.
        #[serde(default)]
        note: String,
    },
    /// The user may use bands again.
    Resume {
        /// Who.
        user: String,
    },
    /// The band is the user's no more.
    Disconnect {
        /// Which association.
        association: String,
    },
    /// This one band of the user may not be used for a while.
    SuspendBand {
        /// Which association.
        association: String,
        /// Why, at most 200 characters.
        #[serde(default)]
        note: String,
    },
    /// This one band of the user may be used again.
    ResumeBand {
        /// Which association.
        association: String,
    },
    /// The user works with this band from now on.
    MakeActive {
        /// Which association.
        association: String,
    },
    /// The user works with this band no more; it stays the user's.
    MakeInactive {
        /// Which association.
        association: String,
    },
    /// This is the user's real band.
    MakePrimary {
        /// Which association.
        association: String,
    },
    /// How the band stands in the stock.
    StandBand {
        /// Which band.
        band: String,
        /// `in_stock`, `unknown`, `damaged`, `retired` or `lost`.
        #[schema(value_type = String)]
        stock: StockState,
    },
    /// What waits in quarantine stands.
    Keep {
        /// Which association.
        association: String,
    },
    /// What waits in quarantine ends.
    Reject {
        /// Which association.
        association: String,
    },
}

/// What would happen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Preview {
    /// What is wanted.
    pub intent: Intent,
    /// What becomes true, in the order in which people are told. Nothing if it is so already.
    pub effects: Vec<Effect>,
    /// Send it with the confirmation: if the effects are others by then, nothing is done.
    pub seal: String,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Confirmed {
    /// What was wanted.
    pub intent: Intent,
    /// What became true.
    pub effects: Vec<Effect>,
    /// What takes it back, where that is safe.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undo: Option<Intent>,
}

/// What is to be done.
struct Plan {
    action: Action,
    kind: &'static str,
    id: String,
    site: String,
    events: Vec<Event>,
    /// What is no part of history.
    beside: Beside,
    undo: Option<Intent>,
}

#[derive(Default)]
struct Beside {
    revoke_tickets: Option<UserId>,
    temporary: Option<(UserId, UnixMillis)>,
    still_out: Vec<(UserId, BandSerial)>,
}

/// What an intent would do.
pub async fn preview(app: &App, caller: &Caller, intent: Intent) -> Result<Preview, Problem> {
    let caller = caller.clone();
    look(app, move |tx, now| {
        let plan = plan(tx, &caller, &intent, now)?;
        let effects = effects(tx, &plan, now)?;
        let seal = seal(&effects);
        Ok(Preview {
            intent,
            effects,
            seal,
        })
    })
    .await
}

/// Does what an intent says.
pub async fn confirm(
    app: &App,
    caller: &Caller,
    intent: Intent,
    shown: Option<String>,
) -> Result<Confirmed, Problem> {
    let caller = caller.clone();
    change(app, move |tx, now| {
        let plan = plan(tx, &caller, &intent, now)?;
        let effects = effects(tx, &plan, now)?;
        check_shown(shown.as_deref(), &effects)?;
        let undo = plan.undo.clone().filter(|_| !effects.is_empty());
        if !effects.is_empty() {
            apply(tx, &plan, now)?;
            let what = Record {
                action: plan.action.as_str(),
                subject_kind: plan.kind,
                subject: &plan.id,
                site: &plan.site,
                before: json!(null),
                after: json!({ "intent": intent, "effects": effects }),
            };
            record(tx, &caller, &what, now)?;
        }
        let intent = intent.clone();
        Ok(Confirmed {
            intent,
            effects,
            undo,
        })
    })
    .await
}

fn check_shown(shown: Option<&str>, effects: &[Effect]) -> Result<(), Problem> {
    match shown {
        Some(shown) if shown != seal(effects) => {
            let detail = "something changed since the effects were shown, and they would be others now";
            Err(
                Problem::new(Code::PreviewOutdated, detail, "look at the effects again")
                    .with("effects", effects),
            )
        }
        _ => Ok(()),
    }
}

fn apply(tx: &Tx<'_>, plan: &Plan, now: UnixMillis) -> Result<(), Problem> {
    history::say(tx, plan.events.clone(), now)?;
    if let Some((user, until)) = &plan.beside.temporary {
        user_store::set_temporary(tx, user, Some(*until), now)?;
    }
    if let Some(user) = &plan.beside.revoke_tickets {
        for ticket in usable_tickets(tx, user, now)? {
            tickets::revoke(tx, &ticket, now)?;
        }
    }
    Ok(())
}

fn usable_tickets(tx: &Tx<'_>, user: &UserId, now: UnixMillis) -> Result<Vec<tickets::TicketRow>, DbError> {
    let filter = tickets::Filter {
        user: Some(user.clone()),
        usable_at: Some((now.0 / 1000).max(0) as u64),
        ..Default::default()
    };
    tickets::list(tx, &filter, 1000)
}

fn effects(tx: &Tx<'_>, plan: &Plan, now: UnixMillis) -> Result<Vec<Effect>, Problem> {
    let (before, after) = history::foresee(tx, &plan.events, now)?;
    let mut effects = between(&before, &after);
    let beside = &plan.beside;
    if let Some(user) = &beside.revoke_tickets {
        let count = usable_tickets(tx, user, now)?.len() as u64;
        let user = user.to_string();
        effects.extend((count > 0).then_some(Effect::TicketsRevoked { user, count }));
    }
    if let Some((user, until)) = &beside.temporary {
        effects.push(Effect::NextBandIsTemporary {
            user: user.to_string(),
            until_ms: until.0,
        });
    }
    for (user, band) in &beside.still_out {
        let (user, band) = (user.to_string(), band.to_string());
        effects.push(Effect::BandStillOut { user, band });
    }
    Ok(effects)
}

fn find_association(
    tx: &Tx<'_>,
    caller: &Caller,
    action: Action,
    id: &str,
) -> Result<(Association, String), Problem> {
    allow_somewhere(caller, action)?;
    let id: AssociationId = id
        .parse()
        .map_err(|fault| Problem::invalid("association", fault))?;
    let found = associations::get(tx, &id)?.ok_or_else(|| Problem::not_found("association", id))?;
    let site = site_of(tx, &found.user)?;
    allow(caller, action, &site)?;
    Ok((found, site))
}

fn site_of(tx: &Tx<'_>, user: &UserId) -> Result<String, DbError> {
    Ok(user_store::get(tx, user)?.map(|row| row.site).unwrap_or_default())
}

/// The band and who holds it; the caller must be allowed to everybody who does.
fn find_band(
    tx: &Tx<'_>,
    caller: &Caller,
    serial: &str,
) -> Result<(Band, Vec<Association>, String), Problem> {
    let action = Action::BandStand;
    allow_somewhere(caller, action)?;
    let serial: BandSerial = serial.parse().map_err(|fault| Problem::invalid("band", fault))?;
    let row = bands::get(tx, &serial)?.ok_or_else(|| Problem::not_found("band", serial))?;
    let sql = format!(
        "select {} from associations where band = $1 and ended_ms is null",
        associations::COLUMNS
    );
    let holders = tx.all(&sql, args![&serial], associations::read)?;
    let mut site = row.site;
    for holder in &holders {
        site = site_of(tx, &holder.user)?;
        allow(caller, action, &site)?;
    }
    if holders.is_empty() && !site.is_empty() {
        allow(caller, action, &site)?;
    }
    Ok((row.band, holders, site))
}

fn open_of(tx: &Tx<'_>, user: &UserId) -> Result<Vec<Association>, DbError> {
    let sql = format!(
        "select {} from associations where usr = $1 and ended_ms is null",
        associations::COLUMNS
    );
    tx.all(&sql, args![user], associations::read)
}

fn not_open(association: &Association) -> Result<(), Problem> {
    if association.is_open() {
        return Ok(());
    }
    let detail = "this association has ended: the band is the user's no more";
    Err(Problem::new(Code::WrongState, detail, ""))
}

fn stands(band: &Band, stock: StockState) -> Event {
    let band = Band {
        stock,
        ..band.clone()
    };
    Event::BandStands { band }
}

fn end_all(holders: &[Association]) -> impl Iterator<Item = Event> {
    holders.iter().map(|holder| Event::Disconnected {
        association: holder.id,
    })
}

fn plan(tx: &Tx<'_>, caller: &Caller, intent: &Intent, now: UnixMillis) -> Result<Plan, Problem> {
    match intent {
        Intent::ForgotToday { user, .. }
        | Intent::Leaver { user }
        | Intent::Stand { user, .. }
        | Intent::Suspend { user, .. }
        | Intent::Resume { user } => for_user(tx, caller, intent, user, now),
        Intent::Found { band }
        | Intent::Broken { band }
        | Intent::Returned { band }
        | Intent::StandBand { band, .. } => for_band(tx, caller, intent, band),
        Intent::Lost { association }
        | Intent::Disconnect { association }
        | Intent::SuspendBand { association, .. }
        | Intent::ResumeBand { association }
        | Intent::MakeActive { association }
        | Intent::MakeInactive { association }
        | Intent::MakePrimary { association }
        | Intent::Keep { association }
        | Intent::Reject { association } => for_association(tx, caller, intent, association),
    }
}

fn for_user(
    tx: &Tx<'_>,
    caller: &Caller,
    intent: &Intent,
    user: &str,
    now: UnixMillis,
) -> Result<Plan, Problem> {
    let action = match intent {
        Intent::Suspend { .. } | Intent::Resume { .. } => Action::UserSuspend,
        Intent::ForgotToday { .. } => Action::AssociationChange,
        _ => Action::UserStatus,
    };
    let id = users::id(user)?;
    let row = users::find(tx, caller, action, &id)?;
    let user = || id.clone();
    let name = || id.to_string();
    let mut beside = Beside::default();
    let mut undo = None;
    let events = match intent {
        Intent::Suspend { note, .. } => {
            undo = Some(Intent::Resume { user: name() });
            let note = text("note", note, 200)?;
            vec![Event::UserSuspended { user: user(), note }]
        }
        Intent::Resume { .. } => {
            let note = row.suspension.clone().map(|it| it.note).unwrap_or_default();
            undo = Some(Intent::Suspend { user: name(), note });
            vec![Event::UserResumed { user: user() }]
        }
        Intent::Stand { status, .. } => {
            undo = Some(Intent::Stand {
                user: name(),
                status: row.status,
            });
            vec![Event::UserStands {
                user: user(),
                status: *status,
            }]
        }
        Intent::Leaver { .. } => leaver(tx, &id, &mut beside)?,
        Intent::ForgotToday { until_ms, .. } => {
            beside.temporary = Some((user(), checked_until(*until_ms, now)?));
            let active = open_of(tx, &id)?.into_iter().filter(|it| it.is_active(now));
            active
                .map(|it| Event::MadeInactive { association: it.id })
                .collect()
        }
        other => unreachable!("{other:?} is not about a user"),
    };
    Ok(Plan {
        action,
        kind: "user",
        id: name(),
        site: row.site,
        events,
        beside,
        undo,
    })
}

fn leaver(tx: &Tx<'_>, id: &UserId, beside: &mut Beside) -> Result<Vec<Event>, Problem> {
    let held = open_of(tx, id)?;
    beside.revoke_tickets = Some(id.clone());
    beside.still_out = held.iter().map(|it| (id.clone(), it.band)).collect();
    beside.still_out.sort();
    beside.still_out.dedup();
    let status = UserStatus::Departed;
    let stands = Event::UserStands {
        user: id.clone(),
        status,
    };
    Ok([stands].into_iter().chain(end_all(&held)).collect())
}

fn checked_until(until_ms: i64, now: UnixMillis) -> Result<UnixMillis, Problem> {
    let ahead = UnixMillis(until_ms).since(now);
    if ahead <= 0 || ahead > TEMPORARY_MS_MAX {
        return Err(Problem::invalid("until_ms", "is not within the next seven days"));
    }
    Ok(UnixMillis(until_ms))
}

fn for_band(tx: &Tx<'_>, caller: &Caller, intent: &Intent, serial: &str) -> Result<Plan, Problem> {
    let (band, holders, site) = find_band(tx, caller, serial)?;
    let mut undo = None;
    let events = match intent {
        Intent::Broken { .. } => end_all(&holders)
            .chain([stands(&band, StockState::Damaged)])
            .collect(),
        Intent::Returned { .. } => end_all(&holders)
            .chain([stands(&band, StockState::InStock)])
            .collect(),
        Intent::Found { .. } => {
            let active = holders.iter().map(|it| Event::MadeActive { association: it.id });
            [stands(&band, StockState::InStock)]
                .into_iter()
                .chain(active)
                .collect()
        }
        Intent::StandBand { stock, .. } => {
            undo = Some(Intent::StandBand {
                band: serial.to_owned(),
                stock: band.stock,
            });
            vec![stands(&band, *stock)]
        }
        other => unreachable!("{other:?} is not about a band"),
    };
    let (action, beside) = (Action::BandStand, Beside::default());
    Ok(Plan {
        action,
        kind: "band",
        id: serial.to_owned(),
        site,
        events,
        beside,
        undo,
    })
}

fn for_association(tx: &Tx<'_>, caller: &Caller, intent: &Intent, id: &str) -> Result<Plan, Problem> {
    let action = match intent {
        Intent::Keep { .. } | Intent::Reject { .. } => Action::QuarantineSettle,
        Intent::Lost { .. } => Action::BandStand,
        _ => Action::AssociationChange,
    };
    let (found, site) = find_association(tx, caller, action, id)?;
    let association = found.id;
    let id = || association.to_string();
    if !matches!(intent, Intent::Keep { .. } | Intent::Reject { .. }) {
        not_open(&found)?;
    }
    let mut undo = None;
    let events = match intent {
        Intent::Lost { .. } => {
            undo = Some(Intent::Found {
                band: found.band.to_string(),
            });
            let row = bands::get(tx, &found.band)?;
            let band = row.map_or_else(|| Band::new(found.band), |row| row.band);
            vec![
                Event::MadeInactive { association },
                stands(&band, StockState::Lost),
            ]
        }
        Intent::Disconnect { .. } => vec![Event::Disconnected { association }],
        Intent::SuspendBand { note, .. } => {
            undo = Some(Intent::ResumeBand { association: id() });
            let note = text("note", note, 200)?;
            vec![Event::AssociationSuspended { association, note }]
        }
        Intent::ResumeBand { .. } => {
            let note = found.suspension.map(|it| it.note).unwrap_or_default();
            undo = Some(Intent::SuspendBand {
                association: id(),
                note,
            });
            vec![Event::AssociationResumed { association }]
        }
        Intent::MakeActive { .. } => {
            undo = active_of(tx, &found)?.map(|association| Intent::MakeActive { association });
            vec![Event::MadeActive { association }]
        }
        Intent::MakeInactive { .. } => {
            undo = Some(Intent::MakeActive { association: id() });
            vec![Event::MadeInactive { association }]
        }
        Intent::MakePrimary { .. } => vec![Event::MadePrimary { association }],
        Intent::Keep { .. } => settle(association, Verdict::Keep, &mut undo),
        Intent::Reject { .. } => settle(association, Verdict::Reject, &mut undo),
        other => unreachable!("{other:?} is not about an association"),
    };
    let beside = Beside::default();
    Ok(Plan {
        action,
        kind: "association",
        id: association.to_string(),
        site,
        events,
        beside,
        undo,
    })
}

/// The last word counts, so the other button takes this one back.
fn settle(association: AssociationId, verdict: Verdict, undo: &mut Option<Intent>) -> Vec<Event> {
    let id = association.to_string();
    *undo = Some(match verdict {
        Verdict::Keep => Intent::Reject { association: id },
        Verdict::Reject => Intent::Keep { association: id },
    });
    vec![Event::Settled { association, verdict }]
}

/// The association with which the user works in that zone until now.
fn active_of(tx: &Tx<'_>, of: &Association) -> Result<Option<String>, DbError> {
    let held = open_of(tx, &of.user)?;
    let active = held
        .into_iter()
        .find(|it| it.zone == of.zone && it.active && it.id != of.id);
    Ok(active.map(|it| it.id.to_string()))
}
