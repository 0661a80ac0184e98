//! Gives libFuzzer the target that `BANDSTAND_TARGET` names.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;

static TARGET: LazyLock<tests::fuzz::Target> = LazyLock::new(|| {
    let name = std::env::var("BANDSTAND_TARGET").expect("BANDSTAND_TARGET names a target");
    tests::fuzz::target(&name).expect("a target of tests/src/fuzz")
});

fuzz_target!(|bytes: &[u8]| (TARGET.run)(bytes));
