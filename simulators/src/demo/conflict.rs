//! The second half of the story: two stations and a console, the console gone, two conflicts, and everybody of one
//! mind again.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use policy::model::{BandSerial, UserId};
use station_daemon::api::model::{Event, Status, Sync, SyncStage};
use station_daemon::cli::client::Client;
use station_daemon::store::Store;
use tokio::time::{Instant, timeout};

use super::center::{Center, Stands};
use super::script::Scene;
use super::tell::Teller;
use crate::stage::{Program, Site, Stage};

/// Station and console agree within this time, waits between attempts included.
const AGREED_TIMEOUT: Duration = Duration::from_secs(120);
/// Between two looks at what nobody tells.
const LOOK: Duration = Duration::from_millis(100);

/// Makes the stage's station one of the console's.
pub(super) async fn join(stage: &Stage, program: &Program, center: &Center, token: &str) -> Result<()> {
    let file = stage.folder().join("token.txt");
    crate::stage::write_private(&file, token.as_bytes())?;
    let arguments = [
        "join",
        "--console",
        &center.stations(),
        "--token-file",
        &file.to_string_lossy(),
    ];
    let mut command = tokio::process::Command::from(program.command(stage, &arguments));
    let said = command.output().await?;
    std::fs::remove_file(&file)?;
    ensure!(
        said.status.success(),
        "a station did not join: {}",
        String::from_utf8_lossy(&said.stderr)
    );
    Ok(())
}

/// Waits until the station says that it stands like this with its console.
pub(super) async fn stands(client: &Client, stage: SyncStage) -> Result<()> {
    let is_so =
        |sync: &Sync| sync.state == stage && (stage != SyncStage::UpToDate || sync.journal_waiting == 0);
    until_sync(client, is_so).await
}

/// Waits until the station has heard what the console knew at this revision.
pub(super) async fn heard(client: &Client, revision: u64) -> Result<()> {
    until_sync(client, |sync| sync.revision >= revision).await
}

async fn until_sync(client: &Client, is_so: impl Fn(&Sync) -> bool) -> Result<()> {
    let waited = async {
        let mut events = client.follow("/api/v1/events").await?;
        loop {
            let status: Status = client.get("/api/v1/status").await?;
            if status.sync.as_ref().is_some_and(&is_so) {
                return Ok(());
            }
            while !matches!(
                events
                    .next::<Event>()
                    .await
                    .context("the station's events ended")?,
                Event::Sync(_)
            ) {}
        }
    };
    timeout(AGREED_TIMEOUT, waited)
        .await
        .context("the station and its console do not come together")?
}

/// Who has to agree in the end.
pub(super) struct Everybody<'a> {
    pub(super) center: &'a Center,
    pub(super) sites: [&'a Site; 2],
}

/// Somebody, and how this person's bands stand.
type Expected<'a> = (&'a Scene, Vec<(&'a str, Stands)>);

impl Everybody<'_> {
    /// One person with two bands: the later one works, the earlier one does not, and nobody has to decide.
    pub(super) async fn settled_by_itself(&self, scenes: &[Scene; 2], teller: &Teller) -> Result<()> {
        let [earlier, later] = scenes;
        let bands = vec![
            (earlier.serial.as_str(), Stands::Inactive),
            (later.serial.as_str(), Stands::Active),
        ];
        self.agree(&[(earlier, bands)]).await?;
        teller.settled_by_itself(earlier, later);
        Ok(())
    }

    /// One band with two people, which policy forbids: suspended at once, until an administrator has looked at both
    /// sides.
    pub(super) async fn settled_by_a_person(&self, scenes: &[Scene; 2], teller: &Teller) -> Result<()> {
        let [first, second] = scenes;
        let held = |stands| vec![(first.serial.as_str(), stands)];
        self.agree(&[(first, held(Stands::Active)), (second, held(Stands::Suspended))])
            .await?;
        let waiting = self.center.waiting().await?;
        let [waiting] = waiting.as_slice() else {
            bail!("one conflict should wait, and there are {}", waiting.len());
        };
        teller.in_quarantine(waiting);
        self.center.keep(waiting).await?;
        self.agree(&[(first, vec![]), (second, held(Stands::Active))])
            .await?;
        teller.settled_by_a_person(first, second);
        Ok(())
    }

    /// Waits until the console and both stations say the same, and this.
    async fn agree(&self, expected: &[Expected<'_>]) -> Result<()> {
        let begun = Instant::now();
        loop {
            let mut others = Vec::new();
            for (scene, bands) in expected {
                let mut found = vec![self.center.bands_of(&scene.person.id).await?];
                // A station may be in the midst of a page.
                found.extend(self.sites.iter().filter_map(|site| bands_at(site, scene).ok()));
                let agrees = |found: &Vec<(String, Stands)>| {
                    let found = found.iter().map(|(band, stands)| (band.as_str(), *stands));
                    found.eq(bands.iter().copied())
                };
                if found.len() < 3 || !found.iter().all(agrees) {
                    others.push((&scene.person.name, found));
                }
            }
            if others.is_empty() {
                return Ok(());
            }
            ensure!(
                begun.elapsed() < AGREED_TIMEOUT,
                "console and stations do not agree: {others:?}, and should: {expected:?}"
            );
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// The bands of a person as a station has them, read beside its daemon.
fn bands_at(site: &Site, scene: &Scene) -> Result<Vec<(String, Stands)>> {
    let store = Store::open_to_read(&site.data().join("station.db"), &site.seal_key()?)?;
    let user = store.user(&UserId::new(&scene.person.id).expect("a user's id"))?;
    let band = BandSerial::new("NO-SUCH-BAND").expect("a serial");
    let known = store.associations(user.as_ref(), &band)?;
    let open = known
        .into_iter()
        .map(|known| known.association)
        .filter(|it| it.is_open());
    let mut bands: Vec<_> = open
        .map(|it| (it.band.to_string(), Stands::new(it.active, it.is_suspended())))
        .collect();
    bands.sort_by(|one, other| one.0.cmp(&other.0));
    Ok(bands)
}
