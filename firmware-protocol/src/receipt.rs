//! What a band signs when an enrollment commits: the proof that outlives the session.

use minicbor::{Decode, Encode};

use crate::cbor::from_cbor;
use crate::certificate::{CertificateError, PublicKey, Signed};
use crate::id::{AssociationId, OrganizationId, Serial, StationId, UserHandle, Zone};
use crate::message::Mode;
use crate::time::UnixSeconds;

/// One committed association, in the band's own words.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Receipt {
    /// The band.
    #[n(0)]
    pub serial: Serial,
    /// The organization the band now serves.
    #[n(1)]
    pub organization: OrganizationId,
    /// The holder.
    #[n(2)]
    pub user: UserHandle,
    /// Where the association holds.
    #[n(3)]
    pub zone: Zone,
    /// Which association.
    #[n(4)]
    pub association: AssociationId,
    /// The band's count of commits, this one included; it never goes back, not even when user data is deleted.
    #[n(5)]
    pub epoch: u32,
    /// Ed25519 key that the band made for this association; what the plant's systems check later.
    #[cbor(n(6), with = "minicbor::bytes")]
    pub credential_key: PublicKey,
    /// The station that committed.
    #[n(7)]
    pub station: StationId,
    /// The station's time in the session that committed.
    #[n(8)]
    pub time: UnixSeconds,
    /// Whether a fingerprint was captured or an enrolled finger recognized.
    #[n(9)]
    pub mode: Mode,
}

impl Receipt {
    /// Context of the band's signature.
    pub const CONTEXT: &'static [u8] = b"bandstand receipt 1\0";

    /// Reads a receipt that the band with this signing key has signed.
    pub fn verify(signed: &Signed, band_signing_key: &PublicKey) -> Result<Self, CertificateError> {
        signed.verify(Self::CONTEXT, band_signing_key)?;
        from_cbor(&signed.body).ok_or(CertificateError::Malformed)
    }
}
