//! The doors: who gets in, and what a caller cannot do to others.

use std::os::unix::fs::PermissionsExt;

use axum::Router;
use axum::routing::get;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::watch;

use super::listen::Doors;
use crate::config;
use crate::problem::Code;

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

struct House {
    folder: tempfile::TempDir,
    config: config::Api,
}

impl House {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let token_file = folder.path().join("token");
        std::fs::write(&token_file, format!("{TOKEN}\n")).unwrap();
        std::fs::set_permissions(&token_file, PermissionsExt::from_mode(0o600)).unwrap();
        let config = config::Api {
            socket: folder.path().join("station.sock"),
            group: None,
            listen: Some("127.0.0.1:0".parse().unwrap()),
            token_file: Some(token_file),
        };
        Self { folder, config }
    }

    /// Opens the doors before a router that answers "in".
    async fn open(&self) -> (std::net::SocketAddr, watch::Sender<bool>) {
        let doors = Doors::open(&self.config).await.unwrap();
        let address = doors.tcp_address().unwrap();
        let (stop, stopped) = watch::channel(false);
        tokio::spawn(doors.serve(Router::new().route("/", get(async || "in")), stopped));
        (address, stop)
    }
}

/// Sends the text and gives the answer's first line.
async fn say(mut stream: impl AsyncReadExt + AsyncWriteExt + Unpin, text: &str) -> String {
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let mut bytes = [0; 1024];
    while !answer.contains(&b'\n') {
        match stream.read(&mut bytes).await {
            Ok(0) | Err(_) => break,
            Ok(read) => answer.extend_from_slice(&bytes[..read]),
        }
    }
    String::from_utf8_lossy(&answer)
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned()
}

#[tokio::test]
async fn loopback_lets_in_whoever_has_the_token() {
    let house = House::new();
    let (address, _stop) = house.open().await;
    let check = async |head: &str, expected: &str| {
        let stream = TcpStream::connect(address).await.unwrap();
        let answer = say(stream, &format!("GET / HTTP/1.1\r\n{head}\r\n")).await;
        assert!(answer.contains(expected), "{head:?}: {answer:?}");
    };
    let token = format!("Authorization: Bearer {TOKEN}\r\n");
    check(&format!("Host: localhost\r\n{token}"), "200").await;
    check(&format!("Host: {address}\r\n{token}"), "200").await;
    check("Host: localhost\r\n", "401").await;
    check(&format!("Host: example.org\r\n{token}"), "403").await;
    check(&format!("Host: localhost\r\nHost: localhost\r\n{token}"), "403").await;
    check(
        &format!("Host: localhost\r\nOrigin: http://localhost\r\n{token}"),
        "403",
    )
    .await;
    check(
        &format!("Host: localhost\r\nX: {}\r\n{token}", "x".repeat(20_000)),
        "431",
    )
    .await;
}

#[tokio::test]
async fn the_socket_lets_in_its_own_user_without_a_token() {
    let house = House::new();
    let (_, stop) = house.open().await;
    let mode = std::fs::metadata(&house.config.socket)
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let stream = UnixStream::connect(&house.config.socket).await.unwrap();
    assert!(
        say(stream, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            .await
            .contains("200")
    );
    let rubbish = UnixStream::connect(&house.config.socket).await.unwrap();
    assert!(say(rubbish, "\u{0}\u{1}rubbish\r\n\r\n").await.contains("400"));
    stop.send(true).unwrap();
}

#[tokio::test]
async fn silent_callers_do_not_keep_others_out_for_ever() {
    let house = House::new();
    let (_, _stop) = house.open().await;
    let mut silent = Vec::new();
    for _ in 0..200 {
        silent.push(UnixStream::connect(&house.config.socket).await.unwrap());
    }
    let honest = UnixStream::connect(&house.config.socket).await.unwrap();
    let answered = say(honest, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    drop(silent);
    assert!(answered.await.contains("200"));
}

#[tokio::test]
async fn a_socket_left_behind_is_replaced_and_a_file_in_the_way_is_not() {
    let house = House::new();
    drop(std::os::unix::net::UnixListener::bind(&house.config.socket).unwrap());
    assert!(house.config.socket.exists());
    drop(Doors::open(&house.config).await.unwrap());
    assert!(!house.config.socket.exists());
    std::fs::write(&house.config.socket, "precious").unwrap();
    let problem = Doors::open(&house.config).await.unwrap_err();
    assert!(problem.why.contains("in the way"), "{problem}");
    assert!(house.config.socket.exists());
}

#[tokio::test]
async fn tokens_that_are_no_secret_are_refused() {
    let house = House::new();
    let token_file = house.folder.path().join("token");
    for (text, mode, code) in [
        ("short", 0o600, Code::SecretUnusable),
        ("0123456789abcdef 0123456789abcdef", 0o600, Code::SecretUnusable),
        (TOKEN, 0o644, Code::SecretExposed),
    ] {
        std::fs::write(&token_file, text).unwrap();
        std::fs::set_permissions(&token_file, PermissionsExt::from_mode(mode)).unwrap();
        assert_eq!(Doors::open(&house.config).await.unwrap_err().code, code, "{text}");
    }
    let group = config::Api {
        group: Some("no-such-group".into()),
        listen: None,
        token_file: None,
        ..house.config.clone()
    };
    let problem = Doors::open(&group).await.unwrap_err();
    assert!(problem.why.contains("no-such-group"), "{problem}");
}
