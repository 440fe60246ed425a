//! Clocks that are set while a run is under way, forward and back, at any moment of it.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use tidegate::{
    journal::Envelope,
    plan::{GateKind, Plan},
    rollout::{Event, Jump, Timestamp},
    simulation::Scenario,
    testkit::Faults,
};

use crate::stage::{End, plans, play, read_plan, repository, rest};

fn scenario(text: &str) -> Scenario {
    serde_saphyr::from_str(text).unwrap()
}

/// When each event happened, by a clock that nobody sets.
fn in_truth(end: &End) -> Vec<(Timestamp, &Event)> {
    let mut set_by = 0;
    let told = |envelope: &'_ Envelope| envelope.at;
    let mut all = Vec::new();
    for envelope in &end.journal {
        if let Event::ClockJumped { by } = &envelope.event {
            set_by += by.as_millis();
        }
        all.push((told(envelope).moved(Jump::from_millis(-set_by)), &envelope.event));
    }
    all
}

fn took(end: &End) -> Duration {
    let events = in_truth(end);
    events[events.len() - 1].0.since(events[0].0)
}

/// Set at any moment, in either direction, a clock ends no run another way, nor sooner or later.
#[test]
fn a_clock_set_at_any_moment_changes_nothing_but_the_times_that_are_told() {
    let stories = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for path in plans() {
            let stories = &stories;
            scope.spawn(move || {
                let (plan, name) = (read_plan(&path), path.display().to_string());
                let played = sweep(&plan, &name, "{}");
                let bad = sweep(&plan, &name, "sides: { candidate: { error-rate: 5% } }");
                stories.fetch_add(played + bad, Ordering::Relaxed);
            });
        }
    });
    println!("clock sweep: {} stories", stories.into_inner());
}

fn sweep(plan: &Plan, name: &str, weather: &str) -> usize {
    const PARTS: u64 = 8;
    let clean = play(plan, &scenario(weather), &Faults::none(), None);
    let (ends, whole) = (rest(&clean.state), took(&clean).as_secs());
    let mut stories = 0;
    for part in 1..PARTS {
        for by in ["1h", "-1h"] {
            let mut set = scenario(weather);
            let at = whole * part / PARTS;
            set.clock = scenario(&format!("clock: [{{ at: {at}s, by: {by} }}]")).clock;
            let end = play(plan, &set, &Faults::none(), None);
            let what = format!("{name}, {by} after {at} s\n{}", end.story());
            assert!(end.violations.is_empty(), "{:?}\n{what}", end.violations);
            assert_eq!(end.lost, 0, "{what}");
            // What measures by the minute sees other minutes, and a bad candidate fails by chance.
            if !measures(plan) {
                assert_eq!(rest(&end.state), ends, "{what}");
            }
            if !measures(plan) && ends == "Promoted" {
                let longer = took(&end).as_secs().abs_diff(whole);
                assert!(longer <= 120, "{longer} s more or less: {what}");
            }
            stories += 1;
        }
    }
    stories
}

fn measures(plan: &Plan) -> bool {
    let mut gates = plan.gates.values();
    gates.any(|gate| {
        matches!(
            gate.kind,
            GateKind::Metric(_)
                | GateKind::Compare(_)
                | GateKind::ErrorBudget(_)
                | GateKind::Queue(_)
                | GateKind::Stream(_)
        )
    })
}

/// An alarm that goes off after the clock was set takes the run back within its poll.
#[test]
fn an_alarm_after_a_jump_of_the_clock_rolls_back_within_its_poll() {
    let plan = read_plan(&repository().join("plans/canary-alb.yaml"));
    for by in ["1h", "-1h", "5m", "-5m", "30s", "-30s", "24h", "-24h"] {
        let weather = scenario(&format!(
            "clock: [{{ at: 4m, by: {by} }}]\n\
             alarms: {{ all: {{ states: [{{ at: 250s, state: alarm, for: 10m }}] }} }}"
        ));
        let end = play(&plan, &weather, &Faults::none(), None);
        assert_eq!(rest(&end.state), "RolledBack", "{by}: {}", end.story());
        let events = in_truth(&end);
        let off = events[0].0.plus(Duration::from_secs(250));
        let back =
            events.iter().find(|(_, e)| matches!(e, Event::RollbackStarted { .. })).unwrap().0;
        assert!(back.since(off) <= Duration::from_secs(20), "{by}: {}", end.story());
        let last = events[events.len() - 1].0;
        assert!(last.since(back) <= Duration::from_mins(3), "{by}: {}", end.story());
    }
}

/// An alarm that went off and came back between two looks is found by its history, whatever the clock shows.
#[test]
fn a_flicker_beside_a_jump_of_the_clock_is_not_missed() {
    let plan = read_plan(&repository().join("plans/canary-alb.yaml"));
    for by in ["1h", "-1h"] {
        let weather = scenario(&format!(
            "clock: [{{ at: 4m, by: {by} }}]\n\
             alarms: {{ all: {{ states: [{{ at: 245s, state: alarm, for: 4s }}] }} }}"
        ));
        let end = play(&plan, &weather, &Faults::none(), None);
        assert_eq!(rest(&end.state), "RolledBack", "{by}: {}", end.story());
    }
}

#[test]
fn a_roll_back_goes_on_when_the_clock_is_set_in_its_middle() {
    let plan = read_plan(&repository().join("plans/canary-alb.yaml"));
    let alarm = "alarms: { all: { states: [{ at: 4m, state: alarm, for: 30m }] } }";
    let clean = play(&plan, &scenario(alarm), &Faults::none(), None);
    for seconds in 241..300 {
        for by in ["1h", "-1h"] {
            let mut weather = scenario(alarm);
            weather.clock = scenario(&format!("clock: [{{ at: {seconds}s, by: {by} }}]")).clock;
            let end = play(&plan, &weather, &Faults::none(), None);
            let what = format!("{by} after {seconds} s: {}", end.story());
            assert_eq!(rest(&end.state), "RolledBack", "{what}");
            assert!(end.changed().is_empty(), "{:?}, {what}", end.changed());
            assert!(took(&end).abs_diff(took(&clean)) <= Duration::from_secs(20), "{what}");
        }
    }
}
