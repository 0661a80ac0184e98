//! Who may use the real station: people, tickets, codes, operators, and two clients at once.

use argon2::password_hash::PasswordHasher;
use argon2::{Algorithm, Argon2, Params, Version};
use ed25519_dalek::SigningKey;
use firmware_protocol::id::Zone;
use firmware_protocol::time::UnixSeconds;
use policy::model::{Suspension, UserStatus};
use serde_json::Value;
use simulators::bluez::BandPort;
use simulators::cast::{Person, SITE};
use simulators::stage::Daemon;
use station_core::provision::HexBytes;
use station_core::replica::Right;
use station_core::ticket::{TicketClaims, TicketId, TypedCode, sign_ticket};
use station_daemon::api::model::{Enrollment, Stage};
use station_daemon::clock::Clock;
use station_daemon::problem::Problem;

use crate::kiosk::{Kiosk, Wrist, by_code, by_ticket, by_vouch, enroll, enroll_watched};

pub(crate) const PIN: &str = "271828";

fn issuer() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

pub(crate) fn now() -> u64 {
    Clock::start().wall().0
}

/// A kiosk whose tickets this test issues itself, with Mara and a band before it.
pub(crate) fn kiosk() -> Option<(Kiosk, Person, BandPort<Wrist>)> {
    let mut kiosk = Kiosk::new()?;
    kiosk.cast.file_mut().tickets_from.public_key = HexBytes(issuer().verifying_key().to_bytes());
    let (mara, band) = kiosk.person_with_band("4711", "SIM-1");
    Some((kiosk, mara, band))
}

pub(crate) fn claims(person: &Person, id: u8) -> TicketClaims {
    TicketClaims {
        id: TicketId([id; 16]),
        user: person.handle,
        site: SITE.into(),
        zone: Zone::Enrollment,
        not_before: UnixSeconds(now() - 60),
        expires: UnixSeconds(now() + 3600),
    }
}

pub(crate) fn signed(claims: &TicketClaims) -> Value {
    by_ticket(&sign_ticket(claims, &issuer()))
}

/// Starts that are refused at once, one after the other; the station stays usable.
pub(crate) async fn check(daemon: &Daemon, cases: &[(&str, Value, &str)]) {
    for (what, start, expected) in cases {
        let seen = enroll(daemon, start).await;
        assert_eq!(seen.code(), *expected, "{what}: {seen:?}");
    }
}

#[tokio::test]
async fn a_ticket_that_is_not_right_is_refused_by_name() {
    let Some((kiosk, mara, band)) = kiosk() else {
        return;
    };
    kiosk.init("");
    let daemon = kiosk.start().await;
    let good = sign_ticket(&claims(&mara, 1), &issuer());
    let past = TicketClaims {
        expires: UnixSeconds(now() - 1),
        ..claims(&mara, 2)
    };
    let future = TicketClaims {
        not_before: UnixSeconds(now() + 3600),
        expires: UnixSeconds(now() + 7200),
        ..claims(&mara, 3)
    };
    let elsewhere = TicketClaims {
        site: "bremen".into(),
        ..claims(&mara, 4)
    };
    let zone = TicketClaims {
        zone: Zone::Registration,
        ..claims(&mara, 5)
    };
    let forged = sign_ticket(&claims(&mara, 6), &SigningKey::from_bytes(&[8; 32]));
    let cases = [
        ("expired", signed(&past), "ticket_expired"),
        ("not yet valid", signed(&future), "ticket_not_yet_valid"),
        ("another site", signed(&elsewhere), "ticket_other_site"),
        ("another zone", signed(&zone), "ticket_other_zone"),
        ("forged", by_ticket(&forged), "ticket_forged"),
        (
            "truncated",
            by_ticket(&good[..good.len() - 9]),
            "ticket_malformed",
        ),
        ("empty", by_ticket(""), "ticket_malformed"),
        ("noise", by_ticket("ß\u{202e}\0 4711"), "ticket_malformed"),
        ("good", by_ticket(&good), "done"),
        ("used before", by_ticket(&good), "ticket_reused"),
    ];
    check(&daemon, &cases).await;
    kiosk.agrees(&[&band], 0);
    daemon.kill().await.unwrap();
    let daemon = kiosk.start().await;
    check(
        &daemon,
        &[("used before a crash", by_ticket(&good), "ticket_reused")],
    )
    .await;
}

#[tokio::test]
async fn people_who_may_not_are_told_why() {
    let Some((mut kiosk, _, band)) = kiosk() else {
        return;
    };
    let people = [
        ("suspended", UserStatus::Active, "user_suspended"),
        ("departed", UserStatus::Departed, "user_not_active"),
        ("not-yet", UserStatus::NotYet, "user_not_active"),
    ];
    let mut cases = Vec::new();
    for (place, (id, status, expected)) in people.into_iter().enumerate() {
        let person = kiosk.cast.person(id, id);
        let row = kiosk.cast.file_mut().users.last_mut().unwrap();
        row.status = status;
        row.suspension = (id == "suspended").then(Suspension::default);
        cases.push((id, signed(&claims(&person, place as u8)), expected));
    }
    kiosk.init("");
    let stranger = kiosk.cast.person("stranger", "stranger");
    cases.push(("stranger", signed(&claims(&stranger, 9)), "user_unknown"));
    let daemon = kiosk.start().await;
    check(&daemon, &cases).await;
    assert!(kiosk.agrees(&[&band], 0).is_empty());
}

/// The PIN as an operator's row has it.
pub(crate) fn pin_phc() -> String {
    pin_phc_of(Params::new(8, 1, 1, None).unwrap())
}

/// The same at another cost.
pub(crate) fn pin_phc_of(cost: Params) -> String {
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, cost);
    let pin = argon2.hash_password_with_salt(PIN.as_bytes(), &[7; 16]).unwrap();
    pin.to_string()
}

pub(crate) fn operator(kiosk: &mut Kiosk) {
    let rights = [Right::Vouch, Right::ConfirmClock, Right::CloseIntents];
    kiosk.cast.operator("olga", &pin_phc(), &rights);
}

#[tokio::test]
async fn an_operator_vouches_with_the_right_pin_only() {
    let Some((mut kiosk, _, band)) = kiosk() else {
        return;
    };
    operator(&mut kiosk);
    kiosk.init("");
    let daemon = kiosk.start().await;
    let cases = [
        ("wrong PIN", by_vouch("4711", "olga", "000000"), "wrong_pin"),
        ("no operator", by_vouch("4711", "nobody", PIN), "wrong_pin"),
        ("nobody", by_vouch("0000", "olga", PIN), "user_unknown"),
        ("right PIN", by_vouch("4711", "olga", PIN), "done"),
    ];
    check(&daemon, &cases).await;
    kiosk.agrees(&[&band], 0);
}

/// A5: after five wrong PINs not even the right one counts, also after a crash; tickets go on.
#[tokio::test]
async fn guessing_a_pin_leads_nowhere() {
    let Some((mut kiosk, mara, _)) = kiosk() else {
        return;
    };
    operator(&mut kiosk);
    kiosk.init("");
    let mut daemon = kiosk.start().await;
    for guess in 0..5 {
        check(
            &daemon,
            &[(
                "a guess",
                by_vouch("4711", "olga", &format!("{guess:06}")),
                "wrong_pin",
            )],
        )
        .await;
        daemon.kill().await.unwrap();
        daemon = kiosk.start().await;
    }
    let cases = [
        (
            "right at last",
            by_vouch("4711", "olga", PIN),
            "too_many_attempts",
        ),
        ("somebody else", signed(&claims(&mara, 1)), "done"),
    ];
    check(&daemon, &cases).await;
}

/// Well-formed codes that belong to nobody and begin like `code`, so that they count against its group.
fn guesses(code: &str) -> impl Iterator<Item = String> + use<> {
    const ALPHABET: &str = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let values = code
        .chars()
        .filter_map(|c| ALPHABET.find(c))
        .map(|value| value as u8);
    let start: Vec<u8> = values.take(5).collect();
    let (group, own) = (TypedCode::parse(code).unwrap().group(), code.to_owned());
    let codes = (0..=u8::MAX).map(move |last| {
        let mut random = [0; 9];
        random[..5].copy_from_slice(&start);
        (random[7], random[8]) = (last >> 5, last);
        TypedCode::from_random(random)
    });
    let same = codes.inspect(move |code| assert_eq!(code.group(), group));
    same.map(|code| code.reveal()).filter(move |code| *code != own)
}

/// A5: after twenty wrong codes not even the right one counts, with crashes in between; others go on.
#[tokio::test]
async fn guessing_a_code_leads_nowhere() {
    let Some((mut kiosk, mara, band)) = kiosk() else {
        return;
    };
    let code = kiosk.cast.code(&mara);
    let jonas = kiosk.cast.person("4712", "4712");
    let others = kiosk.cast.code(&jonas);
    kiosk.init("");
    let mut daemon = kiosk.start().await;
    for (count, guess) in guesses(&code).take(20).enumerate() {
        check(&daemon, &[("a guess", by_code(&guess), "ticket_unknown_code")]).await;
        if count % 5 == 4 {
            daemon.kill().await.unwrap();
            daemon = kiosk.start().await;
        }
    }
    let more: Vec<_> = guesses(&code).skip(20).take(5).collect();
    for guess in &more {
        check(&daemon, &[("one more", by_code(guess), "too_many_attempts")]).await;
    }
    let cases = [
        ("the right one", by_code(&code), "too_many_attempts"),
        ("somebody else's", by_code(&others), "done"),
    ];
    check(&daemon, &cases).await;
    kiosk.agrees(&[&band], 0);
}

#[tokio::test]
async fn two_clients_at_once_are_told_that_it_is_busy() {
    let Some((kiosk, mara, band)) = kiosk() else {
        return;
    };
    kiosk.init("");
    band.set_in_range(false);
    let daemon = kiosk.start().await;
    let (first, second) = (signed(&claims(&mara, 1)), signed(&claims(&mara, 2)));
    let begun: Enrollment = daemon.client.post("/api/v1/enrollments", &first).await.unwrap();
    let refused: Result<Enrollment, Problem> = daemon.client.post("/api/v1/enrollments", &second).await;
    let refused = refused.unwrap_err();
    assert_eq!((refused.code.as_str(), refused.code.http_status()), ("busy", 409));
    let cancel = format!("/api/v1/enrollments/{}/cancel", begun.id);
    let _: Enrollment = daemon.client.post(&cancel, &Value::Null).await.unwrap();
    band.set_in_range(true);
    check(&daemon, &[("the second", second, "done")]).await;
}

#[tokio::test]
async fn an_expired_station_certificate_enrolls_nobody() {
    let Some((mut kiosk, mara, band)) = kiosk() else {
        return;
    };
    let mut random = simulators::random::Random::new(5);
    let until = UnixSeconds(now() - 3600);
    let identity = kiosk
        .cast
        .plant
        .station_until(kiosk.cast.station, Zone::Enrollment, until, &mut random);
    let station = &mut kiosk.cast.file_mut().station;
    station.certificate = station_core::provision::Base16(minicbor::to_vec(&identity.certificate).unwrap());
    station.secret_key = station_core::provision::SecretKey(identity.dh_secret.clone());
    kiosk.stage.write_files(&kiosk.cast, "").unwrap();
    let from = kiosk.stage.provisioning();
    let made = kiosk.run(&["init", "--from", &from.to_string_lossy()]);
    if !made.status.success() {
        assert!(
            String::from_utf8_lossy(&made.stderr).contains("certificate"),
            "{made:?}"
        );
        return;
    }
    let daemon = kiosk.start().await;
    check(
        &daemon,
        &[("expired", signed(&claims(&mara, 1)), "station_not_accepted")],
    )
    .await;
    assert!(kiosk.agrees(&[&band], 0).is_empty());
}

/// A cancelled attempt leaves nothing behind.
#[tokio::test]
async fn a_person_may_walk_away() {
    let Some((kiosk, mara, band)) = kiosk() else {
        return;
    };
    band.with(|wrist, _| {
        let slow = simulators::band::Knobs {
            touch_ms: 500,
            ..crate::kiosk::quick()
        };
        wrist.band.set_knobs(slow);
    });
    kiosk.init("");
    let daemon = kiosk.start().await;
    let client = daemon.client.clone();
    let start = signed(&claims(&mara, 1));
    let seen = enroll_watched(&daemon, &start, |now| {
        if now.stage == Stage::Touch {
            let (client, cancel) = (client.clone(), format!("/api/v1/enrollments/{}/cancel", now.id));
            tokio::spawn(async move { client.post::<Enrollment>(&cancel, &Value::Null).await });
        }
    });
    assert_eq!(seen.await.code(), "cancelled");
    assert!(kiosk.agrees(&[&band], 0).is_empty());
}
