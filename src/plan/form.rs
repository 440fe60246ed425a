//! What can stand in a plan: how it is read, each mistake reported and the reading gone on with, how it is written back,
//! and how it looks as JSON schema. (serde would stop at the first mistake.) Here are lists, mappings of names, and what
//! stands under a key; mappings with keys of their own are declared by `record!`, single values are in `scalar.rs`.

use serde_json::{Map, Value as Json, json};

use super::{
    mismatch::{found, wrong_type},
    problem::{Problem, enough},
    span::{Span, Spanned},
    tree::{Entry, Node, Value},
    yaml::{self, Layout},
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

    /// Whether all of it could be read that has to be there. Of what is not, a problem told when it was read.
    fn is_whole(&self) -> bool {
        true
    }

    /// As YAML on one line, which reads back as the same.
    fn write(&self) -> String;

    /// As it stands in a plan that is written for people: on one line, unless it is a large part of it.
    fn lay_out(&self) -> Layout {
        Layout::Line(self.write())
    }

    fn schema(definitions: &mut Definitions) -> Json;
}

/// A list of what does not come from a file.
pub(super) fn unplaced<T>(items: impl IntoIterator<Item = T>) -> List<T> {
    items.into_iter().map(|item| Spanned::new(item, Span::default())).collect()
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

    fn is_whole(&self) -> bool {
        self.iter().all(|item| item.value.is_whole())
    }

    fn write(&self) -> String {
        yaml::list(self.iter().map(|item| item.value.write()))
    }

    /// Items that take lines of their own stand below one another.
    fn lay_out(&self) -> Layout {
        let items: Vec<Layout> = self.iter().map(|item| item.value.lay_out()).collect();
        if items.iter().any(|item| matches!(item, Layout::Lines(_))) {
            Layout::Lines(items.into_iter().flat_map(Layout::item).collect())
        } else {
            Layout::Line(self.write())
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
        let would_do = would_do(&name.value);
        let example = would_do.map(|name| format!("`{name}` would do: ")).unwrap_or_default();
        problems.push(Problem::error("plan::name", message).at(name.span, "this name").help(format!(
            "{example}use lower-case letters, digits and hyphens, at most 63, not beginning with a hyphen",
        )));
    }
}

/// The nearest name that is one.
fn would_do(name: &str) -> Option<String> {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let plain: String = name.chars().map(plain).collect();
    let words: Vec<&str> = plain.split('-').filter(|word| !word.is_empty()).collect();
    Some(words.join("-")).filter(|name| is_name(name))
}

/// A mapping whose keys are names a person chose, in the order written. A value that cannot be read keeps its name,
/// so that what refers to it is not called unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named<T>(pub Vec<(Spanned<String>, Option<T>)>);

impl<T> Named<T> {
    /// Those that do not come from a file.
    pub(super) fn of<N: AsRef<str>>(things: impl IntoIterator<Item = (N, T)>) -> Self {
        let named = |(name, thing): (N, T)| {
            (Spanned::new(name.as_ref().to_owned(), Span::default()), Some(thing))
        };
        Self(things.into_iter().map(named).collect())
    }

    fn read_ones(&self) -> impl Iterator<Item = (&str, &T)> {
        self.0.iter().filter_map(|(name, thing)| Some((name.value.as_str(), thing.as_ref()?)))
    }
}

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

    fn is_whole(&self) -> bool {
        self.0.iter().all(|(_, thing)| thing.as_ref().is_some_and(Form::is_whole))
    }

    /// Names go without quotes here, or digests would not stay what they are.
    fn write(&self) -> String {
        yaml::mapping(self.read_ones().map(|(name, thing)| (name, thing.write())))
    }

    fn lay_out(&self) -> Layout {
        let lines = |(name, thing): (&str, &T)| thing.lay_out().under(&yaml::text(name));
        Layout::Lines(self.read_ones().flat_map(lines).collect())
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

    fn is_whole(&self) -> bool {
        match self {
            Self::Short(short) => short.is_whole(),
            Self::Long(long) => long.is_whole(),
        }
    }

    fn write(&self) -> String {
        match self {
            Self::Short(short) => short.write(),
            Self::Long(long) => long.write(),
        }
    }

    fn schema(definitions: &mut Definitions) -> Json {
        json!({ "anyOf": [S::schema(definitions), L::schema(definitions)] })
    }
}

/// What stands under a key of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Slot<T> {
    Absent,
    /// It is there but could not be read, which has been reported.
    Broken,
    Given(Spanned<T>),
}

impl<T> Slot<T> {
    /// Of what does not come from a file.
    pub(super) fn of(value: T) -> Self {
        Self::Given(Spanned::new(value, Span::default()))
    }

    /// The same of what may be left out.
    pub(super) fn of_some(value: Option<T>) -> Self {
        value.map_or(Self::Absent, Self::of)
    }

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
pub(super) fn entries<'n>(
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
