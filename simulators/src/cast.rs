//! Who is who: a plant with people, bands and policies, as a station's provisioning file has them.

use ed25519_dalek::SigningKey;
use firmware_protocol::id::{AssociationId, Serial, StationId, UserHandle, Zone};
use firmware_protocol::message::Mode;
use firmware_protocol::receipt::Receipt;
use firmware_protocol::station::StationIdentity;
use firmware_protocol::time::{Instant, UnixSeconds};
use policy::model::{Band, BandSerial, GroupPolicy, PolicyId, UserId, UserStatus};
use station_core::convert;
use station_core::provision::{
    AssociationEntry, Base16, FORMAT, HexBytes, ManufacturerEntry, OperatorEntry, OrganizationEntry,
    ProvisionFile, SecretKey, StationEntry, TicketEntry, TicketsEntry, UserEntry,
};
use station_core::replica::derived_handle;
use station_core::ticket::{CodeKey, TicketClaims, TicketId, TypedCode, sign_ticket};

use crate::band::{Knobs, SimBand};
use crate::link::LinkConfig;
use crate::pair::{Pair, Wish};
use crate::plant::{Manufacturer, Plant};
use crate::random::Random;

/// The site of every simulated station.
pub const SITE: &str = "hamburg";
/// How long a ticket of the cast holds, in seconds.
const TICKET_SECONDS: u64 = 12 * 3600;

/// Somebody with a ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The user's id.
    pub id: String,
    /// The name to show.
    pub name: String,
    /// What bands know of this person.
    pub handle: UserHandle,
}

/// A plant with one station, before the curtain rises.
#[derive(Debug)]
pub struct Cast {
    /// The organization.
    pub plant: Plant,
    /// The make of its bands.
    pub maker: Manufacturer,
    /// Its station.
    pub identity: StationIdentity,
    /// Its station's id.
    pub station: StationId,
    issuer: SigningKey,
    code_key: CodeKey,
    random: Random,
    zone: Zone,
    now: UnixSeconds,
    file: ProvisionFile,
}

impl Cast {
    /// An empty plant whose station stands in `zone`. `now` is the date on which everything is made.
    pub fn new(seed: u64, zone: Zone, now: UnixSeconds) -> Self {
        let mut random = Random::new(seed);
        let (maker, plant) = (Manufacturer::new(&mut random), Plant::new(&mut random));
        let station = StationId(random.bytes());
        let identity = plant.station(station, zone, &mut random);
        let issuer = SigningKey::from_bytes(&random.bytes());
        let code_key = CodeKey(random.bytes());
        let file = empty_file(&maker, &plant, &identity, &issuer, &code_key, now);
        Self {
            plant,
            maker,
            identity,
            station,
            issuer,
            code_key,
            random,
            zone,
            now,
            file,
        }
    }

    /// The file a station starts with, for changes that this type has no words for.
    pub fn file_mut(&mut self) -> &mut ProvisionFile {
        &mut self.file
    }

    /// The file a station starts with.
    pub fn file(&self) -> &ProvisionFile {
        &self.file
    }

    /// The file with the organization's keys, from which a console can begin. Whoever has it is the organization.
    pub fn organization_file(&self, name: &str) -> String {
        let secret = |bytes: [u8; 32]| SecretKey(bytes.into());
        let file = serde_json::json!({
            "format": 1,
            "name": name,
            "signing_key": secret(self.plant.secret()),
            "ticket_key": secret(self.issuer.to_bytes()),
            "code_key": secret(self.code_key.0),
            "manufacturers": &self.file.manufacturers,
        });
        toml::to_string(&file).expect("every value has a form in TOML")
    }

    /// Sets both self-service flags of the active group policy.
    pub fn self_service(&mut self, own: bool, any: bool) {
        let policy = &mut self.file.group_policies[0];
        (policy.reenroll_own, policy.reenroll_any) = (Some(own), Some(any));
    }

    /// Adds a person.
    pub fn person(&mut self, id: &str, name: &str) -> Person {
        let handle = derived_handle(self.plant.organization(), id);
        self.file.users.push(UserEntry {
            id: UserId::new(id).expect("a user's id"),
            handle: None,
            name: name.into(),
            site: String::new(),
            status: UserStatus::Active,
            suspension: None,
            policy: None,
            label: String::new(),
        });
        Person {
            id: id.into(),
            name: name.into(),
            handle,
        }
    }

    /// Adds a band fresh from the factory to the stock.
    pub fn band(&mut self, serial: &str, seos: bool, knobs: Knobs) -> SimBand {
        let stock = Band {
            seos,
            ..Band::new(BandSerial::new(serial).expect("a serial"))
        };
        self.file.bands.push(stock);
        self.stray_band(serial, seos, knobs)
    }

    /// A band of the same make that is not in the stock list.
    pub fn stray_band(&mut self, serial: &str, seos: bool, knobs: Knobs) -> SimBand {
        let serial = Serial::new(serial).expect("a serial");
        let identity = self.maker.band(&serial, seos, &mut self.random);
        let random = Random::new(self.random.next_u64());
        SimBand::new(identity, knobs, Vec::new(), random, Instant::ZERO)
    }

    /// A band of another make, which no station of the plant trusts.
    pub fn foreign_band(&mut self, serial: &str, seos: bool, knobs: Knobs) -> SimBand {
        let serial = Serial::new(serial).expect("a serial");
        let maker = Manufacturer::new(&mut self.random);
        let identity = maker.band(&serial, seos, &mut self.random);
        let random = Random::new(self.random.next_u64());
        SimBand::new(identity, knobs, Vec::new(), random, Instant::ZERO)
    }

    /// Gives `band` to `person` as something that happened yesterday: the band holds the association, and
    /// the station's file knows of it.
    pub fn give(&mut self, band: &mut SimBand, person: &Person) -> AssociationId {
        let (identity, zone) = (self.identity.clone(), self.zone);
        let receipt = self.enroll_at(&identity, zone, band, person);
        self.file.associations.push(AssociationEntry {
            id: convert::association_id(receipt.association),
            user: UserId::new(&person.id).expect("a user's id"),
            band: convert::serial(band.serial()),
            zone: convert::zone(zone),
            active: true,
            primary: true,
            expires_at: None,
            suspension: None,
            band_epoch: receipt.epoch,
            credential_key: Some(HexBytes(receipt.credential_key)),
        });
        receipt.association
    }

    /// Lets a station of the enrollment side enroll `band` for `person`, as something that happened yesterday.
    /// Only the band knows of it: the file of a station of the other side does not.
    pub fn enroll_elsewhere(&mut self, band: &mut SimBand, person: &Person) -> AssociationId {
        let (station, zone) = (StationId(self.random.bytes()), Zone::Enrollment);
        let identity = self.plant.station(station, zone, &mut self.random);
        self.enroll_at(&identity, zone, band, person).association
    }

    fn enroll_at(
        &mut self,
        identity: &StationIdentity,
        zone: Zone,
        band: &mut SimBand,
        person: &Person,
    ) -> Receipt {
        let knobs = band.knobs().clone();
        band.set_knobs(Knobs::default());
        let pair = Pair {
            identity,
            manufacturers: vec![self.maker.public_key()],
            link: LinkConfig {
                interval_us: 7_500,
                ..LinkConfig::default()
            },
            unix_now: UnixSeconds(self.now.0 - 24 * 3600),
        };
        let wish = Wish {
            association: AssociationId(self.random.bytes()),
            user: person.handle,
            zone,
            mode: Mode::Capture,
            label: String::new(),
        };
        let random = Random::new(self.random.next_u64());
        let enrolled = pair
            .enroll(band, &wish, random, Instant::ZERO)
            .expect("a good band enrolls");
        band.set_knobs(knobs);
        band.reset(Instant::ZERO);
        enrolled.receipt
    }

    /// A ticket for `person` as the text of its QR code.
    pub fn ticket(&mut self, person: &Person) -> String {
        self.ticket_until(person, UnixSeconds(self.now.0 + TICKET_SECONDS))
    }

    /// A ticket whose last valid second is `expires`.
    pub fn ticket_until(&mut self, person: &Person, expires: UnixSeconds) -> String {
        sign_ticket(&self.claims(person, expires), &self.issuer)
    }

    /// A ticket for the stations of `zone`, whichever this one stands in.
    pub fn ticket_for(&mut self, person: &Person, zone: Zone) -> String {
        let claims = self.claims(person, UnixSeconds(self.now.0 + TICKET_SECONDS));
        sign_ticket(&TicketClaims { zone, ..claims }, &self.issuer)
    }

    /// A ticket for `person` as a code to type.
    pub fn code(&mut self, person: &Person) -> String {
        let claims = self.claims(person, UnixSeconds(self.now.0 + TICKET_SECONDS));
        let code = TypedCode::from_random(self.random.bytes());
        self.file.tickets.push(TicketEntry {
            id: HexBytes(claims.id.0),
            user: UserId::new(&person.id).expect("a user's id"),
            code_hash: Some(HexBytes(code.hash(&self.code_key).0)),
            site: None,
            zone: convert::zone(self.zone),
            not_before: claims.not_before.0,
            expires: claims.expires.0,
            revoked: false,
        });
        code.reveal()
    }

    /// Adds an operator with a PIN, given as an argon2id PHC string.
    pub fn operator(&mut self, id: &str, pin_phc: &str, rights: &[station_core::replica::Right]) {
        let rights = rights.iter().copied().collect();
        self.file.operators.push(OperatorEntry {
            id: id.into(),
            pin: pin_phc.into(),
            rights,
            user: None,
        });
    }

    /// Says that the operator `id` is this person.
    pub fn operator_is(&mut self, id: &str, person: &Person) {
        let user = UserId::new(&person.id).expect("a user's id");
        let mut operators = self.file.operators.iter_mut();
        let operator = operators.find(|operator| operator.id == id);
        operator.expect("the operator was added").user = Some(user);
    }

    fn claims(&mut self, person: &Person, expires: UnixSeconds) -> TicketClaims {
        TicketClaims {
            id: TicketId(self.random.bytes()),
            user: person.handle,
            site: SITE.into(),
            zone: self.zone,
            not_before: UnixSeconds(self.now.0 - 60),
            expires,
        }
    }
}

fn empty_file(
    maker: &Manufacturer,
    plant: &Plant,
    identity: &StationIdentity,
    issuer: &SigningKey,
    code_key: &CodeKey,
    now: UnixSeconds,
) -> ProvisionFile {
    let policy = PolicyId::new("plant").expect("a policy's id");
    let certificate = minicbor::to_vec(&identity.certificate).expect("memory takes everything");
    ProvisionFile {
        format: FORMAT,
        revision: 1,
        made_at_ms: now.0 * 1000,
        active_group_policy: policy.clone(),
        organization: OrganizationEntry {
            public_key: HexBytes(plant.public_key()),
        },
        station: StationEntry {
            site: SITE.into(),
            certificate: Base16(certificate),
            secret_key: SecretKey(identity.dh_secret.clone()),
        },
        tickets_from: TicketsEntry {
            public_key: HexBytes(issuer.verifying_key().to_bytes()),
            code_key: SecretKey(code_key.0.into()),
        },
        manufacturers: vec![ManufacturerEntry {
            name: "Simulated bands".into(),
            public_key: HexBytes(maker.public_key()),
        }],
        group_policies: vec![GroupPolicy::new(policy)],
        individual_policies: Vec::new(),
        users: Vec::new(),
        bands: Vec::new(),
        associations: Vec::new(),
        operators: Vec::new(),
        tickets: Vec::new(),
    }
}
