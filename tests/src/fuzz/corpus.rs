//! The committed inputs: one folder per target, one file per input.

use std::path::PathBuf;

use anyhow::{Context, Result};

use super::{Input, Target};

/// Where a target's inputs are.
pub fn corpus_dir(target: &Target) -> PathBuf {
    crate::root().join("tests/fuzz/corpora").join(target.name)
}

/// The inputs of a target: the committed ones in the order of their names, then today's well-formed ones. What
/// was well-formed once stays committed, so that old bytes are read for ever.
pub fn corpus(target: &Target) -> Result<Vec<Input>> {
    let dir = corpus_dir(target);
    let files = std::fs::read_dir(&dir).with_context(|| format!("no corpus in {}", dir.display()))?;
    let mut inputs = files.map(|file| read(file?.path())).collect::<Result<Vec<_>>>()?;
    inputs.sort_by(|a, b| a.name.cmp(&b.name));
    inputs.extend((target.seeds)());
    Ok(inputs)
}

fn read(path: PathBuf) -> Result<Input> {
    let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    Ok(Input::new(name, bytes))
}

/// Writes the target's well-formed inputs into its corpus; other files stay.
pub fn write_seeds(target: &Target) -> Result<()> {
    let dir = corpus_dir(target);
    std::fs::create_dir_all(&dir)?;
    for Input { name, bytes } in (target.seeds)() {
        std::fs::write(dir.join(name).with_extension("bin"), bytes)?;
    }
    Ok(())
}
