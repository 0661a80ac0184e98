//! Work with real data in a real browser: lists out of files, and what two stations did in conflict while they were alone.

use std::path::PathBuf;

use console::accounts;
use console::serve::{Limits, router, serve_http};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::browser::{Browser, Stand};
use crate::console_pages::{PASSWORD, begin, look_at};
use crate::sync_stage::{Console, Enrolled, Station, eventually};

/// The two buttons of a conflict.
const KEEP: &str = "form:has([value='keep']) button";
const REJECT: &str = "form:has([value='reject']) button";

/// The pages of a console of a test.
struct Pages {
    url: String,
    link: String,
    _stop: watch::Sender<bool>,
}

impl Pages {
    async fn of(console: &Console) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = watch::channel(false);
        let served = router(console.app.clone());
        tokio::spawn(serve_http(listener, None, served, Limits::default(), stopped));
        let link = accounts::first_link(&console.app).await.unwrap();
        let link = link.expect("nobody is there yet");
        let secret = link.rsplit('/').next().expect("a secret");
        Self {
            link: format!("{url}/link/{secret}"),
            url,
            _stop: stop,
        }
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }
}

/// Both stations are alone while each gives the same band to another person; then they come back, one after the other.
async fn fall_out(
    console: &Console,
    stations: [&mut Station; 2],
    band: &'static str,
    people: [&str; 2],
    number: u8,
) {
    let [gate, hall] = stations;
    gate.stop().await;
    hall.stop().await;
    gate.enroll(&Enrolled::new(people[0], band, 1, number));
    hall.enroll(&Enrolled::new(people[1], band, 2, number + 1));
    gate.start();
    gate.in_step().await;
    hall.start();
    hall.in_step().await;
    let held = format!("{} {band} suspended", people[1]);
    let all = console.associations().await;
    assert!(all.iter().any(|it| it.starts_with(&held)), "{all:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_of_two_stations_is_settled_with_one_button_each_way() {
    let Some(browser) = Browser::open().await else {
        return;
    };
    let console = Console::start().await;
    for person in ["ada", "bob", "cleo", "dan"] {
        console.person(person, "north").await;
    }
    for band in ["BAND-1", "BAND-2"] {
        console.band(band).await;
    }
    let mut gate = Station::joined(&console, "gate", "north").await;
    let mut hall = Station::joined(&console, "hall", "north").await;
    fall_out(&console, [&mut gate, &mut hall], "BAND-1", ["ada", "bob"], 1).await;
    fall_out(&console, [&mut gate, &mut hall], "BAND-2", ["cleo", "dan"], 3).await;
    let pages = Pages::of(&console).await;
    browser.width(1280).await;
    begin(&browser, &pages.link).await;
    let conflict = "a[href^='/quarantine/']";
    browser.open_page(&pages.at("/quarantine")).await;
    browser.tab_to(conflict).await;
    let path = browser
        .run("return document.activeElement.pathname", json!([]))
        .await;
    let path = path.as_str().expect("a path").to_owned();
    let station = format!("/stations/{}", console.station("gate").await.id);
    look_at(
        &browser,
        &pages.url,
        &[
            ("/", "overview-attention"),
            ("/quarantine", "quarantine-two"),
            (&path, "conflict"),
            ("/stations", "stations-two"),
            (&station, "station"),
            ("/users/bob", "user-quarantined"),
        ],
    )
    .await;
    browser.cookie(&pages.url, "lang", "en").await;
    browser.width(1280).await;

    // One way: the later one has it.
    browser.open_page(&pages.at("/quarantine")).await;
    browser.press(conflict, KEEP).await;
    assert!(
        browser.text("main").await.contains("ada of north"),
        "both sides are shown"
    );
    browser.press(KEEP, ".notice.good").await;
    let all = console.associations().await;
    assert!(all.contains(&"bob BAND-1 active".to_owned()), "{all:?}");

    // The other way: it stays with whoever had it.
    browser.press(conflict, REJECT).await;
    browser.press(REJECT, ".notice.good").await;
    let all = console.associations().await;
    assert!(all.contains(&"cleo BAND-2 active".to_owned()), "{all:?}");
    assert!(browser.text("main").await.contains("Nothing is in quarantine"));

    // Stations hear of both.
    for station in [&gate, &hall] {
        station.in_step().await;
    }
    for station in [&gate, &hall] {
        eventually("a station knows who holds what", async || {
            let found = [station.associations("bob"), station.associations("cleo")];
            found == [["bob BAND-1 active"], ["cleo BAND-2 active"]]
        })
        .await;
    }
    gate.stop().await;
    hall.stop().await;
}

/// A file beside the test, in the bytes that another system wrote.
fn file(folder: &tempfile::TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).expect("a file");
    path
}

/// Makes a second administrator and opens a browser for that person.
async fn second(first: &Browser, stand: &Stand) -> Browser {
    first.open_page(&stand.at("/settings/accounts/new")).await;
    first.type_into("#login", "per.roth").await;
    first.type_into("#name", "Per Roth").await;
    first.choose("#role", "Administrator").await;
    first.press("form .primary", ".secret").await;
    let link = first.text(".secret").await;
    let secret = link.trim().rsplit('/').next().expect("a secret").to_owned();
    let second = Browser::open().await.expect("a second window");
    second.width(1280).await;
    second.open_page(&stand.at(&format!("/link/{secret}"))).await;
    second.type_into("#password", PASSWORD).await;
    second.type_into("#again", PASSWORD).await;
    second.press(".primary", "#login").await;
    second.type_into("#login", "per.roth").await;
    second.type_into("#password", PASSWORD).await;
    second.press(".primary", ".figures").await;
    second
}

#[tokio::test]
async fn lists_come_out_of_files_and_a_second_person_agrees() {
    let Some(mara) = Browser::open().await else {
        return;
    };
    let stand = Stand::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    mara.width(1280).await;
    begin(&mara, &stand.at(&stand.link)).await;

    // A list with headings of its own: refused, then read as somebody says. 0xd8 is Ř in Windows-1250.
    let list = file(&folder, "personal.csv", b"PNr;Wer\r\n4730;\xd8eho\xf8\r\n");
    mara.open_page(&stand.at("/imports/users")).await;
    mara.choose_file("#file", &list).await;
    mara.press("form .primary", "#errors-title").await;
    mara.choose_file("#file", &list).await;
    mara.choose("#encoding", "Windows-1250").await;
    mara.choose("[id='column.id']", "PNr").await;
    mara.choose("[id='column.name']", "Wer").await;
    mara.press("form .primary", "#changes-title").await;
    let preview = mara.path().await;
    mara.press("form[action$='/confirm'] button", ".notice.good")
        .await;
    mara.open_page(&stand.at("/users/4730")).await;
    assert_eq!(mara.text("h1").await, "\u{158}eho\u{159}");

    // A list of everybody that has hardly anybody on it waits for somebody else.
    let list = file(
        &folder,
        "everybody.csv",
        "\u{feff}id,name\n4711,Mara Kurz\n".as_bytes(),
    );
    mara.open_page(&stand.at("/imports/users")).await;
    mara.choose_file("#file", &list).await;
    mara.tab_to("#complete").await;
    mara.run("document.activeElement.click()", json!([])).await;
    mara.press("form .primary", "#changes-title").await;
    mara.press("form[action$='/confirm'] button", ".notice.warn")
        .await;
    let waiting = mara.path().await;
    assert_eq!(
        mara.text("form[action$='/approve']").await,
        "",
        "not whoever brought it"
    );
    let per = second(&mara, &stand).await;
    per.press("a[href='/imports/users']", "table").await;
    look_at(
        &per,
        &stand.url,
        &[
            ("/", "overview-waiting-list"),
            ("/imports/users", "import-earlier"),
            (&waiting, "import-waiting"),
            (&preview, "import-done"),
        ],
    )
    .await;
    per.cookie(&stand.url, "lang", "en").await;
    per.width(1280).await;
    per.open_page(&stand.at(&waiting)).await;
    per.press("form[action$='/approve'] button", ".notice.good").await;
    per.open_page(&stand.at("/users/4713")).await;
    assert!(
        per.text(".badge").await.contains("Left"),
        "{}",
        per.text("main").await
    );
}
