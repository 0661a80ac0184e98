//! The kiosk's page as a browser meets it: loaded, followed, pressed.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::*;

const LIMIT: Duration = Duration::from_secs(30);

/// A window on the page of a station.
pub(super) struct Window {
    host: String,
    token: String,
    events: BufReader<TcpStream>,
    /// The screen it shows.
    frame: Value,
}

async fn ask(host: &str, head: &str, body: &[u8]) -> (u16, String) {
    let mut stream = TcpStream::connect(host).await.unwrap();
    let head = format!(
        "{head}\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer)
}

impl Window {
    pub(super) async fn open(station: &super::Station) -> Self {
        let status: Value = station.client.get("/api/v1/status").await.unwrap();
        let page = status["page"].as_str().unwrap();
        let host = page
            .trim_start_matches("http://")
            .trim_end_matches('/')
            .to_owned();
        let (status, html) = ask(&host, "GET / HTTP/1.1", b"").await;
        assert_eq!(status, 200);
        let token = html.split("name=\"page\" content=\"").nth(1).unwrap()[..32].to_owned();
        let mut window = Self {
            events: Self::follow(&host, &token).await,
            host,
            token,
            frame: Value::Null,
        };
        window.next().await;
        window
    }

    async fn follow(host: &str, token: &str) -> BufReader<TcpStream> {
        let mut stream = TcpStream::connect(host).await.unwrap();
        let head = format!(
            "GET /events HTTP/1.1\r\nhost: {host}\r\nsec-fetch-site: same-origin\r\nx-bandstand-page: {token}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        BufReader::new(stream)
    }

    async fn next(&mut self) {
        let read = async {
            let mut line = String::new();
            loop {
                line.clear();
                assert!(
                    self.events.read_line(&mut line).await.unwrap() > 0,
                    "the screens end"
                );
                if let Some(data) = line.strip_prefix("data: ") {
                    return serde_json::from_str(data).unwrap();
                }
            }
        };
        self.frame = tokio::time::timeout(LIMIT, read).await.expect("another screen");
    }

    pub(super) fn screen(&self) -> &str {
        self.frame["screen"].as_str().unwrap()
    }

    pub(super) fn html(&self) -> &str {
        self.frame["html"].as_str().unwrap()
    }

    pub(super) async fn until(&mut self, screen: &str) {
        while self.screen() != screen {
            self.next().await;
        }
    }

    pub(super) async fn until_html(&mut self, part: &str) {
        while !self.html().contains(part) {
            self.next().await;
        }
    }

    pub(super) async fn act(&self, what: Value) -> u16 {
        self.act_on(self.frame["turn"].clone(), what).await
    }

    async fn act_on(&self, turn: Value, what: Value) -> u16 {
        let head = format!(
            "POST /act HTTP/1.1\r\norigin: http://{}\r\nsec-fetch-site: same-origin\r\nx-bandstand-page: {}\r\n\
             content-type: application/json",
            self.host, self.token
        );
        let body = json!({ "turn": turn, "what": what }).to_string();
        ask(&self.host, &head, body.as_bytes()).await.0
    }
}

async fn station_with_page() -> super::Station {
    let folder = tempfile::tempdir().unwrap();
    let mut config = provisioned(&folder);
    config.kiosk.listen = Some("127.0.0.1:0".parse().unwrap());
    super::Station::run(folder, config).await
}

#[tokio::test]
async fn a_worker_goes_from_the_ticket_to_a_band_that_works() {
    let station = station_with_page().await;
    station
        .air
        .add("C0:02", -45, Box::new(TestBand::new("BAND-2", false)));
    let mut window = Window::open(&station).await;
    window.until("welcome").await;
    assert_eq!(window.act(json!({ "act": "type" })).await, 204);
    window.until("type_code").await;
    assert_eq!(
        window
            .act(json!({ "act": "code", "text": ticket(1, "bo")["identification"]["ticket"] }))
            .await,
        204
    );
    window.until("compare").await;
    let code = window.frame["html"].as_str().unwrap().to_owned();
    assert!(code.contains("screen-code"));
    assert_eq!(window.act(json!({ "act": "same" })).await, 204);
    window.until("done").await;
    assert!(window.html().contains("BAND-2") && window.html().contains("bo of the north"));
    assert_eq!(window.act(json!({ "act": "home" })).await, 204);
    window.until("welcome").await;
    assert!(!window.html().contains("bo of"));
    station.stop().await;
}

#[tokio::test]
async fn a_reload_goes_on_and_a_second_window_waits() {
    let station = station_with_page().await;
    let mut first = Window::open(&station).await;
    first.until("welcome").await;
    assert_eq!(first.act(json!({ "act": "type" })).await, 204);
    first.until("type_code").await;
    let mut second = Window::open(&station).await;
    second.until("elsewhere").await;
    assert_eq!(second.act(json!({ "act": "home" })).await, 403);
    drop(first);
    second.until("type_code").await;
    let mut third = Window::open(&station).await;
    third.until("elsewhere").await;
    assert_eq!(third.act(json!({ "act": "take_over" })).await, 204);
    third.until("type_code").await;
    second.until("elsewhere").await;
    assert!(!second.html().contains("data-act=\"code\""));
    station.stop().await;
}

#[tokio::test]
async fn the_page_takes_nothing_from_anybody_else() {
    let station = station_with_page().await;
    let window = Window::open(&station).await;
    let (host, token) = (&window.host, &window.token);
    let own =
        format!("origin: http://{host}\r\nsec-fetch-site: same-origin\r\ncontent-type: application/json");
    let act = br#"{"turn":1,"what":{"act":"type"}}"#.as_slice();
    let cases: [(String, &[u8], u16); 8] = [
        (format!("POST /act HTTP/1.1\r\n{own}"), act, 401),
        (
            format!("POST /act HTTP/1.1\r\n{own}\r\nx-bandstand-page: 00"),
            act,
            403,
        ),
        (
            format!("POST /act HTTP/1.1\r\ncontent-type: application/json\r\nx-bandstand-page: {token}"),
            act,
            403,
        ),
        (
            format!("POST /act HTTP/1.1\r\n{own}\r\nx-bandstand-page: {token}"),
            b"{}",
            422,
        ),
        (
            format!("POST /act HTTP/1.1\r\n{own}\r\nx-bandstand-page: {token}"),
            &[b' '; 5000],
            413,
        ),
        (
            "GET /events HTTP/1.1\r\nsec-fetch-site: same-origin\r\nx-bandstand-page: 00".to_owned(),
            b"",
            401,
        ),
        ("GET /api/v1/status HTTP/1.1".to_owned(), b"", 404),
        (
            format!("DELETE /act HTTP/1.1\r\nsec-fetch-site: same-origin\r\nx-bandstand-page: {token}"),
            b"",
            405,
        ),
    ];
    for (head, body, expected) in cases {
        let (status, answer) = ask(host, &head, body).await;
        assert_eq!(status, expected, "{head}: {answer}");
        assert!(
            answer.to_ascii_lowercase().contains("content-security-policy"),
            "{head}"
        );
    }
    station.stop().await;
}

#[tokio::test]
async fn pictures_are_taken_while_a_ticket_is_looked_for() {
    let station = station_with_page().await;
    let mut window = Window::open(&station).await;
    let text = ticket(1, "bo")["identification"]["ticket"]
        .as_str()
        .unwrap()
        .to_owned();
    let (side, pixels) = seen(&text);
    let head = format!(
        "POST /picture HTTP/1.1\r\norigin: http://{0}\r\nsec-fetch-site: same-origin\r\nx-bandstand-page: {1}\r\n\
         content-type: application/octet-stream\r\nx-width: {side}",
        window.host, window.token
    );
    assert_eq!(ask(&window.host, &head, &pixels).await.0, 409, "nobody scans");
    assert_eq!(window.act(json!({ "act": "scan" })).await, 204);
    window.until("scan").await;
    assert_eq!(ask(&window.host, &head, &pixels[1..]).await.0, 400, "no picture");
    assert_eq!(
        ask(&window.host, &head, &vec![255; pixels.len()]).await.0,
        204,
        "nothing in it"
    );
    assert_eq!(ask(&window.host, &head, &pixels).await.0, 204);
    window.until("your_band").await;
    station.stop().await;
}

/// The text as a QR code in a gray picture: its side, its pixels.
fn seen(text: &str) -> (usize, Vec<u8>) {
    let code = qrcode::QrCode::new(text).unwrap();
    let (colors, width, scale) = (code.to_colors(), code.width(), 5);
    let side = (width + 8) * scale;
    let dark = |at: usize| (at / scale).checked_sub(4).filter(|at| *at < width);
    let pixel = |at: usize| match (dark(at % side), dark(at / side)) {
        (Some(x), Some(y)) if colors[y * width + x] == qrcode::Color::Dark => 30,
        _ => 220,
    };
    (side, (0..side * side).map(pixel).collect())
}

#[tokio::test]
async fn an_operator_vouches_at_the_page() {
    let station = station_with_page().await;
    station
        .air
        .add("C0:02", -45, Box::new(TestBand::new("BAND-2", false)));
    let mut window = Window::open(&station).await;
    assert_eq!(window.act(json!({ "act": "operator" })).await, 204);
    window.until("sign_in").await;
    let wrong = json!({ "act": "sign_in", "operator": "olga", "pin": "0000" });
    assert_eq!(window.act(wrong).await, 204);
    window.until_html("role=\"alert\"").await;
    let right = json!({ "act": "sign_in", "operator": "olga", "pin": testing::PIN });
    assert_eq!(window.act(right).await, 204);
    window.until("desk_start").await;
    assert_eq!(window.act(json!({ "act": "tab", "tab": "band" })).await, 204);
    window.until("desk_band").await;
    assert_eq!(window.act(json!({ "act": "check_band" })).await, 204);
    window.until_html("BAND-2").await;
    assert_eq!(window.act(json!({ "act": "tab", "tab": "station" })).await, 204);
    window.until_html("class=\"findings\"").await;
    assert_eq!(window.act(json!({ "act": "bundle" })).await, 204);
    window.until_html("support/report-").await;
    assert_eq!(window.act(json!({ "act": "tab", "tab": "vouch" })).await, 204);
    window.until("desk_vouch").await;
    assert_eq!(window.act(json!({ "act": "find", "user": "bo" })).await, 204);
    window.until_html("bo of the north").await;
    assert_eq!(window.act(json!({ "act": "vouch_now" })).await, 204);
    window.until("compare").await;
    assert_eq!(window.act(json!({ "act": "same" })).await, 204);
    window.until("done").await;
    let (folder, config) = station.stop().await;
    let report = std::fs::read_dir(config.station.data_directory.join("support")).unwrap();
    let report = std::fs::read_to_string(report.flatten().next().unwrap().path()).unwrap();
    for secret in ["bo of the north", "\"ada\"", testing::PIN, "BEGIN", "argon2"] {
        assert!(!report.contains(secret), "the report has {secret}");
    }
    drop(folder);
}
