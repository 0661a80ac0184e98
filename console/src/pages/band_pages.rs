//! Bands and stock, and associations.

use axum::extract::{Path, Query};
use axum::http::StatusCode;
use policy::model::StockState;
use serde::Deserialize;

use super::association_pages::zones;
use super::posted::Posted;
use super::shell::Section;
use super::text::{Lang, message};
use super::user_pages::made;
use super::views::{Associations, Band, BandRow, Bands, Form, History};
use super::visit::{Answer, Told, Visit, page, page_with};
use super::widgets::{Choice, Cursors, Fault, Field, Link, Pager};
use super::words::{self, band_path, choose, form_fault, named};
use crate::access::{self, Action};
use crate::acts::associations::{self, AssociationFilter};
use crate::acts::bands::{self, BandDetail, BandFilter, BandInput, BandLine, NewBand};
use crate::acts::page::PageRequest;
use crate::acts::view::Standing;
use crate::problem::Problem;

const LIST: &str = "/bands";
const HISTORY_MAX: usize = 200;

/// What a list is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    q: String,
    stock: String,
    cursor: Option<String>,
}

impl Asked {
    fn filter(&self) -> Result<BandFilter, Problem> {
        let (stock, held) = match self.stock.as_str() {
            "" => (None, None),
            "held" => (None, Some(true)),
            "free" => (Some(StockState::InStock), Some(false)),
            code => {
                let stock = serde_json::from_value(code.into());
                (
                    Some(stock.map_err(|_| Problem::invalid("stock", "is not one of the list"))?),
                    None,
                )
            }
        };
        Ok(BandFilter {
            q: Some(self.q.trim().to_owned()),
            stock,
            held,
            ..BandFilter::default()
        })
    }
}

fn row(lang: Lang, line: &BandLine) -> BandRow {
    let holder = line
        .held_by
        .iter()
        .find(|it| it.standing == Standing::Active)
        .or(line.held_by.first());
    BandRow {
        href: band_path(&line.band.serial),
        serial: line.band.serial.clone(),
        state: words::stock_state(lang, line.band.stock, holder.is_some()),
        holder: holder
            .map(|it| named(it.user_name.as_deref(), &it.user))
            .unwrap_or_default(),
        holder_href: holder.map(|it| words::user_path(&it.user)).unwrap_or_default(),
        seos: line.band.seos,
        site: line.band.site.clone(),
    }
}

pub(crate) async fn list(visit: Visit, Query(asked): Query<Asked>) -> Answer {
    let lang = visit.lang;
    let request = PageRequest {
        cursor: asked.cursor.clone(),
        limit: None,
    };
    let found = bands::list(&visit.app, &visit.caller, asked.filter()?, request).await?;
    let codes = ["held", "free", "lost", "damaged", "retired", "unknown"];
    let query = [("q", asked.q.as_str()), ("stock", asked.stock.as_str())];
    let cursors = Cursors {
        here: asked.cursor.as_deref(),
        next: found.next_cursor.as_deref(),
    };
    Ok(page(&Bands {
        shell: visit.shell(Section::Bands),
        stock: choose(
            lang,
            "stock",
            message("band-stock"),
            "stock",
            &codes,
            "band-stock-all",
        )
        .value(&asked.stock),
        is_filtered: query.iter().any(|(_, value)| !value.is_empty()),
        rows: found.rows.iter().map(|line| row(lang, line)).collect(),
        pager: Pager::new(lang, found.rows.len(), LIST, &query, cursors),
        may_write: visit.may(Action::BandEdit),
        may_import: visit.may(Action::ImportPreview),
        may_export: visit.may(Action::Export),
        q: asked.q,
    }))
}

/// The verbs that fit a band.
fn verbs(lang: Lang, detail: &BandDetail, back: &str) -> Vec<Link> {
    let band = &detail.band;
    let verb = |code: &str| words::verb(lang, code, ("band", &band.serial), back);
    let is_held = detail
        .associations
        .iter()
        .any(|it| it.standing != Standing::Ended);
    match band.stock {
        StockState::Lost => vec![verb("found"), verb("retire")],
        StockState::Damaged | StockState::Retired | StockState::Unknown => vec![verb("restock")],
        StockState::InStock if is_held => vec![verb("returned"), verb("broken")],
        StockState::InStock => vec![verb("broken"), verb("retire")],
    }
}

pub(crate) async fn show(visit: Visit, Path(serial): Path<String>) -> Answer {
    let lang = visit.lang;
    let detail = bands::show(&visit.app, &visit.caller, bands::serial(&serial)?).await?;
    let band = &detail.band;
    let path = band_path(&band.serial);
    let may_change = visit.may(Action::AssociationChange);
    let is_held = detail
        .associations
        .iter()
        .any(|it| it.standing != Standing::Ended);
    let rows = detail
        .associations
        .iter()
        .map(|it| words::association(lang, it, may_change, &path));
    Ok(page(&Band {
        shell: visit.shell(Section::Bands),
        serial: band.serial.clone(),
        state: words::stock_state(lang, band.stock, is_held),
        seos: band.seos,
        doors: if band.seos {
            lang.t("seos-yes")
        } else {
            lang.t("seos-no")
        },
        site: band.site.clone(),
        delivery: band.delivery.clone(),
        note: band.note.clone(),
        verbs: if visit.may(Action::BandStand) {
            verbs(lang, &detail, &path)
        } else {
            vec![]
        },
        associations: rows.collect(),
        zones: zones(lang, &detail.associations, false),
        shows_user: true,
        shows_band: false,
        history_href: format!("{path}/history"),
        edit_href: format!("{path}/edit"),
        may_write: visit.may(Action::BandEdit),
    }))
}

pub(crate) async fn history(visit: Visit, Path(serial): Path<String>) -> Answer {
    let lang = visit.lang;
    let lines = bands::history(&visit.app, &visit.caller, bands::serial(&serial)?, HISTORY_MAX).await?;
    let users: Vec<(String, String)> = lines
        .iter()
        .filter_map(|line| {
            let user = line.event.get("associated")?.get("user")?.as_str()?.to_owned();
            Some((made(line)?.0, user))
        })
        .collect();
    let user = |association: &str| {
        let found = users.iter().find(|(made, _)| made == association);
        found.map(|(_, user)| user.clone()).unwrap_or_default()
    };
    Ok(page(&History {
        shell: visit.shell(Section::Bands),
        crumbs: vec![
            Link::new(LIST, lang.t("nav-bands")),
            Link::new(band_path(&serial), serial),
        ],
        history: lines
            .iter()
            .map(|line| words::history(lang, line, &user))
            .collect(),
    }))
}

const FIELDS: &[&str] = &["serial", "site", "delivery", "note"];

fn about_fields(visit: &Visit, of: &dyn Fn(&str) -> String, faults: &[Fault]) -> Vec<Field> {
    let all = vec![
        words::site_field(&visit.caller, message("band-site-hint")),
        Field {
            max: 64,
            ..Field::new("delivery", message("band-delivery"))
        },
        Field {
            max: 500,
            ..Field::new("note", message("note"))
                .hint(message("verb-note-hint"))
                .of_kind("area")
        },
    ];
    let filled = |field: Field| {
        let id = field.id;
        field.value(of(id)).faults(faults)
    };
    all.into_iter().map(filled).collect()
}

fn about(posted: &Posted) -> BandInput {
    BandInput {
        site: posted.text("site"),
        delivery: posted.text("delivery"),
        note: posted.text("note"),
    }
}

fn new_page(visit: &Visit, posted: &Posted, faults: Vec<Fault>) -> Form {
    let lang = visit.lang;
    let serial = Field {
        max: 16,
        ..Field::new("serial", message("col-serial"))
            .hint(message("band-serial-hint"))
            .required()
    };
    let seos = vec![
        Choice::new("no", lang.t("seos-no")),
        Choice::new("yes", lang.t("seos-yes")),
    ];
    let mut fields = vec![
        serial.value(posted.raw("serial")).faults(&faults),
        Field::new("seos", message("col-doors"))
            .options(seos)
            .value(posted.raw("seos")),
    ];
    fields.extend(about_fields(visit, &|name| posted.raw(name).to_owned(), &faults));
    Form {
        shell: visit.shell(Section::Bands),
        title: lang.t("band-new"),
        lead: lang.t("band-new-lead"),
        crumbs: vec![Link::new(LIST, lang.t("nav-bands"))],
        action: LIST.into(),
        hidden: vec![],
        fields,
        faults,
        submit: lang.t("band-add"),
        back: LIST.into(),
    }
}

pub(crate) async fn new(visit: Visit) -> Answer {
    access::allow_somewhere(&visit.caller, Action::BandEdit)?;
    Ok(page(&new_page(&visit, &Posted::default(), vec![])))
}

pub(crate) async fn create(visit: Visit, posted: Posted) -> Answer {
    let new = NewBand {
        serial: posted.text("serial").to_uppercase(),
        seos: posted.raw("seos") == "yes",
        about: about(&posted),
    };
    match bands::create(&visit.app, &visit.caller, new).await {
        Ok(band) => {
            let told = Told::new(message("band-added")).with("serial", &band.serial);
            Ok(visit.done(&band_path(&band.serial), &told))
        }
        Err(problem) => {
            let fault = form_fault(visit.lang, &problem, FIELDS).ok_or(problem)?;
            let view = new_page(&visit, &posted, vec![fault]);
            Ok(page_with(StatusCode::UNPROCESSABLE_ENTITY, &view))
        }
    }
}

fn edit_page(visit: &Visit, detail: &BandDetail, posted: Option<&Posted>, faults: Vec<Fault>) -> Form {
    let (lang, band) = (visit.lang, &detail.band);
    let is = |name: &str| match name {
        "site" => band.site.clone(),
        "delivery" => band.delivery.clone(),
        _ => band.note.clone(),
    };
    let of = |name: &str| posted.map_or_else(|| is(name), |posted| posted.raw(name).to_owned());
    let path = band_path(&band.serial);
    Form {
        shell: visit.shell(Section::Bands),
        title: lang.t1("user-edit", "name", &band.serial),
        lead: String::new(),
        crumbs: vec![
            Link::new(LIST, lang.t("nav-bands")),
            Link::new(&path, &band.serial),
        ],
        action: format!("{path}/edit"),
        hidden: vec![Choice::new("version", band.version.to_string())],
        fields: about_fields(visit, &of, &faults),
        faults,
        submit: lang.t("save"),
        back: path,
    }
}

pub(crate) async fn edit_form(visit: Visit, Path(serial): Path<String>) -> Answer {
    access::allow_somewhere(&visit.caller, Action::BandEdit)?;
    let detail = bands::show(&visit.app, &visit.caller, bands::serial(&serial)?).await?;
    Ok(page(&edit_page(&visit, &detail, None, vec![])))
}

pub(crate) async fn edit(visit: Visit, Path(serial): Path<String>, posted: Posted) -> Answer {
    let serial = bands::serial(&serial)?;
    let version = Some(posted.raw("version").parse().unwrap_or(-1));
    match bands::edit(&visit.app, &visit.caller, serial, about(&posted), version).await {
        Ok(band) => Ok(visit.done(&band_path(&band.serial), &Told::new(message("user-saved")))),
        Err(problem) => {
            let fault = form_fault(visit.lang, &problem, FIELDS).ok_or(problem)?;
            let detail = bands::show(&visit.app, &visit.caller, serial).await?;
            let view = edit_page(&visit, &detail, Some(&posted), vec![fault]);
            Ok(page_with(StatusCode::UNPROCESSABLE_ENTITY, &view))
        }
    }
}

/// What the list of associations is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct AskedAssociations {
    state: String,
    zone: String,
    cursor: Option<String>,
}

pub(crate) async fn associations(visit: Visit, Query(asked): Query<AskedAssociations>) -> Answer {
    let lang = visit.lang;
    let filter = AssociationFilter {
        zone: Some(asked.zone.clone()).filter(|zone| !zone.is_empty()),
        open: (asked.state != "all").then_some(true),
        ..AssociationFilter::default()
    };
    let request = PageRequest {
        cursor: asked.cursor.clone(),
        limit: None,
    };
    let found = associations::list(&visit.app, &visit.caller, filter, request).await?;
    let states = vec![
        Choice::new("", lang.t("associations-open")),
        Choice::new("all", lang.t("associations-all")),
    ];
    let zones = ["enrollment", "registration"];
    let query = [("state", asked.state.as_str()), ("zone", asked.zone.as_str())];
    let cursors = Cursors {
        here: asked.cursor.as_deref(),
        next: found.next_cursor.as_deref(),
    };
    let may_change = visit.may(Action::AssociationChange);
    let rows = found
        .rows
        .iter()
        .map(|it| words::association(lang, it, may_change, "/associations"));
    Ok(page(&Associations {
        shell: visit.shell(Section::Associations),
        state: Field::new("state", message("col-state"))
            .options(states)
            .value(&asked.state),
        zone: choose(
            lang,
            "zone",
            message("col-zone"),
            "zone",
            &zones,
            "associations-zone-all",
        )
        .value(&asked.zone),
        associations: rows.collect(),
        shows_user: true,
        shows_band: true,
        pager: Pager::new(lang, found.rows.len(), "/associations", &query, cursors),
        may_export: visit.may(Action::Export),
    }))
}
