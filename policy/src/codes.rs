//! Closed lists with stable codes.

/// Gives a field-less enum its stable codes and sentences from one list.
macro_rules! codes {
    ($(#[$doc:meta])* $Enum:ident { $( $(#[doc = $variant_doc:literal])+ $Name:ident = $code:literal, $text:literal; )+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $Enum {
            $( $(#[doc = $variant_doc])+ #[serde(rename = $code)] $Name, )+
        }

        impl $Enum {
            /// All of them, in the order of the list.
            pub const ALL: &'static [Self] = &[$(Self::$Name),+];

            /// The stable code.
            pub fn code(self) -> &'static str {
                match self { $( Self::$Name => $code, )+ }
            }

            /// A sentence in plain English.
            pub fn text(self) -> &'static str {
                match self { $( Self::$Name => $text, )+ }
            }
        }

        impl std::fmt::Display for $Enum {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.text())
            }
        }
    };
}

pub(crate) use codes;
