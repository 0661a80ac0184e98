//! What acts answer, in the words of a language.

use policy::decision::DecidedBy;
use policy::effective::Source;
use policy::effects::Effect as Outcome;
use policy::model::StockState;
use serde_json::Value;

use super::text::{Lang, message};
use super::views::{AssociationRow, Setting};
use super::widgets::{Choice, Event, Fault, Field, Link, Moment, Tone, Word, address, escaped, span};
use crate::access::Caller;
use crate::acts::effects::{Effect, Which};
use crate::acts::users::{AttributeView, HistoryLine};
use crate::acts::view::{AssociationView, Standing, UserView};
use crate::problem::{Code, Problem};

/// The stable text of a value that serializes to one.
pub(crate) fn code_of(value: impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(text)) => text,
        _ => String::new(),
    }
}

pub(crate) fn user_path(id: &str) -> String {
    format!("/users/{}", escaped(id))
}

pub(crate) fn band_path(serial: &str) -> String {
    format!("/bands/{}", escaped(serial))
}

/// How a person stands, suspension first.
pub(crate) fn user_state(lang: Lang, user: &UserView) -> Word {
    if user.suspension.is_some() {
        return Word::of(lang, "status", "suspended", Tone::Warn);
    }
    let code = code_of(user.status);
    let tone = match code.as_str() {
        "active" => Tone::Good,
        "not_yet" => Tone::Note,
        _ => Tone::Off,
    };
    Word::of(lang, "status", &code, tone)
}

/// How a person stands, in a word alone.
pub(crate) fn user_state_text(lang: Lang, status: policy::model::UserStatus) -> String {
    lang.word("status", code_of(status))
}

/// How a band stands; one in stock that somebody holds is held.
pub(crate) fn stock_state(lang: Lang, stock: StockState, is_held: bool) -> Word {
    let (code, tone) = match stock {
        StockState::InStock if is_held => ("held", Tone::Good),
        StockState::InStock => ("in_stock", Tone::Note),
        StockState::Unknown => ("unknown", Tone::Off),
        StockState::Damaged => ("damaged", Tone::Warn),
        StockState::Retired => ("retired", Tone::Off),
        StockState::Lost => ("lost", Tone::Bad),
    };
    Word::of(lang, "stock", code, tone)
}

pub(crate) fn standing(lang: Lang, standing: Standing) -> Word {
    let (code, tone) = match standing {
        Standing::Active => ("active", Tone::Good),
        Standing::Inactive => ("inactive", Tone::Off),
        Standing::Quarantined => ("quarantined", Tone::Warn),
        Standing::Suspended => ("suspended", Tone::Warn),
        Standing::Expired => ("expired", Tone::Note),
        Standing::Ended => ("ended", Tone::Off),
    };
    Word::of(lang, "association", code, tone)
}

/// A verb as a link to the page that shows what it would do.
pub(crate) fn verb(lang: Lang, code: &str, about: (&str, &str), back: &str) -> Link {
    let href = address(
        &format!("/do/{}", code.replace('_', "-")),
        &[about, ("back", back)],
    );
    Link::new(href, lang.word("verb", code))
}

/// An association as a row, with the verbs that fit it.
pub(crate) fn association(lang: Lang, view: &AssociationView, may_write: bool, back: &str) -> AssociationRow {
    let mut tags = Vec::new();
    if view.primary && view.standing != Standing::Ended {
        tags.push(lang.t("tag-primary"));
    }
    if let Some(until) = view.expires_ms {
        tags.push(lang.t1("tag-temporary", "until", Moment::of(lang, until).text));
    }
    if let Some(cause) = view.ended_cause {
        tags.push(lang.word("ended", code_of(cause)));
    }
    let verbs: &[&str] = match view.standing {
        _ if !may_write => &[],
        Standing::Active => &["lost", "disconnect"],
        Standing::Inactive => &["make_active", "disconnect"],
        Standing::Suspended => &["resume_band", "disconnect"],
        Standing::Expired => &["disconnect"],
        Standing::Quarantined | Standing::Ended => &[],
    };
    let about = ("association", view.id.as_str());
    let mut links: Vec<Link> = verbs.iter().map(|code| verb(lang, code, about, back)).collect();
    if view.standing == Standing::Quarantined {
        links.push(Link::new(
            format!("/quarantine/{}", view.id),
            lang.t("quarantine-settle"),
        ));
    }
    AssociationRow {
        href: format!("/associations/{}", view.id),
        user: named(view.user_name.as_deref(), &view.user),
        user_href: user_path(&view.user),
        band: view.band.clone(),
        band_href: band_path(&view.band),
        zone: lang.word("zone", code_of(view.zone)),
        state: standing(lang, view.standing),
        tags,
        // What was adopted from an init file does not say when it was made.
        since: Moment::maybe(lang, Some(view.made_ms).filter(|at| *at > 0)),
        verbs: links,
    }
}

/// A name, or the id of somebody without one.
pub(crate) fn named(name: Option<&str>, id: &str) -> String {
    match name.map(str::trim).filter(|name| !name.is_empty()) {
        Some(name) => name.to_owned(),
        None => id.to_owned(),
    }
}

/// A value of an attribute.
pub(crate) fn value(lang: Lang, attribute: &str, value: &Value) -> String {
    match value {
        Value::Bool(true) => lang.t("yes"),
        Value::Bool(false) => lang.t("no"),
        Value::Number(number) if attribute.ends_with("_s") => span(lang, number.as_i64().unwrap_or(0) * 1000),
        Value::Number(number) => lang.t1("value-percent", "count", number.as_i64().unwrap_or(0)),
        other => other.to_string(),
    }
}

pub(crate) fn policy_path(kind: &str, id: &str) -> String {
    format!("/policies/{kind}/{}", escaped(id))
}

/// Every setting with its source.
pub(crate) fn settings(lang: Lang, attributes: &[AttributeView]) -> Vec<Setting> {
    let row = |it: &AttributeView| {
        let (source, href) = match (it.source.as_str(), it.policy.as_deref()) {
            ("group", Some(id)) => (lang.t1("policy-source-group", "id", id), policy_path("group", id)),
            ("individual", Some(id)) => (
                lang.t1("policy-source-individual", "id", id),
                policy_path("individual", id),
            ),
            _ => (lang.t("policy-source-built-in"), String::new()),
        };
        Setting {
            label: lang.word("setting", &it.attribute),
            value: value(lang, &it.attribute, &it.value),
            source,
            href,
        }
    };
    attributes.iter().map(row).collect()
}

/// Who decided, with the page of the policy if there is one.
pub(crate) fn decided_by(lang: Lang, by: &DecidedBy) -> (String, String) {
    match by {
        DecidedBy::Rule { rule } => (lang.word("rule", rule.code()), String::new()),
        DecidedBy::Setting { attribute, source } => {
            let setting = lang.word("setting", attribute.name());
            let (policy, href) = match source {
                Source::BuiltIn => (lang.t("policy-source-built-in"), String::new()),
                Source::Group(id) => (
                    lang.t1("policy-source-group", "id", id.as_str()),
                    policy_path("group", id.as_str()),
                ),
                Source::Individual(id) => (
                    lang.t1("policy-source-individual", "id", id.as_str()),
                    policy_path("individual", id.as_str()),
                ),
            };
            (format!("{setting} ({policy})"), href)
        }
    }
}

/// A consequence of an enrollment.
pub(crate) fn outcome(lang: Lang, effect: &Outcome) -> String {
    match effect {
        Outcome::NewAssociation { expires_at: None, .. } => lang.t("effect-new-association"),
        Outcome::NewAssociation {
            expires_at: Some(at), ..
        } => lang.t1(
            "effect-new-association-until",
            "until",
            Moment::of(lang, at.0).text,
        ),
        Outcome::EarlierAssociationRenewed { .. } => lang.t("effect-earlier-association-renewed"),
        Outcome::BandActiveAgain => lang.t("effect-band-active-again"),
        Outcome::OldBandInactive {
            band, primary: true, ..
        } => lang.t1("effect-old-band-inactive-primary", "band", band.as_str()),
        Outcome::OldBandInactive { band, .. } => lang.t1("effect-old-band-inactive", "band", band.as_str()),
        Outcome::PreviousOwnerEnds { user, .. } => {
            lang.t1("effect-previous-owner-ends", "user", user.as_str())
        }
        Outcome::PreviousOwnerTold { user } => lang.t1("effect-previous-owner-told", "user", user.as_str()),
        Outcome::BandFound => lang.t("effect-band-found"),
    }
}

/// A consequence of what an administrator does.
pub(crate) fn effect(lang: Lang, effect: &Effect) -> String {
    let both = |key: &str, which: &Which| lang.t2(key, "user", &which.user, "band", &which.band);
    match effect {
        Effect::UserStands { user, to, .. } => lang.t2(
            message("effect-user-stands"),
            "user",
            user,
            "to",
            lang.word("status", code_of(to)),
        ),
        Effect::UserSuspended { user } => lang.t1("effect-user-suspended", "user", user),
        Effect::UserResumed { user } => lang.t1("effect-user-resumed", "user", user),
        Effect::BandStands { band, to, .. } => lang.t2(
            message("effect-band-stands"),
            "band",
            band,
            "to",
            lang.word("stock", code_of(to)),
        ),
        Effect::BecomesActive(which) => both(message("effect-becomes-active"), which),
        Effect::BecomesInactive(which) => both(message("effect-becomes-inactive"), which),
        Effect::BecomesPrimary(which) => both(message("effect-becomes-primary"), which),
        Effect::LosesPrimary(which) => both(message("effect-loses-primary"), which),
        Effect::Ends { which, .. } => both(message("effect-ends"), which),
        Effect::HoldsAgain(which) => both(message("effect-holds-again"), which),
        Effect::IsSuspended(which) => both(message("effect-is-suspended"), which),
        Effect::IsResumed(which) => both(message("effect-is-resumed"), which),
        Effect::IsQuarantined(which) => both(message("effect-is-quarantined"), which),
        Effect::LeavesQuarantine(which) => both(message("effect-leaves-quarantine"), which),
        Effect::TicketsRevoked { user, count } => {
            lang.t2("effect-tickets-revoked", "user", user, "count", *count)
        }
        Effect::NextBandIsTemporary { user, until_ms } => {
            let until = Moment::of(lang, *until_ms).text;
            lang.t2("effect-next-band-is-temporary", "user", user, "until", until)
        }
        Effect::BandStillOut { user, band } => lang.t2("effect-band-still-out", "user", user, "band", band),
    }
}

/// Effects as lines; one line says so if nothing changes.
pub(crate) fn effects(lang: Lang, all: &[Effect]) -> Vec<String> {
    if all.is_empty() {
        return vec![lang.t("verb-none")];
    }
    all.iter().map(|it| effect(lang, it)).collect()
}

/// A line of a history. `bands` tells which band an association is about.
pub(crate) fn history(lang: Lang, line: &HistoryLine, bands: &dyn Fn(&str) -> String) -> Event {
    let (kind, body) = match &line.event {
        Value::Object(all) => all
            .iter()
            .next()
            .map(|(kind, body)| (kind.clone(), body.clone()))
            .unwrap_or_default(),
        other => (code_of(other), Value::Null),
    };
    let text_of = |name: &str| {
        body.get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let band = match body.get("band") {
        Some(Value::String(serial)) => serial.clone(),
        Some(band) => band
            .get("serial")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned(),
        None => bands(&text_of("association")),
    };
    let stock = body
        .get("band")
        .and_then(|band| band.get("stock"))
        .and_then(Value::as_str);
    let status = body.get("status").and_then(Value::as_str);
    let to = match (stock, status) {
        (Some(stock), _) => lang.word("stock", stock),
        (_, Some(status)) => lang.word("status", status),
        _ => text_of("note"),
    };
    let key = format!("event-{}", kind.replace('_', "-"));
    Event {
        text: lang
            .t2(&key, "band", band, "to", to)
            .trim_end_matches([' ', ':'])
            .to_owned(),
        who: String::new(),
        at: Moment::maybe(lang, Some(line.at_ms).filter(|at| *at > 0)),
        href: String::new(),
    }
}

/// What was wrong with a form, if the problem is about one of its fields.
pub(crate) fn form_fault(lang: Lang, problem: &Problem, fields: &[&'static str]) -> Option<Fault> {
    let named = problem
        .more
        .get("field")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let field = fields.iter().copied().find(|field| *field == named);
    let text = |key: String| {
        if lang.knows(&key) {
            lang.t(key)
        } else {
            problem.to_string()
        }
    };
    match problem.code {
        Code::Invalid => {
            let field = field.or_else(|| fields.first().copied()).unwrap_or("");
            Some(Fault {
                field,
                text: text(format!("fault-{}", named.replace('_', "-"))),
            })
        }
        Code::Exists => Some(Fault {
            field: fields.first().copied().unwrap_or(""),
            text: lang.t("fault-exists"),
        }),
        Code::NotFound | Code::WrongState | Code::Changed => {
            let kind = problem
                .more
                .get("kind")
                .and_then(Value::as_str)
                .unwrap_or(problem.code.as_str());
            Some(Fault {
                field: if problem.code == Code::NotFound {
                    fields.iter().copied().find(|it| *it == kind).unwrap_or("")
                } else {
                    ""
                },
                text: text(format!("fault-{}", kind.replace([' ', '_'], "-"))),
            })
        }
        _ => None,
    }
}

/// A field to choose one of these codes, each with its word; `all` is the key of the word for none of them.
pub(crate) fn choose(
    lang: Lang,
    id: &'static str,
    label: &'static str,
    group: &str,
    codes: &[&str],
    all: &str,
) -> Field {
    let none = (!all.is_empty()).then(|| Choice::new("", lang.t(all)));
    let rest = codes
        .iter()
        .map(|code| Choice::new(*code, lang.word(group, code)));
    Field::new(id, label).options(none.into_iter().chain(rest).collect())
}

/// A field for a site: somebody who is limited to sites chooses one of them.
pub(crate) fn site_field(caller: &Caller, hint: &'static str) -> Field {
    let field = Field::new("site", message("col-site")).hint(hint);
    match caller.is_limited() {
        true => field.options(caller.sites.iter().map(|site| Choice::new(site, site)).collect()),
        false => field,
    }
}
