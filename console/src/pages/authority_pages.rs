//! The authority that stations know the console by: making the next one, and leaving the earlier one by order.

use axum::extract::Path;

use super::posted::Posted;
use super::shell::Section;
use super::text::{Lang, message};
use super::views::Verb;
use super::visit::{Answer, Told, Visit, page};
use super::widgets::{Choice, Link};
use crate::access::{self, Action};
use crate::acts::authority::{self, AuthorityView};
use crate::problem::Problem;

const PAGE: &str = "/settings/organization";
/// So many stations are named; of the others only how many there are.
const NAMED_MAX: usize = 20;

/// What one can do with the authority, as it stands in addresses.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Deed {
    Make,
    Retire,
}

impl Deed {
    fn of(text: &str) -> Result<Self, Problem> {
        match text {
            "make" => Ok(Self::Make),
            "retire" => Ok(Self::Retire),
            other => Err(Problem::not_found("deed", other)),
        }
    }

    fn code(self) -> &'static str {
        match self {
            Self::Make => "make",
            Self::Retire => "retire",
        }
    }

    fn path(self) -> String {
        format!("{PAGE}/authority/{}", self.code())
    }
}

/// The facts of the organization's page: who it is known by, who comes after, and who has not gone over.
pub(super) fn facts(lang: Lang, view: &AuthorityView) -> Vec<Choice> {
    let mut facts = vec![Choice::new(lang.t("organization-authority"), &view.present)];
    if let Some(next) = &view.next {
        facts.push(Choice::new(lang.t("authority-next"), next));
        facts.push(Choice::new(lang.t("authority-waiting"), waiting(lang, view)));
    }
    facts
}

/// The stations that depend on the present authority, by name.
fn waiting(lang: Lang, view: &AuthorityView) -> String {
    let named = view.waiting.iter().take(NAMED_MAX);
    let mut names: Vec<_> = named.map(|station| station.name.clone()).collect();
    if view.waiting.len() > NAMED_MAX {
        names.push(lang.t1("authority-more", "count", (view.waiting.len() - NAMED_MAX) as u64));
    }
    match names.is_empty() {
        true => lang.t("authority-nobody"),
        false => names.join(", "),
    }
}

fn effects(lang: Lang, deed: Deed, view: &AuthorityView) -> Vec<String> {
    let mut lines = match deed {
        Deed::Make => vec![
            lang.t1("authority-make-stations", "count", view.stations),
            lang.t("authority-make-leave"),
        ],
        Deed::Retire if view.waiting.is_empty() => vec![lang.t("authority-retire-nobody")],
        Deed::Retire => {
            let count = view.waiting.len() as u64;
            vec![lang.t2(
                "authority-retire-cut",
                "count",
                count,
                "names",
                waiting(lang, view),
            )]
        }
    };
    if view.tokens > 0 {
        lines.push(lang.t1(&format!("authority-{}-tokens", deed.code()), "count", view.tokens));
    }
    lines
}

pub(crate) async fn form(visit: Visit, Path(deed): Path<String>) -> Answer {
    let (lang, deed) = (visit.lang, Deed::of(&deed)?);
    access::allow(&visit.caller, Action::SettingsEdit, "")?;
    visit.confirmed(&deed.path())?;
    let view = authority::show(&visit.app, &visit.caller).await?;
    Ok(page(&Verb {
        shell: visit.shell(Section::Settings),
        title: lang.t(format!("authority-{}-title", deed.code())),
        name: lang.t(format!("authority-{}", deed.code())),
        lead: lang.t("verb-lead"),
        crumbs: vec![Link::new(PAGE, lang.t("organization"))],
        faults: vec![],
        action: deed.path(),
        hidden: vec![Choice::new("present", &view.present)],
        effects: effects(lang, deed, &view),
        choices: vec![],
        undo: String::new(),
        fields: vec![],
        is_grave: deed == Deed::Retire && !view.waiting.is_empty(),
        can_confirm: (deed == Deed::Make) == view.next.is_none(),
        back: PAGE.to_owned(),
    }))
}

pub(crate) async fn act(visit: Visit, Path(deed): Path<String>, posted: Posted) -> Answer {
    let deed = Deed::of(&deed)?;
    visit.confirmed(&deed.path())?;
    let seen = Some(posted.text("present"));
    let key = match deed {
        Deed::Make => {
            authority::rotate(&visit.app, &visit.caller, seen).await?;
            message("authority-made")
        }
        Deed::Retire => {
            authority::retire(&visit.app, &visit.caller, seen).await?;
            message("authority-retired")
        }
    };
    Ok(visit.done(PAGE, &Told::new(key)))
}
