//! Pages of lists. A cursor says after which row the next page begins; it stays good while rows come and go.

use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::problem::{Code, Problem};

/// Rows on a page if nobody says otherwise.
pub const LEN: usize = 50;
/// Rows on a page at most.
pub const LEN_MAX: usize = 500;

/// Which page of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub struct PageRequest {
    /// Where the page begins: `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// How many rows at most: 1 to 500, 50 if left out.
    #[param(minimum = 1, maximum = 500)]
    pub limit: Option<u32>,
}

impl PageRequest {
    /// How many rows.
    pub fn rows(&self) -> Result<usize, Problem> {
        match self.limit.map(|limit| limit as usize) {
            None => Ok(LEN),
            Some(len) if (1..=LEN_MAX).contains(&len) => Ok(len),
            Some(_) => Err(Problem::invalid(
                "limit",
                format_args!("is outside 1 to {LEN_MAX}"),
            )),
        }
    }

    /// The row after which the page begins, as [`Page::new`] wrote it.
    pub fn after(&self) -> Result<Option<String>, Problem> {
        let Some(cursor) = &self.cursor else {
            return Ok(None);
        };
        let bytes = BASE64URL_NOPAD.decode(cursor.as_bytes()).ok();
        let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
        let wrong = || {
            Problem::new(
                Code::Malformed,
                "cursor: is not one of this list",
                "begin without a cursor",
            )
        };
        // PostgreSQL has no text with a zero in it.
        text.filter(|text| !text.contains('\0'))
            .map(Some)
            .ok_or_else(wrong)
    }

    /// The same, in the form of `T`.
    pub fn after_as<T: std::str::FromStr>(&self) -> Result<Option<T>, Problem> {
        let wrong = |_| {
            Problem::new(
                Code::Malformed,
                "cursor: is not one of this list",
                "begin without a cursor",
            )
        };
        self.after()?.map(|text| text.parse().map_err(wrong)).transpose()
    }
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// The cursor of the next page; left out on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// A page of at most `len` rows out of `rows`, of which there is one more if the list goes on. `key` is
    /// what the next page begins after.
    pub fn new(mut rows: Vec<T>, len: usize, key: impl Fn(&T) -> String) -> Self {
        let goes_on = rows.len() > len;
        rows.truncate(len);
        let last = rows.last().filter(|_| goes_on);
        let next_cursor = last.map(|row| BASE64URL_NOPAD.encode(key(row).as_bytes()));
        Self { rows, next_cursor }
    }

    /// The page with other rows in place of these.
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page {
            rows: self.rows.into_iter().map(f).collect(),
            next_cursor: self.next_cursor,
        }
    }
}
