//! What test runners say when they close, added up over several runs.

use std::fmt;

/// Counts of tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Summary {
    /// Adds the counts of a line if it is the closing line of cargo-nextest or of Rust's own test harness.
    pub(crate) fn see(&mut self, line: &str) {
        let line = without_colors(line);
        let line = line.trim();
        let counts = match line.split_once(' ') {
            Some(("Summary", rest)) => rest.split_once("run:").map(|(_, counts)| counts),
            Some(("test", rest)) => rest
                .strip_prefix("result: ")
                .and_then(|rest| rest.split_once(". "))
                .map(|(_, counts)| counts),
            _ => None,
        };
        for part in counts.unwrap_or_default().split([',', ';', '(', ')']) {
            self.add(part.trim());
        }
    }

    fn add(&mut self, part: &str) {
        let Some((count, what)) = part.split_once(' ') else {
            return;
        };
        let Ok(count) = count.parse::<u64>() else { return };
        match what {
            "passed" => self.passed += count,
            "failed" | "timed out" | "exec failed" => self.failed += count,
            "skipped" | "ignored" => self.skipped += count,
            _ => {}
        }
    }

    /// True if at least one test ran and none failed.
    pub(crate) fn is_good(&self) -> bool {
        self.failed == 0 && self.passed > 0
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 {
            write!(f, ", {} skipped", self.skipped)?;
        }
        Ok(())
    }
}

/// The line without terminal escape sequences of the form `ESC [ … letter`.
fn without_colors(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, escape)) = rest.split_once("\u{1b}[") {
        plain.push_str(before);
        let end = escape
            .find(|c: char| c.is_ascii_alphabetic())
            .map_or(escape.len(), |end| end + 1);
        rest = &escape[end..];
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::Summary;

    fn check(lines: &[&str], expected: &str) {
        let mut summary = Summary::default();
        lines.iter().for_each(|line| summary.see(line));
        assert_eq!(summary.to_string(), expected, "{lines:?}");
    }

    #[test]
    fn closing_lines_are_counted() {
        check(
            &["     Summary [   0.204s] 5 tests run: 5 passed, 0 skipped"],
            "5 passed, 0 failed",
        );
        check(
            &[
                "     Summary [  12.1s] 9/10 tests run: 6 passed (1 slow, 1 flaky), 2 failed, 1 timed out, 3 skipped",
            ],
            "6 passed, 3 failed, 3 skipped",
        );
        check(
            &[
                "\u{1b}[32;1m     Summary\u{1b}[0m [   0.2s] \u{1b}[1m1\u{1b}[0m test run: \u{1b}[1m1\u{1b}[0m \u{1b}[32;1mpassed\u{1b}[0m, \u{1b}[1m0\u{1b}[0m \u{1b}[33;1mskipped\u{1b}[0m",
            ],
            "1 passed, 0 failed",
        );
        check(
            &[
                "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s",
                "test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            ],
            "4 passed, 2 failed, 1 skipped",
        );
    }

    #[test]
    fn other_lines_count_nothing() {
        check(
            &[
                "",
                "test it::frame ... ok",
                "Summary of changes",
                "5 passed, 1 failed",
            ],
            "0 passed, 0 failed",
        );
    }
}
