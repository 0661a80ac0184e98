//! Intent verbs: what each would do is shown, then it is confirmed; what can be taken back offers that.

use axum::extract::{Path, Query};
use serde::Deserialize;

use super::posted::Posted;
use super::shell::Section;
use super::text::{Lang, message};
use super::views::Verb;
use super::visit::{Answer, Told, Visit, own_path, page};
use super::widgets::{Choice, Field, Link, address, span};
use super::words;
use crate::acts::effects::Effect;
use crate::acts::intents::{self, Intent, Preview};
use crate::acts::users;
use crate::problem::Problem;
use policy::model::{StockState, UserStatus};

const HOUR_MS: i64 = 3_600_000;
/// For how long a band may stand in for a forgotten one, in hours.
const TEMPORARY_HOURS: [i64; 3] = [12, 24, 72];

/// What a verb is about.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct About {
    user: String,
    band: String,
    association: String,
    note: String,
    until: String,
    stock: String,
    back: String,
}

impl About {
    /// What a form sent; what it left out stands in the address.
    fn or(self, posted: &Posted) -> Self {
        let field = |name: &str, is: String| {
            if posted.raw(name).is_empty() {
                is
            } else {
                posted.text(name)
            }
        };
        Self {
            user: field("user", self.user),
            band: field("band", self.band),
            association: field("association", self.association),
            note: field("note", self.note),
            until: field("until", self.until),
            stock: field("stock", self.stock),
            back: field("back", self.back),
        }
    }

    fn intent(&self, verb: &str, now_ms: i64) -> Result<Intent, Problem> {
        let Self {
            user,
            band,
            association,
            note,
            ..
        } = self.clone();
        let stand_band = |stock| Intent::StandBand {
            band: self.band.clone(),
            stock,
        };
        Ok(match verb {
            "suspend" => Intent::Suspend { user, note },
            "resume" => Intent::Resume { user },
            "leaver" => Intent::Leaver { user },
            "back" => Intent::Stand {
                user,
                status: UserStatus::Active,
            },
            "forgot-today" => Intent::ForgotToday {
                user,
                until_ms: self
                    .until
                    .parse()
                    .unwrap_or(now_ms + TEMPORARY_HOURS[0] * HOUR_MS),
            },
            "found" => Intent::Found { band },
            "broken" => Intent::Broken { band },
            "returned" => Intent::Returned { band },
            "retire" => stand_band(StockState::Retired),
            "restock" => stand_band(self.stock_wanted()),
            "lost" => Intent::Lost { association },
            "disconnect" => Intent::Disconnect { association },
            "suspend-band" => Intent::SuspendBand { association, note },
            "resume-band" => Intent::ResumeBand { association },
            "make-active" => Intent::MakeActive { association },
            "make-inactive" => Intent::MakeInactive { association },
            "keep" => Intent::Keep { association },
            "reject" => Intent::Reject { association },
            _ => return Err(Problem::not_found("verb", verb)),
        })
    }

    fn stock_wanted(&self) -> StockState {
        serde_json::from_value(self.stock.as_str().into()).unwrap_or(StockState::InStock)
    }

    /// What identifies the thing in a form.
    fn hidden(&self, intent: &Intent) -> Vec<Choice> {
        let until = match intent {
            Intent::ForgotToday { until_ms, .. } => until_ms.to_string(),
            _ => String::new(),
        };
        let all = [
            ("user", self.user.as_str()),
            ("band", &self.band),
            ("association", &self.association),
            ("until", &until),
            ("stock", &self.stock),
            ("back", &self.back),
        ];
        let given = all.into_iter().filter(|(_, value)| !value.is_empty());
        given.map(|(name, value)| Choice::new(name, value)).collect()
    }
}

/// The form that does an intent, for taking something back.
pub(crate) fn address_of(intent: &Intent, back: &str) -> String {
    let (verb, about) = match intent {
        Intent::Suspend { user, note } => ("suspend", vec![("user", user.clone()), ("note", note.clone())]),
        Intent::Resume { user } => ("resume", vec![("user", user.clone())]),
        Intent::Stand {
            user,
            status: UserStatus::Active,
        } => ("back", vec![("user", user.clone())]),
        Intent::Found { band } => ("found", vec![("band", band.clone())]),
        Intent::StandBand { band, stock } => (
            "restock",
            vec![("band", band.clone()), ("stock", words::code_of(stock))],
        ),
        Intent::SuspendBand { association, note } => (
            "suspend-band",
            vec![("association", association.clone()), ("note", note.clone())],
        ),
        Intent::ResumeBand { association } => ("resume-band", vec![("association", association.clone())]),
        Intent::MakeActive { association } => ("make-active", vec![("association", association.clone())]),
        Intent::Keep { association } => ("keep", vec![("association", association.clone())]),
        Intent::Reject { association } => ("reject", vec![("association", association.clone())]),
        _ => return String::new(),
    };
    let mut query: Vec<(&str, &str)> = about
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    query.push(("back", back));
    address(&format!("/do/{verb}"), &query)
}

/// The band that a verb is about.
fn subject(about: &About, effects: &[Effect]) -> String {
    let band_of = |effect: &Effect| match effect {
        Effect::BecomesActive(which)
        | Effect::BecomesInactive(which)
        | Effect::BecomesPrimary(which)
        | Effect::LosesPrimary(which)
        | Effect::Ends { which, .. }
        | Effect::HoldsAgain(which)
        | Effect::IsSuspended(which)
        | Effect::IsResumed(which)
        | Effect::IsQuarantined(which)
        | Effect::LeavesQuarantine(which) => Some(which.band.clone()),
        _ => None,
    };
    match about.band.as_str() {
        "" => effects.iter().find_map(band_of).unwrap_or_default(),
        band => band.to_owned(),
    }
}

fn is_grave(verb: &str) -> bool {
    ["leaver", "disconnect", "broken", "retire", "returned"].contains(&verb)
}

fn has_note(verb: &str) -> bool {
    ["suspend", "suspend-band"].contains(&verb)
}

fn has_undo(verb: &str) -> bool {
    [
        "suspend",
        "resume",
        "back",
        "lost",
        "retire",
        "restock",
        "suspend-band",
        "resume-band",
        "make-inactive",
    ]
    .contains(&verb)
}

/// For how long, as links that show the effect anew.
fn choices(lang: Lang, about: &About, intent: &Intent, now_ms: i64) -> Vec<Link> {
    if !matches!(intent, Intent::ForgotToday { .. }) {
        return vec![];
    }
    let link = |hours: i64| {
        let until = (now_ms + hours * HOUR_MS).to_string();
        let query = [
            ("user", about.user.as_str()),
            ("until", &until),
            ("back", &about.back),
        ];
        Link::new(address("/do/forgot-today", &query), span(lang, hours * HOUR_MS))
    };
    TEMPORARY_HOURS.into_iter().map(link).collect()
}

/// The name of the person a verb is about.
async fn person(visit: &Visit, about: &About) -> Result<Option<String>, Problem> {
    if about.user.is_empty() {
        return Ok(None);
    }
    let detail = users::show(&visit.app, &visit.caller, users::id(&about.user)?).await?;
    Ok(Some(words::named(Some(&detail.user.name), &detail.user.id)))
}

fn view(visit: &Visit, verb: &str, about: &About, preview: &Preview, person: Option<String>) -> Verb {
    let lang = visit.lang;
    let subject = person.unwrap_or_else(|| subject(about, &preview.effects));
    let section = if about.band.is_empty() {
        Section::Users
    } else {
        Section::Bands
    };
    let mut hidden = about.hidden(&preview.intent);
    hidden.push(Choice::new("seal", &preview.seal));
    let back = own_path(&about.back).to_owned();
    let note = Field {
        max: 200,
        ..Field::new("note", message("verb-note"))
            .hint(message("verb-note-hint"))
            .of_kind("area")
    };
    Verb {
        shell: visit.shell(section),
        title: lang.t1(&format!("verb-{verb}-title"), "subject", &subject),
        name: lang.word("verb", verb),
        lead: lang.t("verb-lead"),
        crumbs: vec![Link::new(
            &back,
            if subject.is_empty() {
                lang.t("back")
            } else {
                subject
            },
        )],
        faults: vec![],
        action: format!("/do/{verb}"),
        hidden,
        effects: words::effects(lang, &preview.effects),
        choices: choices(lang, about, &preview.intent, visit.app.now().0),
        undo: if has_undo(verb) {
            lang.t("verb-undo")
        } else {
            String::new()
        },
        fields: if has_note(verb) { vec![note] } else { vec![] },
        is_grave: is_grave(verb),
        can_confirm: !preview.effects.is_empty(),
        back,
    }
}

pub(crate) async fn show(visit: Visit, Path(verb): Path<String>, Query(about): Query<About>) -> Answer {
    let intent = about.intent(&verb, visit.app.now().0)?;
    let preview = intents::preview(&visit.app, &visit.caller, intent).await?;
    let person = person(&visit, &about).await?;
    Ok(page(&view(&visit, &verb, &about, &preview, person)))
}

pub(crate) async fn confirm(
    visit: Visit,
    Path(verb): Path<String>,
    Query(about): Query<About>,
    posted: Posted,
) -> Answer {
    let about = about.or(&posted);
    let intent = about.intent(&verb, visit.app.now().0)?;
    let seal = Some(posted.text("seal")).filter(|seal| !seal.is_empty());
    let confirmed = intents::confirm(&visit.app, &visit.caller, intent, seal).await?;
    let back = own_path(&about.back);
    let undo = confirmed
        .undo
        .as_ref()
        .map(|intent| address_of(intent, back))
        .unwrap_or_default();
    Ok(visit.done(back, &Told::new(message("verb-done")).undo(&undo)))
}
