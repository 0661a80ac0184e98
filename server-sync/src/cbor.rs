//! How the types of `policy` stand in CBOR, and reading that takes everything or nothing.

use minicbor::{Decode, Decoder, Encode};

/// The bytes of a value.
pub(crate) fn to_bytes<T: Encode<()>>(value: &T) -> Vec<u8> {
    minicbor::to_vec(value).expect("memory takes everything")
}

/// The value that is all of `bytes`.
pub(crate) fn from_bytes<'b, T: Decode<'b, ()>>(bytes: &'b [u8]) -> Option<T> {
    let mut decoder = Decoder::new(bytes);
    let value = decoder.decode().ok()?;
    (decoder.position() == bytes.len()).then_some(value)
}

/// Identifiers that are text: users, policies, serials.
pub(crate) mod text {
    use std::fmt::Display;
    use std::str::FromStr;

    use minicbor::decode::{self, Decoder};
    use minicbor::encode::{self, Encoder, Write};

    pub(crate) fn encode<C, T: Display, W: Write>(
        value: &T,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        e.str(&value.to_string())?.ok()
    }

    pub(crate) fn decode<C, T: FromStr>(d: &mut Decoder<'_>, _: &mut C) -> Result<T, decode::Error> {
        d.str()?
            .parse()
            .map_err(|_| decode::Error::message("not an identifier"))
    }
}

/// The same where the identifier may be absent.
pub(crate) mod maybe_text {
    use std::fmt::Display;
    use std::str::FromStr;

    use minicbor::data::Type;
    use minicbor::decode::{self, Decoder};
    use minicbor::encode::{self, Encoder, Write};

    pub(crate) fn encode<C, T: Display, W: Write>(
        value: &Option<T>,
        e: &mut Encoder<W>,
        ctx: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        match value {
            Some(value) => super::text::encode(value, e, ctx),
            None => e.null()?.ok(),
        }
    }

    pub(crate) fn decode<C, T: FromStr>(
        d: &mut Decoder<'_>,
        ctx: &mut C,
    ) -> Result<Option<T>, decode::Error> {
        if d.datatype()? == Type::Null {
            d.skip()?;
            return Ok(None);
        }
        super::text::decode(d, ctx).map(Some)
    }

    pub(crate) fn nil<T>() -> Option<Option<T>> {
        Some(None)
    }

    pub(crate) fn is_nil<T>(value: &Option<T>) -> bool {
        value.is_none()
    }
}

/// Associations: 16 bytes.
pub(crate) mod association {
    use minicbor::decode::{self, Decoder};
    use minicbor::encode::{self, Encoder, Write};
    use policy::model::AssociationId;

    pub(crate) fn encode<C, W: Write>(
        id: &AssociationId,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        e.bytes(&id.0)?.ok()
    }

    pub(crate) fn decode<C>(d: &mut Decoder<'_>, _: &mut C) -> Result<AssociationId, decode::Error> {
        let bytes = d.bytes()?.try_into();
        bytes
            .map(AssociationId)
            .map_err(|_| decode::Error::message("not an association"))
    }
}

/// Declares the numbers under which the values of an enum of another crate stand on the wire. A number
/// that is not in the list is an error: guessing would be worse.
macro_rules! numbered {
    ($name:ident: $type:ty { $($variant:path = $number:literal,)* }) => {
        pub(crate) mod $name {
            use minicbor::decode::{self, Decoder};
            use minicbor::encode::{self, Encoder, Write};
            #[allow(unused_imports)]
            use policy::model::*;

            pub(crate) fn encode<C, W: Write>(
                value: &$type,
                e: &mut Encoder<W>,
                _: &mut C,
            ) -> Result<(), encode::Error<W::Error>> {
                e.u8(match value { $($variant => $number,)* })?.ok()
            }

            pub(crate) fn decode<C>(d: &mut Decoder<'_>, _: &mut C) -> Result<$type, decode::Error> {
                match d.u8()? {
                    $($number => Ok($variant),)*
                    _ => Err(decode::Error::message(concat!("unknown ", stringify!($name)))),
                }
            }
        }
    };
}

numbered! { zone: Zone {
    Zone::Enrollment = 0,
    Zone::Registration = 1,
} }

numbered! { status: UserStatus {
    UserStatus::Active = 0,
    UserStatus::NotYet = 1,
    UserStatus::Departed = 2,
    UserStatus::Unknown = 3,
} }

numbered! { stock: StockState {
    StockState::InStock = 0,
    StockState::Unknown = 1,
    StockState::Damaged = 2,
    StockState::Retired = 3,
    StockState::Lost = 4,
} }

numbered! { end_cause: EndCause {
    EndCause::Disconnected = 0,
    EndCause::Renewed = 1,
    EndCause::TakenOver = 2,
    EndCause::Rejected = 3,
} }
