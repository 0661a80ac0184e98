//! Commands about people with rights at stations, accounts, and the keys that stations are told.

use std::collections::BTreeSet;
use std::io::Read;

use anyhow::{Context, Result, bail};
use clap::{Subcommand, ValueEnum};
use serde_json::{Value, json};
use station_core::replica::Right;

use super::ask::{Sure, role as role_of};
use crate::access::{Caller, Role};
use crate::accounts::acts as accounts;
use crate::accounts::factor;
use crate::acts::authority;
use crate::acts::keys::{self, Rotating};
use crate::acts::operators::{self, OperatorInput};
use crate::serve::App;

/// What an operator may do.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum RightName {
    /// Say who somebody is
    Vouch,
    /// Say that a station's clock is right
    ConfirmClock,
    /// Give up an enrollment whose band does not come back
    CloseIntents,
    /// See how a station is: radio, bands in range, journal, sync
    Diagnose,
    /// Ask whose a band is
    CheckBands,
}

impl From<RightName> for Right {
    fn from(name: RightName) -> Self {
        match name {
            RightName::Vouch => Self::Vouch,
            RightName::ConfirmClock => Self::ConfirmClock,
            RightName::CloseIntents => Self::CloseIntents,
            RightName::Diagnose => Self::Diagnose,
            RightName::CheckBands => Self::CheckBands,
        }
    }
}

/// People with rights at stations.
#[derive(Debug, Subcommand)]
pub enum Operator {
    /// Everybody with rights at stations
    List,
    /// Add somebody, or change what somebody may do
    Put {
        /// The id to type at the kiosk
        id: String,
        /// What the person may do; once for each
        #[arg(long)]
        right: Vec<RightName>,
        /// Where; once for each. Everywhere if left out
        #[arg(long)]
        site: Vec<String>,
        /// The user this person is, if any
        #[arg(long)]
        user: Option<String>,
        /// Read a new PIN from standard input; the present one stays without this
        #[arg(long)]
        pin_from_stdin: bool,
    },
    /// Take somebody's rights away
    Remove {
        /// The id
        id: String,
        /// Whether to do it
        #[command(flatten)]
        sure: Sure,
    },
}

/// People who sign in to the console.
#[derive(Debug, Subcommand)]
pub enum Account {
    /// Everybody with an account
    List,
    /// Make a link by which the person sets a password
    Link {
        /// The login
        login: String,
    },
    /// Require a second factor of every account of these roles, and of no others; of nobody without a role
    FactorRequire {
        /// `administrator`, `operator`, `auditor`, `rollout_manager`; as often as needed
        #[arg(long, value_parser = role_of)]
        role: Vec<Role>,
        /// Whether to do it
        #[command(flatten)]
        sure: Sure,
    },
    /// Remove the second factor of somebody who lost phone and paper
    FactorReset {
        /// The login
        login: String,
        /// Whether to do it
        #[command(flatten)]
        sure: Sure,
    },
}

/// Which key.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum KeyName {
    /// The one that signs tickets
    Tickets,
    /// The one that signs what stations are told
    Feed,
    /// The one under which codes to type are hashed
    Codes,
    /// The authority that stations know the console by; the earlier one goes as soon as no station needs it
    Authority,
}

impl KeyName {
    /// Which of the keys that sign from a day from now on; nothing for the authority.
    fn key(self) -> Option<Rotating> {
        match self {
            Self::Tickets => Some(Rotating::Tickets),
            Self::Feed => Some(Rotating::Feed),
            Self::Codes => Some(Rotating::Codes),
            Self::Authority => None,
        }
    }
}

/// The keys that stations are told.
#[derive(Debug, Subcommand)]
pub enum Key {
    /// Every key, and what the organization is known by
    List,
    /// Make a new key, which signs from a day from now on
    Rotate {
        /// Which
        which: KeyName,
        /// Whether to do it
        #[command(flatten)]
        sure: Sure,
    },
    /// Leave the earlier authority at once, whoever has not gone over to the new one yet
    RetireAuthority {
        /// Whether to do it
        #[command(flatten)]
        sure: Sure,
    },
}

pub(super) async fn operator(app: &App, caller: &Caller, command: Operator) -> Result<Value> {
    Ok(match command {
        Operator::List => json!(operators::list(app, caller).await?),
        Operator::Put {
            id,
            right,
            site,
            user,
            pin_from_stdin,
        } => {
            let input = OperatorInput {
                pin: pin_from_stdin.then(pin).transpose()?,
                user,
                rights: right.into_iter().map(Into::into).collect(),
                sites: site.into_iter().collect(),
            };
            json!(operators::put(app, caller, id, input, None).await?)
        }
        Operator::Remove { id, sure } if sure.is_sure() => {
            operators::remove(app, caller, id.clone(), None).await?;
            json!({ "removed": id })
        }
        Operator::Remove { id, .. } => {
            let all = operators::list(app, caller).await?;
            let found = all.into_iter().find(|view| view.id == id);
            let found = found.with_context(|| format!("there is no operator {id}"))?;
            json!({ "would_remove": found, "next": Sure::NEXT })
        }
    })
}

/// A PIN from standard input: as an argument others on this machine could read it.
fn pin() -> Result<String> {
    let mut text = String::new();
    let read = std::io::stdin().take(1024).read_to_string(&mut text);
    read.context("cannot read the PIN from standard input")?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

pub(super) async fn account(app: &App, caller: &Caller, command: Account) -> Result<Value> {
    let find = async |login: &str| {
        let all = accounts::list(app, caller).await?;
        let found = all.into_iter().find(|account| account.login == login);
        found.with_context(|| format!("there is no account {login}"))
    };
    Ok(match command {
        Account::List => {
            let all = accounts::list(app, caller).await?;
            let line = |it: &crate::accounts::rows::Account| {
                json!({ "login": it.login, "name": it.name, "role": it.role.as_str(), "sites": it.sites,
                        "has_password": it.has_password, "has_factor": it.has_factor,
                        "disabled": it.disabled.is_some() })
            };
            json!(all.iter().map(line).collect::<Vec<_>>())
        }
        Account::Link { login } => {
            let (account, link) = accounts::link(app, caller, find(&login).await?.id).await?;
            json!({ "login": account.login, "link": link })
        }
        Account::FactorRequire { role, sure } => {
            let roles: BTreeSet<Role> = role.into_iter().collect();
            match sure.is_sure() {
                true => json!({ "factor_required": factor::require(app, caller, roles).await? }),
                false => json!({ "factor_required": factor::required(app, caller).await?,
                                 "would_require": roles, "next": Sure::NEXT }),
            }
        }
        Account::FactorReset { login, sure } => {
            let account = find(&login).await?;
            if !account.has_factor {
                bail!("{login} has no second factor");
            }
            match sure.is_sure() {
                true => {
                    factor::reset(app, caller, account.id).await?;
                    json!({ "login": login, "has_factor": false })
                }
                false => json!({ "would_remove_factor_of": login, "next": Sure::NEXT }),
            }
        }
    })
}

pub(super) async fn key(app: &App, caller: &Caller, command: Key) -> Result<Value> {
    Ok(match command {
        Key::List => json!(keys::show(app, caller).await?),
        Key::Rotate { which, sure } if sure.is_sure() => match which.key() {
            Some(key) => json!(keys::rotate(app, caller, key, None).await?),
            None => json!(authority::rotate(app, caller, None).await?),
        },
        Key::Rotate { which, .. } => match which.key() {
            Some(key) => {
                let rotation = keys::foresee(app, caller, key).await?;
                json!({ "rotation": rotation, "next": Sure::NEXT })
            }
            None => {
                let found = authority::show(app, caller).await?;
                json!({ "would_make_another_beside": found, "next": Sure::NEXT })
            }
        },
        Key::RetireAuthority { sure } if sure.is_sure() => {
            json!(authority::retire(app, caller, None).await?)
        }
        Key::RetireAuthority { .. } => {
            let found = authority::show(app, caller).await?;
            json!({ "would_leave": found, "next": Sure::NEXT })
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_right_can_be_given() {
        let given = RightName::value_variants().iter().copied().map(Right::from);
        assert_eq!(given.collect::<Vec<_>>(), Right::ALL);
    }
}
