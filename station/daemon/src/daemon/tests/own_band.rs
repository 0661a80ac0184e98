//! Operators who sign in at the page by the band that they enrolled here.

use super::page::Window;
use super::*;

/// The operator `berta` is this user.
fn plant(user: &str) -> ProvisionFile {
    let mut plant = testing::file();
    let mut berta = plant.operators[0].clone();
    (berta.id, berta.user) = ("berta".into(), Some(user.parse().unwrap()));
    plant.operators.push(berta);
    plant
}

/// A station with the operator `berta`, who is `operator`, before which `user` has just enrolled BAND-2, and its page.
async fn enrolled(operator: &str, user: &str, change: impl FnOnce(&mut Config)) -> (Station, Window) {
    let folder = tempfile::tempdir().unwrap();
    let mut config = provisioned_with(&folder, &plant(operator));
    config.kiosk.listen = Some("127.0.0.1:0".parse().unwrap());
    config.kiosk.operator_bands = true;
    change(&mut config);
    let station = Station::run(folder, config).await;
    station
        .air
        .add("C0:02", -45, Box::new(TestBand::new("BAND-2", false)));
    let end = station.enroll(ticket(1, user)).await;
    assert_eq!(end["outcome"]["code"], "done", "{end}");
    let mut window = Window::open(&station).await;
    window.until("welcome").await;
    assert_eq!(window.act(json!({ "act": "operator" })).await, 204);
    window.until("sign_in").await;
    (station, window)
}

#[tokio::test]
async fn an_operators_band_signs_in_and_stays_as_it_is() {
    let (station, mut window) = enrolled("bo", "bo", |_| {}).await;
    let before = station.records();
    assert_eq!(window.act(json!({ "act": "sign_in_band" })).await, 204);
    window.until("desk_start").await;
    assert!(window.html().contains("berta"), "{}", window.html());
    assert_eq!(station.records(), before, "as with a PIN, nothing is written");
    // The operator may do what the rights say, and the band is what it was.
    assert_eq!(window.act(json!({ "act": "tab", "tab": "band" })).await, 204);
    window.until("desk_band").await;
    assert_eq!(window.act(json!({ "act": "check_band" })).await, 204);
    window.until_html("BAND-2").await;
    assert!(window.html().contains("bo of the north"));
    vouch_in_vain(&mut window, "bo", "vouch_for_oneself").await;
    station.stop().await;
}

/// Looks for `user` at the desk and vouches, which ends with this reason.
async fn vouch_in_vain(window: &mut Window, user: &str, reason: &str) {
    assert_eq!(window.act(json!({ "act": "tab", "tab": "vouch" })).await, 204);
    window.until("desk_vouch").await;
    assert_eq!(window.act(json!({ "act": "find", "user": user })).await, 204);
    window.until_html(&format!("{user} of the north")).await;
    assert_eq!(window.act(json!({ "act": "vouch_now" })).await, 204);
    window.until_html(&format!("data-reason=\"{reason}\"")).await;
}

#[tokio::test]
async fn whoever_has_another_band_by_now_has_signed_out() {
    let (station, mut window) = enrolled("ada", "ada", |_| {}).await;
    assert_eq!(window.act(json!({ "act": "sign_in_band" })).await, 204);
    window.until("desk_start").await;
    station.air.remove("C0:02");
    station
        .air
        .add("C0:01", -45, Box::new(TestBand::new("BAND-1", false)));
    let mut start = ticket(2, "ada");
    start["serial"] = json!("BAND-1");
    let end = station.enroll(start).await;
    assert_eq!(end["outcome"]["code"], "done", "{end}");
    vouch_in_vain(&mut window, "bo", "operator_not_allowed").await;
    station.stop().await;
}

#[tokio::test]
async fn a_strangers_band_signs_nobody_in_and_names_nobody() {
    let (station, mut window) = enrolled("bo", "ada", |_| {}).await;
    assert_eq!(window.act(json!({ "act": "sign_in_band" })).await, 204);
    window.until_html("data-reason=\"band_not_of_operator\"").await;
    assert_eq!(window.screen(), "own_band_refused");
    assert!(!window.html().contains("ada"), "{}", window.html());
    assert_eq!(station.records().last(), Some(&"refused"));
    assert_eq!(window.act(json!({ "act": "operator" })).await, 204);
    window.until("sign_in").await;
    station.stop().await;
}

#[tokio::test]
async fn whoever_stops_leaves_the_station_free() {
    let (station, mut window) = enrolled("bo", "bo", |_| {}).await;
    station.air.remove("C0:02");
    assert_eq!(window.act(json!({ "act": "sign_in_band" })).await, 204);
    window.until("own_band").await;
    let busy = station.begin(ticket(2, "ada")).await.unwrap_err();
    assert_eq!(busy.code, Code::Busy, "{busy}");
    assert_eq!(window.act(json!({ "act": "home" })).await, 204);
    window.until("welcome").await;
    while station.begin(ticket(2, "ada")).await.is_err() {
        tokio::task::yield_now().await;
    }
    station.stop().await;
}

fn without_bands(config: &Config) -> crate::config::Kiosk {
    crate::config::Kiosk {
        listen: config.kiosk.listen,
        ..crate::config::Kiosk::default()
    }
}

#[tokio::test]
async fn a_station_is_without_it_unless_somebody_says_so() {
    let (station, window) = enrolled("bo", "bo", |config| config.kiosk = without_bands(config)).await;
    assert!(!window.html().contains("sign_in_band"));
    assert_eq!(window.act(json!({ "act": "sign_in_band" })).await, 409);
    station.stop().await;
}
