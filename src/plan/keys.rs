//! Which keys a mapping may have, as data: what is said of those that are unknown, missing or one too many, and how they
//! look as JSON schema. The mappings themselves are declared in the files of the forms, by `record!`.

use serde_json::{Map, Value as Json, json};

use super::{
    form::{Definitions, entries},
    problem::{Problem, did_you_mean, enough, listed},
    tree::{Entry, Node},
};

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

impl Need {
    pub(super) const fn is_chosen(self) -> bool {
        matches!(self, Self::Choice)
    }
}

/// What has become of a key when a mapping was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filling {
    Absent,
    Whole,
    Broken,
}

/// Whether nothing is broken and all is there that has to be, of a mapping whose keys became these, in their order.
pub(super) fn are_filled(record: &Record, keys: &[Filling]) -> bool {
    let of = |need: Need| {
        let own = record.fields.iter().zip(keys).filter(move |(field, _)| field.need == need);
        own.map(|(_, filling)| *filling)
    };
    let chosen = of(Need::Choice).filter(|filling| *filling != Filling::Absent).count();
    let required = usize::from(record.choice.is_some());
    keys.iter().all(|filling| *filling != Filling::Broken)
        && of(Need::Required).all(|filling| filling == Filling::Whole)
        && chosen == required
}

/// Reports unknown and missing keys, and more or fewer than one of a choice.
pub(super) fn check_keys(node: &Node, record: &Record, problems: &mut Vec<Problem>) {
    let keys = listed(record.fields.iter().map(|f| f.key));
    let first = record.fields.iter().find(|field| field.need == Need::Required);
    let begin = first.map(|field| format!("begin with `{}: ...`. ", field.key)).unwrap_or_default();
    let help = format!("{begin}{} It has {keys}.", record.doc.trim());
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
    let article = if noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    if is_keys(noun) { noun.to_owned() } else { format!("{article} {noun}") }
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

pub(super) fn schema_of(record: &Record, definitions: &mut Definitions) -> Json {
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
