//! The kiosk's page as a browser meets it: loaded, followed, pressed.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::*;

const LIMIT: Duration = Duration::from_secs(30);

/// A window on the page of a station.
struct Window {
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
    async fn open(station: &super::Station) -> Self {
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

    fn screen(&self) -> &str {
        self.frame["screen"].as_str().unwrap()
    }

    fn html(&self) -> &str {
        self.frame["html"].as_str().unwrap()
    }

    async fn until(&mut self, screen: &str) {
        while self.screen() != screen {
            self.next().await;
        }
    }

    async fn act(&self, what: Value) -> u16 {
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
