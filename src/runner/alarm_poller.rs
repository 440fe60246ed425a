//! One poller for the alarms of all gates. AWS publishes 9 `DescribeAlarms` a second for a whole account, shared with
//! the services that roll back by alarms themselves, so asking once a tick for every distinct name is not a nicety:
//! more could disarm them. A gate's answer is at most as old as the last tick, and its reading says so.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    cloud::{Alarms, Error, Transition},
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

/// What has been read of histories, so that one change of state is looked up once.
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
    let mut answers = Vec::new();
    for (due, gate) in gates {
        let mut sighting = Sighting::default();
        for alarm in seen.iter().filter(|alarm| gate.names.contains(&alarm.name)) {
            let excuse = due.excuses.get(&alarm.name).copied();
            if let Some(from) = look_back(alarm, due.covering, excuse) {
                let key = (alarm.name.clone(), from, alarm.since.unwrap_or(at));
                let history = history(alarms, &mut histories, key).await;
                sighting.histories.insert(alarm.name.clone(), history.map_err(|e| e.to_string()));
            }
            sighting.alarms.push(alarm.clone());
        }
        let reading = judge_alarms(gate, &sighting, due.covering, &due.excuses, at);
        answers.push((Check::Gate(due.gate.clone()), reading));
    }
    (answers, histories)
}

async fn history(
    alarms: &dyn Alarms,
    known: &mut Histories,
    key: (String, Timestamp, Timestamp),
) -> Result<Vec<Transition>, Error> {
    if let Some(transitions) = known.0.get(&key) {
        return Ok(transitions.clone());
    }
    let transitions = alarms.history(&key.0, key.1).await?;
    known.0.insert(key, transitions.clone());
    Ok(transitions)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;

    use super::*;
    use crate::{
        cloud::Alarm,
        plan::{AlreadyInAlarm, Gate, InsufficientData, MissingAlarm, Tolerance},
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
            let every = std::time::Duration::from_secs(15);
            plan.gates.insert(
                name.clone(),
                Gate {
                    kind: crate::plan::GateKind::Alarms(gate),
                    every,
                    tolerance: Tolerance::default(),
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
}
