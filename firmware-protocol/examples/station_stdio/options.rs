//! The arguments: `name=value`, each with a default or required.

use std::collections::BTreeMap;

use ed25519_dalek::SigningKey;
use firmware_protocol::certificate::StationCertificate;
use firmware_protocol::id::{AssociationId, StationId, UserHandle, Zone};
use firmware_protocol::message::{Arm, Mode};
use firmware_protocol::station::StationIdentity;
use firmware_protocol::time::UnixSeconds;
use firmware_protocol::{Version, dh_public};

use super::Fault;

/// Every argument and its default. The identifiers are all different, so that who mixes two is found out.
const DEFAULTS: [(&str, &str); 18] = [
    ("unix_now", ""),
    (
        "manufacturer",
        "d04ab232742bb4ab3a1368bd4615e4e6d0224ab71a016baf8520a332c9778737",
    ),
    (
        "organization",
        "2222222222222222222222222222222222222222222222222222222222222222",
    ),
    (
        "station",
        "0101010101010101010101010101010101010101010101010101010101010101",
    ),
    ("number", "707172737475767778797a7b7c7d7e7f"),
    ("not_before", ""),
    ("not_after", ""),
    ("versions", "1-1"),
    ("mtu", "247"),
    ("user", "404142434445464748494a4b4c4d4e4f"),
    ("association", "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf"),
    ("zone", "0"),
    ("mode", "0"),
    ("label", "ANNA B."),
    ("epoch", ""),
    ("until", ""),
    ("delete", "0"),
    ("send", ""),
];

/// What was given on the command line, over the defaults.
pub(crate) struct Options(BTreeMap<String, String>);

impl Options {
    pub(crate) fn read(given: impl Iterator<Item = String>) -> Result<Self, Fault> {
        let defaults = DEFAULTS.map(|(name, value)| (name.to_string(), value.to_string()));
        let mut values = BTreeMap::from(defaults);
        for text in given {
            let (name, value) = text.split_once('=').ok_or(format!("{text} is not name=value"))?;
            let slot = values.get_mut(name).ok_or(format!("there is no {name}"))?;
            *slot = value.to_string();
        }
        Ok(Self(values))
    }

    pub(crate) fn text(&self, name: &str) -> &str {
        &self.0[name]
    }

    /// The value, unless it is empty.
    fn given(&self, name: &str) -> Option<&str> {
        Some(self.text(name)).filter(|value| !value.is_empty())
    }

    pub(crate) fn number<T: std::str::FromStr>(&self, name: &str) -> Result<T, Fault> {
        let number = self.text(name).parse();
        number.map_err(|_| format!("{name} is not such a number: {:?}", self.text(name)).into())
    }

    fn bytes<const N: usize>(&self, name: &str) -> Result<[u8; N], Fault> {
        let bytes = unhex(self.text(name))?;
        bytes
            .try_into()
            .map_err(|_| format!("{name} is {N} bytes").into())
    }

    /// One of these words.
    fn choice<T: Copy>(&self, name: &str, choices: &[(&str, T)]) -> Result<T, Fault> {
        let chosen = choices.iter().find(|(word, _)| *word == self.text(name));
        let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
        Ok(chosen.ok_or(format!("{name} is one of {words:?}"))?.1)
    }

    fn zone(&self) -> Result<Zone, Fault> {
        self.choice("zone", &[("0", Zone::Enrollment), ("1", Zone::Registration)])
    }

    pub(crate) fn manufacturer(&self) -> Result<[u8; 32], Fault> {
        self.bytes("manufacturer")
    }

    pub(crate) fn unix_now(&self) -> Result<UnixSeconds, Fault> {
        Ok(UnixSeconds(self.number("unix_now")?))
    }

    /// Oldest and newest version to offer: `1-3`.
    pub(crate) fn versions(&self) -> Result<(Version, Version), Fault> {
        let versions = self.text("versions").split_once('-');
        let versions = versions.and_then(|(min, max)| Some((min.parse().ok()?, max.parse().ok()?)));
        Ok(versions.ok_or("versions are min-max")?)
    }

    /// The station's certificate of one day before and after now, or of the days given, and its key.
    pub(crate) fn identity(&self) -> Result<StationIdentity, Fault> {
        let organization = SigningKey::from_bytes(&self.bytes("organization")?);
        let secret = self.bytes("station")?;
        let UnixSeconds(now) = self.unix_now()?;
        let second = |name: &str, default| self.given(name).map_or(Ok(default), |_| self.number(name));
        let certificate = StationCertificate {
            organization_key: organization.verifying_key().to_bytes(),
            station: StationId(self.bytes("number")?),
            dh_key: dh_public(&secret),
            zone: self.zone()?,
            not_before: UnixSeconds(second("not_before", now.saturating_sub(86_400))?),
            not_after: UnixSeconds(second("not_after", now.saturating_add(86_400))?),
        };
        Ok(StationIdentity {
            certificate: certificate.sign(&organization),
            dh_secret: secret.into(),
        })
    }

    /// What is armed; without `epoch` the band's report says under which.
    pub(crate) fn arm(&self) -> Result<(Arm, bool), Fault> {
        let epoch = self.given("epoch").map(|_| self.number("epoch")).transpose()?;
        let arm = Arm {
            association: AssociationId(self.bytes("association")?),
            user: UserHandle(self.bytes("user")?),
            zone: self.zone()?,
            epoch: epoch.unwrap_or_default(),
            mode: self.choice("mode", &[("0", Mode::Capture), ("1", Mode::Authenticate)])?,
            label: self.text("label").into(),
        };
        Ok((arm, epoch.is_some()))
    }

    /// Where the station vanishes.
    pub(crate) fn until(&self) -> Result<&str, Fault> {
        let points = ["", "armed", "staged", "committed"].map(|point| (point, point));
        self.choice("until", &points)
    }

    pub(crate) fn delete(&self) -> Result<bool, Fault> {
        self.choice("delete", &[("0", false), ("1", true)])
    }

    pub(crate) fn send(&self) -> Result<Option<Vec<u8>>, Fault> {
        self.given("send").map(unhex).transpose()
    }
}

pub(crate) fn unhex(text: &str) -> Result<Vec<u8>, Fault> {
    if !text.bytes().all(|byte| byte.is_ascii_hexdigit()) || !text.len().is_multiple_of(2) {
        return Err(format!("not hex: {text}").into());
    }
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16);
    Ok((0..text.len()).step_by(2).map(digit).collect::<Result<_, _>>()?)
}
