//! K1 to K4: the kiosk's page in a real browser, before the real daemon and the double's link.

mod desk;
mod shift;

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::radio::bound_us;
use super::{Effort, Figure, Goal, median, note, quantile};
use crate::band::Knobs;
use crate::bluez::{DoubleConfig, Pace};
use desk::{Desk, MISSING, Visit};

pub(super) use shift::figures as shift_figures;

/// What a connection event takes on the simulated link, and what BlueZ offers.
const INTERVAL: Duration = Duration::from_millis(30);
const MTU_BYTES: u16 = 517;
/// The wearer's pace.
const TOUCHES: u8 = 8;
const TOUCH_MS: u64 = 400;
const NAMES: [(&str, &str); 5] = [
    ("K1", "from a band's touch to the painted change, p95"),
    ("K2", "first paint of the page"),
    ("K2", "bytes of the page, all that it loads"),
    ("K2", "layout shift, while it loads and over whole visits"),
    ("K3", "a worker from the ticket to done, 8 touches of 0.4 s"),
];
/// Writes down what moves by itself, from the beginning of the page on: how much, on which screen, and what it was.
const SHIFTS: &str = "window.shifts = []; const name = (it) => `${it.node?.nodeName} ${it.node?.id ?? ''} ${it.node?.className ?? ''}`; \
    new PerformanceObserver((list) => { for (const it of list.getEntries()) window.shifts.push(\
        [it.value, document.querySelector('#app').dataset.screen, it.sources.map(name).join(', ')]); \
    }).observe({ type: 'layout-shift', buffered: true });";
const IS_PAINTED: &str = "return performance.getEntriesByName('first-contentful-paint').length > 0";
/// First paint, and the bytes of everything that was loaded; the icon is not among what a page knows that it loaded.
const LOADED: &str = "const done = arguments[0]; const of = (kind) => performance.getEntriesByType(kind); \
    const paint = of('paint').find(it => it.name === 'first-contentful-paint').startTime; \
    fetch(document.querySelector('link[rel=icon]').href).then(it => it.text()).then(() => done({ paint, \
        bytes: [...of('navigation'), ...of('resource')].reduce((sum, it) => sum + it.transferSize, 0) }));";

/// How much is done.
struct Plan {
    /// How often the page is loaded.
    loads: usize,
    /// Visits measured, after one in which both ends get to know each other.
    visits: usize,
}

impl Plan {
    fn of(effort: &Effort) -> Self {
        match effort.is_smoke() {
            true => Self { loads: 1, visits: 1 },
            false => Self {
                loads: 15,
                visits: 12,
            },
        }
    }
}

pub(super) fn figures(effort: &Effort) -> Result<Vec<Figure>> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(measure(&Plan::of(effort)))
}

async fn measure(plan: &Plan) -> Result<Vec<Figure>> {
    let knobs = Knobs {
        touches: TOUCHES,
        touch_ms: TOUCH_MS,
        reaction_ms: 1,
        ..Knobs::default()
    };
    let Some(mut desk) = Desk::open(air(), 1, &knobs, 1 + plan.visits).await? else {
        let missing = |(id, name)| Figure::missing(id, name, MISSING);
        return Ok(NAMES.map(missing).into());
    };
    note("loading the page");
    let (paint_ms, bytes) = load(&desk, plan.loads).await?;
    desk.browser.run(SHIFTS, json!([])).await;
    note("enrolling at the page");
    desk.visit(0).await?;
    let mut visits = Vec::new();
    for _ in 0..plan.visits {
        visits.push(desk.visit(0).await?);
    }
    let shift = shifted(&desk).await?;
    desk.daemon.stop().await?;
    let (late_ms, whole_ms) = (
        late(&visits)?,
        visits.iter().map(|visit| visit.whole_ms).collect(),
    );
    let [k1, k2, k2_bytes, k2_shift, k3] = NAMES;
    Ok(vec![
        Figure::plain(k1.0, k1.1, late_ms, "ms", Goal::AtMost(50.0)),
        Figure::plain(k2.0, k2.1, paint_ms, "ms", Goal::AtMost(300.0)),
        Figure::plain(k2_bytes.0, k2_bytes.1, bytes / 1024.0, "KiB", Goal::AtMost(100.0)),
        Figure::plain(k2_shift.0, k2_shift.1, shift, "CLS", Goal::AtMost(0.0)),
        Figure::beside(k3.0, k3.1, median(whole_ms), "ms", limit_ms(), Goal::AtMost(1.3)),
    ])
}

/// The sum of all shifts.
async fn shifted(desk: &Desk) -> Result<f64> {
    let shifts = desk.browser.run("return window.shifts", json!([])).await;
    let shifts = shifts.as_array().context("a list of shifts")?;
    for shift in shifts {
        note(&format!("layout shift: {shift}"));
    }
    // The sum of nothing would be -0.
    let values = shifts.iter().filter_map(|shift| shift[0].as_f64());
    Ok(values.fold(0.0, |sum, value| sum + value))
}

fn air() -> DoubleConfig {
    DoubleConfig {
        pace: Pace {
            interval: INTERVAL,
            ..DoubleConfig::default().pace
        },
        mtu_bytes_max: MTU_BYTES,
        disconnect_delay: Duration::from_millis(100),
        ..DoubleConfig::default()
    }
}

/// The touches, and the least time of the link in both contacts: for each, what BlueZ exchanges with a band it knows
/// before anybody may write; then the enrollment's bound, and the one exchange in which the band proves who it is.
fn limit_ms() -> f64 {
    let touches = u64::from(TOUCHES) * TOUCH_MS;
    let session = bound_us(MTU_BYTES, INTERVAL.as_micros() as u64) / 1000;
    let exchanges = f64::from(2 * air().exchanges_cached + 1);
    touches as f64 + session as f64 + exchanges * 2.0 * INTERVAL.as_secs_f64() * 1000.0
}

fn late(visits: &[Visit]) -> Result<f64> {
    let mut late: Vec<f64> = visits.iter().flat_map(|visit| visit.late_ms.clone()).collect();
    anyhow::ensure!(!late.is_empty(), "no touch was painted");
    let (middle, most) = (quantile(&mut late, 0.5), quantile(&mut late, 1.0));
    note(&format!(
        "{} touches were painted, half of them within {middle:.1} ms, all within {most:.1} ms",
        late.len()
    ));
    Ok(quantile(&mut late, 0.95))
}

/// Loads the page again and again with nothing kept from before: the middle first paint, and the most bytes.
async fn load(desk: &Desk, times: usize) -> Result<(f64, f64)> {
    let browser = &desk.browser;
    browser.devtools("Network.enable", json!({})).await;
    browser
        .devtools("Network.setCacheDisabled", json!({ "cacheDisabled": true }))
        .await;
    let (mut paints, mut most) = (Vec::new(), 0.0f64);
    for _ in 0..times {
        desk.open_page().await;
        browser.wait_until(IS_PAINTED, json!([])).await;
        let loaded: Value = browser.run_until_done(LOADED, json!([])).await;
        paints.push(loaded["paint"].as_f64().context("a moment of paint")?);
        most = most.max(loaded["bytes"].as_f64().context("a number of bytes")?);
    }
    Ok((median(paints), most))
}
