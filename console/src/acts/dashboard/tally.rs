//! How many users, bands and tickets there are, counted once for each revision of the feed.
//!
//! Everything that is counted here is marked in the feed when it changes, so a count is right until the feed has a
//! newer revision, whichever console or command wrote it.

use std::collections::BTreeMap;
use std::ops::AddAssign;
use std::sync::{Arc, Mutex, PoisonError};

use crate::access::Caller;
use crate::db::{DbError, Tx};

/// What is counted, as `what, site, count`: the numbers are places in [`Counts`].
const COUNT: &str = "\
    select cast(0 as bigint), site, count(*) from users where status = 'active' group by site \
    union all select 1, u.site, count(*) from associations a join users u on u.id = a.usr \
      where a.ended_ms is null and a.active group by u.site \
    union all select 2, b.site, count(*) from bands b where b.stock = 'in_stock' and not exists \
      (select 1 from associations a where a.band = b.serial and a.ended_ms is null) group by b.site \
    union all select 3, site, count(*) from bands where stock = 'lost' group by site \
    union all select 4, '', count(*) from tickets";

/// What there is, of one site or of several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Active users.
    pub(super) users: u64,
    /// Bands that users work with.
    pub(super) held: u64,
    /// Bands in stock that nobody holds.
    pub(super) free: u64,
    /// Bands that are reported lost.
    pub(super) lost: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.users += other.users;
        self.held += other.held;
        self.free += other.free;
        self.lost += other.lost;
    }
}

/// What every site has, at a revision of the feed.
#[derive(Debug)]
pub(super) struct Tally {
    revision: u64,
    sites: BTreeMap<String, Counts>,
    /// Tickets that were ever issued.
    pub(super) tickets: u64,
}

impl Tally {
    fn count(tx: &Tx<'_>, revision: u64) -> Result<Self, DbError> {
        let mut tally = Self {
            revision,
            sites: BTreeMap::new(),
            tickets: 0,
        };
        for (what, site, count) in tx.all(COUNT, &[], |row| Ok((row.int(0)?, row.text(1)?, row.count(2)?)))? {
            let counts = tally.sites.entry(site).or_default();
            match what {
                0 => counts.users = count,
                1 => counts.held = count,
                2 => counts.free = count,
                3 => counts.lost = count,
                _ => tally.tickets = count,
            }
        }
        Ok(tally)
    }

    /// All that the caller may see.
    pub(super) fn of(&self, caller: &Caller) -> Counts {
        let mut sum = Counts::default();
        let seen = self.sites.iter().filter(|(site, _)| caller.has_site(site));
        seen.for_each(|(_, counts)| sum += *counts);
        sum
    }
}

/// The tally that was made last.
#[derive(Debug, Default)]
pub struct Tallies(Mutex<Option<Arc<Tally>>>);

impl Tallies {
    /// The tally of this revision, counted unless it was already.
    pub(super) fn at(&self, tx: &Tx<'_>, revision: u64) -> Result<Arc<Tally>, DbError> {
        // Whoever comes while it is counted waits for the count instead of counting beside it.
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some(tally) if tally.revision == revision => Ok(tally.clone()),
            _ => {
                let tally = Arc::new(Tally::count(tx, revision)?);
                *last = Some(tally.clone());
                Ok(tally)
            }
        }
    }
}
