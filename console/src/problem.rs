//! What is told to whoever asked for something that could not be done.
//!
//! Codes are stable: they are part of the API and keys of translations.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::db::DbError;

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $Name:ident $code:literal $status:literal,)+) => {
        /// What is wrong. Each has a stable text and a status of HTTP.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code { $($(#[doc = $doc])+ $Name,)+ }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$Name,)+];

            /// The stable text.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$Name => $code,)+ }
            }

            /// The status of HTTP.
            pub fn status(self) -> u16 {
                match self { $(Self::$Name => $status,)+ }
            }

            /// One English sentence that is the same for every such problem.
            pub fn title(self) -> &'static str {
                match self { $(Self::$Name => concat!($($doc),+),)+ }
            }
        }
    };
}

codes! {
    /// Something in the request cannot be read.
    Malformed "malformed" 400,
    /// A value is not allowed.
    Invalid "invalid" 422,
    /// Nobody has signed in, or the key is not known.
    NotSignedIn "not_signed_in" 401,
    /// This role may not do this.
    NotAllowed "not_allowed" 403,
    /// This belongs to a site that is not yours.
    OtherSite "other_site" 403,
    /// The key's scopes do not hold this.
    OutOfScope "out_of_scope" 403,
    /// There is no such thing.
    NotFound "not_found" 404,
    /// The address knows other methods only.
    MethodNotAllowed "method_not_allowed" 405,
    /// There is such a thing already.
    Exists "exists" 409,
    /// It is not in the state for this.
    WrongState "wrong_state" 409,
    /// The same idempotency key came with another request.
    KeyReused "idempotency_key_reused" 409,
    /// Somebody else changed it meanwhile.
    Changed "changed_meanwhile" 412,
    /// The request is too large.
    TooLarge "too_large" 413,
    /// The form of the body is not one that is read here.
    MediaType "media_type" 415,
    /// What was shown before confirming is not what would happen now.
    PreviewOutdated "preview_outdated" 409,
    /// Another person has to agree.
    SecondPerson "second_person_needed" 409,
    /// The change needs the version it was made for.
    VersionNeeded "version_needed" 428,
    /// Too many requests.
    TooMany "too_many_requests" 429,
    /// The request took too long to arrive.
    TooSlow "too_slow" 408,
    /// The policy cannot be saved like this.
    PolicyRefused "policy_refused" 422,
    /// The list cannot be taken in.
    ImportRefused "import_refused" 422,
    /// The console cannot do this at the moment.
    Unavailable "unavailable" 503,
    /// The disk of the console's database is full.
    StorageFull "storage_full" 507,
    /// The disk of the console's database failed or cannot be written.
    StorageFailed "storage_failed" 503,
    /// The console made an error.
    Internal "internal" 500,
}

/// The field with the seconds to wait.
pub const WAIT_FIELD: &str = "retry_after_s";

/// One problem: a stable code, what is the matter in this case, and what to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// What is wrong.
    pub code: Code,
    /// What is the matter in this case, in English.
    pub detail: String,
    /// What to do, in English; may be empty.
    pub next: String,
    /// More for programs and translations.
    pub more: Map<String, Value>,
}

impl Problem {
    /// A problem.
    pub fn new(code: Code, detail: impl Into<String>, next: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            next: next.into(),
            more: Map::new(),
        }
    }

    /// A value that is not allowed, of a field by name.
    pub fn invalid(field: &str, detail: impl std::fmt::Display) -> Self {
        Self::new(Code::Invalid, format!("{field}: {detail}"), "").with("field", field)
    }

    /// Somebody asks faster than they may: after this many seconds there is room again.
    pub fn too_many(wait_s: u64) -> Self {
        let detail = "more requests than one key or one person may make";
        Self::new(
            Code::TooMany,
            detail,
            format!("wait {wait_s} s, and ask more slowly"),
        )
        .with(WAIT_FIELD, wait_s)
    }

    /// A request was not there, or not answered, within this time.
    pub fn too_slow(limit: std::time::Duration) -> Self {
        let detail = format!("the request took longer than {} seconds", limit.as_secs());
        Self::new(
            Code::TooSlow,
            detail,
            "look whether it was done before you send it again",
        )
    }

    /// There is no such thing.
    pub fn not_found(kind: &str, id: impl std::fmt::Display) -> Self {
        Self::new(Code::NotFound, format!("there is no {kind} {id}"), "").with("kind", kind)
    }

    /// With one more field.
    pub fn with(mut self, name: &str, value: impl Serialize) -> Self {
        let value = serde_json::to_value(value).unwrap_or(Value::Null);
        self.more.insert(name.into(), value);
        self
    }

    /// The object of RFC 9457.
    pub fn to_json(&self) -> Value {
        let mut all = self.more.clone();
        all.insert(
            "type".into(),
            format!("urn:bandstand:problem:{}", self.code.as_str()).into(),
        );
        all.insert("code".into(), self.code.as_str().into());
        all.insert("status".into(), self.code.status().into());
        all.insert("title".into(), self.code.title().trim().into());
        all.insert("detail".into(), self.detail.clone().into());
        if !self.next.is_empty() {
            all.insert("next".into(), self.next.clone().into());
        }
        Value::Object(all)
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.detail)?;
        if self.next.is_empty() {
            Ok(())
        } else {
            write!(f, "; {}", self.next)
        }
    }
}

impl std::error::Error for Problem {}

/// What is the matter with the disk, and what to do.
fn of_storage(error: &DbError) -> Option<(Code, &'static str, &'static str)> {
    match error {
        DbError::Full => Some((
            Code::StorageFull,
            "the disk of the console's database is full; nothing was changed",
            "make room on that disk: the console goes on by itself",
        )),
        DbError::ReadOnly => Some((
            Code::StorageFailed,
            "the console's database cannot be written; nothing was changed",
            "make its disk writable: the console goes on by itself",
        )),
        DbError::Failed(_) => Some((
            Code::StorageFailed,
            "the disk of the console's database failed",
            "mend the disk and start the console again",
        )),
        _ => None,
    }
}

/// What the database says is not for whoever asked: it goes to the log.
impl From<DbError> for Problem {
    fn from(error: DbError) -> Self {
        if let Some((code, detail, next)) = of_storage(&error) {
            tracing::error!(%error, "a request had to be refused");
            return Self::new(code, detail, next);
        }
        if error.is_passing() {
            tracing::warn!(%error, "a request had to be refused");
            let detail = "the database cannot take this at the moment";
            return Self::new(Code::Unavailable, detail, "try again in a moment");
        }
        tracing::error!(%error, "a request failed");
        Self::new(
            Code::Internal,
            "the console could not do this because of an error of its own",
            "the console's log says more",
        )
    }
}
