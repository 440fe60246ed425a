//! The single values of a plan: texts, numbers, percentages, durations and words, each with what to say when something
//! else stands in its place.

use std::time::Duration;

use serde_json::{Map, Value as Json, json};

use super::{
    form::{Definitions, Form},
    mismatch::{WHOLE, wrong_type},
    problem::{Problem, did_you_mean, listed},
    tree::{Entry, Node, Style, Value},
    units::{DurationError, Percent, PercentError, format_duration, parse_duration},
    yaml,
};

impl Node {
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
pub(super) fn or_parameter(schema: &Json, definitions: &mut Definitions) -> Json {
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

    fn write(&self) -> String {
        yaml::text(self)
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

    fn write(&self) -> String {
        yaml::text(&self.0)
    }

    fn schema(_: &mut Definitions) -> Json {
        json!({ "type": ["string", "number", "boolean"] })
    }
}

/// A mapping of any shape, kept as JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Payload(pub Map<String, Json>);

impl Form for Payload {
    const WHAT: &'static str = "a mapping";

    fn read(node: &Node, problems: &mut Vec<Problem>) -> Option<Self> {
        match json_of(node)? {
            Json::Object(map) => Some(Self(map)),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) => {
                wrong_type(node, Self::WHAT, problems);
                None
            }
        }
    }

    fn write(&self) -> String {
        yaml::json(self.0.clone().into()).to_string()
    }

    fn schema(_: &mut Definitions) -> Json {
        json!({ "type": "object" })
    }
}

/// As JSON has it; `None` when something in it is broken, which has been reported. What was filled in is text.
fn json_of(node: &Node) -> Option<Json> {
    Some(match &node.value {
        Value::Scalar { .. } if node.is_null() => Json::Null,
        Value::Scalar { text, style: Style::Plain } => match serde_json::from_str(text) {
            Ok(typed @ (Json::Bool(_) | Json::Number(_))) => typed,
            Ok(_) | Err(_) => text.as_str().into(),
        },
        Value::Scalar { text, style: Style::Quoted | Style::Filled } => text.as_str().into(),
        Value::List(items) => Json::Array(items.iter().map(json_of).collect::<Option<_>>()?),
        Value::Map(entries) => {
            let entry = |entry: &Entry| Some((entry.key.value.clone(), json_of(&entry.value)?));
            Json::Object(entries.iter().map(entry).collect::<Option<_>>()?)
        }
        Value::Broken => return None,
    })
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

    fn write(&self) -> String {
        self.to_string()
    }

    fn schema(_: &mut Definitions) -> Json {
        json!({ "type": "boolean" })
    }
}

/// A whole number from `MIN` to `MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Whole<const MIN: u32, const MAX: u32>(pub u32);

impl<const MIN: u32, const MAX: u32> Form for Whole<MIN, MAX> {
    const WHAT: &'static str = WHOLE;

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

    fn write(&self) -> String {
        self.0.to_string()
    }

    fn schema(definitions: &mut Definitions) -> Json {
        let range = json!({ "type": "integer", "minimum": MIN, "maximum": MAX });
        or_parameter(&range, definitions)
    }
}

/// A number below 1 may be meant as a fraction or as per cent.
fn with_unit(text: &str) -> String {
    let whole = text.parse::<f64>().ok().filter(|number| *number > 0.0 && *number < 1.0);
    match whole {
        Some(fraction) => format!(
            "write `{text}%`, or `{}%` if a fraction is meant",
            (fraction * 10_000.0).round() / 100.0
        ),
        None => format!("write `{text}%`"),
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
            PercentError::NoUnit => ("plan::unit", with_unit(text)),
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

    fn write(&self) -> String {
        self.to_string()
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

    fn write(&self) -> String {
        format_duration(*self)
    }

    fn schema(definitions: &mut Definitions) -> Json {
        let pattern = "^(?=.)([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$";
        or_parameter(&json!({ "type": "string", "pattern": pattern }), definitions)
    }
}

/// Gives an enum its words. One that has none does not compile.
macro_rules! words {
    ($($type:ty, $what:literal { $($word:literal => $value:path),* $(,)? })*) => {$(
        impl $crate::plan::form::Form for $type {
            const WHAT: &'static str = $what;

            fn read(
                node: &$crate::plan::tree::Node,
                problems: &mut Vec<$crate::plan::problem::Problem>,
            ) -> Option<Self> {
                match node.scalar(Self::WHAT, problems)? {
                    $($word => Some($value),)*
                    other => {
                        let words = &[$($word),*];
                        problems.push($crate::plan::scalar::unknown_word(node, other, $what, words));
                        None
                    }
                }
            }

            fn write(&self) -> String {
                match self {
                    $($value => $word,)*
                }
                .to_owned()
            }

            fn schema(definitions: &mut $crate::plan::form::Definitions) -> serde_json::Value {
                $crate::plan::scalar::words_schema(&[$($word),*], definitions)
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
