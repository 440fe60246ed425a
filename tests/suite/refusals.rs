//! The table of ARCHITECTURE.md that says what would make a call fail, gone through row by row and kind by kind: what is
//! planted is refused by preflight in the words of its row, what is gone is missed, and what nobody asks is said to be.
//! Denials have a file of their own.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    process::Command,
    sync::{Arc, Mutex},
};

use tidegate::{
    action::preflight,
    cloud::{Access, Operation},
    plan::{Plan, SourceFile},
    rollout::Timestamp,
    simulation::{Scenario, World},
    testkit::{Fault, Faults},
};

use crate::stage::{plans, read_plan, repository, wait_for};

/// How it is shown that a kind of failure is known beforehand, or that it is not.
#[derive(Debug)]
enum Shown {
    /// A shipped plan, something in its way, and what preflight says then.
    Planted(&'static str, &'static str, &'static str),
    /// By an adapter, in answers that it is given on the wire, or by what reads plans: a test of this name.
    By(&'static str),
    /// Its row says who could be asked, and that nobody is; or what becomes of it all the same.
    Row(&'static str),
}
use Shown::{By, Planted, Row};

/// Every kind but denials, and but what is gone: of each operation, in the order of its row.
#[rustfmt::skip]
const KINDS: &[(&str, &str, Shown)] = &[
    ("ModifyRule", "not a forward action", By("what_does_not_forward_or_is_out_of_range_says_so")),
    ("ModifyRule", "weights outside 0 to 999", By("what_does_not_forward_or_is_out_of_range_says_so")),
    ("ModifyRule", "more than five groups", Planted("canary-alb", "[full-action]", "has room for 5, so")),
    ("ModifyRule", "of another load balancer", Planted("canary-alb", "[other-load-balancer]", "belongs to load balancer app/another")),
    ("ModifyRule", "VPC", Planted("canary-alb", "[other-vpc]", "is in vpc-another")),
    ("ModifyRule", "protocol", Planted("canary-alb", "[other-protocol]", "speaks TCP")),
    ("ModifyListener", "a protocol that knows no weights", Row("protocols: not asked")),
    ("CreateRule", "no free priority ahead", By("what_cannot_be_added_is_refused_before_anything_is_written")),
    ("CreateRule", "OIDC secret that cannot be copied", By("what_cannot_be_added_is_refused_before_anything_is_written")),
    ("CreateRule", "five condition values", By("what_cannot_be_added_is_refused_before_anything_is_written")),
    ("CreateRule", "rules at their limit", By("what_the_accounts_limits_leave_no_room_for_is_known_before")),
    ("DescribeListeners", "listener or load balancer gone", By("a_port_or_priority_that_is_not_there_is_told_with_those_that_are")),
    ("DescribeLoadBalancers", "no such load balancer", By("what_does_not_exist_is_the_object_only_where_the_code_says_so")),
    ("DescribeTargetGroupAttributes", "group gone", Row("is called")),
    ("GetHealthCheckStatus", "health check gone", Row("by the first step that waits for health")),
    ("ListVersionsByFunction", "no such function", Row("not asked")),
    ("GetDeployment (API Gateway)", "no such deployment", By("what_is_not_there_is_told_by_what_it_is")),
    ("ListTargetsByRule", "no target of that id", By("a_target_is_found_by_its_id_with_all_that_a_person_would_have_to_write")),
    ("DescribeTargetHealth", "nothing comes of it in a group that is in no rule", By("a_group_in_no_rule_is_attached_by_a_run_that_moves_it")),
    ("ChangeResourceRecordSets", "mixed policies", By("a_set_that_weights_cannot_be_moved_in_says_why")),
    ("ChangeResourceRecordSets", "different TTLs", By("a_set_that_weights_cannot_be_moved_in_says_why")),
    ("ListHostedZonesByName", "no zone, or several, of that name", By("a_zone_is_found_by_its_domain_unless_several_have_it")),
    ("UpdateAutoScalingGroup", "processes suspended", Planted("blue-green-alb", "sides: { candidate: { suspended: [Launch] } }", "suspended Launch")),
    ("UpdateAutoScalingGroup", "a template version that is gone", Planted("blue-green-alb", "missing-versions: [2]", "Could not find the specified version 2")),
    ("UpdateAutoScalingGroup", "instances of another version already there", Planted("blue-green-alb", "sides: { candidate: { leftovers: 2 } }", "2 of 2 instances")),
    ("UpdateAutoScalingGroup", "a stable side of no instances as the measure", Planted("blue-green-alb", "sides: { stable: { instances: 0 } }", "would start none")),
    ("UpdateAutoScalingGroup", "instance types without offer", Planted("blue-green-alb", "sides: { candidate: { without-offer: [a, b] } }", "is not offered in a, b")),
    ("UpdateAutoScalingGroup", "quota, capacity", Row("quota and capacity: not asked")),
    ("DescribeLaunchTemplateVersions", "template or version gone", Planted("rolling-asg", "missing-versions: [1]", "Could not find the specified version 1")),
    ("StartInstanceRefresh", "a refresh under way", Planted("rolling-asg", "[replacement-under-way]", "is under way already")),
    ("StartInstanceRefresh", "no launch template of the group's own, or one without a number", Planted("rolling-asg", "[unnamed-version]", "version $Latest of its launch template")),
    ("StartInstanceRefresh", "no such version", Planted("rolling-asg", "missing-versions: [1]", "Could not find the specified version 1")),
    ("StartInstanceRefresh", "processes suspended", Planted("rolling-asg", "sides: { candidate: { suspended: [Terminate] } }", "has suspended Terminate")),
    ("RollbackInstanceRefresh", "a version that is no number", Planted("rolling-asg", "[unnamed-version]", "version $Latest of its launch template")),
    ("SuspendProcesses", "no effect on what is being replaced already", Row("not asked")),
    ("ResumeProcesses", "suspended by somebody else before the run", Planted("rolling-asg", "[refresh-suspended]", "InstanceRefresh is suspended")),
    ("GetDeploymentConfig", "no such configuration", Planted("codedeploy-in-place", "missing-configs: [CodeDeployDefault.OneAtATime]", "OneAtATime does not exist")),
    ("GetDeployment", "a deployment older than CodeDeploy keeps", Row("is called for the last with success")),
    ("CreateDeployment", "a deployment under way", Planted("codedeploy-in-place", "[replacement-under-way]", "is under way already")),
    ("CreateDeployment", "a revision that is not there", Row("revision and role: not asked")),
    ("CreateDeployment", "no such deployment configuration", Planted("codedeploy-in-place", "missing-configs: [CodeDeployDefault.OneAtATime]", "OneAtATime does not exist")),
    ("CreateDeployment", "a kind of revision that the platform does not take", Row("revision and role: not asked")),
    ("CreateDeployment", "no instances", Planted("codedeploy-in-place", "[nothing-deployed]", "nothing could be put back")),
    ("CreateDeployment", "service role", Row("revision and role: not asked")),
    ("ContinueDeployment", "not ready any more", Row("warns, with the minutes")),
    ("DescribeAlarms", "composite alarms need `*`", Row("is called")),
    ("DescribeAlarms", "an alarm that does not exist", Planted("canary-alb", "missing-alarms: all", "does not exist")),
    ("GetMetricData", "a metric, dimension or period without figures", Row("holds the traffic where it is")),
    ("GetQueueAttributes", "no redrive policy where a gate counts dead letters", Planted("event-driven", "queues: { all: { redrive: false } }", "has no redrive policy")),
    ("StartMessageMoveTask", "a task under way", By("whoever_takes_over_while_nobody_reads_starts_no_second_task")),
    ("StartMessageMoveTask", "messages that came from no queue", Row("where there are messages already, which stay")),
    ("ReceiveMessage", "no rule that fills the queue", Row("a gate is slower, not wrong")),
    ("ReceiveMessage", "somebody else who empties it", Row("a gate is slower, not wrong")),
    ("PutProvisionedConcurrencyConfig", "more than the function has reserved", Planted("serverless-provisioned", "concurrency: { reserved: 7 }", "has reserved 7")),
    ("PutProvisionedConcurrencyConfig", "the account has left but for 100", Planted("serverless-provisioned", "concurrency: { unreserved: 107 }", "the account has 107 unreserved")),
    ("PutProvisionedConcurrencyConfig", "SnapStart", Planted("serverless-provisioned", "concurrency: { snapshots: true }", "has SnapStart")),
    ("PutProvisionedConcurrencyConfig", "code that fails to begin", Row("code that fails: not asked")),
    ("DeleteFunction", "a version that an alias leads to", By("a_version_that_anything_uses_is_not_among_the_old_ones")),
    ("DeleteFunction", "Lambda@Edge has copied", Row("denial and copies: not asked")),
    ("PublishVersion", "another code uploaded than the one that was found", By("another_package_than_the_plans_is_refused")),
    ("PublishVersion", "an update under way", Planted("serverless-publish", "[function-updating]", "version $LATEST is not active")),
    ("PublishVersion", "a function that has failed", Planted("serverless-publish", "[function-failed]", "version $LATEST has failed")),
    ("PublishVersion", "storage for code used up", Row("storage and denial: not asked")),
    ("UpdateAlias", "versions of different roles", Planted("serverless-canary", "[other-role]", "differ in their execution role")),
    ("UpdateAlias", "dead-letter queues", Planted("serverless-canary", "[other-dead-letters]", "differ in their dead-letter queue")),
    ("UpdateAlias", "by CodeDeploy for example", Planted("serverless-canary", "alias-deployment: d-1", "is being moved by CodeDeploy")),
    ("UpdateAlias", "provisioned concurrency on the alias", Planted("serverless-canary", "concurrency: { on-alias: 2 }", "has provisioned concurrency itself")),
    ("UpdateEventSourceMapping", "a mapping that is on its way", Planted("stream-handover", "[mapping-updating]", "is Updating")),
    ("UpdateEventSourceMapping", "one without the permissions to read", Row("roles and time limits: not asked")),
    ("UpdateEventSourceMapping", "a function that has a mapping of the source already", Planted("stream-handover", "[second-mapping]", "already: second")),
    ("UpdateEventSourceMapping", "a function that may run longer than the queue hides a message", Row("roles and time limits: not asked")),
    ("GetStage", "a canary finer than hundredths", Planted("serverless-api", "[stage-has-canary]", "has a canary already")),
    ("PutTargets", "managed by a service", Planted("event-bus", "[rule-managed]", "is managed by autoscaling.amazonaws.com")),
    ("PutTargets", "parameters of the target", Row("parameters and other services: not asked")),
    ("PutTargets", "where the candidate does not let EventBridge in", Planted("event-bus", "[not-let-in]", "no resource policy lets EventBridge")),
    ("StartReplay", "ten replays under way in the account", Row("time and number: not asked")),
    ("StartReplay", "a time that the archive has not kept", Row("time and number: not asked")),
    ("GetDeployments", "no such API", Row("a run asks when it makes a deployment")),
    ("CreateDeployment (API Gateway)", "a method without an integration", Row("methods and integrations: not asked")),
    ("UpdateStage", "that does not let API Gateway in", Planted("serverless-api", "[not-let-in]", "no resource policy lets API Gateway call lambda:InvokeFunction")),
    ("Invoke", "a function that fails or outlasts its gate", Row("What the function will say: not asked")),
    ("AddTags", "fifty tags", Row("a failure is a warning")),
    ("CreateOrUpdateTags", "fifty tags", Row("as `AddTags`")),
    ("ChangeTagsForResource", "ten tags", Row("as `AddTags`")),
    ("TagResource", "fifty tags", Row("as `AddTags`")),
    ("GetCallerIdentity", "no or expired credentials", By("a_profile_that_does_not_exist_is_refused_before_anything_is_called")),
];

/// What the last column refuses beside what would make its call fail.
#[rustfmt::skip]
const REFUSED_TOO: &[(&str, &str, Shown)] = &[
    ("StartMessageMoveTask", "refuses `redrive: bring-back` where there is none", By("where_dead_letters_go_and_whether_there_are_any_is_told_beforehand")),
    ("GetAlias", "one that serves `$LATEST`", Planted("serverless-canary", "[serves-unpublished]", "serves $LATEST, whose requests AWS does not split")),
    ("GetFunctionConfiguration", "a version that is not active is refused", Planted("serverless-canary", "[function-updating]", "is not active (Creating)")),
    ("GetEventSourceMapping", "on its way from one state to another", Planted("stream-handover", "[mapping-updating]", "is Updating")),
    ("GetEventSourceMapping", "stands otherwise than the plan says", Planted("stream-handover", "[mapping-elsewhere]", "leads to somebody-elses, not to")),
    ("GetEventSourceMapping", "stands otherwise than the plan says", Planted("stream-handover", "[mapping-disabled]", "is disabled (USER_INITIATED), so nobody reads")),
    ("UpdateStage", "refuses a function that is not there, not active", Planted("serverless-api", "[function-updating]", "is not active (Creating)")),
    ("UpdateStage", "a function that is not there", By("what_the_variables_of_a_stage_lead_to_is_known_beforehand")),
    ("GetStage", "a stage that has a canary already is refused", Planted("serverless-api", "[stage-has-canary]", "has a canary already")),
    ("DescribeRule", "a rule that is disabled", Planted("event-bus", "[rule-disabled]", "the rule is disabled")),
    ("DescribeArchive", "an archive of another bus is refused", Planted("event-replay", "[archive-of-other-bus]", "keeps the events of")),
    ("StartReplay", "refuses a rule that is disabled", Planted("event-replay", "[replay-rule-disabled]", "is disabled, so nothing would be replayed")),
    ("StartReplay", "leads to others", Planted("event-replay", "[replayed-to-others]", "alone")),
    ("StartReplay", "takes what is not replayed", Planted("event-replay", "[live-events-replayed]", "events that are not replayed, too")),
    ("UpdateEventSourceMapping", "a function that is not there or not active", Planted("stream-handover", "[function-updating]", "is not active (Creating)")),
];

/// Said of a kind in its own cell: it passes, or the run sees to it.
const BY_ITSELF: [&str; 6] = [
    "(tried again)",
    "(looked at again)",
    "(the run widens them)",
    "(which is looked at)",
    "(then it is the run's own)",
    "which is fine",
];

struct Cells {
    operation: String,
    fails: String,
    knows: String,
    does: String,
}

fn table() -> Vec<Cells> {
    let text = fs::read_to_string(repository().join("ARCHITECTURE.md")).unwrap();
    let section = text.split("## What would make a call fail").nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let cells = |line: &str| {
        let cells: Vec<String> =
            line.trim_matches('|').split('|').map(|it| it.trim().to_owned()).collect();
        let [operation, fails, knows, does] = cells.try_into().unwrap();
        let operation = operation.trim_start_matches('`').replacen('`', "", 1);
        Cells { operation, fails, knows, does }
    };
    section.lines().filter(|line| line.starts_with("| `")).map(cells).collect()
}

/// What stands in the way of a plan; of a rule's target group, of one that has yet to be attached.
fn scenario(plan: &str, text: &str) -> String {
    let attached = plan != "canary-alb";
    match text.strip_prefix('[') {
        Some(ways) => {
            format!("sides: {{ candidate: {{ attached: {attached} }} }}\nin-the-way: [{ways}\n")
        }
        None => text.to_owned(),
    }
}

fn read_scenario(text: &str) -> Scenario {
    tidegate::plan::read_document(&SourceFile::new("scenario.yaml", text)).unwrap()
}

/// Of what preflight warns, or else what it says against a run, and what it has asked; it changes nothing, whatever it finds.
fn asked(
    plan: &Plan,
    scenario: &str,
    fault: impl Fn(Operation) -> Option<Fault> + Send + Sync + 'static,
) -> (Result<Vec<String>, Vec<String>>, BTreeSet<Operation>) {
    let made = Arc::new(Mutex::new(BTreeSet::new()));
    let noted = Arc::clone(&made);
    let faults = Faults::new(move |call| {
        noted.lock().unwrap().insert(call.operation);
        fault(call.operation)
    });
    let now = Arc::new(Timestamp::default);
    let world = World::for_plan(plan, &read_scenario(scenario), now);
    let cloud = world.placed(plan, &faults.around(&world.flawless_cloud()));
    let said = match wait_for(preflight(plan, &cloud.reads())) {
        Ok(settled) => Ok(settled.warnings),
        Err(objections) => Err(objections.into_iter().map(|it| it.problem).collect()),
    };
    let made = made.lock().unwrap().clone();
    let writes: Vec<&Operation> = made.iter().filter(|it| it.access() != Access::Reads).collect();
    assert!(writes.is_empty(), "preflight calls {writes:?}");
    (said, made)
}

fn row(of: &str) -> Cells {
    table().into_iter().find(|row| row.operation == of).unwrap_or_else(|| panic!("no row of {of}"))
}

#[test]
fn what_is_planted_is_refused_in_the_words_of_its_row() {
    let sources = all_sources();
    let folder = tempfile::tempdir().unwrap();
    let (mut planted, mut offences) = (BTreeMap::<&str, u32>::new(), Vec::new());
    for (operation, kind, shown) in KINDS.iter().chain(REFUSED_TOO) {
        let Cells { fails, does, .. } = row(operation);
        if !fails.contains(kind) && !does.contains(kind) {
            offences.push(format!("the row of {operation} says nothing of `{kind}`"));
        }
        match shown {
            Planted(name, text, told) => {
                let path = repository().join(format!("plans/{name}.yaml"));
                let (plan, text) = (read_plan(&path), scenario(name, text));
                let refused = asked(&plan, &text, |_| None).0.err().unwrap_or_default();
                if !refused.iter().any(|it| it.contains(told)) {
                    offences.push(format!("{operation}, {kind}: {refused:?}"));
                }
                let file = folder.path().join("scenario.yaml");
                fs::write(&file, &text).unwrap();
                let ended = Command::new(env!("CARGO_BIN_EXE_tidegate"))
                    .current_dir(folder.path())
                    .args(["run", "--simulate", "--scenario", "scenario.yaml"])
                    .arg(&path)
                    .output()
                    .unwrap();
                let said = String::from_utf8_lossy(&ended.stderr).into_owned();
                // Lines are broken at the width of a terminal.
                let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
                if ended.status.code() != Some(3) {
                    offences.push(format!("{operation}, {kind}: {:?}: {said}", ended.status));
                }
                *planted.entry(operation).or_default() += 1;
            }
            By(test) => {
                if !sources.contains(&format!("fn {test}()")) {
                    offences.push(format!("{operation}, {kind}: there is no test {test}"));
                }
            }
            Row(words) => {
                if !does.contains(words) {
                    offences.push(format!("the row of {operation} does not say `{words}`: {does}"));
                }
            }
        }
    }
    let all: u32 = planted.values().sum();
    println!("planted: {all} failures of {} operations, all refused: {planted:?}", planted.len());
    assert!(offences.is_empty(), "{}", offences.join("\n"));
}

#[test]
fn every_kind_of_every_row_is_shown_or_said_to_pass() {
    let swept = swept();
    let mut offences = Vec::new();
    for Cells { operation, fails, knows, .. } in table() {
        for kind in fails.split("; ") {
            let is_shown =
                KINDS.iter().any(|(of, part, _)| *of == operation && kind.contains(part));
            let passes = BY_ITSELF.iter().any(|words| kind.contains(words));
            let is_denial = kind == "denied" || kind.starts_with("denied: ");
            let is_like_another = kind.starts_with("as `");
            // Whoever knows it was asked for what is not there, and said so.
            let gone = ["gone", "no such", "changed since"].iter().any(|it| kind.contains(it));
            let missed = gone
                && (swept.contains(&operation)
                    || swept.iter().any(|it| knows.contains(&format!("`{it}`"))));
            let nobody = knows.starts_with("nobody");
            if !(is_shown || passes || is_denial || is_like_another || missed || nobody) {
                offences.push(format!("{operation}: {kind}"));
            }
        }
    }
    assert!(offences.is_empty(), "neither shown nor said to pass:\n{}", offences.join("\n"));
}

/// The operations whose thing was taken away in a plan that asks for it, each of which refused the run
/// because of it; where the row says that a failure is a warning, there has to be one.
fn swept() -> BTreeSet<String> {
    let (mut missed, mut offences) = (BTreeSet::new(), BTreeSet::new());
    for path in plans() {
        let (plan, name) = (read_plan(&path), path.display());
        let (clean, made) = asked(&plan, "{}", |_| None);
        let clean = clean.unwrap_or_else(|refused| panic!("{name}: {refused:?}"));
        for operation in made.into_iter().filter(|it| *it != Operation::GetCallerIdentity) {
            let gone = move |call| (call == operation).then_some(Fault::Absent);
            let is_told = match asked(&plan, "{}", gone).0 {
                Err(_) => {
                    missed.insert(operation.name().to_owned());
                    true
                }
                Ok(warnings) => {
                    row(operation.name()).does.contains("warning")
                        && warnings.iter().any(|it| !clean.contains(it))
                }
            };
            if !is_told {
                offences.insert(format!("{name}: nothing was said of {operation}"));
            }
        }
    }
    assert!(offences.is_empty(), "{offences:#?}");
    missed
}

fn all_sources() -> String {
    let mut text = String::new();
    for folder in ["src", "tests"] {
        let mut folders = vec![repository().join(folder)];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    text.push_str(&fs::read_to_string(path).unwrap());
                }
            }
        }
    }
    text
}

#[test]
fn another_package_than_the_plans_is_refused() {
    let path = repository().join("plans/serverless-publish.yaml");
    let text = fs::read_to_string(path).unwrap().replace(
        "- publish: requests",
        "- publish: { route: requests, code-sha256: \"n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=\" }",
    );
    let plan = tidegate::plan::read(&SourceFile::new("plan.yaml", text), &BTreeMap::new());
    let refused = asked(&plan.unwrap().plan, "{}", |_| None).0.unwrap_err();
    assert!(refused.iter().any(|it| it.contains("which the plan publishes")), "{refused:?}");
}
