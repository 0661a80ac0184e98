//! Every way a ticket, a code or a vouch fails, each by its name.

use std::collections::BTreeSet;

use ed25519_dalek::SigningKey;
use firmware_protocol::id::{AssociationId, UserHandle, Zone};
use firmware_protocol::time::UnixSeconds;
use proptest::prelude::*;
use station_core::clock::TrustedTime;
use station_core::journal::Method;
use station_core::replica::{Change, OperatorRow, Right, TicketRow, TicketState};
use station_core::ticket::*;

const HERE: Place<'static> = Place {
    site: "plant-7",
    zone: Zone::Enrollment,
};
const NOT_BEFORE: u64 = 1_800_000_000;
const EXPIRES: u64 = 1_800_086_400;

fn issuer() -> SigningKey {
    SigningKey::from_bytes(&[3; 32])
}

fn claims() -> TicketClaims {
    TicketClaims {
        id: TicketId([1; 16]),
        user: UserHandle([2; 16]),
        site: "plant-7".into(),
        zone: Zone::Enrollment,
        not_before: UnixSeconds(NOT_BEFORE),
        expires: UnixSeconds(EXPIRES),
    }
}

fn at(seconds: u64) -> TrustedTime {
    TrustedTime::certain(seconds * 1000)
}

fn spent() -> TicketState {
    TicketState::Spent {
        association: AssociationId([9; 16]),
    }
}

/// Presents a text and then asks whether the ticket was used.
fn present(
    text: &str,
    place: Place<'_>,
    time: TrustedTime,
    state: TicketState,
) -> Result<Identified, TicketFault> {
    verify_ticket(text, &issuer().verifying_key().to_bytes(), place, time)?.redeem(state)
}

fn code_of(outcome: Result<Identified, TicketFault>) -> &'static str {
    outcome.map_or_else(TicketFault::code, |_| "ok")
}

#[test]
fn the_table_of_signed_tickets() {
    let text = sign_ticket(&claims(), &issuer());
    let forged = sign_ticket(&claims(), &SigningKey::from_bytes(&[4; 32]));
    let other_site = Place {
        site: "plant-8",
        ..HERE
    };
    let other_zone = Place {
        zone: Zone::Registration,
        ..HERE
    };
    let doubt = |a: u64, b: u64| TrustedTime::between(a * 1000, b * 1000);
    let lower = format!("  {}\n", text.to_lowercase());
    let unspent = TicketState::Unspent;
    let table = [
        (text.as_str(), HERE, at(NOT_BEFORE), unspent, "ok"),
        (&text, HERE, at(EXPIRES), unspent, "ok"),
        (&lower, HERE, at(EXPIRES), unspent, "ok"),
        (&text, HERE, at(NOT_BEFORE - 1), unspent, "ticket_not_yet_valid"),
        (&text, HERE, at(EXPIRES + 1), unspent, "ticket_expired"),
        (
            &text,
            HERE,
            doubt(NOT_BEFORE + 5, EXPIRES + 5),
            unspent,
            "ticket_expired",
        ),
        (
            &text,
            HERE,
            doubt(NOT_BEFORE - 5, EXPIRES - 5),
            unspent,
            "ticket_not_yet_valid",
        ),
        (
            &text,
            HERE,
            doubt(0, u64::MAX / 1000),
            unspent,
            "ticket_not_yet_valid",
        ),
        (&text, other_site, at(NOT_BEFORE), unspent, "ticket_other_site"),
        (&text, other_zone, at(NOT_BEFORE), unspent, "ticket_other_zone"),
        (&text, HERE, at(NOT_BEFORE), spent(), "ticket_reused"),
        (
            &text,
            HERE,
            at(NOT_BEFORE),
            TicketState::Revoked,
            "ticket_revoked",
        ),
        (&text, other_site, at(EXPIRES + 1), spent(), "ticket_other_site"),
        (&text, HERE, at(EXPIRES + 1), spent(), "ticket_expired"),
        (&forged, HERE, at(NOT_BEFORE), unspent, "ticket_forged"),
        (&forged, other_site, at(0), spent(), "ticket_forged"),
        ("", HERE, at(NOT_BEFORE), unspent, "ticket_malformed"),
        ("BST1.", HERE, at(NOT_BEFORE), unspent, "ticket_malformed"),
        ("BST1.AAAA", HERE, at(NOT_BEFORE), unspent, "ticket_malformed"),
        ("BST2.AAAA", HERE, at(NOT_BEFORE), unspent, "ticket_malformed"),
        (
            "https://example.com/",
            HERE,
            at(NOT_BEFORE),
            unspent,
            "ticket_malformed",
        ),
        (
            &text[..text.len() - 8],
            HERE,
            at(NOT_BEFORE),
            unspent,
            "ticket_malformed",
        ),
    ];
    for (text, place, time, state, expected) in table {
        assert_eq!(code_of(present(text, place, time, state)), expected, "{text}");
    }
}

#[test]
fn a_ticket_fits_the_alphanumeric_mode_of_qr_codes() {
    let text = sign_ticket(&claims(), &issuer());
    assert!(
        text.bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'.'),
        "{text}"
    );
    assert!(text.len() < 260, "{}", text.len());
}

#[test]
fn an_identity_says_where_it_comes_from() {
    let identified = present(
        &sign_ticket(&claims(), &issuer()),
        HERE,
        at(NOT_BEFORE),
        TicketState::Unspent,
    );
    let identified = identified.expect("a good ticket");
    assert_eq!(identified.user(), UserHandle([2; 16]));
    assert_eq!(
        (identified.method(), identified.ticket()),
        (Method::Ticket, Some(TicketId([1; 16])))
    );
}

fn row() -> TicketRow {
    let code = TypedCode::from_random([1; 9]);
    let TicketClaims {
        id,
        user,
        site,
        zone,
        not_before,
        expires,
    } = claims();
    TicketRow {
        id,
        code_hash: Some(code.hash(&CodeKey([5; 32]))),
        user,
        site,
        zone,
        not_before,
        expires,
    }
}

#[test]
fn the_table_of_typed_codes() {
    let row = row();
    let other_site = Place {
        site: "plant-8",
        ..HERE
    };
    let table = [
        (Some(&row), HERE, at(NOT_BEFORE), TicketState::Unspent, "ok"),
        (
            None,
            HERE,
            at(NOT_BEFORE),
            TicketState::Unspent,
            "ticket_unknown_code",
        ),
        (
            Some(&row),
            other_site,
            at(NOT_BEFORE),
            TicketState::Unspent,
            "ticket_other_site",
        ),
        (
            Some(&row),
            HERE,
            at(NOT_BEFORE - 1),
            TicketState::Unspent,
            "ticket_not_yet_valid",
        ),
        (
            Some(&row),
            HERE,
            at(EXPIRES + 1),
            TicketState::Unspent,
            "ticket_expired",
        ),
        (Some(&row), HERE, at(NOT_BEFORE), spent(), "ticket_reused"),
        (
            Some(&row),
            HERE,
            at(NOT_BEFORE),
            TicketState::Revoked,
            "ticket_revoked",
        ),
    ];
    for (row, place, time, state, expected) in table {
        assert_eq!(code_of(redeem_code(row, state, place, time)), expected);
    }
}

#[test]
fn codes_are_found_by_their_hash_and_by_no_other_key() {
    let code = TypedCode::parse(&TypedCode::from_random([1; 9]).reveal()).expect("a code");
    assert_eq!(Some(code.hash(&CodeKey([5; 32]))), row().code_hash);
    assert_ne!(Some(code.hash(&CodeKey([6; 32]))), row().code_hash);
    let other = TypedCode::from_random([1, 1, 1, 1, 1, 1, 1, 1, 2]);
    assert_eq!(code.group(), other.group());
    assert_ne!(code.hash(&CodeKey([5; 32])), other.hash(&CodeKey([5; 32])));
}

#[test]
fn every_fault_has_its_own_name() {
    let faults = [
        TicketFault::TooManyAttempts { until_ms: 0 },
        TicketFault::Malformed,
        TicketFault::Forged,
        TicketFault::UnknownCode,
        TicketFault::OtherSite,
        TicketFault::OtherZone,
        TicketFault::NotYetValid,
        TicketFault::Expired,
        TicketFault::Reused,
        TicketFault::Revoked,
    ];
    assert_eq!(
        faults
            .iter()
            .map(|fault| fault.code())
            .collect::<BTreeSet<_>>()
            .len(),
        faults.len()
    );
}

fn operator() -> OperatorRow {
    OperatorRow {
        id: "op-1".into(),
        pin: "$argon2id$v=19$...".into(),
        rights: BTreeSet::from([Right::Vouch]),
        user: Some(UserHandle([8; 16])),
    }
}

#[test]
fn the_table_of_vouches() {
    let mut without = operator();
    without.rights.clear();
    let user = UserHandle([2; 16]);
    let blocked = AttemptState {
        failures: 5,
        blocked_until_ms: (NOT_BEFORE + 60) * 1000,
    };
    let fresh = AttemptState::default();
    let table = [
        (Some(operator()), user, fresh, at(NOT_BEFORE), "ok"),
        (None, user, fresh, at(NOT_BEFORE), "wrong_pin"),
        (Some(without), user, fresh, at(NOT_BEFORE), "operator_not_allowed"),
        (
            Some(operator()),
            UserHandle([8; 16]),
            fresh,
            at(NOT_BEFORE),
            "vouch_for_oneself",
        ),
        (
            Some(operator()),
            user,
            blocked,
            at(NOT_BEFORE),
            "too_many_attempts",
        ),
        (Some(operator()), user, blocked, at(NOT_BEFORE + 60), "ok"),
    ];
    for (operator, user, state, time, expected) in table {
        let subject = pin_subject("op-1", operator.as_ref(), &CodeKey([3; 32]));
        let outcome = begin_pin(operator.as_ref(), subject, state, 0, time).and_then(|pending| {
            // Whoever has no PIN is refused as if a wrong one had been typed.
            pending.pin().ok_or(VouchFault::WrongPin)?;
            pending.right(Right::Vouch).1?.vouch(user)
        });
        assert_eq!(outcome.map_or_else(VouchFault::code, |_| "ok"), expected);
    }
}

/// Whoever signed in is what the stored row says when a right is used.
#[test]
fn a_sign_in_lasts_as_long_as_the_row_says_the_same() {
    let user = UserHandle([2; 16]);
    let row = operator();
    let subject = pin_subject("op-1", Some(&row), &CodeKey([3; 32]));
    let failed = AttemptState {
        failures: 1,
        ..AttemptState::default()
    };
    let pending =
        begin_pin(Some(&row), subject.clone(), failed, 0, at(NOT_BEFORE)).expect("one failure is few");
    let (change, signed) = pending.sign_in().expect("an operator");
    assert!(matches!(change, Some(Change::SetAttempts { state, .. }) if state == AttemptState::default()));
    assert!(signed.has(Right::Vouch) && !signed.has(Right::Diagnose));
    assert!(!format!("{signed:?}").contains("argon2"));

    let with = |change: fn(&mut OperatorRow)| {
        let mut row = operator();
        change(&mut row);
        Some(row)
    };
    let table = [
        (Some(operator()), Right::Vouch, user, "ok"),
        (
            Some(operator()),
            Right::Vouch,
            UserHandle([8; 16]),
            "vouch_for_oneself",
        ),
        (Some(operator()), Right::Diagnose, user, "operator_not_allowed"),
        (
            with(|row| row.rights.clear()),
            Right::Vouch,
            user,
            "operator_not_allowed",
        ),
        (
            with(|row| row.pin.push('x')),
            Right::Vouch,
            user,
            "operator_not_allowed",
        ),
        (
            with(|row| row.id = "op-2".into()),
            Right::Vouch,
            user,
            "operator_not_allowed",
        ),
        (None, Right::Vouch, user, "operator_not_allowed"),
    ];
    for (row, right, user, expected) in table {
        let outcome = signed
            .witness(row.as_ref(), None, right)
            .and_then(|witness| witness.vouch(user));
        assert_eq!(
            outcome.map_or_else(VouchFault::code, |_| "ok"),
            expected,
            "{row:?} {right:?}"
        );
    }

    let nobody = begin_pin(None, subject, AttemptState::default(), 0, at(NOT_BEFORE));
    assert!(nobody.expect("a first try").sign_in().is_none());
}

struct Nobodys;

impl station_core::sync::Handles for Nobodys {
    type Error = ();

    fn handle(&self, _: &policy::model::UserId) -> Result<UserHandle, ()> {
        Err(())
    }
}

/// Every right reaches a station that joined a console, and bits of later releases give none.
#[test]
fn rights_of_the_feed_are_rights_of_the_station() {
    use server_sync::feed::{self, Rights};
    let of = |bits| feed::OperatorRow {
        id: "op-1".into(),
        pin: "$argon2id$".into(),
        rights: Rights(bits),
        user: None,
    };
    let rights = |bits| {
        station_core::sync::operator_row(&of(bits), &Nobodys)
            .expect("no user")
            .rights
    };
    let table = [
        (Rights::VOUCH, Right::Vouch),
        (Rights::CONFIRM_CLOCK, Right::ConfirmClock),
        (Rights::CLOSE_INTENTS, Right::CloseIntents),
        (Rights::DIAGNOSE, Right::Diagnose),
        (Rights::CHECK_BANDS, Right::CheckBands),
    ];
    for (bit, right) in table {
        assert_eq!(rights(bit.0), BTreeSet::from([right]));
    }
    assert_eq!(rights(u32::MAX).len(), table.len());
    assert_eq!(rights(1 << 31), BTreeSet::new());
}

/// What is shown to somebody without a PIN is the same for an operator and for nobody.
#[test]
fn names_of_operators_cannot_be_guessed() {
    let key = CodeKey([3; 32]);
    let guess = |name: &str, row: Option<&OperatorRow>| {
        let subject = pin_subject(name, row, &key);
        let (mut state, mut told) = (AttemptState::default(), vec![]);
        for second in 0..200 {
            let now = at(NOT_BEFORE + second);
            let outcome =
                begin_pin(row, subject.clone(), state, 0, now).map(|pending| pending.wrong(state, now));
            told.push(match outcome {
                Ok((record, Change::SetAttempts { state: next, .. })) => {
                    assert_eq!(record.operator.as_deref(), row.map(|row| row.id.as_str()));
                    state = next;
                    VouchFault::WrongPin
                }
                Ok(_) => panic!("a count"),
                Err(fault) => fault,
            });
        }
        told
    };
    assert_eq!(guess("op-1", Some(&operator())), guess("nobody", None));
    let nobodys: BTreeSet<_> = (0..10_000)
        .map(|name| pin_subject(&name.to_string(), None, &key).to_string())
        .collect();
    assert!(nobodys.len() <= 1024 && nobodys.iter().all(|subject| subject.starts_with("pin:?")));
    let other = CodeKey([4; 32]);
    assert!(
        (0..9).any(|n| pin_subject(&n.to_string(), None, &key) != pin_subject(&n.to_string(), None, &other))
    );
}

/// A guesser at one operator's PIN, with restarts in between: the state is all that survives.
#[test]
fn the_right_pin_does_not_count_while_too_many_were_wrong() {
    let user = UserHandle([2; 16]);
    let begin = |operator: &OperatorRow, state, now| {
        let subject = pin_subject(&operator.id, Some(operator), &CodeKey([3; 32]));
        begin_pin(Some(operator), subject, state, 0, now)
    };
    let (mut state, mut admitted) = (AttemptState::default(), 0);
    for second in 0..10_000 {
        let now = at(NOT_BEFORE + second / 100);
        let Ok(pending) = begin(&operator(), state, now) else {
            continue;
        };
        admitted += 1;
        let (record, change) = pending.wrong(state, now);
        let Change::SetAttempts { subject, state: next } = change else {
            panic!("a count")
        };
        assert_eq!(subject.to_string(), "pin:op-1");
        assert_eq!(record.in_a_row, next.failures);
        state = next;
    }
    assert!(admitted <= 7, "{admitted} in a hundred seconds");
    // somebody else is not locked out
    let other = OperatorRow {
        id: "op-2".into(),
        ..operator()
    };
    assert!(begin(&other, AttemptState::default(), at(NOT_BEFORE)).is_ok());
    // after the wait the right one counts, and clears the count
    let later = at(NOT_BEFORE + 86_400 * 2);
    let pending = begin(&operator(), state, later).expect("the wait is over");
    let (change, witness) = pending.right(Right::Vouch);
    let identified = witness.and_then(|witness| witness.vouch(user));
    assert_eq!(identified.expect("an operator").method(), Method::Vouched);
    assert!(matches!(change, Some(Change::SetAttempts { state, .. }) if state == AttemptState::default()));
}

#[test]
fn guessing_codes_of_one_group_leaves_the_others_alone() {
    let now = at(NOT_BEFORE);
    let guess = |state: AttemptState| match AttemptRules::CODE.admit(state, 0, now) {
        Ok(()) => AttemptRules::CODE.after_failure(state, now),
        Err(_) => state,
    };
    let state = (0..10_000).fold(AttemptState::default(), |state, _| guess(state));
    assert_eq!(state.failures, 20);
    assert!(
        AttemptRules::CODE.admit(state, 0, now).is_err(),
        "attempt 21 does not count, right or wrong"
    );
    assert!(AttemptRules::CODE.admit(AttemptState::default(), 0, now).is_ok());
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in ".{0,300}") {
        let _ = present(&text, HERE, at(NOT_BEFORE), TicketState::Unspent);
        let _ = TypedCode::parse(&text);
    }

    #[test]
    fn a_changed_ticket_is_no_ticket(place in any::<prop::sample::Index>(), to in "[A-Z2-7]") {
        let text = sign_ticket(&claims(), &issuer());
        let place = 5 + place.index(text.len() - 5);
        let mut changed = text.clone();
        changed.replace_range(place..=place, &to);
        prop_assume!(changed != text);
        let code = code_of(present(&changed, HERE, at(NOT_BEFORE), TicketState::Unspent));
        prop_assert!(code == "ticket_malformed" || code == "ticket_forged", "{}", code);
    }

    #[test]
    fn every_code_is_read_back(random in any::<[u8; 9]>()) {
        let code = TypedCode::from_random(random);
        prop_assert_eq!(TypedCode::parse(&code.reveal()), Ok(code));
    }
}
