//! The IAM actions a plan needs, those for going back included: a step that cannot be undone must not be begun.

use std::collections::BTreeSet;

use super::alarms::queues;
use crate::{
    cloud::{Operation, operations_of},
    plan::{
        Aim, Ends, FleetKind, FleetName, Gate, GateKind, How, Plan, QueueGate, Redrive, Replace,
        Route, RouteKind, RouteName, Step,
    },
};

/// Actions in the form `service:Operation`, sorted.
pub fn permissions(plan: &Plan) -> Vec<String> {
    let mut actions = BTreeSet::new();
    if plan.places().iter().any(|place| place.account.is_some()) {
        actions.insert(Operation::GetCallerIdentity);
    }
    if plan.places().iter().any(|place| place.role.is_some()) {
        actions.insert(Operation::AssumeRole);
    }
    let looking = |route: &Route| operations_of(&route.kind).looking;
    actions.extend(plan.routes.values().flat_map(looking));
    if plan.fleets.values().any(|fleet| fleet.kind == FleetKind::AutoScaling) {
        actions.insert(Operation::DescribeAutoScalingGroups);
    }
    to_bring_back(plan, &mut actions);
    for (_, step) in plan.steps() {
        match step.conduct().aim {
            Aim::Capacity { fleet, .. } if is_provisioned(plan, fleet) => actions.extend([
                Operation::DeleteProvisionedConcurrencyConfig,
                Operation::GetProvisionedConcurrencyConfig,
                Operation::ListAliases,
                Operation::ListProvisionedConcurrencyConfigs,
                Operation::PutProvisionedConcurrencyConfig,
            ]),
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
            Aim::Weights { route, .. } => {
                let route = plan.routes.get(route);
                actions.extend(route.iter().flat_map(|route| operations_of(&route.kind).moving));
            }
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
            Aim::Release { route, .. } if is_stage(plan, route) => {
                actions.extend([Operation::CreateApiDeployment, Operation::GetApiDeployments]);
            }
            Aim::Release { .. } => {
                actions.extend([Operation::ListVersionsByFunction, Operation::PublishVersion]);
            }
            Aim::OldVersions { .. } => actions.extend([
                Operation::DeleteFunction,
                Operation::GetFunctionPolicy,
                Operation::ListAliases,
                Operation::ListEventSourceMappings,
                Operation::ListProvisionedConcurrencyConfigs,
                Operation::ListVersionsByFunction,
            ]),
            Aim::Replay(_) => actions.extend([
                Operation::CancelReplay,
                Operation::DescribeArchive,
                Operation::DescribeReplay,
                Operation::StartReplay,
            ]),
            Aim::Nothing => {}
        }
    }
    to_read_gates(plan, &mut actions);
    in_words(actions)
}

/// SQS moves messages in the name of whoever asks for it.
fn to_bring_back(plan: &Plan, actions: &mut BTreeSet<Operation>) {
    let brings_back = |route: &Route| match &route.kind {
        RouteKind::EventSource(source) => source.redrive() == Redrive::BringBack,
        _ => false,
    };
    if plan.routes.values().any(brings_back) {
        actions.extend([
            Operation::DeleteMessageBatch,
            Operation::ListMessageMoveTasks,
            Operation::ReceiveMessage,
            Operation::SendMessage,
            Operation::StartMessageMoveTask,
        ]);
    }
}

fn is_provisioned(plan: &Plan, fleet: &FleetName) -> bool {
    plan.fleets.get(fleet).is_some_and(|fleet| fleet.kind == FleetKind::Lambda)
}

fn is_stage(plan: &Plan, route: &RouteName) -> bool {
    plan.routes.get(route).is_some_and(|route| matches!(route.kind, RouteKind::ApiGateway(_)))
}

/// As IAM has them, sorted.
fn in_words(operations: BTreeSet<Operation>) -> Vec<String> {
    let actions = operations.into_iter().map(|operation| operation.action().to_owned());
    actions.collect::<BTreeSet<_>>().into_iter().collect()
}

fn to_read_gates(plan: &Plan, actions: &mut BTreeSet<Operation>) {
    if plan.gates.values().any(|gate| matches!(gate.kind, GateKind::Alarms(_))) {
        actions.insert(Operation::DescribeAlarms);
        actions.insert(Operation::DescribeAlarmHistory);
    }
    for (_, queue) in queues(plan) {
        let finding =
            if queue.is_url() { Operation::GetQueueAttributes } else { Operation::GetQueueUrl };
        actions.extend([Operation::DeleteMessageBatch, Operation::ReceiveMessage, finding]);
    }
    let measures = |gate: &Gate| match gate.kind {
        GateKind::Metric(_)
        | GateKind::Compare(_)
        | GateKind::ErrorBudget(_)
        | GateKind::Queue(_)
        | GateKind::Stream(_) => true,
        GateKind::Alarms(_)
        | GateKind::Healthy { .. }
        | GateKind::Http(_)
        | GateKind::Command(_)
        | GateKind::Lambda(_)
        | GateKind::Invoke(_)
        | GateKind::Window(_) => false,
    };
    let invokes = |gate: &Gate| matches!(gate.kind, GateKind::Lambda(_) | GateKind::Invoke(_));
    if plan.gates.values().any(invokes) {
        actions.insert(Operation::Invoke);
    }
    for gate in plan.gates.values() {
        if let GateKind::Queue(QueueGate { queue, .. }) = &gate.kind {
            actions.insert(Operation::GetQueueAttributes);
            actions.extend((!queue.is_url()).then_some(Operation::GetQueueUrl));
        }
    }
    let counts =
        |step: &Step| matches!(step.conduct().ends, Ends::AfterBake { min_requests: Some(_), .. });
    if plan.gates.values().any(measures) || plan.steps().any(|(_, step)| counts(step)) {
        actions.insert(Operation::GetMetricData);
    }
}

/// The IAM actions for the marks by which runs of different folders keep out of each other's way, and for what preflight
/// asks to warn of it. A run that is denied them says so and goes on.
pub fn optional_permissions(plan: &Plan) -> Vec<String> {
    let mut actions = BTreeSet::new();
    if plan.places().iter().all(|place| place.account.is_none()) {
        actions.insert(Operation::GetCallerIdentity);
    }
    for route in plan.routes.values() {
        let operations = operations_of(&route.kind);
        actions.extend(operations.doubting.iter().chain(operations.marking));
    }
    for fleet in plan.fleets.values() {
        actions.extend::<&[Operation]>(match fleet.kind {
            FleetKind::AutoScaling => &[
                Operation::CreateOrUpdateTags,
                Operation::DeleteTags,
                Operation::DescribeGroupTags,
            ],
            FleetKind::CodeDeploy => &[
                Operation::ListDeploymentGroupTags,
                Operation::TagResource,
                Operation::UntagResource,
            ],
            // Whether there is room.
            FleetKind::Lambda => &[Operation::GetFunctionConcurrency, Operation::GetLambdaSettings],
        });
    }
    let needed = permissions(plan);
    let mut actions = in_words(actions);
    actions.retain(|action| !needed.contains(action));
    actions
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

    #[test]
    fn a_watched_queue_is_read_and_its_past_too_and_nothing_is_taken_out_of_it() {
        let mut plan = sample_plan();
        for gate in plan.gates.values_mut() {
            gate.kind = GateKind::Queue(QueueGate {
                queue: Queue::new("orders"),
                age: None,
                depth: None,
                dead_letters: Some(0),
            });
        }
        let actions = permissions(&plan).into_iter();
        let actions: Vec<_> =
            actions.filter(|a| a.starts_with("sqs:") || a.starts_with("cloudwatch:")).collect();
        let expected = ["cloudwatch:GetMetricData", "sqs:GetQueueAttributes", "sqs:GetQueueUrl"];
        assert_eq!(actions, expected);
    }
}
