//! Running targets over inputs, catching what they bring out.

use std::fmt;
use std::panic::catch_unwind;

use super::mutate::{Random, mutated};
use super::{Input, Target};

/// An input that a target must not fail on, but does.
#[derive(Clone, PartialEq, Eq)]
pub struct Finding {
    /// The target's name.
    pub target: &'static str,
    /// The input, made as small as was easy.
    pub input: Vec<u8>,
    /// Where it came from: a file's name, or a seed and the number of the case.
    pub source: String,
}

impl fmt::Debug for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "target {} fails on {} bytes from {}: ",
            self.target,
            self.input.len(),
            self.source
        )?;
        self.input.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Gives each input to the target as it is.
pub fn replay(target: &Target, corpus: &[Input]) -> Result<(), Finding> {
    match corpus.iter().find(|input| fails(target, &input.bytes)) {
        None => Ok(()),
        Some(Input { name, bytes }) => Err(Finding {
            target: target.name,
            input: bytes.clone(),
            source: name.clone(),
        }),
    }
}

/// Changes inputs of the corpus `cases` times and gives each to the target. The same seed, corpus and
/// number of cases do the same on every machine.
pub fn explore(target: &Target, corpus: &[Input], seed: u64, cases: u64) -> Result<(), Finding> {
    let corpus: Vec<Vec<u8>> = corpus.iter().map(|input| input.bytes.clone()).collect();
    let mut random = Random::new(seed);
    for case in 0..cases {
        let input = mutated(&corpus, &mut random);
        if fails(target, &input) {
            let source = format!("seed {seed}, case {case}");
            return Err(Finding {
                target: target.name,
                input: smaller(target, input),
                source,
            });
        }
    }
    Ok(())
}

fn fails(target: &Target, bytes: &[u8]) -> bool {
    catch_unwind(|| (target.run)(bytes)).is_err()
}

/// Takes pieces out, large ones first, as long as the input still fails.
fn smaller(target: &Target, mut input: Vec<u8>) -> Vec<u8> {
    let mut piece = input.len() / 2;
    while piece > 0 {
        let mut at = 0;
        while at + piece <= input.len() {
            let mut tried = input.clone();
            tried.drain(at..at + piece);
            if fails(target, &tried) {
                input = tried;
            } else {
                at += piece;
            }
        }
        piece /= 2;
    }
    input
}
