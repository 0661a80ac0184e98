//! People with rights at stations: who may vouch for others, put things right, look at station and bands.

use axum::extract::Path;
use axum::http::StatusCode;
use station_core::replica::Right;

use super::posted::Posted;
use super::shell::Section;
use super::text::{Lang, message};
use super::views::{Operator as OperatorPage, OperatorRow, Operators, Tick, Verb};
use super::visit::{Answer, Told, Visit, page, page_with};
use super::widgets::{Fault, Field, Link, escaped};
use super::words::{code_of, form_fault, user_path};
use crate::access::{self, Action};
use crate::acts::operators::{self, OperatorInput, OperatorView};
use crate::problem::{Code, Problem};

const LIST: &str = "/operators";

/// Each right with the name of its box.
const RIGHTS: [(Right, &str); Right::ALL.len()] = [
    (Right::Vouch, "vouch"),
    (Right::ConfirmClock, "confirm_clock"),
    (Right::CloseIntents, "close_intents"),
    (Right::Diagnose, "diagnose"),
    (Right::CheckBands, "check_bands"),
];
const FIELDS: &[&str] = &["id", "pin", "user", "sites"];

fn path_of(id: &str) -> String {
    format!("{LIST}/{}", escaped(id))
}

fn rights(lang: Lang, view: &OperatorView) -> Vec<String> {
    let all = view.rights.iter();
    all.map(|right| lang.word("right", code_of(right))).collect()
}

fn sites(lang: Lang, view: &OperatorView) -> String {
    match view.sites.is_empty() {
        true => lang.t("site-any"),
        false => view.sites.join(", "),
    }
}

pub(crate) async fn list(visit: Visit) -> Answer {
    let lang = visit.lang;
    let all = operators::list(&visit.app, &visit.caller).await?;
    let row = |view: &OperatorView| OperatorRow {
        href: path_of(&view.id),
        id: view.id.clone(),
        user: view.user.clone().unwrap_or_default(),
        user_href: view.user.as_deref().map(user_path).unwrap_or_default(),
        rights: rights(lang, view),
        sites: sites(lang, view),
    };
    Ok(page(&Operators {
        shell: visit.shell(Section::Operators),
        rows: all.iter().map(row).collect(),
        may_write: visit.may(Action::OperatorEdit),
    }))
}

/// What the form shows: what was typed, or what is.
struct Shown<'a> {
    present: Option<&'a OperatorView>,
    typed: Option<&'a Posted>,
    faults: Vec<Fault>,
}

impl Shown<'_> {
    fn text(&self, name: &str, is: String) -> String {
        self.typed.map_or(is, |typed| typed.raw(name).to_owned())
    }

    fn has(&self, right: Right, name: &str) -> bool {
        match (self.typed, self.present) {
            (Some(typed), _) => typed.raw(name) == "yes",
            (None, Some(view)) => view.rights.contains(&right),
            (None, None) => right == Right::Vouch,
        }
    }
}

fn form(visit: &Visit, shown: Shown<'_>) -> OperatorPage {
    let lang = visit.lang;
    let id = Field {
        max: 32,
        ..Field::new("id", message("operator-id"))
            .hint(message("operator-id-hint"))
            .required()
    };
    let pin = Field {
        max: 64,
        required: shown.present.is_none(),
        ..Field::new("pin", message("operator-pin")).autocomplete("new-password")
    };
    let pin = match shown.present {
        None => pin.hint(message("operator-pin-hint")),
        Some(_) => pin.hint(message("operator-pin-keep")),
    };
    let user = Field::new("user", message("operator-user")).hint(message("operator-user-hint"));
    let present = |what: &dyn Fn(&OperatorView) -> String| shown.present.map(what).unwrap_or_default();
    let user_value = shown.text("user", present(&|view| view.user.clone().unwrap_or_default()));
    let sites_value = shown.text("sites", present(&|view| view.sites.join(", ")));
    let sites = Field::new("sites", message("account-sites")).hint(message("operator-sites-hint"));
    let tick = |(right, name): &(Right, &'static str)| Tick {
        id: name,
        label: lang.word("right", name),
        hint: lang.word("right", format!("{name}_may")),
        is_on: shown.has(*right, name),
    };
    let fill = |field: Field| field.faults(&shown.faults);
    OperatorPage {
        shell: visit.shell(Section::Operators),
        title: match shown.present {
            None => lang.t("operator-add"),
            Some(view) => view.id.clone(),
        },
        action: shown
            .present
            .map_or_else(|| LIST.to_owned(), |view| path_of(&view.id)),
        name: present(&|view| view.id.clone()),
        revision: present(&|view| view.version.to_string()),
        id: shown
            .present
            .is_none()
            .then(|| fill(id.value(shown.text("id", String::new())))),
        pin: fill(pin),
        user: fill(user.value(user_value)),
        sites: fill(sites.value(sites_value)),
        rights: RIGHTS.iter().map(tick).collect(),
        remove: shown
            .present
            .map(|view| format!("{}/remove", path_of(&view.id)))
            .unwrap_or_default(),
        faults: shown.faults,
    }
}

fn input(posted: &Posted) -> OperatorInput {
    let wanted = RIGHTS.iter().filter(|(_, name)| posted.raw(name) == "yes");
    let said = |name: &str| Some(posted.text(name)).filter(|text| !text.is_empty());
    let sites = posted.raw("sites").split(',').map(str::trim);
    OperatorInput {
        pin: Some(posted.raw("pin").to_owned()).filter(|pin| !pin.is_empty()),
        user: said("user"),
        rights: wanted.map(|(right, _)| *right).collect(),
        sites: sites.filter(|site| !site.is_empty()).map(str::to_owned).collect(),
    }
}

pub(crate) async fn new(visit: Visit) -> Answer {
    access::allow_somewhere(&visit.caller, Action::OperatorEdit)?;
    visit.confirmed("/operators/new")?;
    let shown = Shown {
        present: None,
        typed: None,
        faults: vec![],
    };
    Ok(page(&form(&visit, shown)))
}

async fn find(visit: &Visit, id: &str) -> Result<OperatorView, Problem> {
    let all = operators::list(&visit.app, &visit.caller).await?;
    let found = all.into_iter().find(|view| view.id == id);
    found.ok_or_else(|| Problem::not_found("operator", id))
}

pub(crate) async fn create(visit: Visit, posted: Posted) -> Answer {
    visit.confirmed("/operators/new")?;
    let id = posted.text("id");
    let saved = match find(&visit, &id).await {
        Ok(_) => Err(Problem::new(Code::Exists, "there is one of this id", "")),
        Err(_) => operators::put(&visit.app, &visit.caller, id, input(&posted), None).await,
    };
    answer(&visit, None, &posted, saved)
}

pub(crate) async fn show(visit: Visit, Path(id): Path<String>) -> Answer {
    access::allow_somewhere(&visit.caller, Action::OperatorEdit)?;
    let view = find(&visit, &id).await?;
    visit.confirmed(&path_of(&id))?;
    let shown = Shown {
        present: Some(&view),
        typed: None,
        faults: vec![],
    };
    Ok(page(&form(&visit, shown)))
}

pub(crate) async fn save(visit: Visit, Path(id): Path<String>, posted: Posted) -> Answer {
    let view = find(&visit, &id).await?;
    visit.confirmed(&path_of(&id))?;
    let version = posted.raw("revision").parse().unwrap_or(0);
    let saved = operators::put(&visit.app, &visit.caller, id, input(&posted), Some(version)).await;
    answer(&visit, Some(&view), &posted, saved)
}

fn answer(
    visit: &Visit,
    present: Option<&OperatorView>,
    posted: &Posted,
    saved: Result<OperatorView, Problem>,
) -> Answer {
    let problem = match saved {
        Ok(view) => {
            let told = Told::new(message("operator-saved")).with("id", &view.id);
            return Ok(visit.done(LIST, &told));
        }
        Err(problem) => problem,
    };
    let fault = form_fault(visit.lang, &problem, FIELDS).ok_or(problem)?;
    let shown = Shown {
        present,
        typed: Some(posted),
        faults: vec![fault],
    };
    Ok(page_with(StatusCode::UNPROCESSABLE_ENTITY, &form(visit, shown)))
}

pub(crate) async fn remove_form(visit: Visit, Path(id): Path<String>) -> Answer {
    let lang = visit.lang;
    access::allow_somewhere(&visit.caller, Action::OperatorEdit)?;
    let view = find(&visit, &id).await?;
    let mut effects: Vec<String> = view
        .rights
        .iter()
        .map(|right| lang.word("right", format!("{}_lost", code_of(right))))
        .collect();
    effects.push(lang.t("operator-remove-effect"));
    Ok(page(&Verb {
        shell: visit.shell(Section::Operators),
        title: lang.t1("operator-remove-title", "id", &view.id),
        name: lang.t("operator-remove"),
        lead: lang.t("verb-lead"),
        crumbs: vec![Link::new(LIST, lang.t("nav-operators"))],
        faults: vec![],
        action: format!("{}/remove", path_of(&id)),
        hidden: vec![super::widgets::Choice::new("revision", view.version.to_string())],
        effects,
        choices: vec![],
        undo: String::new(),
        fields: vec![],
        is_grave: true,
        can_confirm: true,
        back: LIST.to_owned(),
    }))
}

pub(crate) async fn remove(visit: Visit, Path(id): Path<String>, posted: Posted) -> Answer {
    let version = posted.raw("revision").parse().unwrap_or(0);
    operators::remove(&visit.app, &visit.caller, id.clone(), Some(version)).await?;
    let told = Told::new(message("operator-removed")).with("id", &id);
    Ok(visit.done(LIST, &told))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_right_has_its_box() {
        assert_eq!(RIGHTS.map(|(right, _)| right), Right::ALL);
        for (right, name) in RIGHTS {
            assert_eq!(code_of(right), name);
        }
    }
}
