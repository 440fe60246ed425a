//! Whatever goes wrong, once, anywhere: every call a run makes fails in turn in every way, but for those that only repeat
//! what was just asked, and the runner dies after every event (all of them in `make sweep`, a sample otherwise). Each story must end promoted or rolled back with the world
//! as it was, or say what it could not do.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use tidegate::{
    plan::{AlreadyInAlarm, GateKind, Plan},
    rollout::{Cause, Ending, Mode, Target},
    simulation::Scenario,
    testkit::{Call, Fault, Faults},
};

use crate::{
    sampled::Sampled,
    stage::{End, plans, play, read_plan, read_scenario, repository, rest},
    taken_up_again::is_changing,
};

const FAULTS: [Fault; 5] =
    [Fault::Throttle, Fault::Transient, Fault::Denied, Fault::Conflict, Fault::TimeoutAfterEffect];

/// What must hold however a story went.
fn judge(end: &End, what: &str) {
    let story = || format!("{what}: {}\n{}", rest(&end.state), end.story());
    assert!(end.violations.is_empty(), "{:?}\n{}", end.violations, story());
    assert_eq!(end.lost, 0, "users lost requests: {}", story());
    match &end.state.mode {
        Mode::Ended(Ending::Promoted | Ending::NeedsAttention)
        // Whoever is promoted stays so when old versions cannot be deleted afterwards, and a person says what next.
        | Mode::Held(Cause::CallFailed { target: Target::OldVersions(_), .. }) => {}
        Mode::Ended(Ending::RolledBack) => {
            assert!(end.changed().is_empty(), "{:?}\n{}", end.changed(), story());
        }
        // No plan that is swept has several components.
        Mode::Ended(Ending::PartlyRolledBack)
        | Mode::Held(_)
        | Mode::NotStarted
        | Mode::Forward
        | Mode::RollingBack { .. } => {
            panic!("not at its end: {}", story())
        }
    }
}

fn bad_candidate() -> Scenario {
    read_scenario(&repository().join("plans/scenarios/candidate-errors.yaml"))
}

/// The calls that may be swept, as their numbers: of each operation between two changes the first two and the last. A bake asks
/// the same a hundred times, with nothing between that a fault could meet otherwise.
fn telling(calls: &[Call]) -> Vec<u64> {
    let mut alike: BTreeMap<_, Vec<u64>> = BTreeMap::new();
    let mut changes = 0;
    for call in calls {
        alike.entry((changes, call.operation)).or_default().push(call.overall);
        changes += usize::from(is_changing(call.operation));
    }
    let ends = |calls: Vec<u64>| {
        let last = calls.iter().skip(2).last().copied();
        calls.into_iter().take(2).chain(last)
    };
    alike.into_values().flat_map(ends).collect()
}

fn sweep_calls(plan: &Plan, scenario: &Scenario, name: &str, sampled: Sampled) -> usize {
    let made = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&made);
    let clean = play(
        plan,
        scenario,
        &Faults::new(move |call| {
            noted.lock().unwrap().push(*call);
            None
        }),
        None,
    );
    judge(&clean, name);
    let calls = telling(&made.lock().unwrap());
    let mut stories = 0;
    for (at, nth) in calls.into_iter().enumerate() {
        let kinds = FAULTS.into_iter().enumerate();
        for (_, fault) in kinds.filter(|(kind, _)| sampled.takes(at + FAULTS.len() - kind)) {
            let end = play(plan, scenario, &Faults::nth(nth, fault), None);
            let what = format!("{name}, call {nth} of {}: {fault:?}", clean.calls);
            judge(&end, &what);
            // Only what will not get better by trying again may need a person.
            let needs_person = matches!(end.state.mode, Mode::Ended(Ending::NeedsAttention));
            assert!(!needs_person || fault == Fault::Denied, "{what}\n{}", end.story());
            stories += 1;
        }
    }
    stories
}

#[test]
fn a_fault_at_any_call_leaves_the_world_as_the_run_says() {
    let sampled = Sampled::one_of(FAULTS.len(), "faults at each call");
    let stories = AtomicUsize::new(0);
    // Thousands of stories: each plan is swept on a thread of its own.
    std::thread::scope(|scope| {
        for path in plans() {
            let stories = &stories;
            scope.spawn(move || {
                let (plan, name) = (read_plan(&path), path.display().to_string());
                let healthy = sweep_calls(&plan, &Scenario::default(), &name, sampled);
                let name = format!("{name}, bad candidate");
                let bad = sweep_calls(&plan, &bad_candidate(), &name, sampled);
                stories.fetch_add(healthy + bad, Ordering::Relaxed);
            });
        }
    });
    println!("fault sweep: {} stories", stories.into_inner());
}

#[test]
fn a_crash_between_any_two_events_ends_as_without_it() {
    let sampled = Sampled::one_of(3, "moments of each run");
    let mut stories = 0;
    for path in plans() {
        let plan = read_plan(&path);
        for scenario in [Scenario::default(), bad_candidate()] {
            let clean = play(&plan, &scenario, &Faults::none(), None);
            for events in (0..clean.journal.len()).filter(|events| sampled.takes(*events)) {
                let end = play(&plan, &scenario, &Faults::none(), Some(events));
                let what = format!("{}, crash after {events} events", path.display());
                judge(&end, &what);
                assert_eq!(end.crashes, 1, "{what}");
                assert_eq!(rest(&end.state), rest(&clean.state), "{what}\n{}", end.story());
                stories += 1;
            }
        }
    }
    println!("crash sweep: {stories} stories");
}

#[test]
fn an_alarm_from_before_the_run_is_excused_until_it_was_ok_whatever_crashes() {
    let mut plan = read_plan(&repository().join("plans/canary-alb.yaml"));
    for gate in plan.gates.values_mut() {
        if let GateKind::Alarms(alarms) = &mut gate.kind {
            alarms.already = AlreadyInAlarm::IgnoreUntilOk;
        }
    }
    let on_again = "alarms: { all: { states: [{ at: 0s, state: alarm, for: 150s }, { at: 5m, state: alarm, for: 4s }] } }";
    let once = read_scenario(&repository().join("plans/scenarios/alarm-before.yaml"));
    let again: Scenario = serde_saphyr::from_str(on_again).unwrap();
    for (scenario, ending) in [(once, "Promoted"), (again, "RolledBack")] {
        let clean = play(&plan, &scenario, &Faults::none(), None);
        assert_eq!(rest(&clean.state), ending, "{}", clean.story());
        for events in 0..clean.journal.len() {
            let end = play(&plan, &scenario, &Faults::none(), Some(events));
            assert_eq!(rest(&end.state), ending, "crash after {events}\n{}", end.story());
        }
    }
}

#[test]
fn a_crash_beside_random_faults_strands_nothing() {
    let plan = read_plan(&repository().join("plans/canary-alb.yaml"));
    for seed in 0..60 {
        let crash = usize::try_from(seed % 30).unwrap();
        let end = play(&plan, &Scenario::default(), &Faults::seeded(seed, 30), Some(crash));
        judge(&end, &format!("seed {seed}"));
    }
}

#[test]
fn a_candidate_that_has_to_be_attached_is_detached_again_whatever_goes_wrong() {
    let detached = read_scenario(&repository().join("plans/scenarios/detached.yaml"));
    let mut bad = bad_candidate();
    bad.sides.candidate.attached = false;
    let canary = read_plan(&repository().join("plans/canary-alb.yaml"));
    let sampled = Sampled::one_of(FAULTS.len(), "faults at each call");
    let mut stories = sweep_calls(&canary, &detached, "detached canary", sampled);
    for name in ["plans/canary-alb.yaml", "plans/blue-green-alb.yaml"] {
        let plan = read_plan(&repository().join(name));
        for scenario in [&detached, &bad] {
            let clean = play(&plan, scenario, &Faults::none(), None);
            for events in 0..clean.journal.len() {
                let end = play(&plan, scenario, &Faults::none(), Some(events));
                let what = format!("{name}, detached, crash after {events} events");
                judge(&end, &what);
                assert_eq!(rest(&end.state), rest(&clean.state), "{what}\n{}", end.story());
                stories += 1;
            }
        }
    }
    println!("detached: {stories} stories");
}
