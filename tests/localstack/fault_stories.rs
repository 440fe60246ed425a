//! For every operation of AWS that a run may call, the shortest plan that makes it call it. `faults.rs` lets each go
//! wrong in every way.
//!
//! It is one table with a story an operation, and the plans it names; its length is that of what AWS can be asked.

use std::{
    process::Child,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use aws_sdk_cloudwatch::types::StateValue;

use crate::{
    aliases, buses, lambda::Verifier, load::Load, mappings, provisioning, pruning, publishing,
    replacements, stages, world::World,
};

/// When a fault is thrown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Thrown {
    Before,
    /// For what is asked before a run begins as well, where a refusal would be all there is to see.
    UnderWay,
}

/// What goes on beside the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meanwhile {
    Nothing,
    /// Users send requests.
    Requests,
    /// An alarm lacks data for a while, which is news, and no reason to go back.
    AlarmFlickers(&'static str),
    /// An alarm goes off.
    AlarmGoesOff(&'static str),
    /// Somebody aborts the run as soon as it has started a replay.
    AbortsReplay,
}

impl Meanwhile {
    pub(crate) fn begin(self, world: &World, run: &mut Child) -> Option<Load> {
        match self {
            Self::Nothing => {}
            Self::Requests => return Some(Load::start(&world.prefix, 2)),
            Self::AlarmFlickers(alarm) => moved(world, run, alarm, StateValue::InsufficientData),
            Self::AlarmGoesOff(alarm) => moved(world, run, alarm, StateValue::Alarm),
            Self::AbortsReplay => {
                world.wait_until("the replay to be under way", buses::is_replaying);
                world.run(&["abort"]);
            }
        }
        None
    }

    pub(crate) fn end(self, world: &World, load: Option<Load>) {
        match self {
            Self::Nothing | Self::Requests | Self::AbortsReplay => {}
            Self::AlarmFlickers(alarm) | Self::AlarmGoesOff(alarm) => {
                world.set_alarm(alarm, StateValue::Ok);
            }
        }
        load.map(Load::stop);
    }
}

/// Sets an alarm once traffic has moved, or software is being replaced. A run that ends before is told by its end.
fn moved(world: &World, run: &mut Child, alarm: &str, to: StateValue) {
    let moves = |event: &String| {
        event.contains("bake-started") || event.contains("observed") && event.contains("moving")
    };
    while run.try_wait().unwrap().is_none() {
        if world.events().iter().any(moves) {
            world.set_alarm(alarm, to);
            return;
        }
        thread::sleep(Duration::from_millis(200));
    }
}

pub(crate) struct Story {
    pub(crate) operations: &'static [&'static str],
    pub(crate) thrown: Thrown,
    pub(crate) kind: Kind,
    pub(crate) plan: fn(&World) -> String,
    pub(crate) meanwhile: Meanwhile,
}

/// Of world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Seeded(&'static str),
    /// A deployment group that is given other instances, and leaves the old ones behind.
    BlueGreen,
    /// With a function beside the load balancer that lets everything pass.
    WithFunction,
    /// The rule forwards to the stable side and does not name the other.
    HalfNamed,
}

impl Kind {
    pub(crate) fn made(self, prefix: &str) -> World {
        match self {
            Self::Seeded(kind) => World::of_kind(kind, prefix),
            Self::BlueGreen => World::of_kind("codedeploy", prefix),
            Self::WithFunction => {
                let world = World::new(prefix);
                Verifier::new(&world, r#"{"outcome": "pass"}"#);
                world
            }
            Self::HalfNamed => {
                let world = World::new(prefix);
                world.name_only_who_serves();
                world
            }
        }
    }

    /// What a run changes in such a world, and a roll-back puts back.
    pub(crate) fn looks(self, world: &World) -> String {
        match self {
            Self::BlueGreen => world.deployed("blue-green"),
            Self::Seeded(_) | Self::WithFunction | Self::HalfNamed => world.described(),
        }
    }
}

const ORDINARY: Story = Story {
    operations: &[],
    thrown: Thrown::Before,
    kind: Kind::Seeded("alb"),
    plan: canary,
    meanwhile: Meanwhile::Nothing,
};

/// Those that take longest first, so that the others fit beside them.
pub(crate) const STORIES: [Story; 39] = [
    Story {
        operations: &["cloudwatch.GetMetricData"],
        plan: measured,
        meanwhile: Meanwhile::Requests,
        ..ORDINARY
    },
    Story {
        operations: &["autoscaling.ResumeProcesses", "autoscaling.SuspendProcesses"],
        kind: Kind::Seeded("rolling"),
        plan: held_on_the_way,
        ..ORDINARY
    },
    Story {
        operations: &["codedeploy.ContinueDeployment"],
        kind: Kind::BlueGreen,
        plan: blue_green,
        ..ORDINARY
    },
    Story {
        operations: &["codedeploy.StopDeployment"],
        kind: Kind::Seeded("codedeploy"),
        plan: in_place,
        meanwhile: Meanwhile::AlarmGoesOff("5xx"),
        ..ORDINARY
    },
    Story {
        operations: &[
            "codedeploy.BatchGetDeploymentTargets",
            "codedeploy.CreateDeployment",
            "codedeploy.GetDeploymentConfig",
            "codedeploy.ListDeploymentTargets",
            "codedeploy.ListTagsForResource",
            "codedeploy.TagResource",
            "codedeploy.UntagResource",
        ],
        kind: Kind::Seeded("codedeploy"),
        plan: in_place,
        ..ORDINARY
    },
    Story {
        operations: &["codedeploy.GetDeployment", "codedeploy.GetDeploymentGroup"],
        thrown: Thrown::UnderWay,
        kind: Kind::Seeded("codedeploy"),
        plan: in_place,
        ..ORDINARY
    },
    Story {
        operations: &["autoscaling.RollbackInstanceRefresh"],
        kind: Kind::Seeded("rolling"),
        plan: rolling_to_a_checkpoint,
        meanwhile: Meanwhile::AlarmGoesOff("5xx"),
        ..ORDINARY
    },
    Story {
        operations: &["ec2.DescribeInstanceTypeOfferings", "ec2.DescribeLaunchTemplateVersions"],
        kind: Kind::Seeded("rolling"),
        plan: rolling,
        ..ORDINARY
    },
    Story {
        operations: &["autoscaling.StartInstanceRefresh"],
        kind: Kind::Seeded("rolling"),
        plan: rolling,
        ..ORDINARY
    },
    Story {
        operations: &["autoscaling.DescribeInstanceRefreshes"],
        thrown: Thrown::UnderWay,
        kind: Kind::Seeded("rolling"),
        plan: rolling,
        ..ORDINARY
    },
    Story {
        operations: &[
            "route53.ChangeResourceRecordSets",
            "route53.ChangeTagsForResource",
            "route53.GetChange",
            "route53.GetHealthCheckStatus",
            "route53.ListHostedZonesByName",
            "route53.ListTagsForResource",
        ],
        kind: Kind::Seeded("route53"),
        plan: by_dns,
        ..ORDINARY
    },
    Story {
        operations: &["route53.ListResourceRecordSets"],
        thrown: Thrown::UnderWay,
        kind: Kind::Seeded("route53"),
        plan: by_dns,
        ..ORDINARY
    },
    Story {
        // A queue is only heard to answer in so short a run when there is news in it.
        operations: &[
            "cloudwatch.DescribeAlarmHistory",
            "sqs.DeleteMessageBatch",
            "sqs.ReceiveMessage",
        ],
        meanwhile: Meanwhile::AlarmFlickers("latency"),
        ..ORDINARY
    },
    Story {
        operations: &[
            "autoscaling.UpdateAutoScalingGroup",
            "elbv2.DescribeTargetHealth",
            "elbv2.ModifyRule",
        ],
        ..ORDINARY
    },
    Story {
        operations: &[
            "autoscaling.DescribeAutoScalingGroups",
            "cloudwatch.DescribeAlarms",
            "elbv2.DescribeRules",
        ],
        thrown: Thrown::UnderWay,
        ..ORDINARY
    },
    Story {
        operations: &["elbv2.ModifyListener"],
        kind: Kind::Seeded("nlb"),
        plan: by_connections,
        ..ORDINARY
    },
    Story {
        operations: &["elbv2.DescribeListeners"],
        thrown: Thrown::UnderWay,
        kind: Kind::Seeded("nlb"),
        plan: by_connections,
        ..ORDINARY
    },
    Story {
        operations: &[
            "lambda.ListTags",
            "lambda.TagResource",
            "lambda.UntagResource",
            "lambda.UpdateAlias",
        ],
        kind: Kind::Seeded("lambda"),
        plan: by_alias,
        ..ORDINARY
    },
    Story {
        operations: &["lambda.GetAlias", "lambda.GetFunctionConfiguration"],
        thrown: Thrown::UnderWay,
        kind: Kind::Seeded("lambda"),
        plan: by_alias,
        ..ORDINARY
    },
    Story {
        operations: &["lambda.PublishVersion", "lambda.ListVersionsByFunction"],
        kind: Kind::Seeded("lambda"),
        plan: published,
        ..ORDINARY
    },
    Story {
        operations: &[
            "lambda.DeleteFunction",
            "lambda.ListAliases",
            "lambda.ListProvisionedConcurrencyConfigs",
        ],
        kind: Kind::Seeded("lambda"),
        plan: pruned,
        ..ORDINARY
    },
    Story {
        operations: &[
            "lambda.DeleteProvisionedConcurrencyConfig",
            "lambda.GetAccountSettings",
            "lambda.GetFunctionConcurrency",
            "lambda.GetProvisionedConcurrencyConfig",
            "lambda.PutProvisionedConcurrencyConfig",
        ],
        kind: Kind::Seeded("lambda"),
        plan: provisioned,
        ..ORDINARY
    },
    Story {
        operations: &["codedeploy.BatchGetDeployments", "codedeploy.ListDeployments"],
        kind: Kind::Seeded("lambda"),
        plan: beside_a_deployment,
        ..ORDINARY
    },
    Story {
        operations: &[
            "events.ListRuleNamesByTarget",
            "events.ListTagsForResource",
            "events.PutTargets",
            "events.TagResource",
            "events.UntagResource",
        ],
        kind: Kind::Seeded("event-bus"),
        plan: by_bus,
        ..ORDINARY
    },
    Story {
        operations: &["events.DescribeArchive", "events.StartReplay"],
        kind: Kind::Seeded("event-bus"),
        plan: replayed,
        ..ORDINARY
    },
    Story {
        operations: &["events.DescribeReplay"],
        thrown: Thrown::UnderWay,
        kind: Kind::Seeded("event-bus"),
        plan: replayed,
        ..ORDINARY
    },
    Story {
        operations: &["events.CancelReplay"],
        thrown: Thrown::UnderWay,
        kind: Kind::Seeded("event-bus"),
        plan: replayed_long,
        meanwhile: Meanwhile::AbortsReplay,
    },
    Story {
        operations: &["events.DescribeRule", "events.ListTargetsByRule", "lambda.GetPolicy"],
        thrown: Thrown::UnderWay,
        kind: Kind::Seeded("event-bus"),
        plan: by_bus,
        ..ORDINARY
    },
    Story {
        operations: &[
            "apigateway.GetResources",
            "apigateway.GetTags",
            "apigateway.TagResource",
            "apigateway.UntagResource",
            "apigateway.UpdateStage",
        ],
        kind: Kind::Seeded("api"),
        plan: by_stage,
        ..ORDINARY
    },
    Story {
        operations: &["apigateway.CreateDeployment", "apigateway.GetDeployments"],
        kind: Kind::Seeded("api"),
        plan: stage_published,
        ..ORDINARY
    },
    Story {
        operations: &["apigateway.GetDeployment", "apigateway.GetStage"],
        thrown: Thrown::UnderWay,
        kind: Kind::Seeded("api"),
        plan: by_stage,
        ..ORDINARY
    },
    Story {
        operations: &["lambda.ListEventSourceMappings", "lambda.UpdateEventSourceMapping"],
        kind: Kind::Seeded("event-driven"),
        plan: handed_over,
        ..ORDINARY
    },
    Story {
        operations: &["sqs.ListMessageMoveTasks", "sqs.StartMessageMoveTask"],
        kind: Kind::Seeded("event-driven"),
        plan: handed_and_redriven,
        meanwhile: Meanwhile::AlarmGoesOff("errors"),
        ..ORDINARY
    },
    Story {
        operations: &["lambda.GetEventSourceMapping"],
        thrown: Thrown::UnderWay,
        kind: Kind::Seeded("event-driven"),
        plan: handed_over,
        ..ORDINARY
    },
    Story {
        operations: &["lambda.Invoke"],
        thrown: Thrown::UnderWay,
        kind: Kind::WithFunction,
        plan: asked,
        ..ORDINARY
    },
    Story {
        operations: &["elbv2.CreateRule", "elbv2.DeleteRule", "elbv2.DescribeAccountLimits"],
        plan: tested,
        ..ORDINARY
    },
    Story {
        operations: &["elbv2.DescribeTargetGroups"],
        kind: Kind::HalfNamed,
        plan: grown,
        ..ORDINARY
    },
    Story {
        operations: &[
            "autoscaling.CreateOrUpdateTags",
            "autoscaling.DeleteTags",
            "autoscaling.DescribeTags",
            "elbv2.AddTags",
            "elbv2.DescribeTags",
            "elbv2.RemoveTags",
        ],
        plan: grown,
        ..ORDINARY
    },
    Story {
        operations: &[
            "autoscaling.DescribePolicies",
            "autoscaling.DescribeScheduledActions",
            "elbv2.DescribeLoadBalancers",
            "elbv2.DescribeTargetGroupAttributes",
            "sqs.GetQueueAttributes",
            "sqs.GetQueueUrl",
            "sts.GetCallerIdentity",
        ],
        plan: grown,
        ..ORDINARY
    },
];

/// A plan for one route with a pair of fleets behind it.
fn written(world: &World, route: &str, gates: &str, steps: &str) -> String {
    let prefix = &world.prefix;
    world.own_plan(&format!(
        "tidegate: 1
name: {prefix}
aws: {{ region: eu-west-1, account: \"000000000000\" }}
routes:
  web: {{ {route} }}
fleets:
  app: {{ autoscaling: {{ pair: [{prefix}-blue, {prefix}-green] }}, behind: web }}
gates:
  {gates}
steps:
  {steps}
"
    ))
}

fn rule(world: &World) -> String {
    let prefix = &world.prefix;
    format!(
        "alb: {{ load-balancer: {prefix}, port: 80, priority: 10, pair: [{prefix}-blue, {prefix}-green], settle: 1s }}"
    )
}

/// Both alarms of a world behind a load balancer; one is listened for by its queue's name, the other by its URL.
fn alarms(world: &World) -> String {
    let (prefix, endpoint) = (&world.prefix, std::env::var("AWS_ENDPOINT_URL").unwrap());
    let url = format!("{endpoint}/000000000000/{prefix}-alarms");
    format!(
        "latency: {{ alarms: {{ names: [{prefix}-latency], listen: {{ sqs: {prefix}-alarms }} }}, every: 1s }}
  errors: {{ alarms: {{ names: [{prefix}-5xx], listen: {{ sqs: \"{url}\" }} }}, every: 1s }}"
    )
}

const GROW: &str = "- scale: { fleet: app, side: candidate, to: 1 }";
const WAIT: &str = "- wait: { until: { healthy: { route: web, side: candidate } }, timeout: 2m }";

fn grown(world: &World) -> String {
    written(world, &rule(world), &alarms(world), GROW)
}

fn canary(world: &World) -> String {
    let steps = format!(
        "{GROW}
  {WAIT}
  - shift: {{ route: web, candidate: 50%, bake: 2s, gates: [latency] }}
  - shift: {{ route: web, candidate: 100%, bake: 2s, gates: [latency] }}
  - scale: {{ fleet: app, side: stable, to: 0 }}"
    );
    written(world, &rule(world), &alarms(world), &steps)
}

/// Half of the traffic, past this gate.
fn gated(world: &World, gate: &str) -> String {
    let shift = "- shift: { route: web, candidate: 50%, bake: 2s, gates: [gate], timeout: 4m }";
    let steps = format!("{GROW}\n  {WAIT}\n  {shift}");
    written(world, &rule(world), &format!("gate: {{ {gate} }}"), &steps)
}

fn measured(world: &World) -> String {
    let latency =
        "route: web, side: candidate, name: TargetResponseTime, statistic: p99, below: 5s";
    let gate = format!("metric: {{ {latency}, periods: 1 of 1, min-samples: 1 }}, every: 2s");
    gated(world, &gate)
}

fn asked(world: &World) -> String {
    let name = &world.prefix;
    gated(world, &format!("lambda: {{ function: {name}-fn, timeout: 5s }}, every: 1s"))
}

fn tested(world: &World) -> String {
    let header = "{ name: x-canary, value: \"1\" }";
    let steps = format!(
        "{GROW}
  - test-route: {{ route: web, header: {header} }}
  - remove-test-route: web"
    );
    written(world, &rule(world), &alarms(world), &steps)
}

fn by_connections(world: &World) -> String {
    let prefix = &world.prefix;
    let route = format!(
        "nlb: {{ load-balancer: {prefix}, port: 80, pair: [{prefix}-blue, {prefix}-green], settle: 1s }}"
    );
    let gates = format!("errors: {{ alarms: {{ names: [{prefix}-errors] }}, every: 1s }}");
    let shift = "- shift: { route: web, candidate: 50%, bake: 2s, gates: [errors] }";
    written(world, &route, &gates, &format!("{GROW}\n  {WAIT}\n  {shift}"))
}

fn by_dns(world: &World) -> String {
    let prefix = &world.prefix;
    let (zone, name) = (format!("{prefix}.example.com"), format!("app.{prefix}.example.com"));
    let route =
        format!("route53: {{ zone: {zone}, name: {name}, type: CNAME, pair: [blue, green] }}");
    let gates = format!("errors: {{ alarms: {{ names: [{prefix}-5xx] }}, every: 1s }}");
    let shift = "- shift: { route: web, candidate: 50%, bake: 2s, gates: [errors] }";
    written(world, &route, &gates, &format!("{WAIT}\n  {shift}"))
}

fn by_alias(world: &World) -> String {
    aliases::plan(world, "2", "3s")
}

fn published(world: &World) -> String {
    publishing::plan(world, "2s")
}

fn provisioned(world: &World) -> String {
    provisioning::warm(world);
    provisioning::plan(world, provisioning::LIKEWISE, "2s")
}

fn pruned(world: &World) -> String {
    pruning::released(world);
    pruning::plan(world)
}

/// CodeDeploy moves the alias of another function meanwhile.
fn beside_a_deployment(world: &World) -> String {
    static OTHERS: AtomicUsize = AtomicUsize::new(0);
    let number = OTHERS.fetch_add(1, Ordering::Relaxed);
    let other = World::of_kind("lambda", &format!("{}cd{number}", world.prefix));
    let spec = other.seeded["app_spec"].as_str().unwrap();
    other.begin_to_deploy(spec, "LambdaCanary10Percent5Minutes");
    by_alias(world)
}

fn handed_over(world: &World) -> String {
    mappings::handed(world, "3s", "")
}

fn handed_and_redriven(world: &World) -> String {
    mappings::handed(world, "5m", "redrive: bring-back,")
}

fn by_stage(world: &World) -> String {
    stages::plan(world, "3s")
}

fn stage_published(world: &World) -> String {
    stages::publishing(world, "3s")
}

fn replayed(world: &World) -> String {
    buses::replaying(world, "3s")
}

fn replayed_long(world: &World) -> String {
    buses::replaying_long(world, "3s")
}

fn by_bus(world: &World) -> String {
    buses::plan(world, "3s")
}

/// AWS itself stays at a checkpoint for a minute.
fn held_on_the_way(world: &World) -> String {
    hurried(world, &replacements::rolling(world, "[50%]", 2))
}

fn rolling(world: &World) -> String {
    hurried(world, &replacements::rolling(world, "[]", 2))
}

/// It stands at its checkpoint until an alarm goes off. On a busy machine a refresh would be over before its roll-back is
/// asked for, and then there is another one, to the old version.
fn rolling_to_a_checkpoint(world: &World) -> String {
    let plan = world.plan_text(&replacements::rolling(world, "[50%]", 2), |text| {
        text.replace("bake: 8s", "bake: 1h")
    });
    hurried(world, &plan)
}

fn in_place(world: &World) -> String {
    let file = "codedeploy-in-place.yaml";
    hurried(world, &replacements::deploying(world, file, "in-place", "5xx", "v2.zip"))
}

fn blue_green(world: &World) -> String {
    let file = "codedeploy-blue-green.yaml";
    hurried(world, &replacements::deploying(world, file, "blue-green", "bg-5xx", "v2.zip"))
}

fn hurried(world: &World, plan: &str) -> String {
    world.plan_text(plan, |text| {
        text.replace("bake: 8s", "bake: 2s")
            .replace("5xx] } }", "5xx] }, every: 1s }")
            .replace("consecutive: 3 } }", "consecutive: 1 }, every: 1s }")
    })
}
