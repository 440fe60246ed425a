//! What a person may write: every mapping of the language with its keys, their types and the words an editor shows
//! for them. Which names exist and which combinations make sense is `check`'s business. Steps, gates and strategies
//! are tagged by their key (`shift: {…}`), so that every part of one has a place in the file.

use std::time::Duration;

use super::{
    delegated::Proxy,
    form::{Definitions, Form, List, Named, Short, record},
    measure::Baseline,
    measure_form::{CompareForm, ErrorBudgetForm, MetricForm, WindowForm},
    model::{
        AlreadyInAlarm, InsufficientData, Leftovers, MissingAlarm, OnFailure, OnInterrupt,
        RecordType,
    },
    names::Side,
    problem::Problem,
    replacement_form::{DeployForm, RefreshForm, RollingForm},
    route_form::RouteForm,
    scalar::{Literal, Payload, Whole, words},
    tree::Node,
    units::Percent,
};

record! {
    /// A tidegate plan: how production traffic moves from one version to the next.
    PlanForm, "a plan", choice "`steps`, `strategy` or `components`" "plan::unknown-field" {
        /// The version of the language; always 1.
        "tidegate" tidegate: Required Version,
        /// Names the plan, such as `checkout`; part of every run's id.
        "name" name: Required String,
        /// Where the plan is meant to run.
        "aws" aws: Optional AwsForm,
        /// Values given at the start of a run (`--param name=value`) and used as `${name}` inside any value; `$${`
        /// stands for `${` itself.
        "params" params: Optional ParamsForm,
        /// Places where traffic is split between two sides.
        "routes" routes: Optional Named<RouteForm>,
        /// What runs the software.
        "fleets" fleets: Optional Named<FleetForm>,
        /// Conditions that let a step pass.
        "gates" gates: Optional Named<GateForm>,
        /// What is done, one after the other.
        "steps" steps: Choice List<StepForm>,
        /// A well-known order of steps, in place of `steps`. `tidegate plan --expand` shows them.
        "strategy" strategy: Choice StrategyForm,
        /// Several services, each with its own steps; `needs` puts them in order.
        "components" components: Choice Named<ComponentForm>,
        /// When a step or gate fails: roll back (the default), or hold for a person to decide.
        "on-failure" on_failure: Optional OnFailure,
        /// On Ctrl-C or SIGTERM: hold, to be resumed (the default), or roll back.
        "on-interrupt" on_interrupt: Optional OnInterrupt,
        /// How long a roll-back goes on against throttling and failures of AWS before a person is called; 1h unless told.
        "roll-back-for" roll_back_for: Optional Duration,
    }
}

record! {
    /// The account and region the plan belongs to; a run with other credentials is refused.
    AwsForm, "`aws`" {
        /// Such as `eu-west-1`.
        "region" region: Optional String,
        /// The account number, twelve digits.
        "account" account: Optional Literal,
    }
}

record! {
    /// A parameter. One without a default has to be given at every run.
    ParamForm, "a parameter" {
        /// Whether it has to be given; one without a default has to be anyway.
        "required" required: Optional bool,
        /// A regular expression the whole value has to match.
        "pattern" pattern: Optional String,
        /// Used where no value is given.
        "default" default: Optional Literal,
        /// What the parameter is for.
        "description" description: Optional String,
    }
}

record! {
    /// What runs the software, one group per side.
    FleetForm, "a fleet", choice "kind of fleet" "plan::unknown-fleet-kind" {
        /// EC2 Auto Scaling groups.
        "autoscaling" autoscaling: Choice AutoScalingForm,
        /// A CodeDeploy deployment group.
        "codedeploy" codedeploy: Choice CodeDeployForm,
        /// The route whose sides this fleet's follow, in the same order.
        "behind" behind: Optional String,
    }
}

record! {
    /// Auto Scaling groups: `stable` and `candidate`, a `pair` in the order of the route's, or a single `group` whose
    /// instances are replaced where they stand.
    AutoScalingForm, "an autoscaling fleet" {
        /// The group that serves today.
        "stable" stable: Optional String,
        /// The group of the new version.
        "candidate" candidate: Optional String,
        /// Two groups, in the order of the pair of the route this fleet is `behind`.
        "pair" pair: Optional List<String>,
        /// One group on its own, for `refresh` and the `rolling` strategy.
        "group" group: Optional String,
        /// What becomes of instances of the candidate's group that run another version than the group launches: `refuse` (the
        /// default), or `replace`, which scales the group to 0 first.
        "leftovers" leftovers: Optional Leftovers,
    }
}

record! {
    /// A CodeDeploy deployment group, for `deploy`.
    CodeDeployForm, "a codedeploy fleet" {
        /// The application's name.
        "application" application: Required String,
        /// The deployment group's name.
        "group" group: Required String,
    }
}

record! {
    /// A condition that lets a step pass.
    GateForm, "a gate", choice "kind of gate" "plan::unknown-gate-kind" {
        /// Passes while none of these CloudWatch alarms is in alarm.
        "alarms" alarms: Choice AlarmsForm,
        /// Passes while enough targets of a side are healthy.
        "healthy" healthy: Choice HealthyForm,
        /// Passes when a URL answers as it should.
        "http" http: Choice HttpForm,
        /// Passes while a figure of a side stays within its limit.
        "metric" metric: Choice MetricForm,
        /// Passes when the candidate is shown to be no worse than the stable side.
        "compare" compare: Choice CompareForm,
        /// Passes while the errors of a side use up their budget no faster than allowed.
        "error-budget" error_budget: Choice ErrorBudgetForm,
        /// Passes when a command on this machine ends well.
        "command" command: Choice CommandForm,
        /// Passes when a Lambda function says so.
        "lambda" lambda: Choice LambdaForm,
        /// Says when the steps that name it may start.
        "window" window: Choice WindowForm,
        /// How often the gate is read: `15s` for alarms, `60s` for `metric`, `compare` and `error-budget` and `10s` for the others
        /// unless told, at least `1s`.
        "every" every: Optional Duration,
        /// Failed readings that are tolerated, such as `{ consecutive: 1, total: 3 }`; none unless told.
        "failures" failures: Optional FailuresForm,
        /// How long the gate may be unknown before `on-unknown` happens; unless told, until its step runs out of time.
        "unknown-for" unknown_for: Optional Duration,
        /// After `unknown-for`: `hold` (the default) or `roll-back`.
        "on-unknown" on_unknown: Optional OnFailure,
    }
}

record! {
    /// Failed readings that are tolerated before the gate fails its step. While the last one failed, traffic stays
    /// where it is all the same.
    FailuresForm, "`failures`" {
        /// In a row; as many as `total` unless told.
        "consecutive" consecutive: Optional Whole<0, 1_000>,
        /// In all; as many as `consecutive` unless told.
        "total" total: Optional Whole<0, 1_000>,
    }
}

record! {
    /// CloudWatch alarms, metric and composite.
    AlarmsForm, "an alarms gate" {
        /// The names of the alarms, such as `[checkout-5xx]`.
        "names" names: Required List<String>,
        /// When an alarm vanishes during the run: `fail` (the default), or `unknown`, which stops the traffic where
        /// it is.
        "missing" missing: Optional MissingAlarm,
        /// While an alarm lacks data: `wait` (the default), `pass` or `fail`.
        "insufficient-data" insufficient_data: Optional InsufficientData,
        /// When an alarm is in alarm before the run starts: `refuse` to start (the default), `ignore-until-ok`, after
        /// which it counts, or `ignore` it for the whole run, which the journal tells.
        "already-in-alarm" already: Optional AlreadyInAlarm,
        /// Where news of the alarms arrives, so that they are asked at once and not only `every` so often, such as
        /// `{ sqs: checkout-alarms }`.
        "listen" listen: Optional ListenForm,
    }
}

record! {
    /// A queue that an EventBridge rule fills with CloudWatch's alarm state changes. It only makes a gate quicker: what
    /// it says decides nothing, and without it the gate is read every so often as ever.
    ListenForm, "`listen`" {
        /// The queue's name, such as `checkout-alarms`, or its URL. One run at a time reads and empties it.
        "sqs" sqs: Required String,
    }
}

record! {
    /// The health of one side's targets, as the load balancer sees it.
    HealthyForm, "a healthy condition" {
        /// The route whose targets are counted.
        "route" route: Required String,
        /// Whose targets: `stable` or `candidate`.
        "side" side: Required Side,
        /// The share of the registered targets that has to be healthy; `100%` unless told.
        "at-least" at_least: Optional Percent,
    }
}

record! {
    /// A URL that is requested.
    HttpForm, "an http gate" {
        /// Begins with `http://` or `https://`.
        "url" url: Required String,
        /// Headers sent along, such as `{ x-canary: "1" }`; no place for a secret.
        "headers" headers: Optional Named<Literal>,
        /// The status expected; 200 unless told.
        "status" status: Optional Whole<100, 599>,
        /// How many good answers in a row it takes; 1 unless told.
        "consecutive" consecutive: Optional Whole<1, 1_000>,
        /// How long one request may take; `5s` unless told.
        "timeout" timeout: Optional Duration,
        /// `none`: straight to the URL, whatever `HTTP_PROXY` and its kin say; otherwise through the proxy they name, which a
        /// reading tells.
        "proxy" proxy: Optional Proxy,
    }
}

record! {
    /// A command that is run on the machine that drives the run, without a shell. Exit code 0 passes, any other fails; JSON
    /// on its output, `{"outcome": "wait", "because": "…"}`, may say more.
    CommandForm, "a command gate" {
        /// The program and its arguments, such as `[./check.sh, "--strict"]`.
        "run" run: Required List<String>,
        /// After which it is killed and the gate is unknown; `30s` unless told.
        "timeout" timeout: Optional Duration,
    }
}

record! {
    /// A Lambda function that is invoked and answers as JSON: `{"outcome": "pass", "because": "…"}`, or `fail`, `wait` or
    /// `unknown`. A function that fails or answers anything else has measured nothing.
    LambdaForm, "a lambda gate" {
        /// Its name or ARN.
        "function" function: Required String,
        /// An alias or version, such as `live`; `$LATEST` unless told.
        "qualifier" qualifier: Optional Literal,
        /// What is sent to it beside `tidegate`, which names plan, gate and the members of each route; no place for a
        /// secret.
        "payload" payload: Optional Payload,
        /// After which nobody waits for an answer any more and the gate is unknown; at most `15m`, `30s` unless told.
        "timeout" timeout: Optional Duration,
    }
}

record! {
    /// One thing that is done.
    StepForm, "a step", choice "verb" "plan::unknown-verb" {
        /// Changes the size of one side of a fleet.
        "scale" scale: Choice ScaleForm,
        /// Waits until something is so.
        "wait" wait: Choice WaitForm,
        /// Reads a gate until it passes: its name, or `{ gate, timeout }`.
        "probe" probe: Choice Short<String, ProbeForm>,
        /// Moves traffic between the sides of a route.
        "shift" shift: Choice ShiftForm,
        /// Sends requests with a header to the candidate, so that it can be probed through the load balancer.
        "test-route" test_route: Choice TestRouteForm,
        /// Ends a test route: the route's name, or `{ route, timeout }`.
        "remove-test-route" remove_test_route: Choice Short<String, RemoveTestRouteForm>,
        /// Replaces a group's instances by those of another launch template version.
        "refresh" refresh: Choice RefreshForm,
        /// Deploys a revision with CodeDeploy.
        "deploy" deploy: Choice DeployForm,
        /// Waits for a person to approve.
        "approve" approve: Choice ApproveForm,
        /// Rests for a time (`pause: 5m`), or with `pause: {}` until somebody resumes.
        "pause" pause: Choice Short<Duration, PauseForm>,
    }
}

record! {
    /// Changes the size of one side of a fleet.
    ScaleForm, "a scale step" {
        /// The fleet whose size changes, by name.
        "fleet" fleet: Required String,
        /// Which of its sides: `stable` or `candidate`.
        "side" side: Required Side,
        /// A number of instances; `{ same-as: stable }` for the size of the other side and `{ share: 50%, of: stable }`
        /// for a part of it; or `{ min: 2, max: 10, desired: 4 }`.
        "to" to: Required Short<Instances, SizeForm>,
        /// How long this may take; `10m` unless told.
        "timeout" timeout: Optional Duration,
    }
}

/// A number of instances.
pub(super) type Instances = Whole<0, 10_000>;

record! {
    /// A size taken from the other side, which is read when the step begins, or one with its bounds.
    SizeForm, "a size", choice "kind of size" "plan::unknown-size" {
        /// The side whose size is taken over.
        "same-as" same_as: Choice Side,
        /// A share of the size of the side in `of`, rounded up.
        "share" share: Choice Percent,
        /// The desired capacity, between `min` and `max`.
        "desired" desired: Choice Instances,
        /// With `share`: the side whose size is meant.
        "of" of: Optional Side,
        /// With `desired`: the smallest size that scaling policies may choose.
        "min" min: Optional Instances,
        /// With `desired`: the largest.
        "max" max: Optional Instances,
    }
}

record! {
    /// Waits until something is so; for a rest of fixed length write `pause: 5m`.
    WaitForm, "a wait step" {
        /// What is waited for: `{ healthy: { route, side, at-least } }`.
        "until" until: Required UntilForm,
        /// The step fails if it has not come about by then; `10m` unless told.
        "timeout" timeout: Optional Duration,
    }
}

record! {
    /// What a wait step waits for.
    UntilForm, "`until`", choice "condition" "plan::unknown-condition" {
        /// Enough targets of a side are healthy.
        "healthy" healthy: Choice HealthyForm,
    }
}

record! {
    /// Reads a gate until it passes.
    ProbeForm, "a probe step" {
        /// The gate that is read, by name.
        "gate" gate: Required String,
        /// The step fails if the gate has not passed by then; `1m` unless told.
        "timeout" timeout: Optional Duration,
    }
}

record! {
    /// Moves traffic, then holds the gates for as long as it bakes.
    ShiftForm, "a shift step" {
        /// The route whose traffic moves, by name.
        "route" route: Required String,
        /// The share of traffic the candidate gets, such as `5%`; at the finest in steps of 0.1%.
        "candidate" candidate: Required Percent,
        /// How long the gates have to hold before the next step begins; not at all unless told.
        "bake" bake: Optional Duration,
        /// The gates that have to hold, by name.
        "gates" gates: Optional List<String>,
        /// How many requests the candidate has to be sent before the bake may end, however long that takes.
        "min-requests" min_requests: Optional Whole<1, 1_000_000_000>,
        /// How long the step may take with its bake; 30 minutes more than the bake unless told.
        "timeout" timeout: Optional Duration,
    }
}

record! {
    /// Adds a rule ahead of the route's own that sends requests with a header to the candidate, whatever the weights. A
    /// later `remove-test-route` takes it away again; rolling back does so too.
    TestRouteForm, "a test-route step" {
        /// The route whose candidate is tested, by name.
        "route" route: Required String,
        /// The header that tells test traffic from users'.
        "header" header: Required HeaderForm,
        /// How long this may take; `10m` unless told.
        "timeout" timeout: Optional Duration,
    }
}

record! {
    /// Takes the rule of a `test-route` away.
    RemoveTestRouteForm, "a remove-test-route step" {
        /// The route whose test ends, by name.
        "route" route: Required String,
        /// How long this may take; `10m` unless told.
        "timeout" timeout: Optional Duration,
    }
}

record! {
    /// A header of a request.
    HeaderForm, "a header" {
        /// Such as `x-canary`.
        "name" name: Required String,
        /// Such as `"1"`; a request has to have exactly this value.
        "value" value: Required Literal,
    }
}

record! {
    /// Waits for a person to approve.
    ApproveForm, "an approve step" {
        /// What the person reads.
        "message" message: Required String,
        /// How long the question stands; for ever unless told.
        "expires" expires: Optional Duration,
        /// Who may approve: ARNs as the Security Token Service tells them, `*` and `?` as placeholders, such as
        /// `[arn:aws:sts::111122223333:assumed-role/release/*]`; anybody unless told.
        "from" from: Optional List<String>,
        /// How many different people have to approve; 1 unless told.
        "quorum" quorum: Optional Whole<1, 100>,
        /// When nobody answered in time: `hold` (the default) or `roll-back`.
        "on-expiry" on_expiry: Optional OnFailure,
    }
}

record! {
    /// Rests until somebody resumes the run.
    PauseForm, "a pause" {}
}

record! {
    /// One service with its own routes, fleets and steps.
    ComponentForm, "a component", choice "`steps` or `strategy`" "plan::unknown-field" {
        /// The components that have to be done before this one begins.
        "needs" needs: Optional List<String>,
        /// What is done, one after the other.
        "steps" steps: Choice List<StepForm>,
        /// A well-known order of steps, in place of `steps`.
        "strategy" strategy: Choice StrategyForm,
    }
}

record! {
    /// A well-known order of steps.
    StrategyForm, "a strategy", choice "kind of strategy" "plan::unknown-strategy" {
        /// Traffic moves in several steps, each held by its gates.
        "canary" canary: Choice CanaryForm,
        /// All traffic moves at once, after the candidate was tried.
        "blue-green" blue_green: Choice BlueGreenForm,
        /// One group's instances are replaced batch by batch.
        "rolling" rolling: Choice RollingForm,
    }
}

record! {
    /// Scales the candidate to the size of the stable side and waits for its health, shifts the route by each of
    /// `steps` and then to 100%, every time holding the gates for `bake`, and scales the stable side to 0.
    CanaryForm, "a canary" {
        /// The route that is shifted.
        "route" route: Required String,
        /// The fleet behind it; without one nothing is scaled.
        "fleet" fleet: Optional String,
        /// The candidate's shares on the way to 100%, such as `[5%, 25%, 50%]`.
        "steps" steps: Required List<Percent>,
        /// How long the gates have to hold after every shift.
        "bake" bake: Required Duration,
        /// The gates that have to hold.
        "gates" gates: Optional List<String>,
        /// How many requests the candidate has to be sent after a shift before its bake may end, however long that takes.
        "min-requests" min_requests: Optional Whole<1, 1_000_000_000>,
        /// The share of the candidate's targets that has to be healthy before traffic moves; `100%` unless told.
        "healthy" healthy: Optional Percent,
        /// How long they may take to become so; `10m` unless told.
        "healthy-within" healthy_within: Optional Duration,
        /// A person has to approve before the shift to this share.
        "approve-before" approve_before: Optional Percent,
        /// What becomes of the stable fleet at the end: `scale-to-zero` (the default), `keep`, or `{ keep: 30m }` to
        /// scale it to 0 only then; until then a gate that fails takes traffic back to it at once.
        "old-fleet" old_fleet: Optional Short<OldFleet, KeepForm>,
    }
}

record! {
    /// Scales the candidate to the size of the stable side and waits for its health, probes the `test` gate, shifts
    /// all traffic at once, holds the gates for `bake`, and scales the stable side to 0.
    BlueGreenForm, "a blue-green strategy" {
        /// The route that is shifted.
        "route" route: Required String,
        /// The fleet behind it; without one nothing is scaled.
        "fleet" fleet: Optional String,
        /// A gate that has to pass before any traffic moves.
        "test" test: Optional String,
        /// While `test` is probed, requests with this header go to the candidate.
        "test-header" test_header: Optional HeaderForm,
        /// How long the gates have to hold after the shift.
        "bake" bake: Required Duration,
        /// The gates that have to hold.
        "gates" gates: Optional List<String>,
        /// How many requests the candidate has to be sent after a shift before its bake may end, however long that takes.
        "min-requests" min_requests: Optional Whole<1, 1_000_000_000>,
        /// The share of the candidate's targets that has to be healthy before traffic moves; `100%` unless told.
        "healthy" healthy: Optional Percent,
        /// How long they may take to become so; `10m` unless told.
        "healthy-within" healthy_within: Optional Duration,
        /// What becomes of the stable fleet at the end: `scale-to-zero` (the default), `keep`, or `{ keep: 30m }` to
        /// scale it to 0 only then; until then a gate that fails takes traffic back to it at once.
        "old-fleet" old_fleet: Optional Short<OldFleet, KeepForm>,
    }
}

/// What a strategy does with the fleet that served before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OldFleet {
    ScaleToZero,
    Keep,
    /// For so long, with the gates still armed; then it is scaled to zero.
    KeepFor(Duration),
}

record! {
    /// Keeps the fleet that served before for a while, ready to serve again.
    KeepForm, "something to do with a fleet" {
        /// How long it stays after the last shift has proved itself, such as `30m`.
        "keep" keep: Required Duration,
    }
}

words! {
    Side, "a side" { "stable" => Side::Stable, "candidate" => Side::Candidate }
    OnFailure, "a way to react" { "roll-back" => OnFailure::RollBack, "hold" => OnFailure::Hold }
    OnInterrupt, "a way to react" { "hold" => OnInterrupt::Hold, "roll-back" => OnInterrupt::RollBack }
    Leftovers, "something to do with leftovers" { "refuse" => Leftovers::Refuse, "replace" => Leftovers::Replace }
    MissingAlarm, "an answer of a gate" { "fail" => MissingAlarm::Fail, "unknown" => MissingAlarm::Unknown }
    InsufficientData, "an answer of a gate" {
        "wait" => InsufficientData::Wait, "pass" => InsufficientData::Pass, "fail" => InsufficientData::Fail,
    }
    AlreadyInAlarm, "a way to start" {
        "refuse" => AlreadyInAlarm::Refuse, "ignore-until-ok" => AlreadyInAlarm::IgnoreUntilOk,
        "ignore" => AlreadyInAlarm::Ignore,
    }
    RecordType, "a type of records" {
        "A" => RecordType::A, "AAAA" => RecordType::Aaaa, "CNAME" => RecordType::Cname,
    }
    Baseline, "something to compare with" { "stable" => Baseline::Stable, "paired" => Baseline::Paired }
    Proxy, "a way to the URL" { "environment" => Proxy::OfEnvironment, "none" => Proxy::None }
    OldFleet, "something to do with a fleet" { "scale-to-zero" => Self::ScaleToZero, "keep" => Self::Keep }
}

/// The version of the language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Version;

impl Form for Version {
    const WHAT: &'static str = "the version `1`";

    fn read(node: &Node, problems: &mut Vec<Problem>) -> Option<Self> {
        let text = node.scalar(Self::WHAT, problems)?;
        if text == "1" {
            return Some(Self);
        }
        problems.push(
            Problem::error("plan::version", format!("version `{text}` of the language is unknown"))
                .at(node.span, "this tidegate reads version 1")
                .help("write `tidegate: 1`"),
        );
        None
    }

    fn schema(_: &mut Definitions) -> serde_json::Value {
        serde_json::json!({ "enum": [1, "1"] })
    }
}

/// The parameters, in the schema only: they are read before all else, because their values stand in all else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ParamsForm;

impl Form for ParamsForm {
    const WHAT: &'static str = Named::<ParamForm>::WHAT;

    fn read(_: &Node, _: &mut Vec<Problem>) -> Option<Self> {
        None
    }

    fn schema(definitions: &mut Definitions) -> serde_json::Value {
        Named::<ParamForm>::schema(definitions)
    }
}
