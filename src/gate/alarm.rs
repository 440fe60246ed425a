//! From alarm states to a reading. An alarm that went off and came back between two polls counts as much as one that is
//! still on: the time its state last changed gives it away, and its history says what happened.

use std::collections::BTreeMap;

use crate::{
    cloud::{Alarm, AlarmValue, Transition},
    plan::{AlarmsGate, InsufficientData, MissingAlarm},
    rollout::{Outcome, Reading, Timestamp},
};

/// What is known about the alarms of one gate at one poll.
#[derive(Clone, Debug, Default)]
pub struct Sighting {
    /// Those that exist.
    pub alarms: Vec<Alarm>,
    /// For alarms that are on or may have flickered: what their history says; an error in words where it could not be
    /// read.
    pub histories: BTreeMap<String, Result<Vec<Transition>, String>>,
}

/// Whether an alarm's state has changed since `covering`, so that only its history can tell whether it was on meanwhile.
pub fn may_have_flickered(alarm: &Alarm, covering: Timestamp) -> bool {
    alarm.value != AlarmValue::Alarm && alarm.since.is_some_and(|since| since >= covering)
}

/// The worst that any alarm of the gate says, with every alarm's state as evidence.
pub fn judge_alarms(
    gate: &AlarmsGate,
    sighting: &Sighting,
    covering: Timestamp,
    at: Timestamp,
) -> Reading {
    let verdicts = gate.names.iter().map(|name| {
        let alarm = sighting.alarms.iter().find(|alarm| alarm.name == *name);
        let (outcome, because) = match alarm {
            None => missing(gate, name),
            Some(alarm) => one(gate, alarm, sighting, covering),
        };
        let state = alarm.map_or("absent", |alarm| alarm.value.name());
        (name, outcome, because, state)
    });
    let verdicts: Vec<_> = verdicts.collect();
    let worst = verdicts.iter().max_by_key(|(_, outcome, ..)| severity(*outcome));
    let mut reading = match worst {
        None => Reading::new(Outcome::Unknown, at, "the gate names no alarm"),
        Some((_, Outcome::Pass, ..)) => {
            let all = gate.names.join(", ");
            let is = if gate.names.len() == 1 { "is" } else { "are" };
            Reading::new(Outcome::Pass, at, format!("{all} {is} OK"))
        }
        Some((_, outcome, because, _)) => Reading::new(*outcome, at, because.clone()),
    };
    for (name, _, _, state) in &verdicts {
        reading = reading.with(name, state);
    }
    reading
}

fn severity(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Pass => 0,
        Outcome::Wait => 1,
        Outcome::Unknown => 2,
        Outcome::Fail => 3,
    }
}

fn missing(gate: &AlarmsGate, name: &str) -> (Outcome, String) {
    let outcome = match gate.missing {
        MissingAlarm::Fail => Outcome::Fail,
        MissingAlarm::Unknown => Outcome::Unknown,
    };
    (outcome, format!("{name} does not exist any more"))
}

fn one(
    gate: &AlarmsGate,
    alarm: &Alarm,
    sighting: &Sighting,
    covering: Timestamp,
) -> (Outcome, String) {
    let name = &alarm.name;
    let since = alarm.since.map(|since| format!(" since {since}")).unwrap_or_default();
    if alarm.value == AlarmValue::Alarm {
        return (Outcome::Fail, format!("{name} is in ALARM{since}: {}", alarm.reason));
    }
    if may_have_flickered(alarm, covering) {
        match sighting.histories.get(name) {
            Some(Ok(transitions)) => {
                let on = |t: &&Transition| t.to == AlarmValue::Alarm && t.at >= covering;
                if let Some(flicker) = transitions.iter().find(on) {
                    let back = "is not any more, but was on while this was watched";
                    return (
                        Outcome::Fail,
                        format!(
                            "{name} went to ALARM at {}; it {back}: {}",
                            flicker.at, flicker.reason
                        ),
                    );
                }
            }
            Some(Err(error)) => {
                return (Outcome::Unknown, format!("{name} has changed state, but {error}"));
            }
            None => {
                let why = "has changed state, and its history was not read";
                return (Outcome::Unknown, format!("{name} {why}"));
            }
        }
    }
    if let Some(state) = &alarm.evaluation {
        return (Outcome::Unknown, format!("{name} cannot be trusted: its evaluation is {state}"));
    }
    match (alarm.value, gate.insufficient_data) {
        (AlarmValue::InsufficientData, InsufficientData::Wait) => {
            (Outcome::Wait, format!("{name} has INSUFFICIENT_DATA{since}"))
        }
        (AlarmValue::InsufficientData, InsufficientData::Fail) => {
            (Outcome::Fail, format!("{name} has INSUFFICIENT_DATA{since}"))
        }
        (AlarmValue::InsufficientData, InsufficientData::Pass) => {
            (Outcome::Pass, format!("{name} has INSUFFICIENT_DATA{since}, which the plan accepts"))
        }
        (AlarmValue::Ok | AlarmValue::Alarm, _) => (Outcome::Pass, format!("{name} is OK{since}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(insufficient_data: InsufficientData) -> AlarmsGate {
        AlarmsGate {
            names: vec!["a".into(), "b".into()],
            missing: MissingAlarm::Fail,
            insufficient_data,
        }
    }

    fn alarm(name: &str, value: AlarmValue, since: i64) -> Alarm {
        Alarm {
            name: name.into(),
            value,
            since: Some(Timestamp::from_millis(since)),
            reason: "threshold crossed".into(),
            evaluation: None,
            actions_enabled: true,
            target_groups: Vec::new(),
            reacts_in: None,
        }
    }

    fn read(sighting: &Sighting) -> Outcome {
        let covering = Timestamp::from_millis(1_000);
        judge_alarms(
            &gate(InsufficientData::Wait),
            sighting,
            covering,
            Timestamp::from_millis(9_000),
        )
        .outcome
    }

    fn seen(a: Alarm, b: Alarm) -> Sighting {
        Sighting { alarms: vec![a, b], histories: BTreeMap::new() }
    }

    #[test]
    fn the_worst_alarm_decides() {
        let ok = || alarm("a", AlarmValue::Ok, 0);
        assert_eq!(read(&seen(ok(), alarm("b", AlarmValue::Ok, 0))), Outcome::Pass);
        assert_eq!(read(&seen(ok(), alarm("b", AlarmValue::Alarm, 0))), Outcome::Fail);
        assert_eq!(read(&seen(ok(), alarm("b", AlarmValue::InsufficientData, 0))), Outcome::Wait);
        let doubtful =
            Alarm { evaluation: Some("PARTIAL_DATA".into()), ..alarm("b", AlarmValue::Ok, 0) };
        assert_eq!(read(&seen(ok(), doubtful)), Outcome::Unknown);
    }

    #[test]
    fn an_alarm_that_vanished_fails() {
        let sighting =
            Sighting { alarms: vec![alarm("a", AlarmValue::Ok, 0)], ..Sighting::default() };
        assert_eq!(read(&sighting), Outcome::Fail);
    }

    #[test]
    fn an_alarm_that_flickered_between_two_polls_fails() {
        let mut sighting = seen(alarm("a", AlarmValue::Ok, 0), alarm("b", AlarmValue::Ok, 5_000));
        assert_eq!(read(&sighting), Outcome::Unknown, "without its history nothing is known");
        let transition =
            |at, to| Transition { at: Timestamp::from_millis(at), to, reason: String::new() };
        let history = vec![transition(4_000, AlarmValue::Alarm), transition(5_000, AlarmValue::Ok)];
        sighting.histories.insert("b".into(), Ok(history));
        assert_eq!(read(&sighting), Outcome::Fail);
        let history = vec![transition(900, AlarmValue::Alarm), transition(5_000, AlarmValue::Ok)];
        sighting.histories.insert("b".into(), Ok(history));
        assert_eq!(read(&sighting), Outcome::Pass, "it was on before it mattered");
    }

    #[test]
    fn a_gate_without_alarms_never_passes() {
        let empty = AlarmsGate { names: Vec::new(), ..gate(InsufficientData::Pass) };
        let now = Timestamp::from_millis(1);
        assert_eq!(judge_alarms(&empty, &Sighting::default(), now, now).outcome, Outcome::Unknown);
    }
}
