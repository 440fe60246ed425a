//! One poller for the alarms of all gates. AWS publishes 9 `DescribeAlarms` a second for a whole account, shared with
//! the services that roll back by alarms themselves, so asking once a tick for every distinct name is not a nicety:
//! more could disarm them. A gate's answer is at most as old as the last tick, and its reading says so.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    cloud::{Error, Reads, Transition},
    gate::{Sighting, judge_alarms, may_have_flickered, unknown},
    plan::{AlarmsGate, GateKind, GateName, Plan},
    rollout::{Check, Reading, Timestamp},
};

/// An alarm gate that is due, and the moment from which it must answer for everything.
#[derive(Clone, Debug)]
pub struct Due {
    pub gate: GateName,
    pub covering: Timestamp,
}

/// What has been read of histories, so that one change of state is looked up once.
#[derive(Clone, Debug, Default)]
pub struct Histories(BTreeMap<(String, Timestamp, Timestamp), Vec<Transition>>);

/// Answers for every gate that is due, from one look at all their alarms.
pub async fn poll_alarms(
    plan: &Plan,
    reads: &Reads,
    due: &[Due],
    mut histories: Histories,
    at: Timestamp,
) -> (Vec<(Check, Reading)>, Histories) {
    let gates: Vec<(&Due, &AlarmsGate)> = due
        .iter()
        .filter_map(|due| match &plan.gates.get(&due.gate)?.kind {
            GateKind::Alarms(gate) => Some((due, gate)),
            GateKind::Healthy { .. }
            | GateKind::Http(_)
            | GateKind::Metric(_)
            | GateKind::Compare(_) => None,
        })
        .collect();
    let names: BTreeSet<&String> = gates.iter().flat_map(|(_, gate)| &gate.names).collect();
    let names: Vec<String> = names.into_iter().cloned().collect();
    let alarms = match reads.alarms.alarms(&names).await {
        Ok(alarms) => alarms,
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
        for alarm in alarms.iter().filter(|alarm| gate.names.contains(&alarm.name)) {
            if may_have_flickered(alarm, due.covering) {
                let key = (alarm.name.clone(), due.covering, alarm.since.unwrap_or(at));
                let history = history(reads, &mut histories, key).await;
                sighting.histories.insert(alarm.name.clone(), history.map_err(|e| e.to_string()));
            }
            sighting.alarms.push(alarm.clone());
        }
        let reading = judge_alarms(gate, &sighting, due.covering, at);
        answers.push((Check::Gate(due.gate.clone()), reading));
    }
    (answers, histories)
}

async fn history(
    reads: &Reads,
    known: &mut Histories,
    key: (String, Timestamp, Timestamp),
) -> Result<Vec<Transition>, Error> {
    if let Some(transitions) = known.0.get(&key) {
        return Ok(transitions.clone());
    }
    let transitions = reads.alarms.history(&key.0, key.1).await?;
    known.0.insert(key, transitions.clone());
    Ok(transitions)
}
