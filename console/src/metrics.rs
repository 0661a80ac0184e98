//! Counters in the text format of Prometheus.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};

/// Upper bounds of the classes of times, in seconds.
const BOUNDS_S: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0];

/// All counters; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Metrics(Arc<Mutex<Families>>);

#[derive(Debug, Default)]
struct Families {
    counters: BTreeMap<(&'static str, String), u64>,
    gauges: BTreeMap<(&'static str, String), f64>,
    times: BTreeMap<(&'static str, String), Times>,
}

#[derive(Debug, Default)]
struct Times {
    classes: [u64; BOUNDS_S.len()],
    count: u64,
    sum_s: f64,
}

impl Metrics {
    /// Counts `by` more. `labels` are `name="value"` pairs, comma between them; keep their number small.
    pub fn count(&self, name: &'static str, labels: &str, by: u64) {
        self.with(|all| *all.counters.entry((name, labels.to_owned())).or_default() += by);
    }

    /// Sets a value that goes up and down.
    pub fn set(&self, name: &'static str, labels: &str, value: f64) {
        self.with(|all| {
            all.gauges.insert((name, labels.to_owned()), value);
        });
    }

    /// Counts one that took this long.
    pub fn time(&self, name: &'static str, labels: &str, took: std::time::Duration) {
        let seconds = took.as_secs_f64();
        self.with(|all| {
            let times = all.times.entry((name, labels.to_owned())).or_default();
            times.count += 1;
            times.sum_s += seconds;
            for (class, bound) in times.classes.iter_mut().zip(BOUNDS_S) {
                *class += u64::from(seconds <= bound);
            }
        });
    }

    fn with<T>(&self, f: impl FnOnce(&mut Families) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Everything, as Prometheus reads it.
    pub fn render(&self) -> String {
        self.with(|all| {
            let mut out = String::new();
            let mut last = "";
            for ((name, labels), value) in &all.counters {
                head(&mut out, &mut last, name, "counter");
                let _ = writeln!(out, "{name}{} {value}", braces(labels));
            }
            for ((name, labels), value) in &all.gauges {
                head(&mut out, &mut last, name, "gauge");
                let _ = writeln!(out, "{name}{} {value}", braces(labels));
            }
            for ((name, labels), times) in &all.times {
                head(&mut out, &mut last, name, "histogram");
                times.render(&mut out, name, labels);
            }
            out
        })
    }
}

fn head<'n>(out: &mut String, last: &mut &'n str, name: &'n str, kind: &str) {
    if *last != name {
        let _ = writeln!(out, "# TYPE {name} {kind}");
        *last = name;
    }
}

fn braces(labels: &str) -> String {
    if labels.is_empty() {
        String::new()
    } else {
        format!("{{{labels}}}")
    }
}

impl Times {
    fn render(&self, out: &mut String, name: &str, labels: &str) {
        let comma = if labels.is_empty() { "" } else { "," };
        for (class, bound) in self.classes.iter().zip(BOUNDS_S) {
            let _ = writeln!(out, "{name}_bucket{{{labels}{comma}le=\"{bound}\"}} {class}");
        }
        let _ = writeln!(out, "{name}_bucket{{{labels}{comma}le=\"+Inf\"}} {}", self.count);
        let _ = writeln!(out, "{name}_sum{} {}", braces(labels), self.sum_s);
        let _ = writeln!(out, "{name}_count{} {}", braces(labels), self.count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prometheus_reads_what_was_counted() {
        let metrics = Metrics::default();
        metrics.count("bandstand_requests_total", "status=\"200\"", 2);
        metrics.count("bandstand_requests_total", "status=\"404\"", 1);
        metrics.set("bandstand_feed_revision", "", 7.0);
        metrics.time(
            "bandstand_request_seconds",
            "",
            std::time::Duration::from_millis(2),
        );
        let text = metrics.render();
        for line in [
            "# TYPE bandstand_requests_total counter",
            "bandstand_requests_total{status=\"200\"} 2",
            "bandstand_requests_total{status=\"404\"} 1",
            "bandstand_feed_revision 7",
            "bandstand_request_seconds_bucket{le=\"0.001\"} 0",
            "bandstand_request_seconds_bucket{le=\"0.0025\"} 1",
            "bandstand_request_seconds_count 1",
        ] {
            assert!(text.lines().any(|it| it == line), "{line} is not in\n{text}");
        }
    }
}
