//! CloudWatch alarms: how they stand now, and what became of them between two looks.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html>

use std::{collections::BTreeSet, time::Duration};

use async_trait::async_trait;
use aws_sdk_cloudwatch::{
    Client,
    operation::RequestId,
    primitives::DateTime,
    types::{
        AlarmHistoryItem, AlarmType, CompositeAlarm, Dimension, HistoryItemType, Metric,
        MetricAlarm, MetricStat, ScanBy, StateValue,
    },
};
use serde::Deserialize;

use super::{error::classed, heard::Heard, pace::Pace, together::Together};
use crate::{
    cloud::{Alarm, AlarmValue, Alarms, Error, Operation, Query, Series, Transition},
    rollout::Timestamp,
};

/// `DescribeAlarms` takes this many names.
const NAMES_A_CALL: usize = 100;

/// The metrics that one gate asks for (see `metrics.rs`).
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) queries: Vec<Query>,
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    pub(super) period: Duration,
}

/// CloudWatch.
#[derive(Debug)]
pub(super) struct CloudWatch {
    pub(super) client: Client,
    pub(super) pace: Pace,
    history_pace: Pace,
    /// Gates that measure ask together.
    pub(super) gates: Together<Wanted, Vec<Series>>,
}

impl CloudWatch {
    pub(super) fn new(client: Client) -> Self {
        Self {
            client,
            pace: Pace::alarms(),
            history_pace: Pace::alarm_history(),
            gates: Together::new(),
        }
    }

    async fn hundred(&self, names: &[&String]) -> Result<Vec<Alarm>, Error> {
        let mut alarms = Vec::new();
        let mut token = None;
        loop {
            self.pace.turn().await;
            let call = self
                .client
                .describe_alarms()
                .set_alarm_names(Some(names.iter().map(|name| (*name).clone()).collect()))
                // Without its types named it leaves composite alarms out.
                .alarm_types(AlarmType::MetricAlarm)
                .alarm_types(AlarmType::CompositeAlarm)
                .max_records(100)
                .set_next_token(token);
            let heard = Heard::default();
            let sent = call.customize().interceptor(heard.clone()).send().await;
            let page = sent.map_err(classed(Operation::DescribeAlarms, "an alarm"))?;
            let request = || page.request_id().map(str::to_owned);
            let metric = page.metric_alarms().iter().map(metric_alarm);
            let composite = page.composite_alarms().iter().map(composite_alarm);
            let told = metric.chain(composite);
            let of_page = |alarm| Alarm { request: request(), told: heard.told(), ..alarm };
            alarms.extend(told.map(of_page));
            token = page.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(alarms);
            }
        }
    }
}

#[async_trait]
impl Alarms for CloudWatch {
    async fn alarms(&self, names: &[String]) -> Result<Vec<Alarm>, Error> {
        let distinct: Vec<&String> = names.iter().collect::<BTreeSet<_>>().into_iter().collect();
        let mut alarms = Vec::new();
        for hundred in distinct.chunks(NAMES_A_CALL) {
            alarms.extend(self.hundred(hundred).await?);
        }
        Ok(alarms)
    }

    async fn history(&self, name: &str, since: Timestamp) -> Result<Vec<Transition>, Error> {
        let what = format!("alarm {name}");
        let mut transitions = Vec::new();
        let mut token = None;
        loop {
            self.history_pace.turn().await;
            let call = self
                .client
                .describe_alarm_history()
                .alarm_name(name)
                .alarm_types(AlarmType::MetricAlarm)
                .alarm_types(AlarmType::CompositeAlarm)
                .history_item_type(HistoryItemType::StateUpdate)
                .start_date(DateTime::from_millis(since.as_millis()))
                .scan_by(ScanBy::TimestampAscending)
                .max_records(100)
                .set_next_token(token);
            let page =
                call.send().await.map_err(classed(Operation::DescribeAlarmHistory, &what))?;
            for item in page.alarm_history_items() {
                transitions.extend(transition(item)?);
            }
            token = page.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                break;
            }
        }
        // Said again because a service that ignores `ScanBy` or `StartDate` would hide a flicker.
        transitions.retain(|transition| transition.at >= since);
        transitions.sort_by_key(|transition| transition.at);
        Ok(transitions)
    }
}

fn metric_alarm(of: &MetricAlarm) -> Alarm {
    let stats = of.metrics().iter().filter_map(|m| m.metric_stat());
    let dimensions = stats.clone().filter_map(MetricStat::metric).flat_map(Metric::dimensions);
    let longest = stats.filter_map(MetricStat::period).max();
    let datapoints = of.datapoints_to_alarm().or(of.evaluation_periods());
    let seconds = of.period().or(longest).zip(datapoints).map(|(p, n)| i64::from(p) * i64::from(n));
    Alarm {
        name: of.alarm_name().unwrap_or_default().to_owned(),
        value: value(of.state_value()),
        since: moment(of.state_transitioned_timestamp()),
        reason: of.state_reason().unwrap_or_default().to_owned(),
        evaluation: of
            .evaluation_state()
            .map(|state| state.as_str().to_owned())
            .or_else(|| stateless(of.state_value())),
        actions_enabled: of.actions_enabled().unwrap_or(false),
        target_groups: values("TargetGroup", of.dimensions().iter().chain(dimensions.clone())),
        load_balancers: values("LoadBalancer", of.dimensions().iter().chain(dimensions)),
        reacts_in: seconds.and_then(|s| u64::try_from(s).ok()).map(Duration::from_secs),
        request: None,
        told: None,
    }
}

fn composite_alarm(of: &CompositeAlarm) -> Alarm {
    Alarm {
        name: of.alarm_name().unwrap_or_default().to_owned(),
        value: value(of.state_value()),
        since: moment(of.state_transitioned_timestamp()),
        reason: of.state_reason().unwrap_or_default().to_owned(),
        evaluation: stateless(of.state_value()),
        actions_enabled: of.actions_enabled().unwrap_or(false),
        target_groups: Vec::new(),
        load_balancers: Vec::new(),
        reacts_in: None,
        request: None,
        told: None,
    }
}

/// A value that is not known is no reason to go on.
fn value(of: Option<&StateValue>) -> AlarmValue {
    match of {
        Some(StateValue::Ok) => AlarmValue::Ok,
        Some(StateValue::Alarm) => AlarmValue::Alarm,
        Some(_) | None => AlarmValue::InsufficientData,
    }
}

/// A state that is not told, or not known, is not one that a plan could have allowed.
fn stateless(of: Option<&StateValue>) -> Option<String> {
    match of {
        Some(StateValue::Ok | StateValue::Alarm | StateValue::InsufficientData) => None,
        Some(other) => Some(format!("the unknown state {}", other.as_str())),
        None => Some("no state".to_owned()),
    }
}

fn moment(of: Option<&DateTime>) -> Option<Timestamp> {
    of.and_then(|at| at.to_millis().ok()).map(Timestamp::from_millis)
}

fn values<'a>(name: &str, dimensions: impl Iterator<Item = &'a Dimension>) -> Vec<String> {
    let values = dimensions.filter(|d| d.name() == Some(name)).filter_map(|d| d.value());
    values.map(str::to_owned).collect::<BTreeSet<_>>().into_iter().collect()
}

/// `HistoryData` of a `StateUpdate`, as far as it matters.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StateUpdate {
    old_state: Option<State>,
    new_state: State,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct State {
    state_value: String,
    #[serde(default)]
    state_reason: String,
}

/// Nothing for an update that left the value as it was, as composite alarms have them.
fn transition(item: &AlarmHistoryItem) -> Result<Option<Transition>, Error> {
    let unreadable = |problem: String| Error::Rejected {
        operation: Operation::DescribeAlarmHistory,
        message: format!(
            "an entry of {} cannot be read: {problem}",
            item.alarm_name().unwrap_or("?")
        ),
    };
    let at = moment(item.timestamp()).ok_or_else(|| unreadable("it has no time".to_owned()))?;
    let update: StateUpdate = serde_json::from_str(item.history_data().unwrap_or_default())
        .map_err(|e| unreadable(e.to_string()))?;
    let State { state_value, state_reason } = update.new_state;
    if update.old_state.is_some_and(|old| old.state_value == state_value) {
        return Ok(None);
    }
    let to = value(Some(&StateValue::from(state_value.as_str())));
    Ok(Some(Transition { at, to, reason: state_reason }))
}
