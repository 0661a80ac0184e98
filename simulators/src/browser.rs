//! A real browser for tests and measurements: Debian's chromium, driven over WebDriver, which is JSON over HTTP to a
//! chromedriver of our own on loopback. Only the few commands that are needed (decision 0032).

use std::io::{Read, Write};
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
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

/// The key Tab, as WebDriver names it.
pub const TAB: &str = "\u{e004}";
/// The key Enter, as WebDriver names it.
pub const ENTER: &str = "\u{e007}";

/// What every window is started with.
const ARGUMENTS: &[&str] = &[
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--lang=en",
];

/// A browser window of its own, without a profile of anybody.
#[derive(Debug)]
pub struct Browser {
    _driver: Child,
    _profile: tempfile::TempDir,
    port: u16,
    session: String,
    process: Option<u32>,
    scripts: AtomicU64,
}

impl Browser {
    /// Opens one; nothing, said loudly, where there is no chromium or no chromedriver.
    pub async fn open() -> Option<Self> {
        Self::open_with(&[]).await
    }

    /// The same, started with more arguments.
    pub async fn open_with(more: &[&str]) -> Option<Self> {
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
            process: None,
            scripts: AtomicU64::new(0),
        };
        let folder = format!("--user-data-dir={}", browser._profile.path().display());
        let arguments: Vec<&str> = ARGUMENTS.iter().chain(more).copied().chain([&*folder]).collect();
        let options = json!({ "args": arguments });
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "goog:chromeOptions": options,
            "goog:loggingPrefs": { "browser": "ALL" },
        }}});
        let begun = browser.call("POST", "/session", Some(&wanted)).await;
        let Ok(begun) = begun else {
            eprintln!("SKIPPED: chromium does not start: {}", begun.unwrap_err());
            return None;
        };
        let process = begun["capabilities"]["goog:processID"].as_u64();
        browser.process = process.and_then(|process| process.try_into().ok());
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
    pub async fn open_page(&self, url: &str) {
        self.command("url", json!({ "url": url })).await;
    }

    /// Goes back to the page before. A script that does so may go back twice: the driver runs it again where the page
    /// that it was given to is gone before it has answered.
    pub async fn back(&self) {
        self.command("back", json!({})).await;
    }

    /// Runs a script in the page and gives back what it returns.
    pub async fn run(&self, script: &str, arguments: Value) -> Value {
        self.scripts.fetch_add(1, Ordering::Relaxed);
        self.command("execute/sync", json!({ "script": script, "args": arguments }))
            .await
    }

    /// Runs a script whose last argument is the function that ends it.
    pub async fn run_until_done(&self, script: &str, arguments: Value) -> Value {
        self.scripts.fetch_add(1, Ordering::Relaxed);
        self.command("execute/async", json!({ "script": script, "args": arguments }))
            .await
    }

    /// How many scripts it was given so far; the driver leaves something in the page for each.
    pub fn scripts(&self) -> u64 {
        self.scripts.load(Ordering::Relaxed)
    }

    /// A command of the DevTools protocol.
    pub async fn devtools(&self, name: &str, params: Value) -> Value {
        self.command("goog/cdp/execute", json!({ "cmd": name, "params": params }))
            .await
    }

    /// The path and query of this page.
    pub async fn path(&self) -> String {
        let script = "return location.pathname + location.search";
        self.run(script, json!([]))
            .await
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// The text of the first element that matches; empty if none does.
    pub async fn text(&self, css: &str) -> String {
        let script = "return document.querySelector(arguments[0])?.innerText ?? ''";
        self.run(script, json!([css]))
            .await
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// Waits until an element matches.
    pub async fn wait_for(&self, css: &str) {
        let script = "return document.readyState === 'complete' && !!document.querySelector(arguments[0])";
        self.wait_until(script, json!([css])).await;
    }

    /// Waits until a script says `true`.
    pub async fn wait_until(&self, script: &str, arguments: Value) {
        let found = async {
            let mut look = interval(LOOK);
            loop {
                look.tick().await;
                if self.run(script, arguments.clone()).await == json!(true) {
                    return;
                }
            }
        };
        if timeout(LIMIT, found).await.is_err() {
            let text = self.text("body").await;
            panic!("in vain: {script} {arguments} at {}: {text}", self.path().await);
        }
    }

    /// Presses keys one after the other; names are those of WebDriver, such as `\u{e004}` for Tab.
    pub async fn keys(&self, keys: &str) {
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
    pub async fn tab_to(&self, css: &str) {
        for _ in 0..150 {
            self.keys(TAB).await;
            let script = "return !!document.activeElement?.matches(arguments[0])";
            if self.run(script, json!([css])).await == json!(true) {
                return;
            }
        }
        panic!("the keyboard does not reach {css} at {}", self.path().await);
    }

    /// Goes by Tab to a field and types into it what replaces its text.
    pub async fn type_into(&self, css: &str, text: &str) {
        self.tab_to(css).await;
        self.run("document.activeElement.select?.()", json!([])).await;
        self.keys(text).await;
    }

    /// Goes by Tab to a button or link, presses Enter, and waits for what the next page has.
    pub async fn press(&self, css: &str, then: &str) {
        self.tab_to(css).await;
        // The mark goes with the page, so that the next one is told from this one.
        self.run("document.documentElement.dataset.left = 'yes'", json!([]))
            .await;
        self.keys(ENTER).await;
        self.wait_for(&format!("html:not([data-left]) {then}")).await;
    }

    /// Chooses a file, as a person does in the window of the system.
    pub async fn choose_file(&self, css: &str, file: &Path) {
        let wanted = json!({ "using": "css selector", "value": css });
        let found = self.command("element", wanted).await;
        let element = found.as_object().and_then(|found| found.values().next());
        let element = element.and_then(Value::as_str).expect("an element").to_owned();
        let path = file.display().to_string();
        self.command(&format!("element/{element}/value"), json!({ "text": path }))
            .await;
    }

    /// Goes by Tab to a choice and types until this one is chosen.
    pub async fn choose(&self, css: &str, text: &str) {
        self.tab_to(css).await;
        self.keys(text).await;
        let script = "return document.activeElement.selectedOptions[0].text.startsWith(arguments[0])";
        let is_chosen = self.run(script, json!([text])).await;
        assert_eq!(is_chosen, json!(true), "{text} cannot be chosen in {css}");
    }

    /// Presses the button that matches as soon as there is one, without a mouse or a keyboard.
    pub async fn click(&self, css: &str) {
        self.wait_for(css).await;
        self.run("document.querySelector(arguments[0])?.click()", json!([css]))
            .await;
    }

    /// Presses several keys at once, such as Control and P.
    pub async fn chord(&self, keys: &str) {
        let key = |kind: &'static str| move |key: char| json!({ "type": kind, "value": key.to_string() });
        let down = keys.chars().map(key("keyDown"));
        let up = keys.chars().rev().map(key("keyUp"));
        let all: Vec<_> = down.chain(up).collect();
        let actions = json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": all }] });
        self.command("actions", actions).await;
    }

    /// The name of the tab that is driven.
    pub async fn tab(&self) -> String {
        self.get("window").await.as_str().expect("a tab").to_owned()
    }

    /// Another tab, which is the one that is driven from now on.
    pub async fn new_tab(&self) -> String {
        let made = self.command("window/new", json!({ "type": "tab" })).await;
        let tab = made["handle"].as_str().expect("a tab").to_owned();
        self.switch(&tab).await;
        tab
    }

    /// Drives the tab of this name from now on.
    pub async fn switch(&self, tab: &str) {
        self.command("window", json!({ "handle": tab })).await;
    }

    /// Closes the tab that is driven.
    pub async fn close_tab(&self) {
        let path = format!("/session/{}/window", self.session);
        let closed = self.call("DELETE", &path, None).await;
        closed.unwrap_or_else(|error| panic!("{error}"));
    }

    /// How many tabs and windows there are.
    pub async fn tab_count(&self) -> usize {
        let tabs = self.get("window/handles").await;
        tabs.as_array().map_or(0, Vec::len)
    }

    async fn get(&self, name: &str) -> Value {
        let path = format!("/session/{}/{name}", self.session);
        let got = self.call("GET", &path, None).await;
        got.unwrap_or_else(|error| panic!("{error}"))
    }

    /// The process of the browser, where the driver says it.
    pub fn process(&self) -> Option<u32> {
        self.process
    }

    /// Light or dark, as the system says.
    pub async fn prefer(&self, theme: &str) {
        let features = json!([{ "name": "prefers-color-scheme", "value": theme }]);
        self.devtools("Emulation.setEmulatedMedia", json!({ "features": features }))
            .await;
    }

    /// The window as wide as this, and remembers it for pictures.
    pub async fn width(&self, width: u32) {
        self.size(width, 800).await;
    }

    /// The window of this size, in pixels of the page.
    pub async fn size(&self, width: u32, height: u32) {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    /// Sets a cookie for this address.
    pub async fn cookie(&self, url: &str, name: &str, value: &str) {
        self.devtools(
            "Network.setCookie",
            json!({ "url": url, "name": name, "value": value }),
        )
        .await;
    }

    /// A picture of the whole page.
    pub async fn picture(&self, file: &Path) {
        let metrics = self.devtools("Page.getLayoutMetrics", json!({})).await;
        let size = &metrics["cssContentSize"];
        let clip = json!({ "x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1 });
        let params = json!({ "format": "png", "captureBeyondViewport": true, "clip": clip });
        self.capture(params, file).await;
    }

    /// A picture of what is in the window.
    pub async fn view(&self, file: &Path) {
        self.capture(json!({ "format": "png" }), file).await;
    }

    async fn capture(&self, params: Value, file: &Path) {
        let taken = self.devtools("Page.captureScreenshot", params).await;
        let png = BASE64
            .decode(taken["data"].as_str().expect("a picture").as_bytes())
            .expect("base64");
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        std::fs::write(file, png).expect("a picture on disk");
    }

    /// What the browser complained of since the last time, such as a script that the page's policy forbids.
    pub async fn complaints(&self) -> Vec<String> {
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
