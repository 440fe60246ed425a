//! What preflight has to say about the alarms of a plan: whether they are there, whether they may be on already, and
//! whether they could ever notice what they are meant to guard against.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    time::Duration,
};

use super::{
    absent::missing,
    objection::{Notes, Objection},
};
use crate::{
    cloud::{Alarm, AlarmValue, Error, Kind, Places, Reads, Told},
    plan::{
        Aim, AlarmsGate, AlreadyInAlarm, Ends, GateName, Member, Place, Plan, Queue, RouteName,
        SHORTEST_ALARM, StepId, units::format_duration,
    },
    rollout::{Bindings, Excused, ExcusedUntil, RouteService},
};

fn alarm_gates(plan: &Plan) -> impl Iterator<Item = (&Place, &GateName, &AlarmsGate)> {
    plan.gates.iter().filter_map(|(name, gate)| Some((&gate.place, name, gate.kind.alarms()?)))
}

/// Those that look at alarms in this place.
fn alarm_gates_in<'a>(
    plan: &'a Plan,
    place: &'a Place,
) -> impl Iterator<Item = (&'a GateName, &'a AlarmsGate)> {
    alarm_gates(plan).filter(move |(at, ..)| *at == place).map(|(_, name, gate)| (name, gate))
}

/// The queues in which news of alarms is to arrive.
pub(super) fn queues(plan: &Plan) -> BTreeSet<(&Place, &Queue)> {
    alarm_gates(plan).filter_map(|(place, _, gate)| Some((place, gate.listen.as_ref()?))).collect()
}

/// Whether the queues are there. Nobody can see from here whether a rule fills them.
pub(super) async fn check_queues(plan: &Plan, places: &Places<Reads>, notes: &mut Notes) {
    for (place, queue) in queues(plan) {
        let Ok(reads) = places.at(place) else { continue };
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

/// Looks at every alarm with one question for each place. Returns those that are in `ALARM` and may be.
pub(super) async fn check_alarms(
    plan: &Plan,
    places: &Places<Reads>,
    bindings: &Bindings,
    notes: &mut Notes,
) -> Vec<Excused> {
    let mut excused = Vec::new();
    let used: BTreeSet<&Place> = alarm_gates(plan).map(|(place, ..)| place).collect();
    for place in used {
        if let Ok(reads) = places.at(place) {
            excused.extend(check_alarms_in(plan, (place, reads), bindings, notes).await);
        }
    }
    excused
}

async fn check_alarms_in(
    plan: &Plan,
    (place, reads): (&Place, &Reads),
    bindings: &Bindings,
    notes: &mut Notes,
) -> Vec<Excused> {
    let named: BTreeSet<String> =
        alarm_gates_in(plan, place).flat_map(|(_, gate)| gate.names.iter().cloned()).collect();
    let asked: Vec<String> = named.iter().cloned().collect();
    let alarms = match reads.alarms.alarms(&asked).await {
        Ok(alarms) => alarms,
        Err(error) => {
            notes.objections.push(Objection::error("cannot read the alarms", &error));
            return Vec::new();
        }
    };
    doubt_clock(alarms.iter().find_map(|alarm| alarm.told), notes);
    let mut found: BTreeMap<&str, &Alarm> = BTreeMap::new();
    for alarm in &alarms {
        found.entry(&alarm.name).or_insert(alarm);
    }
    let guards = Guards::of(plan, place);
    for name in &named {
        match found.get(name.as_str()) {
            None => {
                let alarm = format!("alarm {name}");
                let mut objection = missing(&alarm, (Kind::Alarm, name), reads).await;
                objection.hint.push_str(
                    "\nif it is a composite alarm, cloudwatch:DescribeAlarms has to be allowed on `*`",
                );
                notes.objections.push(objection);
            }
            Some(alarm) => {
                doubts(alarm, notes);
                elsewhere(&guards, alarm, bindings, notes);
            }
        }
    }
    too_slow(&guards, &alarms, notes);
    check_history(&alarms, reads, notes).await;
    let on = |name: &String| {
        let alarm = *found.get(name.as_str())?;
        (alarm.value == AlarmValue::Alarm).then(|| alarm.clone())
    };
    let mut excused = Vec::new();
    for (gate, alarms) in alarm_gates_in(plan, place) {
        for alarm in alarms.names.iter().filter_map(on) {
            excused.extend(already(gate, alarms.already, alarm, notes));
        }
    }
    excused
}

/// Whether an alarm's history may be read, which is needed in the moment of a flicker: without it the gate would be
/// unknown from then on. What it says now does not matter, so as little as possible is asked for.
async fn check_history(alarms: &[Alarm], reads: &Reads, notes: &mut Notes) {
    let Some(alarm) = alarms.first() else { return };
    let newest = alarm.told.map(|told| told.there).max(alarm.since).unwrap_or_default();
    let asked = reads.alarms.history(&alarm.name, newest).await;
    if let Err(error) = asked.map(|_| ()).or_else(|e| if e.is_passing() { Ok(()) } else { Err(e) })
    {
        notes.objections.push(Objection::error("the history of alarms cannot be read", &error));
    }
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

/// Clocks that differ by more are set wrong, rather than read late.
const CLOCKS_AGREE: Duration = Duration::from_secs(30);

const CLOCK: &str = "this machine's clock";

/// A run waits, and says what it has seen since when, by this machine's clock; alarms and metrics go by AWS's.
pub(super) fn doubt_clock(told: Option<Told>, notes: &mut Notes) {
    let Some(Told { there, here }) = told else { return };
    let (ahead, behind) = (here.since(there), there.since(here));
    let (apart, direction) = if ahead > behind { (ahead, "ahead of") } else { (behind, "behind") };
    let is_told = notes.warnings.iter().any(|warning| warning.starts_with(CLOCK));
    if apart > CLOCKS_AGREE && !is_told {
        notes.warnings.push(format!(
            "{CLOCK} is {} {direction} AWS's: figures and alarms near the beginning of a step may be \
             counted wrongly; set it by NTP",
            format_duration(Duration::from_secs(apart.as_secs()))
        ));
    }
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

/// What gates guard.
#[derive(Default)]
struct Guarded<'a> {
    /// The shortest bake that is no shorter than any alarm could be, of several the first.
    shortest: Option<Bake<'a>>,
    routes: BTreeSet<&'a RouteName>,
}

/// The bake of a shift; the order is that of the plan's steps.
#[derive(Clone, Copy)]
struct Bake<'a> {
    lasts: Duration,
    order: usize,
    step: &'a StepId,
}

impl Bake<'_> {
    fn shorter(self, other: Option<Self>) -> Self {
        let before = |other: &Self| (other.lasts, other.order) < (self.lasts, self.order);
        other.filter(before).unwrap_or(self)
    }
}

/// What each alarm guards, through its gates. A plan may have thousands of alarms and of steps, so that each is looked at
/// once.
struct Guards<'a> {
    by_gate: BTreeMap<&'a GateName, Guarded<'a>>,
    gates: BTreeMap<&'a str, BTreeSet<&'a GateName>>,
}

impl<'a> Guards<'a> {
    fn of(plan: &'a Plan, place: &'a Place) -> Self {
        let mut by_gate: BTreeMap<&GateName, Guarded> = BTreeMap::new();
        for (order, (_, step)) in plan.steps().enumerate() {
            let conduct = step.conduct();
            let (Aim::Weights { route, .. }, Ends::AfterBake { lasts, .. }) =
                (conduct.aim, conduct.ends)
            else {
                continue;
            };
            let bake = Bake { lasts, order, step: &step.id };
            for gate in conduct.gates {
                let guarded = by_gate.entry(gate).or_default();
                guarded.routes.insert(route);
                // Of bakes that are too short for any alarm the plan's own warnings tell already.
                if bake.lasts >= SHORTEST_ALARM {
                    guarded.shortest = Some(bake.shorter(guarded.shortest));
                }
            }
        }
        let mut gates: BTreeMap<&str, BTreeSet<&GateName>> = BTreeMap::new();
        for (gate, alarms) in alarm_gates_in(plan, place) {
            for alarm in &alarms.names {
                gates.entry(alarm).or_default().insert(gate);
            }
        }
        Self { by_gate, gates }
    }

    fn guarded_by(&self, alarm: &str) -> impl Iterator<Item = &Guarded<'a>> {
        let gates = self.gates.get(alarm).into_iter().flatten();
        gates.filter_map(|gate| self.by_gate.get(gate))
    }

    fn shortest_bake(&self, alarm: &str) -> Option<Bake<'a>> {
        let bakes = self.guarded_by(alarm).filter_map(|guarded| guarded.shortest);
        bakes.reduce(|one, other| one.shorter(Some(other)))
    }

    fn routes(&self, alarm: &str) -> BTreeSet<&'a RouteName> {
        self.guarded_by(alarm).flat_map(|guarded| guarded.routes.iter().copied()).collect()
    }
}

/// The shortest bake stands for all, and one sentence for all alarms: the same ten times teaches nobody.
fn too_slow(guards: &Guards, alarms: &[Alarm], notes: &mut Notes) {
    let slow = alarms.iter().filter_map(|alarm| {
        let reacts_in = alarm.reacts_in?;
        let shortest = guards.shortest_bake(&alarm.name)?;
        (shortest.lasts < reacts_in).then_some((alarm, reacts_in, shortest))
    });
    let slow: Vec<_> = slow.collect();
    let Some((_, _, bake)) = slow.iter().min_by_key(|(_, _, bake)| bake.lasts) else { return };
    let each: Vec<String> = slow
        .iter()
        .map(|(alarm, reacts_in, _)| format!("{} ({})", alarm.name, format_duration(*reacts_in)))
        .collect();
    notes.warnings.push(format!(
        "{} bakes {}, which can be over before an alarm goes off; so long these take to react: {}",
        bake.step,
        format_duration(bake.lasts),
        each.join(", ")
    ));
}

/// An alarm on the whole load balancer sees the candidate's errors thinned by everybody else's requests; one on another
/// target group does not see them at all.
fn elsewhere(guards: &Guards, alarm: &Alarm, bindings: &Bindings, notes: &mut Notes) {
    let name = &alarm.name;
    if alarm.target_groups.is_empty() && alarm.load_balancers.is_empty() {
        return;
    }
    let watched: HashSet<&str> = alarm.target_groups.iter().map(String::as_str).collect();
    let routes = guards.routes(name).into_iter();
    let routes = routes.filter_map(|route| Some((route, bindings.routes.get(route)?)));
    // A record's side has a load balancer of its own, all of which is the side; its groups have names of their own.
    for (route, bound) in
        routes.filter(|(_, bound)| bound.service == RouteService::ElasticLoadBalancing)
    {
        let Some(candidate) = &bound.candidate else { continue };
        if alarm.target_groups.is_empty() {
            if let Some(balancer) = alarm.load_balancers.first() {
                notes.warnings.push(format!(
                    "alarm {name} watches all of load balancer {balancer}: errors of {candidate}, the \
                     candidate of route {route}, are thinned by everybody else's requests"
                ));
            }
        } else if !watches(&watched, (&bound.place, candidate), notes) {
            notes.warnings.push(format!(
                "alarm {name} watches {}, not {candidate}, the candidate of route {route}",
                alarm.target_groups.join(", ")
            ));
        }
    }
}

/// Whether one of these values of a dimension (`targetgroup/name/id`, the end of an ARN) stands for this target group.
fn watches(dimensions: &HashSet<&str>, (place, group): (&Place, &Member), notes: &Notes) -> bool {
    let Some(arn) = notes.target_groups.get(&(place.clone(), group.clone())) else { return false };
    let mut ends = arn.match_indices(':').filter_map(|(colon, _)| arn.get(colon + 1..));
    ends.any(|end| dimensions.contains(end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Verb;
    use crate::{
        rollout::{RouteBound, Timestamp},
        testkit::{SAMPLE_RULE, rule_bound, sample_plan},
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
            told: None,
        }
    }

    /// The warnings about an alarm of the sample plan, whose shifts bake five minutes.
    fn warnings(alarm: &Alarm) -> Vec<String> {
        warnings_at(alarm, RouteService::ElasticLoadBalancing)
    }

    fn warnings_at(alarm: &Alarm, service: RouteService) -> Vec<String> {
        warnings_of(&sample_plan(), alarm, service)
    }

    fn warnings_of(plan: &Plan, alarm: &Alarm, service: RouteService) -> Vec<String> {
        let mut notes = Notes::default();
        for member in ["blue", "green"] {
            let arn = format!("arn:aws:elasticloadbalancing:x:1:targetgroup/{member}/1");
            notes.target_groups.insert((Place::default(), Member::new(member)), arn);
        }
        let bound = RouteBound { service, ..rule_bound(SAMPLE_RULE, "blue", "green") };
        let mut bindings = Bindings::default();
        bindings.routes.insert(RouteName::new("web"), bound);
        doubts(alarm, &mut notes);
        let guards = Guards::of(plan, &plan.aws);
        too_slow(&guards, std::slice::from_ref(alarm), &mut notes);
        elsewhere(&guards, alarm, &bindings, &mut notes);
        notes.warnings
    }

    #[test]
    fn a_bake_that_the_plan_is_warned_of_is_not_told_of_again() {
        let mut plan = sample_plan();
        for step in plan.components.edit().iter_mut().flat_map(|component| &mut component.steps) {
            if let Verb::Shift { bake, .. } = &mut step.verb {
                *bake = SHORTEST_ALARM.saturating_sub(Duration::from_secs(1));
            }
        }
        let slow = Alarm { reacts_in: Some(Duration::from_mins(6)), ..alarm() };
        assert_eq!(warnings_of(&plan, &slow, RouteService::ElasticLoadBalancing), [""; 0]);
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
    fn alarms_on_the_load_balancer_of_a_record_watch_what_they_should() {
        let own = Alarm { target_groups: vec!["targetgroup/app/1".into()], ..alarm() };
        let whole = Alarm { target_groups: Vec::new(), ..alarm() };
        for alarm in [own, whole] {
            assert_eq!(warnings_at(&alarm, RouteService::Route53), [""; 0]);
        }
    }

    #[test]
    fn a_clock_that_is_wrong_is_told_once_and_whole_seconds_on_the_way_are_not() {
        let told = |seconds: i64| {
            let here = Timestamp::from_millis(1_000_000 + seconds * 1_000);
            let mut notes = Notes::default();
            for _ in 0..2 {
                let there = Timestamp::from_millis(1_000_000);
                doubt_clock(Some(Told { there, here }), &mut notes);
            }
            notes.warnings
        };
        assert_eq!((told(20), told(-30)), (vec![], vec![]));
        let [ahead] = &told(95)[..] else { panic!("{:?}", told(95)) };
        assert!(ahead.contains("1m35s ahead of AWS's"), "{ahead}");
        assert!(told(-31)[0].contains("31s behind AWS's"), "{:?}", told(-31));
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
