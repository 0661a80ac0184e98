//! What goes wrong in the middle: windows, links, processes.

use std::net::SocketAddr;

use firmware_protocol::message::TouchFault;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use simulators::browser::Browser;
use tokio::net::TcpSocket;

use super::{ELSEWHERE, PAGE, Scene, Worker, still, worker};
use crate::kiosk::Kiosk;

fn mara(kiosk: &mut Kiosk) -> Worker {
    worker(kiosk, "4711", "Mara Kurz", "AAAH-00201", still())
}

/// One more touch, and the band is used up to the last screen.
async fn finish(scene: &Scene, worker: &Worker) {
    worker.hand.touch();
    scene.until("done").await;
    assert!(scene.browser.text(".done .lead").await.contains("Mara Kurz"));
    scene.kiosk.agrees(&[&worker.hand.0], 0);
}

#[tokio::test]
async fn a_reload_a_second_tab_and_a_crash_of_the_browser_lose_nothing() {
    let Some((mut scene, mara)) = Scene::open(PAGE, &[], mara).await else {
        return;
    };
    scene.compare(&mara).await;
    scene.confirm(&mara).await;
    mara.hand.touch();
    scene.touched(1).await;

    // Reloaded, the page goes on where it was.
    scene.browser.open_page(&scene.url).await;
    scene.touched(1).await;

    // Another tab shows nothing of it, and can take over; the first one follows when it is closed.
    let first = scene.browser.tab().await;
    let second = scene.browser.new_tab().await;
    scene.browser.open_page(&scene.url).await;
    scene.see(ELSEWHERE).await;
    let text = scene.browser.text("body").await;
    assert!(!text.contains("Mara"), "{text}");
    scene.look("elsewhere").await;
    scene.press("take_over").await;
    scene.touched(1).await;
    scene.browser.switch(&first).await;
    scene.see(ELSEWHERE).await;
    scene.browser.switch(&second).await;
    scene.browser.close_tab().await;
    scene.browser.switch(&first).await;
    scene.touched(1).await;
    scene.all_was_well();

    // The browser dies and is started again, as systemd does.
    let process = scene.browser.process().expect("chromedriver names it");
    kill_process(Pid::from_raw(process as i32).expect("a process"), Signal::KILL).expect("it runs");
    scene.browser = Browser::open().await.expect("it was opened before");
    scene.browser.open_page(&scene.url).await;
    scene.touched(1).await;
    scene.touches(&mara, 1).await;
    finish(&scene, &mara).await;
}

#[tokio::test]
async fn a_link_that_is_lost_is_made_again_with_a_new_code() {
    let Some((scene, mara)) = Scene::open(PAGE, &[], mara).await else {
        return;
    };
    scene.compare(&mara).await;
    let before = scene.browser.text("#screen-code").await;
    scene.confirm(&mara).await;
    mara.hand.slip(TouchFault::Dry);
    scene.see("#tip").await;
    mara.hand.hide(true);
    mara.hand.0.drop_link();
    scene.until("bring_back").await;
    scene.look("bring_back").await;
    mara.hand.hide(false);
    scene.until("compare").await;
    let after = scene.browser.text("#screen-code").await;
    assert_ne!(before, after, "each link has a code of its own");
    scene.confirm(&mara).await;
    scene.touches(&mara, 0).await;
    finish(&scene, &mara).await;
    scene.all_was_well();
}

/// A port that stays this test's own while no station listens on it.
fn port() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_reuseaddr(true).expect("an option");
    socket
        .bind("127.0.0.1:0".parse().expect("an address"))
        .expect("a port");
    let address = socket.local_addr().expect("an address");
    (socket, address)
}

#[tokio::test]
async fn a_station_that_dies_leaves_no_name_behind_and_the_page_comes_back() {
    let (_held, address) = port();
    let page = PAGE.replace("127.0.0.1:0", &address.to_string());
    let Some((mut scene, mara)) = Scene::open(&page, &[], mara).await else {
        return;
    };
    scene.compare(&mara).await;
    scene.confirm(&mara).await;
    mara.hand.touch();
    scene.touched(1).await;
    let pid = scene.daemon.pid().expect("it runs");
    kill_process(Pid::from_raw(pid as i32).expect("a process"), Signal::KILL).expect("it runs");
    scene.see("#lost:not([hidden])").await;
    scene
        .browser
        .wait_until(
            "return document.querySelector('#app').childElementCount === 0",
            json!([]),
        )
        .await;
    scene.daemon.ended().await.expect("it has ended");
    mara.hand.hide(true);
    scene.daemon = scene.kiosk.start().await;
    scene.see("#lost[hidden]").await;
    scene.until("welcome").await;

    // The ticket was not spent: nothing was half made.
    scene.compare(&mara).await;
    scene.confirm(&mara).await;
    scene.touches(&mara, 0).await;
    finish(&scene, &mara).await;
}

#[tokio::test]
async fn without_bluetooth_the_page_says_so_and_goes_on_by_itself() {
    let Some((scene, mara)) = Scene::open(PAGE, &[], mara).await else {
        return;
    };
    scene.kiosk.stage.double.kill_bluetoothd();
    scene.see(".welcome .notice.warn").await;
    scene.look("welcome, no bluetooth").await;
    scene.identify(&mara.code).await;
    scene.see("[data-reason=radio_unavailable]").await;
    scene.look("refused, no bluetooth").await;
    scene.press("home").await;
    scene.until("welcome").await;
    scene.kiosk.stage.double.restart_bluetoothd().expect("it starts");
    scene.see(".welcome .words:not(:has(.notice))").await;
    scene.compare(&mara).await;
    scene.all_was_well();
}
