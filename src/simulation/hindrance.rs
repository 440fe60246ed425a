//! What stands in a run's way before it begins: each is something that AWS would refuse later, or take and make nothing of,
//! and tells when it is asked. So that a preflight can be rehearsed, and its refusals held to the table in ARCHITECTURE.md.

use serde::Deserialize;

/// One of them, wherever a plan has to do with such a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hindrance {
    /// Five other target groups stand in the forward action of each rule.
    FullAction,
    /// The candidate's target group stands behind another load balancer.
    OtherLoadBalancer,
    OtherVpc,
    OtherProtocol,
    /// An instance refresh or a deployment that somebody else has begun.
    ReplacementUnderWay,
    /// The process `InstanceRefresh` is suspended.
    RefreshSuspended,
    /// A group says `$Latest` for its launch template's version.
    UnnamedVersion,
    /// A deployment group to which nothing has been deployed yet.
    NothingDeployed,
    /// The candidate's function, or what is uploaded, is being updated.
    FunctionUpdating,
    FunctionFailed,
    /// The candidate's version has another execution role than what serves.
    OtherRole,
    /// And another dead-letter queue.
    OtherDeadLetters,
    /// An alias leads to what is uploaded, and to no version.
    ServesUnpublished,
    MappingUpdating,
    MappingDisabled,
    /// The mapping leads to another function than the plan says.
    MappingElsewhere,
    /// The candidate has a mapping of the same queue or stream already.
    SecondMapping,
    /// A stage has a canary of somebody's.
    StageHasCanary,
    RuleDisabled,
    /// By a service of AWS.
    RuleManaged,
    /// The resource policy of the candidate's function does not let `EventBridge` or `API Gateway` in.
    NotLetIn,
    ArchiveOfOtherBus,
    ReplayRuleDisabled,
    ReplayedToOthers,
    /// The rule for what is replayed sends the candidate live events, too.
    LiveEventsReplayed,
}
