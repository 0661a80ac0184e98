//! A run of the worker's path as one moving picture for the README:
//! `BANDSTAND_PICTURES=1 cargo test -p tests --test it -- kiosk_page::recording` writes `docs/kiosk.png`.

use std::path::{Path, PathBuf};

use data_encoding::BASE64;
use firmware_protocol::message::TouchFault;
use serde_json::json;

use super::{PAGE, Scene, pictures_are_wanted, still, worker};

/// Pixels of the page for one pixel of the picture.
const SCALE: f64 = 0.7;
/// How long most frames are shown, in milliseconds.
const FRAME_MS: u16 = 1100;
const TOUCH_MS: u16 = 500;
const BYTES_MAX: usize = 400 * 1000;
/// Decodes every frame and counts them. That all of it is there has no event of its own where it was there at once.
const FRAMES: &str = "const [data, done] = arguments; \
    const it = new ImageDecoder({ data: Uint8Array.from(atob(data), it => it.charCodeAt(0)), type: 'image/png' }); \
    const all = async () => { await it.tracks.ready; const count = it.tracks.selectedTrack.frameCount; \
        for (let at = 0; at < count; at++) (await it.decode({ frameIndex: at })).image.close(); return count; }; \
    all().then(done, (error) => done(String(error)));";
const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

struct Camera<'a> {
    scene: &'a Scene,
    folder: tempfile::TempDir,
    frames: Vec<(PathBuf, u16)>,
}

impl Camera<'_> {
    async fn take(&mut self, shown_ms: u16) {
        let script =
            "const done = arguments[0]; setTimeout(() => requestAnimationFrame(() => done(true)), 400)";
        self.scene.browser.run_until_done(script, json!([])).await;
        let file = self.folder.path().join(format!("{:03}.png", self.frames.len()));
        self.scene.browser.view(&file).await;
        self.frames.push((file, shown_ms));
    }
}

#[tokio::test]
async fn one_run_from_the_ticket_to_a_tested_band() {
    if !pictures_are_wanted() {
        return;
    }
    let prepare = |kiosk: &mut _| worker(kiosk, "4711", "Mara Kurz", "AAAH-00201", still());
    let Some((scene, mara)) = Scene::open(PAGE, &[], prepare).await else {
        return;
    };
    let metrics = json!({ "width": 800, "height": 480, "deviceScaleFactor": SCALE, "mobile": false });
    scene
        .browser
        .devtools("Emulation.setDeviceMetricsOverride", metrics)
        .await;
    let mut camera = Camera {
        scene: &scene,
        folder: tempfile::tempdir().expect("a folder"),
        frames: Vec::new(),
    };
    camera.take(FRAME_MS).await;
    scene.press("type").await;
    scene.until("type_code").await;
    scene
        .browser
        .run(
            "document.querySelector('#code').value = arguments[0]",
            json!([&mara.code]),
        )
        .await;
    camera.take(FRAME_MS).await;
    scene.enter(&mara.code).await;
    scene.until("your_band").await;
    camera.take(FRAME_MS).await;
    mara.hand.hide(false);
    scene.until("compare").await;
    camera.take(FRAME_MS).await;
    scene.confirm(&mara).await;
    camera.take(TOUCH_MS).await;
    mara.hand.slip(TouchFault::Wet);
    scene.see("#tip").await;
    camera.take(2 * FRAME_MS).await;
    for count in 1..still().touches {
        mara.hand.touch();
        scene.touched(count.into()).await;
        camera.take(TOUCH_MS).await;
    }
    mara.hand.hide(true);
    mara.hand.touch();
    scene.until("test_tap").await;
    camera.take(FRAME_MS).await;
    mara.hand.hide(false);
    scene.until("done").await;
    camera.take(3 * FRAME_MS).await;
    let bytes = joined(&camera.frames);
    assert!(bytes.len() < BYTES_MAX, "{} bytes", bytes.len());
    let shown = scene
        .browser
        .run_until_done(FRAMES, json!([BASE64.encode(&bytes)]))
        .await;
    assert_eq!(shown, json!(camera.frames.len()), "frames that a browser shows");
    std::fs::write(tests::root().join("docs/kiosk.png"), bytes).expect("a picture");
}

/// Pictures of one size and kind as one that moves: the chunks of PNG's third edition, section 11.3.6.
fn joined(frames: &[(PathBuf, u16)]) -> Vec<u8> {
    let mut out = SIGNATURE.to_vec();
    let mut sequence = 0u32;
    for (at, (file, shown_ms)) in frames.iter().enumerate() {
        let chunks = chunks(file);
        let header = &chunks
            .iter()
            .find(|(kind, _)| kind == b"IHDR")
            .expect("a header")
            .1;
        if at == 0 {
            put(&mut out, b"IHDR", header);
            let count = (frames.len() as u32).to_be_bytes();
            put(&mut out, b"acTL", &[count, [0; 4]].concat());
        }
        let mut control = sequence.to_be_bytes().to_vec();
        control.extend_from_slice(&header[..8]);
        control.extend_from_slice(&[0; 8]);
        control.extend_from_slice(&shown_ms.to_be_bytes());
        control.extend_from_slice(&1000u16.to_be_bytes());
        control.extend_from_slice(&[0, 0]);
        put(&mut out, b"fcTL", &control);
        sequence += 1;
        for (_, data) in chunks.iter().filter(|(kind, _)| kind == b"IDAT") {
            if at == 0 {
                put(&mut out, b"IDAT", data);
            } else {
                put(&mut out, b"fdAT", &[&sequence.to_be_bytes(), &data[..]].concat());
                sequence += 1;
            }
        }
    }
    put(&mut out, b"IEND", &[]);
    out
}

type Chunk = ([u8; 4], Vec<u8>);

fn chunks(file: &Path) -> Vec<Chunk> {
    let bytes = std::fs::read(file).expect("a frame");
    let mut rest = bytes.strip_prefix(SIGNATURE).expect("a PNG");
    let mut chunks = Vec::new();
    while let Some((head, after)) = rest.split_first_chunk::<8>() {
        let len = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        chunks.push(([head[4], head[5], head[6], head[7]], after[..len].to_vec()));
        rest = &after[len + 4..];
    }
    chunks
}

fn put(out: &mut Vec<u8>, kind: &[u8; 4], data: &[u8]) {
    out.extend_from_slice(&(data.len() as u32).to_be_bytes());
    let from = out.len();
    out.extend_from_slice(kind);
    out.extend_from_slice(data);
    let sum = crc(&out[from..]);
    out.extend_from_slice(&sum.to_be_bytes());
}

/// The checksum of PNG, annex D.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg())
        })
    })
}
