//! The change feed: for each key the revision of its last change.
//!
//! Revisions are taken by the one writer inside its transaction, so they become visible in their order: a
//! reader that has seen revision n will never meet a smaller one later.

use crate::args;
use crate::db::{DbError, Row, Tx, Val};

/// What a change is about. Numbers are stored and never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A user; key: the id.
    User = 1,
    /// A band; key: the serial.
    Band = 2,
    /// An association; key: the id in base16.
    Association = 3,
    /// A group policy; key: the id.
    GroupPolicy = 4,
    /// An individual policy; key: the id.
    IndividualPolicy = 5,
    /// Which group policy holds; key: empty.
    ActiveGroupPolicy = 6,
    /// An operator; key: the id.
    Operator = 7,
    /// A ticket; key: the id in base16.
    Ticket = 8,
    /// A public key; key: kind, colon, id.
    Key = 9,
    /// A station; key: the id in base16.
    Station = 10,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::User,
        Self::Band,
        Self::Association,
        Self::GroupPolicy,
        Self::IndividualPolicy,
        Self::ActiveGroupPolicy,
        Self::Operator,
        Self::Ticket,
        Self::Key,
        Self::Station,
    ];

    fn from_number(number: i64) -> Result<Self, DbError> {
        let kind = Self::ALL.into_iter().find(|kind| *kind as i64 == number);
        kind.ok_or_else(|| DbError::Damaged(format!("kind {number} in the feed")))
    }
}

/// A key that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// What it is about.
    pub kind: Kind,
    /// Which.
    pub key: String,
    /// The revision of its last change.
    pub revision: u64,
    /// The site whose stations need it; empty for all.
    pub site: String,
    /// Sites that had it before.
    pub left_sites: Vec<String>,
}

/// Notes that these keys changed: each gets a revision of its own, in the order given.
pub fn mark_all(tx: &Tx<'_>, keys: &[(Kind, String, String)]) -> Result<(), DbError> {
    mark_each(
        tx,
        keys.iter()
            .map(|(kind, key, site)| (*kind, key.as_str(), site.as_str())),
    )
}

/// The same of keys that stand elsewhere.
pub fn mark_each<'k>(
    tx: &Tx<'_>,
    keys: impl Iterator<Item = (Kind, &'k str, &'k str)>,
) -> Result<(), DbError> {
    // Of a key that is given twice the last counts: one statement cannot change a row twice.
    let mut last: Vec<_> = keys.collect();
    last.reverse();
    last.sort_by(|one, other| (one.0, one.1).cmp(&(other.0, other.1)));
    last.dedup_by_key(|(kind, key, _)| (*kind, *key));
    if last.is_empty() {
        return Ok(());
    }
    let count = last.len() as i64;
    let head = raise_head(tx, count)?;
    let first = head - count + 1;
    let values: Vec<Val<'_>> = last
        .iter()
        .zip(first..)
        .flat_map(|((kind, key, site), revision)| {
            [
                Val::Int(*kind as i64),
                (*key).into(),
                revision.into(),
                (*site).into(),
                "".into(),
            ]
        })
        .collect();
    tx.insert_later(
        "insert into feed (kind, key, revision, site, left_sites)",
        5,
        &values,
        "on conflict (kind, key) do update set revision = excluded.revision, site = excluded.site, \
         left_sites = case when feed.site = excluded.site then feed.left_sites \
         else feed.left_sites || feed.site || '\n' end",
    )?;
    tx.note_marked(head as u64);
    Ok(())
}

/// The last of so many new revisions.
fn raise_head(tx: &Tx<'_>, count: i64) -> Result<i64, DbError> {
    let head = match tx.feed_head() {
        Some(known) => {
            tx.exec_later(
                "update feed_head set revision = $1 where id = 1",
                args![known + count],
            )?;
            known + count
        }
        None => tx.number(
            "update feed_head set revision = revision + $1 where id = 1 returning revision",
            args![count],
        )?,
    };
    tx.set_feed_head(head);
    Ok(head)
}

/// Asks for the revision of the last change together with other things; the key is [`HEAD_KEY`], the answer goes to
/// [`Tx::set_feed_head`]: there is one writer, and nobody else raises it during its transaction (0025).
pub(crate) const HEAD: &str = "select revision from feed_head where id in ({})";
/// The key of the one row.
pub(crate) const HEAD_KEY: Val<'_> = Val::Int(1);

/// Notes that one key changed.
pub fn mark(tx: &Tx<'_>, kind: Kind, key: &str, site: &str) -> Result<(), DbError> {
    mark_all(tx, &[(kind, key.to_owned(), site.to_owned())])
}

/// The revision of the last change of all.
pub fn head(tx: &Tx<'_>) -> Result<u64, DbError> {
    let head = tx.number("select revision from feed_head where id = 1", &[])?;
    Ok(head.max(0) as u64)
}

/// Keys that changed after revision `after`, at most `limit`, by revision.
pub fn since(tx: &Tx<'_>, after: u64, limit: usize) -> Result<Vec<Mark>, DbError> {
    tx.all(
        "select kind, key, revision, site, left_sites from feed where revision > $1 order by revision limit $2",
        args![after, limit],
        read_mark,
    )
}

/// Reads `kind, key, revision, site, left_sites`.
pub fn read_mark(row: &Row<'_>) -> Result<Mark, DbError> {
    Ok(Mark {
        kind: Kind::from_number(row.int(0)?)?,
        key: row.text(1)?,
        revision: row.count(2)?,
        site: row.text(3)?,
        left_sites: row.text(4)?.lines().map(str::to_owned).collect(),
    })
}
