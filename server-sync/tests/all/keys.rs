//! The list of feed keys.

use server_sync::feed::{KeyListFault, SignedKeyList};

use crate::samples::{feed_key, key, key_list, organization, organization_key};

#[track_caller]
fn check(change: impl FnOnce(&mut SignedKeyList), expected: Result<u64, KeyListFault>) {
    let mut list = key_list(3, vec![feed_key(1), feed_key(2)]);
    change(&mut list);
    let trusted = organization_key().verifying_key().to_bytes();
    let read = SignedKeyList::from_bytes(&list.to_bytes()).expect("its own bytes");
    let verified = read.verify(&trusted);
    assert_eq!(verified.map(|list| list.serial), expected);
}

#[test]
fn the_organization_alone_says_who_signs_pages() {
    check(|_| (), Ok(3));
    check(|list| list.body[5] ^= 1, Err(KeyListFault::BadSignature));
    check(|list| list.signature[5] ^= 1, Err(KeyListFault::BadSignature));
    check(|list| list.body.clear(), Err(KeyListFault::BadSignature));
    let own = key_list(3, vec![]).verify(&organization_key().verifying_key().to_bytes());
    let foreign = server_sync::feed::KeyList {
        organization: server_sync::Organization([9; 16]),
        ..own.expect("a list")
    };
    let foreign = foreign.sign(crate::samples::sign_with(&organization_key()));
    check(|list| *list = foreign, Err(KeyListFault::OtherOrganization));
}

#[test]
fn an_organization_is_its_key() {
    assert_ne!(
        organization(),
        server_sync::Organization::of_key(&key(9).verifying_key().to_bytes())
    );
    assert_eq!(
        SignedKeyList::from_bytes(b"\x82\x40"),
        Err(KeyListFault::Malformed)
    );
}
