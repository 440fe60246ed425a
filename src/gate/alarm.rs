//! From alarm states to a reading. An alarm that went off and came back between two polls counts as much as one that is
//! still on: the time its state last changed gives it away, and its history says what happened.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    cloud::{Alarm, AlarmValue, Transition},
    plan::{AlarmsGate, InsufficientData, MissingAlarm},
    rollout::{Excuse, Outcome, Reading, Timestamp},
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

/// Why some alarms of a gate do not count, or not yet, by name.
pub type Excuses = BTreeMap<String, Excuse>;

/// From when on an alarm's history has to be read, because its state alone does not tell what it was meanwhile. When it
/// last changed need not be told, and what is not told is not known.
pub fn look_back(alarm: &Alarm, covering: Timestamp, excuse: Option<Excuse>) -> Option<Timestamp> {
    match excuse {
        Some(Excuse::ForGood) => None,
        Some(Excuse::UntilOk(start)) => {
            alarm.since.is_none_or(|since| since > start).then_some(start)
        }
        Some(Excuse::Recovered(_)) | None => {
            let from = counts_from(covering, excuse);
            let changed = alarm.since.is_none_or(|since| since >= from);
            (alarm.value != AlarmValue::Alarm && changed).then_some(from)
        }
    }
}

/// What an alarm said before it recovered from an alarm that is excused does not count.
fn counts_from(covering: Timestamp, excuse: Option<Excuse>) -> Timestamp {
    match excuse {
        Some(Excuse::Recovered(at)) => covering.max(at),
        Some(Excuse::UntilOk(_) | Excuse::ForGood) | None => covering,
    }
}

/// The worst that any alarm of the gate says, with every alarm's state as evidence.
pub fn judge_alarms(
    gate: &AlarmsGate,
    sighting: &Sighting,
    covering: Timestamp,
    excuses: &Excuses,
    at: Timestamp,
) -> Reading {
    let mut recovered = BTreeMap::new();
    let mut verdicts = Vec::new();
    for name in &gate.names {
        let alarm = sighting.alarms.iter().find(|alarm| alarm.name == *name);
        let mut excuse = excuses.get(name).copied();
        let (outcome, because) = match alarm {
            None => missing(gate, name),
            Some(alarm) => {
                if let Some(Excuse::UntilOk(start)) = excuse
                    && let Some(ok) = first_ok(alarm, sighting, start)
                {
                    recovered.insert(name.clone(), ok);
                    excuse = Some(Excuse::Recovered(ok));
                }
                one(gate, alarm, sighting, counts_from(covering, excuse), excuse)
            }
        };
        verdicts.push((name, outcome, because, alarm.map(|alarm| shown(alarm, excuse))));
    }
    let worst = verdicts.iter().max_by_key(|(_, outcome, ..)| severity(*outcome));
    let mut reading = match worst {
        None => Reading::new(Outcome::Unknown, at, "the gate names no alarm"),
        Some((_, Outcome::Pass, ..)) => {
            let is_on = |name: &&String| {
                let state = sighting.alarms.iter().find(|alarm| alarm.name == **name);
                state.is_some_and(|alarm| alarm.value == AlarmValue::Alarm)
            };
            let (ignored, fine): (Vec<&String>, Vec<&String>) = gate.names.iter().partition(is_on);
            Reading::new(Outcome::Pass, at, all_well(&fine, &ignored))
        }
        Some((_, outcome, because, _)) => Reading::new(*outcome, at, because.clone()),
    };
    for (name, _, _, state) in &verdicts {
        reading = reading.with(name, state.as_deref().unwrap_or("absent"));
    }
    let of_gate = sighting.alarms.iter().filter(|alarm| gate.names.contains(&alarm.name));
    let requests: BTreeSet<&str> = of_gate.filter_map(|alarm| alarm.request.as_deref()).collect();
    Reading { recovered, ..reading }.brought_by(&requests)
}

fn all_well(fine: &[&String], ignored: &[&String]) -> String {
    let list = |names: &[&String]| {
        let is = if names.len() == 1 { "is" } else { "are" };
        format!("{} {is}", names.iter().map(|n| n.as_str()).collect::<Vec<_>>().join(", "))
    };
    let before = "in ALARM since before the run, which the plan ignores";
    match (fine, ignored) {
        (fine, []) => format!("{} OK", list(fine)),
        ([], ignored) => format!("{} {before}", list(ignored)),
        (fine, ignored) => format!("{} OK; {} {before}", list(fine), list(ignored)),
    }
}

/// An alarm's state with what makes it less worth, for the evidence.
fn shown(alarm: &Alarm, excuse: Option<Excuse>) -> String {
    let mut state = alarm.value.name().to_owned();
    if let Some(evaluation) = &alarm.evaluation {
        state = format!("{state} with {evaluation}");
    }
    if !alarm.actions_enabled {
        state.push_str(", its actions disabled");
    }
    match excuse {
        Some(Excuse::UntilOk(_) | Excuse::ForGood) if alarm.value == AlarmValue::Alarm => {
            state.push_str(", ignored");
        }
        Some(_) | None => {}
    }
    state
}

/// When an alarm that was on at `start` was first OK, as far as is known.
fn first_ok(alarm: &Alarm, sighting: &Sighting, start: Timestamp) -> Option<Timestamp> {
    let history = sighting.histories.get(&alarm.name).and_then(|history| history.as_ref().ok());
    let seen = history.into_iter().flatten().find(|t| t.to == AlarmValue::Ok && t.at >= start);
    match seen {
        Some(transition) => Some(transition.at),
        None if alarm.value == AlarmValue::Ok => Some(alarm.since.unwrap_or(start).max(start)),
        None => None,
    }
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
    excuse: Option<Excuse>,
) -> (Outcome, String) {
    let name = &alarm.name;
    let since = alarm.since.map(|since| format!(" since {since}")).unwrap_or_default();
    match excuse {
        Some(Excuse::ForGood) => return (Outcome::Pass, format!("{name} is ignored")),
        Some(Excuse::UntilOk(start)) if alarm.value == AlarmValue::Alarm => {
            let unread = alarm.since.is_none_or(|since| since > start)
                && !matches!(sighting.histories.get(name), Some(Ok(_)));
            return if unread {
                let why = "may have been OK meanwhile, but its history could not be read";
                (Outcome::Unknown, format!("{name} {why}"))
            } else {
                (Outcome::Pass, format!("{name} has been in ALARM since before the run"))
            };
        }
        // What it went through on its way does not count before it was OK.
        Some(Excuse::UntilOk(_)) => return by_value(gate, alarm),
        Some(Excuse::Recovered(_)) | None => {}
    }
    if alarm.value == AlarmValue::Alarm {
        return (Outcome::Fail, format!("{name} is in ALARM{since}: {}", alarm.reason));
    }
    if look_back(alarm, covering, excuse).is_some() {
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
                if !tells_of(transitions, alarm, covering) {
                    let why = "has changed state, and its history does not tell of it yet";
                    return (Outcome::Unknown, format!("{name} {why}"));
                }
            }
            Some(Err(error)) => {
                return (Outcome::Unknown, format!("{name} {}, but {error}", changed(alarm)));
            }
            None => {
                let why = "and its history was not read";
                return (Outcome::Unknown, format!("{name} {}, {why}", changed(alarm)));
            }
        }
    }
    by_value(gate, alarm)
}

/// Whether a history is as new as what the alarm says of itself. It comes from another place, and may be behind: what it
/// leaves out then may be a flicker. Of an alarm that does not say when it changed, there is nothing to compare with; one
/// that was just made has no history.
fn tells_of(history: &[Transition], alarm: &Alarm, covering: Timestamp) -> bool {
    match (history.last(), alarm.since) {
        (_, None) => true,
        (Some(last), Some(_)) => last.to == alarm.value,
        (None, Some(since)) => since <= covering || alarm.value == AlarmValue::InsufficientData,
    }
}

fn changed(alarm: &Alarm) -> &'static str {
    match alarm.since {
        Some(_) => "has changed state",
        None => "does not say when it last changed state",
    }
}

/// What an alarm that is not in `ALARM` says.
fn by_value(gate: &AlarmsGate, alarm: &Alarm) -> (Outcome, String) {
    let name = &alarm.name;
    let since = alarm.since.map(|since| format!(" since {since}")).unwrap_or_default();
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
    use crate::plan::AlreadyInAlarm;

    fn gate(insufficient_data: InsufficientData) -> AlarmsGate {
        AlarmsGate {
            names: vec!["a".into(), "b".into()],
            missing: MissingAlarm::Fail,
            insufficient_data,
            already: AlreadyInAlarm::Refuse,
            listen: None,
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
            load_balancers: Vec::new(),
            reacts_in: None,
            request: None,
            told: None,
        }
    }

    fn read(sighting: &Sighting) -> Outcome {
        let covering = Timestamp::from_millis(1_000);
        judge_alarms(
            &gate(InsufficientData::Wait),
            sighting,
            covering,
            &Excuses::new(),
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
        let reading = judge_alarms(&empty, &Sighting::default(), now, &Excuses::new(), now);
        assert_eq!(reading.outcome, Outcome::Unknown);
    }

    /// What a gate says of an alarm that is excused, `changes` after the run's start at 500.
    fn excused(excuse: Excuse, now: AlarmValue, changes: &[(i64, AlarmValue)]) -> Reading {
        let since = changes.last().map_or(100, |(at, _)| *at);
        let transition = |(at, to): &(i64, AlarmValue)| Transition {
            at: Timestamp::from_millis(*at),
            to: *to,
            reason: String::new(),
        };
        let history = changes.iter().map(transition).collect();
        let sighting = Sighting {
            alarms: vec![alarm("a", now, since)],
            histories: BTreeMap::from([("a".into(), Ok(history))]),
        };
        let gate = AlarmsGate { names: vec!["a".into()], ..gate(InsufficientData::Wait) };
        let excuses = Excuses::from([("a".into(), excuse)]);
        let at = Timestamp::from_millis;
        judge_alarms(&gate, &sighting, at(1_000), &excuses, at(9_000))
    }

    const UNTIL_OK: Excuse = Excuse::UntilOk(Timestamp::from_millis(500));

    #[test]
    fn an_alarm_from_before_the_run_counts_once_it_has_been_ok() {
        use AlarmValue::{Alarm, InsufficientData, Ok};
        let still = excused(UNTIL_OK, Alarm, &[]);
        assert_eq!((still.outcome, still.recovered.len()), (Outcome::Pass, 0));
        assert_eq!(still.because, "a is in ALARM since before the run, which the plan ignores");
        let back = excused(UNTIL_OK, Ok, &[(2_000, Ok)]);
        assert_eq!(back.outcome, Outcome::Pass);
        assert_eq!(back.recovered["a"], Timestamp::from_millis(2_000));
        let again = excused(UNTIL_OK, Alarm, &[(2_000, Ok), (3_000, Alarm)]);
        assert_eq!(again.outcome, Outcome::Fail);
        let silent = excused(UNTIL_OK, Alarm, &[(2_000, InsufficientData), (3_000, Alarm)]);
        assert_eq!(silent.outcome, Outcome::Pass, "it has not been OK");
        let flicker = excused(UNTIL_OK, Ok, &[(2_000, Ok), (3_000, Alarm), (4_000, Ok)]);
        assert_eq!(flicker.outcome, Outcome::Fail);
    }

    #[test]
    fn what_an_alarm_said_before_it_recovered_does_not_count_afterwards() {
        use AlarmValue::{Alarm, Ok};
        let recovered = Excuse::Recovered(Timestamp::from_millis(2_000));
        let calm = excused(recovered, Ok, &[(1_500, Alarm), (2_000, Ok)]);
        assert_eq!(calm.outcome, Outcome::Pass);
        let again = excused(recovered, Ok, &[(2_000, Ok), (3_000, Alarm), (4_000, Ok)]);
        assert_eq!(again.outcome, Outcome::Fail);
    }

    #[test]
    fn an_alarm_that_is_ignored_for_good_is_still_shown() {
        let reading = excused(Excuse::ForGood, AlarmValue::Alarm, &[(3_000, AlarmValue::Alarm)]);
        assert_eq!(reading.outcome, Outcome::Pass);
        assert_eq!(reading.evidence["a"], "ALARM, ignored");
    }

    #[test]
    fn what_makes_a_state_less_worth_is_evidence() {
        let doubtful = Alarm {
            evaluation: Some("PARTIAL_DATA".into()),
            actions_enabled: false,
            ..alarm("a", AlarmValue::Ok, 0)
        };
        assert_eq!(shown(&doubtful, None), "OK with PARTIAL_DATA, its actions disabled");
    }
}
