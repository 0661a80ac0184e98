//! Lists of users and of bands to take out, as CSV that no spreadsheet computes.

use super::imports::write_line;
use super::look;
use crate::access::{Action, Caller, allow};
use crate::problem::Problem;
use crate::serve::App;
use crate::store::history::code;
use crate::store::{bands, users};

/// Rows of one piece.
const PIECE: usize = 1000;

/// Which list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Users, in the form in which they can be read in again.
    Users,
    /// Bands.
    Bands,
}

/// A piece of a list, and after which row the next begins; `None` at the end. Begins without `after`.
pub async fn piece(
    app: &App,
    caller: &Caller,
    which: Which,
    after: Option<String>,
) -> Result<Option<(String, String)>, Problem> {
    allow(caller, Action::Export, "")?;
    let first = after.is_none();
    look(app, move |tx, _| {
        let mut out = String::new();
        let last = match which {
            Which::Users => {
                if first {
                    write_line(&mut out, ["id", "name", "site", "label", "mail", "note", "status"]);
                }
                let filter = users::Filter { after, ..Default::default() };
                let rows = users::list(tx, &filter, PIECE)?;
                for row in &rows {
                    let status = code(&row.status);
                    let fields = [row.id.as_str(), &row.name, &row.site, &row.label, &row.mail, &row.note, &status];
                    write_line(&mut out, fields);
                }
                rows.last().map(|row| row.id.to_string())
            }
            Which::Bands => {
                if first {
                    write_line(&mut out, ["serial", "seos", "stock", "site", "delivery", "note"]);
                }
                let filter = bands::Filter { after, ..Default::default() };
                let rows = bands::list(tx, &filter, PIECE)?;
                for row in &rows {
                    let seos = if row.band.seos { "yes" } else { "no" };
                    let stock = code(&row.band.stock);
                    let fields = [row.band.serial.as_str(), seos, &stock, &row.site, &row.delivery, &row.note];
                    write_line(&mut out, fields);
                }
                rows.last().map(|row| row.band.serial.to_string())
            }
        };
        Ok(match last {
            Some(last) => Some((out, last)),
            None if first => Some((out, String::new())),
            None => None,
        })
    })
    .await
}
