//! A record that contradicts itself is refused, whatever damaged it.

use alloc::vec;

use super::*;

fn association(zone: Zone, user: u8, epoch: u32) -> Association {
    Association {
        zone,
        user: UserHandle([user; 16]),
        association: AssociationId([epoch as u8; 16]),
        epoch,
        credential: CredentialSecret([7; 32]),
        receipt: Signed {
            body: vec![0xa0],
            signature: [0; 64],
        },
        finished: false,
    }
}

fn waiting(epoch: u32, slot: u8) -> StagedAssociation {
    let credential = CredentialSecret([8; 32]);
    StagedAssociation {
        staged: Staged {
            organization: OrganizationId([1; 16]),
            association: AssociationId([9; 16]),
            user: UserHandle([1; 16]),
            zone: Zone::Enrollment,
            epoch,
            credential_key: credential.public(),
        },
        credential,
        mode: Mode::Capture,
        label: "X".into(),
        slot,
    }
}

/// Held in both zones, staged for a third commit.
fn good() -> Record {
    Record {
        epoch: 2,
        organization: Some(OrganizationId([1; 16])),
        associations: vec![
            association(Zone::Enrollment, 1, 1),
            association(Zone::Registration, 1, 2),
        ],
        staged: Some(waiting(3, 0)),
        slot: 1,
        ..Record::default()
    }
}

#[test]
fn a_sound_record_reads_back() {
    for record in [Record::default(), good(), good().emptied()] {
        assert_eq!(Record::decode(&record.encode()), Ok(record));
    }
    assert_eq!(
        Record::decode(&[]),
        Ok(Record::default()),
        "a band fresh from the factory"
    );
    assert_eq!(good().emptied().epoch, 2);
}

#[test]
fn a_record_that_contradicts_itself_is_refused() {
    let check = |what: &str, change: &dyn Fn(&mut Record)| {
        let mut record = good();
        change(&mut record);
        assert_eq!(Record::decode(&record.encode()), Err(RecordFault), "{what}");
    };
    check("a third slot", &|record| record.slot = 2);
    check("a staged finger in a third slot", &|record| {
        record.staged = Some(waiting(3, 2))
    });
    check("staged under an epoch that is gone", &|record| {
        record.staged = Some(waiting(2, 0))
    });
    check("staged ahead of the count", &|record| {
        record.staged = Some(waiting(4, 0))
    });
    check("two holders", &|record| {
        record.associations[1].user = UserHandle([2; 16])
    });
    check("one zone twice", &|record| {
        record.associations[1].zone = Zone::Enrollment
    });
    check("held and nobody's", &|record| record.organization = None);
    check("somebody's and not held", &|record| record.associations.clear());
    check("newer than the count", &|record| {
        record.staged = None;
        record.epoch = 1;
    });
    check("three associations", &|record| {
        let third = record.associations[0].clone();
        record.associations.push(third);
    });
}
