//! Gates: the conditions that let a step pass.

use std::{collections::BTreeMap, time::Duration};

use super::{
    measure::{compare, metric},
    scope::{Scope, positive, refuse_repetition},
    test_route,
};
use crate::plan::{
    defaults::{ALARMS_EVERY, HTTP_TIMEOUT, MEASURED_EVERY, OTHERS_EVERY},
    form::{Named, Slot},
    model::{
        AlarmsGate, Gate, GateKind, GateName, HttpGate, InsufficientData, MissingAlarm, RouteName,
        Side,
    },
    problem::Problem,
    scalar::{Literal, Whole},
    source::{Span, Spanned},
    syntax::{AlarmsForm, GateForm, HealthyForm, HttpForm},
    units::Percent,
};

const LEAST_EVERY: Duration = Duration::from_secs(1);

/// The gates that could be read, each with the place of its name.
pub(super) fn gates(
    forms: &Slot<Named<GateForm>>,
    scope: &Scope,
    problems: &mut Vec<Problem>,
) -> BTreeMap<GateName, (Gate, Span)> {
    let forms = forms.given().map_or(&[][..], |forms| &forms.value.0);
    forms
        .iter()
        .filter_map(|(name, form)| {
            let gate = gate(form.as_ref()?, scope, problems)?;
            Some((GateName::new(name.value.as_str()), (gate, name.span)))
        })
        .collect()
}

fn gate(form: &GateForm, scope: &Scope, problems: &mut Vec<Problem>) -> Option<Gate> {
    let every = every(form, problems);
    let kind = if let Some(form) = form.alarms.given() {
        alarms(&form.value, problems).map(GateKind::Alarms)
    } else if let Some(form) = form.healthy.given() {
        healthy(&form.value, scope, problems).map(|(route, side, at_least)| GateKind::Healthy {
            route,
            side,
            at_least,
        })
    } else if let Some(form) = form.metric.given() {
        metric(form, scope, problems).map(GateKind::Metric)
    } else if let Some(form) = form.compare.given() {
        compare(form, scope, problems).map(GateKind::Compare)
    } else {
        form.http.given().and_then(|form| http(&form.value, problems)).map(GateKind::Http)
    };
    Some(Gate { kind: kind?, every })
}

fn every(form: &GateForm, problems: &mut Vec<Problem>) -> Duration {
    if let Some(given) = form.every.given().filter(|given| given.value < LEAST_EVERY) {
        problems.push(
            Problem::error("plan::out-of-range", "a gate is read at most once a second")
                .at(given.span, "too often")
                .help("write `every: 1s` or more; `10s` and more spare the API"),
        );
    }
    let measures = !(form.metric.is_absent() && form.compare.is_absent());
    form.every.value_or(if measures {
        MEASURED_EVERY
    } else if form.alarms.is_absent() {
        OTHERS_EVERY
    } else {
        ALARMS_EVERY
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
    let names = names.value.iter().map(|name| name.value.clone()).collect();
    Some(AlarmsGate { names, missing, insufficient_data })
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

fn http(form: &HttpForm, problems: &mut Vec<Problem>) -> Option<HttpGate> {
    let url = form.url.given().and_then(|url| check_url(url, problems));
    let timeout = positive(&form.timeout, HTTP_TIMEOUT, problems);
    let consecutive = form.consecutive.value_or(Whole(1)).0;
    let status = u16::try_from(form.status.value_or(Whole(200)).0).ok()?;
    let headers = match form.headers.given() {
        None => BTreeMap::new(),
        Some(given) => headers(&given.value, problems),
    };
    Some(HttpGate { url: url?, headers, status, consecutive, timeout })
}

fn headers(named: &Named<Literal>, problems: &mut Vec<Problem>) -> BTreeMap<String, String> {
    let headers = named.0.iter().filter_map(|(name, value)| {
        let value = Spanned::new(value.as_ref()?.0.clone(), name.span);
        test_route::check_value(&value, problems);
        Some((name.value.clone(), value.value))
    });
    headers.collect()
}

fn check_url(url: &Spanned<String>, problems: &mut Vec<Problem>) -> Option<String> {
    let text = &url.value;
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let host = rest.and_then(|rest| rest.split(['/', '?', '#']).next()).unwrap_or_default();
    if host.is_empty() || text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        problems.push(
            Problem::error("plan::url", format!("`{text}` is not a URL that can be requested"))
                .at(url.span, "not a URL")
                .help("write `https://host/path` or `http://host:port/path`"),
        );
        return None;
    }
    if host.contains('@') {
        problems.push(
            Problem::error("plan::url", "a plan is no place for a password")
                .at(url.span, "user and password in the URL")
                .help("let the health check answer without credentials"),
        );
        return None;
    }
    Some(text.clone())
}
