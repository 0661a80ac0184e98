//! Values that go into a query, the same for both engines.

use std::borrow::Cow;

use policy::model::{AssociationId, BandSerial, PolicyId, StationId, UnixMillis, UserId};
use rusqlite::types::{ToSqlOutput, ValueRef};
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{IsNull, Type};

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub enum Val<'a> {
    /// Nothing.
    Null,
    /// An integer; every integer column has 64 bits.
    Int(i64),
    /// Yes or no.
    Bool(bool),
    /// Text.
    Text(Cow<'a, str>),
    /// Bytes.
    Bytes(Cow<'a, [u8]>),
}

impl Val<'_> {
    /// A copy that borrows nothing.
    pub(super) fn to_owned(&self) -> Val<'static> {
        match self {
            Self::Null => Val::Null,
            Self::Int(number) => Val::Int(*number),
            Self::Bool(yes) => Val::Bool(*yes),
            Self::Text(text) => Val::Text(Cow::Owned(text.clone().into_owned())),
            Self::Bytes(bytes) => Val::Bytes(Cow::Owned(bytes.clone().into_owned())),
        }
    }
}

impl rusqlite::ToSql for Val<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(number) => ValueRef::Integer(*number),
            Self::Bool(yes) => ValueRef::Integer((*yes).into()),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

impl tokio_postgres::types::ToSql for Val<'_> {
    fn to_sql(
        &self,
        of: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(number) if *of == Type::INT4 => i32::try_from(*number)?.to_sql(of, out),
            Self::Int(number) => number.to_sql(of, out),
            Self::Bool(yes) => yes.to_sql(of, out),
            Self::Text(text) => text.as_ref().to_sql(of, out),
            Self::Bytes(bytes) => bytes.as_ref().to_sql(of, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    tokio_postgres::types::to_sql_checked!();
}

impl<'a> From<&'a str> for Val<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl<'a> From<&'a String> for Val<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Val<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl<'a> From<&'a [u8]> for Val<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(Cow::Borrowed(bytes))
    }
}

impl<'a> From<&'a Vec<u8>> for Val<'a> {
    fn from(bytes: &'a Vec<u8>) -> Self {
        Self::Bytes(Cow::Borrowed(bytes))
    }
}

impl From<Vec<u8>> for Val<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(Cow::Owned(bytes))
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Val<'a> {
    fn from(bytes: &'a [u8; N]) -> Self {
        Self::Bytes(Cow::Borrowed(bytes))
    }
}

impl From<i64> for Val<'_> {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<i32> for Val<'_> {
    fn from(number: i32) -> Self {
        Self::Int(number.into())
    }
}

impl From<u32> for Val<'_> {
    fn from(number: u32) -> Self {
        Self::Int(number.into())
    }
}

/// Numbers above what a column holds are cut to the highest it holds.
impl From<u64> for Val<'_> {
    fn from(number: u64) -> Self {
        Self::Int(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<usize> for Val<'_> {
    fn from(number: usize) -> Self {
        Self::from(number as u64)
    }
}

impl From<bool> for Val<'_> {
    fn from(yes: bool) -> Self {
        Self::Bool(yes)
    }
}

impl From<UnixMillis> for Val<'_> {
    fn from(moment: UnixMillis) -> Self {
        Self::Int(moment.0)
    }
}

impl<'a> From<&'a UserId> for Val<'a> {
    fn from(id: &'a UserId) -> Self {
        id.as_str().into()
    }
}

impl<'a> From<&'a PolicyId> for Val<'a> {
    fn from(id: &'a PolicyId) -> Self {
        id.as_str().into()
    }
}

impl<'a> From<&'a BandSerial> for Val<'a> {
    fn from(serial: &'a BandSerial) -> Self {
        serial.as_str().into()
    }
}

impl<'a> From<&'a AssociationId> for Val<'a> {
    fn from(id: &'a AssociationId) -> Self {
        (&id.0).into()
    }
}

impl<'a> From<&'a StationId> for Val<'a> {
    fn from(id: &'a StationId) -> Self {
        (&id.0).into()
    }
}

impl<'a, T: Into<Val<'a>>> From<Option<T>> for Val<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl<'a> From<&'a Val<'a>> for Val<'a> {
    fn from(value: &'a Val<'a>) -> Self {
        match value {
            Val::Null => Val::Null,
            Val::Int(number) => Val::Int(*number),
            Val::Bool(yes) => Val::Bool(*yes),
            Val::Text(text) => Val::Text(Cow::Borrowed(text)),
            Val::Bytes(bytes) => Val::Bytes(Cow::Borrowed(bytes)),
        }
    }
}
