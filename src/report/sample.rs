//! Journals to render in tests, written by hand so that what a person reads can be judged line by line.

use std::time::Duration;

use crate::{
    journal::{Envelope, RunId, Seq},
    plan::{
        Approvers, Component, ComponentName, FleetName, GateName, Member, OnFailure, Plan,
        RouteName, Side, Step, StepId, Verb, units::Weight,
    },
    rollout::{
        Actor, Bindings, CallProblem, Capacity, Cause, Check, Ending, Event, Found, Outcome,
        Picture, ProblemKind, Purpose, Reading, Split, Target, Timestamp, Written,
    },
    testkit::{groups_bound, rule_bound, sample_plan},
};

/// 2026-01-31T15:45:02Z.
pub(super) const START: Timestamp = Timestamp::from_millis(1_769_874_302_000);

pub(super) fn later(seconds: u64) -> Timestamp {
    START.plus(Duration::from_secs(seconds))
}

/// The sample plan with an approval between the two shifts.
pub(super) fn plan_with_approval() -> Plan {
    let mut plan = sample_plan();
    let main = ComponentName::new("main");
    if let Some(component) = plan.components.edit().first_mut() {
        let message = "all of production next".to_owned();
        let expires = Some(Duration::from_hours(2));
        let approvers = Approvers::default();
        let verb = Verb::Approve { message, expires, on_expiry: OnFailure::RollBack, approvers };
        let id = StepId::of(&main, 4, "approve");
        component.steps.insert(3, Step { id, verb, timeout: None });
    }
    plan
}

/// The sample plan with a second component.
pub(super) fn plan_of_two() -> Plan {
    let mut plan = sample_plan();
    let name = ComponentName::new("api");
    let verb = Verb::Pause { duration: None };
    let step = Step { id: StepId::of(&name, 1, "pause"), verb, timeout: None };
    plan.components.edit().push(Component { name, needs: Vec::new(), steps: vec![step] });
    plan
}

pub(super) fn step(ordinal: usize, verb: &str) -> StepId {
    StepId::of(&ComponentName::new("main"), ordinal, verb)
}

pub(super) fn ann() -> Actor {
    Actor("ann".into())
}

pub(super) fn web() -> Target {
    Target::Route(RouteName::new("web"))
}

pub(super) fn app(side: Side) -> Target {
    Target::Fleet { fleet: FleetName::new("app"), side }
}

pub(super) fn split(blue: u16, green: u16) -> Picture {
    let weight = |weight| Weight::new(weight).unwrap();
    Picture::Split(Split(
        [(Member::new("blue"), weight(blue)), (Member::new("green"), weight(green))].into(),
    ))
}

pub(super) fn capacity(desired: u32) -> Picture {
    Picture::Capacity(Capacity { min: desired.min(2), max: 6, desired })
}

pub(super) fn gate_failed() -> Cause {
    let because = "checkout-5xx is in ALARM since 15:47:40Z".into();
    Cause::GateFailed { gate: GateName::new("errors"), because }
}

const RULE: &str = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener-rule/app/shop/50dc6c49/f2f7dc8e/9683b2d0";
const GROUPS: &str = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup";

/// A journal in the making.
#[derive(Default)]
pub(super) struct Story(Vec<Envelope>);

impl Story {
    pub(super) fn at(mut self, seconds: u64, event: Event) -> Self {
        let run: RunId = "sample-20260131-154502-09f3".parse().unwrap();
        let seq = Seq::new(self.0.len() as u64 + 1).unwrap();
        self.0.push(Envelope::new(run, seq, later(seconds), event));
        self
    }

    pub(super) fn told(self) -> Vec<Envelope> {
        self.0
    }

    pub(super) fn started() -> Self {
        let arn = |name: &str| format!("{GROUPS}/{name}/0123456789abcdef");
        let written = Written {
            json: r#"[{"Type":"forward","Order":1,"ForwardConfig":{"TargetGroups":[]}}]"#.into(),
            rule: Some(format!(
                r#"{{"ListenerArn":"{}","Priority":10,"Conditions":[{{"Field":"path-pattern","PathPatternConfig":{{"Values":["/api/*"]}}}}]}}"#,
                "arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener/app/shop/50dc6c49/f2f7dc8e"
            )),
            arns: ["blue", "green"].map(|name| (Member::new(name), arn(name))).into(),
        };
        let bindings = Bindings {
            routes: [(RouteName::new("web"), rule_bound(RULE, "blue", "green"))].into(),
            written: [(RULE.to_owned(), written)].into(),
            fleets: [(FleetName::new("app"), groups_bound("app-blue", "app-green"))].into(),
            tests: [].into(),
            ..Bindings::default()
        };
        let found = |target, picture| Found { target, picture };
        let found = vec![
            found(web(), split(999, 0)),
            found(app(Side::Stable), capacity(3)),
            found(app(Side::Candidate), capacity(0)),
        ];
        let plan = sample_plan();
        Self::default().at(
            0,
            Event::RunStarted {
                excused: Vec::new(),
                attempts: std::collections::BTreeMap::new(),
                acting_as: None,
                plan: plan.name,
                digest: plan.digest,
                params: std::collections::BTreeMap::new(),
                by: ann(),
                bindings,
                found,
            },
        )
    }

    pub(super) fn begins(self, at: u64, step: StepId) -> Self {
        self.at(at, Event::StepStarted { step, deadline: Some(later(at + 600)) })
    }

    pub(super) fn changes(
        self,
        at: u64,
        step: StepId,
        target: Target,
        pictures: [Picture; 2],
    ) -> Self {
        let [before, after] = pictures;
        let intended = Event::ChangeIntended {
            purpose: Purpose::Step(step),
            target: target.clone(),
            before,
            after: after.clone(),
        };
        self.at(at, intended)
            .at(at, Event::CallReturned { target: target.clone() })
            .at(at + 2, Event::ChangeConfirmed { target, live: after })
    }

    pub(super) fn reads(self, at: u64, outcome: Outcome, because: &str) -> Self {
        let check = Check::Gate(GateName::new("errors"));
        let reading = Reading::new(outcome, later(at), because).with("alarms", 1);
        self.at(at, Event::Read { check, reading })
    }

    /// Up to the 5 % shift, baking.
    pub(super) fn canary() -> Self {
        let healthy = Check::Healthy {
            route: RouteName::new("web"),
            side: Side::Candidate,
            at_least: crate::plan::units::Percent::HUNDRED,
        };
        let wait = Reading::new(Outcome::Wait, later(3), "1 of 3 targets are healthy");
        let pass = Reading::new(Outcome::Pass, later(40), "3 of 3 targets are healthy");
        Self::started()
            .begins(0, step(1, "scale"))
            .changes(0, step(1, "scale"), app(Side::Candidate), [capacity(0), capacity(3)])
            .at(2, Event::StepDone { step: step(1, "scale") })
            .begins(2, step(2, "wait"))
            .at(3, Event::Read { check: healthy.clone(), reading: wait })
            .at(40, Event::Read { check: healthy, reading: pass })
            .at(40, Event::StepDone { step: step(2, "wait") })
            .begins(40, step(3, "shift"))
            .reads(41, Outcome::Pass, "checkout-5xx is OK")
            .at(41, Event::StepCleared { step: step(3, "shift") })
            .changes(41, step(3, "shift"), web(), [split(999, 0), split(950, 50)])
            .at(43, Event::BakeStarted { step: step(3, "shift"), until: later(343) })
    }

    pub(super) fn promoted() -> Vec<Envelope> {
        Self::canary()
            .reads(343, Outcome::Pass, "checkout-5xx is OK")
            .at(343, Event::StepDone { step: step(3, "shift") })
            .begins(343, step(4, "shift"))
            .changes(345, step(4, "shift"), web(), [split(950, 50), split(0, 999)])
            .at(347, Event::BakeStarted { step: step(4, "shift"), until: later(647) })
            .reads(648, Outcome::Pass, "checkout-5xx is OK")
            .at(648, Event::StepDone { step: step(4, "shift") })
            .at(648, Event::RunEnded { ending: Ending::Promoted })
            .told()
    }

    /// The gate fails in the middle of the bake.
    pub(super) fn failing() -> Self {
        Self::canary()
            .reads(160, Outcome::Fail, "checkout-5xx is in ALARM since 15:47:40Z")
            .at(160, Event::StepFailed { step: step(3, "shift"), cause: gate_failed() })
            .at(160, Event::RollbackStarted { cause: gate_failed(), scope: None })
    }

    pub(super) fn restores(self, at: u64, target: Target, [before, to]: [Picture; 2]) -> Self {
        let intended = Event::ChangeIntended {
            purpose: Purpose::Restore,
            target: target.clone(),
            before,
            after: to.clone(),
        };
        self.at(at, Event::RestoreStarted { target: target.clone(), to: to.clone() })
            .at(at, intended)
            .at(at, Event::CallReturned { target: target.clone() })
            .at(at + 2, Event::ChangeConfirmed { target: target.clone(), live: to })
            .at(at + 2, Event::Restored { target })
    }

    pub(super) fn rolled_back() -> Vec<Envelope> {
        Self::failing()
            .restores(160, web(), [split(950, 50), split(999, 0)])
            .restores(180, app(Side::Candidate), [capacity(3), capacity(0)])
            .at(182, Event::RunEnded { ending: Ending::RolledBack })
            .told()
    }

    pub(super) fn needing_attention() -> Vec<Envelope> {
        let problem = CallProblem {
            kind: ProblemKind::Final,
            message: "elasticloadbalancing:ModifyRule is denied".into(),
        };
        Self::failing()
            .at(160, Event::RestoreStarted { target: web(), to: split(999, 0) })
            .at(
                160,
                Event::ChangeIntended {
                    purpose: Purpose::Restore,
                    target: web(),
                    before: split(950, 50),
                    after: split(999, 0),
                },
            )
            .at(161, Event::CallFailed { target: web(), problem, retry_at: None })
            .at(
                163,
                Event::AttentionNeeded {
                    target: web(),
                    problem: "could not be restored to blue 999, green 0".into(),
                    hint: "set route web to blue 999, green 0 yourself".into(),
                    found: None,
                },
            )
            .at(163, Event::RunEnded { ending: Ending::NeedsAttention })
            .told()
    }

    pub(super) fn drifted() -> Vec<Envelope> {
        let cause = Cause::Drift { target: web() };
        let (expected, found) = (split(950, 50), split(500, 500));
        Self::canary()
            .at(100, Event::DriftFound { target: web(), expected, found })
            .at(100, Event::Held { cause })
            .told()
    }

    pub(super) fn awaiting() -> Self {
        let deadline = Some(later(343 + 7200));
        Self::canary()
            .at(343, Event::StepDone { step: step(3, "shift") })
            .at(343, Event::StepStarted { step: step(4, "approve"), deadline })
    }
}
