//! One poller for the alarms of all gates. AWS publishes 9 `DescribeAlarms` a second for a whole account, shared with
//! the services that roll back by alarms themselves, so asking once a tick for every distinct name is not a nicety:
//! more could disarm them. A gate's answer is at most as old as the last tick, and its reading says so.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use crate::{
    cloud::{Alarm, Alarms, Error, Transition},
    gate::{Excuses, Sighting, judge_alarms, look_back, unknown},
    plan::{AlarmsGate, GateName, Plan},
    rollout::{Check, Reading, Timestamp},
};

/// An alarm gate that is due, and the moment from which it must answer for everything.
#[derive(Clone, Debug)]
pub struct Due {
    pub gate: GateName,
    pub covering: Timestamp,
    /// Its alarms that were in `ALARM` before the run started.
    pub excuses: Excuses,
}

/// A history is read from so long before the moment that counts: it is written by another clock than the alarm's state.
const OVERLAP: Duration = Duration::from_mins(1);

/// Clocks that differ by less agree: AWS tells its time in whole seconds.
const AGREES: Duration = Duration::from_secs(2);

/// What has been read of histories, so that one change of state is looked up once. Kept by alarm, the moment from which
/// it was read, and the change; of an alarm that does not tell its last change nothing is kept, nor while its history
/// does not tell of the change yet: a flicker could come after what was read.
#[derive(Clone, Debug, Default)]
pub struct Histories(BTreeMap<(String, Timestamp, Timestamp), Vec<Transition>>);

/// Answers for every gate that is due, from one look at all their alarms.
pub async fn poll_alarms(
    plan: &Plan,
    alarms: &dyn Alarms,
    due: &[Due],
    mut histories: Histories,
    at: Timestamp,
) -> (Vec<(Check, Reading)>, Histories) {
    let gates: Vec<(&Due, &AlarmsGate)> = due
        .iter()
        .filter_map(|due| Some((due, plan.gates.get(&due.gate)?.kind.alarms()?)))
        .collect();
    let names: BTreeSet<&String> = gates.iter().flat_map(|(_, gate)| &gate.names).collect();
    let names: Vec<String> = names.into_iter().cloned().collect();
    let seen = match alarms.alarms(&names).await {
        Ok(seen) => seen,
        Err(error) => {
            let answer = |(due, _): &(&Due, &AlarmsGate)| {
                (Check::Gate(due.gate.clone()), unknown(&error, at))
            };
            return (gates.iter().map(answer).collect(), histories);
        }
    };
    let places: BTreeMap<&str, usize> =
        seen.iter().enumerate().map(|(place, alarm)| (alarm.name.as_str(), place)).collect();
    let mut answers = Vec::new();
    for (due, gate) in gates {
        let mut sighting = Sighting::default();
        let places: BTreeSet<usize> =
            gate.names.iter().filter_map(|name| places.get(name.as_str()).copied()).collect();
        for there in places.into_iter().filter_map(|place| seen.get(place)) {
            let excuse = due.excuses.get(&there.name).copied();
            let ahead = ahead(there, at);
            let here = Alarm { since: there.since.map(|at| at.plus(ahead)), ..there.clone() };
            if let Some(from) = look_back(&here, due.covering, excuse) {
                let history = history(alarms, &mut histories, there, from, ahead).await;
                sighting.histories.insert(here.name.clone(), history.map_err(|e| e.to_string()));
            }
            sighting.alarms.push(here);
        }
        let reading = judge_alarms(gate, &sighting, due.covering, &due.excuses, at);
        answers.push((Check::Gate(due.gate.clone()), reading));
    }
    (answers, histories)
}

/// How far the run's clock, by which it was `at` when this was asked, is ahead of the alarm's. A wait on the way makes it
/// look less, never more. A clock that is behind needs no correction: alarms then seem to change later than they do, and
/// what seems later counts.
fn ahead(alarm: &Alarm, at: Timestamp) -> Duration {
    let ahead = alarm.told.map_or(Duration::ZERO, |told| at.since(told.there));
    if ahead > AGREES { ahead } else { Duration::ZERO }
}

/// The changes of an alarm since `from`, and a little before, by the run's clock.
async fn history(
    alarms: &dyn Alarms,
    known: &mut Histories,
    alarm: &Alarm,
    from: Timestamp,
    ahead: Duration,
) -> Result<Vec<Transition>, Error> {
    let here = |there: Vec<Transition>| -> Vec<Transition> {
        there.into_iter().map(|t| Transition { at: t.at.plus(ahead), ..t }).collect()
    };
    let key = alarm.since.map(|since| (alarm.name.clone(), from, since));
    if let Some(transitions) = key.as_ref().and_then(|key| known.0.get(key)) {
        return Ok(here(transitions.clone()));
    }
    let transitions = alarms.history(&alarm.name, from.before(ahead).before(OVERLAP)).await?;
    let tells = transitions.last().is_some_and(|last| last.to == alarm.value);
    if let Some(key) = key.filter(|_| tells) {
        known.0.insert(key, transitions.clone());
    }
    Ok(here(transitions))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;

    use super::*;
    use crate::{
        cloud::{AlarmValue, Operation, Told},
        plan::{AlreadyInAlarm, Gate, InsufficientData, MissingAlarm, Place, Tolerance},
        rollout::Outcome,
        testkit::sample_plan,
    };

    #[derive(Default)]
    struct Asked(Mutex<Vec<Vec<String>>>);

    #[async_trait]
    impl Alarms for Asked {
        async fn alarms(&self, names: &[String]) -> Result<Vec<Alarm>, Error> {
            self.0.lock().unwrap().push(names.to_vec());
            Ok(Vec::new())
        }

        async fn history(&self, _: &str, _: Timestamp) -> Result<Vec<Transition>, Error> {
            Ok(Vec::new())
        }
    }

    #[tokio::test]
    async fn any_number_of_gates_costs_one_question_for_each_distinct_alarm() {
        let mut plan = sample_plan();
        let mut due = Vec::new();
        for i in 0..20 {
            let gate = AlarmsGate {
                names: vec!["shared".to_owned(), format!("alarm-{}", i % 5)],
                missing: MissingAlarm::Fail,
                insufficient_data: InsufficientData::Wait,
                already: AlreadyInAlarm::Refuse,
                listen: None,
            };
            let name = GateName::new(format!("gate-{i}"));
            let every = Duration::from_secs(15);
            plan.gates.insert(
                name.clone(),
                Gate {
                    kind: crate::plan::GateKind::Alarms(gate),
                    every,
                    tolerance: Tolerance::default(),
                    place: Place::default(),
                },
            );
            due.push(Due { gate: name, covering: Timestamp::default(), excuses: Excuses::new() });
        }
        let asked = Asked::default();
        let (answers, _) =
            poll_alarms(&plan, &asked, &due, Histories::default(), Timestamp::default()).await;
        assert_eq!(answers.len(), 20);
        let asked = asked.0.into_inner().unwrap();
        assert_eq!(asked.len(), 1, "one call");
        assert_eq!(asked[0].len(), 6, "each name once");
    }

    /// One alarm as it is told, and a history that may fail; counts how often it was asked for.
    struct Told5xx {
        alarm: Alarm,
        history: Result<Vec<Transition>, Error>,
        asked: Mutex<usize>,
    }

    #[async_trait]
    impl Alarms for Told5xx {
        async fn alarms(&self, _: &[String]) -> Result<Vec<Alarm>, Error> {
            Ok(vec![self.alarm.clone()])
        }

        async fn history(&self, _: &str, since: Timestamp) -> Result<Vec<Transition>, Error> {
            *self.asked.lock().unwrap() += 1;
            let mut history = self.history.clone()?;
            history.retain(|transition| transition.at >= since);
            Ok(history)
        }
    }

    fn seconds(of: i64) -> Timestamp {
        Timestamp::from_millis(of * 1_000)
    }

    fn pulse(on: i64, off: i64) -> Vec<Transition> {
        [(on, AlarmValue::Alarm), (off, AlarmValue::Ok)]
            .map(|(at, to)| Transition { at: seconds(at), to, reason: "5xx".into() })
            .into()
    }

    fn ok(since: Option<i64>, history: Result<Vec<Transition>, Error>) -> Told5xx {
        let alarm = Alarm {
            name: "5xx".into(),
            value: AlarmValue::Ok,
            since: since.map(seconds),
            reason: String::new(),
            evaluation: None,
            actions_enabled: true,
            target_groups: Vec::new(),
            load_balancers: Vec::new(),
            reacts_in: None,
            request: None,
            told: None,
        };
        Told5xx { alarm, history, asked: Mutex::new(0) }
    }

    /// The alarm is watched from 1,000 s on; at each of these moments it is polled.
    async fn polled(alarms: &Told5xx, moments: &[i64]) -> Vec<Outcome> {
        let mut plan = sample_plan();
        let gate = AlarmsGate {
            names: vec!["5xx".to_owned()],
            missing: MissingAlarm::Fail,
            insufficient_data: InsufficientData::Wait,
            already: AlreadyInAlarm::Refuse,
            listen: None,
        };
        let name = GateName::new("errors");
        let every = Duration::from_secs(15);
        let kind = crate::plan::GateKind::Alarms(gate);
        plan.gates.insert(
            name.clone(),
            Gate { kind, every, tolerance: Tolerance::default(), place: Place::default() },
        );
        let due = [Due { gate: name, covering: seconds(1_000), excuses: Excuses::new() }];
        let (mut histories, mut outcomes) = (Histories::default(), Vec::new());
        for moment in moments {
            let (answers, known) =
                poll_alarms(&plan, alarms, &due, histories, seconds(*moment)).await;
            histories = known;
            outcomes.extend(answers.into_iter().map(|(_, reading)| reading.outcome));
        }
        outcomes
    }

    #[tokio::test]
    async fn an_alarm_that_does_not_tell_its_last_change_is_judged_by_its_history_at_every_poll() {
        let calm = ok(None, Ok(Vec::new()));
        assert_eq!(polled(&calm, &[1_010, 1_020]).await, [Outcome::Pass; 2]);
        assert_eq!(*calm.asked.lock().unwrap(), 2, "what was read before cannot tell");
        let flickered = ok(None, Ok(pulse(1_012, 1_015)));
        assert_eq!(polled(&flickered, &[1_020]).await, [Outcome::Fail]);
        let denied = Error::Throttled { operation: Operation::DescribeAlarmHistory };
        assert_eq!(polled(&ok(None, Err(denied)), &[1_020]).await, [Outcome::Unknown]);
    }

    #[tokio::test]
    async fn a_history_that_is_behind_the_alarm_is_asked_for_again_and_one_that_is_not_is_kept() {
        let mut alarms = ok(Some(1_015), Ok(Vec::new()));
        assert_eq!(polled(&alarms, &[1_020, 1_030]).await, [Outcome::Unknown; 2]);
        assert_eq!(*alarms.asked.lock().unwrap(), 2);
        alarms = ok(Some(1_015), Ok(pulse(990, 1_015)));
        assert_eq!(polled(&alarms, &[1_020, 1_030]).await, [Outcome::Pass; 2]);
        assert_eq!(*alarms.asked.lock().unwrap(), 1);
        alarms = ok(Some(1_015), Ok(pulse(1_012, 1_015)));
        assert_eq!(polled(&alarms, &[1_020]).await, [Outcome::Fail]);
    }

    #[tokio::test]
    async fn a_clock_ahead_of_the_alarms_hides_no_flicker() {
        // By the run's clock 1,020 s, by AWS's 900: the pulse was at 1,005 s of the run.
        let mut alarms = ok(Some(890), Ok(pulse(885, 890)));
        assert_eq!(polled(&alarms, &[1_020]).await, [Outcome::Pass]);
        alarms.alarm.told = Some(Told { there: seconds(900), here: seconds(1_020) });
        assert_eq!(polled(&alarms, &[1_020]).await, [Outcome::Fail]);
        let mut before = ok(Some(870), Ok(pulse(865, 870)));
        before.alarm.told = alarms.alarm.told;
        assert_eq!(polled(&before, &[1_020]).await, [Outcome::Pass], "at 985 s nobody watched");
    }
}
