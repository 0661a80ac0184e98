//! `init`: a console out of nothing, or out of the files an organization used until now.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;
use zeroize::Zeroizing;

use super::run::runtime;
use crate::access::Caller;
use crate::accounts::{first_link, is_nobody_there};
use crate::acts::setup::{self, Adopted, Beginning, Plant};
use crate::clock::Clock;
use crate::config::{Config, DEFAULT_PATH};
use crate::db::Db;
use crate::edge::random;
use crate::files::{OrganizationFile, PlantFile, read_toml, write_new_private};
use crate::issue::{Manufacturer, Organization};
use crate::problem::Problem;
use crate::serve::{App, obstacle};
use crate::store::settings;
use crate::vault::Vault;
use station_core::provision::ProvisionFile;

/// Makes a console ready for its first administrator
#[derive(Args, Clone, Debug)]
pub struct Arguments {
    /// The configuration; if there is none, one is written that keeps everything in the folder beside it
    #[arg(long, short, default_value = DEFAULT_PATH, env = "BANDSTAND_CONSOLE_CONFIG")]
    pub config: PathBuf,
    /// The organization's name for people
    #[arg(long, default_value = "Plant")]
    pub name: String,
    /// Take over the keys of this organization's file, made by `provision organization`
    #[arg(long, value_name = "FILE")]
    pub organization: Option<PathBuf>,
    /// Take over policies, people, bands and associations of this plant's file
    #[arg(long, value_name = "FILE")]
    pub plant: Vec<PathBuf>,
    /// Take over what the init file of a station says; name one for each station
    #[arg(long, value_name = "FILE")]
    pub from: Vec<PathBuf>,
    /// Also make a make of bands of one's own, for simulated and self-built bands
    #[arg(long, value_name = "NAME")]
    pub test_manufacturer: Option<String>,
}

impl Arguments {
    /// Nothing is to be taken over or made: the command only asks for a link.
    fn brings_nothing(&self) -> bool {
        self.organization.is_none()
            && self.plant.is_empty()
            && self.from.is_empty()
            && self.test_manufacturer.is_none()
    }
}

/// Who works at this command line, for the audit.
pub(crate) fn caller() -> Caller {
    let name = std::env::var("SUDO_USER").or_else(|_| std::env::var("USER"));
    let name = name.unwrap_or_else(|_| format!("uid {}", rustix::process::getuid().as_raw()));
    Caller::cli(&name)
}

/// Makes the console.
pub fn run(arguments: &Arguments) -> Result<()> {
    let config = config(&arguments.config)?;
    let vault = vault(&config.vault.key_file)?;
    let plants = plants(arguments)?;
    let beginning = beginning(arguments)?;
    runtime()?.block_on(async {
        let url = config.database.url.clone();
        let named = |error| obstacle::named(&url, error);
        let db = Db::create(&url).await.map_err(named)?;
        let app = App::new(db, vault, Clock::Wall, config);
        app.db.migrate(app.now().0).await.map_err(named)?;
        if arguments.brings_nothing() && is_there(&app).await? && is_nobody_there(&app).await? {
            println!("this console is there already, and nobody has signed in yet; nothing else was changed");
            return say_link(&app).await;
        }
        let (organization, adopted) = begin(&app, beginning, plants).await?;
        println!("organization {organization} in {}", app.config.database.url);
        println!(
            "secrets are sealed under {}: keep a copy of it apart from backups",
            app.config.vault.key_file.display()
        );
        say_adopted(&adopted);
        say_link(&app).await?;
        println!(
            "next: bandstand-console run --config {}",
            arguments.config.display()
        );
        Ok(())
    })
}

/// Whether an organization has been made in this database.
async fn is_there(app: &App) -> Result<bool> {
    let name = settings::names::ORGANIZATION_KEY;
    let known = app
        .db
        .read(|tx| settings::get::<serde_json::Value>(tx, name))
        .await?;
    Ok(known.is_some())
}

/// A new link takes the place of every earlier one.
async fn say_link(app: &App) -> Result<()> {
    match first_link(app).await? {
        Some(link) => println!("the first administrator signs in here, once, within 24 hours: {link}"),
        None => println!("there is an administrator already"),
    }
    Ok(())
}

/// Makes the organization and takes over what was kept in files, all or nothing.
pub async fn begin(
    app: &App,
    beginning: Beginning,
    plants: Vec<Plant>,
) -> Result<(firmware_protocol::id::OrganizationId, Adopted)> {
    let (vault, caller, now) = (app.vault.clone(), caller(), app.now());
    let done = app.db.write(move |tx| -> Result<_, Problem> {
        let organization = setup::begin(tx, &vault, &caller, &beginning, now)?;
        let mut all = Adopted::default();
        for plant in &plants {
            let adopted = setup::adopt(tx, &caller, plant, now)?;
            all.users += adopted.users;
            all.bands += adopted.bands;
            all.associations += adopted.associations;
            all.policies += adopted.policies;
            all.operators += adopted.operators;
            all.tickets += adopted.tickets;
        }
        Ok((organization, all))
    });
    Ok(done.await?)
}

fn say_adopted(adopted: &Adopted) {
    if *adopted != Adopted::default() {
        let Adopted {
            users,
            bands,
            associations,
            policies,
            operators,
            tickets,
        } = adopted;
        println!(
            "taken over: {users} users, {bands} bands, {associations} associations, {policies} policies, \
             {operators} operators, {tickets} tickets"
        );
    }
}

fn config(path: &Path) -> Result<Config> {
    if path.exists() {
        return Config::load(path);
    }
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let folder = std::fs::canonicalize(folder)?;
    let data = if path == Path::new(DEFAULT_PATH) {
        PathBuf::from("/var/lib/bandstand")
    } else {
        folder
    };
    std::fs::create_dir_all(&data).with_context(|| format!("cannot make {}", data.display()))?;
    let mut config = Config::default();
    config.database.url = data.join("console.db").display().to_string();
    config.vault.key_file = data.join("console.key");
    let text = toml::to_string(&config).context("a configuration has a form in TOML")?;
    write_new_private(path, &text)?;
    println!("wrote {}", path.display());
    Ok(config)
}

fn vault(path: &Path) -> Result<Vault> {
    if path.exists() {
        Vault::open(path)
    } else {
        Vault::create(path)
    }
}

fn plants(arguments: &Arguments) -> Result<Vec<Plant>> {
    let mut plants = Vec::new();
    for path in &arguments.from {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let wrong = || format!("{} is not an init file", path.display());
        station_core::provision::load(&text).with_context(wrong)?;
        plants.push(Plant::from(ProvisionFile::parse(&text).with_context(wrong)?));
    }
    // What a station's file says is newer than what the plant wrote for it.
    plants.sort_by_key(|plant| std::cmp::Reverse(plant.made_at));
    for path in &arguments.plant {
        plants.push(read_toml::<PlantFile>(path)?.into());
    }
    Ok(plants)
}

fn beginning(arguments: &Arguments) -> Result<Beginning> {
    let file = arguments
        .organization
        .as_deref()
        .map(OrganizationFile::read)
        .transpose()?;
    ensure!(
        file.is_some() || arguments.from.is_empty(),
        "stations of an init file know their organization by its key: name its file with --organization"
    );
    let made = arguments.test_manufacturer.as_deref();
    let made = made
        .map(|name| Ok::<_, anyhow::Error>(Manufacturer::new(name, &random()?)))
        .transpose()?;
    let own_make = file.as_ref().and_then(OrganizationFile::own_make).or(made);
    let mut manufacturers = file
        .as_ref()
        .map(|file| file.manufacturers.clone())
        .unwrap_or_default();
    manufacturers.extend(own_make.as_ref().map(Manufacturer::entry));
    Ok(Beginning {
        name: file
            .as_ref()
            .map_or_else(|| arguments.name.clone(), |file| file.name.clone()),
        organization: match &file {
            Some(file) => file.organization(),
            None => Organization::new(&random()?),
        },
        feed_key: Zeroizing::new(random()?),
        lineage: random()?,
        writer: random()?,
        manufacturers,
        own_make,
    })
}
