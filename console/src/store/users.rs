//! People.

use policy::model::{BandSerial, Suspension, UnixMillis, UserId, UserStatus};

use super::associations;
use super::feed::{self, Kind};
use super::query::{Query, anywhere};
use crate::args;
use crate::db::{DbError, Row, Tx, Val};

/// A person, as the console keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRow {
    /// Who.
    pub id: UserId,
    /// What bands know of this person.
    pub handle: [u8; 16],
    /// The name to show; may be empty.
    pub name: String,
    /// The site the person belongs to; empty for none.
    pub site: String,
    /// What a band writes on its screen.
    pub label: String,
    /// The individual policy, if any.
    pub policy: Option<String>,
    /// Address of mail; may be empty.
    pub mail: String,
    /// Free words of an administrator.
    pub note: String,
    /// How the person stands with the plant.
    pub status: UserStatus,
    /// Suspended by an administrator.
    pub suspension: Option<Suspension>,
    /// Bands enrolled before this moment expire then.
    pub temporary_until: Option<UnixMillis>,
    /// Since when the console knows the person.
    pub created: UnixMillis,
    /// The last change.
    pub changed: UnixMillis,
    /// Counts the changes.
    pub version: i64,
}

/// What [`read`] reads, in its order.
pub const COLUMNS: &str = "users.id, users.handle, users.name, users.site, users.label, users.policy, users.mail, \
     users.note, users.status, users.suspended_since, users.suspended_note, users.temporary_until, users.created_ms, \
     users.changed_ms, users.version";
/// How many columns [`COLUMNS`] has.
pub const COLUMN_COUNT: usize = 15;

/// Reads [`COLUMNS`] from the first column on.
pub fn read(row: &Row<'_>) -> Result<UserRow, DbError> {
    Ok(UserRow {
        id: row.parse(0)?,
        handle: row.array(1)?,
        name: row.text(2)?,
        site: row.text(3)?,
        label: row.text(4)?,
        policy: row.opt_text(5)?,
        mail: row.text(6)?,
        note: row.text(7)?,
        status: row.code(8)?,
        suspension: associations::suspension(row, 9)?,
        temporary_until: row.opt_moment(11)?,
        created: row.moment(12)?,
        changed: row.moment(13)?,
        version: row.int(14)?,
    })
}

/// The user, if there is one.
pub fn get(tx: &Tx<'_>, id: &UserId) -> Result<Option<UserRow>, DbError> {
    tx.first(
        &format!("select {COLUMNS} from users where id = $1"),
        args![id],
        read,
    )
}

/// What somebody may write about a person. Standing and suspension are history's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserFields {
    /// The name to show.
    pub name: String,
    /// The site the person belongs to.
    pub site: String,
    /// What a band writes on its screen.
    pub label: String,
    /// Address of mail.
    pub mail: String,
    /// Free words.
    pub note: String,
}

fn search_text(id: &UserId, fields: &UserFields) -> String {
    let UserFields { name, mail, .. } = fields;
    let mut text = format!("{id} {name} {mail}");
    match text.is_ascii() {
        true => {
            text.make_ascii_lowercase();
            text
        }
        false => text.to_lowercase(),
    }
}

/// Adds people who are active users. Returns how many were not there yet; the others stay as they are.
pub fn insert(
    tx: &Tx<'_>,
    users: &[(&UserId, [u8; 16], &UserFields)],
    now: UnixMillis,
) -> Result<u64, DbError> {
    let values: Vec<Val<'_>> = users
        .iter()
        .flat_map(|(id, handle, fields)| {
            [
                (*id).into(),
                handle.into(),
                (&fields.name).into(),
                (&fields.site).into(),
                (&fields.label).into(),
                (&fields.mail).into(),
                (&fields.note).into(),
                search_text(id, fields).into(),
                now.into(),
                now.into(),
                "active".into(),
                Val::Int(1),
            ]
        })
        .collect();
    let added = tx.insert(
        "insert into users (id, handle, name, site, label, mail, note, search, created_ms, changed_ms, status, version)",
        12,
        &values,
        "on conflict (id) do nothing",
    )?;
    mark(
        tx,
        users.iter().map(|(id, _, fields)| (*id, fields.site.as_str())),
    )?;
    Ok(added)
}

/// Replaces what is written about people who are there.
pub fn update(tx: &Tx<'_>, users: &[(UserId, UserFields)], now: UnixMillis) -> Result<(), DbError> {
    for (id, fields) in users {
        tx.exec(
            "update users set name = $2, site = $3, label = $4, mail = $5, note = $6, search = $7, changed_ms = $8, \
             version = version + 1 where id = $1",
            args![
                id,
                &fields.name,
                &fields.site,
                &fields.label,
                &fields.mail,
                &fields.note,
                search_text(id, fields),
                now
            ],
        )?;
    }
    mark(tx, users.iter().map(|(id, fields)| (id, fields.site.as_str())))
}

fn mark<'u>(tx: &Tx<'_>, users: impl Iterator<Item = (&'u UserId, &'u str)>) -> Result<(), DbError> {
    feed::mark_each(tx, users.map(|(id, site)| (Kind::User, id.as_str(), site)))
}

/// Marks the associations of a user for the feed again: their site is that of the user.
pub fn mark_associations(tx: &Tx<'_>, user: &UserId, site: &str) -> Result<(), DbError> {
    let hex = |id: [u8; 16]| data_encoding::HEXLOWER.encode(&id);
    let ids = tx.all("select id from associations where usr = $1", args![user], |row| {
        row.array(0)
    })?;
    let marks: Vec<_> = ids
        .into_iter()
        .map(|id| (Kind::Association, hex(id), site.to_owned()))
        .collect();
    feed::mark_all(tx, &marks)
}

/// Gives a user an individual policy, or none.
pub fn set_policy(tx: &Tx<'_>, user: &UserRow, policy: Option<&str>, now: UnixMillis) -> Result<(), DbError> {
    tx.exec(
        "update users set policy = $2, changed_ms = $3, version = version + 1 where id = $1",
        args![&user.id, policy, now],
    )?;
    feed::mark(tx, Kind::User, user.id.as_str(), &user.site)
}

/// Bands that this user enrolls before `until` expire then; `None`: they last.
pub fn set_temporary(
    tx: &Tx<'_>,
    user: &UserId,
    until: Option<UnixMillis>,
    now: UnixMillis,
) -> Result<(), DbError> {
    tx.exec(
        "update users set temporary_until = $2, changed_ms = $3, version = version + 1 where id = $1",
        args![user, until, now],
    )?;
    Ok(())
}

/// When an association of this user with this band, made at this moment, expires: at the end of the time for
/// which the user was given a band in place of a forgotten one. The user's own primary band never does.
pub fn expiry_for(
    tx: &Tx<'_>,
    user: &UserId,
    band: BandSerial,
    made: UnixMillis,
) -> Result<Option<UnixMillis>, DbError> {
    tx.first(
        "select temporary_until from users where id = $1 and temporary_until > $2 and not exists (select 1 from \
         associations where usr = $1 and band = $3 and primary_band and ended_ms is null)",
        args![user, made, &band],
        |row| row.moment(0),
    )
}

/// Which users to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Whose id, name or mail holds this.
    pub text: Option<String>,
    /// Of this site.
    pub site: Option<String>,
    /// Only of these sites; empty: of all.
    pub sites: Vec<String>,
    /// Who stand like this.
    pub status: Option<UserStatus>,
    /// With this individual policy.
    pub policy: Option<String>,
    /// Suspended, or not.
    pub suspended: Option<bool>,
    /// Ids after this one.
    pub after: Option<String>,
}

/// Users by id, at most `limit`.
pub fn list(tx: &Tx<'_>, filter: &Filter, limit: usize) -> Result<Vec<UserRow>, DbError> {
    let pattern = filter.text.as_deref().map(anywhere);
    let mut query = Query::new(&format!("select {COLUMNS} from users where 1 = 1"));
    query.and_if("search like ? escape '\\'", pattern.as_ref());
    query.and_if("site = ?", filter.site.as_ref());
    if !filter.sites.is_empty() {
        query.and_in("site", filter.sites.iter().map(Val::from));
    }
    query.and_if(
        "status = ?",
        filter.status.map(|status| super::history::code(&status)),
    );
    query.and_if("policy = ?", filter.policy.as_ref());
    match filter.suspended {
        Some(true) => query.push(" and suspended_since is not null"),
        Some(false) => query.push(" and suspended_since is null"),
        None => {}
    }
    query.and_if("id > ?", filter.after.as_ref());
    query.push(" order by id");
    query.limit(limit);
    query.all(tx, read)
}

/// Everybody with this individual policy.
pub fn count_with_policy(tx: &Tx<'_>, policy: &str) -> Result<i64, DbError> {
    tx.number("select count(*) from users where policy = $1", args![policy])
}

/// The first of them by id, each with the name.
pub fn some_with_policy(tx: &Tx<'_>, policy: &str, limit: usize) -> Result<Vec<(String, String)>, DbError> {
    tx.all(
        "select id, name from users where policy = $1 order by id limit $2",
        args![policy, limit],
        |row| Ok((row.text(0)?, row.text(1)?)),
    )
}
