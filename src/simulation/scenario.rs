//! The scenario language: what kind of cloud a simulated run meets. A scenario speaks of the two sides by their roles
//! and of moments relative to the run, so that one scenario can be played against any plan.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde::Deserialize;

use super::{
    alarm_script::AlarmScript,
    installation::ReplacementScript,
    phrases::{Healthy, Moment, Names, Rate, SetBy, duration, optional_duration},
};
use crate::{
    cloud::{Automation, Offers, Operation, Scheduled},
    plan::{
        FleetName, Member, Plan, RouteName, Side,
        units::{Percent, Weight},
    },
    rollout::{Jump, Outcome},
    testkit::{Fault, operation_named},
};

/// What a group may have at most: each instance is played.
pub(super) const MOST_INSTANCES: u32 = 10_000;

/// A simulated cloud's character. The default is a healthy one.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Scenario {
    /// Decides everything that would otherwise be chance.
    pub seed: u64,
    /// What users send to each route.
    pub traffic: Rate,
    pub sides: SideScripts,
    /// From the decision to launch an instance until it is in service; each takes up to a quarter longer.
    #[serde(deserialize_with = "duration")]
    pub launch_time: Duration,
    /// How long a deregistered target stays `draining`.
    #[serde(deserialize_with = "duration")]
    pub deregistration_delay: Duration,
    /// From the answer to a change of weights until traffic follows.
    #[serde(deserialize_with = "duration")]
    pub propagation: Duration,
    /// From the end of a period until alarms see its figures.
    #[serde(deserialize_with = "duration")]
    pub metric_delay: Duration,
    /// Group-level stickiness of every forward action, as it is reported.
    #[serde(deserialize_with = "optional_duration")]
    pub stickiness: Option<Duration>,
    /// What a probed URL answers.
    pub probe: ProbeScript,
    /// How instance refreshes and deployments go.
    pub replacement: ReplacementScript,
    /// How a command of a gate ends.
    pub command: CommandScript,
    /// What the functions of lambda gates answer.
    pub function: FunctionScript,
    /// By alarm name; the entry `all` is for every alarm that has none of its own.
    pub alarms: BTreeMap<String, AlarmScript>,
    /// Alarms that do not exist, though the plan names them.
    pub missing_alarms: Names,
    /// Versions of launch templates that do not exist, though a plan or a group names them.
    pub missing_versions: Vec<u32>,
    /// Deployment configurations that CodeDeploy does not know.
    pub missing_configs: BTreeSet<String>,
    pub faults: Vec<FaultScript>,
    pub operators: Vec<OperatorScript>,
    pub drift: Vec<DriftScript>,
    /// How the clock of the run's machine is set; AWS's stays right.
    pub clock: Vec<ClockScript>,
    /// What leads to a side beside the places of the plan's routes.
    pub other_rules: Vec<OtherRuleScript>,
    /// Why a test route cannot be made, if it cannot.
    pub no_test_route: Option<String>,
    /// Runs of other folders that have marked all that the plan names.
    pub marks: Vec<MarkScript>,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            seed: 1,
            traffic: Rate { per_minute: 3_000 },
            sides: SideScripts::default(),
            launch_time: Duration::from_secs(40),
            deregistration_delay: Duration::from_secs(30),
            propagation: Duration::from_secs(5),
            metric_delay: Duration::from_secs(15),
            stickiness: None,
            probe: ProbeScript::default(),
            replacement: ReplacementScript::default(),
            command: CommandScript::default(),
            function: FunctionScript::default(),
            alarms: BTreeMap::new(),
            missing_alarms: Names::default(),
            missing_versions: Vec::new(),
            missing_configs: BTreeSet::new(),
            faults: Vec::new(),
            operators: Vec::new(),
            drift: Vec::new(),
            clock: Vec::new(),
            other_rules: Vec::new(),
            no_test_route: None,
            marks: Vec::new(),
        }
    }
}

/// The machine's clock is set, forward or back.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ClockScript {
    /// After the run's begin.
    #[serde(deserialize_with = "duration")]
    pub at: Duration,
    /// Such as `-1h` or `90s`.
    pub by: SetBy,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct SideScripts {
    pub stable: SideScript,
    pub candidate: SideScript,
}

impl SideScripts {
    pub fn of(&self, side: Side) -> &SideScript {
        match side {
            Side::Stable => &self.stable,
            Side::Candidate => &self.candidate,
        }
    }
}

/// How the software on one side behaves. It keeps its role when all traffic has moved to it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct SideScript {
    /// Share of the requests it answers with a server error.
    pub error_rate: Percent,
    /// Of every request.
    #[serde(deserialize_with = "duration")]
    pub latency: Duration,
    pub healthy: Healthy,
    /// `false`: its target group is in no rule when the run begins.
    pub attached: bool,
    /// How many instances its group has when the run begins.
    pub instances: Option<u32>,
    /// How many of those run the version before the one its group launches.
    pub leftovers: u32,
    /// Those of its group's zones, `a` and `b`, that do not offer its instance type.
    pub without_offer: BTreeSet<String>,
    /// `false`: the health checks of its target group are switched off.
    pub checked: bool,
    /// Suspended processes of its group, such as `Launch` and `Terminate`.
    pub suspended: Vec<String>,
    /// Names of its group's scaling policies, which are told and do nothing.
    pub policies: Vec<String>,
    /// Its group's scheduled actions.
    pub schedule: Vec<ScheduledScript>,
    /// What becomes different later; the last one whose moment has come counts.
    pub later: Vec<SideChange>,
}

impl Default for SideScript {
    fn default() -> Self {
        Self {
            error_rate: Percent::from_basis_points(10).unwrap_or(Percent::ZERO),
            latency: Duration::from_millis(80),
            healthy: Healthy::After(Duration::from_secs(20)),
            attached: true,
            instances: None,
            leftovers: 0,
            without_offer: BTreeSet::new(),
            checked: true,
            suspended: Vec::new(),
            policies: Vec::new(),
            schedule: Vec::new(),
            later: Vec::new(),
        }
    }
}

impl SideScript {
    /// What its group would say changes its size.
    pub(super) fn automation(&self) -> Automation {
        let scheduled = |action: &ScheduledScript| Scheduled {
            name: action.name.clone(),
            when: action.at.to_string(),
            min: action.min,
            max: action.max,
            desired: action.desired,
        };
        Automation {
            policies: self.policies.clone(),
            schedule: self.schedule.iter().map(scheduled).collect(),
        }
    }

    /// What the zones of its group offer.
    pub(super) fn offers(&self) -> Offers {
        let zones = BTreeSet::from(["a", "b"].map(str::to_owned));
        let offering = zones.difference(&self.without_offer).cloned().collect();
        Offers { of: BTreeMap::from([("m7g.large".to_owned(), offering)]), zones }
    }
}

/// A scheduled action of a side's group. What it does not name stays.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ScheduledScript {
    pub name: String,
    pub at: Moment,
    pub min: Option<u32>,
    pub max: Option<u32>,
    pub desired: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SideChange {
    pub at: Moment,
    pub error_rate: Option<Percent>,
    #[serde(default, deserialize_with = "optional_duration")]
    pub latency: Option<Duration>,
    pub healthy: Option<Healthy>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct ProbeScript {
    pub status: u16,
}

impl Default for ProbeScript {
    fn default() -> Self {
        Self { status: 200 }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct CommandScript {
    pub exit: i32,
    #[serde(deserialize_with = "duration")]
    pub takes: Duration,
}

/// How every function of a plan answers: with an outcome, or after its error.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct FunctionScript {
    pub outcome: Outcome,
    pub because: Option<String>,
    /// In place of the outcome: it fails with these words.
    pub error: Option<String>,
    #[serde(deserialize_with = "duration")]
    pub takes: Duration,
    /// Left out: from the beginning. Before, it passes.
    pub from: Option<Moment>,
}

impl Default for FunctionScript {
    fn default() -> Self {
        Self {
            outcome: Outcome::Pass,
            because: None,
            error: None,
            takes: Duration::ZERO,
            from: None,
        }
    }
}

/// Calls that go wrong.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FaultScript {
    /// Left out: any operation.
    #[serde(default, deserialize_with = "operation_named")]
    pub operation: Option<Operation>,
    pub kind: Fault,
    /// The first call that fails, counted from 1 within `from` and `to`.
    #[serde(default = "one")]
    pub nth: u64,
    /// How many calls fail from there on; left out: all of them.
    pub count: Option<u64>,
    pub from: Option<Moment>,
    pub to: Option<Moment>,
}

fn one() -> u64 {
    1
}

/// The mark of another run.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct MarkScript {
    pub run: String,
    pub owner: String,
    pub journal: String,
    /// How long before the beginning its owner was last seen; it never is again.
    #[serde(deserialize_with = "duration")]
    pub seen: Duration,
}

/// A person who gives the run a command.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct OperatorScript {
    pub at: Moment,
    #[serde(rename = "do")]
    pub command: OperatorCommand,
    #[serde(default = "somebody")]
    pub by: String,
    pub reason: Option<String>,
}

fn somebody() -> String {
    "somebody@example.com".into()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OperatorCommand {
    Approve,
    Deny,
    Pause,
    Resume,
    Abort,
}

/// What somebody else changes by hand while the run is under way.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DriftScript {
    pub at: Moment,
    /// Left out: every route.
    pub route: Option<RouteName>,
    pub weights: Option<SideWeights>,
    /// Left out: every fleet.
    pub fleet: Option<FleetName>,
    pub capacity: Option<CapacityChange>,
    /// A version that somebody begins to put in the place of every fleet's software.
    pub software: Option<String>,
    /// What somebody deletes.
    pub delete: Option<Deleted>,
    /// The version of their launch template that the candidate's groups launch from now on.
    pub template: Option<u32>,
}

/// Things that somebody deletes while a run needs them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Deleted {
    /// The rules, listeners or records of every route.
    Routes,
    /// The candidate's group of every fleet, with its instances.
    CandidateFleets,
}

/// A rule of somebody else's on the same load balancer or, behind DNS, a record of another name: users come by it as they
/// do by the route.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct OtherRuleScript {
    pub at: Moment,
    /// Left out: it stays.
    pub until: Option<Moment>,
    /// Left out: one for every route.
    pub route: Option<RouteName>,
    pub side: Side,
    #[serde(default = "some_weight")]
    pub weight: Weight,
    /// A target group of its own that the side's fleet registers its instances with too; left out: the side's.
    pub through: Option<Member>,
}

fn some_weight() -> Weight {
    Weight::new(100).unwrap_or(Weight::MAX)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SideWeights {
    pub stable: Weight,
    pub candidate: Weight,
}

/// Only what is given changes, as in `UpdateAutoScalingGroup`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CapacityChange {
    pub side: Side,
    pub min: Option<u32>,
    pub max: Option<u32>,
    pub desired: Option<u32>,
}

impl Scenario {
    /// How the machine's clock is set, and after how long.
    pub fn jumps(&self) -> Vec<(Duration, Jump)> {
        self.clock.iter().map(|script| (script.at, script.by.0)).collect()
    }

    /// All that the run does not do itself: what people change by hand, and scheduled actions.
    pub(super) fn changes_from_outside(&self) -> Vec<DriftScript> {
        let scheduled = [Side::Stable, Side::Candidate].into_iter().flat_map(|side| {
            self.sides.of(side).schedule.iter().map(move |action| {
                let ScheduledScript { at, min, max, desired, .. } = *action;
                let capacity = Some(CapacityChange { side, min, max, desired });
                DriftScript {
                    at,
                    route: None,
                    weights: None,
                    fleet: None,
                    capacity,
                    software: None,
                    delete: None,
                    template: None,
                }
            })
        });
        self.drift.iter().cloned().chain(scheduled).collect()
    }

    /// What in this scenario cannot happen to this plan, one sentence each.
    pub fn problems(&self, plan: &Plan) -> Vec<String> {
        let mut problems = Vec::new();
        for drift in &self.drift {
            if let Some(route) = drift.route.as_ref().filter(|r| !plan.routes.contains_key(*r)) {
                problems.push(format!("drift names route `{route}`, which the plan does not have"));
            }
            if let Some(fleet) = drift.fleet.as_ref().filter(|f| !plan.fleets.contains_key(*f)) {
                problems.push(format!("drift names fleet `{fleet}`, which the plan does not have"));
            }
            let has_change = drift.weights.is_some()
                || drift.capacity.is_some()
                || drift.software.is_some()
                || drift.template.is_some()
                || drift.delete.is_some();
            if !has_change {
                problems.push(
                    "a drift needs `weights`, `capacity`, `software`, `template` or `delete`"
                        .into(),
                );
            }
        }
        for other in &self.other_rules {
            if let Some(route) = other.route.as_ref().filter(|r| !plan.routes.contains_key(*r)) {
                problems.push(format!(
                    "other-rules name route `{route}`, which the plan does not have"
                ));
            }
        }
        let known: BTreeSet<&str> = alarm_names(plan).chain(self.composed_of()).collect();
        let scripted = self.alarms.keys().map(String::as_str).filter(|name| *name != "all");
        for name in scripted.chain(self.missing_alarms.iter()).filter(|n| !known.contains(n)) {
            problems.push(format!("alarm `{name}` is in no gate of the plan"));
        }
        let most = self.largest_group();
        if most > MOST_INSTANCES {
            problems.push(format!(
                "a simulated group has at most {MOST_INSTANCES} instances, this one is to have {most}"
            ));
        }
        if self.world_moments().any(|moment| matches!(moment, Moment::Asked(_))) {
            problems.push("only `operators` can be timed by `asked`".into());
        }
        problems
    }

    /// The most instances that anything here asks for.
    fn largest_group(&self) -> u32 {
        let of_side = |side: &SideScript| {
            let scheduled = side.schedule.iter().flat_map(|s| [s.min, s.max, s.desired]).flatten();
            scheduled.chain(side.instances).chain([side.leftovers]).max()
        };
        let drifts = self.drift.iter().filter_map(|drift| drift.capacity.as_ref());
        let drifts = drifts.flat_map(|c| [c.min, c.max, c.desired]).flatten();
        let sides = [&self.sides.stable, &self.sides.candidate].into_iter().filter_map(of_side);
        drifts.chain(sides).max().unwrap_or_default()
    }

    /// The alarms that composite ones are made of.
    fn composed_of(&self) -> impl Iterator<Item = &str> {
        let scripts = self.alarms.values();
        scripts.flat_map(|alarm| alarm.any_of.iter().chain(&alarm.all_of)).map(String::as_str)
    }

    /// The moments that the world itself has to know.
    fn world_moments(&self) -> impl Iterator<Item = Moment> {
        let sides = [&self.sides.stable, &self.sides.candidate];
        let later = sides.into_iter().flat_map(|side| &side.later).map(|change| change.at);
        let states = self.alarms.values().flat_map(|alarm| &alarm.states).map(|state| state.at);
        let faults = self.faults.iter().flat_map(|fault| [fault.from, fault.to]).flatten();
        let function = self.function.from;
        let outside = self.changes_from_outside().into_iter().map(|change| change.at);
        let others = self.other_rules.iter().flat_map(|other| [Some(other.at), other.until]);
        later.chain(states).chain(faults).chain(function).chain(outside).chain(others.flatten())
    }
}

fn alarm_names(plan: &Plan) -> impl Iterator<Item = &str> {
    let gates = plan.gates.values().filter_map(|gate| gate.kind.alarms());
    gates.flat_map(|alarms| &alarms.names).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Scenario, String> {
        serde_saphyr::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_left_out_is_healthy() {
        let scenario = read("sides: { candidate: { error-rate: 5% } }").unwrap();
        assert_eq!(scenario.sides.candidate.error_rate.basis_points(), 500);
        assert_eq!(scenario.sides.candidate.latency, Duration::from_millis(80));
        assert_eq!(scenario.sides.stable, SideScript::default());
        assert_eq!(scenario.traffic, Scenario::default().traffic);
    }

    #[test]
    fn a_mistake_is_told_with_its_place() {
        let unknown = read("traffic: 50/s\nsides: { canary: {} }").unwrap_err();
        assert!(unknown.contains("canary") && unknown.contains('2'), "{unknown}");
        let bare = read("launch-time: 40").unwrap_err();
        assert!(bare.contains("needs a unit"), "{bare}");
        let heavy =
            read("drift: [{ at: 1m, weights: { stable: 1000, candidate: 0 } }]").unwrap_err();
        assert!(heavy.contains("999"), "{heavy}");
    }

    #[test]
    fn every_shipped_scenario_can_be_read() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/plans/scenarios");
        let mut read_in = 0;
        for file in std::fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            #[expect(clippy::disallowed_methods, reason = "a test reads what is shipped")]
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(text.starts_with('#'), "{path:?} opens with what it shows");
            assert!(text.contains("exit code"), "{path:?} says how a run ends");
            if let Err(error) = read(&text) {
                panic!("{path:?}: {error}");
            }
            read_in += 1;
        }
        assert!(read_in >= 7, "only {read_in} scenarios");
    }
}
