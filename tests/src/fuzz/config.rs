//! The daemon's configuration.

use station_daemon::config::Config;

use super::Input;

/// A configuration is taken and says the same when it is written and read again, or it is refused with a cause and
/// a way on.
pub(super) fn config(bytes: &[u8]) {
    match Config::from_text(&String::from_utf8_lossy(bytes)) {
        Ok(config) => {
            let text = toml::to_string(&config).expect("a configuration has a form in TOML");
            let again = Config::from_text(&text).expect("what was taken is taken again");
            assert_eq!(again, config);
        }
        Err(problem) => {
            assert!(!problem.why.is_empty() && !problem.next.is_empty(), "{problem}");
            assert_eq!(problem.why.lines().count(), 1, "{problem}");
        }
    }
}

pub(super) fn configs() -> Vec<Input> {
    let path = crate::root().join("station/daemon/example.toml");
    let example = std::fs::read_to_string(path).expect("the documented example");
    vec![
        Input::new("example", example.replace("# ", "").into_bytes()),
        Input::new("documented", example),
        Input::new("empty", ""),
        Input::new("slip", "[radio]\nnear_dmb = -60\n"),
        Input::new("wrong_type", "[api]\nlisten = 7\n[log]\nlevel = []\n"),
        Input::new("out_of_range", "[radio]\nnear_dbm = 32767\nlead_db = -1\n"),
    ]
}
