//! A sample of each page, rendered in every language by tests, so that no template goes unseen.

mod plant;

use askama::Template;
use page_kit::qr;

use super::forms;
use super::shell::{Done, Section, Shell, Theme, Who, open_to};
use super::text::{Lang, message};
use super::views::*;
use super::widgets::{
    Choice, Cursors, Event, Fault, Field, Figure, Line, Link, Moment, Pager, Tone, Word, span,
};
use crate::access::Caller;

const NOON: i64 = 1_795_176_000_000;
const HOUR: i64 = 3_600_000;

/// A shell for a sample.
pub(crate) fn shell(lang: Lang, theme: Theme) -> Shell {
    Shell {
        lang,
        theme,
        who: Who {
            name: "Mara Kurz".into(),
            role: "administrator",
        },
        csrf: "sample".into(),
        here: "/".into(),
        section: Section::Nowhere,
        open: open_to(&Caller::cli("mara")),
        done: None,
    }
}

/// Every sample: a name, and the page.
pub(crate) fn all(lang: Lang, theme: Theme) -> Vec<(&'static str, String)> {
    let at = |section| shell(lang, theme).at(section);
    let mut pages = gate(lang, theme);
    pages.extend([
        ("dashboard", page(&dashboard(at(Section::Home)))),
        ("dashboard-empty", page(&dashboard_empty(at(Section::Home)))),
        ("users", page(&users(at(Section::Users)))),
        ("users-empty", page(&users_empty(at(Section::Users)))),
        ("user", page(&user(at(Section::Users)))),
        ("history", page(&history(at(Section::Users)))),
        ("user-new", page(&user_form(at(Section::Users)))),
        ("verb", page(&verb(at(Section::Users)))),
        ("bands", page(&bands(at(Section::Bands)))),
        ("band", page(&band(at(Section::Bands)))),
        (
            "associations",
            page(&list_of_associations(at(Section::Associations))),
        ),
        ("association", page(&one_association(at(Section::Associations)))),
        ("tickets", page(&tickets(at(Section::Tickets)))),
        ("ticket", page(&ticket(at(Section::Tickets)))),
    ]);
    pages.extend(plant::all(lang, theme));
    pages
}

fn page(template: &impl Template) -> String {
    template.render().expect("a sample renders")
}

fn gate(lang: Lang, theme: Theme) -> Vec<(&'static str, String)> {
    let shell = || shell(lang, theme);
    let sign_in = SignIn {
        shell: shell(),
        notice: lang.t("sign-in-again"),
        next: "/users".into(),
        login: forms::login().value("mara.kurz"),
        password: forms::password(),
        faults: vec![],
    };
    let refused = SignIn {
        notice: String::new(),
        faults: vec![Fault {
            field: "",
            text: lang.t("sign-in-refused"),
        }],
        ..sign_in.clone()
    };
    let code = CodePage {
        shell: shell(),
        next: "/".into(),
        code: forms::code(),
        faults: vec![],
    };
    let factor = FactorSetup {
        shell: shell(),
        qr: qr::draw("otpauth://totp/Bandstand:mara.kurz?secret=GEZDGNBVGY3TQOJQ&issuer=Bandstand"),
        text: "GEZDGNBVGY3TQOJQ".into(),
        code: forms::code(),
        faults: vec![],
    };
    let setup = OneTimeLink {
        shell: shell(),
        title: message("setup"),
        lead: message("setup-lead"),
        action: "/link/x".into(),
        whose: String::new(),
        login: Some(forms::login()),
        name: Some(Field::new("name", message("name")).hint(message("name-hint"))),
        password: forms::new_password(),
        again: forms::password_again(),
        faults: vec![],
    };
    let dead = DeadEnd {
        shell: shell(),
        title: lang.t("link-dead"),
        text: lang.t("link-dead-text"),
    };
    vec![
        ("sign-in", page(&sign_in)),
        ("sign-in-refused", page(&refused)),
        ("code", page(&code)),
        ("factor", page(&factor)),
        ("setup", page(&setup)),
        ("link-dead", page(&dead)),
    ]
}

fn figure(count: &str, label: String, href: &'static str) -> Figure {
    Figure {
        count: count.into(),
        label,
        href,
    }
}

fn line(tone: Tone, icon: &'static str, title: String, text: String, link: (&str, String)) -> Line {
    Line {
        tone: tone.class(),
        icon,
        title,
        text,
        href: link.0.into(),
        link: link.1,
    }
}

fn event(lang: Lang, text: &str, at: i64) -> Event {
    Event {
        text: text.into(),
        who: "Jonas Öztürk".into(),
        at: Moment::of(lang, at),
        href: "/users/4711".into(),
    }
}

fn dashboard(shell: Shell) -> Dashboard {
    let lang = shell.lang;
    let t = |key: &str| lang.t(key);
    Dashboard {
        organization: "Acme".into(),
        lead: lang.t1("home-lead", "count", 3),
        figures: vec![
            figure("1 204", t("home-users"), "/users"),
            figure("1 118", t("home-bands"), "/associations"),
            figure("86", t("home-stock"), "/bands"),
            figure("11 / 12", t("home-stations"), "/stations"),
        ],
        first_steps: vec![],
        attention: vec![
            line(
                Tone::Warn,
                "quarantine",
                lang.t1("attention-quarantine", "count", 1),
                t("attention-quarantine-text"),
                ("/quarantine", t("attention-quarantine-link")),
            ),
            line(
                Tone::Bad,
                "station",
                lang.t1("attention-silent", "count", 2),
                t("attention-silent-text"),
                ("/stations", t("attention-silent-link")),
            ),
            line(
                Tone::Note,
                "band",
                lang.t1("attention-lost", "count", 4),
                t("attention-lost-text"),
                ("/bands?stock=lost", t("attention-lost-link")),
            ),
        ],
        recent: vec![
            event(lang, &format!("{}: 4711", lang.t("action-user-suspend")), NOON),
            event(
                lang,
                &format!("{}: 0815", lang.t("action-ticket-issue")),
                NOON - HOUR,
            ),
            event(
                lang,
                &format!("{}: plant", lang.t("action-policy-edit")),
                NOON - 26 * HOUR,
            ),
        ],
        may_audit: true,
        may_issue: true,
        shell,
    }
}

fn dashboard_empty(shell: Shell) -> Dashboard {
    let lang = shell.lang;
    let step = |what: &str, href: &str, is_done: bool| {
        let (tone, icon) = if is_done {
            (Tone::Good, "check")
        } else {
            (Tone::Note, "right")
        };
        let key = |end: &str| lang.t(format!("step-{what}{end}"));
        line(tone, icon, key(""), key("-text"), (href, key("-link")))
    };
    Dashboard {
        lead: lang.t("home-lead-calm"),
        figures: vec![],
        attention: vec![],
        recent: vec![],
        first_steps: vec![
            step("users", "", true),
            step("bands", "/bands/new", false),
            step("stations", "/stations/new", false),
            step("ticket", "/tickets/new", false),
        ],
        ..dashboard(shell)
    }
}

fn choose(lang: Lang, id: &'static str, label: &'static str, group: &str, codes: &[&str]) -> Field {
    let options = codes
        .iter()
        .map(|code| Choice::new(*code, lang.word(group, code)));
    Field::new(id, label).options(options.collect())
}

fn user_row(lang: Lang, name: &str, id: &str, state: (&str, Tone), band: &str, policy: &str) -> UserRow {
    UserRow {
        href: format!("/users/{id}"),
        name: name.into(),
        id: id.into(),
        state: Word::of(lang, "status", state.0, state.1),
        band: band.into(),
        band_href: format!("/bands/{band}"),
        policy: policy.into(),
        site: "Hamburg".into(),
    }
}

fn users(shell: Shell) -> Users {
    let lang = shell.lang;
    let active = ("active", Tone::Good);
    let rows = vec![
        user_row(lang, "Mara Kurz", "4711", active, "AAAH-00201", ""),
        user_row(lang, "Jonas Öztürk", "4712", active, "AAAH-00202", "lab"),
        user_row(lang, "Ana de Souza", "4713", ("suspended", Tone::Warn), "", ""),
        user_row(
            lang,
            "Wilhelmine Freifrau von Hohenstein-Langenburg",
            "4714",
            active,
            "",
            "",
        ),
        user_row(lang, "Kim Nguyen", "4715", ("not-yet", Tone::Note), "", ""),
        user_row(lang, "Per Åkesson", "4716", ("departed", Tone::Off), "", ""),
    ];
    let cursors = Cursors {
        here: Some("a"),
        next: Some("b"),
    };
    Users {
        q: String::new(),
        status: choose(
            lang,
            "status",
            message("user-status"),
            "status",
            &["active", "suspended", "departed"],
        ),
        is_filtered: false,
        pager: Pager::new(lang, rows.len(), "/users", &[], cursors),
        rows,
        may_write: true,
        may_import: true,
        may_export: true,
        shell,
    }
}

fn users_empty(shell: Shell) -> Users {
    Users {
        rows: vec![],
        pager: Pager::default(),
        ..users(shell)
    }
}

fn association(lang: Lang, band: &str, state: (&str, Tone), tags: &[String], since: i64) -> AssociationRow {
    let verb = |code: &str| Link::new(format!("/associations/x/{code}"), lang.word("verb", code));
    AssociationRow {
        href: "/associations/x".into(),
        user: "Mara Kurz".into(),
        user_href: "/users/4711".into(),
        band: band.into(),
        band_href: format!("/bands/{band}"),
        zone: lang.word("zone", "enrollment"),
        state: Word::of(lang, "association", state.0, state.1),
        tags: tags.to_vec(),
        since: Moment::of(lang, since),
        verbs: if state.0 == "ended" {
            vec![]
        } else {
            vec![verb("lost"), verb("disconnect")]
        },
    }
}

fn associations(lang: Lang) -> Vec<AssociationRow> {
    let until = lang.t1("tag-temporary", "until", "18:00");
    vec![
        association(
            lang,
            "AAAH-00201",
            ("inactive", Tone::Off),
            &[lang.t("tag-primary")],
            NOON,
        ),
        association(lang, "AAAH-00345", ("active", Tone::Good), &[until], NOON),
        association(lang, "AAAH-00007", ("ended", Tone::Off), &[], NOON - 2000 * HOUR),
    ]
}

fn settings(lang: Lang) -> Vec<Setting> {
    let row = |key: &str, value: String, source: String, href: &str| Setting {
        label: lang.word("setting", key),
        value,
        source,
        href: href.into(),
    };
    let group = lang.t1("policy-source-group", "id", "plant");
    vec![
        row(
            "reenroll_own",
            lang.t("yes"),
            group.clone(),
            "/policies/group/plant",
        ),
        row("reenroll_any", lang.t("no"), lang.t("policy-source-built-in"), ""),
        row(
            "offline_max_age_s",
            lang.t1("span-days", "count", 7),
            group,
            "/policies/group/plant",
        ),
        row(
            "liveness",
            lang.t("no"),
            lang.t1("policy-source-individual", "id", "lab"),
            "/policies/individual/lab",
        ),
    ]
}

fn user(shell: Shell) -> User {
    let lang = shell.lang;
    let done = Done {
        text: lang.t("verb-done"),
        undo: "/users/4711/resume".into(),
    };
    let since = Moment::of(lang, NOON).text;
    let verb = |code: &str| Link::new(format!("/users/4711/{code}"), lang.word("verb", code));
    User {
        id: "4711".into(),
        name: "Mara Kurz".into(),
        state: Word::of(lang, "status", "suspended", Tone::Warn),
        suspension: lang.t2("user-suspended-note", "since", since, "note", "Badge audit"),
        site: "Hamburg".into(),
        label: String::new(),
        mail: "mara.kurz@example.com".into(),
        note: String::new(),
        policy: "lab".into(),
        policy_href: "/policies/individual/lab".into(),
        give_policy_href: "/users/4711/policy".into(),
        ticket_href: String::new(),
        edit_href: "/users/4711/edit".into(),
        history_href: "/users/4711/history".into(),
        dry_run_href: "/dry-run?user=4711".into(),
        verbs: vec![verb("resume"), verb("leaver")],
        associations: associations(lang),
        zones: zones(lang),
        shows_user: false,
        shows_band: true,
        effective: settings(lang),
        may_write: true,
        shell: Shell {
            done: Some(done),
            ..shell
        },
    }
}

fn user_form(shell: Shell) -> Form {
    let lang = shell.lang;
    let faults = vec![Fault {
        field: "name",
        text: lang.t("name-missing"),
    }];
    Form {
        title: lang.t("user-new"),
        lead: String::new(),
        crumbs: vec![Link::new("/users", lang.t("nav-users"))],
        action: "/users".into(),
        hidden: vec![],
        fields: vec![
            Field::new("id", message("user-id"))
                .hint(message("user-id-hint"))
                .required(),
            Field::new("name", message("name")).faults(&faults),
            choose(
                lang,
                "status",
                message("user-status"),
                "status",
                &["active", "not_yet", "departed"],
            ),
        ],
        faults,
        submit: lang.t("user-add"),
        back: "/users".into(),
        shell,
    }
}

fn verb(shell: Shell) -> Verb {
    let lang = shell.lang;
    let effects = [
        ("effect-old-band-inactive-primary", "band", "AAAH-00201"),
        ("effect-previous-owner-told", "user", "Kim"),
    ];
    Verb {
        title: lang.t1("verb-forgot-today-title", "subject", "AAAH-00201"),
        name: lang.word("verb", "forgot_today"),
        lead: lang.t("verb-lead"),
        crumbs: vec![
            Link::new("/users", lang.t("nav-users")),
            Link::new("/users/4711", "Mara Kurz"),
        ],
        faults: vec![],
        action: "/x".into(),
        hidden: vec![],
        effects: effects
            .iter()
            .map(|(key, name, value)| lang.t1(key, name, *value))
            .collect(),
        choices: vec![
            Link::new("/x", span(lang, 12 * HOUR)),
            Link::new("/y", span(lang, 24 * HOUR)),
        ],
        undo: lang.t("verb-undo"),
        fields: vec![
            Field::new("until", message("verb-until"))
                .hint(message("verb-until-hint"))
                .of_kind("datetime-local"),
            Field::new("note", message("verb-note"))
                .hint(message("verb-note-hint"))
                .of_kind("area"),
        ],
        is_grave: false,
        can_confirm: true,
        back: "/users/4711".into(),
        shell,
    }
}

fn bands(shell: Shell) -> Bands {
    let lang = shell.lang;
    let row = |serial: &str, state: (&str, Tone), holder: &str, seos| BandRow {
        href: format!("/bands/{serial}"),
        serial: serial.into(),
        state: Word::of(lang, "stock", state.0, state.1),
        holder: holder.into(),
        holder_href: "/users/4711".into(),
        seos,
        site: "Hamburg".into(),
    };
    Bands {
        q: "AAAH".into(),
        stock: choose(
            lang,
            "stock",
            message("band-stock"),
            "stock",
            &["in_stock", "lost", "damaged", "retired"],
        ),
        is_filtered: true,
        rows: vec![
            row("AAAH-00201", ("held", Tone::Good), "Mara Kurz", false),
            row("AAAH-00202", ("held", Tone::Good), "Jonas Öztürk", true),
            row("AAAH-00203", ("in_stock", Tone::Note), "", false),
            row("AAAH-00204", ("lost", Tone::Bad), "", false),
            row("AAAH-00205", ("damaged", Tone::Warn), "", false),
        ],
        pager: Pager::default(),
        may_write: true,
        may_import: true,
        may_export: true,
        shell,
    }
}

fn band(shell: Shell) -> Band {
    let lang = shell.lang;
    let verb = |code: &str| Link::new(format!("/bands/AAAH-00201/{code}"), lang.word("verb", code));
    Band {
        serial: "AAAH-00201".into(),
        state: Word::of(lang, "stock", "held", Tone::Good),
        seos: true,
        doors: lang.t("seos-yes"),
        site: String::new(),
        delivery: "2026-07".into(),
        note: "Lot 7".into(),
        verbs: vec![verb("lost"), verb("broken"), verb("retire")],
        associations: associations(lang),
        zones: zones(lang),
        shows_user: true,
        shows_band: false,
        history_href: "/bands/AAAH-00201/history".into(),
        edit_href: "/bands/AAAH-00201/edit".into(),
        may_write: true,
        shell,
    }
}

fn zones(lang: Lang) -> Vec<ZoneRow> {
    let word = |code: &str, tone| Some(Word::of(lang, "association", code, tone));
    let row = |it, ot, says: &str| ZoneRow {
        name: "AAAH-00201".into(),
        href: "/bands/AAAH-00201".into(),
        it,
        ot,
        says: lang.t(says),
        agrees: says == "zones-agree",
    };
    vec![
        row(
            word("active", Tone::Good),
            word("active", Tone::Good),
            "zones-agree",
        ),
        row(word("active", Tone::Good), None, "zones-not-registered"),
    ]
}

fn one_association(shell: Shell) -> AssociationPage {
    let lang = shell.lang;
    AssociationPage {
        title: lang.t2("association-title", "user", "Mara Kurz", "band", "AAAH-00201"),
        state: Word::of(lang, "association", "active", Tone::Good),
        tags: vec![lang.t("tag-primary")],
        verbs: vec![Link::new("/do/lost", lang.word("verb", "lost"))],
        people: vec![Link::new("/users/4711", lang.t("association-to-user"))],
        facts: vec![Choice::new(lang.t("col-band"), "AAAH-00201")],
        history: vec![Event {
            text: lang.t2("event-associated", "band", "AAAH-00201", "to", ""),
            at: Moment::of(lang, NOON),
            ..Event::default()
        }],
        shell,
    }
}

fn list_of_associations(shell: Shell) -> Associations {
    let lang = shell.lang;
    Associations {
        state: Field::new("state", message("col-state")).options(vec![
            Choice::new("open", lang.t("associations-open")),
            Choice::new("all", lang.t("associations-all")),
        ]),
        zone: choose(
            lang,
            "zone",
            message("col-zone"),
            "zone",
            &["enrollment", "registration"],
        ),
        associations: associations(lang),
        shows_user: true,
        shows_band: true,
        pager: Pager::default(),
        may_export: true,
        shell,
    }
}

fn tickets(shell: Shell) -> Tickets {
    let lang = shell.lang;
    let row = |user: &str, state: (&str, Tone), revoke: &str| TicketRow {
        user: user.into(),
        user_href: "/users/4711".into(),
        state: Word::of(lang, "ticket", state.0, state.1),
        site: "Hamburg".into(),
        issued: Moment::of(lang, NOON),
        until: Moment::of(lang, NOON + 24 * HOUR),
        revoke: revoke.into(),
    };
    Tickets {
        rows: vec![
            row("Mara Kurz", ("open", Tone::Good), "/tickets/x/revoke"),
            row("Kim Nguyen", ("used", Tone::Off), ""),
            row("Per Åkesson", ("expired", Tone::Off), ""),
        ],
        pager: Pager::default(),
        may_write: true,
        shell,
    }
}

fn ticket(shell: Shell) -> HandOver {
    let lang = shell.lang;
    let text = "BST1.eyJzYW1wbGUiOiJ0aWNrZXQiLCJvcmdhbml6YXRpb24iOiJhY21lIn0.Q2FuIHlvdSByZWFkIHRoaXM";
    HandOver {
        title: lang.t1("ticket-issued", "name", "Mara Kurz"),
        lead: lang.t("ticket-issued-lead"),
        crumbs: vec![Link::new("/tickets", lang.t("nav-tickets"))],
        qr: qr::draw(text),
        typed: "7KQ4-M2XD-9P".into(),
        text_title: lang.t("ticket-text"),
        text: text.into(),
        facts: vec![Choice::new(lang.t("col-until"), Moment::of(lang, NOON).text)],
        back: "/tickets".into(),
        shell,
    }
}

fn history(shell: Shell) -> History {
    let lang = shell.lang;
    let line = |key: &str, to: &str, at| Event {
        who: String::new(),
        href: String::new(),
        ..event(lang, &lang.t2(key, "band", "AAAH-00201", "to", to), at)
    };
    History {
        crumbs: vec![
            Link::new("/users", lang.t("nav-users")),
            Link::new("/users/4711", "4711"),
        ],
        history: vec![
            line("event-user-suspended", "Badge audit", NOON),
            line("event-associated", "", NOON - 30 * HOUR),
            line("event-user-stands", &lang.t("status-active"), NOON - 900 * HOUR),
        ],
        shell,
    }
}
