//! A sample of each page, rendered in every language by tests, so that no template goes unseen.

use askama::Template;

use super::shell::{Done, Section, Shell, Theme, Who};
use super::text::{Lang, message};
use super::views::*;
use super::widgets::{
    Choice, Cursors, Event, Fault, Field, Figure, Line, Link, Moment, Pager, Tone, Word, span,
};
use super::{forms, qr};

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
        ("tickets", page(&tickets(at(Section::Tickets)))),
        ("ticket", page(&ticket(at(Section::Tickets)))),
    ]);
    pages.extend(rules_and_plant(lang, theme));
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
    let setup = OneTimeLink {
        shell: shell(),
        title: message("setup"),
        lead: message("setup-lead"),
        action: "/link/x".into(),
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
        ("setup", page(&setup)),
        ("link-dead", page(&dead)),
    ]
}

fn rules_and_plant(lang: Lang, theme: Theme) -> Vec<(&'static str, String)> {
    let at = |section| shell(lang, theme).at(section);
    vec![
        ("policies", page(&policies(at(Section::Policies)))),
        ("policy", page(&policy(at(Section::Policies)))),
        ("dry-run", page(&dry_run(at(Section::DryRun)))),
        ("stations", page(&stations(at(Section::Stations)))),
        ("station", page(&station(at(Section::Stations)))),
        ("quarantine", page(&quarantine(at(Section::Quarantine)))),
        ("conflict", page(&conflict(at(Section::Quarantine)))),
        ("audit", page(&audit(at(Section::Audit)))),
        ("settings", page(&own_account(at(Section::Settings)))),
        ("accounts", page(&accounts(at(Section::Settings)))),
        ("account", page(&account(at(Section::Settings)))),
        ("api-keys", page(&api_keys(at(Section::Settings)))),
        ("import", page(&import(at(Section::Users), false))),
        ("import-preview", page(&import(at(Section::Users), true))),
        ("find", page(&find(at(Section::Nowhere)))),
        ("problem", page(&refusal(at(Section::Nowhere)))),
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
        shows_user: true,
        shows_band: false,
        history_href: "/bands/AAAH-00201/history".into(),
        edit_href: "/bands/AAAH-00201/edit".into(),
        may_write: true,
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

fn policies(shell: Shell) -> Policies {
    let lang = shell.lang;
    let row = |id: &str, state: (&str, Tone), note: &str, activate: &str| PolicyListed {
        href: format!("/policies/group/{id}"),
        id: id.into(),
        note: note.into(),
        state: Word::new(lang.t(state.0), state.1),
        says: lang.word("setting", "reenroll_own"),
        copy: format!("/policies/group/{id}/copy"),
        activate: activate.into(),
    };
    let part = |id, what: &str, rows| PolicyPart {
        id,
        title: lang.t(format!("policies-{what}")),
        lead: lang.t(format!("policies-{what}-lead")),
        rows,
        none: lang.t("policies-none-individual"),
        none_text: lang.t("policies-none-individual-text"),
    };
    let group = vec![
        row(
            "plant",
            ("policy-active", Tone::Good),
            "Agreed with the works council",
            "",
        ),
        row(
            "summer",
            ("policy-idle", Tone::Off),
            "",
            "/policies/group/summer/activate",
        ),
    ];
    Policies {
        parts: vec![
            part("group", "group", group),
            part("individual", "individual", vec![]),
        ],
        may_write: true,
        shell,
    }
}

fn policy(shell: Shell) -> Policy {
    let lang = shell.lang;
    let flag = |id: &'static str, value: &str, fault: String| PolicyRow {
        id,
        label: lang.word("setting", id),
        hint: lang.word("setting", format!("{id}_hint")),
        fault,
        value: value.into(),
        inherited: String::new(),
        max: 0,
        options: vec![
            Choice::new("", lang.t1("policy-open-value", "value", lang.t("no"))),
            Choice::new("yes", lang.t("yes")),
            Choice::new("no", lang.t("no")),
        ],
    };
    let faults = vec![Fault {
        field: "reenroll_any",
        text: lang.word("policy-fault", "any_without_own"),
    }];
    Policy {
        title: "plant".into(),
        lead: lang.t("policy-lead-group"),
        state: Some(Word::new(lang.t("policy-active"), Tone::Good)),
        action: "/policies/group/plant".into(),
        etag: "1".into(),
        id_field: None,
        note: Field::new("note", message("policy-note-label")).hint(message("policy-note-hint")),
        settings: vec![
            flag("reenroll_own", "", String::new()),
            flag("reenroll_any", "yes", faults[0].text.clone()),
            PolicyRow {
                max: 31_536_000,
                inherited: "604800".into(),
                options: vec![],
                ..flag("offline_max_age_s", "", String::new())
            },
        ],
        faults,
        may_write: true,
        shell,
    }
}

fn dry_run(shell: Shell) -> DryRun {
    let lang = shell.lang;
    DryRun {
        faults: vec![],
        fields: vec![
            Field::new("user", message("dry-run-user"))
                .hint(message("dry-run-user-hint"))
                .value("4711")
                .required(),
            Field::new("band", message("dry-run-band"))
                .hint(message("dry-run-band-hint"))
                .value("AAAH-00202"),
            choose(
                lang,
                "zone",
                message("dry-run-zone"),
                "zone",
                &["enrollment", "registration"],
            ),
        ],
        answer: Some(Verdict {
            is_allowed: false,
            title: lang.t("dry-run-refused"),
            reason: lang.word("reason", "held_by_another"),
            effects: vec![],
            decided_by: lang.t1("policy-source-group", "id", "plant"),
            decided_href: "/policies/group/plant".into(),
            fix: lang.word("fix", "take_free_band"),
            code: "held_by_another".into(),
        }),
        effective: settings(lang),
        shell,
    }
}

fn stations(shell: Shell) -> Stations {
    let lang = shell.lang;
    let row = |name: &str, state: (&str, Tone), knows: String, unsent: &str| StationRow {
        href: "/stations/x".into(),
        name: name.into(),
        site: "Hamburg".into(),
        state: Word::of(lang, "station-state", state.0, state.1),
        zone: lang.word("zone", "enrollment"),
        knows,
        unsent: unsent.into(),
        contact: Moment::of(lang, NOON),
    };
    Stations {
        rows: vec![
            row("Gate 1", ("online", Tone::Good), lang.t("station-level"), "0"),
            row(
                "Clean room",
                ("late", Tone::Warn),
                lang.t1("station-behind", "count", 12),
                "3",
            ),
            row(
                "Tank farm",
                ("silent", Tone::Bad),
                lang.t1("station-behind", "count", 400),
                "",
            ),
            row("Old kiosk", ("revoked", Tone::Off), lang.t("station-unknown"), ""),
        ],
        tokens: vec![TokenRow {
            name: "Gate 2".into(),
            site: "Hamburg".into(),
            zone: lang.word("zone", "registration"),
            until: Moment::of(lang, NOON + HOUR),
        }],
        pager: Pager::default(),
        may_write: true,
        shell,
    }
}

fn station(shell: Shell) -> Station {
    let lang = shell.lang;
    Station {
        name: "Gate 1".into(),
        state: Word::of(lang, "station-state", "online", Tone::Good),
        verbs: vec![Link::new("/stations/x/revoke", lang.t("station-revoke"))],
        health: vec![
            line(
                Tone::Good,
                "check",
                lang.t("station-fine"),
                lang.t("station-fine-text"),
                ("", String::new()),
            ),
            line(
                Tone::Warn,
                "warn",
                lang.t("station-nothing-yet"),
                lang.t("station-nothing-yet-text"),
                ("", String::new()),
            ),
        ],
        facts: vec![
            Choice::new(lang.t("station-id"), "019AA0F2C4D87D10B6C5D2E3F4A5B6C7"),
            Choice::new(lang.t("station-version"), "0.1.0"),
            Choice::new(lang.t("station-certificate"), Moment::of(lang, NOON).text),
        ],
        may_write: true,
        shell,
    }
}

fn quarantine(shell: Shell) -> Quarantine {
    let lang = shell.lang;
    Quarantine {
        rows: vec![ConflictRow {
            href: "/quarantine/x".into(),
            title: lang.t2("quarantine-title", "band", "AAAH-00201", "user", "Kim Nguyen"),
            text: lang.word("quarantine-cause", "seos_taken_over"),
            at: Moment::of(lang, NOON),
        }],
        pager: Pager::default(),
        shell,
    }
}

fn conflict(shell: Shell) -> Conflict {
    let lang = shell.lang;
    let facts = |user: &str, place: &str| {
        vec![
            Choice::new(lang.t("col-user"), user),
            Choice::new(lang.t("quarantine-made-at"), place),
            Choice::new(lang.t("col-since"), Moment::of(lang, NOON).text),
        ]
    };
    Conflict {
        title: lang.t2("quarantine-title", "band", "AAAH-00201", "user", "Kim Nguyen"),
        cause: lang.word("quarantine-cause", "seos_taken_over"),
        action: "/quarantine/x".into(),
        sides: vec![
            Side {
                id: "new-side",
                title: lang.t("quarantine-new-side"),
                state: Word::of(lang, "association", "quarantined", Tone::Warn),
                facts: facts("Kim Nguyen", "Tank farm"),
                effects: vec![
                    lang.t("effect-new-association"),
                    lang.t1("effect-previous-owner-ends", "user", "Mara Kurz"),
                    lang.t1("effect-previous-owner-told", "user", "Mara Kurz"),
                ],
                settle: "keep",
                seal: "x".into(),
                button: lang.t1("quarantine-keep", "user", "Kim Nguyen"),
            },
            Side {
                id: "old-side",
                title: lang.t("quarantine-old-side"),
                state: Word::of(lang, "association", "active", Tone::Good),
                facts: facts("Mara Kurz", "Gate 1"),
                effects: vec![lang.t("verb-none")],
                settle: "reject",
                seal: "x".into(),
                button: lang.t1("quarantine-reject", "user", "Mara Kurz"),
            },
        ],
        may_write: true,
        shell,
    }
}

fn audit(shell: Shell) -> Audit {
    let lang = shell.lang;
    let row = |what: &str, subject: &str, changes: &[&str]| AuditLine {
        at: Moment::of(lang, NOON),
        who: "Mara Kurz".into(),
        what: lang.word("action", what),
        code: what.into(),
        subject: subject.into(),
        subject_href: "/users/4711".into(),
        changes: changes.iter().map(|it| (*it).to_owned()).collect(),
    };
    Audit {
        filters: vec![
            Field::new("actor", message("col-who")),
            Field::new("action", message("col-what")),
            Field::new("subject", message("col-subject")),
        ],
        may_export: true,
        verdict: Some(Word::new(
            lang.t2("audit-verified", "count", 4096, "head", "9f86d081884c"),
            Tone::Good,
        )),
        rows: vec![
            row(
                "user_suspend",
                "4711",
                &["suspended: false → true", "note: → Badge audit"],
            ),
            row("policy_edit", "plant", &["reenroll_own: → true"]),
        ],
        pager: Pager::default(),
        shell,
    }
}

fn own_account(shell: Shell) -> OwnAccount {
    let lang = shell.lang;
    let session = |from: &str, is_this| SessionRow {
        id: "s".into(),
        from: from.into(),
        begun: Moment::of(lang, NOON),
        is_this,
    };
    OwnAccount {
        tabs: forms::tabs("/settings", true, true),
        faults: vec![],
        login: "mara.kurz".into(),
        password_fields: vec![
            forms::present_password(),
            forms::new_password(),
            forms::password_again(),
        ],
        sessions: vec![
            session("10.1.2.3 · Firefox", true),
            session("10.1.2.77 · Chrome", false),
        ],
        shell,
    }
}

fn accounts(shell: Shell) -> Accounts {
    let lang = shell.lang;
    let row = |name: &str, role: &str, state: (&str, Tone)| AccountRow {
        href: "/settings/accounts/x".into(),
        name: name.into(),
        login: "mara.kurz".into(),
        role: lang.word("role", role),
        sites: lang.t("site-any"),
        state: Word::of(lang, "account-state", state.0, state.1),
        signed_in: Moment::of(lang, NOON),
    };
    Accounts {
        tabs: forms::tabs("/settings/accounts", true, true),
        rows: vec![
            row("Mara Kurz", "administrator", ("active", Tone::Good)),
            row("Jonas Öztürk", "operator", ("invited", Tone::Note)),
            row("Per Åkesson", "auditor", ("disabled", Tone::Off)),
        ],
        roles: forms::roles_explained(lang),
        may_write: true,
        shell,
    }
}

fn account(shell: Shell) -> Account {
    let lang = shell.lang;
    let deed = |what: &str, is_grave| Deed {
        title: lang.t(format!("account-{what}")),
        text: lang.t(format!("account-{what}-text")),
        action: "/x".into(),
        button: lang.t(format!("account-{what}")),
        is_grave,
    };
    Account {
        name: "Jonas Öztürk".into(),
        state: Word::of(lang, "account-state", "active", Tone::Good),
        faults: vec![],
        action: "/settings/accounts/x".into(),
        revision: "1".into(),
        fields: vec![
            Field::new("name", message("name")).value("Jonas Öztürk"),
            choose(
                lang,
                "role",
                message("account-role"),
                "role",
                &["administrator", "operator", "auditor", "rollout_manager"],
            ),
            Field::new("sites", message("account-sites")).hint(message("account-sites-hint")),
        ],
        deeds: vec![deed("link", false), deed("disable", true)],
        shell,
    }
}

fn api_keys(shell: Shell) -> ApiKeys {
    let lang = shell.lang;
    ApiKeys {
        tabs: forms::tabs("/settings/api-keys", true, true),
        rows: vec![ApiKeyRow {
            id: "bsk_2f9c".into(),
            name: "Directory sync".into(),
            role: lang.word("role", "operator"),
            scopes: "users:read, users:write".into(),
            until: Moment::of(lang, NOON),
            state: Word::of(lang, "api-key-state", "active", Tone::Good),
            revoke: "/settings/api-keys/x/revoke".into(),
        }],
        may_write: true,
        shell,
    }
}

fn import(shell: Shell, is_previewed: bool) -> Import {
    let lang = shell.lang;
    let preview = Preview {
        figures: vec![
            figure("12", lang.t("import-new"), ""),
            figure("3", lang.t("import-changed"), ""),
            figure("1 189", lang.t("import-same"), ""),
            figure("70", lang.t("import-leaving"), ""),
            figure("1", lang.t("import-faulty"), ""),
        ],
        brake: lang.t2("import-brake-text", "count", 70, "percent", 6),
        errors: vec![LineFault {
            line: "204".into(),
            column: "status".into(),
            text: "“left” — active, not_yet, departed".into(),
        }],
        more_errors: lang.t1("import-more-errors", "count", 2),
        changes: vec![LineChange {
            line: "2".into(),
            subject: "4711".into(),
            text: "site: Hamburg → Bremen".into(),
        }],
        confirm: "/imports/users/confirm".into(),
        hidden: vec![],
        button: lang.t1("import-confirm", "count", 15),
    };
    Import {
        title: lang.t("import-users"),
        back: "/users".into(),
        back_text: lang.t("nav-users"),
        again: "/imports/users".into(),
        action: "/imports/users".into(),
        faults: vec![],
        has_leavers: true,
        columns: ["id", "name", "site", "status"]
            .map(|column| Choice::new(column, lang.word("import-column", column)))
            .to_vec(),
        sample: "id;name;site\n4711;Mara Kurz;Hamburg".into(),
        preview: is_previewed.then_some(preview),
        shell,
    }
}

fn find(shell: Shell) -> Find {
    let row = |icon, title: &str, text: &str| Line {
        icon,
        title: title.into(),
        text: text.into(),
        href: "/x".into(),
        ..Line::default()
    };
    Find {
        q: "kurz".into(),
        rows: vec![
            row("users", "Mara Kurz", "4711 · Hamburg"),
            row("band", "AAAH-00201", "Mara Kurz"),
        ],
        shell,
    }
}

fn refusal(shell: Shell) -> Refusal {
    let lang = shell.lang;
    Refusal {
        title: lang.t("problem-stale"),
        detail: lang.t("problem-stale-text"),
        next: lang.t("back"),
        code: "stale_form".into(),
        back: "/".into(),
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
