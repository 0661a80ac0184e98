//! Published examples, run for both sets of primitives: with the feature `ring` and without.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use ed25519_dalek::SigningKey;
use noise_protocol::{Cipher as _, DH as _};

use super::{ChaChaPoly, X25519, aead, dh_public, sha256};
use crate::certificate::Signed;

fn unhex(text: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digit).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn array<const N: usize>(text: &str) -> [u8; N] {
    unhex(text).try_into().unwrap()
}

/// RFC 7748, sections 5.2 and 6.1.
#[test]
fn x25519_is_that_of_rfc_7748() {
    let check = |secret, public, shared| {
        assert_eq!(
            X25519::dh(&array(secret), &array(public)).map(|key| hex(&key)),
            Ok(String::from(shared))
        )
    };
    check(
        "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
        "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
        "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
    );
    check(
        "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
        "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
        "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957",
    );
    let alice = "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a";
    let bob = "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb";
    let alice_public = "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a";
    let bob_public = "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f";
    assert_eq!(hex(&dh_public(&array(alice))), alice_public);
    assert_eq!(hex(&dh_public(&array(bob))), bob_public);
    let shared = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742";
    check(alice, bob_public, shared);
    check(bob, alice_public, shared);
}

/// The points of small order: their secret would be known to everybody (RFC 7748, section 6.1).
#[test]
fn a_point_of_small_order_gives_no_secret() {
    let points = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ];
    for point in points {
        assert_eq!(X25519::dh(&[0x42; 32], &array(point)), Err(()), "{point}");
    }
}

const SUNSCREEN: &str = "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the \
                         future, sunscreen would be it.";

/// RFC 8439, section 2.8.2.
#[test]
fn sealing_is_that_of_rfc_8439() {
    let key = array("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f");
    let (nonce, ad) = (
        array("070000004041424344454647"),
        unhex("50515253c0c1c2c3c4c5c6c7"),
    );
    let mut data = SUNSCREEN.as_bytes().to_vec();
    let tag = aead::seal(&key, &nonce, &ad, &mut data);
    assert_eq!(
        hex(&data),
        "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b\
         1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc\
         3ff4def08e4b7a9de576d26586cec64b6116"
    );
    assert_eq!(hex(&tag), "1ae10b594f09e26a7e902ecbd0600691");
    aead::open(&key, &nonce, &ad, &mut data, &tag).unwrap();
    assert_eq!(data, SUNSCREEN.as_bytes());
}

/// RFC 8439, appendix A.5.
#[test]
fn opening_is_that_of_rfc_8439() {
    let key = array("1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0");
    let (nonce, ad) = (
        array("000000000102030405060708"),
        unhex("f33388860000000000004e91"),
    );
    let mut data = unhex(
        "64a0861575861af460f062c79be643bd5e805cfd345cf389f108670ac76c8cb24c6cfc18755d43eea09ee94e382d26b0\
         bdb7b73c321b0100d4f03b7f355894cf332f830e710b97ce98c8a84abd0b948114ad176e008d33bd60f982b1ff37c855\
         9797a06ef4f0ef61c186324e2b3506383606907b6a7c02b0f9f6157b53c867e4b9166c767b804d46a59b5216cde7a4e9\
         9040c5a40433225ee282a1b0a06c523eaf4534d7f83fa1155b0047718cbc546a0d072b04b3564eea1b422273f548271a\
         0bb2316053fa76991955ebd63159434ecebb4e466dae5a1073a6727627097a1049e617d91d361094fa68f0ff77987130\
         305beaba2eda04df997b714d6c6f2c29a6ad5cb4022b02709b",
    );
    let tag = unhex("eead9d67890cbb22392336fea1851f38");
    aead::open(&key, &nonce, &ad, &mut data, &tag).unwrap();
    assert!(data.starts_with(b"Internet-Drafts are draft documents valid for a maximum of six months"));
}

#[test]
fn what_was_changed_does_not_open() {
    let key = [7; 32];
    let mut sealed = [0; 11 + 16];
    ChaChaPoly::encrypt(&key, 3, b"ad", b"eleven byte", &mut sealed);
    let open = |n, ad: &[u8], sealed: &[u8]| {
        let mut out = [0; 11];
        ChaChaPoly::decrypt(&key, n, ad, sealed, &mut out).map(|()| out)
    };
    assert_eq!(open(3, b"ad", &sealed), Ok(*b"eleven byte"));
    assert_eq!(open(4, b"ad", &sealed), Err(()), "another count");
    assert_eq!(open(3, b"", &sealed), Err(()), "other data beside it");
    assert_eq!(open(3, b"ad", &sealed[..15]), Err(()), "shorter than a tag");
    for bit in 0..sealed.len() * 8 {
        let mut changed = sealed;
        changed[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(open(3, b"ad", &changed), Err(()), "bit {bit}");
    }
}

/// FIPS 180-4: the examples of its appendix, and the million of letters.
#[test]
fn sha256_is_that_of_fips_180() {
    let check = |message: &[u8], expected| {
        assert_eq!(hex(&sha256(&[message])), expected);
        let (left, right) = message.split_at(message.len() / 3);
        assert_eq!(hex(&sha256(&[left, right])), expected, "in two parts");
    };
    check(
        b"",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    );
    check(
        b"abc",
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    );
    check(
        b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
    );
    check(
        &[b'a'; 1_000_000],
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
    );
}

/// RFC 8032, section 7.1, tests 1 to 3.
#[test]
fn signatures_are_those_of_rfc_8032() {
    let check = |secret, public, message, signature| {
        let key = SigningKey::from_bytes(&array(secret));
        assert_eq!(hex(&key.verifying_key().to_bytes()), public);
        let signed = Signed::sign(unhex(message), b"", &key);
        assert_eq!(hex(&signed.signature), signature);
        assert_eq!(signed.verify(b"", &array(public)), Ok(()));
        assert!(signed.verify(b"x", &array(public)).is_err(), "another purpose");
    };
    check(
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b\
         d25bf5f0595bbe24655141438e7a100b",
    );
    check(
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c\
         387b2eaeb4302aeeb00d291612bb0c00",
    );
    check(
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659\
         4a7c15e9716ed28dc027beceea1ec40a",
    );
}

/// A key of small order would accept a signature over anything.
#[test]
fn a_key_of_small_order_signs_nothing() {
    let mut key = [0; 32];
    key[0] = 1;
    let mut signature = [0; 64];
    signature[0] = 1;
    let signed = Signed {
        body: Vec::from(*b"anything"),
        signature,
    };
    assert!(signed.verify(b"", &key).is_err());
}
