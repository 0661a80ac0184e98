//! A real browser for tests: Debian's chromium, driven over WebDriver, with the few commands that are needed.

mod driver;
mod stand;

pub(crate) use driver::Browser;
pub(crate) use stand::Stand;
