//! Every operation that a cloud is asked for, once: its service, its name in the API, what IAM calls it, and whether
//! it changes anything. Errors, tallies, permissions, faults and the tables of `ARCHITECTURE.md` all feed on this list;
//! what is not in it cannot be called without the compiler's or a test's notice.
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html>

use std::fmt;

/// Whether a call changes what it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Reads,
    Writes,
}

macro_rules! operations {
    ($( $service:literal { $( $variant:ident $(= $name:literal)? $(=> $action:literal)? $access:ident, )* } )*) => {
        /// An operation of AWS, or of our own where nothing of AWS is asked.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Operation {
            $( $( $variant, )* )*
        }

        impl Operation {
            /// All there are, by service.
            pub const ALL: &[Self] = &[$( $( Self::$variant, )* )*];

            /// The service's name in IAM, such as `elasticloadbalancing`.
            pub const fn service(self) -> &'static str {
                match self {
                    $( $( Self::$variant )|* => $service, )*
                }
            }

            /// The name in the API, such as `ModifyRule`. Two services may have one of the same name.
            pub const fn name(self) -> &'static str {
                match self {
                    $( $( Self::$variant => named!($variant $(= $name)?), )* )*
                }
            }

            /// The IAM action, such as `elasticloadbalancing:ModifyRule`.
            pub const fn action(self) -> &'static str {
                match self {
                    $( $( Self::$variant => {
                        concat!($service, ":", named!($variant $(= $name)? $(=> $action)?))
                    } )* )*
                }
            }

            /// Whether it changes anything.
            pub const fn access(self) -> Access {
                match self {
                    $( $( Self::$variant => Access::$access, )* )*
                }
            }
        }
    };
}

/// The last of the names that are given; one always is.
macro_rules! named {
    ($variant:ident) => {
        stringify!($variant)
    };
    ($variant:ident = $name:literal) => {
        $name
    };
    ($variant:ident $(= $name:literal)? => $action:literal) => {
        $action
    };
}

operations! {
    "apigateway" {
        GetStage => "GET" Reads,
        GetApiDeployment = "GetDeployment" => "GET" Reads,
        GetApiDeployments = "GetDeployments" => "GET" Reads,
        CreateApiDeployment = "CreateDeployment" => "POST" Writes,
        GetApiResources = "GetResources" => "GET" Reads,
        UpdateStage => "PATCH" Writes,
        GetStageTags = "GetTags" => "GET" Reads,
        TagStage = "TagResource" => "PUT" Writes,
        UntagStage = "UntagResource" => "DELETE" Writes,
    }
    "autoscaling" {
        DescribeAutoScalingGroups Reads,
        DescribePolicies Reads,
        DescribeScheduledActions Reads,
        UpdateAutoScalingGroup Writes,
        DescribeInstanceRefreshes Reads,
        StartInstanceRefresh Writes,
        RollbackInstanceRefresh Writes,
        SuspendProcesses Writes,
        ResumeProcesses Writes,
        DescribeGroupTags = "DescribeTags" Reads,
        CreateOrUpdateTags Writes,
        DeleteTags Writes,
    }
    "cloudwatch" {
        DescribeAlarms Reads,
        DescribeAlarmHistory Reads,
        GetMetricData Reads,
    }
    "codedeploy" {
        GetDeploymentGroup Reads,
        GetDeploymentConfig Reads,
        GetDeployment Reads,
        ListDeployments Reads,
        BatchGetDeployments Reads,
        BatchGetDeploymentTargets Reads,
        ListDeploymentTargets Reads,
        CreateDeployment Writes,
        ContinueDeployment Writes,
        StopDeployment Writes,
        GetApplicationRevision Reads,
        RegisterApplicationRevision Writes,
        ListDeploymentGroupTags = "ListTagsForResource" Reads,
        TagResource Writes,
        UntagResource Writes,
    }
    "ec2" {
        DescribeLaunchTemplateVersions Reads,
        DescribeInstanceTypeOfferings Reads,
        RunInstances Writes,
    }
    "elasticloadbalancing" {
        DescribeLoadBalancers Reads,
        DescribeListeners Reads,
        DescribeRules Reads,
        DescribeTargetGroups Reads,
        DescribeTargetGroupAttributes Reads,
        DescribeTargetHealth Reads,
        DescribeAccountLimits Reads,
        ModifyRule Writes,
        ModifyListener Writes,
        CreateRule Writes,
        DeleteRule Writes,
        DescribeTags Reads,
        AddTags Writes,
        RemoveTags Writes,
    }
    "events" {
        DescribeRule Reads,
        ListTargetsByRule Reads,
        ListRuleNamesByTarget Reads,
        PutTargets Writes,
        DescribeArchive Reads,
        DescribeReplay Reads,
        StartReplay Writes,
        CancelReplay Writes,
        ListRuleTags = "ListTagsForResource" Reads,
        TagRule = "TagResource" Writes,
        UntagRule = "UntagResource" Writes,
    }
    "lambda" {
        Invoke => "InvokeFunction" Reads,
        GetAlias Reads,
        GetFunctionConfiguration Reads,
        GetFunctionPolicy = "GetPolicy" Reads,
        UpdateAlias Writes,
        ListVersionsByFunction Reads,
        GetEventSourceMapping Reads,
        ListEventSourceMappings Reads,
        UpdateEventSourceMapping Writes,
        PublishVersion Writes,
        ListAliases Reads,
        ListProvisionedConcurrencyConfigs Reads,
        GetProvisionedConcurrencyConfig Reads,
        PutProvisionedConcurrencyConfig Writes,
        DeleteProvisionedConcurrencyConfig Writes,
        GetFunctionConcurrency Reads,
        GetLambdaSettings = "GetAccountSettings" Reads,
        DeleteFunction Writes,
        ListFunctionTags = "ListTags" Reads,
        TagFunction = "TagResource" Writes,
        UntagFunction = "UntagResource" Writes,
    }
    "route53" {
        ListHostedZonesByName Reads,
        ListResourceRecordSets Reads,
        ChangeResourceRecordSets Writes,
        GetChange Reads,
        GetHealthCheckStatus Reads,
        ListZoneTags = "ListTagsForResource" Reads,
        ChangeTagsForResource Writes,
    }
    "sqs" {
        GetQueueUrl Reads,
        GetQueueAttributes Reads,
        ReceiveMessage Reads,
        DeleteMessageBatch => "DeleteMessage" Writes,
        ListMessageMoveTasks Reads,
        StartMessageMoveTask Writes,
        SendMessage Writes,
    }
    "sts" {
        GetCallerIdentity Reads,
        AssumeRole Writes,
    }
    "tidegate" {
        HttpGet Reads,
        HttpSetUp = "setting up HTTP probes" Reads,
        Call = "call" Writes,
        Hold = "hold" Writes,
        Tagging = "tagging" Writes,
    }
}

impl Operation {
    /// Whether tidegate calls it. What it does not, AWS's services call in the name of whoever deploys or refreshes, or its
    /// SDK when it needs credentials.
    pub fn is_called(self) -> bool {
        let by_others = [
            Self::GetApplicationRevision,
            Self::RegisterApplicationRevision,
            Self::RunInstances,
            Self::AssumeRole,
            Self::SendMessage,
        ];
        !by_others.contains(&self)
    }

    /// Whether it is one of AWS's.
    pub fn is_of_aws(self) -> bool {
        self.service() != "tidegate"
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn an_operation_is_named_by_its_api_and_allowed_by_its_action() {
        assert_eq!(Operation::Invoke.to_string(), "Invoke");
        assert_eq!(Operation::Invoke.action(), "lambda:InvokeFunction");
        assert_eq!(Operation::DescribeGroupTags.action(), "autoscaling:DescribeTags");
        assert_eq!(Operation::ModifyRule.action(), "elasticloadbalancing:ModifyRule");
    }

    #[test]
    fn no_operation_of_a_service_is_listed_twice() {
        let names = |of: &Operation| (of.service(), of.name());
        let distinct: BTreeSet<_> = Operation::ALL.iter().map(names).collect();
        assert_eq!(distinct.len(), Operation::ALL.len());
    }

    /// AWS names what reads and what writes so that policies can be written by them.
    #[test]
    fn what_only_reads_is_named_so() {
        for operation in Operation::ALL.iter().filter(|operation| operation.is_of_aws()) {
            let reading = ["Describe", "List", "Get", "BatchGet", "Receive", "Invoke"];
            let reads = reading.iter().any(|prefix| operation.name().starts_with(prefix));
            assert_eq!(operation.access() == Access::Reads, reads, "{operation}");
        }
    }
}
