//! The station's end of the feed.

use super::check::{Identity, PageFault, check};
use super::keys::{KeyList, KeyListFault, SignedKeyList};
use super::page::{Cursor, Header};
use super::request::{FeedFault, FeedRequest};
use super::row::Row;
use super::state::{Complete, InboxState};
use crate::backoff::{Backoff, Moment};
use crate::id::Revision;
use crate::version::Versions;

/// What a station asks the console for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// The next page.
    Page(FeedRequest),
    /// The list of feed keys.
    Keys,
}

/// A page to apply. Everything in it goes into one transaction; after its commit comes [`Inbox::applied`].
///
/// A snapshot replaces what came by the feed before, but the old rows stay in use until it is complete: store
/// each row under a generation that grows where `begins` is set, and remove the older generations where
/// `completes` says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The rows, in the order in which they changed. Each replaces the one with its key.
    pub rows: Vec<Row>,
    /// A snapshot begins with this page.
    pub begins: bool,
    /// With this page what the station has was true as a whole at one moment.
    pub completes: Option<Completed>,
    /// What to store about the feed.
    pub state: InboxState,
}

/// What a last page says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Completed {
    /// A snapshot ends here: rows that it did not bring are gone.
    pub drops_older: bool,
    /// Which state it is, and up to where the station's own journal is in it. The station's entries after
    /// that are applied once more on top.
    pub complete: Complete,
}

/// The station's end of the feed. It asks, checks what comes, says what to apply, and moves its cursor when
/// told that it is applied and not before.
#[derive(Clone, Debug)]
pub struct Inbox {
    identity: Identity,
    state: InboxState,
    list: Option<KeyList>,
    hold_s: u16,
    is_waiting: bool,
    needs_keys: bool,
    backoff: Backoff,
    /// Over how many milliseconds all stations come back, by the console's last page.
    spread_ms: u64,
    stopped: Option<&'static str>,
}

impl Inbox {
    /// How long the console may hold an answer back, in seconds, where it has not said otherwise.
    pub const HOLD_S: u16 = 30;

    /// An inbox that goes on from what was stored. A stored list of keys that the organization did not
    /// sign is forgotten; the station then asks for one.
    pub fn new(identity: Identity, state: InboxState) -> Self {
        let verify = |list: &SignedKeyList| list.verify(&identity.organization_key).ok();
        let list = state.keys.as_ref().and_then(verify);
        Self {
            identity,
            state,
            needs_keys: list.is_none(),
            list,
            hold_s: Self::HOLD_S,
            is_waiting: false,
            backoff: Backoff::new(),
            spread_ms: 0,
            stopped: None,
        }
    }

    /// What is stored, or has to be.
    pub fn state(&self) -> &InboxState {
        &self.state
    }

    /// How long the console may hold answers back from now on.
    pub fn set_hold_s(&mut self, seconds: u16) {
        self.hold_s = seconds;
    }

    /// Why no rows come, by a stable code; `None` while they do.
    pub fn stopped(&self) -> Option<&'static str> {
        self.stopped
    }

    /// What to ask now, if it is time; one question at a time.
    pub fn poll_transmit(&mut self, now: Moment) -> Option<Ask> {
        if self.is_waiting || !self.backoff.is_over(now) {
            return None;
        }
        self.is_waiting = true;
        Some(if self.needs_keys {
            Ask::Keys
        } else {
            Ask::Page(self.request())
        })
    }

    /// The request for the next page.
    pub fn request(&self) -> FeedRequest {
        FeedRequest {
            versions: Versions::OURS,
            cursor: self.state.cursor,
            wait_s: self.hold_s,
        }
    }

    /// When to ask again; `None` while an answer is awaited.
    pub fn poll_timeout(&self) -> Option<Moment> {
        (!self.is_waiting).then(|| self.backoff.until())
    }

    /// A page came. Gives what to apply, or names what is wrong with it.
    pub fn handle_page(&mut self, now: Moment, bytes: &[u8], random: u64) -> Result<Step, PageFault> {
        match check(&self.identity, self.list.as_ref(), &self.state, bytes) {
            Ok(checked) => {
                self.spread_ms = u64::from(checked.header.spread_s.unwrap_or_default()) * 1000;
                Ok(self.step(checked.header, checked.rows))
            }
            Err(fault) => {
                self.needs_keys |= fault.is_about_keys();
                self.fail(now, fault.code(), random);
                Err(fault)
            }
        }
    }

    fn step(&self, header: Header, rows: Vec<Row>) -> Step {
        let begins = header.snapshot.is_some() && header.from == Revision::ZERO;
        let is_last = header.is_last();
        let mut state = self.state.clone();
        state.enter(header.lineage);
        let version = match state.cursor.filter(|_| !begins) {
            Some(cursor) => cursor.version.min(header.version),
            None => header.version,
        };
        state.cursor = Some(Cursor {
            lineage: header.lineage,
            revision: header.to,
            version,
            filling: header.snapshot.filter(|_| !is_last),
        });
        state.floor = state.floor.max(header.head);
        let complete = Complete {
            lineage: header.lineage,
            revision: header.to,
            made_at_ms: header.made_at_ms,
            acked_through: header.acked_through,
            acked_mark: header.acked_mark,
        };
        let completes = is_last.then_some(Completed {
            drops_older: header.snapshot.is_some(),
            complete,
        });
        state.complete = completes.map(|it| it.complete).or(state.complete);
        state.site = header.site;
        Step {
            rows,
            begins,
            completes,
            state,
        }
    }

    /// The step's rows and state are stored, durably.
    pub fn applied(&mut self, state: InboxState) {
        self.state = state;
        self.is_waiting = false;
        self.stopped = None;
        self.backoff.succeed();
    }

    /// The list of feed keys came. If it is taken, [`state`](Self::state) has to be stored.
    pub fn handle_keys(&mut self, now: Moment, bytes: &[u8], random: u64) -> Result<(), KeyListFault> {
        match self.read_keys(bytes) {
            Ok((signed, list)) => {
                // A list without news helps nobody: wait before the next question.
                if self.list.as_ref() == Some(&list) {
                    self.fail(now, "feed_key_unknown", random);
                } else {
                    self.is_waiting = false;
                    self.backoff.succeed();
                }
                self.needs_keys = false;
                self.state.keys = Some(signed);
                self.list = Some(list);
                Ok(())
            }
            Err(fault) => {
                self.fail(now, fault.code(), random);
                Err(fault)
            }
        }
    }

    fn read_keys(&self, bytes: &[u8]) -> Result<(SignedKeyList, KeyList), KeyListFault> {
        let signed = SignedKeyList::from_bytes(bytes)?;
        let list = signed.verify(&self.identity.organization_key)?;
        let known = self.list.as_ref().map_or(0, |list| list.serial);
        if list.serial < known {
            return Err(KeyListFault::Older {
                known,
                found: list.serial,
            });
        }
        Ok((signed, list))
    }

    /// The console refused.
    pub fn handle_refusal(&mut self, now: Moment, fault: &FeedFault, random: u64) {
        self.is_waiting = false;
        self.stopped = Some(fault.code());
        match fault {
            FeedFault::Busy => self.backoff.fail(now, random),
            _ => self.backoff.refuse(now, random),
        }
    }

    /// No answer came, or applying a step failed: the station is where it was.
    pub fn handle_failure(&mut self, now: Moment, random: u64) {
        self.is_waiting = false;
        self.backoff.fail_among(now, random, self.spread_ms);
    }

    fn fail(&mut self, now: Moment, code: &'static str, random: u64) {
        self.stopped = Some(code);
        self.handle_failure(now, random);
    }
}
