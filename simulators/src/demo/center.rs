//! The console of the demo: the real program as a process of its own, on loopback, in a folder that goes away.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use console::access::Caller;
use console::acts::intents::{self, Intent};
use console::acts::page::PageRequest;
use console::acts::quarantine::{self, QuarantineView};
use console::acts::tickets::{self, NewTicket};
use console::args;
use console::config::Config;
use console::serve::App;
use console::store::feed;
use console::sync::authority;
use console::sync::tokens::{self, NewToken};
use policy::model::{UnixMillis, Zone};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::cast::{Cast, SITE};
use crate::stage::write_private;

/// The console serves within this time.
const READY_TIMEOUT: Duration = Duration::from_secs(60);
/// A token of the demo is good for so long, in milliseconds.
const TOKEN_MS: i64 = 3_600_000;

/// A console.
#[derive(Debug)]
pub(super) struct Center {
    folder: PathBuf,
    config: Config,
    /// The subcommand of this executable that behaves as the console.
    subcommand: &'static str,
    child: Option<Child>,
    /// Where the first administrator signs in, once.
    pub(super) link: Option<String>,
}

impl Center {
    /// Makes a console that takes over the organization and what the station's init file says.
    pub(super) async fn new(
        folder: &Path,
        cast: &Cast,
        init_file: &Path,
        subcommand: &'static str,
    ) -> Result<Self> {
        std::fs::create_dir(folder)?;
        let organization = folder.join("organization.toml");
        write_private(&organization, cast.organization_file("Harbor Works").as_bytes())?;
        let mut center = Self {
            folder: folder.to_owned(),
            config: config(folder)?,
            subcommand,
            child: None,
            link: None,
        };
        write_private(&center.file(), toml::to_string(&center.config)?.as_bytes())?;
        let made = center
            .command("init")?
            .arg("--organization")
            .arg(&organization)
            .arg("--from")
            .arg(init_file)
            .output()
            .await?;
        std::fs::remove_file(&organization)?;
        let said = String::from_utf8_lossy(&made.stdout);
        ensure!(
            made.status.success(),
            "the console was not made: {}",
            String::from_utf8_lossy(&made.stderr)
        );
        let mut words = said.split_whitespace();
        center.link = words.rfind(|word| word.starts_with("http")).map(str::to_owned);
        Ok(center)
    }

    fn file(&self) -> PathBuf {
        self.folder.join("console.toml")
    }

    fn command(&self, what: &str) -> io::Result<Command> {
        let mut command = Command::new(std::env::current_exe()?);
        command
            .arg(self.subcommand)
            .arg(what)
            .arg("--config")
            .arg(self.file());
        command.stdin(Stdio::null()).kill_on_drop(true);
        Ok(command)
    }

    /// Starts it and waits until it serves stations.
    pub(super) async fn start(&mut self) -> Result<()> {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.folder.join("console.log"))?;
        let mut child = self.command("run")?.stdout(Stdio::piped()).stderr(log).spawn()?;
        let mut lines = BufReader::new(child.stdout.take().context("a pipe")?).lines();
        let ready = async {
            while let Some(line) = lines.next_line().await? {
                if line.starts_with("sync ") {
                    return Ok(());
                }
            }
            bail!("the console ended: {}", self.log())
        };
        tokio::time::timeout(READY_TIMEOUT, ready)
            .await
            .context("the console does not serve")??;
        self.child = Some(child);
        Ok(())
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("console.log")).unwrap_or_default()
    }

    /// Ends it, as somebody does who pulls the plug.
    pub(super) async fn pull_the_plug(&mut self) -> Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill().await?;
        }
        Ok(())
    }

    /// Where people find it.
    pub(super) fn web(&self) -> String {
        self.config.web.public_url.clone()
    }

    /// Where stations find it.
    pub(super) fn stations(&self) -> String {
        format!("https://{}", self.config.sync.listen)
    }

    /// One-time tokens for stations of these names. Made as the console's pages make them; the console does not
    /// run yet.
    pub(super) async fn tokens(&self, names: &[&'static str]) -> Result<Vec<String>> {
        let app = App::open(self.config.clone()).await?;
        let fingerprint = authority::load(&app).await?.fingerprint();
        let mut made = Vec::new();
        for name in names.iter().copied() {
            let (secret, now) = (console::edge::random()?, app.now());
            let token = app.db.write(move |tx| {
                let what = NewToken {
                    name: name.into(),
                    site: SITE.into(),
                    zone: Zone::Enrollment,
                    station: None,
                    created_by: "the demo".into(),
                    expires_at: UnixMillis(now.0 + TOKEN_MS),
                };
                tokens::create(tx, &what, secret, &fingerprint, now)
            });
            made.push(token.await?.reveal());
        }
        Ok(made)
    }

    /// A ticket for this person, as a code to type, and the revision at which stations have heard of it.
    pub(super) async fn code_for(&self, person: &str) -> Result<(String, u64)> {
        let app = App::open(self.config.clone()).await?;
        let ticket = NewTicket {
            user: person.into(),
            site: Some(SITE.into()),
            zone: Zone::Enrollment,
            hours: 12,
        };
        let issued = tickets::issue(&app, &administrator(), ticket).await;
        let code = issued.map_err(|problem| anyhow!(problem.detail))?.code;
        Ok((code, app.db.read(feed::head).await?))
    }

    /// What waits for an administrator.
    pub(super) async fn waiting(&self) -> Result<Vec<QuarantineView>> {
        let app = App::open(self.config.clone()).await?;
        let found = quarantine::list(&app, &administrator(), PageRequest::default()).await;
        Ok(found.map_err(|problem| anyhow!(problem.detail))?.rows)
    }

    /// Lets what waits stand, as the button on the page does.
    pub(super) async fn keep(&self, waiting: &QuarantineView) -> Result<()> {
        let app = App::open(self.config.clone()).await?;
        let keep = Intent::Keep {
            association: waiting.waiting.id.clone(),
        };
        let kept = intents::confirm(&app, &administrator(), keep, None).await;
        kept.map(drop).map_err(|problem| anyhow!(problem.detail))
    }

    /// The bands of a person as the console has them, by serial, and how each stands.
    pub(super) async fn bands_of(&self, user: &str) -> Result<Vec<(String, Stands)>> {
        let app = App::open(self.config.clone()).await?;
        let user = user.to_owned();
        let read = app.db.read(move |tx| {
            let sql =
                "select band, active, suspended_since from associations where usr = $1 and ended_ms is null order by band";
            tx.all(sql, args![&user], |row| {
                Ok((row.text(0)?, Stands::new(row.bool(1)?, row.opt_int(2)?.is_some())))
            })
        });
        let read: Result<_, console::db::DbError> = read.await;
        Ok(read?)
    }
}

/// How somebody's band stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stands {
    /// It is the one that works.
    Active,
    /// Another one works.
    Inactive,
    /// Nobody may use it.
    Suspended,
}

impl Stands {
    pub(super) fn new(is_active: bool, is_suspended: bool) -> Self {
        match (is_active, is_suspended) {
            (_, true) => Self::Suspended,
            (true, false) => Self::Active,
            (false, false) => Self::Inactive,
        }
    }
}

fn administrator() -> Caller {
    Caller::cli("demo")
}

fn config(folder: &Path) -> Result<Config> {
    let mut config = Config::in_folder(folder);
    let [web, sync] = free_addresses()?;
    config.web.listen = web;
    config.web.public_url = format!("http://{web}");
    config.sync.listen = sync;
    Ok(config)
}

/// Two ports that nobody uses at this moment.
fn free_addresses() -> io::Result<[SocketAddr; 2]> {
    let listeners = [
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?,
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?,
    ];
    Ok([listeners[0].local_addr()?, listeners[1].local_addr()?])
}
