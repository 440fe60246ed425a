//! Users who come to the old side by a rule of somebody else's that appears while a run is under way: the side is not
//! taken from under them, and the run says what it waits for.

use std::time::Duration;

use tidegate::{
    rollout::{Cause, Event, Picture, Target},
    simulation::Scenario,
    testkit::Faults,
};

use crate::stage::{End, play, read_plan, repository, rest};

fn play_with(scenario: &str) -> End {
    let scenario: Scenario = serde_saphyr::from_str(scenario).unwrap();
    play(&read_plan(&repository().join("plans/canary-alb.yaml")), &scenario, &Faults::none(), None)
}

/// How long after the first traffic the old side is to be scaled away.
fn scales_away_after(end: &End) -> Duration {
    let mut events = end.journal.iter();
    let shifted = events.find(|envelope| {
        matches!(
            &envelope.event,
            Event::ChangeConfirmed { target: Target::Route(_), live: Picture::Split(_) }
        )
    });
    let scaled = end.journal.iter().rfind(|envelope| {
        matches!(&envelope.event, Event::StepStarted { step, .. } if step.as_str().ends_with("-scale"))
    });
    scaled.unwrap().at.since(shifted.unwrap().at)
}

fn waits(end: &End) -> bool {
    end.journal.iter().any(|envelope| {
        matches!(&envelope.event, Event::Read { reading, .. } if reading.because.contains("is led to by the rule"))
    })
}

#[test]
fn a_rule_added_under_way_keeps_the_old_side_until_it_is_gone() {
    let clean = play_with("{}");
    let gone = scales_away_after(&clean).as_secs() + 180;
    let end = play_with(&format!(
        "other-rules: [{{ at: traffic + 10s, until: traffic + {gone}s, side: stable }}]"
    ));
    assert_eq!(rest(&end.state), "Promoted", "{}", end.story());
    assert!(waits(&end), "{}", end.story());
    assert_eq!((end.lost, end.violations.len()), (0, 0), "{:?}", end.violations);
}

#[test]
fn a_rule_that_stays_takes_the_run_back_and_says_why() {
    let end = play_with("other-rules: [{ at: traffic + 10s, side: stable }]");
    assert_eq!(rest(&end.state), "RolledBack", "{}", end.story());
    let why = end.journal.iter().find_map(|envelope| match &envelope.event {
        Event::RollbackStarted { cause: Cause::TimedOut { waiting_for, .. }, .. } => {
            Some(waiting_for)
        }
        _ => None,
    });
    assert!(why.is_some_and(|why| why.contains("is led to by the rule")), "{}", end.story());
    assert_eq!((end.lost, end.violations.len()), (0, 0), "{:?}", end.violations);
    assert!(end.changed().is_empty(), "{:?}", end.changed());
}
