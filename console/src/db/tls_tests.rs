//! PostgreSQL by TLS: a real server with certificates that are right, and with others.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use super::{Db, DbError, Tx};
use crate::store::feed::{self, Kind};
use crate::testing::NOW;
use crate::testing::cluster::{self, Cluster};

/// Certificates of a server called `localhost`, and of one that nobody knows.
struct Certificates {
    folder: tempfile::TempDir,
}

impl Certificates {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for (root, leaf) in [("root", "server"), ("other-root", "other-server")] {
            let key = KeyPair::generate().expect("a key");
            let mut authority = CertificateParams::default();
            authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            let made = authority.self_signed(&key).expect("a root");
            let issuer = Issuer::new(authority, key);
            let leaf_key = KeyPair::generate().expect("a key");
            let named = CertificateParams::new(["localhost".to_owned()]).expect("a name");
            let signed = named.signed_by(&leaf_key, &issuer).expect("a leaf");
            let write =
                |name: String, text: String| std::fs::write(folder.path().join(name), text).expect("written");
            write(format!("{root}.pem"), pem("CERTIFICATE", made.der()));
            write(format!("{leaf}.pem"), pem("CERTIFICATE", signed.der()));
            write(
                format!("{leaf}.key"),
                pem("PRIVATE KEY", &leaf_key.serialize_der()),
            );
        }
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A file where the server may read it.
    fn for_server(&self, name: &str, cluster: &Cluster) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let to = cluster.folder().join(name);
        std::fs::copy(self.path(name), &to).expect("copied");
        std::fs::set_permissions(&to, PermissionsExt::from_mode(0o600)).expect("for its owner alone");
        cluster.give(&to).expect("given");
        to
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = data_encoding::BASE64.encode(der);
    format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
}

/// `encrypted`, `plain`, or what is said.
async fn connect(url: &str) -> String {
    let version = "select coalesce(version, 'plain') from pg_stat_ssl where pid = pg_backend_pid()";
    let asked = match Db::open(url).await {
        Ok(db) => {
            db.read(|tx: &Tx<'_>| tx.first(version, &[], |row| row.text(0)))
                .await
        }
        Err(error) => Err(error),
    };
    match asked {
        Ok(version) => version.unwrap_or_default(),
        Err::<_, DbError>(error) => error.to_string(),
    }
}

async fn check(url: &str, expected: &str) {
    let found = connect(url).await;
    assert!(found.contains(expected), "{url}: {found}");
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

#[test]
fn a_server_is_believed_under_its_root_and_its_name_alone() {
    let Some(mut cluster) = cluster::private("") else {
        return;
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let (certificates, port) = (Certificates::new(), free_port());
    let plain = format!("-c listen_addresses=127.0.0.1 -c port={port}");
    let full = |host: &str, root: &Path| {
        let root = root.display();
        format!("postgres://tests@{host}:{port}/postgres?sslmode=verify-full&sslrootcert={root}")
    };
    let right = full("localhost", &certificates.path("root.pem"));
    cluster.restart_with(&plain);
    runtime.block_on(async {
        check(&format!("postgres://tests@localhost:{port}/postgres"), "plain").await;
        check(&right, "server does not support TLS").await;
    });
    let speaks = |leaf: &str, cluster: &Cluster| {
        let certificate = certificates.for_server(&format!("{leaf}.pem"), cluster);
        let key = certificates.for_server(&format!("{leaf}.key"), cluster);
        let (certificate, key) = (certificate.display(), key.display());
        format!("{plain} -c ssl=on -c ssl_cert_file={certificate} -c ssl_key_file={key}")
    };
    let settings = speaks("server", &cluster);
    cluster.restart_with(&settings);
    runtime.block_on(async {
        check(&right, "TLSv1.3").await;
        check(
            &full("127.0.0.1", &certificates.path("root.pem")),
            "not valid for name",
        )
        .await;
        check(
            &full("localhost", &certificates.path("other-root.pem")),
            "invalid peer certificate",
        )
        .await;
        check(
            &full("localhost", &certificates.path("server.key")),
            "no certificate in it",
        )
        .await;
        check(
            &full("localhost", &certificates.path("nothing.pem")),
            "nothing.pem",
        )
        .await;
        hears_the_other(&right).await;
    });
    let settings = speaks("other-server", &cluster);
    cluster.restart_with(&settings);
    runtime.block_on(check(&right, "invalid peer certificate"));
}

/// What one console changes another hears, by TLS too.
async fn hears_the_other(url: &str) {
    let (one, other) = (
        Db::open(url).await.expect("opened"),
        Db::open(url).await.expect("opened"),
    );
    one.migrate(NOW.0).await.expect("migrated");
    let before = one.read(feed::head).await.expect("read");
    let mark = one.write(|tx| feed::mark(tx, Kind::User, "ada", ""));
    mark.await.expect("marked");
    let mut heard = other.feed();
    let waited = std::time::Duration::from_secs(20);
    let woken = tokio::time::timeout(waited, heard.wait_for(|head| *head > before));
    woken.await.expect("in time").expect("the feed is open");
}
