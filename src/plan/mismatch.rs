//! What to say when something else stands where a value is wanted.

use super::{
    problem::Problem,
    tree::{Node, Style, Value},
};

pub(super) const WHOLE: &str = "a whole number";

/// What a person would say stands there.
pub(super) fn found(node: &Node) -> String {
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

pub(super) fn wrong_type(node: &Node, what: &str, problems: &mut Vec<Problem>) {
    if node.value != Value::Broken {
        let problem =
            Problem::error("plan::wrong-type", format!("expected {what}, found {}", found(node)))
                .at(node.span, format!("not {what}"));
        problems.push(match &node.value {
            Value::Scalar { text, .. } if node.looks_typed() && what.starts_with("text") => {
                problem.help(format!("put it in quotes: \"{text}\""))
            }
            Value::Scalar { text, style: Style::Quoted }
                if what.starts_with(WHOLE) && text.bytes().all(|b| b.is_ascii_digit()) =>
            {
                problem.help(format!("remove the quotes: {text}"))
            }
            _ if what.starts_with(WHOLE) => {
                problem.help("write digits and nothing else, such as `443`")
            }
            Value::Scalar { .. } | Value::List(_) | Value::Map(_) | Value::Broken => {
                problem.help(format!("write {what} here"))
            }
        });
    }
}

impl Node {
    /// Whether YAML takes this unquoted word for a number or a truth value.
    pub(super) fn looks_typed(&self) -> bool {
        match &self.value {
            Value::Scalar { text, style: Style::Plain } => {
                matches!(text.as_str(), "true" | "True" | "TRUE" | "false" | "False" | "FALSE")
                    || (text.parse::<f64>().is_ok() && text.contains(|c: char| c.is_ascii_digit()))
            }
            Value::Scalar { .. } | Value::List(_) | Value::Map(_) | Value::Broken => false,
        }
    }
}
