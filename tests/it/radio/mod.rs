//! The same stories before a double of BlueZ (depth 2) and before a real BlueZ in a virtual machine (depth 3).
//!
//! Those before the real one are ignored unless `cargo xtask radio` runs them: it makes the machine's image first.
//! `quick` is the part for every change, `full` the rest.

mod client;
mod conformance;
mod desk;
mod story;

/// Stories of `tests/stories/`, each a test per ground.
macro_rules! stories {
    ($($name:ident $file:literal)*) => {$(
        #[tokio::test]
        #[ignore = "needs the image that `cargo xtask radio` makes"]
        async fn $name() {
            let text = include_str!(concat!("../../stories/", $file, ".txt"));
            crate::radio::tell(crate::radio::desk::Lease::real(), $file, text).await;
        }
    )*};
}

/// Stories for every change.
mod quick {
    stories! {
        enrollment "enrollment"
        seos "seos"
        takeover "takeover"
        five_bands "five-bands"
        some_steps "some-steps"
        radio_off_and_on "radio-off-and-on"
        adapter_unplugged "adapter-unplugged"
        bluetoothd_restarted "bluetoothd-restarted"
        band_rebooted "band-rebooted"
        firmware_updated "firmware-updated"
        mtus "mtus"
        intervals "intervals"
        doubles_dropped "doubles-dropped"
    }
}

/// Stories that take minutes.
mod full {
    stories! {
        another_band "another-band"
        every_step "every-step"
        radio_off_in_a_capture "radio-off-in-a-capture"
        bus_restarted "bus-restarted"
        every_mtu "every-mtu"
        twenty_bands "twenty-bands"
        shift_change "shift-change"
    }
}

/// The stories before the double.
mod double {
    macro_rules! doubles {
        ($($name:ident $file:literal)*) => {$(
            #[tokio::test]
            async fn $name() {
                let text = include_str!(concat!("../../stories/", $file, ".txt"));
                crate::radio::tell(crate::radio::desk::Lease::double(), $file, text).await;
            }
        )*};
    }
    doubles! {
        enrollment "enrollment"
        seos "seos"
        takeover "takeover"
        five_bands "five-bands"
        some_steps "some-steps"
        radio_off_and_on "radio-off-and-on"
        adapter_unplugged "adapter-unplugged"
        bluetoothd_restarted "bluetoothd-restarted"
        band_rebooted "band-rebooted"
        firmware_updated "firmware-updated"
        another_band "another-band"
        mtus "mtus"
        intervals "intervals"
        doubles_dropped "doubles-dropped"
        twenty_bands "twenty-bands"
        bus_restarted "bus-restarted"
        radio_off_in_a_capture "radio-off-in-a-capture"
    }
}

/// Plays a story and prints what each attempt took.
async fn tell(ground: Option<desk::Lease>, name: &str, text: &str) {
    for told in story::play(ground, name, text).await {
        println!("{name}: {:5.2} s  {}", told.elapsed.as_secs_f64(), told.line);
    }
}
