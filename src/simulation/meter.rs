//! What a load balancer would publish about its target groups: requests, errors and times, minute by minute, visible
//! once a minute is over and its figures have had time to arrive. Counts are whole and add up to what was served.

use std::{collections::BTreeMap, time::Duration};

use super::traffic::Served;
use crate::{
    plan::{Member, Statistic},
    rollout::Timestamp,
};

const MINUTE: i64 = 60_000;

/// Everything there is to know of every target group: its minutes, oldest first, by the moment each began.
#[derive(Debug, Default)]
pub(super) struct Meter(BTreeMap<Member, Vec<(i64, Gauge)>>);

/// A minute of one group.
#[derive(Clone, Debug, Default)]
struct Gauge {
    /// All that was served before, and with this minute.
    before: Served,
    after: Served,
    /// Millionths of requests by the milliseconds they took.
    times: BTreeMap<u64, u64>,
}

impl Meter {
    /// Notes what was served in the second that ends at `now`.
    pub(super) fn note(
        &mut self,
        now: Timestamp,
        group: &Member,
        served: Served,
        latency: Duration,
    ) {
        let minute = (now.as_millis() - 1).div_euclid(MINUTE) * MINUTE;
        let minutes = self.0.entry(group.clone()).or_default();
        let before = minutes.last().map(|(_, gauge)| gauge.after).unwrap_or_default();
        if minutes.last().is_none_or(|(last, _)| *last < minute) {
            minutes.push((minute, Gauge { before, after: before, ..Gauge::default() }));
        }
        let Some((_, gauge)) = minutes.last_mut() else { return };
        gauge.after += served;
        let latency = u64::try_from(latency.as_millis()).unwrap_or(u64::MAX);
        *gauge.times.entry(latency).or_default() += served.requests.millionths();
    }

    /// The points of a metric over whole periods that begin in `from..to` and end at `visible` or earlier.
    pub(super) fn points(
        &self,
        group: &Member,
        (metric, statistic): (&str, Statistic),
        (from, to): (Timestamp, Timestamp),
        period: Duration,
        visible: Timestamp,
    ) -> Vec<(Timestamp, f64)> {
        let length = i64::try_from(period.as_millis()).unwrap_or(i64::MAX).max(MINUTE);
        let Some(minutes) = self.0.get(group) else { return Vec::new() };
        let begins = |minute: i64| minute.div_euclid(length) * length;
        let first = minutes.partition_point(|(minute, _)| begins(*minute) < from.as_millis());
        let ends = to.as_millis().min(visible.as_millis().saturating_sub(length).saturating_add(1));
        let last = minutes.partition_point(|(minute, _)| begins(*minute) < ends);
        let point = |gauges: &[(i64, Gauge)]| {
            let (minute, _) = gauges.first()?;
            let at = Timestamp::from_millis(begins(*minute));
            Some((at, figure(metric, statistic, gauges)?))
        };
        let asked = minutes.get(first..last).unwrap_or_default();
        asked.chunk_by(|(a, _), (b, _)| begins(*a) == begins(*b)).filter_map(point).collect()
    }
}

/// A figure, where there is one: load balancers publish error counts only when there are errors.
fn figure(metric: &str, statistic: Statistic, gauges: &[(i64, Gauge)]) -> Option<f64> {
    let sum = |of: fn(&Served) -> u64| -> u64 {
        gauges.iter().map(|(_, gauge)| of(&gauge.after) - of(&gauge.before)).sum()
    };
    let requests = || sum(|served| served.requests.whole());
    let errors = || sum(|served| served.errors.whole());
    let count = match metric {
        "RequestCount" => requests(),
        "HTTPCode_Target_5XX_Count" => errors(),
        "HTTPCode_Target_2XX_Count" => requests().saturating_sub(errors()),
        "TargetResponseTime" => return time(statistic, gauges, requests()),
        _ => return None,
    };
    match (statistic, count) {
        (_, 0) => None,
        (Statistic::Sum | Statistic::SampleCount, count) => Some(float(count)),
        // Every request publishes a 1.
        (
            Statistic::Average | Statistic::Minimum | Statistic::Maximum | Statistic::Percentile(_),
            _,
        ) => Some(1.0),
        (Statistic::CountAbove(bound), count) => {
            Some(if bound < 1_000 { float(count) } else { 0.0 })
        }
        (Statistic::CountUpTo(bound), count) => {
            Some(if bound < 1_000 { 0.0 } else { float(count) })
        }
    }
}

/// Seconds.
fn time(statistic: Statistic, gauges: &[(i64, Gauge)], requests: u64) -> Option<f64> {
    let mut times: BTreeMap<u64, u64> = BTreeMap::new();
    for (millis, weight) in gauges.iter().flat_map(|(_, gauge)| &gauge.times) {
        *times.entry(*millis).or_default() += weight;
    }
    times.retain(|_, weight| *weight > 0);
    let all: u64 = times.values().sum();
    let total: f64 = times.iter().map(|(millis, weight)| float(*millis) * float(*weight)).sum();
    let millis = match statistic {
        _ if all == 0 => return None,
        Statistic::SampleCount => return Some(float(requests)),
        Statistic::CountAbove(bound) => {
            return Some(float(requests - up_to(&times, bound, requests)));
        }
        Statistic::CountUpTo(bound) => return Some(float(up_to(&times, bound, requests))),
        Statistic::Sum => total / 1_000_000.0,
        Statistic::Average => total / float(all),
        Statistic::Minimum => float(*times.first_key_value()?.0),
        Statistic::Maximum => float(*times.last_key_value()?.0),
        Statistic::Percentile(tenths) => {
            let mut up_to_here = 0_u64;
            let wanted = float(all) * f64::from(tenths) / 1_000.0;
            let reached = |(_, weight): &(&u64, &u64)| {
                up_to_here += **weight;
                float(up_to_here) >= wanted
            };
            float(*times.iter().find(reached)?.0)
        }
    };
    Some(millis / 1_000.0)
}

/// How many of so many whole requests took at most this long; the rest took longer, so that both add up.
fn up_to(times: &BTreeMap<u64, u64>, millis: u32, requests: u64) -> u64 {
    let all: u64 = times.values().sum();
    let within: u64 = times.range(..=u64::from(millis)).map(|(_, weight)| weight).sum();
    let whole = (u128::from(requests) * u128::from(within)) / u128::from(all.max(1));
    u64::try_from(whole).unwrap_or(requests).min(requests)
}

#[expect(clippy::cast_precision_loss, reason = "simulated counts stay below 2^53")]
const fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulation::Requests;

    fn served(requests: u64, errors: u64) -> Served {
        Served {
            requests: Requests::from_millionths(requests),
            errors: Requests::from_millionths(errors),
        }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    fn points(meter: &Meter, metric: &str, statistic: Statistic, visible: i64) -> Vec<f64> {
        let asked = (metric, statistic);
        let minute = Duration::from_mins(1);
        let group = Member::new("green");
        let points = meter.points(&group, asked, (at(0), at(600)), minute, at(visible));
        points.into_iter().map(|(_, value)| value).collect()
    }

    #[test]
    fn counts_are_whole_and_lose_nothing_between_minutes() {
        let mut meter = Meter::default();
        for second in 1..=180 {
            meter.note(
                at(second),
                &Member::new("green"),
                served(2_500_000, 25_000),
                Duration::ZERO,
            );
        }
        assert_eq!(points(&meter, "RequestCount", Statistic::Sum, 600), [150.0; 3]);
        let errors = points(&meter, "HTTPCode_Target_5XX_Count", Statistic::Sum, 600);
        assert!((4.9..5.1).contains(&errors.iter().sum::<f64>()), "4.5, rounded once: {errors:?}");
        assert_eq!(points(&meter, "RequestCount", Statistic::Sum, 179).len(), 2);
    }

    #[test]
    fn percentiles_are_taken_over_requests() {
        let mut meter = Meter::default();
        for second in 1..=60 {
            let latency = Duration::from_millis(if second > 57 { 900 } else { 80 });
            meter.note(at(second), &Member::new("green"), served(1_000_000, 0), latency);
        }
        let time = |statistic| points(&meter, "TargetResponseTime", statistic, 600);
        assert_eq!(time(Statistic::Percentile(950)), [0.08]);
        assert_eq!(time(Statistic::Percentile(990)), [0.9]);
        assert_eq!(time(Statistic::Maximum), [0.9]);
        assert_eq!(time(Statistic::CountAbove(80)), [3.0]);
        assert_eq!(time(Statistic::CountUpTo(80)), [57.0]);
        assert_eq!(time(Statistic::CountUpTo(900)), [60.0]);
        assert_eq!(points(&meter, "HTTPCode_Target_5XX_Count", Statistic::Sum, 600), [0.0; 0]);
    }
}
