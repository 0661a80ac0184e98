//! Statements that need not wait for each other. With a server at the end of a socket a statement costs a way there
//! and back, which is more than most of them need: what is independent goes there together. On SQLite everything
//! happens at once and in order.

use std::future::Future;
use std::sync::atomic::Ordering;

use deadpool_postgres::ClientWrapper;
use futures_util::future::{join, join_all};
use tokio_postgres::Statement;

use super::tx::{Engine, PgArgument, for_postgres, one_row, with_arrays};
use super::{DbError, Row, Tx, Val};

/// Rows that one statement inserts at most.
const ROWS_PER_INSERT: usize = 4096;
/// Statements that wait at most.
const WAITING_MAX: usize = 24;

/// A statement that goes to the server with the next one whose answer somebody needs.
#[derive(Debug)]
pub(super) struct Waiting {
    head: String,
    form: Form,
    values: Vec<Val<'static>>,
}

#[derive(Debug)]
enum Form {
    /// Whole as it is, without values: around the write and not of it.
    Frame,
    /// Whole as it is.
    Whole,
    /// Inserts rows of so many values, with this at its end.
    Rows(usize, String),
}

/// A statement that is prepared, with what it takes.
enum Ready<'w> {
    Frame(&'w str),
    Plain(Statement, &'w [Val<'static>]),
    Columns(Statement, Vec<Vec<&'w Val<'static>>>),
}

impl Waiting {
    async fn ready(&self, client: &ClientWrapper) -> Result<Ready<'_>, DbError> {
        Ok(match &self.form {
            Form::Frame => Ready::Frame(&self.head),
            Form::Whole => Ready::Plain(client.prepare_cached(&self.head).await?, &self.values),
            Form::Rows(width, tail) => {
                let statement = by_columns(client, &self.head, tail).await?;
                Ready::Columns(statement, columns(&self.values, *width))
            }
        })
    }
}

impl Ready<'_> {
    async fn send(&self, client: &ClientWrapper) -> Result<u64, DbError> {
        Ok(match self {
            Self::Frame(sql) => {
                client.batch_execute(sql).await?;
                0
            }
            Self::Plain(statement, args) => client.execute(statement, &for_postgres(args)).await?,
            Self::Columns(statement, columns) => client.execute(statement, &arrays(columns)).await?,
        })
    }
}

/// The statement that inserts any number of rows, given as one array for each column: so it stays prepared, and the
/// server reads no thousands of places.
async fn by_columns(client: &ClientWrapper, head: &str, tail: &str) -> Result<Statement, DbError> {
    use std::fmt::Write as _;
    // `insert into table (column, column)`: the columns' types are the server's to say.
    let (into, names) = head.split_once('(').unwrap_or((head, ""));
    let (table, names) = (
        into.trim_start_matches("insert into "),
        names.trim_end_matches(')'),
    );
    let look = format!("select {names} from {table} where false");
    let look = client.prepare_cached(&look).await?;
    let mut sql = format!("{head} select * from unnest(");
    for (place, column) in look.columns().iter().enumerate() {
        let comma = if place == 0 { "" } else { ", " };
        let _ = write!(sql, "{comma}${}::{}[]", place + 1, column.type_().name());
    }
    let _ = write!(sql, ") {tail}");
    Ok(client.prepare_cached(&sql).await?)
}

fn columns<'v, 'a>(values: &'v [Val<'a>], width: usize) -> Vec<Vec<&'v Val<'a>>> {
    let column = |place| values.iter().skip(place).step_by(width).collect();
    (0..width).map(column).collect()
}

fn arrays<'c>(columns: &'c [Vec<&Val<'_>>]) -> Vec<PgArgument<'c>> {
    columns.iter().map(|column| column as PgArgument<'c>).collect()
}

impl Tx<'_> {
    /// Inserts rows with few statements: `head` is `insert into t (a, b)`, `tail` an `on conflict` clause
    /// or nothing; `width` values make a row. Returns how many rows were changed.
    pub fn insert(&self, head: &str, width: usize, values: &[Val<'_>], tail: &str) -> Result<u64, DbError> {
        let mut changed = 0;
        match self.engine() {
            _ if values.is_empty() => {}
            Engine::Sqlite(_) => changed += self.each_row(&one_row(head, width, tail), width, values)?,
            Engine::Postgres(..) if values.len() == width => {
                changed += self.exec(&one_row(head, width, tail), values)?;
            }
            Engine::Postgres(client, driver) => {
                for chunk in values.chunks(width * ROWS_PER_INSERT) {
                    self.count();
                    changed += driver.block_on(self.behind(client, async {
                        let statement = by_columns(client, head, tail).await?;
                        Ok(client
                            .execute(&statement, &arrays(&columns(chunk, width)))
                            .await?)
                    }))?;
                }
            }
        }
        Ok(changed)
    }

    /// The same, but nobody asks how many rows were changed: whoever asks next has it done first.
    pub fn insert_later(
        &self,
        head: &str,
        width: usize,
        values: &[Val<'_>],
        tail: &str,
    ) -> Result<(), DbError> {
        let rows = values.len() / width;
        if rows == 0 {
            return Ok(());
        }
        if rows > ROWS_PER_INSERT || !self.is_postgres() {
            return self.insert(head, width, values, tail).map(drop);
        }
        let (head, form) = match rows {
            1 => (one_row(head, width, tail), Form::Whole),
            _ => (head.to_owned(), Form::Rows(width, tail.to_owned())),
        };
        self.wait(head, form, values)
    }

    /// Runs a statement of which nobody asks how many rows it changed: whoever asks next has it done first.
    pub fn exec_later(&self, sql: &str, args: &[Val<'_>]) -> Result<(), DbError> {
        match self.is_postgres() {
            true => self.wait(sql.to_owned(), Form::Whole, args),
            false => self.exec(sql, args).map(drop),
        }
    }

    /// What stands around a write: it goes to the server with the next statement.
    pub(super) fn frame(&self, sql: &str) -> Result<(), DbError> {
        match self.is_postgres() {
            true => self.wait(sql.to_owned(), Form::Frame, &[]),
            false => self.batch(sql),
        }
    }

    fn wait(&self, head: String, form: Form, values: &[Val<'_>]) -> Result<(), DbError> {
        self.count();
        let values = values.iter().map(Val::to_owned).collect();
        let mut waiting = self.waiting().borrow_mut();
        waiting.push(Waiting { head, form, values });
        let full = waiting.len() >= WAITING_MAX;
        drop(waiting);
        if full { self.settle() } else { Ok(()) }
    }

    /// Sees to it that nothing waits any more.
    pub(super) fn settle(&self) -> Result<(), DbError> {
        match self.engine() {
            Engine::Postgres(client, driver) => driver.block_on(self.behind(client, async { Ok(()) })),
            Engine::Sqlite(_) => Ok(()),
        }
    }

    /// Drops what waits: the write it belongs to is undone.
    pub(super) fn forget_waiting(&self) {
        let is_frame = |one: &Waiting| matches!(one.form, Form::Frame);
        self.waiting().borrow_mut().retain(is_frame);
    }

    /// Asks several things at once that do not depend on each other; `{}` in each stands for its keys, as in
    /// [`each_of`](Self::each_of). Hands every row to `each` with the number of its question, in their order.
    pub fn each_at_once(
        &self,
        questions: &[(&str, &[Val<'_>])],
        mut each: impl FnMut(usize, &Row<'_>) -> Result<(), DbError>,
    ) -> Result<(), DbError> {
        let Engine::Postgres(client, driver) = self.engine() else {
            for (number, (sql, keys)) in questions.iter().enumerate() {
                self.each_listed(sql, keys, |row| each(number, row))?;
            }
            return Ok(());
        };
        let mut asked = Vec::new();
        for (number, (sql, keys)) in questions.iter().enumerate() {
            for (sql, chunk) in with_arrays(sql, keys) {
                self.count();
                asked.push((number, sql, chunk));
            }
        }
        if asked.is_empty() {
            return Ok(());
        }
        let answers = driver.block_on(self.behind(client, async {
            let mut ready = Vec::with_capacity(asked.len());
            for (_, sql, keys) in &asked {
                ready.push((client.prepare_cached(sql).await?, keys));
            }
            let ask = async |(statement, keys): &(Statement, &&[Val<'_>])| {
                client.query(statement, &[*keys as PgArgument<'_>]).await
            };
            let answers = join_all(ready.iter().map(ask)).await;
            Ok(answers.into_iter().collect::<Result<Vec<_>, _>>()?)
        }))?;
        for ((number, ..), rows) in asked.iter().zip(&answers) {
            rows.iter()
                .try_for_each(|row| each(*number, &Row::Postgres(row)))?;
        }
        Ok(())
    }

    /// Sends what waits, and `own` right behind it. The server takes everything in this order, and does nothing more
    /// after something that failed; the first failure is the one to tell.
    pub(super) async fn behind<T>(
        &self,
        client: &ClientWrapper,
        own: impl Future<Output = Result<T, DbError>>,
    ) -> Result<T, DbError> {
        let waiting = self.waiting().take();
        if waiting.is_empty() {
            return own.await;
        }
        let mut ready = Vec::with_capacity(waiting.len());
        for one in &waiting {
            ready.push(one.ready(client).await?);
        }
        let sent = join_all(ready.iter().map(|one| one.send(client)));
        let (sent, own) = join(sent, own).await;
        sent.into_iter().try_for_each(|outcome| outcome.map(drop))?;
        own
    }

    fn count(&self) {
        self.statements().fetch_add(1, Ordering::Relaxed);
    }
}
