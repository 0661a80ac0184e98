//! Two ends of different age.

use server_sync::{NoCommonVersion, Version, Versions};

fn versions(oldest: u8, newest: u8) -> Versions {
    Versions {
        oldest: Version(oldest),
        newest: Version(newest),
    }
}

#[track_caller]
fn check(ours: (u8, u8), theirs: (u8, u8), expected: Option<u8>) {
    let (ours, theirs) = (versions(ours.0, ours.1), versions(theirs.0, theirs.1));
    let refused = |ours, theirs| Err(NoCommonVersion { ours, theirs });
    let expect = |ours, theirs| expected.map_or_else(|| refused(ours, theirs), |it| Ok(Version(it)));
    assert_eq!(ours.common(theirs), expect(ours, theirs));
    assert_eq!(theirs.common(ours), expect(theirs, ours));
}

#[test]
fn the_newest_version_of_both_is_spoken() {
    check((1, 1), (1, 1), Some(1));
    check((1, 2), (1, 1), Some(1));
    check((1, 3), (2, 5), Some(3));
    check((2, 2), (1, 1), None);
    check((1, 2), (3, 4), None);
    check((0, 255), (7, 7), Some(7));
}

#[track_caller]
fn check_text(text: &str, expected: Option<(u8, u8)>) {
    let read = text.parse::<Versions>().ok();
    assert_eq!(read, expected.map(|(a, b)| versions(a, b)), "{text:?}");
    if let Some(read) = read {
        assert_eq!(read.to_string().parse(), Ok(read));
    }
}

#[test]
fn versions_have_a_text() {
    check_text("1", Some((1, 1)));
    check_text("1-3", Some((1, 3)));
    check_text("3-1", None);
    check_text("", None);
    check_text("1-", None);
    check_text("-1", None);
    check_text("256", None);
    check_text("1-2-3", None);
}
