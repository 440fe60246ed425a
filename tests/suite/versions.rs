//! Instances of another version than their group launches, and groups that would start nothing, through the binary and
//! through the runner in the simulated cloud.

use std::{
    path::PathBuf,
    process::{Command, Output},
};

use tidegate::{
    plan::SourceFile,
    rollout::{Picture, Target},
    simulation::Scenario,
    testkit::Faults,
};

use crate::stage::{play, read_plan, repository, rest};

const PLAN: &str = "\
tidegate: 1
name: versions
routes:
  web: { alb: { load-balancer: lb, port: 443, pair: [blue, green] } }
fleets:
  app: { autoscaling: { pair: [app-blue, app-green] }, behind: web }
gates:
  errors: { alarms: { names: [checkout-5xx] } }
strategy:
  blue-green: { route: web, fleet: app, bake: 5m, gates: [errors] }
";

const REPLACING: (&str, &str) = ("app-green] }", "app-green], leftovers: replace }");
const NO_OFFER: &str = "sides: { candidate: { without-offer: [a, b] } }";
const LEFTOVERS: &str = "sides: { candidate: { leftovers: 2 } }";

struct Files(tempfile::TempDir);

impl Files {
    fn of(plan: &str, scenario: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("plan.yaml"), plan).unwrap();
        std::fs::write(folder.path().join("scenario.yaml"), scenario).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn tidegate(&self, command: &str, more: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_tidegate"))
            .current_dir(repository())
            .arg(command)
            .arg(self.path("plan.yaml"))
            .arg("--simulate")
            .arg("--scenario")
            .arg(self.path("scenario.yaml"))
            .args(more)
            .output()
            .unwrap()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn scenario(text: &str) -> Scenario {
    tidegate::plan::read_document(&SourceFile::new("scenario.yaml", text)).unwrap()
}

#[test]
fn what_would_start_the_wrong_thing_or_nothing_is_refused_by_plan_and_run() {
    let rolling = "\
tidegate: 1
name: rolling
fleets: { app: { autoscaling: { group: app } } }
gates: { errors: { alarms: { names: [checkout-5xx] } } }
strategy: { rolling: { fleet: app, version: 9, checkpoints: [50%], bake: 5m, gates: [errors] } }
";
    let in_place = "\
tidegate: 1
name: in-place
fleets: { web: { codedeploy: { application: checkout, group: in-place } } }
gates: { errors: { alarms: { names: [checkout-5xx] } } }
steps:
  - deploy:
      fleet: web
      revision: { s3: { bucket: releases, key: v2.zip } }
      config: Mine
      gates: [errors]
      bake: 10m
";
    for (plan, scenario, told) in [
        (PLAN, LEFTOVERS, "2 of 2 instances of app-green run version 1, the group says 2"),
        (PLAN, "sides: { stable: { instances: 0 } }", "`same-as: stable` would start none"),
        (PLAN, "missing-versions: [2]", "Could not find the specified version 2"),
        (rolling, "missing-versions: [9]", "Could not find the specified version 9"),
        (rolling, "missing-versions: [1]", "Could not find the specified version 1"),
        (PLAN, NO_OFFER, "m7g.large is not offered in a, b"),
        (in_place, "missing-configs: [Mine]", "deployment configuration Mine does not exist"),
    ] {
        let files = Files::of(plan, scenario);
        for command in ["plan", "run"] {
            let ended = files.tidegate(command, &[]);
            let talk = text(&ended.stderr);
            assert_eq!(ended.status.code(), Some(3), "{command}: {talk}");
            assert!(talk.contains(told), "{command} does not tell {told:?}: {talk}");
        }
    }
}

/// As those of functions are, unless told otherwise: nobody can be asked, and nobody is waited for.
#[test]
fn a_group_without_health_checks_is_told_and_waits_for_nobody() {
    let files =
        Files::of(PLAN, "sides: { stable: { checked: false }, candidate: { checked: false } }");
    let words = "are switched off, so its targets count";
    let preview = files.tidegate("plan", &[]);
    assert_eq!(preview.status.code(), Some(0), "{}", text(&preview.stderr));
    assert!(text(&preview.stderr).contains(words), "{}", text(&preview.stderr));
    let ended = files.tidegate("run", &[]);
    assert_eq!(ended.status.code(), Some(0), "{}", text(&ended.stderr));
    let told = text(&ended.stdout);
    assert!(
        told.contains("have no health checks") || told.contains("has no health checks"),
        "{told}"
    );
}

#[test]
fn leftovers_are_replaced_first_and_the_end_says_which_version_serves() {
    let files = Files::of(&PLAN.replace(REPLACING.0, REPLACING.1), LEFTOVERS);
    let previewed = text(&files.tidegate("plan", &[]).stdout);
    assert!(previewed.contains("main/0-replace-app"), "{previewed}");
    let ended = files.tidegate("run", &[]);
    let told = text(&ended.stdout);
    assert_eq!(ended.status.code(), Some(0), "{told}{}", text(&ended.stderr));
    assert!(told.contains("serves     app: app-green, lt-0123456789abcdef0:2"), "{told}");
}

#[test]
fn a_crash_at_any_event_replaces_leftovers_all_the_same() {
    let files = Files::of(&PLAN.replace(REPLACING.0, REPLACING.1), "{}");
    let plan = read_plan(&files.path("plan.yaml"));
    for events in 1..14 {
        let end = play(&plan, &scenario(LEFTOVERS), &Faults::none(), Some(events));
        assert_eq!(rest(&end.state), "Promoted", "{}", end.story());
        assert_eq!((end.lost, end.violations.len()), (0, 0), "{}", end.story());
        let emptied = end.journal.iter().any(|envelope| {
            let event = format!("{:?}", envelope.event);
            event.contains("0-replace-app") && event.contains("StepDone")
        });
        assert!(emptied, "{}", end.story());
    }
}

#[test]
fn going_back_brings_as_many_leftovers_as_there_were_instances() {
    let files = Files::of(&PLAN.replace(REPLACING.0, REPLACING.1), "{}");
    let plan = read_plan(&files.path("plan.yaml"));
    let bad = "sides: { candidate: { leftovers: 2, error-rate: 30% } }";
    let end = play(&plan, &scenario(bad), &Faults::none(), None);
    assert_eq!(rest(&end.state), "RolledBack", "{}", end.story());
    assert_eq!(end.changed(), [""; 0]);
}

#[test]
fn a_template_that_changes_before_its_instances_start_never_gets_traffic() {
    let files = Files::of(PLAN, "{}");
    let plan = read_plan(&files.path("plan.yaml"));
    let changed = scenario("drift: [{ at: 0s, template: 3 }]");
    let end = play(&plan, &changed, &Faults::none(), None);
    assert_eq!(rest(&end.state), "RolledBack", "{}", end.story());
    assert!(end.story().contains("4 of 4 instances of app-green run version 3, the group says 2"));
    let moved = end.journal.iter().any(|envelope| {
        matches!(
            &envelope.event,
            tidegate::rollout::Event::ChangeIntended {
                target: Target::Route(_),
                after: Picture::Split(_),
                ..
            }
        )
    });
    assert!(!moved, "{}", end.story());
}
