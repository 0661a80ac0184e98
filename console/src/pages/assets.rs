//! The few files that pages load: part of the program, and cached for ever under an address that names their content.

use std::sync::OnceLock;

use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use ring::digest;

/// Where they are.
pub(crate) const ROUTE: &str = "/assets/{mark}/{name}";

struct Asset {
    name: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
}

const ASSETS: &[Asset] = &[
    Asset {
        name: "console.css",
        kind: "text/css; charset=utf-8",
        bytes: include_bytes!("../../assets/console.css"),
    },
    Asset {
        name: "console.js",
        kind: "text/javascript; charset=utf-8",
        bytes: include_bytes!("../../assets/console.js"),
    },
    Asset {
        name: "icon.svg",
        kind: "image/svg+xml",
        bytes: include_bytes!("../../assets/icon.svg"),
    },
];

/// The first bytes of the digest of each asset, in the order of [`ASSETS`].
fn marks() -> &'static Vec<String> {
    static MARKS: OnceLock<Vec<String>> = OnceLock::new();
    MARKS.get_or_init(|| ASSETS.iter().map(|asset| mark(asset.bytes)).collect())
}

fn mark(bytes: &[u8]) -> String {
    let digest = digest::digest(&digest::SHA256, bytes);
    digest.as_ref()[..6]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The address of an asset; an unknown name is a mistake of a template, found by the first test that renders it.
pub(crate) fn address(name: &str) -> String {
    let at = ASSETS
        .iter()
        .position(|asset| asset.name == name)
        .expect("a known asset");
    format!("/assets/{}/{name}", marks()[at])
}

/// Serves an asset. The mark in the address is for caches alone: an older page still finds the present file.
pub(crate) async fn serve(Path((mark, name)): Path<(String, String)>) -> Response {
    let Some(at) = ASSETS.iter().position(|asset| asset.name == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let is_present = marks()[at] == mark;
    let cache = if is_present {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(ASSETS[at].kind)),
        (header::CACHE_CONTROL, HeaderValue::from_static(cache)),
    ];
    (headers, ASSETS[at].bytes).into_response()
}
