//! The single values of routes: versions of functions and places of rules, each a number that a word may stand for.

use serde_json::json;

use super::{
    form::{Definitions, Form},
    names::Member,
    problem::Problem,
    scalar::Whole,
    tree::Node,
    yaml,
};

/// The number of a published version of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Published(pub Member);

impl Form for Published {
    const WHAT: &'static str = Whole::<1, 4_294_967_295>::WHAT;

    fn read(node: &Node, problems: &mut Vec<Problem>) -> Option<Self> {
        if node.scalar(Self::WHAT, problems)? == "$LATEST" {
            problems.push(
                Problem::error("plan::unpublished", "`$LATEST` is no published version")
                    .at(node.span, "changes with every upload, and cannot be split")
                    .help(
                        "write `published`, and a step `publish` for the route; or publish it with `aws lambda \
                         publish-version --function-name …`, and write the number that it prints",
                    ),
            );
            return None;
        }
        let number = Whole::<1, 4_294_967_295>::read(node, problems)?;
        Some(Self(Member::new(number.0.to_string())))
    }

    fn write(&self) -> String {
        self.0.to_string()
    }

    fn schema(definitions: &mut Definitions) -> serde_json::Value {
        Whole::<1, 4_294_967_295>::schema(definitions)
    }
}

/// The version of a function that is rolled out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NewVersion {
    Numbered(Published),
    /// A step publishes it.
    ToBe,
}

impl Form for NewVersion {
    const WHAT: &'static str = "the number of a version or `published`";

    fn read(node: &Node, problems: &mut Vec<Problem>) -> Option<Self> {
        match node.scalar(Self::WHAT, problems)? {
            "published" => Some(Self::ToBe),
            _ => Published::read(node, problems).map(Self::Numbered),
        }
    }

    fn write(&self) -> String {
        match self {
            Self::Numbered(number) => number.write(),
            Self::ToBe => yaml::text("published"),
        }
    }

    fn schema(definitions: &mut Definitions) -> serde_json::Value {
        let number = Published::schema(definitions);
        json!({ "anyOf": [number, { "const": "published" }] })
    }
}

/// The version of a function that serves today.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Serving {
    Alias,
    Version(Member),
}

impl Form for Serving {
    const WHAT: &'static str = "`alias` or the number of a version";

    fn read(node: &Node, problems: &mut Vec<Problem>) -> Option<Self> {
        match node.scalar(Self::WHAT, problems)? {
            "alias" => Some(Self::Alias),
            _ => Published::read(node, problems).map(|one| Self::Version(one.0)),
        }
    }

    fn write(&self) -> String {
        match self {
            Self::Alias => yaml::text("alias"),
            Self::Version(number) => number.to_string(),
        }
    }

    fn schema(definitions: &mut Definitions) -> serde_json::Value {
        let number = Published::schema(definitions);
        json!({ "anyOf": [number, { "const": "alias" }] })
    }
}

/// The place of a rule on its listener. AWS calls that of the default action `default`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Priority {
    Default,
    Rule(u32),
}

impl Form for Priority {
    const WHAT: &'static str = Whole::<1, 50_000>::WHAT;

    fn read(node: &Node, problems: &mut Vec<Problem>) -> Option<Self> {
        match node.scalar(Self::WHAT, problems)? {
            "default" => Some(Self::Default),
            _ => Whole::<1, 50_000>::read(node, problems).map(|priority| Self::Rule(priority.0)),
        }
    }

    fn write(&self) -> String {
        match self {
            Self::Default => yaml::text("default"),
            Self::Rule(priority) => priority.to_string(),
        }
    }

    fn schema(definitions: &mut Definitions) -> serde_json::Value {
        json!({ "anyOf": [Whole::<1, 50_000>::schema(definitions), { "const": "default" }] })
    }
}
