//! What people do, and what goes wrong.

use policy::merge::{Event as What, Verdict};
use policy::model::{Association, AssociationId, Band, StockState, UserStatus};

use crate::console::ZONES;
use crate::keys;
use crate::plant::SITES;
use crate::station::Station;
use crate::world::{DAY, Event, HOUR, MINUTE, SECOND, World};

impl World {
    /// Somebody does something.
    pub(crate) fn activity(&mut self) {
        match self.dice.below(10) {
            0..=6 => self.enrollment(),
            7 => self.small_record(),
            _ => self.administration(),
        }
        let pause = (self.until_ms - crate::world::START_MS) / 50;
        let pause = self.dice.between(SECOND, 2 * pause);
        self.after(pause, Event::Activity);
    }

    fn small_record(&mut self) {
        let i = self.dice.below(self.stations.len() as u64) as usize;
        if self.stations[i].is_up {
            self.stations[i].append(self.now_ms, b"refused".to_vec());
            self.drive(i);
        }
    }

    fn enrollment(&mut self) {
        let i = self.dice.below(self.stations.len() as u64) as usize;
        let b = self.dice.below(self.bands.len() as u64) as usize;
        let people: Vec<_> = self.db.people.keys().cloned().collect();
        let user = self.dice.one_of(&people).expect("there are people").clone();
        let zone = ZONES[usize::from(self.dice.one_in(6))];
        if !self.stations[i].is_up || self.stations[i].disk.intent.is_some() {
            return;
        }
        let held = self.bands[b].holders.values().any(|(holder, _)| *holder != user);
        if held && self.dice.one_in(2) {
            self.bands[b].delete_user_data();
        } else if held {
            return;
        }
        let id = AssociationId(self.dice.bytes());
        let decided = self.stations[i].decide(&user, &self.bands[b], zone, id, self.now_ms);
        let Some(what) = decided else {
            self.tally.refused += 1;
            return;
        };
        self.tally.enrollments += 1;
        self.stations[i].append(self.now_ms, b"intent".to_vec());
        self.stations[i].disk.intent = Some(what.clone());
        if self.dice.one_in(30) {
            return self.fail_power(i);
        }
        self.bands[b].commit(&what);
        if self.dice.one_in(30) {
            return self.fail_power(i);
        }
        self.close_intent(i);
        self.drive(i);
    }

    /// The band has said that it committed: it stands in the journal, and the intent is closed.
    fn close_intent(&mut self, i: usize) {
        let station = &mut self.stations[i];
        if let Some(what) = station.disk.intent.take() {
            let record = serde_json::to_vec(&What::Associated(what)).expect("memory takes everything");
            station.append(self.now_ms, record);
        }
    }

    /// After a start: what an open intent came to, the band says.
    pub(crate) fn recover(&mut self, i: usize) {
        self.stations[i].append(self.now_ms, b"started".to_vec());
        let Some(what) = self.stations[i].disk.intent.clone() else {
            return;
        };
        let band = self.bands.iter().find(|band| band.serial == what.band);
        if band.expect("bands stay").commits.contains(&what) {
            self.close_intent(i);
        } else {
            self.stations[i].disk.intent = None;
            self.stations[i].append(self.now_ms, b"rolled back".to_vec());
        }
    }

    fn administration(&mut self) {
        if !self.console_is_up {
            return;
        }
        let people: Vec<_> = self.db.people.keys().cloned().collect();
        let user = self.dice.one_of(&people).expect("there are people").clone();
        match self.dice.below(12) {
            0 => self.act(What::UserStands {
                user,
                status: UserStatus::Departed,
            }),
            1 => self.act(What::UserStands {
                user,
                status: UserStatus::Active,
            }),
            2 => self.act(What::UserSuspended {
                user,
                note: "away".into(),
            }),
            3 => self.act(What::UserResumed { user }),
            4 => self.about_a_band(),
            5 => {
                let site = self.dice.one_of(&SITES).expect("there are sites");
                self.db.move_person(&user, site);
            }
            6 => {
                let policy = ["plain", "free", "free"][self.dice.below(3) as usize];
                self.db.switch_policy(policy);
            }
            7 => self.settle(),
            _ => self.about_an_association(),
        }
        self.news();
    }

    fn act(&mut self, event: What) {
        self.db.act(self.now_ms, event);
    }

    fn about_a_band(&mut self) {
        let band = self.dice.one_of(&self.bands).expect("there are bands");
        let (serial, seos) = (band.serial, band.seos);
        let states = [
            StockState::InStock,
            StockState::InStock,
            StockState::Lost,
            StockState::Damaged,
        ];
        let stock = states[self.dice.below(4) as usize];
        self.act(What::BandStands {
            band: Band { serial, seos, stock },
        });
    }

    fn about_an_association(&mut self) {
        let open: Vec<AssociationId> = {
            let all = self.db.ledger.state().associations.values();
            all.filter(|it: &&Association| it.is_open())
                .map(|it| it.id)
                .collect()
        };
        let Some(association) = self.dice.one_of(&open).copied() else {
            return;
        };
        let note = String::new();
        let event = match self.dice.below(6) {
            0 => What::AssociationSuspended { association, note },
            1 => What::AssociationResumed { association },
            2 => What::MadeActive { association },
            3 => What::MadeInactive { association },
            _ => What::Disconnected { association },
        };
        self.act(event);
    }

    fn settle(&mut self) {
        let waiting: Vec<AssociationId> = self.db.ledger.state().quarantine.keys().copied().collect();
        if let Some(association) = self.dice.one_of(&waiting).copied() {
            let verdict = if self.dice.one_in(2) {
                Verdict::Keep
            } else {
                Verdict::Reject
            };
            self.act(What::Settled { association, verdict });
        }
    }

    /// Something goes wrong.
    pub(crate) fn fault(&mut self) {
        let i = self.dice.below(self.stations.len() as u64) as usize;
        match self.dice.below(24) {
            0..=3 if self.stations[i].is_up => self.fail_power(i),
            4..=9 => self.cut_off(i),
            10..=11 if self.console_is_up => self.crash_console(),
            12..=13 => self.backup = Some(self.db.clone()),
            14 => self.restore(),
            15 => self.copy_station(i),
            16 => self.save_or_set_back(i),
            17 => {
                let day = self.dice.between(1, DAY) as i64;
                self.stations[i].skew_ms = if self.dice.one_in(2) { day } else { -day };
            }
            18..=19 => self.rotate(),
            20 => {
                let site = self.dice.one_of(&SITES).expect("there are sites");
                self.db.move_station(self.stations[i].disk.station, site);
                self.news();
            }
            21 => self.db.prune(),
            22 if self.dice.one_in(4) => self.revoke(i),
            _ => {}
        }
        let pause = (self.until_ms - crate::world::START_MS) / 20;
        let pause = self.dice.between(MINUTE, 2 * pause.max(MINUTE));
        self.after(pause, Event::Fault);
    }

    fn cut_off(&mut self, i: usize) {
        self.tally.partitions += 1;
        self.stations[i].is_linked = false;
        let is_long = self.until_ms > crate::world::START_MS + 30 * DAY;
        let longest = if is_long && self.dice.one_in(3) {
            30 * DAY
        } else {
            10 * HOUR
        };
        let pause = self.dice.between(SECOND, longest);
        self.after(pause, Event::Link(i));
        self.hang_up(i);
        let life = self.stations[i].life;
        if let Some(id) = self.stations[i].asked {
            self.lose(i, life, id);
        }
    }

    /// The console's database is replaced by its backup, which begins another life.
    fn restore(&mut self) {
        let Some(mut backup) = self.backup.clone().filter(|_| self.has_secrets()) else {
            return;
        };
        self.tally.restores += 1;
        if self.console_is_up {
            self.crash_console();
        }
        backup.lineage = server_sync::Lineage(self.dice.bytes());
        // Whoever restores revokes again what was revoked since.
        for (key, known) in &self.db.stations {
            if known.line.standing == server_sync::journal::Standing::Revoked {
                backup.revoke(*key);
            }
        }
        self.tally.rotations += 1;
        backup.rotate(self.now_ms, self.tally.rotations as u32 + 1);
        self.db = backup;
        self.kept.clear();
    }

    fn rotate(&mut self) {
        if self.has_secrets() {
            self.tally.rotations += 1;
            self.db.rotate(self.now_ms, self.tally.rotations as u32 + 1);
        }
    }

    fn has_secrets(&self) -> bool {
        self.tally.rotations < keys::COUNT as u64 - 2
    }

    /// Somebody puts the image of one station's disk into another machine.
    fn copy_station(&mut self, i: usize) {
        if self.stations.len() >= 24 || !self.dice.one_in(3) {
            return;
        }
        self.tally.copies += 1;
        let mut copy = Station::new(self.stations[i].disk.clone());
        copy.is_up = false;
        copy.is_suspect = true;
        self.stations[i].is_suspect = true;
        self.stations.push(copy);
        self.start_station(self.stations.len() - 1);
    }

    /// Somebody keeps the image of a disk, and puts it back another day.
    fn save_or_set_back(&mut self, i: usize) {
        let Some(old) = self.saved_disks.remove(&i) else {
            self.saved_disks.insert(i, self.stations[i].disk.clone());
            return;
        };
        self.tally.copies += 1;
        let journal = std::mem::take(&mut self.stations[i].disk.journal);
        let is_behind = journal.len() > old.journal.len();
        self.ghosts.push(journal);
        self.stop_station(i);
        let key = old.station;
        self.stations[i].disk = old;
        if is_behind {
            let same = self.stations.iter_mut().filter(|it| it.disk.station == key);
            same.for_each(|it| it.is_suspect = true);
        }
        self.start_station(i);
    }

    fn revoke(&mut self, i: usize) {
        let key = self.stations[i].disk.station;
        self.db.revoke(key);
        let same = self.stations.iter_mut().filter(|it| it.disk.station == key);
        same.for_each(|it| it.is_suspect = true);
        self.news();
    }
}
