//! An alarm over the figures of target groups, as AWS would have it: figures are summed up by period, arrive
//! late, are judged M of N, and every change of the value is kept in a history.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use super::{
    alarm_script::{AlarmScript, MissingPoints, StateScript},
    metric::{Figures, Point},
    phrases::Moment,
};
use crate::{
    cloud::{Alarm, AlarmValue, Transition},
    plan::{Member, units::format_duration},
    rollout::Timestamp,
};

#[derive(Clone, Debug)]
pub(super) struct SimulatedAlarm {
    script: AlarmScript,
    /// The target groups whose figures it sums up.
    watches: Vec<Member>,
    metric_delay: Duration,
    period_ends: Timestamp,
    current: Figures,
    /// Periods that have ended, and when their figures arrive.
    on_the_way: VecDeque<(Timestamp, Figures)>,
    /// The last periods that are judged, oldest first.
    points: VecDeque<Point>,
    /// What its figures say, whatever is scripted.
    judged: AlarmValue,
    shown: Alarm,
    history: Vec<Transition>,
}

/// What an alarm starts from.
pub(super) struct AlarmSetting {
    pub(super) name: String,
    pub(super) script: AlarmScript,
    pub(super) watches: Vec<Member>,
    /// `targetgroup/name/id` of each.
    pub(super) dimensions: Vec<String>,
    pub(super) metric_delay: Duration,
    pub(super) start: Timestamp,
}

impl SimulatedAlarm {
    pub(super) fn new(setting: AlarmSetting) -> Self {
        let AlarmSetting { name, mut script, watches, dimensions, metric_delay, start } = setting;
        script.period = script.period.max(Duration::from_secs(1));
        let periods = u32::try_from(script.evaluation.periods).unwrap_or(u32::MAX);
        let reacts_in = script.period.saturating_mul(periods);
        let judged = match script.missing_data {
            MissingPoints::Breaching | MissingPoints::NotBreaching | MissingPoints::Ignore => {
                AlarmValue::Ok
            }
            MissingPoints::Missing => AlarmValue::InsufficientData,
        };
        let at_start = |script: &&StateScript| script.at == Moment::Start(Duration::ZERO);
        let scripted = script.states.iter().find(at_start).map(|script| script.state.value());
        let shown = Alarm {
            name,
            value: scripted.unwrap_or(judged),
            since: Some(start),
            reason: scripted.map_or("no figures yet", |_| "set by the scenario").into(),
            evaluation: None,
            actions_enabled: true,
            target_groups: dimensions,
            load_balancers: Vec::new(),
            reacts_in: (!script.is_composite()).then_some(reacts_in),
            request: None,
            told: None,
        };
        // As CloudWatch's does, the history tells of the state an alarm began with.
        let began = Transition { at: start, to: shown.value, reason: shown.reason.clone() };
        let history = Some(began).filter(|began| began.to != AlarmValue::Alarm);
        let history: Vec<Transition> = history.into_iter().collect();
        Self {
            period_ends: start.plus(script.period),
            script,
            watches,
            metric_delay,
            current: Figures::default(),
            on_the_way: VecDeque::new(),
            points: VecDeque::new(),
            judged,
            shown,
            history,
        }
    }

    pub(super) fn described(&self) -> Alarm {
        self.shown.clone()
    }

    pub(super) fn value(&self) -> AlarmValue {
        self.shown.value
    }

    pub(super) fn since(&self) -> Option<Timestamp> {
        self.shown.since
    }

    pub(super) fn history(&self) -> &[Transition] {
        &self.history
    }

    /// Takes in what the last second's requests came to, and shows what follows from it.
    pub(super) fn step(
        &mut self,
        now: Timestamp,
        figures: &BTreeMap<Member, Figures>,
        values: &BTreeMap<String, AlarmValue>,
        moment: impl Fn(Moment) -> Option<Timestamp>,
    ) {
        let mut last = None;
        if self.script.is_composite() {
            self.judged = self.judge_children(values);
        } else {
            for group in &self.watches {
                if let Some(figures) = figures.get(group) {
                    self.current += *figures;
                }
            }
            if now >= self.period_ends {
                let ended = std::mem::take(&mut self.current);
                self.on_the_way.push_back((now.plus(self.metric_delay), ended));
                self.period_ends = self.period_ends.plus(self.script.period);
            }
            while let Some((_, period)) = self.on_the_way.pop_front_if(|(ready, _)| now >= *ready) {
                self.points.push_back(period.judge(&self.script));
                if self.points.len() > self.script.evaluation.periods {
                    self.points.pop_front();
                }
                self.judged = self.judge_points();
                last = Some(period);
            }
        }
        let scripted = self.scripted(now, moment);
        self.show(now, scripted.unwrap_or(self.judged), last, scripted);
    }

    fn judge_children(&self, values: &BTreeMap<String, AlarmValue>) -> AlarmValue {
        let is_bad = |child: &String| values.get(child) == Some(&AlarmValue::Alarm);
        let any = self.script.any_of.iter().any(is_bad);
        let all = !self.script.all_of.is_empty() && self.script.all_of.iter().all(is_bad);
        if any || all { AlarmValue::Alarm } else { AlarmValue::Ok }
    }

    fn judge_points(&self) -> AlarmValue {
        let (mut breaching, mut fine) = (0, 0);
        for point in &self.points {
            match (point, self.script.missing_data) {
                (Point::Breaching, _) | (Point::Missing, MissingPoints::Breaching) => {
                    breaching += 1;
                }
                (Point::Fine, _) | (Point::Missing, MissingPoints::NotBreaching) => fine += 1,
                (Point::Missing, MissingPoints::Ignore | MissingPoints::Missing) => {}
            }
        }
        let nothing_known = (breaching, fine) == (0, 0);
        if breaching >= self.script.evaluation.breaching {
            AlarmValue::Alarm
        } else if fine > 0 {
            AlarmValue::Ok
        } else if nothing_known && self.script.missing_data == MissingPoints::Missing {
            AlarmValue::InsufficientData
        } else {
            // Too few bad periods to go off, and no good one to go back on.
            self.judged
        }
    }

    fn explain(&self, last: &Figures) -> String {
        let breaching = self.points.iter().filter(|point| **point == Point::Breaching).count();
        let evaluation = self.script.evaluation;
        format!(
            "{breaching} of the last {} periods of {} breached, {} are needed; the last had {last}",
            evaluation.periods,
            format_duration(self.script.period),
            evaluation.breaching,
        )
    }

    /// The last script that applies right now.
    fn scripted(
        &self,
        now: Timestamp,
        moment: impl Fn(Moment) -> Option<Timestamp>,
    ) -> Option<AlarmValue> {
        let applies = |from: Timestamp, lasts| from <= now && now < from.plus(lasts);
        let mut scripts = self.script.states.iter().rev();
        let script = scripts.find(|s| moment(s.at).is_some_and(|from| applies(from, s.lasts)))?;
        Some(script.state.value())
    }

    fn show(
        &mut self,
        now: Timestamp,
        value: AlarmValue,
        last: Option<Figures>,
        scripted: Option<AlarmValue>,
    ) {
        if value == self.shown.value {
            return;
        }
        let reason = match (scripted, last) {
            (Some(_), _) => "set by the scenario".to_owned(),
            (None, Some(last)) => self.explain(&last),
            (None, None) if self.script.is_composite() => "an alarm it is made of changed".into(),
            (None, None) => "back to what its figures say".into(),
        };
        self.shown.value = value;
        self.shown.since = Some(now);
        self.shown.reason.clone_from(&reason);
        self.history.push(Transition { at: now, to: value, reason });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        plan::units::Percent,
        simulation::{
            alarm_script::ScriptedState,
            phrases::Evaluation,
            traffic::{Requests, Served},
        },
    };

    fn alarm(script: AlarmScript) -> SimulatedAlarm {
        SimulatedAlarm::new(AlarmSetting {
            name: "checkout-5xx".into(),
            script,
            watches: vec![Member::new("green")],
            dimensions: vec!["targetgroup/green/1".into()],
            metric_delay: Duration::from_secs(15),
            start: Timestamp::default(),
        })
    }

    /// Lets seconds pass in which the group had so many errors of a hundred requests.
    fn pass(
        alarm: &mut SimulatedAlarm,
        seconds: std::ops::RangeInclusive<i64>,
        errors: Option<u64>,
    ) {
        for second in seconds {
            let served = errors.map(|errors| Served {
                requests: Requests::from_millionths(100_000_000),
                errors: Requests::from_millionths(errors * 1_000_000),
            });
            let figures = served.map(|served| {
                (Member::new("green"), Figures::of(served, Duration::from_millis(80)))
            });
            alarm.step(
                Timestamp::from_millis(second * 1_000),
                &figures.into_iter().collect(),
                &BTreeMap::new(),
                |moment| match moment {
                    Moment::Start(after) => Some(Timestamp::default().plus(after)),
                    Moment::Traffic(_) | Moment::Asked(_) => None,
                },
            );
        }
    }

    fn two_of_three(missing_data: MissingPoints) -> AlarmScript {
        let evaluation = Evaluation { breaching: 2, periods: 3 };
        AlarmScript { evaluation, missing_data, ..AlarmScript::default() }
    }

    #[test]
    fn it_goes_off_when_the_figures_of_a_bad_period_have_arrived() {
        let mut alarm = alarm(AlarmScript::default());
        pass(&mut alarm, 1..=74, Some(5));
        assert_eq!(alarm.value(), AlarmValue::Ok);
        pass(&mut alarm, 75..=75, Some(5));
        assert_eq!(alarm.value(), AlarmValue::Alarm);
        assert_eq!(alarm.since(), Some(Timestamp::from_millis(75_000)));
        pass(&mut alarm, 76..=200, Some(0));
        assert_eq!(alarm.value(), AlarmValue::Ok);
        let [_, trip, _] = alarm.history() else { panic!("{:?}", alarm.history()) };
        assert!(trip.reason.contains("5% errors"), "{}", trip.reason);
    }

    #[test]
    fn two_bad_periods_of_three_are_needed_when_it_says_so() {
        let mut alarm = alarm(two_of_three(MissingPoints::NotBreaching));
        pass(&mut alarm, 1..=60, Some(5));
        pass(&mut alarm, 61..=120, Some(0));
        pass(&mut alarm, 121..=194, Some(5));
        assert_eq!(alarm.value(), AlarmValue::Ok);
        pass(&mut alarm, 195..=195, Some(5));
        assert_eq!(alarm.value(), AlarmValue::Alarm);
    }

    #[test]
    fn what_periods_without_figures_mean_is_its_setting() {
        for (missing, after_silence) in [
            (MissingPoints::Breaching, AlarmValue::Alarm),
            (MissingPoints::NotBreaching, AlarmValue::Ok),
            (MissingPoints::Ignore, AlarmValue::Ok),
            (MissingPoints::Missing, AlarmValue::InsufficientData),
        ] {
            let mut alarm = alarm(two_of_three(missing));
            pass(&mut alarm, 1..=300, None);
            assert_eq!(alarm.value(), after_silence, "{missing:?}");
        }
        let mut alarm = alarm(two_of_three(MissingPoints::Ignore));
        pass(&mut alarm, 1..=200, Some(5));
        pass(&mut alarm, 201..=600, None);
        assert_eq!(alarm.value(), AlarmValue::Alarm, "it keeps what it had");
    }

    #[test]
    fn a_scripted_flicker_stays_in_the_history() {
        let states = vec![StateScript {
            at: Moment::Start(Duration::from_secs(30)),
            state: ScriptedState::Alarm,
            lasts: Duration::from_secs(4),
        }];
        let mut alarm = alarm(AlarmScript { states, ..AlarmScript::default() });
        pass(&mut alarm, 1..=40, Some(0));
        assert_eq!(alarm.value(), AlarmValue::Ok);
        let seen: Vec<_> = alarm.history().iter().map(|t| (t.at.as_millis(), t.to)).collect();
        let began = (0, AlarmValue::Ok);
        assert_eq!(seen, [began, (30_000, AlarmValue::Alarm), (34_000, AlarmValue::Ok)]);
    }

    #[test]
    fn latency_and_error_counts_can_be_watched() {
        let limit = Some(Duration::from_millis(79));
        let mut slow = alarm(AlarmScript { latency_above: limit, ..AlarmScript::default() });
        pass(&mut slow, 1..=75, Some(0));
        assert_eq!(slow.value(), AlarmValue::Alarm);
        let mut many = alarm(AlarmScript { error_count_above: Some(59), ..AlarmScript::default() });
        pass(&mut many, 1..=75, Some(1));
        assert_eq!(many.value(), AlarmValue::Alarm);
        let lax = Some(Percent::HUNDRED);
        let mut calm = alarm(AlarmScript { errors_above: lax, ..AlarmScript::default() });
        pass(&mut calm, 1..=200, Some(100));
        assert_eq!(calm.value(), AlarmValue::Ok);
    }
}
