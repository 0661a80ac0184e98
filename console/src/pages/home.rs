//! The overview: what needs somebody, one line for each cause; and the search from anywhere.

use axum::extract::Query;
use serde::Deserialize;

use super::audit_pages::{action, subject_path};
use super::shell::Section;
use super::station_pages::state_code;
use super::text::Lang;
use super::views::{Dashboard as DashboardPage, Find};
use super::visit::{Answer, Visit, go, page};
use super::widgets::{Event, Figure, Line, Moment, Tone};
use super::words::{self, band_path, named, user_path};
use crate::access::Action;
use crate::acts::bands::{self, BandFilter};
use crate::acts::dashboard::{self, Dashboard};
use crate::acts::page::PageRequest;
use crate::acts::users::{self, UserFilter};
use crate::audit::AuditRow;

const DAY_MS: i64 = 24 * 3_600_000;
/// Hits of each kind.
const HITS_MAX: u32 = 8;

/// A count with thin gaps between its thousands, the same in every language.
fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

fn figures(lang: Lang, plant: &Dashboard, now_ms: i64) -> Vec<Figure> {
    let live = plant.stations.iter().filter(|it| it.revoked_ms.is_none());
    let online = live
        .clone()
        .filter(|it| state_code(it, now_ms) == "online")
        .count();
    let figure = |count: String, key: &str, href: &'static str| Figure {
        count,
        label: lang.t(key),
        href,
    };
    vec![
        figure(count(plant.users), "home-users", "/users?status=active"),
        figure(count(plant.held), "home-bands", "/associations"),
        figure(count(plant.free), "home-stock", "/bands?stock=free"),
        figure(
            format!("{online} / {}", live.count()),
            "home-stations",
            "/stations",
        ),
    ]
}

fn attention(visit: &Visit, plant: &Dashboard, now_ms: i64) -> Vec<Line> {
    let lang = visit.lang;
    let stations = |codes: &[&str]| {
        let wanted = plant
            .stations
            .iter()
            .filter(|it| codes.contains(&state_code(it, now_ms)));
        wanted.count() as u64
    };
    let ends_soon = plant.stations.iter().filter(|it| {
        let ends = it
            .health
            .as_ref()
            .and_then(|health| health.get("certificate_not_after_s")?.as_i64());
        it.revoked_ms.is_none() && ends.is_some_and(|ends| ends.saturating_mul(1000) - now_ms < 14 * DAY_MS)
    });
    let causes = [
        (
            "quarantine",
            plant.quarantine,
            Tone::Warn,
            "quarantine",
            "/quarantine",
        ),
        (
            "imports",
            if visit.may(Action::ImportPreview) {
                plant.imports
            } else {
                0
            },
            Tone::Warn,
            "upload",
            "/imports/users",
        ),
        ("silent", stations(&["silent"]), Tone::Bad, "station", "/stations"),
        (
            "review",
            stations(&["quarantined"]),
            Tone::Bad,
            "station",
            "/stations",
        ),
        (
            "certificate",
            ends_soon.count() as u64,
            Tone::Warn,
            "station",
            "/stations",
        ),
        ("expired", plant.expired, Tone::Note, "band", "/associations"),
        ("lost", plant.lost, Tone::Note, "band", "/bands?stock=lost"),
    ];
    let present = causes.into_iter().filter(|(_, count, ..)| *count > 0);
    present
        .map(|(cause, count, tone, icon, href)| Line {
            tone: tone.class(),
            icon,
            title: lang.t1(&format!("attention-{cause}"), "count", count),
            text: lang.t(format!("attention-{cause}-text")),
            href: href.into(),
            link: lang.t(format!("attention-{cause}-link")),
        })
        .collect()
}

/// What a new plant does first; nothing once all of it is done.
fn first_steps(visit: &Visit, plant: &Dashboard) -> Vec<Line> {
    let lang = visit.lang;
    let steps = [
        ("users", plant.users > 0, "/add/user", Action::UserCreate),
        (
            "bands",
            plant.held + plant.free > 0,
            "/bands/new",
            Action::BandEdit,
        ),
        (
            "stations",
            !plant.stations.is_empty(),
            "/stations/new",
            Action::StationJoin,
        ),
        ("ticket", plant.tickets > 0, "/tickets/new", Action::TicketIssue),
    ];
    if steps.iter().all(|(_, done, ..)| *done) || !visit.may(Action::StationJoin) {
        return vec![];
    }
    let line = |(step, done, href, action): (&str, bool, &str, Action)| Line {
        tone: if done { Tone::Good } else { Tone::Note }.class(),
        icon: if done { "check" } else { "right" },
        title: lang.t(format!("step-{step}")),
        text: lang.t(format!("step-{step}-text")),
        href: if done || !visit.may(action) {
            String::new()
        } else {
            href.to_owned()
        },
        link: lang.t(format!("step-{step}-link")),
    };
    steps.into_iter().map(line).collect()
}

fn recent(lang: Lang, row: &AuditRow) -> Event {
    let what = action(lang, &row.action);
    Event {
        text: if row.subject.is_empty() {
            what
        } else {
            format!("{what}: {}", row.subject)
        },
        who: row.actor.clone(),
        at: Moment::of(lang, row.at_ms),
        href: subject_path(&row.subject_kind, &row.subject),
    }
}

pub(crate) async fn show(visit: Visit) -> Answer {
    let lang = visit.lang;
    let now = visit.app.now().0;
    let plant = dashboard::show(&visit.app, &visit.caller).await?;
    let attention = attention(&visit, &plant, now);
    let first_steps = first_steps(&visit, &plant);
    Ok(page(&DashboardPage {
        shell: visit.shell(Section::Home),
        lead: match attention.len() {
            0 if !first_steps.is_empty() => lang.t("home-lead-steps"),
            0 => lang.t("home-lead-calm"),
            count => lang.t1("home-lead", "count", count),
        },
        figures: figures(lang, &plant, now),
        first_steps,
        recent: plant.recent.iter().map(|row| recent(lang, row)).collect(),
        may_audit: visit.may(Action::AuditView),
        may_issue: visit.may(Action::TicketIssue),
        organization: plant.organization,
        attention,
    }))
}

/// What is looked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    q: String,
}

pub(crate) async fn find(visit: Visit, Query(asked): Query<Asked>) -> Answer {
    let q = asked.q.trim().to_owned();
    if q.is_empty() {
        return Ok(go("/users"));
    }
    let request = || PageRequest {
        cursor: None,
        limit: Some(HITS_MAX),
    };
    let by_user = UserFilter {
        q: Some(q.clone()),
        ..UserFilter::default()
    };
    let by_band = BandFilter {
        q: Some(q.clone()),
        ..BandFilter::default()
    };
    let users = users::list(&visit.app, &visit.caller, by_user, request()).await?;
    let bands = bands::list(&visit.app, &visit.caller, by_band, request()).await?;
    let lang = visit.lang;
    let users = users.rows.into_iter().map(|line| Line {
        icon: "users",
        title: named(Some(&line.user.name), &line.user.id),
        text: [
            line.user.id.clone(),
            line.user.site,
            words::user_state_text(lang, line.user.status),
        ]
        .join(" · "),
        href: user_path(&line.user.id),
        ..Line::default()
    });
    let bands = bands.rows.into_iter().map(|line| Line {
        icon: "band",
        text: words::stock_state(lang, line.band.stock, !line.held_by.is_empty()).text,
        href: band_path(&line.band.serial),
        title: line.band.serial,
        ..Line::default()
    });
    let rows: Vec<Line> = users.chain(bands).collect();
    match rows.as_slice() {
        [only] => Ok(go(&only.href)),
        _ => Ok(page(&Find {
            shell: visit.shell(Section::Nowhere),
            q,
            rows,
        })),
    }
}

#[cfg(test)]
mod tests {
    use super::count;

    #[test]
    fn thousands_are_set_apart() {
        let check = |number, expected: &str| assert_eq!(count(number), expected);
        check(0, "0");
        check(999, "999");
        check(1204, "1\u{202f}204");
        check(1_000_000, "1\u{202f}000\u{202f}000");
    }
}
