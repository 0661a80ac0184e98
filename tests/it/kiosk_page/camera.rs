//! A ticket held to a camera. The camera is chromium's own for tests, and films what a test drew.

use std::io::Write;
use std::path::Path;

use firmware_protocol::message::TouchFault;
use qrcode::{Color, EcLevel, QrCode};
use serde_json::json;
use simulators::cast::Cast;

use super::{Hand, PAGE, Scene, still};
use crate::kiosk::Kiosk;
use simulators::stage::HELD_DBM;

/// What the camera sees, in pixels. The page takes the square in the middle.
const WIDTH: usize = 640;
const HEIGHT: usize = 480;
const PAPER: u8 = 205;
const INK: u8 = 48;
/// Keeps every camera that the page opens, so that a test can see whether it was closed.
const WITNESS: &str = "window.opened = []; const media = navigator.mediaDevices; \
    const open = media.getUserMedia.bind(media); \
    media.getUserMedia = async (wish) => { const it = await open(wish); window.opened.push(it); return it; };";
const OPEN_CAMERAS: &str =
    "return window.opened.flatMap(it => it.getTracks()).filter(it => it.readyState !== 'ended').length";

/// A film of one frame, over and over: the code of this text in the middle of the picture.
pub(super) fn film(text: &str, file: &Path) {
    let code = QrCode::with_error_correction_level(text.as_bytes(), EcLevel::M).expect("a code");
    let (colors, side) = (code.to_colors(), code.width());
    let scale = (HEIGHT - 40) / side;
    let (left, top) = ((WIDTH - side * scale) / 2, (HEIGHT - side * scale) / 2);
    let module = |at: usize, from: usize| at.checked_sub(from).map(|at| at / scale).filter(|at| *at < side);
    let pixel = |at: usize| match (module(at % WIDTH, left), module(at / WIDTH, top)) {
        (Some(x), Some(y)) if colors[y * side + x] == Color::Dark => INK,
        _ => PAPER,
    };
    let mut bytes = format!("YUV4MPEG2 W{WIDTH} H{HEIGHT} F10:1 Ip A1:1 C420jpeg\n").into_bytes();
    for _ in 0..2 {
        bytes.extend_from_slice(b"FRAME\n");
        bytes.extend((0..WIDTH * HEIGHT).map(pixel));
        bytes.extend(std::iter::repeat_n(128, WIDTH * HEIGHT / 2));
    }
    let mut file = std::fs::File::create(file).expect("a film");
    file.write_all(&bytes).expect("a film on disk");
}

/// How to start a browser with this film as its camera.
pub(super) fn arguments(file: &Path) -> Vec<String> {
    vec![
        "--use-fake-device-for-media-stream".into(),
        "--use-fake-ui-for-media-stream".into(),
        format!("--use-file-for-fake-video-capture={}", file.display()),
    ]
}

#[tokio::test]
async fn a_ticket_is_read_by_the_camera_which_is_on_for_no_longer() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("ticket.y4m");
    // The ticket has to be drawn before the browser starts, so the plant is made first.
    let Some(mut kiosk) = Kiosk::new() else { return };
    let person = kiosk.cast.person("4711", "Mara Kurz");
    film(&kiosk.cast.ticket(&person), &file);
    let arguments = arguments(&file);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let band = kiosk.cast.band("AAAH-00201", false, still());
    let hand = Hand(kiosk.put(band, HELD_DBM));
    let Some(scene) = Scene::with(kiosk, PAGE, &arguments).await else {
        return;
    };
    let witness = json!({ "source": WITNESS });
    scene
        .browser
        .devtools("Page.addScriptToEvaluateOnNewDocument", witness)
        .await;
    scene.browser.open_page(&scene.url).await;
    scene.until("welcome").await;
    scene.press("scan").await;
    scene.until("compare").await;
    scene
        .browser
        .wait_until(&format!("{OPEN_CAMERAS} === 0"), json!([]))
        .await;
    scene.press("same").await;
    hand.press();
    scene.until("touch").await;
    hand.slip(TouchFault::Moved);
    scene.see("#tip").await;
    for _ in 0..still().touches {
        hand.touch();
    }
    scene.until("done").await;
    scene.press("home").await;
    scene.until("welcome").await;

    // The ticket is spent, and is shown again.
    scene.press("scan").await;
    scene.see("[data-reason=ticket_reused]").await;
    scene
        .browser
        .wait_until(&format!("{OPEN_CAMERAS} === 0"), json!([]))
        .await;
    scene.kiosk.agrees(&[&hand.0], 0);
}

#[tokio::test]
async fn without_a_camera_the_page_asks_for_the_code() {
    let nobody = |_: &mut Kiosk| ();
    let Some((scene, ())) = Scene::open(PAGE, &[], nobody).await else {
        return;
    };
    scene.press("scan").await;
    scene.until("type_code").await;
    scene.see("#slip").await;
    scene.look("type_code, no camera").await;
    scene.all_was_well();
}

/// The seed of another plant.
pub(super) fn stranger() -> Cast {
    use firmware_protocol::id::Zone;
    use station_daemon::clock::Clock;
    Cast::new(12, Zone::Enrollment, Clock::start().wall())
}
