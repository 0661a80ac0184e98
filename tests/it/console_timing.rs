//! Nobody learns from a refused sign-in whether there is such a login (SEC-09): the same answer, after the same
//! statements and one hash, whoever was tried.

use std::time::{Duration, Instant};

use console::access::{Caller, Role};
use console::accounts::acts::{self, Wanted};
use console::accounts::links::{self, Answer};
use console::accounts::secret::Secret;
use console::accounts::sign_in::{Attempt, Refused, sign_in};
use console::clock::Clock;
use console::serve::App;

use crate::sync_stage::Console;

const PASSWORD: &str = "lamp orchid tractor whistle";
/// Logins of somebody who could sign in, of nobody, of somebody disabled, and of somebody without a password yet.
const LOGINS: [&str; 4] = ["known", "unknown", "disabled", "new"];

/// An account with a password, or only with the link for one.
async fn account(app: &App, login: &str, has_password: bool) -> String {
    let wanted = Wanted {
        name: login.to_owned(),
        role: Role::Operator,
        sites: Default::default(),
    };
    let (made, link) = acts::create(app, &Caller::cli("tests"), login, wanted)
        .await
        .unwrap();
    if has_password {
        let (_, secret) = link.rsplit_once('/').unwrap();
        let answer = Answer {
            password: PASSWORD.into(),
            ..Answer::default()
        };
        links::spend(app, &Secret::read(secret).unwrap(), answer)
            .await
            .unwrap();
    }
    made.id
}

/// How many statements a refusal took, and how long.
async fn refused(app: &App, login: &str) -> (u64, Duration) {
    let attempt = Attempt {
        login: login.into(),
        password: "violin carpet mountain nine".into(),
        address: "192.0.2.7".into(),
        agent: String::new(),
    };
    let (before, begun) = (app.db.statements(), Instant::now());
    let answer = sign_in(app, attempt).await;
    assert!(matches!(answer, Err(Refused::Wrong)), "{login}: {answer:?}");
    (app.db.statements() - before, begun.elapsed())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_the_same_work_whoever_was_tried() {
    let console = Console::start().await;
    let own = &console.app;
    let clock = Clock::standing(own.now());
    let app = App::new(own.db.clone(), own.vault.clone(), clock, own.config.clone());
    account(&app, "known", true).await;
    let disabled = account(&app, "disabled", true).await;
    acts::disable(&app, &Caller::cli("tests"), disabled)
        .await
        .unwrap();
    account(&app, "new", false).await;
    let samples = tests::volume(3, 200);
    let mut took = vec![Vec::new(); LOGINS.len()];
    for _ in 0..samples {
        for (login, took) in LOGINS.iter().zip(&mut took) {
            // What was counted is forgotten, so that nobody has to wait.
            app.clock.advance(25 * 3_600_000);
            took.push(refused(&app, login).await);
        }
    }
    for (login, took) in LOGINS.iter().zip(&took) {
        assert!(
            took.iter().all(|(statements, _)| *statements == took[0].0),
            "{login}: {took:?}"
        );
    }
    let statements: Vec<u64> = took.iter().map(|took| took[0].0).collect();
    assert!(statements.iter().all(|it| *it == statements[0]), "{statements:?}");
    let medians: Vec<Duration> = took.iter_mut().map(|took| median(took)).collect();
    println!("refused sign-ins: medians {medians:?} of {samples} each");
    let (least, most) = (medians.iter().min().unwrap(), medians.iter().max().unwrap());
    // Few samples on a busy machine say nothing; the count of statements does.
    assert!(
        samples < 200 || *most - *least < Duration::from_millis(5),
        "{medians:?}"
    );
}

fn median(took: &mut [(u64, Duration)]) -> Duration {
    took.sort_by_key(|(_, took)| *took);
    took[took.len() / 2].1
}
