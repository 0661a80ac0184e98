//! The names of all screens.

macro_rules! names {
    ($($name:ident $text:literal,)*) => {
        /// A screen by its stable name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(super) enum Name { $($name,)* }

        impl Name {
            /// The name that stays.
            pub(super) fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }

        /// Every screen of the page: for whoever tests it or takes pictures of it.
        pub const SCREENS: &[&str] = &[$($text,)*];
    };
}

names! {
    Welcome "welcome",
    Busy "busy",
    Scan "scan",
    TypeCode "type_code",
    Checking "checking",
    YourBand "your_band",
    PutOn "put_on",
    Compare "compare",
    Touch "touch",
    Saving "saving",
    DeleteUserData "delete_user_data",
    BringBack "bring_back",
    OtherBand "other_band",
    TestTap "test_tap",
    Done "done",
    Refused "refused",
    SignIn "sign_in",
    SigningIn "signing_in",
    OwnBand "own_band",
    OwnBandPutOn "own_band_put_on",
    OwnBandTouch "own_band_touch",
    OwnBandRefused "own_band_refused",
    DeskStart "desk_start",
    DeskVouch "desk_vouch",
    DeskBand "desk_band",
    DeskStation "desk_station",
    DeskJournal "desk_journal",
    DeskRepair "desk_repair",
    Elsewhere "elsewhere",
}
