//! Who comes when: bands that pause, bands that are not meant, and people who wait for a band that says nothing.

use super::acts::leave_open;
use super::*;

/// A band that pauses says nothing about how long. It is asked every two seconds, not eight times a second.
#[tokio::test]
async fn a_band_that_pauses_is_left_alone_for_a_while() {
    let station = Station::start().await;
    let band = TestBand::new("BAND-2", false).weary();
    let links = band.links.subscribe();
    station.air.add("C0:02", -45, Box::new(band));
    let end = station.enroll(ticket(1, "ada")).await;
    assert_eq!(end["outcome"]["code"], "done", "{end}");
    let links = *links.borrow();
    assert!(
        (2..=8).contains(&links),
        "{links} links in a pause of ten seconds"
    );
}

/// Another band than the one that was named is let go with a goodbye: a handshake that is broken off would count
/// against it, and the third would make it pause.
#[tokio::test]
async fn a_band_that_was_not_meant_loses_no_patience() {
    let station = Station::start().await;
    let band = TestBand::new("BAND-2", false);
    let mut links = band.links.subscribe();
    station.air.add("C0:02", -45, Box::new(band));
    for id in 1..=3 {
        let mut start = ticket(id, "ada");
        start["serial"] = json!("BAND-3");
        let id = station.begin(start).await.unwrap();
        links.changed().await.unwrap();
        let path = format!("/api/v1/enrollments/{id}");
        station
            .until(&path, |view| view["stage"] == "looking_for_band")
            .await;
        let _: Value = station
            .client
            .post(&format!("{path}/cancel"), &Value::Null)
            .await
            .unwrap();
        station.until(&path, |view| !view["outcome"].is_null()).await;
    }
    let end = station.enroll(ticket(4, "ada")).await;
    assert_eq!(end["outcome"]["code"], "done", "{end}");
    assert_eq!(*links.borrow(), 4, "nobody was told to try later");
}

/// While something is open the station asks each band that comes. One that says nothing must not stand before a
/// person who was identified meanwhile.
#[tokio::test]
async fn a_person_does_not_wait_for_a_band_that_says_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let config = provisioned(&folder);
    leave_open(&config);
    let station = Station::run(folder, config).await;
    let band = TestBand::new("BAND-3", true);
    let mut links = band.links.subscribe();
    station.air.add("C0:03", -45, Box::new(band));
    station.air.lose_frames("C0:03", true);
    links.wait_for(|links| *links > 0).await.unwrap();
    let id = station.begin(ticket(2, "bo")).await.unwrap();
    station.air.lose_frames("C0:03", false);
    let end = station.follow(&id).await;
    assert_eq!(end["outcome"]["code"], "done", "{end}");
}
