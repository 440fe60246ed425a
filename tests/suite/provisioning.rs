//! Executions of a function's versions that are kept ready, in the simulated cloud: there before users come, given up after
//! they have left, and refused beforehand where AWS would refuse. That no crash and no lost answer leaves any behind is
//! `sweep.rs`'s, by the plan `serverless-provisioned`.

use std::{collections::BTreeMap, sync::Arc};

use tidegate::{
    action::{permissions, preflight, preview},
    cloud::Operation,
    plan::{Plan, Side, SourceFile},
    rollout::{Event, Picture, Target, Timestamp},
    simulation::{Scenario, World},
    testkit::{Fault, Faults},
};

use crate::stage::{End, play, rest, wait_for};

const PLAN: &str = "\
tidegate: 1
name: warm
routes:
  requests: { lambda: { function: orders, alias: live, candidate: published } }
fleets:
  warm: { provisioned: requests }
gates:
  errors: { alarms: { names: [orders-errors] } }
steps:
  - publish: requests
  - scale: { fleet: warm, side: candidate, to: { same-as: stable } }
  - shift: { route: requests, candidate: 10%, bake: 5m, gates: [errors] }
  - shift: { route: requests, candidate: 100%, bake: 5m, gates: [errors] }
  - scale: { fleet: warm, side: stable, to: 0 }
";

fn plan_of(text: &str) -> Plan {
    tidegate::plan::read(&SourceFile::new("warm.yaml", text), &BTreeMap::new()).unwrap().plan
}

fn plan() -> Plan {
    plan_of(PLAN)
}

fn scenario(text: &str) -> Scenario {
    tidegate::plan::read_document(&SourceFile::new("scenario.yaml", text)).unwrap()
}

/// What was asked for, and what the alias was set to, in order.
fn meant(end: &End) -> Vec<String> {
    let intents = end.journal.iter().filter_map(|envelope| match &envelope.event {
        Event::ChangeIntended {
            target: Target::Fleet { side, .. },
            after: after @ Picture::Capacity(_),
            ..
        } => Some(format!("{side} {after}")),
        Event::ChangeIntended { after: after @ Picture::Split(_), .. } => Some(after.to_string()),
        _ => None,
    });
    intents.collect()
}

#[test]
fn a_version_is_warm_before_users_come_and_the_old_one_is_cold_after_they_have_left() {
    let end = play(&plan(), &Scenario::default(), &Faults::none(), None);
    assert_eq!(rest(&end.state), "Promoted", "{}", end.story());
    let expected = ["candidate 4 provisioned", "6 90, 7 10", "7 100", "stable 0 provisioned"];
    assert_eq!(meant(&end), expected);
    assert_eq!(end.violations, []);
    assert_eq!(end.by_operation["PutProvisionedConcurrencyConfig"], 1);
    assert_eq!(end.by_operation["DeleteProvisionedConcurrencyConfig"], 1);
    let shift = end.journal.iter().find_map(|envelope| match &envelope.event {
        Event::Read { reading, .. } if reading.because.contains("provisioned") => {
            Some(reading.because.clone())
        }
        _ => None,
    });
    assert!(
        shift.unwrap().contains("provisioned executions of version 7 ready"),
        "{}",
        end.story()
    );
}

#[test]
fn going_back_moves_users_first_and_then_gives_up_what_was_kept_ready() {
    let bad = scenario("sides: { candidate: { error-rate: 20% } }");
    let end = play(&plan(), &bad, &Faults::none(), None);
    assert_eq!(rest(&end.state), "RolledBack", "{}", end.story());
    let expected = ["candidate 4 provisioned", "6 90, 7 10", "6 100", "candidate 0 provisioned"];
    assert_eq!(meant(&end), expected);
    assert_eq!(end.violations, []);
}

#[test]
fn users_go_back_although_the_old_version_does_not_get_warm_again() {
    let plan = plan_of(&format!("{PLAN}  - pause: 10m\n"));
    let late = scenario(
        "sides: { stable: { suspended: [Launch] } }\n\
         alarms: { all: { states: [{ at: 15m, state: alarm, for: 10m }] } }",
    );
    let end = play(&plan, &late, &Faults::none(), None);
    assert_eq!(rest(&end.state), "RolledBack", "{}", end.story());
    let meant = meant(&end);
    assert_eq!(meant[3], "stable 0 provisioned", "{meant:?}");
    assert!(meant.contains(&"6 100".to_owned()), "{meant:?}");
    assert!(meant.contains(&"stable 4 provisioned".to_owned()), "{meant:?}");
    let back = end
        .journal
        .iter()
        .position(|envelope| matches!(&envelope.event, Event::RollbackStarted { .. }));
    let until_restored = end.journal[back.unwrap()..]
        .iter()
        .find(|envelope| matches!(&envelope.event, Event::Restored { target: Target::Route(_) }));
    let took = until_restored.unwrap().at.since(end.journal[back.unwrap()].at);
    assert!(took.as_secs() < 60, "users waited {took:?}: {}", end.story());
    assert_eq!(end.violations, []);
}

#[test]
fn a_version_that_never_gets_warm_gets_no_users_and_says_why() {
    let broken = scenario("sides: { candidate: { suspended: [Launch] } }");
    let end = play(&plan(), &broken, &Faults::none(), None);
    assert_eq!(rest(&end.state), "RolledBack", "{}", end.story());
    assert_eq!(meant(&end), ["candidate 4 provisioned", "candidate 0 provisioned"]);
    assert!(end.story().contains("FUNCTION_ERROR_INIT_FAILURE"), "{}", end.story());
    let failed = end.journal.iter().find_map(|envelope| match &envelope.event {
        Event::StepFailed { cause, .. } => Some((envelope.at, cause.to_string())),
        _ => None,
    });
    let asked = end.journal.iter().find_map(|envelope| match &envelope.event {
        Event::ChangeIntended { target: Target::Fleet { .. }, .. } => Some(envelope.at),
        _ => None,
    });
    let ((failed, cause), asked) = failed.zip(asked).unwrap();
    assert!(cause.starts_with("AWS has given up what is waited for: 0 of 4"), "{cause}");
    assert!(failed.since(asked).as_secs() < 30, "nobody waits for what AWS has given up: {cause}");
}

fn told(text: &str, scenario_text: &str, faults: &Faults) -> (Vec<String>, Vec<String>) {
    let plan = plan_of(text);
    let world = World::for_plan(&plan, &scenario(scenario_text), Arc::new(Timestamp::default));
    let cloud = faults.around(&world.flawless_cloud());
    match wait_for(preflight(&plan, &cloud.reads.into())) {
        Ok(settled) => (Vec::new(), settled.warnings),
        Err(objections) => {
            (objections.into_iter().map(|objection| objection.problem).collect(), Vec::new())
        }
    }
}

#[test]
fn what_aws_would_refuse_is_refused_before_anything_is_published() {
    let refused = |scenario: &str| told(PLAN, scenario, &Faults::none()).0;
    assert_eq!(refused("{}"), [""; 0]);
    let room = refused("concurrency: { unreserved: 107 }");
    assert_eq!(
        room,
        [
            "fleet warm: there is no room for 4 provisioned executions beside the 4 there are: the account has 107 unreserved, of \
          which 100 have to stay"
        ]
    );
    assert_eq!(refused("concurrency: { unreserved: 108 }"), [""; 0]);
    let reserved = refused("concurrency: { reserved: 7 }");
    assert!(reserved[0].ends_with("function orders has reserved 7"), "{reserved:?}");
    let snapshots = refused("concurrency: { snapshots: true }");
    assert!(snapshots[0].contains("has SnapStart"), "{snapshots:?}");
    let alias = refused("concurrency: { on-alias: 2 }");
    assert!(
        alias[0]
            .starts_with("route requests: alias orders:live has provisioned concurrency itself")
    );
}

#[test]
fn what_cannot_be_asked_is_told_and_stops_nothing_and_a_stable_side_of_none_gives_none() {
    let denied = |operation| Faults::nth_of(operation, 1, Fault::Denied);
    let (refused, warned) = told(PLAN, "{}", &denied(Operation::GetLambdaSettings));
    assert_eq!(refused, [""; 0]);
    assert!(warned.iter().any(|it| it.contains("whether there is room for 4")), "{warned:?}");
    let without = PLAN.lines().filter(|line| !line.contains("warm:") && !line.contains("fleet"));
    let without = without.collect::<Vec<_>>().join("\n");
    let (refused, warned) =
        told(&without, "{}", &denied(Operation::ListProvisionedConcurrencyConfigs));
    assert_eq!(refused, [""; 0]);
    assert!(warned.iter().any(|it| it.contains("has provisioned concurrency")), "{warned:?}");
    let (refused, warned) = told(PLAN, "{}", &denied(Operation::ListAliases));
    assert_eq!(refused, [""; 0]);
    assert!(warned.iter().any(|it| it.contains("whether other aliases lead to")), "{warned:?}");
    let none = "sides: { stable: { instances: 0 } }";
    let (refused, warned) = told(PLAN, none, &Faults::none());
    assert_eq!(refused, [""; 0]);
    assert!(warned.iter().any(|it| it.contains("so the candidate gets none either")), "{warned:?}");
}

#[test]
fn another_alias_that_loses_what_is_kept_ready_is_told() {
    let words = |scenario: &str, text: &str| {
        let (refused, warned) = told(text, scenario, &Faults::none());
        assert_eq!(refused, [""; 0]);
        warned.into_iter().find(|it| it.contains("provisioned executions when"))
    };
    assert_eq!(words("{}", PLAN), None);
    let beta = "concurrency: { other-aliases: [beta] }";
    let expected = "fleet warm: alias beta leads to version 6, which keeps 0 of its 4 provisioned executions when this run is \
                    done; what is sent there is served, more slowly at first";
    assert_eq!(words(beta, PLAN).as_deref(), Some(expected));
    let two = words("concurrency: { other-aliases: [beta, gamma] }", PLAN).unwrap();
    assert!(two.contains("aliases beta, gamma lead to version 6"), "{two}");
    let kept = PLAN.replace("side: stable, to: 0", "side: stable, to: 4");
    assert_eq!(words(beta, &kept), None, "it loses nothing");
    let both = PLAN.replace("  requests:", "  others: { lambda: { function: orders, alias: beta, candidate: published } }\n  requests:");
    let both = format!(
        "{both}  - publish: others\n  - shift: {{ route: others, candidate: 100%, bake: 5m, gates: [errors] }}\n"
    );
    assert_eq!(words(beta, &both), None, "the run moves it too");
}

#[test]
fn a_preview_tells_the_executions_of_a_version_that_is_not_published_yet() {
    let plan = plan();
    let world = World::for_plan(&plan, &Scenario::default(), Arc::new(Timestamp::default));
    let settled = wait_for(preflight(&plan, &world.flawless_cloud().reads.into())).unwrap();
    let planned = preview(&plan, &settled);
    let fleets = planned.iter().filter_map(|call| match &call.target {
        Target::Fleet { side, .. } => Some((*side, call.after.to_string())),
        _ => None,
    });
    let expected =
        [(Side::Candidate, "4 provisioned".to_owned()), (Side::Stable, "0 provisioned".to_owned())];
    assert_eq!(fleets.collect::<Vec<_>>(), expected);
    let actions = permissions(&plan);
    let provisions = actions.iter().filter(|action| action.contains("Provisioned"));
    assert_eq!(provisions.count(), 4, "{actions:?}");
    assert!(!actions.iter().any(|action| action.starts_with("autoscaling:")), "{actions:?}");
}

#[test]
fn what_is_no_fleet_of_versions_is_told() {
    let codes = |from: &str, to: &str| {
        let text = PLAN.replacen(from, to, 1);
        assert_ne!(text, PLAN, "{from}");
        let read = tidegate::plan::read(&SourceFile::new("warm.yaml", &text), &BTreeMap::new());
        read.err().map(|problems| format!("{problems:?}")).unwrap_or_default()
    };
    let cases = [
        ("{ provisioned: requests }", "{ provisioned: nobody }", "plan::unknown-route"),
        (
            "{ provisioned: requests }",
            "{ provisioned: requests, behind: requests }",
            "plan::stray-field",
        ),
        ("to: 0", "to: { min: 0, max: 2, desired: 1 }", "plan::wrong-fleet"),
        (
            "  - publish: requests\n  - scale: { fleet: warm, side: candidate, to: { same-as: stable } }\n",
            "  - scale: { fleet: warm, side: candidate, to: { same-as: stable } }\n  - publish: requests\n",
            "plan::publish",
        ),
        (
            "  warm: { provisioned: requests }\n",
            "  warm: { provisioned: requests }\n  hot: { provisioned: requests }\n",
            "plan::same-target",
        ),
    ];
    for (from, to, code) in cases {
        let told = codes(from, to);
        assert!(told.contains(code), "{to}: {told}");
    }
}
