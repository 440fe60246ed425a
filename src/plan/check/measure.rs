//! Gates that measure: which limits go together, and which comparison could ever come to a verdict.

use std::{collections::BTreeMap, time::Duration};

use super::scope::{Scope, filled, not_blank, positive};
use crate::plan::{
    calendar::{Day, Hours, Window, Zone},
    defaults::MEASURED_EVERY,
    form::Slot,
    gate::{Gate, GateKind},
    measure::{
        Allowance, Baseline, Bound, Burn, CompareGate, Comparison, ErrorBudgetGate, LatencyAbove,
        Limit, Measure, MetricGate, Periods,
    },
    measure_form::{
        CompareForm, ErrorBudgetForm, ErrorsForm, LatencyAboveForm, MetricChoice, MetricForm,
        RatioForm, WindowForm,
    },
    names::{GateName, RouteName},
    problem::{Problem, enough},
    route::ListenerRule,
    route_kind::{Route, RouteKind},
    scalar::Whole,
    span::{Span, Spanned},
    units::Percent,
};

const MINUTE: Duration = Duration::from_mins(1);
/// Minutes that the judge wants to see before it passes anything.
const LEAST_DATA: Duration = Duration::from_mins(5);
const MOST_ALPHA: u16 = 2_000;
/// Dates of a window that are out of the question: each is looked at for every day ahead.
const MOST_EXCEPT: usize = 400;

/// Refuses gates that measure what nobody publishes: an Application Load Balancer counts requests and errors by target
/// group, Lambda by version, and nobody else by side.
pub(super) fn published(
    gates: &BTreeMap<GateName, (Gate, Span)>,
    routes: &BTreeMap<RouteName, (Route, Span)>,
    problems: &mut Vec<Problem>,
) {
    for (name, (gate, at)) in gates {
        let (what, route) = match &gate.kind {
            GateKind::Metric(gate) => ("metric", &gate.route),
            GateKind::Compare(gate) => ("compare", &gate.route),
            GateKind::ErrorBudget(gate) => ("error-budget", &gate.route),
            GateKind::Alarms(_)
            | GateKind::Healthy { .. }
            | GateKind::Http(_)
            | GateKind::Command(_)
            | GateKind::Lambda(_)
            | GateKind::Queue(_)
            | GateKind::Stream(_)
            | GateKind::Invoke(_)
            | GateKind::Window(_) => continue,
        };
        let Some((Route { kind, .. }, declared)) = routes.get(route) else { continue };
        if let GateKind::Metric(gate) = &gate.kind
            && let Measure::Ratio { of, to } = &gate.measure
            && kind.published().is_some_and(|published| published.requests == *to)
            && gate.bound == Bound::Below
            && gate.limit.get() >= 1.0
        {
            problems.push(
                Problem::error("plan::limit", format!("gate `{name}` can never fail"))
                    .at(*at, format!("no share of {to} is above {}", gate.limit))
                    .help(format!("write a share of {to} with its unit, such as `below: 2%`; {of} counts some of them")),
            );
        }
        let is_several = matches!(kind, RouteKind::Alb(rules) if !one_load_balancer(rules));
        if kind.published().is_some() && !is_several {
            continue;
        }
        let behind = kind.traits().split_by;
        problems.push(
            Problem::error(
                "plan::unmeasurable",
                format!("gate `{name}` cannot measure the sides of `{route}`"),
            )
            .at(
                *at,
                format!("{what} needs the counts of an Application Load Balancer or of Lambda"),
            )
            .at(*declared, format!("split by {behind}"))
            .help("use an `alarms`, `healthy` or `http` gate on this route"),
        );
    }
}

/// Refuses comparisons with a baseline group where the route has none.
pub(super) fn paired(
    gates: &BTreeMap<GateName, (Gate, Span)>,
    routes: &BTreeMap<RouteName, (Route, Span)>,
    problems: &mut Vec<Problem>,
) {
    for (name, (gate, at)) in gates {
        let GateKind::Compare(CompareGate { route, baseline: Baseline::Paired, .. }) = &gate.kind
        else {
            continue;
        };
        let Some((declared, span)) = routes.get(route) else { continue };
        if declared.baseline.is_some() {
            continue;
        }
        let message =
            format!("gate `{name}` compares with a baseline that `{route}` does not have");
        problems.push(
            Problem::error("plan::no-baseline", message)
                .at(*at, "`baseline: paired`")
                .at(*span, "two target groups only")
                .help(
                    "add `baseline:` to the `alb` route, a third target group with fresh instances \
                     of what serves today, or compare with `baseline: stable`",
                ),
        );
    }
}

/// Whether rules stand on the same load balancer, as far as their names tell.
fn one_load_balancer(rules: &[ListenerRule]) -> bool {
    let name = |rule: &ListenerRule| match rule {
        ListenerRule::Rule(arn) | ListenerRule::DefaultOf(arn) => {
            arn.split('/').nth(2).map(str::to_owned)
        }
        ListenerRule::Named { load_balancer, .. } => Some(load_balancer.clone()),
    };
    let mut names = rules.iter().map(name);
    let first = names.next();
    names.all(|other| Some(other) == first)
}

pub(super) fn metric(
    form: &Spanned<MetricForm>,
    scope: &Scope,
    problems: &mut Vec<Problem>,
) -> Option<MetricGate> {
    let span = form.span;
    let form = &form.value;
    let route = scope.route(&form.route, problems);
    let measure = measure(form, problems);
    let (bound, limit) = match (form.below.given(), form.above.given()) {
        (Some(limit), None) => (Bound::Below, limit.value),
        (None, Some(limit)) => (Bound::Above, limit.value),
        (given, _) => {
            let at = given.map_or(span, |limit| limit.span);
            if form.below.is_absent() == form.above.is_absent() {
                problems.push(
                    Problem::error("plan::limit", "a metric gate needs exactly one limit")
                        .at(at, "`below` or `above`")
                        .help("write `below: 500ms`, `below: 1%` or `above: 10`"),
                );
            }
            (Bound::Below, Limit::Number(0))
        }
    };
    let period = positive(&form.period, MEASURED_EVERY, problems);
    if !period.as_millis().is_multiple_of(MINUTE.as_millis()) {
        problems.push(
            Problem::error("plan::out-of-range", "a period is a whole number of minutes")
                .at(form.period.span_or(span), "not whole minutes")
                .help("write `period: 60s` or `period: 5m`"),
        );
    }
    Some(MetricGate {
        route: route?,
        side: form.side.value()?,
        measure: measure?,
        bound,
        limit,
        periods: form.periods.value_or(Periods { breaching: 2, of: 3 }),
        period,
        min_samples: form.min_samples.value_or(Whole(100)).0,
    })
}

fn measure(form: &MetricForm, problems: &mut Vec<Problem>) -> Option<Measure> {
    match form.chosen()? {
        MetricChoice::Name(given) => {
            let name = not_blank(given, problems)?;
            if form.statistic.is_absent() {
                problems.push(
                    Problem::error("plan::statistic", "a metric needs a statistic")
                        .at(given.span, "of which many values stand in a period")
                        .help("write `statistic: p99` or `statistic: average`"),
                );
            }
            Some(Measure::One { name, statistic: form.statistic.value()? })
        }
        MetricChoice::Ratio(ratio) => {
            let RatioForm { of, to } = &ratio.value;
            if let Some(statistic) = form.statistic.given() {
                problems.push(
                    Problem::error("plan::statistic", "a ratio is made of sums")
                        .at(statistic.span, "has no meaning here")
                        .help("remove `statistic`"),
                );
            }
            Some(Measure::Ratio { of: filled(of, problems)?, to: filled(to, problems)? })
        }
    }
}

pub(super) fn compare(
    form: &Spanned<CompareForm>,
    scope: &Scope,
    problems: &mut Vec<Problem>,
) -> Option<CompareGate> {
    let span = form.span;
    let form = &form.value;
    let errors = form.errors.given().map_or(Comparison::USUAL, |errors| {
        let ErrorsForm { tolerance, margin, weight } = &errors.value;
        comparison((tolerance, margin, weight), span, problems)
    });
    let latency = form.latency_above.given().map(|form| latency_above(form, problems));
    let alpha = form.alpha.value_or(Percent::from_basis_points(500)?);
    if !(1..=MOST_ALPHA).contains(&alpha.basis_points()) {
        problems.push(
            Problem::error("plan::out-of-range", "alpha lies above 0% and at most at 20%")
                .at(form.alpha.span_or(span), "out of range")
                .help("write `alpha: 5%`: one harmless candidate in twenty may fail"),
        );
    }
    let warmup = form.warmup.value_or(2 * MINUTE);
    let deadline = positive(&form.deadline, 60 * MINUTE, problems);
    if deadline < warmup.saturating_add(LEAST_DATA) {
        problems.push(
            Problem::error("plan::out-of-range", "this deadline leaves no time for a verdict")
                .at(form.deadline.span_or(span), "too short")
                .help("write the warm-up and at least `5m` more"),
        );
    }
    if let Some(artifact) = form.artifact.given().filter(|artifact| artifact.value.0.is_empty()) {
        problems.push(
            Problem::error("plan::blank", "an artifact without a name is every artifact")
                .at(artifact.span, "empty")
                .help("write what tells the candidate's version, such as `artifact: ${version}`"),
        );
    }
    Some(CompareGate {
        baseline: form.baseline.value_or(Baseline::Stable),
        route: scope.route(&form.route, problems)?,
        errors,
        latency: match latency {
            Some(latency) => Some(latency?),
            None => None,
        },
        alpha,
        settle: form.settle.value_or(2 * MINUTE),
        warmup,
        min_canary_requests: form.min_canary_requests.value_or(Whole(200)).0,
        deadline,
        artifact: form.artifact.value().map(|artifact| artifact.0),
    })
}

pub(super) fn error_budget(
    form: &ErrorBudgetForm,
    scope: &Scope,
    problems: &mut Vec<Problem>,
) -> Option<ErrorBudgetGate> {
    let route = scope.route(&form.route, problems);
    let (of, to) = if let Some(ratio) = form.ratio.given() {
        (filled(&ratio.value.of, problems)?, filled(&ratio.value.to, problems)?)
    } else {
        let published = scope.published(route.as_ref()?);
        (published.server_errors.to_owned(), published.requests.to_owned())
    };
    if let Some(objective) = form.objective.given().filter(|o| o.value == Percent::HUNDRED) {
        problems.push(
            Problem::error("plan::out-of-range", "an objective of 100% leaves no budget")
                .at(objective.span, "nothing may ever go wrong")
                .help("write what has to go well, such as `99.9%`"),
        );
    }
    let burn = |rate, long, short| Burn {
        rate,
        long: Duration::from_mins(long),
        short: Duration::from_mins(short),
    };
    let burns = match form.burn.given() {
        None => vec![burn(14_400, 60, 5), burn(6_000, 360, 30)],
        Some(given) => given.value.iter().map(|burn| burn.value).collect(),
    };
    if let (true, Some(given)) = (burns.is_empty(), form.burn.given()) {
        problems.push(
            Problem::error("plan::blank", "an error-budget gate without rates would always pass")
                .at(given.span, "no rates")
                .help("write at least one: `burn: [14.4x in 1h and 5m]`"),
        );
    }
    Some(ErrorBudgetGate {
        route: route?,
        side: form.side.value()?,
        of,
        to,
        objective: form.objective.value()?,
        burns,
        min_samples: form.min_samples.value_or(Whole(100)).0,
    })
}

pub(super) fn window(form: &WindowForm, problems: &mut Vec<Problem>) -> Window {
    let mut days: Vec<Day> = match form.days.given() {
        None => Day::ALL.to_vec(),
        Some(days) => days.value.iter().map(|day| day.value).collect(),
    };
    days.sort_unstable();
    days.dedup();
    if let (true, Some(given)) = (days.is_empty(), form.days.given()) {
        problems.push(
            Problem::error("plan::blank", "a window without days never opens")
                .at(given.span, "no days")
                .help("write `days: [mon, tue, wed, thu]`, or leave `days` out for all of them"),
        );
    }
    let except = form.except.given().map_or(&[][..], |except| &except.value);
    if let Some(given) = form.except.given().filter(|given| given.value.len() > MOST_EXCEPT) {
        problems.push(
            Problem::error(
                "plan::too-many-dates",
                format!("at most {MOST_EXCEPT} dates are left out"),
            )
            .at(given.span, format!("{} of them", given.value.len()))
            .help("write spells as `2026-12-24 to 2027-01-02`, and whole weeks by `days`"),
        );
    }
    for dates in except.iter().filter(|dates| dates.value.is_longer_than_a_year()) {
        if !enough(problems) {
            problems.push(
                Problem::error("plan::never-opens", "a window that is shut for more than a year")
                    .at(dates.span, "a run would wait for ever")
                    .help("write the dates on which nothing may start, such as `2026-12-24 to 2027-01-02`"),
            );
        }
    }
    Window {
        days,
        hours: form.hours.value_or(Hours::ALL_DAY),
        zone: form.zone.value_or(Zone::utc()),
        except: except.iter().map(|dates| dates.value).collect(),
    }
}

fn latency_above(
    form: &Spanned<LatencyAboveForm>,
    problems: &mut Vec<Problem>,
) -> Option<LatencyAbove> {
    let LatencyAboveForm { threshold, tolerance, margin, weight } = &form.value;
    let compared = comparison((tolerance, margin, weight), form.span, problems);
    let at = threshold.span_or(form.span);
    let threshold = threshold.value()?;
    if !(Duration::from_millis(1)..=Duration::from_hours(1)).contains(&threshold) {
        problems.push(
            Problem::error("plan::out-of-range", "slow begins between a millisecond and an hour")
                .at(at, "out of range")
                .help("write a time that most answers keep, such as `500ms`"),
        );
    }
    Some(LatencyAbove { threshold, compared })
}

fn comparison(
    (tolerance, margin, weight): (&Slot<Allowance>, &Slot<Allowance>, &Slot<Whole<1, 1_000>>),
    span: Span,
    problems: &mut Vec<Problem>,
) -> Comparison {
    let usual = Comparison::USUAL;
    let at_tolerance = tolerance.span_or(span);
    let at_margin = margin.span_or(at_tolerance);
    let (tolerance, margin) = (tolerance.value_or(usual.tolerance), margin.value_or(usual.margin));
    if tolerance == (Allowance { ratio: 1_000, absolute: 0 }) {
        problems.push(
            Problem::error(
                "plan::tolerance",
                "with enough traffic any candidate is a little worse",
            )
            .at(at_tolerance, "tolerates nothing")
            .help("allow a little: `1.1x` or `0.05pp`"),
        );
    }
    let beyond = margin.ratio >= tolerance.ratio
        && margin.absolute >= tolerance.absolute
        && margin != tolerance;
    if !beyond {
        problems.push(
            Problem::error("plan::tolerance", "the margin has to lie beyond the tolerance")
                .at(at_margin, "pass and fail could both be true")
                .help("write a larger margin, such as `1.5x + 0.1pp`"),
        );
    }
    Comparison { tolerance, margin, weight: weight.value_or(Whole(1)).0 }
}
