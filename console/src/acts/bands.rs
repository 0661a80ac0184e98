//! Bands and the stock.

use policy::merge::Event;
use policy::model::{Band, BandSerial, StockState};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use super::page::{Page, PageRequest};
use super::users::HistoryLine;
use super::view::{AssociationView, BandView};
use super::{associations, change, check_version, look, record, text};
use crate::access::{Action, Caller, allow, allow_somewhere};
use crate::audit::Record;
use crate::db::Tx;
use crate::problem::{Code, Problem};
use crate::serve::App;
use crate::store::bands::{self as store, BandRow};
use crate::store::history;

/// Which bands to list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub struct BandFilter {
    /// Whose serial holds this, in whatever case.
    pub q: Option<String>,
    /// `in_stock`, `unknown`, `damaged`, `retired` or `lost`.
    #[param(value_type = Option<String>)]
    pub stock: Option<StockState>,
    /// Kept at this site.
    pub site: Option<String>,
    /// SEOS-enabled, or not.
    pub seos: Option<bool>,
    /// Held by somebody, or by nobody.
    pub held: Option<bool>,
}

/// A band on a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BandLine {
    /// The band.
    #[serde(flatten)]
    pub band: BandView,
    /// Who holds it.
    pub held_by: Vec<AssociationView>,
}

/// Everything about one band.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BandDetail {
    /// The band.
    pub band: BandView,
    /// Every association, ended ones too, the latest first.
    pub associations: Vec<AssociationView>,
}

/// The serial out of an address or a form.
pub fn serial(text: &str) -> Result<BandSerial, Problem> {
    BandSerial::new(text).map_err(|fault| Problem::invalid("band", fault))
}

/// Bands that lie nowhere in particular may be seen and changed by everybody who may do it somewhere.
fn find(tx: &Tx<'_>, caller: &Caller, action: Action, serial: &BandSerial) -> Result<BandRow, Problem> {
    allow_somewhere(caller, action)?;
    let row = store::get(tx, serial)?.ok_or_else(|| Problem::not_found("band", serial))?;
    if !row.site.is_empty() {
        allow(caller, action, &row.site)?;
    }
    Ok(row)
}

/// Bands by serial, each with who holds it.
pub async fn list(
    app: &App,
    caller: &Caller,
    filter: BandFilter,
    page: PageRequest,
) -> Result<Page<BandLine>, Problem> {
    allow_somewhere(caller, Action::BandView)?;
    let (len, after) = (page.rows()?, page.after()?);
    let wanted = store::Filter {
        text: filter
            .q
            .map(|q| text("q", &q, 100))
            .transpose()?
            .filter(|q| !q.is_empty()),
        stock: filter.stock,
        site: filter.site,
        sites: caller.sites.iter().cloned().collect(),
        seos: filter.seos,
        held: filter.held,
        after,
    };
    look(app, move |tx, now| {
        let rows = store::list(tx, &wanted, len + 1)?;
        let page = Page::new(rows, len, |row| row.band.serial.to_string());
        let serials: Vec<String> = page.rows.iter().map(|row| row.band.serial.to_string()).collect();
        let mut held = associations::open_of_bands(tx, &serials, now)?;
        held.sort_by(|a, b| a.id.cmp(&b.id));
        held.dedup_by(|a, b| a.id == b.id);
        Ok(page.map(|row| {
            let band = BandView::from(row);
            let held_by = held.iter().filter(|it| it.band == band.serial).cloned().collect();
            BandLine { band, held_by }
        }))
    })
    .await
}

/// Everything about one band.
pub async fn show(app: &App, caller: &Caller, serial: BandSerial) -> Result<BandDetail, Problem> {
    let caller = caller.clone();
    look(app, move |tx, now| {
        let row = find(tx, &caller, Action::BandView, &serial)?;
        Ok(BandDetail {
            associations: associations::of_band(tx, &serial, now)?,
            band: row.into(),
        })
    })
    .await
}

/// What was ever said of a band and of its associations, the latest first.
pub async fn history(
    app: &App,
    caller: &Caller,
    serial: BandSerial,
    limit: usize,
) -> Result<Vec<HistoryLine>, Problem> {
    let caller = caller.clone();
    look(app, move |tx, _| {
        find(tx, &caller, Action::BandView, &serial)?;
        let entries = history::of_band(tx, &serial, limit)?;
        Ok(entries.into_iter().map(Into::into).collect())
    })
    .await
}

/// What is written about a band.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BandInput {
    /// Where it is kept, at most 64 characters.
    #[schema(max_length = 64)]
    pub site: String,
    /// The delivery it came with, at most 64 characters.
    #[schema(max_length = 64)]
    pub delivery: String,
    /// Free words.
    #[schema(max_length = 500)]
    pub note: String,
}

/// A new band on the stock list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewBand {
    /// The number printed on its back: 1 to 16 of A-Z, 0-9 and -.
    #[schema(min_length = 1, max_length = 16, pattern = "^[A-Z0-9-]{1,16}$")]
    pub serial: String,
    /// It also carries a door credential.
    #[serde(default)]
    pub seos: bool,
    /// The rest.
    #[serde(default)]
    pub about: BandInput,
}

type Description = (BandSerial, String, String, String);

fn checked(serial: BandSerial, input: &BandInput) -> Result<Description, Problem> {
    let site = text("site", &input.site, 64)?;
    let delivery = text("delivery", &input.delivery, 64)?;
    Ok((serial, site, delivery, text("note", &input.note, 500)?))
}

/// Puts a band on the stock list.
pub async fn create(app: &App, caller: &Caller, new: NewBand) -> Result<BandView, Problem> {
    let serial = serial(&new.serial)?;
    let description = checked(serial, &new.about)?;
    allow_somewhere(caller, Action::BandEdit)?;
    allow(caller, Action::BandEdit, &description.1)?;
    let caller = caller.clone();
    change(app, move |tx, now| {
        // One that was met at a station before is put on the list now.
        if store::get(tx, &serial)?.is_some_and(|row| row.band.stock != StockState::Unknown) {
            let detail = format!("there is a band {serial} already");
            return Err(Problem::new(Code::Exists, detail, "change that one"));
        }
        let band = Band {
            serial,
            seos: new.seos,
            stock: StockState::InStock,
        };
        history::say(tx, vec![Event::BandStands { band }], now)?;
        store::describe(tx, std::slice::from_ref(&description), now)?;
        let (_, site, delivery, note) = &description;
        let what = Record {
            action: Action::BandEdit.as_str(),
            subject_kind: "band",
            subject: serial.as_str(),
            site,
            after: json!({ "seos": new.seos, "stock": "in_stock", "site": site, "delivery": delivery, "note": note }),
            ..Record::default()
        };
        record(tx, &caller, &what, now)?;
        found(tx, &serial)
    })
    .await
}

fn found(tx: &Tx<'_>, serial: &BandSerial) -> Result<BandView, Problem> {
    let row = store::get(tx, serial)?;
    row.map(Into::into)
        .ok_or_else(|| Problem::not_found("band", serial))
}

/// Replaces what is written about a band.
pub async fn edit(
    app: &App,
    caller: &Caller,
    serial: BandSerial,
    input: BandInput,
    version: Option<i64>,
) -> Result<BandView, Problem> {
    let description = checked(serial, &input)?;
    let caller = caller.clone();
    change(app, move |tx, now| {
        let row = find(tx, &caller, Action::BandEdit, &serial)?;
        check_version(version, row.version)?;
        let (_, site, delivery, note) = &description;
        allow(&caller, Action::BandEdit, site)?;
        if (&row.site, &row.delivery, &row.note) == (site, delivery, note) {
            return Ok(row.into());
        }
        store::describe(tx, std::slice::from_ref(&description), now)?;
        let what = Record {
            action: Action::BandEdit.as_str(),
            subject_kind: "band",
            subject: serial.as_str(),
            site,
            before: json!({ "site": row.site, "delivery": row.delivery, "note": row.note }),
            after: json!({ "site": site, "delivery": delivery, "note": note }),
        };
        record(tx, &caller, &what, now)?;
        found(tx, &serial)
    })
    .await
}
