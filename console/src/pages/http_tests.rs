//! The console as a browser meets it, honest or not: sign-in, sessions, forms, rights, and how many queries a
//! page costs. On SQLite, and on PostgreSQL where there is one.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::header::{CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, Request};
use policy::model::{GroupPolicy, PolicyId};
use tower::ServiceExt;

use super::shell::WAYS;
use super::widgets::escaped;
use crate::access::{Caller, Role};
use crate::accounts::acts::{self, Wanted};
use crate::accounts::first_link;
use crate::acts::users::{self, NewUser, UserInput};
use crate::db::DbError;
use crate::serve::App;
use crate::store::policies;
use crate::testing::{NOW, on_each, sqlite};

pub(super) const PASSWORD: &str = "lamp orchid tractor whistle";

pub(super) struct Reply {
    pub(super) status: u16,
    headers: HeaderMap,
    pub(super) body: String,
}

impl Reply {
    pub(super) fn location(&self) -> &str {
        self.headers
            .get(LOCATION)
            .map_or("", |value| value.to_str().unwrap())
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(super) fn token(&self) -> String {
        let rest = self.body.split("name=\"csrf\" value=\"").nth(1);
        rest.and_then(|rest| rest.split('"').next())
            .expect("a page with a form")
            .to_owned()
    }
}

/// Somebody at a browser.
pub(super) struct Browser {
    router: Router,
    cookies: BTreeMap<String, String>,
    address: SocketAddr,
    extra: Vec<(&'static str, &'static str)>,
}

impl Browser {
    pub(super) fn new(app: &App) -> Self {
        Self {
            router: super::router(app.clone()),
            cookies: BTreeMap::new(),
            address: ([127, 0, 0, 1], 4711).into(),
            extra: vec![],
        }
    }

    /// From now on it prefers this language.
    pub(super) fn speaks(&mut self, lang: &str) {
        self.cookies.insert("lang".into(), lang.into());
    }

    fn from(self, last: u8) -> Self {
        Self {
            address: ([10, 0, 0, last], 4711).into(),
            ..self
        }
    }

    async fn send(&mut self, method: &str, path: &str, body: String) -> Reply {
        self.send_as("application/x-www-form-urlencoded", method, path, body)
            .await
    }

    /// Sends a file with the form of `page` and more of its fields.
    pub(super) async fn upload(&mut self, page: &str, file: &str, more: &[(&str, &str)]) -> Reply {
        let token = self.get(page).await.token();
        let part = |name: &str, more: &str, value: &str| {
            format!("--xx\r\ncontent-disposition: form-data; name=\"{name}\"{more}\r\n\r\n{value}\r\n")
        };
        let mut body = part("csrf", "", &token) + &part("file", "; filename=\"list.csv\"", file);
        for (name, value) in more {
            body.push_str(&part(name, "", value));
        }
        self.send_as(
            "multipart/form-data; boundary=xx",
            "POST",
            page,
            body + "--xx--\r\n",
        )
        .await
    }

    async fn send_as(&mut self, kind: &str, method: &str, path: &str, body: String) -> Reply {
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(COOKIE, cookies.join("; "));
        if method == "POST" {
            request = request.header(CONTENT_TYPE, kind);
        }
        for (name, value) in &self.extra {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Body::from(body)).unwrap();
        request.extensions_mut().insert(ConnectInfo(self.address));
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        for cookie in parts.headers.get_all(SET_COOKIE) {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        let body = to_bytes(body, usize::MAX).await.unwrap();
        Reply {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    pub(super) async fn get(&mut self, path: &str) -> Reply {
        self.send("GET", path, String::new()).await
    }

    /// Sends a form with exactly these fields.
    async fn post_raw(&mut self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let pairs = fields
            .iter()
            .map(|(name, value)| format!("{name}={}", escaped(value)));
        let body = pairs.collect::<Vec<_>>().join("&");
        self.send("POST", path, body).await
    }

    /// Opens a page and sends a form with the token it carries.
    pub(super) async fn post(&mut self, page: &str, path: &str, fields: &[(&str, &str)]) -> Reply {
        let token = self.get(page).await.token();
        let mut all = vec![("csrf", token.as_str())];
        all.extend(fields);
        self.post_raw(path, &all).await
    }

    pub(super) async fn sign_in(&mut self, login: &str, password: &str) -> Reply {
        self.post(
            "/sign-in",
            "/sign-in",
            &[("login", login), ("password", password)],
        )
        .await
    }
}

/// The path of a link.
fn path(link: &str) -> String {
    format!("/link/{}", link.rsplit('/').next().unwrap())
}

/// The group policy that every console begins with.
async fn first_policy(app: &App) {
    let policy = GroupPolicy::new(PolicyId::new("default").unwrap());
    let done = app.db.write(move |tx| {
        policies::put(tx, &policy, NOW)?;
        policies::activate(tx, &policy.id, NOW)
    });
    done.await.unwrap_or_else(|error: DbError| panic!("{error}"));
}

pub(super) async fn account(app: &App, login: &str, role: Role, sites: &[&str]) -> String {
    first_policy(app).await;
    let wanted = Wanted {
        name: login.to_owned(),
        role,
        sites: sites.iter().map(|site| (*site).to_owned()).collect(),
    };
    let (account, link) = acts::create(app, &Caller::cli("test"), login, wanted)
        .await
        .unwrap();
    let path = path(&link);
    let fields = [("password", PASSWORD), ("again", PASSWORD)];
    let reply = Browser::new(app).post(&path, &path, &fields).await;
    assert_eq!(reply.status, 303, "{}", reply.body);
    account.id
}

pub(super) async fn signed_in(app: &App, login: &str, role: Role, sites: &[&str]) -> Browser {
    account(app, login, role, sites).await;
    let mut browser = Browser::new(app);
    assert_eq!(browser.sign_in(login, PASSWORD).await.location(), "/");
    browser
}

pub(super) async fn user(app: &App, id: &str, name: &str, site: &str) {
    let about = UserInput {
        name: name.to_owned(),
        site: site.to_owned(),
        ..UserInput::default()
    };
    let new = NewUser {
        id: id.to_owned(),
        about,
    };
    users::create(app, &Caller::cli("test"), new).await.unwrap();
}

#[test]
fn the_first_administrator_comes_by_a_link_that_works_once() {
    on_each(|bench| async move {
        let app = &bench.app;
        let old = first_link(app).await.unwrap().expect("nobody is there yet");
        let link = path(&first_link(app).await.unwrap().unwrap());
        let mut browser = Browser::new(app);
        assert_eq!(
            browser.get(&path(&old)).await.status,
            404,
            "a newer link replaces it"
        );
        for _ in 0..3 {
            let shown = browser.get(&link).await;
            assert_eq!(
                (shown.status, shown.header("referrer-policy")),
                (200, "no-referrer")
            );
        }
        let mut fields = vec![
            ("login", "Mara"),
            ("name", "Mara Kurz"),
            ("password", "short"),
            ("again", "short"),
        ];
        assert_eq!(browser.post(&link, &link, &fields).await.status, 422);
        fields[2] = ("password", PASSWORD);
        assert_eq!(
            browser.post(&link, &link, &fields).await.status,
            422,
            "typed differently"
        );
        fields[3] = ("again", PASSWORD);
        assert_eq!(
            browser.post(&link, &link, &fields).await.location(),
            "/sign-in?out=link-done"
        );
        assert_eq!(browser.get(&link).await.status, 404, "used");
        assert_eq!(browser.sign_in("mara", PASSWORD).await.location(), "/");
        assert!(browser.get("/").await.body.contains("Mara Kurz"));
        assert!(first_link(app).await.unwrap().is_none());
    });
}

/// The page without what differs from one request to the next.
fn comparable(reply: &Reply) -> (u16, String, Vec<String>) {
    let token = reply.token();
    let headers = reply
        .headers
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()));
    (reply.status, reply.body.replace(&token, ""), headers.collect())
}

#[tokio::test]
async fn refused_sign_ins_look_alike() {
    let bench = sqlite().await;
    let app = &bench.app;
    account(app, "mara", Role::Operator, &[]).await;
    let gone = account(app, "gone", Role::Operator, &[]).await;
    acts::disable(app, &Caller::cli("test"), gone).await.unwrap();
    let wanted = Wanted {
        name: "New".into(),
        role: Role::Operator,
        sites: Default::default(),
    };
    acts::create(app, &Caller::cli("test"), "newb", wanted)
        .await
        .unwrap();
    let mut seen = Vec::new();
    for (login, password) in [
        ("mara", "wrong"),
        ("nope", "wrong"),
        ("gone", PASSWORD),
        ("newb", "wrong"),
        ("mara", ""),
    ] {
        let mut browser = Browser::new(app);
        browser.get("/sign-in").await;
        let reply = browser.sign_in(login, password).await;
        let (status, body, headers) = comparable(&reply);
        seen.push((status, body.replace(&format!("value=\"{login}\""), ""), headers));
    }
    assert_eq!(seen[0].0, 422);
    assert!(seen.iter().all(|answer| *answer == seen[0]), "{seen:#?}");
}

#[test]
fn guessing_gets_slow_for_strangers_and_not_at_the_usual_desk() {
    on_each(|bench| async move {
        let app = &bench.app;
        account(app, "mara", Role::Operator, &[]).await;
        let mut desk = Browser::new(app).from(1);
        assert_eq!(desk.sign_in("mara", PASSWORD).await.status, 303);
        let mut stranger = Browser::new(app).from(2);
        for _ in 0..3 {
            assert_eq!(stranger.sign_in("mara", "wrong").await.status, 422);
        }
        let early = stranger.sign_in("mara", PASSWORD).await;
        assert_eq!(early.status, 429, "even the right one has to wait");
        assert_eq!(early.header("retry-after"), "3");
        let mut other = Browser::new(app).from(3);
        assert_eq!(
            other.sign_in("mara", PASSWORD).await.status,
            429,
            "from elsewhere too"
        );
        let mut desk = Browser::new(app).from(1);
        assert_eq!(
            desk.sign_in("mara", PASSWORD).await.status,
            303,
            "not from where mara works"
        );
        app.clock.advance(3000);
        assert_eq!(other.sign_in("mara", PASSWORD).await.status, 303);
    });
}

#[test]
fn sessions_end_by_time_and_at_once_when_an_account_is_disabled() {
    on_each(|bench| async move {
        let app = &bench.app;
        let id = account(app, "mara", Role::Auditor, &[]).await;
        let mut browser = Browser::new(app);
        let minutes = |count: i64| app.clock.advance(count * 60_000);
        browser.sign_in("mara", PASSWORD).await;
        for _ in 0..50 {
            minutes(14);
            assert_eq!(browser.get("/users").await.status, 200, "used every 14 minutes");
        }
        minutes(14);
        minutes(14);
        assert_eq!(
            browser.get("/users?q=x").await.location(),
            "/sign-in?next=%2Fusers%3Fq%3Dx"
        );
        browser.sign_in("mara", PASSWORD).await;
        for _ in 0..52 {
            minutes(14);
            browser.get("/users").await;
        }
        assert_eq!(browser.get("/users").await.status, 303, "over twelve hours");
        browser.sign_in("mara", PASSWORD).await;
        assert_eq!(browser.get("/users").await.status, 200);
        acts::disable(app, &Caller::cli("test"), id).await.unwrap();
        assert_eq!(browser.get("/users").await.status, 303);
    });
}

#[tokio::test]
async fn a_session_is_never_one_that_somebody_brought_along() {
    let bench = sqlite().await;
    let app = &bench.app;
    account(app, "mara", Role::Administrator, &[]).await;
    let planted = "A".repeat(43);
    let mut browser = Browser::new(app);
    browser.cookies.insert("session".into(), planted.clone());
    browser.sign_in("mara", PASSWORD).await;
    let first = browser.cookies["session"].clone();
    assert_ne!(first, planted);
    app.clock.advance(11 * 60_000);
    let asked = browser.get("/settings/accounts/new").await;
    assert_eq!(asked.location(), "/confirm?next=%2Fsettings%2Faccounts%2Fnew");
    let confirm = "/confirm?next=/settings/accounts/new";
    let fields = [("present", "wrong"), ("next", "/settings/accounts/new")];
    assert_eq!(browser.post(confirm, "/confirm", &fields).await.status, 422);
    let fields = [("present", PASSWORD), ("next", "/settings/accounts/new")];
    assert_eq!(
        browser.post(confirm, "/confirm", &fields).await.location(),
        "/settings/accounts/new"
    );
    assert_ne!(
        browser.cookies["session"], first,
        "the session goes on under another secret"
    );
    assert_eq!(browser.get("/settings/accounts/new").await.status, 200);
    let mut old = Browser::new(app);
    old.cookies.insert("session".into(), first);
    assert_eq!(old.get("/").await.status, 303);
    let last = browser.cookies["session"].clone();
    browser.post("/", "/sign-out", &[]).await;
    old.cookies.insert("session".into(), last);
    assert_eq!(old.get("/").await.status, 303, "signed out at the server");
}

#[tokio::test]
async fn forms_from_elsewhere_change_nothing() {
    let bench = sqlite().await;
    let app = &bench.app;
    let mut mara = signed_in(app, "mara", Role::Operator, &[]).await;
    let mut eve = signed_in(app, "eve", Role::Operator, &[]).await;
    let foreign = eve.get("/add/user").await.token();
    let own = mara.get("/add/user").await.token();
    let new = |token: &'static str| [("csrf", token), ("id", "1"), ("name", "X")];
    assert_eq!(mara.post_raw("/users", &new("")).await.status, 403);
    assert_eq!(
        mara.post_raw("/users", &[("csrf", &foreign), ("id", "1")])
            .await
            .status,
        403
    );
    let cut = &own[..own.len() - 1];
    assert_eq!(
        mara.post_raw("/users", &[("csrf", cut), ("id", "1")])
            .await
            .status,
        403
    );
    for headers in [
        vec![("sec-fetch-site", "cross-site")],
        vec![("origin", "https://evil.example")],
        vec![("origin", "null")],
    ] {
        mara.extra = headers;
        assert_eq!(
            mara.post_raw("/users", &[("csrf", &own), ("id", "1")])
                .await
                .status,
            403
        );
    }
    mara.extra = vec![("sec-fetch-site", "same-origin")];
    assert!(
        !mara.get("/users").await.body.contains("/users/1\""),
        "nothing was added"
    );
    assert_eq!(
        mara.post_raw("/users", &[("csrf", &own), ("id", "1")])
            .await
            .status,
        303
    );
    let before = Browser::new(app).get("/sign-in").await.token();
    assert_eq!(
        mara.post_raw("/users", &[("csrf", &before), ("id", "2")])
            .await
            .status,
        403
    );
}

#[tokio::test]
async fn fields_that_no_form_has_change_nothing() {
    let bench = sqlite().await;
    let app = &bench.app;
    let mut mara = signed_in(app, "mara", Role::Operator, &[]).await;
    let fields = [
        ("id", "4711"),
        ("name", "Kim"),
        ("status", "departed"),
        ("policy", "lab"),
        ("version", "9"),
    ];
    assert_eq!(mara.post("/add/user", "/users", &fields).await.status, 303);
    let detail = users::show(app, &Caller::cli("test"), users::id("4711").unwrap())
        .await
        .unwrap();
    assert_eq!((detail.user.policy, detail.user.version), (None, 1));
    let fields = [
        ("present", PASSWORD),
        ("password", "whistle tractor orchid lamp"),
        ("again", "whistle tractor orchid lamp"),
        ("role", "administrator"),
        ("login", "root"),
    ];
    assert_eq!(
        mara.post("/settings", "/settings/password", &fields).await.status,
        303
    );
    assert_eq!(
        mara.get("/settings/accounts").await.status,
        403,
        "still an operator"
    );
    let twice = format!("csrf={}&id=1&id=2", mara.get("/add/user").await.token());
    assert_eq!(mara.send("POST", "/users", twice).await.status, 400);
}

#[test]
fn nobody_reaches_what_belongs_to_others() {
    on_each(|bench| async move {
        let app = &bench.app;
        user(app, "100", "In Hamburg", "Hamburg").await;
        user(app, "200", "In Bremen", "Bremen").await;
        let mut mara = signed_in(app, "mara", Role::Operator, &["Hamburg"]).await;
        let mut eve = signed_in(app, "eve", Role::Operator, &["Bremen"]).await;
        assert_eq!(mara.get("/users/100").await.status, 200);
        for path in [
            "/users/200",
            "/users/200/history",
            "/users/200/edit",
            "/do/suspend?user=200",
            "/do/leaver?user=200",
        ] {
            assert_eq!(mara.get(path).await.status, 403, "{path}");
        }
        let list = mara.get("/users").await.body;
        assert!(list.contains("In Hamburg") && !list.contains("In Bremen"));
        assert_eq!(
            mara.post("/users/100", "/do/suspend?user=200", &[]).await.status,
            403
        );
        assert_eq!(
            mara.post("/users/100", "/users/200/edit", &[("name", "X")])
                .await
                .status,
            403
        );
        let fields = [("id", "300"), ("site", "Bremen")];
        assert_eq!(mara.post("/add/user", "/users", &fields).await.status, 403);
        let session = eve.get("/settings").await.body;
        assert!(
            !session.contains("name=\"session\""),
            "one's own session is not ended from the list"
        );
        let mut second = Browser::new(app);
        second.sign_in("eve", PASSWORD).await;
        let listed = eve.get("/settings").await.body;
        let id = listed
            .split("name=\"session\" value=\"")
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap()
            .to_owned();
        let ended = mara
            .post("/settings", "/settings/sessions/end", &[("session", &id)])
            .await;
        assert_eq!(ended.status, 404, "the session of somebody else");
        assert_eq!(second.get("/users").await.status, 200);
        assert_eq!(
            eve.post("/settings", "/settings/sessions/end", &[("session", &id)])
                .await
                .status,
            303
        );
        assert_eq!(second.get("/users").await.status, 303);
    });
}

#[tokio::test]
async fn each_role_sees_its_pages() {
    let bench = sqlite().await;
    let app = &bench.app;
    user(app, "100", "Kim", "").await;
    let pages = [
        ("/", "aeor"),
        ("/users", "aeor"),
        ("/users/100", "aeor"),
        ("/add/user", "ao"),
        ("/users/100/edit", "ao"),
        ("/users/100/policy", "a"),
        ("/bands", "aeor"),
        ("/bands/new", "ao"),
        ("/associations", "aeor"),
        ("/tickets", "aeor"),
        ("/tickets/new", "aor"),
        ("/policies", "aeor"),
        ("/add/policy/group", "a"),
        ("/policies/group/default/remove", "a"),
        ("/dry-run", "aeor"),
        ("/stations", "aeor"),
        ("/stations/new", "a"),
        ("/operators", "aeo"),
        ("/operators/new", "a"),
        ("/quarantine", "aeor"),
        ("/audit", "ae"),
        ("/audit/export", "ae"),
        ("/settings", "aeor"),
        ("/settings/accounts", "ae"),
        ("/settings/organization", "ae"),
        ("/settings/organization/makes", "a"),
        ("/settings/organization/rotate/feed", "a"),
        ("/settings/api-keys", "ae"),
        ("/settings/api-keys/new", "a"),
    ];
    let roles = [
        ('a', Role::Administrator),
        ('o', Role::Operator),
        ('e', Role::Auditor),
        ('r', Role::RolloutManager),
    ];
    for (letter, role) in roles {
        let mut browser = signed_in(app, role.as_str(), role, &[]).await;
        for (page, allowed) in pages {
            let expected = if allowed.contains(letter) { 200 } else { 403 };
            assert_eq!(browser.get(page).await.status, expected, "{role} at {page}");
        }
    }
}

/// The navigation leads wherever a role may go, and nowhere else: an entry is there if, and only if, its page opens.
#[tokio::test]
async fn the_navigation_shows_what_a_role_may_open() {
    let bench = sqlite().await;
    let app = &bench.app;
    for role in Role::ALL {
        for sites in [&[][..], &["north"]] {
            let login = format!("{role}{}", sites.len());
            let mut browser = signed_in(app, &login, role, sites).await;
            let start = browser.get("/").await.body;
            let (_, nav) = start.split_once("<nav class=\"side-inner nav\"").unwrap();
            let (nav, _) = nav.split_once("</nav>").unwrap();
            for way in WAYS {
                let is_shown = nav.contains(&format!("<a href=\"{}\"", way.href));
                let opens = browser.get(way.href).await.status == 200;
                assert_eq!(is_shown, opens, "{role} of {sites:?} at {}", way.href);
            }
        }
    }
}

#[tokio::test]
async fn names_are_text_wherever_they_stand() {
    let bench = sqlite().await;
    let app = &bench.app;
    let name = "<img src=x onerror=alert(1)>'\"&";
    user(app, "666", name, "<b>Site").await;
    let mut mara = signed_in(app, "mara", Role::Administrator, &[]).await;
    for page in [
        "/",
        "/users",
        "/users/666",
        "/users/666/edit",
        "/audit",
        "/find?q=%3Cimg",
        "/do/leaver?user=666",
        "/users?q=%22%3E%3Cimg",
        "/nothing/%3Cimg%3E",
    ] {
        let body = mara.get(page).await.body;
        assert!(!body.contains("<img") && !body.contains("<b>Site"), "{page}");
    }
}

#[tokio::test]
async fn every_answer_carries_its_headers() {
    let bench = sqlite().await;
    let app = &bench.app;
    let mut mara = signed_in(app, "mara", Role::Administrator, &[]).await;
    for page in ["/", "/sign-in", "/nothing", "/users", "/link/x", "/settings"] {
        let reply = mara.get(page).await;
        assert_eq!(reply.header("x-frame-options"), "DENY", "{page}");
        assert_eq!(reply.header("x-content-type-options"), "nosniff", "{page}");
        assert_eq!(reply.header("cache-control"), "no-store", "{page}");
        let policy = reply.header("content-security-policy");
        for part in [
            "default-src 'none'",
            "script-src 'self'",
            "frame-ancestors 'none'",
            "form-action 'self'",
        ] {
            assert!(
                policy.contains(part) && !policy.contains("unsafe"),
                "{page}: {policy}"
            );
        }
    }
    for cookie in ["session", "visit"] {
        assert!(mara.cookies.contains_key(cookie));
    }
    let mut fresh = Browser::new(app);
    let reply = fresh.get("/sign-in").await;
    assert!(
        reply.header("set-cookie").contains("HttpOnly; SameSite=Lax"),
        "{:?}",
        reply.headers
    );
    let led = fresh.get("/sign-in?next=//evil.example").await.body;
    assert!(!led.contains("name=\"next\" value=\"//"), "{led}");
}

#[tokio::test]
async fn what_is_done_can_be_undone_where_it_is_safe() {
    let bench = sqlite().await;
    let app = &bench.app;
    user(app, "100", "Kim", "").await;
    let mut mara = signed_in(app, "mara", Role::Operator, &[]).await;
    let page = "/do/suspend?user=100&back=/users/100";
    let shown = mara.get(page).await;
    assert!(
        shown.body.contains("100 may use no band until resumed."),
        "{}",
        shown.body
    );
    let seal = shown
        .body
        .split("name=\"seal\" value=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .to_owned();
    let fields = [
        ("user", "100"),
        ("note", "audit"),
        ("back", "/users/100"),
        ("seal", &seal),
    ];
    assert_eq!(
        mara.post(page, "/do/suspend", &fields).await.location(),
        "/users/100"
    );
    let told = mara.get("/users/100").await.body;
    assert!(told.contains("Suspended"));
    let undo = told
        .split("<form method=\"post\" action=\"/do/")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    assert_eq!(undo, "resume?user=100&#38;back=%2Fusers%2F100");
    assert!(
        !mara
            .get("/users/100")
            .await
            .body
            .contains("/do/resume?user=100&#38;back=%2Fusers%2F100\"><input"),
        "told once"
    );
    let again = mara.post(page, "/do/suspend", &fields).await;
    assert_eq!(
        again.status, 409,
        "the effect that was shown is not what would happen now"
    );
    assert_eq!(
        mara.post("/users/100", "/do/resume?user=100&back=/users/100", &[])
            .await
            .location(),
        "/users/100"
    );
    assert!(!mara.get("/users/100").await.body.contains("class=\"badge warn\""));
}
