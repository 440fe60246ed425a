//! The mappings of the language. One declaration of a mapping's keys, with type and description, says how it is read,
//! how it is written back and how it looks as JSON schema, so that what an editor takes, what `check` accepts and what
//! `plan --expand` prints cannot drift apart. Where a mapping offers a choice between keys, the same declaration gives an
//! enum of them: whoever looks at what was chosen `match`es on it, and a key that the language has and a check forgets
//! does not compile.

use super::{
    form::{Form, Slot},
    keys::Filling,
};

/// Declares a mapping: the struct it is read into, whose required fields may still be missing (that has been reported
/// then, and the rest is checked all the same), and its [`Form`](super::form::Form). It is written back in the order of
/// the keys, which digests hang on, and laid out on one line, or with a line for each key if it is so declared. One that
/// offers a choice names the enum of what can be chosen, and behind each `Choice` its variant.
macro_rules! record {
    (@keys
        $(#[doc = $doc:literal])*
        $name:ident, $what:literal, $choice:expr, [$($lines:ident)?] {
            $($(#[doc = $field_doc:literal])* $key:literal $field:ident: $need:ident $type:ty),*
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub(in crate::plan) struct $name {
            $($(#[doc = $field_doc])* pub $field: $crate::plan::form::Slot<$type>,)*
        }

        impl $name {
            const RECORD: $crate::plan::keys::Record = $crate::plan::keys::Record {
                name: stringify!($name),
                what: $what,
                doc: concat!($($doc),*),
                choice: $choice,
                fields: &[$($crate::plan::keys::Field {
                    key: $key,
                    need: $crate::plan::keys::Need::$need,
                    doc: concat!($($field_doc),*),
                    schema: <$type as $crate::plan::form::Form>::schema,
                },)*],
            };
        }

        impl $crate::plan::form::Form for $name {
            const WHAT: &'static str = $what;

            fn read(
                node: &$crate::plan::tree::Node,
                problems: &mut Vec<$crate::plan::problem::Problem>,
            ) -> Option<Self> {
                $crate::plan::keys::check_keys(node, &Self::RECORD, problems);
                Some(Self { $($field: $crate::plan::form::read_field(node, $key, problems),)* })
            }

            fn is_whole(&self) -> bool {
                let slots: Vec<$crate::plan::keys::Filling> =
                    Vec::from([$($crate::plan::record::filling(&self.$field),)*]);
                $crate::plan::keys::are_filled(&Self::RECORD, &slots)
            }

            fn write(&self) -> String {
                let entries: Vec<Option<(&str, String)>> =
                    Vec::from([$($crate::plan::record::entry($key, &self.$field),)*]);
                $crate::plan::yaml::mapping(entries.into_iter().flatten())
            }

            fn lay_out(&self) -> $crate::plan::yaml::Layout {
                if $crate::plan::record::is_said(&[$(stringify!($lines))?]) {
                    let entries: Vec<Vec<String>> =
                        Vec::from([$($crate::plan::record::lines($key, &self.$field),)*]);
                    $crate::plan::yaml::Layout::Lines(entries.concat())
                } else {
                    $crate::plan::yaml::Layout::Line(self.write())
                }
            }

            fn schema(definitions: &mut $crate::plan::form::Definitions) -> serde_json::Value {
                $crate::plan::keys::schema_of(&Self::RECORD, definitions)
            }
        }
    };
    (
        $(#[doc = $doc:literal])*
        $name:ident, $what:literal {
            $($(#[doc = $field_doc:literal])* $key:literal $field:ident: $need:ident $type:ty),* $(,)?
        }
    ) => {
        $crate::plan::record::record! {@keys
            $(#[doc = $doc])*
            $name, $what, None, [] {
                $($(#[doc = $field_doc])* $key $field: $need $type),*
            }
        }
    };
    (
        $(#[doc = $doc:literal])*
        $name:ident, $what:literal, choice $noun:literal $code:literal as $choice:ident $(in $lines:ident)? {
            $(
                $(#[doc = $field_doc:literal])*
                $key:literal $field:ident: $need:ident $(as $variant:ident)? $type:ty
            ),* $(,)?
        }
    ) => {
        $crate::plan::record::record! {@keys
            $(#[doc = $doc])*
            $name, $what, Some(($noun, $code)), [$($lines)?] {
                $($(#[doc = $field_doc])* $key $field: $need $type),*
            }
        }
        $crate::plan::record::choice! {
            $name $choice { $($key $field: $need $(as $variant)? $type),* }
        }
    };
}
pub(super) use record;

/// What can be chosen in a record, borrowed from what was given.
macro_rules! choice {
    ($name:ident $choice:ident {
        $($key:literal $field:ident: $need:ident $(as $variant:ident)? $type:ty),*
    }) => {
        #[derive(Clone, Copy, Debug)]
        pub(in crate::plan) enum $choice<'form> {
            $($($variant(&'form $crate::plan::span::Spanned<$type>),)?)*
        }

        impl $name {
            /// What was chosen; `None` if nothing was that could be read, which has been reported. Where several were,
            /// which has been reported too, the first of the record's keys is checked all the same.
            pub(in crate::plan) fn chosen(&self) -> Option<$choice<'_>> {
                $($(
                    if let Some(given) = self.$field.given() {
                        return Some($choice::$variant(given));
                    }
                )?)*
                None
            }
        }

        // Every key that can be chosen has its variant, and no other.
        const _: () = {
            $(assert!(
                $crate::plan::keys::Need::$need.is_chosen()
                    == $crate::plan::record::is_said(&[$(stringify!($variant))?]),
                concat!("`", $key, "` needs a variant if it is a `Choice`, and only then"),
            );)*
        };
    };
}
pub(super) use choice;

/// Whether a declaration says what it may leave out.
pub(super) const fn is_said(words: &[&str]) -> bool {
    !words.is_empty()
}

/// What has become of a key.
pub(super) fn filling<T: Form>(slot: &Slot<T>) -> Filling {
    match slot {
        Slot::Absent => Filling::Absent,
        Slot::Given(given) if given.value.is_whole() => Filling::Whole,
        Slot::Given(_) | Slot::Broken => Filling::Broken,
    }
}

/// A key and what stands under it, on one line.
pub(super) fn entry<T: Form>(key: &'static str, slot: &Slot<T>) -> Option<(&'static str, String)> {
    slot.given().map(|given| (key, given.value.write()))
}

/// The same in as many lines as it takes; none where nothing is given.
pub(super) fn lines<T: Form>(key: &str, slot: &Slot<T>) -> Vec<String> {
    slot.given().map_or_else(Vec::new, |given| given.value.lay_out().under(key))
}
