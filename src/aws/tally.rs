//! Counts what really goes over the wire: every attempt of every operation, retries included.

use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{Intercept, context::BeforeTransmitInterceptorContextRef},
        orchestrator::Metadata,
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::config_bag::ConfigBag;

use crate::cloud::Calls;

/// All operations the adapters use. One that is missing here would be counted as `other`.
const OPERATIONS: [&str; 23] = [
    "ChangeResourceRecordSets",
    "DeleteMessageBatch",
    "DescribeAlarmHistory",
    "DescribeAlarms",
    "DescribeAutoScalingGroups",
    "DescribeListeners",
    "DescribeLoadBalancers",
    "DescribeRules",
    "DescribeTargetGroupAttributes",
    "DescribeTargetGroups",
    "DescribeTargetHealth",
    "GetCallerIdentity",
    "GetChange",
    "GetHealthCheckStatus",
    "GetQueueAttributes",
    "GetQueueUrl",
    "Invoke",
    "ListHostedZonesByName",
    "ListResourceRecordSets",
    "ModifyListener",
    "ModifyRule",
    "ReceiveMessage",
    "UpdateAutoScalingGroup",
];

/// Counts attempts into [`Calls`].
#[derive(Clone, Debug)]
pub(super) struct Tally(pub(super) Calls);

impl Intercept for Tally {
    fn name(&self) -> &'static str {
        "tally"
    }

    fn read_before_attempt(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let name = config.load::<Metadata>().map_or("", Metadata::name);
        let known = OPERATIONS.iter().find(|operation| **operation == name);
        self.0.count(known.copied().unwrap_or("other"));
        Ok(())
    }
}
