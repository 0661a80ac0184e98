//! Whether everything in a file agrees with everything else.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt::Display;

use ed25519_dalek::VerifyingKey;
use firmware_protocol::certificate::{PublicKey, Signed, StationCertificate, organization_id};
use firmware_protocol::id::{OrganizationId, UserHandle};
use firmware_protocol::time::UnixSeconds;
use policy::model::{Association, GroupPolicy, PolicyFault, User, UserId};

use super::file::{AssociationEntry, FORMAT, OperatorEntry, ProvisionFile, TicketEntry, UserEntry};
use super::{Provision, ProvisionFault, ProvisionFaults};
use crate::convert;
use crate::label::is_label;
use crate::replica::{AssociationRow, OperatorRow, TicketRow, TicketState, UserRow, derived_handle};
use crate::ticket::{CodeHash, CodeKey, TicketId};

/// What is wrong so far.
#[derive(Default)]
struct Faults(Vec<ProvisionFault>);

impl Faults {
    fn add(&mut self, place: impl Display, problem: impl Display, fix: impl Display) {
        let (place, problem, fix) = (place.to_string(), problem.to_string(), fix.to_string());
        self.0.push(ProvisionFault { place, problem, fix });
    }

    /// Reports each key that comes a second time.
    fn find_duplicates<K: Ord + Display>(&mut self, list: &str, field: &str, keys: impl Iterator<Item = K>) {
        let mut seen = BTreeMap::new();
        for (index, key) in keys.enumerate() {
            if let Some(first) = seen.get(&key) {
                let place = format!("{list}[{index}].{field}");
                self.add(
                    place,
                    format!("{key} is also {list}[{first}]"),
                    "remove or rename one of the two",
                );
            } else {
                seen.insert(key, index);
            }
        }
    }
}

impl ProvisionFile {
    /// Checks the file; `digest` is the SHA-256 of its bytes, for the journal. All faults are reported, not
    /// only the first.
    pub fn check(self, digest: [u8; 32]) -> Result<Provision, ProvisionFaults> {
        let mut faults = Faults::default();
        if self.format != FORMAT {
            let fix = format!("this release reads format {FORMAT}: write the file again for it");
            faults.add("format", format!("{} is not known", self.format), fix);
            return Err(ProvisionFaults(faults.0));
        }
        let certificate = check_keys(&self, &mut faults);
        check_policies(&self, &mut faults);
        let users = check_users(&self, &mut faults);
        check_associations(&self, &mut faults);
        check_operators(&self, &mut faults);
        check_tickets(&self, &mut faults);
        match certificate {
            Some(certificate) if faults.0.is_empty() => Ok(self.into_rows(certificate, users, digest)),
            _ => Err(ProvisionFaults(faults.0)),
        }
    }

    /// Everything is checked: only forms change here.
    fn into_rows(
        self,
        (certificate, signed): (StationCertificate, Signed),
        users: Vec<UserRow>,
        digest: [u8; 32],
    ) -> Provision {
        let handles: HashMap<UserId, UserHandle> = users
            .iter()
            .map(|row| (row.user.id.clone(), row.handle))
            .collect();
        let is_active = |policy: &GroupPolicy| policy.id == self.active_group_policy;
        let (mut active, other) = self.group_policies.into_iter().partition::<Vec<_>, _>(is_active);
        let site = &self.station.site;
        Provision {
            revision: self.revision,
            made_at_ms: self.made_at_ms,
            digest,
            organization: certificate.organization(),
            organization_key: certificate.organization_key,
            station: certificate.station,
            zone: certificate.zone,
            site: site.clone(),
            certificate: signed,
            dh_secret: self.station.secret_key,
            manufacturers: self.manufacturers.iter().map(|make| make.public_key.0).collect(),
            ticket_issuer: self.tickets_from.public_key.0,
            code_key: CodeKey(*self.tickets_from.code_key.0),
            bands: self.bands,
            associations: self.associations.into_iter().map(association_row).collect(),
            active_group_policy: active.remove(0),
            other_group_policies: other,
            individual_policies: self.individual_policies,
            operators: self
                .operators
                .into_iter()
                .map(|entry| operator_row(entry, &handles))
                .collect(),
            tickets: self
                .tickets
                .into_iter()
                .map(|entry| ticket_row(entry, site, &handles))
                .collect(),
            users,
        }
    }
}

fn check_keys(file: &ProvisionFile, faults: &mut Faults) -> Option<(StationCertificate, Signed)> {
    check_key("organization.public_key", &file.organization.public_key.0, faults);
    check_key("tickets_from.public_key", &file.tickets_from.public_key.0, faults);
    for (index, make) in file.manufacturers.iter().enumerate() {
        check_key(
            &format!("manufacturers[{index}].public_key"),
            &make.public_key.0,
            faults,
        );
    }
    if file.manufacturers.is_empty() {
        faults.add(
            "manufacturers",
            "no make of bands is welcome",
            "add the manufacturer's public key",
        );
    }
    if file.station.site.trim().is_empty() || file.station.site.chars().count() > 64 {
        faults.add(
            "station.site",
            "is not a name",
            "name the site with 1 to 64 characters",
        );
    }
    check_certificate(file, faults)
}

fn check_key(place: &str, key: &PublicKey, faults: &mut Faults) {
    let usable = VerifyingKey::from_bytes(key).is_ok_and(|key| !key.is_weak());
    if !usable {
        faults.add(
            place,
            "is not an Ed25519 public key",
            "copy it again from where it was made",
        );
    }
}

fn check_certificate(file: &ProvisionFile, faults: &mut Faults) -> Option<(StationCertificate, Signed)> {
    let place = "station.certificate";
    let decoded: Option<(Signed, StationCertificate)> =
        minicbor::decode::<Signed>(&file.station.certificate.0)
            .ok()
            .and_then(|signed| {
                minicbor::decode(&signed.body)
                    .ok()
                    .map(|certificate| (signed, certificate))
            });
    let Some((signed, certificate)) = decoded else {
        faults.add(
            place,
            "is not a station certificate",
            "copy it again from where it was signed",
        );
        return None;
    };
    if StationCertificate::verify(&signed, certificate.not_before).is_err() {
        faults.add(
            place,
            "has a wrong signature",
            "have the organization sign it again",
        );
    } else if certificate.organization_key != file.organization.public_key.0 {
        faults.add(
            place,
            "is of another organization",
            "have the organization of this file sign it",
        );
    }
    let secret = x25519_dalek::StaticSecret::from(*file.station.secret_key.0);
    if x25519_dalek::PublicKey::from(&secret).to_bytes() != certificate.dh_key {
        let fix = "use the key the certificate was requested with";
        faults.add(
            "station.secret_key",
            "is not the key that the certificate names",
            fix,
        );
    }
    Some((certificate, signed))
}

fn check_policies(file: &ProvisionFile, faults: &mut Faults) {
    faults.find_duplicates("group_policies", "id", file.group_policies.iter().map(|p| &p.id));
    faults.find_duplicates(
        "individual_policies",
        "id",
        file.individual_policies.iter().map(|p| &p.id),
    );
    if !file
        .group_policies
        .iter()
        .any(|policy| policy.id == file.active_group_policy)
    {
        let problem = format!("there is no group policy {:?}", file.active_group_policy.as_str());
        faults.add("active_group_policy", problem, "name one of group_policies");
    }
    for (index, policy) in file.group_policies.iter().enumerate() {
        check_policy("group_policies", index, policy.to_save(None).err(), faults);
    }
    for (index, policy) in file.individual_policies.iter().enumerate() {
        check_policy("individual_policies", index, policy.to_save(None).err(), faults);
    }
}

fn check_policy(list: &str, index: usize, fault: Option<PolicyFault>, faults: &mut Faults) {
    let Some(fault) = fault else { return };
    let (field, fix) = match fault {
        PolicyFault::AnyWithoutOwn => ("reenroll_any", "set reenroll_own = true or remove reenroll_any"),
        PolicyFault::BatteryAbove100 => ("battery_min_percent", "give 0 to 100"),
        PolicyFault::TakeoverAgeAboveOfflineAge => {
            ("takeover_max_age_s", "make it at most offline_max_age_s")
        }
    };
    faults.add(format!("{list}[{index}].{field}"), fault, fix);
}

fn check_users(file: &ProvisionFile, faults: &mut Faults) -> Vec<UserRow> {
    let organization = organization_id(&file.organization.public_key.0);
    faults.find_duplicates("users", "id", file.users.iter().map(|user| &user.id));
    let rows: Vec<_> = file
        .users
        .iter()
        .map(|entry| user_row(entry, organization))
        .collect();
    faults.find_duplicates("users", "handle", rows.iter().map(|row| row.handle));
    let policies: BTreeSet<_> = file.individual_policies.iter().map(|policy| &policy.id).collect();
    for (index, user) in file.users.iter().enumerate() {
        if let Some(policy) = user.policy.as_ref().filter(|policy| !policies.contains(policy)) {
            let problem = format!("there is no individual policy {:?}", policy.as_str());
            faults.add(
                format!("users[{index}].policy"),
                problem,
                "name one of individual_policies",
            );
        }
        if !is_label(&user.label) {
            let fix = "use at most 12 of A-Z, 0-9, space inside, and .,-_+/&'()#";
            faults.add(format!("users[{index}].label"), "cannot be shown on a band", fix);
        }
    }
    rows
}

fn user_row(entry: &UserEntry, organization: OrganizationId) -> UserRow {
    let handle = match entry.handle {
        Some(handle) => UserHandle(handle.0),
        None => derived_handle(organization, entry.id.as_str()),
    };
    let user = User {
        name: entry.name.clone(),
        site: entry.site.clone(),
        status: entry.status,
        suspension: entry.suspension.clone(),
        ..User::new(entry.id.clone())
    };
    UserRow {
        handle,
        user,
        policy: entry.policy.clone(),
        label: entry.label.clone(),
    }
}

fn check_associations(file: &ProvisionFile, faults: &mut Faults) {
    faults.find_duplicates("bands", "serial", file.bands.iter().map(|band| band.serial));
    faults.find_duplicates(
        "associations",
        "id",
        file.associations.iter().map(|entry| entry.id),
    );
    let users: HashSet<_> = file.users.iter().map(|user| &user.id).collect();
    let bands: HashSet<_> = file.bands.iter().map(|band| band.serial).collect();
    let mut active = HashMap::new();
    let mut held = HashMap::new();
    for (index, entry) in file.associations.iter().enumerate() {
        let place = |field| format!("associations[{index}].{field}");
        if !users.contains(&entry.user) {
            faults.add(
                place("user"),
                format!("there is no user {:?}", entry.user.as_str()),
                "add it to users",
            );
        }
        if !bands.contains(&entry.band) {
            faults.add(
                place("band"),
                format!("there is no band {}", entry.band),
                "add it to bands",
            );
        }
        if entry.active
            && let Some(first) = active.insert((&entry.user, entry.zone), index)
        {
            let problem = format!(
                "{} has another active band in this zone, associations[{first}]",
                entry.user
            );
            faults.add(place("active"), problem, "set active = false on one of the two");
        }
        if let Some(first) = held.insert((entry.band, entry.zone), index) {
            let problem = format!("{} is held in this zone by associations[{first}] too", entry.band);
            faults.add(place("band"), problem, "remove one of the two");
        }
    }
}

fn association_row(entry: AssociationEntry) -> AssociationRow {
    AssociationRow {
        association: Association {
            id: entry.id,
            user: entry.user,
            band: entry.band,
            zone: entry.zone,
            active: entry.active,
            primary: entry.primary,
            expires_at: entry.expires_at,
            suspension: entry.suspension,
            ended: None,
            band_epoch: entry.band_epoch,
            note: String::new(),
        },
        credential_key: entry.credential_key.map(|key| key.0),
    }
}

fn check_operators(file: &ProvisionFile, faults: &mut Faults) {
    faults.find_duplicates(
        "operators",
        "id",
        file.operators.iter().map(|operator| &operator.id),
    );
    let users: HashSet<_> = file.users.iter().map(|user| &user.id).collect();
    let is_id = |id: &str| {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
        (1..=32).contains(&id.len()) && id.chars().all(plain)
    };
    for (index, operator) in file.operators.iter().enumerate() {
        let place = |field| format!("operators[{index}].{field}");
        if !is_id(&operator.id) {
            faults.add(place("id"), "is not an id", "use 1 to 32 of a-z, 0-9, -, _ and .");
        }
        if !operator.pin.starts_with("$argon2id$") {
            let fix = "put the PIN's argon2id hash here, as `argon2 SALT -id -e` prints it";
            faults.add(place("pin"), "is not an argon2id PHC string", fix);
        }
        if let Some(user) = operator.user.as_ref().filter(|user| !users.contains(user)) {
            faults.add(
                place("user"),
                format!("there is no user {:?}", user.as_str()),
                "add it to users",
            );
        }
    }
}

fn operator_row(entry: OperatorEntry, handles: &HashMap<UserId, UserHandle>) -> OperatorRow {
    let user = entry.user.map(|user| handles[&user]);
    OperatorRow {
        id: entry.id,
        pin: entry.pin,
        rights: entry.rights,
        user,
    }
}

fn check_tickets(file: &ProvisionFile, faults: &mut Faults) {
    faults.find_duplicates(
        "tickets",
        "id",
        file.tickets.iter().map(|ticket| TicketId(ticket.id.0)),
    );
    let users: HashSet<_> = file.users.iter().map(|user| &user.id).collect();
    let mut codes = HashMap::new();
    for (index, ticket) in file.tickets.iter().enumerate() {
        let place = |field| format!("tickets[{index}].{field}");
        if !users.contains(&ticket.user) {
            faults.add(
                place("user"),
                format!("there is no user {:?}", ticket.user.as_str()),
                "add it to users",
            );
        }
        if ticket.not_before > ticket.expires {
            faults.add(place("expires"), "is before not_before", "exchange the two");
        }
        if let Some(hash) = ticket.code_hash
            && let Some(first) = codes.insert(hash, index)
        {
            let problem = format!("tickets[{first}] has the same code");
            faults.add(place("code_hash"), problem, "issue one of the two again");
        }
    }
}

fn ticket_row(
    entry: TicketEntry,
    site: &str,
    handles: &HashMap<UserId, UserHandle>,
) -> (TicketRow, TicketState) {
    let state = if entry.revoked {
        TicketState::Revoked
    } else {
        TicketState::Unspent
    };
    let row = TicketRow {
        id: TicketId(entry.id.0),
        code_hash: entry.code_hash.map(|hash| CodeHash(hash.0)),
        user: handles[&entry.user],
        site: entry.site.unwrap_or_else(|| site.to_owned()),
        zone: convert::zone_on_air(entry.zone),
        not_before: UnixSeconds(entry.not_before),
        expires: UnixSeconds(entry.expires),
    };
    (row, state)
}
