//! The scenario language: what kind of cloud a simulated run meets. A scenario speaks of the two sides by their roles
//! and of moments relative to the run, so that one scenario can be played against any plan.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde::Deserialize;

use super::{
    alarm_script::AlarmScript,
    concurrency_script::ConcurrencyScript,
    hindrance::Hindrance,
    invocation_script::InvocationScript,
    phrases::{Moment, Names, Rate, duration, optional_duration},
    queue_script::QueueScripts,
    scripts::{
        CapacityChange, ClockScript, CommandScript, DriftScript, FaultScript, FunctionScript,
        MarkScript, OperatorScript, OtherRuleScript, ProbeScript, ReplacementScript,
    },
    side_script::{ScheduledScript, SideScript, SideScripts},
    stream_script::StreamScripts,
};
use crate::{
    plan::{GateKind, Plan, Side},
    rollout::Jump,
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
    /// What the candidate of a function's alias answers to the events of invoke gates.
    pub invocations: InvocationScript,
    /// How many executions of functions there may be.
    pub concurrency: ConcurrencyScript,
    /// By the names of the queues that gates watch; the entry `all` is for every one that has none of its own.
    pub queues: QueueScripts,
    /// By the names of the functions or streams whose lag gates watch, likewise.
    pub streams: StreamScripts,
    /// By alarm name; the entry `all` is for every alarm that has none of its own.
    pub alarms: BTreeMap<String, AlarmScript>,
    /// Alarms that do not exist, though the plan names them.
    pub missing_alarms: Names,
    /// Versions of launch templates that do not exist, though a plan or a group names them.
    pub missing_versions: Vec<u32>,
    /// What AWS would refuse later, and preflight finds.
    pub in_the_way: BTreeSet<Hindrance>,
    /// Deployment configurations that CodeDeploy does not know.
    pub missing_configs: BTreeSet<String>,
    pub faults: Vec<FaultScript>,
    pub operators: Vec<OperatorScript>,
    pub drift: Vec<DriftScript>,
    /// How the clock of the run's machine is set; AWS's stays right.
    pub clock: Vec<ClockScript>,
    /// What leads to a side beside the places of the plan's routes.
    pub other_rules: Vec<OtherRuleScript>,
    /// The id of a deployment of CodeDeploy that moves every alias, if one does.
    pub alias_deployment: Option<String>,
    /// Why every replay fails halfway, if they do.
    pub failing_replay: Option<String>,
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
            invocations: InvocationScript::default(),
            concurrency: ConcurrencyScript::default(),
            queues: QueueScripts::default(),
            streams: StreamScripts::default(),
            alarms: BTreeMap::new(),
            missing_alarms: Names::default(),
            missing_versions: Vec::new(),
            in_the_way: BTreeSet::new(),
            missing_configs: BTreeSet::new(),
            faults: Vec::new(),
            operators: Vec::new(),
            drift: Vec::new(),
            clock: Vec::new(),
            other_rules: Vec::new(),
            alias_deployment: None,
            failing_replay: None,
            no_test_route: None,
            marks: Vec::new(),
        }
    }
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
        problems.extend(self.unwatched(plan));
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

    /// What it says of queues and streams that no gate watches.
    fn unwatched(&self, plan: &Plan) -> Vec<String> {
        let mut watched: BTreeSet<(&str, &str)> = BTreeSet::new();
        for gate in plan.gates.values() {
            match &gate.kind {
                GateKind::Queue(gate) => {
                    watched.insert(("queue", gate.queue.name()));
                }
                GateKind::Stream(gate) => {
                    watched.insert(("stream", gate.reader.name()));
                }
                GateKind::Alarms(_)
                | GateKind::Healthy { .. }
                | GateKind::Http(_)
                | GateKind::Metric(_)
                | GateKind::Compare(_)
                | GateKind::ErrorBudget(_)
                | GateKind::Command(_)
                | GateKind::Lambda(_)
                | GateKind::Invoke(_)
                | GateKind::Window(_) => {}
            }
        }
        let queues = self.queues.0.keys().map(|name| ("queue", name.as_str()));
        let scripted = queues.chain(self.streams.0.keys().map(|name| ("stream", name.as_str())));
        let unknown = scripted.filter(|told| told.1 != "all" && !watched.contains(told));
        unknown.map(|(what, name)| format!("{what} `{name}` is in no gate of the plan")).collect()
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
        let function = self.function.from.into_iter().chain(self.invocations.from);
        let outside = self.changes_from_outside().into_iter().map(|change| change.at);
        let others = self.other_rules.iter().flat_map(|other| [Some(other.at), other.until]);
        let events = self.queues.moments().chain(self.streams.moments());
        let world = later.chain(states).chain(faults).chain(function).chain(outside);
        world.chain(others.flatten()).chain(events)
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
