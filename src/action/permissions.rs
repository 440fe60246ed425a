//! The IAM actions a plan needs, those for going back included: a step that cannot be undone must not be begun.

use std::collections::BTreeSet;

use super::alarms::queues;
use crate::plan::{FleetKind, Gate, GateKind, How, Plan, Replace, RouteKind, Step, Verb};

/// Actions in the form `service:Operation`, sorted.
pub fn permissions(plan: &Plan) -> Vec<String> {
    let mut actions = BTreeSet::new();
    if plan.aws.account.is_some() {
        actions.insert("sts:GetCallerIdentity");
    }
    to_read_routes(plan, &mut actions);
    if plan.fleets.values().any(|fleet| fleet.kind == FleetKind::AutoScaling) {
        actions.insert("autoscaling:DescribeAutoScalingGroups");
    }
    for (_, step) in plan.steps() {
        match &step.verb {
            Verb::Scale { fleet, .. } => {
                if plan.fleets.get(fleet).is_some_and(|fleet| fleet.behind.is_none()) {
                    actions.extend([
                        "elasticloadbalancing:DescribeListeners",
                        "elasticloadbalancing:DescribeRules",
                        "elasticloadbalancing:DescribeTargetGroups",
                    ]);
                }
                actions.extend([
                    "autoscaling:DescribePolicies",
                    "autoscaling:DescribeScheduledActions",
                    "autoscaling:UpdateAutoScalingGroup",
                    "ec2:DescribeInstanceTypeOfferings",
                    "ec2:DescribeLaunchTemplateVersions",
                ]);
            }
            Verb::Shift { route, .. } => match plan.routes.get(route).map(|route| &route.kind) {
                Some(RouteKind::Alb(_)) => actions.extend([
                    "elasticloadbalancing:ModifyListener",
                    "elasticloadbalancing:ModifyRule",
                ]),
                Some(RouteKind::Nlb(_)) => actions.extend(["elasticloadbalancing:ModifyListener"]),
                Some(RouteKind::Route53(_)) => {
                    actions.extend(["route53:ChangeResourceRecordSets", "route53:GetChange"]);
                }
                None => {}
            },
            Verb::TestRoute { .. } => actions.extend([
                "elasticloadbalancing:CreateRule",
                "elasticloadbalancing:DeleteRule",
                "elasticloadbalancing:DescribeAccountLimits",
            ]),
            Verb::Replace(Replace { how: How::Refresh(_), .. }) => actions.extend([
                "autoscaling:DescribeInstanceRefreshes",
                "autoscaling:ResumeProcesses",
                "autoscaling:RollbackInstanceRefresh",
                "autoscaling:StartInstanceRefresh",
                "autoscaling:SuspendProcesses",
                "ec2:DescribeInstanceTypeOfferings",
                "ec2:DescribeLaunchTemplateVersions",
                "ec2:RunInstances",
            ]),
            Verb::Replace(Replace { how: How::Deploy(_), .. }) => actions.extend([
                "codedeploy:BatchGetDeploymentTargets",
                "codedeploy:ContinueDeployment",
                "codedeploy:CreateDeployment",
                "codedeploy:GetApplicationRevision",
                "codedeploy:GetDeployment",
                "codedeploy:GetDeploymentConfig",
                "codedeploy:GetDeploymentGroup",
                "codedeploy:ListDeploymentTargets",
                "codedeploy:RegisterApplicationRevision",
                "codedeploy:StopDeployment",
            ]),
            Verb::Wait { .. } | Verb::Probe { .. } | Verb::Approve { .. } | Verb::Pause { .. } => {}
        }
    }
    if plan.gates.values().any(|gate| matches!(gate.kind, GateKind::Alarms(_))) {
        actions.insert("cloudwatch:DescribeAlarms");
        actions.insert("cloudwatch:DescribeAlarmHistory");
    }
    for queue in queues(plan) {
        let finding = if queue.is_url() { "sqs:GetQueueAttributes" } else { "sqs:GetQueueUrl" };
        actions.extend(["sqs:DeleteMessage", "sqs:ReceiveMessage", finding]);
    }
    let measures = |gate: &Gate| match gate.kind {
        GateKind::Metric(_) | GateKind::Compare(_) | GateKind::ErrorBudget(_) => true,
        GateKind::Alarms(_)
        | GateKind::Healthy { .. }
        | GateKind::Http(_)
        | GateKind::Command(_)
        | GateKind::Lambda(_)
        | GateKind::Window(_) => false,
    };
    if plan.gates.values().any(|gate| matches!(gate.kind, GateKind::Lambda(_))) {
        actions.insert("lambda:InvokeFunction");
    }
    let counts = |step: &Step| matches!(&step.verb, Verb::Shift { min_requests: Some(_), .. });
    if plan.gates.values().any(measures) || plan.steps().any(|(_, step)| counts(step)) {
        actions.insert("cloudwatch:GetMetricData");
    }
    actions.into_iter().map(str::to_owned).collect()
}

fn to_read_routes(plan: &Plan, actions: &mut BTreeSet<&'static str>) {
    for route in plan.routes.values() {
        match &route.kind {
            RouteKind::Alb(_) | RouteKind::Nlb(_) => {}
            RouteKind::Route53(_) => {
                actions.extend([
                    "route53:GetHealthCheckStatus",
                    "route53:ListHostedZonesByName",
                    "route53:ListResourceRecordSets",
                ]);
                continue;
            }
        }
        actions.extend([
            "elasticloadbalancing:DescribeListeners",
            "elasticloadbalancing:DescribeLoadBalancers",
            // Of any load balancer that a side's target groups stand behind.
            "elasticloadbalancing:DescribeRules",
            "elasticloadbalancing:DescribeTargetGroupAttributes",
            "elasticloadbalancing:DescribeTargetGroups",
            "elasticloadbalancing:DescribeTargetHealth",
        ]);
    }
}
/// The IAM actions for the marks by which runs of different folders keep out of each other's way. A run that is denied
/// them says so and goes on.
pub fn optional_permissions(plan: &Plan) -> Vec<String> {
    let mut actions = BTreeSet::new();
    if plan.aws.account.is_none() {
        actions.insert("sts:GetCallerIdentity");
    }
    for route in plan.routes.values() {
        actions.extend(match &route.kind {
            RouteKind::Alb(_) | RouteKind::Nlb(_) => [
                "elasticloadbalancing:AddTags",
                "elasticloadbalancing:DescribeTags",
                "elasticloadbalancing:RemoveTags",
            ]
            .as_slice(),
            RouteKind::Route53(_) => {
                &["route53:ChangeTagsForResource", "route53:ListTagsForResource"]
            }
        });
    }
    for fleet in plan.fleets.values() {
        actions.extend(match fleet.kind {
            FleetKind::AutoScaling => [
                "autoscaling:CreateOrUpdateTags",
                "autoscaling:DeleteTags",
                "autoscaling:DescribeTags",
            ],
            FleetKind::CodeDeploy => [
                "codedeploy:ListTagsForResource",
                "codedeploy:TagResource",
                "codedeploy:UntagResource",
            ],
        });
    }
    actions.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{plan::Queue, testkit::sample_plan};

    #[test]
    fn listening_needs_to_find_read_and_empty_its_queue() {
        let needs = |queue: Option<&str>| {
            let mut plan = sample_plan();
            for gate in plan.gates.values_mut() {
                if let GateKind::Alarms(alarms) = &mut gate.kind {
                    alarms.listen = queue.map(Queue::new);
                }
            }
            let actions = permissions(&plan).into_iter();
            actions.filter(|action| action.starts_with("sqs:")).collect::<Vec<_>>()
        };
        assert_eq!(needs(None), [""; 0]);
        let by_name = ["sqs:DeleteMessage", "sqs:GetQueueUrl", "sqs:ReceiveMessage"];
        assert_eq!(needs(Some("news")), by_name);
        let by_url = ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"];
        assert_eq!(needs(Some("https://sqs/1/news")), by_url);
    }
}
