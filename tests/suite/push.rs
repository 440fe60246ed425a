//! Gates that listen: news of an alarm makes them quick, and losing it makes them as slow as all others, not wrong.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use tidegate::{
    cloud::Operation,
    plan::{GateKind, Plan, Queue},
    rollout::Event,
    simulation::Scenario,
    testkit::{Call, Fault, Faults},
};

use crate::stage::{End, play, read_plan, repository, rest};

/// A canary whose alarms are asked every minute.
fn plan(listen: Option<&str>) -> Plan {
    let mut plan = read_plan(&repository().join("plans/canary-alb.yaml"));
    for gate in plan.gates.values_mut() {
        if let GateKind::Alarms(alarms) = &mut gate.kind {
            alarms.listen = listen.map(Queue::new);
            gate.every = Duration::from_mins(1);
        }
    }
    plan
}

/// An alarm goes off in the middle of the first bake, and between two polls. How long after that the step fails.
fn reaction(plan: &Plan, faults: &Faults) -> (Duration, End) {
    let off = "alarms: { all: { states: [{ at: traffic + 45s, state: alarm, for: 10m }] } }";
    let scenario: Scenario = serde_saphyr::from_str(off).unwrap();
    let end = play(plan, &scenario, faults, None);
    assert_eq!(rest(&end.state), "RolledBack", "{}", end.story());
    let when = |which: &dyn Fn(&Event) -> bool| {
        end.journal.iter().find(|envelope| which(&envelope.event)).unwrap().at
    };
    let shifted = when(
        &|event| matches!(event, Event::ChangeIntended { after, .. } if after.to_string().contains("950")),
    );
    let failed = when(&|event| matches!(event, Event::StepFailed { .. }));
    (failed.since(shifted).saturating_sub(Duration::from_secs(45)), end)
}

#[test]
fn news_makes_a_gate_fail_at_once_and_not_at_its_next_poll() {
    let (polled, _) = reaction(&plan(None), &Faults::none());
    let (pushed, end) = reaction(&plan(Some("news")), &Faults::none());
    assert!(pushed <= Duration::from_secs(2), "{pushed:?}: {}", end.story());
    assert!(polled >= Duration::from_secs(10), "{polled:?}");
    assert!(end.by_operation["DeleteMessageBatch"] > 0, "what was heard is deleted");
}

#[test]
fn without_its_queue_a_gate_is_as_quick_as_its_polls() {
    let (polled, _) = reaction(&plan(None), &Faults::none());
    let deaf = |call: &Call| (call.operation == Operation::ReceiveMessage).then_some(Fault::Denied);
    let faults = Faults::new(deaf);
    let (deafened, end) = reaction(&plan(Some("news")), &faults);
    assert_eq!(deafened, polled, "{}", end.story());
    let tries = faults.injected().len();
    assert!((2..=10).contains(&tries), "it is tried again now and then, {tries} times");
}

/// CloudWatch may tell of a change before it describes it.
#[test]
fn what_news_asks_in_vain_is_asked_once_more_soon() {
    let heard = AtomicBool::new(false);
    let faults = Faults::new(move |call: &Call| {
        match call.operation {
            Operation::DeleteMessageBatch => heard.store(true, Ordering::Relaxed),
            Operation::DescribeAlarms => {
                return heard.swap(false, Ordering::Relaxed).then_some(Fault::Transient);
            }
            _ => {}
        }
        None
    });
    let (took, end) = reaction(&plan(Some("news")), &faults);
    assert_eq!(faults.injected().len(), 1, "{}", end.story());
    assert!(took <= Duration::from_secs(4), "{took:?}: {}", end.story());
}
