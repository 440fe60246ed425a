//! Five services of which one fails, each in turn, for each scope of a failure: exactly what the plan says goes back, in
//! reverse order of needs, and the others are left alone or promoted.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use tidegate::{
    plan::{GateName, Plan, SourceFile, Tolerance},
    rollout::{Command, Event, Mode, Purpose, Stage, Target},
    simulation::Scenario,
    testkit::Faults,
};

use crate::stage::{End, play, play_then, rest};

/// What needs what: `data` carries three, one of which carries another, and `mail` stands alone.
const SERVICES: [(&str, &[&str]); 5] =
    [("data", &[]), ("cart", &["data"]), ("shop", &["cart"]), ("search", &["data"]), ("mail", &[])];

/// At this time the first two and `search` are done, and `shop` and `mail` bake.
const FAILS_AT: &str = "26m";

fn plan(head: &str, gates_of_mail: &str) -> Plan {
    let mut text = format!("tidegate: 1\nname: shop\n{head}routes:\n");
    for (name, _) in SERVICES {
        writeln!(
            text,
            "  {name}: {{ lambda: {{ function: {name}, alias: live, stable: alias, candidate: 7 }} }}"
        )
        .unwrap();
    }
    text += "gates:\n";
    for (name, _) in SERVICES {
        writeln!(text, "  {name}: {{ alarms: {{ names: [{name}-errors] }} }}").unwrap();
    }
    text += "components:\n";
    for (name, needs) in SERVICES {
        let gates = if name == "mail" { gates_of_mail } else { name };
        let bakes = if name == "mail" { ["40m", "5m"] } else { ["5m", "5m"] };
        let needs = needs.join(", ");
        writeln!(text, "  {name}:\n    needs: [{needs}]\n    steps:").unwrap();
        // The gates of the last shift stay armed through what follows it.
        let more = "      - pause: 1m\n";
        for (share, bake) in ["10%", "100%"].iter().zip(bakes) {
            writeln!(
                text,
                "      - shift: {{ route: {name}, candidate: {share}, bake: {bake}, gates: [{gates}], timeout: 2h }}"
            )
            .unwrap();
        }
        text += more;
    }
    tidegate::plan::read(&SourceFile::new("shop.yaml", text.as_str()), &BTreeMap::new())
        .unwrap_or_else(|problems| panic!("{problems:?}"))
        .plan
}

fn failing(alarms: &[&str]) -> Scenario {
    let alarm = |name: &&str| {
        format!("  {name}-errors: {{ states: [{{ at: {FAILS_AT}, state: alarm, for: 5h }}] }}\n")
    };
    let text = format!("alarms:\n{}", alarms.iter().map(alarm).collect::<String>());
    tidegate::plan::read_document(&SourceFile::new("scenario.yaml", text)).unwrap()
}

fn needs(name: &str) -> &'static [&'static str] {
    SERVICES.iter().find(|(service, _)| *service == name).unwrap().1
}

/// Whether one needs another, directly or through others.
fn builds_on(name: &str, other: &str) -> bool {
    needs(name).iter().any(|need| *need == other || builds_on(need, other))
}

fn meant_to_go_back(scope: &str, failed: &str) -> BTreeSet<&'static str> {
    let goes = |name: &&str| match scope {
        "component" => *name == failed,
        "dependents" => *name == failed || builds_on(name, failed),
        _ => true,
    };
    SERVICES.iter().map(|(name, _)| *name).filter(goes).collect()
}

/// The services whose aliases were written after the roll-back began, in the order in which they were first.
fn touched(end: &End) -> (Vec<String>, Vec<String>) {
    let began = |event: &Event| matches!(event, Event::RollbackStarted { .. });
    let after = end.journal.iter().skip_while(|envelope| !began(&envelope.event));
    let (mut back, mut forward) = (Vec::new(), Vec::new());
    for envelope in after {
        if let Event::ChangeIntended { purpose, target: Target::Route(route), .. } = &envelope.event
        {
            let touched = if *purpose == Purpose::Restore { &mut back } else { &mut forward };
            if !touched.contains(&route.to_string()) {
                touched.push(route.to_string());
            }
        }
    }
    (back, forward)
}

/// What of the world is another than before the run.
fn changed(end: &End) -> BTreeSet<String> {
    let after = |target: &Target| end.after.iter().find(|after| after.target == *target).unwrap();
    let routes = end.before.iter().filter_map(|before| match &before.target {
        Target::Route(route) => Some((before, route)),
        _ => None,
    });
    let changed = routes.filter(|(before, _)| before.picture != after(&before.target).picture);
    changed.map(|(_, route)| route.to_string()).collect()
}

fn is_promoted(end: &End, plan: &Plan, name: &str) -> bool {
    let component = plan.components.iter().find(|c| c.name.as_str() == name).unwrap();
    let is_done = |id| end.state.steps.get(id).is_some_and(|step| step.stage == Stage::Done);
    component.steps.iter().all(|step| is_done(&step.id))
}

fn names(set: impl IntoIterator<Item = impl ToString>) -> BTreeSet<String> {
    set.into_iter().map(|name| name.to_string()).collect()
}

#[test]
fn what_fails_goes_back_with_what_the_plan_says_and_the_others_are_untouched_or_promoted() {
    let mut table = String::new();
    for scope in ["component", "dependents", "all"] {
        for others in ["hold", "go-on"] {
            if scope == "all" && others == "go-on" {
                continue;
            }
            for (failed, _) in SERVICES {
                let head = format!("failure-scope: {scope}\nothers: {others}\n");
                let plan = plan(&head, "mail");
                let end = play(&plan, &failing(&[failed]), &Faults::none(), None);
                let (back, forward) = touched(&end);
                let told = format!("{scope}, others {others}, {failed} fails");
                let ends = rest_of(&end);
                writeln!(table, "{told}: back {back:?}, forward {forward:?}, {ends}").unwrap();
                let story = || format!("{told}\n{}", end.story());
                let meant = meant_to_go_back(scope, failed);
                let all = names(SERVICES.iter().map(|(name, _)| *name));
                assert_eq!(names(&back), names(&meant), "{}", story());
                if scope != "component" {
                    for (i, name) in back.iter().enumerate() {
                        let late = back[i..].iter().find(|later| builds_on(later, name));
                        assert_eq!(late, None, "goes back after {name}: {}", story());
                    }
                }
                let left: BTreeSet<String> = all.difference(&names(&meant)).cloned().collect();
                assert_eq!(changed(&end), left, "{}", story());
                assert!(end.violations.is_empty(), "{:?} {}", end.violations, story());
                match (scope, others) {
                    ("all", _) => assert_eq!(rest(&end.state), "RolledBack", "{}", story()),
                    (_, "hold") if failed == "mail" || !left.contains("mail") => {}
                    (_, "hold") => {
                        assert!(matches!(end.state.mode, Mode::Held(_)), "{}", story());
                    }
                    _ => assert_eq!(rest(&end.state), "PartlyRolledBack", "{}", story()),
                }
                match (scope, others) {
                    ("all", _) => {}
                    (_, "hold") => assert_eq!(forward, [""; 0], "nothing goes on: {}", story()),
                    _ => {
                        for name in &left {
                            assert!(is_promoted(&end, &plan, name), "{name}: {}", story());
                        }
                    }
                }
            }
        }
    }
    insta::assert_snapshot!(table);
}

fn rest_of(end: &End) -> &'static str {
    match &end.state.mode {
        Mode::Held(_) => "held",
        Mode::Ended(tidegate::rollout::Ending::PartlyRolledBack) => "partly rolled back",
        Mode::Ended(tidegate::rollout::Ending::RolledBack) => "rolled back",
        Mode::Ended(_) | Mode::NotStarted | Mode::Forward | Mode::RollingBack { .. } => "other",
    }
}

#[test]
fn what_is_held_is_resumed_to_its_end_or_rolled_back_as_a_whole() {
    let plan = plan("", "mail");
    let scenario = failing(&["cart"]);
    let resumed = play_then(&plan, &scenario, &Faults::none(), &[Command::Resume]);
    assert_eq!(rest(&resumed.state), "PartlyRolledBack", "{}", resumed.story());
    assert_eq!(changed(&resumed), names(["data", "search", "mail"]), "{}", resumed.story());
    let back = Command::Rollback { reason: None };
    let rolled = play_then(&plan, &scenario, &Faults::none(), std::slice::from_ref(&back));
    assert_eq!(rest(&rolled.state), "RolledBack", "{}", rolled.story());
    assert_eq!(rolled.changed(), [""; 0]);
    let later = play_then(&plan, &scenario, &Faults::none(), &[Command::Resume, back]);
    assert_eq!(rest(&later.state), "RolledBack", "a run that has ended: {}", later.story());
    assert_eq!(later.changed(), [""; 0]);
}

#[test]
fn of_two_that_share_a_failing_gate_both_go_back_and_the_one_to_blame_is_named_first() {
    for (alarms, first) in
        [("shop-errors", ["shop", "mail"]), ("mail-errors, shop-errors", ["mail", "shop"])]
    {
        // What mail's own gate says is tolerated for long, and told all the same.
        let mut plan = plan("others: go-on\n", "mail, shop");
        plan.gates.get_mut(&GateName::new("mail")).unwrap().tolerance =
            Tolerance { consecutive: 100, total: 100, unknown: None };
        let script = |name: &str| {
            let at = if name == "mail-errors" { "25m" } else { "26m" };
            format!("  {name}: {{ states: [{{ at: {at}, state: alarm, for: 5h }}] }}\n")
        };
        let text = format!("alarms:\n{}", alarms.split(", ").map(script).collect::<String>());
        let scenario: Scenario =
            tidegate::plan::read_document(&SourceFile::new("scenario.yaml", text)).unwrap();
        let end = play(&plan, &scenario, &Faults::none(), None);
        let scope = end.journal.iter().find_map(|envelope| match &envelope.event {
            Event::RollbackStarted { scope, .. } => scope.clone(),
            _ => None,
        });
        let failed: Vec<String> = scope.unwrap().failed.iter().map(ToString::to_string).collect();
        assert_eq!(failed, first, "{}", end.story());
        assert_eq!(changed(&end), names(["data", "cart", "search"]), "{}", end.story());
        assert_eq!(rest(&end.state), "PartlyRolledBack", "{}", end.story());
    }
}

#[test]
fn two_that_fail_one_after_the_other_both_go_back_and_the_rest_is_promoted() {
    let plan = plan("others: go-on\n", "mail");
    let text = "alarms:\n  \
        cart-errors: { states: [{ at: 12m, state: alarm, for: 5h }] }\n  \
        mail-errors: { states: [{ at: 30m, state: alarm, for: 5h }] }\n";
    let scenario: Scenario =
        tidegate::plan::read_document(&SourceFile::new("scenario.yaml", text)).unwrap();
    let end = play(&plan, &scenario, &Faults::none(), None);
    let started = |e: &&tidegate::journal::Envelope| {
        matches!(e.event, Event::RollbackStarted { scope: Some(_), .. })
    };
    assert_eq!(end.journal.iter().filter(started).count(), 2, "{}", end.story());
    assert_eq!(rest(&end.state), "PartlyRolledBack", "{}", end.story());
    assert_eq!(changed(&end), names(["data", "search"]), "{}", end.story());
    assert!(!end.state.steps.keys().any(|step| step.as_str().starts_with("shop")), "it needs cart");
}

#[test]
fn a_crash_after_any_event_of_a_roll_back_in_part_changes_nothing() {
    for (others, ends) in [("hold", "Held"), ("go-on", "PartlyRolledBack")] {
        let plan = plan(&format!("others: {others}\n"), "mail");
        let scenario = failing(&["cart"]);
        let whole = play(&plan, &scenario, &Faults::none(), None);
        let began =
            whole.journal.iter().position(|e| matches!(e.event, Event::StepFailed { .. })).unwrap();
        for events in began..whole.journal.len() {
            let end = play(&plan, &scenario, &Faults::none(), Some(events));
            assert_eq!(end.crashes, 1, "after {events}");
            assert!(rest(&end.state).starts_with(ends), "after {events}: {}", end.story());
            assert_eq!(changed(&end), changed(&whole), "after {events}: {}", end.story());
        }
    }
}
