//! Messages that a candidate has failed, in the simulated cloud: going back brings them back where the plan asks for it and
//! nobody else's would be moved with them.

use std::{collections::BTreeMap, sync::Arc};

use tidegate::{
    action::{permissions, preflight},
    plan::{Plan, SourceFile},
    rollout::Timestamp,
    simulation::{Scenario, World},
    testkit::Faults,
};

use crate::stage::{End, play, rest, wait_for};

const PLAN: &str = "\
tidegate: 1
name: redriven
routes:
  orders:
    event-source:
      mapping: 14e0db71-5d35-4eb5-b481-8945cf9d10c2
      stable: 'orders:1'
      candidate: 'orders:2'
      redrive: bring-back
gates:
  errors: { alarms: { names: [orders-errors] } }
steps:
  - shift: { route: orders, candidate: 100%, bake: 10m, gates: [errors] }
";

const BAD: &str = "sides: { candidate: { error-rate: 20% } }";

fn plan(redrive: &str) -> Plan {
    let text = PLAN.replace("bring-back", redrive);
    tidegate::plan::read(&SourceFile::new("redriven.yaml", &text), &BTreeMap::new()).unwrap().plan
}

fn scenario(text: &str) -> Scenario {
    tidegate::plan::read_document(&SourceFile::new("scenario.yaml", text)).unwrap()
}

fn moves(end: &End) -> u64 {
    end.by_operation.get("StartMessageMoveTask").copied().unwrap_or_default()
}

#[test]
fn going_back_brings_messages_back_once_and_going_forward_does_not() {
    let end = play(&plan("bring-back"), &scenario(BAD), &Faults::none(), None);
    assert_eq!(rest(&end.state), "RolledBack", "{}", end.story());
    assert_eq!(moves(&end), 1);
    assert_eq!(end.changed(), [""; 0]);
    let end = play(&plan("bring-back"), &Scenario::default(), &Faults::none(), None);
    assert_eq!((rest(&end.state).as_str(), moves(&end)), ("Promoted", 0), "{}", end.story());
    let end = play(&plan("hold"), &scenario(BAD), &Faults::none(), None);
    assert_eq!((rest(&end.state).as_str(), moves(&end)), ("RolledBack", 0), "{}", end.story());
}

fn told(redrive: &str, text: &str) -> Result<Vec<String>, Vec<String>> {
    let plan = plan(redrive);
    let world = World::for_plan(&plan, &scenario(text), Arc::new(Timestamp::default));
    let settled = wait_for(preflight(&plan, &world.flawless_cloud().reads.into()));
    let problems = |all: Vec<tidegate::action::Objection>| all.into_iter().map(|it| it.problem);
    settled.map(|settled| settled.warnings).map_err(|against| problems(against).collect())
}

#[test]
fn messages_that_were_there_before_are_left_and_how_to_move_them_is_told() {
    let three = "queues: { simulated: { dead-letters: 3 } }";
    let warned = told("bring-back", three).unwrap();
    let words = "route orders: there are 3 messages in arn:aws:sqs:us-east-1:000000000000:simulated-dead already";
    let warning = warned.iter().find(|it| it.starts_with(words)).unwrap();
    assert!(
        warning.contains("aws sqs start-message-move-task --source-arn arn:aws:sqs:"),
        "{warning}"
    );
    let end =
        play(&plan("bring-back"), &scenario(&format!("{BAD}\n{three}")), &Faults::none(), None);
    assert_eq!((rest(&end.state).as_str(), moves(&end)), ("RolledBack", 0), "{}", end.story());
    assert_eq!(told("hold", three).unwrap(), [""; 0]);
    assert_eq!(told("bring-back", "{}").unwrap(), [""; 0]);
    let none = "queues: { simulated: { redrive: false } }";
    let refused = told("bring-back", none).unwrap_err();
    assert!(refused[0].contains("has no dead-letter queue"), "{refused:?}");
    assert_eq!(told("hold", none).unwrap(), [""; 0]);
}

#[test]
fn only_who_brings_back_needs_to_move_messages() {
    let moving = |redrive: &str| {
        let actions = permissions(&plan(redrive)).into_iter();
        actions.filter(|action| action.contains("Message")).collect::<Vec<_>>()
    };
    assert_eq!(moving("hold"), [""; 0]);
    let expected = [
        "sqs:DeleteMessage",
        "sqs:ListMessageMoveTasks",
        "sqs:ReceiveMessage",
        "sqs:SendMessage",
        "sqs:StartMessageMoveTask",
    ];
    assert_eq!(moving("bring-back"), expected);
}
