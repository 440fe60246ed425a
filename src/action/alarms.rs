//! What preflight has to say about the alarms of a plan: whether they are there, whether they may be on already, and
//! whether they could ever notice what they are meant to guard against.

use std::{collections::BTreeSet, time::Duration};

use super::preflight::{Notes, Objection};
use crate::{
    cloud::{Alarm, AlarmValue, Error, Reads},
    plan::{
        AlarmsGate, AlreadyInAlarm, GateName, Member, Plan, Queue, RouteName, StepId, Verb,
        units::format_duration,
    },
    rollout::{Bindings, Excused, ExcusedUntil},
};

fn alarm_gates(plan: &Plan) -> impl Iterator<Item = (&GateName, &AlarmsGate)> {
    plan.gates.iter().filter_map(|(name, gate)| Some((name, gate.kind.alarms()?)))
}

/// The queues in which news of alarms is to arrive.
pub(super) fn queues(plan: &Plan) -> BTreeSet<&Queue> {
    alarm_gates(plan).filter_map(|(_, gate)| gate.listen.as_ref()).collect()
}

/// Whether the queues are there. Nobody can see from here whether a rule fills them.
pub(super) async fn check_queues(plan: &Plan, reads: &Reads, notes: &mut Notes) {
    for queue in queues(plan) {
        let Err(error) = reads.queues.find(queue).await else { continue };
        let mut objection = Objection::error("`listen`", &error);
        if let Error::Absent { .. } = error {
            "make the queue, and an EventBridge rule that sends it `CloudWatch Alarm State Change` of the source \
             `aws.cloudwatch`; or remove `listen`: the gate is read every so often without it"
                .clone_into(&mut objection.hint);
        }
        notes.objections.push(objection);
    }
}

/// Looks at every alarm with one question. Returns those that are in `ALARM` and may be.
pub(super) async fn check_alarms(
    plan: &Plan,
    reads: &Reads,
    bindings: &Bindings,
    notes: &mut Notes,
) -> Vec<Excused> {
    let named: BTreeSet<String> =
        alarm_gates(plan).flat_map(|(_, gate)| gate.names.iter().cloned()).collect();
    if named.is_empty() {
        return Vec::new();
    }
    let asked: Vec<String> = named.iter().cloned().collect();
    let alarms = match reads.alarms.alarms(&asked).await {
        Ok(alarms) => alarms,
        Err(error) => {
            notes.objections.push(Objection::error("cannot read the alarms", &error));
            return Vec::new();
        }
    };
    for name in &named {
        match alarms.iter().find(|alarm| alarm.name == *name) {
            None => notes.objections.push(Objection::new(
                format!("alarm {name} does not exist"),
                "check its name and region; reading a composite alarm needs cloudwatch:DescribeAlarms on `*`",
            )),
            Some(alarm) => {
                doubts(alarm, notes);
                too_slow(plan, alarm, notes);
                elsewhere(plan, alarm, bindings, notes);
            }
        }
    }
    let on = |name: &String| {
        alarms.iter().find(|a| a.name == *name && a.value == AlarmValue::Alarm).cloned()
    };
    let mut excused = Vec::new();
    for (gate, alarms) in alarm_gates(plan) {
        for alarm in alarms.names.iter().filter_map(on) {
            excused.extend(already(gate, alarms.already, alarm, notes));
        }
    }
    excused
}

fn already(
    gate: &GateName,
    policy: AlreadyInAlarm,
    alarm: Alarm,
    notes: &mut Notes,
) -> Option<Excused> {
    let Alarm { name, reason, .. } = alarm;
    let (until, what) = match policy {
        AlreadyInAlarm::Refuse => {
            notes.objections.push(Objection::new(
                format!("alarm {name} is in ALARM already: {reason}"),
                "wait until it is OK, as a gate that fails from the start would roll back at once; or \
                 let the gate say `already-in-alarm: ignore-until-ok`",
            ));
            return None;
        }
        AlreadyInAlarm::IgnoreUntilOk => (ExcusedUntil::Ok, "does not count until it has been OK"),
        AlreadyInAlarm::Ignore => (ExcusedUntil::TheEnd, "does not count in this run"),
    };
    notes
        .warnings
        .push(format!("alarm {name} is in ALARM already ({reason}); for gate {gate} it {what}"));
    Some(Excused { gate: gate.clone(), alarm: name, until, reason })
}

fn doubts(alarm: &Alarm, notes: &mut Notes) {
    let name = &alarm.name;
    if !alarm.actions_enabled {
        notes.warnings.push(format!(
            "alarm {name} has its actions disabled: its gate sees it all the same, but it tells nobody else"
        ));
    }
    if let Some(evaluation) = &alarm.evaluation {
        notes.warnings.push(format!(
            "alarm {name} is evaluated with {evaluation}: while that lasts its gate is unknown"
        ));
    }
}

/// A shift that an alarm guards.
struct Guarded<'a> {
    step: &'a StepId,
    route: &'a RouteName,
    bake: Duration,
}

fn guarded_by<'a>(plan: &'a Plan, alarm: &str) -> Vec<Guarded<'a>> {
    let watches = |gate: &GateName| {
        let alarms = plan.gates.get(gate).and_then(|gate| gate.kind.alarms());
        alarms.is_some_and(|alarms| alarms.names.iter().any(|name| name == alarm))
    };
    let guarded = plan.steps().filter_map(|(_, step)| match &step.verb {
        Verb::Shift { route, bake, gates, .. } if gates.iter().any(watches) => {
            Some(Guarded { step: &step.id, route, bake: *bake })
        }
        _ => None,
    });
    guarded.collect()
}

/// The shortest bake stands for all: the same sentence ten times teaches nobody.
fn too_slow(plan: &Plan, alarm: &Alarm, notes: &mut Notes) {
    let Some(reacts_in) = alarm.reacts_in else { return };
    let shortest = guarded_by(plan, &alarm.name).into_iter().min_by_key(|shift| shift.bake);
    if let Some(shift) = shortest.filter(|shift| shift.bake < reacts_in) {
        notes.warnings.push(format!(
            "alarm {} takes at least {} to react, and {} bakes {}: it can be over before the alarm goes off",
            alarm.name,
            format_duration(reacts_in),
            shift.step,
            format_duration(shift.bake),
        ));
    }
}

/// An alarm on the whole load balancer sees the candidate's errors thinned by everybody else's requests; one on another
/// target group does not see them at all.
fn elsewhere(plan: &Plan, alarm: &Alarm, bindings: &Bindings, notes: &mut Notes) {
    let name = &alarm.name;
    let routes: BTreeSet<&RouteName> =
        guarded_by(plan, name).into_iter().map(|shift| shift.route).collect();
    for (route, bound) in routes.into_iter().filter_map(|r| Some((r, bindings.routes.get(r)?))) {
        let candidate = &bound.candidate;
        if alarm.target_groups.is_empty() {
            if let Some(balancer) = alarm.load_balancers.first() {
                notes.warnings.push(format!(
                    "alarm {name} watches all of load balancer {balancer}: errors of {candidate}, the \
                     candidate of route {route}, are thinned by everybody else's requests"
                ));
            }
        } else if !alarm.target_groups.iter().any(|group| is_group(group, candidate, notes)) {
            notes.warnings.push(format!(
                "alarm {name} watches {}, not {candidate}, the candidate of route {route}",
                alarm.target_groups.join(", ")
            ));
        }
    }
}

/// Whether a dimension's value (`targetgroup/name/id`) stands for this target group.
fn is_group(dimension: &str, group: &Member, notes: &Notes) -> bool {
    notes.target_groups.get(group).is_some_and(|arn| arn.ends_with(&format!(":{dimension}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        rollout::{Bound, Medium, Timestamp},
        testkit::{SAMPLE_RULE, sample_plan},
    };

    fn alarm() -> Alarm {
        Alarm {
            name: "checkout-5xx".into(),
            value: AlarmValue::Ok,
            since: Some(Timestamp::default()),
            reason: "threshold crossed".into(),
            evaluation: None,
            actions_enabled: true,
            target_groups: vec!["targetgroup/green/1".into()],
            load_balancers: vec!["app/shop/50dc".into()],
            reacts_in: Some(Duration::from_mins(3)),
            request: None,
        }
    }

    /// The warnings about an alarm of the sample plan, whose shifts bake five minutes.
    fn warnings(alarm: &Alarm) -> Vec<String> {
        let plan = sample_plan();
        let mut notes = Notes::default();
        for member in ["blue", "green"] {
            let arn = format!("arn:aws:elasticloadbalancing:x:1:targetgroup/{member}/1");
            notes.target_groups.insert(Member::new(member), arn);
        }
        let bound = Bound {
            resource: SAMPLE_RULE.into(),
            stable: Member::new("blue"),
            candidate: Member::new("green"),
            baseline: None,
            others: Vec::new(),
            medium: Medium::LoadBalancer,
        };
        let mut bindings = Bindings::default();
        bindings.routes.insert(RouteName::new("web"), bound);
        doubts(alarm, &mut notes);
        too_slow(&plan, alarm, &mut notes);
        elsewhere(&plan, alarm, &bindings, &mut notes);
        notes.warnings
    }

    #[test]
    fn an_alarm_on_the_candidate_that_reacts_in_time_is_fine() {
        assert_eq!(warnings(&alarm()), [""; 0]);
        let elsewhere = Alarm { target_groups: vec![], load_balancers: vec![], ..alarm() };
        assert_eq!(warnings(&elsewhere), [""; 0], "a metric of the application's own");
    }

    #[test]
    fn an_alarm_that_is_slower_than_the_bake_is_told_with_figures() {
        let slow = Alarm { reacts_in: Some(Duration::from_mins(6)), ..alarm() };
        let [warning] = &warnings(&slow)[..] else { panic!("{:?}", warnings(&slow)) };
        assert!(warning.contains("6m") && warning.contains("main/3-shift bakes 5m"), "{warning}");
    }

    #[test]
    fn an_alarm_that_does_not_watch_the_candidate_is_told() {
        let whole = Alarm { target_groups: Vec::new(), ..alarm() };
        assert!(warnings(&whole)[0].contains("all of load balancer app/shop/50dc"));
        let stable = Alarm { target_groups: vec!["targetgroup/blue/1".into()], ..alarm() };
        assert!(warnings(&stable)[0].contains("targetgroup/blue/1, not green"));
    }

    #[test]
    fn what_the_plan_says_of_an_alarm_that_is_on_already_decides() {
        let outcome = |policy| {
            let mut notes = Notes::default();
            let excused = already(&GateName::new("errors"), policy, alarm(), &mut notes);
            (notes.objections.len(), notes.warnings.len(), excused.map(|excused| excused.until))
        };
        assert_eq!(outcome(AlreadyInAlarm::Refuse), (1, 0, None));
        assert_eq!(outcome(AlreadyInAlarm::IgnoreUntilOk), (0, 1, Some(ExcusedUntil::Ok)));
        assert_eq!(outcome(AlreadyInAlarm::Ignore), (0, 1, Some(ExcusedUntil::TheEnd)));
    }
}
