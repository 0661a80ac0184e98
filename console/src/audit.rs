//! Who did what: rows that are only ever added, each with the hash of the one before.
//!
//! `hash = SHA-256(context || fields || previous)`, every field with its length before it. Whoever changes,
//! removes or inserts a row has to compute every later hash again, and an export or a printed head from
//! before gives that away. Details hold no secret.

use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::access::Caller;
use crate::args;
use crate::db::{DbError, Row, Tx};
use policy::model::UnixMillis;

/// What the first row has as its predecessor's hash.
pub const START: [u8; 32] = [0; 32];

/// What was done, to what.
#[derive(Clone, Debug, Default)]
pub struct Record<'a> {
    /// The action, by its stable text.
    pub action: &'a str,
    /// What kind of thing: `user`, `band`, `policy`, …
    pub subject_kind: &'a str,
    /// Which one.
    pub subject: &'a str,
    /// The site it belongs to; empty for none.
    pub site: &'a str,
    /// What it was before; null if it was not there.
    pub before: serde_json::Value,
    /// What it is now; null if it is gone.
    pub after: serde_json::Value,
}

/// A row as it is read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditRow {
    /// 1 for the first, then without gaps.
    pub sequence: u64,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// Who: an account, a key, or somebody at the command line.
    pub actor: String,
    /// How: `session`, `api_key`, `cli`, `station` or `console`.
    pub via: String,
    /// What was done.
    pub action: String,
    /// What kind of thing it was done to.
    pub subject_kind: String,
    /// Which one.
    pub subject: String,
    /// The site it belongs to; empty for none.
    pub site: String,
    /// JSON with `before` and `after`, exactly as it was hashed.
    pub detail: String,
    /// Hash of the row before, in base16.
    pub previous: String,
    /// Hash over all of this, in base16.
    pub hash: String,
}

/// Adds a row.
pub fn append(tx: &Tx<'_>, caller: &Caller, record: &Record<'_>, now: UnixMillis) -> Result<(), DbError> {
    let head = tx.first(
        "select sequence, hash from audit order by sequence desc limit 1",
        &[],
        |row| Ok((row.int(0)?, row.array(1)?)),
    )?;
    let (sequence, previous) = head.map_or((1, START), |(last, hash)| (last + 1, hash));
    let detail = serde_json::json!({ "before": record.before, "after": record.after }).to_string();
    let fields = Fields {
        sequence,
        at_ms: now.0,
        texts: [
            &caller.account,
            caller.via.as_str(),
            record.action,
            record.subject_kind,
            record.subject,
            record.site,
            &detail,
        ],
    };
    let hash = fields.hash(&previous);
    let [actor, via, action, kind, subject, site, detail] = fields.texts;
    tx.exec(
        "insert into audit (sequence, at_ms, actor, via, action, subject_kind, subject, site, detail, previous, hash) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        args![sequence, now, actor, via, action, kind, subject, site, detail, &previous, &hash],
    )?;
    Ok(())
}

struct Fields<'a> {
    sequence: i64,
    at_ms: i64,
    texts: [&'a str; 7],
}

impl Fields<'_> {
    fn hash(&self, previous: &[u8; 32]) -> [u8; 32] {
        let mut sha = Context::new(&SHA256);
        sha.update(b"bandstand audit 1\0");
        sha.update(&self.sequence.to_be_bytes());
        sha.update(&self.at_ms.to_be_bytes());
        for text in self.texts {
            sha.update(&(text.len() as u64).to_be_bytes());
            sha.update(text.as_bytes());
        }
        sha.update(previous);
        sha.finish().as_ref().try_into().expect("a hash has 32 bytes")
    }
}

const COLUMNS: &str =
    "sequence, at_ms, actor, via, action, subject_kind, subject, site, detail, previous, hash";

fn read(row: &Row<'_>) -> Result<AuditRow, DbError> {
    let hex = |bytes: Vec<u8>| data_encoding::HEXLOWER.encode(&bytes);
    Ok(AuditRow {
        sequence: row.count(0)?,
        at_ms: row.int(1)?,
        actor: row.text(2)?,
        via: row.text(3)?,
        action: row.text(4)?,
        subject_kind: row.text(5)?,
        subject: row.text(6)?,
        site: row.text(7)?,
        detail: row.text(8)?,
        previous: hex(row.bytes(9)?),
        hash: hex(row.bytes(10)?),
    })
}

/// Which rows to list.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of this actor.
    pub actor: Option<String>,
    /// Of this action.
    pub action: Option<String>,
    /// Of this kind of thing.
    pub subject_kind: Option<String>,
    /// Of this one thing.
    pub subject: Option<String>,
    /// Before this sequence.
    pub before: Option<u64>,
}

/// Rows, the latest first.
pub fn list(tx: &Tx<'_>, filter: &Filter, limit: usize) -> Result<Vec<AuditRow>, DbError> {
    let mut query = crate::store::query::Query::new(&format!("select {COLUMNS} from audit where 1 = 1"));
    query.and_if("actor = ?", filter.actor.as_ref());
    query.and_if("action = ?", filter.action.as_ref());
    query.and_if("subject_kind = ?", filter.subject_kind.as_ref());
    query.and_if("subject = ?", filter.subject.as_ref());
    query.and_if("sequence < ?", filter.before);
    query.push(" order by sequence desc");
    query.limit(limit);
    query.all(tx, read)
}

/// Rows after `after`, in their order: for exports and checks of any length.
pub fn page(tx: &Tx<'_>, after: u64, limit: usize) -> Result<Vec<AuditRow>, DbError> {
    let sql = format!("select {COLUMNS} from audit where sequence > $1 order by sequence limit $2");
    tx.all(&sql, args![after, limit], read)
}

/// The end of the audit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Head {
    /// Rows up to here.
    pub sequence: u64,
    /// Hash of the last, in base16. Kept elsewhere, it shows later that nothing before it was changed.
    pub hash: String,
}

/// The first thing wrong with an audit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "fault")]
pub enum ChainFault {
    /// Rows are missing, or stand twice.
    #[error("after row {after} comes row {found}: rows were removed or inserted")]
    Gap {
        /// The last good row.
        after: u64,
        /// What came.
        found: u64,
    },
    /// A row continues another history than the one before it.
    #[error("row {sequence} does not continue the row before it: rows were replaced")]
    Broken {
        /// The row.
        sequence: u64,
    },
    /// A row is not what it was when it was written.
    #[error("row {sequence} was changed after it was written")]
    Changed {
        /// The row.
        sequence: u64,
    },
    /// The head that was kept elsewhere is not in this audit.
    #[error("row {sequence} is not the one whose hash was kept: the audit was rewritten")]
    Rewritten {
        /// The row.
        sequence: u64,
    },
}

/// Checks rows one after the other, for audits that do not fit into memory.
#[derive(Clone, Debug)]
pub struct Verifier {
    head: Head,
    /// A head that was kept elsewhere and has to be met.
    anchor: Option<Head>,
}

impl Verifier {
    /// A check from the first row on; `anchor` is a head that was kept elsewhere.
    pub fn new(anchor: Option<Head>) -> Self {
        let hash = data_encoding::HEXLOWER.encode(&START);
        let head = Head { sequence: 0, hash };
        Self { head, anchor }
    }

    /// The next row.
    pub fn push(&mut self, row: &AuditRow) -> Result<(), ChainFault> {
        let sequence = row.sequence;
        if sequence != self.head.sequence + 1 {
            return Err(ChainFault::Gap {
                after: self.head.sequence,
                found: sequence,
            });
        }
        if row.previous != self.head.hash {
            return Err(ChainFault::Broken { sequence });
        }
        if row.computed().as_deref() != Some(&row.hash) {
            return Err(ChainFault::Changed { sequence });
        }
        if let Some(anchor) = &self.anchor
            && anchor.sequence == sequence
            && anchor.hash != row.hash
        {
            return Err(ChainFault::Rewritten { sequence });
        }
        self.head = Head {
            sequence,
            hash: row.hash.clone(),
        };
        Ok(())
    }

    /// Where the rows ended; a fault if they ended before the head that was kept.
    pub fn finish(self) -> Result<Head, ChainFault> {
        match self.anchor {
            Some(anchor) if anchor.sequence > self.head.sequence => Err(ChainFault::Gap {
                after: self.head.sequence,
                found: anchor.sequence,
            }),
            _ => Ok(self.head),
        }
    }
}

impl AuditRow {
    fn computed(&self) -> Option<String> {
        let previous = data_encoding::HEXLOWER.decode(self.previous.as_bytes()).ok()?;
        let fields = Fields {
            sequence: i64::try_from(self.sequence).ok()?,
            at_ms: self.at_ms,
            texts: [
                &self.actor,
                &self.via,
                &self.action,
                &self.subject_kind,
                &self.subject,
                &self.site,
                &self.detail,
            ],
        };
        let hash = fields.hash(&previous.try_into().ok()?);
        Some(data_encoding::HEXLOWER.encode(&hash))
    }
}
