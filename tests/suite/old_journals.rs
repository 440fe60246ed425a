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
    let (mut state, mut halfway) = (State::default(), None);
    for (number, envelope) in journal.iter().enumerate() {
        told += timeline.lines(envelope).len();
        state.apply(&envelope.event, envelope.at);
        if number == journal.len() / 2 {
            let mut taken_over = state.clone();
            let by = Actor("somebody else".into());
            taken_over.apply(&Event::RunnerStarted { by }, envelope.at);
            halfway = Some(outstanding(&plan, &taken_over, envelope.at));
        }
    }
    let (came_to, next) = (rest(&state), halfway.unwrap());
    format!(
        "{file}: {} events told in {told} lines, {came_to}; taken over halfway, {} calls and {} polls are under way",
        journal.len(),
        next.calls.len(),
        next.polls.len()
    )
}

#[test]
fn journals_of_earlier_versions_are_read_as_they_were_meant() {
    let mut files: Vec<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    files.sort();
    assert!(files.len() >= 30, "journals are missing: {files:?}");
    let table: Vec<String> = files
        .iter()
        .map(|file| {
            let name = file.split('.').next().unwrap();
            let plan = read_plan(&repository().join("plans").join(format!("{name}.yaml")));
            read_back(&plan, &std::fs::read_to_string(folder().join(file)).unwrap(), file)
        })
        .collect();
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
