use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::listen::{Limits, serve_http};
use super::patient::Patience;

/// Long enough for a loaded machine, short enough to notice that nothing comes.
const PATIENCE: Duration = Duration::from_secs(30);

struct Server {
    address: std::net::SocketAddr,
    stop: watch::Sender<bool>,
    ended: tokio::task::JoinHandle<()>,
}

async fn server(limits: Limits, router: Router) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (stop, stopped) = watch::channel(false);
    let ended = tokio::spawn(serve_http(listener, None, router, limits, stopped));
    Server { address, stop, ended }
}

fn hello() -> Router {
    Router::new().route("/", get(async || "hello"))
}

fn limits(head_ms: u64) -> Limits {
    Limits {
        connections: 16,
        head: Duration::from_millis(head_ms),
        ..Limits::default()
    }
}

/// Everything that comes until the server closes.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes));
    // A server that closes with bytes unread resets the connection; what came before counts.
    let _ = read.await.expect("the server closes in time");
    String::from_utf8_lossy(&bytes).into_owned()
}

async fn ask(address: std::net::SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).await.expect("connected");
    let request = b"GET / HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n";
    stream.write_all(request).await.expect("sent");
    rest(&mut stream).await
}

#[tokio::test]
async fn whoever_sends_slowly_is_cut_off_and_harms_nobody() {
    let server = server(limits(300), hello()).await;
    let mut slow = Vec::new();
    for _ in 0..15 {
        let mut stream = TcpStream::connect(server.address).await.expect("connected");
        stream
            .write_all(b"GET / HTTP/1.1\r\nhost: h")
            .await
            .expect("sent");
        slow.push(stream);
    }
    assert!(ask(server.address).await.ends_with("hello"), "one place is left");
    for mut stream in slow {
        let told = rest(&mut stream).await;
        assert!(told.is_empty() || told.starts_with("HTTP/1.1 408"), "{told}");
    }
    assert!(ask(server.address).await.ends_with("hello"));
}

/// Every place is taken by somebody who asks for much and reads nothing, or hardly anything; the next one is served all
/// the same, after they were given up.
#[tokio::test]
async fn whoever_does_not_take_the_answer_gives_up_the_place() {
    let much = bytes::Bytes::from(vec![b'x'; 64 << 20]);
    let router = hello().route("/much", get(async move || much.clone()));
    let patience = Patience {
        within: Duration::from_millis(500),
        bytes: 1 << 20,
    };
    let limits = Limits {
        patience,
        ..limits(5000)
    };
    let server = server(limits, router).await;
    let mut slow = Vec::new();
    for number in 0..16 {
        let mut stream = TcpStream::connect(server.address).await.expect("connected");
        stream
            .write_all(b"GET /much HTTP/1.1\r\nhost: h\r\n\r\n")
            .await
            .expect("sent");
        slow.push(tokio::spawn(async move {
            let mut drop = [0; 16];
            while number % 2 == 0 && stream.read_exact(&mut drop).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            std::future::pending::<()>().await;
            stream
        }));
    }
    assert!(ask(server.address).await.ends_with("hello"));
    slow.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn a_head_has_a_size() {
    let server = server(limits(5000), hello()).await;
    let mut stream = TcpStream::connect(server.address).await.expect("connected");
    let head = format!(
        "GET / HTTP/1.1\r\nhost: h\r\nx: {}\r\n\r\n",
        "y".repeat(128 << 10)
    );
    // The server answers before it has read everything.
    let _ = stream.write_all(head.as_bytes()).await;
    let told = rest(&mut stream).await;
    assert!(told.is_empty() || told.starts_with("HTTP/1.1 431"), "{told}");
}

#[tokio::test]
async fn what_two_servers_would_read_in_two_ways_is_refused() {
    let echo = Router::new().route("/", post(async |body: String| body));
    let server = server(limits(5000), echo).await;
    for head in [
        "POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
        "POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 5\r\ntransfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: h\r\ncontent-length: -1\r\n\r\n",
        "POST / HTTP/1.1\r\nhost : h\r\n\r\n",
        "POST / HTTP/9.9\r\nhost: h\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00",
    ] {
        let mut stream = TcpStream::connect(server.address).await.expect("connected");
        stream.write_all(head.as_bytes()).await.expect("sent");
        stream.shutdown().await.expect("no more");
        let told = rest(&mut stream).await;
        assert!(
            told.is_empty() || told.starts_with("HTTP/1.1 4"),
            "{head:?}: {told}"
        );
    }
}

#[tokio::test]
async fn what_was_begun_is_finished_before_the_end() {
    let (go, gone) = watch::channel(false);
    let slow = Router::new().route(
        "/",
        get(async move || {
            let mut gone = gone.clone();
            let _ = gone.wait_for(|go| *go).await;
            "finished"
        }),
    );
    let server = server(limits(5000), slow).await;
    let mut stream = TcpStream::connect(server.address).await.expect("connected");
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: h\r\n\r\n")
        .await
        .expect("sent");
    while go.receiver_count() < 3 {
        tokio::task::yield_now().await;
    }
    server.stop.send(true).expect("it listens");
    go.send(true).expect("it waits");
    assert!(rest(&mut stream).await.ends_with("finished"));
    tokio::time::timeout(PATIENCE, server.ended)
        .await
        .expect("in time")
        .expect("no panic");
    assert!(
        TcpStream::connect(server.address).await.is_err(),
        "nobody is accepted any more"
    );
}
