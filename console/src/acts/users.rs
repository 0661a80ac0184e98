//! People.

use policy::effective::{EffectivePolicy, effective};
use policy::model::{Attribute, GroupPolicy, IndividualPolicy, PolicyId, UserId, UserStatus};
use serde::{Deserialize, Serialize};
use serde_json::json;
use station_core::label::is_label;
use station_core::replica::derived_handle;
use utoipa::{IntoParams, ToSchema};

use super::page::{Page, PageRequest};
use super::view::{AssociationView, UserView};
use super::{associations, change, check_version, look, record, text};
use crate::access::{Action, Caller, allow, allow_somewhere};
use crate::args;
use crate::audit::Record;
use crate::db::Tx;
use crate::problem::{Code, Problem};
use crate::serve::App;
use crate::store::users::{self as store, UserFields, UserRow};
use crate::store::{history, policies, settings};

/// Which users to list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub struct UserFilter {
    /// Whose id, name or mail holds this, in whatever case.
    pub q: Option<String>,
    /// Of this site.
    pub site: Option<String>,
    /// `active`, `not_yet`, `departed` or `unknown`.
    #[param(value_type = Option<String>)]
    pub status: Option<UserStatus>,
    /// With this individual policy.
    pub policy: Option<String>,
    /// Suspended, or not.
    pub suspended: Option<bool>,
}

/// A user on a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UserLine {
    /// The person.
    #[serde(flatten)]
    pub user: UserView,
    /// What the person holds.
    pub holds: Vec<AssociationView>,
}

/// Everything about one user on one page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UserDetail {
    /// The person.
    pub user: UserView,
    /// Every association, ended ones too, the latest first.
    pub associations: Vec<AssociationView>,
    /// The policy that holds for this person, each value with its source.
    pub policy: Vec<AttributeView>,
}

/// One attribute of an effective policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AttributeView {
    /// Its name.
    pub attribute: String,
    /// Yes or no, or a number in the unit that the name ends with.
    pub value: serde_json::Value,
    /// `built_in`, `group` or `individual`.
    pub source: String,
    /// The policy that says so, unless it is built in.
    pub policy: Option<String>,
}

/// Every attribute of an effective policy.
pub fn attributes(policy: &EffectivePolicy) -> Vec<AttributeView> {
    use policy::effective::Source;
    let view = |attribute: &Attribute| {
        let (source, by) = match policy.source(*attribute) {
            Source::BuiltIn => ("built_in", None),
            Source::Group(id) => ("group", Some(id.to_string())),
            Source::Individual(id) => ("individual", Some(id.to_string())),
        };
        AttributeView {
            attribute: attribute.name().into(),
            value: json!(policy.value(*attribute)),
            source: source.into(),
            policy: by,
        }
    };
    Attribute::ALL.iter().map(view).collect()
}

/// The id out of an address or a form.
pub fn id(text: &str) -> Result<UserId, Problem> {
    UserId::new(text).map_err(|fault| Problem::invalid("user", fault))
}

/// The user, whom the caller may do `action` to.
pub(crate) fn find(tx: &Tx<'_>, caller: &Caller, action: Action, id: &UserId) -> Result<UserRow, Problem> {
    allow_somewhere(caller, action)?;
    let row = store::get(tx, id)?;
    let row = row.ok_or_else(|| Problem::not_found("user", id))?;
    allow(caller, action, &row.site)?;
    Ok(row)
}

/// Users by id, each with what the user holds: two queries, however many there are.
pub async fn list(
    app: &App,
    caller: &Caller,
    filter: UserFilter,
    page: PageRequest,
) -> Result<Page<UserLine>, Problem> {
    allow_somewhere(caller, Action::UserView)?;
    let (len, after) = (page.rows()?, page.after()?);
    let wanted = store::Filter {
        text: filter
            .q
            .map(|q| text("q", &q, 100))
            .transpose()?
            .filter(|q| !q.is_empty()),
        site: filter.site,
        sites: caller.sites.iter().cloned().collect(),
        status: filter.status,
        policy: filter.policy,
        suspended: filter.suspended,
        after,
    };
    look(app, move |tx, now| {
        let rows = store::list(tx, &wanted, len + 1)?;
        let page = Page::new(rows, len, |row| row.id.to_string());
        let ids: Vec<String> = page.rows.iter().map(|row| row.id.to_string()).collect();
        let mut held = associations::open_of_users(tx, &ids, now)?;
        held.sort_by(|a, b| a.id.cmp(&b.id));
        held.dedup_by(|a, b| a.id == b.id);
        Ok(page.map(|row| {
            let user = UserView::from(row);
            let holds = held.iter().filter(|it| it.user == user.id).cloned().collect();
            UserLine { user, holds }
        }))
    })
    .await
}

/// Everything about one user.
pub async fn show(app: &App, caller: &Caller, id: UserId) -> Result<UserDetail, Problem> {
    let caller = caller.clone();
    look(app, move |tx, now| {
        let row = find(tx, &caller, Action::UserView, &id)?;
        let policy = effective_of(tx, &row)?;
        Ok(UserDetail {
            associations: associations::of_user(tx, &id, now)?,
            policy: attributes(&policy),
            user: row.into(),
        })
    })
    .await
}

/// The policy that holds for a user: one query.
pub(crate) fn effective_of(tx: &Tx<'_>, user: &UserRow) -> Result<EffectivePolicy, Problem> {
    let mut group: Option<GroupPolicy> = None;
    let mut individual: Option<IndividualPolicy> = None;
    tx.each(
        "select kind, body from policies where (kind = 'group' and holds) or (kind = 'individual' and id = $1)",
        args![user.policy.as_deref().unwrap_or("")],
        |row| {
            match row.text(0)?.as_str() {
                "group" => group = Some(row.json(1)?),
                _ => individual = Some(row.json(1)?),
            }
            Ok(())
        },
    )?;
    let group = match group {
        Some(group) => group,
        None => policies::holding(tx)?.policy,
    };
    Ok(effective(&group, individual.as_ref()))
}

/// A line of a history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HistoryLine {
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// The station or console that wrote it.
    pub writer: String,
    /// The writer's own count.
    pub sequence: u64,
    /// What happened, as `policy` writes it.
    #[schema(value_type = Object)]
    pub event: serde_json::Value,
}

impl From<policy::merge::Entry> for HistoryLine {
    fn from(entry: policy::merge::Entry) -> Self {
        Self {
            at_ms: entry.stamp.time.millis.0,
            writer: entry.stamp.station.to_string(),
            sequence: entry.stamp.sequence,
            event: json!(entry.event),
        }
    }
}

/// What was ever said of a user and of the user's associations, the latest first.
pub async fn history(
    app: &App,
    caller: &Caller,
    id: UserId,
    limit: usize,
) -> Result<Vec<HistoryLine>, Problem> {
    let caller = caller.clone();
    look(app, move |tx, _| {
        find(tx, &caller, Action::UserView, &id)?;
        let entries = history::of_user(tx, &id, limit)?;
        Ok(entries.into_iter().map(Into::into).collect())
    })
    .await
}

/// What is written about a person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct UserInput {
    /// The name to show, at most 200 characters.
    #[schema(max_length = 200)]
    pub name: String,
    /// The site the person belongs to, at most 64 characters.
    #[schema(max_length = 64)]
    pub site: String,
    /// What a band writes on its screen, at most 12 of A-Z, 0-9, space inside, and `.,-_+/&'()#`.
    #[schema(max_length = 12)]
    pub label: String,
    /// Address of mail.
    #[schema(max_length = 254)]
    pub mail: String,
    /// Free words.
    #[schema(max_length = 500)]
    pub note: String,
}

/// A new user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// Who, as the plant's directory writes it: 1 to 64 characters.
    #[schema(min_length = 1, max_length = 64)]
    pub id: String,
    /// The rest.
    #[serde(default)]
    pub about: UserInput,
}

impl UserInput {
    pub(crate) fn checked(&self) -> Result<UserFields, Problem> {
        let label = text("label", &self.label, 12)?;
        if !is_label(&label) {
            let why = "a band shows at most 12 of A-Z, 0-9, space inside, and .,-_+/&'()#";
            return Err(Problem::invalid("label", why));
        }
        let mail = text("mail", &self.mail, 254)?;
        if !mail.is_empty() && (!mail.contains('@') || mail.contains(char::is_whitespace)) {
            return Err(Problem::invalid("mail", "is not an address"));
        }
        Ok(UserFields {
            name: text("name", &self.name, 200)?,
            site: text("site", &self.site, 64)?,
            label,
            mail,
            note: text("note", &self.note, 500)?,
        })
    }
}

fn described(fields: &UserFields) -> serde_json::Value {
    json!({ "name": fields.name, "site": fields.site, "label": fields.label, "mail": fields.mail, "note": fields.note })
}

/// Adds a user, who is active at once.
pub async fn create(app: &App, caller: &Caller, new: NewUser) -> Result<UserView, Problem> {
    let id = id(&new.id)?;
    let fields = new.about.checked()?;
    allow(caller, Action::UserCreate, &fields.site)?;
    let caller = caller.clone();
    change(app, move |tx, now| {
        let handle = derived_handle(settings::organization_id(tx)?, id.as_str()).0;
        if store::insert(tx, &[(&id, handle, &fields)], now)? == 0 {
            let detail = format!("there is a user {id} already");
            return Err(Problem::new(
                Code::Exists,
                detail,
                "change that user, or choose another id",
            ));
        }
        let what = Record {
            action: Action::UserCreate.as_str(),
            subject_kind: "user",
            subject: id.as_str(),
            site: &fields.site,
            after: described(&fields),
            ..Record::default()
        };
        record(tx, &caller, &what, now)?;
        found(tx, &id)
    })
    .await
}

fn found(tx: &Tx<'_>, id: &UserId) -> Result<UserView, Problem> {
    let row = store::get(tx, id)?;
    row.map(Into::into).ok_or_else(|| Problem::not_found("user", id))
}

/// Replaces what is written about a user.
pub async fn edit(
    app: &App,
    caller: &Caller,
    id: UserId,
    input: UserInput,
    version: Option<i64>,
) -> Result<UserView, Problem> {
    let fields = input.checked()?;
    let caller = caller.clone();
    change(app, move |tx, now| {
        let row = find(tx, &caller, Action::UserEdit, &id)?;
        check_version(version, row.version)?;
        // Whoever is limited to sites can neither take people from others nor send them away.
        allow(&caller, Action::UserEdit, &fields.site)?;
        let before = UserFields {
            name: row.name,
            site: row.site,
            label: row.label,
            mail: row.mail,
            note: row.note,
        };
        if before == fields {
            return found(tx, &id);
        }
        store::update(tx, &[(id.clone(), fields.clone())], now)?;
        if before.site != fields.site {
            store::mark_associations(tx, &id, &fields.site)?;
        }
        let what = Record {
            action: Action::UserEdit.as_str(),
            subject_kind: "user",
            subject: id.as_str(),
            site: &fields.site,
            before: described(&before),
            after: described(&fields),
        };
        record(tx, &caller, &what, now)?;
        found(tx, &id)
    })
    .await
}

/// Gives a user an individual policy, or takes it away.
pub async fn set_policy(
    app: &App,
    caller: &Caller,
    id: UserId,
    policy: Option<PolicyId>,
    version: Option<i64>,
) -> Result<UserView, Problem> {
    let caller = caller.clone();
    change(app, move |tx, now| {
        let row = find(tx, &caller, Action::UserPolicy, &id)?;
        check_version(version, row.version)?;
        if let Some(policy) = &policy
            && policies::get::<IndividualPolicy>(tx, policy)?.is_none()
        {
            return Err(Problem::not_found("individual policy", policy));
        }
        let wanted = policy.as_ref().map(|policy| policy.as_str());
        if row.policy.as_deref() == wanted {
            return Ok(row.into());
        }
        store::set_policy(tx, &row, wanted, now)?;
        let what = Record {
            action: Action::UserPolicy.as_str(),
            subject_kind: "user",
            subject: id.as_str(),
            site: &row.site,
            before: json!({ "policy": row.policy }),
            after: json!({ "policy": wanted }),
        };
        record(tx, &caller, &what, now)?;
        found(tx, &id)
    })
    .await
}
