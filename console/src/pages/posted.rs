//! A form that was sent: bounded, read, and proven to come from a page that this browser was given.

use axum::body::to_bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;

use super::visit::{Stop, Visitor, header, unescaped};
use crate::problem::{Code, Problem};

/// Longest form.
const BYTES_MAX: usize = 64 << 10;

/// The fields of a form, each given once. Handlers take the ones they know; others change nothing.
#[derive(Clone, Default)]
pub(crate) struct Posted(Vec<(String, String)>);

impl std::fmt::Debug for Posted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|(name, _)| name))
            .finish()
    }
}

impl Posted {
    /// A field as it was sent; empty if it was not.
    pub(crate) fn raw(&self, name: &str) -> &str {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map_or("", |(_, value)| value)
    }

    /// A field on one line, without the blanks around it.
    pub(crate) fn text(&self, name: &str) -> String {
        self.raw(name)
            .lines()
            .map(str::trim)
            .collect::<Vec<_>>()
            .join(" ")
            .trim()
            .to_owned()
    }

    fn read(body: &str) -> Option<Self> {
        let mut fields: Vec<(String, String)> = Vec::new();
        for pair in body.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let decoded = |text: &str| unescaped(&text.replace('+', " "));
            let name = decoded(name);
            if fields.iter().any(|(known, _)| *known == name) {
                return None;
            }
            fields.push((name, decoded(value)));
        }
        Some(Self(fields))
    }
}

fn bad() -> Problem {
    Problem::new(Code::Malformed, "this form could not be read", "").with("page", "bad_form")
}

/// The form does not belong to this browser and this session.
pub(crate) fn stale() -> Problem {
    Problem::new(Code::NotAllowed, "this form is too old or not from here", "").with("page", "stale")
}

impl<S: Send + Sync> FromRequest<S> for Posted {
    type Rejection = Stop;

    async fn from_request(request: Request, _: &S) -> Result<Self, Stop> {
        let is_form =
            header(request.headers(), CONTENT_TYPE.as_str()).starts_with("application/x-www-form-urlencoded");
        let visitor = request.extensions().get::<Visitor>().cloned().ok_or_else(bad)?;
        if !is_form {
            return Err(bad().into());
        }
        let body = to_bytes(request.into_body(), BYTES_MAX)
            .await
            .map_err(|_| bad())?;
        let body = std::str::from_utf8(&body).map_err(|_| bad())?;
        let posted = Self::read(body).ok_or_else(bad)?;
        if !visitor
            .bound_to()
            .has_form_token(&visitor.form_key(), posted.raw("csrf"))
        {
            return Err(stale().into());
        }
        Ok(posted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_read_as_browsers_write_them() {
        let posted = Posted::read("a=1+2&b=%C3%A4%26&c=&d").unwrap();
        assert_eq!((posted.raw("a"), posted.raw("b")), ("1 2", "ä&"));
        assert_eq!(Posted::read("n=+one%0D%0A+two+").unwrap().text("n"), "one two");
        assert_eq!((posted.raw("c"), posted.raw("d"), posted.raw("e")), ("", "", ""));
        assert!(
            Posted::read("a=1&a=2").is_none(),
            "a field given twice is refused"
        );
        assert_eq!(format!("{posted:?}"), r#"["a", "b", "c", "d"]"#);
    }
}
