//! The few files that pages load.

use page_kit::assets::{Asset, Assets};

pub(crate) static ASSETS: Assets = Assets::new(&[
    Asset::css("console.css", include_bytes!("../../assets/console.css")),
    Asset::script("console.js", include_bytes!("../../assets/console.js")),
    Asset::svg("icon.svg", include_bytes!("../../assets/icon.svg")),
]);
