//! A console as a process, with a plant in it.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(60);

/// Eight people, ten bands, five associations, three policies.
const PLANT: &str = r#"
active_group_policy = "plant"

[[group_policies]]
id = "plant"
note = "Agreed with the works council"
reenroll_own = true

[[group_policies]]
id = "summer"
reenroll_own = true
reenroll_any = true

[[individual_policies]]
id = "lab"
note = "Sensors fail in the clean room"
liveness = false
"#;

const PEOPLE: &[(&str, &str)] = &[
    ("4711", "Mara Kurz"),
    ("4712", "Jonas Öztürk"),
    ("4713", "Ana de Souza"),
    ("4714", "Wilhelmine Freifrau von Hohenstein-Langenburg"),
    ("4715", "Kim Nguyen"),
    ("4716", "Per Åkesson"),
    ("4717", "<script>alert(1)</script>"),
    ("4718", ""),
];

fn plant() -> String {
    let mut text = PLANT.to_owned();
    for (id, name) in PEOPLE {
        text.push_str(&format!(
            "\n[[users]]\nid = \"{id}\"\nname = \"{name}\"\nsite = \"Hamburg\"\n"
        ));
    }
    for number in 201..=210 {
        let seos = number % 4 == 0;
        text.push_str(&format!(
            "\n[[bands]]\nserial = \"AAAH-00{number}\"\nseos = {seos}\n"
        ));
    }
    for (number, (id, _)) in PEOPLE.iter().take(5).enumerate() {
        let band = 201 + number;
        text.push_str(&format!(
            "\n[[associations]]\nid = \"a000000000000000000000000000000{number}\"\nuser = \"{id}\"\nband = \"AAAH-00{band}\"\n"
        ));
    }
    text
}

/// A console that runs.
pub(crate) struct Stand {
    _process: Child,
    _folder: tempfile::TempDir,
    /// Its address, such as `http://127.0.0.1:4711`.
    pub(crate) url: String,
    /// The path of the one-time link that makes the first administrator.
    pub(crate) link: String,
}

/// The program beside this test, or where `BANDSTAND_CONSOLE` says it is.
fn program() -> PathBuf {
    if let Some(named) = std::env::var_os("BANDSTAND_CONSOLE") {
        return named.into();
    }
    let test = std::env::current_exe().expect("this program");
    let folder = test.parent().and_then(Path::parent).expect("target/debug/deps");
    folder.join("bandstand-console")
}

impl Stand {
    /// Makes a plant and starts its console.
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        let config = format!(
            "[database]\nurl = {:?}\n[vault]\nkey_file = {:?}\n[web]\nlisten = \"127.0.0.1:0\"\n\
             public_url = \"http://127.0.0.1\"\n[sync]\nlisten = \"127.0.0.1:0\"\n",
            at("console.db"),
            at("console.key")
        );
        std::fs::write(at("console.toml"), config).expect("a configuration");
        std::fs::write(at("plant.toml"), plant()).expect("a plant");
        let init = Command::new(program())
            .args(["init", "--name", "Acme", "--config"])
            .arg(at("console.toml"))
            .arg("--plant")
            .arg(at("plant.toml"))
            .output();
        let init = timeout(LIMIT, init)
            .await
            .expect("init ends")
            .expect("bandstand-console is built");
        let said =
            String::from_utf8_lossy(&init.stdout).into_owned() + &String::from_utf8_lossy(&init.stderr);
        assert!(init.status.success(), "{said}");
        let rest = said
            .split("/link/")
            .nth(1)
            .unwrap_or_else(|| panic!("no link: {said}"));
        let link = format!("/link/{}", rest.split_whitespace().next().expect("a link"));
        let mut process = Command::new(program())
            .args(["run", "--config"])
            .arg(at("console.toml"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("the console starts");
        let url = format!("http://{}", address_of(&mut process).await);
        Self {
            _process: process,
            _folder: folder,
            url,
            link,
        }
    }

    /// The whole address of a path.
    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }
}

/// The address of the pages, which the console prints when it is ready.
async fn address_of(process: &mut Child) -> String {
    let mut lines = BufReader::new(process.stdout.take().expect("its output")).lines();
    let said = async {
        while let Ok(Some(line)) = lines.next_line().await {
            if let Some(address) = line.strip_prefix("web ") {
                return address.to_owned();
            }
        }
        panic!("the console does not say its address");
    };
    let address = timeout(LIMIT, said).await.expect("the console starts");
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    address
}
