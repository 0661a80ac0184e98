//! Signal strength that a person can tap by: the average of the last ten advertisements.
//!
//! A single reading jumps by 10 dB when somebody moves an arm. Ten advertisements are one second.

/// Advertisements that are averaged.
pub const WINDOW: usize = 10;

/// Stands for a strength that nobody measured: as far away as can be.
pub const FLOOR_DBM: i16 = -127;

/// What a controller reports when it does not know the strength.
const UNKNOWN_DBM: i16 = 127;

/// A ring of the last [`WINDOW`] readings of one device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Smoothed {
    readings: [i16; WINDOW],
    filled: usize,
    next: usize,
}

impl Smoothed {
    /// Takes one reading in dBm. Readings outside of -127 to 20 are not readings and change nothing.
    pub fn push(&mut self, rssi_dbm: i16) {
        if rssi_dbm == UNKNOWN_DBM || !(FLOOR_DBM..=20).contains(&rssi_dbm) {
            return;
        }
        self.readings[self.next] = rssi_dbm;
        self.next = (self.next + 1) % WINDOW;
        self.filled = (self.filled + 1).min(WINDOW);
    }

    /// The average in dBm, rounded to the nearest; `None` before the first reading.
    pub fn dbm(&self) -> Option<i16> {
        let count = i32::try_from(self.filled).ok().filter(|count| *count > 0)?;
        let sum: i32 = self.readings[..self.filled]
            .iter()
            .map(|reading| i32::from(*reading))
            .sum();
        i16::try_from((sum - count / 2) / count).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(readings: &[i16], expected: Option<i16>) {
        let mut smoothed = Smoothed::default();
        readings.iter().for_each(|reading| smoothed.push(*reading));
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
        let mut smoothed = Smoothed::default();
        (0..WINDOW).for_each(|_| smoothed.push(-50));
        smoothed.push(-90);
        assert_eq!(smoothed.dbm(), Some(-54));
    }
}
