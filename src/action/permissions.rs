//! The IAM actions a plan needs, those for going back included: a step that cannot be undone must not be begun.

use std::collections::BTreeSet;

use super::alarms::queues;
use crate::{
    cloud::Operation,
    plan::{Aim, Ends, FleetKind, Gate, GateKind, How, Plan, Replace, RouteKind, Step},
};

/// Actions in the form `service:Operation`, sorted.
pub fn permissions(plan: &Plan) -> Vec<String> {
    let mut actions = BTreeSet::new();
    if plan.aws.account.is_some() {
        actions.insert(Operation::GetCallerIdentity);
    }
    to_read_routes(plan, &mut actions);
    if plan.fleets.values().any(|fleet| fleet.kind == FleetKind::AutoScaling) {
        actions.insert(Operation::DescribeAutoScalingGroups);
    }
    for (_, step) in plan.steps() {
        match step.conduct().aim {
            Aim::Capacity { fleet, .. } => {
                if plan.fleets.get(fleet).is_some_and(|fleet| fleet.behind.is_none()) {
                    actions.extend([
                        Operation::DescribeListeners,
                        Operation::DescribeRules,
                        Operation::DescribeTargetGroups,
                    ]);
                }
                actions.extend([
                    Operation::DescribePolicies,
                    Operation::DescribeScheduledActions,
                    Operation::UpdateAutoScalingGroup,
                    Operation::DescribeInstanceTypeOfferings,
                    Operation::DescribeLaunchTemplateVersions,
                ]);
            }
            Aim::Weights { route, .. } => match plan.routes.get(route).map(|route| &route.kind) {
                Some(RouteKind::Alb(_)) => {
                    actions.extend([Operation::ModifyListener, Operation::ModifyRule]);
                }
                Some(RouteKind::Nlb(_)) => actions.extend([Operation::ModifyListener]),
                Some(RouteKind::Route53(_)) => {
                    actions.extend([Operation::ChangeResourceRecordSets, Operation::GetChange]);
                }
                None => {}
            },
            Aim::TestRoute { .. } => actions.extend([
                Operation::CreateRule,
                Operation::DeleteRule,
                Operation::DescribeAccountLimits,
            ]),
            Aim::Software(Replace { how: How::Refresh(_), .. }) => actions.extend([
                Operation::DescribeInstanceRefreshes,
                Operation::ResumeProcesses,
                Operation::RollbackInstanceRefresh,
                Operation::StartInstanceRefresh,
                Operation::SuspendProcesses,
                Operation::DescribeInstanceTypeOfferings,
                Operation::DescribeLaunchTemplateVersions,
                Operation::RunInstances,
            ]),
            Aim::Software(Replace { how: How::Deploy(_), .. }) => actions.extend([
                Operation::BatchGetDeploymentTargets,
                Operation::ContinueDeployment,
                Operation::CreateDeployment,
                Operation::GetApplicationRevision,
                Operation::GetDeployment,
                Operation::GetDeploymentConfig,
                Operation::GetDeploymentGroup,
                Operation::ListDeploymentTargets,
                Operation::RegisterApplicationRevision,
                Operation::StopDeployment,
            ]),
            Aim::Nothing => {}
        }
    }
    if plan.gates.values().any(|gate| matches!(gate.kind, GateKind::Alarms(_))) {
        actions.insert(Operation::DescribeAlarms);
        actions.insert(Operation::DescribeAlarmHistory);
    }
    for queue in queues(plan) {
        let finding =
            if queue.is_url() { Operation::GetQueueAttributes } else { Operation::GetQueueUrl };
        actions.extend([Operation::DeleteMessageBatch, Operation::ReceiveMessage, finding]);
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
        actions.insert(Operation::Invoke);
    }
    let counts =
        |step: &Step| matches!(step.conduct().ends, Ends::AfterBake { min_requests: Some(_), .. });
    if plan.gates.values().any(measures) || plan.steps().any(|(_, step)| counts(step)) {
        actions.insert(Operation::GetMetricData);
    }
    in_words(actions)
}

/// As IAM has them, sorted.
fn in_words(operations: BTreeSet<Operation>) -> Vec<String> {
    let actions = operations.into_iter().map(|operation| operation.action().to_owned());
    actions.collect::<BTreeSet<_>>().into_iter().collect()
}

fn to_read_routes(plan: &Plan, actions: &mut BTreeSet<Operation>) {
    for route in plan.routes.values() {
        match &route.kind {
            RouteKind::Alb(_) | RouteKind::Nlb(_) => {}
            RouteKind::Route53(_) => {
                actions.extend([
                    Operation::GetHealthCheckStatus,
                    Operation::ListHostedZonesByName,
                    Operation::ListResourceRecordSets,
                ]);
                continue;
            }
        }
        actions.extend([
            Operation::DescribeListeners,
            Operation::DescribeLoadBalancers,
            // Of any load balancer that a side's target groups stand behind.
            Operation::DescribeRules,
            Operation::DescribeTargetGroupAttributes,
            Operation::DescribeTargetGroups,
            Operation::DescribeTargetHealth,
        ]);
    }
}

/// The IAM actions for the marks by which runs of different folders keep out of each other's way. A run that is denied
/// them says so and goes on.
pub fn optional_permissions(plan: &Plan) -> Vec<String> {
    let mut actions = BTreeSet::new();
    if plan.aws.account.is_none() {
        actions.insert(Operation::GetCallerIdentity);
    }
    for route in plan.routes.values() {
        actions.extend(match &route.kind {
            RouteKind::Alb(_) | RouteKind::Nlb(_) => {
                [Operation::AddTags, Operation::DescribeTags, Operation::RemoveTags].as_slice()
            }
            RouteKind::Route53(_) => &[Operation::ChangeTagsForResource, Operation::ListZoneTags],
        });
    }
    for fleet in plan.fleets.values() {
        actions.extend(match fleet.kind {
            FleetKind::AutoScaling => {
                [Operation::CreateOrUpdateTags, Operation::DeleteTags, Operation::DescribeGroupTags]
            }
            FleetKind::CodeDeploy => [
                Operation::ListDeploymentGroupTags,
                Operation::TagResource,
                Operation::UntagResource,
            ],
        });
    }
    in_words(actions)
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
