use proptest::prelude::*;

use super::super::mapping::Chosen;
use super::*;

const SUBJECT: Subject = Subject(&[("id", &["nr"]), ("name", &[]), ("site", &[])]);

type Rows<'r> = &'r [(u64, &'r str, Option<&'r str>)];

fn read_with(bytes: &[u8], form: Form<'_>) -> Result<Sheet, Faults> {
    read(bytes, SUBJECT, form, &Chosen::new())
}

#[track_caller]
fn check_with(bytes: &[u8], form: Form<'_>, expected: Result<Rows<'_>, &[(u64, &str)]>) {
    let sheet = read_with(bytes, form);
    let name = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
    match (&sheet, expected) {
        (Ok(sheet), Ok(expected)) => {
            let rows: Vec<_> = sheet
                .lines()
                .map(|it| (it.number, it.get("id").unwrap(), it.get("name")))
                .collect();
            assert_eq!(rows, expected, "{name:?}");
        }
        (Err(faults), Err(expected)) => {
            let found: Vec<_> = faults
                .listed
                .iter()
                .map(|it| (it.line, it.code.as_str()))
                .collect();
            assert_eq!(found, expected, "{name:?}");
            assert_eq!(faults.count, expected.len() as u64);
        }
        _ => panic!("{sheet:?}, not {expected:?}, for {name:?}"),
    }
}

#[track_caller]
fn check(bytes: impl AsRef<[u8]>, expected: Result<Rows<'_>, &[(u64, &str)]>) {
    check_with(bytes.as_ref(), Form::default(), expected);
}

#[test]
fn encodings() {
    check("id,name\nzoë,Zoë\n", Ok(&[(2, "zoë", Some("Zoë"))]));
    check("\u{feff}id,name\nzoë,Zoë\n", Ok(&[(2, "zoë", Some("Zoë"))]));
    check("\u{feff}\"id\",name\nada,Ada\n", Ok(&[(2, "ada", Some("Ada"))]));
    check(b"id,name\nzo\xeb,Zo\xeb \x80\n", Ok(&[(2, "zoë", Some("Zoë €"))]));
    check(b"id\nada\nb\x81n\n", Err(&[(3, "not_in_encoding")]));
    check(b"\xef\xbb\xbfid\nada\n\xff\n", Err(&[(3, "not_in_encoding")]));
    let chosen = |encoding| Form {
        encoding: Some(encoding),
        ..Form::default()
    };
    check_with(b"id\nzo\xeb\n", chosen("utf-8"), Err(&[(2, "not_in_encoding")]));
    check_with(b"id\nzo\xeb\n", chosen("Windows-1252"), Ok(&[(2, "zoë", None)]));
    check_with(
        b"id\n\xb3ukasz\n",
        chosen("windows-1250"),
        Ok(&[(2, "łukasz", None)]),
    );
    check_with(
        "id\nzoë\n".as_bytes(),
        chosen("windows-1252"),
        Ok(&[(2, "zoÃ«", None)]),
    );
    check_with(
        "\u{feff}id\nzoë\n".as_bytes(),
        chosen("windows-1252"),
        Ok(&[(2, "zoë", None)]),
    );
    check_with(b"id\nada\n", chosen("ebcdic"), Err(&[(0, "encoding_unknown")]));
}

#[test]
fn what_is_no_text_is_named() {
    let utf_16 = |text: &str, big: bool| -> Vec<u8> {
        text.encode_utf16()
            .flat_map(|unit| {
                if big {
                    unit.to_be_bytes()
                } else {
                    unit.to_le_bytes()
                }
            })
            .collect()
    };
    for big in [false, true] {
        check(utf_16("id,name\nada,Ada\n", big), Err(&[(0, "utf_16")]));
        check(utf_16("\u{feff}id,name\n", big), Err(&[(0, "utf_16")]));
    }
    check(b"PK\x03\x04\x14\x00\x06\x08binary", Err(&[(1, "not_text")]));
    check(b"id\nada\nb\0n\n", Err(&[(3, "not_text")]));
    check(vec![0; 100], Err(&[(0, "utf_16")]));
    check(b"", Err(&[(0, "empty")]));
    check(b"\n\r\n ;;\n", Err(&[(0, "empty")]));
    check("\u{feff}", Err(&[(0, "empty")]));
}

#[test]
fn separators() {
    check("id;name\nada;A,B\n", Ok(&[(2, "ada", Some("A,B"))]));
    check("id\tname\nada\tA;B,C\n", Ok(&[(2, "ada", Some("A;B,C"))]));
    check("\"id,x\",name;site\na,b\n", Err(&[(1, "column_missing")]));
    check("sep=;\r\nid;name\r\nada;Ada\r\n", Ok(&[(3, "ada", Some("Ada"))]));
    check("sep=,\nid,name\nada,Ada\n", Ok(&[(3, "ada", Some("Ada"))]));
    let chosen = |separator| Form {
        separator: Some(separator),
        ..Form::default()
    };
    check_with(b"id;name\nada;Ada\n", chosen(";"), Ok(&[(2, "ada", Some("Ada"))]));
    check_with(b"id;name\nada;Ada\n", chosen(","), Err(&[(1, "column_missing")]));
    check_with(b"id\n", chosen("|"), Err(&[(0, "separator_unknown")]));
}

#[test]
fn lines_are_those_of_an_editor() {
    check(
        "id\r\nada\nben\rcai\r\n",
        Ok(&[(2, "ada", None), (3, "ben", None), (4, "cai", None)]),
    );
    check(
        "\n\nid\n\nada\n,,\n\nben",
        Ok(&[(5, "ada", None), (8, "ben", None)]),
    );
    check(
        "id,name,site\nada,x\nben,\"\",\"y\"\n",
        Ok(&[(2, "ada", Some("x")), (3, "ben", Some(""))]),
    );
    check(
        "id,name\nada,\"A \"\"Countess\"\"\"\n",
        Ok(&[(2, "ada", Some("A \"Countess\""))]),
    );
    check("id,name\nada,5\" band\n", Ok(&[(2, "ada", Some("5\" band"))]));
    check("id,name\nada,\"a\" ,\n", Ok(&[(2, "ada", Some("a"))]));
    check(
        "id,name\n\"a\nb\",x\ncai,y,z\n",
        Err(&[(2, "control_character"), (4, "too_many_fields")]),
    );
}

#[test]
fn faults_have_lines() {
    check("id,name\nada,Ada\nben,\"Ben\nabc,d\n", Err(&[(3, "quote_open")]));
    check("id\n\"ada\"x\n\"ben\"\n", Err(&[(2, "after_quote")]));
    check(
        "id\nada,Ada\nben,,\ncai,Cai\n",
        Err(&[(2, "too_many_fields"), (4, "too_many_fields")]),
    );
    check("id\na\u{7}da\n", Err(&[(2, "control_character")]));
    check("name\nAda\n", Err(&[(1, "column_missing")]));
    check("id,nr\nada,1\n", Err(&[(1, "column_twice")]));
    check(
        format!("id\n{}\n{}\n", "x".repeat(1000), "ö".repeat(1001)),
        Err(&[(3, "too_long")]),
    );
    check(
        "id\n'=1+1\n'tis\n''=x\n",
        Ok(&[(2, "=1+1", None), (3, "'tis", None), (4, "'=x", None)]),
    );
}

#[test]
fn nothing_grows_without_end() {
    check(",".repeat(1 << 20), Err(&[(1, "too_many_columns")]));
    check(
        format!("id\n{}\n", ",".repeat(64)),
        Err(&[(2, "too_many_columns")]),
    );
    check(vec![b'x'; BYTES_MAX + 1], Err(&[(0, "file_too_large")]));
    let line = [b"id\n".as_slice(), &vec![b'x'; BYTES_MAX - 3]].concat();
    check(line, Err(&[(2, "too_long")]));
    let rows = "a\n".repeat(ROWS_MAX);
    assert_eq!(
        read_with(format!("id\n{rows}").as_bytes(), Form::default())
            .unwrap()
            .len(),
        ROWS_MAX
    );
    check(
        format!("id\n{rows}a\n"),
        Err(&[(ROWS_MAX as u64 + 2, "too_many_rows")]),
    );
}

#[test]
fn no_spreadsheet_computes_what_is_given_out() {
    let mut out = String::new();
    write_line(
        &mut out,
        [
            "plain",
            "=1+1",
            "+4",
            "-4",
            "@a",
            "\tx",
            "'=x",
            "＝1",
            "a,b",
            "say \"hi\"",
            "",
        ],
    );
    let expected =
        "plain,\"'=1+1\",\"'+4\",\"'-4\",\"'@a\",\"'\tx\",\"''=x\",\"'＝1\",\"a,b\",\"say \"\"hi\"\"\",\r\n";
    assert_eq!(out, expected);
}

/// Cells as people fill them, and as attackers do; outer white space is not kept and control characters are refused.
fn cell() -> impl Strategy<Value = String> {
    let odd = prop::sample::select(vec![
        "=", "+", "-", "@", "'", "\"", ";", ",", "ä", "e\u{308}", "😀", "1", " ", "＝",
    ]);
    prop::collection::vec(odd, 0..6).prop_map(|parts| parts.concat().trim().to_owned())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_is_given_out_reads_the_same(cells in prop::collection::vec((cell(), cell()), 1..8)) {
        let mut out = String::new();
        write_line(&mut out, ["id", "name", "site"]);
        for (id, name) in &cells {
            write_line(&mut out, [&format!("x{id}"), name.as_str(), "s"]);
        }
        let sheet = read_with(out.as_bytes(), Form::default()).unwrap();
        for (line, (id, name)) in sheet.lines().zip(&cells) {
            prop_assert_eq!(line.get("id").unwrap(), format!("x{id}"));
            prop_assert_eq!(line.get("name").unwrap(), name);
        }
        prop_assert_eq!(sheet.len(), cells.len());
    }

    #[test]
    fn no_file_breaks_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read_with(&bytes, Form::default());
        let _ = read_with(&[b"id;name\n", &bytes[..]].concat(), Form::default());
    }

    #[test]
    fn lines_are_exact(breaks in prop::collection::vec(prop::sample::select(vec!["\n", "\r\n", "\r"]), 1..30), bad in any::<prop::sample::Index>()) {
        let bad = bad.index(breaks.len());
        let rows = breaks.iter().enumerate().map(|(row, end)| {
            if row == bad { format!("a\u{1},x{end}") } else { format!("a,x{end}") }
        });
        let file = format!("id,name\n{}", rows.collect::<String>());
        let faults = read_with(file.as_bytes(), Form::default()).unwrap_err();
        prop_assert_eq!((faults.count, faults.listed[0].line), (1, bad as u64 + 2));
    }
}
