//! Old versions of a function at the end of a run, and an alias that somebody else moves, in the simulated cloud. That no
//! crash and no lost answer deletes too much is `sweep.rs`'s, by the plan `serverless-publish`.

use std::{collections::BTreeMap, sync::Arc};

use tidegate::{
    action::preflight,
    cloud::Operation,
    plan::{Plan, SourceFile},
    rollout::{Command, Event, Picture, Timestamp},
    simulation::{Scenario, World},
    testkit::{Fault, Faults},
};

use crate::stage::{End, play, play_then, rest, wait_for};

const PLAN: &str = "\
tidegate: 1
name: pruned
routes:
  requests: { lambda: { function: orders, alias: live, candidate: 9, versions: { keep: 3 } } }
gates:
  errors: { alarms: { names: [orders-errors] } }
steps:
  - shift: { route: requests, candidate: 10%, bake: 5m, gates: [errors] }
  - shift: { route: requests, candidate: 100%, bake: 5m, gates: [errors] }
";

fn plan() -> Plan {
    tidegate::plan::read(&SourceFile::new("pruned.yaml", PLAN), &BTreeMap::new()).unwrap().plan
}

fn scenario(text: &str) -> Scenario {
    tidegate::plan::read_document(&SourceFile::new("scenario.yaml", text)).unwrap()
}

/// The versions that the run meant to delete each time, in words.
fn meant(end: &End) -> Vec<String> {
    let intents = end.journal.iter().filter_map(|envelope| match &envelope.event {
        Event::ChangeIntended { before: before @ Picture::OldVersions(_), .. } => {
            Some(before.to_string())
        }
        _ => None,
    });
    intents.collect()
}

#[test]
fn older_versions_go_when_all_users_are_at_the_new_one_and_not_before() {
    let end = play(&plan(), &Scenario::default(), &Faults::none(), None);
    assert_eq!(rest(&end.state), "Promoted", "{}", end.story());
    assert_eq!(meant(&end), ["6 to delete (1, 2, 3, 4, 5, 6)"]);
    assert_eq!(end.violations, []);
    let bad = scenario("sides: { candidate: { error-rate: 20% } }");
    let end = play(&plan(), &bad, &Faults::none(), None);
    assert_eq!(rest(&end.state), "RolledBack", "{}", end.story());
    assert_eq!(meant(&end), [""; 0]);
}

#[test]
fn a_version_that_another_alias_leads_to_stays() {
    let other = scenario("other-rules: [{ at: 0s, side: stable, through: \"4\" }]");
    let end = play(&plan(), &other, &Faults::none(), None);
    assert_eq!(rest(&end.state), "Promoted", "{}", end.story());
    assert_eq!(meant(&end), ["5 to delete (1, 2, 3, 5, 6)"]);
}

#[test]
fn users_stay_where_they_are_when_old_versions_cannot_be_deleted_and_somebody_may_try_again() {
    let denied = || Faults::nth_of(Operation::DeleteFunction, 1, Fault::Denied);
    let end = play(&plan(), &Scenario::default(), &denied(), None);
    assert!(rest(&end.state).starts_with("Held"), "{}", end.story());
    assert_eq!(end.changed().len(), 1, "the alias is at the new version: {:?}", end.changed());
    let again = play_then(&plan(), &Scenario::default(), &denied(), &[Command::Resume]);
    assert_eq!(rest(&again.state), "Promoted", "{}", again.story());
}

#[test]
fn an_answer_that_was_lost_leads_to_another_call_for_what_is_left() {
    let lost = Faults::nth_of(Operation::DeleteFunction, 1, Fault::TimeoutAfterEffect);
    let end = play(&plan(), &Scenario::default(), &lost, None);
    assert_eq!(rest(&end.state), "Promoted", "{}", end.story());
    assert_eq!(end.by_operation["DeleteFunction"], 1, "what is done is seen: {}", end.story());
}

#[test]
fn an_alias_that_codedeploy_moves_is_refused_by_name_and_a_denial_is_only_told() {
    let settled = |text: &str, faults: &Faults| {
        let world = World::for_plan(&plan(), &scenario(text), Arc::new(Timestamp::default));
        let cloud = faults.around(&world.flawless_cloud());
        wait_for(preflight(&plan(), &cloud.reads.into()))
    };
    let refused = settled("alias-deployment: d-1AB2C3", &Faults::none()).unwrap_err();
    let [only] = &refused[..] else { panic!("{refused:?}") };
    assert_eq!(
        only.problem,
        "route requests: alias orders:live is being moved by CodeDeploy, by deployment d-1AB2C3 of group live of application \
         orders"
    );
    assert!(only.hint.contains("aws deploy stop-deployment --deployment-id d-1AB2C3"), "{only:?}");
    let denied = Faults::nth_of(Operation::ListDeployments, 1, Fault::Denied);
    let settled = settled("{}", &denied).unwrap();
    let told = settled.warnings.iter().any(|it| it.contains("whether CodeDeploy moves alias"));
    assert!(told, "{:?}", settled.warnings);
}
