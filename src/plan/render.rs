//! A plan written back as YAML: parameters filled in, strategies as steps, every default spelled out. It reads back
//! as the same plan; what `plan --expand` prints and what the digest is taken over are this one text.
//!
//! Its length is that of the language: a short function for each form, none of which is of use by itself.

use std::{
    fmt::{Display, Write},
    time::Duration,
};

use serde_json::Value as Json;

use super::{
    calendar::Window,
    defaults::ROLL_BACK_FOR,
    delegated::{LambdaGate, Proxy},
    measure::{
        Baseline, Bound, CompareGate, Comparison, ErrorBudgetGate, LatencyAbove, Measure,
        MetricGate, Statistic,
    },
    model::{
        AlreadyInAlarm, Approvers, Component, Fleet, FleetKind, Gate, GateKind, InsufficientData,
        Leftovers, ListenerRule, MissingAlarm, OnFailure, OnInterrupt, Patience, Plan, RecordSet,
        Route, RouteKind, Sides, Size, Step, Tolerance, Until, Verb,
    },
    names::{ComponentName, GateName, Member, RouteName, Side},
    replacement::{Extent, How, Matching, Protected, Replace, Revision, Standby},
    units::{Percent, format_duration},
};
use crate::printable;

/// The plan as YAML that can be saved, edited and run: parameters filled in, strategies as steps, defaults spelled
/// out. Comments are not kept.
pub fn expand_to_yaml(plan: &Plan) -> String {
    let mut out = String::new();
    // Writing into a string does not fail.
    let _ = write_plan(&mut out, plan);
    printable::yaml(&out)
}

fn write_plan(out: &mut String, plan: &Plan) -> std::fmt::Result {
    writeln!(out, "tidegate: 1\nname: {}", text(plan.name.as_str()))?;
    let mut aws = Flow::new();
    aws.some("region", plan.aws.region.as_deref().map(text));
    aws.some("account", plan.aws.account.as_deref().map(text));
    if !aws.0.is_empty() {
        writeln!(out, "aws: {aws}")?;
    }
    section(out, "routes", &plan.routes, route)?;
    section(out, "fleets", &plan.fleets, fleet)?;
    section(out, "gates", &plan.gates, gate)?;
    match plan.components.as_slice() {
        [only] if only.name.as_str() == "main" && only.needs.is_empty() => {
            writeln!(out, "\nsteps:")?;
            write_steps(out, only, "")?;
        }
        components => {
            writeln!(out, "\ncomponents:")?;
            for component in components {
                writeln!(out, "  {}:", text(component.name.as_str()))?;
                if !component.needs.is_empty() {
                    writeln!(
                        out,
                        "    needs: {}",
                        list(component.needs.iter().map(ComponentName::as_str))
                    )?;
                }
                writeln!(out, "    steps:")?;
                write_steps(out, component, "    ")?;
            }
        }
    }
    let on_interrupt = match plan.on_interrupt {
        OnInterrupt::Hold => "hold",
        OnInterrupt::RollBack => "roll-back",
    };
    writeln!(out, "\non-failure: {}\non-interrupt: {on_interrupt}", on_failure(plan.on_failure))?;
    // A plan that leaves it out is still the plan it was before there was such a key, with the same digest.
    if plan.roll_back_for != ROLL_BACK_FOR {
        writeln!(out, "roll-back-for: {}", duration(plan.roll_back_for))?;
    }
    Ok(())
}

fn section<N: Display, T>(
    out: &mut String,
    title: &str,
    items: &std::collections::BTreeMap<N, T>,
    flow: fn(&T) -> Flow,
) -> std::fmt::Result {
    if items.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{title}:")?;
    items
        .iter()
        .try_for_each(|(name, item)| writeln!(out, "  {}: {}", text(&name.to_string()), flow(item)))
}

fn write_steps(out: &mut String, component: &Component, indent: &str) -> std::fmt::Result {
    component.steps.iter().try_for_each(|step| {
        let (verb, body) = (step.verb.name(), body(step));
        writeln!(out, "{indent}  - {verb}: {body}")
    })
}

/// A mapping on one line.
#[derive(Default)]
struct Flow(Vec<String>);

impl Flow {
    fn new() -> Self {
        Self::default()
    }

    fn put(&mut self, key: &str, value: impl Display) -> &mut Self {
        self.0.push(format!("{key}: {value}"));
        self
    }

    fn some(&mut self, key: &str, value: Option<impl Display>) -> &mut Self {
        if let Some(value) = value {
            self.put(key, value);
        }
        self
    }

    fn with(mut self, key: &str, value: impl Display) -> Self {
        self.put(key, value);
        self
    }
}

impl Display for Flow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() { f.write_str("{}") } else { write!(f, "{{ {} }}", self.0.join(", ")) }
    }
}

/// A text, in quotes unless it can be taken for nothing else. `${` would be a parameter and is doubled.
fn text(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        && !matches!(text, "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n")
        && text.parse::<f64>().is_err();
    if plain {
        return text.to_owned();
    }
    // What JSON writes in quotes YAML reads the same way.
    serde_json::Value::from(text.replace("${", "$${")).to_string()
}

fn list<'a>(items: impl Iterator<Item = &'a str>) -> String {
    format!("[{}]", items.map(text).collect::<Vec<_>>().join(", "))
}

fn names(gates: &[GateName]) -> String {
    list(gates.iter().map(GateName::as_str))
}

fn duration(duration: Duration) -> String {
    format_duration(duration)
}

const fn on_failure(on_failure: OnFailure) -> &'static str {
    match on_failure {
        OnFailure::RollBack => "roll-back",
        OnFailure::Hold => "hold",
    }
}

fn sides(flow: Flow, sides: &Sides) -> Flow {
    match sides {
        Sides::Fixed { stable, candidate } => {
            flow.with("stable", text(stable.as_str())).with("candidate", text(candidate.as_str()))
        }
        Sides::Pair(pair) => flow.with("pair", list(pair.iter().map(Member::as_str))),
        Sides::Single(only) => flow.with("group", text(only.as_str())),
        Sides::Serving { candidate } => {
            flow.with("stable", "alias").with("candidate", text(candidate.as_str()))
        }
    }
}

/// The sides of an alias, which are numbers.
fn versions(flow: Flow, sides: &Sides) -> Flow {
    let [stable, candidate] = sides.members();
    match sides {
        Sides::Serving { .. } => flow.with("stable", "alias"),
        Sides::Fixed { .. } | Sides::Pair(_) | Sides::Single(_) => flow.with("stable", stable),
    }
    .with("candidate", candidate)
}

fn route(route: &Route) -> Flow {
    let (kind, flow) = match &route.kind {
        RouteKind::Alb(rules) => ("alb", places("rules", rules)),
        RouteKind::Nlb(listeners) => ("nlb", places("listeners", listeners)),
        RouteKind::Route53(RecordSet { zone, name, kind }) => {
            let records = Flow::new().with("zone", text(zone)).with("name", text(name));
            ("route53", records.with("type", kind))
        }
        RouteKind::Lambda(alias) => (
            "lambda",
            Flow::new().with("function", text(&alias.function)).with("alias", text(&alias.name)),
        ),
    };
    let mut flow = match &route.kind {
        RouteKind::Lambda(_) => versions(flow, &route.sides),
        RouteKind::Alb(_) | RouteKind::Nlb(_) | RouteKind::Route53(_) => sides(flow, &route.sides),
    };
    flow.some("baseline", route.baseline.as_ref().map(|group| text(group.as_str())));
    Flow::new().with(kind, flow.with("settle", duration(route.settle)))
}

fn places(key: &str, rules: &[ListenerRule]) -> Flow {
    match rules {
        [only] => place(only),
        several => {
            let places: Vec<String> = several.iter().map(|rule| place(rule).to_string()).collect();
            Flow::new().with(key, format!("[{}]", places.join(", ")))
        }
    }
}

fn place(rule: &ListenerRule) -> Flow {
    let mut flow = Flow::new();
    match rule {
        ListenerRule::Rule(arn) => flow.put("rule", text(arn)),
        ListenerRule::DefaultOf(arn) => flow.put("listener", text(arn)),
        ListenerRule::Named { load_balancer, port, priority } => flow
            .put("load-balancer", text(load_balancer))
            .put("port", port)
            .some("priority", priority.as_ref()),
    };
    flow
}

fn fleet(fleet: &Fleet) -> Flow {
    let mut flow = match fleet.kind {
        FleetKind::AutoScaling => {
            let mut groups = sides(Flow::new(), &fleet.sides);
            match fleet.leftovers {
                Leftovers::Refuse => {}
                Leftovers::Replace => {
                    groups.put("leftovers", "replace");
                }
            }
            Flow::new().with("autoscaling", groups)
        }
        FleetKind::CodeDeploy => {
            let [member, _] = fleet.sides.members();
            let (application, group) =
                member.as_str().split_once('/').unwrap_or((member.as_str(), ""));
            let names =
                Flow::new().with("application", text(application)).with("group", text(group));
            Flow::new().with("codedeploy", names)
        }
    };
    flow.some("behind", fleet.behind.as_ref().map(|route| text(route.as_str())));
    flow
}

fn gate(gate: &Gate) -> Flow {
    let (kind, body) = match &gate.kind {
        GateKind::Alarms(alarms) => {
            let missing = match alarms.missing {
                MissingAlarm::Fail => "fail",
                MissingAlarm::Unknown => "unknown",
            };
            let insufficient = match alarms.insufficient_data {
                InsufficientData::Wait => "wait",
                InsufficientData::Pass => "pass",
                InsufficientData::Fail => "fail",
            };
            let names = list(alarms.names.iter().map(String::as_str));
            let flow = Flow::new().with("names", names).with("missing", missing);
            let mut flow = flow.with("insufficient-data", insufficient);
            match alarms.already {
                AlreadyInAlarm::Refuse => {}
                AlreadyInAlarm::IgnoreUntilOk => {
                    flow.put("already-in-alarm", "ignore-until-ok");
                }
                AlreadyInAlarm::Ignore => {
                    flow.put("already-in-alarm", "ignore");
                }
            }
            let listen = alarms.listen.as_ref();
            flow.some("listen", listen.map(|queue| Flow::new().with("sqs", text(queue.as_str()))));
            ("alarms", flow)
        }
        GateKind::Healthy { route, side, at_least } => {
            ("healthy", healthy(route, *side, *at_least))
        }
        GateKind::Http(http) => {
            let mut headers = Flow::new();
            for (name, value) in &http.headers {
                headers.put(name, text(value));
            }
            let mut flow = Flow::new().with("url", text(&http.url));
            flow.some("headers", (!http.headers.is_empty()).then_some(headers));
            let flow = flow.with("status", http.status).with("consecutive", http.consecutive);
            let mut flow = flow.with("timeout", duration(http.timeout));
            // Not spelled out where it is as ever, so that the digests of older plans stay.
            flow.some("proxy", (http.proxy == Proxy::None).then_some("none"));
            ("http", flow)
        }
        GateKind::Metric(gate) => ("metric", metric(gate)),
        GateKind::Compare(gate) => ("compare", compare(gate)),
        GateKind::ErrorBudget(gate) => ("error-budget", error_budget(gate)),
        GateKind::Command(gate) => {
            let flow = Flow::new().with("run", list(gate.run.iter().map(String::as_str)));
            ("command", flow.with("timeout", duration(gate.timeout)))
        }
        GateKind::Lambda(gate) => ("lambda", lambda(gate)),
        GateKind::Window(gate) => ("window", window(gate)),
    };
    tolerance(Flow::new().with(kind, body).with("every", duration(gate.every)), gate.tolerance)
}

/// Not spelled out where nothing is tolerated, so that the digests of older plans stay.
fn tolerance(mut flow: Flow, tolerance: Tolerance) -> Flow {
    let Tolerance { consecutive, total, unknown } = tolerance;
    if total > 0 {
        flow.put("failures", Flow::new().with("consecutive", consecutive).with("total", total));
    }
    if let Some(Patience { lasts, then }) = unknown {
        flow.put("unknown-for", duration(lasts)).put("on-unknown", on_failure(then));
    }
    flow
}

fn metric(gate: &MetricGate) -> Flow {
    let mut flow = Flow::new().with("route", text(gate.route.as_str())).with("side", gate.side);
    match &gate.measure {
        Measure::One { name, statistic } => {
            let statistic = match statistic {
                Statistic::SampleCount => "sample-count".to_owned(),
                other => other.to_string().to_lowercase(),
            };
            flow.put("name", text(name)).put("statistic", statistic);
        }
        Measure::Ratio { of, to } => {
            flow.put("ratio", Flow::new().with("of", text(of)).with("to", text(to)));
        }
    }
    let bound = match gate.bound {
        Bound::Below => "below",
        Bound::Above => "above",
    };
    flow.with(bound, gate.limit)
        .with("periods", gate.periods)
        .with("period", duration(gate.period))
        .with("min-samples", gate.min_samples)
}

fn compare(gate: &CompareGate) -> Flow {
    let allowed =
        |flow: Flow, of: Comparison| flow.with("tolerance", of.tolerance).with("margin", of.margin);
    let errors = allowed(Flow::new(), gate.errors);
    let mut flow = Flow::new().with("route", text(gate.route.as_str()));
    match gate.baseline {
        Baseline::Stable => {}
        Baseline::Paired => {
            flow.put("baseline", "paired");
        }
    }
    match gate.latency {
        // A weight means nothing alone; left out, the digests of older plans stay.
        None => flow.put("errors", errors),
        Some(LatencyAbove { threshold, compared }) => {
            let latency = allowed(Flow::new().with("threshold", duration(threshold)), compared);
            flow.put("errors", errors.with("weight", gate.errors.weight))
                .put("latency-above", latency.with("weight", compared.weight))
        }
    };
    let mut flow = flow
        .with("alpha", gate.alpha)
        .with("settle", duration(gate.settle))
        .with("warmup", duration(gate.warmup))
        .with("min-canary-requests", gate.min_canary_requests)
        .with("deadline", duration(gate.deadline));
    flow.some("artifact", gate.artifact.as_deref().map(text));
    flow
}

fn error_budget(gate: &ErrorBudgetGate) -> Flow {
    let burns: Vec<String> = gate.burns.iter().map(ToString::to_string).collect();
    Flow::new()
        .with("route", text(gate.route.as_str()))
        .with("side", gate.side)
        .with("objective", gate.objective)
        .with("ratio", Flow::new().with("of", text(&gate.of)).with("to", text(&gate.to)))
        .with("burn", list(burns.iter().map(String::as_str)))
        .with("min-samples", gate.min_samples)
}

fn lambda(gate: &LambdaGate) -> Flow {
    let mut flow = Flow::new().with("function", text(&gate.function.name));
    flow.some("qualifier", gate.function.qualifier.as_deref().map(text));
    flow.some("payload", (!gate.payload.is_empty()).then(|| json(gate.payload.clone().into())));
    flow.with("timeout", duration(gate.timeout))
}

/// JSON on one line, which YAML reads the same way, without parameters.
fn json(value: Json) -> Json {
    match value {
        Json::String(text) => text.replace("${", "$${").into(),
        Json::Array(items) => items.into_iter().map(json).collect(),
        Json::Object(map) => map.into_iter().map(|(key, value)| (key, json(value))).collect(),
        Json::Null | Json::Bool(_) | Json::Number(_) => value,
    }
}

fn window(gate: &Window) -> Flow {
    let days: Vec<String> = gate.days.iter().map(ToString::to_string).collect();
    let mut flow = Flow::new().with("days", list(days.iter().map(String::as_str)));
    flow.put("hours", text(&gate.hours.to_string())).put("zone", text(&gate.zone.to_string()));
    if !gate.except.is_empty() {
        let except: Vec<String> = gate.except.iter().map(ToString::to_string).collect();
        flow.put("except", list(except.iter().map(String::as_str)));
    }
    flow
}

fn healthy(route: &RouteName, side: Side, at_least: Percent) -> Flow {
    Flow::new().with("route", text(route.as_str())).with("side", side).with("at-least", at_least)
}

fn body(step: &Step) -> String {
    let mut flow = Flow::new();
    match &step.verb {
        Verb::Scale { fleet, side, to } => {
            flow.put("fleet", text(fleet.as_str())).put("side", side);
            match to {
                Size::SameAs(side) => flow.put("to", Flow::new().with("same-as", side)),
                Size::Share { share, of } => {
                    flow.put("to", Flow::new().with("share", share).with("of", of))
                }
                Size::Bounds { min, max, desired } => {
                    let bounds = Flow::new().with("min", min).with("max", max);
                    flow.put("to", bounds.with("desired", desired))
                }
                Size::Instances(number) => flow.put("to", number),
            };
        }
        Verb::Wait { until: Until::Healthy { route, side, at_least } } => {
            flow.put("until", Flow::new().with("healthy", healthy(route, *side, *at_least)));
        }
        Verb::Probe { gate } => {
            flow.put("gate", text(gate.as_str()));
        }
        Verb::Shift { route, candidate, bake, gates, min_requests } => {
            flow.put("route", text(route.as_str())).put("candidate", candidate);
            flow.put("bake", duration(*bake)).put("gates", names(gates));
            flow.some("min-requests", min_requests.as_ref());
        }
        Verb::TestRoute { route, header } => {
            flow.put("route", text(route.as_str()));
            let header = header.as_ref().map(|header| {
                let name = Flow::new().with("name", text(&header.name));
                name.with("value", text(&header.value))
            });
            flow.some("header", header);
        }
        Verb::Replace(replace) => flow = replacement(replace),
        Verb::Approve { message, expires, on_expiry, approvers: Approvers { from, quorum } } => {
            flow.put("message", text(message));
            if !from.is_empty() {
                flow.put("from", list(from.iter().map(String::as_str)));
            }
            if *quorum > 1 {
                flow.put("quorum", quorum);
            }
            if let Some(expires) = expires {
                flow.put("expires", duration(*expires)).put("on-expiry", on_failure(*on_expiry));
            }
        }
        Verb::Pause { duration: Some(length) } => return duration(*length),
        Verb::Pause { duration: None } => {}
    }
    flow.some("timeout", step.timeout.map(duration));
    flow.to_string()
}

fn replacement(replace: &Replace) -> Flow {
    let mut flow = Flow::new().with("fleet", text(replace.fleet.as_str()));
    match &replace.how {
        How::Refresh(refresh) => {
            let standby = match refresh.standby {
                Standby::Wait => "wait",
                Standby::Ignore => "ignore",
                Standby::Terminate => "terminate",
            };
            let protected = match refresh.scale_in_protected {
                Protected::Wait => "wait",
                Protected::Ignore => "ignore",
                Protected::Refresh => "refresh",
            };
            flow.put("version", refresh.version)
                .put("min-healthy", refresh.min_healthy)
                .put("surge", refresh.surge)
                .some("warm-up", refresh.warm_up.map(duration))
                .put("standby", standby)
                .put("scale-in-protected", protected)
                .put("skip-matching", refresh.matching == Matching::Skip);
        }
        How::Deploy(deploy) => {
            flow.put("revision", revision(&deploy.revision))
                .some("config", deploy.config.as_deref().map(text));
        }
    }
    match replace.extent {
        Extent::UpTo(share) => flow.put("up-to", share),
        Extent::Ready => flow.put("up-to", "ready"),
        Extent::Whole => &mut flow,
    };
    flow.with("bake", duration(replace.bake)).with("gates", names(&replace.gates))
}

fn revision(revision: &Revision) -> Flow {
    match revision {
        Revision::S3 { bucket, key, version, bundle } => {
            let mut place = Flow::new().with("bucket", text(bucket)).with("key", text(key));
            place.some("version", version.as_deref().map(text));
            Flow::new().with("s3", place.with("type", bundle.name().to_lowercase()))
        }
        Revision::GitHub { repository, commit } => {
            let place = Flow::new().with("repository", text(repository));
            Flow::new().with("github", place.with("commit", text(commit)))
        }
        Revision::AppSpec(spec) => Flow::new().with("app-spec", text(spec)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::plan::sample::{BLUE_GREEN, CANARY, EVERYTHING, plan, read_with};

    #[test]
    fn an_expansion_reads_back_as_the_same_plan() {
        for text in [CANARY, BLUE_GREEN, EVERYTHING] {
            let written = plan(text);
            assert_eq!(plan(&expand_to_yaml(&written)), written);
        }
    }

    #[test]
    fn everything_is_spelled_out() {
        insta::assert_snapshot!(expand_to_yaml(&plan(EVERYTHING)));
    }

    const TEXTS: &str = "\
tidegate: 1
name: x
params: { message: {}, alarm: {}, bake: {}, share: {} }
routes: { r: { alb: { load-balancer: lb, port: 80, pair: [a, b] } } }
gates: { g: { alarms: { names: ['${alarm}'] } } }
steps:
  - approve: { message: 'x${message}' }
  - shift: { route: r, candidate: '${share}', bake: '${bake}', gates: [g] }
";

    proptest! {
        #[test]
        fn whatever_a_text_contains_it_reads_back(
            message in any::<String>(), alarm in "\\PC{1,40}", bake in 0u64..1_000_000, share in 0u16..=1000,
        ) {
            let bake = format!("{bake}s");
            let share = format!("{}.{}%", share / 10, share % 10);
            let params =
                [("message", message.as_str()), ("alarm", &alarm), ("bake", &bake), ("share", &share)];
            let written = read_with(TEXTS, &params).unwrap().plan;
            let Verb::Approve { message: read, .. } = &written.components[0].steps[0].verb else {
                panic!("not an approval");
            };
            prop_assert_eq!(read, &format!("x{message}"));
            prop_assert_eq!(plan(&expand_to_yaml(&written)), written);
        }
    }
}
