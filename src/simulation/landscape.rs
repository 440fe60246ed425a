//! Everything there is in the simulated cloud, moved on second by second. Steps have a fixed length, so that what
//! happens does not depend on how often somebody looks.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use super::{
    alarm::SimulatedAlarm,
    alarm_script::AlarmScript,
    forward_rule::{Author, SimulatedRule},
    installation::{SimulatedInstallation, Soundness},
    invocation_script::Rehearsed,
    meter::Meter,
    metric::Figures,
    phrases::{Healthy, Moment},
    release::Release,
    replay::SimulatedReplay,
    scaling_group::{SimulatedGroup, changed, version_of},
    scenario::Scenario,
    scripted_fault::{ScriptedFault, strike},
    scripts::{Deleted, DriftScript},
    standing::Standing,
    target_group::{Attachment, Behaviour, Fate, SimulatedTargetGroup},
    traffic::{Ledger, Minute, Requests, Served, share_out},
    violation::Violation,
};
use crate::{
    cloud::{AlarmValue, Mark, Operation, Owned, all_to},
    plan::{FleetName, Header, Member, Queue, RouteName, Side, units::Scale},
    rollout::{Split, Timestamp},
    testkit::Fault,
};

const STEP: Duration = Duration::from_secs(1);

/// A rise of the candidate's share that a plan ties to alarms.
#[derive(Clone, Debug)]
pub(super) struct GatedRise {
    pub(super) resource: String,
    /// Of the two sides, after the rise.
    pub(super) split: Split,
    /// Alarm names, and how long each may have been off before a run must have seen it.
    pub(super) alarms: Vec<(Arc<[String]>, Duration)>,
}

/// A rule that leads requests with a header to one group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TestRule {
    /// The rule or listener it stands ahead of.
    pub(super) resource: String,
    pub(super) header: Header,
    pub(super) group: Member,
}

impl TestRule {
    pub(super) fn of(resource: &str, header: &Header, group: &Member) -> Self {
        Self { resource: resource.to_owned(), header: header.clone(), group: group.clone() }
    }
}

/// A rule or record of somebody else's, which is in `rules` from one moment to another.
#[derive(Debug)]
pub(super) struct OtherRule {
    pub(super) from: Moment,
    pub(super) until: Option<Moment>,
    pub(super) rule: SimulatedRule,
}

/// What the requests of one second come to.
#[derive(Debug, Default)]
struct Flow {
    minute: Minute,
    /// What each group served of each rule, and how long it took.
    served: Vec<(Member, Served, Duration)>,
    figures: BTreeMap<Member, Figures>,
    /// Where requests were lost.
    losses: BTreeSet<(String, Option<Member>)>,
}

#[derive(Debug)]
pub(super) struct Landscape {
    pub(super) scenario: Scenario,
    pub(super) start: Timestamp,
    /// Up to where the world has moved on.
    pub(super) moved_to: Timestamp,
    /// Where each route's weights stand, and between what.
    pub(super) routes: BTreeMap<RouteName, (Vec<String>, Standing)>,
    pub(super) fleets: BTreeMap<FleetName, Standing>,
    pub(super) rules: BTreeMap<String, SimulatedRule>,
    /// Rules and records that others add, and may take away again.
    pub(super) others: Vec<OtherRule>,
    pub(super) test_routes: BTreeSet<TestRule>,
    /// Of runs, on what they own; of what nobody has asked about yet, those of the scenario.
    pub(super) marks: BTreeMap<Owned, Vec<Mark>>,
    pub(super) target_groups: BTreeMap<Member, SimulatedTargetGroup>,
    pub(super) groups: BTreeMap<Member, SimulatedGroup>,
    /// What has yet to be published, by the alias that will lead there.
    pub(super) releases: BTreeMap<String, Release>,
    /// By function and number.
    pub(super) deleted_versions: BTreeSet<(String, Member)>,
    /// By name.
    pub(super) replays: BTreeMap<String, SimulatedReplay>,
    pub(super) installations: BTreeMap<Member, SimulatedInstallation>,
    pub(super) alarms: BTreeMap<String, SimulatedAlarm>,
    /// What gates send to functions, and what would be right to answer.
    pub(super) rehearsed: Vec<Rehearsed>,
    /// Up to when the news in each queue was heard.
    pub(super) heard: BTreeMap<Queue, Timestamp>,
    pub(super) gated_rises: Vec<GatedRise>,
    pub(super) resized_by_hand: BTreeSet<Member>,
    /// What is to be changed by hand, and has not been yet.
    pub(super) drift: Vec<DriftScript>,
    pub(super) faults: Vec<ScriptedFault>,
    /// When the candidate of any route first had a weight.
    pub(super) first_traffic: Option<Timestamp>,
    pub(super) ledger: Ledger,
    pub(super) meter: Meter,
    pub(super) violations: Vec<Violation>,
    /// Where requests are being lost, so that a loss is noted when it begins and not every second.
    pub(super) losing: BTreeSet<(String, Option<Member>)>,
}

/// Versions behind an alias and deployments of an API, which are ready whether or not anything leads to them.
fn versions<'a>(
    routes: &'a BTreeMap<RouteName, (Vec<String>, Standing)>,
    rules: &BTreeMap<String, SimulatedRule>,
) -> impl Iterator<Item = &'a Member> {
    let runs_itself =
        |resource: &String| rules.get(resource).is_some_and(|rule| rule.place.traits().runs_itself);
    let by_itself = routes.values().filter(move |(at, _)| at.iter().any(runs_itself));
    by_itself.flat_map(|(_, sides)| [&sides.stable, &sides.candidate])
}

impl Landscape {
    /// Moves the world on to `now`; a moment that has passed already changes nothing.
    pub(super) fn advance(&mut self, now: Timestamp) {
        while self.moved_to.plus(STEP) <= now {
            self.moved_to = self.moved_to.plus(STEP);
            let flow = self.step(self.moved_to);
            // Nobody can do anything before `now`, and while nothing is on its way every second is like the last.
            let alike = self.alike_until(now);
            while self.moved_to.plus(STEP) <= alike {
                self.moved_to = self.moved_to.plus(STEP);
                self.pass(self.moved_to, &flow);
            }
        }
    }

    /// Up to when nothing but traffic will happen, at most `now`.
    fn alike_until(&self, now: Timestamp) -> Timestamp {
        let settled = self.installations.is_empty()
            && self.rules.values().all(SimulatedRule::is_settled)
            && self.groups.values().all(SimulatedGroup::is_settled)
            && self.target_groups.values().all(SimulatedTargetGroup::is_settled);
        if !settled {
            return self.moved_to;
        }
        let others = self.others.iter().flat_map(|other| [Some(other.from), other.until]).flatten();
        let drift = self.drift.iter().map(|drift| drift.at);
        let sides = [Side::Stable, Side::Candidate].map(|side| self.scenario.sides.of(side));
        let later = sides.into_iter().flat_map(|side| &side.later).map(|change| change.at);
        let moments = others.chain(drift).chain(later).filter_map(|moment| self.moment(moment));
        let next = moments.filter(|at| *at > self.moved_to).min();
        next.map_or(now, |next| now.min(next.before(Duration::from_millis(1))))
    }

    /// When a moment of a scenario is, once that is known.
    pub(super) fn moment(&self, moment: Moment) -> Option<Timestamp> {
        when(self.start, self.first_traffic, moment)
    }

    /// Who is to take over where this stands.
    pub(super) fn candidate_at(&self, resource: &str) -> Option<&Member> {
        let is_there = |at: &[String]| at.iter().any(|it| it == resource);
        let found = self.routes.values().find(|(at, _)| is_there(at));
        found.map(|(_, sides)| &sides.candidate)
    }

    /// How a call goes wrong that is made now, if it does.
    pub(super) fn fault(&mut self, now: Timestamp, operation: Operation) -> Option<Fault> {
        let mut scripts = std::mem::take(&mut self.faults);
        let has_come = |at| self.moment(at).is_some_and(|at| at <= now);
        let fault = strike(&mut scripts, operation, has_come);
        self.faults = scripts;
        fault
    }

    /// Lets others add and take away what is theirs.
    pub(super) fn let_others_lead(&mut self, now: Timestamp) {
        let others = std::mem::take(&mut self.others);
        for other in &others {
            let has_come = |at| self.moment(at).is_some_and(|at| at <= now);
            let (here, gone) = (has_come(other.from), other.until.is_some_and(has_come));
            let resource = &other.rule.forward.resource;
            if gone {
                self.rules.remove(resource);
            } else if here && !self.rules.contains_key(resource) {
                self.rules.insert(resource.clone(), other.rule.clone());
            }
        }
        self.others = others;
    }

    fn step(&mut self, now: Timestamp) -> Flow {
        self.let_others_lead(now);
        self.drift(now);
        self.replace(now);
        for rule in self.rules.values_mut() {
            rule.step(now);
        }
        for group in self.groups.values_mut() {
            group.step(now, &mut self.target_groups);
        }
        let stable = self.behaviour(Side::Stable, now);
        let candidate = self.behaviour(Side::Candidate, now);
        let of = |side| match side {
            Side::Stable => stable,
            Side::Candidate => candidate,
        };
        let split = self.rules.values().flat_map(|rule| rule.forward.split.0.keys());
        let tested = self.test_routes.iter().map(|rule| &rule.group);
        let used: BTreeSet<&Member> =
            split.chain(tested).chain(versions(&self.routes, &self.rules)).collect();
        for (name, group) in &mut self.target_groups {
            let attachment =
                if used.contains(name) { Attachment::Used } else { Attachment::Unused };
            group.step(now, attachment, of(group.side).healthy);
        }
        let flow = self.flow(of);
        self.note_losses(now, &flow.losses);
        self.pass(now, &flow);
        flow
    }

    /// Replacements move on, and what they have replaced serves.
    fn replace(&mut self, now: Timestamp) {
        if self.installations.is_empty() {
            return;
        }
        let sound = match self.behaviour(Side::Candidate, now).healthy {
            Healthy::Never => Soundness::NeverHealthy,
            Healthy::After(_) => Soundness::Healthy,
        };
        for installation in self.installations.values_mut() {
            installation.step(sound);
            if let Some(rule) = self.rules.get_mut(&installation.resource) {
                rule.set(now, Duration::ZERO, installation.split(), Author::Run);
            }
        }
        self.note_traffic(now);
    }

    /// What a side's software does right now.
    pub(super) fn behaviour(&self, side: Side, now: Timestamp) -> Behaviour {
        let script = self.scenario.sides.of(side);
        let mut behaviour = Behaviour {
            error_rate: script.error_rate,
            latency: script.latency,
            healthy: script.healthy,
        };
        let has_come = |at| self.moment(at).is_some_and(|at| at <= now);
        for change in script.later.iter().filter(|change| has_come(change.at)) {
            behaviour.error_rate = change.error_rate.unwrap_or(behaviour.error_rate);
            behaviour.latency = change.latency.unwrap_or(behaviour.latency);
            behaviour.healthy = change.healthy.unwrap_or(behaviour.healthy);
        }
        behaviour
    }

    /// What one step's requests come to that are sent through every rule.
    fn flow(&self, behaviour: impl Fn(Side) -> Behaviour) -> Flow {
        let mut flow = Flow::default();
        let requests = Requests::arriving(self.scenario.traffic.per_minute, STEP);
        for (resource, rule) in &self.rules {
            let shares = share_out(requests, &rule.effective);
            if shares.is_empty() {
                flow.minute.lost += requests;
                flow.losses.insert((resource.clone(), None));
            }
            for (member, part) in shares {
                let Some(group) = self.target_groups.get(member) else { continue };
                let behaviour = behaviour(group.side);
                match group.serve(part, behaviour) {
                    Fate::Served(served) => {
                        *flow.minute.side(group.side) += served;
                        flow.served.push((member.clone(), served, behaviour.latency));
                        *flow.figures.entry(member.clone()).or_default() +=
                            Figures::of(served, behaviour.latency);
                    }
                    Fate::Lost => {
                        flow.minute.lost += part;
                        flow.losses.insert((resource.clone(), Some(member.clone())));
                    }
                }
            }
        }
        flow
    }

    /// Lets the requests of the second that ends at `now` be served, and alarms see them.
    fn pass(&mut self, now: Timestamp, flow: &Flow) {
        *self.ledger.minute(now) += flow.minute;
        for (member, served, latency) in &flow.served {
            self.meter.note(now, member, *served, *latency);
        }
        self.watch(now, &flow.figures);
    }

    fn note_losses(&mut self, now: Timestamp, losing: &BTreeSet<(String, Option<Member>)>) {
        for (resource, group) in losing.difference(&self.losing) {
            let rule = self.rules.get(resource);
            let split_by_hand = rule.is_some_and(|rule| rule.effective_by == Author::Hand);
            // A group that somebody deleted is behind nothing any more.
            let is_dissolved = |member: &Member| {
                let mut fleets = self.fleets.values();
                let mut routes = self.routes.values();
                let side = routes.find(|(_, sides)| sides.candidate == *member);
                side.is_some()
                    && fleets.any(|sides| {
                        !self.groups.contains_key(&sides.candidate)
                            && self.resized_by_hand.contains(&sides.candidate)
                    })
            };
            let behind = |member| {
                self.groups.values().filter(move |group| group.target_groups.contains(member))
            };
            let sized_by_hand = group.as_ref().is_some_and(|member| {
                is_dissolved(member)
                    || behind(member).any(|group| self.resized_by_hand.contains(&group.name))
            });
            if !split_by_hand && !sized_by_hand {
                self.violations.push(Violation::RequestsLost {
                    at: now,
                    resource: resource.clone(),
                    group: group.clone(),
                });
            }
        }
        self.losing.clone_from(losing);
    }

    /// Lets alarms see what the step came to. A composite sees the values of the step before.
    fn watch(&mut self, now: Timestamp, figures: &BTreeMap<Member, Figures>) {
        let composites = self.scenario.alarms.values().any(AlarmScript::is_composite);
        let values: BTreeMap<String, AlarmValue> = if composites {
            self.alarms.iter().map(|(name, alarm)| (name.clone(), alarm.value())).collect()
        } else {
            BTreeMap::new()
        };
        let (start, first_traffic) = (self.start, self.first_traffic);
        for alarm in self.alarms.values_mut() {
            alarm.step(now, figures, &values, |moment| when(start, first_traffic, moment));
        }
    }

    fn drift(&mut self, now: Timestamp) {
        if self.drift.is_empty() {
            return;
        }
        let (due, later) = std::mem::take(&mut self.drift)
            .into_iter()
            .partition(|drift| self.moment(drift.at).is_some_and(|at| at <= now));
        self.drift = later;
        for drift in due {
            self.change_by_hand(now, &drift);
        }
    }

    /// Does what somebody else does; a change that AWS would reject has no effect.
    pub(super) fn change_by_hand(&mut self, now: Timestamp, drift: &DriftScript) {
        if let Some(weights) = drift.weights {
            let named = |route: &RouteName| drift.route.as_ref().is_none_or(|name| name == route);
            for (_, (resources, sides)) in self.routes.iter().filter(|(route, _)| named(route)) {
                for resource in resources {
                    let Some(rule) = self.rules.get_mut(resource) else { continue };
                    let split = || {
                        rule.forward.split.with(
                            (&sides.stable, weights.stable),
                            (&sides.candidate, weights.candidate),
                        )
                    };
                    let to = match rule.scale() {
                        // A target of a rule names one of them, and one of them reads.
                        Scale::Whole if weights.candidate > weights.stable => {
                            all_to(sides.candidate.as_str())
                        }
                        Scale::Whole => all_to(sides.stable.as_str()),
                        // The plan's concurrency binds nobody else.
                        Scale::Concurrency(_) => split(),
                        scale if weights.stable.max(weights.candidate) > scale.largest() => {
                            continue;
                        }
                        Scale::LoadBalancer | Scale::Dns | Scale::Hundredths => split(),
                    };
                    rule.set(now, self.scenario.propagation, to, Author::Hand);
                }
            }
            self.note_traffic(now);
        }
        if let Some(what) = drift.delete {
            self.delete(now, what);
        }
        if let Some(version) = &drift.software {
            for installation in self.installations.values_mut() {
                installation.replace_by_hand(version);
            }
        }
        if let Some(number) = drift.template {
            for group in self.groups.values_mut().filter(|group| group.side == Side::Candidate) {
                group.version = version_of(number);
            }
        }
        if let Some(change) = drift.capacity {
            let named = |fleet: &FleetName| drift.fleet.as_ref().is_none_or(|name| name == fleet);
            for (_, sides) in self.fleets.iter().filter(|(fleet, _)| named(fleet)) {
                let Some(group) = self.groups.get_mut(sides.member(change.side)) else { continue };
                if let Ok(capacity) = changed(group.capacity, change) {
                    group.capacity = capacity;
                    self.resized_by_hand.insert(group.name.clone());
                }
            }
        }
    }

    fn delete(&mut self, now: Timestamp, what: Deleted) {
        match what {
            Deleted::Routes => {
                for (resources, _) in self.routes.values() {
                    self.rules.retain(|resource, _| !resources.contains(resource));
                }
            }
            Deleted::CandidateFleets => {
                for sides in self.fleets.values() {
                    if let Some(mut group) = self.groups.remove(sides.member(Side::Candidate)) {
                        self.resized_by_hand.insert(group.name.clone());
                        group.dissolve(now, &mut self.target_groups);
                    }
                }
            }
        }
    }

    /// Notes the moment at which a candidate is first given a weight.
    pub(super) fn note_traffic(&mut self, now: Timestamp) {
        let has_weight = |(resources, sides): &(Vec<String>, Standing)| {
            let mut rules = resources.iter().filter_map(|resource| self.rules.get(resource));
            rules.any(|rule| rule.forward.split.weight(&sides.candidate).get() > 0)
        };
        if self.first_traffic.is_none() && self.routes.values().any(has_weight) {
            self.first_traffic = Some(now);
        }
    }
}

fn when(start: Timestamp, first_traffic: Option<Timestamp>, moment: Moment) -> Option<Timestamp> {
    match moment {
        Moment::Start(after) => Some(start.plus(after)),
        Moment::Traffic(after) => Some(first_traffic?.plus(after)),
        Moment::Asked(_) => None,
    }
}
