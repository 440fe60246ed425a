//! What a person may write under `gates`: the conditions that let a step pass. Gates that measure have a file of their
//! own. And how a gate is written back.

use std::time::Duration;

use super::{
    delegated::{CommandGate, LambdaGate, Proxy},
    events_form::{QueueForm, StreamForm},
    form::{List, Named, Slot, unplaced},
    gate::{
        AlarmsGate, AlreadyInAlarm, Gate, GateKind, HttpGate, InsufficientData, MissingAlarm,
        Tolerance,
    },
    invoke_form::InvokeForm,
    measure_form::{CompareForm, ErrorBudgetForm, MetricForm, WindowForm},
    names::{RouteName, Side},
    on_failure::OnFailure,
    place::Place,
    place_form::AwsForm,
    record::record,
    scalar::{Literal, Payload, Whole, words},
    units::Percent,
};

record! {
    /// A condition that lets a step pass.
    GateForm, "a gate", choice "kind of gate" "plan::unknown-gate-kind" as GateChoice {
        /// Passes while none of these CloudWatch alarms is in alarm.
        "alarms" alarms: Choice as Alarms AlarmsForm,
        /// Passes while enough targets of a side are healthy.
        "healthy" healthy: Choice as Healthy HealthyForm,
        /// Passes when a URL answers as it should.
        "http" http: Choice as Http HttpForm,
        /// Passes while a figure of a side stays within its limit.
        "metric" metric: Choice as Metric MetricForm,
        /// Passes when the candidate is shown to be no worse than the stable side.
        "compare" compare: Choice as Compare CompareForm,
        /// Passes while the errors of a side use up their budget no faster than allowed.
        "error-budget" error_budget: Choice as ErrorBudget ErrorBudgetForm,
        /// Passes when a command on this machine ends well.
        "command" command: Choice as Command CommandForm,
        /// Passes when a Lambda function says so.
        "lambda" lambda: Choice as Lambda LambdaForm,
        /// Passes while messages wait in a queue no longer, no more of them, and no more are given up, than allowed.
        "queue" queue: Choice as Queue QueueForm,
        /// Passes while whoever reads a stream is no further behind than allowed.
        "stream" stream: Choice as Stream StreamForm,
        /// Passes when the candidate version of a function answers events as it should.
        "invoke" invoke: Choice as Invoke InvokeForm,
        /// Says when the steps that name it may start.
        "window" window: Choice as Window WindowForm,
        /// How often the gate is read: `15s` for alarms, `60s` for `metric`, `compare`, `error-budget`, `queue` and `stream` and `10s` for
        /// the others unless told, at least `1s`.
        "every" every: Optional Duration,
        /// Failed readings that are tolerated, such as `{ consecutive: 1, total: 3 }`; none unless told.
        "failures" failures: Optional FailuresForm,
        /// How long the gate may be unknown before `on-unknown` happens; unless told, until its step runs out of time.
        "unknown-for" unknown_for: Optional Duration,
        /// After `unknown-for`: `hold` (the default) or `roll-back`.
        "on-unknown" on_unknown: Optional OnFailure,
        /// Where its alarms, metrics, queue or function are, if not where its route or the rest of the plan is.
        "aws" aws: Optional AwsForm,
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

words! {
    Side, "a side" { "stable" => Side::Stable, "candidate" => Side::Candidate }
    OnFailure, "a way to react" { "roll-back" => OnFailure::RollBack, "hold" => OnFailure::Hold }
    MissingAlarm, "an answer of a gate" { "fail" => MissingAlarm::Fail, "unknown" => MissingAlarm::Unknown }
    InsufficientData, "an answer of a gate" {
        "wait" => InsufficientData::Wait, "pass" => InsufficientData::Pass, "fail" => InsufficientData::Fail,
    }
    AlreadyInAlarm, "a way to start" {
        "refuse" => AlreadyInAlarm::Refuse, "ignore-until-ok" => AlreadyInAlarm::IgnoreUntilOk,
        "ignore" => AlreadyInAlarm::Ignore,
    }
    Proxy, "a way to the URL" { "environment" => Proxy::OfEnvironment, "none" => Proxy::None }
}

impl GateForm {
    pub(super) fn of(gate: &Gate, around: &Place) -> Self {
        let Tolerance { consecutive: _, total, unknown } = gate.tolerance;
        // Not spelled out where nothing is tolerated, so that the digests of older plans stay.
        let failures = (total > 0).then(|| FailuresForm::of(gate.tolerance));
        let mut form = Self {
            alarms: Slot::Absent,
            healthy: Slot::Absent,
            http: Slot::Absent,
            metric: Slot::Absent,
            compare: Slot::Absent,
            error_budget: Slot::Absent,
            command: Slot::Absent,
            lambda: Slot::Absent,
            queue: Slot::Absent,
            stream: Slot::Absent,
            invoke: Slot::Absent,
            window: Slot::Absent,
            every: Slot::of(gate.every),
            failures: Slot::of_some(failures),
            unknown_for: Slot::of_some(unknown.map(|patience| patience.lasts)),
            on_unknown: Slot::of_some(unknown.map(|patience| patience.then)),
            aws: AwsForm::of(&gate.place, around),
        };
        match &gate.kind {
            GateKind::Alarms(alarms) => form.alarms = Slot::of(AlarmsForm::of(alarms)),
            GateKind::Healthy { route, side, at_least } => {
                form.healthy = Slot::of(HealthyForm::of(route, *side, *at_least));
            }
            GateKind::Http(http) => form.http = Slot::of(HttpForm::of(http)),
            GateKind::Metric(metric) => form.metric = Slot::of(MetricForm::of(metric)),
            GateKind::Compare(compare) => form.compare = Slot::of(CompareForm::of(compare)),
            GateKind::ErrorBudget(budget) => {
                form.error_budget = Slot::of(ErrorBudgetForm::of(budget));
            }
            GateKind::Command(command) => form.command = Slot::of(CommandForm::of(command)),
            GateKind::Lambda(lambda) => form.lambda = Slot::of(LambdaForm::of(lambda)),
            GateKind::Queue(queue) => form.queue = Slot::of(QueueForm::of(queue)),
            GateKind::Stream(stream) => form.stream = Slot::of(StreamForm::of(stream)),
            GateKind::Invoke(invoke) => form.invoke = Slot::of(InvokeForm::of(invoke)),
            GateKind::Window(window) => form.window = Slot::of(WindowForm::of(window)),
        }
        form
    }
}

impl FailuresForm {
    fn of(Tolerance { consecutive, total, unknown: _ }: Tolerance) -> Self {
        Self { consecutive: Slot::of(Whole(consecutive)), total: Slot::of(Whole(total)) }
    }
}

impl AlarmsForm {
    fn of(gate: &AlarmsGate) -> Self {
        let listen =
            gate.listen.as_ref().map(|queue| ListenForm { sqs: Slot::of(queue.to_string()) });
        Self {
            names: Slot::of(unplaced(gate.names.iter().cloned())),
            missing: Slot::of(gate.missing),
            insufficient_data: Slot::of(gate.insufficient_data),
            // Not spelled out where it is as ever, so that the digests of older plans stay.
            already: match gate.already {
                AlreadyInAlarm::Refuse => Slot::Absent,
                told @ (AlreadyInAlarm::IgnoreUntilOk | AlreadyInAlarm::Ignore) => Slot::of(told),
            },
            listen: Slot::of_some(listen),
        }
    }
}

impl HealthyForm {
    pub(super) fn of(route: &RouteName, side: Side, at_least: Percent) -> Self {
        Self {
            route: Slot::of(route.to_string()),
            side: Slot::of(side),
            at_least: Slot::of(at_least),
        }
    }
}

impl HttpForm {
    fn of(gate: &HttpGate) -> Self {
        let headers = gate.headers.iter().map(|(name, value)| (name, Literal(value.clone())));
        Self {
            url: Slot::of(gate.url.clone()),
            headers: if gate.headers.is_empty() {
                Slot::Absent
            } else {
                Slot::of(Named::of(headers))
            },
            status: Slot::of(Whole(u32::from(gate.status))),
            consecutive: Slot::of(Whole(gate.consecutive)),
            timeout: Slot::of(gate.timeout),
            // Not spelled out where it is as ever, so that the digests of older plans stay.
            proxy: match gate.proxy {
                Proxy::OfEnvironment => Slot::Absent,
                Proxy::None => Slot::of(Proxy::None),
            },
        }
    }
}

impl CommandForm {
    fn of(CommandGate { run, timeout }: &CommandGate) -> Self {
        Self { run: Slot::of(unplaced(run.iter().cloned())), timeout: Slot::of(*timeout) }
    }
}

impl LambdaForm {
    fn of(LambdaGate { function, payload, timeout }: &LambdaGate) -> Self {
        let payload = (!payload.is_empty()).then(|| Payload(payload.clone()));
        Self {
            function: Slot::of(function.name.clone()),
            qualifier: Slot::of_some(function.qualifier.clone().map(Literal)),
            payload: Slot::of_some(payload),
            timeout: Slot::of(*timeout),
        }
    }
}
