//! One console and some stations under one clock that jumps to the next event.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use server_sync::backoff::{Backoff, Moment};
use server_sync::feed::{Ask, FeedFault, FeedRequest};
use server_sync::journal::{PushAnswer, Standing};
use server_sync::{Entry, Lineage, StationKey};

use crate::check;
use crate::console::{Db, Known};
use crate::dice::Dice;
use crate::plant::{self, SITES, SimBand};
use crate::station::{Disk, Station};

pub(crate) const SECOND: u64 = 1_000;
pub(crate) const MINUTE: u64 = 60 * SECOND;
pub(crate) const HOUR: u64 = 60 * MINUTE;
pub(crate) const DAY: u64 = 24 * HOUR;
/// When the simulation begins, milliseconds since 1970.
pub(crate) const START_MS: u64 = 1_800_000_000_000;

/// How long an answer is waited for beyond the time it may be held.
const TIMEOUT: u64 = 30 * SECOND;
/// How long a dead connection goes unnoticed.
const KEEP_ALIVE: u64 = MINUTE;
/// Polls are held long here: a simulated month has to be short.
const HOLD_S: u16 = 6 * 3600;

/// What travels.
#[derive(Clone, Debug)]
pub(crate) enum Message {
    /// The query of a request for a page.
    AskPage(String),
    AskKeys,
    Push(Vec<u8>),
    Page(Vec<u8>),
    Refused(Vec<u8>),
    Keys(Vec<u8>),
    Pushed(Vec<u8>),
    /// The connection broke, or no answer came in time.
    Broken,
}

/// What happens.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    Wake(usize),
    ToConsole {
        from: usize,
        life: u32,
        id: u64,
        message: Message,
    },
    ToStation {
        to: usize,
        life: u32,
        id: u64,
        message: Message,
    },
    /// A held poll has waited long enough.
    HoldEnds {
        from: usize,
        life: u32,
        id: u64,
    },
    Activity,
    Fault,
    StationStarts(usize),
    ConsoleStarts,
    Link(usize),
}

/// A poll that waits for news.
pub(crate) struct Held {
    pub(crate) life: u32,
    pub(crate) request: FeedRequest,
}

/// What a run was like.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) station_hours: u64,
    pub(crate) events: u64,
    pub(crate) enrollments: u64,
    pub(crate) refused: u64,
    pub(crate) pages: u64,
    pub(crate) snapshots: u64,
    pub(crate) pushes: u64,
    pub(crate) crashes: u64,
    pub(crate) partitions: u64,
    pub(crate) restores: u64,
    pub(crate) copies: u64,
    pub(crate) forks: u64,
    pub(crate) rotations: u64,
    pub(crate) quarantined: u64,
}

pub(crate) struct World {
    pub(crate) now_ms: u64,
    pub(crate) dice: Dice,
    queue: BinaryHeap<Reverse<(u64, u64)>>,
    events: BTreeMap<u64, Event>,
    next: u64,
    pub(crate) db: Db,
    pub(crate) console_is_up: bool,
    pub(crate) backup: Option<Db>,
    pub(crate) stations: Vec<Station>,
    pub(crate) saved_disks: BTreeMap<usize, Disk>,
    /// Journals of disks that are no more.
    pub(crate) ghosts: Vec<Vec<Entry>>,
    /// By station and question.
    pub(crate) held: BTreeMap<(usize, u64), Held>,
    pub(crate) bands: Vec<SimBand>,
    /// Pages that somebody kept, to show them again.
    pub(crate) kept: Vec<(StationKey, Vec<u8>)>,
    pub(crate) tally: Tally,
    /// Faults and activities go on.
    pub(crate) is_troubled: bool,
    /// The network loses and doubles.
    pub(crate) is_flaky: bool,
    pub(crate) rows_max: u64,
    pub(crate) until_ms: u64,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let people = plant::people(dice.between(3, 12), &mut dice);
        let mut db = Db::new(Lineage(dice.bytes()), people, START_MS);
        let most = if dice.one_in(6) { 20 } else { 6 };
        let count = dice.between(3, most);
        let keys = db.key_list();
        let mut stations = Vec::new();
        for _ in 0..count {
            let key = StationKey(dice.bytes());
            db.add_station(key, dice.one_of(&SITES).expect("there are sites"));
            let mut station = Station::new(Disk::new(key, keys.clone()));
            station.inbox.set_hold_s(HOLD_S);
            stations.push(station);
        }
        let is_long = dice.one_in(40);
        let length = if is_long {
            dice.between(32, 40) * DAY
        } else {
            dice.between(8, 48) * HOUR
        };
        let bands = plant::bands(dice.between(3, 12));
        let rows_max = [4, 12, 1000, 1000][dice.below(4) as usize];
        let is_flaky = dice.one_in(3);
        let mut world = Self {
            now_ms: START_MS,
            dice,
            queue: BinaryHeap::new(),
            events: BTreeMap::new(),
            next: 0,
            db,
            console_is_up: true,
            backup: None,
            stations,
            saved_disks: BTreeMap::new(),
            ghosts: vec![],
            held: BTreeMap::new(),
            bands,
            kept: vec![],
            tally: Tally::default(),
            is_troubled: true,
            is_flaky,
            rows_max,
            until_ms: START_MS + length,
        };
        (0..world.stations.len()).for_each(|i| world.at(START_MS, Event::Wake(i)));
        world.after(SECOND, Event::Activity);
        world.after(MINUTE, Event::Fault);
        world
    }

    pub(crate) fn at(&mut self, at_ms: u64, event: Event) {
        self.next += 1;
        self.events.insert(self.next, event);
        self.queue.push(Reverse((at_ms, self.next)));
    }

    pub(crate) fn after(&mut self, wait_ms: u64, event: Event) {
        self.at(self.now_ms + wait_ms, event);
    }

    /// Lives through everything, trouble first, then peace; checks after every step.
    pub(crate) fn run(mut self) -> Tally {
        self.run_until(self.until_ms);
        let hours = (self.now_ms - START_MS) / HOUR;
        self.make_peace();
        // A dead connection is noticed, and three of the longest waits pass.
        self.run_until(self.now_ms + KEEP_ALIVE + TIMEOUT + 3 * Backoff::MAX_MS);
        check::converged(&self);
        // Who was refused tries again in case a person settled it.
        self.run_until(self.now_ms + 3 * Backoff::SETTLED_MS);
        check::nothing_is_lost(&self);
        self.tally.station_hours = hours * self.stations.len() as u64;
        let forked = |it: &&Known| matches!(it.line.standing, Standing::Forked { .. });
        self.tally.forks = self.db.stations.values().filter(forked).count() as u64;
        self.tally.quarantined = self.db.ledger.state().quarantine.len() as u64;
        self.tally
    }

    fn run_until(&mut self, until_ms: u64) {
        while let Some(Reverse((at_ms, number))) = self.queue.peek().copied() {
            if at_ms > until_ms {
                break;
            }
            self.queue.pop();
            self.now_ms = at_ms;
            self.tally.events += 1;
            let event = self.events.remove(&number).expect("every number has an event");
            self.happen(event);
        }
        self.now_ms = until_ms;
    }

    fn make_peace(&mut self) {
        self.is_troubled = false;
        self.is_flaky = false;
        for i in 0..self.stations.len() {
            self.stations[i].is_linked = true;
            if !self.stations[i].is_up {
                self.start_station(i);
            }
            self.after(0, Event::Wake(i));
        }
        self.console_is_up = true;
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Wake(i) => self.drive(i),
            Event::ToConsole {
                from,
                life,
                id,
                message,
            } => self.at_console(from, life, id, message),
            Event::ToStation {
                to,
                life,
                id,
                message,
            } => self.at_station(to, life, id, message),
            Event::HoldEnds { from, life, id } => self.end_hold(from, life, id),
            Event::Activity if self.is_troubled => self.activity(),
            Event::Fault if self.is_troubled => self.fault(),
            Event::Activity | Event::Fault => {}
            Event::StationStarts(i) => self.start_station(i),
            Event::ConsoleStarts => self.console_is_up = true,
            Event::Link(i) => {
                self.stations[i].is_linked = true;
                self.drive(i);
            }
        }
    }

    pub(crate) fn moment(&self) -> Moment {
        Moment(self.now_ms - START_MS)
    }

    pub(crate) fn start_station(&mut self, i: usize) {
        if self.stations[i].is_up {
            return;
        }
        let lose_ack = self.dice.one_in(2);
        self.stations[i].restart(lose_ack);
        self.stations[i].inbox.set_hold_s(HOLD_S);
        self.recover(i);
        self.drive(i);
    }

    pub(crate) fn stop_station(&mut self, i: usize) {
        self.stations[i].is_up = false;
        self.hang_up(i);
    }

    /// The console notices that a station does not listen any more.
    pub(crate) fn hang_up(&mut self, i: usize) {
        self.held.retain(|(from, _), _| *from != i);
    }

    /// Lets a station send what it has to.
    pub(crate) fn drive(&mut self, i: usize) {
        if !self.stations[i].is_up {
            return;
        }
        let now = self.moment();
        match self.stations[i].inbox.poll_transmit(now) {
            Some(Ask::Page(request)) => self.ask(i, Message::AskPage(request.to_query())),
            Some(Ask::Keys) => self.ask(i, Message::AskKeys),
            None => {}
        }
        self.push(i, now);
        let station = &self.stations[i];
        let timeouts = [station.inbox.poll_timeout(), station.outbox.poll_timeout()];
        if let Some(next) = timeouts.into_iter().flatten().min() {
            let at_ms = START_MS + next.0.max(now.0 + 1);
            let is_sooner = station
                .wakes_at_ms
                .is_none_or(|other| at_ms < other || other <= self.now_ms);
            if is_sooner {
                self.stations[i].wakes_at_ms = Some(at_ms);
                self.at(at_ms, Event::Wake(i));
            }
        }
    }

    fn ask(&mut self, i: usize, message: Message) {
        let id = self.next + 1;
        self.stations[i].asked = Some(id);
        let hold = if matches!(message, Message::AskPage(_)) {
            u64::from(HOLD_S) * SECOND
        } else {
            0
        };
        self.send(i, id, message, hold + TIMEOUT);
    }

    fn push(&mut self, i: usize, now: Moment) {
        let random = self.dice.roll();
        let station = &mut self.stations[i];
        let Some(want) = station.outbox.poll_transmit(now) else {
            return;
        };
        let after = want.after as usize;
        let entries = station.disk.journal[after..].to_vec();
        let batch = station.outbox.batch(now, want, entries, random);
        let batch = batch.expect("no disk damages its journal here");
        let id = self.next + 1;
        self.stations[i].pushed = Some(id);
        self.send(i, id, Message::Push(batch.to_bytes()), TIMEOUT);
    }

    /// A request leaves a station. Whether it arrives or not, the station hears something in the end.
    fn send(&mut self, from: usize, id: u64, message: Message, timeout_ms: u64) {
        let life = self.stations[from].life;
        let broken = Event::ToStation {
            to: from,
            life,
            id,
            message: Message::Broken,
        };
        self.after(timeout_ms, broken);
        let doubled = self.is_flaky && self.dice.one_in(8);
        for _ in 0..1 + u64::from(doubled) {
            let delay = self.delay();
            let message = message.clone();
            let sent = Event::ToConsole {
                from,
                life,
                id,
                message,
            };
            if self.is_flaky && self.dice.one_in(10) {
                self.lose(from, life, id);
            } else {
                self.after(delay, sent);
            }
        }
    }

    fn delay(&mut self) -> u64 {
        if self.is_flaky && self.dice.one_in(10) {
            self.dice.between(SECOND, 40 * SECOND)
        } else {
            self.dice.between(1, 200)
        }
    }

    fn answer(&mut self, to: usize, life: u32, id: u64, message: Message) {
        if !self.stations[to].is_linked || (self.is_flaky && self.dice.one_in(10)) {
            return self.lose(to, life, id);
        }
        let delay = self.delay();
        self.after(
            delay,
            Event::ToStation {
                to,
                life,
                id,
                message,
            },
        );
    }

    /// Something was lost: the connection is dead, and the station notices in a while.
    pub(crate) fn lose(&mut self, to: usize, life: u32, id: u64) {
        let message = Message::Broken;
        self.after(
            KEEP_ALIVE,
            Event::ToStation {
                to,
                life,
                id,
                message,
            },
        );
    }

    fn at_console(&mut self, from: usize, life: u32, id: u64, message: Message) {
        if !self.stations[from].is_linked {
            return self.lose(from, life, id);
        }
        if !self.console_is_up {
            return self.answer(from, life, id, Message::Broken);
        }
        match message {
            Message::AskPage(query) => self.page_for(from, life, id, &query),
            Message::AskKeys => {
                let keys = Message::Keys(self.db.key_list().to_bytes());
                self.answer(from, life, id, keys);
            }
            Message::Push(bytes) => self.take_batch(from, life, id, &bytes),
            other => unreachable!("a station does not send {other:?}"),
        }
    }

    fn page_for(&mut self, from: usize, life: u32, id: u64, query: &str) {
        let request = FeedRequest::from_query(query).expect("a station asks in good form");
        if !self.give_page(from, life, id, &request, true) {
            self.held.insert((from, id), Held { life, request });
            self.after(
                u64::from(request.wait_s) * SECOND,
                Event::HoldEnds { from, life, id },
            );
        }
    }

    /// Answers a request; `false` if it is to be held.
    fn give_page(&mut self, to: usize, life: u32, id: u64, request: &FeedRequest, may_hold: bool) -> bool {
        let station = self.stations[to].disk.station;
        let page = self
            .db
            .page(station, request, self.now_ms, self.rows_max, may_hold);
        let message = match page {
            Ok(None) => return false,
            Ok(Some(page)) => {
                self.tally.pages += 1;
                let bytes = page.to_bytes();
                if self.kept.len() < 8 && self.dice.one_in(4) {
                    self.kept.push((station, bytes.clone()));
                }
                Message::Page(bytes)
            }
            Err(fault) => Message::Refused(fault.to_bytes()),
        };
        self.answer(to, life, id, message);
        true
    }

    fn end_hold(&mut self, from: usize, life: u32, id: u64) {
        if let Some(held) = self.held.remove(&(from, id)) {
            self.give_page(from, life, id, &held.request, false);
        }
    }

    /// The console's state changed: who waits for news gets it.
    pub(crate) fn news(&mut self) {
        check::console(&self.db);
        for ((to, id), held) in std::mem::take(&mut self.held) {
            if !self.give_page(to, held.life, id, &held.request, true) {
                self.held.insert((to, id), held);
            }
        }
    }

    fn take_batch(&mut self, from: usize, life: u32, id: u64, bytes: &[u8]) {
        self.tally.pushes += 1;
        let crash = if self.is_troubled && self.dice.one_in(60) {
            self.dice.below(2) + 1
        } else {
            0
        };
        if crash == 1 {
            // before the commit: nothing is stored, nobody hears anything
            return self.crash_console();
        }
        let station = self.stations[from].disk.station;
        let before = self.db.head;
        let answer = self.db.push(station, bytes);
        check::acknowledged(self, station, &answer);
        if crash == 2 {
            return self.crash_console();
        }
        if before != self.db.head {
            self.news();
        }
        self.answer(from, life, id, Message::Pushed(answer.to_bytes()));
    }

    pub(crate) fn crash_console(&mut self) {
        self.tally.crashes += 1;
        self.console_is_up = false;
        for ((to, id), held) in std::mem::take(&mut self.held) {
            self.answer(to, held.life, id, Message::Broken);
        }
        let pause = self.dice.between(SECOND, 10 * MINUTE);
        self.after(pause, Event::ConsoleStarts);
    }

    fn at_station(&mut self, to: usize, life: u32, id: u64, message: Message) {
        let station = &self.stations[to];
        if !station.is_up || station.life != life {
            return;
        }
        if station.pushed == Some(id) {
            self.stations[to].pushed = None;
            self.pushed(to, message);
        } else if station.asked == Some(id) {
            self.stations[to].asked = None;
            self.held.remove(&(to, id));
            self.asked(to, message);
        }
        self.drive(to);
    }

    fn pushed(&mut self, to: usize, message: Message) {
        let (now, random) = (self.moment(), self.dice.roll());
        let Station { outbox, disk, .. } = &mut self.stations[to];
        match message {
            Message::Pushed(bytes) => {
                let answer = PushAnswer::from_bytes(&bytes).expect("the console's own bytes");
                outbox.handle_answer(now, &answer, |sequence| disk.hash_at(sequence), random);
                self.stations[to].note_ack();
            }
            Message::Broken => outbox.handle_failure(now, random),
            other => unreachable!("{other:?} answers no push"),
        }
    }

    fn asked(&mut self, to: usize, message: Message) {
        let (now, random) = (self.moment(), self.dice.roll());
        let inbox = &mut self.stations[to].inbox;
        match message {
            Message::Page(bytes) => self.page_arrives(to, bytes),
            Message::Refused(bytes) => {
                let fault = FeedFault::from_bytes(&bytes).expect("the console's own bytes");
                inbox.handle_refusal(now, &fault, random);
            }
            Message::Keys(bytes) => {
                let taken = inbox.handle_keys(now, &bytes, random);
                self.stations[to].disk.inbox = self.stations[to].inbox.state().clone();
                assert!(taken.is_ok() || self.db.keys.is_empty(), "{taken:?}");
            }
            Message::Broken => inbox.handle_failure(now, random),
            other => unreachable!("{other:?} answers no question"),
        }
    }

    fn page_arrives(&mut self, to: usize, mut bytes: Vec<u8>) {
        // Somebody in between shows a page of another day.
        if self.is_troubled && self.dice.one_in(25) {
            let own = self.stations[to].disk.station;
            let mut others = self.kept.iter().filter(|(station, _)| *station == own);
            if let Some((_, kept)) = others.next_back() {
                bytes.clone_from(kept);
            }
        }
        let (now, random) = (self.moment(), self.dice.roll());
        let Ok(step) = self.stations[to].inbox.handle_page(now, &bytes, random) else {
            return;
        };
        self.tally.snapshots += u64::from(step.begins);
        let completes = step.completes;
        if self.is_troubled && self.dice.one_in(200) {
            // The power fails before the commit.
            return self.fail_power(to);
        }
        self.stations[to].commit(step);
        if self.is_troubled && self.dice.one_in(200) {
            return self.fail_power(to);
        }
        self.stations[to].applied(completes, now, random);
        check::station(self, to);
    }

    pub(crate) fn fail_power(&mut self, i: usize) {
        self.tally.crashes += 1;
        self.stop_station(i);
        let pause = self.dice.between(10 * SECOND, 20 * MINUTE);
        self.after(pause, Event::StationStarts(i));
    }
}
