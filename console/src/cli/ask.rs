//! Commands that ask the console's database, as whoever may read its files: users, bands, policies, stations.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand, ValueEnum};
use policy::model::{GroupPolicy, IndividualPolicy, PolicyId, Zone};
use serde::Serialize;
use serde_json::{Value, json};

use super::init::caller;
use super::office::{self, Account, Key, Operator};
use super::run::runtime;
use crate::access::{Caller, Role};
use crate::acts::api_keys::{self, NewKey};
use crate::acts::bands::{self, BandFilter, NewBand};
use crate::acts::imports::{self, ImportKind, ImportOptions, ImportView};
use crate::acts::intents::{self, Intent};
use crate::acts::page::PageRequest;
use crate::acts::policies::{self, DryRun};
use crate::acts::stations::{self, NewStation};
use crate::acts::tickets::{self, NewTicket};
use crate::acts::users::{self, NewUser, UserFilter, UserInput};
use crate::config::Config;
use crate::problem::Problem;
use crate::serve::App;

/// How to reach the console, and how to answer.
#[derive(Args, Clone, Debug)]
pub struct Common {
    #[command(flatten)]
    at: super::run::Arguments,
    /// Answer in JSON
    #[arg(long, global = true)]
    json: bool,
}

/// Users.
#[derive(Debug, Subcommand)]
pub enum User {
    /// List users by id
    List {
        /// Whose id, name or mail holds this
        #[arg(long, short)]
        q: Option<String>,
        /// Of this site
        #[arg(long)]
        site: Option<String>,
        /// Begin after this cursor
        #[arg(long)]
        cursor: Option<String>,
    },
    /// Everything about one user
    Show {
        /// The user's id
        id: String,
    },
    /// Add a user
    Add {
        /// The user's id
        id: String,
        /// The name to show
        #[arg(long, default_value = "")]
        name: String,
        /// The site the person belongs to
        #[arg(long, default_value = "")]
        site: String,
    },
    /// Read a list of users, and say what it would change
    Import(Import),
    /// Issue a ticket
    Ticket {
        /// The user's id
        id: String,
        /// The site; the user's own if left out
        #[arg(long)]
        site: Option<String>,
        /// How long it holds
        #[arg(long, default_value_t = 12)]
        hours: u32,
    },
    /// The user may use no band for a while
    Suspend {
        /// The user's id
        id: String,
        /// Why
        #[arg(long, default_value = "")]
        note: String,
        /// Whether to do it
        #[command(flatten)]
        sure: Sure,
    },
    /// The user may use bands again
    Resume {
        /// The user's id
        id: String,
        /// Whether to do it
        #[command(flatten)]
        sure: Sure,
    },
    /// The user leaves
    Leaver {
        /// The user's id
        id: String,
        /// Whether to do it
        #[command(flatten)]
        sure: Sure,
    },
}

/// Bands.
#[derive(Debug, Subcommand)]
pub enum Band {
    /// List bands by serial
    List {
        /// Whose serial holds this
        #[arg(long, short)]
        q: Option<String>,
        /// Begin after this cursor
        #[arg(long)]
        cursor: Option<String>,
    },
    /// Everything about one band
    Show {
        /// The band's serial
        serial: String,
    },
    /// Put a band on the stock list
    Add {
        /// The band's serial
        serial: String,
        /// It also carries a door credential
        #[arg(long)]
        seos: bool,
    },
    /// Read the list of a delivery, and say what it would change
    Import(Import),
    /// The band was found
    Found {
        /// The band's serial
        serial: String,
        /// Whether to do it
        #[command(flatten)]
        sure: Sure,
    },
    /// The band is broken
    Broken {
        /// The band's serial
        serial: String,
        /// Whether to do it
        #[command(flatten)]
        sure: Sure,
    },
    /// The band was handed in
    Returned {
        /// The band's serial
        serial: String,
        /// Whether to do it
        #[command(flatten)]
        sure: Sure,
    },
}

/// Policies.
#[derive(Debug, Subcommand)]
pub enum Policy {
    /// Every policy
    List,
    /// One policy
    Show {
        /// Its kind
        kind: Kind,
        /// Its name
        id: String,
    },
    /// Make this group policy the one that holds
    Activate {
        /// Its name
        id: String,
    },
    /// What if this user presents this band at that station?
    DryRun {
        /// The user's id
        #[arg(long)]
        user: String,
        /// The band's serial
        #[arg(long)]
        band: String,
        /// The station's id
        #[arg(long)]
        station: Option<String>,
    },
}

/// Stations.
#[derive(Debug, Subcommand)]
pub enum Station {
    /// Every station, how it is and what it does not know yet
    List,
    /// One station
    Show {
        /// Its id
        id: String,
    },
    /// Let one station join: prints what to type there
    Token {
        /// What people will call it
        #[arg(long)]
        name: String,
        /// The site it stands at
        #[arg(long)]
        site: String,
        /// It registers bands instead of enrolling them
        #[arg(long)]
        registration: bool,
        /// How long the token holds
        #[arg(long, default_value_t = 24)]
        hours: u32,
    },
    /// Refuse a station from its next contact on
    Revoke {
        /// Its id
        id: String,
        /// Why
        #[arg(long, default_value = "")]
        why: String,
    },
}

/// Keys of the API.
#[derive(Debug, Subcommand)]
pub enum ApiKey {
    /// Every key
    List,
    /// Make a key: prints it once
    Create {
        /// What it is for
        #[arg(long)]
        name: String,
        /// What the key is here
        #[arg(long, value_parser = role)]
        role: Role,
        /// What it may be used for, such as users:read; once for each. All if left out
        #[arg(long)]
        scope: Vec<String>,
        /// How long it holds
        #[arg(long, default_value_t = 365)]
        days: u32,
    },
    /// Revoke a key
    Revoke {
        /// Its id
        id: String,
    },
}

pub(super) fn role(text: &str) -> Result<Role, String> {
    text.parse()
        .map_err(|()| "expected administrator, operator, auditor or rollout_manager".to_owned())
}

/// A kind of policy.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Kind {
    /// For everybody
    Group,
    /// For single users
    Individual,
}

/// A list to read.
#[derive(Args, Debug)]
pub struct Import {
    /// The file, CSV
    file: PathBuf,
    /// Active users who are not on the list have departed
    #[arg(long)]
    complete: bool,
    /// What separates fields: `;`, `,` or `tab`. As the heading suggests if left out
    #[arg(long)]
    delimiter: Option<String>,
    /// utf-8, windows-1252, iso-8859-2 or windows-1250. If left out UTF-8, else Windows-1252
    #[arg(long)]
    encoding: Option<String>,
    /// Which column is which, such as id=Personalnummer; once for each. By the headings if left out
    #[arg(long, value_name = "FIELD=HEADING", value_parser = column)]
    column: Vec<(String, String)>,
    /// Ids that look alike really are different people
    #[arg(long)]
    allow_look_alikes: bool,
    #[command(flatten)]
    sure: Sure,
}

fn column(text: &str) -> Result<(String, String), String> {
    let both = text.split_once('=').filter(|(field, _)| !field.is_empty());
    let (field, heading) =
        both.ok_or_else(|| "expected FIELD=HEADING, such as id=Personalnummer".to_owned())?;
    Ok((field.to_owned(), heading.to_owned()))
}

impl Import {
    fn options(&self) -> ImportOptions {
        ImportOptions {
            complete: self.complete,
            delimiter: self.delimiter.clone(),
            encoding: self.encoding.clone(),
            columns: self.column.iter().cloned().collect(),
            allow_look_alikes: self.allow_look_alikes,
        }
    }
}

/// Whether to do it or to say what would be done.
#[derive(Args, Clone, Copy, Debug)]
pub struct Sure {
    /// Do it; without this it is only said what would be done
    #[arg(long)]
    yes: bool,
}

impl Sure {
    /// What to do next, where it was only said what would be done.
    pub(super) const NEXT: &'static str = "say it again with --yes to do it";

    /// It is to be done.
    pub(super) fn is_sure(self) -> bool {
        self.yes
    }
}

/// A group of commands.
#[derive(Debug)]
pub enum Ask {
    /// Users.
    User(User),
    /// Bands.
    Band(Band),
    /// Policies.
    Policy(Policy),
    /// Stations.
    Station(Station),
    /// Keys of the API.
    ApiKey(ApiKey),
    /// People with rights at stations.
    Operator(Operator),
    /// People who sign in.
    Account(Account),
    /// Keys that stations are told.
    Key(Key),
}

/// Runs one command and prints its answer.
pub fn run(common: &Common, ask: Ask) -> Result<()> {
    let config = Config::load(&common.at.config)?;
    let answer = runtime()?.block_on(async {
        let app = App::open(config).await?;
        answer(&app, &caller(), ask).await
    })?;
    if common.json {
        println!("{answer:#}");
    } else {
        super::output::print(&answer);
    }
    Ok(())
}

fn value(of: impl Serialize) -> Value {
    json!(of)
}

async fn answer(app: &App, caller: &Caller, ask: Ask) -> Result<Value> {
    match ask {
        Ask::User(command) => user(app, caller, command).await,
        Ask::Band(command) => band(app, caller, command).await,
        Ask::Policy(command) => policy(app, caller, command).await,
        Ask::Station(command) => station(app, caller, command).await,
        Ask::ApiKey(command) => api_key(app, caller, command).await,
        Ask::Operator(command) => office::operator(app, caller, command).await,
        Ask::Account(command) => office::account(app, caller, command).await,
        Ask::Key(command) => office::key(app, caller, command).await,
    }
}

async fn intent(app: &App, caller: &Caller, intent: Intent, sure: Sure) -> Result<Value> {
    if sure.yes {
        return Ok(value(intents::confirm(app, caller, intent, None).await?));
    }
    let preview = intents::preview(app, caller, intent).await?;
    Ok(json!({ "effects": preview.effects, "next": "say it again with --yes to do it" }))
}

async fn user(app: &App, caller: &Caller, command: User) -> Result<Value> {
    let id = |text: &str| users::id(text);
    Ok(match command {
        User::List { q, site, cursor } => {
            let filter = UserFilter {
                q,
                site,
                ..UserFilter::default()
            };
            value(users::list(app, caller, filter, PageRequest { cursor, limit: None }).await?)
        }
        User::Show { id: user } => value(users::show(app, caller, id(&user)?).await?),
        User::Add { id, name, site } => {
            let about = UserInput {
                name,
                site,
                ..UserInput::default()
            };
            value(users::create(app, caller, NewUser { id, about }).await?)
        }
        User::Import(list) => import(app, caller, ImportKind::Users, list).await?,
        User::Ticket { id, site, hours } => {
            let new = NewTicket {
                user: id,
                site,
                zone: Zone::Enrollment,
                hours,
            };
            value(tickets::issue(app, caller, new).await?)
        }
        User::Suspend { id: user, note, sure } => {
            intent(app, caller, Intent::Suspend { user, note }, sure).await?
        }
        User::Resume { id: user, sure } => intent(app, caller, Intent::Resume { user }, sure).await?,
        User::Leaver { id: user, sure } => intent(app, caller, Intent::Leaver { user }, sure).await?,
    })
}

async fn import(app: &App, caller: &Caller, kind: ImportKind, list: Import) -> Result<Value> {
    // A file that is too large is refused unread.
    let about =
        std::fs::metadata(&list.file).with_context(|| format!("cannot read {}", list.file.display()))?;
    let (found, most) = (about.len(), imports::BYTES_MAX as u64);
    anyhow::ensure!(
        found <= most,
        "{} has {found} bytes, more than {most}",
        list.file.display()
    );
    let bytes = std::fs::read(&list.file).with_context(|| format!("cannot read {}", list.file.display()))?;
    let read = imports::preview(app, caller, kind, list.options(), bytes).await;
    let view: ImportView = read.map_err(|problem| with_faults(&problem))?;
    if !list.sure.yes {
        return Ok(json!({ "summary": view.summary, "next": "say it again with --yes to take it in" }));
    }
    Ok(value(imports::confirm(app, caller, view.id).await?))
}

/// A refused list with every line that is wrong.
fn with_faults(problem: &Problem) -> anyhow::Error {
    let listed = problem
        .more
        .get("faults")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let lines = listed.iter().map(|fault| {
        let part = |name| fault[name].as_str().unwrap_or_default();
        format!(
            "\n  line {}: {} {}",
            fault["line"],
            part("column"),
            part("problem")
        )
    });
    anyhow::anyhow!("{problem}{}", lines.collect::<String>())
}

async fn band(app: &App, caller: &Caller, command: Band) -> Result<Value> {
    Ok(match command {
        Band::List { q, cursor } => {
            let filter = BandFilter {
                q,
                ..BandFilter::default()
            };
            value(bands::list(app, caller, filter, PageRequest { cursor, limit: None }).await?)
        }
        Band::Show { serial } => value(bands::show(app, caller, bands::serial(&serial)?).await?),
        Band::Add { serial, seos } => {
            let about = bands::BandInput::default();
            value(bands::create(app, caller, NewBand { serial, seos, about }).await?)
        }
        Band::Import(list) => import(app, caller, ImportKind::Bands, list).await?,
        Band::Found { serial: band, sure } => intent(app, caller, Intent::Found { band }, sure).await?,
        Band::Broken { serial: band, sure } => intent(app, caller, Intent::Broken { band }, sure).await?,
        Band::Returned { serial: band, sure } => intent(app, caller, Intent::Returned { band }, sure).await?,
    })
}

async fn policy(app: &App, caller: &Caller, command: Policy) -> Result<Value> {
    let id = |text: &str| PolicyId::new(text).map_err(|fault| Problem::invalid("policy", fault));
    Ok(match command {
        Policy::List => value(policies::list(app, caller).await?),
        Policy::Show {
            kind: Kind::Group,
            id: name,
        } => value(policies::show::<GroupPolicy>(app, caller, id(&name)?).await?),
        Policy::Show {
            kind: Kind::Individual,
            id: name,
        } => value(policies::show::<IndividualPolicy>(app, caller, id(&name)?).await?),
        Policy::Activate { id: name } => value(policies::activate(app, caller, id(&name)?).await?),
        Policy::DryRun { user, band, station } => {
            let question = DryRun {
                user,
                band,
                station,
                zone: None,
                group_policy: None,
            };
            value(policies::dry_run(app, caller, question).await?)
        }
    })
}

async fn station(app: &App, caller: &Caller, command: Station) -> Result<Value> {
    Ok(match command {
        Station::List => value(stations::list(app, caller).await?),
        Station::Show { id } => value(stations::show(app, caller, stations::id(&id)?).await?),
        Station::Token {
            name,
            site,
            registration,
            hours,
        } => {
            let zone = if registration {
                Zone::Registration
            } else {
                Zone::Enrollment
            };
            let new = NewStation {
                name,
                site,
                zone,
                station: None,
                hours,
            };
            value(stations::create_token(app, caller, new).await?)
        }
        Station::Revoke { id, why } => value(stations::revoke(app, caller, stations::id(&id)?, why).await?),
    })
}

async fn api_key(app: &App, caller: &Caller, command: ApiKey) -> Result<Value> {
    Ok(match command {
        ApiKey::List => value(api_keys::list(app, caller).await?),
        ApiKey::Create {
            name,
            role,
            scope,
            days,
        } => {
            let all = crate::access::scopes();
            let scopes = if scope.is_empty() {
                all
            } else {
                scope.into_iter().collect()
            };
            let new = NewKey {
                name,
                role,
                sites: Default::default(),
                scopes,
                days,
            };
            value(api_keys::create(app, caller, new).await?)
        }
        ApiKey::Revoke { id } if id.is_empty() => bail!("name the key"),
        ApiKey::Revoke { id } => value(api_keys::revoke(app, caller, id).await?),
    })
}

#[cfg(test)]
mod tests {
    use super::column;

    #[test]
    fn columns_are_named_by_field_and_heading() {
        let check = |text: &str, expected: Option<(&str, &str)>| {
            let expected = expected.map(|(field, heading)| (field.to_owned(), heading.to_owned()));
            assert_eq!(column(text).ok(), expected, "{text}");
        };
        check("id=Personalnummer", Some(("id", "Personalnummer")));
        check("name=a = b", Some(("name", "a = b")));
        check("id", None);
        check("=x", None);
    }
}
