//! Every plan in plans/ with every scenario, through the real binary: each scenario's comment names the exit code it
//! leads to, and the simulated cloud must have nothing to object to.

use std::{
    path::Path,
    process::{Command, Output},
};

use crate::stage::{plans, repository, scenarios};

fn simulate(plan: &Path, scenario: Option<&Path>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.current_dir(repository()).arg("run").arg(plan).arg("--simulate");
    if let Some(scenario) = scenario {
        command.arg("--scenario").arg(scenario);
    }
    command.output().unwrap()
}

/// The exit codes a scenario's opening comment promises.
fn promised(scenario: &Path) -> Vec<i32> {
    let text = std::fs::read_to_string(scenario).unwrap();
    let comment: String = text
        .lines()
        .take_while(|line| line.starts_with('#'))
        .flat_map(|line| [line.trim_start_matches("# "), " "])
        .collect();
    let codes = comment.split("exit code ").skip(1);
    codes
        .map(|rest| rest.chars().take_while(char::is_ascii_digit).collect::<String>())
        .filter_map(|c| c.parse().ok())
        .collect()
}

#[test]
fn every_scenario_ends_as_its_comment_says_with_every_plan() {
    let mut stories = 0;
    for plan in plans() {
        for scenario in scenarios() {
            let promised = promised(&scenario);
            assert!(!promised.is_empty(), "{} promises no exit code", scenario.display());
            let output = simulate(&plan, Some(&scenario));
            let code = output.status.code().unwrap();
            let talk = String::from_utf8_lossy(&output.stderr);
            let told = String::from_utf8_lossy(&output.stdout);
            let story = format!("{} with {}\n{told}{talk}", plan.display(), scenario.display());
            assert!(promised.contains(&code), "exit {code}, promised {promised:?}: {story}");
            assert!(!talk.contains("objects"), "{story}");
            stories += 1;
        }
    }
    println!("scenarios: {stories} stories");
}

#[test]
fn without_a_scenario_every_plan_is_promoted() {
    for plan in plans() {
        let output = simulate(&plan, None);
        let talk = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{}: {talk}", plan.display());
    }
}

#[test]
fn a_simulation_tells_the_same_story_every_time() {
    let plan = repository().join("plans/canary-alb.yaml");
    let scenario = repository().join("plans/scenarios/candidate-errors.yaml");
    let first = simulate(&plan, Some(&scenario));
    assert_eq!(first.stdout, simulate(&plan, Some(&scenario)).stdout);
}
