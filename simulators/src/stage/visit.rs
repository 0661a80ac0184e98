//! What somebody at the kiosk does: begin, watch, compare the code.

use anyhow::{Result, bail};
use station_daemon::api::model::{CodeAnswer, Enrollment, Event, Identification, Secret, Start};
use station_daemon::cli::client::{Client, Events};
use station_daemon::problem::Code;

/// Shows the text of a ticket, for the nearest band or the one with this serial.
pub async fn begin(client: &Client, ticket: &str, serial: Option<&str>) -> Result<Enrollment> {
    let start = Start {
        identification: Identification::Ticket(Secret::new(ticket.into())),
        device: None,
        serial: serial.map(Into::into),
    };
    Ok(client.post("/api/v1/enrollments", &start).await?)
}

/// Follows the attempt `id`, comparing the code as an honest person would, until it is over or `see` has
/// seen enough. `events` were followed since before it began.
pub async fn follow(
    client: &Client,
    events: &mut Events,
    id: &str,
    mut see: impl FnMut(&Enrollment) -> bool,
) -> Result<Enrollment> {
    let mut compared = None;
    while let Some(event) = events.next::<Event>().await {
        let Event::Enrollment(now) = event else { continue };
        if now.id != id {
            continue;
        }
        let enough = see(&now);
        // After a lost link there is another session with another code.
        if now.code.is_some() && now.code != compared {
            compared.clone_from(&now.code);
            let path = format!("/api/v1/enrollments/{id}/code");
            let code = now.code.clone();
            match client
                .post::<Enrollment>(&path, &CodeAnswer { same: true, code })
                .await
            {
                // The link was lost meanwhile: the next event says so.
                Err(problem) if problem.code == Code::OutOfTurn => {}
                answered => drop(answered?),
            }
        }
        if enough || now.stage.is_final() {
            return Ok(*now);
        }
    }
    bail!("the station's events ended in the middle of an enrollment")
}
