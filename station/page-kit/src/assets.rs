//! The few files that pages load: part of the program, and cached for ever under an address that names their content.

use std::sync::OnceLock;

use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use data_encoding::HEXLOWER;
use ring::digest;

/// Where they are, as a route of axum.
pub const ROUTE: &str = "/assets/{mark}/{name}";

/// Bytes of a digest that make a mark: enough to tell versions of a file from each other, which nobody attacks.
const MARK_BYTES: usize = 6;

/// A file that pages load.
#[derive(Debug)]
pub struct Asset {
    name: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
}

impl Asset {
    /// A style sheet.
    pub const fn css(name: &'static str, bytes: &'static [u8]) -> Self {
        Self::new(name, "text/css; charset=utf-8", bytes)
    }

    /// A script.
    pub const fn script(name: &'static str, bytes: &'static [u8]) -> Self {
        Self::new(name, "text/javascript; charset=utf-8", bytes)
    }

    /// A picture in SVG.
    pub const fn svg(name: &'static str, bytes: &'static [u8]) -> Self {
        Self::new(name, "image/svg+xml", bytes)
    }

    const fn new(name: &'static str, kind: &'static str, bytes: &'static [u8]) -> Self {
        Self { name, kind, bytes }
    }
}

/// All files of one program.
#[derive(Debug)]
pub struct Assets {
    files: &'static [Asset],
    /// The first bytes of the digest of each, in the same order.
    marks: OnceLock<Vec<String>>,
}

impl Assets {
    /// These files.
    pub const fn new(files: &'static [Asset]) -> Self {
        Self {
            files,
            marks: OnceLock::new(),
        }
    }

    fn marks(&self) -> &[String] {
        self.marks
            .get_or_init(|| self.files.iter().map(|file| mark(file.bytes)).collect())
    }

    fn find(&self, name: &str) -> Option<(&'static Asset, &str)> {
        let at = self.files.iter().position(|file| file.name == name)?;
        Some((&self.files[at], &self.marks()[at]))
    }

    /// The address of a file.
    ///
    /// # Panics
    ///
    /// If there is no file of this name: a mistake of a template, found by the first test that renders it.
    pub fn address(&self, name: &str) -> String {
        let (_, mark) = self.find(name).expect("a known asset");
        format!("/assets/{mark}/{name}")
    }

    /// What is served at [`ROUTE`]. The mark in the address is for caches alone: an older page still finds the
    /// present file.
    pub fn route<S: Clone + Send + Sync + 'static>(&'static self) -> MethodRouter<S> {
        get(async |Path((mark, name)): Path<(String, String)>| self.answer(&mark, &name))
    }

    fn answer(&self, asked: &str, name: &str) -> Response {
        let Some((file, mark)) = self.find(name) else {
            return StatusCode::NOT_FOUND.into_response();
        };
        let cache = match mark == asked {
            true => "public, max-age=31536000, immutable",
            false => "no-cache",
        };
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static(file.kind)),
            (header::CACHE_CONTROL, HeaderValue::from_static(cache)),
        ];
        (headers, file.bytes).into_response()
    }

    /// Bytes of all of them together.
    pub fn weight(&self) -> usize {
        self.files.iter().map(|file| file.bytes.len()).sum()
    }
}

fn mark(bytes: &[u8]) -> String {
    let digest = digest::digest(&digest::SHA256, bytes);
    HEXLOWER.encode(&digest.as_ref()[..MARK_BYTES])
}

#[cfg(test)]
mod tests {
    use super::*;

    static ASSETS: Assets = Assets::new(&[Asset::css("a.css", b"a{}"), Asset::script("b.js", b"b()")]);

    fn check(mark: &str, name: &str, status: StatusCode, cache: Option<&str>) {
        let answer = ASSETS.answer(mark, name);
        let given = answer.headers().get(header::CACHE_CONTROL);
        assert_eq!(answer.status(), status, "{mark}/{name}");
        assert_eq!(given.map(|it| it.to_str().unwrap()), cache, "{mark}/{name}");
    }

    #[test]
    fn an_address_names_the_content_and_an_old_one_still_works() {
        let address = ASSETS.address("a.css");
        let mark = address.split('/').nth(2).unwrap();
        assert_eq!(mark.len(), 2 * MARK_BYTES);
        check(
            mark,
            "a.css",
            StatusCode::OK,
            Some("public, max-age=31536000, immutable"),
        );
        check("0123456789ab", "a.css", StatusCode::OK, Some("no-cache"));
        check(mark, "b.js", StatusCode::OK, Some("no-cache"));
        check(mark, "c.js", StatusCode::NOT_FOUND, None);
    }
}
