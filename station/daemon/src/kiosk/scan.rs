//! QR codes out of the camera's pictures. The browser sends small gray pictures and decodes nothing.

use rqrr::PreparedImage;

/// Largest side of a picture, in pixels.
const SIDE_MAX: usize = 640;
/// Smallest side in which a code can be seen, in pixels.
const SIDE_MIN: usize = 64;

/// Bytes of the largest picture.
pub(super) const PICTURE_BYTES_MAX: usize = SIDE_MAX * SIDE_MAX;

/// A gray picture, one byte per pixel.
#[derive(Debug)]
pub(super) struct Picture {
    width: usize,
    pixels: Vec<u8>,
}

impl Picture {
    /// The picture, if width and bytes fit each other and the limits.
    pub(super) fn new(width: usize, pixels: Vec<u8>) -> Option<Self> {
        let sides = SIDE_MIN..=SIDE_MAX;
        let height = pixels.len().checked_div(width)?;
        let fits = sides.contains(&width) && sides.contains(&height) && width * height == pixels.len();
        fits.then_some(Self { width, pixels })
    }

    /// The text of the first code in it that can be read.
    pub(super) fn read(&self) -> Option<String> {
        let height = self.pixels.len() / self.width;
        let gray = |x: usize, y: usize| self.pixels[y * self.width + x];
        let mut image = PreparedImage::prepare_from_greyscale(self.width, height, gray);
        let grids = image.detect_grids();
        grids
            .iter()
            .find_map(|grid| grid.decode().ok())
            .map(|(_, text)| text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use qrcode::{Color, EcLevel, QrCode};

    /// The text as a camera sees it: `scale` pixels per module, gray on gray, in the middle of a picture.
    fn seen(text: &str, scale: usize, side: usize) -> Picture {
        let code = QrCode::with_error_correction_level(text.as_bytes(), EcLevel::M).unwrap();
        let (colors, width) = (code.to_colors(), code.width());
        let from = (side - width * scale) / 2;
        let pixel = |x: usize, y: usize| {
            let module = |at: usize| at.checked_sub(from).map(|at| at / scale).filter(|at| *at < width);
            match (module(x), module(y)) {
                (Some(x), Some(y)) if colors[y * width + x] == Color::Dark => 60,
                _ => 190,
            }
        };
        let pixels = (0..side * side).map(|at| pixel(at % side, at / side)).collect();
        Picture::new(side, pixels).unwrap()
    }

    #[test]
    fn a_ticket_is_read() {
        let text = format!("BST1.{}", "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".repeat(9));
        assert_eq!(seen(&text, 5, 480).read().as_deref(), Some(text.as_str()));
        assert_eq!(seen("31415-92651", 9, 400).read().as_deref(), Some("31415-92651"));
    }

    #[test]
    fn a_picture_of_nothing_has_no_code() {
        let noise = |at: usize| (at.wrapping_mul(2_654_435_761) >> 7) as u8;
        for pixels in [
            vec![0; 480 * 480],
            vec![255; 480 * 480],
            (0..480 * 480).map(noise).collect(),
        ] {
            assert_eq!(Picture::new(480, pixels).unwrap().read(), None);
        }
    }

    #[test]
    fn only_pictures_are_pictures() {
        for (width, len) in [
            (0, 0),
            (0, 100),
            (63, 63 * 64),
            (64, 64 * 63),
            (64, 64 * 64 + 1),
            (641, 641 * 100),
        ] {
            assert!(Picture::new(width, vec![0; len]).is_none(), "{width} {len}");
        }
        assert!(Picture::new(64, vec![0; 64 * 64]).is_some());
        assert!(Picture::new(640, vec![0; PICTURE_BYTES_MAX]).is_some());
    }
}
