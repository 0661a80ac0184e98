//! Enrollments that stay open, and what operators do beside vouching.

use super::*;

/// Leaves an open enrollment of `ada` with BAND-2, as a station does that was killed in the middle.
pub(super) fn leave_open(config: &Config) {
    let intent = Intent {
        flow: FlowId([1; 16]),
        association: AssociationId([2; 16]),
        user: testing::handle("ada"),
        serial: Serial::new("BAND-2").unwrap(),
        zone: Zone::Enrollment,
        epoch: 1,
        mode: Mode::Capture,
        credential_key: [3; 32],
        time_ms: testing::MADE_AT_MS,
        ticket: Some(TicketId([1; 16])),
    };
    let mut store = Store::open(&config.database(), &seal::load(config).unwrap()).unwrap();
    let changes = changes_on_intent(&intent);
    store
        .append(testing::MADE_AT_MS, &[intent.into()], &changes)
        .unwrap();
    store.close();
}

fn by(operator: &str, pin: &str) -> Value {
    json!({ "operator": operator, "pin": pin })
}

impl Station {
    async fn close(&self, association: &str, by: &Value) -> Result<Value, Problem> {
        let path = format!("/api/v1/intents/{association}/close");
        self.client.post(&path, by).await
    }
}

#[tokio::test]
async fn an_enrollment_whose_band_never_comes_back_is_given_up_by_an_operator() {
    let folder = tempfile::tempdir().unwrap();
    let config = provisioned(&folder);
    leave_open(&config);
    let station = Station::run(folder, config).await;
    let open: Value = station.client.get("/api/v1/intents").await.unwrap();
    let association = "02".repeat(16);
    let expected = json!([{ "association": association, "serial": "BAND-2", "user": "ada", "zone": "enrollment",
        "since_ms": testing::MADE_AT_MS }]);
    assert_eq!(open["intents"], expected);
    let code = |outcome: Result<Value, Problem>| outcome.unwrap_err().code;
    assert_eq!(
        code(station.close(&association, &by("olga", "0000")).await),
        Code::WrongPin
    );
    assert_eq!(
        code(station.close(&association, &by("nobody", PIN)).await),
        Code::WrongPin
    );
    assert_eq!(
        code(station.close(&"03".repeat(16), &by("olga", PIN)).await),
        Code::NotFound
    );
    assert_eq!(
        code(station.close("xyz", &by("olga", PIN)).await),
        Code::BadRequest
    );
    let closed = station.close(&association, &by("olga", PIN)).await.unwrap();
    assert_eq!(closed, expected[0]);
    assert_eq!(
        code(station.close(&association, &by("olga", PIN)).await),
        Code::NotFound
    );
    // It stays so after a restart, and its ticket stays spent: the band may hold it.
    let (folder, config) = station.stop().await;
    let station = Station::run(folder, config).await;
    let open: Value = station.client.get("/api/v1/intents").await.unwrap();
    assert_eq!(open["intents"], json!([]));
    assert!(
        station.records().contains(&"intent_closed"),
        "{:?}",
        station.records()
    );
    assert_eq!(
        station.begin(ticket(1, "ada")).await.unwrap_err().code,
        Code::TicketReused
    );
    assert_eq!(command(&station, &["intents", "list"]).await, ExitCode::SUCCESS);
}

#[tokio::test]
async fn an_operator_without_the_right_is_told_so_and_only_with_the_pin() {
    let folder = tempfile::tempdir().unwrap();
    let mut plant = testing::file();
    plant.operators[0].rights.clear();
    let config = provisioned_with(&folder, &plant);
    leave_open(&config);
    let station = Station::run(folder, config).await;
    for (pin, expected) in [("0000", Code::WrongPin), (PIN, Code::OperatorNotAllowed)] {
        let refused = station
            .close(&"02".repeat(16), &by("olga", pin))
            .await
            .unwrap_err();
        assert_eq!(refused.code, expected, "{refused}");
        assert_eq!(station.begin(vouch("bo", pin)).await.unwrap_err().code, expected);
    }
}

/// Nobody learns from the answers which names operators have.
#[tokio::test]
async fn a_name_of_nobody_is_refused_and_blocked_like_an_operator() {
    let station = Station::start().await;
    let guess = async |operator: &str| {
        let start =
            json!({ "identification": { "vouch": { "user": "bo", "operator": operator, "pin": "0" } } });
        let mut problem = station.begin(start).await.unwrap_err();
        problem.next.retain(|c| !c.is_ascii_digit());
        problem
    };
    for _ in 0..7 {
        assert_eq!(guess("olga").await, guess("otto").await);
    }
    assert_eq!(guess("otto").await.code, Code::TooManyAttempts);
}

#[tokio::test]
async fn a_clock_that_is_believed_needs_no_confirmation() {
    let station = Station::start().await;
    let clock: Value = station.client.get("/api/v1/clock").await.unwrap();
    assert_eq!(
        (&clock["trusted"], &clock["earliest_ms"]),
        (&json!(true), &clock["latest_ms"])
    );
    let said = |clock_ms: u64| json!({ "operator": "olga", "pin": PIN, "clock_ms": clock_ms });
    let now_ms = clock["clock_ms"].as_u64().unwrap();
    for clock_ms in [now_ms, now_ms - 3_600_000, now_ms + 3_600_000] {
        let refused: Result<Value, Problem> = station
            .client
            .post("/api/v1/clock/confirm", &said(clock_ms))
            .await;
        assert_eq!(refused.unwrap_err().code, Code::OutOfTurn);
    }
    assert!(!station.records().contains(&"clock_confirmed"));
}

#[tokio::test]
async fn an_open_intent_is_settled_when_its_band_comes_near() {
    let folder = tempfile::tempdir().unwrap();
    let config = provisioned(&folder);
    leave_open(&config);
    let station = Station::run(folder, config).await;
    assert_eq!(
        station.begin(ticket(1, "ada")).await.unwrap_err().code,
        Code::TicketReused
    );
    station
        .air
        .add("C0:02", -45, Box::new(TestBand::new("BAND-2", false)));
    station
        .until("/api/v1/status", |status| {
            status["journal"]["sequence"].as_u64() >= Some(6)
        })
        .await;
    assert_eq!(station.records().last(), Some(&"rolled_back"));
    // The ticket is free again: nothing had been made with it.
    let end = station.enroll(ticket(1, "ada")).await;
    assert_eq!(end["outcome"]["code"], "done", "{end}");
}
