use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, StatusCode, header};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::access::{Role, scopes};
use crate::acts::api_keys::{self, NewKey};
use crate::serve::App;
use crate::testing::{Bench, caller, on_each};

struct Client {
    app: App,
    key: String,
}

struct Answer {
    status: u16,
    headers: axum::http::HeaderMap,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    #[track_caller]
    fn is(&self, status: u16, code: &str) {
        let is_problem = self.headers[header::CONTENT_TYPE] == "application/problem+json";
        assert!(
            is_problem && self.status == status && self.json()["code"] == code,
            "{} {}",
            self.status,
            self.text
        );
    }
}

impl Client {
    async fn new(bench: &Bench, wanted: &[&str]) -> Self {
        let scopes = if wanted.is_empty() {
            scopes()
        } else {
            wanted.iter().map(|it| (*it).to_owned()).collect()
        };
        let new = NewKey {
            name: "test".into(),
            role: Role::Administrator,
            sites: Default::default(),
            scopes,
            days: 1,
        };
        let made = api_keys::create(&bench.app, &caller(Role::Administrator, &[]), new)
            .await
            .expect("a key");
        Self {
            app: bench.app.clone(),
            key: made.secret,
        }
    }

    async fn send(&self, method: Method, path: &str, more: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if !self.key.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", self.key));
        }
        if !more.iter().any(|(name, _)| *name == "content-type") {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        for (name, value) in more {
            request = request.header(*name, *value);
        }
        let request = request.body(body.into()).expect("a request");
        let response = super::router(self.app.clone())
            .oneshot(request)
            .await
            .expect("infallible");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = to_bytes(response.into_body(), usize::MAX).await.expect("a body");
        let text = String::from_utf8(bytes.to_vec()).expect("text");
        Answer {
            status,
            headers,
            text,
        }
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], Body::empty()).await
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, &[], body.to_string()).await
    }
}

#[test]
fn nothing_is_told_without_a_key() {
    on_each(async |bench| {
        let mut client = Client::new(&bench, &["users:read"]).await;
        assert_eq!(client.get("/api/v1/users").await.status, 200);
        client.get("/api/v1/bands").await.is(403, "out_of_scope");
        client
            .post("/api/v1/users", json!({ "id": "ada" }))
            .await
            .is(403, "out_of_scope");
        for key in ["", "bsk_wrong", "nothing", &"x".repeat(4000)] {
            client.key = key.to_owned();
            client.get("/api/v1/users").await.is(401, "not_signed_in");
        }
        assert_eq!(client.get("/healthz").await.status, 200);
        assert_eq!(client.get("/readyz").await.status, 200);
        assert!(
            client
                .get("/metrics")
                .await
                .text
                .contains("bandstand_requests_total")
        );
    });
}

#[test]
fn a_change_needs_the_version_it_was_made_for() {
    on_each(async |bench| {
        let client = Client::new(&bench, &[]).await;
        let made = client
            .post(
                "/api/v1/users",
                json!({ "id": "a/ä b", "about": { "name": "A" } }),
            )
            .await;
        assert_eq!(
            (made.status, &made.headers[header::LOCATION]),
            (201, &"/api/v1/users/a%2F%C3%A4%20b".parse().expect("text"))
        );
        let path = made.headers[header::LOCATION].to_str().expect("text");
        let seen = client.get(path).await;
        let tag = seen.headers[header::ETAG].to_str().expect("text");
        let put = async |tags: &[(&str, &str)], name: &str| {
            client
                .send(Method::PUT, path, tags, json!({ "name": name }).to_string())
                .await
        };
        put(&[], "B").await.is(428, "version_needed");
        put(&[("if-match", "seven")], "B").await.is(400, "malformed");
        let done = put(&[("if-match", tag)], "B").await;
        assert_eq!((done.status, done.json()["name"].as_str()), (200, Some("B")));
        let late = put(&[("if-match", tag)], "C").await;
        late.is(412, "changed_meanwhile");
        assert!(
            late.json()["detail"]
                .as_str()
                .is_some_and(|it| it.contains("version 1")),
            "{}",
            late.text
        );
    });
}

#[test]
fn the_same_request_again_gets_the_same_answer() {
    on_each(async |bench| {
        let client = Client::new(&bench, &[]).await;
        client
            .post(
                "/api/v1/users",
                json!({ "id": "ada", "about": { "site": "north" } }),
            )
            .await;
        let key = [("idempotency-key", "k1")];
        let body = json!({ "user": "ada" }).to_string();
        let first = client
            .send(Method::POST, "/api/v1/tickets", &key, body.clone())
            .await;
        let again = client.send(Method::POST, "/api/v1/tickets", &key, body).await;
        assert_eq!((first.status, again.status), (201, 201));
        assert_eq!(
            first.json()["code"],
            again.json()["code"],
            "one ticket was issued"
        );
        assert_eq!(again.headers["idempotency-replayed"], "true");
        assert_eq!(
            client.get("/api/v1/tickets").await.json()["rows"]
                .as_array()
                .map(Vec::len),
            Some(1)
        );
        let other = client
            .send(
                Method::POST,
                "/api/v1/tickets",
                &key,
                json!({ "user": "ben" }).to_string(),
            )
            .await;
        other.is(409, "idempotency_key_reused");
        let stored = bench
            .app
            .db
            .read(|tx| tx.all("select body from idempotency", &[], |row| row.bytes(0)));
        let code = first.json()["code"].as_str().expect("a code").to_owned();
        for body in stored.await.expect("read") {
            assert!(
                !String::from_utf8_lossy(&body).contains(&code),
                "codes are kept sealed"
            );
        }
    });
}

#[test]
fn bad_input_is_refused_by_name_and_never_an_error_of_ours() {
    on_each(async |bench| {
        let client = Client::new(&bench, &[]).await;
        let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
        let bodies: [(&str, &str); 9] = [
            ("", "malformed"),
            ("{", "malformed"),
            ("nonsense", "malformed"),
            (&deep, "invalid"),
            ("{\"id\": NaN}", "malformed"),
            ("{\"id\": 5}", "invalid"),
            ("{\"id\": \"ada\", \"role\": \"administrator\"}", "invalid"),
            ("{\"id\": \"a\\u0000b\"}", "invalid"),
            (
                "{\"id\": \"ada\", \"about\": {\"name\": \"a\\u0000b\"}}",
                "invalid",
            ),
        ];
        for (body, code) in bodies {
            let answer = client
                .send(Method::POST, "/api/v1/users", &[], body.to_owned())
                .await;
            let status = if code == "malformed" { 400 } else { 422 };
            answer.is(status, code);
        }
        // Read ahead of its meaning, so that the depth is met first.
        let deep = format!("{{\"note\": {deep}, \"intent\": \"suspend\", \"user\": \"ada\"}}");
        let answer = client
            .send(Method::POST, "/api/v1/intents/preview", &[], deep)
            .await;
        assert!(matches!(answer.status, 400 | 422), "{}", answer.text);
        let large = "x".repeat(super::BODY_BYTES_MAX + 1);
        client
            .send(Method::POST, "/api/v1/users", &[], large)
            .await
            .is(413, "too_large");
        let form = [("content-type", "text/plain")];
        client
            .send(Method::POST, "/api/v1/users", &form, "{}")
            .await
            .is(415, "media_type");
        client
            .send(Method::PATCH, "/api/v1/users", &[], "{}")
            .await
            .is(405, "method_not_allowed");
        for (path, status, code) in [
            ("/api/v1/users?limit=0", 422, "invalid"),
            ("/api/v1/users?limit=501", 422, "invalid"),
            ("/api/v1/users?limit=99999999999999999999", 400, "malformed"),
            ("/api/v1/users?limit=-1", 400, "malformed"),
            ("/api/v1/users?cursor=%21%21", 400, "malformed"),
            ("/api/v1/users?cursor=AAAA", 400, "malformed"),
            ("/api/v1/users?site=%00", 400, "malformed"),
            ("/api/v1/users?status=happy", 400, "malformed"),
            ("/api/v1/users/%00", 400, "malformed"),
            ("/api/v1/users/%FF", 400, "malformed"),
            ("/api/v1/users/..%2F..%2Fetc%2Fpasswd", 404, "not_found"),
            ("/api/v1/users/nobody", 404, "not_found"),
            ("/api/v1/bands/lower", 422, "invalid"),
            ("/api/v1/quarantine/zz", 422, "invalid"),
            ("/api/v1/stations/zz", 422, "invalid"),
            ("/api/v1/audit?cursor=LTE", 400, "malformed"),
            ("/api/v1/tickets?cursor=YQ", 400, "malformed"),
            ("/api/v1/nothing", 404, "not_found"),
        ] {
            client.get(path).await.is(status, code);
        }
        let refused = client
            .send(
                Method::POST,
                "/api/v1/imports/users",
                &[("content-type", "text/csv")],
                "id\n\u{7}\n",
            )
            .await;
        refused.is(422, "import_refused");
        assert_eq!(refused.json()["faults"][0]["line"], 2);
    });
}

#[test]
fn lists_go_in_and_come_out() {
    on_each(async |bench| {
        let client = Client::new(&bench, &[]).await;
        let csv = [("content-type", "text/csv")];
        let list = "id,name\nada,\"'=Ada()\"\nben,Ben\n";
        let read = client
            .send(Method::POST, "/api/v1/imports/users", &csv, list)
            .await;
        assert_eq!(read.status, 201, "{}", read.text);
        let path = format!(
            "{}/confirm",
            read.headers[header::LOCATION].to_str().expect("text")
        );
        assert_eq!(client.post(&path, json!({})).await.json()["state"], "done");
        assert_eq!(
            client.get("/api/v1/users/ada").await.json()["user"]["name"],
            "=Ada()"
        );
        let out = client.get("/api/v1/exports/users.csv").await.text;
        assert!(out.contains("\"'=Ada()\""), "{out}");
        let again = client
            .send(Method::POST, "/api/v1/imports/users", &csv, out)
            .await;
        assert_eq!(again.json()["summary"]["unchanged"], 2, "{}", again.text);
        let said =
            "delimiter=tab&encoding=windows-1252&allow_look_alikes=true&columns=%7B%22id%22%3A%22nr%22%7D";
        let path = format!("/api/v1/imports/users?{said}");
        let read = client
            .send(Method::POST, &path, &csv, "nr\tx\ncleo\tCleo\n")
            .await;
        assert_eq!(read.json()["options"]["columns"]["id"], "nr", "{}", read.text);
        let id = read.json()["id"].as_str().expect("an id").to_owned();
        let changes = client.get(&format!("/api/v1/imports/{id}/changes")).await.json();
        assert_eq!(changes[0]["subject"], "cleo", "{changes}");
        let path = format!("/api/v1/imports/{id}/again?columns=%7B%22id%22%3A%22x%22%7D");
        let again = client.post(&path, json!({})).await.json();
        assert_eq!(again["summary"]["changes"][0]["subject"], "Cleo", "{again}");
        let wrong = client.post("/api/v1/imports/users?columns=id", json!({})).await;
        assert_eq!((wrong.status, &wrong.json()["field"]), (422, &json!("columns")));
        let rows = client.get("/api/v1/audit/export").await.text;
        assert!(
            rows.lines()
                .all(|line| serde_json::from_str::<Value>(line).is_ok())
        );
        assert_eq!(
            client.get("/api/v1/audit/verify").await.json()["fault"],
            Value::Null
        );
    });
}

/// Every address of the description answers, and none is missing from it.
#[test]
fn the_description_is_that_of_what_is_served() {
    on_each(async |bench| {
        let client = Client::new(&bench, &[]).await;
        let document = client.get("/api/v1/openapi.json").await.json();
        assert!(
            document["openapi"]
                .as_str()
                .is_some_and(|it| it.starts_with("3.1"))
        );
        let paths = document["paths"].as_object().expect("paths");
        let mut count = 0;
        for (path, item) in paths {
            let path = path
                .split('/')
                .map(|part| if part.starts_with('{') { "x" } else { part });
            let path = path.collect::<Vec<_>>().join("/");
            for method in item.as_object().expect("an item").keys() {
                let method: Method = method.to_uppercase().parse().expect("a method");
                let answer = client.send(method.clone(), &path, &[], "").await;
                assert_ne!(
                    answer.status,
                    StatusCode::METHOD_NOT_ALLOWED.as_u16(),
                    "{method} {path}"
                );
                assert!(answer.status < 500, "{method} {path}: {}", answer.text);
                count += 1;
            }
            assert!(!item["get"].is_object() || item["get"]["responses"]["default"].is_object());
        }
        assert!(count > 60, "{count} operations");
    });
}

/// A19: whoever asks without end is told to wait, and nobody else waits for them.
#[test]
fn a_key_that_asks_without_end_is_told_when_to_come_back() {
    on_each(async |bench| {
        let mut config = bench.app.config.clone();
        config.web.requests_per_second = 1;
        let clock = crate::clock::Clock::standing(crate::testing::NOW);
        let paced = App::new(bench.app.db.clone(), bench.app.vault.clone(), clock, config);
        let (mut eager, mut other) = (Client::new(&bench, &[]).await, Client::new(&bench, &[]).await);
        (eager.app, other.app) = (paced.clone(), paced.clone());
        for _ in 0..10 {
            let answer = eager.send(Method::GET, "/api/v1/users", &[], "").await;
            assert_eq!(answer.status, 200, "{}", answer.text);
        }
        let refused = eager.send(Method::GET, "/api/v1/users", &[], "").await;
        refused.is(429, "too_many_requests");
        assert_eq!(refused.headers[header::RETRY_AFTER], "1");
        assert_eq!(
            other.send(Method::GET, "/api/v1/users", &[], "").await.status,
            200
        );
        paced.clock.advance(1000);
        assert_eq!(
            eager.send(Method::GET, "/api/v1/users", &[], "").await.status,
            200
        );
    });
}
