//! `enroll`: one attempt, followed to its end.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use serde_json::Value;
use tokio::sync::mpsc;

use super::args;
use super::ask::block_on;
use super::client::{Client, Events};
use super::output::{Output, safe};
use super::secret;
use crate::api::model::{CodeAnswer, Enrollment, Event, Identification, Stage, Start, Vouch};
use crate::config::Config;
use crate::problem::{Code, Problem};

/// Enrolls or registers a band and shows how it goes.
pub(super) fn run(config: &Config, arguments: &args::Enroll, output: &Output) -> Result<ExitCode, Problem> {
    let start = Start {
        identification: identification(arguments)?,
        device: arguments.device.clone(),
        serial: arguments.band.clone(),
    };
    let follower = Follower {
        client: Client::new(&config.api.socket),
        output: *output,
        accept_code: arguments.accept_code,
        shown: None,
    };
    let last = block_on(follower.follow(&start))?;
    Ok(if last.stage == Stage::Done {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn identification(arguments: &args::Enroll) -> Result<Identification, Problem> {
    let args::Who {
        ticket,
        code,
        vouch_for,
    } = &arguments.who;
    if let Some(ticket) = ticket {
        return Ok(Identification::Ticket(secret::given(ticket)?));
    }
    if let Some(code) = code {
        return Ok(Identification::Code(secret::given(code)?));
    }
    let operator = arguments.operator.clone().unwrap_or_default();
    let pin = secret::pin_of(&operator, arguments.pin_file.as_deref())?;
    Ok(Identification::Vouch(Vouch {
        user: vouch_for.clone().unwrap_or_default(),
        operator,
        pin,
    }))
}

struct Follower {
    client: Client,
    output: Output,
    accept_code: bool,
    shown: Option<String>,
}

impl Follower {
    async fn follow(mut self, start: &Start) -> Result<Enrollment, Problem> {
        // Followed before it begins, so that nothing is missed.
        let mut events = self.client.follow("/api/v1/events").await?;
        let begun: Enrollment = self.client.post("/api/v1/enrollments", start).await?;
        let id = begun.id.clone();
        self.show(&begun);
        let mut typed: Option<Typed> = None;
        let mut answer = Answer::Given;
        let mut asked = None;
        loop {
            let enrollment = tokio::select! {
                next = next_of(&mut events, &id) => match next {
                    Some(enrollment) => enrollment,
                    None => self.client.get(&format!("/api/v1/enrollments/{id}")).await?,
                },
                same = answer.given(&mut typed) => {
                    answer = Answer::Given;
                    self.say(&id, same, asked.clone()).await?;
                    continue;
                }
                _ = tokio::signal::ctrl_c() => {
                    let _: Value = self.client.post(&format!("/api/v1/enrollments/{id}/cancel"), &Value::Null).await?;
                    continue;
                }
            };
            self.show(&enrollment);
            if enrollment.stage.is_final() {
                return Ok(enrollment);
            }
            // Each session has a code of its own: after a lost link there is another one to compare.
            if let Some(code) = enrollment.code.filter(|code| asked.as_ref() != Some(code)) {
                answer = self.ask(&id, &code, &mut typed).await?;
                asked = Some(code);
            }
        }
    }

    /// Asks whether the codes are the same, where there is somebody to ask.
    async fn ask(&self, id: &str, code: &str, typed: &mut Option<Typed>) -> Result<Answer, Problem> {
        if self.accept_code {
            self.say(id, true, Some(code.to_owned())).await?;
            return Ok(Answer::Given);
        }
        if !std::io::stdin().is_terminal() {
            let cancel = format!("/api/v1/enrollments/{id}/cancel");
            let _: Value = self.client.post(&cancel, &Value::Null).await?;
            return Err(Problem::new(
                Code::BadRequest,
                "the enrollment was cancelled",
                "there is no terminal to ask whether the codes are the same",
                "add --accept-code if somebody compares them elsewhere",
            ));
        }
        let question = format!("Does the band show {code} too? [y/N] ");
        typed.get_or_insert_with(Typed::at_terminal).ask(&question);
        Ok(Answer::Awaited)
    }

    async fn say(&self, id: &str, same: bool, code: Option<String>) -> Result<(), Problem> {
        let path = format!("/api/v1/enrollments/{id}/code");
        match self
            .client
            .post::<Enrollment>(&path, &CodeAnswer { same, code })
            .await
        {
            // It ended, or the link was lost, while somebody was typing; the last event says how.
            Err(problem) if problem.code == Code::OutOfTurn => Ok(()),
            outcome => outcome.map(drop),
        }
    }

    fn show(&mut self, enrollment: &Enrollment) {
        if self.output.json {
            return self.output.json_line(enrollment);
        }
        let text = text(enrollment);
        if self.shown.as_ref() != Some(&text) {
            self.output.line(&text);
            self.shown = Some(text);
        }
    }
}

enum Answer {
    Awaited,
    Given,
}

impl Answer {
    /// The answer, once there is one.
    async fn given(&self, typed: &mut Option<Typed>) -> bool {
        match (self, typed) {
            (Self::Awaited, Some(typed)) => typed.yes().await,
            _ => std::future::pending().await,
        }
    }
}

/// The lines that somebody types. One reader serves every question: a question that is over because the link was
/// lost must not swallow the answer to the next one.
struct Typed(mpsc::UnboundedReceiver<String>);

impl Typed {
    fn at_terminal() -> Self {
        let (lines, typed) = mpsc::unbounded_channel();
        // Ends with the process: nothing interrupts a read from a terminal.
        std::thread::spawn(move || {
            let mut input = std::io::stdin().lines().map_while(Result::ok);
            input.try_for_each(|line| lines.send(line))
        });
        Self(typed)
    }

    /// Asks. What was typed before answers nothing.
    fn ask(&mut self, question: &str) {
        while self.0.try_recv().is_ok() {}
        let _ = write!(std::io::stderr(), "{question}");
    }

    /// Only a clear yes is one.
    async fn yes(&mut self) -> bool {
        let line = self.0.recv().await.unwrap_or_default();
        matches!(line.trim(), "y" | "Y" | "yes")
    }
}

async fn next_of(events: &mut Events, id: &str) -> Option<Enrollment> {
    loop {
        match events.next::<Event>().await? {
            Event::Enrollment(enrollment) if enrollment.id == id => return Some(*enrollment),
            _ => {}
        }
    }
}

fn text(enrollment: &Enrollment) -> String {
    match enrollment.stage {
        Stage::LookingForBand => "Hold one band to the station.".into(),
        Stage::SeveralBands => "Several bands are equally near: hold only one to the station.".into(),
        Stage::Connecting => "Connecting.".into(),
        Stage::Checking => checking(enrollment),
        Stage::PutOn => "Put the band on.".into(),
        Stage::CompareCode => {
            let code = enrollment.code.as_deref().unwrap_or_default();
            format!("Compare: the band must show {code}. Confirm on the band.")
        }
        Stage::Touch => touch(enrollment),
        Stage::Saving => "Saving.".into(),
        Stage::DeleteUserData => {
            "Put the band on its charger, hold its button until it has deleted its user data, and bring it back.".into()
        }
        Stage::BringBack => "Bring the band back to the station.".into(),
        Stage::OtherBand => "This is another band than the one you began with.".into(),
        Stage::Done | Stage::Refused => outcome(enrollment),
    }
}

fn checking(enrollment: &Enrollment) -> String {
    let Some(band) = &enrollment.band else {
        return "Checking.".into();
    };
    let seos = if band.seos { ", SEOS-enabled" } else { "" };
    format!(
        "Band {}: {}, battery {} %{seos}.",
        safe(&band.serial),
        safe(&band.model),
        band.battery_percent
    )
}

fn touch(enrollment: &Enrollment) -> String {
    let Some(touches) = &enrollment.touches else {
        return "Touch the sensor.".into();
    };
    let (count, of) = (touches.count, touches.of);
    match (&touches.fault, touches.quality) {
        (Some(fault), _) => {
            let tip = touches.tip.as_deref().unwrap_or("try again").replace('_', " ");
            format!("Touch {count} of {of}: {}; {tip}.", fault.replace('_', " "))
        }
        (None, Some(quality)) => format!("Touch {count} of {of}: quality {quality}."),
        (None, None) => format!("Touch the sensor: {of} good touches are needed."),
    }
}

fn outcome(enrollment: &Enrollment) -> String {
    let seconds = enrollment.elapsed_ms as f64 / 1000.0;
    let Some(outcome) = &enrollment.outcome else {
        return "Over.".into();
    };
    let mut lines = vec![format!("{} ({}, {seconds:.1} s)", outcome.text, outcome.code)];
    lines.extend(
        outcome
            .decided_by
            .as_ref()
            .map(|by| format!("  decided by: {by}")),
    );
    lines.extend(outcome.next.as_ref().map(|next| format!("  next: {next}")));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::model::{BandInfo, Outcome, Touches};

    fn at(stage: Stage) -> Enrollment {
        Enrollment {
            id: "0".repeat(32),
            stage,
            user: "ada".into(),
            band: Some(BandInfo {
                serial: "BAND-1".into(),
                model: "N4".into(),
                seos: true,
                battery_percent: 81,
            }),
            effects: vec![],
            consequences: vec![],
            mismatch: None,
            code: Some("012 345".into()),
            code_confirmed: false,
            band_confirmed: false,
            touches: Some(Touches {
                count: 2,
                of: 5,
                quality: Some(77),
                fault: None,
                tip: None,
                in_a_row: 0,
            }),
            outcome: Some(Outcome {
                code: "release_needed".into(),
                text: "This person already has a band.".into(),
                decided_by: Some("built-in default of reenroll_own".into()),
                next: Some("Ask the administrator.".into()),
                ..Outcome::default()
            }),
            elapsed_ms: 12_345,
        }
    }

    #[tokio::test]
    async fn an_answer_belongs_to_the_question_it_was_typed_after() {
        let (lines, typed) = mpsc::unbounded_channel();
        let mut typed = Typed(typed);
        let says = |line: &str| lines.send(line.to_owned()).unwrap();
        typed.ask("first code? ");
        // The link is lost, and somebody still answers the first question.
        says("y");
        typed.ask("second code? ");
        says("n");
        assert!(!typed.yes().await);
        typed.ask("third code? ");
        says("y");
        assert!(typed.yes().await);
        drop(lines);
        typed.ask("and at the end of the input? ");
        assert!(!typed.yes().await);
    }

    #[test]
    fn each_stage_says_what_to_do() {
        let stages = [
            Stage::LookingForBand,
            Stage::Checking,
            Stage::CompareCode,
            Stage::Touch,
            Stage::Refused,
        ];
        let said: Vec<_> = stages.map(|stage| text(&at(stage))).into();
        insta::assert_snapshot!(said.join("\n"), @r"
        Hold one band to the station.
        Band BAND-1: N4, battery 81 %, SEOS-enabled.
        Compare: the band must show 012 345. Confirm on the band.
        Touch 2 of 5: quality 77.
        This person already has a band. (release_needed, 12.3 s)
          decided by: built-in default of reenroll_own
          next: Ask the administrator.
        ");
        let again = Touches {
            count: 2,
            of: 5,
            quality: None,
            fault: Some("wet".into()),
            tip: Some("dry_finger".into()),
            in_a_row: 1,
        };
        insta::assert_snapshot!(text(&Enrollment { touches: Some(again), ..at(Stage::Touch) }), @"Touch 2 of 5: wet; dry finger.");
    }
}
