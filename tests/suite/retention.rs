//! The old fleet that is kept for a while after the last shift is there for one thing: when an alarm goes off in that
//! time, traffic goes back at once, without waiting for instances.

use std::{collections::BTreeMap, time::Duration};

use tidegate::{
    plan::{Plan, SourceFile},
    report::{RunView, Style, Timeline},
    rollout::{Capacity, Event, Picture, Purpose, Target},
    simulation::Scenario,
    testkit::Faults,
};

use crate::stage::{play, rest};

const PLAN: &str = "\
tidegate: 1
name: kept
routes:
  web: { alb: { load-balancer: lb, port: 443, pair: [blue, green] } }
fleets:
  app: { autoscaling: { pair: [app-blue, app-green] }, behind: web }
gates:
  errors: { alarms: { names: [checkout-5xx] } }
strategy:
  blue-green: { route: web, fleet: app, bake: 5m, gates: [errors], old-fleet: { keep: 30m } }
";

fn plan() -> Plan {
    tidegate::plan::read(&SourceFile::new("kept.yaml", PLAN), &BTreeMap::new()).unwrap().plan
}

fn scenario(text: &str) -> Scenario {
    tidegate::plan::read_document(&SourceFile::new("scenario.yaml", text)).unwrap()
}

#[test]
fn an_alarm_while_the_old_fleet_is_kept_takes_traffic_back_without_scaling_up() {
    let errors = "sides: { candidate: { later: [{ at: traffic + 15m, error-rate: 20% }] } }";
    let end = play(&plan(), &scenario(errors), &Faults::none(), None);
    assert_eq!(rest(&end.state), "RolledBack", "{}", end.story());
    assert_eq!((end.changed(), end.lost, end.violations.len()), (Vec::new(), 0, 0));
    // The candidate up at the beginning, and away at the end: the old fleet was never touched.
    assert_eq!(end.by_operation["UpdateAutoScalingGroup"], 2, "{:?}", end.by_operation);
    let grown = end.journal.iter().filter(|envelope| {
        matches!(
            &envelope.event,
            Event::ChangeIntended {
                purpose: Purpose::Restore,
                target: Target::Fleet { .. },
                before: Picture::Capacity(Capacity { desired: before, .. }),
                after: Picture::Capacity(Capacity { desired: after, .. }),
            } if after > before
        )
    });
    assert_eq!(grown.count(), 0, "{}", end.story());
    let at = |wanted: fn(&Event) -> bool| {
        end.journal.iter().find(|envelope| wanted(&envelope.event)).unwrap().at
    };
    let decided = at(|event| matches!(event, Event::RollbackStarted { .. }));
    let back = at(|event| matches!(event, Event::Restored { target: Target::Route(_) }));
    assert!(back.since(decided) <= Duration::from_secs(5), "{}", end.story());
}

#[test]
fn without_an_alarm_the_old_fleet_goes_once_its_time_is_up() {
    let end = play(&plan(), &scenario("{}"), &Faults::none(), None);
    assert_eq!(rest(&end.state), "Promoted");
    let shrunk = end.journal.iter().find(|envelope| {
        matches!(
            &envelope.event,
            Event::ChangeIntended { target: Target::Fleet { .. }, after: Picture::Capacity(c), .. }
                if c.desired == 0
        )
    });
    let moved = end.journal.iter().rfind(|envelope| {
        matches!(&envelope.event, Event::ChangeConfirmed { target: Target::Route(_), .. })
    });
    let kept = shrunk.unwrap().at.since(moved.unwrap().at);
    assert!(kept >= Duration::from_mins(35), "{kept:?}: five of bake and thirty of keeping");
}

#[test]
fn timeline_and_status_say_until_when_the_old_fleet_is_kept() {
    let (plan, end) = (plan(), play(&plan(), &scenario("{}"), &Faults::none(), None));
    let mut timeline = Timeline::new(&plan, Style::PLAIN);
    let lines: Vec<String> = end.journal.iter().flat_map(|e| timeline.lines(e)).collect();
    let told = |part: &str| lines.iter().any(|line| line.contains(part));
    assert!(told("the old fleet of app is kept until"), "{}", lines.join("\n"));
    let pausing = end.journal.iter().position(|envelope| {
        matches!(&envelope.event, Event::StepStarted { step, .. } if step.as_str().ends_with("pause"))
    });
    let so_far = &end.journal[..=pausing.unwrap()];
    let why = RunView::of(&plan, so_far, so_far.last().unwrap().at).why;
    let [why] = &why[..] else { panic!("{why:?}") };
    assert!(why.contains("until then the old fleet of app is kept"), "{why}");
}
