//! Roll-backs that meet trouble: what passes is waited out, what a person has to put right is taken up again as often as
//! asked, and what is gone keeps nothing else from going back.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tidegate::{
    cloud::{Access, Operation},
    plan::{OnFailure, Plan},
    rollout::{Command, Event, Purpose},
    simulation::Scenario,
    testkit::{Fault, Faults},
};

use crate::stage::{End, plans, play, play_then, read_plan, read_scenario, repository, rest};

fn scenario(text: &str) -> Scenario {
    serde_saphyr::from_str(text).unwrap()
}

fn canary() -> Plan {
    read_plan(&repository().join("plans/canary-alb.yaml"))
}

fn rollback() -> Command {
    Command::Rollback { reason: None }
}

/// Whether an operation changes what users meet: all that write do, but for marks and for messages that were read.
pub(crate) fn is_changing(operation: Operation) -> bool {
    operation.is_of_aws()
        && operation.is_called()
        && operation.access() == Access::Writes
        && !operation.name().contains("Tag")
        && operation != Operation::DeleteMessageBatch
}

/// How many calls of an operation a run makes before it goes back, and in all.
fn counted(plan: &Plan, weather: &Scenario, operation: Operation) -> (u64, u64) {
    let before = Arc::new(AtomicU64::new(0));
    let all = Arc::clone(&before);
    let faults = Faults::new(move |call| {
        if call.operation == operation {
            all.fetch_max(call.nth, Ordering::Relaxed);
        }
        None
    });
    let end = play(plan, weather, &faults, None);
    let is_back = |e: &Event| matches!(e, Event::ChangeIntended { purpose: Purpose::Restore, .. });
    let back = end.journal.iter().filter(|e| is_back(&e.event)).count();
    let all = before.load(Ordering::Relaxed);
    (all.saturating_sub(u64::try_from(back).unwrap()), all)
}

/// Each changing operation of each plan's way back is denied once a roll-back has begun, and allowed again after it has
/// given up: what a person has put right is tried again.
#[test]
fn a_roll_back_that_was_denied_and_is_allowed_ends_with_the_world_as_before() {
    let bad = read_scenario(&repository().join("plans/scenarios/candidate-errors.yaml"));
    let (mut stories, mut denied) = (0, BTreeMap::<Operation, u32>::new());
    for path in plans() {
        let plan = read_plan(&path);
        let mut gave_up = 0;
        for operation in Operation::ALL.iter().copied().filter(|o| is_changing(*o)) {
            let (forward, all) = counted(&plan, &bad, operation);
            for nth in forward + 1..=all {
                let faults = Faults::nth_of(operation, nth, Fault::Denied);
                let first = play(&plan, &bad, &faults, None);
                let what = format!("{}, {operation:?} {nth} of {all}", path.display());
                if rest(&first.state) != "NeedsAttention" {
                    continue;
                }
                gave_up += 1;
                *denied.entry(operation).or_default() += 1;
                for command in [rollback(), Command::Resume] {
                    let faults = Faults::nth_of(operation, nth, Fault::Denied);
                    let end = play_then(&plan, &bad, &faults, &[command]);
                    assert_eq!(rest(&end.state), "RolledBack", "{what}: {}", end.story());
                    assert!(
                        end.changed().is_empty(),
                        "{what}: {:?}\n{}",
                        end.changed(),
                        end.story()
                    );
                    assert_eq!(end.lost, 0, "{what}: {}", end.story());
                    stories += 1;
                }
            }
        }
        println!("taken up again: {}: {gave_up} roll-backs gave up", path.display());
        assert!(gave_up > 0, "{}: no roll-back gave up", path.display());
    }
    println!(
        "taken up again: {stories} stories; roll-backs that gave up, by what was denied: {denied:?}"
    );
}

/// A person may ask as often as it takes.
#[test]
fn a_roll_back_may_be_taken_up_again_and_again() {
    let plan = canary();
    let bad = read_scenario(&repository().join("plans/scenarios/candidate-errors.yaml"));
    let (forward, _) = counted(&plan, &bad, Operation::ModifyRule);
    let denied = move |more: u64| {
        Faults::new(move |call| {
            let back = call.operation == Operation::ModifyRule && call.nth > forward;
            (back && call.nth <= forward + more).then_some(Fault::Denied)
        })
    };
    let asked = [rollback(), Command::Resume, rollback()];
    let end = play_then(&plan, &bad, &denied(3), &asked);
    assert_eq!(rest(&end.state), "RolledBack", "{}", end.story());
    assert!(end.changed().is_empty(), "{:?}", end.changed());
}

/// Throttling and failures of AWS that last for minutes.
#[test]
fn a_roll_back_waits_out_what_passes() {
    for kind in ["throttle", "transient"] {
        for minutes in [2, 5, 30] {
            let text = format!(
                "alarms: {{ all: {{ states: [{{ at: 4m, state: alarm, for: 1h }}] }} }}\n\
                 faults: [{{ operation: ModifyRule, kind: {kind}, from: 4m, to: {}m }}]",
                4 + minutes
            );
            let end = play(&canary(), &scenario(&text), &Faults::none(), None);
            assert_eq!(rest(&end.state), "RolledBack", "{text}\n{}", end.story());
            assert!(end.changed().is_empty(), "{:?}", end.changed());
        }
    }
}

#[test]
fn a_roll_back_ends_when_its_plan_has_had_enough() {
    let mut plan = canary();
    plan.roll_back_for = Duration::from_mins(10);
    let text = "alarms: { all: { states: [{ at: 4m, state: alarm, for: 5h }] } }\n\
         faults: [{ operation: ModifyRule, kind: throttle, from: 4m, to: 30m }]";
    let end = play(&plan, &scenario(text), &Faults::none(), None);
    assert_eq!(rest(&end.state), "NeedsAttention", "{}", end.story());
    let lasted = lasted(&end);
    assert!((600..=700).contains(&lasted), "{lasted} s: {}", end.story());
}

/// From the beginning of the roll-back to the end, in seconds.
fn lasted(end: &End) -> u64 {
    let begun =
        end.journal.iter().find(|e| matches!(e.event, Event::RollbackStarted { .. })).unwrap();
    end.journal[end.journal.len() - 1].at.since(begun.at).as_secs()
}

#[test]
fn weights_that_somebody_put_back_before_the_roll_back_looked_are_done() {
    let text = "drift: [{ at: traffic + 50s, weights: { stable: 999, candidate: 0 } }]";
    let end = play_then(&canary(), &scenario(text), &Faults::none(), &[rollback()]);
    assert_eq!(rest(&end.state), "RolledBack", "{}", end.story());
    assert!(lasted(&end) < 60, "{} s: {}", lasted(&end), end.story());
}

#[test]
fn a_rule_that_was_deleted_is_told_at_once_and_the_others_go_back() {
    let text = "drift: [{ at: traffic + 50s, delete: routes }]";
    let end = play(&canary(), &scenario(text), &Faults::none(), None);
    assert_eq!(rest(&end.state), "NeedsAttention", "{}", end.story());
    let story = end.story();
    assert!(story.contains("it is not there any more"), "{story}");
    assert!(end.changed().is_empty(), "{:?}\n{story}", end.changed());
    assert!(lasted(&end) < 120, "{} s: {story}", lasted(&end));
}

#[test]
fn a_candidate_whose_group_was_deleted_is_taken_back_within_seconds() {
    let text = "drift: [{ at: traffic + 50s, delete: candidate-fleets }]";
    let end = play(&canary(), &scenario(text), &Faults::none(), None);
    assert_eq!(rest(&end.state), "NeedsAttention", "{}", end.story());
    let begun =
        end.journal.iter().find(|e| matches!(e.event, Event::RollbackStarted { .. })).unwrap();
    let traffic =
        end.journal.iter().find(|e| matches!(e.event, Event::BakeStarted { .. })).unwrap();
    let after = begun.at.since(traffic.at).as_secs();
    assert!((45..75).contains(&after), "{after} s after the bake began: {}", end.story());
    assert!(lasted(&end) < 60, "{} s: {}", lasted(&end), end.story());
    assert_eq!(end.changed().len(), 0, "{:?}", end.changed());
}

#[test]
fn a_candidate_that_nobody_runs_any_more_is_taken_back() {
    let text = "drift: [{ at: traffic + 50s, capacity: { side: candidate, min: 0, desired: 0 } }]";
    let end = play(&canary(), &scenario(text), &Faults::none(), None);
    assert!(
        end.story().contains("nobody serves") || end.story().contains("Unserved"),
        "{}",
        end.story()
    );
    assert!(lasted(&end) < 120, "{}", end.story());
}

/// What was seen before the hold would fail the step again at once.
#[test]
fn a_run_held_because_nobody_served_looks_anew_when_it_is_resumed() {
    let text = "drift: [{ at: traffic + 50s, capacity: { side: candidate, min: 0, desired: 0 } }]";
    let mut plan = canary();
    plan.on_failure = OnFailure::Hold;
    let end = play_then(&plan, &scenario(text), &Faults::none(), &[Command::Resume]);
    let at = |wanted: fn(&Event) -> bool| {
        end.journal.iter().rev().find(|e| wanted(&e.event)).map(|e| e.at).unwrap()
    };
    let resumed = at(|e| matches!(e, Event::Resumed { .. }));
    let failed = at(|e| matches!(e, Event::StepFailed { .. }));
    assert!(failed.since(resumed).as_secs() >= 15, "{}", end.story());
}

/// Gates that see nothing while users are on the candidate.
#[test]
fn a_candidate_before_blind_gates_is_taken_back_after_five_minutes() {
    let text = "faults: [{ operation: DescribeAlarms, kind: transient, from: traffic + 60s }]";
    let end = play(&canary(), &scenario(text), &Faults::none(), None);
    assert_eq!(rest(&end.state), "RolledBack", "{}", end.story());
    let begun =
        end.journal.iter().find(|e| matches!(e.event, Event::RollbackStarted { .. })).unwrap();
    let traffic =
        end.journal.iter().find(|e| matches!(e.event, Event::BakeStarted { .. })).unwrap();
    let after = begun.at.since(traffic.at).as_secs();
    assert!((350..400).contains(&after), "{after} s: {}", end.story());
}
