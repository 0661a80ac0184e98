//! The description of the API, made from the code. `openapi.json` beside this crate's manifest is a copy
//! that a test keeps in step.

use utoipa::OpenApi;

use super::{events, model, problem, routes};

/// The description.
#[derive(Debug, OpenApi)]
#[openapi(
    info(
        title = "Bandstand station",
        description = "The local API of a station: over its Unix socket, and on loopback with a token. \
                       Everything that is not a success is application/problem+json with a stable code."
    ),
    paths(
        routes::health,
        routes::status,
        routes::bands,
        routes::examine,
        routes::journal,
        routes::start,
        routes::enrollment,
        routes::code,
        routes::cancel,
        routes::clock,
        routes::confirm_clock,
        routes::intents,
        routes::close_intent,
        routes::document,
        events::follow
    ),
    components(schemas(model::Event, problem::ProblemBody))
)]
pub(super) struct Document;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copy_on_file_is_this_one() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
        let text = Document::openapi().to_pretty_json().unwrap() + "\n";
        if std::env::var_os("BANDSTAND_WRITE_FILES").is_some() {
            std::fs::write(path, &text).unwrap();
        }
        let on_file = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            on_file == text,
            "run the test once with BANDSTAND_WRITE_FILES=1 and commit openapi.json"
        );
    }
}
