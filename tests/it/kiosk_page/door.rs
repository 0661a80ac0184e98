//! Who is let in to the page, and what a page may do.

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{PAGE, Scene};
use crate::kiosk::Kiosk;

/// What another page would try from within: text as elements, pictures and requests elsewhere.
const TRIES: &str = "const done = arguments[0]; const found = []; \
    addEventListener('securitypolicyviolation', (it) => { found.push(it.effectiveDirective); \
        if (found.includes('img-src') && found.includes('connect-src')) done(found.sort().join(' ')); }); \
    try { document.body.innerHTML = '<b>x</b>'; found.push('innerHTML worked'); } catch { found.push('no innerHTML'); } \
    const image = new Image(); image.src = 'http://127.0.0.1:9/x.png'; document.body.append(image); \
    fetch('http://127.0.0.1:9/').catch(() => {});";

/// Head of a request after its first line, and the status that answers it. `HOST` is the page's own.
const REQUESTS: &[(&str, &str, u16)] = &[
    ("GET / HTTP/1.1", "host: HOST", 200),
    ("GET / HTTP/1.1", "host: HOST\r\nsec-fetch-site: none", 200),
    ("GET / HTTP/1.1", "host: plant.example", 403),
    ("GET / HTTP/1.1", "host: HOST\r\nhost: plant.example", 403),
    ("GET / HTTP/1.1", "host: HOST\r\nsec-fetch-site: cross-site", 403),
    (
        "GET / HTTP/1.1",
        "host: HOST\r\norigin: http://plant.example",
        403,
    ),
    ("GET / HTTP/1.1", "host: HOST\r\norigin: null", 403),
    (
        "GET /events HTTP/1.1",
        "host: HOST\r\nsec-fetch-site: same-origin",
        401,
    ),
    ("GET /events HTTP/1.1", "host: HOST\r\nsec-fetch-site: none", 403),
    ("POST /act HTTP/1.1", "host: HOST", 403),
    ("POST /act HTTP/1.1", "host: HOST\r\norigin: http://HOST", 403),
    (
        "POST /act HTTP/1.1",
        "host: HOST\r\norigin: http://plant.example\r\nsec-fetch-site: cross-site",
        403,
    ),
    ("GET /api/v1/status HTTP/1.1", "host: HOST", 404),
    (
        "PUT / HTTP/1.1",
        "host: HOST\r\norigin: http://HOST\r\nsec-fetch-site: same-origin",
        405,
    ),
];

async fn status(host: &str, line: &str, head: &str) -> u16 {
    let mut stream = TcpStream::connect(host).await.expect("the page's door");
    let head = head.replace("HOST", host);
    let text = format!("{line}\r\n{head}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    stream.write_all(text.as_bytes()).await.expect("a request");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("an answer");
    let answer = String::from_utf8_lossy(&answer);
    answer
        .split(' ')
        .nth(1)
        .and_then(|word| word.parse().ok())
        .unwrap_or(0)
}

#[tokio::test]
async fn strangers_and_names_that_point_here_are_refused() {
    let nobody = |_: &mut Kiosk| ();
    let map = "--host-resolver-rules=MAP plant.example 127.0.0.1";
    let Some((scene, ())) = Scene::open(PAGE, &[map], nobody).await else {
        return;
    };
    let host = scene
        .url
        .trim_start_matches("http://")
        .trim_end_matches('/')
        .to_owned();
    for (line, head, expected) in REQUESTS {
        assert_eq!(status(&host, line, head).await, *expected, "{line} {head}");
    }

    // What the page may not do, though it is the station's own.
    let found = scene.browser.run_until_done(TRIES, json!([])).await;
    let found = found.as_str().expect("words");
    assert!(
        found.contains("no innerHTML") && !found.contains("worked"),
        "{found}"
    );
    scene.until("welcome").await;

    // A name of somebody else's that points to this machine.
    let port = host.rsplit(':').next().expect("a port");
    scene
        .browser
        .open_page(&format!("http://plant.example:{port}/"))
        .await;
    let text = scene.browser.text("body").await;
    assert!(text.contains("for the browser of this kiosk"), "{text}");
}
