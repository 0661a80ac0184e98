//! The exact bytes of everything that crosses the air or is kept, per version. `v01.txt` is the file: a
//! line is a name and hex. A line never changes; a new version gets a new file, and old lines are read for
//! ever. Missing lines are written by a run with `BLESS=1`.

mod samples;
mod v01;

/// The encodings of one message of each direction, by any number.
pub(crate) fn all_messages(which: usize) -> [Vec<u8>; 2] {
    let (requests, answers) = (samples::requests(), samples::answers());
    [
        requests[which % requests.len()].1.encode(),
        answers[which % answers.len()].1.encode(),
    ]
}
