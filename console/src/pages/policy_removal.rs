//! Removing a policy that nobody needs, with who needs it where somebody does.

use axum::extract::Path;
use axum::http::StatusCode;
use policy::model::{GroupPolicy, IndividualPolicy};

use super::policy_pages::{LIST, parsed, says, unknown_kind};
use super::posted::Posted;
use super::shell::Section;
use super::text::{Lang, message};
use super::views::Verb;
use super::visit::{Answer, Told, Visit, page, page_with};
use super::widgets::{Choice, Fault, Link};
use super::words::{named, policy_path};
use crate::acts::policies::{self, Needed};
use crate::problem::{Code, Problem};

async fn needed(visit: &Visit, kind: &str, id: &str) -> Result<Needed, Problem> {
    let id = parsed(id)?;
    match kind {
        "group" => policies::needed::<GroupPolicy>(&visit.app, &visit.caller, id).await,
        "individual" => policies::needed::<IndividualPolicy>(&visit.app, &visit.caller, id).await,
        other => Err(unknown_kind(other)),
    }
}

/// What stands in the way, if anything does.
fn fault(lang: Lang, needed: &Needed) -> Option<Fault> {
    let text = match (needed.policy.holds, needed.users) {
        (true, _) => lang.t("policy-remove-holds"),
        (false, 0) => return None,
        (false, users) => lang.t1("policy-remove-used", "count", users),
    };
    Some(Fault { field: "", text })
}

fn effects(lang: Lang, needed: &Needed) -> Vec<String> {
    if needed.policy.holds {
        return vec![lang.t("policy-remove-holds-effect")];
    }
    if needed.users > 0 {
        let mut lines: Vec<String> = needed.first.iter().map(|(id, name)| user(id, name)).collect();
        let more = needed.users.saturating_sub(lines.len() as u64);
        lines.extend((more > 0).then(|| lang.t1("policy-remove-more", "count", more)));
        return lines;
    }
    let nobody = match needed.policy.kind.as_str() {
        "group" => "policy-remove-idle",
        _ => "policy-remove-nobody",
    };
    let said = lang.t1("policy-remove-said", "says", says(lang, &needed.policy));
    vec![lang.t(nobody), said, lang.t("policy-remove-effect")]
}

fn user(id: &str, name: &str) -> String {
    match named(Some(name), id) {
        name if name == id => name,
        name => format!("{name} ({id})"),
    }
}

fn view(visit: &Visit, id: &str, needed: &Needed) -> Verb {
    let lang = visit.lang;
    let fault = fault(lang, needed);
    Verb {
        shell: visit.shell(Section::Policies),
        title: lang.t1("policy-remove-title", "id", id),
        name: lang.t("policy-remove"),
        lead: lang.t("verb-lead"),
        crumbs: vec![Link::new(LIST, lang.t("nav-policies"))],
        can_confirm: fault.is_none(),
        faults: fault.into_iter().collect(),
        action: format!("{}/remove", policy_path(&needed.policy.kind, id)),
        hidden: vec![Choice::new("etag", needed.policy.version.to_string())],
        effects: effects(lang, needed),
        choices: vec![],
        undo: String::new(),
        fields: vec![],
        is_grave: true,
        back: LIST.into(),
    }
}

pub(crate) async fn form(visit: Visit, Path((kind, id)): Path<(String, String)>) -> Answer {
    let needed = needed(&visit, &kind, &id).await?;
    Ok(page(&view(&visit, &id, &needed)))
}

pub(crate) async fn remove(visit: Visit, Path((kind, id)): Path<(String, String)>, posted: Posted) -> Answer {
    let version = Some(posted.raw("etag").parse().unwrap_or(-1));
    let (app, caller) = (&visit.app, &visit.caller);
    let removed = match kind.as_str() {
        "group" => policies::remove::<GroupPolicy>(app, caller, parsed(&id)?, version).await,
        "individual" => policies::remove::<IndividualPolicy>(app, caller, parsed(&id)?, version).await,
        other => Err(unknown_kind(other)),
    };
    match removed {
        Ok(()) => Ok(visit.done(LIST, &Told::new(message("policy-removed")).with("id", &id))),
        // Somebody was given it since the page was shown: who, is said on the same page.
        Err(problem) if problem.code == Code::WrongState => {
            let needed = needed(&visit, &kind, &id).await?;
            Ok(page_with(StatusCode::CONFLICT, &view(&visit, &id, &needed)))
        }
        Err(problem) => Err(problem.into()),
    }
}
