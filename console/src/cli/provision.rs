//! Issuing offline: reads files, asks [`issue`](crate::issue), writes files.

use std::io::BufRead;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, ensure};
use clap::{Args, Subcommand, ValueEnum};
use firmware_protocol::certificate::{Signed, StationCertificate};
use firmware_protocol::id::{Serial, Zone};
use firmware_protocol::time::UnixSeconds;
use policy::model::UserId;
use station_core::provision::{Provision, ProvisionFile, load};
use station_core::ticket::TicketId;

use crate::edge::{random, unix_now};
use crate::files::{BandFile, OrganizationFile, PlantFile, read_toml, replace_private, write_new_private};
use crate::issue::{Manufacturer, Organization, StationGrant, TicketGrant};

const DAY: u64 = 24 * 60 * 60;
const HOUR: u64 = 60 * 60;
/// Longest PIN that a station checks, in bytes.
const PIN_BYTES_MAX: usize = 64;

/// What can be issued.
#[derive(Debug, Subcommand)]
pub enum Provisioning {
    /// Make an organization: its keys, in a file to be kept off stations
    Organization(NewOrganization),
    /// Make a station: writes the file for `bandstand-station init --from FILE`
    Station(NewStation),
    /// Sign a ticket for a user of a station: prints the text of its QR code
    Ticket(NewTicket),
    /// Make a band of one's own make, for simulated and self-built bands
    Band(NewBand),
    /// Read a PIN from standard input, print the hash for an operator's `pin`
    Pin,
}

/// Arguments of the command.
#[derive(Args, Debug)]
pub struct NewOrganization {
    /// The file to write
    file: PathBuf,
    /// A name for people
    #[arg(long)]
    name: String,
    /// Also make a make of bands of one's own
    #[arg(long, value_name = "NAME")]
    test_manufacturer: Option<String>,
}

/// Arguments of the command.
#[derive(Args, Debug)]
pub struct NewStation {
    /// The organization's file
    #[arg(long)]
    organization: PathBuf,
    /// Where the station stands; tickets name it
    #[arg(long)]
    site: String,
    /// The zone the station may write
    #[arg(long, value_enum, default_value = "enrollment")]
    zone: ZoneArgument,
    /// How long the station's certificate holds
    #[arg(long, default_value_t = 90)]
    days: u64,
    /// Policies, people and bands of the plant, in TOML
    #[arg(long)]
    plant: Option<PathBuf>,
    /// The init file to write
    #[arg(long)]
    out: PathBuf,
}

/// Arguments of the command.
#[derive(Args, Debug)]
pub struct NewTicket {
    /// The organization's file
    #[arg(long)]
    organization: PathBuf,
    /// The init file of the station: names site, zone and users
    #[arg(long)]
    init: PathBuf,
    /// The user's id
    #[arg(long)]
    user: String,
    /// How long the ticket holds
    #[arg(long, default_value_t = 12)]
    hours: u64,
    /// Also make a code to type, and write its entry into the init file
    #[arg(long)]
    typed: bool,
}

/// Arguments of the command.
#[derive(Args, Debug)]
pub struct NewBand {
    /// The organization's file, with a make of its own
    #[arg(long)]
    organization: PathBuf,
    /// 1 to 16 characters out of A-Z, 0-9 and -
    #[arg(long)]
    serial: String,
    /// The model's name, at most 16 bytes
    #[arg(long, default_value = "Test")]
    model: String,
    /// The band also carries a door credential
    #[arg(long)]
    seos: bool,
    /// The file to write
    #[arg(long)]
    out: PathBuf,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ZoneArgument {
    Enrollment,
    Registration,
}

impl From<ZoneArgument> for Zone {
    fn from(zone: ZoneArgument) -> Self {
        match zone {
            ZoneArgument::Enrollment => Self::Enrollment,
            ZoneArgument::Registration => Self::Registration,
        }
    }
}

/// Does what the command line asks.
pub fn run(command: &Provisioning) -> Result<()> {
    match command {
        Provisioning::Organization(new) => organization(new),
        Provisioning::Station(new) => station(new),
        Provisioning::Ticket(new) => ticket(new),
        Provisioning::Band(new) => band(new),
        Provisioning::Pin => pin(),
    }
}

fn to_toml(value: &impl serde::Serialize) -> Result<String> {
    toml::to_string(value).context("a value without a form in TOML")
}

fn organization(new: &NewOrganization) -> Result<()> {
    let organization = Organization::new(&random()?);
    let make = match &new.test_manufacturer {
        Some(name) => Some(Manufacturer::new(name, &random()?)),
        None => None,
    };
    let file = OrganizationFile::new(&new.name, &organization, make.as_ref());
    write_new_private(&new.file, &to_toml(&file)?)?;
    println!(
        "organization {} in {}: keep this file off stations",
        organization.id(),
        new.file.display()
    );
    if make.is_none() {
        println!("add the makes of your bands under [[manufacturers]] before you make stations");
    }
    Ok(())
}

fn station(new: &NewStation) -> Result<()> {
    let file = OrganizationFile::read(&new.organization)?;
    let plant: PlantFile = new
        .plant
        .as_deref()
        .map(read_toml)
        .transpose()?
        .unwrap_or_default();
    let now = unix_now();
    let grant = StationGrant {
        site: new.site.clone(),
        zone: new.zone.into(),
        // Stations' clocks differ by minutes; a certificate made now must hold at once.
        not_before: UnixSeconds(now.0.saturating_sub(HOUR)),
        not_after: UnixSeconds(now.0 + new.days * DAY),
    };
    let organization = file.organization();
    let entry = organization.station(&grant, &random()?);
    let init = organization.init_file(entry, file.manufacturers, plant, 1, now.0 * 1000);
    let text = init.to_toml();
    let provision = load(&text)?;
    write_new_private(&new.out, &text)?;
    println!(
        "station {} of {} in {}",
        provision.station,
        file.name,
        new.out.display()
    );
    println!("next: bandstand-station init --from {}", new.out.display());
    Ok(())
}

/// Reads an init file twice: as written, for changes, and checked.
fn read_init(path: &Path) -> Result<(ProvisionFile, Provision)> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let provision = load(&text).with_context(|| format!("{} is not an init file", path.display()))?;
    Ok((ProvisionFile::parse(&text)?, provision))
}

fn ticket(new: &NewTicket) -> Result<()> {
    let organization = OrganizationFile::read(&new.organization)?.organization();
    let (mut file, provision) = read_init(&new.init)?;
    ensure!(
        provision.organization == organization.id(),
        "the station belongs to another organization"
    );
    let user =
        UserId::new(&new.user).map_err(|fault| anyhow!("{:?} is not a user's id: {fault}", new.user))?;
    let row = provision.users.iter().find(|row| row.user.id == user);
    let row = row.ok_or_else(|| anyhow!("{} knows no user {user}", new.init.display()))?;
    let now = unix_now();
    let grant = TicketGrant {
        user,
        handle: row.handle,
        site: provision.site.clone(),
        zone: provision.zone,
        not_before: UnixSeconds(now.0.saturating_sub(HOUR)),
        expires: UnixSeconds(now.0 + new.hours * HOUR),
    };
    let id = TicketId(random()?);
    if !new.typed {
        println!("{}", organization.ticket(&grant, id));
    } else {
        let (code, entry) = organization.typed_code(&grant, id, random()?);
        file.tickets.push(entry);
        // The file is as old as what it says of people and bands. A station that takes it up keeps
        // every enrollment made since, and a code to type does not make the file know of them.
        file.revision += 1;
        // Nothing is shown that would not work.
        replace_private(&new.init, &file.to_toml())?;
        println!("{}", organization.ticket(&grant, id));
        println!("{}", code.reveal());
        eprintln!(
            "the code works after: bandstand-station init --replace --from {}",
            new.init.display()
        );
    }
    Ok(())
}

fn band(new: &NewBand) -> Result<()> {
    let make = OrganizationFile::read(&new.organization)?.own_make();
    let make = make.ok_or_else(|| {
        anyhow!("the organization has no make of its own; make one with --test-manufacturer")
    })?;
    let serial = Serial::new(&new.serial).ok_or_else(|| anyhow!("{:?} is not a serial", new.serial))?;
    ensure!(
        new.model.len() <= 16,
        "the model {:?} has more than 16 bytes",
        new.model
    );
    let band = make.band(serial, &new.model, new.seos, &random()?);
    write_new_private(&new.out, &to_toml(&BandFile::new(&band))?)?;
    println!("band {} by {} in {}", band.serial, make.name, new.out.display());
    Ok(())
}

fn pin() -> Result<()> {
    let mut pin = zeroize::Zeroizing::new(String::new());
    std::io::stdin().lock().read_line(&mut pin)?;
    println!("{}", hash_of_pin(pin.trim_end_matches(['\r', '\n']))?);
    Ok(())
}

/// What a station's file says of an operator's PIN.
fn hash_of_pin(pin: &str) -> Result<String> {
    ensure!(pin.chars().count() >= 4, "a PIN has at least four characters");
    ensure!(
        pin.len() <= PIN_BYTES_MAX,
        "a PIN has at most {PIN_BYTES_MAX} bytes, this one has {}: stations look at no longer ones",
        pin.len()
    );
    let salt: [u8; 16] = random()?;
    let hash =
        argon2::PasswordHasher::hash_password_with_salt(&argon2::Argon2::default(), pin.as_bytes(), &salt);
    Ok(hash
        .map_err(|fault| anyhow!("cannot hash the PIN: {fault}"))?
        .to_string())
}

/// Says what is in a station's init file: no secrets.
pub fn show(path: &Path) -> Result<()> {
    let (_, provision) = read_init(path)?;
    let Signed { body, .. } = &provision.certificate;
    let certificate: StationCertificate =
        minicbor::decode(body).context("the certificate was checked before")?;
    let date = |at: UnixSeconds| match i64::try_from(at.0).map(jiff::Timestamp::from_second) {
        Ok(Ok(date)) => date.to_string(),
        _ => "beyond all dates".into(),
    };
    println!("organization  {}", provision.organization);
    println!("station       {}", provision.station);
    println!("site, zone    {}, {:?}", provision.site, provision.zone);
    println!(
        "certificate   {} to {}",
        date(certificate.not_before),
        date(certificate.not_after)
    );
    println!("revision      {}", provision.revision);
    println!("makes         {}", provision.manufacturers.len());
    println!(
        "users, bands  {}, {}",
        provision.users.len(),
        provision.bands.len()
    );
    println!("associations  {}", provision.associations.len());
    println!("operators     {}", provision.operators.len());
    println!("tickets       {}", provision.tickets.len());
    Ok(())
}

#[cfg(test)]
mod tests;
