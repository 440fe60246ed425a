//! Every way on which a text of somebody else reaches the operator's terminal, driven through the real binary: none of
//! them may carry a control character, turn the direction of a line, or begin a line of its own.

use std::process::Command;

use tempfile::TempDir;
use tidegate::{
    journal::{Envelope, Files, RunId, Store},
    plan::PlanName,
    printable::is_steering,
    rollout::{Actor, Event, Target, Timestamp},
};

use crate::stage::{repository, wait_for};

/// A title, a cleared screen, the same by C1, a line turned around, a colour, and a forged line.
const FOREIGN: &str = "x\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}2J\u{202e}drow\u{2066}\u{1b}[31m\r\nnote: forged\nerror: forged";

/// The same as YAML and JSON write it.
fn quoted(text: &str) -> String {
    tidegate::printable::json(&serde_json::to_string(text).unwrap())
}

struct Stage {
    folder: TempDir,
    paths: usize,
}

impl Stage {
    fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    /// Both outputs, which carry nothing that steers, in every form of them.
    fn told(&mut self, args: &[&str]) -> String {
        let mut all = String::new();
        for form in [&[][..], &["-o", "json"], &["--color", "always"]] {
            let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
            command.current_dir(repository()).env_remove("AWS_ENDPOINT_URL");
            command.env("TIDEGATE_JOURNAL", self.folder.path().join("journal"));
            let output = command.env("TIDEGATE_ACTOR", FOREIGN).args(args).args(form).output();
            let output = output.unwrap();
            let text = [output.stdout, output.stderr].concat();
            let text = String::from_utf8(text).expect("UTF-8");
            let plain = without_colours(&text);
            let steers = plain.chars().find(|c| is_steering(*c) && *c != '\n' && *c != '\t');
            assert_eq!(steers, None, "{args:?} {form:?}: {plain:?}");
            let colours = text.len() - plain.len();
            assert!(colours == 0 || form.contains(&"always"), "{args:?} {form:?}: {text:?}");
            let forged = plain
                .lines()
                .find(|line| line.starts_with("note: forged") || line.starts_with("error: forged"));
            assert_eq!(forged, None, "{args:?} {form:?}: {plain}");
            assert_ne!(output.status.code(), Some(101), "{args:?} {form:?}: {plain}");
            self.paths += 1;
            all += &plain;
        }
        all
    }
}

fn without_colours(text: &str) -> String {
    let mut pieces = text.split("\u{1b}[");
    let mut plain = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let rest = piece.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';');
        if let Some(rest) = rest.strip_prefix('m') {
            plain += rest;
        } else {
            plain.push_str("\u{1b}[");
            plain.push_str(piece);
        }
    }
    plain
}

const HEAD: &str = "tidegate: 1\nname: shop\n\
    routes: { web: { alb: { load-balancer: lb, port: 443, pair: [blue, green] } } }\n\
    fleets: { app: { autoscaling: { pair: [app-blue, app-green] }, behind: web } }\n";

#[test]
#[expect(clippy::too_many_lines, reason = "a list of every path")]
fn no_foreign_text_steers_the_terminal_on_any_path() {
    let mut stage = Stage { folder: tempfile::tempdir().unwrap(), paths: 0 };
    let foreign = quoted(FOREIGN);

    // What a plan holds: names of AWS things, messages, commands, parameters.
    let named = format!(
        "{HEAD}params: {{ p: {{}} }}\n\
         gates: {{ alarms: {{ alarms: {{ names: [{foreign}, \"a${{p}}\"] }} }}, said: {{ lambda: {{ function: verify }} }} }}\n\
         steps:\n- shift: {{ route: web, candidate: 5%, bake: 1m, gates: [alarms] }}\n\
         - approve: {{ message: {foreign} }}\n- probe: said\n"
    );
    let named = stage.file("named.yaml", &named);
    let param = format!("p={FOREIGN}");
    for verb in [
        &["check"][..],
        &["plan", "--simulate"],
        &["plan", "--expand"],
        &["run", "--simulate"],
        &["gate", "test", "--simulate"],
    ] {
        stage.told(&[verb, &[&named, "-p", &param]].concat());
    }
    for key in ["load-balancer: LB", "pair: [LB, green]"] {
        let plan = HEAD.replace(
            &key.replace("LB", if key.starts_with("pair") { "blue" } else { "lb" }),
            &key.replace("LB", &foreign),
        );
        let plan = stage.file(
            "thing.yaml",
            &format!("{plan}steps: [shift: {{ route: web, candidate: 5%, bake: 1m }}]\n"),
        );
        stage.told(&["plan", &plan, "--simulate"]);
        stage.told(&["run", &plan, "--simulate"]);
    }
    let expanded = stage.told(&["plan", &named, "-p", &param, "--expand"]);
    assert!(expanded.contains("\\u009b") && expanded.contains("\\u202e"), "{expanded}");

    // What is wrong with a plan: messages, help and excerpts.
    for (name, text) in [
        ("key.yaml", format!("{HEAD}{foreign}: 1\nsteps: []\n")),
        ("word.yaml", format!("{HEAD}on-failure: {foreign}\nsteps: [{{ pause: {foreign} }}]\n")),
        ("name.yaml", format!("tidegate: 1\nname: {foreign}\nsteps: [{{ {foreign}: 1 }}]\n")),
        (
            "raw.yaml",
            "tidegate: 1\nname: \u{9b}2J\u{202e}\u{7f}x # \u{2066}\u{9b}\nsteps: 1\n".to_owned(),
        ),
        ("tag.yaml", "tidegate: !\u{9b}2J 1\n".to_owned()),
        (
            "gate.yaml",
            format!(
                "{HEAD}gates: {{ g: {{ http: {{ url: {foreign} }} }} }}\nsteps: [probe: {foreign}]\n"
            ),
        ),
        (
            "params.yaml",
            format!(
                "{HEAD}params: {{ p: {{ pattern: a }} }}\nsteps: [{{ pause: \"${{p}}${{q\\u009b}}\" }}]\n"
            ),
        ),
    ] {
        let plan = stage.file(name, &text);
        stage.told(&["check", &plan, "-p", &param]);
        stage.told(&["run", &plan, "--simulate"]);
    }

    // Names of files and folders, and what is typed.
    let odd = stage.file(
        "a\u{1b}]0;x\u{7}\u{9b}2J\u{202e}\nnote: forged.yaml",
        &format!("{HEAD}steps: [pause: 1m]\n"),
    );
    let wrong = stage.file("b\u{1b}]0;x\u{7}\u{9b}2J\u{202e}\nnote: forged.yaml", "name: 1\n");
    let scenario = stage.file(
        "c\u{1b}[2J\u{9b}\nnote: forged",
        &format!("operators: [{{ at: 1m, do: {foreign} }}]"),
    );
    for file in [&odd, &wrong, "no\u{1b}[2J\u{9b}\nnote: forged"] {
        stage.told(&["check", file]);
        stage.told(&["run", file, "--simulate"]);
        stage.told(&["judge", "--mode", "kayenta", file]);
        stage.told(&["run", &odd, "--simulate", "--scenario", file]);
        stage.told(&["--journal", file, "status"]);
        stage.told(&["--journal", file, "history"]);
    }
    stage.told(&["run", &odd, "--simulate", "--scenario", &scenario]);
    stage.told(&["status", FOREIGN]);
    stage.told(&["gate", "test", &named, "-p", &param, "--gate", FOREIGN, "--simulate"]);

    // What others say while a run is under way.
    let simulated = format!(
        "sides: {{ stable: {{ policies: [{foreign}], schedule: [{{ name: {foreign}, at: 1m, desired: 5 }}] }} }}\n\
         function: {{ outcome: fail, because: {foreign} }}\n\
         operators: [{{ at: asked + 1m, do: approve, by: {foreign}, reason: {foreign} }}, {{ at: 30s, do: resume, by: {foreign} }}]\n\
         marks: [{{ run: {foreign}, owner: {foreign}, journal: {foreign}, seen: 1h }}]\n"
    );
    let said = stage.file("said.yaml", &simulated);
    let error = stage.file("error.yaml", &format!("function: {{ error: {foreign} }}\n"));
    let fresh = stage.file("fresh.yaml", &simulated.replace("seen: 1h", "seen: 10s"));
    let denied = stage.file("test.yaml", &format!("no-test-route: {foreign}\n"));
    let simple = stage.file(
        "simple.yaml",
        &format!(
            "{HEAD}gates: {{ said: {{ lambda: {{ function: verify }} }} }}\nsteps:\n\
             - shift: {{ route: web, candidate: 5%, bake: 1m }}\n- approve: {{ message: {foreign} }}\n- probe: said\n"
        ),
    );
    let tested = stage.file(
        "tested.yaml",
        &format!(
            "{HEAD}gates: {{ up: {{ http: {{ url: 'http://up/', headers: {{ x-test: '1' }} }} }} }}\n\
             strategy: {{ blue-green: {{ route: web, bake: 1m, test: up, test-header: {{ name: x-test, value: '1' }} }} }}\n"
        ),
    );
    for scenario in [&said, &error, &fresh, &denied] {
        for plan in [&simple, &tested] {
            for verb in [&["run"][..], &["plan"], &["gate", "test"]] {
                stage.told(&[verb, &[plan, "--simulate", "--scenario", scenario]].concat());
            }
        }
    }

    // The same again from a journal.
    journaled(&mut stage, &simple, &said);
    println!("printable: {} outputs of the binary carry nothing foreign that steers", stage.paths);
}

/// What a run of this plan journaled, and events that hold whatever a text can stand in.
fn journaled(stage: &mut Stage, plan: &str, scenario: &str) {
    let args = ["run", plan, "--simulate", "--scenario", scenario, "-o", "json"];
    let output = Command::new(env!("CARGO_BIN_EXE_tidegate")).args(args).output().unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    let files = Files::new(stage.folder.path().join("journal"));
    let run = RunId::new(&PlanName::new("shop"), Timestamp::from_millis(1_769_874_302_000), 1);
    wait_for(Store::new(files.clone()).create(&run, &std::fs::read_to_string(plan).unwrap()))
        .unwrap();
    let mut events: Vec<Event> = lines
        .lines()
        .filter_map(|line| Envelope::from_line(line, "run").ok())
        .map(|envelope| envelope.event)
        .collect();
    assert!(events.len() > 5, "{lines}");
    assert!(lines.contains("\\u009b"), "the run met what is foreign: {lines}");
    events.retain(|event| !matches!(event, Event::RunEnded { .. }));
    let text = || FOREIGN.to_owned();
    let target = Target::Route(tidegate::plan::RouteName::new("web"));
    events.push(Event::CommandRefused { by: Actor(text()), command: text(), refusal: text() });
    events.push(Event::AttentionNeeded { target, problem: text(), hint: text(), found: None });
    let mut seq = tidegate::journal::Seq::FIRST;
    for (event, at) in events.into_iter().zip(0..) {
        let at = Timestamp::from_millis(1_769_874_302_000 + at * 1_000);
        wait_for(Store::new(files.clone()).append(&Envelope::new(run.clone(), seq, at, event)))
            .unwrap();
        seq = seq.next();
    }
    for args in [&["status"][..], &["history"], &["history", "shop"], &["pause"], &["status"]] {
        let told = stage.told(args);
        assert!(!told.contains("no runs"), "{told}");
    }
    for event in std::fs::read_dir(files.folder(&run).join("events")).unwrap() {
        let text = std::fs::read_to_string(event.unwrap().path()).unwrap();
        assert!(!text.trim_end().contains(is_steering), "read with cat: {text:?}");
    }
    let last = files.folder(&run).join("events").join("000001.json");
    std::fs::write(last, format!("{{\"{FOREIGN}")).unwrap();
    for args in [&["status"][..], &["history"], &["history", "shop"], &["resume"], &["abort"]] {
        stage.told(args);
    }
}
