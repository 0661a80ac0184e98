//! What two stations did in conflict: both sides, one button each way.

use axum::extract::{Path, Query};
use serde::Deserialize;

use super::posted::Posted;
use super::shell::Section;
use super::text::{Lang, message};
use super::verb_pages::address_of;
use super::views::{Conflict, ConflictRow, Quarantine, Side};
use super::visit::{Answer, Told, Visit, page};
use super::widgets::{Choice, Cursors, Moment, Pager};
use super::words::{self, code_of, named};
use crate::access::Action;
use crate::acts::intents::{self, Intent, Preview};
use crate::acts::page::PageRequest;
use crate::acts::quarantine::{self, QuarantineView};
use crate::acts::view::AssociationView;
use crate::problem::Problem;

const LIST: &str = "/quarantine";

fn title(lang: Lang, view: &QuarantineView) -> String {
    lang.t2(
        "quarantine-title",
        "band",
        &view.waiting.band,
        "user",
        person(&view.waiting),
    )
}

fn person(side: &AssociationView) -> String {
    named(side.user_name.as_deref(), &side.user)
}

fn cause(lang: Lang, view: &QuarantineView) -> String {
    lang.word("quarantine-cause", code_of(view.cause))
}

/// Where a list goes on.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    cursor: Option<String>,
}

pub(crate) async fn list(visit: Visit, Query(asked): Query<Asked>) -> Answer {
    let lang = visit.lang;
    let request = PageRequest {
        cursor: asked.cursor.clone(),
        limit: None,
    };
    let found = quarantine::list(&visit.app, &visit.caller, request).await?;
    let row = |view: &QuarantineView| ConflictRow {
        href: format!("{LIST}/{}", view.waiting.id),
        title: title(lang, view),
        text: cause(lang, view),
        at: Moment::of(lang, view.since_ms),
    };
    let cursors = Cursors {
        here: asked.cursor.as_deref(),
        next: found.next_cursor.as_deref(),
    };
    Ok(page(&Quarantine {
        shell: visit.shell(Section::Quarantine),
        rows: found.rows.iter().map(row).collect(),
        pager: Pager::new(lang, found.rows.len(), LIST, &[], cursors),
    }))
}

fn facts(lang: Lang, side: &AssociationView) -> Vec<Choice> {
    let place = match &side.station {
        Some(station) => Choice::new(lang.t("quarantine-made-at"), station),
        None => Choice::new(lang.t("quarantine-made-at"), lang.t("quarantine-made-here")),
    };
    vec![
        Choice::new(lang.t("col-user"), person(side)),
        Choice::new(lang.t("user-id"), &side.user),
        place,
        Choice::new(lang.t("col-zone"), lang.word("zone", code_of(side.zone))),
        Choice::new(lang.t("quarantine-made"), Moment::of(lang, side.made_ms).text),
        Choice::new(lang.t("quarantine-epoch"), side.band_epoch.to_string()),
    ]
}

async fn foresee(visit: &Visit, intent: Intent) -> Result<Option<Preview>, Problem> {
    match visit.may(Action::QuarantineSettle) {
        true => intents::preview(&visit.app, &visit.caller, intent)
            .await
            .map(Some),
        false => Ok(None),
    }
}

pub(crate) async fn show(visit: Visit, Path(id): Path<String>) -> Answer {
    let lang = visit.lang;
    let parsed = id
        .parse()
        .map_err(|fault| Problem::invalid("association", fault))?;
    let view = quarantine::show(&visit.app, &visit.caller, parsed).await?;
    let association = || view.waiting.id.clone();
    let keep = foresee(
        &visit,
        Intent::Keep {
            association: association(),
        },
    )
    .await?;
    let reject = foresee(
        &visit,
        Intent::Reject {
            association: association(),
        },
    )
    .await?;
    let effects = |preview: &Option<Preview>| {
        let all = preview
            .as_ref()
            .map(|preview| words::effects(lang, &preview.effects));
        all.unwrap_or_default()
    };
    let seal = |preview: &Option<Preview>| preview.as_ref().map(|it| it.seal.clone()).unwrap_or_default();
    let new = Side {
        id: "new-side",
        title: lang.t("quarantine-new-side"),
        state: words::standing(lang, view.waiting.standing),
        facts: facts(lang, &view.waiting),
        effects: effects(&keep),
        settle: "keep",
        seal: seal(&keep),
        button: lang.t1("quarantine-keep", "user", person(&view.waiting)),
    };
    let old = Side {
        id: "old-side",
        title: lang.t("quarantine-old-side"),
        state: match &view.rival {
            Some(rival) => words::standing(lang, rival.standing),
            None => super::widgets::Word::new(lang.t("quarantine-nobody"), super::widgets::Tone::Off),
        },
        facts: view
            .rival
            .as_ref()
            .map(|rival| facts(lang, rival))
            .unwrap_or_default(),
        effects: effects(&reject),
        settle: "reject",
        seal: seal(&reject),
        button: match &view.rival {
            Some(rival) => lang.t1("quarantine-reject", "user", person(rival)),
            None => lang.t("quarantine-reject-nobody"),
        },
    };
    Ok(page(&Conflict {
        shell: visit.shell(Section::Quarantine),
        title: title(lang, &view),
        cause: cause(lang, &view),
        action: format!("{LIST}/{id}"),
        sides: vec![new, old],
        may_write: keep.is_some(),
    }))
}

pub(crate) async fn settle(visit: Visit, Path(id): Path<String>, posted: Posted) -> Answer {
    let (intent, key) = match posted.raw("settle") {
        "keep" => (Intent::Keep { association: id }, message("quarantine-kept")),
        "reject" => (Intent::Reject { association: id }, message("quarantine-rejected")),
        other => return Err(Problem::invalid("settle", other).into()),
    };
    let seal = Some(posted.text("seal"));
    let confirmed = intents::confirm(&visit.app, &visit.caller, intent, seal).await?;
    let undo = confirmed
        .undo
        .as_ref()
        .map(|intent| address_of(intent, LIST))
        .unwrap_or_default();
    Ok(visit.done(LIST, &Told::new(key).undo(&undo)))
}
