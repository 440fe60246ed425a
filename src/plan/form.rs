//! How the parts of a plan are read, each mistake reported and the reading gone on with, and how they look as JSON
//! schema. One definition gives both: `record!` declares the keys of a mapping once, with type and description, so the
//! schema an editor uses and what `check` accepts cannot drift apart. (serde would stop at the first mistake.)

use serde_json::{Map, Value as Json, json};

use super::{
    mismatch::{found, wrong_type},
    problem::{Problem, did_you_mean, enough, listed},
    span::{Span, Spanned},
    tree::{Entry, Node, Value},
};

/// The named parts of a schema.
pub(super) type Definitions = Map<String, Json>;

/// A list whose every item has its place.
pub(super) type List<T> = Vec<Spanned<T>>;

/// Something that can stand in a plan.
pub(super) trait Form: Sized {
    /// For messages: `expected …`.
    const WHAT: &'static str;

    /// Reads as much as can be read; `None` if nothing can, which has been reported then.
    fn read(node: &Node, problems: &mut Vec<Problem>) -> Option<Self>;

    fn schema(definitions: &mut Definitions) -> Json;
}

impl<T: Form> Form for Vec<Spanned<T>> {
    const WHAT: &'static str = "a list";

    fn read(node: &Node, problems: &mut Vec<Problem>) -> Option<Self> {
        match &node.value {
            Value::List(items) => {
                let read: Self = items
                    .iter()
                    .filter_map(|item| {
                        let read = if enough(problems) { None } else { T::read(item, problems) };
                        Some(Spanned::new(read?, item.span))
                    })
                    .collect();
                // One of which nothing can be read must not look like one with nothing in it.
                (items.is_empty() || !read.is_empty()).then_some(read)
            }
            Value::Map(_) => {
                let thing = T::WHAT.trim_start_matches("a ").trim_start_matches("an ");
                problems.push(
                    Problem::error("plan::wrong-type", "expected a list, found a mapping")
                        .at(node.span, "not a list")
                        .help(format!("begin each {thing} with `- `")),
                );
                None
            }
            Value::Scalar { text, .. } if !node.is_null() => {
                let problem = Problem::error(
                    "plan::wrong-type",
                    format!("expected a list, found {}", found(node)),
                );
                problems
                    .push(problem.at(node.span, "not a list").help(format!("write `[{text}]`")));
                None
            }
            Value::Scalar { .. } | Value::Broken => {
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
            if enough(problems) {
                return (entry.key.clone(), None);
            }
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
                node: &$crate::plan::tree::Node,
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
            if enough(problems) {
                continue;
            }
            problems.push(unknown_key(entry, record, chosen.first().copied()));
        }
    }
    let merges = node.get(MERGE).is_some();
    for key in of(Need::Required).filter(|key| !merges && node.get(key).is_none()) {
        problems.push(
            Problem::error("plan::missing-field", format!("{} needs `{key}`", record.what))
                .at(node.span, format!("`{key}` is missing"))
                .help(missing_help(record, key)),
        );
    }
    let Some((noun, _)) = record.choice else { return };
    match chosen.as_slice() {
        [] if strange == 0 => problems.push(
            Problem::error("plan::missing-field", format!("{} needs {}", record.what, one(noun)))
                .at(
                    node.span,
                    if is_keys(noun) { "none of them is here" } else { "nothing chosen" },
                )
                .help(format!("write one of {}", listed(of(Need::Choice)))),
        ),
        [] | [_] => {}
        [first, second, ..] => problems.push(
            Problem::error(
                "plan::ambiguous",
                format!(
                    "{} has only one of `{}` and `{}`",
                    record.what, first.key.value, second.key.value
                ),
            )
            .at(second.key.span, "second")
            .at(first.key.span, "first")
            .help(format!("keep one of {}", listed(of(Need::Choice)))),
        ),
    }
}

/// Whether what is chosen from is named by its keys, for want of a noun.
fn is_keys(noun: &str) -> bool {
    noun.starts_with('`')
}

/// With an article where it is a noun.
fn one(noun: &str) -> String {
    if is_keys(noun) { noun.to_owned() } else { format!("a {noun}") }
}

fn missing_help(record: &Record, key: &str) -> String {
    let doc = record.fields.iter().find(|f| f.key == key).map_or("", |f| f.doc).trim();
    format!("add `{key}:` here. {doc}")
}

/// YAML 1.1 merges a mapping into another under this key; YAML 1.2, which plans are read as, does not know it.
const MERGE: &str = "<<";

fn unknown_key(entry: &Entry, record: &Record, chosen: Option<&Entry>) -> Problem {
    let key = &entry.key.value;
    if key == MERGE {
        return Problem::error("plan::merge-key", "merge keys (`<<`) are not supported")
            .at(entry.key.span, "nothing is merged")
            .help("write the keys out; single values may be shared as `params`, steps by a `strategy`");
    }
    if key.starts_with("x-") {
        return Problem::error("plan::unknown-field", format!("{} has no `{key}`", record.what))
            .at(entry.key.span, "not known here")
            .help(
                "a plan keeps no values of one's own; share a value as a parameter under `params`",
            );
    }
    let keys = || record.fields.iter().map(|f| f.key);
    let (code, message) = match record.choice {
        Some((noun, code)) if chosen.is_none() && !is_keys(noun) => {
            (code, format!("`{key}` is not {}", one(noun)))
        }
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

#[cfg(test)]
mod tests {
    use crate::plan::sample::{HEAD, codes_with, read_with};

    fn messages(text: &str) -> Vec<String> {
        read_with(text, &[]).unwrap_err().iter().map(|problem| problem.message.clone()).collect()
    }

    #[test]
    fn what_is_chosen_from_is_named_in_a_sentence() {
        let none = "a plan needs `steps`, `strategy` or `components`";
        assert_eq!(messages(HEAD), [none]);
        let verb = messages(&format!("{HEAD}steps: [{{ }}]\n"));
        assert_eq!(verb, ["a step needs a verb"]);
        let two = messages(&format!("{HEAD}steps: []\nstrategy: {{ canary: {{}} }}\n"));
        assert!(
            two.contains(&"a plan has only one of `steps` and `strategy`".to_owned()),
            "{two:?}"
        );
        assert_eq!(codes_with("stepps: []\n"), ["plan::unknown-field"]);
    }
}
