//! Answers as people read them: one line per row of a list, one line per field of a thing.

use serde_json::Value;

/// Prints an answer.
pub(super) fn print(answer: &Value) {
    print!("{}", text(answer));
}

fn text(answer: &Value) -> String {
    match answer {
        Value::Array(rows) => list(rows),
        Value::Object(fields) if fields.get("rows").is_some_and(Value::is_array) => {
            let rows = fields["rows"].as_array().map(Vec::as_slice).unwrap_or_default();
            let more = fields.get("next_cursor").and_then(Value::as_str);
            let more = more.map(|cursor| format!("more: --cursor {cursor}\n"));
            list(rows) + &more.unwrap_or_default()
        }
        other => thing(other, 0),
    }
}

fn list(rows: &[Value]) -> String {
    if rows.is_empty() {
        return "none\n".into();
    }
    rows.iter().map(|row| line(row) + "\n").collect()
}

/// The plain fields of a row that say something.
fn line(row: &Value) -> String {
    let Value::Object(fields) = row else {
        return plain(row);
    };
    let said = fields
        .iter()
        .filter(|(_, value)| says_something(value) && !value.is_object());
    let parts = said.map(|(name, value)| match value {
        Value::Array(inner) => format!("{name}={}", inner.len()),
        value => format!("{name}={}", of_field(name, value)),
    });
    parts.collect::<Vec<_>>().join("  ")
}

fn says_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(inner) => !inner.is_empty(),
        _ => true,
    }
}

fn thing(value: &Value, depth: usize) -> String {
    let indent = "  ".repeat(depth);
    let Value::Object(fields) = value else {
        return format!("{indent}{}\n", plain(value));
    };
    let mut out = String::new();
    for (name, value) in fields.iter().filter(|(_, value)| says_something(value)) {
        match value {
            Value::Object(_) => out += &format!("{indent}{name}\n{}", thing(value, depth + 1)),
            Value::Array(rows) => {
                out += &format!("{indent}{name}\n");
                rows.iter()
                    .for_each(|row| out += &format!("{indent}  {}\n", line(row)));
            }
            value => out += &format!("{indent}{name:<20} {}\n", of_field(name, value)),
        }
    }
    out
}

/// Moments are written as dates.
fn of_field(name: &str, value: &Value) -> String {
    let moment = value.as_i64().filter(|_| name.ends_with("_ms"));
    match moment.and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok()) {
        Some(date) => format!("{date:.0}"),
        None => plain(value),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::text;

    #[track_caller]
    fn check(answer: serde_json::Value, expected: &str) {
        assert_eq!(text(&answer), expected);
    }

    #[test]
    fn answers_read_line_by_line() {
        let seen = json!({ "seen_ms": 1_800_000_000_000_i64 });
        check(seen, "seen_ms              2027-01-15T08:00:00Z\n");
        check(json!([]), "none\n");
        let page = json!({ "rows": [{ "id": "ada", "name": "", "holds": [1, 2] }], "next_cursor": "abc" });
        check(page, "holds=2  id=ada\nmore: --cursor abc\n");
        let thing = json!({ "id": "ada", "gone": null, "user": { "name": "Ada" }, "list": [{ "a": 1 }] });
        check(
            thing,
            "id                   ada\nlist\n  a=1\nuser\n  name                 Ada\n",
        );
    }
}
