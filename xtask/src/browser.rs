//! What tests of pages need: a browser, its driver, and the script that finds barriers.

use std::process::{Command, Stdio};

use crate::exec;

/// The script, by its name at npm, and the folder it is put into.
const AXE: &str = "axe-core@4";
const FOLDER: &str = "target/tools";

/// Installs the script by npm where there is npm; without it pages are tried all the same.
pub(crate) fn provide_axe(may_install: bool) {
    let folder = exec::root().join(FOLDER);
    if folder.join("node_modules/axe-core/axe.min.js").exists() {
        return;
    }
    let by_hand = format!(
        "missing, barriers on pages are not looked for; `npm install --prefix {FOLDER} {AXE}` brings it"
    );
    if !may_install || !exec::answers("npm", &["--version"]) {
        println!("axe-core: {by_hand}");
        return;
    }
    let mut npm = Command::new("npm");
    npm.args([
        "install",
        "--prefix",
        FOLDER,
        "--no-audit",
        "--no-fund",
        "--silent",
        "--ignore-scripts",
        AXE,
    ])
    .current_dir(exec::root())
    .stdin(Stdio::null());
    match exec::run(&mut npm) {
        Ok(()) => println!("axe-core: was missing; installed in {FOLDER}"),
        Err(error) => println!("axe-core: {by_hand} (tried: {error:#})"),
    }
}
