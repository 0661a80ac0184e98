//! The one thread that owns the database, and the handle by which everybody else asks it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use station_core::journal::Head;
use tokio::sync::{Semaphore, oneshot, watch};

use super::{Store, StoreError};

type Job = Box<dyn FnOnce(&mut Store) + Send>;

/// Jobs that may wait before an asker has to.
const QUEUE_LEN: usize = 64;
/// SQLite needs little stack; every byte given here counts against the idle memory.
const STACK_BYTES: usize = 512 << 10;
/// After so much silence the write-ahead log is folded into the database, where nobody waits for it.
const IDLE: Duration = Duration::from_secs(2);

/// Asks the database thread. Jobs run one after the other in the order they were asked.
#[derive(Clone, Debug)]
pub struct StoreHandle {
    jobs: Sender<Job>,
    places: Arc<Semaphore>,
    head: watch::Receiver<Option<Head>>,
}

impl StoreHandle {
    /// Gives `store` to a thread of its own. The thread ends when the last handle is gone.
    pub fn spawn(store: Store) -> Self {
        let (jobs, queue) = channel();
        let (head_now, head) = watch::channel(None);
        std::thread::Builder::new()
            .name("store".into())
            .stack_size(STACK_BYTES)
            .spawn(move || work(store, &queue, &head_now))
            .expect("the system starts a thread");
        Self {
            jobs,
            places: Arc::new(Semaphore::new(QUEUE_LEN)),
            head,
        }
    }

    /// The journal's end; nothing before the first append of this process. Wakes whoever waits for more.
    pub fn journal_head(&self) -> watch::Receiver<Option<Head>> {
        self.head.clone()
    }

    /// Runs `job` on the database thread and gives its answer.
    pub async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let place = self.places.clone().acquire_owned().await.map_err(|_| stopped())?;
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |store| {
            let _place = place;
            let outcome = store.guard().and_then(|()| job(store));
            let outcome = outcome.inspect_err(|error| store.note(error));
            let _ = answer.send(outcome);
        });
        self.jobs.send(job).map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }
}

fn work(mut store: Store, queue: &Receiver<Job>, head_now: &watch::Sender<Option<Head>>) {
    loop {
        let job = match store.has_log() {
            true => match queue.recv_timeout(IDLE) {
                Err(RecvTimeoutError::Timeout) => {
                    store.fold_log();
                    continue;
                }
                job => job.ok(),
            },
            false => queue.recv().ok(),
        };
        let Some(job) = job else { break };
        // A job that panics must not take the database away from everybody else; its asker sees that no
        // answer comes. An open transaction was rolled back on the way.
        let _ = catch_unwind(AssertUnwindSafe(|| job(&mut store)));
        if let Some(head) = store.take_appended() {
            head_now.send_replace(Some(head));
        }
    }
    store.close();
}

fn stopped() -> StoreError {
    StoreError::Failed("the database thread has stopped".into())
}
