//! WebDriver: JSON over HTTP to a chromedriver of our own, on loopback.

use std::io::{Read, Write};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use data_encoding::BASE64;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{interval, timeout};

/// Longest time anything here may take.
const LIMIT: Duration = Duration::from_secs(60);
/// Between two looks at a page that is not there yet.
const LOOK: Duration = Duration::from_millis(50);

/// A browser window of its own, without a profile of anybody.
pub(crate) struct Browser {
    _driver: Child,
    _profile: tempfile::TempDir,
    port: u16,
    session: String,
}

impl Browser {
    /// Opens one; nothing, said loudly, where there is no chromium or no chromedriver.
    pub(crate) async fn open() -> Option<Self> {
        let mut command = Command::new("chromedriver");
        command
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        let Ok(mut driver) = command.spawn() else {
            eprintln!(
                "SKIPPED: there is no chromedriver on this machine; `apt-get install chromium-driver` brings it"
            );
            return None;
        };
        let port = port_of(&mut driver).await;
        let profile = tempfile::tempdir().expect("a folder");
        let mut browser = Self {
            _driver: driver,
            _profile: profile,
            port,
            session: String::new(),
        };
        let folder = format!("--user-data-dir={}", browser._profile.path().display());
        let options = json!({ "args": [
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
            "--lang=en", folder,
        ]});
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "goog:chromeOptions": options,
            "goog:loggingPrefs": { "browser": "ALL" },
        }}});
        let begun = browser.call("POST", "/session", Some(&wanted)).await;
        let Ok(begun) = begun else {
            eprintln!("SKIPPED: chromium does not start: {}", begun.unwrap_err());
            return None;
        };
        browser.session = begun["sessionId"].as_str().expect("a session").to_owned();
        Some(browser)
    }

    async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, String> {
        let work = exchange(self.port, method, path, body);
        let answer = timeout(LIMIT, work)
            .await
            .map_err(|_| format!("{path} takes too long"))?;
        let mut answer = answer.map_err(|error| format!("{path}: {error}"))?;
        let value = answer["value"].take();
        match value.get("error") {
            Some(error) => Err(format!("{path}: {error}: {}", value["message"])),
            None => Ok(value),
        }
    }

    async fn command(&self, name: &str, body: Value) -> Value {
        let path = format!("/session/{}/{name}", self.session);
        self.call("POST", &path, Some(&body))
            .await
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// Opens an address and waits until it has loaded.
    pub(crate) async fn open_page(&self, url: &str) {
        self.command("url", json!({ "url": url })).await;
    }

    /// Runs a script in the page and gives back what it returns.
    pub(crate) async fn run(&self, script: &str, arguments: Value) -> Value {
        self.command("execute/sync", json!({ "script": script, "args": arguments }))
            .await
    }

    /// Runs a script whose last argument is the function that ends it.
    pub(crate) async fn run_until_done(&self, script: &str, arguments: Value) -> Value {
        self.command("execute/async", json!({ "script": script, "args": arguments }))
            .await
    }

    /// A command of the DevTools protocol.
    async fn devtools(&self, name: &str, params: Value) -> Value {
        self.command("goog/cdp/execute", json!({ "cmd": name, "params": params }))
            .await
    }

    /// The path and query of this page.
    pub(crate) async fn path(&self) -> String {
        let script = "return location.pathname + location.search";
        self.run(script, json!([]))
            .await
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// The text of the first element that matches; empty if none does.
    pub(crate) async fn text(&self, css: &str) -> String {
        let script = "return document.querySelector(arguments[0])?.innerText ?? ''";
        self.run(script, json!([css]))
            .await
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// Waits until an element matches.
    pub(crate) async fn wait_for(&self, css: &str) {
        let found = async {
            let mut look = interval(LOOK);
            loop {
                look.tick().await;
                let script =
                    "return document.readyState === 'complete' && !!document.querySelector(arguments[0])";
                if self.run(script, json!([css])).await == json!(true) {
                    return;
                }
            }
        };
        if timeout(LIMIT, found).await.is_err() {
            panic!(
                "nothing matches {css} at {}: {}",
                self.path().await,
                self.text("main").await
            );
        }
    }

    /// Presses keys one after the other; names are those of WebDriver, such as `\u{e004}` for Tab.
    async fn keys(&self, keys: &str) {
        let pressed = keys.chars().flat_map(|key| {
            let key = key.to_string();
            [
                json!({ "type": "keyDown", "value": key }),
                json!({ "type": "keyUp", "value": key }),
            ]
        });
        let actions = json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": pressed.collect::<Vec<_>>() }] });
        self.command("actions", actions).await;
    }

    /// Goes by Tab to the element that matches, from where the focus is, and around the page once at most.
    pub(crate) async fn tab_to(&self, css: &str) {
        for _ in 0..150 {
            self.keys("\u{e004}").await;
            let script = "return !!document.activeElement?.matches(arguments[0])";
            if self.run(script, json!([css])).await == json!(true) {
                return;
            }
        }
        panic!("the keyboard does not reach {css} at {}", self.path().await);
    }

    /// Goes by Tab to a field and types into it what replaces its text.
    pub(crate) async fn type_into(&self, css: &str, text: &str) {
        self.tab_to(css).await;
        self.run("document.activeElement.select?.()", json!([])).await;
        self.keys(text).await;
    }

    /// Goes by Tab to a button or link, presses Enter, and waits for what the next page has.
    pub(crate) async fn press(&self, css: &str, then: &str) {
        self.tab_to(css).await;
        // The mark goes with the page, so that the next one is told from this one.
        self.run("document.documentElement.dataset.left = 'yes'", json!([]))
            .await;
        self.keys("\u{e007}").await;
        self.wait_for(&format!("html:not([data-left]) {then}")).await;
    }

    /// Chooses a file, as a person does in the window of the system.
    pub(crate) async fn choose_file(&self, css: &str, file: &Path) {
        let wanted = json!({ "using": "css selector", "value": css });
        let found = self.command("element", wanted).await;
        let element = found.as_object().and_then(|found| found.values().next());
        let element = element.and_then(Value::as_str).expect("an element").to_owned();
        let path = file.display().to_string();
        self.command(&format!("element/{element}/value"), json!({ "text": path }))
            .await;
    }

    /// Goes by Tab to a choice and types until this one is chosen.
    pub(crate) async fn choose(&self, css: &str, text: &str) {
        self.tab_to(css).await;
        self.keys(text).await;
        let script = "return document.activeElement.selectedOptions[0].text.startsWith(arguments[0])";
        let is_chosen = self.run(script, json!([text])).await;
        assert_eq!(is_chosen, json!(true), "{text} cannot be chosen in {css}");
    }

    /// The window as wide as this, and remembers it for pictures.
    pub(crate) async fn width(&self, width: u32) {
        let metrics = json!({ "width": width, "height": 800, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    /// Sets a cookie for this address.
    pub(crate) async fn cookie(&self, url: &str, name: &str, value: &str) {
        self.devtools(
            "Network.setCookie",
            json!({ "url": url, "name": name, "value": value }),
        )
        .await;
    }

    /// A picture of the whole page.
    pub(crate) async fn picture(&self, file: &Path) {
        let metrics = self.devtools("Page.getLayoutMetrics", json!({})).await;
        let size = &metrics["cssContentSize"];
        let clip = json!({ "x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1 });
        let params = json!({ "format": "png", "captureBeyondViewport": true, "clip": clip });
        let taken = self.devtools("Page.captureScreenshot", params).await;
        let png = BASE64
            .decode(taken["data"].as_str().expect("a picture").as_bytes())
            .expect("base64");
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        std::fs::write(file, png).expect("a picture on disk");
    }

    /// What the browser complained of since the last time, such as a script that the page's policy forbids.
    pub(crate) async fn complaints(&self) -> Vec<String> {
        let log = self.command("se/log", json!({ "type": "browser" })).await;
        let lines = log.as_array().cloned().unwrap_or_default();
        lines
            .iter()
            .filter_map(|line| line["message"].as_str().map(str::to_owned))
            .collect()
    }
}

/// The browser ends with its window, also when a test fails: a killed chromedriver would leave it behind.
impl Drop for Browser {
    fn drop(&mut self) {
        let (port, session) = (self.port, &self.session);
        let Ok(mut stream) = std::net::TcpStream::connect(("127.0.0.1", port)) else {
            return;
        };
        let _ = stream.set_read_timeout(Some(LIMIT));
        let head = format!("DELETE /session/{session} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n\r\n");
        let _ = stream.write_all(head.as_bytes());
        // Its first byte says that the browser is gone.
        let _ = stream.read(&mut [0; 1]);
    }
}

/// The port a chromedriver says that it listens on.
async fn port_of(driver: &mut Child) -> u16 {
    let mut lines = BufReader::new(driver.stdout.take().expect("its output")).lines();
    let said = async {
        while let Ok(Some(line)) = lines.next_line().await {
            let port = line
                .split("on port ")
                .nth(1)
                .map(|rest| rest.trim_end_matches('.').parse());
            // First it repeats what it was asked for, which is 0.
            if let Some(Ok(port)) = port.filter(|port| *port != Ok(0)) {
                return port;
            }
        }
        panic!("chromedriver does not say its port");
    };
    let port = timeout(LIMIT, said).await.expect("chromedriver starts");
    // What it says later has to go somewhere.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    port
}

/// One request and its answer, on a connection of its own.
async fn exchange(port: u16, method: &str, path: &str, body: Option<&Value>) -> std::io::Result<Value> {
    let body = body.map(Value::to_string).unwrap_or_default();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    // It keeps connections open, whatever it is asked: the length says where an answer ends.
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).await?;
        let line = line.trim().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(said) = line.strip_prefix("content-length:") {
            length = said.trim().parse().map_err(std::io::Error::other)?;
        }
    }
    let mut answer = vec![0; length];
    reader.read_exact(&mut answer).await?;
    serde_json::from_slice(&answer).map_err(std::io::Error::other)
}
