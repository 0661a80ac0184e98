//! The comparison that was made last, for whoever confirms it next: the same list need not be read and compared again
//! (decision 0038).
//!
//! It holds for as long as the feed has not moved, for everything that a list of users is compared with is marked
//! there when it changes. What does not follow from list and people alone is asked again: who has deactivated how many
//! meanwhile, and who may do what.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use policy::model::UnixMillis;

use super::{ImportSummary, deactivated_today, users};
use crate::db::{DbError, Tx};
use crate::store::feed;

/// How long a comparison is kept in memory; people look at what is shown before they confirm it.
const KEPT: Duration = Duration::from_secs(600);
/// Lists with more rows are compared again: what they change is no small part of the memory there is.
const ROWS_MAX: u64 = 200_000;

/// A list of users that was compared.
#[derive(Debug)]
pub(super) struct Compared {
    /// The list.
    pub(super) id: String,
    /// The revision of the feed that it was compared at.
    pub(super) revision: u64,
    pub(super) summary: ImportSummary,
    pub(super) plan: users::Plan,
}

impl Compared {
    /// What the comparison would come to now; nothing if it has to be made again.
    pub(super) fn again(&self, tx: &Tx<'_>, now: UnixMillis) -> Result<Option<ImportSummary>, DbError> {
        if feed::head(tx)? != self.revision {
            return Ok(None);
        }
        let mut summary = self.summary.clone();
        summary.deactivated_today = deactivated_today(tx, now)?;
        summary.needs_second_person = users::is_mass(&summary);
        Ok(Some(summary))
    }
}

/// Room for one.
#[derive(Clone, Debug, Default)]
pub struct Comparisons(Arc<Mutex<Option<Arc<Compared>>>>);

impl Comparisons {
    fn last(&self) -> std::sync::MutexGuard<'_, Option<Arc<Compared>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps one for a while, in place of the one before.
    pub(super) fn keep(&self, compared: Compared) {
        if compared.summary.rows > ROWS_MAX {
            return;
        }
        let id = compared.id.clone();
        *self.last() = Some(Arc::new(compared));
        let own = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(KEPT).await;
            own.forget(&id);
        });
    }

    /// That of this list, if it is the one.
    pub(super) fn get(&self, id: &str) -> Option<Arc<Compared>> {
        self.last().as_ref().filter(|last| last.id == id).cloned()
    }

    pub(super) fn forget(&self, id: &str) {
        self.last().take_if(|last| last.id == id);
    }
}
