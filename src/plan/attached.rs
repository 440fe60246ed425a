//! Files that a plan names and that belong to it: events for functions. The language does no IO, so whoever reads a plan asks
//! [`files_named`] which they are, reads them, and hands them over with the text ([`SourceFile::with`]). They are taken in
//! right after the parameters, ahead of all checks: what is missing, is no event or is too much is told at the key that names it, and a
//! plan that was written back has no files any more, only what stood in them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json};

use super::{
    params,
    problem::{Problem, enough, shortened},
    source::parse,
    span::{SourceFile, Span},
    tree::{Node, Value},
};

/// Bytes of one file. Queues and buses send no larger events.
pub const MOST_OF_FILE: usize = 256 * 1024;
/// Bytes of all files of a plan together, one counted as often as it is named.
pub const MOST_OF_FILES: usize = 512 * 1024;

/// The events in the files of a plan, by the name that the plan gives.
pub(super) type Attached = BTreeMap<String, Map<String, Json>>;

/// The files that a plan names, relative to the folder in which it stands, as far as it can be read.
pub fn files_named(source: &SourceFile, params: &BTreeMap<String, String>) -> BTreeSet<String> {
    let mut problems = Vec::new();
    let Some(mut root) = parse(source, &mut problems) else { return BTreeSet::new() };
    params::fill_in(&mut root, params, &mut problems);
    let named = mentions(&mut root).into_iter().filter_map(|node| name(node));
    named.filter(|name| is_beside(name)).collect()
}

/// Takes the files in. One that is not as it should be is told of, and whoever reads its name after that stays silent.
pub(super) fn take_in(
    root: &mut Node,
    source: &SourceFile,
    problems: &mut Vec<Problem>,
) -> Attached {
    let (mut attached, mut bytes) = (Attached::new(), 0_usize);
    for node in mentions(root) {
        let Some(name) = name(node) else { continue };
        if enough(problems) {
            node.value = Value::Broken;
            continue;
        }
        let text = match text(source, &name, node.span) {
            Ok(text) => text,
            Err(problem) => {
                problems.push(problem);
                node.value = Value::Broken;
                continue;
            }
        };
        bytes = bytes.saturating_add(text.len());
        let taken = if bytes > MOST_OF_FILES {
            Err(too_much(node.span))
        } else if attached.contains_key(&name) {
            continue;
        } else {
            event(text, &name, node.span)
        };
        match taken {
            Ok(event) => {
                attached.insert(name, event);
            }
            Err(problem) => {
                problems.push(problem);
                node.value = Value::Broken;
            }
        }
    }
    attached
}

/// Every place of the tree where a file belongs: `gates.*.invoke.events[].file`.
fn mentions(root: &mut Node) -> Vec<&mut Node> {
    let gates = under(root, "gates").into_iter().flat_map(children);
    let events = gates
        .filter_map(|gate| under(gate, "invoke"))
        .filter_map(|invoke| under(invoke, "events"))
        .flat_map(children);
    events.filter_map(|event| under(event, "file")).collect()
}

fn under<'n>(node: &'n mut Node, key: &str) -> Option<&'n mut Node> {
    match &mut node.value {
        Value::Map(entries) => {
            entries.iter_mut().find(|entry| entry.key.value == key).map(|entry| &mut entry.value)
        }
        Value::Scalar { .. } | Value::List(_) | Value::Broken => None,
    }
}

fn children(node: &mut Node) -> Vec<&mut Node> {
    match &mut node.value {
        Value::Map(entries) => entries.iter_mut().map(|entry| &mut entry.value).collect(),
        Value::List(items) => items.iter_mut().collect(),
        Value::Scalar { .. } | Value::Broken => Vec::new(),
    }
}

/// What is no text is for the form to refuse.
fn name(node: &Node) -> Option<String> {
    match &node.value {
        Value::Scalar { text, .. } if !node.is_null() && !node.looks_typed() => Some(text.clone()),
        Value::Scalar { .. } | Value::List(_) | Value::Map(_) | Value::Broken => None,
    }
}

/// A plan that names places of one machine works on no other.
fn is_beside(name: &str) -> bool {
    !name.trim().is_empty() && !name.starts_with(['/', '~']) && !name.contains('\0')
}

fn text<'s>(source: &'s SourceFile, name: &str, at: Span) -> Result<&'s str, Problem> {
    let told = shortened(name);
    if !is_beside(name) {
        return Err(Problem::error("plan::file", format!("`{told}` is no file beside a plan"))
            .at(at, "a path from the folder of the plan belongs here")
            .help("put the file beside the plan and write its name, such as `events/order.json`"));
    }
    let text = match source.file(name) {
        Some(Ok(text)) => text,
        Some(Err(why)) => {
            return Err(Problem::error("plan::file", format!("cannot read `{told}`: {why}"))
                .at(at, "named here")
                .help("paths begin at the folder in which the plan stands"));
        }
        None => {
            return Err(Problem::error("plan::file", format!("`{told}` is not there"))
                .at(at, "named here")
                .help("it has to be kept with the plan; a run's journal has its own copy, `files.json`"));
        }
    };
    if text.len() <= MOST_OF_FILE {
        return Ok(text);
    }
    let most = MOST_OF_FILE / 1_024;
    Err(Problem::error("plan::file", format!("`{told}` is larger than {most} KiB"))
        .at(at, "named here")
        .help("no queue or bus sends an event as large as that; keep what tells most"))
}

fn too_much(at: Span) -> Problem {
    let most = MOST_OF_FILES / 1_024;
    Problem::error("plan::file", format!("the files are larger than {most} KiB together"))
        .at(at, "counted up to here, a file as often as it is named")
        .help("send fewer or smaller events; a run's journal keeps all of them")
}

fn event(text: &str, name: &str, at: Span) -> Result<Map<String, Json>, Problem> {
    let name = shortened(name);
    match serde_json::from_str(text) {
        Ok(Json::Object(event)) => Ok(event),
        Ok(other) => {
            let found = match other {
                Json::Array(_) => "a list",
                Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => "a single value",
                Json::Object(_) => "a mapping",
            };
            Err(Problem::error("plan::file", format!("`{name}` holds {found}, and no event"))
                .at(at, "a JSON mapping belongs into this file")
                .help("a file holds one event: `{ \"path\": \"/health\" }`; several are several files"))
        }
        Err(error) => Err(Problem::error("plan::file", format!("`{name}` is no JSON: {error}"))
            .at(at, "named here")
            .help(
                "a file holds one event, a JSON mapping, as `sam local generate-event` writes it",
            )),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::plan::{GateKind, Plan, Problems, expand_to_yaml, read};

    fn text(events: &str) -> String {
        format!(
            "tidegate: 1\nname: x\nparams: {{ dir: {{ default: events }} }}\nroutes:\n  \
             fn: {{ lambda: {{ function: f, alias: live, candidate: 2 }} }}\n\
             gates: {{ g: {{ invoke: {{ route: fn, events: [{events}] }} }} }}\nsteps:\n  - probe: g\n  \
             - shift: {{ route: fn, candidate: 100%, bake: 10m, gates: [g] }}\n"
        )
    }

    fn with(events: &str, files: &[(&str, Result<&str, &str>)]) -> Result<Plan, Problems> {
        let files = files.iter().map(|(name, text)| {
            ((*name).to_owned(), text.map(str::to_owned).map_err(str::to_owned))
        });
        let source = SourceFile::new("p.yaml", text(events)).with(files.collect());
        read(&source, &BTreeMap::new()).map(|checked| checked.plan)
    }

    const NAMED: &str = "{ file: '${dir}/a.json', expect: { status: 200 } }";

    #[test]
    fn an_event_from_a_file_is_the_same_plan_as_one_that_is_written_out() {
        let source = SourceFile::new("p.yaml", text(NAMED));
        let named = files_named(&source, &BTreeMap::new());
        assert_eq!(named, BTreeSet::from(["events/a.json".to_owned()]));
        let other = BTreeMap::from([("dir".to_owned(), "x".to_owned())]);
        assert_eq!(files_named(&source, &other), BTreeSet::from(["x/a.json".to_owned()]));
        let content = r#"{ "id": 7, "note": "${dir} stands for itself", "n": null }"#;
        let plan = with(NAMED, &[("events/a.json", Ok(content))]).unwrap();
        let GateKind::Invoke(gate) = &plan.gates["g"].kind else { panic!("{:?}", plan.gates) };
        assert_eq!(
            json!(gate.events[0].payload),
            json!({ "id": 7, "note": "${dir} stands for itself", "n": null })
        );
        let inline = "{ payload: { id: 7, note: '$${dir} stands for itself', n: }, expect: { status: 200 } }";
        assert_eq!(with(inline, &[]).unwrap().digest, plan.digest);
        let again = SourceFile::new("expanded.yaml", expand_to_yaml(&plan));
        assert_eq!(read(&again, &BTreeMap::new()).unwrap().plan.digest, plan.digest);
        let other = with(NAMED, &[("events/a.json", Ok(r#"{ "id": 8 }"#))]).unwrap();
        assert_ne!(other.digest, plan.digest, "the content decides");
    }

    #[test]
    fn a_file_that_is_no_event_is_told_at_the_key_that_names_it() {
        let told = |files: &[(&str, Result<&str, &str>)]| {
            let problems = with(NAMED, files).unwrap_err();
            let problem = problems.iter().next().unwrap();
            assert_eq!((problems.len(), problem.code), (1, "plan::file"));
            let at = problem.labels[0].span;
            assert_eq!(&text(NAMED)[at.start..at.end], "'${dir}/a.json'");
            problem.message.clone()
        };
        assert_eq!(told(&[]), "`events/a.json` is not there");
        let a = "events/a.json";
        assert_eq!(told(&[(a, Err("is a folder"))]), "cannot read `events/a.json`: is a folder");
        assert!(
            told(&[(a, Ok("{ id: 7 }"))]).contains("is no JSON: key must be a string at line 1")
        );
        assert_eq!(told(&[(a, Ok("[{}]"))]), "`events/a.json` holds a list, and no event");
        assert_eq!(told(&[(a, Ok("7"))]), "`events/a.json` holds a single value, and no event");
        let large = format!("{{\"x\": \"{}\"}}", "y".repeat(MOST_OF_FILE));
        assert_eq!(told(&[(a, Ok(&large))]), "`events/a.json` is larger than 256 KiB");
    }

    #[test]
    fn files_are_bounded_as_often_as_they_are_named() {
        let content = format!("{{\"x\": \"{}\"}}", "y".repeat(200 * 1024));
        let files = [("events/a.json", Ok(content.as_str()))];
        assert!(with(&[NAMED; 2].join(", "), &files).is_ok());
        let problems = with(&[NAMED; 50].join(", "), &files).unwrap_err();
        let told: Vec<_> = problems.iter().map(|it| it.message.as_str()).collect();
        assert!(told.contains(&"the files are larger than 512 KiB together"), "{told:?}");
    }

    #[test]
    fn only_files_beside_the_plan_are_named() {
        for wrong in ["/etc/passwd", "~/event.json", "' '"] {
            let event = format!("{{ file: {wrong} }}");
            let source = SourceFile::new("p.yaml", text(&event));
            assert_eq!(files_named(&source, &BTreeMap::new()), BTreeSet::new(), "{wrong}");
            let problems = with(&event, &[("/etc/passwd", Ok("{}"))]).unwrap_err();
            assert!(problems.iter().all(|it| it.code == "plan::file"), "{wrong}: {problems:?}");
        }
        let codes = |events: &str| -> Vec<_> {
            with(events, &[]).unwrap_err().iter().map(|it| it.code).collect()
        };
        assert_eq!(codes("{ file: 7 }"), ["plan::wrong-type"]);
        assert_eq!(codes("{ file: a.json, payload: {} }"), ["plan::file", "plan::ambiguous"]);
        assert_eq!(codes("{ name: x }"), ["plan::missing-field"]);
    }
}
