//! How the parts of a plan are read, each mistake reported and the reading gone on with, and how they look as JSON
//! schema. One definition gives both: `record!` declares the keys of a mapping once, with type and description, so the
//! schema an editor uses and what `check` accepts cannot drift apart. (serde would stop at the first mistake.)

use std::time::Duration;

use serde_json::{Map, Value as Json, json};

use super::{
    problem::{Problem, did_you_mean, listed},
    source::{Entry, Node, Span, Spanned, Style, Value},
    units::{DurationError, Percent, PercentError, parse_duration},
};

/// The named parts of a schema.
pub(super) type Definitions = Map<String, Json>;

/// Something that can stand in a plan.
pub(super) trait Form: Sized {
    /// For messages: `expected …`.
    const WHAT: &'static str;

    /// Reads as much as can be read; `None` if nothing can, which has been reported then.
    fn read(node: &Node, problems: &mut Vec<Problem>) -> Option<Self>;

    fn schema(definitions: &mut Definitions) -> Json;
}

/// What a person would say stands there.
fn found(node: &Node) -> String {
    match &node.value {
        _ if node.is_null() => "nothing".to_owned(),
        Value::Scalar { text, style } if node.looks_typed() && *style == Style::Plain => {
            format!("the bare value {text}")
        }
        Value::Scalar { text, .. } => format!("the text `{text}`"),
        Value::List(_) => "a list".to_owned(),
        Value::Map(_) => "a mapping".to_owned(),
        Value::Broken => "something unreadable".to_owned(),
    }
}

fn wrong_type(node: &Node, what: &str, problems: &mut Vec<Problem>) {
    if node.value != Value::Broken {
        let problem =
            Problem::error("plan::wrong-type", format!("expected {what}, found {}", found(node)))
                .at(node.span, format!("not {what}"));
        problems.push(match &node.value {
            Value::Scalar { text, .. } if node.looks_typed() && what.starts_with("text") => {
                problem.help(format!("put it in quotes: \"{text}\""))
            }
            Value::Scalar { .. } | Value::List(_) | Value::Map(_) | Value::Broken => {
                problem.help(format!("write {what} here"))
            }
        });
    }
}

impl Node {
    /// Whether YAML takes this unquoted word for a number or a truth value.
    fn looks_typed(&self) -> bool {
        match &self.value {
            Value::Scalar { text, style: Style::Plain } => {
                matches!(text.as_str(), "true" | "True" | "TRUE" | "false" | "False" | "FALSE")
                    || (text.parse::<f64>().is_ok() && text.contains(|c: char| c.is_ascii_digit()))
            }
            Value::Scalar { .. } | Value::List(_) | Value::Map(_) | Value::Broken => false,
        }
    }

    /// The text of a scalar that is not null; anything else is reported.
    pub(super) fn scalar(&self, what: &str, problems: &mut Vec<Problem>) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } if !self.is_null() => Some(text),
            Value::Scalar { .. } | Value::List(_) | Value::Map(_) | Value::Broken => {
                wrong_type(self, what, problems);
                None
            }
        }
    }
}

/// A schema for a scalar in whose place a parameter may stand.
fn or_parameter(schema: &Json, definitions: &mut Definitions) -> Json {
    definitions.entry("parameter").or_insert_with(|| {
        json!({
            "type": "string",
            "pattern": "\\$\\{[a-z0-9][a-z0-9-]*\\}",
            "description": "A value with a parameter filled in, such as `${bake}`.",
        })
    });
    json!({ "anyOf": [schema, { "$ref": "#/$defs/parameter" }] })
}

impl Form for String {
    const WHAT: &'static str = "text";

    fn read(node: &Node, problems: &mut Vec<Problem>) -> Option<Self> {
        if node.looks_typed() {
            wrong_type(node, Self::WHAT, problems);
            return None;
        }
        node.scalar(Self::WHAT, problems).map(str::to_owned)
    }

    fn schema(_: &mut Definitions) -> Json {
        json!({ "type": "string" })
    }
}

/// A scalar taken as it is written, quotes or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Literal(pub String);

impl Form for Literal {
    const WHAT: &'static str = "a single value";

    fn read(node: &Node, problems: &mut Vec<Problem>) -> Option<Self> {
        node.scalar(Self::WHAT, problems).map(|text| Self(text.to_owned()))
    }

    fn schema(_: &mut Definitions) -> Json {
        json!({ "type": ["string", "number", "boolean"] })
    }
}

impl Form for bool {
    const WHAT: &'static str = "`true` or `false`";

    fn read(node: &Node, problems: &mut Vec<Problem>) -> Option<Self> {
        match &node.value {
            Value::Scalar { text, style: Style::Plain } if text == "true" => Some(true),
            Value::Scalar { text, style: Style::Plain } if text == "false" => Some(false),
            Value::Scalar { .. } | Value::List(_) | Value::Map(_) | Value::Broken => {
                wrong_type(node, Self::WHAT, problems);
                None
            }
        }
    }

    fn schema(_: &mut Definitions) -> Json {
        json!({ "type": "boolean" })
    }
}

/// A whole number from `MIN` to `MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Whole<const MIN: u32, const MAX: u32>(pub u32);

impl<const MIN: u32, const MAX: u32> Form for Whole<MIN, MAX> {
    const WHAT: &'static str = "a whole number";

    fn read(node: &Node, problems: &mut Vec<Problem>) -> Option<Self> {
        let text = node.scalar(Self::WHAT, problems)?;
        if !text.bytes().all(|b| b.is_ascii_digit())
            || matches!(node.value, Value::Scalar { style: Style::Quoted, .. })
        {
            wrong_type(node, Self::WHAT, problems);
            return None;
        }
        let number = text.parse().ok().filter(|n| (MIN..=MAX).contains(n));
        if number.is_none() {
            problems.push(
                Problem::error("plan::out-of-range", format!("{text} is out of range"))
                    .at(node.span, "out of range")
                    .help(if MAX == u32::MAX {
                        format!("write a whole number from {MIN} up")
                    } else {
                        format!("write a whole number between {MIN} and {MAX}")
                    }),
            );
        }
        number.map(Self)
    }

    fn schema(definitions: &mut Definitions) -> Json {
        let range = json!({ "type": "integer", "minimum": MIN, "maximum": MAX });
        or_parameter(&range, definitions)
    }
}

impl Form for Percent {
    const WHAT: &'static str = "a percentage such as `5%`";

    fn read(node: &Node, problems: &mut Vec<Problem>) -> Option<Self> {
        let text = node.scalar(Self::WHAT, problems)?;
        let error = match text.parse() {
            Ok(percent) => return Some(percent),
            Err(error) => error,
        };
        let (code, help) = match error {
            PercentError::NoUnit => ("plan::unit", format!("write `{text}%`")),
            PercentError::OutOfRange => {
                ("plan::out-of-range", "write a share between `0%` and `100%`".to_owned())
            }
            PercentError::Malformed => {
                ("plan::percentage", "write a number and `%`, such as `5%` or `12.5%`".to_owned())
            }
        };
        problems.push(
            Problem::error(code, format!("{error}, found `{text}`"))
                .at(node.span, "a percentage belongs here")
                .help(help),
        );
        None
    }

    fn schema(definitions: &mut Definitions) -> Json {
        let percent = json!({ "type": "string", "pattern": "^[0-9]{1,3}(\\.[0-9]{1,2})? ?%$" });
        or_parameter(&percent, definitions)
    }
}

impl Form for Duration {
    const WHAT: &'static str = "a duration such as `10m`";

    fn read(node: &Node, problems: &mut Vec<Problem>) -> Option<Self> {
        let text = node.scalar(Self::WHAT, problems)?;
        let error = match parse_duration(text) {
            Ok(duration) => return Some(duration),
            Err(error) => error,
        };
        let (code, help) = match error {
            DurationError::NoUnit => ("plan::unit", format!("write `{text}s`, `{text}m` or `{text}h`")),
            DurationError::TooLong => ("plan::out-of-range", "write at most `365d`".to_owned()),
            DurationError::Malformed => (
                "plan::duration",
                "write whole numbers with the units d, h, m, s and ms, largest first: `1h30m`, `90s`"
                    .to_owned(),
            ),
        };
        problems.push(
            Problem::error(code, format!("{error}, found `{text}`"))
                .at(node.span, "a duration belongs here")
                .help(help),
        );
        None
    }

    fn schema(definitions: &mut Definitions) -> Json {
        let pattern = "^(?=.)([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$";
        or_parameter(&json!({ "type": "string", "pattern": pattern }), definitions)
    }
}

impl<T: Form> Form for Vec<Spanned<T>> {
    const WHAT: &'static str = "a list";

    fn read(node: &Node, problems: &mut Vec<Problem>) -> Option<Self> {
        match &node.value {
            Value::List(items) => Some(
                items
                    .iter()
                    .filter_map(|item| Some(Spanned::new(T::read(item, problems)?, item.span)))
                    .collect(),
            ),
            Value::Scalar { text, .. } if !node.is_null() => {
                let problem = Problem::error(
                    "plan::wrong-type",
                    format!("expected a list, found {}", found(node)),
                );
                problems
                    .push(problem.at(node.span, "not a list").help(format!("write `[{text}]`")));
                None
            }
            Value::Scalar { .. } | Value::Map(_) | Value::Broken => {
                wrong_type(node, "a list", problems);
                None
            }
        }
    }

    fn schema(definitions: &mut Definitions) -> Json {
        json!({ "type": "array", "items": T::schema(definitions) })
    }
}

/// What a person names himself: lower case, digits and hyphens.
pub(super) const NAME_PATTERN: &str = "^[a-z0-9][a-z0-9-]{0,62}$";

pub(super) fn is_name(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=63).contains(&text.len()) && !text.starts_with('-') && text.bytes().all(allowed)
}

/// Reports a name that is none.
pub(super) fn check_name(name: &Spanned<String>, problems: &mut Vec<Problem>) {
    if !is_name(&name.value) {
        let message = format!("`{}` cannot be used as a name", name.value);
        problems.push(Problem::error("plan::name", message).at(name.span, "this name").help(
            "use lower-case letters, digits and hyphens, at most 63, not beginning with a hyphen",
        ));
    }
}

/// A mapping whose keys are names a person chose, in the order written. A value that cannot be read keeps its name,
/// so that what refers to it is not called unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named<T>(pub Vec<(Spanned<String>, Option<T>)>);

impl<T: Form> Form for Named<T> {
    const WHAT: &'static str = "a mapping of names";

    fn read(node: &Node, problems: &mut Vec<Problem>) -> Option<Self> {
        let help = "write names, each with what it stands for indented below it";
        let entries = entries(node, Self::WHAT, help, problems)?;
        let read = |entry: &Entry| {
            check_name(&entry.key, problems);
            (entry.key.clone(), T::read(&entry.value, problems))
        };
        Some(Self(entries.iter().map(read).collect()))
    }

    fn schema(definitions: &mut Definitions) -> Json {
        json!({
            "type": ["object", "null"],
            "propertyNames": { "pattern": NAME_PATTERN },
            "additionalProperties": T::schema(definitions),
        })
    }
}

/// A short way to write something, beside the long one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Short<S, L> {
    Short(S),
    Long(L),
}

impl<S: Form, L: Form> Form for Short<S, L> {
    const WHAT: &'static str = S::WHAT;

    fn read(node: &Node, problems: &mut Vec<Problem>) -> Option<Self> {
        match &node.value {
            Value::Scalar { .. } if !node.is_null() => S::read(node, problems).map(Self::Short),
            Value::Scalar { .. } | Value::List(_) | Value::Map(_) | Value::Broken => {
                L::read(node, problems).map(Self::Long)
            }
        }
    }

    fn schema(definitions: &mut Definitions) -> Json {
        json!({ "anyOf": [S::schema(definitions), L::schema(definitions)] })
    }
}

/// Gives an enum its words.
macro_rules! words {
    ($($type:ty, $what:literal { $($word:literal => $value:expr),* $(,)? })*) => {$(
        impl $crate::plan::form::Form for $type {
            const WHAT: &'static str = $what;

            fn read(
                node: &$crate::plan::source::Node,
                problems: &mut Vec<$crate::plan::problem::Problem>,
            ) -> Option<Self> {
                match node.scalar(Self::WHAT, problems)? {
                    $($word => Some($value),)*
                    other => {
                        let words = &[$($word),*];
                        problems.push($crate::plan::form::unknown_word(node, other, $what, words));
                        None
                    }
                }
            }

            fn schema(definitions: &mut $crate::plan::form::Definitions) -> serde_json::Value {
                $crate::plan::form::words_schema(&[$($word),*], definitions)
            }
        }
    )*};
}
pub(super) use words;

pub(super) fn words_schema(words: &[&str], definitions: &mut Definitions) -> Json {
    or_parameter(&json!({ "enum": words }), definitions)
}

pub(super) fn unknown_word(node: &Node, word: &str, what: &str, words: &[&str]) -> Problem {
    let meant = did_you_mean(word, words.iter().copied())
        .map_or_else(String::new, |meant| format!("did you mean `{meant}`? "));
    Problem::error("plan::unknown-word", format!("`{word}` is not {what}"))
        .at(node.span, "not known here")
        .help(format!("{meant}possible are {}", listed(words.iter().copied())))
}

/// Whether a key of a record has to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    Required,
    Optional,
    /// Exactly one of all keys marked so.
    Choice,
}

/// A key of a record.
pub(super) struct Field {
    pub key: &'static str,
    pub need: Need,
    pub doc: &'static str,
    pub schema: fn(&mut Definitions) -> Json,
}

/// The keys of a mapping; made by `record!`.
pub(super) struct Record {
    /// Its name in the schema.
    pub name: &'static str,
    /// For messages: `a shift`.
    pub what: &'static str,
    pub doc: &'static str,
    /// What the keys marked as choice are, in the singular, and the code of an unknown one.
    pub choice: Option<(&'static str, &'static str)>,
    pub fields: &'static [Field],
}

/// Declares a mapping: the struct it is read into, whose required fields may still be missing (that has been reported
/// then, and the rest is checked all the same), and its [`Form`].
macro_rules! record {
    (
        $(#[doc = $doc:literal])*
        $name:ident, $what:literal $(, choice $noun:literal $code:literal)? {
            $($(#[doc = $field_doc:literal])* $key:literal $field:ident: $need:ident $type:ty),* $(,)?
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub(in crate::plan) struct $name {
            $($(#[doc = $field_doc])* pub $field: $crate::plan::form::Slot<$type>,)*
        }

        impl $name {
            const RECORD: $crate::plan::form::Record = $crate::plan::form::Record {
                name: stringify!($name),
                what: $what,
                doc: concat!($($doc),*),
                choice: [$(Some(($noun, $code)),)? None][0],
                fields: &[$($crate::plan::form::Field {
                    key: $key,
                    need: $crate::plan::form::Need::$need,
                    doc: concat!($($field_doc),*),
                    schema: <$type as $crate::plan::form::Form>::schema,
                },)*],
            };
        }

        impl $crate::plan::form::Form for $name {
            const WHAT: &'static str = $what;

            fn read(
                node: &$crate::plan::source::Node,
                problems: &mut Vec<$crate::plan::problem::Problem>,
            ) -> Option<Self> {
                $crate::plan::form::check_keys(node, &Self::RECORD, problems);
                Some(Self { $($field: $crate::plan::form::read_field(node, $key, problems),)* })
            }

            fn schema(definitions: &mut $crate::plan::form::Definitions) -> serde_json::Value {
                $crate::plan::form::record_schema(&Self::RECORD, definitions)
            }
        }
    };
}
pub(super) use record;

/// What stands under a key of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Slot<T> {
    Absent,
    /// It is there but could not be read, which has been reported.
    Broken,
    Given(Spanned<T>),
}

impl<T> Slot<T> {
    pub(super) const fn given(&self) -> Option<&Spanned<T>> {
        match self {
            Self::Given(value) => Some(value),
            Self::Absent | Self::Broken => None,
        }
    }

    pub(super) const fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// Where it stands, or else where it would.
    pub(super) fn span_or(&self, otherwise: Span) -> Span {
        self.given().map_or(otherwise, |value| value.span)
    }
}

impl<T: Clone> Slot<T> {
    pub(super) fn value(&self) -> Option<T> {
        self.given().map(|given| given.value.clone())
    }

    /// The default also stands in for what is broken: the checks go on with it, and no plan comes of it.
    pub(super) fn value_or(&self, default: T) -> T {
        self.value().unwrap_or(default)
    }
}

pub(super) fn read_field<T: Form>(node: &Node, key: &str, problems: &mut Vec<Problem>) -> Slot<T> {
    let Some(value) = node.get(key) else {
        let mapping = node.is_null() || matches!(node.value, Value::Map(_));
        return if mapping { Slot::Absent } else { Slot::Broken };
    };
    match T::read(value, problems) {
        Some(read) => Slot::Given(Spanned::new(read, value.span)),
        None => Slot::Broken,
    }
}

/// The entries of a mapping; nothing at all stands for an empty one.
fn entries<'n>(
    node: &'n Node,
    what: &str,
    help: &str,
    problems: &mut Vec<Problem>,
) -> Option<&'n [Entry]> {
    match &node.value {
        Value::Map(entries) => Some(entries),
        Value::Scalar { .. } if node.is_null() => Some(&[]),
        Value::Scalar { .. } | Value::List(_) | Value::Broken => {
            if node.value != Value::Broken {
                let message = format!("expected {what}, found {}", found(node));
                problems.push(
                    Problem::error("plan::wrong-type", message)
                        .at(node.span, "a mapping (`key: value`) belongs here")
                        .help(help),
                );
            }
            None
        }
    }
}

/// Reports unknown and missing keys, and more or fewer than one of a choice.
pub(super) fn check_keys(node: &Node, record: &Record, problems: &mut Vec<Problem>) {
    let keys = listed(record.fields.iter().map(|f| f.key));
    let help = format!("{} It has {keys}.", record.doc.trim());
    let Some(entries) = entries(node, record.what, &help, problems) else { return };
    let of = |need: Need| record.fields.iter().filter(move |f| f.need == need).map(|f| f.key);
    let chosen: Vec<&Entry> =
        entries.iter().filter(|e| of(Need::Choice).any(|key| key == e.key.value)).collect();
    let mut strange = 0;
    for entry in entries {
        if record.fields.iter().all(|f| f.key != entry.key.value) {
            strange += 1;
            problems.push(unknown_key(entry, record, chosen.first().copied()));
        }
    }
    for key in of(Need::Required).filter(|key| node.get(key).is_none()) {
        problems.push(
            Problem::error("plan::missing-field", format!("{} needs `{key}`", record.what))
                .at(node.span, format!("`{key}` is missing"))
                .help(missing_help(record, key)),
        );
    }
    let Some((noun, _)) = record.choice else { return };
    match chosen.as_slice() {
        [] if strange == 0 => problems.push(
            Problem::error("plan::missing-field", format!("{} needs a {noun}", record.what))
                .at(node.span, format!("which {noun}?"))
                .help(format!("write one of {}", listed(of(Need::Choice)))),
        ),
        [] | [_] => {}
        [first, second, ..] => problems.push(
            Problem::error(
                "plan::ambiguous",
                format!(
                    "{} has one {noun}, found `{}` and `{}`",
                    record.what, first.key.value, second.key.value
                ),
            )
            .at(second.key.span, "second")
            .at(first.key.span, "first")
            .help(format!("keep one of {}", listed(of(Need::Choice)))),
        ),
    }
}

fn missing_help(record: &Record, key: &str) -> String {
    let doc = record.fields.iter().find(|f| f.key == key).map_or("", |f| f.doc).trim();
    format!("add `{key}:` here. {doc}")
}

fn unknown_key(entry: &Entry, record: &Record, chosen: Option<&Entry>) -> Problem {
    let key = &entry.key.value;
    let keys = || record.fields.iter().map(|f| f.key);
    let (code, message) = match record.choice {
        Some((noun, code)) if chosen.is_none() => (code, format!("`{key}` is not a {noun}")),
        Some(_) | None => ("plan::unknown-field", format!("{} has no `{key}`", record.what)),
    };
    let help = match (did_you_mean(key, keys()), chosen) {
        (Some(meant), _) => format!("did you mean `{meant}`? {} has", record.what),
        (None, Some(verb)) if verb.value.is_null() => {
            format!(
                "indent `{key}` further than `{}` if it belongs to it; {} has",
                verb.key.value, record.what
            )
        }
        (None, _) => format!("{} has", record.what),
    };
    let help = format!("{help} {}", listed(keys()));
    Problem::error(code, message).at(entry.key.span, "not known here").help(help)
}

pub(super) fn record_schema(record: &Record, definitions: &mut Definitions) -> Json {
    let reference = json!({ "$ref": format!("#/$defs/{}", record.name) });
    if definitions.contains_key(record.name) {
        return reference;
    }
    // Taken before the fields are visited, so that a record within itself would end.
    definitions.insert(record.name.to_owned(), Json::Null);
    let properties: Map<String, Json> = record
        .fields
        .iter()
        .map(|field| {
            let mut schema = (field.schema)(definitions);
            if let Some(schema) = schema.as_object_mut() {
                schema.insert("description".to_owned(), field.doc.trim().into());
            }
            (field.key.to_owned(), schema)
        })
        .collect();
    let of = |need: Need| record.fields.iter().filter(move |f| f.need == need).map(|f| f.key);
    let required: Vec<&str> = of(Need::Required).collect();
    let choice: Vec<Json> = of(Need::Choice).map(|key| json!({ "required": [key] })).collect();
    let empty_allowed = required.is_empty() && choice.is_empty();
    let mut schema = json!({
        "type": if empty_allowed { json!(["object", "null"]) } else { json!("object") },
        "description": record.doc.trim(),
        "properties": properties,
        "additionalProperties": false,
    });
    if let Some(schema) = schema.as_object_mut() {
        if !required.is_empty() {
            schema.insert("required".to_owned(), json!(required));
        }
        if !choice.is_empty() {
            schema.insert("oneOf".to_owned(), choice.into());
        }
    }
    definitions.insert(record.name.to_owned(), schema);
    reference
}
