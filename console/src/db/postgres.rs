//! PostgreSQL: a pool of connections, and one that listens for other consoles.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use deadpool_postgres::{Client, Hook, HookError, Manager, ManagerConfig, RecyclingMethod, Runtime};
use futures_util::StreamExt;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio_postgres::AsyncMessage;

use super::address::Address;
use super::tls::Tls;
use super::tx::{Driver, Engine};
use super::{DbError, Tx};

const CONNECTIONS: usize = 16;
const WAIT: Duration = Duration::from_secs(10);
/// After this long without a word the server is asked whether it is there.
const QUIET: Duration = Duration::from_secs(15);
/// First and longest wait between attempts to listen again.
const RETRY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));
/// Whoever changes something says so here; others look at the feed then.
pub(super) const CHANNEL: &str = "bandstand_feed";

#[derive(Clone)]
pub(super) struct Pool {
    pool: deadpool_postgres::Pool,
    config: tokio_postgres::Config,
    tls: Tls,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").finish_non_exhaustive()
    }
}

impl Pool {
    pub(super) fn open(url: &str) -> Result<Self, DbError> {
        let address = Address::parse(url).map_err(DbError::Address)?;
        let tls = address.connector().map_err(DbError::Address)?;
        let mut config = address.config;
        config.application_name("bandstand-console");
        config.connect_timeout(WAIT);
        // A server that is gone without a word is noticed before people give up.
        config.keepalives_idle(QUIET);
        config.keepalives_interval(QUIET / 3);
        config.keepalives_retries(3);
        config.tcp_user_timeout(QUIET * 2);
        let pool = pool(&config, &tls, CONNECTIONS, None)?;
        Ok(Self { pool, config, tls })
    }

    /// One connection for the writer alone. It names the keys of everything it looks for; a plan that was made when a
    /// table was small would read all of it, and one that is made anew for each number of keys costs more than its
    /// answer.
    pub(super) fn of_the_writer(&self) -> Result<deadpool_postgres::Pool, DbError> {
        let settle = Hook::async_fn(|client: &mut deadpool_postgres::ClientWrapper, _| {
            Box::pin(async move { client.batch_execute(BY_KEYS).await.map_err(HookError::Backend) })
        });
        pool(&self.config, &self.tls, 1, Some(settle))
    }

    pub(super) async fn get(&self) -> Result<Client, DbError> {
        Ok(self.pool.get().await?)
    }

    pub(super) async fn read<T, E, F>(&self, f: F, statements: Arc<AtomicU64>) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: FnOnce(&Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        let (client, handle) = (self.get().await?, Handle::current());
        let done = tokio::task::spawn_blocking(move || run_read(client, &handle, f, &statements));
        match done.await {
            Ok(outcome) => outcome,
            Err(error) => Err(E::from(DbError::Statement(error.to_string()))),
        }
    }
}

/// How the writer's statements are planned.
const BY_KEYS: &str = "set enable_seqscan = off; set jit = off; set plan_cache_mode = force_generic_plan";

fn pool(
    config: &tokio_postgres::Config,
    tls: &Tls,
    size: usize,
    first: Option<Hook>,
) -> Result<deadpool_postgres::Pool, DbError> {
    let recycling = ManagerConfig {
        recycling_method: RecyclingMethod::Fast,
    };
    let manager = Manager::from_config(config.clone(), tls.clone(), recycling);
    let builder = deadpool_postgres::Pool::builder(manager)
        .max_size(size)
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(WAIT))
        .create_timeout(Some(WAIT));
    let builder = match first {
        Some(hook) => builder.post_create(hook),
        None => builder,
    };
    let pool = builder.build();
    pool.map_err(|error| DbError::Unreachable(error.to_string()))
}

/// All statements see one moment. A connection that may be left inside a transaction is thrown away.
fn run_read<T, E: From<DbError>>(
    client: Client,
    handle: &Handle,
    f: impl FnOnce(&Tx<'_>) -> Result<T, E>,
    statements: &AtomicU64,
) -> Result<T, E> {
    let begin = "begin isolation level repeatable read read only";
    if let Err(error) = handle.block_on(client.batch_execute(begin)) {
        drop(Client::take(client));
        return Err(DbError::from(error).into());
    }
    let outcome = {
        let tx = Tx::new(Engine::Postgres(&client, Driver::Others(handle)), statements);
        catch_unwind(AssertUnwindSafe(|| f(&tx)))
    };
    if handle.block_on(client.batch_execute("commit")).is_err() {
        drop(Client::take(client));
    }
    outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Listens for what other consoles change, for as long as somebody holds the feed. After each new
/// connection the feed is read once, so that nothing is missed while nobody listened.
pub(super) fn listen(pool: &Pool, feed: watch::Sender<u64>) {
    let (config, tls) = (pool.config.clone(), pool.tls.clone());
    tokio::spawn(async move {
        let mut wait = RETRY.0;
        while !feed.is_closed() {
            if let Err(error) = listen_once(&config, tls.clone(), &feed).await {
                tracing::debug!(%error, "not listening for other consoles");
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(RETRY.1);
        }
    });
}

async fn listen_once(
    config: &tokio_postgres::Config,
    tls: Tls,
    feed: &watch::Sender<u64>,
) -> Result<(), DbError> {
    let (client, mut connection) = config.connect(tls).await?;
    let mut messages = futures_util::stream::poll_fn(move |context| connection.poll_message(context));
    let (sender, mut heard) = tokio::sync::mpsc::channel(1);
    let pump = tokio::spawn(async move {
        while let Some(Ok(message)) = messages.next().await {
            if let AsyncMessage::Notification(_) = message {
                // A full queue wakes the reader all the same.
                let _ = sender.try_send(());
            }
        }
    });
    client.batch_execute(&format!("listen {CHANNEL}")).await?;
    loop {
        let row = client
            .query_one("select revision from feed_head where id = 1", &[])
            .await;
        if let Ok(row) = row {
            let head: i64 = row.try_get(0)?;
            feed.send_if_modified(|known| super::raise(known, head.max(0) as u64));
        }
        tokio::select! {
            more = heard.recv() => if more.is_none() { break },
            () = feed.closed() => break,
        }
    }
    pump.abort();
    Ok(())
}
