//! One association: who holds which band since when, what was said of it, and what can be done.

use axum::extract::Path;
use policy::model::AssociationId;

use super::shell::Section;
use super::text::Lang;
use super::views::{AssociationPage, ZoneRow};
use super::visit::{Answer, Visit, page};
use super::widgets::{Choice, Link, Moment, Word};
use super::words::{self, band_path, code_of, named, user_path};
use crate::access::Action;
use crate::acts::associations;
use crate::acts::view::{AssociationView, Standing};
use crate::problem::Problem;

const LIST: &str = "/associations";
const HISTORY_MAX: usize = 200;

pub(crate) async fn show(visit: Visit, Path(id): Path<String>) -> Answer {
    let lang = visit.lang;
    let id: AssociationId = id.parse().map_err(|_| Problem::not_found("association", &id))?;
    let (view, lines) = associations::show(&visit.app, &visit.caller, id, HISTORY_MAX).await?;
    let path = format!("{LIST}/{}", view.id);
    let row = words::association(lang, &view, visit.may(Action::AssociationChange), &path);
    let band = |_: &str| view.band.clone();
    Ok(page(&AssociationPage {
        shell: visit.shell(Section::Associations),
        title: lang.t2("association-title", "user", &row.user, "band", &view.band),
        state: row.state,
        tags: row.tags,
        verbs: row.verbs,
        people: vec![
            Link::new(user_path(&view.user), lang.t("association-to-user")),
            Link::new(band_path(&view.band), lang.t("association-to-band")),
        ],
        facts: facts(lang, &view),
        history: lines
            .iter()
            .map(|line| words::history(lang, line, &band))
            .collect(),
    }))
}

fn facts(lang: Lang, view: &AssociationView) -> Vec<Choice> {
    let person = named(view.user_name.as_deref(), &view.user);
    let mut facts = vec![
        Choice::new(lang.t("col-user"), format!("{person} ({})", view.user)),
        Choice::new(lang.t("col-band"), &view.band),
        Choice::new(lang.t("col-zone"), lang.word("zone", code_of(view.zone))),
    ];
    let since = Moment::maybe(lang, Some(view.made_ms).filter(|at| *at > 0));
    if !since.text.is_empty() {
        facts.push(Choice::new(lang.t("col-since"), since.text));
    }
    if let Some(station) = &view.station {
        facts.push(Choice::new(lang.t("quarantine-made-at"), station));
    }
    if let Some(at) = view.expires_ms {
        facts.push(Choice::new(lang.t("col-until"), Moment::of(lang, at).text));
    }
    if let (Some(at), Some(cause)) = (view.ended_ms, view.ended_cause) {
        let text = format!(
            "{} ({})",
            Moment::of(lang, at).text,
            lang.word("ended", code_of(cause))
        );
        facts.push(Choice::new(lang.t("association-ended-at"), text));
    }
    facts.push(Choice::new(
        lang.t("quarantine-epoch"),
        view.band_epoch.to_string(),
    ));
    facts
}

/// Who holds what on the enrollment side and on the registration side, one row for each band or user. Nothing where
/// the plant has one side alone.
pub(crate) fn zones(lang: Lang, all: &[AssociationView], of_user: bool) -> Vec<ZoneRow> {
    let open: Vec<&AssociationView> = all.iter().filter(|it| it.standing != Standing::Ended).collect();
    if !all.iter().any(|it| code_of(it.zone) == "registration") {
        return vec![];
    }
    let key = |it: &AssociationView| if of_user { it.band.clone() } else { it.user.clone() };
    let mut keys: Vec<String> = open.iter().map(|it| key(it)).collect();
    keys.sort();
    keys.dedup();
    let side = |wanted: &str, zone: &str| {
        let found = open
            .iter()
            .find(|it| key(it) == wanted && code_of(it.zone) == zone);
        found.map(|it| words::standing(lang, it.standing))
    };
    let row = |wanted: &String| {
        let (it, ot) = (side(wanted, "enrollment"), side(wanted, "registration"));
        let one = open.iter().find(|it| key(it) == *wanted);
        let (name, href) = match (of_user, one) {
            (false, Some(one)) => (named(one.user_name.as_deref(), wanted), user_path(wanted)),
            _ => (wanted.clone(), band_path(wanted)),
        };
        ZoneRow {
            name,
            href,
            says: lang.t(drift(it.as_ref(), ot.as_ref())),
            agrees: it.as_ref().map(|it| it.tone) == ot.as_ref().map(|ot| ot.tone),
            it,
            ot,
        }
    };
    keys.iter().map(row).collect()
}

/// What the two sides say together.
fn drift(it: Option<&Word>, ot: Option<&Word>) -> &'static str {
    match (it, ot) {
        (Some(it), Some(ot)) if it.tone == ot.tone => super::text::message("zones-agree"),
        (Some(_), Some(_)) => super::text::message("zones-differ"),
        (Some(_), None) => super::text::message("zones-not-registered"),
        _ => super::text::message("zones-not-enrolled"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::widgets::Tone;

    #[test]
    fn both_sides_are_told_in_one_sentence() {
        let word = |tone| Word::new(String::new(), tone);
        let check = |it: Option<Tone>, ot: Option<Tone>, expected: &str| {
            assert_eq!(drift(it.map(word).as_ref(), ot.map(word).as_ref()), expected);
        };
        check(Some(Tone::Good), Some(Tone::Good), "zones-agree");
        check(Some(Tone::Good), Some(Tone::Off), "zones-differ");
        check(Some(Tone::Good), None, "zones-not-registered");
        check(None, Some(Tone::Good), "zones-not-enrolled");
    }
}
