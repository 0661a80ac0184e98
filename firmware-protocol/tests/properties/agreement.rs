//! Whatever the link does: both ends agree, or the session ends with a named fault; and once the link is
//! good again, the association is made exactly once.

use std::time::Duration;

use firmware_protocol::station::SessionEnd;
use proptest::prelude::*;

use crate::pair::{Clerk, Knobs, Pair, Setup, Trouble, arm};

fn knobs() -> impl Strategy<Value = Knobs> {
    let cut = prop_oneof![Just(None), (0usize..80).prop_map(Some)];
    (0u16..200, 0u16..200, 0u16..300, 0u16..20, 0u16..20, cut).prop_map(
        |(loss, double, delay, truncate, flip, cut_after)| Knobs {
            loss,
            double,
            delay,
            truncate,
            flip,
            cut_after,
        },
    )
}

fn trouble() -> impl Strategy<Value = Option<(usize, Trouble)>> {
    let kinds = prop_oneof![
        Just(Trouble::Fault),
        Just(Trouble::CutBefore),
        Just(Trouble::CutAfter)
    ];
    prop::option::of((0usize..4, kinds))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_ends_agree_or_say_what_was_wrong(
        seed: u64,
        mtu_bytes in 23u16..=517,
        knobs in knobs(),
        trouble in trouble(),
    ) {
        let mut pair = Pair::new(Setup { seed, mtu_bytes, knobs, ..Setup::default() });
        if let Some((store, trouble)) = trouble {
            pair.hardware.trouble_at(store, trouble);
        }
        let mut clerk = Clerk::new(arm(1));
        for _ in 0..3 {
            if clerk.finished {
                break;
            }
            let end = clerk.session(&mut pair);
            let good = end == SessionEnd::Finished;
            prop_assert_eq!(good, clerk.finished);
            clerk.ends.push(end);
            clerk.agrees_with(&pair);
        }
        pair.link.knobs = Knobs::default();
        // Links that broke in the handshake have cost the band its patience.
        pair.sleep(Duration::from_secs(10));
        prop_assert!(clerk.enroll(&mut pair, 6), "{:?}", clerk.ends);
        clerk.agrees_with(&pair);
    }

    /// Reordering, doubling and a little loss are not even noticed.
    #[test]
    fn a_poor_link_is_only_slow(seed: u64, mtu_bytes in 23u16..=517, double in 0u16..300, delay in 0u16..500) {
        let knobs = Knobs { loss: 20, double, delay, ..Knobs::default() };
        let mut pair = Pair::new(Setup { seed, mtu_bytes, knobs, ..Setup::default() });
        let mut clerk = Clerk::new(arm(1));
        let end = clerk.session(&mut pair);
        // Only the very last acknowledgement may be lost without anybody minding.
        prop_assert!(clerk.receipt.is_some(), "{end:?}");
        clerk.agrees_with(&pair);
    }
}
