//! Journals outlive the program that wrote them: those under tests/fixtures/journals were written by earlier tidegates,
//! and are read, told and gone on with as their writers would have. They are never written anew; `write_journals` adds
//! those of plans that have none yet.

use std::path::PathBuf;

use tidegate::{
    journal::Envelope,
    plan::{OnFailure, Plan},
    report::{Style, Timeline},
    rollout::{Actor, Event, State, outstanding, settled},
    simulation::Scenario,
    testkit::Faults,
};

use crate::stage::{plans, play, read_plan, read_scenario, repository, rest};

fn folder() -> PathBuf {
    repository().join("tests/fixtures/journals")
}

/// The ends that a run of each plan can come to.
const ENDS: [&str; 3] = ["promoted", "rolled-back", "held"];

fn played(plan: &Plan, end: &str) -> Vec<Envelope> {
    let mut plan = plan.clone();
    let bad = read_scenario(&repository().join("plans/scenarios/candidate-errors.yaml"));
    let scenario = match end {
        "promoted" => Scenario::default(),
        "held" => {
            plan.on_failure = OnFailure::Hold;
            bad
        }
        _ => bad,
    };
    play(&plan, &scenario, &Faults::none(), None).journal
}

#[test]
#[ignore = "adds journals of plans that have none; those that are there stay"]
fn write_journals() {
    std::fs::create_dir_all(folder()).unwrap();
    for path in plans() {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        for end in ENDS {
            let file = folder().join(format!("{name}.{end}.jsonl"));
            if !file.exists() {
                let journal = played(&read_plan(&path), end);
                let lines: Vec<String> =
                    journal.iter().map(|envelope| envelope.to_line().unwrap() + "\n").collect();
                std::fs::write(file, lines.concat()).unwrap();
            }
        }
    }
}

/// A journal and what is made of it: how it was told, what it came to, and what whoever takes it over has under way.
fn read_back(plan: &Plan, text: &str, file: &str) -> String {
    let journal: Vec<Envelope> =
        text.lines().map(|line| Envelope::from_line(line, file).unwrap()).collect();
    let Event::RunStarted { bindings, .. } = &journal[0].event else {
        panic!("{file} begins late")
    };
    let plan = settled(plan, bindings);
    let mut timeline = Timeline::new(&plan, Style::PLAIN);
    let mut told = 0;
    let mut state = State::default();
    for envelope in &journal {
        told += timeline.lines(envelope).len();
        state.apply(&envelope.event, envelope.at);
    }
    let at = journal.last().unwrap().at;
    let came_to = rest(&state);
    state.apply(&Event::RunnerStarted { by: Actor("somebody else".into()) }, at);
    let next = outstanding(&plan, &state, at);
    format!(
        "{file}: {} events told in {told} lines, {came_to}; {} calls and {} polls under way",
        journal.len(),
        next.calls.len(),
        next.polls.len()
    )
}

#[test]
fn journals_of_earlier_versions_are_read_as_they_were_meant() {
    let mut table = Vec::new();
    for path in plans() {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        for end in ENDS {
            let file = format!("{name}.{end}.jsonl");
            let text = std::fs::read_to_string(folder().join(&file)).unwrap_or_else(|_| {
                panic!("{file} is missing: run the ignored test write_journals")
            });
            table.push(read_back(&read_plan(&path), &text, &file));
        }
    }
    insta::assert_snapshot!(table.join("\n"));
}

/// Approvals, locks and attempts are held to a plan's digest.
#[test]
fn the_digest_of_a_shipped_plan_stays_what_it_is() {
    let digests = plans().into_iter().map(|path| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        format!("{name}: {}", read_plan(&path).digest)
    });
    insta::assert_snapshot!(digests.collect::<Vec<_>>().join("\n"));
}
