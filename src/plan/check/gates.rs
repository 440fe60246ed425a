//! Gates: the conditions that let a step pass.

use std::{collections::BTreeMap, time::Duration};

use super::{
    addresses::{check_url, queue},
    events::{queue_gate, stream_gate},
    invoke::invoke,
    lost::declared,
    measure::{compare, error_budget, metric, window},
    scope::{Scope, positive, refuse_repetition},
    test_route,
};
use crate::plan::{
    defaults::{
        ALARMS_EVERY, COMMAND_TIMEOUT, HTTP_TIMEOUT, LAMBDA_TIMEOUT, MEASURED_EVERY, OTHERS_EVERY,
    },
    delegated::{CommandGate, FunctionName, LambdaGate, Proxy},
    form::{Named, Slot},
    gate::{
        AlarmsGate, AlreadyInAlarm, Gate, GateKind, HttpGate, InsufficientData, MissingAlarm,
        Patience, Tolerance,
    },
    gate_form::{AlarmsForm, CommandForm, GateChoice, GateForm, HealthyForm, HttpForm, LambdaForm},
    names::{GateName, RouteName, Side},
    on_failure::OnFailure,
    place::Place,
    problem::Problem,
    scalar::{Literal, Whole},
    span::{Span, Spanned},
    units::Percent,
};

const LEAST_EVERY: Duration = Duration::from_secs(1);
const LONGEST_FUNCTION: Duration = Duration::from_mins(15);

/// The gates that could be read, each with the place of its name.
pub(super) fn gates(
    forms: &Slot<Named<GateForm>>,
    scope: &Scope,
    problems: &mut Vec<Problem>,
) -> BTreeMap<GateName, (Gate, Span)> {
    declared(
        "gate",
        forms,
        |name| GateName::new(name),
        problems,
        |form, problems| gate(form, scope, problems),
    )
}

fn gate(form: &GateForm, scope: &Scope, problems: &mut Vec<Problem>) -> Option<Gate> {
    let every = every(form, problems);
    let kind = form.chosen().and_then(|chosen| kind(chosen, scope, problems));
    let tolerance = tolerance(form, problems);
    Some(Gate { kind: kind?, every, tolerance, place: Place::default() })
}

fn kind(chosen: GateChoice, scope: &Scope, problems: &mut Vec<Problem>) -> Option<GateKind> {
    match chosen {
        GateChoice::Alarms(form) => alarms(&form.value, problems).map(GateKind::Alarms),
        GateChoice::Healthy(form) => {
            let (route, side, at_least) = healthy(&form.value, scope, problems)?;
            Some(GateKind::Healthy { route, side, at_least })
        }
        GateChoice::Http(form) => http(&form.value, problems).map(GateKind::Http),
        GateChoice::Metric(form) => metric(form, scope, problems).map(GateKind::Metric),
        GateChoice::Compare(form) => compare(form, scope, problems).map(GateKind::Compare),
        GateChoice::ErrorBudget(form) => {
            error_budget(&form.value, scope, problems).map(GateKind::ErrorBudget)
        }
        GateChoice::Command(form) => command(&form.value, problems).map(GateKind::Command),
        GateChoice::Lambda(form) => lambda(&form.value, problems).map(GateKind::Lambda),
        GateChoice::Queue(form) => queue_gate(form, problems).map(GateKind::Queue),
        GateChoice::Stream(form) => stream_gate(&form.value, problems).map(GateKind::Stream),
        GateChoice::Invoke(form) => invoke(&form.value, scope, problems).map(GateKind::Invoke),
        GateChoice::Window(form) => Some(GateKind::Window(window(&form.value, problems))),
    }
}

fn tolerance(form: &GateForm, problems: &mut Vec<Problem>) -> Tolerance {
    let (consecutive, total) = form.failures.given().map_or((0, 0), |failures| {
        let (row, all) = (&failures.value.consecutive, &failures.value.total);
        let number = |slot: &Slot<Whole<0, 1_000>>| slot.value().map(|number| number.0);
        let consecutive = number(row).or(number(all)).unwrap_or(0);
        let total = number(all).unwrap_or(consecutive);
        if total < consecutive {
            problems.push(
                Problem::error("plan::out-of-range", "so many in a row are more than in all")
                    .at(row.span_or(failures.span), format!("more than {total}"))
                    .help("write a `total` that is at least `consecutive`"),
            );
        }
        (consecutive, total)
    });
    let unknown = match (&form.unknown_for, form.on_unknown.given()) {
        (Slot::Absent, Some(on_unknown)) => {
            problems.push(
                Problem::error("plan::stray-field", "unknown is borne until the step's timeout")
                    .at(on_unknown.span, "never comes about")
                    .help("add `unknown-for:`, such as `unknown-for: 5m`, or remove `on-unknown`"),
            );
            None
        }
        (Slot::Absent | Slot::Broken, _) => None,
        (Slot::Given(lasts), on_unknown) => Some(Patience {
            lasts: lasts.value,
            then: on_unknown.map_or(OnFailure::Hold, |then| then.value),
        }),
    };
    Tolerance { consecutive, total, unknown }
}

fn every(form: &GateForm, problems: &mut Vec<Problem>) -> Duration {
    if let Some(given) = form.every.given().filter(|given| given.value < LEAST_EVERY) {
        problems.push(
            Problem::error("plan::out-of-range", "a gate is read at most once a second")
                .at(given.span, "too often")
                .help("write `every: 1s` or more; `10s` and more spare the API"),
        );
    }
    form.every.value_or(match form.chosen() {
        Some(
            GateChoice::Metric(_)
            | GateChoice::Compare(_)
            | GateChoice::ErrorBudget(_)
            | GateChoice::Queue(_)
            | GateChoice::Stream(_),
        ) => MEASURED_EVERY,
        Some(GateChoice::Alarms(_)) => ALARMS_EVERY,
        Some(
            GateChoice::Healthy(_)
            | GateChoice::Http(_)
            | GateChoice::Command(_)
            | GateChoice::Lambda(_)
            | GateChoice::Invoke(_)
            | GateChoice::Window(_),
        )
        | None => OTHERS_EVERY,
    })
}

fn alarms(form: &AlarmsForm, problems: &mut Vec<Problem>) -> Option<AlarmsGate> {
    let missing = form.missing.value_or(MissingAlarm::Fail);
    let insufficient_data = form.insufficient_data.value_or(InsufficientData::Wait);
    let names = form.names.given()?;
    if names.value.is_empty() {
        problems.push(
            Problem::error("plan::blank", "an alarms gate without alarms would always pass")
                .at(names.span, "no alarms")
                .help("name at least one alarm: `names: [checkout-5xx]`"),
        );
    }
    refuse_repetition(&names.value, problems);
    for name in names.value.iter().filter(|n| !(1..=255).contains(&n.value.chars().count())) {
        problems.push(
            Problem::error("plan::alarm-name", "the name of an alarm has 1 to 255 characters")
                .at(name.span, "not a name")
                .help("write the alarm's name, not its ARN"),
        );
    }
    for name in names.value.iter().filter(|name| name.value.starts_with("arn:")) {
        let own = name.value.split_once(":alarm:").map_or("checkout-5xx", |(_, own)| own);
        problems.push(
            Problem::error("plan::alarm-name", "an alarm is named by its name, not by its ARN")
                .at(name.span, "an ARN")
                .help(format!("write the alarm's name, not its ARN: `{own}`")),
        );
    }
    let names = names.value.iter().map(|name| name.value.clone()).collect();
    let already = form.already.value_or(AlreadyInAlarm::Refuse);
    let listen = match form.listen.given() {
        None => None,
        Some(listen) => Some(queue(listen.value.sqs.given()?, problems)?),
    };
    Some(AlarmsGate { names, missing, insufficient_data, already, listen })
}

/// The same condition as a gate and in a wait step.
pub(super) fn healthy(
    form: &HealthyForm,
    scope: &Scope,
    problems: &mut Vec<Problem>,
) -> Option<(RouteName, Side, Percent)> {
    let route = scope.route(&form.route, problems);
    let at_least = form.at_least.value_or(Percent::HUNDRED);
    Some((route?, form.side.value()?, at_least))
}

fn command(form: &CommandForm, problems: &mut Vec<Problem>) -> Option<CommandGate> {
    let timeout = positive(&form.timeout, COMMAND_TIMEOUT, problems);
    let run = form.run.given()?;
    if run.value.first().is_none_or(|program| program.value.trim().is_empty()) {
        problems.push(
            Problem::error("plan::blank", "a command gate needs a program to run")
                .at(run.span, "no program")
                .help("write the program and its arguments: `run: [./check.sh, \"--strict\"]`"),
        );
    }
    Some(CommandGate { run: run.value.iter().map(|word| word.value.clone()).collect(), timeout })
}

fn lambda(form: &LambdaForm, problems: &mut Vec<Problem>) -> Option<LambdaGate> {
    let timeout = positive(&form.timeout, LAMBDA_TIMEOUT, problems);
    if let Some(given) = form.timeout.given().filter(|given| given.value > LONGEST_FUNCTION) {
        problems.push(
            Problem::error(
                "plan::out-of-range",
                "no function runs longer than a quarter of an hour",
            )
            .at(given.span, "too long")
            .help("write `timeout: 15m` or less"),
        );
    }
    let payload = form.payload.given();
    if let Some(payload) = payload.filter(|payload| payload.value.0.contains_key("tidegate")) {
        problems.push(
            Problem::error("plan::stray-field", "`tidegate` in a payload is written by tidegate")
                .at(payload.span, "in the way of it")
                .help("give it another name"),
        );
    }
    let function = form.function.given()?;
    let fits = |text: &str| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_:$".contains(c);
        !text.is_empty() && text.chars().all(allowed)
    };
    let qualifier = form.qualifier.given();
    if !fits(&function.value) || qualifier.is_some_and(|given| !fits(&given.value.0)) {
        problems.push(
            Problem::error("plan::function", "this names no function")
                .at(function.span, "letters, digits, `-` and `_`, or an ARN")
                .help(
                    "write `function: checkout-verifier`, and its alias or version as `qualifier`",
                ),
        );
    }
    Some(LambdaGate {
        function: FunctionName {
            name: function.value.clone(),
            qualifier: qualifier.map(|given| given.value.0.clone()),
        },
        payload: payload.map(|given| given.value.0.clone()).unwrap_or_default(),
        timeout,
    })
}

fn http(form: &HttpForm, problems: &mut Vec<Problem>) -> Option<HttpGate> {
    let url = form.url.given().and_then(|url| check_url(url, problems));
    let timeout = positive(&form.timeout, HTTP_TIMEOUT, problems);
    let consecutive = form.consecutive.value_or(Whole(1)).0;
    let status = u16::try_from(form.status.value_or(Whole(200)).0).ok()?;
    let headers = match form.headers.given() {
        None => BTreeMap::new(),
        Some(given) => headers(&given.value, problems),
    };
    let proxy = form.proxy.value_or(Proxy::OfEnvironment);
    Some(HttpGate { url: url?, headers, status, consecutive, timeout, proxy })
}

fn headers(named: &Named<Literal>, problems: &mut Vec<Problem>) -> BTreeMap<String, String> {
    let headers = named.0.iter().filter_map(|(name, value)| {
        let value = Spanned::new(value.as_ref()?.0.clone(), name.span);
        test_route::check_value(&value, problems);
        Some((name.value.clone(), value.value))
    });
    headers.collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::plan::{
        GateKind, OnFailure, Patience, Tolerance, expand_to_yaml,
        sample::{HEAD, codes, plan},
    };

    fn with(keys: &str) -> String {
        let head = HEAD.replace("health\" } }", &format!("health\" }}{keys} }}"));
        format!("{head}steps: [probe: smoke]\n")
    }

    fn tolerance(keys: &str) -> Tolerance {
        plan(&with(keys)).gates["smoke"].tolerance
    }

    #[test]
    fn nothing_is_tolerated_unless_told_and_one_number_stands_for_both() {
        assert_eq!(tolerance(""), Tolerance::default());
        let twice = Tolerance { consecutive: 2, total: 2, unknown: None };
        assert_eq!(tolerance(", failures: { consecutive: 2 }"), twice);
        assert_eq!(tolerance(", failures: { total: 2 }"), twice);
        let unknown = Some(Patience { lasts: Duration::from_mins(5), then: OnFailure::Hold });
        let expected = Tolerance { unknown, ..Tolerance::default() };
        assert_eq!(tolerance(", unknown-for: 5m"), expected);
    }

    #[test]
    fn a_payload_is_kept_as_it_was_written_and_reads_back_the_same() {
        let payload =
            "{ n: 1.5, yes: true, none: ~, text: \"1\", list: [a, { b: 2 }], d: \"$${x}\" }";
        let lambda = format!(
            "{HEAD}  fn: {{ lambda: {{ function: verify, qualifier: 7, payload: {payload} }} }}\n\
             steps: [probe: smoke, probe: fn]\n"
        );
        let read = plan(&lambda);
        let GateKind::Lambda(gate) = &read.gates["fn"].kind else { panic!("a lambda gate") };
        assert_eq!(gate.function.to_string(), "verify:7");
        let expected = serde_json::json!({
            "n": 1.5, "yes": true, "none": null, "text": "1", "list": ["a", { "b": 2 }], "d": "${x}",
        });
        assert_eq!(serde_json::Value::from(gate.payload.clone()), expected);
        assert_eq!(plan(&expand_to_yaml(&read)), read);
    }

    #[test]
    fn a_function_that_cannot_be_is_refused() {
        for (keys, code) in [
            ("function: \"no way\"", "plan::function"),
            ("function: verify, qualifier: \"\"", "plan::function"),
            ("function: verify, timeout: 16m", "plan::out-of-range"),
            ("function: verify, payload: { tidegate: 1 }", "plan::stray-field"),
            ("function: verify, payload: [1]", "plan::wrong-type"),
        ] {
            let text = format!("{HEAD}  fn: {{ lambda: {{ {keys} }} }}\nsteps: [probe: fn]\n");
            let codes = codes(&text);
            assert!(codes.contains(&code), "{keys}: {codes:?}");
        }
    }

    #[test]
    fn tolerances_that_never_come_about_are_refused() {
        let refused = |keys: &str, code: &str| {
            let codes = codes(&with(keys));
            assert!(codes.contains(&code), "{keys}: {codes:?}");
        };
        refused(", failures: { consecutive: 3, total: 2 }", "plan::out-of-range");
        refused(", on-unknown: hold", "plan::stray-field");
    }
}
