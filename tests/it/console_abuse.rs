//! Bodies without end, heads without end, addresses that lead elsewhere: the console's listener for people and
//! programs says no by name, and takes no more memory for it (B3, B4, A19).

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::sync_stage::{Console, ConsoleProcess};

/// A console as a process, and a key that may do everything.
async fn console() -> (Console, ConsoleProcess, String) {
    let mut console = Console::start().await;
    let key = console.administrator_key().await;
    let process = console.becomes_a_process().await;
    (console, process, key)
}

/// The largest the process has been, in MiB.
fn peak_mib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() >> 10
}

/// The status line's number and everything that was said, after at most `bytes` of `part` behind `head`; how many
/// of them were taken.
async fn pour(process: &ConsoleProcess, head: &str, part: &[u8], bytes: u64) -> (u16, String, u64) {
    let (mut read, mut write) = TcpStream::connect(process.web).await.unwrap().into_split();
    let head = head.as_bytes().to_vec();
    let part = part.to_vec();
    let pouring = tokio::spawn(async move {
        let mut taken = 0;
        if write.write_all(&head).await.is_err() {
            return (taken, write);
        }
        while taken < bytes && write.write_all(&part).await.is_ok() {
            taken += part.len() as u64;
        }
        // Kept: whoever closes this half would have gone.
        (taken, write)
    });
    let mut answer = Vec::new();
    // A connection that is reset after the answer has told it all the same.
    let _ = read.read_to_end(&mut answer).await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    let (taken, _) = pouring.await.unwrap();
    (status.unwrap_or(0), answer, taken)
}

fn chunk(bytes: &[u8]) -> Vec<u8> {
    let head = format!("{:x}\r\n", bytes.len());
    [head.as_bytes(), bytes, b"\r\n"].concat()
}

/// A list of a gibibyte, with its length said and without, as text and as bytes that are no text.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_a_gibibyte_is_refused_before_it_is_there() {
    const GIB: u64 = 1 << 30;
    let (_console, mut process, key) = console().await;
    let pid = process.pid().as_raw_nonzero().get() as u32;
    let head = |length: &str| {
        format!(
            "POST /api/v1/imports/users HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {key}\r\n\
             content-type: text/csv\r\n{length}\r\n\r\n"
        )
    };
    process.get("/healthz").await;
    let before = peak_mib(pid);
    let text = b"4711;Mara Kurz;hamburg\n".repeat(3000);
    let binary: Vec<u8> = (0..60_000_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    for part in [text, binary] {
        let said = pour(&process, &head(&format!("content-length: {GIB}")), &part, GIB).await;
        assert_eq!((said.0, said.1.contains("too_large")), (413, true), "{}", said.1);
        let said = pour(&process, &head("transfer-encoding: chunked"), &chunk(&part), GIB).await;
        assert_eq!((said.0, said.1.contains("too_large")), (413, true), "{}", said.1);
        assert!(said.2 < 64 << 20, "{} bytes were taken", said.2);
    }
    let grown = peak_mib(pid) - before;
    println!("1 GiB lists: the console grew by {grown} MiB at most");
    assert!(grown < 160, "the console grew by {grown} MiB");
    assert_eq!(process.get("/readyz").await.0, 200);
    process.kill().await;
}

/// What is asked, and what is answered: never a page of somebody else's, never an error of the console's own.
#[tokio::test(flavor = "multi_thread")]
async fn addresses_and_heads_that_no_browser_sends() {
    let (_console, mut process, key) = console().await;
    let with_key = format!("authorization: Bearer {key}\r\n");
    let get =
        |path: &str, more: &str| format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{more}\r\n");
    let long = "a".repeat(100 << 10);
    let many: String = (0..2000).map(|n| format!("x{n}: y\r\n")).collect();
    let deep = "/..".repeat(200);
    let cases: Vec<(&str, String, &[u16])> = vec![
        ("upward", get("/assets/../../../etc/passwd", ""), &[404, 303]),
        (
            "upward, coded",
            get("/assets/%2e%2e/%2e%2e/etc/passwd", ""),
            &[404, 303],
        ),
        (
            "upward, coded twice",
            get("/assets/%252e%252e%252fetc%252fpasswd", ""),
            &[404, 303],
        ),
        ("a zero", get("/api/v1/users/a%00b", &with_key), &[400]),
        ("not UTF-8", get("/api/v1/users/%ff%fe", &with_key), &[400]),
        ("two slashes", get("//evil.example/users", ""), &[404, 303]),
        (
            "another host's address",
            get("http://evil.example/api/v1/users", &with_key),
            &[200],
        ),
        ("deep", get(&deep, ""), &[404, 303]),
        ("a long address", get(&format!("/{long}"), ""), &[414, 431, 0]),
        (
            "a long head",
            get("/healthz", &format!("x: {long}\r\n")),
            &[431, 0],
        ),
        ("many heads", get("/healthz", &many), &[431, 0]),
        (
            "two lengths",
            get("/healthz", "content-length: 1\r\ncontent-length: 2\r\n"),
            &[400],
        ),
        ("a folded head", get("/healthz", "x: y\r\n z: w\r\n"), &[400]),
        (
            "no host",
            "GET /healthz HTTP/1.1\r\nconnection: close\r\n\r\n".into(),
            &[200, 400],
        ),
        (
            "a method nobody knows",
            get("/api/v1/users", &with_key).replacen("GET", "BREW", 1),
            &[405],
        ),
        ("TRACE", get("/healthz", "").replacen("GET", "TRACE", 1), &[405]),
        (
            "CONNECT",
            "CONNECT x:1 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".into(),
            &[400, 404, 405],
        ),
        (
            "HTTP/2 in the clear",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into(),
            &[400, 505, 0],
        ),
    ];
    for (name, request, expected) in cases {
        let (status, said, _) = pour(&process, &request, b"", 0).await;
        assert!(expected.contains(&status), "{name}: {status} {said}");
        assert!(!said.contains("root:"), "{name}: {said}");
    }
    // a head without end takes no memory
    let pid = process.pid().as_raw_nonzero().get() as u32;
    let before = peak_mib(pid);
    let (status, _, taken) = pour(&process, "GET / HTTP/1.1\r\nx: ", &[b'y'; 65_536], 100 << 20).await;
    assert!(
        [0, 431].contains(&status) && taken < 32 << 20,
        "{status} after {taken}"
    );
    assert!(peak_mib(pid) - before < 16);
    process.kill().await;
}

/// Whoever makes up methods fills no counters (I10).
#[tokio::test(flavor = "multi_thread")]
async fn made_up_methods_are_counted_together() {
    let (_console, mut process, key) = console().await;
    for n in 0..50 {
        let request = format!(
            "M{n} /api/v1/users HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {key}\r\n\r\n"
        );
        assert_eq!(pour(&process, &request, b"", 0).await.0, 405);
    }
    let (_, metrics) = process.get("/metrics").await;
    let series = metrics
        .lines()
        .filter(|line| line.contains("/api/v1/users\""))
        .count();
    assert!(
        metrics.contains("method=\"other\"") && series < 20,
        "{series} series"
    );
    process.kill().await;
}
