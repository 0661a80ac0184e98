//! Bytes as a script: what happens to one end of a link, step by step.
//!
//! ```text
//!   00 len bytes   a value arrives        03 n   the station asks for request n of its list
//!   01 n           n times 50 ms pass     04     the link is lost and made again
//!   02 n           the wearer does n      else   nothing
//! ```

use std::time::Duration;

/// Steps taken of one script; the rest is ignored.
const STEPS_MAX: usize = 300;
const TICK: Duration = Duration::from_millis(50);

pub(super) enum Step<'a> {
    Frame(&'a [u8]),
    Wait(Duration),
    Wearer(u8),
    Request(u8),
    Reconnect,
}

/// The steps of a script. Any bytes are one.
pub(super) fn steps(mut script: &[u8]) -> impl Iterator<Item = Step<'_>> {
    std::iter::from_fn(move || {
        loop {
            let (&operation, rest) = script.split_first()?;
            script = rest;
            let argument = script.first().copied();
            let step = match (operation, argument) {
                (0, Some(len)) => {
                    let (frame, rest) = script[1..].split_at(usize::from(len).min(script.len() - 1));
                    script = rest;
                    return Some(Step::Frame(frame));
                }
                (1, Some(n)) => Step::Wait(TICK * u32::from(n)),
                (2, Some(n)) => Step::Wearer(n),
                (3, Some(n)) => Step::Request(n),
                (4, _) => return Some(Step::Reconnect),
                _ => continue,
            };
            script = &script[1..];
            return Some(step);
        }
    })
    .take(STEPS_MAX)
}

/// A value of at most 255 bytes arrives.
pub(super) fn frame(value: &[u8]) -> Vec<u8> {
    let len = u8::try_from(value.len()).expect("a value fits a frame");
    [&[0, len], value].concat()
}

pub(super) fn wait(time: Duration) -> [u8; 2] {
    [
        1,
        u8::try_from(time.as_millis() / TICK.as_millis()).expect("at most 12 seconds"),
    ]
}

pub(super) fn wearer(action: u8) -> [u8; 2] {
    [2, action]
}

pub(super) fn request(number: u8) -> [u8; 2] {
    [3, number]
}
