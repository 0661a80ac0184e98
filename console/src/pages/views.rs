//! What each page shows, as plain values, beside its template. Nothing here knows how it came about: handlers
//! fill these, and a test renders a sample of each in every language.

use askama::Template;
use page_kit::qr::Qr;

use super::shell::Shell;
use super::widgets::{Choice, Event, Fault, Field, Figure, Line, Link, Moment, Pager, Word};

macro_rules! pages {
    ($($(#[doc = $doc:literal])+ $Name:ident $path:literal { $($field:ident: $type:ty,)* })+) => {
        $($(#[doc = $doc])+
        #[derive(Clone, Debug, Template)]
        #[template(path = $path)]
        pub(crate) struct $Name {
            pub(crate) shell: Shell,
            $(pub(crate) $field: $type,)*
        })+
    };
}

pages! {
    /// Sign-in.
    SignIn "sign_in.html" {
        notice: String,
        next: String,
        login: Field,
        password: Field,
        faults: Vec<Fault>,
    }
    /// The code beside the password.
    CodePage "code.html" { next: String, code: Field, faults: Vec<Fault>, }
    /// Setting up an app that makes codes.
    FactorSetup "factor.html" { qr: Option<Qr>, text: String, code: Field, faults: Vec<Fault>, }
    /// A one-time link: the first administrator, or a new password.
    OneTimeLink "link.html" {
        title: &'static str,
        lead: &'static str,
        action: String,
        whose: String,
        login: Option<Field>,
        name: Option<Field>,
        password: Field,
        again: Field,
        faults: Vec<Fault>,
    }
    /// Nothing goes on from here, for somebody who has not signed in.
    DeadEnd "dead_end.html" { title: String, text: String, }
    /// What was asked could not be done.
    Refusal "problem.html" { title: String, detail: String, next: String, code: String, back: String, }
    /// What needs somebody.
    Dashboard "dashboard.html" {
        organization: String,
        lead: String,
        figures: Vec<Figure>,
        first_steps: Vec<Line>,
        attention: Vec<Line>,
        recent: Vec<Event>,
        may_audit: bool,
        may_issue: bool,
    }
    /// Users.
    Users "users.html" {
        q: String,
        status: Field,
        is_filtered: bool,
        rows: Vec<UserRow>,
        pager: Pager,
        may_write: bool,
        may_import: bool,
        may_export: bool,
    }
    /// One user.
    User "user.html" {
        id: String,
        name: String,
        state: Word,
        suspension: String,
        site: String,
        label: String,
        mail: String,
        note: String,
        policy: String,
        policy_href: String,
        give_policy_href: String,
        ticket_href: String,
        edit_href: String,
        history_href: String,
        dry_run_href: String,
        verbs: Vec<Link>,
        associations: Vec<AssociationRow>,
        zones: Vec<ZoneRow>,
        shows_user: bool,
        shows_band: bool,
        effective: Vec<Setting>,
        may_write: bool,
    }
    /// What was ever said of a user or a band.
    History "history.html" { crumbs: Vec<Link>, history: Vec<Event>, }
    /// A form with nothing special about it.
    Form "form.html" {
        title: String,
        lead: String,
        crumbs: Vec<Link>,
        faults: Vec<Fault>,
        action: String,
        hidden: Vec<Choice>,
        fields: Vec<Field>,
        submit: String,
        back: String,
    }
    /// What a verb would do, before it is done.
    Verb "verb.html" {
        title: String,
        name: String,
        lead: String,
        crumbs: Vec<Link>,
        faults: Vec<Fault>,
        action: String,
        hidden: Vec<Choice>,
        effects: Vec<String>,
        choices: Vec<Link>,
        undo: String,
        fields: Vec<Field>,
        is_grave: bool,
        can_confirm: bool,
        back: String,
    }
    /// Bands and stock.
    Bands "bands.html" {
        q: String,
        stock: Field,
        is_filtered: bool,
        rows: Vec<BandRow>,
        pager: Pager,
        may_write: bool,
        may_import: bool,
        may_export: bool,
    }
    /// One band.
    Band "band.html" {
        serial: String,
        state: Word,
        seos: bool,
        doors: String,
        site: String,
        delivery: String,
        note: String,
        verbs: Vec<Link>,
        associations: Vec<AssociationRow>,
        zones: Vec<ZoneRow>,
        shows_user: bool,
        shows_band: bool,
        history_href: String,
        edit_href: String,
        may_write: bool,
    }
    /// Associations.
    Associations "associations.html" {
        state: Field,
        zone: Field,
        associations: Vec<AssociationRow>,
        shows_user: bool,
        shows_band: bool,
        pager: Pager,
        may_export: bool,
    }
    /// One association.
    AssociationPage "association.html" {
        title: String,
        state: Word,
        tags: Vec<String>,
        verbs: Vec<Link>,
        people: Vec<Link>,
        facts: Vec<Choice>,
        history: Vec<Event>,
    }
    /// Tickets.
    Tickets "tickets.html" { rows: Vec<TicketRow>, pager: Pager, may_write: bool, }
    /// Something that is shown once.
    HandOver "hand_over.html" {
        title: String,
        lead: String,
        crumbs: Vec<Link>,
        qr: Option<Qr>,
        typed: String,
        text_title: String,
        text: String,
        facts: Vec<Choice>,
        back: String,
    }
    /// Policies.
    Policies "policies.html" { parts: Vec<PolicyPart>, may_write: bool, }
    /// One policy.
    Policy "policy.html" {
        title: String,
        lead: String,
        state: Option<Word>,
        faults: Vec<Fault>,
        action: String,
        etag: String,
        id_field: Option<Field>,
        note: Field,
        settings: Vec<PolicyRow>,
        may_write: bool,
    }
    /// What a station would say.
    DryRun "dry_run.html" {
        faults: Vec<Fault>,
        fields: Vec<Field>,
        answer: Option<Verdict>,
        effective: Vec<Setting>,
    }
    /// Stations.
    Stations "stations.html" {
        rows: Vec<StationRow>,
        tokens: Vec<TokenRow>,
        pager: Pager,
        may_write: bool,
    }
    /// One station.
    Station "station.html" {
        name: String,
        state: Word,
        verbs: Vec<Link>,
        health: Vec<Line>,
        facts: Vec<Choice>,
        may_write: bool,
    }
    /// People with rights at stations.
    Operators "operators.html" { rows: Vec<OperatorRow>, may_write: bool, }
    /// One of them.
    Operator "operator.html" {
        title: String,
        action: String,
        name: String,
        revision: String,
        id: Option<Field>,
        pin: Field,
        user: Field,
        sites: Field,
        rights: Vec<Tick>,
        remove: String,
        faults: Vec<Fault>,
    }
    /// What waits for a decision.
    Quarantine "quarantine.html" { rows: Vec<ConflictRow>, pager: Pager, }
    /// Both sides of one conflict.
    Conflict "quarantine_item.html" {
        title: String,
        cause: String,
        action: String,
        sides: Vec<Side>,
        may_write: bool,
    }
    /// The audit.
    Audit "audit.html" {
        filters: Vec<Field>,
        verdict: Option<Word>,
        rows: Vec<AuditLine>,
        pager: Pager,
        may_export: bool,
    }
    /// One's own account.
    OwnAccount "settings.html" {
        tabs: Vec<Tab>,
        faults: Vec<Fault>,
        login: String,
        password_fields: Vec<Field>,
        has_factor: bool,
        needs_factor: bool,
        codes_left: String,
        sessions: Vec<SessionRow>,
    }
    /// The organization and its keys.
    Organization "organization.html" {
        tabs: Vec<Tab>,
        faults: Vec<Fault>,
        name: Field,
        facts: Vec<Choice>,
        keys: Vec<KeyLine>,
        makes: Vec<KeyLine>,
        goes_over: bool,
        has_authority: bool,
        may_write: bool,
    }
    /// Who has an account.
    Accounts "accounts.html" {
        tabs: Vec<Tab>,
        rows: Vec<AccountRow>,
        roles: Vec<Choice>,
        required: String,
        may_write: bool,
    }
    /// One account.
    Account "account.html" {
        name: String,
        state: Word,
        faults: Vec<Fault>,
        action: String,
        revision: String,
        fields: Vec<Field>,
        deeds: Vec<Deed>,
    }
    /// Keys of the API.
    ApiKeys "api_keys.html" { tabs: Vec<Tab>, rows: Vec<ApiKeyRow>, may_write: bool, }
    /// Taking in a list.
    Import "import.html" {
        title: String,
        back: String,
        back_text: String,
        again: String,
        action: String,
        faults: Vec<Fault>,
        reading: ReadingForm,
        columns: Vec<Choice>,
        sample: String,
        preview: Option<Preview>,
        is_done: bool,
        earlier: Vec<ImportRow>,
    }
    /// What was found.
    Find "find.html" { q: String, rows: Vec<Line>, }
}

impl Import {
    /// A list was read: it is shown instead of the form that takes one.
    fn has_facts(&self) -> bool {
        self.preview
            .as_ref()
            .is_some_and(|preview| !preview.facts.is_empty())
    }
}

macro_rules! rows {
    ($($(#[doc = $doc:literal])+ $Name:ident { $($field:ident: $type:ty,)* })+) => {
        $($(#[doc = $doc])+
        #[derive(Clone, Debug)]
        pub(crate) struct $Name { $(pub(crate) $field: $type,)* })+
    };
}

rows! {
    /// A user in a list.
    UserRow {
        href: String,
        name: String,
        id: String,
        state: Word,
        band: String,
        band_href: String,
        policy: String,
        site: String,
    }
    /// How something stands on both sides of the plant.
    ZoneRow {
        name: String,
        href: String,
        it: Option<Word>,
        ot: Option<Word>,
        says: String,
        agrees: bool,
    }
    /// An association in a list.
    AssociationRow {
        href: String,
        user: String,
        user_href: String,
        band: String,
        band_href: String,
        zone: String,
        state: Word,
        tags: Vec<String>,
        since: Moment,
        verbs: Vec<Link>,
    }
    /// One setting with its source.
    Setting { label: String, value: String, source: String, href: String, }
    /// A band in a list.
    BandRow {
        href: String,
        serial: String,
        state: Word,
        holder: String,
        holder_href: String,
        seos: bool,
        site: String,
    }
    /// A ticket in a list.
    TicketRow {
        user: String,
        user_href: String,
        state: Word,
        site: String,
        issued: Moment,
        until: Moment,
        revoke: String,
    }
    /// Group or individual policies.
    PolicyPart {
        id: &'static str,
        title: String,
        lead: String,
        rows: Vec<PolicyListed>,
        none: String,
        none_text: String,
    }
    /// A policy in a list.
    PolicyListed {
        href: String,
        id: String,
        note: String,
        state: Word,
        known: String,
        says: String,
        copy: String,
        remove: String,
        activate: String,
    }
    /// A setting that can be written.
    PolicyRow {
        id: &'static str,
        label: String,
        hint: String,
        fault: String,
        value: String,
        inherited: String,
        max: u32,
        options: Vec<Choice>,
    }
    /// What would be decided.
    Verdict {
        is_allowed: bool,
        title: String,
        reason: String,
        effects: Vec<String>,
        decided_by: String,
        decided_href: String,
        fix: String,
        code: String,
    }
    /// A station in a list.
    StationRow {
        href: String,
        name: String,
        site: String,
        state: Word,
        zone: String,
        knows: String,
        unsent: String,
        contact: Moment,
    }
    /// Somebody with rights at stations, in a list.
    OperatorRow {
        href: String,
        id: String,
        user: String,
        user_href: String,
        rights: Vec<String>,
        sites: String,
    }
    /// Something that is on or off.
    Tick { id: &'static str, label: String, hint: String, is_on: bool, }
    /// A key that stations are told.
    KeyLine {
        kind: String,
        id: String,
        name: String,
        mark: String,
        state: Word,
        since: Moment,
    }
    /// A join token in a list.
    TokenRow { name: String, site: String, zone: String, until: Moment, }
    /// A conflict in a list.
    ConflictRow { href: String, title: String, text: String, at: Moment, }
    /// One side of a conflict.
    Side {
        id: &'static str,
        title: String,
        state: Word,
        facts: Vec<Choice>,
        effects: Vec<String>,
        settle: &'static str,
        seal: String,
        button: String,
    }
    /// A row of the audit.
    AuditLine {
        at: Moment,
        who: String,
        what: String,
        code: String,
        subject: String,
        subject_href: String,
        changes: Vec<String>,
    }
    /// A part of the settings.
    Tab { href: &'static str, label: &'static str, current: bool, }
    /// A session in a list.
    SessionRow { id: String, from: String, begun: Moment, is_this: bool, }
    /// An account in a list.
    AccountRow {
        href: String,
        name: String,
        login: String,
        role: String,
        sites: String,
        state: Word,
        signed_in: Moment,
    }
    /// Something that can be done to an account.
    Deed { title: String, text: String, action: String, button: String, is_grave: bool, }
    /// A key of the API in a list.
    ApiKeyRow {
        id: String,
        name: String,
        role: String,
        scopes: String,
        until: Moment,
        state: Word,
        revoke: String,
    }
    /// How a list is read, as a part of a form.
    ReadingForm {
        fields: Vec<Field>,
        columns: Vec<Field>,
        left_out: String,
        has_people: bool,
        complete: bool,
        look_alikes: bool,
    }
    /// A list that was read before.
    ImportRow { href: String, at: Moment, who: String, state: Word, says: String, }
    /// What an import would do.
    Preview {
        facts: Vec<Choice>,
        again: String,
        look_alikes: Vec<String>,
        pager: Pager,
        figures: Vec<Figure>,
        notice: Option<(&'static str, String, String)>,
        errors: Vec<LineFault>,
        more_errors: String,
        changes: Vec<LineChange>,
        confirm: String,
        button: String,
        cancel: String,
    }
    /// What is wrong in a line.
    LineFault { line: String, column: String, text: String, }
    /// What a line would change.
    LineChange { line: String, subject: String, text: String, }
}
