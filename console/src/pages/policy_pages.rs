//! Policies: list, edit, copy, the one that holds, and the dry run.

use axum::extract::{Path, Query};
use axum::http::StatusCode;
use policy::decision::Decision;
use policy::effective::{Value, effective};
use policy::model::{Attribute, GroupPolicy, IndividualPolicy, PolicyId};
use serde::Deserialize;
use serde_json::json;

use super::posted::Posted;
use super::shell::Section;
use super::text::{Lang, message};
use super::views::{
    DryRun as DryRunPage, Form, Policies, Policy, PolicyListed, PolicyPart, PolicyRow, Verb, Verdict,
};
use super::visit::{Answer, Stop, Told, Visit, page, page_with};
use super::widgets::{Choice, Fault, Field, Link, Tone, Word};
use super::words::{self, choose, form_fault, policy_path};
use crate::access::{self, Action};
use crate::acts::policies::{self, DryRun, DryRunAnswer, Expect, PolicyView};
use crate::acts::stations::{self, Propagation};
use crate::problem::{Code, Problem};

pub(super) const LIST: &str = "/policies";
/// The highest number of seconds: a year.
const SECONDS_MAX: u32 = 365 * 24 * 3600;

/// The built-in value of an attribute, which tells its kind too.
fn built_in(attribute: Attribute) -> Value {
    let nothing = PolicyId::new("x").expect("a short name");
    effective(&GroupPolicy::new(nothing), None).value(attribute)
}

fn id_of(view: &PolicyView) -> String {
    view.policy
        .get("id")
        .and_then(|id| id.as_str())
        .unwrap_or_default()
        .to_owned()
}

/// What a policy says, in one line.
pub(super) fn says(lang: Lang, view: &PolicyView) -> String {
    let said: Vec<String> = Attribute::ALL
        .iter()
        .filter_map(|attribute| {
            let value = view
                .policy
                .get(attribute.name())
                .filter(|value| !value.is_null())?;
            let label = lang.word("setting", attribute.name());
            Some(format!(
                "{label}: {}",
                words::value(lang, attribute.name(), value)
            ))
        })
        .collect();
    if said.is_empty() {
        lang.t("policy-says-nothing")
    } else {
        said.join(" · ")
    }
}

/// How many stations know the present form of a policy; for the group policy that holds, also that it holds.
fn known(lang: Lang, view: &PolicyView, come: &[Propagation]) -> String {
    let id = id_of(view);
    let own = come.iter().filter(|it| it.kind == view.kind && it.policy == id);
    let chosen = come.iter().filter(|it| view.holds && it.kind == "active");
    let slowest = own.chain(chosen).min_by_key(|it| it.known);
    slowest
        .filter(|it| it.stations > 0)
        .map_or_else(String::new, |it| match it.known == it.stations {
            true => lang.t("policy-known-everywhere"),
            false => lang.t2("policy-known", "known", it.known, "all", it.stations),
        })
}

fn listed(lang: Lang, view: &PolicyView, come: &[Propagation]) -> PolicyListed {
    let (id, kind) = (id_of(view), view.kind.as_str());
    let path = policy_path(kind, &id);
    let state = match (view.holds, kind) {
        (true, _) => Word::new(lang.t("policy-active"), Tone::Good),
        (false, "group") => Word::new(lang.t("policy-idle"), Tone::Off),
        _ => Word::new(lang.t("policy-given"), Tone::Note),
    };
    PolicyListed {
        note: view
            .policy
            .get("note")
            .and_then(|note| note.as_str())
            .unwrap_or_default()
            .to_owned(),
        state,
        known: known(lang, view, come),
        says: says(lang, view),
        copy: format!("{path}/copy"),
        remove: match view.holds {
            true => String::new(),
            false => format!("{path}/remove"),
        },
        activate: if kind == "group" && !view.holds {
            format!("{path}/activate")
        } else {
            String::new()
        },
        href: path,
        id,
    }
}

pub(crate) async fn list(visit: Visit) -> Answer {
    let lang = visit.lang;
    let all = policies::list(&visit.app, &visit.caller).await?;
    let come = stations::propagation(&visit.app, &visit.caller).await?;
    let rows = |views: &[PolicyView]| views.iter().map(|view| listed(lang, view, &come)).collect();
    let part = |id: &'static str, none: &str, rows| PolicyPart {
        id,
        title: lang.t(format!("policies-{id}")),
        lead: lang.t(format!("policies-{id}-lead")),
        rows,
        none: lang.t(none),
        none_text: lang.t(format!("{none}-text")),
    };
    Ok(page(&Policies {
        shell: visit.shell(Section::Policies),
        parts: vec![
            part("group", "policies-none", rows(&all.group)),
            part("individual", "policies-none-individual", rows(&all.individual)),
        ],
        may_write: visit.may(Action::PolicyEdit),
    }))
}

/// A policy as its form shows it.
struct Sheet {
    kind: String,
    /// None for a new one.
    id: Option<String>,
    holds: bool,
    version: i64,
    body: serde_json::Value,
}

impl Sheet {
    fn new(kind: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            id: None,
            holds: false,
            version: 0,
            body: json!({}),
        }
    }

    fn of(view: PolicyView) -> Self {
        Self {
            id: Some(id_of(&view)),
            kind: view.kind,
            holds: view.holds,
            version: view.version,
            body: view.policy,
        }
    }

    /// The value of a field as it was typed, or as it is.
    fn value(&self, name: &str, posted: Option<&Posted>) -> String {
        if let Some(posted) = posted {
            return posted.raw(name).to_owned();
        }
        match self.body.get(name) {
            Some(serde_json::Value::Bool(true)) => "yes".into(),
            Some(serde_json::Value::Bool(false)) => "no".into(),
            Some(serde_json::Value::Number(number)) => number.to_string(),
            Some(serde_json::Value::String(text)) => text.clone(),
            _ => String::new(),
        }
    }

    fn row(&self, lang: Lang, attribute: Attribute, posted: Option<&Posted>, faults: &[Fault]) -> PolicyRow {
        let name = attribute.name();
        let built_in = built_in(attribute);
        let open = words::value(lang, name, &json!(built_in));
        // What an individual policy leaves open comes from the group policy, which is not looked up here.
        let open = match self.kind.as_str() {
            "group" => lang.t1("policy-open-value", "value", &open),
            _ => lang.t("policy-open"),
        };
        let flags = vec![
            Choice::new("", open),
            Choice::new("yes", lang.t("yes")),
            Choice::new("no", lang.t("no")),
        ];
        let (options, inherited) = match built_in {
            Value::Flag(_) => (flags, String::new()),
            Value::Number(number) if self.kind == "group" => (vec![], number.to_string()),
            Value::Number(_) => (vec![], String::new()),
        };
        PolicyRow {
            id: name,
            label: lang.word("setting", name),
            hint: lang.word("setting", format!("{name}_hint")),
            fault: faults
                .iter()
                .find(|fault| fault.field == name)
                .map(|it| it.text.clone())
                .unwrap_or_default(),
            value: self.value(name, posted),
            inherited,
            max: max_of(name),
            options,
        }
    }

    fn view(&self, visit: &Visit, posted: Option<&Posted>, faults: Vec<Fault>) -> Policy {
        let lang = visit.lang;
        let new_title = match self.kind.as_str() {
            "group" => lang.t("policy-new-group"),
            _ => lang.t("policy-new-individual"),
        };
        let id = Field {
            max: 64,
            ..Field::new("id", message("policy-id"))
                .hint(message("policy-id-hint"))
                .required()
        };
        let note = Field {
            max: 500,
            ..Field::new("note", message("policy-note-label")).hint(message("policy-note-hint"))
        };
        let rows = Attribute::ALL
            .iter()
            .map(|it| self.row(lang, *it, posted, &faults));
        Policy {
            title: self.id.clone().unwrap_or(new_title),
            lead: match self.kind.as_str() {
                "group" => lang.t("policy-lead-group"),
                _ => lang.t("policy-lead-individual"),
            },
            state: self.holds.then(|| Word::new(lang.t("policy-active"), Tone::Good)),
            action: match &self.id {
                Some(id) => policy_path(&self.kind, id),
                None => format!("{LIST}/{}", self.kind),
            },
            etag: self.version.to_string(),
            id_field: self
                .id
                .is_none()
                .then(|| id.value(self.value("id", posted)).faults(&faults)),
            note: note.value(self.value("note", posted)),
            settings: rows.collect(),
            may_write: visit.may(Action::PolicyEdit),
            faults,
            shell: visit.shell(Section::Policies),
        }
    }
}

fn max_of(name: &str) -> u32 {
    if name.ends_with("_percent") {
        100
    } else {
        SECONDS_MAX
    }
}

pub(super) fn unknown_kind(kind: &str) -> Problem {
    Problem::not_found("kind of policy", kind)
}

pub(super) fn parsed(id: &str) -> Result<PolicyId, Problem> {
    PolicyId::new(id).map_err(|fault| Problem::invalid("id", fault))
}

async fn find(visit: &Visit, kind: &str, id: &str) -> Result<PolicyView, Problem> {
    let id = parsed(id)?;
    match kind {
        "group" => policies::show::<GroupPolicy>(&visit.app, &visit.caller, id).await,
        "individual" => policies::show::<IndividualPolicy>(&visit.app, &visit.caller, id).await,
        other => Err(unknown_kind(other)),
    }
}

pub(crate) async fn new(visit: Visit, Path(kind): Path<String>) -> Answer {
    access::allow_somewhere(&visit.caller, Action::PolicyEdit)?;
    if !["group", "individual"].contains(&kind.as_str()) {
        return Err(unknown_kind(&kind).into());
    }
    Ok(page(&Sheet::new(&kind).view(&visit, None, vec![])))
}

pub(crate) async fn show(visit: Visit, Path((kind, id)): Path<(String, String)>) -> Answer {
    let view = find(&visit, &kind, &id).await?;
    Ok(page(&Sheet::of(view).view(&visit, None, vec![])))
}

/// The policy that a form describes, as JSON; or what is wrong with its numbers.
fn body(lang: Lang, id: &str, posted: &Posted) -> Result<serde_json::Value, Fault> {
    let mut body = json!({ "id": id, "note": posted.text("note") });
    for attribute in Attribute::ALL {
        let name = attribute.name();
        let typed = posted.text(name);
        let value = match built_in(*attribute) {
            _ if typed.is_empty() => continue,
            Value::Flag(_) => json!(typed == "yes"),
            Value::Number(_) => {
                let number = typed.parse::<u32>().ok().filter(|number| *number <= max_of(name));
                let bad = || Fault {
                    field: name,
                    text: lang.t1("policy-number-bad", "max", max_of(name)),
                };
                json!(number.ok_or_else(bad)?)
            }
        };
        body[name] = value;
    }
    Ok(body)
}

/// What is wrong with a policy, at the setting it is about.
fn policy_fault(lang: Lang, problem: &Problem) -> Option<Fault> {
    if problem.code != Code::PolicyRefused {
        return form_fault(lang, problem, &["id"]);
    }
    let fault = problem
        .more
        .get("fault")
        .and_then(|fault| fault.as_str())
        .unwrap_or_default();
    let field = match fault {
        "any_without_own" => "reenroll_any",
        "battery_above_100" => "battery_min_percent",
        "takeover_age_above_offline_age" => "takeover_max_age_s",
        _ => "",
    };
    Some(Fault {
        field,
        text: lang.word("policy-fault", fault),
    })
}

async fn store(
    visit: &Visit,
    kind: &str,
    body: serde_json::Value,
    expect: Expect,
) -> Result<PolicyView, Problem> {
    let invalid = |error: serde_json::Error| Problem::invalid("id", error);
    match kind {
        "group" => {
            let policy: GroupPolicy = serde_json::from_value(body).map_err(invalid)?;
            policies::save(&visit.app, &visit.caller, policy, expect).await
        }
        "individual" => {
            let policy: IndividualPolicy = serde_json::from_value(body).map_err(invalid)?;
            policies::save(&visit.app, &visit.caller, policy, expect).await
        }
        other => Err(unknown_kind(other)),
    }
}

async fn save_sheet(visit: &Visit, sheet: Sheet, id: &str, posted: &Posted, expect: Expect) -> Answer {
    let lang = visit.lang;
    let saved = match body(lang, id, posted) {
        Err(fault) => Err(fault),
        Ok(body) => match store(visit, &sheet.kind, body, expect).await {
            Ok(view) => Ok(view),
            Err(problem) => Err(policy_fault(lang, &problem).ok_or(problem)?),
        },
    };
    match saved {
        Ok(_) => Ok(visit.done(LIST, &Told::new(message("policy-saved")))),
        Err(fault) => {
            let view = sheet.view(visit, Some(posted), vec![fault]);
            Ok(page_with(StatusCode::UNPROCESSABLE_ENTITY, &view))
        }
    }
}

pub(crate) async fn create(visit: Visit, Path(kind): Path<String>, posted: Posted) -> Answer {
    let id = posted.text("id");
    save_sheet(&visit, Sheet::new(&kind), &id, &posted, Expect::Nothing).await
}

pub(crate) async fn save(visit: Visit, Path((kind, id)): Path<(String, String)>, posted: Posted) -> Answer {
    let sheet = Sheet::of(find(&visit, &kind, &id).await?);
    let version = posted.raw("etag").parse().unwrap_or(-1);
    save_sheet(&visit, sheet, &id, &posted, Expect::Version(version)).await
}

fn copy_page(visit: &Visit, kind: &str, id: &str, typed: &str, faults: Vec<Fault>) -> Form {
    let lang = visit.lang;
    let field = Field::new("id", message("policy-id"))
        .hint(message("policy-id-hint"))
        .required();
    Form {
        shell: visit.shell(Section::Policies),
        title: lang.t1("policy-copy-title", "id", id),
        lead: lang.t("policy-copy-lead"),
        crumbs: vec![Link::new(LIST, lang.t("nav-policies"))],
        action: format!("{}/copy", policy_path(kind, id)),
        hidden: vec![],
        fields: vec![field.value(typed).faults(&faults)],
        faults,
        submit: lang.t("policy-copy"),
        back: LIST.into(),
    }
}

pub(crate) async fn copy_form(visit: Visit, Path((kind, id)): Path<(String, String)>) -> Answer {
    access::allow_somewhere(&visit.caller, Action::PolicyEdit)?;
    Ok(page(&copy_page(&visit, &kind, &id, "", vec![])))
}

pub(crate) async fn copy(visit: Visit, Path((kind, id)): Path<(String, String)>, posted: Posted) -> Answer {
    let copied = match parsed(&posted.text("id")) {
        Err(problem) => Err(problem),
        Ok(to) => {
            let from = parsed(&id)?;
            match kind.as_str() {
                "group" => policies::copy::<GroupPolicy>(&visit.app, &visit.caller, from, to).await,
                "individual" => policies::copy::<IndividualPolicy>(&visit.app, &visit.caller, from, to).await,
                other => Err(unknown_kind(other)),
            }
        }
    };
    match copied {
        Ok(view) => Ok(visit.done(
            &policy_path(&kind, &id_of(&view)),
            &Told::new(message("policy-saved")),
        )),
        Err(problem) => {
            let fault = form_fault(visit.lang, &problem, &["id"]).ok_or(problem)?;
            let view = copy_page(&visit, &kind, &id, posted.raw("id"), vec![fault]);
            Ok(page_with(StatusCode::UNPROCESSABLE_ENTITY, &view))
        }
    }
}

pub(crate) async fn activate_form(visit: Visit, Path((kind, id)): Path<(String, String)>) -> Answer {
    access::allow_somewhere(&visit.caller, Action::PolicyActivate)?;
    if kind != "group" {
        return Err(unknown_kind(&kind).into());
    }
    let lang = visit.lang;
    let all = policies::list(&visit.app, &visit.caller).await?;
    let wanted = all.group.iter().find(|view| id_of(view) == id);
    let wanted = wanted.ok_or_else(|| Problem::not_found("group policy", &id))?;
    let present = all.group.iter().find(|view| view.holds);
    Ok(page(&Verb {
        shell: visit.shell(Section::Policies),
        title: lang.t1("policy-activate-title", "id", &id),
        name: lang.t("policy-activate"),
        lead: lang.t("policy-activate-lead"),
        crumbs: vec![Link::new(LIST, lang.t("nav-policies"))],
        faults: vec![],
        action: format!("{}/activate", policy_path("group", &id)),
        hidden: vec![],
        effects: differences(lang, present, wanted),
        choices: vec![],
        undo: lang.t("verb-undo"),
        fields: vec![],
        is_grave: false,
        can_confirm: !wanted.holds,
        back: LIST.into(),
    }))
}

/// What holds otherwise when one group policy takes the place of another.
fn differences(lang: Lang, before: Option<&PolicyView>, after: &PolicyView) -> Vec<String> {
    let value = |view: Option<&PolicyView>, attribute: Attribute| {
        let said = view
            .and_then(|view| view.policy.get(attribute.name()))
            .filter(|value| !value.is_null());
        said.cloned().unwrap_or_else(|| json!(built_in(attribute)))
    };
    let line = |attribute: &Attribute| {
        let (was, is) = (value(before, *attribute), value(Some(after), *attribute));
        let name = attribute.name();
        let (from, to) = (words::value(lang, name, &was), words::value(lang, name, &is));
        (was != is).then(|| format!("{}: {from} → {to}", lang.word("setting", name)))
    };
    let lines: Vec<String> = Attribute::ALL.iter().filter_map(line).collect();
    if lines.is_empty() {
        vec![lang.t("policy-same")]
    } else {
        lines
    }
}

pub(crate) async fn activate(visit: Visit, Path((kind, id)): Path<(String, String)>, _: Posted) -> Answer {
    if kind != "group" {
        return Err(unknown_kind(&kind).into());
    }
    let all = policies::list(&visit.app, &visit.caller).await?;
    let before = all
        .group
        .iter()
        .find(|view| view.holds)
        .map(id_of)
        .unwrap_or_default();
    policies::activate(&visit.app, &visit.caller, parsed(&id)?).await?;
    let undo = format!("{}/activate", policy_path("group", &before));
    Ok(visit.done(
        LIST,
        &Told::new(message("policy-activated")).with("id", &id).undo(&undo),
    ))
}

/// A question of the dry run.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Question {
    user: String,
    band: String,
    zone: String,
    station: String,
}

pub(crate) async fn dry_run(visit: Visit, Query(asked): Query<Question>) -> Answer {
    let lang = visit.lang;
    access::allow_somewhere(&visit.caller, Action::PolicyView)?;
    let stations = stations::list(&visit.app, &visit.caller).await?;
    let is_asked = !asked.user.trim().is_empty() && !asked.band.trim().is_empty();
    let (answer, faults) = match is_asked {
        true => ask(&visit, &asked).await?,
        false => (None, vec![]),
    };
    let any = Choice::new("", lang.t("dry-run-station-any"));
    let options = stations.iter().map(|it| Choice::new(&it.id, &it.name));
    let station = Field::new("station", message("dry-run-station"));
    let zones = ["enrollment", "registration"];
    let fields = vec![
        Field::new("user", message("dry-run-user"))
            .hint(message("dry-run-user-hint"))
            .value(&asked.user)
            .required(),
        Field::new("band", message("dry-run-band"))
            .hint(message("dry-run-band-hint"))
            .value(&asked.band)
            .required(),
        station
            .options([any].into_iter().chain(options).collect())
            .value(&asked.station),
        choose(lang, "zone", message("dry-run-zone"), "zone", &zones, "").value(&asked.zone),
    ];
    let effective = answer
        .as_ref()
        .map(|answer| words::settings(lang, &answer.policy))
        .unwrap_or_default();
    let answer = answer.map(|answer| verdict(lang, &answer)).transpose()?;
    Ok(page(&DryRunPage {
        shell: visit.shell(Section::DryRun),
        fields: fields.into_iter().map(|field| field.faults(&faults)).collect(),
        faults,
        answer,
        effective,
    }))
}

async fn ask(visit: &Visit, asked: &Question) -> Result<(Option<DryRunAnswer>, Vec<Fault>), Stop> {
    let question = DryRun {
        user: asked.user.trim().to_owned(),
        band: asked.band.trim().to_uppercase(),
        station: Some(asked.station.clone()).filter(|id| !id.is_empty()),
        zone: serde_json::from_value(asked.zone.as_str().into()).ok(),
        group_policy: None,
    };
    match policies::dry_run(&visit.app, &visit.caller, question).await {
        Ok(answer) => Ok((Some(answer), vec![])),
        Err(problem) => {
            let fault = form_fault(visit.lang, &problem, &["user", "band"]).ok_or(problem)?;
            Ok((None, vec![fault]))
        }
    }
}

fn verdict(lang: Lang, answer: &DryRunAnswer) -> Result<Verdict, Problem> {
    let broken = |error| Problem::new(Code::Internal, format!("a decision cannot be read: {error}"), "");
    let decision: Decision = serde_json::from_value(answer.decision.clone()).map_err(broken)?;
    let (decided_by, decided_href) = words::decided_by(lang, decision.decided_by());
    let nothing = Verdict {
        is_allowed: decision.is_allowed(),
        title: lang.t("dry-run-allowed"),
        reason: String::new(),
        effects: vec![],
        decided_by,
        decided_href,
        fix: String::new(),
        code: "allow".into(),
    };
    Ok(match &decision {
        Decision::Allow { effects, .. } => Verdict {
            effects: effects
                .iter()
                .map(|effect| words::outcome(lang, effect))
                .collect(),
            ..nothing
        },
        Decision::Refuse { reason, fix, .. } => Verdict {
            title: lang.t("dry-run-refused"),
            reason: lang.word("reason", reason.code()),
            fix: lang.word("fix", fix.code()),
            code: reason.code().into(),
            ..nothing
        },
    })
}
