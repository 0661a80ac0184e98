//! The second half of the story: two stations and a console, the console gone, one person at both kiosks, and
//! everybody of one mind again.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use policy::model::{BandSerial, UserId};
use station_daemon::api::model::{Event, Status, SyncStage};
use station_daemon::cli::client::Client;
use station_daemon::store::Store;
use tokio::time::{Instant, timeout};

use super::center::Center;
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
    let waited = async {
        let mut events = client.follow("/api/v1/events").await?;
        loop {
            let status: Status = client.get("/api/v1/status").await?;
            let is_so = |sync: &station_daemon::api::model::Sync| {
                sync.state == stage && (stage != SyncStage::UpToDate || sync.journal_waiting == 0)
            };
            if status.sync.as_ref().is_some_and(is_so) {
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

/// Waits until the console and both stations say the same of a person: the later band works, the earlier does not.
pub(super) async fn resolved(
    teller: &Teller,
    center: &Center,
    sites: [&Site; 2],
    [earlier, later]: [&Scene; 2],
) -> Result<()> {
    let expected = vec![(earlier.serial.clone(), false), (later.serial.clone(), true)];
    let begun = Instant::now();
    loop {
        let console = center.bands_of(&earlier.person.id).await?;
        let stations = sites.map(|site| bands_at(site, earlier));
        if console == expected
            && stations
                .iter()
                .all(|found| found.as_ref().is_ok_and(|it| *it == expected))
        {
            teller.resolved(earlier, later);
            return Ok(());
        }
        ensure!(
            begun.elapsed() < AGREED_TIMEOUT,
            "console and stations do not agree: {console:?}, {stations:?}, and should: {expected:?}"
        );
        tokio::time::sleep(LOOK).await;
    }
}

/// The bands of a person as a station has them, read beside its daemon.
fn bands_at(site: &Site, scene: &Scene) -> Result<Vec<(String, bool)>> {
    let store = Store::open_to_read(&site.data().join("station.db"), &site.seal_key()?)?;
    let user = store.user(&UserId::new(&scene.person.id).expect("a user's id"))?;
    let band = BandSerial::new(&scene.serial).expect("a serial");
    let known = store.associations(user.as_ref(), &band)?;
    let open = known
        .into_iter()
        .map(|known| known.association)
        .filter(|it| it.is_open());
    let mut bands: Vec<_> = open.map(|it| (it.band.to_string(), it.active)).collect();
    bands.sort();
    Ok(bands)
}
