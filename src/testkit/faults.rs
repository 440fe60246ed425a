//! Decides which calls to a cloud go wrong, and how. Faults wrap the ports and are never sprinkled through the code
//! under test, so every call can be made to fail without that code knowing.

use std::{
    collections::BTreeMap,
    future::{Future, pending},
    sync::{Arc, Mutex, PoisonError},
};

use serde::{Deserialize, Deserializer, de::Error as _};

use super::draw;
use crate::{
    cloud::{Calls, Error, Operation},
    plan::nearest,
};

/// Calls that go wrong together, under the name of the first: those by which one thing is done, here to a rule and there
/// to a listener, here to a load balancer's tags and there to a zone's.
const ALIKE: [(Operation, &[Operation]); 10] = [
    (Operation::DescribeRules, &[Operation::DescribeListeners, Operation::DescribeLoadBalancers]),
    (Operation::DescribeTargetGroups, &[Operation::DescribeTargetGroupAttributes]),
    (Operation::ModifyRule, &[Operation::ModifyListener]),
    (Operation::ListResourceRecordSets, &[Operation::ListHostedZonesByName]),
    (Operation::ChangeResourceRecordSets, &[Operation::GetChange]),
    (Operation::DescribePolicies, &[Operation::DescribeScheduledActions]),
    (
        Operation::GetDeploymentGroup,
        &[
            Operation::GetDeployment,
            Operation::BatchGetDeploymentTargets,
            Operation::ListDeploymentTargets,
        ],
    ),
    (
        Operation::DescribeTags,
        &[
            Operation::DescribeGroupTags,
            Operation::ListDeploymentGroupTags,
            Operation::ListZoneTags,
        ],
    ),
    (
        Operation::AddTags,
        &[Operation::CreateOrUpdateTags, Operation::ChangeTagsForResource, Operation::TagResource],
    ),
    (Operation::RemoveTags, &[Operation::DeleteTags, Operation::UntagResource]),
];

/// The operation that faults know by this name, its API's or IAM's.
pub fn operation_named<'de, D>(from: D) -> Result<Option<Operation>, D::Error>
where
    D: Deserializer<'de>,
{
    let Some(name) = Option::<String>::deserialize(from)? else { return Ok(None) };
    let called = || Operation::ALL.iter().copied().filter(|operation| operation.is_called());
    let is_meant = |operation: &Operation| {
        let action = operation.action().rsplit_once(':').map(|(_, action)| action);
        operation.name() == name || action == Some(name.as_str())
    };
    let Some(meant) = called().find(is_meant) else {
        let near = nearest(&name, called().map(Operation::name));
        let near = near.first().map(|near| format!("; did you mean `{near}`?"));
        let near = near.unwrap_or_default();
        return Err(D::Error::custom(format!("no operation `{name}` is ever called{near}")));
    };
    let first = ALIKE.iter().find(|(_, others)| others.contains(&meant));
    Ok(Some(first.map_or(meant, |(first, _)| *first)))
}

/// How a call goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// Refused for the request rate; no effect.
    Throttle,
    /// A broken connection before anything happened; no effect, but the caller cannot know.
    Transient,
    /// Not allowed; no effect.
    Denied,
    /// Another activity is in the way; no effect.
    Conflict,
    /// There is no such thing; no effect.
    Absent,
    /// It took effect, and its answer was lost.
    TimeoutAfterEffect,
    /// The process dies before the call: the crash callback is told, and the call never returns.
    #[serde(skip)]
    CrashBefore,
    /// The process dies after the call took effect.
    #[serde(skip)]
    CrashAfter,
}

/// One call, as a policy sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    pub operation: Operation,
    /// Which call of this operation it is, from 1.
    pub nth: u64,
    /// Which call of all it is, from 1.
    pub overall: u64,
}

type Policy = dyn Fn(&Call) -> Option<Fault> + Send + Sync;

/// Which calls go wrong. Clones share their counts. [`Faults::around`] puts it around a cloud.
#[derive(Clone)]
pub struct Faults {
    policy: Arc<Policy>,
    crash: Arc<dyn Fn(&Call) + Send + Sync>,
    /// Requests that were refused are requests too: those never reach the cloud that counts its own.
    calls: Option<Calls>,
    past: Arc<Mutex<Past>>,
}

#[derive(Default)]
struct Past {
    by_operation: BTreeMap<Operation, u64>,
    overall: u64,
    injected: Vec<(Call, Fault)>,
}

impl Faults {
    /// Asks `policy` about every call.
    pub fn new(policy: impl Fn(&Call) -> Option<Fault> + Send + Sync + 'static) -> Self {
        Self {
            policy: Arc::new(policy),
            crash: Arc::new(|_| ()),
            calls: None,
            past: Arc::default(),
        }
    }

    /// Nothing goes wrong; calls are still counted.
    pub fn none() -> Self {
        Self::new(|_| None)
    }

    /// The nth call of all goes wrong, counted from 1.
    pub fn nth(nth: u64, fault: Fault) -> Self {
        Self::new(move |call| (call.overall == nth).then_some(fault))
    }

    /// The nth call of one operation goes wrong, counted from 1.
    pub fn nth_of(operation: Operation, nth: u64, fault: Fault) -> Self {
        Self::new(move |call| (call.operation == operation && call.nth == nth).then_some(fault))
    }

    /// So many calls in a thousand go wrong in a way that passes, as the seed has it.
    pub fn seeded(seed: u64, per_thousand: u64) -> Self {
        Self::new(move |call| {
            let drawn = draw(seed, call.overall);
            let fault = match drawn / 1_000 % 4 {
                0 => Fault::Throttle,
                1 => Fault::Transient,
                2 => Fault::Conflict,
                _ => Fault::TimeoutAfterEffect,
            };
            (drawn % 1_000 < per_thousand).then_some(fault)
        })
    }

    /// Is told when a crash point is reached. The call that reached it never returns: the test drops the run.
    #[must_use]
    pub fn on_crash(mut self, crash: impl Fn(&Call) + Send + Sync + 'static) -> Self {
        self.crash = Arc::new(crash);
        self
    }

    /// Counts refused requests into the same tally as the cloud counts its own.
    #[must_use]
    pub fn counting(mut self, calls: Calls) -> Self {
        self.calls = Some(calls);
        self
    }

    /// How many calls were made so far.
    pub fn made(&self) -> u64 {
        self.past(|past| past.overall)
    }

    /// What went wrong so far, in order.
    pub fn injected(&self) -> Vec<(Call, Fault)> {
        self.past(|past| past.injected.clone())
    }

    fn past<T>(&self, look: impl FnOnce(&mut Past) -> T) -> T {
        look(&mut self.past.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Notes a call and decides about it.
    pub(super) fn decide(&self, operation: Operation) -> (Call, Option<Fault>) {
        let call = self.past(|past| {
            past.overall += 1;
            let nth = past.by_operation.entry(operation).or_default();
            *nth += 1;
            Call { operation, nth: *nth, overall: past.overall }
        });
        let fault = (self.policy)(&call);
        if let Some(fault) = fault {
            self.past(|past| past.injected.push((call, fault)));
        }
        (call, fault)
    }

    /// Makes the call, or lets it go wrong. A future does nothing until it is awaited, so a call can be kept back.
    pub(super) async fn apply<T>(
        &self,
        operation: Operation,
        resource: &str,
        call: impl Future<Output = Result<T, Error>> + Send,
    ) -> Result<T, Error> {
        let (made, Some(fault)) = self.decide(operation) else { return call.await };
        let error = match fault {
            Fault::TimeoutAfterEffect => {
                call.await?;
                return Err(Error::Transient { operation, message: "timed out".into() });
            }
            Fault::CrashBefore => self.die(&made).await,
            Fault::CrashAfter => {
                let _answer_nobody_reads = call.await;
                self.die(&made).await
            }
            Fault::Throttle => Error::Throttled { operation },
            Fault::Transient => {
                Error::Transient { operation, message: "connection reset by peer".into() }
            }
            Fault::Denied => Error::Denied {
                action: operation.action().to_owned(),
                resource: resource.to_owned(),
                said: "AccessDenied".to_owned(),
            },
            Fault::Conflict => {
                Error::Conflict { operation, message: "another activity is in progress".into() }
            }
            Fault::Absent => Error::Absent { what: format!("thing that {operation} asks for") },
        };
        if let Some(calls) = &self.calls {
            calls.count(operation.name());
        }
        Err(error)
    }

    pub(super) async fn die(&self, call: &Call) -> Error {
        (self.crash)(call);
        pending().await
    }
}
