//! The same artifact tried again: what an earlier run found of it is a fact of the next one, as long as it is the same
//! artifact.

use std::collections::BTreeMap;

use tidegate::{
    journal::Envelope,
    plan::{GateName, Plan, SourceFile},
    report::{Style, Timeline},
    rollout::{Attempts, Check, Event, Outcome, PastRun, Reading, attempts},
    simulation::Scenario,
    testkit::Faults,
};

use crate::stage::{End, play, play_again, rest};

fn plan(version: &str) -> Plan {
    watched(version, "", "[judge]")
}

fn watched(version: &str, other: &str, gates: &str) -> Plan {
    let text = format!(
        "tidegate: 1\nname: shop\n\
         routes: {{ web: {{ alb: {{ load-balancer: lb, port: 443, pair: [blue, green] }} }} }}\n\
         fleets: {{ app: {{ autoscaling: {{ pair: [app-blue, app-green] }}, behind: web }} }}\n\
         gates: {{ judge: {{ compare: {{ route: web, deadline: 20m, artifact: \"{version}\" }} }}{other} }}\n\
         steps:\n\
         - scale: {{ fleet: app, side: candidate, to: {{ same-as: stable }} }}\n\
         - wait: {{ until: {{ healthy: {{ route: web, side: candidate }} }} }}\n\
         - shift: {{ route: web, candidate: 50%, bake: 10m, gates: {gates}, timeout: 25m }}\n"
    );
    tidegate::plan::read(&SourceFile::new("shop.yaml", text), &BTreeMap::new()).unwrap().plan
}

fn scenario(text: &str) -> Scenario {
    tidegate::plan::read_document(&SourceFile::new("scenario.yaml", text)).unwrap()
}

fn past(run: &str, end: &End) -> PastRun {
    PastRun::of(run, end.journal.iter().map(|envelope| &envelope.event)).unwrap()
}

fn told(end: &End, plan: &Plan) -> String {
    let mut timeline = Timeline::new(plan, Style::PLAIN);
    let lines = |envelope: &Envelope| timeline.lines(envelope).join("\n");
    end.journal.iter().map(lines).collect::<Vec<_>>().join("\n")
}

/// The last word of the gate.
fn judged(end: &End) -> &Reading {
    let of_judge = |envelope: &'_ Envelope| match &envelope.event {
        Event::Read { check: Check::Gate(gate), .. } => gate.as_str() == "judge",
        _ => false,
    };
    let last = end.journal.iter().rfind(|envelope| of_judge(envelope)).unwrap();
    let Event::Read { reading, .. } = &last.event else { panic!("a reading") };
    reading
}

/// No errors at all, and half of the requests that it takes to be sure of it within a run.
const QUIET: &str = "\
traffic: 340/min
sides: { stable: { error-rate: 0% }, candidate: { error-rate: 0% } }
";

const WORSE: &str = "sides: { candidate: { error-rate: 3% } }";

#[test]
fn an_artifact_that_failed_has_half_its_alpha_and_another_one_all_of_it() {
    let (seven, eight) = (plan("7"), plan("8"));
    let first = play(&seven, &scenario(WORSE), &Faults::none(), None);
    assert_eq!(rest(&first.state), "RolledBack", "{}", first.story());
    assert!(judged(&first).evidence["evidence to fail"].contains("of 1.30"), "1 in 20");
    let past = || vec![past("shop-1", &first)];
    assert_eq!(attempts(&eight, past()), BTreeMap::new());
    let earlier = attempts(&seven, past());
    // Dying after the first event forgets nothing of it.
    let second = play_again(&seven, &scenario(WORSE), &Faults::none(), Some(30), &earlier);
    assert_eq!((second.crashes, rest(&second.state).as_str()), (1, "RolledBack"));
    assert!(judged(&second).evidence["evidence to fail"].contains("of 1.60"), "1 in 40");
    let story = told(&second, &seven);
    let line = "gate judge: 7 failed here once before (run shop-1); alpha is 2.5% this time";
    assert!(story.contains(line), "{story}");
}

#[test]
fn evidence_of_a_run_that_came_to_no_end_counts_in_the_next() {
    let plan = plan("7");
    let quiet = scenario(QUIET);
    let first = play(&plan, &quiet, &Faults::none(), None);
    let undecided = judged(&first);
    assert_eq!(undecided.outcome, Outcome::Unknown, "{undecided:?}");
    let earlier = attempts(&plan, vec![past("shop-1", &first)]);
    let judge = GateName::new("judge");
    assert!(matches!(earlier.get(&judge), Some(Attempts::Undecided { .. })), "{earlier:?}");
    let second = play_again(&plan, &quiet, &Faults::none(), None, &earlier);
    let story = told(&second, &plan);
    assert!(story.contains("7 came to no end here in run shop-1; its evidence counts"), "{story}");
    // As much again is enough: the same traffic, which alone is not, lets it pass.
    assert_eq!([rest(&first.state), rest(&second.state)], ["RolledBack", "Promoted"], "{story}");
}

#[test]
fn a_comparison_cut_short_leaves_what_it_had_found() {
    let plan = watched("7", ", alarms: { alarms: { names: [shop-5xx] } }", "[judge, alarms]");
    let alarm = "alarms: { all: { states: [{ at: traffic + 9m, state: alarm, for: 1m }] } }";
    let busier = QUIET.replace("340/min", "2500/min");
    let first = play(&plan, &scenario(&format!("{busier}{alarm}")), &Faults::none(), None);
    let told = told(&first, &plan);
    assert_eq!(
        (judged(&first).outcome, rest(&first.state).as_str()),
        (Outcome::Wait, "RolledBack")
    );
    let earlier = attempts(&plan, vec![past("shop-1", &first)]);
    let Some(Attempts::Undecided { evidence, .. }) = earlier.get(&GateName::new("judge")) else {
        panic!("{earlier:?}\n{told}")
    };
    assert!(evidence[0].pass >= 5_000, "{evidence:?}\n{told}");
}

#[test]
fn a_journal_from_before_still_folds() {
    let first = play(&plan("7"), &scenario(WORSE), &Faults::none(), None);
    let started = serde_json::to_value(&first.journal[0].event).unwrap();
    assert!(started.get("attempts").is_none(), "nothing is written where there is nothing");
    let read: Event = serde_json::from_value(started).unwrap();
    assert_eq!(read, first.journal[0].event);
}
