//! The few files that the page loads.

use page_kit::assets::{Asset, Assets};

pub(super) static ASSETS: Assets = Assets::new(&[
    Asset::css("kiosk.css", include_bytes!("../../assets/kiosk.css")),
    Asset::script("kiosk.js", include_bytes!("../../assets/kiosk.js")),
    Asset::svg("icon.svg", include_bytes!("../../assets/icon.svg")),
]);
