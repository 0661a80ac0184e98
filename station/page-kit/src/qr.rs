//! QR codes as one path of SVG: small, sharp at any size, and without any style of their own.

use qrcode::{Color, EcLevel, QrCode};

/// Modules of white around the code, as its standard asks.
const QUIET: usize = 4;

/// A code, drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Qr {
    /// Modules on each side, the white around included.
    pub side: usize,
    /// The dark modules as an SVG path; one module is one unit.
    pub path: String,
}

/// The code for this text, which still reads with 15 % of it hidden; none if it is longer than any code.
pub fn draw(text: &str) -> Option<Qr> {
    let code = QrCode::with_error_correction_level(text.as_bytes(), EcLevel::M).ok()?;
    let width = code.width();
    let mut path = String::new();
    for (row, colors) in code.to_colors().chunks(width).enumerate() {
        for (start, length) in runs(colors) {
            path.push_str(&format!(
                "M{} {}h{length}v1h-{length}z",
                start + QUIET,
                row + QUIET
            ));
        }
    }
    Some(Qr {
        side: width + 2 * QUIET,
        path,
    })
}

/// Start and length of each run of dark modules.
fn runs(colors: &[Color]) -> Vec<(usize, usize)> {
    let mut found: Vec<(usize, usize)> = Vec::new();
    for (at, _) in colors
        .iter()
        .enumerate()
        .filter(|(_, color)| **color == Color::Dark)
    {
        match found.last_mut().filter(|(start, length)| start + length == at) {
            Some((_, length)) => *length += 1,
            None => found.push((at, 1)),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_its_white_and_its_corners() {
        let qr = draw("Bandstand").unwrap();
        assert_eq!(qr.side, 21 + 2 * QUIET, "version 1 holds it");
        assert!(qr.path.starts_with("M4 4h7v1h-7z"), "{}", qr.path);
        assert_eq!(draw(&"x".repeat(3000)), None);
    }
}
