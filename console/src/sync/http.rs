//! Bodies in and out: bounded before and after decompression, and in time.

use std::io::Read;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue};
use hyper::{Request, Response, StatusCode};

/// What answers are made of.
pub(super) type Body = Full<Bytes>;

/// The header that names a refusal for programs.
pub(super) const CODE_HEADER: &str = "bandstand-code";
/// The header with the console's time in milliseconds since 1970.
pub(super) const TIME_HEADER: &str = "bandstand-time";
/// The header with the seconds a station is asked to wait.
const RETRY_HEADER: &str = "retry-after";

/// A body must be there within this time.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);
/// Smaller answers are sent as they are.
const COMPRESS_FROM_BYTES: usize = 256;
/// The level at which everything is compressed.
const ZSTD_LEVEL: i32 = 3;
/// The largest window a sender may make us keep: 2^23 bytes.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// How much of a body is taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    /// As it comes, in bytes.
    pub(super) sent_max: usize,
    /// After decompression, in bytes.
    pub(super) unpacked_max: usize,
}

/// Why something was refused: a status and a stable code. Nothing else is said to a station.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// For HTTP.
    pub(super) status: StatusCode,
    /// For programs.
    pub(super) code: &'static str,
    /// A fault as the engines write it, if the code has one.
    pub(super) body: Vec<u8>,
}

impl Refusal {
    /// A refusal without a body.
    pub(super) const fn new(status: StatusCode, code: &'static str) -> Self {
        Self {
            status,
            code,
            body: Vec::new(),
        }
    }

    /// The answer that says so.
    pub(super) fn response(self, now_ms: u64) -> Response<Body> {
        let mut response = cbor(self.status, self.body, now_ms);
        let headers = response.headers_mut();
        headers.insert(CODE_HEADER, HeaderValue::from_static(self.code));
        if self.status == StatusCode::SERVICE_UNAVAILABLE || self.status == StatusCode::TOO_MANY_REQUESTS {
            headers.insert(RETRY_HEADER, HeaderValue::from_static("5"));
        }
        response
    }
}

/// The whole body, decompressed.
pub(super) async fn read(request: Request<Incoming>, size: Size) -> Result<Vec<u8>, Refusal> {
    let too_large = Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large");
    let encoding = request.headers().get(CONTENT_ENCODING).cloned();
    let body = Limited::new(request.into_body(), size.sent_max).collect();
    let body = tokio::time::timeout(BODY_TIMEOUT, body).await;
    let body = body.map_err(|_| Refusal::new(StatusCode::REQUEST_TIMEOUT, "too_slow"))?;
    let sent = body.map_err(|error| match error.is::<http_body_util::LengthLimitError>() {
        true => too_large.clone(),
        false => Refusal::new(StatusCode::BAD_REQUEST, "cut_off"),
    })?;
    let sent = sent.to_bytes();
    match encoding.as_ref().map(HeaderValue::as_bytes) {
        None => match sent.len() > size.unpacked_max {
            true => Err(too_large),
            false => Ok(sent.to_vec()),
        },
        Some(b"zstd") => unpack(&sent, size.unpacked_max),
        Some(_) => Err(Refusal::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "encoding_unknown",
        )),
    }
}

/// Decompresses one frame, and not one byte more than is wanted.
fn unpack(sent: &[u8], unpacked_max: usize) -> Result<Vec<u8>, Refusal> {
    let damaged = || Refusal::new(StatusCode::BAD_REQUEST, "encoding_damaged");
    let mut decoder = zstd::stream::read::Decoder::with_buffer(sent).map_err(|_| damaged())?;
    decoder
        .window_log_max(ZSTD_WINDOW_LOG_MAX)
        .map_err(|_| damaged())?;
    let mut unpacked = Vec::new();
    let mut bounded = decoder.take(unpacked_max as u64 + 1);
    bounded.read_to_end(&mut unpacked).map_err(|_| damaged())?;
    if unpacked.len() > unpacked_max {
        return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large"));
    }
    Ok(unpacked)
}

/// An answer in CBOR, compressed where that helps.
pub(super) fn cbor(status: StatusCode, body: Vec<u8>, now_ms: u64) -> Response<Body> {
    let plain = body.len() < COMPRESS_FROM_BYTES;
    let has_body = !body.is_empty();
    let body = match plain {
        true => body,
        false => zstd::bulk::compress(&body, ZSTD_LEVEL).expect("memory takes everything"),
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(TIME_HEADER, HeaderValue::from(now_ms));
    if has_body {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/cbor"));
    }
    if !plain {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("zstd"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_unpacks_to_more_than_allowed_is_refused_before_it_is_there() {
        let bomb = zstd::bulk::compress(&vec![0; 64 << 20], 19).unwrap();
        assert!(bomb.len() < 16 << 10);
        assert_eq!(unpack(&bomb, 1 << 20).unwrap_err().code, "too_large");
        let honest = zstd::bulk::compress(&vec![7; 1 << 20], 3).unwrap();
        assert_eq!(unpack(&honest, 1 << 20).unwrap().len(), 1 << 20);
        assert_eq!(
            unpack(&honest[..honest.len() - 1], 1 << 20).unwrap_err().code,
            "encoding_damaged"
        );
        assert_eq!(unpack(b"not zstd", 1 << 20).unwrap_err().code, "encoding_damaged");
    }

    #[test]
    fn small_answers_go_as_they_are() {
        let small = cbor(StatusCode::OK, vec![1; 100], 5);
        assert!(!small.headers().contains_key(CONTENT_ENCODING));
        let large = cbor(StatusCode::OK, vec![1; 1000], 5);
        assert_eq!(large.headers()[CONTENT_ENCODING], "zstd");
        let nothing = Refusal::new(StatusCode::FORBIDDEN, "revoked").response(5);
        assert_eq!(nothing.headers()[CODE_HEADER], "revoked");
        assert!(!nothing.headers().contains_key(CONTENT_TYPE));
    }
}
