//! Targets of the rules of event buses: reading what a target names, and setting it. `PutTargets` with the id of a target
//! that is there puts another in its place in one call, so every event that the rule matches goes to one of the two. All
//! else that the target says is sent back as it was read. There is no compare-and-set: what somebody else changes in the
//! moment between our reading and our writing is seen by the reading that follows.
//! <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutTargets.html>

use async_trait::async_trait;
use aws_sdk_eventbridge::{
    Client,
    operation::describe_rule::DescribeRuleOutput,
    types::{PutTargetsResultEntry, RuleState, Target},
};
use serde_json::{Map, Value, json};

use super::{error::classed, pace::Pace};
use crate::{
    cloud::{Buses, DISABLED, Error, Lead, Operation, SetWeights, TargetStanding, Weights, all_to},
    plan::{BusTarget, Member, units::Scale},
    rollout::{BusPlace, Split},
};

/// Amazon EventBridge.
#[derive(Debug)]
pub(super) struct EventBridge {
    pub(super) client: Client,
    pub(super) pace: Pace,
}

/// A target as AWS has it, with its rule.
struct Live {
    rule: DescribeRuleOutput,
    target: Target,
}

impl Live {
    /// A rule that is disabled sends nobody anything, so its target leads elsewhere than it did.
    fn split(&self) -> Split {
        if is_enabled(&self.rule) {
            all_to(&self.target.arn)
        } else {
            all_to(&format!("{}{DISABLED}", self.target.arn))
        }
    }
}

/// A state that is not told, or not known, is not taken for one in which events are sent.
pub(super) fn is_enabled(rule: &DescribeRuleOutput) -> bool {
    matches!(
        rule.state,
        Some(RuleState::Enabled | RuleState::EnabledWithAllCloudtrailManagementEvents)
    )
}

impl EventBridge {
    pub(super) fn new(client: Client) -> Self {
        Self { client, pace: Pace::event_bridge() }
    }

    pub(super) async fn rule(&self, bus: &str, rule: &str) -> Result<DescribeRuleOutput, Error> {
        self.pace.turn().await;
        let call = self.client.describe_rule().event_bus_name(bus).name(rule).send();
        call.await.map_err(classed(Operation::DescribeRule, &format!("rule {bus}/{rule}")))
    }

    pub(super) async fn targets(&self, bus: &str, rule: &str) -> Result<Vec<Target>, Error> {
        let (mut targets, mut token) = (Vec::new(), None);
        loop {
            self.pace.turn().await;
            let call = self.client.list_targets_by_rule().event_bus_name(bus).rule(rule);
            let page = call.set_next_token(token).send().await;
            let what = format!("rule {bus}/{rule}");
            let page = page.map_err(classed(Operation::ListTargetsByRule, &what))?;
            targets.extend(page.targets.unwrap_or_default());
            token = page.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(targets);
            }
        }
    }

    async fn live(&self, bus: &str, rule: &str, id: &str) -> Result<Live, Error> {
        let described = self.rule(bus, rule).await?;
        let target = self.targets(bus, rule).await?.into_iter().find(|target| target.id == id);
        let absent = || Error::Absent { what: format!("target {id} of rule {bus}/{rule}") };
        Ok(Live { rule: described, target: target.ok_or_else(absent)? })
    }

    /// The names of the rules of a bus with a target of this ARN.
    async fn rules_to(&self, bus: &str, arn: &str) -> Result<Vec<String>, Error> {
        let (mut names, mut token) = (Vec::new(), None);
        loop {
            self.pace.turn().await;
            let call = self.client.list_rule_names_by_target().event_bus_name(bus).target_arn(arn);
            let page = call.set_next_token(token).send().await;
            let what = format!("event bus {bus}");
            let page = page.map_err(classed(Operation::ListRuleNamesByTarget, &what))?;
            names.extend(page.rule_names.unwrap_or_default());
            token = page.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(names);
            }
        }
    }
}

/// Where the target is that a place names.
fn at(place: &str) -> Result<BusPlace<'_>, Error> {
    BusPlace::of(place).ok_or_else(|| Error::Absent { what: format!("target {place}") })
}

/// All of a target, for `aws events put-targets --targets`; nothing where it has more than is known here, or where it may
/// hold secrets, as the headers of a request do.
/// <https://docs.aws.amazon.com/cli/latest/reference/events/put-targets.html>
fn written(target: &Target) -> Option<String> {
    let others = target.run_command_parameters.is_some()
        || target.ecs_parameters.is_some()
        || target.batch_parameters.is_some()
        || target.http_parameters.is_some()
        || target.redshift_data_parameters.is_some()
        || target.sage_maker_pipeline_parameters.is_some()
        || target.app_sync_parameters.is_some();
    if others {
        return None;
    }
    let transformer = target.input_transformer.as_ref().map(|it| {
        let paths = it.input_paths_map.clone().unwrap_or_default();
        let paths: Map<String, Value> = paths.into_iter().map(|(k, v)| (k, json!(v))).collect();
        json!({ "InputPathsMap": paths, "InputTemplate": it.input_template })
    });
    let stream = target.kinesis_parameters.as_ref();
    let queue = target.sqs_parameters.as_ref().and_then(|it| it.message_group_id.as_ref());
    let dead_letters = target.dead_letter_config.as_ref().and_then(|it| it.arn.as_ref());
    let retries = target.retry_policy.as_ref().map(|it| {
        let told = [
            ("MaximumRetryAttempts", it.maximum_retry_attempts),
            ("MaximumEventAgeInSeconds", it.maximum_event_age_in_seconds),
        ];
        let told =
            told.into_iter().filter_map(|(name, told)| Some((name.to_owned(), json!(told?))));
        Value::Object(told.collect())
    });
    let members = [
        ("Id", Some(json!(target.id))),
        ("Arn", Some(json!(target.arn))),
        ("RoleArn", target.role_arn.as_ref().map(|it| json!(it))),
        ("Input", target.input.as_ref().map(|it| json!(it))),
        ("InputPath", target.input_path.as_ref().map(|it| json!(it))),
        ("InputTransformer", transformer),
        (
            "KinesisParameters",
            stream.map(|it| json!({ "PartitionKeyPath": it.partition_key_path })),
        ),
        ("SqsParameters", queue.map(|it| json!({ "MessageGroupId": it }))),
        ("DeadLetterConfig", dead_letters.map(|it| json!({ "Arn": it }))),
        ("RetryPolicy", retries),
    ];
    let there = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Some(Value::Object(there.collect()).to_string())
}

/// What became of a target that AWS took the call for, and not the target.
/// <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutTargetsResultEntry.html>
fn failed(entry: Option<&PutTargetsResultEntry>, what: &str) -> Error {
    let operation = Operation::PutTargets;
    let code = entry.and_then(PutTargetsResultEntry::error_code).unwrap_or_default();
    let words = entry.and_then(PutTargetsResultEntry::error_message).unwrap_or_default();
    let message = format!("{what} was not changed: {code} {words}").trim_end().to_owned();
    let is = |beginning: &str| code.starts_with(beginning);
    if is("ConcurrentModification") {
        Error::Conflict { operation, message }
    } else if is("Throttl") || is("TooManyRequests") || is("Internal") || code.is_empty() {
        // AWS fails single entries when there are too many requests at a time.
        Error::Transient { operation, message }
    } else {
        Error::Rejected { operation, message }
    }
}

#[async_trait]
impl Buses for EventBridge {
    async fn find(&self, at: &BusTarget) -> Result<TargetStanding, Error> {
        let live = self.live(&at.bus, &at.rule, &at.id).await?;
        let unnamed = || Error::Absent { what: format!("the ARN of rule {}/{}", at.bus, at.rule) };
        let rule_arn = live.rule.arn.clone().filter(|arn| !arn.is_empty()).ok_or_else(unnamed)?;
        Ok(TargetStanding {
            resource: BusPlace::written(&rule_arn, &at.id),
            rule_arn,
            managed_by: live.rule.managed_by.clone().filter(|by| !by.is_empty()),
            role: live.target.role_arn.clone(),
            split: live.split(),
            written: written(&live.target),
        })
    }

    async fn leads(&self, place: &str, side: &Member) -> Result<Vec<Lead>, Error> {
        let BusPlace { bus, .. } = at(place)?;
        let mut leads = Vec::new();
        for name in self.rules_to(bus, side.as_str()).await? {
            let rule = self.rule(bus, &name).await?;
            let arn = rule.arn.as_deref().filter(|_| is_enabled(&rule));
            let Some(arn) = arn else { continue };
            let targets = self.targets(bus, &name).await?;
            let to_it = targets.iter().filter(|target| target.arn == side.as_str());
            leads.extend(to_it.map(|target| Lead {
                place: BusPlace::written(arn, &target.id),
                weight: Scale::Whole.largest(),
                words: format!("target {} of rule {bus}/{name}", target.id),
            }));
        }
        Ok(leads)
    }
}

#[async_trait]
impl Weights for EventBridge {
    async fn split(&self, place: &str) -> Result<Split, Error> {
        let BusPlace { bus, rule, id, .. } = at(place)?;
        Ok(self.live(bus, rule, id).await?.split())
    }
}

#[async_trait]
impl SetWeights for EventBridge {
    async fn set_weights(&self, place: &str, expected: &Split, to: &Split) -> Result<(), Error> {
        let BusPlace { bus, rule, id, .. } = at(place)?;
        let what = format!("target {id} of rule {bus}/{rule}");
        let live = self.live(bus, rule, id).await?;
        let split = live.split();
        if split == *to {
            return Ok(());
        }
        if split != *expected {
            let message = format!("expected {expected}, found {split}");
            return Err(Error::Conflict { operation: Operation::PutTargets, message });
        }
        let cannot = || Error::Rejected {
            operation: Operation::PutTargets,
            message: format!("{what} cannot lead to {to}"),
        };
        let (Some((member, _)), 1) = (to.0.first_key_value(), to.0.len()) else {
            return Err(cannot());
        };
        let mut target = live.target;
        target.arn = member.to_string();
        self.pace.turn().await;
        let call = self.client.put_targets().event_bus_name(bus).rule(rule).targets(target).send();
        let answer = call.await.map_err(classed(Operation::PutTargets, &what))?;
        match answer.failed_entry_count {
            0 => Ok(()),
            _ => Err(failed(answer.failed_entries().first(), &what)),
        }
    }
}
