//! How a value looks in YAML when it is written back: on the line of its key, or on lines of its own below it. What is
//! written here is read back as it was, whatever a text contains.

use std::fmt::Display;

use serde_json::Value as Json;

/// A value as it stands under a key or a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// Behind it.
    Line(String),
    /// Below it, a step further in.
    Lines(Vec<String>),
}

impl Layout {
    /// With its key ahead.
    pub(super) fn under(self, key: &str) -> Vec<String> {
        match self {
            Self::Line(value) => vec![format!("{key}: {value}")],
            Self::Lines(lines) => {
                let below = lines.into_iter().map(|line| format!("  {line}"));
                [format!("{key}:")].into_iter().chain(below).collect()
            }
        }
    }

    /// As an item of a list, in as many lines as it takes.
    pub(super) fn item(self) -> Vec<String> {
        let lines = match self {
            Self::Line(value) => vec![value],
            Self::Lines(lines) => lines,
        };
        let mark = |(at, line)| format!("{} {line}", if at == 0 { "-" } else { " " });
        lines.into_iter().enumerate().map(mark).collect()
    }
}

/// A text, in quotes unless it can be taken for nothing else. `${` would be a parameter and is doubled.
pub(super) fn text(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        && !matches!(text, "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n")
        && text.parse::<f64>().is_err();
    if plain {
        return text.to_owned();
    }
    // What JSON writes in quotes YAML reads the same way.
    Json::from(text.replace("${", "$${")).to_string()
}

/// A list on one line.
pub(super) fn list(items: impl IntoIterator<Item = String>) -> String {
    format!("[{}]", items.into_iter().collect::<Vec<_>>().join(", "))
}

/// A mapping on one line.
pub(super) fn mapping<K: Display>(entries: impl IntoIterator<Item = (K, String)>) -> String {
    let entry = |(key, value)| format!("{key}: {value}");
    let entries: Vec<String> = entries.into_iter().map(entry).collect();
    if entries.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", entries.join(", ")) }
}

/// JSON on one line, which YAML reads the same way, without parameters.
pub(super) fn json(value: Json) -> Json {
    match value {
        Json::String(text) => text.replace("${", "$${").into(),
        Json::Array(items) => items.into_iter().map(json).collect(),
        Json::Object(map) => map.into_iter().map(|(key, value)| (key, json(value))).collect(),
        Json::Null | Json::Bool(_) | Json::Number(_) => value,
    }
}
