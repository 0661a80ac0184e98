//! Who gets what on the stations' listener (A13), and whom a station believes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use console::ca::{Authority, KeyedCertificate, Validity, serial};
use console::sync::authority;
use firmware_protocol::id::StationId;
use firmware_protocol::time::UnixSeconds;
use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    PKCS_ECDSA_P256_SHA256,
};
use rustls::client::Resumption;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, HandshakeKind, RootCertStore, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use server_sync::Versions;
use server_sync::join::JoinRequest;
use station_core::sync::JoinToken;

use crate::sync_stage::{Console, On, Station, on_both, seal_key};

const DAY_S: u64 = 86_400;

/// A client's certificates, its own first, and its key.
type Shown = Option<(Vec<CertificateDer<'static>>, Vec<u8>)>;

/// How to come.
struct Client {
    root: CertificateDer<'static>,
    shown: Shown,
    version: &'static SupportedProtocolVersion,
    alpn: Vec<Vec<u8>>,
}

impl Client {
    fn new(root: &CertificateDer<'static>, shown: Shown) -> Self {
        Self {
            root: root.clone(),
            shown,
            version: &rustls::version::TLS13,
            alpn: vec![b"http/1.1".to_vec()],
        }
    }

    fn config(&self) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(default_provider().into())
            .with_protocol_versions(&[self.version])
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match &self.shown {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => {
                let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.clone()));
                builder.with_client_auth_cert(chain.clone(), key).unwrap()
            }
        };
        config.alpn_protocols = self.alpn.clone();
        config.resumption = Resumption::in_memory_sessions(8);
        Arc::new(config)
    }
}

/// Sends these bytes and reads to the end, or says that nothing came.
async fn talk(
    address: SocketAddr,
    config: Arc<ClientConfig>,
    request: &[u8],
) -> std::io::Result<(Vec<u8>, Option<HandshakeKind>)> {
    let asked = async {
        let stream = TcpStream::connect(address).await?;
        let name = ServerName::from(address.ip());
        let mut stream = TlsConnector::from(config).connect(name, stream).await?;
        // A console that has heard enough answers and hangs up, whatever is still on its way to it.
        let written = stream.write_all(request).await;
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer).await;
        if answer.is_empty() {
            written.and(read.map(drop))?;
        }
        Ok((answer, stream.get_ref().1.handshake_kind()))
    };
    let asked = tokio::time::timeout(Duration::from_secs(40), asked);
    asked.await.expect("an answer or an end")
}

/// Status and code of an answer to a request that only a station may make, or `refused` if there was none.
async fn ask(address: SocketAddr, config: Arc<ClientConfig>) -> (String, Option<HandshakeKind>) {
    let request = b"GET /sync/v1/keys HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    match talk(address, config, request).await {
        Ok((answer, kind)) => (said(&answer), kind),
        Err(_) => ("refused".into(), None),
    }
}

fn said(answer: &[u8]) -> String {
    let text = String::from_utf8_lossy(answer);
    let Some(status) = text.split(' ').nth(1) else {
        return "refused".into();
    };
    let code = text
        .lines()
        .find_map(|line| line.strip_prefix("bandstand-code: "));
    format!("{status} {}", code.unwrap_or("-"))
}

fn new_key() -> KeyPair {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap()
}

/// A certificate of this authority for a station.
fn leaf(authority: &Authority, station: StationId, number: u8, validity: Validity) -> Shown {
    let key = new_key();
    let request = CertificateParams::default().serialize_request(&key).unwrap();
    let made = authority
        .station(request.der(), station, serial([number; 16]), validity)
        .unwrap();
    Some((vec![made], key.serialize_der()))
}

/// A root of ten certificates, each signed by the one before, and a station's at the end of them.
fn long_chain(root: &KeyedCertificate) -> Shown {
    let mut issuer =
        Issuer::from_ca_cert_der(&root.certificate, KeyPair::try_from(root.key.as_slice()).unwrap()).unwrap();
    let mut chain = Vec::new();
    for _ in 0..9 {
        let key = new_key();
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let made = parameters.signed_by(&key, &issuer).unwrap();
        chain.insert(0, made.der().clone());
        issuer = Issuer::from_ca_cert_der(made.der(), key).unwrap();
    }
    let key = new_key();
    let mut parameters = CertificateParams::default();
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    chain.insert(0, parameters.signed_by(&key, &issuer).unwrap().der().clone());
    Some((chain, key.serialize_der()))
}

#[tokio::test(flavor = "multi_thread")]
async fn who_gets_what_on_the_listener() {
    let console = Console::start().await;
    let mut station = Station::joined(&console, "gate", "north").await;
    station.stop().await;
    let gate = console.station("gate").await.id;
    let authority = authority::load(&console.app).await.unwrap();
    let root = authority.certificate().clone();
    let now = UnixSeconds(station_daemon::clock::Clock::start().wall().0);
    let good = Validity::starting(now, 30 * DAY_S);
    let foreign_root = Authority::create("Other", now).unwrap();
    let foreign = Authority::load(&foreign_root).unwrap();
    let self_signed = {
        let key = new_key();
        let made = CertificateParams::default().self_signed(&key).unwrap();
        Some((vec![made.der().clone()], key.serialize_der()))
    };
    let listener = authority.server(&["127.0.0.1".into()], good).unwrap();
    let past = Validity {
        not_before: UnixSeconds(now.0 - 30 * DAY_S),
        not_after: UnixSeconds(now.0 - 10),
    };
    let future = Validity {
        not_before: UnixSeconds(now.0 + DAY_S),
        not_after: UnixSeconds(now.0 + 30 * DAY_S),
    };
    let own = own_certificate(&station);
    let cases: Vec<(&str, Shown, &str)> = vec![
        ("no certificate", None, "401 certificate_missing"),
        ("its own", own.clone(), "200 -"),
        ("of another authority", leaf(&foreign, gate, 1, good), "refused"),
        ("self-signed", self_signed, "refused"),
        ("expired", leaf(&authority, gate, 2, past), "refused"),
        ("not yet valid", leaf(&authority, gate, 3, future), "refused"),
        (
            "the listener's own",
            Some((vec![listener.certificate.clone()], listener.key.to_vec())),
            "refused",
        ),
        ("chain of ten", long_chain(&foreign_root), "refused"),
        (
            "never issued",
            leaf(&authority, gate, 4, good),
            "403 certificate_unknown",
        ),
        (
            "of nobody",
            leaf(&authority, StationId([9; 16]), 5, good),
            "403 certificate_unknown",
        ),
    ];
    for (name, shown, expected) in cases {
        let (found, _) = ask(console.address, Client::new(&root, shown).config()).await;
        assert_eq!(found, expected, "{name}");
    }
    older_tls_and_other_protocols(&console, &root, &own).await;
    // the same configuration twice: nothing is resumed, so that every connection shows its certificate
    let config = Client::new(&root, own.clone()).config();
    for _ in 0..2 {
        let (found, kind) = ask(console.address, config.clone()).await;
        assert_eq!((found.as_str(), kind), ("200 -", Some(HandshakeKind::Full)));
    }
    console
        .change(move |tx, now| console::sync::stations::revoke(tx, gate, "stolen", now).map(drop))
        .await;
    let (found, _) = ask(console.address, config).await;
    assert_eq!(found, "403 station_revoked");
}

async fn older_tls_and_other_protocols(console: &Console, root: &CertificateDer<'static>, own: &Shown) {
    let old = Client {
        version: &rustls::version::TLS12,
        ..Client::new(root, own.clone())
    };
    assert_eq!(ask(console.address, old.config()).await.0, "refused", "TLS 1.2");
    let other = Client {
        alpn: vec![b"h2".to_vec()],
        ..Client::new(root, own.clone())
    };
    assert_eq!(
        ask(console.address, other.config()).await.0,
        "refused",
        "another protocol"
    );
}

/// What the station itself shows.
fn own_certificate(station: &Station) -> Shown {
    let path = station.folder().join("data/station.sync");
    let own = station_daemon::sync::Credentials::load(&path, &seal_key()).unwrap();
    Some((vec![own.certificate.clone()], own.key.to_vec()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_station_believes_the_console_that_its_token_names_and_no_other() {
    let (right, wrong) = (Console::start().await, Console::start().await);
    let token = right.token("gate", "north").await;
    let station = Station::new();
    let refused = station.try_join(wrong.address, &token).await;
    let said: serde_json::Value = serde_json::from_slice(&refused.stderr).unwrap();
    assert_eq!(said["error"]["code"], "console_refused", "{said}");
    // the token was shown to nobody and is still good
    station.join(right.address, &token).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_station_is_told_at_once_and_keeps_what_it_has() {
    let console = Console::start().await;
    console.person("ada", "north").await;
    let mut station = Station::joined(&console, "gate", "north").await;
    let gate = console.station("gate").await.id;
    console
        .change(move |tx, now| console::sync::stations::revoke(tx, gate, "stolen", now).map(drop))
        .await;
    // its poll is held open at this moment
    let told = station
        .until("it knows", |status| status["sync"]["code"] == "station_revoked")
        .await;
    assert_eq!(told["sync"]["state"], "stopped");
    station.stop().await;
    let store = station.store();
    let stopped = store.sync_state().unwrap().unwrap().feed_stopped;
    assert_eq!(stopped.as_deref(), Some("station_revoked"));
    assert!(store.head().unwrap().sequence > console.station("gate").await.head.sequence);
    let again = station.run(&["doctor", "--json"]).await;
    assert!(String::from_utf8_lossy(&again.stdout).contains("station_revoked"));
}

/// A request of these lines with this body.
fn request(head: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "{head}\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_is_answered_by_name_and_bounded() {
    let console = Console::start().await;
    let mut station = Station::joined(&console, "gate", "north").await;
    station.stop().await;
    let authority = authority::load(&console.app).await.unwrap();
    let config = Client::new(authority.certificate(), own_certificate(&station)).config();
    let bomb = zstd::bulk::compress(&vec![0; 64 << 20], 19).unwrap();
    let packed = "POST /sync/v1/journal HTTP/1.1\r\ncontent-encoding: zstd";
    let long = "POST /sync/v1/health HTTP/1.1\r\nx: ".to_owned() + &"y".repeat(64 << 10);
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        (
            "no such path",
            request("GET /sync/v1/users HTTP/1.1", b""),
            "404 not_found",
        ),
        (
            "a path upward",
            request("GET /sync/v1/../../etc HTTP/1.1", b""),
            "404 not_found",
        ),
        (
            "another method",
            request("DELETE /sync/v1/feed HTTP/1.1", b""),
            "405 method_not_allowed",
        ),
        (
            "no query",
            request("GET /sync/v1/feed HTTP/1.1", b""),
            "400 feed_request_malformed",
        ),
        (
            "a cursor of the future",
            request(
                "GET /sync/v1/feed?v=1&cursor=11111111111111111111111111111111.99999.1 HTTP/1.1",
                b"",
            ),
            "409 console_behind",
        ),
        (
            "not a batch",
            request("POST /sync/v1/journal HTTP/1.1", b"hello"),
            "409 -",
        ),
        ("a bomb", request(packed, &bomb), "413 too_large"),
        ("not zstd", request(packed, b"hello"), "400 encoding_damaged"),
        (
            "another encoding",
            request("POST /sync/v1/journal HTTP/1.1\r\ncontent-encoding: br", b"x"),
            "415 encoding_unknown",
        ),
        (
            "too much",
            request("POST /sync/v1/health HTTP/1.1", &[0; 5000]),
            "413 too_large",
        ),
        (
            "not a report",
            request("POST /sync/v1/health HTTP/1.1", b"hello"),
            "400 health_malformed",
        ),
        (
            "not a request to join",
            request("POST /sync/v1/join HTTP/1.1", b"hello"),
            "403 -",
        ),
        ("not HTTP", b"hello\r\n\r\n".to_vec(), "400 -"),
        ("a long head", request(&long, b""), "431 -"),
    ];
    for (name, bytes, expected) in cases {
        let answered = talk(console.address, config.clone(), &bytes).await;
        let found = answered.map_or("refused".into(), |(answer, _)| said(&answer));
        assert_eq!(found, expected, "{name}");
    }
    // half a request: whoever says nothing more is sent away
    let half = talk(console.address, config.clone(), b"GET /sync/v1/fe").await;
    assert!(half.is_err() || said(&half.unwrap().0).starts_with("408"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_without_news_is_a_few_hundred_bytes() {
    let console = Console::start().await;
    let mut station = Station::joined(&console, "gate", "north").await;
    station.stop().await;
    let inbox = station.store().sync_state().unwrap().unwrap().inbox();
    let authority = authority::load(&console.app).await.unwrap();
    let config = Client::new(authority.certificate(), own_certificate(&station)).config();
    let cursor = inbox.cursor.unwrap();
    let asked = format!(
        "GET /sync/v1/feed?v=1&cursor={cursor}&wait_s=1 HTTP/1.1\r\nhost: {}\r\n",
        console.address
    );
    let begun = tokio::time::Instant::now();
    let request = format!("{asked}connection: close\r\n\r\n");
    let (answer, _) = talk(console.address, config, request.as_bytes()).await.unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(900), "it was not held");
    assert_eq!(said(&answer), "200 -");
    // the line that closes the connection apart
    let close = "connection: close\r\n".len();
    assert!(
        asked.len() + 2 <= 300 && answer.len() - close <= 300,
        "{} and {}",
        asked.len(),
        answer.len()
    );
}

/// A request to join with this token, by a station that nobody knows yet.
fn to_join(token: &JoinToken) -> Vec<u8> {
    let key = new_key();
    let csr = CertificateParams::default().serialize_request(&key).unwrap();
    let asked = JoinRequest {
        versions: Versions::OURS,
        token: token.secret.to_vec(),
        csr_der: csr.der().to_vec(),
        dh_key: [7; 32],
        software: "test".into(),
        station: None,
        organization: None,
        journal: None,
    };
    request("POST /sync/v1/join HTTP/1.1", &asked.to_bytes())
}

on_both! { of_fifty_that_show_one_token_one_is_taken_in }

/// A2: fifty stations redeem one token at once, several times; then nobody does, with a token that was taken back or
/// is too old.
async fn of_fifty_that_show_one_token_one_is_taken_in(on: On) {
    let console = Console::start_on(on).await;
    let authority = authority::load(&console.app).await.unwrap();
    let config = Client::new(authority.certificate(), None).config();
    let address = console.address;
    for name in ["one", "two", "three", "four"] {
        let token: JoinToken = console.token(name, "north").await.parse().unwrap();
        let racing = (0..50).map(|_| {
            let (config, asked) = (config.clone(), to_join(&token));
            tokio::spawn(async move { (talk(address, config, &asked).await, asked) })
        });
        let mut taken = Vec::new();
        for racer in racing.collect::<Vec<_>>() {
            let (answer, asked) = racer.await.unwrap();
            match said(&answer.unwrap().0).as_str() {
                "200 -" => taken.push(asked),
                "403 -" => {}
                other => panic!("{other}"),
            }
        }
        assert_eq!(taken.len(), 1, "{name}");
        let again = talk(address, config.clone(), &taken[0]).await.unwrap();
        assert_eq!(said(&again.0), "200 -", "whoever lost the answer asks again");
        let late = talk(address, config.clone(), &to_join(&token)).await.unwrap();
        assert_eq!(said(&late.0), "403 -");
    }
    let known = console.read(console::sync::stations::list).await;
    assert_eq!(known.len(), 4);
    for name in ["old", "revoked"] {
        let days = if name == "old" { -1 } else { 1 };
        let token: JoinToken = console
            .token_until(name, "north", None, days)
            .await
            .parse()
            .unwrap();
        if name == "revoked" {
            let hash = token.digest();
            let taken_back = move |tx: &console::db::Tx<'_>, _| console::sync::tokens::revoke(tx, &hash);
            assert!(console.change(taken_back).await);
        }
        let racing = (0..50).map(|_| {
            let (config, asked) = (config.clone(), to_join(&token));
            tokio::spawn(async move { said(&talk(address, config, &asked).await.unwrap().0) })
        });
        for racer in racing.collect::<Vec<_>>() {
            assert_eq!(racer.await.unwrap(), "403 -", "{name}");
        }
    }
    assert_eq!(console.read(console::sync::stations::list).await.len(), 4);
}

/// F14: a station of a release to come, which speaks no version of ours, and one that speaks ours too.
#[tokio::test(flavor = "multi_thread")]
async fn a_station_of_another_release_is_told_which_versions_there_are() {
    let console = Console::start().await;
    let mut station = Station::joined(&console, "gate", "north").await;
    station.stop().await;
    let authority = authority::load(&console.app).await.unwrap();
    let config = Client::new(authority.certificate(), own_certificate(&station)).config();
    let ours = Versions::OURS;
    let (newer, newest) = (ours.newest.0 + 1, ours.newest.0 + 2);
    for (versions, expected) in [
        (format!("{newer}-{newest}"), "409 no_common_version"),
        (format!("{}-{newest}", ours.oldest.0), "200 -"),
        ("0-0".into(), "409 no_common_version"),
        ("x".into(), "400 feed_request_malformed"),
    ] {
        let asked = request(&format!("GET /sync/v1/feed?v={versions} HTTP/1.1"), b"");
        let (answer, _) = talk(console.address, config.clone(), &asked).await.unwrap();
        assert_eq!(said(&answer), expected, "{versions}");
    }
}
