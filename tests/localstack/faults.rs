//! Every way a call can go wrong, at every operation that a plan uses, over the wire: whatever happens, the run ends in
//! an exit code that says what the world looks like. (tests/suite does the same at every single call, in the simulated
//! cloud; here it is the SDK's own retries, errors and time-outs that are met.)

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::{
    replacements,
    routes::by_dns,
    world::{Ended, World},
};

/// Runs side by side: they mostly wait.
const AT_ONCE: usize = 8;

/// As `/_tidegate/faults` takes them: refused a few times, broken for longer than the SDK tries, denied once, carried out
/// with the answer lost, and slower than one attempt may be.
const KINDS: [(&str, &str); 5] = [
    ("throttled", r#""kind": "throttle", "times": 3"#),
    ("broken", r#""kind": "error", "times": 7"#),
    ("denied", r#""kind": "deny", "times": 1"#),
    ("lost", r#""kind": "error", "times": 6, "after": true"#),
    ("slow", r#""kind": "delay", "times": 1, "delay_seconds": 12"#),
];

struct Story {
    kind: &'static str,
    operations: &'static [&'static str],
    plan: fn(&World) -> String,
}

/// Those that take longest first, so that the others fit beside them.
const STORIES: [Story; 4] = [
    Story {
        kind: "route53",
        operations: &[
            // `GetChange` names no zone, so a fault in it would strike every world: `aws/route53_on_the_wire.rs` has it.
            "route53.ListResourceRecordSets",
            "route53.ChangeResourceRecordSets",
        ],
        plan: by_dns,
    },
    Story {
        kind: "alb",
        operations: &[
            "elbv2.DescribeRules",
            "elbv2.ModifyRule",
            "elbv2.DescribeTargetHealth",
            "autoscaling.DescribeAutoScalingGroups",
            "autoscaling.UpdateAutoScalingGroup",
            "cloudwatch.DescribeAlarms",
        ],
        plan: canary,
    },
    Story {
        kind: "rolling",
        operations: &[
            "autoscaling.DescribeInstanceRefreshes",
            "autoscaling.StartInstanceRefresh",
            "autoscaling.SuspendProcesses",
            "autoscaling.ResumeProcesses",
        ],
        plan: rolling,
    },
    Story {
        kind: "codedeploy",
        operations: &[
            "codedeploy.GetDeploymentGroup",
            "codedeploy.GetDeployment",
            "codedeploy.CreateDeployment",
        ],
        plan: deployment,
    },
];

fn canary(world: &World) -> String {
    world.plan("canary-alb.yaml", |text| {
        text.replacen("  - shift: { route: web, candidate: 25%", "#", 1).replacen(
            "  - shift: { route: web, candidate: 5%",
            "#",
            1,
        )
    })
}

fn rolling(world: &World) -> String {
    replacements::rolling(world, "[50%]", 2)
}

fn deployment(world: &World) -> String {
    replacements::deploying(world, "codedeploy-in-place.yaml", "in-place", "5xx", "v2.zip")
}

/// One run with one fault, and whether its end is told truly.
fn tell(story: &Story, operation: &str, (name, fault): (&str, &str), number: usize) -> i32 {
    let world = World::of_kind(story.kind, &format!("fault{number:03}"));
    let before = world.described();
    let plan = (story.plan)(&world);
    let run = world.start(&["run", &plan]);
    world.wait_for("run-started");
    world.fault(operation, fault);
    let ended = Ended::wait(run);
    let what = format!("{operation} {name}: {:?}\n{}\n{}", ended.code, ended.told, ended.talk);
    let after = world.described();
    match ended.code {
        Some(0) => assert_ne!(after, before, "promoted, and nothing has changed: {what}"),
        Some(4) => assert_eq!(after, before, "rolled back, and not as before: {what}"),
        Some(5) => assert!(ended.told.contains("needs attention"), "{what}"),
        Some(7 | 8) => assert!(ended.told.contains("tidegate resume"), "{what}"),
        _ => panic!("{what}"),
    }
    ended.code.unwrap()
}

#[test]
fn whatever_goes_wrong_at_whatever_operation_the_end_is_told_truly() {
    let stories: Vec<(&Story, &str, (&str, &str))> = STORIES
        .iter()
        .flat_map(|story| {
            let operations = story.operations.iter();
            operations.flat_map(move |name| KINDS.iter().map(move |kind| (story, *name, *kind)))
        })
        .collect();
    let (next, ends) = (AtomicUsize::new(0), Mutex::new(BTreeMap::<i32, usize>::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some((story, operation, kind)) = stories.get(number) else { break };
                    let code = tell(story, operation, *kind, number);
                    *ends.lock().unwrap().entry(code).or_default() += 1;
                }
            });
        }
    });
    println!("faults on the wire: {} runs, by exit code {:?}", stories.len(), ends.lock().unwrap());
}
