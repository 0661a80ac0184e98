//! What the air does to single values.

use std::collections::VecDeque;

/// What happens to one value on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disturbance {
    /// It does not arrive.
    Lose,
    /// It arrives twice.
    Repeat,
    /// It arrives after the one that follows it, as with several ATT bearers on one link.
    Delay,
}

/// The disturbances of one direction, for the next values.
#[derive(Debug)]
pub(super) struct Disturbed<T> {
    next: VecDeque<Disturbance>,
    delayed: Option<T>,
}

impl<T> Default for Disturbed<T> {
    fn default() -> Self {
        Self {
            next: VecDeque::new(),
            delayed: None,
        }
    }
}

impl<T: Clone> Disturbed<T> {
    pub(super) fn arrange(&mut self, disturbance: Disturbance, count: u32) {
        self.next.extend((0..count).map(|_| disturbance));
    }

    /// What arrives when `value` is sent. Counts losses.
    pub(super) fn pass(&mut self, value: T, lost: &mut u64) -> Vec<T> {
        let mut arrivals = match self.next.pop_front() {
            None => vec![value],
            Some(Disturbance::Lose) => {
                *lost += 1;
                Vec::new()
            }
            Some(Disturbance::Repeat) => vec![value.clone(), value],
            Some(Disturbance::Delay) => return self.delayed.replace(value).into_iter().collect(),
        };
        arrivals.extend(self.delayed.take());
        arrivals
    }

    /// The link is gone, and with it what was delayed.
    pub(super) fn forget_delayed(&mut self) {
        self.delayed = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Disturbance::{Delay, Lose, Repeat};

    /// Disturbances of the first values of 0, 1, 2, 3: what arrives.
    fn check(disturbances: &[Disturbance], expected: &[u8]) {
        let mut air = Disturbed::default();
        disturbances
            .iter()
            .for_each(|disturbance| air.arrange(*disturbance, 1));
        let mut lost = 0;
        let arrivals: Vec<u8> = (0..4).flat_map(|value| air.pass(value, &mut lost)).collect();
        assert_eq!(arrivals, expected, "{disturbances:?}");
        assert_eq!(lost, disturbances.iter().filter(|it| **it == Lose).count() as u64);
    }

    #[test]
    fn values_are_lost_repeated_and_delayed() {
        check(&[], &[0, 1, 2, 3]);
        check(&[Lose], &[1, 2, 3]);
        check(&[Lose, Lose], &[2, 3]);
        check(&[Repeat], &[0, 0, 1, 2, 3]);
        check(&[Delay], &[1, 0, 2, 3]);
        check(&[Delay, Delay], &[0, 2, 1, 3]);
        check(&[Delay, Repeat], &[1, 1, 0, 2, 3]);
        check(&[Delay, Delay, Delay, Delay], &[0, 1, 2]);
    }
}
