//! G8, G8b: pages as a browser gets them, server side.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use console::accounts::links::{self, Answer};
use console::accounts::secret::Secret;
use console::accounts::session::cookie_name;
use console::accounts::sign_in::{Attempt, sign_in};
use console::serve::App;
use firmware_protocol::id::Zone;
use rusqlite::{Connection, OpenFlags};
use station_daemon::clock::Clock;

use super::runtime;
use super::site::{Running, Site};
use super::web::Web;
use crate::bench::{Effort, Figure, Goal, crowd, latency, note};
use crate::cast::Cast;

/// Statements of a page, those that say who asks included.
const STATEMENTS_MAX: f64 = 4.0;
/// No page is longer, in bytes.
const PAGE_LEN_MAX: usize = 150 << 10;
/// A plant so many times smaller must not need fewer statements.
const SMALLER: usize = 100;
/// Requests in one slice.
const REQUESTS: usize = 100;
const PASSWORD: &str = "seven quiet herons over the mole";

pub(in crate::bench) fn figures(effort: &Effort) -> Result<Vec<Figure>> {
    let runtime = runtime()?;
    let stand = |people: usize| runtime.block_on(Stand::new(people));
    note(&format!(
        "making consoles with {} and {} people",
        effort.people,
        effort.people / SMALLER
    ));
    let (mut large, mut small) = (stand(effort.people)?, stand((effort.people / SMALLER).max(60))?);
    let mut figures = Vec::new();
    for (name, path) in pages(effort.people) {
        note(&format!("showing {name}"));
        figures.push(latency_of(&runtime, &mut large, effort, name, &path)?);
    }
    figures.push(search(&runtime, &mut large, effort)?);
    let counted = runtime.block_on(statements(&mut large, &mut small, effort.people))?;
    figures.extend(counted);
    runtime.block_on(async {
        large.console.stop().await?;
        small.console.stop().await
    })?;
    Ok(figures)
}

fn pages(people: usize) -> [(&'static str, String); 6] {
    let middle = crowd::id(people / 2);
    [
        ("the list of users", "/users".into()),
        ("a user", format!("/users/{middle}")),
        ("the list of bands", "/bands".into()),
        ("the list of associations", "/associations".into()),
        ("the audit", "/audit".into()),
        ("the first page", "/".into()),
    ]
}

/// A console with people, bands and associations, and somebody who is signed in.
struct Stand {
    site: Site,
    console: Running,
    web: Web,
    plain: Connection,
}

impl Stand {
    async fn new(people: usize) -> Result<Self> {
        let mut cast = Cast::new(5, Zone::Enrollment, Clock::start().wall());
        crowd::add(&mut cast, Zone::Enrollment, people);
        let site = Site::new(cast, None).await?;
        let cookie = session(&site.app().await?).await?;
        let console = site.start().await?;
        let web = Web::open(console.web, Some(("cookie", cookie))).await?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let plain = Connection::open_with_flags(&site.config.database.url, flags)?;
        Ok(Self {
            site,
            console,
            web,
            plain,
        })
    }
}

/// Makes the first administrator and signs in; the cookie.
async fn session(app: &App) -> Result<String> {
    let link = links::first_link(app).await?.context("nobody is there yet")?;
    let secret = Secret::read(link.rsplit('/').next().unwrap_or_default()).context("a secret")?;
    let answer = Answer {
        login: "bench".into(),
        name: "Bench".into(),
        password: PASSWORD.into(),
    };
    let spent = links::spend(app, &secret, answer).await;
    ensure!(spent.is_ok(), "the first link was not taken: {spent:?}");
    let attempt = Attempt {
        login: "bench".into(),
        password: PASSWORD.into(),
        address: "127.0.0.1".into(),
        agent: "bench".into(),
    };
    let signed_in = sign_in(app, attempt).await;
    let signed_in = signed_in.map_err(|refused| anyhow::anyhow!("not signed in: {refused:?}"))?;
    ensure!(!signed_in.waits, "a second factor is asked for");
    Ok(format!("{}={}", cookie_name(false), signed_in.secret.text()))
}

fn latency_of(
    runtime: &tokio::runtime::Runtime,
    stand: &mut Stand,
    effort: &Effort,
    name: &str,
    path: &str,
) -> Result<Figure> {
    let Stand { web, plain, .. } = stand;
    let goal = Goal::AtMost(30.0);
    let requests = requests(effort);
    let latency = latency::in_turns(
        effort.slices,
        requests,
        || fifty_rows(plain),
        || runtime.block_on(show(web, path)),
    )?;
    Ok(latency
        .p50
        .figure("G8", &format!("{name}, {} users, p50", effort.people), goal))
}

fn requests(effort: &Effort) -> usize {
    if effort.is_smoke() { 3 } else { REQUESTS }
}

async fn show(web: &mut Web, path: &str) -> Result<Duration> {
    let start = Instant::now();
    let page = web.get(path).await?;
    let took = start.elapsed();
    ensure!(
        page.body.len() <= PAGE_LEN_MAX,
        "{path} has {} bytes",
        page.body.len()
    );
    Ok(took)
}

/// What nobody can do without who shows fifty of the users: fifty rows out of the same table.
fn fifty_rows(plain: &Connection) -> Result<Duration> {
    let sql = "select id, name, site, mail, status, version from users where id > ?1 order by id limit 50";
    all_rows(plain, sql, "P0000040")
}

/// What nobody can do without who searches all names: a look through all of them.
fn all_names(plain: &Connection) -> Result<Duration> {
    let sql = "select id, name from users where search like ?1 order by id limit 50";
    all_rows(plain, sql, "%nobody is called so%")
}

fn all_rows(plain: &Connection, sql: &str, argument: &str) -> Result<Duration> {
    latency::timed(|| {
        let mut statement = plain.prepare_cached(sql)?;
        let mut rows = statement.query([argument])?;
        while let Some(row) = rows.next()? {
            std::hint::black_box((row.get_ref(0)?, row.get_ref(1)?));
        }
        Ok(())
    })
}

fn search(runtime: &tokio::runtime::Runtime, stand: &mut Stand, effort: &Effort) -> Result<Figure> {
    note("searching users");
    let Stand { web, plain, .. } = stand;
    let latency = latency::in_turns(
        effort.slices,
        requests(effort) / 3 + 1,
        || all_names(plain),
        || runtime.block_on(show(web, "/users?q=nobody+is+called+so")),
    )?;
    let name = format!("searching {} users for nobody, p50", effort.people);
    Ok(latency.p50.figure("G8", &name, Goal::AtMost(2.0)))
}

/// Statements of each page in both plants.
async fn statements(large: &mut Stand, small: &mut Stand, people: usize) -> Result<Vec<Figure>> {
    let (mut most, mut differ) = (0.0_f64, 0);
    let few = small.site.cast.file().users.len();
    for ((name, path), (_, same)) in pages(people).into_iter().zip(pages(few)) {
        let (here, there) = (count(large, &path).await?, count(small, &same).await?);
        note(&format!("{name}: {here} statements, {there} in the small plant"));
        most = most.max(here);
        differ += i32::from(here != there);
    }
    Ok(vec![
        Figure::plain(
            "G8b",
            "statements of a page, the most of all",
            most,
            "stmts",
            Goal::AtMost(STATEMENTS_MAX),
        ),
        Figure::plain(
            "G8b",
            "pages that need more statements in a larger plant",
            f64::from(differ),
            "pages",
            Goal::AtMost(0.0),
        ),
    ])
}

/// The middle of several: what the console does by itself meanwhile is counted too, such as writing down once a minute
/// that a session is in use.
async fn count(stand: &mut Stand, path: &str) -> Result<f64> {
    let web = &mut stand.web;
    let mut counts = [0.0; 5];
    for count in &mut counts {
        // The metrics themselves need none.
        let before = counter(web).await?;
        web.get(path).await?;
        *count = counter(web).await? - before;
    }
    counts.sort_by(f64::total_cmp);
    Ok(counts[counts.len() / 2])
}

async fn counter(web: &mut Web) -> Result<f64> {
    super::web::metric(web, "bandstand_sql_statements").await
}
