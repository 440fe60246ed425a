//! The IAM actions a plan needs, those for going back included: a step that cannot be undone must not be begun.

use std::collections::BTreeSet;

use crate::plan::{FleetKind, Gate, GateKind, How, Plan, Replace, RouteKind, Verb};

/// Actions in the form `service:Operation`, sorted.
pub fn permissions(plan: &Plan) -> Vec<String> {
    let mut actions = BTreeSet::new();
    if plan.aws.account.is_some() {
        actions.insert("sts:GetCallerIdentity");
    }
    for route in plan.routes.values() {
        let RouteKind::Alb(_) = &route.kind;
        actions.extend([
            "elasticloadbalancing:DescribeListeners",
            "elasticloadbalancing:DescribeLoadBalancers",
            "elasticloadbalancing:DescribeRules",
            "elasticloadbalancing:DescribeTargetGroupAttributes",
            "elasticloadbalancing:DescribeTargetGroups",
            "elasticloadbalancing:DescribeTargetHealth",
        ]);
    }
    if plan.fleets.values().any(|fleet| fleet.kind == FleetKind::AutoScaling) {
        actions.insert("autoscaling:DescribeAutoScalingGroups");
    }
    for (_, step) in plan.steps() {
        match &step.verb {
            Verb::Scale { .. } => {
                actions.extend([
                    "autoscaling:DescribePolicies",
                    "autoscaling:DescribeScheduledActions",
                    "autoscaling:UpdateAutoScalingGroup",
                ]);
            }
            Verb::Shift { .. } => {
                actions.insert("elasticloadbalancing:ModifyListener");
                actions.insert("elasticloadbalancing:ModifyRule");
            }
            Verb::TestRoute { .. } => actions
                .extend(["elasticloadbalancing:CreateRule", "elasticloadbalancing:DeleteRule"]),
            Verb::Replace(Replace { how: How::Refresh(_), .. }) => actions.extend([
                "autoscaling:DescribeInstanceRefreshes",
                "autoscaling:ResumeProcesses",
                "autoscaling:RollbackInstanceRefresh",
                "autoscaling:StartInstanceRefresh",
                "autoscaling:SuspendProcesses",
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
    let measures = |gate: &Gate| match gate.kind {
        GateKind::Metric(_) | GateKind::Compare(_) => true,
        GateKind::Alarms(_) | GateKind::Healthy { .. } | GateKind::Http(_) => false,
    };
    if plan.gates.values().any(measures) {
        actions.insert("cloudwatch:GetMetricData");
    }
    actions.into_iter().map(str::to_owned).collect()
}
