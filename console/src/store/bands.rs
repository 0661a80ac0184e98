//! Bands and the stock.

use policy::model::{Band, BandSerial, StockState, UnixMillis};

use super::feed::{self, Kind};
use super::history::code;
use super::query::Query;
use crate::args;
use crate::db::{DbError, Row, Tx, Val};

/// A band, as the console keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BandRow {
    /// What history says of it.
    pub band: Band,
    /// Where it is kept; empty for no place in particular.
    pub site: String,
    /// The delivery it came with.
    pub delivery: String,
    /// Free words of an administrator.
    pub note: String,
    /// Since when the console knows it.
    pub created: UnixMillis,
    /// The last change.
    pub changed: UnixMillis,
    /// Counts the changes.
    pub version: i64,
}

/// What [`read`] reads, in its order.
pub const COLUMNS: &str = "bands.serial, bands.seos, bands.stock, bands.site, bands.delivery, bands.note, \
     bands.created_ms, bands.changed_ms, bands.version";

/// Reads [`COLUMNS`] from the first column on.
pub fn read(row: &Row<'_>) -> Result<BandRow, DbError> {
    Ok(BandRow {
        band: Band {
            serial: row.parse(0)?,
            seos: row.bool(1)?,
            stock: row.code(2)?,
        },
        site: row.text(3)?,
        delivery: row.text(4)?,
        note: row.text(5)?,
        created: row.moment(6)?,
        changed: row.moment(7)?,
        version: row.int(8)?,
    })
}

/// The band, if there is one.
pub fn get(tx: &Tx<'_>, serial: &BandSerial) -> Result<Option<BandRow>, DbError> {
    let sql = format!("select {COLUMNS} from bands where serial = $1");
    tx.first(&sql, args![serial], read)
}

/// Which of these bands are there, as they are.
pub fn get_all(tx: &Tx<'_>, serials: &[BandSerial]) -> Result<Vec<BandRow>, DbError> {
    let keys: Vec<Val<'_>> = serials.iter().map(Val::from).collect();
    let mut all = Vec::new();
    tx.each_of(
        &format!("select {COLUMNS} from bands where serial in ({{}})"),
        &keys,
        |row| {
            all.push(read(row)?);
            Ok(())
        },
    )?;
    all.sort_by_key(|row: &BandRow| row.band.serial);
    all.dedup_by_key(|row| row.band.serial);
    Ok(all)
}

/// Replaces where bands are kept, the delivery they came with and the note about them.
pub fn describe(
    tx: &Tx<'_>,
    bands: &[(BandSerial, String, String, String)],
    now: UnixMillis,
) -> Result<(), DbError> {
    for (serial, site, delivery, note) in bands {
        tx.exec(
            "update bands set site = $2, delivery = $3, note = $4, changed_ms = $5, version = version + 1 \
             where serial = $1",
            args![serial, site, delivery, note, now],
        )?;
    }
    let marks: Vec<_> = bands
        .iter()
        .map(|(serial, ..)| (Kind::Band, serial.to_string(), String::new()))
        .collect();
    feed::mark_all(tx, &marks)
}

/// Which bands to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Whose serial holds this.
    pub text: Option<String>,
    /// In this state.
    pub stock: Option<StockState>,
    /// Kept at this site.
    pub site: Option<String>,
    /// Only of these sites; empty: of all.
    pub sites: Vec<String>,
    /// SEOS-enabled, or not.
    pub seos: Option<bool>,
    /// Held by somebody, or by nobody.
    pub held: Option<bool>,
    /// Serials after this one.
    pub after: Option<String>,
}

/// Bands by serial, at most `limit`.
pub fn list(tx: &Tx<'_>, filter: &Filter, limit: usize) -> Result<Vec<BandRow>, DbError> {
    let pattern = filter
        .text
        .as_deref()
        .map(|text| super::query::anywhere(text).to_uppercase());
    let mut query = Query::new(&format!("select {COLUMNS} from bands where 1 = 1"));
    query.and_if("serial like ? escape '\\'", pattern.as_ref());
    query.and_if("stock = ?", filter.stock.map(|stock| code(&stock)));
    query.and_if("site = ?", filter.site.as_ref());
    if !filter.sites.is_empty() {
        query.and_in("site", filter.sites.iter().map(Val::from).chain([Val::from("")]));
    }
    query.and_if("seos = ?", filter.seos);
    let held =
        "exists (select 1 from associations where associations.band = bands.serial and ended_ms is null)";
    match filter.held {
        Some(true) => query.push(&format!(" and {held}")),
        Some(false) => query.push(&format!(" and not {held}")),
        None => {}
    }
    query.and_if("serial > ?", filter.after.as_ref());
    query.push(" order by serial");
    query.limit(limit);
    query.all(tx, read)
}
