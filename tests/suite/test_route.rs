//! A candidate that is tried through the load balancer before users come to it: what the test finds decides, and the
//! rule that led there is gone whatever comes of it.

use std::time::Duration;

use tidegate::{
    plan::Side,
    rollout::{Event, Picture, Purpose, Target, TestRoute},
    simulation::Scenario,
    testkit::Faults,
};

use crate::stage::{End, play, read_plan, repository, rest};

fn play_with(scenario: &Scenario) -> End {
    play(
        &read_plan(&repository().join("plans/blue-green-alb.yaml")),
        scenario,
        &Faults::none(),
        None,
    )
}

fn position(end: &End, wanted: impl Fn(&Event) -> bool) -> usize {
    let found = end.journal.iter().position(|envelope| wanted(&envelope.event));
    found.unwrap_or_else(|| panic!("not there: {}", end.story()))
}

#[test]
fn the_rule_stands_for_the_probe_alone() {
    let end = play_with(&Scenario::default());
    assert_eq!(rest(&end.state), "Promoted", "{}", end.story());
    assert_eq!((end.by_operation["CreateRule"], end.by_operation["DeleteRule"]), (1, 1));
    let set_to = |wanted: fn(&TestRoute) -> bool| {
        position(
            &end,
            |event| matches!(event, Event::ChangeConfirmed { live: Picture::TestRoute(test), .. } if wanted(test)),
        )
    };
    let there = set_to(|test| matches!(test, TestRoute::Present { .. }));
    let gone = set_to(|test| *test == TestRoute::Absent);
    let probed = position(
        &end,
        |event| matches!(event, Event::StepStarted { step, .. } if step.as_str().ends_with("probe")),
    );
    let followed = end.journal[probed].at.since(end.journal[there].at);
    assert!(followed >= Duration::from_secs(30), "{followed:?}, but nodes follow until it settles");
    let done = |verb: &'static str| {
        position(
            &end,
            move |event| matches!(event, Event::StepDone { step } if step.as_str().ends_with(verb)),
        )
    };
    assert!(
        there < done("probe") && done("probe") < gone && gone < done("shift"),
        "{}",
        end.story()
    );
}

#[test]
fn a_test_that_fails_takes_the_rule_away_and_then_the_candidate() {
    let mut scenario = Scenario::default();
    scenario.probe.status = 503;
    let end = play_with(&scenario);
    assert_eq!(rest(&end.state), "RolledBack", "{}", end.story());
    assert_eq!((end.changed(), end.violations.len()), (Vec::new(), 0));
    assert!(!end.by_operation.contains_key("ModifyRule"), "no user was moved");
    let rule =
        position(&end, |event| matches!(event, Event::Restored { target: Target::TestRoute(_) }));
    let fleet = position(&end, |event| {
        let candidate =
            |target: &Target| matches!(target, Target::Fleet { side: Side::Candidate, .. });
        matches!(event, Event::ChangeIntended { purpose: Purpose::Restore, target, .. } if candidate(target))
    });
    assert!(rule < fleet, "{}", end.story());
}
