//! Hundreds who are slow on purpose: heads, forms and handshakes that come drop by drop or stop, answers that nobody
//! takes. Others are served meanwhile, the slow ones are ended, and nothing of them is left.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use console::sync::authority;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;

use crate::sync_stage::{Console, ConsoleProcess, Enrolled, Station, eventually};

/// Of each kind.
const CROWD: usize = 200;
/// Between two drops.
const DROP_EVERY: Duration = Duration::from_secs(1);
/// What comes drop by drop, if nothing else does.
const DROPS: [u8; 600] = [b'a'; 600];
/// Seconds that a request may take in these tests.
const REQUEST_S_MAX: u32 = 5;
/// Handles that a process may have more than before: connections of its own to its database.
const HANDLES_SPARE: usize = 40;

/// People of one kind, and how many of them have been shown the door.
#[derive(Clone, Default)]
struct Slow {
    came: Arc<AtomicUsize>,
    ended: Arc<AtomicUsize>,
}

impl Slow {
    /// One more, who says `first` and then `drops`, a byte each second. Nothing is read unless `reads`.
    fn one(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        (first, drops): (&[u8], &[u8]),
        reads: bool,
    ) {
        let (first, drops) = (first.to_vec(), drops.to_vec());
        self.came.fetch_add(1, Ordering::SeqCst);
        let ended = self.ended.clone();
        tokio::spawn(async move {
            drip(stream, &first, &drops, reads).await;
            ended.fetch_add(1, Ordering::SeqCst);
        });
    }

    fn came(&self) -> usize {
        self.came.load(Ordering::SeqCst)
    }

    fn left(&self) -> usize {
        self.came() - self.ended.load(Ordering::SeqCst)
    }

    /// Whoever was served by now was not served after them.
    #[track_caller]
    fn are_still_there(&self, who: &str) {
        let (left, came) = (self.left(), self.came());
        assert!(
            left * 2 > came,
            "{who}: {left} of {came} are left, others had to wait for their end"
        );
    }

    async fn have_ended(&self, who: &str) {
        eventually(&format!("{who} are ended"), async || self.left() == 0).await;
    }
}

/// Until the other end hangs up.
async fn drip(mut stream: impl AsyncRead + AsyncWrite + Unpin, first: &[u8], drops: &[u8], reads: bool) {
    if stream.write_all(first).await.is_err() {
        return;
    }
    let mut buffer = [0; 4096];
    let mut drops = drops.iter();
    loop {
        tokio::select! {
            read = stream.read(&mut buffer), if reads => if !matches!(read, Ok(1..)) { return },
            () = tokio::time::sleep(DROP_EVERY) => {
                let Some(drop) = drops.next() else { continue };
                let sent = async { stream.write_all(&[*drop]).await?; stream.flush().await };
                if sent.await.is_err() {
                    return;
                }
            }
        }
    }
}

/// As many handles as this process may have: there are two ends of each connection, and one is here.
fn many_handles() {
    let limit = getrlimit(Resource::Nofile);
    let current = limit.maximum;
    setrlimit(Resource::Nofile, Rlimit { current, ..limit }).unwrap();
}

async fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.unwrap()
}

/// Handles that the process has open.
fn handles(process: &ConsoleProcess) -> usize {
    let pid = process.pid().as_raw_nonzero();
    std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count()
}

async fn nothing_is_left(process: &ConsoleProcess, before: usize) {
    eventually("every connection is closed", async || {
        handles(process) <= before + HANDLES_SPARE
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_and_api_are_served_while_hundreds_are_slow() {
    many_handles();
    let mut console = Console::start().await;
    let key = console.administrator_key().await;
    console.go_away().await;
    let process = console
        .process_with(&[], |config| config.web.request_s_max = REQUEST_S_MAX)
        .await;
    process.get("/healthz").await;
    let before = handles(&process);
    let (heads, forms, readers) = (Slow::default(), Slow::default(), Slow::default());
    let form = "POST /sign-in HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\n\
                content-length: 60000\r\n\r\nlogin=";
    let much = "GET /api/v1/openapi.json HTTP/1.1\r\nhost: x\r\n\r\n".repeat(100);
    for _ in 0..CROWD {
        let head = b"GET / HTTP/1.1\r\nhost: x\r\nx-slow: ";
        heads.one(connect(process.web).await, (head, &DROPS), true);
        forms.one(connect(process.web).await, (form.as_bytes(), &DROPS), true);
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let stream = socket.connect(process.web).await.unwrap();
        readers.one(stream, (much.as_bytes(), &DROPS), false);
    }
    for _ in 0..20 {
        assert_eq!(process.get("/sign-in").await.0, 200);
        assert_eq!(process.ask("/api/v1/users", &key).await.0, 200);
    }
    for (slow, who) in [(&heads, "heads"), (&forms, "forms"), (&readers, "readers")] {
        slow.are_still_there(who);
    }
    heads.have_ended("slow heads").await;
    forms.have_ended("slow forms").await;
    assert_eq!(process.ask("/api/v1/users", &key).await.0, 200);
    // Whoever takes nothing has half a minute.
    if tests::volume(0, 1) > 0 {
        readers.have_ended("those who take nothing").await;
        nothing_is_left(&process, before).await;
    } else {
        drop(readers);
    }
}

fn believing(root: &CertificateDer<'static>) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(root.clone()).unwrap();
    let config = ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

/// The first word of a client that then says nothing more.
fn hello(config: &Arc<ClientConfig>, address: SocketAddr) -> Vec<u8> {
    let mut client = ClientConnection::new(config.clone(), ServerName::from(address.ip())).unwrap();
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).unwrap();
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn stations_sync_and_join_while_hundreds_are_slow() {
    many_handles();
    let mut console = Console::start().await;
    console.person("ada", "north").await;
    console.band("BAND-1").await;
    let root = authority::load(&console.app).await.unwrap().certificate().clone();
    let process = console.becomes_a_process().await;
    let mut gate = Station::joined(&console, "gate", "north").await;
    gate.stop().await;
    gate.enroll(&Enrolled::new("ada", "BAND-1", 1, 1));
    let before = handles(&process);
    let config = believing(&root);
    let (silent, halfway, strangers) = (Slow::default(), Slow::default(), Slow::default());
    let connector = TlsConnector::from(config.clone());
    for _ in 0..CROWD / 2 {
        let stream = connect(process.address).await;
        let name = ServerName::from(process.address.ip());
        let stream = connector.connect(name, stream).await.unwrap();
        let head = b"POST /sync/v1/join HTTP/1.1\r\nhost: x\r\nx-slow: ";
        strangers.one(stream, (head, &DROPS), true);
    }
    let token = console.token("hall", "north").await;
    let first = hello(&config, process.address);
    for number in 0..CROWD {
        // Half of them begin to say something, and never come to its end.
        let drops: &[u8] = if number % 2 == 0 { &[] } else { &first };
        silent.one(connect(process.address).await, (&[], drops), true);
    }
    gate.start();
    gate.in_step().await;
    silent.are_still_there("silent");
    for _ in 0..CROWD {
        halfway.one(connect(process.address).await, (&first, &[]), true);
    }
    let mut hall = Station::new();
    hall.join(process.address, &token).await;
    halfway.are_still_there("halfway");
    hall.start();
    hall.in_step().await;
    assert_eq!(console.associations().await, ["ada BAND-1 active"]);
    for (slow, who) in [
        (&silent, "silent"),
        (&halfway, "halfway"),
        (&strangers, "strangers"),
    ] {
        slow.have_ended(who).await;
    }
    hall.stop().await;
    gate.stop().await;
    nothing_is_left(&process, before).await;
}
