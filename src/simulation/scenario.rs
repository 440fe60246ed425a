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
    phrases::{Healthy, Moment, Names, Rate, duration, optional_duration},
};
use crate::{
    cloud::{Automation, Scheduled},
    plan::{
        FleetName, Plan, RouteName, Side,
        units::{Percent, Weight},
    },
    rollout::Outcome,
    testkit::{Fault, Operation},
};

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
    pub faults: Vec<FaultScript>,
    pub operators: Vec<OperatorScript>,
    pub drift: Vec<DriftScript>,
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
            faults: Vec::new(),
            operators: Vec::new(),
            drift: Vec::new(),
        }
    }
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
            if drift.weights.is_none() && drift.capacity.is_none() && drift.software.is_none() {
                problems.push("a drift needs `weights`, `capacity` or `software`".into());
            }
        }
        let known: BTreeSet<&str> = alarm_names(plan).chain(self.composed_of()).collect();
        let scripted = self.alarms.keys().map(String::as_str).filter(|name| *name != "all");
        for name in scripted.chain(self.missing_alarms.iter()).filter(|n| !known.contains(n)) {
            problems.push(format!("alarm `{name}` is in no gate of the plan"));
        }
        if self.world_moments().any(|moment| matches!(moment, Moment::Asked(_))) {
            problems.push("only `operators` can be timed by `asked`".into());
        }
        problems
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
        later.chain(states).chain(faults).chain(function).chain(outside)
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
