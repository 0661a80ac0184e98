//! Lists of users, bands and associations to take out, as CSV that no spreadsheet computes. Users and bands can be
//! read in again as they are.

use super::imports::write_line;
use super::{change, look, record};
use crate::access::{Action, Caller, allow};
use crate::args;
use crate::audit::Record;
use crate::db::{DbError, Tx};
use crate::problem::Problem;
use crate::serve::App;
use crate::store::history::code;
use crate::store::{associations, bands, users};

/// Rows of one piece.
const PIECE: usize = 1000;

/// Which list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Users.
    Users,
    /// Bands.
    Bands,
    /// Who holds which band, ended ones too. Only for looking: bands are given at stations alone.
    Associations,
}

impl Which {
    /// The stable text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Bands => "bands",
            Self::Associations => "associations",
        }
    }

    fn headings(self) -> &'static [&'static str] {
        match self {
            Self::Users => &["id", "name", "site", "label", "mail", "note", "status"],
            Self::Bands => &["serial", "seos", "stock", "site", "delivery", "note"],
            Self::Associations => &[
                "association",
                "user",
                "band",
                "zone",
                "active",
                "primary",
                "suspended",
                "ended",
                "ended_ms",
                "expires_ms",
            ],
        }
    }

    fn rows(self, tx: &Tx<'_>, after: Option<String>, out: &mut String) -> Result<Option<String>, DbError> {
        match self {
            Self::Users => user_rows(tx, after, out),
            Self::Bands => band_rows(tx, after, out),
            Self::Associations => association_rows(tx, after, out),
        }
    }
}

/// A piece of a list, and after which row the next begins; `None` at the end. Begins without `after`, which is
/// written down in the audit.
pub async fn piece(
    app: &App,
    caller: &Caller,
    which: Which,
    after: Option<String>,
) -> Result<Option<(String, String)>, Problem> {
    allow(caller, Action::Export, "")?;
    let mut out = String::new();
    if after.is_none() {
        note(app, caller, which).await?;
        write_line(&mut out, which.headings().iter().copied());
    }
    look(app, move |tx, _| {
        let last = which.rows(tx, after, &mut out)?;
        Ok(match last {
            Some(last) => Some((out, last)),
            // A list without rows still has its heading.
            None if !out.is_empty() => Some((out, String::new())),
            None => None,
        })
    })
    .await
}

async fn note(app: &App, caller: &Caller, which: Which) -> Result<(), Problem> {
    let caller = caller.clone();
    change(app, move |tx, now| {
        let what = Record {
            action: Action::Export.as_str(),
            subject_kind: "export",
            subject: which.as_str(),
            ..Record::default()
        };
        Ok(record(tx, &caller, &what, now)?)
    })
    .await
}

fn user_rows(tx: &Tx<'_>, after: Option<String>, out: &mut String) -> Result<Option<String>, DbError> {
    let filter = users::Filter {
        after,
        ..Default::default()
    };
    let rows = users::list(tx, &filter, PIECE)?;
    for row in &rows {
        let status = code(&row.status);
        write_line(
            out,
            [
                row.id.as_str(),
                &row.name,
                &row.site,
                &row.label,
                &row.mail,
                &row.note,
                &status,
            ],
        );
    }
    Ok(rows.last().map(|row| row.id.to_string()))
}

fn band_rows(tx: &Tx<'_>, after: Option<String>, out: &mut String) -> Result<Option<String>, DbError> {
    let filter = bands::Filter {
        after,
        ..Default::default()
    };
    let rows = bands::list(tx, &filter, PIECE)?;
    for row in &rows {
        let stock = code(&row.band.stock);
        let seos = yes(row.band.seos);
        write_line(
            out,
            [
                row.band.serial.as_str(),
                seos,
                &stock,
                &row.site,
                &row.delivery,
                &row.note,
            ],
        );
    }
    Ok(rows.last().map(|row| row.band.serial.to_string()))
}

fn association_rows(tx: &Tx<'_>, after: Option<String>, out: &mut String) -> Result<Option<String>, DbError> {
    let columns = associations::COLUMNS;
    let sql = format!("select {columns} from associations where id > $1 order by id limit $2");
    let after = data_encoding::HEXLOWER
        .decode(after.unwrap_or_default().as_bytes())
        .unwrap_or_default();
    let rows = tx.all(&sql, args![&after, PIECE], associations::read)?;
    for row in &rows {
        let (ended, ended_ms) = match &row.ended {
            Some(ending) => (code(&ending.cause), ending.at.0.to_string()),
            None => Default::default(),
        };
        let expires_ms = row.expires_at.map_or_else(String::new, |at| at.0.to_string());
        let (id, zone) = (row.id.to_string(), code(&row.zone));
        let (active, primary, suspended) = (yes(row.active), yes(row.primary), yes(row.suspension.is_some()));
        let who = [&id, row.user.as_str(), row.band.as_str(), &zone];
        write_line(
            out,
            who.into_iter()
                .chain([active, primary, suspended, &ended, &ended_ms, &expires_ms]),
        );
    }
    Ok(rows.last().map(|row| row.id.to_string()))
}

fn yes(it: bool) -> &'static str {
    if it { "yes" } else { "no" }
}
