//! Samples of the pages about rules, stations and the console itself.

use super::*;
use crate::acts::imports::{ColumnView, ImportKind, ImportOptions};

pub(super) fn all(lang: Lang, theme: Theme) -> Vec<(&'static str, String)> {
    let at = |section| shell(lang, theme).at(section);
    vec![
        ("policies", page(&policies(at(Section::Policies)))),
        ("policy", page(&policy(at(Section::Policies)))),
        ("dry-run", page(&dry_run(at(Section::DryRun)))),
        ("stations", page(&stations(at(Section::Stations)))),
        ("station", page(&station(at(Section::Stations)))),
        ("operators", page(&operators(at(Section::Operators)))),
        ("operator", page(&operator(at(Section::Operators)))),
        ("organization", page(&organization(at(Section::Settings)))),
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

fn policies(shell: Shell) -> Policies {
    let lang = shell.lang;
    let row = |id: &str, state: (&str, Tone), note: &str, activate: &str| PolicyListed {
        href: format!("/policies/group/{id}"),
        id: id.into(),
        note: note.into(),
        state: Word::new(lang.t(state.0), state.1),
        known: lang.t2("policy-known", "known", 3, "all", 4),
        says: lang.word("setting", "reenroll_own"),
        copy: format!("/policies/group/{id}/copy"),
        remove: match activate {
            "" => String::new(),
            _ => format!("/policies/group/{id}/remove"),
        },
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

fn operators(shell: Shell) -> Operators {
    let lang = shell.lang;
    let row = OperatorRow {
        href: "/operators/kim".into(),
        id: "kim".into(),
        user: "4715".into(),
        user_href: "/users/4715".into(),
        rights: vec![lang.word("right", "vouch"), lang.word("right", "confirm_clock")],
        sites: "Hamburg".into(),
    };
    Operators {
        rows: vec![row],
        may_write: true,
        shell,
    }
}

fn operator(shell: Shell) -> Operator {
    let lang = shell.lang;
    Operator {
        title: "kim".into(),
        action: "/operators/kim".into(),
        name: "kim".into(),
        revision: "1".into(),
        id: None,
        pin: Field::new("pin", message("operator-pin")).hint(message("operator-pin-keep")),
        user: Field::new("user", message("operator-user")),
        sites: Field::new("sites", message("account-sites")),
        rights: vec![Tick {
            id: "vouch",
            label: lang.word("right", "vouch"),
            hint: lang.word("right", "vouch_may"),
            is_on: true,
        }],
        remove: "/operators/kim/remove".into(),
        faults: vec![],
        shell,
    }
}

fn organization(shell: Shell) -> Organization {
    let lang = shell.lang;
    let key = |kind: &str, id: &str, state: &str, tone| KeyLine {
        kind: lang.word("key", kind),
        id: id.into(),
        name: "Acme Bands".into(),
        mark: "41b2c3d4e5f60718".into(),
        state: Word::of(lang, "key-state", state, tone),
        since: Moment::of(lang, NOON),
    };
    Organization {
        tabs: forms::tabs("/settings/organization", true, true, true),
        faults: vec![],
        name: Field::new("organization", message("organization-name")).value("Acme"),
        facts: vec![Choice::new(lang.t("organization-id"), "41b2")],
        keys: vec![
            key("ticket_issuer", "1", "holds", Tone::Good),
            key("feed", "2", "coming", Tone::Note),
            key("code", "1", "retired", Tone::Off),
        ],
        makes: vec![key("manufacturer", "1", "holds", Tone::Good)],
        goes_over: true,
        has_authority: true,
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
        tabs: forms::tabs("/settings", true, true, true),
        faults: vec![],
        login: "mara.kurz".into(),
        has_factor: true,
        needs_factor: true,
        codes_left: lang.t1("factor-codes-left", "count", 7),
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
        tabs: forms::tabs("/settings/accounts", true, true, true),
        rows: vec![
            row("Mara Kurz", "administrator", ("active", Tone::Good)),
            row("Jonas Öztürk", "operator", ("invited", Tone::Note)),
            row("Per Åkesson", "auditor", ("disabled", Tone::Off)),
        ],
        roles: forms::roles_explained(lang),
        required: lang.word("role", "administrator"),
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
        tabs: forms::tabs("/settings/api-keys", true, true, true),
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
        facts: vec![Choice::new(lang.t("import-brought-by"), "mara.kurz")],
        again: "/imports/users/1/again".into(),
        look_alikes: vec!["ada / Ada".into()],
        pager: Pager::default(),
        figures: vec![
            figure("12", lang.t("import-new"), ""),
            figure("3", lang.t("import-changed"), ""),
            figure("1 189", lang.t("import-same"), ""),
            figure("70", lang.t("import-leaving"), ""),
            figure("1", lang.t("import-faulty"), ""),
        ],
        notice: Some((
            "bad",
            lang.t("import-brake"),
            lang.t2("import-brake-text", "count", 70, "percent", 6),
        )),
        cancel: "/x".into(),
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
        button: lang.t1("import-confirm", "count", 15),
    };
    Import {
        title: lang.t("import-users"),
        back: "/users".into(),
        back_text: lang.t("nav-users"),
        again: "/imports/users".into(),
        action: "/imports/users".into(),
        faults: vec![],
        reading: super::super::import_form::form(
            lang,
            ImportKind::Users,
            &ImportOptions::default(),
            &["id", "Name", "Abteilung"].map(|heading| ColumnView {
                heading: heading.into(),
                field: (heading == "id").then(|| heading.into()),
                suggestion: None,
            }),
        ),
        columns: ["id", "name", "site", "status"]
            .map(|column| Choice::new(column, lang.word("import-column", column)))
            .to_vec(),
        sample: "id;name;site\n4711;Mara Kurz;Hamburg".into(),
        preview: is_previewed.then_some(preview),
        is_done: false,
        earlier: vec![ImportRow {
            href: "/imports/users/1".into(),
            at: Moment::of(lang, NOON),
            who: "mara.kurz".into(),
            state: Word::of(lang, "import-state", "waiting", Tone::Warn),
            says: lang.t1("import-changes-count", "count", 15),
        }],
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
