//! The single values of stages: which deployment serves, and what a canary's variables are.

use std::collections::BTreeMap;

use serde_json::json;

use super::{
    deployed::IN_VALUES,
    form::{Definitions, Form, entries},
    names::Member,
    problem::{Problem, enough},
    scalar::Literal,
    span::Spanned,
    tree::Node,
    yaml,
};

/// An id as API Gateway gives them: letters and digits.
pub(super) fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// Said of a candidate that a step makes. No id of AWS's is so long.
pub(super) const TO_BE: &str = "published";

/// The deployment that serves today.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Deployment {
    /// Whatever the stage serves.
    Serving,
    Named(Member),
}

impl Form for Deployment {
    const WHAT: &'static str = "`stage` or the id of a deployment";

    fn read(node: &Node, problems: &mut Vec<Problem>) -> Option<Self> {
        match node.scalar(Self::WHAT, problems)? {
            "stage" => Some(Self::Serving),
            id => {
                let id = Spanned::new(id.to_owned(), node.span);
                deployment(&id, problems).map(Self::Named)
            }
        }
    }

    fn write(&self) -> String {
        match self {
            Self::Serving => yaml::text("stage"),
            Self::Named(id) => yaml::text(id.as_str()),
        }
    }

    fn schema(definitions: &mut Definitions) -> serde_json::Value {
        String::schema(definitions)
    }
}

/// The deployment that this text is the id of.
pub(super) fn deployment(id: &Spanned<String>, problems: &mut Vec<Problem>) -> Option<Member> {
    if is_id(&id.value) {
        return Some(Member::new(id.value.as_str()));
    }
    let message = format!("`{}` cannot be the id of a deployment", id.value);
    problems.push(Problem::error("plan::member", message).at(id.span, "not possible").help(
        "write the `id` that `aws apigateway create-deployment` printed, or one of `aws apigateway get-deployments`",
    ));
    None
}

/// Stage variables, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Variables(pub BTreeMap<String, String>);

/// What the name of a stage variable looks like.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/stage-variables.html>
const NAME: &str = "^[A-Za-z0-9_]+$";

impl Form for Variables {
    const WHAT: &'static str = "a mapping of stage variables";

    fn read(node: &Node, problems: &mut Vec<Problem>) -> Option<Self> {
        let help = "write `variables: { alias: next }`";
        let mut variables = BTreeMap::new();
        for entry in entries(node, Self::WHAT, help, problems)? {
            if enough(problems) {
                return None;
            }
            let name = &entry.key.value;
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
                let message = format!("`{name}` cannot be the name of a stage variable");
                problems.push(
                    Problem::error("plan::stage-variable", message)
                        .at(entry.key.span, "not possible")
                        .help("use letters, digits and underscores"),
                );
                continue;
            }
            let Some(Literal(value)) = Literal::read(&entry.value, problems) else { continue };
            let allowed = |c: char| c.is_ascii_alphanumeric() || IN_VALUES.contains(c);
            if !(1..=512).contains(&value.len()) || !value.chars().all(allowed) {
                let message = format!("`{value}` cannot be the value of a stage variable");
                problems.push(
                    Problem::error("plan::stage-variable", message)
                        .at(entry.value.span, "not possible")
                        .help(format!("use letters, digits and {IN_VALUES}, at most 512")),
                );
                continue;
            }
            variables.insert(name.clone(), value);
        }
        Some(Self(variables))
    }

    fn write(&self) -> String {
        let entries = self.0.iter().map(|(name, value)| (yaml::text(name), yaml::text(value)));
        let entries: Vec<(String, String)> = entries.collect();
        yaml::mapping(entries.iter().map(|(name, value)| (name.as_str(), value.clone())))
    }

    fn schema(definitions: &mut Definitions) -> serde_json::Value {
        json!({
            "type": ["object", "null"],
            "propertyNames": { "pattern": NAME },
            "additionalProperties": Literal::schema(definitions),
        })
    }
}
