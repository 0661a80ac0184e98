//! A real browser for tests ([`Browser`]), what it finds wrong with a page, and a console to point it at.

mod barriers;
mod stand;

pub(crate) use barriers::{axe, faults};
pub(crate) use simulators::browser::Browser;
pub(crate) use stand::Stand;
