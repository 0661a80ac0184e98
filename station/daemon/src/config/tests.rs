use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

/// The file's text, then the code and a part of the whole message.
fn check(text: &str, expected: Result<(), (Code, &str)>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("station.toml");
    std::fs::write(&path, text).unwrap();
    let outcome = Config::load(&path);
    match (outcome, expected) {
        (Ok(_), Ok(())) => {}
        (Err(problem), Err((code, part))) => {
            assert_eq!(problem.code, code, "{problem}");
            assert!(problem.to_string().contains(part), "{problem}");
        }
        (outcome, expected) => panic!("{text:?}: {outcome:?}, expected {expected:?}"),
    }
}

#[test]
fn faults_are_named() {
    use Code::*;
    check("# all defaults\n", Ok(()));
    check("", Err((ConfigEmpty, "nothing in it")));
    check(" \n\t\n", Err((ConfigEmpty, "nothing in it")));
    check("[station", Err((ConfigSyntax, "line 1")));
    check(
        "[api]\nsocket = \"/a\"\nsocket = \"/b\"",
        Err((ConfigSyntax, "line 3")),
    );
    check(
        "[api]\nsockett = \"/a\"",
        Err((ConfigUnknownKey, "line 2: unknown key `sockett` in [api]")),
    );
    check(
        "[api]\nsockett = \"/a\"",
        Err((ConfigUnknownKey, "did you mean `socket`?")),
    );
    check("[apy]\n", Err((ConfigUnknownKey, "did you mean [api]?")));
    check("[telemetry]\n", Err((ConfigUnknownKey, "remove it")));
    check("level = 1\n", Err((ConfigUnknownKey, "unknown section [level]")));
    check("[radio]\nnear_dbm = \"loud\"", Err((ConfigWrongType, "line 2")));
    check("radio = 3", Err((ConfigWrongType, "line 1")));
    check("[radio]\nnear_dbm = 5", Err((ConfigValue, "-100 to -20")));
    check(
        "[radio]\nadapter = \"../hci0\"",
        Err((ConfigValue, "names no adapter")),
    );
    check("[log]\nformat = \"xml\"", Err((ConfigWrongType, "xml")));
    check("[kiosk]\noperator_bands = true", Ok(()));
    check(
        "[kiosk]\noperator_bands = \"no\"",
        Err((ConfigWrongType, "line 2")),
    );
    check("[log]\nlevel = \"\"", Err((ConfigValue, "no level")));
    check(
        "[station]\ndata_directory = \"data\"",
        Err((ConfigValue, "not an absolute path")),
    );
    check(
        "[enrollment]\nband_seconds_max = 1000",
        Err((ConfigValue, "outside 5 to 600")),
    );
    check(
        "[api]\nlisten = \"0.0.0.0:80\"\ntoken_file = \"/t\"",
        Err((ConfigValue, "other machines")),
    );
    check(
        "[api]\nlisten = \"127.0.0.1:7373\"",
        Err((ConfigValue, "token_file")),
    );
    check("[api]\ntoken_file = \"/t\"", Err((ConfigValue, "api.listen")));
    check("[api]\nlisten = \"[::1]:0\"\ntoken_file = \"/t\"", Ok(()));
    check(
        &"#".repeat((1 << 20) + 1),
        Err((ConfigTooLarge, "more than 1 MiB")),
    );
    check(
        &format!("{} = 1", "k".repeat(1 << 19)),
        Err((ConfigUnknownKey, "unknown section")),
    );
    check(
        &format!("a = {}", "[".repeat(100_000)),
        Err((ConfigSyntax, "line 1")),
    );
}

#[test]
fn files_that_are_not_plain_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let code = |path: PathBuf| Config::load(&path).unwrap_err().code;
    assert_eq!(code(at("missing.toml")), Code::ConfigMissing);
    assert_eq!(code(folder.path().into()), Code::ConfigUnreadable);
    std::fs::write(at("real.toml"), "# real").unwrap();
    symlink(at("real.toml"), at("link.toml")).unwrap();
    let problem = Config::load(&at("link.toml")).unwrap_err();
    assert!(problem.why.contains("symbolic link"), "{problem}");
    std::fs::set_permissions(at("real.toml"), PermissionsExt::from_mode(0o666)).unwrap();
    assert!(
        Config::load(&at("real.toml"))
            .unwrap_err()
            .why
            .contains("everybody may write")
    );
    std::fs::write(at("latin.toml"), b"# \xe9").unwrap();
    assert_eq!(code(at("latin.toml")), Code::ConfigUnreadable);
}

#[test]
fn secrets_that_others_can_read_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    assert_eq!(read_secret(&path, "key").unwrap_err().code, Code::SecretUnusable);
    std::fs::write(&path, "secret").unwrap();
    for (mode, fine) in [
        (0o600, true),
        (0o400, true),
        (0o640, false),
        (0o604, false),
        (0o620, false),
    ] {
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        let outcome = read_secret(&path, "key")
            .map(|bytes| bytes.to_vec())
            .map_err(|problem| problem.code);
        assert_eq!(
            outcome,
            if fine {
                Ok(b"secret".to_vec())
            } else {
                Err(Code::SecretExposed)
            },
            "{mode:o}"
        );
    }
}

#[test]
fn the_example_shows_every_key_with_its_default() {
    let text = include_str!("../../example.toml");
    assert_eq!(Config::parse(text).unwrap(), Config::default());
    let known = serde_json::to_value(Config::default()).unwrap();
    for section in keys(&known) {
        let (_, body) = text.split_once(&format!("[{section}]")).expect(section);
        let body = body.split("\n[").next().unwrap();
        for key in keys(&known[section]) {
            let shown = body
                .lines()
                .any(|line| line.trim_start_matches("# ").starts_with(&format!("{key} = ")));
            assert!(shown, "[{section}] {key} is missing from example.toml");
        }
    }
}

#[test]
fn suggestions_are_near() {
    let known = ["socket", "group", "listen", "token_file"];
    for (word, expected) in [
        ("sokcet", Some("socket")),
        ("tokenfile", Some("token_file")),
        ("zzz", None),
        ("", None),
    ] {
        assert_eq!(nearest(word, known.into_iter()), expected, "{word}");
    }
}
