//! The one writer: a thread that takes closures from a queue and commits them in groups.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, oneshot, watch};

use super::tx::{Driver, Engine};
use super::{DbError, Tx, postgres};

/// Closures that may wait; whoever comes when all places are taken waits for one.
const QUEUE: usize = 1024;
/// How long to wait for a place.
const WAIT: Duration = Duration::from_secs(10);
/// Closures of one group, and the time after which a group takes no more.
const GROUP: (usize, Duration) = (512, Duration::from_millis(25));
/// How often a group is repeated after a conflict with somebody else's transaction.
const ATTEMPTS: u32 = 5;
/// The lock that makes consoles on one PostgreSQL database write one after the other; each statement
/// sees what was committed before it, whatever the server's default is. A console that freezes
/// or falls off the network while it has the lock is thrown out after a while, and one that does not get the
/// lock says that it is busy.
const LOCK: &str = "begin isolation level read committed; set local idle_in_transaction_session_timeout = '8s'; set local lock_timeout = '20s'; \
     select pg_advisory_xact_lock(4852871264); ";

/// A closure with a place for its outcome.
trait Job: Send {
    /// True if its changes are to stay. Some of its statements may wait.
    fn run(&mut self, tx: &Tx<'_>) -> bool;
    /// What waited failed.
    fn fail(&mut self, error: DbError);
    /// The changes are durable, or are not.
    fn finish(self: Box<Self>, committed: Result<(), DbError>);
}

struct Task<F, T, E> {
    f: F,
    outcome: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<F, T, E> Job for Task<F, T, E>
where
    F: Fn(&Tx<'_>) -> Result<T, E> + Send,
    T: Send,
    E: From<DbError> + Send,
{
    fn run(&mut self, tx: &Tx<'_>) -> bool {
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.f)(tx)));
        let outcome = outcome.unwrap_or_else(|_| Err(E::from(DbError::Statement("a write panicked".into()))));
        let keep = outcome.is_ok();
        self.outcome = Some(outcome);
        keep
    }

    fn fail(&mut self, error: DbError) {
        self.outcome = Some(Err(error.into()));
    }

    fn finish(self: Box<Self>, committed: Result<(), DbError>) {
        let outcome = match (self.outcome, committed) {
            (Some(Err(error)), _) => Err(error),
            (_, Err(error)) => Err(error.into()),
            (Some(outcome), Ok(())) => outcome,
            (None, Ok(())) => Err(E::from(DbError::Busy)),
        };
        // Whoever asked may have gone.
        let _ = self.reply.send(outcome);
    }
}

/// The queue to the writer's thread.
#[derive(Debug)]
pub(super) struct Writer {
    queue: mpsc::Sender<Box<dyn Job>>,
    stopped: Arc<AtomicBool>,
}

impl Writer {
    pub(super) fn sqlite(
        connection: rusqlite::Connection,
        feed: watch::Sender<u64>,
        statements: Arc<AtomicU64>,
    ) -> Result<Self, DbError> {
        Self::start(mpsc::Receiver::blocking_recv, move |jobs| {
            SqliteGroup(&connection).run(jobs, &feed, &statements)
        })
    }

    /// The thread has a connection of its own and moves its bytes itself, while it waits for answers and while it
    /// waits for work.
    pub(super) fn postgres(
        pool: &postgres::Pool,
        feed: watch::Sender<u64>,
        statements: Arc<AtomicU64>,
    ) -> Result<Self, DbError> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = Arc::new(runtime.map_err(|error| DbError::Unreachable(error.to_string()))?);
        let (own, waits) = (pool.of_the_writer()?, runtime.clone());
        let next = move |queue: &mut Queue| waits.block_on(queue.recv());
        Self::start(next, move |jobs| {
            let client = runtime.block_on(own.get())?;
            let runtime = &runtime;
            PostgresGroup { client, runtime }.run(jobs, &feed, &statements)
        })
    }

    /// `next` waits for work; `group` runs jobs in one transaction; an error is that of the commit.
    fn start(
        next: impl Fn(&mut Queue) -> Option<Box<dyn Job>> + Send + 'static,
        group: impl Fn(&mut Group<'_>) -> Result<(), DbError> + Send + 'static,
    ) -> Result<Self, DbError> {
        let (queue, receiver) = mpsc::channel(QUEUE);
        let stopped = Arc::new(AtomicBool::new(false));
        let flag = stopped.clone();
        std::thread::Builder::new()
            .name("writer".into())
            .spawn(move || work(receiver, &flag, next, group))
            .map_err(|error| DbError::Unreachable(error.to_string()))?;
        Ok(Self { queue, stopped })
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    pub(super) async fn run<T, E, F>(&self, f: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: Fn(&Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let task = Task {
            f,
            outcome: None,
            reply,
        };
        let stopped = || E::from(DbError::Failed("the writer has stopped".into()));
        match tokio::time::timeout(WAIT, self.queue.send(Box::new(task))).await {
            Err(_) => Err(DbError::Busy.into()),
            Ok(Err(_)) => Err(stopped()),
            Ok(Ok(())) => answer.await.unwrap_or_else(|_| Err(stopped())),
        }
    }
}

type Queue = mpsc::Receiver<Box<dyn Job>>;

/// The jobs of one transaction: those that ran, and where more come from.
struct Group<'q> {
    queue: &'q mut Queue,
    jobs: Vec<Box<dyn Job>>,
    /// A repetition takes no more jobs.
    closed: bool,
    began: Instant,
}

impl Group<'_> {
    /// The next job of the group: one that is there already, or one out of the queue.
    fn next(&mut self, index: usize) -> Option<&mut Box<dyn Job>> {
        if index == self.jobs.len() {
            let full = index >= GROUP.0 || (index > 0 && self.began.elapsed() > GROUP.1);
            if self.closed || full {
                return None;
            }
            self.jobs.push(self.queue.try_recv().ok()?);
        }
        self.jobs.get_mut(index)
    }

    /// Runs `begin`, and every job between savepoints. What the only job of a group leaves waiting goes to the server
    /// with the commit: there is nobody whom it could take along.
    fn run_all(&mut self, tx: &Tx<'_>, begin: &str) -> Result<(), DbError> {
        let mut index = 0;
        tx.frame(&format!("{begin}savepoint job"))?;
        let mut kept = false;
        while let Some(job) = self.next(index) {
            if kept {
                tx.frame("release savepoint job; savepoint job")?;
            }
            let before = tx.marked();
            kept = job.run(tx);
            let is_only = index == 0 && self.next(1).is_none();
            if kept
                && !is_only
                && let Err(error) = tx.settle()
            {
                self.jobs[index].fail(error);
                kept = false;
            }
            if !kept {
                tx.forget_marked(before);
                tx.forget_waiting();
                tx.batch("rollback to savepoint job")?;
            }
            index += 1;
        }
        Ok(())
    }
}

fn work(
    mut queue: Queue,
    stopped: &AtomicBool,
    next: impl Fn(&mut Queue) -> Option<Box<dyn Job>>,
    run: impl Fn(&mut Group<'_>) -> Result<(), DbError>,
) {
    while let Some(first) = next(&mut queue) {
        let mut group = Group {
            queue: &mut queue,
            jobs: vec![first],
            closed: false,
            began: Instant::now(),
        };
        let mut committed = run(&mut group);
        for _ in 1..ATTEMPTS {
            if !matches!(committed, Err(DbError::Conflict(_))) {
                break;
            }
            group.closed = true;
            committed = run(&mut group);
        }
        let jobs = group.jobs;
        if let Err(error) = &committed {
            tracing::error!(%error, jobs = jobs.len(), "nothing of a group of writes was kept");
        }
        for job in jobs {
            job.finish(committed.clone());
        }
        if matches!(committed, Err(DbError::Failed(_))) {
            // After a failed write to the disk nobody knows what is on it: only a new start reads it again.
            stopped.store(true, Ordering::Relaxed);
            return;
        }
    }
}

struct SqliteGroup<'a>(&'a rusqlite::Connection);

impl SqliteGroup<'_> {
    fn run(
        &self,
        group: &mut Group<'_>,
        feed: &watch::Sender<u64>,
        statements: &AtomicU64,
    ) -> Result<(), DbError> {
        self.0.execute_batch("begin immediate")?;
        let tx = Tx::new(Engine::Sqlite(self.0), statements);
        let committed = group
            .run_all(&tx, "")
            .and_then(|()| Ok(self.0.execute_batch("commit")?));
        match committed {
            Ok(()) => {
                feed.send_if_modified(|known| super::raise(known, tx.marked()));
                Ok(())
            }
            Err(error) => {
                // A failed commit may have ended the transaction already.
                let _ = self.0.execute_batch("rollback");
                Err(error)
            }
        }
    }
}

struct PostgresGroup<'r> {
    client: deadpool_postgres::Client,
    runtime: &'r Runtime,
}

impl PostgresGroup<'_> {
    fn run(
        self,
        group: &mut Group<'_>,
        feed: &watch::Sender<u64>,
        statements: &AtomicU64,
    ) -> Result<(), DbError> {
        let tx = Tx::new(
            Engine::Postgres(&self.client, Driver::Own(self.runtime)),
            statements,
        );
        let committed = group.run_all(&tx, LOCK).and_then(|()| {
            let notify = match tx.marked() {
                0 => String::new(),
                _ => format!("notify {}; ", postgres::CHANNEL),
            };
            // A write that went on after a failed statement has no savepoint to release: it is not kept.
            tx.batch(&format!("release savepoint job; {notify}commit"))
        });
        let marked = tx.marked();
        match committed {
            Ok(()) => {
                feed.send_if_modified(|known| super::raise(known, marked));
                Ok(())
            }
            Err(error) => {
                // Closing the connection undoes what is left of the transaction.
                drop(deadpool_postgres::Client::take(self.client));
                Err(error)
            }
        }
    }
}
