//! Policies on the wire: one number for each attribute.

use minicbor::{Decode, Encode};
use policy::model::{GroupPolicy, IndividualPolicy, PolicyId};

/// Declares both rows and both conversions from one list of attributes.
macro_rules! policy_rows {
    ($( $number:literal $field:ident: $type:ty, )+) => {
        policy_rows! { @row "A group policy, without its author's note." GroupPolicyRow GroupPolicy $( $number $field: $type, )+ }
        policy_rows! { @row "An individual policy, without its author's note." IndividualPolicyRow IndividualPolicy $( $number $field: $type, )+ }
    };
    (@row $doc:literal $row:ident $policy:ident $( $number:literal $field:ident: $type:ty, )+) => {
        #[doc = $doc]
        /// In CBOR a map, because most policies set few attributes.
        #[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
        #[cbor(map)]
        pub struct $row {
            /// Which policy. The key.
            #[cbor(n(0), with = "crate::cbor::text")]
            pub id: PolicyId,
            $(
                /// The attribute of this name; absent where the policy leaves it out.
                #[n($number)]
                pub $field: Option<$type>,
            )+
        }

        impl $row {
            /// The row of a policy.
            pub fn of(policy: &$policy) -> Self {
                Self { id: policy.id.clone(), $( $field: policy.$field, )+ }
            }

            /// The policy.
            pub fn policy(&self) -> $policy {
                $policy { id: self.id.clone(), note: String::new(), $( $field: self.$field, )+ }
            }
        }
    };
}

policy_rows! {
    1 reenroll_own: bool,
    2 reenroll_any: bool,
    3 stock_enforced: bool,
    4 takeover_max_age_s: u32,
    5 offline_max_age_s: u32,
    6 battery_min_percent: u8,
    7 liveness: bool,
    8 haptics: bool,
    9 label: bool,
    10 label_custom: bool,
    11 idle_logout_s: u32,
}
