//! Routes: where traffic is split, and between what.

use std::collections::BTreeMap;

use super::{
    aliases, buses,
    forward_action::{ForwardAction, Naming, refuse_strays, several},
    lost::declared,
    mappings, stages,
    targets::{SideNames, same_targets},
};
use crate::plan::{
    defaults::SETTLE,
    form::{List, Named, Slot},
    names::{Member, RouteName},
    place::Place,
    problem::Problem,
    route::{Family, RecordSet, Sides},
    route_form::{
        AlbChoice, AlbForm, ListenerChoice, ListenerForm, NlbChoice, NlbForm, Route53Form,
        RouteChoice, RouteForm, RuleChoice, RuleForm,
    },
    route_kind::{Route, RouteKind},
    span::{Span, Spanned},
};

/// The routes that could be read, each with the place of its name.
pub(super) fn routes(
    forms: &Slot<Named<RouteForm>>,
    problems: &mut Vec<Problem>,
) -> BTreeMap<RouteName, (Route, Span)> {
    declared("route", forms, |name| RouteName::new(name), problems, route)
}

/// Routes that would set the same weights.
pub(super) fn twins(routes: &BTreeMap<RouteName, (Route, Span)>, problems: &mut Vec<Problem>) {
    same_targets("split the same traffic", routes, Route::overlaps, problems);
}

fn route(form: &RouteForm, problems: &mut Vec<Problem>) -> Option<Route> {
    match form.chosen()? {
        RouteChoice::Alb(form) => alb(form, problems),
        RouteChoice::Nlb(form) => nlb(form, problems),
        RouteChoice::Route53(form) => route53(form, problems),
        RouteChoice::Lambda(form) => aliases::lambda(form, problems),
        RouteChoice::ApiGateway(form) => stages::api_gateway(form, problems),
        RouteChoice::EventBus(form) => buses::event_bus(form, problems),
        RouteChoice::EventSource(form) => mappings::event_source(form, problems),
    }
}

fn route53(form: &Spanned<Route53Form>, problems: &mut Vec<Problem>) -> Option<Route> {
    let Spanned { value: form, span } = form;
    let names = SideNames {
        what: "set identifier",
        stable: &form.stable,
        candidate: &form.candidate,
        pair: &form.pair,
        allowed: is_set_identifier,
        help: "write the set identifier of a weighted record, 1 to 128 characters",
    };
    let sides = names.check(*span, problems);
    let zone = form.zone.given().and_then(|zone| match zone_id(&zone.value) {
        Some(id) => Some(id.to_owned()),
        None => domain(zone, problems),
    });
    let name = form.name.given().and_then(|name| domain(name, problems));
    if let (Some(zone), Some(name)) = (&zone, &name)
        && zone_id(zone).is_none()
        && name != zone
        && !name.ends_with(&format!(".{zone}"))
    {
        problems.push(
            Problem::error("plan::zone", format!("`{name}` does not lie in `{zone}`"))
                .at(form.name.span_or(*span), "not in this zone")
                .at(form.zone.span_or(*span), "the zone")
                .help("write the whole name, such as `www.example.com`"),
        );
    }
    let kind = form.kind.value();
    let settle = form.settle.value_or(SETTLE);
    let records = RecordSet { zone: zone?, name: name?, kind: kind? };
    Some(Route {
        kind: RouteKind::Route53(records),
        sides: sides?,
        baseline: None,
        keep: None,
        settle,
        place: Place::default(),
    })
}

fn is_set_identifier(name: &str) -> bool {
    (1..=128).contains(&name.chars().count()) && !name.contains(char::is_control)
}

/// The id in `Z…`, or in `/hostedzone/Z…` as AWS prints it. Not every one begins with a `Z`; none has a dot.
/// <https://docs.aws.amazon.com/Route53/latest/APIReference/API_HostedZone.html>
fn zone_id(text: &str) -> Option<&str> {
    let bare = text.strip_prefix('/').unwrap_or(text);
    let id = bare.strip_prefix("hostedzone/").unwrap_or(text);
    let fits = (1..=32).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric());
    fits.then_some(id)
}

/// A domain name in lower case, without the dot at its end.
fn domain(given: &Spanned<String>, problems: &mut Vec<Problem>) -> Option<String> {
    let name = given.value.strip_suffix('.').unwrap_or(&given.value).to_ascii_lowercase();
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-_*".contains(&b);
    let fits = name.len() <= 253
        && name.contains('.')
        && name
            .split('.')
            .all(|label| (1..=63).contains(&label.len()) && label.bytes().all(allowed));
    if !fits {
        problems.push(
            Problem::error("plan::domain", format!("`{}` is not a domain name", given.value))
                .at(given.span, "not a domain name")
                .help("write it out in full, such as `www.example.com`"),
        );
    }
    fits.then_some(name)
}

fn alb(form: &Spanned<AlbForm>, problems: &mut Vec<Problem>) -> Option<Route> {
    let Spanned { value: form, span } = form;
    let sides = target_groups(*span, (&form.stable, &form.candidate), &form.pair, problems);
    let of = |named| ForwardAction {
        family: Family::Application,
        named,
        port: &form.port,
        priority: &form.priority,
        at: *span,
    };
    let rules = form.chosen().and_then(|chosen| match chosen {
        AlbChoice::LoadBalancer(name) => of(Naming::LoadBalancer(name)).alone(problems),
        AlbChoice::Rule(arn) => of(Naming::Rule(arn)).alone(problems),
        AlbChoice::Listener(arn) => of(Naming::Listener(arn)).alone(problems),
        AlbChoice::Rules(rules) => {
            refuse_strays(&form.port, &form.priority, problems);
            several(rules, rule, problems)
        }
    });
    let settle = form.settle.value_or(SETTLE);
    // One that is wrong has been told of, and must not look as if there were none.
    let baseline = match form.baseline.given() {
        Some(name) => Some(baseline(name, sides.as_ref(), problems)?),
        None => None,
    };
    Some(Route {
        kind: RouteKind::Alb(rules?),
        sides: sides?,
        baseline,
        settle,
        keep: None,
        place: Place::default(),
    })
}

fn nlb(form: &Spanned<NlbForm>, problems: &mut Vec<Problem>) -> Option<Route> {
    let Spanned { value: form, span } = form;
    let sides = target_groups(*span, (&form.stable, &form.candidate), &form.pair, problems);
    let of = |named| ForwardAction {
        family: Family::Network,
        named,
        port: &form.port,
        priority: &Slot::Absent,
        at: *span,
    };
    let listeners = form.chosen().and_then(|chosen| match chosen {
        NlbChoice::LoadBalancer(name) => of(Naming::LoadBalancer(name)).alone(problems),
        NlbChoice::Listener(arn) => of(Naming::Listener(arn)).alone(problems),
        NlbChoice::Listeners(listeners) => {
            refuse_strays(&form.port, &Slot::Absent, problems);
            several(listeners, listener, problems)
        }
    });
    let settle = form.settle.value_or(SETTLE);
    Some(Route {
        kind: RouteKind::Nlb(listeners?),
        sides: sides?,
        baseline: None,
        keep: None,
        settle,
        place: Place::default(),
    })
}

/// One of several rules of a route.
fn rule(form: &Spanned<RuleForm>) -> Option<ForwardAction<'_>> {
    let Spanned { value: form, span } = form;
    let named = match form.chosen()? {
        RuleChoice::LoadBalancer(name) => Naming::LoadBalancer(name),
        RuleChoice::Rule(arn) => Naming::Rule(arn),
        RuleChoice::Listener(arn) => Naming::Listener(arn),
    };
    let (port, priority) = (&form.port, &form.priority);
    Some(ForwardAction { family: Family::Application, named, port, priority, at: *span })
}

/// One of several listeners of a route.
fn listener(form: &Spanned<ListenerForm>) -> Option<ForwardAction<'_>> {
    let Spanned { value: form, span } = form;
    let named = match form.chosen()? {
        ListenerChoice::LoadBalancer(name) => Naming::LoadBalancer(name),
        ListenerChoice::Listener(arn) => Naming::Listener(arn),
    };
    let (port, priority) = (&form.port, &Slot::Absent);
    Some(ForwardAction { family: Family::Network, named, port, priority, at: *span })
}

fn target_groups(
    at: Span,
    (stable, candidate): (&Slot<String>, &Slot<String>),
    pair: &Slot<List<String>>,
    problems: &mut Vec<Problem>,
) -> Option<Sides> {
    let names = SideNames {
        what: "target group",
        stable,
        candidate,
        pair,
        allowed: is_target_group,
        help: "write its name (letters, digits and hyphens, at most 32) or its ARN",
    };
    names.check(at, problems).map(by_name)
}

/// The group that accompanies the candidate is neither side's.
fn baseline(
    name: &Spanned<String>,
    sides: Option<&Sides>,
    problems: &mut Vec<Problem>,
) -> Option<Member> {
    if !is_target_group(&name.value) {
        let message = format!("`{}` is not a possible target group", name.value);
        problems.push(
            Problem::error("plan::member", message)
                .at(name.span, "not possible")
                .help("write its name (letters, digits and hyphens, at most 32) or its ARN"),
        );
        return None;
    }
    let baseline = name_of(&Member::new(name.value.as_str()));
    if sides.is_some_and(|sides| sides.members().contains(&&baseline)) {
        let message = format!("the baseline is `{baseline}`, which is a side of the route");
        problems.push(
            Problem::error("plan::same-sides", message)
                .at(name.span, "a side already")
                .help("name a third target group, with fresh instances of what serves today"),
        );
        return None;
    }
    Some(baseline)
}

fn is_target_group(name: &str) -> bool {
    let simple = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    (name.starts_with("arn:") && name.contains(":targetgroup/"))
        || ((1..=32).contains(&name.len()) && name.bytes().all(simple))
}

/// Target groups are compared by name, which is unique in an account and region, however the plan names them.
fn name_of(member: &Member) -> Member {
    let tail = member.as_str().split_once(":targetgroup/").map(|(_, tail)| tail);
    tail.and_then(|tail| tail.split('/').next()).map_or(member.clone(), Member::new)
}

fn by_name(sides: Sides) -> Sides {
    match sides {
        Sides::Fixed { stable, candidate } => {
            Sides::Fixed { stable: name_of(&stable), candidate: name_of(&candidate) }
        }
        Sides::Pair([first, second]) => Sides::Pair([name_of(&first), name_of(&second)]),
        Sides::Single(only) => Sides::Single(name_of(&only)),
        versions @ (Sides::Serving { .. } | Sides::Made { .. }) => versions,
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::sample::{HEAD, codes, drawn, read_with};

    const STEPS: &str =
        "steps: [{ shift: { route: tcp, candidate: 10%, bake: 10m, gates: [errors] } }]\n";

    /// The codes of a plan whose route `tcp` is this.
    fn with_route(route: &str) -> Vec<&'static str> {
        let head = HEAD.replace("routes:\n", &format!("routes:\n  tcp: {route}\n"));
        let told = codes(&format!("{head}{STEPS}"));
        told.into_iter().filter(|code| !code.starts_with("lint::")).collect()
    }

    #[test]
    fn a_network_load_balancer_is_named_by_listener_only() {
        let arn = |kind| format!("arn:aws:elasticloadbalancing:eu-west-1:111122223333:{kind}/1/2");
        let route = |place: &str| with_route(&format!("{{ nlb: {{ {place}, pair: [a, b] }} }}"));
        assert_eq!(route("load-balancer: lb, port: 443"), [""; 0]);
        assert_eq!(route(&format!("listener: '{}'", arn("listener/net/lb"))), [""; 0]);
        assert_eq!(route(&format!("listener: '{}'", arn("listener/app/lb"))), ["plan::arn"]);
        assert_eq!(route("load-balancer: lb, port: 443, priority: 7"), ["plan::unknown-field"]);
    }

    #[test]
    fn a_baseline_is_a_third_group_of_an_application_load_balancer() {
        let route = |kind: &str, rest: &str| {
            with_route(&format!("{{ {kind}: {{ load-balancer: x, port: 7, {rest} }} }}"))
        };
        assert_eq!(route("alb", "pair: [a, b], baseline: c"), [""; 0]);
        assert_eq!(route("alb", "stable: a, candidate: b, baseline: c"), [""; 0]);
        assert_eq!(route("alb", "pair: [a, b], baseline: b"), ["plan::same-sides"]);
        let arn = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:targetgroup/b/1";
        assert_eq!(route("alb", &format!("pair: [a, b], baseline: '{arn}'")), ["plan::same-sides"]);
        assert_eq!(route("alb", "pair: [a, b], baseline: c/d"), ["plan::member"]);
        assert_eq!(route("nlb", "pair: [a, b], baseline: c"), ["plan::unknown-field"]);
    }

    #[test]
    fn who_compares_with_a_baseline_needs_one() {
        let gates = "  worse: { compare: { route: web, baseline: paired } }\n";
        let steps = STEPS.replace("tcp", "web").replace("errors", "worse");
        let problems = read_with(&format!("{HEAD}{gates}{steps}"), &[]).unwrap_err();
        insta::assert_snapshot!(drawn(&problems));
    }

    #[test]
    fn several_rules_stand_in_one_list() {
        let route = |rules: &str| with_route(&format!("{{ alb: {{ {rules}, pair: [a, b] }} }}"));
        let (http, https) = ("{ load-balancer: x, port: 80 }", "{ load-balancer: x, port: 443 }");
        assert_eq!(route(&format!("rules: [{http}, {https}]")), [""; 0]);
        assert_eq!(route(&format!("rules: [{http}, {https}, {http}]")), ["plan::repeated"]);
        assert_eq!(route("rules: []"), ["plan::blank"]);
        assert_eq!(route(&format!("rules: [{http}], port: 80")), ["plan::stray-field"]);
        assert_eq!(
            route(&format!("load-balancer: x, port: 80, rules: [{https}]")),
            ["plan::ambiguous"]
        );
        let shared = "{ load-balancer: lb, port: 443 }";
        assert_eq!(route(&format!("rules: [{http}, {shared}]")), ["plan::same-target"]);
    }

    #[test]
    fn what_nobody_counts_is_not_measured() {
        let head = HEAD.replace("web: { alb:", "web: { nlb:");
        let gates =
            "  worse: { compare: { route: web, errors: { tolerance: 0.1%, margin: 0.5% } } }\n";
        let steps = STEPS.replace("tcp", "web").replace("errors", "worse");
        let problems = read_with(&format!("{head}{gates}{steps}"), &[]).unwrap_err();
        let told = drawn(&problems);
        assert!(told.contains("gate `worse` cannot measure the sides of `web`"), "{told}");
        assert!(told.contains("split by a Network Load Balancer"), "{told}");
    }
}
