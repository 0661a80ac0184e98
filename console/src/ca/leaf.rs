//! What a verified client certificate says of its station.

use firmware_protocol::id::StationId;
use firmware_protocol::time::UnixSeconds;
use rustls::pki_types::CertificateDer;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// What stands before a station's id in its certificate.
pub const STATION_URI: &str = "urn:bandstand:station:";

/// A station that proved to have the key of a certificate of ours. Whether that certificate still counts is
/// for the list of issued serials to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Which station.
    pub station: StationId,
    /// The certificate's serial.
    pub serial: [u8; 16],
    /// Its last second.
    pub not_after: UnixSeconds,
}

impl Peer {
    /// Reads a certificate whose chain was verified already. Nothing if it is not one of a station.
    pub fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let (rest, certificate) = X509Certificate::from_der(certificate).ok()?;
        let names = certificate.subject_alternative_name().ok()??;
        let [GeneralName::URI(uri)] = names.value.general_names.as_slice() else {
            return None;
        };
        let not_after = certificate.validity().not_after.timestamp();
        rest.is_empty().then_some(Self {
            station: station(uri.strip_prefix(STATION_URI)?)?,
            serial: certificate.raw_serial().try_into().ok()?,
            not_after: UnixSeconds(u64::try_from(not_after).ok()?),
        })
    }
}

/// 32 lower-case hexadecimal digits.
fn station(digits: &str) -> Option<StationId> {
    let bytes = data_encoding::HEXLOWER.decode(digits.as_bytes()).ok()?;
    bytes.try_into().ok().map(StationId)
}
