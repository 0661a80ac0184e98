//! Batches that came in wait here for a moment and go into the database together: one look for all of them, one
//! commit. Alone a batch waits for nobody; while one group is written, the next gathers.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::timeout;

use super::push::{Came, Pushed, take_all};
use crate::db::DbError;
use crate::serve::App;

/// Batches that may wait; whoever comes when all places are taken waits for one.
const PLACES: usize = 64;
/// How long to wait for a place.
const WAIT: Duration = Duration::from_secs(10);
/// Batches of one group, and entries after which a group takes no more.
const GROUP: (usize, usize) = (64, 4096);
/// Groups under way: one is written while the other's answers are read and its stations send again.
const GROUPS: usize = 2;

struct Waiting {
    came: Came,
    answer: oneshot::Sender<Result<Pushed, DbError>>,
}

/// The way of batches into the database.
pub(super) struct Intake {
    queue: mpsc::Sender<Waiting>,
}

impl Intake {
    /// It ends when it is dropped.
    pub(super) fn start(app: App) -> Self {
        let (queue, waiting) = mpsc::channel(PLACES);
        tokio::spawn(work(app, waiting));
        Self { queue }
    }

    /// Puts a batch into the database, with others.
    pub(super) async fn take(&self, came: Came) -> Result<Pushed, DbError> {
        let (answer, answered) = oneshot::channel();
        let stopped = || DbError::Failed("the intake has stopped".into());
        match timeout(WAIT, self.queue.send(Waiting { came, answer })).await {
            Err(_) => Err(DbError::Busy),
            Ok(Err(_)) => Err(stopped()),
            Ok(Ok(())) => answered.await.unwrap_or_else(|_| Err(stopped())),
        }
    }
}

async fn work(app: App, mut queue: mpsc::Receiver<Waiting>) {
    let places = Arc::new(Semaphore::new(GROUPS));
    while let Ok(place) = places.clone().acquire_owned().await {
        let Some(first) = queue.recv().await else { return };
        let (came, answers) = gather(first, &mut queue);
        let app = app.clone();
        tokio::spawn(async move {
            settle(&app, came, answers).await;
            drop(place);
        });
    }
}

type Answers = Vec<oneshot::Sender<Result<Pushed, DbError>>>;

/// Everything that waits, as far as it fits.
fn gather(first: Waiting, queue: &mut mpsc::Receiver<Waiting>) -> (Vec<Came>, Answers) {
    let mut entries = first.came.checked.batch.entries.len();
    let (mut came, mut answers) = (vec![first.came], vec![first.answer]);
    while came.len() < GROUP.0
        && entries < GROUP.1
        && let Ok(next) = queue.try_recv()
    {
        entries += next.came.checked.batch.entries.len();
        came.push(next.came);
        answers.push(next.answer);
    }
    (came, answers)
}

async fn settle(app: &App, came: Vec<Came>, answers: Answers) {
    let outcomes = match write(app, came.into()).await {
        Ok(pushed) => pushed.into_iter().map(Ok).collect(),
        Err((error, came)) => each_alone(app, error, came).await,
    };
    for (answer, outcome) in answers.into_iter().zip(outcomes) {
        // The station may have gone.
        let _ = answer.send(outcome);
    }
}

/// Writes batches together; with the error come the batches again.
async fn write(app: &App, came: Arc<[Came]>) -> Result<Vec<Pushed>, (DbError, Arc<[Came]>)> {
    let (now, of_all) = (app.now(), came.clone());
    let written = app.db.write(move |tx| take_all(tx, &of_all, now)).await;
    written.map_err(|error| (error, came))
}

/// A batch that the database cannot take keeps no other from it: after an error that will not pass, each is tried
/// alone.
async fn each_alone(app: &App, error: DbError, came: Arc<[Came]>) -> Vec<Result<Pushed, DbError>> {
    let is_about_one = matches!(
        error,
        DbError::Statement(_) | DbError::Damaged(_) | DbError::Exists(_)
    );
    if came.len() == 1 || !is_about_one {
        return came.iter().map(|_| Err(error.clone())).collect();
    }
    let mut outcomes = Vec::with_capacity(came.len());
    for number in 0..came.len() {
        let (now, of_all) = (app.now(), came.clone());
        let written = app
            .db
            .write(move |tx| take_all(tx, std::slice::from_ref(&of_all[number]), now));
        let mut written = written.await;
        outcomes.push(
            written
                .as_mut()
                .map_err(|error| error.clone())
                .and_then(|pushed| {
                    let pushed = pushed.pop();
                    pushed.ok_or(DbError::Busy)
                }),
        );
    }
    outcomes
}
