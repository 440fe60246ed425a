//! The walls: who may use whom. Reads the `use` lines and paths of every file and says file, line and rule. The other
//! two walls are `cargo check --no-default-features` and clippy's `disallowed-methods`.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use tidegate::cloud::{Access, Operation};

use crate::stage::repository;

/// What each module may use of the crate; nothing may use `cli`. A module may always use itself.
/// (Which characters steer a terminal, `printable.rs`, is known to all; it uses nothing.)
const ALLOWED: &[(&str, &[&str])] = &[
    ("plan", &[]),
    ("rollout", &["plan"]),
    ("journal", &["rollout", "plan"]),
    ("cloud", &["rollout", "plan"]),
    ("aws", &["cloud", "rollout", "plan"]),
    ("action", &["plan", "rollout", "cloud"]),
    ("judge", &[]),
    ("gate", &["plan", "rollout", "cloud", "judge"]),
    ("runner", &["rollout", "journal", "action", "gate", "cloud", "plan"]),
    ("report", &["plan", "rollout", "journal"]),
    ("testkit", &["cloud", "plan", "rollout"]),
    ("simulation", &["cloud", "plan", "rollout", "testkit", "journal", "runner"]),
];

/// Crates that may be named in one module only.
const ONLY_IN: &[(&str, &str)] = &[
    ("serde_saphyr", "plan/source"),
    ("aws_sdk_", "aws"),
    ("aws_config", "aws"),
    ("aws_smithy_", "aws"),
    ("http_body_util", "aws"),
    ("clap::", "cli"),
    ("anyhow::", "cli"),
    ("reqwest", "cloud/http.rs"),
    ("hyper_util", "cloud/http.rs"),
    ("indicatif", "cli/output.rs"),
];

pub(crate) fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

/// Files that a `#[cfg(test)] mod name;` brings in: tests may reach further than what they test.
pub(crate) fn is_test_file(path: &Path) -> bool {
    let name = path.file_stem().unwrap().to_string_lossy();
    let declaration = format!("#[cfg(test)]\nmod {name};");
    std::fs::read_to_string(path.with_file_name("mod.rs"))
        .is_ok_and(|text| text.contains(&declaration))
}

/// Every source file under src, as its path there and its lines with their numbers, comments and tests left out.
fn files() -> Vec<(String, Vec<(usize, String)>)> {
    let root = repository().join("src");
    let mut paths = Vec::new();
    sources(&root, &mut paths);
    paths.retain(|path| !is_test_file(path));
    let read = |path: PathBuf| {
        let name = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        let lines = code.lines().enumerate().map(|(i, line)| (i + 1, line.to_owned()));
        (name, lines.filter(|(_, line)| !line.trim_start().starts_with("//")).collect())
    };
    paths.into_iter().map(read).collect()
}

#[test]
fn modules_use_only_what_they_may() {
    let mut offences = Vec::new();
    for (name, lines) in files() {
        let module = name.split('/').next().unwrap();
        let Some((_, allowed)) = ALLOWED.iter().find(|(m, _)| *m == module) else {
            assert!(
                ["cli", "lib.rs", "main.rs", "printable.rs"].contains(&module),
                "{module} has no rule"
            );
            continue;
        };
        let mut in_group = false;
        for (number, line) in lines {
            // `use crate::{` opens a group whose lines each begin with a module.
            let starts = line.trim() == "use crate::{";
            let names: Vec<&str> = if in_group {
                vec![line.trim().trim_start_matches('{')]
            } else {
                line.split("crate::").skip(1).collect()
            };
            for used in names {
                let used: String =
                    used.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
                let is_module = ALLOWED.iter().any(|(m, _)| *m == used) || used == "cli";
                if is_module && used != module && !allowed.contains(&used.as_str()) {
                    offences.push(format!("src/{name}:{number}: {module} may not use {used}"));
                }
            }
            in_group = starts || (in_group && line.trim() != "};");
        }
    }
    assert!(offences.is_empty(), "{}", offences.join("\n"));
}

#[test]
fn a_crate_stays_behind_its_wall() {
    let mut offences = Vec::new();
    for (name, lines) in files() {
        for (number, line) in lines {
            for (krate, place) in ONLY_IN {
                if line.contains(krate) && !name.starts_with(place) {
                    offences.push(format!("src/{name}:{number}: {krate} belongs to {place}"));
                }
            }
        }
    }
    assert!(offences.is_empty(), "{}", offences.join("\n"));
}

#[test]
fn the_core_is_not_async_and_knows_no_clock() {
    let mut offences = Vec::new();
    for (name, lines) in files() {
        if !["plan/", "rollout/", "judge/"].iter().any(|core| name.starts_with(core)) {
            continue;
        }
        for (number, line) in lines {
            for word in
                ["async ", ".await", "tokio", "SystemTime", "Instant", "std::fs", "std::env"]
            {
                if line.contains(word) {
                    offences.push(format!("src/{name}:{number}: {word} in the pure core"));
                }
            }
        }
    }
    assert!(offences.is_empty(), "{}", offences.join("\n"));
}

/// `DescribeRules` of `describe_rules`.
fn in_camels(method: &str) -> String {
    let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
    method.split('_').map(capital).collect()
}

/// What is listed as called of AWS, by these words on it.
fn listed(is_meant: impl Fn(&Operation) -> bool) -> BTreeSet<String> {
    let all =
        Operation::ALL.iter().filter(|operation| operation.is_of_aws() && operation.is_called());
    all.filter(|operation| is_meant(operation)).map(ToString::to_string).collect()
}

#[test]
fn what_the_adapters_call_is_listed_once_and_all_that_is_listed_is_called() {
    let mut called = BTreeSet::new();
    for (name, lines) in files() {
        if !name.starts_with("aws/") {
            continue;
        }
        let text: String = lines.into_iter().map(|(_, line)| line).collect();
        let text: String = text.split_whitespace().collect();
        let methods = text.split("client.").skip(1).filter_map(|rest| rest.split_once("()"));
        let is_name = |c: char| c.is_ascii_lowercase() || c == '_';
        let methods: Vec<&str> =
            methods.map(|(method, _)| method).filter(|m| m.chars().all(is_name)).collect();
        let sent = text.matches(".send()").count();
        assert_eq!(methods.len(), sent, "calls this does not see in src/{name}");
        called.extend(methods.into_iter().map(in_camels));
        // What is put together by hand is made from the list.
        let by_hand = text.split("tally.clone(),Operation::").skip(1);
        called.extend(by_hand.filter_map(|rest| rest.split(')').next()).map(str::to_owned));
    }
    assert_eq!(called, listed(|_| true));
}

/// The operations that have a row in the table under a heading of ARCHITECTURE.md.
fn rows(heading: &str) -> BTreeSet<String> {
    let text = std::fs::read_to_string(repository().join("ARCHITECTURE.md")).unwrap();
    let section = text.split(heading).nth(1).unwrap_or_else(|| panic!("no `{heading}`"));
    let section = section.split("\n## ").next().unwrap();
    let cells = section.lines().filter_map(|line| line.strip_prefix("| `")?.split_once(" |"));
    let names = cells.flat_map(|(cell, _)| cell.split('`').map(str::to_owned).collect::<Vec<_>>());
    names.filter(|name| name.starts_with(|c: char| c.is_ascii_uppercase())).collect()
}

#[test]
fn the_table_of_what_makes_calls_fail_has_every_operation_and_no_other() {
    let (called, told) = (listed(|_| true), rows("## What would make a call fail"));
    assert_eq!(called.difference(&told).collect::<Vec<_>>(), [""; 0], "rows are missing");
    assert_eq!(told.difference(&called).collect::<Vec<_>>(), [""; 0], "nobody calls these");
}

#[test]
fn the_table_of_what_absence_means_has_every_operation_that_is_read() {
    let called = listed(|operation| operation.access() == Access::Reads);
    let told = rows("## What the absence of a field means");
    assert_eq!(called.difference(&told).collect::<Vec<_>>(), [""; 0], "rows are missing");
    assert_eq!(told.difference(&called).collect::<Vec<_>>(), [""; 0], "nobody reads these");
}

#[test]
fn every_file_says_why_it_exists_and_mod_files_only_re_export() {
    let mut offences = Vec::new();
    let root = repository().join("src");
    let mut paths = Vec::new();
    sources(&root, &mut paths);
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        let name = path.strip_prefix(&root).unwrap().display().to_string();
        if !text.starts_with("//!") {
            offences.push(format!("src/{name} does not open with why it exists"));
        }
        let logic = |line: &&str| {
            line.starts_with("pub fn") || line.starts_with("fn ") || line.starts_with("impl")
        };
        if name.ends_with("mod.rs") && text.lines().any(|line| logic(&line)) {
            offences.push(format!("src/{name} has more than re-exports"));
        }
        let length = code.lines().count();
        if length > 600 {
            offences.push(format!("src/{name} has {length} lines"));
        }
    }
    assert!(offences.is_empty(), "{}", offences.join("\n"));
}

/// Where a verb may be named outside `plan/`, and why.
const VERBS_IN: [(&str, &str); 3] = [
    ("report/words.rs", "what a step is called is written in this one place"),
    ("testkit/sample.rs", "makes a plan for tests"),
    ("cli/command/dispatch.rs", "another `Verb`: a command of the command line"),
];

#[test]
fn what_a_verb_means_is_read_from_its_conduct() {
    let mut offences = Vec::new();
    for (name, lines) in files() {
        if name.starts_with("plan/") || VERBS_IN.iter().any(|(file, _)| name == *file) {
            continue;
        }
        for (number, line) in lines {
            let is_verb = |(at, _): (usize, &str)| !line[..at].ends_with(char::is_alphanumeric);
            if line.match_indices("Verb::").any(is_verb) {
                offences.push(format!("src/{name}:{number}: {}", line.trim()));
            }
        }
    }
    assert!(offences.is_empty(), "read `Step::conduct` instead:\n{}", offences.join("\n"));
}
