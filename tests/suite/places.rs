//! Plans whose parts are in several accounts and regions, in the simulated cloud: everything is looked for where it is,
//! and the journal says where that was.

use std::collections::BTreeMap;

use tidegate::{
    plan::{Plan, SourceFile, read},
    rollout::Event,
    simulation::Scenario,
    testkit::Faults,
};

use crate::stage::{play, read_scenario, repository, rest};

const WATCH: &str = "arn:aws:iam::444455556666:role/watch";

/// The shipped canary, whose alarms are in another account and region.
fn plan() -> Plan {
    placed(&format!("{{ region: us-east-1, role: \"{WATCH}\" }}"))
}

/// The shipped canary, whose alarms are there.
fn placed(aws: &str) -> Plan {
    let text = std::fs::read_to_string(repository().join("plans/canary-alb.yaml")).unwrap();
    let placed = text.replace(
        "    alarms: { names: [\"${app}-5xx\", \"${app}-latency\"] }\n",
        &format!(
            "    alarms: {{ names: [\"${{app}}-5xx\", \"${{app}}-latency\"] }}\n    aws: {aws}\n"
        ),
    );
    assert_ne!(placed, text);
    read(&SourceFile::new("placed.yaml", placed), &BTreeMap::new()).unwrap().plan
}

#[test]
fn gates_elsewhere_let_a_canary_pass_and_take_it_back() {
    let plan = plan();
    let watched = plan.gates.values().next().unwrap();
    assert_eq!(watched.place.role.as_deref(), Some(WATCH));
    let end = play(&plan, &Scenario::default(), &Faults::none(), None);
    assert_eq!(rest(&end.state), "Promoted");
    let bad = read_scenario(&repository().join("plans/scenarios/candidate-errors.yaml"));
    let end = play(&plan, &bad, &Faults::none(), None);
    assert_eq!(rest(&end.state), "RolledBack");
}

#[test]
fn an_account_that_only_a_gate_names_is_where_a_simulation_is_at_home() {
    let plan = placed("{ account: \"444455556666\" }");
    let end = play(&plan, &Scenario::default(), &Faults::none(), None);
    assert_eq!(rest(&end.state), "Promoted");
}

#[test]
fn a_journal_says_where_what_it_is_bound_to_is() {
    let end = play(&plan(), &Scenario::default(), &Faults::none(), None);
    let Event::RunStarted { bindings, .. } = &end.journal[0].event else { panic!("begins late") };
    let place = &bindings.routes.values().next().unwrap().place;
    assert_eq!((place.region.as_deref(), place.role.as_deref()), (Some("eu-west-1"), None));
    let owned = bindings.resources();
    let group = "Auto Scaling group checkout-blue in eu-west-1 of account 000000000000";
    assert!(owned.contains(group), "{owned:?}");
}
