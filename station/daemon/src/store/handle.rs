//! The one thread that owns the database, and the handle by which everybody else asks it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::sync::{mpsc, oneshot};

use super::{Store, StoreError};

type Job = Box<dyn FnOnce(&mut Store) + Send>;

/// Jobs that may wait before an asker has to.
const QUEUE_LEN: usize = 64;
/// SQLite needs little stack; every byte given here counts against the idle memory.
const STACK_BYTES: usize = 512 << 10;

/// Asks the database thread. Jobs run one after the other in the order they were asked.
#[derive(Clone, Debug)]
pub struct StoreHandle {
    jobs: mpsc::Sender<Job>,
}

impl StoreHandle {
    /// Gives `store` to a thread of its own. The thread ends when the last handle is gone.
    pub fn spawn(mut store: Store) -> Self {
        let (jobs, mut queue) = mpsc::channel::<Job>(QUEUE_LEN);
        std::thread::Builder::new()
            .name("store".into())
            .stack_size(STACK_BYTES)
            .spawn(move || {
                while let Some(job) = queue.blocking_recv() {
                    // A job that panics must not take the database away from everybody else; its
                    // asker sees that no answer comes. An open transaction was rolled back on the way.
                    let _ = catch_unwind(AssertUnwindSafe(|| job(&mut store)));
                }
                store.close();
            })
            .expect("the system starts a thread");
        Self { jobs }
    }

    /// Runs `job` on the database thread and gives its answer.
    pub async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |store| {
            let outcome = store.guard().and_then(|()| job(store));
            let outcome = outcome.inspect_err(|error| store.note(error));
            let _ = answer.send(outcome);
        });
        self.jobs.send(job).await.map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }
}

fn stopped() -> StoreError {
    StoreError::Failed("the database thread has stopped".into())
}
