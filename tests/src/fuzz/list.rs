//! Lists of users and bands, as people bring them.

use console::acts::imports::{FAULT_CODES, Faults, ImportKind, ImportOptions, ROWS_MAX, check};

use super::Input;

/// A list is read wholly or refused with what is wrong, in words and by a known code; and it is read in the same way
/// each time.
pub(super) fn list(bytes: &[u8]) {
    let Some((how, bytes)) = bytes.split_first() else {
        return;
    };
    let kind = if how & 1 == 0 {
        ImportKind::Users
    } else {
        ImportKind::Bands
    };
    let options = ImportOptions {
        complete: how & 2 != 0,
        allow_look_alikes: how & 4 != 0,
        encoding: ["utf-8", "windows-1252", "windows-1250"]
            .get(usize::from(how >> 3 & 3))
            .map(|it| (*it).into()),
        delimiter: [";", ",", "tab"]
            .get(usize::from(how >> 5 & 3))
            .map(|it| (*it).into()),
        ..ImportOptions::default()
    };
    let read = check(kind, &options, bytes);
    assert_eq!(read, check(kind, &options, bytes));
    match read {
        Ok(rows) => assert!(rows <= ROWS_MAX as u64 && rows <= bytes.len() as u64),
        Err(faults) => are_said(&faults),
    }
}

fn are_said(faults: &Faults) {
    assert!(!faults.listed.is_empty() && faults.count >= faults.listed.len() as u64);
    for fault in &faults.listed {
        assert!(
            FAULT_CODES.iter().any(|(code, _)| *code == fault.code),
            "{fault:?}"
        );
        assert!(
            !fault.problem.is_empty() && !fault.problem.contains(['\0', '\n']),
            "{fault:?}"
        );
    }
}

/// The first byte says how the list is read: 0 for users with everything as it suggests itself.
pub(super) fn lists() -> Vec<Input> {
    const ANY: u8 = 0x78;
    let list = |name: &str, how: u8, text: &[u8]| Input::new(name, [&[how | ANY], text].concat());
    vec![
        list(
            "users",
            0,
            "id;name;site;mail\n4711;Mara Kurz;hamburg;m@x.example\n4712;Änne;;\n".as_bytes(),
        ),
        list(
            "mark",
            0,
            "\u{feff}id,name\r\n1,\"a \"\"b\"\", c\"\r\n\r\n2,d\r\n".as_bytes(),
        ),
        list("windows", 0, b"sep=;\nPersonalnummer;Name\n1;M\xfcller\n"),
        list("complete", 2, b"id\tstatus\n1\tactive\n2\tdeparted\n"),
        list("twins", 0, "id;name\nAda;x\nada;y\nADA;z\n".as_bytes()),
        list("open", 0, b"id;name\n1;\"never closed\n2;b\n"),
        list("formula", 0, b"id;name\n'=1+1;'-x\n@a;+b\n"),
        list("utf16", 0, b"\xff\xfei\0d\0\n\x001\0\n\0"),
        list("zip", 0, b"PK\x03\x04\x14\0\x08\x08"),
        list(
            "bands",
            1,
            b"serial;seos;stock;delivery\nAAAH-00201;yes;in_stock;D1\nAAAH-00202;no;;\n",
        ),
        list(
            "damaged",
            1,
            b"serial;seos\nAAAH-00201;perhaps\n;no\nAAAH-00201;no;no;no\n",
        ),
    ]
}
