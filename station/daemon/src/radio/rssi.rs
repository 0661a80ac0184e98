//! Signal strength that a person can tap by: the average of the last ten advertisements, if they are recent.
//!
//! A single reading jumps by 10 dB when somebody moves an arm. Ten advertisements are one second. An adapter that
//! reports a band once per scan gives a reading every second or two; there an old one says where the band was.

use std::time::Duration;

use firmware_protocol::time::Instant;

/// Advertisements that are averaged.
pub const WINDOW: usize = 10;

/// A reading so much older than the newest is not averaged with it.
pub const WINDOW_AGE: Duration = Duration::from_millis(1500);

/// Stands for a strength that nobody measured: as far away as can be.
pub const FLOOR_DBM: i16 = -127;

/// What a controller reports when it does not know the strength.
const UNKNOWN_DBM: i16 = 127;

/// A ring of the last [`WINDOW`] readings of one device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Smoothed {
    readings: [(Instant, i16); WINDOW],
    filled: usize,
    next: usize,
}

impl Smoothed {
    /// Takes one reading in dBm. Readings outside of -127 to 20 are not readings and change nothing.
    pub fn push(&mut self, now: Instant, rssi_dbm: i16) {
        if rssi_dbm == UNKNOWN_DBM || !(FLOOR_DBM..=20).contains(&rssi_dbm) {
            return;
        }
        self.readings[self.next] = (now, rssi_dbm);
        self.next = (self.next + 1) % WINDOW;
        self.filled = (self.filled + 1).min(WINDOW);
    }

    /// The average in dBm, rounded to the nearest; `None` before the first reading.
    pub fn dbm(&self) -> Option<i16> {
        let readings = &self.readings[..self.filled];
        let newest = readings.iter().map(|(at, _)| *at).max()?;
        let recent = readings.iter().filter(|(at, _)| newest.since(*at) <= WINDOW_AGE);
        let (count, sum) = recent.fold((0, 0), |(count, sum), (_, dbm)| {
            (count + 1, sum + i32::from(*dbm))
        });
        i16::try_from((sum - count / 2) / count).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::from_micros(ms * 1000)
    }

    /// One reading each 100 ms.
    fn check(readings: &[i16], expected: Option<i16>) {
        let mut smoothed = Smoothed::default();
        for (index, reading) in readings.iter().enumerate() {
            smoothed.push(at(100 * index as u64), *reading);
        }
        assert_eq!(smoothed.dbm(), expected, "{readings:?}");
    }

    #[test]
    fn the_last_ten_readings_are_averaged() {
        check(&[], None);
        check(&[-60], Some(-60));
        check(&[-60, -70], Some(-65));
        check(&[-60, -61, -61], Some(-61));
        check(&[-60, -60, -61], Some(-60));
        check(
            &[-90, -50, -50, -50, -50, -50, -50, -50, -50, -50, -50],
            Some(-50),
        );
        check(&[-40, -80, -80, -80, -80, -80, -80, -80, -80, -80], Some(-76));
    }

    #[test]
    fn what_is_no_reading_is_left_out() {
        check(&[127], None);
        check(&[-60, 127, 300, -128, i16::MIN], Some(-60));
    }

    #[test]
    fn one_jump_moves_the_average_by_a_tenth() {
        let steady = [-50; WINDOW];
        check(&[&steady[..], &[-90]].concat(), Some(-54));
    }

    #[test]
    fn a_band_heard_seldom_is_where_it_was_heard_last() {
        let mut smoothed = Smoothed::default();
        smoothed.push(at(0), -90);
        smoothed.push(at(1500), -50);
        assert_eq!(smoothed.dbm(), Some(-70));
        smoothed.push(at(3001), -50);
        assert_eq!(smoothed.dbm(), Some(-50));
    }
}
