//! What is wrong with a page: barriers that axe-core finds, what the browser complains of, what does not fit.

use std::path::PathBuf;

use serde_json::json;
use simulators::browser::Browser;

/// The script of axe-core, if it was installed.
pub(crate) fn axe() -> Option<String> {
    let named = std::env::var_os("BANDSTAND_AXE").map(PathBuf::from);
    let file = named.unwrap_or_else(|| tests::root().join("target/tools/node_modules/axe-core/axe.min.js"));
    let script = std::fs::read_to_string(file).ok();
    if script.is_none() {
        eprintln!(
            "SKIPPED: axe-core is not installed; `npm install --prefix target/tools axe-core` brings it"
        );
    }
    script
}

/// What is wrong with this page, one line each.
pub(crate) async fn faults(browser: &Browser, axe: Option<&str>) -> Vec<String> {
    let script = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
    let over = browser.run(script, json!([])).await.as_i64().unwrap_or(0);
    let mut faults: Vec<String> = (over > 0)
        .then(|| format!("{over} pixels too wide"))
        .into_iter()
        .collect();
    faults.extend(
        browser
            .complaints()
            .await
            .into_iter()
            .filter(|line| !line.contains("status of 404")),
    );
    let Some(axe) = axe else {
        return faults;
    };
    browser.run(axe, json!([])).await;
    let script = "const done = arguments[0]; axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', \
        'wcag21aa', 'wcag22aa', 'best-practice'] }).then(found => done(found.violations.flatMap(v => \
        v.nodes.map(n => v.id + ': ' + n.target.join(' ') + ' ' + n.failureSummary))));";
    let found = browser.run_until_done(script, json!([])).await;
    let lines = found.as_array().cloned().unwrap_or_default();
    faults.extend(lines.iter().filter_map(|line| line.as_str().map(str::to_owned)));
    faults
}
